"""How alike two vectors are: the four usual measures, for every row against every row."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MEASURES = ("cosine", "correlation", "dot product", "Euclid")


def similarities(x: Tensor, y: Tensor, *, measure: str = "cosine") -> Tensor:
    r"""How alike each row of x is to each row of y; larger is more alike, whatever the measure.

    .. math:: x \cdot y, \qquad \cos(x, y) = \frac{x \cdot y}{\lVert x \rVert \lVert y \rVert}, \qquad
              \operatorname{corr}(x, y) = \cos(x - \bar x,\, y - \bar y), \qquad -\lVert x - y \rVert

    where a bar is the mean over the D entries of one vector.

    Args:
        x: (N, D) vectors, any scale.
        y: (M, D) vectors of the same dtype.
        measure: one of MEASURES; "Euclid" is minus the Euclidean distance, so that it grows with
            likeness too.

    Returns:
        (N, M); of a vector with itself 1 for "cosine" and "correlation", its squared length for
        "dot product", and 0 for "Euclid". A vector without direction (all 0; for "correlation" all
        entries equal) gets 0 with all others.

    Raises:
        TypeError: x or y is not a floating-point tensor, or their dtypes differ.
        ValueError: the shapes are not (N, D) and (M, D), or the measure is unknown.
    """
    _check(x, y, measure)
    if measure == "Euclid":
        # cdist subtracts large numbers that are nearly equal: in float32 a row would lie visibly
        # apart from itself
        return -torch.cdist(x.double(), y.double()).to(x.dtype)
    if measure == "correlation":
        x, y = x - x.mean(dim=1, keepdim=True), y - y.mean(dim=1, keepdim=True)
    if measure != "dot product":
        x, y = F.normalize(x, dim=1), F.normalize(y, dim=1)
    return x @ y.T


def _check(x: Tensor, y: Tensor, measure: str) -> None:
    for name, value in (("x", x), ("y", y)):
        if not isinstance(value, Tensor) or not value.is_floating_point():
            kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(f"{name} must be a floating-point tensor, got {kind}")
    if x.dtype != y.dtype:
        raise TypeError(f"x and y must have one dtype, got {x.dtype} and {y.dtype}")
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"x and y must be (N, D) and (M, D), got {tuple(x.shape)} and {tuple(y.shape)}"
        )
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {', '.join(MEASURES)}, got {measure!r}")


def nearest(matrix: Tensor, k: int = 1) -> Tensor:
    """The k most similar others of each row, itself left out, the most similar first.

    Args:
        matrix: (N, N) similarities of N things with each other, larger is more alike; not changed.
        k: how many, 1 to N - 1.

    Returns:
        (N, k) indices; row i never holds i, even where another thing is exactly as similar.

    Raises:
        ValueError: matrix is not (N, N), or k is out of range.
    """
    size = len(matrix)
    if matrix.shape != (size, size):
        raise ValueError(f"matrix must be (N, N), got {tuple(matrix.shape)}")
    if not 1 <= k < size:
        raise ValueError(f"k must lie between 1 and N - 1 = {size - 1}, got {k}")
    others = matrix.masked_fill(torch.eye(size, dtype=torch.bool, device=matrix.device), -torch.inf)
    return others.argsort(dim=1, descending=True, stable=True)[:, :k]


def retrieval_precision(neighbours: Tensor, groups: Tensor) -> float:
    r"""Share of the retrieved neighbours that belong to the group of their query.

    .. math:: \frac{1}{Nk} \sum_i \sum_{j \in \mathrm{neighbours}(i)} [g_j = g_i]

    Args:
        neighbours: (N, k) indices, as `nearest` returns them; with k = 1 the result is the 1-NN
            agreement.
        groups: (N,) integers, such as classes or the `factor_groups` of a factor.

    Returns:
        1 if every neighbour agrees with its query; about the share of a group among all where they
        know nothing of it.

    Raises:
        ValueError: the shapes are not (N, k) and (N,).
    """
    if neighbours.ndim != 2 or groups.shape != neighbours.shape[:1]:
        given = f"{tuple(neighbours.shape)} and {tuple(groups.shape)}"
        raise ValueError(f"neighbours and groups must be (N, k) and (N,), got {given}")
    return (groups[neighbours] == groups[:, None]).double().mean().item()


def factor_groups(values: Tensor) -> Tensor:
    """The groups of one factor: integers are groups already; a continuous factor is cut into
    quarters of equal count.

    Args:
        values: (N,) integers, such as classes, or floats, such as sizes.

    Returns:
        (N,) integers; for floats 0 for the lowest quarter to 3 for the highest.

    Raises:
        ValueError: values is not (N,).
    """
    if values.ndim != 1:
        raise ValueError(f"values must be (N,), got {tuple(values.shape)}")
    if not values.is_floating_point():
        return values
    rank = values.argsort(stable=True).argsort()
    return rank * 4 // len(values)


def group_gap(matrix: Tensor, groups: Tensor) -> float:
    """How much more alike the members of one group are than those of different groups.

    Args:
        matrix: (N, N) similarities; the diagonal does not count.
        groups: (N,) integers, such as classes or the `factor_groups` of a factor.

    Returns:
        Mean similarity within groups minus that between groups, in standard deviations of all
        similarities; about 0 where they know nothing of the groups.

    Raises:
        ValueError: the shapes are not (N, N) and (N,).
    """
    if groups.ndim != 1 or matrix.shape != (len(groups), len(groups)):
        given = f"{tuple(matrix.shape)} and {tuple(groups.shape)}"
        raise ValueError(f"matrix and groups must be (N, N) and (N,), got {given}")
    others = ~torch.eye(len(groups), dtype=torch.bool)
    same = groups[:, None] == groups
    spread = matrix[others].double().std()
    gap = matrix[same & others].double().mean() - matrix[~same].double().mean()
    return (gap / spread.clamp_min(1e-12)).item()
