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
from mlteach.checks._rules import broken, uses
from mlteach.episodes import Episode
from mlteach.meta import maml_loss as right_maml_loss
from mlteach.mistakes import Mistake, meta, mistakes_in
from mlteach.mistakes.meta import maml


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
    cases = []
    for n, scale in ((4, 1.0), (7, 0.1)):  # the gradients are long, then short
        weights, y = normal(3, seed=n, scale=scale), normal(n, seed=n + 2, scale=scale)
        for lr in (0.05, 0.3):
            title = f"with {n} examples and lr {lr}"
            cases.append(Case(title, (weights, normal(n, 3, seed=n + 1), y), {"lr": lr}))
    right = meta.inner_step
    verdict = judge(given, right, cases, mistakes_in(right), rules=BY_HAND, looks=(STEP,))
    if verdict.message.startswith("the value is right") and (rule := broken(given, BY_HAND)):
        return Verdict(False, f"the numbers are right, but {rule}")  # why no gradient flows
    return _told(verdict)


STEP = "in the step, your result less the weights", lambda case, new: new - case.arguments[0]


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


def in_the_inner_loop(right: Callable, *but: Callable) -> list[Mistake]:
    """The mistakes in one inner step, but for these, made in all steps of inner loops."""

    def with_step(step: Callable) -> Callable:
        def function(*arguments, **keywords):
            return right(*arguments, **keywords, step=step)

        function.__name__ = step.__name__
        return function

    but += (maml.gradient_detached, maml.two_steps, maml.step_up, maml.no_step)
    return [
        Mistake(with_step(m.function), f"in the inner step: {m.explanation}")
        for m in mistakes_in(meta.inner_step)
        if m.function not in but
    ]


MAML_MISTAKES = [
    *(Mistake(_of_weights(m.function), m.explanation) for m in mistakes_in(right_maml_loss)),
    *mistakes_in(meta.linear_maml),
    # what is left out has words of its own among the mistakes in MAML
    *in_the_inner_loop(meta.linear_maml, maml.step_of_the_sum, maml.half_a_step),
]


@check
def maml_loss(given: Any) -> Verdict:
    """Checks ``given(weights, x_support, y_support, x_query, y_query, lr, steps)`` of x @ weights.

    Shapes (D,), (T, N, D), (T, N), (T, M, D), (T, M); the value and its gradient are those of MAML
    with squared errors.
    """
    cases = []
    for n_tasks, steps, lr in ((1, 1, 0.1), (1, 3, 0.05), (4, 1, 0.2), (4, 3, 0.05), (4, 2, 0.2)):
        support = normal(n_tasks, 5, 3, seed=7), normal(n_tasks, 5, seed=8)
        query = normal(n_tasks, 6, 3, seed=9), normal(n_tasks, 6, seed=10)
        title = f"with {n_tasks} task(s), {steps} inner step(s) and lr {lr}"
        edge = STEPS if n_tasks == 1 else TASKS if steps == 1 else BOTH
        arguments, inner = (normal(3, seed=steps), *support, *query), {"lr": lr, "steps": steps}
        cases.append(Case(title, arguments, inner, "" if steps == n_tasks == 1 else edge))
    return _told(judge(given, _of_weights(right_maml_loss), cases, MAML_MISTAKES))


# what may go wrong with more than one task or step, where one of each is right
STEPS = "does each inner step start where the last one ended, and take its gradient there?"
TASKS = (
    "does every task start from the weights that were given, is it judged by its own query, "
    "and is the mean of all taken at the end?"
)
BOTH = "is something kept from one task's inner loop to the next one's?"


# --- one step on a parabola ----------------------------------------------------------------------


@check
def outer_gradient(given: Any) -> Verdict:
    """Checks ``given(w, optimum, curvature, lr)``, (N,) three times: MAML's after one step."""
    cases = [
        Case(
            f"with lr {lr}",
            (normal(6, seed=1), normal(6, seed=2), normal(6, seed=3).abs() + 0.3),
            {"lr": lr},
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
        (2 / curvature) ** 0.5: "no root: the distance is multiplied by 1 - lr * curvature",
        curvature: "this is the curvature itself: ask when |1 - lr * curvature| passes 1",
    }

    def otherwise(rate: float) -> str:
        if rate <= 0:
            return f"with lr {rate:g} no step goes down: ask for the largest one that does not harm"
        share = abs(1 - rate * curvature)
        return (
            f"with lr {rate:g} the distance to the optimum is multiplied by {share:.3g}, not by 1"
        )

    passed = "1 public check passed."
    return judge_number(
        answer, 2 / curvature, told, passed=passed, otherwise=otherwise, tolerance=1e-6
    )
