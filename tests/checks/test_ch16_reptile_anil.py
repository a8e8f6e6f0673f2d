"""The checks of the chapter on Reptile and ANIL pass what is right and name each mistake."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from support.every_check import EveryCheck
from torch import nn

from mlteach import checks, evaluate
from mlteach.checks import ch16_reptile_anil as chapter_16
from mlteach.episodes import Episode
from mlteach.meta import reptile_step
from mlteach.mistakes import mistakes_in
from mlteach.mistakes.meta.reptile import inner_ascent


def right_reptile_step(weights, x, y, lr, steps, step_size):
    """By mlteach.reptile_step, so that the check is held to the package."""
    model = nn.Linear(len(weights), 1, bias=False)
    model.weight = nn.Parameter(weights[None].detach().clone())
    tasks = Episode(x, y[..., None], x, y[..., None])
    reptile_step(model, tasks, F.mse_loss, lr=lr, steps=steps, step_size=step_size)
    return model.weight[0].detach()


RIGHT = {"reptile_step": right_reptile_step, "linear_cka": evaluate.linear_cka}
MISTAKES = {
    "reptile_step": [mistake for mistake in chapter_16.REPTILE_MISTAKES if mistake.explanation],
    "linear_cka": mistakes_in(evaluate.linear_cka),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def test_overwritten_weights_are_named():
    def in_place(weights, x, y, lr, steps, step_size):
        for xs, ys in zip(x, y, strict=True):
            for _ in range(steps):
                weights -= lr * 2 * xs.T @ (xs @ weights - ys) / len(ys)
        return weights

    assert checks.reptile_step(in_place).message == chapter_16.OVERWRITES


def test_new_weights_written_over_the_old_ones_are_told():
    def at_the_end(weights, *given, **options):
        return weights.copy_(right_reptile_step(weights, *given, **options))

    assert checks.reptile_step(at_the_end).message == chapter_16.IN_PLACE


def test_two_mistakes_at_once_are_shown_by_their_numbers():
    """Away from weights that climbed: each flipped sign alone would be named."""

    climbed = chapter_16._of_weights(inner_ascent)

    def twice_flipped(weights, *given):
        return 2 * weights - climbed(weights, *given)

    assert "3 inner step(s)" in checks.reptile_step(twice_flipped).where


# --- what is frozen ------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [("stem.", "encoder."), ["encoder", "stem"], ("s", "e")])
def test_a_frozen_body_passes(answer):
    assert checks.frozen_body(answer).passed


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ("encoder.", "mind the comma"),
        (("encoder.",), "adapted are stem.weight, head.weight, head.bias"),
        (("head.",), "the other way round"),
        (("stem.", "encoder.", "head."), "nothing is adapted"),
        ((), "adapted are stem.weight, encoder.0.weight"),
        (("body.",), "no parameter's name begins with 'body.'"),
        ((1, 2), "a tuple of texts is expected"),
        (None, "a tuple of texts is expected"),
    ],
)
def test_what_else_is_frozen_is_told(answer, part):
    verdict = checks.frozen_body(answer)
    assert not verdict.passed
    assert part in verdict.message


# --- the weight of the inner product -------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (8, "MAML's"),
        (4.0, "first-order MAML's"),
        (10, "divide by k"),
        (2.5, "none before it"),
        (5, "AvgGrad itself"),
        (3.3, "3.3 is not right"),
        ("2", "a number is expected"),
        (True, "a number is expected"),
        (None, "a number is expected"),
    ],
)
def test_a_wrong_weight_is_explained(answer, part):
    verdict = checks.inner_weight(answer)
    assert not verdict.passed
    assert part in verdict.message


@pytest.mark.parametrize("answer", [2, 2.0, torch.tensor(2.0)])
def test_the_right_weight_passes(answer):
    assert checks.inner_weight(answer).passed


def test_the_weight_is_that_of_the_expansion():
    """The part of Reptile's own step that is linear in the inner rate, on quadratic losses."""
    generator = torch.Generator().manual_seed(0)
    k, rate = 5, 1e-4
    curvatures = [a @ a.T for a in torch.randn(k, 3, 3, generator=generator, dtype=torch.float64)]
    # of the mini-batches at w = 0
    slopes = torch.randn(k, 3, generator=generator, dtype=torch.float64)
    orders = [torch.randperm(k, generator=generator).tolist() for _ in range(3)]
    # both orders of every pair, so that the mean has no order
    orders += [order[::-1] for order in orders]
    total = torch.zeros(3, dtype=torch.float64)
    for order in orders:
        w = torch.zeros(3, dtype=torch.float64)
        for i in order:
            w = w - rate * (slopes[i] + curvatures[i] @ w)
        total += -w / rate / len(orders)
    pairs = [curvatures[j] @ slopes[i] for i in range(k) for j in range(k) if i != j]
    inner = torch.stack(pairs).mean(0)
    torch.testing.assert_close(total / k, slopes.mean(0) - 2 * rate * inner, atol=1e-6, rtol=0)
    assert (total / k - slopes.mean(0) + 1 * rate * inner).norm() > 1e-5
