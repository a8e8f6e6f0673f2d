"""Answers to the checked exercises as students write them, and what a check must make of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from mlteach import checks
from mlteach.checks import Verdict


class Answer(NamedTuple):
    """One answer: `call` hands it to the check of the exercise."""

    exercise: str
    kind: str  # "right", "wrong", or "rule": right numbers, against a rule that the text states
    label: str
    call: Callable[[Callable], Verdict]

    def verdict(self) -> Verdict:
        return self.call(getattr(checks, self.exercise))


class Answers(list[Answer]):
    """The answers to one chapter, written by somebody who had not read its checks."""

    def __init__(self, chapter: str) -> None:
        super().__init__()
        self.chapter = chapter

    def _add(self, kind: str, exercise: str, label: str, answer: Any, call: Any) -> None:
        self.append(Answer(exercise, kind, label, call or (lambda check: check(answer))))

    def wrong(self, exercise: str, label: str, answer: Any = None, *, call: Any = None) -> None:
        self._add("wrong", exercise, label, answer, call)

    def right(self, exercise: str, label: str, answer: Any = None, *, call: Any = None) -> None:
        self._add("right", exercise, label, answer, call)

    def rule(self, exercise: str, label: str, answer: Any = None, *, call: Any = None) -> None:
        self._add("rule", exercise, label, answer, call)


# sentences that are true, and send nobody to a line
UNTOLD = re.compile(
    r"^✘ (right .*, wrong |wrong in every case|this check cannot judge|your numbers are near)"
)


def tells(verdict: Verdict) -> bool:
    """Whether a verdict names a mistake or a symptom that tells where to look."""
    return not UNTOLD.match(str(verdict))
