"""Which argument is used in a wrong way: the right function, tried on changed arguments.

Whoever multiplies by the temperature computes the right loss at 1 / temperature; whoever mixes up
two arguments computes it with both exchanged. A result that is exactly what the right function
gives for such a change, in every case, tells where to look, whatever was written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from mlteach.checks._case import Case, Slot, is_floating, is_number
from mlteach.checks._symptoms import Names, Tried, close

Compute = Callable[[Case], Tensor | None]  # the right result for a case, None where it has none
Change = Callable[[Case], Case]


GIVES = "your result is what the right formula gives with "


def variant(tried: Tried, names: Names, definition: Compute) -> str:
    """With which change of the arguments the right function gives the learner's results, or "".

    Something may be wrong with the result besides; what needs that comes last.
    """
    if _wrong_numbers(tried) < 2:  # one number proves nothing
        return ""
    (first, value, _), *others = _wrong_first(tried)
    undone = {"": value}
    if value.dtype != torch.bool:
        undone |= {besides: undo(value) for besides, undo in BESIDES.items()}
    few = not tried[0][2].is_floating_point()
    fitting = {}
    for words, change in _changes(first, names, few=few):
        result = definition(_changed(first, change))
        for besides, values in undone.items():
            if fits(result, values):
                fitting.setdefault(besides, []).append((words, change))
    for besides in undone:
        for words, change in fitting.get(besides, ()):
            undo = BESIDES.get(besides, torch.clone)
            if all(fits(definition(_changed(c, change)), undo(v)) for c, v, _ in others):
                return f"{GIVES}{words}; {besides}" if besides else GIVES + words
    return ""


def _wrong_numbers(tried: Tried) -> int:
    """How many numbers of the learner differ from the right ones; those of a wrong shape do."""
    return sum(
        int((~torch.isclose(value.double(), right.double(), rtol=2e-4, atol=2e-5)).sum())
        if value.shape == right.shape
        else 2
        for _, value, right in tried
    )


def quick_variant(tried: Tried, names: Names, definition: Compute) -> str:
    """As `variant`, of the commonest changes only, with nothing besides; for many definitions."""
    (first, value, _), *others = _wrong_first(tried)
    for words, change in _changes(first, names, quick=True):
        if fits(definition(_changed(first, change)), value) and all(
            fits(definition(_changed(case, change)), value) for case, value, _ in others
        ):
            return words
    return ""


# what is made of the values of single rows where their mean is asked for
OF_ROWS: dict[str, Callable[[Tensor], Tensor]] = {
    "the sum of": torch.sum,
    "the smallest of": torch.min,
    "the largest of": torch.max,
    "the median of": torch.median,
    "the product of": torch.prod,
    "the first of": lambda rows: rows[0],
    "the last of": lambda rows: rows[-1],
    "the mean of those that are not 0 among": lambda rows: rows[rows != 0].mean(),
    "the mean of all but the first of": lambda rows: rows[1:].mean(),
    "the mean of all but the last of": lambda rows: rows[:-1].mean(),
    "the root of the mean square of": lambda rows: rows.square().mean().sqrt(),
    "the logarithm of the mean of exp of minus": lambda rows: (-rows).exp().mean().log(),
    "minus the logarithm of the mean of exp of minus": lambda rows: -(-rows).exp().mean().log(),
    "the square of the mean of": lambda rows: rows.mean().square(),
    "the standard deviation of": torch.std,
}


def reduction(tried: Tried, definition: Compute) -> str:
    """What is taken of the right values of the rows where their mean is asked for, or ""."""
    if any(value.numel() != 1 or right.numel() != 1 for _, value, right in tried):
        return ""
    per_row = [_of_single_rows(case, definition) for case, _, _ in tried]
    if any(
        rows is None or not close(rows.mean(), right.double().reshape(()))
        for rows, (_, _, right) in zip(per_row, tried, strict=True)
    ):
        return ""
    for words, reduce in OF_ROWS.items():
        pairs = zip(per_row, tried, strict=True)
        if all(close(value.double().reshape(()), reduce(rows)) for rows, (_, value, _) in pairs):
            return f"your result is {words} the right values of the single rows: take their mean"
    return ""


def _of_single_rows(case: Case, definition: Compute) -> Tensor | None:
    """The right result of each row alone; None where there are no rows or a row has no result."""
    parts = case.parts()
    first = next((v for v in parts.values() if isinstance(v, Tensor) and v.ndim), torch.zeros(0))
    slots = [
        slot
        for slot, value in parts.items()
        if isinstance(value, Tensor) and value.ndim and len(value) == len(first)
    ]
    rows = [
        definition(case.but({slot: parts[slot][i : i + 1] for slot in slots}))
        for i in range(len(first))
    ]
    if not rows or any(row is None or row.numel() != 1 for row in rows):
        return None
    return torch.stack([row.double().reshape(()) for row in rows])


def _wrong_first(tried: Tried) -> list[tuple[Case, Tensor, Tensor]]:
    """Wrong cases tell the soonest that a change does not fit."""
    return sorted(tried, key=lambda one: close(one[1], one[2]))


# what is wrong with the result besides → what undoes it
BESIDES: dict[str, Callable[[Tensor], Tensor]] = {
    "besides, it has the wrong sign": torch.neg,
    "besides, it is half as large": lambda value: 2 * value,
    "besides, it is twice as large": lambda value: value / 2,
    "besides, it is transposed": lambda value: value.mT if value.ndim == 2 else value,
}


def fits(result: Tensor | None, value: Tensor) -> bool:
    """Whether there is a result, and it is this value."""
    return result is not None and close(value, result)


def _changed(case: Case, change: Change) -> Case | None:
    """The changed case, None where nothing changes or where this cannot be computed."""
    try:
        return change(case)
    except (ValueError, TypeError, IndexError, RuntimeError, ArithmeticError):
        return None


# --- changes -------------------------------------------------------------------------------------

# what a number is replaced by, in words → the number
OF_A_NUMBER: dict[str, Callable[[float], float]] = {
    "1 / {0} instead of {0}": lambda n: 1 / n,
    "the square of {0} instead of {0}": lambda n: n * n,
    "the root of {0} instead of {0}": math.sqrt,
    "-{0} instead of {0}": lambda n: -n,
    "2 · {0} instead of {0}": lambda n: 2 * n,
    "half of {0} instead of {0}": lambda n: n / 2,
    "1 - {0} instead of {0}": lambda n: 1 - n,
    "{0} + 1 instead of {0}": lambda n: n + 1,
    "{0} - 1 instead of {0}": lambda n: n - 1,
    "1 in the place of {0}": lambda n: 1.0,
    "0 in the place of {0}": lambda n: 0.0,
    "0.5 in the place of {0}": lambda n: 0.5,
    "exp({0}) instead of {0}": math.exp,
    "log({0}) instead of {0}": math.log,
    "{0} · π / 180 instead of {0}": math.radians,
}
OF_EVERY_NUMBER: dict[str, Callable[[Tensor], Tensor]] = {
    "minus {0} instead of {0}": torch.neg,
    "the absolute values of {0}": torch.abs,
    "the squares of {0}": torch.square,
    "the roots of {0}": torch.sqrt,
    "2 · {0} instead of {0}": lambda x: 2 * x,
    "half of {0} instead of {0}": lambda x: x / 2,
    "1 / {0} instead of {0}": torch.reciprocal,
    "1 - {0} instead of {0}": lambda x: 1 - x,
    "exp({0}) instead of {0}": torch.exp,
    "log({0}) instead of {0}": torch.log,
    "{0} where what is below 0 becomes 0": torch.relu,
    "{0} rounded": torch.round,
    "only the signs of {0}": torch.sign,
    "1 in the place of {0}": torch.ones_like,
    "0 in the place of {0}": torch.zeros_like,
}
BY_CHANCE = set(list(OF_EVERY_NUMBER)[4:])  # all but signs, squares and roots
OF_ENTRIES: dict[str, Callable[[Tensor], Tensor]] = {
    "{0} in reversed order": lambda x: x.flip(0),
    "{0} shifted by one, the last entry first": lambda x: x.roll(1, 0),
    "{0} shifted by one, the first entry last": lambda x: x.roll(-1, 0),
    "the first entry of {0} in the place of all": lambda x: x[:1].expand_as(x).clone(),
    "the last entry of {0} in the place of all": lambda x: x[-1:].expand_as(x).clone(),
    "{0} without its first entry": lambda x: x[1:],
    "{0} without its last entry": lambda x: x[:-1],
}
OF_REAL_ENTRIES: dict[str, Callable[[Tensor], Tensor]] = {
    "the mean of {0} in the place of every entry": lambda x: x.mean(0, True).expand_as(x).clone(),
    "the largest of {0} in the place of every entry": (
        lambda x: x.amax(0, True).expand_as(x).clone()
    ),
}
OF_A_VECTOR: dict[str, Callable[[Tensor], Tensor]] = {
    "{0} divided by its length": lambda x: x / x.norm(),
    "{0} divided by its sum": lambda x: x / x.sum(),
    "{0} divided by its largest entry": lambda x: x / x.max(),
    "{0} less its mean": lambda x: x - x.mean(),
    "{0} less its largest entry": lambda x: x - x.max(),
    "the softmax of {0}": lambda x: x.softmax(0),
    "{0} sorted": lambda x: x.sort().values,
}
OF_A_TABLE: dict[str, Callable[[Tensor], Tensor]] = {
    "the rows of {0} divided by their lengths": lambda x: x / x.norm(dim=1, keepdim=True),
    "the columns of {0} divided by their lengths": lambda x: x / x.norm(dim=0, keepdim=True),
    "{0} divided by the length of all its numbers": lambda x: x / x.norm(),
    "the rows of {0} divided by their squared lengths": (
        lambda x: x / x.square().sum(1, keepdim=True)
    ),
    "the rows of {0} divided by their sums": lambda x: x / x.sum(1, keepdim=True),
    "the columns of {0} divided by their sums": lambda x: x / x.sum(0, keepdim=True),
    "the rows of {0} less their means": lambda x: x - x.mean(1, keepdim=True),
    "the columns of {0} less their means": lambda x: x - x.mean(0, keepdim=True),
    "{0} less the mean of all its numbers": lambda x: x - x.mean(),
    "{0} transposed": lambda x: x.mT.clone(),
    "the softmax of the rows of {0}": lambda x: x.softmax(1),
    "the columns of {0} in reversed order": lambda x: x.flip(1),
    "only the first column of {0}": lambda x: x[:, :1],
    "the diagonal of {0} set to 0": lambda x: x - x.diag().diag(),
    "the diagonal of {0} set to 1": lambda x: x - (x - 1).diag().diag(),
}
OF_IMAGES: dict[str, Callable[[Tensor], Tensor]] = {
    "the channels of {0} in reversed order": lambda x: x.flip(1),
    "the mean over the channels of {0}": lambda x: x.mean(1, True).expand_as(x).clone(),
    "height and width of {0} swapped": lambda x: x.mT.clone(),
    "{0} flipped": lambda x: x.flip(3),
}
OF_WHOLE_NUMBERS: dict[str, Callable[[Tensor], Tensor]] = {
    "{0} + 1 instead of {0}": lambda x: x + 1,
    "{0} - 1 instead of {0}": lambda x: x - 1,
    "{0} where what is below 0 becomes 0": lambda x: x.clamp(min=0),
    "0 in the place of {0}": torch.zeros_like,
    "{0} sorted": lambda x: x.sort(-1).values,
}
# what people do to all tensors alike
OF_ALL = (
    "the rows of {0} divided by their lengths",
    "the columns of {0} divided by their lengths",
    "{0} divided by the length of all its numbers",
    "the rows of {0} divided by their squared lengths",
    "the rows of {0} less their means",
    "the columns of {0} less their means",
    "{0} less the mean of all its numbers",
    "the softmax of the rows of {0}",
    "only the first column of {0}",
    "{0} transposed",
)


def _changes(
    case: Case, names: Names, *, quick: bool = False, few: bool = False
) -> Iterator[tuple[str, Change]]:
    """All changes of cases such as this one, in words, the likeliest first.

    Quick are those of numbers, of order and of lengths. Few are what does not fit by chance where
    the results are whole numbers or True and False.
    """
    parts = case.parts()
    for slot, value in parts.items():
        if quick and not is_number(value):
            continue
        for words, change in _changes_of(value).items():
            if few and words in BY_CHANCE:
                continue
            yield words.format(names[slot]), _each([slot], change)
    tables = [slot for slot, value in parts.items() if is_floating(value) and value.ndim == 2]
    for pair in _pairs(parts):
        one, other = (names[slot] for slot in pair)
        yield f"{one} and {other} swapped", _swap(*pair)
        yield f"{one} in the place of {other}", _replace(*pair)
        yield f"{other} in the place of {one}", _replace(*pair[::-1])
    if len(tables) > 1:
        *most, last = (names[slot] for slot in tables)
        listed = f"{', '.join(most)} and {last}"
        for words in OF_ALL:
            yield words.format(listed), _each(tables, OF_A_TABLE[words])
        for words, change in OF_EVERY_NUMBER.items() if not quick else ():
            yield words.format(listed), _each(tables, change)


def _changes_of(value: Any) -> dict[str, Callable[[Any], Any]]:
    if is_number(value):
        return OF_A_NUMBER
    if not isinstance(value, Tensor):
        return {}
    entries = OF_ENTRIES if value.ndim else {}
    if value.dtype == torch.bool:
        return {"the opposite of {0}": torch.logical_not, **entries}
    if not value.is_floating_point():
        return {**OF_WHOLE_NUMBERS, **entries}
    by_rank = {1: OF_A_VECTOR, 2: OF_A_TABLE, 4: OF_IMAGES}.get(value.ndim, {})
    return {**OF_EVERY_NUMBER, **by_rank, **entries, **(OF_REAL_ENTRIES if value.ndim else {})}


def _pairs(parts: dict[Slot, Any]) -> list[tuple[Slot, Slot]]:
    """The arguments that can be mixed up: two numbers, or two tensors of one type and rank."""
    slots = list(parts)
    return [
        (one, other)
        for i, one in enumerate(slots)
        for other in slots[i + 1 :]
        if _alike(parts[one], parts[other])
    ]


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and one.ndim == other.ndim
    return is_number(one) and is_number(other)


def _each(slots: Sequence[Slot], change: Callable[[Any], Any]) -> Change:
    return lambda case: case.but({slot: _kept_whole(case.parts()[slot], change) for slot in slots})


def _kept_whole(value: Any, change: Callable[[Any], Any]) -> Any:
    """A changed argument; a whole number stays one where it can."""
    changed = change(value)
    return int(changed) if isinstance(value, int) and changed == int(changed) else changed


def _swap(one: Slot, other: Slot) -> Change:
    return lambda case: case.but({one: case.parts()[other], other: case.parts()[one]})


def _replace(one: Slot, other: Slot) -> Change:
    return lambda case: case.but({other: case.parts()[one]})
