"""Checks of the chapter on MAML: the inner step, the outer loss, its second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from mlteach.checks._answers import judge_number
from mlteach.checks._core import Case, Verdict, check, judge, normal
from mlteach.checks._rules import uses
from mlteach.episodes import Episode
from mlteach.meta import maml_loss as right_maml_loss
from mlteach.mistakes import Mistake, meta, mistakes_in


def _told(verdict: Verdict) -> Verdict:
    """The verdict, with the usual message about changed inputs in this chapter's words."""
    changed = "changes its input" in verdict.message
    return replace(verdict, message=meta.OVERWRITES) if changed else verdict


BY_HAND = (
    uses(
        "the gradient is to be written out by hand: no automatic differentiation",
        *("grad", "backward", "vjp", "jvp", "jacobian", "jacrev", "jacfwd", "adapt", "maml_loss"),
    ),
)


@check
def inner_step(given: Any) -> Verdict:
    """Checks ``given(weights, x, y, lr)``, (D,), (N, D), (N,): one step down the squared error."""
    cases = [
        Case(
            f"with {n} examples and lr {lr}",
            (normal(3, seed=n), normal(n, 3, seed=n + 1), normal(n, seed=n + 2), lr),
        )
        for n in (4, 7)
        for lr in (0.05, 0.3)
    ]
    right = meta.inner_step
    return _told(judge(given, right, cases, mistakes_in(right), rules=BY_HAND))


# --- MAML's outer loss ---------------------------------------------------------------------------


class _OuterLoss(nn.Module):
    """A way to compute the outer loss of a linear model."""

    def __init__(self, maml: Callable, size: int):
        super().__init__()
        self.maml, self.model = maml, nn.Linear(size, 1, bias=False)

    def forward(self, episodes: Episode, lr: float, steps: int) -> Tensor:
        return self.maml(self.model, episodes, F.mse_loss, lr=lr, steps=steps)


def _of_weights(maml: Callable) -> Callable:
    """The outer loss as a function of the weights (D,) and of the tasks' tensors."""

    def loss(weights, x_support, y_support, x_query, y_query, lr, steps):
        tasks = Episode(x_support, y_support[..., None], x_query, y_query[..., None])
        outer = _OuterLoss(maml, len(weights))
        return functional_call(outer, {"model.weight": weights[None]}, (tasks, lr, steps))

    return loss


MAML_MISTAKES = [
    Mistake(_of_weights(m.function), m.explanation) for m in mistakes_in(right_maml_loss)
]


@check
def maml_loss(given: Any) -> Verdict:
    """Checks ``given(weights, x_support, y_support, x_query, y_query, lr, steps)`` of x @ weights.

    Shapes (D,), (T, N, D), (T, N), (T, M, D), (T, M); the value and its gradient are those of MAML
    with squared errors.
    """
    support = normal(4, 5, 3, seed=7), normal(4, 5, seed=8)
    query = normal(4, 6, 3, seed=9), normal(4, 6, seed=10)
    cases = [
        Case(
            f"with {steps} inner step(s) and lr {lr}",
            (normal(3, seed=steps), *support, *query, lr, steps),
        )
        for steps, lr in ((1, 0.1), (3, 0.05), (2, 0.2))
    ]
    return _told(judge(given, _of_weights(right_maml_loss), cases, MAML_MISTAKES))


# --- one step on a parabola ----------------------------------------------------------------------


@check
def outer_gradient(given: Any) -> Verdict:
    """Checks ``given(w, optimum, curvature, lr)``, (N,) three times: MAML's after one step."""
    cases = [
        Case(
            f"with lr {lr}",
            (normal(6, seed=1), normal(6, seed=2), normal(6, seed=3).abs() + 0.3, lr),
        )
        for lr in (0.0, 0.2, 0.7)
    ]
    right = meta.outer_gradient
    known = mistakes_in(right)
    return _told(judge(given, right, cases, known, gradients=False, rules=BY_HAND))


@check
def largest_rate(answer: Any, *, curvature: float = 4.0) -> Verdict:
    """Checks the rate 2 / a beyond which a step on a / 2 (w - c)² makes the loss worse."""
    told = {
        1 / curvature: "with this rate one step lands on the optimum; "
        "a little more oversteps, but still comes nearer",
        curvature
        / 2: "this is the inverse: the steeper the parabola, the smaller the step must be",
        curvature: "this is the curvature itself: ask when |1 - lr * curvature| passes 1",
    }

    def otherwise(rate: float) -> str:
        share = abs(1 - rate * curvature)
        return (
            f"with lr {rate:g} the distance to the optimum is multiplied by {share:.3g}, not by 1"
        )

    passed = "1 public check passed."
    return judge_number(
        answer, 2 / curvature, told, passed=passed, otherwise=otherwise, tolerance=1e-6
    )
