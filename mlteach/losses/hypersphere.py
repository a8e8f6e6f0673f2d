"""What a contrastive loss strives for on the unit hypersphere, as two numbers; lower is better."""

from __future__ import annotations

import math

from torch import Tensor

from mlteach import _validate
from mlteach.losses._shared import distances, logits_to_others, matching_rows, unit


def alignment(x: Tensor, y: Tensor, *, power: float = 2) -> Tensor:
    r"""Alignment: how far apart the two views of an image lie on the unit sphere.

    .. math:: \ell = \operatorname{mean}_i \lVert \bar x_i - \bar y_i \rVert^\alpha

    Args:
        x: (B, D) representations of view 1, any scale (normalised here).
        y: (B, D) representations of view 2, in the same image order.
        power: >= 1, the paper's alpha; below 1 the gradient would be infinite where two views
            coincide.

    Returns:
        () mean over the B pairs; 0 when views coincide, 2 ** power when they are opposite.

    Raises:
        TypeError: x or y is not a floating-point tensor, or power is not a number.
        ValueError: the shapes differ or are not (B, D), or power < 1.

    Source: Wang and Isola 2020, arXiv:2005.10242, Section 4.1.
    """
    power = _validate.number("power", power, at_least=1)
    x, y = matching_rows(x=x, y=y)
    return distances(unit(x), unit(y)).pow(power).mean()


def uniformity(x: Tensor, *, t: float = 2) -> Tensor:
    r"""Uniformity: how unevenly the points cover the unit sphere.

    .. math:: \ell = \log \operatorname{mean}_{i \ne j}
              \exp\left(-t \lVert \bar x_i - \bar x_j \rVert^2\right)

    Args:
        x: (N, D) representations, any scale (normalised here). Takes memory for N x N similarities.
        t: > 0, sharpness: larger looks at closer neighbours only.

    Returns:
        () at most 0, which it is when all points coincide; -4 * t for two opposite points.

    Raises:
        TypeError: x is not a floating-point tensor, or t is not a number.
        ValueError: x is not (N >= 2, D), or t <= 0.

    Source: Wang and Isola 2020, arXiv:2005.10242, Section 4.1.
    """
    t = _validate.number("t", t, above=0)
    (x,) = matching_rows(x=x, at_least=2)
    x = unit(x)
    # -t * squared distance = 2 * t * cosine - 2 * t: NT-Xent's logits at temperature 1 / (2 * t),
    # shifted
    logits = logits_to_others(x, 1 / (2 * t))  # (N, N)
    return logits.logsumexp((0, 1)) - 2 * t - math.log(len(x) * (len(x) - 1))
