"""Checks of the chapter on Reptile and ANIL: Reptile's step, likeness of representations, and what
is frozen.
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


# --- Reptile's step ------------------------------------------------------------------------------


def _reptile(
    weights, x, y, lr, steps, step_size, *,
    sign=-1, chained=False, restart=False, share=lambda step_size: step_size, collected=torch.mean, only=slice(None),
    steps_made=lambda steps: steps, moved=True,
) -> Tensor:  # fmt: skip
    """One step of Reptile for a linear model with every part that can be got wrong as an option."""
    ends, start = [], weights
    for xs, ys in zip(x, y, strict=True):
        w = start
        for _ in range(steps_made(steps)):
            w = (start if restart else w) + sign * lr * 2 * xs.T @ (xs @ w - ys) / len(ys)
        ends.append(w)
        start = w if chained else weights
    pull = collected(torch.stack(ends)[only] - weights, 0)
    return (weights if moved else 0) + share(step_size) * pull


REPTILE_MISTAKES = {
    "you go away from the adapted weights: the step is step_size * (adapted - weights)":
        partial(_reptile, share=lambda step_size: -step_size),
    "you climb: the inner loop subtracts the gradient": partial(_reptile, sign=1),
    "you return the step, not the new weights: add it to the old ones": partial(_reptile, moved=False),
    "the adapted weights of one task are the start of the next: every task starts from the same weights":
        partial(_reptile, chained=True),
    "you move the whole way to the mean: step_size is not used": partial(_reptile, share=lambda step_size: 1),
    "you add up over the tasks: Reptile moves towards the mean of the adapted weights":
        partial(_reptile, collected=torch.sum),
    "you move towards the last task's weights only": partial(_reptile, only=slice(-1, None)),
    "you always make one inner step: with one, Reptile is training on all tasks together":
        partial(_reptile, steps_made=lambda steps: 1),
    "every inner step starts from the same weights: a step starts where the last one ended":
        partial(_reptile, restart=True),
    "your weights do not move": lambda weights, *rest: weights.clone(),
}  # fmt: skip

OVERWRITES = (
    "your inner loop overwrites the weights, so that the next task starts elsewhere and adapted - weights is 0. "
    "Make new weights, w = w - lr * gradient, instead of changing the old ones in place"
)


def reptile_step(given: Any) -> Verdict:
    """Checks ``given(weights, x, y, lr, steps, step_size)`` of a linear model x @ weights: the new
    weights.

    Shapes (D,), (T, N, D), (T, N); the inner loop descends on each task's mean squared error.
    """
    cases = [
        Case(f"with {steps} inner step(s) and step size {step_size}",
             (_random(3, seed=steps), _random(4, 5, 3, seed=7), _random(4, 5, seed=8), 0.1, steps, step_size))
        for steps, step_size in ((1, 0.5), (3, 0.5), (4, 0.1), (2, 1.0))
    ]  # fmt: skip
    verdict = judge(given, _reptile, cases, REPTILE_MISTAKES, gradients=False)
    return Verdict(False, OVERWRITES) if "changes its input" in verdict.message else verdict


# --- linear CKA ----------------------------------------------------------------------------------


def _cka(x, y, *, mean_over=0, power=2, root=False, normed=True) -> Tensor:
    """Linear CKA with every part that can be got wrong as an option."""
    if mean_over is not None:
        x, y = (z - z.mean(mean_over, keepdim=True) for z in (x, y))
    value = (y.T @ x).norm() ** power
    size = (x.T @ x).norm() * (y.T @ y).norm()
    return value / (size.sqrt() if root else size) if normed else value


CKA_MISTAKES = {
    "the mean is missing: subtract from each feature its mean over the examples": partial(_cka, mean_over=None),
    "you subtract each example's mean: the mean of a feature is that over the examples, dim 0":
        partial(_cka, mean_over=1),
    "you divide by nothing: without it the value grows with the scale": partial(_cka, normed=False),
    "this is the root of linear CKA: square the norm above, and take no root below": partial(_cka, power=1, root=True),
    "the norm above is not squared: scaled features would change the value": partial(_cka, power=1),
    "no root below: the norms of X'X and Y'Y have squares of the features in them already": partial(_cka, root=True),
}  # fmt: skip


def linear_cka(given: Any) -> Verdict:
    """Checks ``given(x, y)``, (N, D) and (N, E), against linear CKA."""
    related, turn = _random(12, 4, seed=1), torch.linalg.qr(_random(4, 4, seed=2)).Q
    cases = [
        Case("for two unrelated representations", (related, _random(12, 3, seed=3))),
        Case("for a representation turned and scaled", (related, 3 * related @ turn)),
        Case(
            "for a representation with other means",
            (related + 2, related[:, :3] - _random(3, seed=4)),
        ),
        Case("for related ones", (related + 1, related[:, :2] + 0.5 * _random(12, 2, seed=5) + 1)),
    ]
    return judge(given, _cka, cases, CKA_MISTAKES, gradients=False)


# --- what ANIL freezes ---------------------------------------------------------------------------

NAMES = (
    "stem.weight",
    "encoder.0.weight",
    "encoder.1.weight",
    "encoder.1.bias",
    "head.weight",
    "head.bias",
)


def frozen_body(answer: Any) -> Verdict:
    """Checks the ``frozen`` of `mlteach.meta.adapt` with which only the head of a network with
    NAMES is adapted.
    """
    if isinstance(answer, str):
        return Verdict(
            False, f"a tuple of beginnings is expected, such as ({answer!r},): mind the comma"
        )
    if not isinstance(answer, tuple | list) or not all(
        isinstance(beginning, str) for beginning in answer
    ):
        return Verdict(
            False, f"a tuple of texts is expected here, got {type(answer).__name__}: {answer!r}"
        )
    unused = [
        beginning for beginning in answer if not any(name.startswith(beginning) for name in NAMES)
    ]
    if unused:
        return Verdict(False, f"no parameter's name begins with {unused[0]!r}")
    moving = [name for name in NAMES if not name.startswith(tuple(answer))]
    if moving == [name for name in NAMES if name.startswith("head.")]:
        return Verdict(True, "1 public check passed.")
    if moving == [name for name in NAMES if not name.startswith("head.")]:
        return Verdict(False, "the other way round: this freezes the head, and the body is adapted")
    told = f"adapted are {', '.join(moving)}" if moving else "nothing is adapted"
    return Verdict(False, f"{told}; it should be head.weight, head.bias")


# --- how much of Reptile's step is the inner product ---------------------------------------------


def inner_weight(answer: Any, *, k: int = 5) -> Verdict:
    """Checks how many α AvgGradInner go with one AvgGrad in Reptile's step of k mini-batches: (k -
    1) / 2.
    """
    if isinstance(answer, bool) or not isinstance(answer, Real | Tensor):
        return Verdict(False, f"a number is expected here, got {type(answer).__name__}: {answer!r}")
    value = float(answer)
    told = {
        (k - 1) / 2: "",
        2 * (k - 1): "this is MAML's: its second derivatives count twice, once from each of both gradients",
        k - 1: "this is first-order MAML's: only its last gradient is used, with k - 1 others before it",
        k * (k - 1) / 2: "these are all pairs of mini-batches; the step holds k AvgGrad, so divide by k",
        k / 2: "the first mini-batch has none before it: mini-batch i has i - 1, not i",
        k: "this is how often AvgGrad itself is in the step",
    }  # fmt: skip
    for number, message in told.items():
        if abs(value - number) < 1e-6:
            return Verdict(not message, message or "1 public check passed.")
    return Verdict(
        False,
        f"{value:g} is not right: count the pairs of an earlier and a later mini-batch, divide by k",
    )
