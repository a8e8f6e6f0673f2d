"""How alike two vectors are: the four usual measures, for every row against every row."""

from __future__ import annotations

import torch
from torch import Tensor

from mlteach import _validate

MEASURES = ("cosine", "correlation", "dot product", "euclidean")


def distances(x: Tensor, y: Tensor) -> Tensor:
    """(..., N, M) Euclidean distances of the rows of (..., N, D) and (..., M, D), and no rounding.

    |x|² + |y|² - 2 x·y cancels where the rows lie far from 0 or close together: so the differences
    themselves are squared, in float64. That is done on the CPU, as not every device has float64;
    the result is in the type and on the device of x.
    """
    x64, y64 = x.cpu().double(), y.cpu().double()
    return torch.cdist(x64, y64, compute_mode="donot_use_mm_for_euclid_dist").to(x)


def directions(x: Tensor) -> Tensor:
    """(..., D) vectors at length 1, any scale; a vector of zeros stays as it is."""
    largest = x.detach().abs().amax(-1, keepdim=True)
    x = x / torch.where(largest > 0, largest, 1)  # no square can become 0 or infinite now
    return x / x.norm(dim=-1, keepdim=True).clamp_min(1)


def similarities(x: Tensor, y: Tensor, *, measure: str = "cosine") -> Tensor:
    r"""How alike each row of x is to each row of y; larger is more alike, whatever the measure.

    .. math:: x \cdot y, \qquad
              \cos(x, y) = \frac{x \cdot y}{\lVert x \rVert \lVert y \rVert}, \qquad
              \operatorname{corr}(x, y) = \cos(x - \bar x,\, y - \bar y), \qquad
              -\lVert x - y \rVert

    where a bar is the mean over the D entries of one vector.

    Args:
        x: (N, D) vectors, entries from 1e-30 to 1e30; a tensor, an array or a list.
        y: (M, D) vectors.
        measure: one of MEASURES; "euclidean" is minus the distance, so that it grows with
            likeness too.

    Returns:
        (N, M), float64 if x or y is, else float32; of a vector with itself 1 for "cosine" and
        "correlation", its squared length for "dot product", and 0 for "euclidean". A vector
        without direction (all 0; for "correlation" all entries equal) gets 0 with all others.

    Raises:
        TypeError: x or y does not hold real numbers.
        ValueError: the shapes are not (N, D) and (M, D), a number is not finite, a dot product is
            beyond the type's range, or the measure is unknown.
    """
    x, y = _validate.features("x", x), _validate.features("y", y)
    _validate.shaped("y", y, "M", x.shape[1])
    measure = _validate.choice("measure", measure, MEASURES)
    dtype, device = torch.promote_types(x.dtype, y.dtype), x.device
    x, y = x.cpu().double(), y.cpu().double()  # some devices have no float64
    if measure == "euclidean":
        alike = -distances(x, y)
    else:
        if measure == "correlation":
            x, y = _centred(x), _centred(y)
        if measure != "dot product":
            x, y = directions(x), directions(y)
        alike = x @ y.T
    alike = alike.to(dtype)
    if not alike.isfinite().all():
        raise ValueError(f"x and y must have a {measure} within the range of {dtype}, got infinity")
    return alike.to(device)


def _centred(x: Tensor) -> Tensor:
    """Each row less its mean; 0 exactly where all its entries are equal, whatever the rounding."""
    return (x - x.mean(1, keepdim=True)).masked_fill((x == x[:, :1]).all(1, keepdim=True), 0)


def nearest(matrix: Tensor, k: int = 1) -> Tensor:
    """The k most similar others of each row, itself left out, the most similar first.

    Args:
        matrix: (N, N) similarities of N things with each other, larger is more alike; not changed.
        k: how many, 1 to N - 1.

    Returns:
        (N, k) indices; row i never holds i, even where another thing is exactly as similar.

    Raises:
        TypeError, ValueError: matrix is not (N >= 2, N) finite numbers, or k is out of range.
    """
    matrix = _square(matrix)
    size = len(matrix)
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
        TypeError, ValueError: the shapes are not (N >= 1, k >= 1) and (N,), they hold no integers,
            or an index is not 0 to N - 1.
    """
    groups = _groups("groups", groups)
    neighbours = _validate.as_tensor("neighbours", neighbours)
    _validate.shaped("neighbours", neighbours, len(groups), "k", at_least=1)
    indices = _validate.labels("neighbours", neighbours.flatten(), n_classes=len(groups))
    found = groups[indices].view(neighbours.shape)
    return (found == groups[:, None]).cpu().double().mean().item()


def factor_groups(values: Tensor) -> Tensor:
    """The groups of one factor: integers as they are, floats cut into quarters of equal count.

    Args:
        values: (N,) integers, such as classes, or floats, such as sizes.

    Returns:
        (N,) integers; for floats 0 for the lowest quarter to 3 for the highest.

    Raises:
        TypeError, ValueError: values is not (N >= 1,) real finite numbers.
    """
    values = _validate.as_tensor("values", values)
    _validate.shaped("values", values, "N", at_least=1)
    if not values.is_floating_point():
        return _groups("values", values)
    _validate.features("values", values[:, None])
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
        TypeError, ValueError: the shapes are not (N >= 2, N) and (N,), a similarity is not finite,
            groups holds no integers, or all are of one group, or each of its own.
    """
    matrix, groups = _square(matrix).cpu().double(), _groups("groups", groups).cpu()
    if matrix.shape != (len(groups), len(groups)):
        given = f"{tuple(matrix.shape)} and {tuple(groups.shape)}"
        raise ValueError(f"matrix and groups must be (N, N) and (N,), got {given}")
    others = ~torch.eye(len(groups), dtype=torch.bool, device="cpu")
    same = groups[:, None] == groups
    if same.all() or not (same & others).any():
        raise ValueError(
            "groups must hold two groups at least, and one of two members, "
            f"got {len(groups.unique())} groups of {len(groups)}"
        )
    spread = matrix[others].std()
    gap = matrix[same & others].mean() - matrix[~same].mean()
    return (gap / spread.clamp_min(1e-12)).item()


def _square(matrix: Tensor) -> Tensor:
    """(N >= 2, N), finite."""
    matrix = _validate.features("matrix", matrix, at_least=2)
    return _validate.shaped("matrix", matrix, "N", len(matrix))


def _groups(name: str, values: Tensor) -> Tensor:
    """(N >= 1,) integers of any type and sign, or truth values, as int64."""
    values = _validate.as_tensor(name, values)
    if values.dtype not in (*_validate.INTEGERS, torch.bool):
        raise TypeError(f"{name} must be a tensor of integers, got {_validate.kind(values)}")
    return _validate.shaped(name, values, "N", at_least=1).long()
