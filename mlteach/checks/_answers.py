"""What checks of numbers share: which answers are a number, and which wrong number means what."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

from mlteach.checks._core import Verdict, expected


def as_number(answer: Any) -> float | None:
    """What a learner may hand in as a number, a tensor or an array of one entry too; else None."""
    if isinstance(answer, Tensor) and answer.device.type == "meta":  # which has no values
        return None
    if isinstance(answer, Tensor | np.ndarray) and math.prod(answer.shape) == 1:
        answer = answer.item()
    if isinstance(answer, bool | np.bool_) or not isinstance(answer, Real):
        return None
    try:
        number = float(answer)
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return number if math.isfinite(number) else None


def as_words(answer: Any) -> list[str] | None:
    """What a learner may hand in as some words, in any collection; a single text is none."""
    if isinstance(answer, str | bytes):
        return None
    try:
        words = list(islice(iter(answer), MOST))
    except Exception:  # what cannot be gone through; a tensor without dimensions is one of these
        return None
    return [str(word) for word in words] if all(isinstance(w, str) for w in words) else None


MOST = 100  # words: a generator need not end


def judge_number(
    answer: Any,
    right: float,
    told: Mapping[float, str],
    *,
    passed: str,
    otherwise: Callable[[float], str],
    kind: str = "a number",
    tolerance: float = 1e-3,
) -> Verdict:
    """Judges an answer that is one number.

    Args:
        answer: what the learner wrote; anything at all.
        right: the right number.
        told: a wrong number → which mistake leads to it.
        passed: what to say to the right number.
        otherwise: what to say to any other number.
        kind: what is expected, in words.
        tolerance: how far from a number an answer may lie and still be meant.
    """
    number = as_number(answer)
    if number is None:
        return expected(kind, answer, _instead(answer))
    decimals = (round(right, places) for places in (2, 3))  # as somebody writes it down
    if math.isclose(number, right, abs_tol=tolerance) or number in decimals:
        return Verdict(True, passed)
    nearest = min(told, key=lambda mistaken: abs(number - mistaken), default=math.inf)
    if math.isclose(number, nearest, abs_tol=tolerance):
        return Verdict(False, told[nearest])
    symptom = of_the_right_number([number], [right])
    # of larger ones two figures after the point are no question
    rounded = abs(right) < 10 and math.isclose(number, round(number, 3), rel_tol=1e-9)
    if rounded and not symptom and math.isclose(number, right, rel_tol=0.02):
        return Verdict(False, f"{number:g} is close: is it rounded too far? Write it as a formula")
    return Verdict(False, _sentences(otherwise(number), symptom))


def _instead(answer: Any) -> str:
    """How an answer of the wrong kind becomes a number, or ""."""
    if isinstance(answer, str):
        return "Write it without quotes"
    return "Call it, with its brackets" if callable(answer) else ""


def _invert(number: float) -> float:
    return 1 / number


def _add_one(number: float) -> float:
    return number + 1


def _subtract_one(number: float) -> float:
    return number - 1


# what a wrong number is of the right one → what to say
OF_THE_RIGHT_NUMBER: dict[str, Callable[[float], float]] = {
    "It is rounded: hand over the fraction too": round,
    "It is cut off to a whole number: hand over the fraction too": math.floor,
    "It is rounded up: hand over the fraction too": math.ceil,
    "The sign is wrong": lambda n: -n,
    "It is upside down: which is divided by which?": _invert,
    "It is a hundred times too large: is a share expected, not percent?": lambda n: 100 * n,
    "It is a hundredth of the right number: percent or a share?": lambda n: n / 100,
    "It is twice the right number: does something count twice?": lambda n: 2 * n,
    "It is half of the right number: does something count half?": lambda n: n / 2,
    "It is the square of the right number: is a root missing?": lambda n: n * n,
    "It is the root of the right number: is a square missing?": lambda n: math.sqrt(n),
    "It is in bits, with a logarithm of base 2": lambda n: n / math.log(2),
    "It is one too many": _add_one,
    "It is one too few": _subtract_one,
}


def of_the_right_number(numbers: Sequence[float], right: Sequence[float]) -> str:
    """What all of the numbers are of the right ones, in a sentence, or ""."""
    small = max(map(abs, right)) <= 2.5  # too many numbers are something of 2 or of 0.5
    for what, change in OF_THE_RIGHT_NUMBER.items():
        if small and change in (round, math.floor, math.ceil, _add_one, _subtract_one, _invert):
            continue
        try:
            changed = [change(n) for n in right]
        except (ValueError, ZeroDivisionError, OverflowError):  # the root of -1, 1 / 0
            continue
        if changed != list(right) and all(map(math.isclose, numbers, changed)):
            return what
    return ""


def judge_numbers(
    answer: Any,
    right: Sequence[float],
    told: Mapping[str, Sequence[float]],
    *,
    otherwise: Callable[[int, float], str],
    tolerance: float = 1e-3,
    told_within: float = 1e-6,
) -> Verdict:
    """Judges an answer that is a list of numbers, as `judge_number` does one.

    Args:
        answer: what the learner wrote; anything at all.
        right: the right numbers.
        told: which mistake leads to which numbers.
        otherwise: (place, number) → what to say of the first wrong number.
        tolerance: how far from the right ones the numbers may lie.
        told_within: how far from those of a mistake they may lie, as a share of them.
    """
    is_vector = isinstance(answer, Tensor | np.ndarray) and answer.ndim == 1
    entries = answer if is_vector or isinstance(answer, list | tuple) else [answer]
    numbers = [as_number(entry) for entry in entries]
    if len(numbers) != len(right) or None in numbers:
        return expected(f"a list of {len(right)} numbers", answer, _instead(answer))
    wrong = [i for i, n in enumerate(numbers) if not abs(n - right[i]) <= tolerance]
    if not wrong:
        return Verdict(True, f"{len(right)} public checks passed.")
    for mistake, values in told.items():
        pairs = zip(numbers, values, strict=True)
        if all(_meant(number, value, told_within) for number, value in pairs):
            return Verdict(False, mistake)
    pairs = zip(sorted(numbers), sorted(right), strict=True)
    if all(abs(number - value) <= tolerance for number, value in pairs):
        return Verdict(False, "these are the right numbers in another order")
    message = otherwise(wrong[0], numbers[wrong[0]])
    symptom = of_the_right_number(numbers, right) if len(wrong) == len(right) else ""
    return Verdict(False, _sentences(message, symptom))


def _meant(number: float, value: float, within: float) -> bool:
    """Whether a number is a value, or one of more than 1 that is rounded."""
    whole = (math.floor(value), math.ceil(value)) if abs(value) > 1 else ()
    return math.isclose(number, value, rel_tol=within) or number in whole


def _sentences(one: str, other: str) -> str:
    """Two of them, the other one may be empty."""
    stop = "" if one.endswith("?") else "."
    return f"{one}{stop} {other}" if other else one
