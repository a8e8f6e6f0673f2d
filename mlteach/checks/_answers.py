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
        return expected(kind, answer)
    if math.isclose(number, right, abs_tol=tolerance):
        return Verdict(True, passed)
    for mistaken, message in told.items():
        if math.isclose(number, mistaken, abs_tol=tolerance):
            return Verdict(False, message)
    return Verdict(False, otherwise(number))


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
        return expected(f"a list of {len(right)} numbers", answer)
    wrong = [i for i, n in enumerate(numbers) if not abs(n - right[i]) <= tolerance]
    if not wrong:
        return Verdict(True, f"{len(right)} public checks passed.")
    for mistake, values in told.items():
        pairs = zip(numbers, values, strict=True)
        if all(math.isclose(n, value, rel_tol=told_within) for n, value in pairs):
            return Verdict(False, mistake)
    return Verdict(False, otherwise(wrong[0], numbers[wrong[0]]))
