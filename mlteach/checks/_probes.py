"""What tells two functions apart without a list of mistakes: change an argument, and compare.

A right cosine stays the same when a vector is doubled; a result that does not lacks a
normalisation, however it was computed. Each probe changes the arguments in one way, and asks the
definition and the learner's function what becomes of their results. It speaks where the right one
answers alike in all wrong cases and the learner's answers otherwise: the sentence is then true of
what was written, whatever the mistake. A hint follows only where it fits the two answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from mlteach.checks._case import Case, Slot, is_floating, is_number, normal
from mlteach.checks._symptoms import Names, Tried, close

Result = Callable[[Case], Tensor | None]  # of a function for a case, None where it has none


class Probe(NamedTuple):
    """A change of the arguments, in words: "every number of `x` is doubled"."""

    about: str  # of what kind it is, for the hints
    words: str
    change: Callable[[Case], Case]
    at: int = 0  # which row is changed, where it is one


def probed(tried: Tried, names: Names, mine: Result, theirs: Result) -> str:
    """The first change to which the two functions answer differently in all wrong cases, or ""."""
    if any(value.shape != right.shape for _, value, right in tried):
        return ""
    before = [one for one in tried if not close(one[1], one[2])][:MOST]
    return (
        _ignored_end(_some(tried), names, mine, theirs)
        or _spreads(before, names, mine, theirs)
        or _answers(before, names, mine, theirs)
        or _right_when(before, names, mine, theirs)
        or _right_part(before, names, mine, theirs)
    )


MOST = 4  # cases that are probed: each costs some dozens of calls


def _after(case: Case, change: Callable[[Case], Case], of: Result) -> Tensor | None:
    try:
        changed = change(case)
    except (ValueError, TypeError, IndexError, RuntimeError, ArithmeticError):
        return None
    result = of(changed)
    return result if result is not None and result.isfinite().all() else None


# --- what a result does not depend on ------------------------------------------------------------


def ignored(tried: Tried, names: Names, mine: Result, theirs: Result) -> str:
    """The argument that the learner's result does not depend on, or ""."""
    if any(value.shape != right.shape for _, value, right in tried):
        return ""
    for slot, value in tried[0][0].parts().items():
        plain = is_number(value) or isinstance(value, Tensor)
        if plain and _does_nothing(_some(tried), slot, slice(None), mine, theirs):
            return f"your result does not depend on {names[slot]}"
    return ""


def _ignored_end(before: Tried, names: Names, mine: Result, theirs: Result) -> str:
    """The argument whose first or last entry the learner's result does not depend on, or ""."""
    for slot, value in before[0][0].parts().items():
        if isinstance(value, Tensor) and value.ndim and len(value) > 2:
            for words, place in (("first", slice(0, 1)), ("last", slice(-1, None))):
                if _does_nothing(before, slot, place, mine, theirs):
                    return f"your result does not depend on the {words} entry of {names[slot]}"
    return ""


def _some(tried: Tried) -> Tried:
    """The first wrong cases, and a few right ones."""
    fine = [one for one in tried if close(one[1], one[2])]
    return [one for one in tried if not close(one[1], one[2])][:MOST] + fine[: MOST - 2]


def _does_nothing(before: Tried, slot: Slot, at: slice, mine: Result, theirs: Result) -> bool:
    """Whether no other value there changes the learner's result, though the right one changes."""
    counts = False
    for case, my_result, their_result in before:
        if at != slice(None) and len(case.parts()[slot]) < 3:
            continue
        for seed in range(4 if their_result.is_floating_point() else 12):

            def other(case: Case, seed: int = seed) -> Case:
                return case.but({slot: _another(case.parts()[slot], at, seed)})

            right, yours = _after(case, other, theirs), _after(case, other, mine)
            if right is None or yours is None:
                continue
            if not close(yours, my_result):
                return False
            counts |= not close(right, their_result)
    return counts


def _another(value: Tensor | float, at: slice, seed: int) -> Tensor | float:
    """A value of the same kind and size that differs at a place."""
    if not isinstance(value, Tensor):
        return (
            value + 1 + seed if isinstance(value, int) else value * (1.5, 0.6, 3.0, 0.2)[seed % 4]
        )
    other = value.clone()
    part = other[at] if other.ndim else other
    if value.dtype == torch.bool:
        new = ~part if seed % 2 == 0 else _shuffled(part, seed)
    elif value.is_floating_point():
        spread = value.std(correction=0) + 0.1
        new = part.flip(0) * 0.3 if part.ndim else part
        new = new + 3 * spread * normal(*part.shape, seed=seed).to(value)
        low, high = value.min(), value.max()
        if low >= 0:  # of distances, draws or probabilities nothing is negative, and 1 is the end
            new = new.abs().remainder(1.0) if high <= 1 else new.abs()
    else:
        low, high = int(value.min()), int(value.max())
        drawn = torch.randint(high - low + 1, part.shape, generator=_drawing(seed))
        new = drawn.to(value.dtype) + low
    if other.ndim:
        other[at] = new
        return other
    return new


def _shuffled(mask: Tensor, seed: int) -> Tensor:
    order = torch.randperm(mask.numel(), generator=_drawing(seed))
    return mask.flatten()[order].reshape(mask.shape)


def _drawing(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- how far a change spreads --------------------------------------------------------------------


def _spreads(before: Tried, names: Names, mine: Result, theirs: Result) -> str:
    """Whether one row of an argument changes entries of the result that it should leave alone."""
    for slot, value in before[0][0].parts().items():
        if not isinstance(value, Tensor) or not value.ndim or len(value) < 3:
            continue
        for dim, what in enumerate(("entry", "column")):
            for at in (0, 1):
                found = [_spread(one, slot, dim, at, mine, theirs) for one in before]
                if any(stays is None for stays in found):
                    continue
                off = [yours for yours in found if yours]
                if off and off[0]:
                    return (
                        f"if entry {at} of {names[slot]} changes, only {what} {at} of the right "
                        f"result may change, and in yours {what} {off[0][0]} does as well: "
                        f"is one number used, or one sum taken, for all?"
                    )
    return ""


def _spread(
    one: tuple[Case, Tensor, Tensor], slot: Slot, dim: int, at: int, mine: Result, theirs: Result
) -> list[int] | None:
    """Where the learner's result changes and should not; None where the right one changes there."""
    case, my_result, their_result = one
    value = case.parts()[slot]
    if their_result.ndim <= dim or their_result.shape[dim] != len(value):
        return None
    where: set[int] = set()
    for seed in (0, 1):

        def other(case: Case, seed: int = seed) -> Case:
            part = slice(at, at + 1)
            return case.but({slot: _another(case.parts()[slot], part, seed)})

        right, yours = _after(case, other, theirs), _after(case, other, mine)
        if right is None or yours is None or yours.shape != my_result.shape:
            return None
        if right.shape != their_result.shape or _changed(right, their_result, dim) - {at}:
            return None
        where |= _changed(yours, my_result, dim) - {at}
    return sorted(where)


def _changed(after: Tensor, before: Tensor, dim: int) -> set[int]:
    """The indices of a dimension at which anything changes."""
    differ = ~torch.isclose(after.double(), before.double(), rtol=2e-4, atol=2e-5)
    return set(differ.nonzero()[:, dim].tolist())


# --- where a wrong result is right ---------------------------------------------------------------

# what an argument could be, in words → what makes it so, and what follows if that makes all right
SPECIAL: dict[str, tuple[str, Callable[[Tensor], Tensor], str]] = {
    "the numbers of {} are a hundredth of what they are": (
        "any",
        lambda x: x / 100,
        ": what becomes of large numbers?",
    ),
    "each row of {} has length 1": (
        "table",
        lambda x: x / x.norm(dim=-1, keepdim=True),
        ": is a division by the length missing, or by something else?",
    ),
    "each row of {} has the mean 0": (
        "table",
        lambda x: x - x.mean(-1, keepdim=True),
        ": is a mean to be taken away, or another one?",
    ),
    "no number of {} is negative": ("any", torch.abs, ": what becomes of negative numbers?"),
    "all entries of {} are alike": (
        "any",
        lambda x: x[:1].expand_as(x).clone(),
        ": does each entry get what belongs to it?",
    ),
    "{} is symmetric": (
        "square",
        lambda x: (x + x.mT) / 2,
        ": are rows and columns mixed up?",
    ),
    "the diagonal of {} is 0": (
        "square",
        lambda x: x - x.diag().diag(),
        ": what is done with the diagonal?",
    ),
}


def _right_when(before: Tried, names: Names, mine: Result, theirs: Result) -> str:
    """What an argument would have to be for the learner's result to be right in all these cases."""
    if not before[0][2].is_floating_point():
        return ""
    for words, slots, special, hint in _special(before[0][0], names):

        def made_special(
            case: Case, slots: Sequence[Slot] = slots, special: Callable = special
        ) -> Case:
            return case.but({slot: special(case.parts()[slot]) for slot in slots})

        rights = []
        for case, _, _ in before:
            right, yours = _after(case, made_special, theirs), _after(case, made_special, mine)
            if right is None or yours is None or not close(yours, right):
                break
            rights.append(right)
        if len(rights) == len(before) and _says_something(rights):
            return f"your result is right as soon as {words}{hint}"
    return ""


def _says_something(rights: Sequence[Tensor]) -> bool:
    """Whether equality with these results is no accident: they differ, and are not 0 and 1 only."""
    telling = [right for right in rights if len(right.unique()) > 2 or right.ndim == 0]
    numbers = torch.cat([right.flatten().double() for right in telling] or [torch.zeros(0)])
    numbers = numbers.round(decimals=3)
    return len(numbers.unique()) > 2 and not ((numbers == 0) | (numbers == 1)).all()


def _special(
    case: Case, names: Names
) -> Iterator[tuple[str, list[Slot], Callable[[Tensor], Tensor], str]]:
    parts = case.parts()
    floats = [slot for slot, value in parts.items() if is_floating(value) and value.ndim]
    tables = [slot for slot in floats if parts[slot].ndim == 2]
    groups = [[slot] for slot in floats] + ([floats] if len(floats) > 1 else [])
    settings = any(isinstance(value, float) for value in parts.values())
    squares = [slot for slot in tables if parts[slot].shape[0] == parts[slot].shape[1]]
    for words, (kind, special, hint) in SPECIAL.items():
        if settings and "hundredth" in words:  # small beside a margin is another thing
            continue
        for group in groups:
            if not set(group) <= set({"any": floats, "table": tables, "square": squares}[kind]):
                continue
            listed = " and ".join(names[slot] for slot in group)
            yield words.format(listed), group, special, hint
    for slot, value in parts.items():
        if is_number(value):
            what = f": what is done with {names[slot]}?"
            yield f"{names[slot]} is 1", [slot], partial(_number_like, 1), what


def _number_like(number: int, value: float) -> float:
    return type(value)(number)


def _right_part(before: Tried, names: Names, mine: Result, theirs: Result) -> str:
    """Which argument has the right effect, so that what is wrong does not contain it."""
    for slot, value in before[0][0].parts().items():
        if not is_floating(value) and not isinstance(value, float):
            continue
        steps, ratios = [], []
        for case, my_result, their_result in before:
            for seed in range(2):

                def other(case: Case, slot: Slot = slot, seed: int = seed) -> Case:
                    return case.but({slot: _another(case.parts()[slot], slice(None), seed)})

                yours, right = _after(case, other, mine), _after(case, other, theirs)
                if yours is None or right is None or close(right, their_result):
                    continue
                if yours.shape != my_result.shape or not right.is_floating_point():
                    continue
                steps.append(close(yours - my_result, right - their_result))
                ratios.append(
                    right.numel() == 1
                    and their_result.abs().item() > 1e-3
                    and close(yours * their_result, my_result * right)
                )
        if len(steps) > 2 and all(steps):
            return (
                f"what {names[slot]} adds to your result is right: "
                f"look at the part that does not contain it"
            )
        if len(ratios) > 2 and all(ratios):
            return (
                f"your result is wrong by a factor that does not depend on {names[slot]}: "
                f"look at the factors that do not contain it"
            )
    return ""


# --- what becomes of a result --------------------------------------------------------------------

SAME = "stays the same"
CHANGES = "changes otherwise"
TIMES = {
    2.0: "doubles",
    4.0: "becomes four times as large",
    8.0: "becomes eight times as large",
    2**0.5: "grows by the factor √2",
    0.5: "halves",
    0.25: "becomes a quarter",
    0.5**0.5: "shrinks by the factor √2",
}
SIGN = "changes its sign"
TRANSPOSED = "is transposed"
REVERSED = "is reversed too"
REPEATED = "stands there twice too"


def _answers(before: Tried, names: Names, mine: Result, theirs: Result) -> str:
    for probe in _probes(before[0][0], names):
        yours, right = set(), set()
        for case, my_result, their_result in before:
            after = _after(case, probe.change, theirs)
            if after is None:
                continue
            right |= {_becomes(probe.about, their_result, after)}
            after = _after(case, probe.change, mine)
            if after is not None:
                yours |= {_becomes(probe.about, my_result, after)}
        if len(right) != 1 or not yours or right & yours:
            continue
        was, got = right.pop(), yours.pop() if len(yours) == 1 else CHANGES
        hint = _hint(probe.about, was, got, before[0][2].is_floating_point())
        if hint is not None:
            changes = was.replace(CHANGES, "changes") if got == SAME else was
            got = "does not" if (was, got) == (SAME, CHANGES) else got
            was = "stays the same" if was == SAME else changes
            return f"if {probe.words}, the right result {was}, and yours {got}{hint}"
    return ""


def _becomes(about: str, before: Tensor, after: Tensor) -> str:
    """What becomes of a result, in a few words."""
    if before.shape != after.shape:
        twice = torch.cat([before, before]) if before.ndim else before
        return REPEATED if close(after, twice) else CHANGES
    if about == "reversed" and before.ndim and not close(before, before.flip(0)):
        if close(after, before.flip(0)) or close(after, before.flip(tuple(range(before.ndim)))):
            return REVERSED
    elif about == "reversed" and before.ndim:
        return REVERSED if close(after, before) else CHANGES
    if close(after, before):
        return SAME
    if before.dtype == torch.bool:
        return CHANGES
    if about == "swap" and before.ndim == 2 and close(after, before.mT):
        return TRANSPOSED
    if before.is_floating_point():
        if close(after, -before):
            return SIGN
        for factor, words in TIMES.items():
            if close(after, factor * before):
                return words
    return CHANGES


def _hint(about: str, right: str, yours: str, of_numbers: bool) -> str | None:
    """What to look for, "" where the two answers speak for themselves, None to say nothing."""
    if right == CHANGES and yours != SAME and about not in ("scaled", "number"):
        return None
    if about == "scaled":
        return _of_scaling(right, yours, of_numbers)
    if about == "balanced" and of_numbers:
        if (right, yours) == (TIMES[4.0], TIMES[2.0]):
            return ": is a square missing?"
        return ": is one multiplied where it should divide, or used once too often?"
    if not of_numbers and about not in ("reversed", "diagonal", "swap"):
        return None
    if (about, right, yours) in HINTS:
        return HINTS[about, right, yours]
    return HINTS.get((about, right, "*"))


def _of_scaling(right: str, yours: str, of_numbers: bool) -> str | None:
    if not of_numbers:
        fixed = ": does a fixed number take part, such as a border, or what is filled in?"
        return fixed if (right, yours) == (SAME, CHANGES) else None
    if right == SAME:
        return ": is a normalisation missing, or done in the wrong place?"
    if yours == SAME:
        return ": is something normalised that should not be?"
    if (right, yours) == (TIMES[4.0], TIMES[2.0]):
        return ": is a square missing?"
    if (right, yours) == (TIMES[2.0], TIMES[4.0]):
        return ": is something squared once too often, or a root missing?"
    if (right, yours) == (TIMES[4.0], CHANGES):
        return ": is a square missing in a part of it, or does a fixed number take part?"
    if right == CHANGES:
        return ": is a square, an exp, a log or a fixed number missing?"
    if yours == CHANGES:
        return ": does a fixed number take part, an exp or a log?"
    return ""


MEAN_FOR_SUM = ": is a mean taken where a sum is asked for?"
SUM_FOR_MEAN = ": is a sum taken where a mean is asked for?"
WHICH_DIMENSION = ": over which dimension is the sum, the mean or the length taken?"
# (kind of change, what the right result does, what the learner's does, * for anything) → hint
HINTS = {
    ("shift", SAME, "*"): ": the right formula takes differences, or takes a mean away",
    ("shift", CHANGES, SAME): ": is a mean taken away that should not be?",
    ("sign", SAME, "*"): ": is a square or an absolute value missing?",
    ("sign", SIGN, SAME): ": where is the sign lost?",
    ("sign", SIGN, CHANGES): "",
    ("rows", SAME, TIMES[2.0]): SUM_FOR_MEAN,
    ("rows", TIMES[2.0], SAME): MEAN_FOR_SUM,
    ("rows", SAME, "*"): WHICH_DIMENSION,
    ("rows", TIMES[2.0], "*"): WHICH_DIMENSION,
    ("rows", REPEATED, "*"): ": does one row change what another gets?",
    ("columns", SAME, TIMES[2.0]): SUM_FOR_MEAN,
    ("columns", TIMES[2.0], SAME): MEAN_FOR_SUM,
    ("columns", SAME, "*"): WHICH_DIMENSION,
    ("columns", TIMES[2.0], TIMES[4.0]): ": is the sum taken before a square?",
    ("columns", TIMES[2.0], TIMES[2**0.5]): ": is a root too much, or a square missing?",
    ("columns", TIMES[2.0], "*"): WHICH_DIMENSION,
    ("swap", SAME, "*"): ": both play the same part in the right formula",
    ("swap", TRANSPOSED, "*"): ": both play the same part in the right formula",
    ("swap", CHANGES, SAME): ": in yours, both play the same part",
    ("reversed", SAME, "*"): ": the order of the rows should not matter",
    ("reversed", REVERSED, "*"): ": does one row get what belongs to another?",
    ("diagonal", SAME, "*"): ": what is on the diagonal should not count",
    ("diagonal", CHANGES, SAME): ": what is on the diagonal should count",
    ("number", TIMES[0.5], "*"): ": by what is it divided?",
    ("number", TIMES[0.25], "*"): ": by what is it divided?",
    ("number", TIMES[2.0], "*"): ": by what is it multiplied?",
    ("number", TIMES[4.0], "*"): ": by what is it multiplied?",
    ("number", CHANGES, TIMES[2.0]): ": it is more than a factor in the right formula",
    ("number", CHANGES, TIMES[0.5]): ": it does more than divide in the right formula",
}


def _probes(case: Case, names: Names) -> Iterator[Probe]:
    """All changes of cases such as this one, the most telling first."""
    parts = case.parts()
    tensors = [slot for slot, value in parts.items() if isinstance(value, Tensor) and value.ndim]
    floats = [slot for slot in tensors if is_floating(parts[slot])]
    tables = [slot for slot in floats if parts[slot].ndim == 2]
    oblong = [slot for slot in tables if parts[slot].shape[0] != parts[slot].shape[1]]

    def every(slots: Sequence[Slot], change: Callable[[Tensor], Tensor]) -> Callable[[Case], Case]:
        return lambda case: case.but({slot: change(case.parts()[slot]) for slot in slots})

    def listed(slots: Sequence[Slot]) -> str:
        *most, last = (names[slot] for slot in slots)
        return f"{', '.join(most)} and {last}" if most else last

    groups = [[slot] for slot in floats] + ([floats] if len(floats) > 1 else [])
    for group in groups:
        words = f"every number of {listed(group)} is doubled"
        yield Probe("scaled", words, every(group, lambda x: 2 * x))
    settings = [slot for slot, value in parts.items() if isinstance(value, float)]
    if settings and floats:
        words = f"every number of {listed([*floats, *settings])} is doubled"
        yield Probe("balanced", words, every([*floats, *settings], lambda x: 2 * x))
    if len(tables) > 1 and parts[tables[0]].shape == parts[tables[1]].shape:
        a, b = tables[:2]
        words = f"{names[a]} and {names[b]} are swapped"
        swap = _swapped(a, b)
        yield Probe("swap", words, swap)
    if len({len(parts[slot]) for slot in tensors}) == 1 and not (len(tables) > len(oblong)):
        what = "row" if oblong else "entry"
        words = f"each {what} of {listed(tensors)} stands there twice"
        yield Probe("rows", words, every(tensors, lambda x: torch.cat([x, x])))
        words = f"{listed(tensors)} {'are' if len(tensors) > 1 else 'is'} reversed"
        words += " along dimension 0" if any(parts[slot].ndim > 1 for slot in tensors) else ""
        yield Probe("reversed", words, every(tensors, lambda x: x.flip(0)))
    if tables and tables == oblong:
        words = f"each column of {listed(tables)} stands there twice"
        yield Probe("columns", words, every(tables, lambda x: torch.cat([x, x], 1)))
    for slot in tables:
        if slot not in oblong and len(parts[slot]) > 1:
            words = f"the diagonal of {names[slot]} changes"
            yield Probe("diagonal", words, every([slot], _other_diagonal))
    for slot, value in parts.items():
        if is_number(value) and isinstance(value, float):
            yield Probe("number", f"{names[slot]} is doubled", every([slot], lambda n: 2 * n))
    for group in groups:
        words = f"every number of {listed(group)} changes its sign"
        yield Probe("sign", words, every(group, torch.neg))
    for group in groups:
        words = f"1 is added to every number of {listed(group)}"
        yield Probe("shift", words, every(group, lambda x: x + 1))


def _swapped(one: Slot, other: Slot) -> Callable[[Case], Case]:
    return lambda case: case.but({one: case.parts()[other], other: case.parts()[one]})


def _other_diagonal(x: Tensor) -> Tensor:
    return torch.where(torch.eye(len(x), dtype=torch.bool), 0.5 - x, x)  # large ones fall, 0 rises
