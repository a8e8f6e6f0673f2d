"""How alike two vectors are: the four usual measures, for every row against every row."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach import _validate

MEASURES = ("cosine", "correlation", "dot product", "euclidean")


def similarities(x: Tensor, y: Tensor, *, measure: str = "cosine") -> Tensor:
    r"""How alike each row of x is to each row of y; larger is more alike, whatever the measure.

    .. math:: x \cdot y, \qquad
              \cos(x, y) = \frac{x \cdot y}{\lVert x \rVert \lVert y \rVert}, \qquad
              \operatorname{corr}(x, y) = \cos(x - \bar x,\, y - \bar y), \qquad
              -\lVert x - y \rVert

    where a bar is the mean over the D entries of one vector.

    Args:
        x: (N, D) vectors, any scale.
        y: (M, D) vectors of the same dtype.
        measure: one of MEASURES; "euclidean" is minus the distance, so that it grows with
            likeness too.

    Returns:
        (N, M); of a vector with itself 1 for "cosine" and "correlation", its squared length for
        "dot product", and 0 for "euclidean". A vector without direction (all 0; for "correlation"
        all entries equal) gets 0 with all others.

    Raises:
        TypeError: x or y is not a floating-point tensor, or their dtypes differ.
        ValueError: the shapes are not (N, D) and (M, D), or the measure is unknown.
    """
    _validate.one_dtype(x=x, y=y)
    _validate.shaped("x", x, "N", "D")
    _validate.shaped("y", y, "M", x.shape[1])
    measure = _validate.choice("measure", measure, MEASURES)
    if measure == "euclidean":
        # cdist subtracts large numbers that are nearly equal: in float32 a row would lie visibly
        # apart from itself
        return -torch.cdist(x.double(), y.double()).to(x.dtype)
    if measure == "correlation":
        x, y = x - x.mean(dim=1, keepdim=True), y - y.mean(dim=1, keepdim=True)
    if measure != "dot product":
        x, y = F.normalize(x, dim=1), F.normalize(y, dim=1)
    return x @ y.T


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
    size = len(_validate.shaped("matrix", matrix, "N", "N"))
    k = _validate.count("k", k, at_most=size - 1)
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
    _validate.shaped("neighbours", neighbours, "N", "k")
    _validate.shaped("groups", groups, len(neighbours))
    return (groups[neighbours] == groups[:, None]).double().mean().item()


def factor_groups(values: Tensor) -> Tensor:
    """The groups of one factor: integers as they are, floats cut into quarters of equal count.

    Args:
        values: (N,) integers, such as classes, or floats, such as sizes.

    Returns:
        (N,) integers; for floats 0 for the lowest quarter to 3 for the highest.

    Raises:
        ValueError: values is not (N,).
    """
    _validate.shaped("values", values, "N")
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
