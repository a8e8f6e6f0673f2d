"""How a check works: run what a learner wrote, compare it with the definition, name the mistake."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mlteach.mistakes import Mistake


@dataclass(frozen=True)
class Verdict:
    """What a check found; a notebook shows the message."""

    passed: bool
    message: str

    def __repr__(self) -> str:
        return f"{'✔' if self.passed else '✘'} {self.message}"


class Case(NamedTuple):
    """One call of the learner's function, and how a sentence names it: "at temperature 0.05"."""

    title: str
    arguments: tuple
    keywords: Mapping[str, Any] = {}

    def call(self, function: Callable) -> Any:
        """Calls a function of the package, or a mistake in one."""
        return function(*self.arguments, **self.keywords)

    def ask(self, given: Callable) -> Any:
        """Calls a learner's function, which may take a hyperparameter by place, under any name."""
        by_name = {name: self.keywords[name] for name in self.keywords if _only_named(given, name)}
        by_place = [value for name, value in self.keywords.items() if name not in by_name]
        return given(*self.arguments, *by_place, **by_name)

    def copy(self, *, gradients: bool = False) -> Case:
        """The same call with tensors of its own: what writes to them spoils no other call."""
        return self._replace(
            arguments=tuple(
                value.detach().clone().requires_grad_(gradients and value.is_floating_point())
                if isinstance(value, Tensor)
                else value
                for value in self.arguments
            )
        )


def _only_named(function: Callable, name: str) -> bool:
    try:
        parameter = inspect.signature(function).parameters.get(name)
    except (TypeError, ValueError):  # no signature, as that of some built-in functions
        return False
    return parameter is not None and parameter.kind is parameter.KEYWORD_ONLY


def normal(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    """Normal random numbers, the same at every call: what most cases are made of."""
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def judge(
    given: Any,
    definition: Callable,
    cases: Sequence[Case],
    mistakes: Sequence[Mistake],
    *,
    gradients: bool = True,
    overflow: str = "",
) -> Verdict:
    """Compares the learner's function with the definition: first the values, then the gradients.

    Args:
        given: what the learner wrote; anything at all, a check never raises.
        definition: the right function, with the same arguments; it returns a tensor or a number.
        cases: calls that differ in what can go wrong: batches, temperatures, scales.
        mistakes: wrong functions; one is told where every value matches, or the gradient.
        gradients: whether the gradient with respect to every tensor argument must be right too.
        overflow: what to add to the message when a value is not finite.
    """
    if not callable(given):
        return Verdict(False, f"a function is expected here, got {type(given).__name__}: {given!r}")
    mistakes = [mistake for mistake in mistakes if mistake.explanation]
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):  # whatever the notebook has set
        problem = _value_problem(given, definition, cases, mistakes, overflow)
        if not problem and gradients:
            problem = _gradient_problem(given, definition, cases, mistakes)
    if problem:
        return Verdict(False, problem)
    also = ", gradients too." if gradients else "."
    return Verdict(True, f"{len(cases)} public checks passed{also}")


def run_case(given: Callable, case: Case, right: Tensor) -> tuple[Tensor | None, str]:
    """The value of one call, and what is wrong with it before any number is compared.

    The value is None where nothing can be compared: the function raised, changed its input, or
    returned no numbers.
    """
    mine = case.copy()
    try:
        value = mine.ask(given)
    except Exception as error:  # whatever a learner's function raises is the learner's to read
        return None, f"your function raised {_in_one_line(error)}"
    if value is None or value is ...:
        return None, "your function returns nothing yet: end it with `return …`"
    if not isinstance(value, Tensor):
        try:
            value = torch.as_tensor(value, dtype=right.dtype)
        except Exception:
            return None, f"your function returns a {type(value).__name__}, a tensor is expected"
    if value.is_complex():
        return None, "your function returns complex numbers, real ones are expected"
    for before, after in zip(case.arguments, mine.arguments, strict=True):
        if isinstance(before, Tensor) and not torch.equal(before, after):
            return None, (
                "your function changes its input: "
                "an operation that ends in _ or an assignment writes to it"
            )
    if value.shape != right.shape:
        return value, f"the result has shape {tuple(value.shape)}, expected {tuple(right.shape)}"
    return value, ""


def _in_one_line(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


def _value_problem(
    given: Callable,
    definition: Callable,
    cases: Sequence[Case],
    mistakes: Sequence[Mistake],
    overflow: str,
) -> str:
    right = [torch.as_tensor(case.copy().call(definition)) for case in cases]
    values, problems = [], []
    for case, expected in zip(cases, right, strict=True):
        value, problem = run_case(given, case, expected)
        if problem:
            problems.append(f"{problem} ({case.title})")
        if value is None:
            return problems[-1]
        values.append(value)
    finite = [i for i, value in enumerate(values) if torch.isfinite(value).all()]
    wrong = [i for i in finite if not _close(values[i], right[i])]
    if wrong and (told := _name_the_mistake(mistakes, [(cases[i], values[i]) for i in finite])):
        return told
    if problems:
        return problems[0]
    if wrong:
        return _where(cases, values, right, wrong)
    if len(finite) == len(cases):
        return ""
    broken = next(i for i in range(len(cases)) if i not in finite)
    always = "Is there a division by 0, a log of 0, or the root of a negative number?"
    why = overflow if finite else always
    return f"the result is {_show(values[broken])} {cases[broken].title}. {why}".strip()


def _close(value: Tensor, right: Tensor) -> bool:
    if value.shape != right.shape:
        return False
    return torch.allclose(value.detach().double(), right.detach().double(), rtol=2e-4, atol=2e-5)


def _name_the_mistake(mistakes: Sequence[Mistake], tried: Sequence[tuple[Case, Tensor]]) -> str:
    for mistake in mistakes:
        known = (torch.as_tensor(case.copy().call(mistake)) for case, _ in tried)
        if all(_close(value, wrong) for (_, value), wrong in zip(tried, known, strict=True)):
            return mistake.explanation
    return ""


def _where(cases: Sequence[Case], values: list, right: list, wrong: list[int]) -> str:
    """No known mistake fits: say where it is right, where it is wrong, and by how much."""
    first = wrong[0]
    fine = [case.title for i, case in enumerate(cases) if i not in wrong]
    start = f"right {fine[0]}, " if fine else ""
    value, expected = values[first], right[first]
    entry = next(i for i in np.ndindex(*expected.shape) if not _close(value[i], expected[i]))
    where = f"in entry {list(entry)} " if entry else ""
    found = f"{where}expected {_show(expected[entry])}, got {_show(value[entry])}"
    return f"{start}wrong {cases[first].title}: {found}"


def _show(tensor: Tensor) -> str:
    numbers = [_digits(number) for number in tensor.flatten().tolist()]
    return ", ".join(numbers[:3] + ["…"] * (len(numbers) > 3))


def _digits(number: float) -> str:
    """Four decimals; an index, or any whole number of an integer tensor, as it is."""
    return f"{number:.4f}" if isinstance(number, float) else str(number)


# --- gradients -----------------------------------------------------------------------------------

NO_GRADIENT = (
    "the value is right, but no gradient can flow through it, so nothing could be trained: "
    "look for .item(), .detach(), float(…), torch.tensor(…), NumPy, or torch.no_grad()"
)


def gradients_of(call: Callable[[Case], Any], case: Case) -> tuple[dict[int, Tensor], str]:
    """The gradient of each tensor argument by its place, 0 where none arrives, or what is wrong.

    A result of many numbers is summed with unequal weights: the plain sum of a softmax is constant.
    """
    case = case.copy(gradients=True)
    leaves = {
        place: value
        for place, value in enumerate(case.arguments, 1)
        if isinstance(value, Tensor) and value.requires_grad
    }
    try:
        value = call(case)
        if not isinstance(value, Tensor) or not value.requires_grad:
            return {}, NO_GRADIENT
        total = (value.flatten() * torch.linspace(1, 2, value.numel()).to(value)).sum()
        found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    except Exception as error:  # of the learner's function, or of the way back through it
        if "numpy" in str(error):
            return {}, NO_GRADIENT
        return {}, f"the value is right, but the gradient fails with {_in_one_line(error)}"
    pairs = zip(leaves.items(), found, strict=True)
    return {k: torch.zeros_like(leaf) if g is None else g for (k, leaf), g in pairs}, ""


def _gradient_problem(
    given: Callable, definition: Callable, cases: Sequence[Case], mistakes: Sequence[Mistake]
) -> str:
    for case in cases:
        mine, problem = gradients_of(lambda case: case.ask(given), case)
        if problem:
            return problem
        right, _ = gradients_of(lambda case: case.call(definition), case)
        wrong = [place for place in right if not _close(mine[place], right[place])]
        if not wrong:
            continue
        for mistake in mistakes:
            known, _ = gradients_of(lambda case, mistake=mistake: case.call(mistake), case)
            if known and all(_close(mine[place], known[place]) for place in right):
                return mistake.explanation
        return _about_the_gradient(case, wrong[0], mine[wrong[0]], right[wrong[0]])
    return ""


def _about_the_gradient(case: Case, place: int, mine: Tensor, right: Tensor) -> str:
    """No known mistake fits: say which gradient is wrong, and what wrong gradients come from."""
    if not mine.isfinite().all():
        return (
            f"the value is right, but the gradient with respect to argument {place} is not finite "
            f"{case.title}: is a root or a logarithm taken where its argument is 0?"
        )
    if not right.any():
        return (
            f"the value is right, but a gradient flows into argument {place}, "
            "which should get none: put .detach() behind it"
        )
    return (
        f"the value is right, but the gradient with respect to argument {place} is wrong "
        f"{case.title}: is a part of the sum detached, or made anew from numbers?"
    )
