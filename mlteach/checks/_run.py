"""What a call of the learner's function gives, and what is wrong with it as a result."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mlteach.checks._case import Case
from mlteach.checks._guard import listening
from mlteach.checks._symptoms import close
from mlteach.checks._verdict import kind, one_line, shown, told


class Answer(NamedTuple):
    """What a call of the learner's function gave.

    The value is None where nothing can be compared: the function raised, changed its input, or
    returned no numbers. The problem is what is wrong before any number is compared.
    """

    value: Tensor | None
    problem: str
    printed: tuple[str, ...] = ()
    line: str = ""  # of the learner's code, where it raised

    @property
    def raised(self) -> bool:
        return self.problem.startswith(RAISED)


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
        hint = ": do a sum, a mean or an index take too many dimensions away?"
    elif len(got) > len(wanted):
        hint = ": does a dimension stay that a sum, a mean or an index takes away?"
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
        # numbers of any type may stand for floats; cutting them off to whole ones would hide some
        dtype = right.dtype if right.is_floating_point() else None
        return torch.as_tensor(value, dtype=dtype).clone(), ""
    except KeyboardInterrupt:
        raise
    except BaseException:  # an object can raise anything when it is asked for its entries
        got = f"a {kind(value)}, a tensor is expected"
        parts = value if isinstance(value, tuple | list) else ()
        for place, part in enumerate(parts):
            if isinstance(part, Tensor) and close(part, right):
                hint = f"entry {place} of it is right, so return that alone"
                return None, f"your function returns {got}: {hint}"
        return None, f"your function returns {got}: {shown(value)}"


RAISED = "your function raised"


def _raised(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "your function ends Python, as `exit()` does: end it with `return …`"
    text = told(error)
    hint = next((hint for part, hint in HINTS.items() if part in text), "")
    return ". ".join(filter(None, [f"{RAISED} {text.removesuffix('.')}", hint]))


# a part of an error of torch → what it usually comes from
HINTS = {
    "must match the size of tensor": "To combine every row with every other one, give one of the "
    "two a dimension more, as in `x[:, None]`; `keepdim=True` keeps one; in a batch of matrices "
    "`.mT` swaps rows and columns. Or does a number stand there that should follow the shape?",
    "size for first two dimensions of batch2": "`a @ b` needs as many columns of a as rows of b, "
    "and as many matrices: is a `.mT` missing, or one too many?",
    "Expected target size": "cross_entropy takes the classes from dimension 1: with more "
    "dimensions, `flatten(0, 1)` the scores and `flatten()` the targets first",
    "to match target batch_size": "cross_entropy takes one target for every row of scores: "
    "does a number stand there that should follow the shape?",
    "shapes cannot be multiplied": "`a @ b` needs as many columns of a as rows of b: "
    "is a `.T` missing?",
    "with a bool tensor is not supported": "True and False are no numbers yet: "
    "`~mask` is the opposite of a mask, `mask.float()` makes 1 and 0",
    "Boolean value of Tensor": "`if`, `and`, `max(…)` and `min(…)` of Python take one number: "
    "let `torch.where`, `&`, `.clamp(min=…)` do it",
    "to not have been used in the graph": "The graph of an inner gradient is kept by "
    "`create_graph=True` only; or is something detached on the way?",
    "can be converted to Python scalars": "`math.…` and `float(…)` take one number: "
    "torch has the same functions for whole tensors",
}


def _line_of(error: BaseException) -> str:
    """Which of the learner's lines raised: "Line 3: `x @ y`"; "" within a library."""
    ours = str(Path(__file__).parent)
    walked = traceback.walk_tb(error.__traceback__)
    places = [(frame.f_code.co_filename, number) for frame, number in walked]
    places = [place for place in places if not place[0].startswith(ours)]
    if not places or "site-packages" in places[0][0]:
        return ""
    file, number = [place for place in places if place[0] == places[0][0]][-1]
    linecache.checkcache(file)
    line = linecache.getline(file, number).strip()  # of this frame only: a recursion has thousands
    return f"Line {number}: `{one_line(line)}`" if line else ""
