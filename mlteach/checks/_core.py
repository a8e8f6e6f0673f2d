"""How a check works: run what a learner wrote, compare it with the definition, name the mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mlteach.checks._case import Case, names_of, normal
from mlteach.checks._diagnosis import Look, diagnosed, result_of, where
from mlteach.checks._guard import check, listening
from mlteach.checks._rules import Rule, broken
from mlteach.checks._run import Answer, run_case
from mlteach.checks._symptoms import Names, close
from mlteach.checks._verdict import Verdict, kind, shown, told
from mlteach.mistakes import Mistake

__all__ = ["Answer", "Case", "Verdict", "check", "judge", "normal", "run_case"]


@check
def judge(
    given: Any,
    definition: Callable,
    cases: Sequence[Case],
    mistakes: Sequence[Mistake],
    *,
    gradients: bool = True,
    overflow: str = "",
    rules: tuple[Rule, ...] = (),
    looks: tuple[Look, ...] = (),
) -> Verdict:
    """Compares the learner's function with the definition: first the values, then the gradients.

    Args:
        given: what the learner wrote; anything at all, a check never raises.
        definition: the right function, with the same arguments; it returns a tensor or a number.
        cases: calls that differ in what can go wrong: batches, temperatures, scales.
        mistakes: wrong functions; one is told where every value matches, or the gradient.
        gradients: whether the gradient with respect to every tensor argument must be right too.
        overflow: what to add to the message when a value is not finite.
        rules: what the exercise says about how; looked at where all values are right.
        looks: what a result is made of, such as the step in new weights; each is compared, too.
    """
    if not callable(given):
        return expected("a function", given)
    mistakes = [mistake for mistake in mistakes if mistake.explanation]
    right = [torch.as_tensor(case.copy().call(definition)) for case in cases]
    answers = [run_case(given, case, value) for case, value in zip(cases, right, strict=True)]
    wrong = diagnosed(given, definition, cases, answers, right, mistakes, overflow, looks)
    if not wrong and gradients:
        wrong = _wrong_gradient(given, definition, cases, answers, mistakes)
    if not wrong and (rule := broken(given, rules)):
        wrong = Verdict(False, f"the numbers are right, but {rule}")
    if wrong:
        return wrong
    also = ", gradients too." if gradients else "."
    printed = next((answer.printed for answer in answers if answer.printed), ())
    return Verdict(True, f"{len(cases)} public checks passed{also}", printed=printed)


def expected(what: str, answer: Any, instead: str = "") -> Verdict:
    """The verdict on an answer of the wrong kind: "a number is expected here, got str: 'many'"."""
    got = f"{what} is expected here, got {kind(answer)}: {shown(answer)}"
    return Verdict(False, f"{got}. {instead}" if instead else got)


# --- gradients -----------------------------------------------------------------------------------

NO_GRADIENT = (
    "the value is right, but no gradient can flow through it, so nothing could be trained: "
    "look for .item(), .detach(), float(…), torch.tensor(…), NumPy, or torch.no_grad()"
)


BACKWARD_INSIDE = (
    "the value is right, but its gradient has been taken already: "
    "leave .backward() to whoever trains with what you return"
)


def gradients_of(call: Callable[[Case], Any], case: Case) -> tuple[dict[int, Tensor], str]:
    """The gradient of each tensor argument by its place, 0 where none arrives, or what is wrong.

    A result of many numbers is summed with unequal weights: the plain sum of a softmax is constant.
    """
    case = case.copy(gradients=True)
    leaves = {
        place: value
        for place, value in enumerate(case.arguments)
        if isinstance(value, Tensor) and value.requires_grad
    }
    try:
        with listening([]):  # the call that gave the value has written the same
            value = call(case)
            if not isinstance(value, Tensor) or not value.requires_grad:
                return {}, NO_GRADIENT
            total = (value.flatten() * torch.linspace(1, 2, value.numel()).to(value)).sum()
            found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # of the learner's function, or of the way back through it
        if "numpy" in told(error):
            return {}, NO_GRADIENT
        if "a second time" in told(error):
            return {}, BACKWARD_INSIDE
        return {}, f"the value is right, but the gradient fails with {told(error)}"
    pairs = zip(leaves.items(), found, strict=True)
    return {k: torch.zeros_like(leaf) if g is None else g for (k, leaf), g in pairs}, ""


def _wrong_gradient(
    given: Callable,
    definition: Callable,
    cases: Sequence[Case],
    answers: Sequence[Answer],
    mistakes: Sequence[Mistake],
) -> Verdict | None:
    """The verdict on the first gradient that is not right; None if all are."""
    names = names_of(given, definition, cases[0])
    for at, case in enumerate(cases):
        mine, problem = gradients_of(lambda case: case.ask(given), case)
        if not problem:
            problem = _gradient_problem(case, mine, definition, mistakes, names)
        if problem:
            before = f"The gradients of the {at} cases before are right." if at > 1 else ""
            printed = answers[at].printed
            return Verdict(False, problem, where(cases, at, before), printed=printed)
    return None


def _gradient_problem(
    case: Case,
    mine: Mapping[int, Tensor],
    definition: Callable,
    mistakes: Sequence[Mistake],
    names: Names,
) -> str:
    right, _ = gradients_of(lambda case: case.call(definition), case)
    wrong = [place for place in right if not close(mine[place], right[place])]
    if not wrong:
        return ""
    value = case.copy().call(definition)
    for mistake in mistakes:
        theirs = result_of(mistake, case)
        if theirs is None or not close(theirs, torch.as_tensor(value)):
            continue  # the learner's value is right
        known, _ = gradients_of(lambda case, mistake=mistake: case.call(mistake), case)
        if known and all(close(mine[place], known[place]) for place in right):
            return mistake.explanation
    for place in wrong:
        if not mine[place].isfinite().all():
            return (
                f"the value is right, but the gradient with respect to {names[place]} is not "
                f"finite {case.title}: is a root or a logarithm taken where its argument is 0?"
            )
    return _about_the_gradients(wrong, mine, right, names)


def _about_the_gradients(
    wrong: Sequence[int], mine: Mapping[int, Tensor], right: Mapping[int, Tensor], names: Names
) -> str:
    """No known mistake fits: say which gradient is wrong, and how."""
    listed = " and ".join(names[place] for place in wrong)
    if not any(right[place].any() for place in wrong):
        return (
            f"the value is right, but a gradient flows into {listed}, "
            "which should get none: put .detach() behind it"
        )
    if not any(mine[place].any() for place in wrong):
        return (
            f"the value is right, but no gradient arrives at {listed}: is it detached, or taken "
            "out by .item(), float(…), torch.tensor(…) or NumPy?"
        )
    begin = f"the value is right, but the gradient with respect to {listed}"
    factors = {_factor_of(mine[place], right[place]) for place in wrong}
    if len(factors) == 1 and (factor := factors.pop()):
        hint = (
            "it is doubled somewhere"
            if factor > 1
            else "a part of what it flows through is detached"
        )
        return f"{begin} is {factor:.4g} times the right one: {hint}"
    parts = [
        place for place in wrong if right[place].ndim and _right_entries(mine[place], right[place])
    ]
    if parts:
        return (
            f"{begin} is right for some entries, and wrong for others: "
            "are some rows detached, or made anew from numbers?"
        )
    return f"{begin} is wrong: is a part of the formula detached, or made anew from numbers?"


def _factor_of(mine: Tensor, right: Tensor) -> float:
    """The factor between two gradients, rounded, 0 if there is none."""
    largest = right.abs().argmax()
    factor = (mine.flatten()[largest] / right.flatten()[largest]).item() if right.any() else 0.0
    return round(factor, 3) if close(mine, factor * right) else 0.0


def _right_entries(mine: Tensor, right: Tensor) -> bool:
    """Whether some rows are right and others are not."""
    rows = [close(m, r) for m, r in zip(mine, right, strict=True)]
    return any(rows) and not all(rows)
