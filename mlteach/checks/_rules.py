"""Rules that an exercise states about how, found in the code that a learner's function runs.

A rule is broken where the function, or one that it calls from the same place, uses one of the names
or goes round in a loop. What cannot be looked into breaks none.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType

from torch import Tensor
from torch.overrides import TorchFunctionMode

from mlteach.checks._guard import listening

Rule = tuple[str, Callable[[Callable], bool]]  # what to say, and whether it is broken

LOOPING = ("FOR_ITER", "JUMP_BACKWARD")


def uses(message: str, *names: str) -> Rule:
    """The rule that none of these functions is called, such as "logsumexp"."""
    return message, lambda given: any(set(names) & set(code.co_names) for code in _codes(given))


def loops(message: str, small: tuple, large: tuple) -> Rule:
    """The rule that no loop goes over the data: more of them, and more lines are run.

    A comprehension over two names is none.
    """

    def is_broken(given: Callable) -> bool:
        codes = set(_codes(given))
        steps = (step for code in codes for step in dis.get_instructions(code))
        if not any(step.opname.startswith(LOOPING) for step in steps):
            return False
        return _lines_run(given, codes, large) > _lines_run(given, codes, small)

    return message, is_broken


def _lines_run(given: Callable, codes: set[CodeType], arguments: tuple) -> int:
    """How many lines of this code a call runs, each as often as it runs."""
    count, before = 0, sys.gettrace()

    def trace(frame, event, _):
        nonlocal count
        count += event == "line"
        return trace if frame.f_code in codes else None

    arguments = tuple(a.clone() if isinstance(a, Tensor) else a for a in arguments)
    with listening([]):
        sys.settrace(trace)
        try:
            given(*arguments)
        finally:
            sys.settrace(before)
    return count


def at_most_dimensions(message: str, most: int, *arguments: Tensor) -> Rule:
    """The rule that no tensor on the way has more dimensions, when called with these arguments."""

    def is_broken(given: Callable) -> bool:
        with _Widest() as seen, listening([]):
            given(*(argument.clone() for argument in arguments))
        return seen.most > most

    return message, is_broken


def at_most_entries(message: str, most: int, *arguments: Tensor) -> Rule:
    """The rule that no tensor on the way has more entries, when called with these arguments."""

    def is_broken(given: Callable) -> bool:
        with _Widest() as seen, listening([]):
            given(*(argument.clone() for argument in arguments))
        return seen.entries > most

    return message, is_broken


class _Widest(TorchFunctionMode):
    """Notes the largest numbers of dimensions and entries of any tensor that is computed."""

    most = 0
    entries = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.most = max(self.most, result.dim())
            self.entries = max(self.entries, result.numel())
        return result


def broken(given: Callable, rules: tuple[Rule, ...]) -> str:
    """What to say of the first broken rule, or ""; the package's own functions break none."""
    if getattr(given, "__module__", "").startswith("mlteach."):
        return ""
    return next((message for message, is_broken in rules if is_broken(given)), "")


def _codes(given: Callable) -> Iterator[CodeType]:
    """The code of a function, of functions inside it, and of those beside it that it names."""
    todo, seen = [given], set()
    while todo:
        one = todo.pop()
        if isinstance(one, FunctionType):
            names = one.__code__.co_names
            beside = [one.__globals__.get(name) for name in names]
            todo += [f for f in beside if isinstance(f, FunctionType) and _beside(f, one)]
            todo.append(one.__code__)
        elif isinstance(one, CodeType) and one not in seen:
            seen.add(one)
            yield one
            todo += [part for part in one.co_consts if isinstance(part, CodeType)]


def _beside(one: FunctionType, other: FunctionType) -> bool:
    """Written in the same notebook or file, and not the same function."""
    return one is not other and one.__module__ == other.__module__
