"""What is said of results that are not right: the mistake, a symptom, or the first wrong case."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mlteach.checks._case import Case, Slot, names_of
from mlteach.checks._probes import ignored, probed
from mlteach.checks._run import Answer, run_case
from mlteach.checks._symptoms import (
    Names,
    Tried,
    close,
    exact,
    ignored_hyperparameter,
    nearly_right,
    pattern,
    quantities,
    weak_pattern,
)
from mlteach.checks._variants import BESIDES, fits, quick_variant, reduction, variant
from mlteach.checks._verdict import Entry, Verdict
from mlteach.mistakes import Mistake

# what is looked at, in words, and how it is made of a case and its result
Look = tuple[str, Callable[[Case, Tensor], Tensor]]


def where(cases: Sequence[Case], at: int, *also: str) -> str:
    """Which case it is, and what else there is to say: each a sentence."""
    case = f"Case {at + 1} of {len(cases)}: {cases[at].title}."
    return " ".join([case, *filter(None, also)])


def diagnosed(
    given: Callable,
    definition: Callable,
    cases: Sequence[Case],
    answers: Sequence[Answer],
    right: Sequence[Tensor],
    mistakes: Sequence[Mistake],
    overflow: str,
    looks: Sequence[Look] = (),
) -> Verdict | None:
    """The verdict on values that are not right; None if they are."""
    values = [answer.value for answer in answers]
    n_cases = range(len(cases))
    wrong = [i for i in n_cases if values[i] is None or not close(values[i], right[i])]
    if not wrong:
        return None
    n_right = len(cases) - len(wrong)
    so_far = f"Right in {n_right} of {len(cases)} cases." if n_right else ""

    def failed(message: str, at: int) -> Verdict:
        entries, count = _differing(values[at], right[at])
        answer, also = answers[at], [so_far, answers[at].line, count]
        return Verdict(False, message, where(cases, at, *also), entries, answer.printed)

    asks = _Asks(given, definition, names_of(given, definition, cases[0]))
    if without := [i for i in n_cases if values[i] is None]:
        problem = answers[without[0]].problem
        if answers[without[0]].raised:
            also = _or_nothing(_with_equal_sizes, asks, cases, mistakes)
            stop = "" if problem.endswith("?") else "."
            problem = f"{problem}{stop} {also}" if also else problem
        return failed(problem, without[0])
    finite = [i for i in n_cases if torch.isfinite(values[i]).all()]
    of_numbers = [i for i in wrong if i in finite]
    tried = [(cases[i], values[i], right[i]) for i in finite]
    if of_numbers and (
        found := _or_nothing(_exactly, asks, tried, mistakes)
        or _or_nothing(_looked_at, looks, tried, asks)
    ):
        return failed(found, of_numbers[0])
    if misshapen := [i for i in n_cases if answers[i].problem]:
        hint = _about_the_sizes(tried, asks.names)
        return failed(answers[misshapen[0]].problem + hint, misshapen[0])
    if of_numbers:
        at = of_numbers[0]
        told = _or_nothing(_by_and_large, asks, tried, mistakes)
        return failed(told or _contrast(cases, wrong, at), at)
    at = wrong[0]
    always = "Is there a division by 0, a log of 0, or the root of a negative number?"
    number = values[at][~torch.isfinite(values[at])][0].item()
    broken = f"the result is {number} {cases[at].title}"
    return failed(f"{broken}. {overflow if finite else always}".removesuffix(". "), at)


SECONDS = 2.0  # of this thread's processor, so that a busy machine diagnoses as an idle one does
WAITED = 6.0  # by the clock


class _Asks:
    """The learner's function and the right one, asked about any case; None where one has none."""

    def __init__(self, given: Callable, definition: Callable, names: Mapping[Slot, str]) -> None:
        self.given, self.definition, self.names = given, definition, names
        # a slow function is not asked a hundred times
        self.until = time.thread_time() + SECONDS
        self.at_last = time.monotonic() + WAITED

    def right(self, case: Case | None) -> Tensor | None:
        late = time.thread_time() > self.until or time.monotonic() > self.at_last
        return None if case is None or late else result_of(self.definition, case)

    def mine(self, case: Case) -> Tensor | None:
        right = self.right(case)
        return None if right is None else run_case(self.given, case, right).value


def _or_nothing(diagnosis: Callable[..., str], *what: Any) -> str:
    """A diagnosis that meets what it has not foreseen says nothing: the verdict stands anyway."""
    try:
        return diagnosis(*what)
    except Exception:
        return ""


def result_of(function: Callable, case: Case) -> Tensor | None:
    """The result of the right function, or of a mistake; None where it does not take the case."""
    try:
        return torch.as_tensor(case.copy().call(function))
    except (ValueError, TypeError, IndexError, RuntimeError, ArithmeticError, AttributeError):
        return None


def _exactly(asks: _Asks, tried: Tried, mistakes: Sequence[Mistake]) -> str:
    """What gives the learner's results number by number, or ""."""
    if named := _name_the_mistake(mistakes, tried):
        return named
    if _differs_when_called_again(asks.given, tried):
        return TWO_CALLS
    same_shape = all(value.shape == right.shape for _, value, right in tried)
    return (
        _at_the_edge(tried)
        or exact(tried, asks.names)
        or (same_shape and ignored_hyperparameter(tried))
        or ignored(tried, asks.names, asks.mine, asks.right)
        or reduction(tried, asks.right)
        or variant(tried, asks.names, asks.right)
        or _from_an_edge_on(tried)
        or _with_one_thing_more(mistakes, tried)
    )


def _looked_at(looks: Sequence[Look], tried: Tried, asks: _Asks) -> str:
    """What is wrong with what a result is made of, such as the step in new weights, or ""."""
    if any(value.shape != right.shape for _, value, right in tried):
        return ""
    for words, of in looks:
        parts = [(case, of(case, value), of(case, right)) for case, value, right in tried]
        if all(close(value, right) for _, value, right in parts):
            continue
        if found := exact(parts, asks.names) or pattern(parts):
            return f"{words}: {found}"
    return ""


def _by_and_large(asks: _Asks, tried: Tried, mistakes: Sequence[Mistake]) -> str:
    """What tells where to look though no number is explained, or ""."""
    if found := pattern(tried):
        return found
    if nearly_right(tried):  # whatever a probe would tell of a hundredth is told by chance
        return weak_pattern(tried)
    return (
        probed(tried, asks.names, asks.mine, asks.right)
        or _in_the_plain_cases(mistakes, tried)
        or _two_at_once(mistakes, tried, asks.names)
        or weak_pattern(tried)
    )


# --- known mistakes ------------------------------------------------------------------------------


def _name_the_mistake(mistakes: Sequence[Mistake], tried: Tried) -> str:
    for mistake in mistakes:
        if all(_gives(mistake, case, value) for case, value, _ in tried):
            return mistake.explanation
    return ""


def _gives(mistake: Mistake, case: Case, value: Tensor) -> bool:
    return fits(result_of(mistake, case), value)


def _in_the_plain_cases(mistakes: Sequence[Mistake], tried: Tried) -> str:
    """A known mistake that explains the cases without an edge, where more is wrong at an edge."""
    plain = [one for one in tried if not one[0].edge]
    if len(plain) in (0, len(tried)) or all(close(value, right) for _, value, right in plain):
        return ""
    named = _name_the_mistake(mistakes, plain)
    return f"{plain[0][0].title}: {named}" if named else ""


def _with_one_thing_more(mistakes: Sequence[Mistake], tried: Tried) -> str:
    """A known mistake and a sign, a factor or a transposition besides."""
    if tried[0][1].dtype == torch.bool:
        return ""
    first, value, _ = tried[0]
    results = [(mistake, result_of(mistake, first)) for mistake in mistakes]
    for besides, undo in BESIDES.items():
        undone = [(case, undo(value), right) for case, value, right in tried]
        fitting = [mistake for mistake, result in results if fits(result, undo(value))]
        if named := _name_the_mistake(fitting, undone):
            return f"{named}; {besides}"
    return ""


def _two_at_once(mistakes: Sequence[Mistake], tried: Tried, names: Names) -> str:
    """A known mistake and a wrong argument besides; of a few numbers too many pairs would fit."""
    right = torch.cat(
        [r.flatten()[:9] for _, v, r in tried if v.shape == r.shape and not close(v, r)]
    )
    if len(right.unique()) < 4 or not right.is_floating_point():
        return ""
    for mistake in mistakes:

        def theirs(case: Case | None, mistake: Mistake = mistake) -> Tensor | None:
            return None if case is None else result_of(mistake, case)

        if changed := quick_variant(tried, names, theirs):
            return f"{mistake.explanation}; besides, you seem to compute with {changed}"
    return ""


TWO_CALLS = (
    "two calls with the same arguments give different results: "
    "is a random number drawn, something kept from call to call, or a torch.empty not filled?"
)


def _differs_when_called_again(given: Callable, tried: Tried) -> bool:
    for case, value, right in [one for one in tried if not close(one[1], one[2])][:3]:
        again = run_case(given, case, right).value  # of few choices, two draws may be alike
        if again is not None and not close(again, value):
            return True
    return False


def _at_the_edge(tried: Tried) -> str:
    """What makes the wrong cases special, if these are wrong and no others are so."""
    wrong = [case for case, value, right in tried if not close(value, right)]
    so = [case for case, _, _ in tried if case.edge == wrong[0].edge]
    if not wrong[0].edge or len(wrong) != len(so) or len({case.edge for case in wrong}) > 1:
        return ""
    if len(wrong) == len(tried):
        return ""
    return f"right in the other cases, but not {wrong[0].title}: {wrong[0].edge}"


def _from_an_edge_on(tried: Tried) -> str:
    """What makes the first wrong case special, if all cases without an edge are right."""
    wrong = [case for case, value, right in tried if not close(value, right)]
    plain = [case for case, _, _ in tried if not case.edge]
    if not plain or len(wrong) == len(tried) or not all(case.edge for case in wrong):
        return ""
    return f"right in the plain cases, but not {wrong[0].title}: {wrong[0].edge}"


# --- shapes --------------------------------------------------------------------------------------


def _about_the_sizes(tried: Tried, names: Names) -> str:
    """Which size a dimension has, and which it should have, in words."""
    if not tried or any(value.ndim != right.ndim for _, value, right in tried):
        return ""
    known = quantities(tried, names)
    for dim in range(tried[0][2].ndim):
        got, wanted = ([float(one[k].shape[dim]) for one in tried] for k in (1, 2))
        if got == wanted:
            continue
        has, should = (next((w for w, n in known.items() if n == s), "") for s in (got, wanted))
        if should:
            has = f"is {has}" if has else f"is {got[0]:g}"
            return f". Its size along dimension {dim} {has}, and should be {should}"
    return ""


def _with_equal_sizes(asks: _Asks, cases: Sequence[Case], mistakes: Sequence[Mistake]) -> str:
    """What the function does where all sizes are equal, so that no shapes can clash; or ""."""
    equal = [_of_equal_sizes(case) for case in cases]
    tried = []
    for case in equal:
        right = asks.right(case)
        mine = None if right is None else run_case(asks.given, case, right).value
        if mine is None or not mine.isfinite().all():
            return ""
        tried.append((case, mine, right))
    if all(close(mine, right) for _, mine, right in tried):
        return ""
    found = _exactly(asks, tried, mistakes)
    return f"Where all sizes are equal it runs, and there: {found}" if found else ""


def _of_equal_sizes(case: Case) -> Case:
    tensors = {s: v for s, v in case.parts().items() if isinstance(v, Tensor) and v.ndim}
    size = min((n for value in tensors.values() for n in value.shape), default=0)
    changes = {}
    for slot, value in tensors.items():
        for dim in range(value.ndim):
            value = value.narrow(dim, 0, size)
        changes[slot] = value
    return case.but(changes)


# --- no known mistake fits -----------------------------------------------------------------------


def _contrast(cases: Sequence[Case], wrong: Sequence[int], at: int) -> str:
    """Say where it is wrong, and where, as similar as can be, right."""
    fine = [case.title for i, case in enumerate(cases) if i not in wrong]
    if not fine:
        return "wrong in every case: work one number out by hand, and print your steps"
    words = set(cases[at].title.split())
    alike = max(fine, key=lambda title: len(words & set(title.split())))
    return f"right {alike}, wrong {cases[at].title}"


def _differing(value: Tensor | None, right: Tensor) -> tuple[tuple[Entry, ...], str]:
    """The first entries that differ, and how many there are."""
    if value is None or value.shape != right.shape:
        return (), ""
    same = torch.isclose(value.double(), right.double(), rtol=2e-4, atol=2e-5)
    places = (~same).nonzero().tolist()
    entries = tuple(
        Entry(str(place) if place else "", *(_digits(one[tuple(place)]) for one in (right, value)))
        for place in places[:3]
    )
    return entries, f"{len(places)} of {right.numel()} entries differ." if right.ndim else ""


def _digits(number: Tensor) -> str:
    """Four decimals; an index, or any whole number of an integer tensor, as it is."""
    return f"{number:.4f}" if number.is_floating_point() else str(number.item())
