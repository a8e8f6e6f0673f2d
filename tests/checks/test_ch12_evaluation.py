"""The checks of the chapter on evaluation pass the right answers and name each known mistake."""

import math

import pytest
import torch
from support.every_check import EveryCheck

from mlteach import checks
from mlteach.evaluate import knn_votes
from mlteach.mistakes import evaluate, mistakes_in


def right_votes(similarities, labels, n_classes, temperature):
    rows = []
    for near, classes in zip(similarities.tolist(), labels.tolist(), strict=True):
        row = [0.0] * n_classes
        for s, c in zip(near, classes, strict=True):
            row[c] += math.exp(s / temperature)
        rows.append([vote / sum(row) for vote in row])
    return torch.tensor(rows)


def right_standardise(train, test):
    std = train.std(0, correction=0)
    std[std == 0] = 1
    return (test - train.mean(0)) / std


RIGHT = {
    "weighted_votes": right_votes,
    "standardise": right_standardise,
    "half_width": lambda x: 1.96 * x.std() / len(x) ** 0.5,
}
MISTAKES = {
    "weighted_votes": mistakes_in(knn_votes),
    "standardise": mistakes_in(evaluate.protocol.standardise),
    "half_width": mistakes_in(evaluate.intervals.half_width),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


@pytest.mark.parametrize(
    ("name", "given", "part"),
    [
        ("weighted_votes", lambda s, y, c, t: (s / t).softmax(1), "expected (5, 3)"),
        (
            "standardise",
            lambda train, test: test.sub_(train.mean(0)) / train.std(0, correction=0),
            "changes its input",
        ),
        (
            "standardise",
            lambda train, test: (test - train.mean(0)) / train.std(0, correction=0),
            "divide by 1 there",
        ),
        ("half_width", lambda x: 2.5 * x.std() / len(x) ** 0.5, "every value is 1.276 times"),
    ],
)
def test_whatever_a_learner_hands_in_is_answered(name, given, part):
    verdict = getattr(checks, name)(given)
    assert not verdict.passed
    assert part in verdict.message


def test_either_way_to_count_in_a_standard_deviation_is_an_interval():
    """N or N - 1: for an interval both are in use."""
    assert checks.half_width(lambda x: 1.96 * x.std(correction=0) / len(x) ** 0.5).passed


@pytest.mark.parametrize("answer", [{"A", "C", "E"}, ["e", "c", "a"], "ACE"])
def test_the_leaking_protocols_are_found(answer):
    verdict = checks.leaking(answer)
    assert verdict.passed, verdict
    assert "views of one image" in verdict.message


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ({"A", "B"}, "B does not leak: pre-training"),
        ({"A", "C", "D", "E"}, "D does not leak"),
        ({"A"}, "2 more of them"),
        (set(), "3 more of them"),
        ({"F"}, "the protocols are A to E, got 'F'"),
        (None, 'a set of letters, such as {"B", "D"}, is expected'),
        ([1, 2], 'a set of letters, such as {"B", "D"}, is expected'),
    ],
)
def test_a_wrong_choice_is_explained(answer, part):
    verdict = checks.leaking(answer)
    assert not verdict.passed
    assert part in verdict.message
