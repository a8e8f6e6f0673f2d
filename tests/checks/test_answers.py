"""Answers that are plain numbers: what counts as one, and what a wrong one is told."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from mlteach.checks._answers import as_number, judge_number

NUMBERS = [2, 2.0, Fraction(2), np.int64(2), np.float32(2), np.array([2]), torch.tensor(2)]
NO_NUMBERS = [True, np.True_, torch.tensor(True), None, "2", 2j, math.nan, math.inf, 10**400, [2]]


@pytest.mark.parametrize("answer", [*NUMBERS, torch.tensor([[2.0]])], ids=repr)
def test_whatever_is_one_number_counts(answer):
    assert as_number(answer) == 2


@pytest.mark.parametrize("answer", [*NO_NUMBERS, torch.ones(3), np.array("2")], ids=str)
def test_nothing_else_is_a_number(answer):
    assert as_number(answer) is None
    verdict = judge(answer)
    assert not verdict.passed
    assert verdict.message.startswith("a number is expected here, got ")
    assert len(verdict.message) < 200


def judge(answer):
    told = {3: "one too many"}
    return judge_number(answer, 2, told, passed="right", otherwise=lambda n: f"not {n:g}")


def test_right_known_and_other_numbers():
    assert repr(judge(2.0004)) == "✔ right"
    assert repr(judge(3)) == "✘ one too many"
    assert repr(judge(-1)) == "✘ not -1"


@pytest.mark.parametrize(
    ("number", "part"),
    [
        (63.5, "It is twice the right number"),
        (31, "It is cut off to a whole number"),
        (-31.75, "The sign is wrong"),
        (3175, "It is a hundred times too large"),
        (4 / 127, "It is upside down"),
    ],
)
def test_what_a_wrong_number_is_of_the_right_one_is_told(number, part):
    verdict = judged(number, 31.75)
    assert not verdict.passed
    assert part in verdict.message


def test_a_number_may_be_written_down_with_two_decimals():
    assert judged(0.69, 0.6931472).passed
    assert not judged(0.7, 0.6931472).passed


def judged(number, right):
    options = {"passed": "right", "otherwise": lambda number: f"{number:g} is not it"}
    return judge_number(number, right, {}, **options)
