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
    """What a wrong result is of the right one in every case, or ""."""
    values = [value.double() for _, value, _ in tried]
    right = [value.double() for _, _, value in tried]
    pairs = list(zip(values, right, strict=True))
    for what, change in OF_THE_RIGHT_ONE.items():
        if all(close(value, change(expected)) for value, expected in pairs):
            return what
    if all(expected.ndim == 0 and value.ndim > 0 for value, expected in pairs):
        for what, change in OF_THE_WRONG_ONE.items():
            if all(close(change(value), expected) for value, expected in pairs):
                return what
    if all(close(value.flatten(), expected.flatten()) for value, expected in pairs):
        shape, wanted = next(
            (tuple(value.shape), tuple(expected.shape))
            for value, expected in pairs
            if value.shape != expected.shape
        )
        return f"the numbers are right, but not their shape: it is {shape}, expected {wanted}"
    return _about_the_factor(_factor(pairs))


def _factor(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
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
    share = Fraction(factor).limit_denominator(MOST_PARTS)
    times = f"{share} times" if math.isclose(share, factor, rel_tol=1e-3) else f"{factor:.4g} times"
    if abs(factor) < 1:
        return f"every value is {times} the right one: is a mean taken where a sum is asked for?"
    return f"every value is {times} the right one: is a sum taken where a mean is asked for?"


MOST_PARTS = 64  # a share of more parts is shown as a decimal


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
