"""Checks of the chapter on MAML: the inner step, the outer loss, and what the second derivative
does.
"""

from __future__ import annotations

from functools import partial
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from mlteach.checks._core import Case, Verdict, judge


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _error(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of the linear model x @ weights."""
    return (x @ weights - y).square().mean()


# --- one inner step ------------------------------------------------------------------------------


def _inner_step(weights, x, y, lr, *, sign=-1, factor=1.0, by=len, from_zero=False) -> Tensor:
    """One gradient step of the linear model, by its formula, with every part that can be got wrong
    as an option.
    """
    gradient = factor * 2 * x.T @ (x @ weights - y) / by(y)
    return (0 if from_zero else weights) + sign * lr * gradient


INNER_STEP_MISTAKES = {
    "you climb: gradient descent subtracts the gradient": partial(_inner_step, sign=1),
    "you return the step, not the adapted weights: add it to the weights": partial(_inner_step, from_zero=True),
    "the gradient is that of the sum of the squared errors: the loss is their mean":
        partial(_inner_step, by=lambda y: 1),
    "the factor 2 of the square's derivative is missing": partial(_inner_step, factor=0.5),
    "the learning rate is missing": lambda weights, x, y, lr: _inner_step(weights, x, y, 1.0),
    "your weights do not move": lambda weights, x, y, lr: weights.clone(),
}  # fmt: skip

OVERWRITES = (
    "your inner loop overwrites the initialisation: the next task would start where this one ended. "
    "Make new weights, w = w - lr * gradient, instead of changing the old ones in place"
)


def inner_step(given: Any) -> Verdict:
    """Checks ``given(weights, x, y, lr)``, (D,), (N, D), (N,), against one step down the mean
    squared error.
    """
    cases = [
        Case(f"with {n} examples and lr {lr}",
             (_random(3, seed=n), _random(n, 3, seed=n + 1), _random(n, seed=n + 2), lr))
        for n in (4, 7) for lr in (0.05, 0.3)
    ]  # fmt: skip
    return _told(judge(given, _inner_step, cases, INNER_STEP_MISTAKES))


def _told(verdict: Verdict) -> Verdict:
    """The verdict, with the usual message about changed inputs in this chapter's words."""
    return Verdict(False, OVERWRITES) if "changes its input" in verdict.message else verdict


# --- MAML's outer loss ---------------------------------------------------------------------------


def _maml(
    weights, x_support, y_support, x_query, y_query, lr, steps, *,
    sign=-1, outer="query", detached=False, chained=False, collected=torch.mean, steps_made=lambda steps: steps,
    restart=False,
) -> Tensor:  # fmt: skip
    """The outer loss of a linear model with every part that can be got wrong as an option."""
    losses, start = [], weights
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query, strict=True):
        w = start
        for _ in range(steps_made(steps)):
            gradient = 2 * xs.T @ (xs @ w - ys) / len(ys)
            w = (start if restart else w) + sign * lr * (
                gradient.detach() if detached else gradient
            )
        losses.append(_error(w, xq, yq) if outer == "query" else _error(w, xs, ys))
        start = w if chained else weights
    return collected(torch.stack(losses))


MAML_MISTAKES = {
    "your outer loss is that of the support: the initialisation is judged by the query, which adapting has not seen":
        partial(_maml, outer="support"),
    "you climb: the inner loop subtracts the gradient": partial(_maml, sign=1),
    "the adapted weights of one task are the start of the next: every task starts from the initialisation":
        partial(_maml, chained=True),
    "every inner step starts from the initialisation: a step starts where the last one ended":
        partial(_maml, restart=True),
    "you add up over the tasks: the outer loss is their mean": partial(_maml, collected=torch.sum),
    "your tasks are not adapted: the query loss is that of the initialisation": partial(_maml, steps_made=lambda s: 0),
    "you always make one inner step, whatever steps says": partial(_maml, steps_made=lambda s: 1),
    "you make one inner step too many": partial(_maml, steps_made=lambda s: s + 1),
}  # fmt: skip

FIRST_ORDER = (
    "the value is right, but this is first-order MAML: the derivative of the inner gradient is missing. "
    "Take it with torch.autograd.grad(…, create_graph=True), and keep .detach() and .data away from it"
)


def maml_loss(given: Any) -> Verdict:
    """Checks ``given(weights, x_support, y_support, x_query, y_query, lr, steps)`` of a linear
    model x @ weights.

    Shapes (D,), (T, N, D), (T, N), (T, M, D), (T, M); the value and its gradient are those of MAML
    with squared errors.
    """
    cases = []
    for steps, lr in ((1, 0.1), (3, 0.05), (2, 0.2)):
        data = (
            _random(3, seed=steps),
            _random(4, 5, 3, seed=7),
            _random(4, 5, seed=8),
            _random(4, 6, 3, seed=9),
        )
        cases.append(
            Case(
                f"with {steps} inner step(s) and lr {lr}",
                (*data, _random(4, 6, seed=10), lr, steps),
            )
        )
    verdict = judge(given, _maml, cases, MAML_MISTAKES)
    if verdict.passed or "the gradient with respect to argument 1 is wrong" not in verdict.message:
        return _told(verdict)
    mine, first_order = (
        _outer_gradient_of(function, cases[0])
        for function in (given, partial(_maml, detached=True))
    )
    return (
        Verdict(False, FIRST_ORDER) if mine.allclose(first_order, rtol=1e-3, atol=1e-5) else verdict
    )


def _outer_gradient_of(function: Any, case: Case) -> Tensor:
    call = case.copy(gradients=True)
    return torch.autograd.grad(call.call(function), call.arguments[0])[0]


# --- the outer gradient of a parabola ------------------------------------------------------------


def _parabola(w, optimum, curvature, lr, *, power=2, scaled=True, sign=-1) -> Tensor:
    """The outer gradient after one step on a / 2 (w - c)², with what can be got wrong as an option."""
    return (curvature if scaled else 1) * (1 + sign * lr * curvature) ** power * (w - optimum)


PARABOLA_MISTAKES = {
    "this is the first-order gradient: multiply once more by dw'/dw = 1 - lr * curvature": partial(_parabola, power=1),
    "this is the gradient without adapting: it belongs at w', and dw'/dw is missing too": partial(_parabola, power=0),
    "the loss's own curvature is missing: its slope at w' is curvature * (w' - optimum)":
        partial(_parabola, scaled=False),
    "you climb: w' = w - lr * curvature * (w - optimum)": partial(_parabola, sign=1),
    "one factor too many: once 1 - lr * curvature from the slope at w', once from dw'/dw": partial(_parabola, power=3),
}  # fmt: skip


def outer_gradient(given: Any) -> Verdict:
    """Checks ``given(w, optimum, curvature, lr)``, (N,) three times, against MAML's gradient after
    one step.
    """
    cases = [
        Case(
            f"with lr {lr}",
            (_random(6, seed=1), _random(6, seed=2), _random(6, seed=3).abs() + 0.3, lr),
        )
        for lr in (0.0, 0.2, 0.7)
    ]
    return _told(judge(given, _parabola, cases, PARABOLA_MISTAKES, gradients=False))


# --- how large a step may be ---------------------------------------------------------------------


def largest_rate(answer: Any, *, curvature: float = 4.0) -> Verdict:
    """Checks the inner learning rate beyond which a step on a / 2 (w - c)² makes the loss worse: 2
    / a.
    """
    if isinstance(answer, bool) or not isinstance(answer, (Real, Tensor)):
        return Verdict(False, f"a number is expected here, got {type(answer).__name__}: {answer!r}")
    value = float(answer)
    told = {
        1 / curvature: "with this rate one step lands on the optimum; a little more oversteps, but still comes nearer",
        curvature / 2: "turned round: the steeper the parabola, the smaller the step must be",
        curvature: "this is the curvature itself: ask when |1 - lr * curvature| passes 1",
    }  # fmt: skip
    if abs(value - 2 / curvature) < 1e-6:
        return Verdict(True, "1 public check passed.")
    for mistake, message in told.items():
        if abs(value - mistake) < 1e-6:
            return Verdict(False, message)
    share = abs(1 - value * curvature)
    return Verdict(
        False,
        f"with lr {value:g} the distance to the optimum is multiplied by {share:.3g}, not by 1",
    )
