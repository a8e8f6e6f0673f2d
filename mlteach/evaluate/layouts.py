"""Is a map of an embedding to be trusted? Neighbours that it keeps, and how far its points move."""

from __future__ import annotations

import torch
from torch import Tensor


def nearest_others(x: Tensor, k: int) -> Tensor:
    """The k nearest other points of each of (N, D) points: (N, k) indices, the nearest first."""
    gaps = torch.cdist(x.double(), x.double()).fill_diagonal_(torch.inf)
    return gaps.topk(k, dim=1, largest=False).indices


def trustworthiness(x: Tensor, layout: Tensor, *, k: int) -> float:
    """Are the neighbours on a map neighbours in the embedding? As scikit-learn measures it.

    Args:
        x: (N, D) the embedding.
        layout: (N, 2) its map.
        k: neighbours that count, fewer than N / 2.

    Returns:
        1 if no stranger became a neighbour on the map, about 0.5 by chance.

    Source: Venna and Kaski 2001, "Neighborhood preservation in nonlinear projection methods".
    """
    from sklearn.manifold import trustworthiness as measure  # takes a second to import

    return float(measure(x.numpy(), layout.numpy(), n_neighbors=k))


def layout_moves(layouts: Tensor) -> Tensor:
    """How far the points of a map move from one stage to the next, on average.

    Args:
        layouts: (E, N, 2) maps of the same points at E stages; a shift of all points is no move.

    Returns:
        (E,) mean distances as a share of the stage's spread, its root mean square distance from
        the middle; the first is 0.
    """
    centred = layouts.double() - layouts.double().mean(1, keepdim=True)
    gaps = (centred[1:] - centred[:-1]).norm(dim=2).mean(1)
    spread = centred.square().sum(2).mean(1).sqrt()  # (E,)
    return torch.cat([spread.new_zeros(1), gaps / spread[1:]])
