"""The checks of the chapter on MAML pass what is right, name each mistake, and never raise."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from support.every_check import EveryCheck
from torch import nn

from mlteach import checks
from mlteach.checks import ch15_maml as chapter_15
from mlteach.meta import adapt
from mlteach.mistakes import meta, mistakes_in


def right_inner_step(weights, x, y, lr):
    weights = weights if weights.requires_grad else weights.clone().requires_grad_()
    loss = (x @ weights - y).pow(2).mean()
    (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
    return weights - lr * gradient


class Linear(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights.detach().clone())

    def forward(self, x):
        return x @ self.weights


def right_maml_loss(weights, x_support, y_support, x_query, y_query, lr, steps):
    """Task by task with mlteach.adapt, so that the check is held to the package."""
    model, losses = Linear(weights), []
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query, strict=True):
        start = weights if weights.requires_grad else weights.clone().requires_grad_()
        adapted = adapt(model, {"weights": start}, xs, ys, F.mse_loss, lr=lr, steps=steps)
        losses.append(F.mse_loss(xq @ adapted["weights"], yq))
    return torch.stack(losses).mean()


def right_outer_gradient(w, optimum, curvature, lr):
    w = w.clone().requires_grad_()
    slope = torch.autograd.grad((curvature / 2 * (w - optimum) ** 2).sum(), w, create_graph=True)[0]
    return torch.autograd.grad((curvature / 2 * (w - lr * slope - optimum) ** 2).sum(), w)[0]


RIGHT = {
    "inner_step": meta.inner_step,
    "maml_loss": right_maml_loss,
    "outer_gradient": meta.outer_gradient,
}
MISTAKES = {
    "inner_step": mistakes_in(meta.inner_step),
    "maml_loss": [mistake for mistake in chapter_15.MAML_MISTAKES if mistake.explanation],
    "outer_gradient": mistakes_in(meta.outer_gradient),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def overwritten(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses = []
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query, strict=True):
        for _ in range(steps):
            weights.data -= lr * 2 * xs.T @ (xs @ weights.data - ys) / len(ys)
        losses.append((xq @ weights - yq).square().mean())
    return torch.stack(losses).mean()


def test_an_overwritten_initialisation_is_named():
    assert checks.maml_loss(overwritten).message == meta.OVERWRITES

    def in_place(weights, x, y, lr):
        weights -= lr * 2 * x.T @ (x @ weights - y) / len(y)
        return weights

    assert checks.inner_step(in_place).message == meta.OVERWRITES


def test_a_value_without_a_gradient_is_told():
    verdict = checks.maml_loss(lambda *arguments: right_maml_loss(*arguments).detach())
    assert "no gradient can flow" in verdict.message


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (0.25, "lands on the optimum"),
        (2.0, "this is the inverse"),
        (4, "the curvature itself"),
        (0.4, "multiplied by 0.6"),
        ("0.5", "a number is expected"),
        (None, "a number is expected"),
        (True, "a number is expected"),
    ],
)
def test_a_wrong_rate_is_explained(answer, part):
    verdict = checks.largest_rate(answer)
    assert not verdict.passed
    assert part in verdict.message


@pytest.mark.parametrize("answer", [0.5, torch.tensor(0.5)])
def test_the_right_rate_passes(answer):
    assert checks.largest_rate(answer).passed


def test_the_rate_is_where_a_step_neither_helps_nor_harms():
    """By gradient descent itself: at 2 / curvature the loss stays, beyond it grows."""
    before = 4 / 2 * 1.0**2
    below, at, beyond = (4 / 2 * (1.0 - lr * 4 * 1.0) ** 2 for lr in (0.49, 0.5, 0.51))
    assert below < before < beyond
    assert at == pytest.approx(before)


@pytest.mark.parametrize(
    ("check", "given"),
    [(checks.inner_step, right_inner_step), (checks.outer_gradient, right_outer_gradient)],
)
def test_right_numbers_against_the_rule_are_told(check, given):
    verdict = check(given)
    assert not verdict.passed
    assert verdict.message.startswith("the numbers are right, but the gradient is to be written")
