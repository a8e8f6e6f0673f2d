"""Is a map of an embedding to be trusted? Neighbours that it keeps, and how far its points move."""

from __future__ import annotations

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.evaluate.features import scale_of
from mlteach.similarity import distances

MOST_POINTS = 4_000  # scikit-learn's trustworthiness keeps all pairs
ROWS_AT_ONCE = 1000  # bounds the memory: 1,000 rows of N distances


def nearest_others(x: Tensor, k: int) -> Tensor:
    """The k nearest other points of each of (N, D) points: (N, k) indices, the nearest first."""
    x = _validate.features("x", x, at_least=2)
    k = _validate.count("k", k, at_most=len(x) - 1)
    wide = x.detach().cpu().double()  # not every device has float64
    wide = wide / scale_of(wide)
    everyone = torch.arange(len(x), device="cpu")
    found = []
    for rows in everyone.split(ROWS_AT_ONCE):
        gaps = distances(wide[rows], wide)
        gaps[everyone[: len(rows)], rows] = torch.inf
        found.append(gaps.topk(k, dim=1, largest=False).indices)
    return torch.cat(found).to(x.device)


def trustworthiness(x: Tensor, layout: Tensor, *, k: int) -> float:
    """Are the neighbours on a map neighbours in the embedding? As scikit-learn measures it.

    Args:
        x: (N, D) the embedding.
        layout: (N, 2) its map.
        k: neighbours that count, fewer than N / 2.

    Returns:
        1 if no stranger became a neighbour on the map, about 0.5 by chance.

    Raises:
        TypeError, ValueError: x or layout is not (N, D) finite numbers, their N differs, k is out
            of range, or N > 4,000, of which all pairs would not fit: measure a subset.

    Source: Venna and Kaski 2001, "Neighborhood preservation in nonlinear projection methods".
    """
    from sklearn.manifold import trustworthiness as measure  # takes a second to import

    x = _validate.features("x", x, at_least=3)
    layout = _validate.features("layout", layout)
    _validate.length("layout", layout, len(x))
    k = _validate.count("k", k, at_most=(len(x) - 1) // 2)
    if len(x) > MOST_POINTS:
        raise ValueError(
            f"x must have at most {MOST_POINTS:,} rows, got {len(x):,}: "
            "measure a random subset of the rows, of x and of layout alike"
        )
    both = (points.detach().cpu().double() for points in (x, layout))
    given, map_ = ((points / scale_of(points)).numpy() for points in both)
    return float(measure(given, map_, n_neighbors=k))


def layout_moves(layouts: Tensor) -> Tensor:
    """How far the points of a map move from one stage to the next, on average.

    Args:
        layouts: (E, N, 2) maps of the same points at E stages; a shift of all points is no move.

    Returns:
        (E,) float64 on the CPU: mean distances as a share of the stage's spread, its root mean
        square distance from the middle; the first is 0, and infinite is a move into one point.

    Raises:
        TypeError, ValueError: layouts is not (E >= 1, N >= 1, 2) finite numbers.
    """
    layouts = _validate.as_tensor("layouts", layouts)
    _validate.shaped("layouts", layouts, "E", "N", 2, at_least=1)
    _validate.finite("layouts", layouts)
    wide = layouts.detach().cpu().double()  # not every device has float64
    wide = wide / scale_of(wide)
    centred = wide - wide.mean(1, keepdim=True)
    gaps = (centred[1:] - centred[:-1]).norm(dim=2).mean(1)
    spread = centred.square().sum(2).mean(1).sqrt()  # (E,)
    moves = torch.where(gaps > 0, gaps / spread[1:], 0)  # nothing moved: 0, also within one point
    return torch.cat([spread.new_zeros(1), moves])
