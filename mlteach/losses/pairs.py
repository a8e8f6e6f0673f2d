"""Margin losses on distances: pairs of one class attract, others repel up to a margin."""

from __future__ import annotations

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.losses._shared import distances, matching_rows


def contrastive_loss(x1: Tensor, x2: Tensor, same: Tensor, *, margin: float = 1.0) -> Tensor:
    r"""Contrastive loss: pairs of one class attract at any distance, others repel up to the margin.

    .. math:: \ell_i = \begin{cases} \tfrac12 d_i^2 & \text{same} \\
              \tfrac12 \max(0, m - d_i)^2 & \text{different} \end{cases},
              \quad d_i = \lVert x_{1,i} - x_{2,i} \rVert

    At distance 0 the direction in which to repel is undefined, and the gradient is 0.

    Args:
        x1: (B, D) first of each pair; not normalised.
        x2: (B, D) second of each pair.
        same: (B,) True or 1 where a pair belongs together, False or 0 where not; the paper's label
            Y is the opposite.
        margin: >= 0, the distance from which different pairs are left alone.

    Returns:
        () mean over the B pairs; 0 for identical vectors marked same, margin² / 2 for identical
        ones marked different.

    Raises:
        TypeError: x1 or x2 is not a floating-point tensor, same is not a tensor, or margin is not a
            number.
        ValueError: the shapes differ, are not (B, D) and (B,), same holds other values than 0 and
            1, or margin < 0.

    Source: Hadsell, Chopra and LeCun 2006, Eq. (4), as a mean instead of a sum over pairs.
    """
    margin = _validate.number("margin", margin, at_least=0)
    x1, x2 = matching_rows(x1=x1, x2=x2)
    same = _validate.mask("same", same, size=len(x1))
    distance = distances(x1, x2)  # (B,)
    violation = torch.where(same, distance, (margin - distance).relu())  # (B,)
    return (violation.square() / 2).mean()


def triplet_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float = 0.2
) -> Tensor:
    r"""Triplet loss: each anchor must be closer to its positive than to its negative, by a margin.

    .. math:: \ell_i = \max(0, \lVert a_i - p_i \rVert^2 - \lVert a_i - n_i \rVert^2 + m)

    Args:
        anchor: (B, D); not normalised (the paper puts all three on the unit sphere first).
        positive: (B, D), of the anchor's class.
        negative: (B, D), of another class.
        margin: >= 0, in squared distance.

    Returns:
        () mean over the B triplets; the margin when all vectors coincide.

    Raises:
        TypeError: an argument is not a floating-point tensor, or margin is not a number.
        ValueError: the shapes differ or are not (B, D), or margin < 0.

    Source: Schroff et al. 2015, arXiv:1503.03832, Section 3.1, as a mean instead of a sum over
        triplets.
    """
    margin = _validate.number("margin", margin, at_least=0)
    anchor, positive, negative = matching_rows(anchor=anchor, positive=positive, negative=negative)
    to_positive = (anchor - positive).square().sum(1)  # (B,)
    to_negative = (anchor - negative).square().sum(1)  # (B,)
    return (to_positive - to_negative + margin).relu().mean()
