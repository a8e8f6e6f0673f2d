"""The checks on answers that students wrote before anybody looked at the checks.

Each file chNN.py holds the answers to one chapter, fresh/chNN.py those of another student, who came
after the checks had been mended for the first. Every wrong one is rejected, every right one is
accepted, and nine in ten of the wrong ones get a message that tells where to look.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import torch
from support.answers import Answer, Answers, tells

from mlteach.checks import Verdict

HERE = Path(__file__).parent
FILES = sorted([*HERE.glob("ch*.py"), *HERE.glob("fresh/ch*.py")])
CHAPTERS = [".".join(path.relative_to(HERE).with_suffix("").parts) for path in FILES]


@cache
def verdicts(chapter: str) -> list[tuple[Answer, Verdict]]:
    answers: Answers = import_module(f"answers.{chapter}").answers
    judged = []
    for answer in answers:
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            judged.append((answer, answer.verdict()))
    return judged


def listed(pairs: list[tuple[Answer, Verdict]]) -> str:
    return "\n".join(f"{a.exercise}: {a.label}: {str(v).splitlines()[0]}" for a, v in pairs)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_wrong_answers_are_rejected(chapter):
    passed = [(a, v) for a, v in verdicts(chapter) if a.kind == "wrong" and v.passed]
    assert not passed, listed(passed)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_right_answers_are_accepted(chapter):
    refused = [(a, v) for a, v in verdicts(chapter) if a.kind == "right" and not v.passed]
    assert not refused, listed(refused)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_four_wrong_answers_in_five_are_told_where_to_look(chapter):
    wrong = [(a, v) for a, v in verdicts(chapter) if a.kind == "wrong"]
    untold = [(a, v) for a, v in wrong if not tells(v)]
    assert len(untold) <= 0.2 * len(wrong), listed(untold)


def test_nine_wrong_answers_in_ten_of_all_are_told_where_to_look():
    every = [pair for chapter in CHAPTERS for pair in verdicts(chapter)]
    wrong = [(a, v) for a, v in every if a.kind == "wrong"]
    assert sum(tells(v) for _, v in wrong) >= 0.9 * len(wrong)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_right_numbers_against_a_stated_rule_are_rejected(chapter):
    passed = [(a, v) for a, v in verdicts(chapter) if a.kind == "rule" and v.passed]
    assert not passed, listed(passed)
