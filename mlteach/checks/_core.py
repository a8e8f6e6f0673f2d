"""How a check works: run the learner's function, compare it with the definition, and name the
mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class Verdict:
    """What a check found; a notebook shows the message."""

    passed: bool
    message: str

    def __repr__(self) -> str:
        return f"{'✔' if self.passed else '✘'} {self.message}"


class Case(NamedTuple):
    """One call of the learner's function, and how to name it in a sentence: "at temperature 0.05"."""

    title: str
    arguments: tuple
    keywords: Mapping[str, Any] = {}

    def call(self, function: Callable) -> Any:
        return function(*self.arguments, **self.keywords)

    def copy(self, *, gradients: bool = False) -> Case:
        """The same call with tensors of its own, so that nothing a learner does can spoil the next
        call.
        """
        return self._replace(
            arguments=tuple(
                value.detach().clone().requires_grad_(gradients and value.is_floating_point())
                if isinstance(value, Tensor)
                else value
                for value in self.arguments
            )
        )


def judge(
    given: Any,
    definition: Callable,
    cases: Sequence[Case],
    mistakes: Mapping[str, Callable],
    *,
    gradients: bool = True,
    overflow: str = "",
) -> Verdict:
    """Compares the learner's function with the definition on every case: first the values, then the
    gradients.

    Args:
        given: what the learner wrote; anything at all, a check never raises.
        definition: the right function, with the same arguments.
        cases: calls that differ in what can go wrong: batches, temperatures, scales.
        mistakes: what to tell the learner → the function with that mistake. It is told when every
            value matches.
        gradients: whether the gradient with respect to every tensor argument must be right too.
        overflow: what to add to the message when a value is not finite.
    """
    if not callable(given):
        return Verdict(False, f"a function is expected here, got {type(given).__name__}: {given!r}")
    right = [case.copy().call(definition) for case in cases]
    values = []
    for case, expected in zip(cases, right, strict=True):
        value, problem = run_case(given, case, expected)
        if problem:
            return Verdict(False, f"{problem} ({case.title})")
        values.append(value)
    finite = [i for i, value in enumerate(values) if torch.isfinite(value).all()]
    wrong = [i for i in finite if not _close(values[i], right[i])]
    if wrong:
        told = _name_the_mistake(mistakes, [(cases[i], values[i]) for i in finite])
        return Verdict(False, told or _where(cases, values, right, wrong))
    if len(finite) < len(cases):
        broken = next(i for i in range(len(cases)) if i not in finite)
        why = (
            overflow
            if finite
            else "Is there a division by 0, a log of 0, or the root of a negative number?"
        )
        return Verdict(
            False, f"the result is {_show(values[broken])} {cases[broken].title}. {why}".strip()
        )
    if gradients and (problem := _gradient_problem(given, definition, cases)):
        return Verdict(False, problem)
    return Verdict(
        True, f"{len(cases)} public checks passed" + (", gradients too." if gradients else ".")
    )


def run_case(given: Callable, case: Case, right: Tensor) -> tuple[Tensor | None, str]:
    """The value of one call, or what is wrong with it before any number is compared."""
    mine = case.copy()
    try:
        value = mine.call(given)
    # whatever a learner's function raises is the learner's to read, in one line
    except Exception as error:
        return (
            None,
            f"your function raised {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
        )
    if value is None or value is ...:
        return None, "your function returns nothing yet: end it with `return …`"
    if not isinstance(value, Tensor):
        try:
            value = torch.as_tensor(value, dtype=right.dtype)
        except (TypeError, ValueError, RuntimeError):
            return None, f"your function returns a {type(value).__name__}, a tensor is expected"
    if value.shape != right.shape:
        return None, f"the result has shape {tuple(value.shape)}, expected {tuple(right.shape)}"
    for before, after in zip(case.arguments, mine.arguments, strict=True):
        if isinstance(before, Tensor) and not torch.equal(before, after):
            return (
                None,
                "your function changes its input: an operation that ends in _ or an assignment writes to it",
            )
    return value, ""


def _close(value: Tensor, right: Tensor) -> bool:
    return torch.allclose(value.detach().double(), right.detach().double(), rtol=2e-4, atol=2e-5)


def _name_the_mistake(
    mistakes: Mapping[str, Callable], tried: Sequence[tuple[Case, Tensor]]
) -> str:
    for told, mistake in mistakes.items():
        if all(_close(value, case.copy().call(mistake)) for case, value in tried):
            return told
    return ""


def _where(cases: Sequence[Case], values: list, right: list, wrong: list[int]) -> str:
    """No known mistake fits: say where it is right, where it is wrong, and by how much."""
    first = wrong[0]
    fine = [case.title for i, case in enumerate(cases) if i not in wrong]
    start = (
        f"right {fine[0]}, wrong {cases[first].title}" if fine else f"wrong {cases[first].title}"
    )
    return f"{start}: expected {_show(right[first])}, got {_show(values[first])}"


def _show(tensor: Tensor) -> str:
    numbers = [f"{number:.4f}" for number in tensor.flatten().tolist()]
    return ", ".join(numbers[:3] + ["…"] * (len(numbers) > 3))


def _gradient_problem(given: Callable, definition: Callable, cases: Sequence[Case]) -> str:
    for case in cases:
        mine, reference = case.copy(gradients=True), case.copy(gradients=True)
        value = mine.call(given)
        if not isinstance(value, Tensor) or not value.requires_grad:
            return (
                "the value is right, but no gradient can flow through it, so nothing could be trained: "
                "look for .item(), .detach(), float(…), torch.tensor(…), NumPy, or torch.no_grad()"
            )
        value.sum().backward()
        reference.call(definition).sum().backward()
        for position, (a, b) in enumerate(zip(mine.arguments, reference.arguments, strict=True), 1):
            if (
                isinstance(b, Tensor)
                and b.grad is not None
                and (a.grad is None or not _close(a.grad, b.grad))
            ):
                return (
                    f"the value is right, but the gradient with respect to argument {position} is wrong "
                    f"{case.title}: is a part of the sum detached, or made anew from numbers?"
                )
    return ""
