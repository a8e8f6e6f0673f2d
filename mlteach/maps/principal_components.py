"""Principal components: the flat shadow of a cloud."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.maps._points import checked_points


class PCA(NamedTuple):
    """Where the points fall, along which directions, and how much variance each one holds."""

    points: Tensor  # (N, K)
    directions: Tensor  # (K, D), orthonormal rows
    shares: Tensor  # (K,) of the total variance, the largest first


def pca(x: Tensor, components: int = 2) -> PCA:
    r"""The flat shadow of a cloud that keeps as much of its variance as a shadow can.

    .. math:: X - \bar x = U S V^\top, \qquad \text{points} = U_K S_K = (X - \bar x) V_K, \qquad
              \text{share}_k = S_k^2 / \textstyle\sum_j S_j^2

    Args:
        x: (N, ...) one point a row, flattened to (N, D); a tensor, an array or a list.
        components: K, from 1 to min(N, D).

    Returns:
        Points (N, K), directions (K, D), shares (K,). The sign of a direction is free: here its
        entry of largest size is positive. A cloud on a line has shares 1, 0, ...; of equal rows
        all points and shares are 0.

    Raises:
        TypeError: x does not hold real numbers, or components is no whole number.
        ValueError: fewer than 2 rows, a number that is not finite, or components out of range.

    Source: Pearson 1901; by the singular value decomposition, with scikit-learn's choice of signs.
    """
    given = checked_points("x", x)
    components = _validate.count("components", components)
    if components > min(given.shape):
        raise ValueError(
            f"components must lie between 1 and min(N, D) = {min(given.shape)}, got {components}"
        )
    x = given.cpu().double()  # some devices have no float64
    centred = torch.zeros_like(x) if (x == x[0]).all() else x - x.mean(0)
    _, singular, directions = torch.linalg.svd(centred, full_matrices=False)
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))  # (min(N, D), 1)
    directions = (directions * largest.sign())[:components]
    shares = (singular / singular[0].clamp_min(1e-300)).square()  # no square overflows
    shares = shares / shares.sum().clamp_min(1e-300)
    parts = (centred @ directions.T, directions, shares[:components])
    return PCA(*(part.to(given) for part in parts))
