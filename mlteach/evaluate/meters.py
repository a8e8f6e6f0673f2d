"""Meters of representations: how much of its space one uses, and how alike two are.

Alignment and uniformity are in mlteach.losses.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.similarity import directions


def feature_std(z: Tensor) -> float:
    r"""Standard deviation of the normalised rows in each dimension, averaged over the dimensions.

    .. math:: \frac{1}{D} \sum_d \operatorname{std}_i \left( z_{id} / \lVert z_i \rVert \right)

    The standard deviation divides by N, so that one row has 0; with N - 1 in its place, as in
    lightly's, it is larger by sqrt(N / (N - 1)).

    Args:
        z: (N, D) projections or representations, entries from 1e-30 to 1e30 (normalised here).

    Returns:
        0 when all rows point the same way: collapse; about 1 / sqrt(D) for directions spread evenly
            over the sphere.

    Raises:
        TypeError, ValueError: z is not a finite floating-point (N, D).

    Source: Chen and He 2021, arXiv:2011.10566, Section 4.1.
    """
    z = _validate.features("z", z).detach().cpu().double()
    return directions(z).std(0, correction=0).mean().item()


def spectrum(z: Tensor) -> Tensor:
    """The singular values of z as shares of their sum: how evenly it uses its directions.

    Args:
        z: (N, D), as it is; subtract the mean first if its direction is not to count.

    Returns:
        (min(N, D),) in float64 on the CPU, from the largest to the smallest, adding up to 1; all 0
        where z is 0.

    Raises:
        TypeError, ValueError: z is not a finite floating-point (N, D).
    """
    z = _validate.features("z", z).detach()
    values = torch.linalg.svdvals(z.cpu().double())
    return values / values.sum() if values.sum() > 0 else values


def effective_rank(z: Tensor) -> float:
    r"""Effective rank: how many directions a representation uses, counted by their strength.

    .. math:: \exp\Big(-\sum_j p_j \log p_j\Big), \qquad p_j = \frac{\sigma_j}{\sum_k \sigma_k}

    with the singular values of z. Several small directions can count as one.

    Args:
        z: (N, D), as it is; subtract the mean first if its direction is not to count.

    Returns:
        D for D orthogonal columns of one length, such as the identity; 1 where all rows are
        multiples of one; 0 for z = 0.

    Raises:
        TypeError, ValueError: z is not a finite floating-point (N, D).

    Source: Roy and Vetterli 2007, "The effective rank: a measure of effective dimensionality",
        EUSIPCO, Definition 1.
    """
    share = spectrum(z)
    if not share.any():
        return 0.0
    return torch.special.entr(share).sum().exp().item()


def linear_cka(x: Tensor, y: Tensor) -> float:
    r"""Linear CKA (centred kernel alignment): how alike two representations are.

    .. math:: \frac{\lVert Y^\top X \rVert_F^2}{\lVert X^\top X \rVert_F\, \lVert Y^\top Y \rVert_F}

    with the mean row subtracted from X and from Y (done here). Neither a rotation nor a common
    factor of the features counts.

    Args:
        x: (N, D) representation, row i is example i.
        y: (N, E) another one of the same examples in the same order; E may differ from D.

    Returns:
        Between 0 and 1: 1 where y is x rotated, flipped, scaled and shifted; 0 where no feature of
        x varies with one of y. Few examples of many features make it large by chance: (N, D) noise
        with D far beyond N comes near 1.

    Raises:
        TypeError, ValueError: x or y is not a finite floating-point (N, D), their N differs, or all
            rows of one are the same, so that there is nothing to compare.

    Source: Kornblith et al. 2019, arXiv:1905.00414, Section 3 (linear kernel).
    """
    x, y = _validate.features("x", x), _validate.features("y", y)
    for name, z in (("x", x), ("y", y)):
        if (z == z[0]).all():
            raise ValueError(f"{name} must hold rows that differ, got {len(z)} times the same row")
    if len(x) != len(y):
        raise ValueError(f"x and y must be of the same examples, got {len(x)} and {len(y)} rows")
    of_both = [z.detach().cpu().double() for z in (x, y)]
    centred = [z - z.mean(0) for z in of_both]
    centred = [z / z.abs().max() for z in centred]  # no fourth power overflows now
    k, m = (z @ z.T for z in centred)  # (N, N): ||Y'X||² is the sum of k * m, whatever D and E are
    return ((k * m).sum() / (k.norm() * m.norm())).item()
