"""How a check works: run what a learner wrote, compare it with the definition, name the mistake."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mlteach.checks._guard import check, listening
from mlteach.checks._probes import exchanged, fixed, probed
from mlteach.checks._rules import Rule, broken
from mlteach.checks._symptoms import close, ignored_hyperparameter, symptom
from mlteach.checks._verdict import Entry, Verdict, kind, one_line, shown, told
from mlteach.mistakes import Mistake

__all__ = ["Case", "Verdict", "check", "judge", "normal", "run_case"]


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
    """
    if not callable(given):
        return expected("a function", given)
    mistakes = [mistake for mistake in mistakes if mistake.explanation]
    right = [torch.as_tensor(case.copy().call(definition)) for case in cases]
    answers = [run_case(given, case, value) for case, value in zip(cases, right, strict=True)]
    wrong = _wrong_value(given, definition, cases, answers, right, mistakes, overflow)
    if not wrong and gradients:
        wrong = _wrong_gradient(given, definition, cases, answers, mistakes)
    if wrong:
        return wrong
    if rule := broken(given, rules):
        return Verdict(False, f"the numbers are right, but {rule}")
    also = ", gradients too." if gradients else "."
    printed = next((answer.printed for answer in answers if answer.printed), ())
    return Verdict(True, f"{len(cases)} public checks passed{also}", printed=printed)


def expected(what: str, answer: Any) -> Verdict:
    """The verdict on an answer of the wrong kind: "a number is expected here, got str: 'many'"."""
    return Verdict(False, f"{what} is expected here, got {kind(answer)}: {shown(answer)}")


class Answer(NamedTuple):
    """What a call of the learner's function gave.

    The value is None where nothing can be compared: the function raised, changed its input, or
    returned no numbers. The problem is what is wrong before any number is compared.
    """

    value: Tensor | None
    problem: str
    printed: tuple[str, ...] = ()
    line: str = ""  # of the learner's code, where it raised


def run_case(given: Callable, case: Case, right: Tensor) -> Answer:
    """Calls the learner's function, and says what is wrong with its result as a result."""
    mine, heard = case.copy(), []
    try:
        with listening(heard):
            try:
                value = mine.ask(given)
            except RuntimeError as error:  # a gradient is taken inside, as of weights in a training
                if "does not require grad" not in str(error):
                    raise
                mine = case.copy(gradients=True)
                value = mine.ask(given)
            value, problem = _as_tensor(value, right)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a learner's function raises is the learner's to read
        return Answer(None, _raised(error), tuple(heard), _line_of(error))
    for before, after in zip(case.arguments, mine.arguments, strict=True):
        if isinstance(before, Tensor) and not (
            before.dtype == after.dtype and torch.equal(before, after)
        ):
            value, problem = None, CHANGES_INPUT
    if value is not None and value.shape != right.shape:
        problem = _about_the_shape(tuple(value.shape), tuple(right.shape))
    elif value is not None and right.dtype == torch.bool != value.dtype:
        problem = f"the result holds numbers ({value.dtype}), expected is a mask: True and False"
        value = None
    return Answer(value, problem, tuple(heard))


def _about_the_shape(got: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    hint = ""
    if len(got) < len(wanted):
        hint = ": is a sum or a mean taken over too many dimensions?"
    elif len(got) > len(wanted):
        hint = ": is a sum or a mean missing?"
    elif got == wanted[::-1]:
        hint = ": are rows and columns swapped?"
    return f"the result has shape {got}, expected {wanted}{hint}"


CHANGES_INPUT = (
    "your function changes its input: an operation that ends in _ or an assignment writes to it"
)


def _as_tensor(value: Any, right: Tensor) -> tuple[Tensor | None, str]:
    """The result as a plain tensor of its own, or what is wrong with it."""
    if value is None or value is ...:
        return None, "your function returns nothing yet: end it with `return …`"
    if isinstance(value, Tensor):
        if value.device.type == "meta":
            return None, "your function returns a tensor on the device meta, which has no values"
        if value.is_complex():
            return None, "your function returns complex numbers, real ones are expected"
        # a sparse result is as good; a copy, since the next call may write into the same tensor
        return value.detach().to("cpu").to_dense().clone(), ""
    try:
        return torch.as_tensor(value, dtype=right.dtype).clone(), ""
    except KeyboardInterrupt:
        raise
    except BaseException:  # an object can raise anything when it is asked for its entries
        got = f"a {kind(value)}, a tensor is expected"
        return None, f"your function returns {got}: {shown(value)}"


def _raised(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "your function ends Python, as `exit()` does: end it with `return …`"
    text = told(error)
    hint = next((hint for part, hint in HINTS.items() if part in text), "")
    return f"your function raised {text}. {hint}" if hint else f"your function raised {text}"


# a part of an error of torch → what it usually comes from
HINTS = {
    "must match the size of tensor": "To combine every row with every other one, give one of the "
    "two a dimension more, as in `x[:, None]`; `keepdim=True` keeps one",
    "shapes cannot be multiplied": "`a @ b` needs as many columns of a as rows of b: "
    "is a `.T` missing?",
    "Boolean value of Tensor": "`if`, `and`, `max(…)` and `min(…)` of Python take one number: "
    "let `torch.where`, `&`, `.clamp(min=…)` do it",
    "can be converted to Python scalars": "`math.…` and `float(…)` take one number: "
    "torch has the same functions for whole tensors",
}


def _line_of(error: BaseException) -> str:
    """Which of the learner's lines raised: "Line 3: `x @ y`"; "" within a library."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = str(Path(__file__).parent)
    frames = [frame for frame in frames if not frame.filename.startswith(ours)]
    if not frames or "site-packages" in frames[0].filename:
        return ""
    own = [frame for frame in frames if frame.filename == frames[0].filename][-1]
    return f"Line {own.lineno}: `{one_line(own.line)}`" if own.line else ""


def _where(cases: Sequence[Case], at: int, *also: str) -> str:
    """Which case it is, and what else there is to say: each a sentence."""
    case = f"Case {at + 1} of {len(cases)}: {cases[at].title}."
    return " ".join([case, *filter(None, also)])


def _wrong_value(
    given: Callable,
    definition: Callable,
    cases: Sequence[Case],
    answers: Sequence[Answer],
    right: Sequence[Tensor],
    mistakes: Sequence[Mistake],
    overflow: str,
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
        return Verdict(False, message, _where(cases, at, *also), entries, answer.printed)

    if without := [i for i in n_cases if values[i] is None]:
        return failed(answers[without[0]].problem, without[0])
    finite = [i for i in n_cases if torch.isfinite(values[i]).all()]
    of_numbers = [i for i in wrong if i in finite]
    if of_numbers:
        tried = [(cases[i], values[i], right[i]) for i in finite]
        if named := _name_the_mistake(mistakes, tried):
            return failed(named, of_numbers[0])
        if _differs_when_called_again(given, *tried[finite.index(of_numbers[0])]):
            return failed(TWO_CALLS, of_numbers[0])
        if found := symptom(tried):
            return failed(found, of_numbers[0])
    if misshapen := [i for i in n_cases if answers[i].problem]:
        return failed(answers[misshapen[0]].problem, misshapen[0])
    if of_numbers:
        at = of_numbers[0]
        asked = [case for case, _, _ in tried], definition, [value for _, value, _ in tried]
        told = exchanged(*asked) or ignored_hyperparameter(tried) or fixed(*asked)
        told = told or _probed(given, definition, cases, of_numbers)
        return failed(told or _contrast(cases, wrong, at), at)
    at = wrong[0]
    always = "Is there a division by 0, a log of 0, or the root of a negative number?"
    number = values[at][~torch.isfinite(values[at])][0].item()
    broken = f"the result is {number} {cases[at].title}"
    return failed(f"{broken}. {overflow if finite else always}".removesuffix(". "), at)


def _name_the_mistake(
    mistakes: Sequence[Mistake], tried: Sequence[tuple[Case, Tensor, Tensor]]
) -> str:
    for mistake in mistakes:
        theirs = (torch.as_tensor(case.copy().call(mistake)) for case, _, _ in tried)
        if all(close(value, wrong) for (_, value, _), wrong in zip(tried, theirs, strict=True)):
            return mistake.explanation
    return ""


TWO_CALLS = (
    "two calls with the same arguments give different results: "
    "is a random number drawn, or something kept from call to call?"
)


def _differs_when_called_again(given: Callable, case: Case, value: Tensor, right: Tensor) -> bool:
    again = run_case(given, case, right).value
    return again is not None and not close(again, value)


def _probed(
    given: Callable, definition: Callable, cases: Sequence[Case], wrong: Sequence[int]
) -> str:
    """What a change of the arguments tells, in the first wrong case in which it tells anything."""

    def theirs(case: Case) -> Tensor | None:
        try:
            return torch.as_tensor(case.copy().call(definition))
        except (ValueError, TypeError, IndexError, RuntimeError):  # no arguments for the definition
            return None

    def mine(case: Case) -> Tensor | None:
        right = theirs(case)
        return None if right is None else run_case(given, case, right).value

    return next(filter(None, (probed(cases[i], definition, mine, theirs) for i in wrong)), "")


def _contrast(cases: Sequence[Case], wrong: Sequence[int], at: int) -> str:
    """No known mistake fits: say where it is wrong, and where, as similar as can be, right."""
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
    for at, case in enumerate(cases):
        mine, problem = gradients_of(lambda case: case.ask(given), case)
        if not problem:
            problem = _gradient_problem(case, mine, definition, mistakes)
        if problem:
            before = f"The gradients of the {at} cases before are right." if at > 1 else ""
            printed = answers[at].printed
            return Verdict(False, problem, _where(cases, at, before), printed=printed)
    return None


def _gradient_problem(
    case: Case, mine: Mapping[int, Tensor], definition: Callable, mistakes: Sequence[Mistake]
) -> str:
    right, _ = gradients_of(lambda case: case.call(definition), case)
    wrong = [place for place in right if not close(mine[place], right[place])]
    if not wrong:
        return ""
    for mistake in mistakes:
        known, _ = gradients_of(lambda case, mistake=mistake: case.call(mistake), case)
        if known and all(close(mine[place], known[place]) for place in right):
            return mistake.explanation
    return _about_the_gradient(case, wrong[0], mine[wrong[0]], right[wrong[0]])


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
