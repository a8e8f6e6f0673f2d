"""Symptoms of a result that fit no known mistake, and still tell where to look."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from mlteach.checks._core import Case

    Tried = Sequence[tuple[Case, Tensor, Tensor]]  # a case, the learner's value, the right one
    Pairs = Sequence[tuple[Tensor, Tensor]]  # a learner's value and the right one


def close(value: Tensor, right: Tensor) -> bool:
    """Whether two results are equal, up to what different roundings make of them."""
    if value.shape != right.shape:
        return False
    return torch.allclose(value.detach().double(), right.detach().double(), rtol=2e-4, atol=2e-5)


# what a wrong result is of the right one → what to say
OF_THE_RIGHT_ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "every value has the wrong sign": torch.neg,
    "every sign is lost: the absolute values are right": torch.abs,
    "every value is the square of the right one": torch.square,
    "every value is the root of the right one": torch.sqrt,
    "every value is exp of the right one: a logarithm is missing": torch.exp,
    "every value is the logarithm of the right one": torch.log,
    "every value is 1 minus the right one": lambda right: 1 - right,
    "every value is 1 divided by the right one": torch.reciprocal,
    "rows and columns are swapped: the result is the transpose of the right one": (
        lambda right: right.mT if right.ndim == 2 else right
    ),
    "the order is reversed: the last entry comes first": (
        lambda right: right.flip(0) if right.ndim else right
    ),
}
# what makes the right result of a wrong one → what to say
OF_THE_WRONG_ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "the mean is missing: one number is expected, the mean of yours": torch.mean,
    "the sum is missing: one number is expected, the sum of yours": torch.sum,
}


def symptom(tried: Tried) -> str:
    """What is wrong with a result in every case in the same way, or ""."""
    pairs = [(value.double(), right.double()) for _, value, right in tried]
    if found := _exact(pairs):
        return found
    if all(value.shape == right.shape for value, right in pairs):
        if found := _about_the_step(tried):
            return found
        return next((what for what, fits in TELLING.items() if fits(pairs)), "")
    return ""


def _rounded(pairs: Pairs) -> str:
    """How many decimals are left, if the results are rounded ones."""
    for decimals in (0, 1, 2, 3):
        if all(
            value.shape == right.shape
            and torch.allclose(value, right.round(decimals=decimals), rtol=0, atol=1e-6)
            for value, right in pairs
        ):
            return f"your numbers are rounded to {decimals} decimals: hand over all of them"
    return ""


def _about_the_step(tried: Tried) -> str:
    """What is said of a step from the first argument that has the right direction."""
    starts = [case.arguments[0] if case.arguments else None for case, _, _ in tried]
    pairs = [
        (value.double() - start.double(), right.double() - start.double())
        for start, (_, value, right) in zip(starts, tried, strict=True)
        if isinstance(start, Tensor) and start.shape == right.shape and right.ndim
    ]
    if len(pairs) < len(tried):
        return ""
    if close(
        torch.cat([a.flatten() for a, _ in pairs]), -torch.cat([b.flatten() for _, b in pairs])
    ):
        return "you step in the opposite direction"
    if factor := _factor(pairs):
        return (
            f"your step has the right direction, and is {factor:.4g} times as long as the right one"
        )
    if _up_to_a_factor(pairs):
        return "your step has the right direction, and a wrong length: by what is it to be divided?"
    return ""


def _exact(pairs: Pairs) -> str:
    """What a wrong result is of the right one, number by number."""
    for what, change in OF_THE_RIGHT_ONE.items():
        if all(close(value, change(right)) for value, right in pairs):
            return what
    if all(right.ndim == 0 and value.ndim > 0 for value, right in pairs):
        for what, change in OF_THE_WRONG_ONE.items():
            if all(close(change(value), right) for value, right in pairs):
                return what
    if all(close(value.flatten(), right.flatten()) for value, right in pairs):
        value, right = next((v, r) for v, r in pairs if v.shape != r.shape)
        shapes = f"it is {tuple(value.shape)}, expected {tuple(right.shape)}"
        return f"the numbers are right, but not their shape: {shapes}"
    if rounded := _rounded(pairs):
        return rounded
    return _about_the_factor(_factor(pairs)) or _about_the_offset(pairs)


def _only_the_diagonal(pairs: Pairs) -> bool:
    if not all(_square(right) for _, right in pairs):
        return False
    off = [~torch.eye(len(right), dtype=torch.bool) for _, right in pairs]
    return all(close(v[rest], r[rest]) for rest, (v, r) in zip(off, pairs, strict=True))


def _sums_to_one(pairs: Pairs, *dims: int) -> bool:
    """Whether the right results do, over these dimensions, and some of the learner's do not."""
    if any(right.ndim < 2 for _, right in pairs):
        return False
    sums = [(value.sum(dims), right.sum(dims)) for value, right in pairs]
    ones = [close(right, torch.ones_like(right)) for _, right in sums]
    return all(ones) and not all(close(value, right) for value, right in sums)


def _not_symmetric(pairs: Pairs) -> bool:
    return all(_square(right) and close(right, right.mT) for _, right in pairs) and not all(
        close(value, value.mT) for value, _ in pairs
    )


def _square(right: Tensor) -> bool:
    return right.ndim == 2 and len(right) == len(right.mT) > 1


def _always_the_same(pairs: Pairs) -> bool:
    values = torch.cat([value.flatten() for value, _ in pairs])
    return len(pairs) > 1 and len(values) > 0 and close(values, values[:1].expand_as(values))


def _another_order(pairs: Pairs) -> bool:
    return all(
        close(value.flatten().sort().values, right.flatten().sort().values)
        for value, right in pairs
    )


def _up_to_a_factor(pairs: Pairs) -> bool:
    """Whether the numbers of every case have a factor in common, another one in each."""
    many = [pair for pair in pairs if pair[1].numel() > 1 and pair[1].any()]
    return len(many) > 1 and all(_factor([pair, pair]) for pair in many)


def _rows_up_to_a_factor(pairs: Pairs) -> bool:
    if any(right.ndim != 2 or right.shape[1] < 2 for _, right in pairs):
        return False
    return all(_factor([row, row]) for pair in pairs for row in zip(*pair, strict=True))


def _negative(pairs: Pairs) -> bool:
    return all((right >= 0).all() for _, right in pairs) and any(
        (value < 0).any() for value, _ in pairs
    )


# what a learner's results have in common, the most telling first
TELLING: dict[str, Callable[[Pairs], bool]] = {
    "your result is one and the same number in every case": _always_the_same,
    "only the diagonal is wrong: what belongs where a row meets itself?": _only_the_diagonal,
    "your result has the right numbers in another order": _another_order,
    "your numbers are right up to a factor, which changes from case to case: "
    "by what is the result to be divided?": _up_to_a_factor,
    "each of your rows is right up to a factor of its own: "
    "by what is a row to be divided?": _rows_up_to_a_factor,
    "every row of the right result sums to 1, and yours do not": lambda p: _sums_to_one(p, 1),
    "the whole of the right result sums to 1, and yours does not": lambda p: _sums_to_one(p, 0, 1),
    "the right result is symmetric, and yours is not": _not_symmetric,
    "the right result is never negative, and yours is": _negative,
}


def _factor(pairs: Pairs) -> float:
    """The one factor between all values and the right ones, 0 if there is none."""
    if len(pairs) < 2 or any(value.shape != right.shape for value, right in pairs):
        return 0.0
    value, right = (torch.cat([pair[k].flatten() for pair in pairs]) for k in (0, 1))
    if not len(right) or not right.any():
        return 0.0
    largest = right.abs().argmax()
    factor = (value[largest] / right[largest]).item()
    return factor if close(value, factor * right) else 0.0


def _about_the_factor(factor: float) -> str:
    if not factor:
        return ""
    share = Fraction(factor).limit_denominator(12)
    simple = math.isclose(share, factor, rel_tol=1e-3) and 1 in map(abs, share.as_integer_ratio())
    if not simple:
        return f"every value is {factor:.4g} times the right one"
    kinds = ("a mean", "a sum") if abs(factor) < 1 else ("a sum", "a mean")
    hint = "is {} taken where {} is asked for, or a factor forgotten?".format(*kinds)
    return f"every value is {share} times the right one: {hint}"


def _about_the_offset(pairs: Pairs) -> str:
    """What is said if all values differ from the right ones by the same number."""
    if len(pairs) < 2 or any(value.shape != right.shape for value, right in pairs):
        return ""
    differences = torch.cat([(value - right).flatten() for value, right in pairs])
    if not len(differences) or not close(differences, differences[:1].expand_as(differences)):
        return ""
    offset = differences[0].item()
    return f"every value is {abs(offset):.4g} too {'large' if offset > 0 else 'small'}"


def ignored_hyperparameter(tried: Tried) -> str:
    """The hyperparameter that the right result depends on and the learner's does not, or ""."""
    for name in tried[0][0].keywords:
        apart = [
            (mine, other)
            for i, mine in enumerate(tried)
            for other in tried[:i]
            if _differ_only_in(name, mine[0], other[0]) and not close(mine[2], other[2])
        ]
        if apart and all(close(mine[1], other[1]) for mine, other in apart):
            return f"your result does not change with `{name}`"
    return ""


def _differ_only_in(name: str, one: Case, other: Case) -> bool:
    rest = [{k: v for k, v in case.keywords.items() if k != name} for case in (one, other)]
    pairs = zip(one.arguments, other.arguments, strict=True)
    return rest[0] == rest[1] and all(_same(a, b) for a, b in pairs)


def _same(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    return one is other or (isinstance(one, int | float) and one == other)
