"""The checks on similarity pass the right answers and name each mistake that they know."""

import math

import pytest
import torch
import torch.nn.functional as F
from support.every_check import EveryCheck

from mlteach import checks
from mlteach.mistakes import mistakes_in, similarity
from mlteach.similarity import nearest


def right_correlation(x, y):
    x, y = x - x.mean(dim=1, keepdim=True), y - y.mean(dim=1, keepdim=True)
    return F.cosine_similarity(x[:, None], y[None], dim=-1)


def right_nearest(matrix, k):
    rows = []
    for row, values in enumerate(matrix.tolist()):
        others = [i for i in range(len(matrix)) if i != row]
        rows.append(sorted(others, key=lambda i: -values[i]))
    return torch.tensor(rows)[:, :k]


RIGHT = {
    "squared_distances": similarity.squared_distances,
    "correlation": right_correlation,
    "nearest": right_nearest,
}
MISTAKES = {
    "squared_distances": mistakes_in(similarity.squared_distances),
    "correlation": mistakes_in(similarity.correlation),
    "nearest": mistakes_in(nearest),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


@pytest.mark.parametrize(
    ("name", "given", "part"),
    [
        ("squared_distances", lambda x, y: None, "returns nothing yet"),
        (
            "squared_distances",
            lambda x, y: y.square().sum(1)[:, None] + x.square().sum(1) - 2 * x @ y.T,
            "RuntimeError",
        ),
        (
            "squared_distances",
            lambda x, y: (x[:, None] - y).square().mean(-1),
            "every value is 1/3 times the right one",
        ),
        (
            "squared_distances",
            lambda x, y: (x[:, None] - y).square().sum(-1).detach(),
            "no gradient can flow",
        ),
        ("correlation", lambda x, y: x.sub_(x.mean(1, keepdim=True)) @ y.T, "changes its input"),
        (
            "correlation",
            lambda x, y: right_correlation(x, y).diagonal(),
            "shape (4,), expected (4, 6)",
        ),
        (
            "nearest",
            lambda matrix, k: matrix.argsort(dim=1, descending=True),
            "shape (6, 6), expected (6, 3)",
        ),
        (
            "nearest",
            lambda matrix, k: matrix.fill_diagonal_(-math.inf).topk(k).indices,
            "changes its input",
        ),
        ("nearest", None, "a function is expected"),
    ],
)
def test_whatever_a_learner_hands_in_is_answered(name, given, part):
    verdict = getattr(checks, name)(given)
    assert not verdict.passed
    assert part in verdict.message


def test_the_parting_length_is_where_both_candidates_are_equally_far():
    """The answer found by bisection of the two distances passes, as a number and as a tensor."""
    low, high = 1.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if abs(middle - 1) < math.dist((1, 0), (0.8, 0.6)) else (low, middle)
        )
    assert checks.parting_length(low).passed
    assert checks.parting_length(torch.tensor(low)).passed


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (math.sqrt(0.4), "measured from the origin"),
        (1.4, "take the root"),
        (1 - math.sqrt(0.4), "too short"),
        (0.8, "dot product"),
        (1, "query itself"),
        (3, "farther than A"),
        (1.2, "nearer than A"),
        (None, "a number is expected"),
        (True, "a number is expected"),
        (math.inf, "a number is expected"),
        ("1.6", "a number is expected"),
    ],
)
def test_a_wrong_length_is_explained(answer, part):
    verdict = checks.parting_length(answer)
    assert not verdict.passed
    assert part in verdict.message


def test_right_numbers_against_the_rule_are_told():
    verdict = checks.squared_distances(lambda x, y: (x[:, None] - y).square().sum(-1))
    assert not verdict.passed
    assert verdict.message.startswith("the numbers are right, but ")
    assert "three dimensions" in verdict.message


def test_a_comprehension_over_two_names_is_no_loop_over_the_data():
    def right(x, y):
        a, b = (z.square().sum(1) for z in (x, y))
        return a[:, None] + b - 2 * x @ y.T

    def loops(x, y):
        return torch.stack([y.square().sum(1) + a @ a - 2 * y @ a for a in x])

    assert checks.squared_distances(right).passed
    assert "there is a loop" in checks.squared_distances(loops).message
