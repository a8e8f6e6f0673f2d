"""The checks on maps pass the right functions, name each mistake, and never raise."""

import math

import pytest
import torch
from support.every_check import EveryCheck

from mlteach import checks, maps
from mlteach.mistakes import maps as mistakes_of_maps
from mlteach.mistakes import mistakes_in


def conditional_by_softmax(squared, sigma):
    logits = -squared / (2 * sigma[:, None] ** 2)
    return logits.fill_diagonal_(-math.inf).softmax(1)


def force_by_autograd(p, y):
    y = y.clone().requires_grad_()
    return -torch.autograd.grad(maps.kl_divergence(p, y), y)[0]


def force_by_formula(p, y):
    """Attraction and repulsion apart, each as a matrix product."""
    kernel = (1 / (1 + torch.cdist(y, y) ** 2)).fill_diagonal_(0)
    stiffness = 4 * (p - kernel / kernel.sum()) * kernel
    return stiffness @ y - stiffness.sum(1, keepdim=True) * y


RIGHT = {
    "conditional_affinities": conditional_by_softmax,
    "perplexity": lambda p: 2 ** -(torch.special.xlogy(p, p).sum(1) / math.log(2)),
    "student_t": maps.student_t,
    "spring_forces": force_by_formula,
}
MISTAKES = {
    "conditional_affinities": mistakes_in(mistakes_of_maps.affinities.affinities_at),
    "perplexity": mistakes_in(mistakes_of_maps.affinities.perplexity_of),
    "student_t": mistakes_in(maps.student_t),
    "spring_forces": mistakes_in(mistakes_of_maps.plane.spring_forces),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def test_the_exercise_asks_for_the_formula():
    verdict = checks.spring_forces(force_by_autograd)
    assert not verdict.passed
    assert "the numbers are right, but the formula is what is asked for" in verdict.message


def exp_as_typed(squared, sigma):
    p = (-squared / (2 * sigma[:, None] ** 2)).exp().fill_diagonal_(0)
    return p / p.sum(1, keepdim=True)


def entropy_as_typed(p):
    return (-(p * p.log()).sum(1)).exp()


@pytest.mark.parametrize(
    ("name", "given", "part"),
    [
        ("conditional_affinities", exp_as_typed, "0/0"),
        ("perplexity", entropy_as_typed, "0 · log 0"),
        ("conditional_affinities", lambda squared, sigma: None, "returns nothing yet"),
        ("perplexity", lambda p: torch.special.entr(p).sum().exp(), "shape (), expected (6,)"),
        (
            "student_t",
            lambda y: y @ y.T,
            "the whole of the right result sums to 1",
        ),
        ("spring_forces", lambda p: p, "TypeError"),
        ("spring_forces", 3, "a function is expected"),
    ],
)
def test_other_answers_are_answered_and_never_raise(name, given, part):
    verdict = getattr(checks, name)(given)
    assert not verdict.passed
    assert part in verdict.message


@pytest.mark.parametrize("answer", ["C", "c", " C "])
def test_the_justified_statement_is_accepted(answer):
    assert checks.justified_statement(answer).passed


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ("A", "one Gaussian"),
        ("b", "ten times as wide"),
        ("D", 'one of "A", "B", "C"'),
        (None, 'one of "A", "B", "C"'),
        (2, 'one of "A", "B", "C"'),
        ("", 'one of "A", "B", "C"'),
    ],
)
def test_an_unjustified_statement_is_explained(answer, part):
    verdict = checks.justified_statement(answer)
    assert not verdict.passed
    assert part in verdict.message
