"""What tells two functions apart without a list of mistakes: change an argument, and compare.

A right cosine stays the same when a vector is doubled; a result that does not lacks a
normalisation, however it was computed. Each probe changes the arguments of one case in one way, and
asks the definition and the learner's function what becomes of their results. Where the two answers
differ, the sentence says how: it is true of what the learner wrote, whatever the mistake.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from mlteach.checks._symptoms import close

if TYPE_CHECKING:
    from mlteach.checks._core import Case

    Result = Callable[[Case], Tensor | None]  # of a function for a case, None where it has none


class Probe(NamedTuple):
    """A changed case, and the change in words: "every number of `x` is doubled"."""

    change: str
    case: Case
    about: str  # of what kind the change is, for the hints


def probed(case: Case, definition: Callable, mine: Result, theirs: Result) -> str:
    """The first change of the arguments to which the two functions answer differently, or ""."""
    before = mine(case), theirs(case)
    if before[0] is None or before[1] is None:
        return ""
    for probe in _probes(case, _names(definition, case)):
        after = mine(probe.case), theirs(probe.case)
        if after[0] is None or after[1] is None:
            continue
        yours, right = (_relation(probe.about, b, a) for b, a in zip(before, after, strict=True))
        if yours != right and (hint := HINTS.get((probe.about, right, yours), "")):
            return f"if {probe.change}, the right result {right}, and yours {yours}{hint}"
    return ""


SAME = "stays the same"
CHANGES = "changes"
GROWS, FALLS = "grows", "falls"
TIMES = {2.0: "doubles", 4.0: "becomes four times as large", 0.5: "halves"}
TIMES |= {0.25: "becomes a quarter", 2**0.5: "grows by the root of 2", 8.0: "becomes eight times"}
SIGN = "changes its sign"
TRANSPOSED = "is transposed"
DETAILED = {"number", "scale", "all scaled", "columns", "rows", "swap", "sign"}


def _relation(about: str, before: Tensor, after: Tensor) -> str:
    """What becomes of a result, in a few words."""
    if not (before.isfinite().all() and after.isfinite().all()):
        return CHANGES
    if before.shape == after.shape and close(after, before):
        return SAME
    if before.dtype == torch.bool or about not in DETAILED:
        return CHANGES
    if about == "number" and before.numel() == after.numel() == 1:
        return GROWS if after.item() > before.item() else FALLS
    if about == "swap" and before.ndim == 2 and close(after, before.mT):
        return TRANSPOSED
    if before.shape == after.shape:
        for factor, words in TIMES.items():
            if close(after, factor * before):
                return words
        if close(after, -before):
            return SIGN
    return CHANGES


class _Hints(dict):
    """What to look for, by the kind of change, what the right result does and what the other."""

    def get(self, key: tuple[str, str, str], default: str = "") -> str:
        about, right, yours = key
        if key in self:
            return self[key]
        if (about, right, "*") in self:
            return self[about, right, "*"]
        return self.get_any(about, default) if right != CHANGES or yours == SAME else default

    def get_any(self, about: str, default: str) -> str:
        return dict.get(self, (about, "*", "*"), default)


HINTS = _Hints(
    {
        ("another", CHANGES, SAME): ": your result does not depend on it",
        ("one row", SAME, CHANGES): ": which rows does the formula use?",
        ("one row", CHANGES, SAME): ": your result leaves this row out",
        ("one column", SAME, CHANGES): ": which columns does the formula use?",
        ("one column", CHANGES, SAME): ": your result leaves this column out",
        ("diagonal", SAME, CHANGES): ": what is on the diagonal should not count",
        ("diagonal", CHANGES, SAME): ": what is on the diagonal should count",
        ("scale", SAME, "*"): ": is a normalisation missing, or done in the wrong place?",
        ("scale", CHANGES, SAME): ": is something normalised that should not be?",
        ("scale", TIMES[4.0], TIMES[2.0]): ": is a square missing?",
        (
            "scale",
            TIMES[2.0],
            TIMES[4.0],
        ): ": is something squared once too often, or a root missing?",
        ("scale", TIMES[2.0], SAME): ": is something normalised that should not be?",
        ("scale", TIMES[4.0], SAME): ": is something normalised that should not be?",
        ("scale", "*", "*"): ": what is squared, rooted or divided in the formula, and in yours?",
        ("all scaled", SAME, "*"): ": is a normalisation missing, or done in the wrong place?",
        ("all scaled", CHANGES, SAME): ": is something normalised that should not be?",
        ("all scaled", TIMES[4.0], TIMES[2.0]): ": is a square missing?",
        ("all scaled", TIMES[2.0], TIMES[4.0]): ": is a root missing?",
        ("all scaled", "*", "*"): ": what is squared, rooted or divided, and in yours?",
        ("shift", SAME, CHANGES): ": does your formula use differences, or subtract the mean?",
        ("shift", CHANGES, SAME): ": is a mean subtracted that should not be?",
        ("columns", TIMES[2.0], SAME): ": is a mean over the columns taken instead of a sum?",
        ("columns", SAME, TIMES[2.0]): ": is a sum over the columns taken instead of a mean?",
        ("columns", "*", "*"): ": over which dimension is the sum, the mean or the length taken?",
        ("rows", SAME, TIMES[2.0]): ": is a sum over the rows taken instead of a mean?",
        ("rows", TIMES[2.0], SAME): ": is a mean over the rows taken instead of a sum?",
        ("rows", "*", "*"): ": over which dimension is the sum, the mean or the length taken?",
        ("swap", "*", "*"): ": do both play the same part in your formula?",
        ("order of rows", SAME, CHANGES): ": your result depends on the order of the rows",
        ("order of columns", SAME, CHANGES): ": your result depends on the order of the columns",
        ("sign", "*", "*"): ": is a sign lost, or an absolute value or a square missing?",
        ("number", "*", "*"): ": what does it do in the formula?",
        ("hyperparameter", CHANGES, SAME): ": your result does not depend on it here",
        ("hyperparameter", SAME, CHANGES): ": here it should not matter",
    }
)


def _names(definition: Callable, case: Case) -> list[str]:
    try:
        names = list(inspect.signature(definition).parameters)
    except (TypeError, ValueError):
        names = []
    given = range(len(case.arguments))
    return [f"`{names[k]}`" if k < len(names) else f"argument {k + 1}" for k in given]


def _probes(case: Case, names: list[str]) -> Iterator[Probe]:
    """All changes of one case, the most telling first."""
    floats = [k for k, value in enumerate(case.arguments) if _is_floating(value)]

    def with_(about: str, change: str, **new: Tensor) -> Probe:
        arguments = list(case.arguments)
        for k, value in new.items():
            arguments[int(k[1:])] = value
        return Probe(change, case._replace(arguments=tuple(arguments)), about)

    for k in _tensors(case):
        value, name = case.arguments[k], names[k]
        if value.numel() > 1:
            yield with_("another", f"{name} is another one", **{f"_{k}": _another(value)})
    for k, value in enumerate(case.arguments):
        if isinstance(value, int | float) and not isinstance(value, bool):
            more, what = (
                (value + 1, "grows by 1")
                if isinstance(value, int)
                else (1.2 * value, "grows by a fifth")
            )
            yield with_("number", f"{names[k]} {what}", **{f"_{k}": more})
    for keyword, value in case.keywords.items():
        if isinstance(value, float):
            keywords = {**case.keywords, keyword: 1.5 * value}
            yield Probe(
                f"`{keyword}` grows by half", case._replace(keywords=keywords), "hyperparameter"
            )
    for k in floats:
        value, name = case.arguments[k], names[k]
        yield with_("scale", f"every number of {name} is doubled", **{f"_{k}": 2 * value})
    if len(floats) > 1:
        both = {f"_{k}": 2 * case.arguments[k] for k in floats}
        yield with_("all scaled", f"{_listed(names, floats)} are doubled", **both)
    for k in floats:
        value, name = case.arguments[k], names[k]
        yield with_("shift", f"1 is added to every number of {name}", **{f"_{k}": value + 1})
        yield with_("sign", f"every number of {name} changes its sign", **{f"_{k}": -value})
    if len(floats) > 1:
        both = {f"_{k}": case.arguments[k] + 1 for k in floats}
        yield with_("shift", f"1 is added to every number of {_listed(names, floats)}", **both)
    yield from _whole(case, names, floats, with_)
    for k in floats:
        value, name = case.arguments[k], names[k]
        if value.ndim == 2 and len(value) == len(value.mT) > 1:
            eye = torch.eye(len(value), dtype=torch.bool)
            changed = torch.where(eye, value + 0.5, value)
            yield with_("diagonal", f"the diagonal of {name} changes", **{f"_{k}": changed})
        for at in {0, len(value) - 1} if value.ndim and len(value) > 1 else ():
            changed = value.clone()
            changed[at] = 0.5 * changed[at] + 0.3
            yield with_("one row", f"entry {at} of {name} changes", **{f"_{k}": changed})
        if value.ndim == 2 and value.shape[1] > 1:
            for at in {0, value.shape[1] - 1}:
                changed = value.clone()
                changed[:, at] = 0.5 * changed[:, at] + 0.3
                yield with_("one column", f"column {at} of {name} changes", **{f"_{k}": changed})


def _whole(case: Case, names: list[str], floats: list[int], with_: Callable) -> Iterator[Probe]:
    """Changes of all arguments at once: rows or columns twice, in another order, swapped."""
    tables = [k for k in floats if case.arguments[k].ndim == 2]
    if tables and len({case.arguments[k].shape[1] for k in tables}) == 1:
        twice = {f"_{k}": torch.cat([case.arguments[k]] * 2, 1) for k in tables}
        yield with_(
            "columns", f"each column of {_listed(names, tables)} stands there twice", **twice
        )
        mixed = {f"_{k}": case.arguments[k].flip(1) for k in tables}
        yield with_(
            "order of columns", f"the columns of {_listed(names, tables)} are reversed", **mixed
        )
    tensors = _tensors(case)
    lengths = {len(case.arguments[k]) for k in tensors if case.arguments[k].ndim}
    if len(lengths) == 1 and all(case.arguments[k].ndim for k in tensors):
        listed = _listed(names, tensors)
        twice = {f"_{k}": torch.cat([case.arguments[k]] * 2) for k in tensors}
        yield with_("rows", f"each row of {listed} stands there twice", **twice)
        mixed = {f"_{k}": case.arguments[k].flip(0) for k in tensors}
        yield with_("order of rows", f"the rows of {listed} are reversed", **mixed)
    if len(floats) >= 2 and case.arguments[floats[0]].shape == case.arguments[floats[1]].shape:
        a, b = floats[:2]
        swapped = {f"_{a}": case.arguments[b], f"_{b}": case.arguments[a]}
        yield with_("swap", f"{names[a]} and {names[b]} are swapped", **swapped)


def _is_floating(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.numel() > 0


def _tensors(case: Case) -> list[int]:
    return [k for k, value in enumerate(case.arguments) if isinstance(value, Tensor)]


def _another(value: Tensor) -> Tensor:
    """Other numbers of the same kind: the entries in another order, floats changed a little too."""
    other = value.flatten().roll(1).view(value.shape)
    return 0.7 * other + 0.2 * value.flip(0) if value.is_floating_point() else other


def _listed(names: list[str], places: list[int]) -> str:
    return " and ".join(names[k] for k in places)


def exchanged(cases: Sequence[Case], definition: Callable, values: Sequence[Tensor]) -> str:
    """Two arguments that the learner has taken for each other, in all of the cases, or ""."""
    names = _names(definition, cases[0])
    for a, b in combinations(range(len(names)), 2):
        if all(
            _fits(case, a, b, definition, value) for case, value in zip(cases, values, strict=True)
        ):
            return f"you take {names[a]} for {names[b]} and {names[b]} for {names[a]}"
    return ""


def _fits(case: Case, a: int, b: int, definition: Callable, value: Tensor) -> bool:
    arguments = list(case.arguments)
    if type(arguments[a]) is not type(arguments[b]):
        return False
    arguments[a], arguments[b] = arguments[b], arguments[a]
    try:
        swapped = torch.as_tensor(case._replace(arguments=tuple(arguments)).copy().call(definition))
    except (ValueError, TypeError, IndexError, RuntimeError):  # they cannot be exchanged
        return False
    return close(value, swapped)


def fixed(cases: Sequence[Case], definition: Callable, values: Sequence[Tensor]) -> str:
    """The hyperparameter that the learner has fixed at the value of one of the cases, or ""."""
    for name in cases[0].keywords:
        settings = {
            case.keywords[name] for case in cases if isinstance(case.keywords[name], float | int)
        }
        for setting in sorted(settings) if len(settings) > 1 else ():
            there = [case._replace(keywords={**case.keywords, name: setting}) for case in cases]
            rights = (torch.as_tensor(case.copy().call(definition)) for case in there)
            if all(close(value, right) for value, right in zip(values, rights, strict=True)):
                return f"your result is that of {name} {setting:g}, whatever `{name}` is"
    return ""
