"""Checks of the chapter on Reptile and ANIL: a step, linear CKA, what is frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from mlteach import evaluate
from mlteach.checks._answers import judge_number
from mlteach.checks._core import Case, Verdict, check, expected, judge, normal
from mlteach.checks._guard import listening
from mlteach.checks._rules import at_most_entries
from mlteach.checks._symptoms import close
from mlteach.checks._verdict import shown
from mlteach.checks.ch15_maml import BOTH, STEP, STEPS, in_the_inner_loop
from mlteach.episodes import Episode
from mlteach.meta import reptile_step as right_reptile_step
from mlteach.mistakes import Mistake, meta, mistakes_in

# --- Reptile's step ------------------------------------------------------------------------------


def _of_weights(reptile: Callable) -> Callable:
    """The weights (D,) of a linear model after a step on the tasks x (T, N, D), y (T, N)."""

    def step(weights, x, y, lr, steps, step_size):
        model = nn.Linear(len(weights), 1, bias=False)
        model.weight = nn.Parameter(weights[None].clone())
        tasks = Episode(x, y[..., None], x, y[..., None])
        reptile(model, tasks, F.mse_loss, lr=lr, steps=steps, step_size=step_size)
        return model.weight[0].detach()

    return step


REPTILE_MISTAKES = [
    *(Mistake(_of_weights(m.function), m.explanation) for m in mistakes_in(right_reptile_step)),
    *mistakes_in(meta.linear_reptile),
    *in_the_inner_loop(meta.linear_reptile),
]

TASKS = "does every task start from the same weights, and is one step made towards their mean?"
SETTINGS = ((1, 1, 0.7), (1, 3, 0.3), (4, 1, 0.5), (4, 3, 0.5), (4, 4, 0.1), (4, 2, 1.0))
OVERWRITES = (
    "your inner loop overwrites the weights, so that the next task starts elsewhere and "
    "adapted - weights is 0. "
    "Make new weights, w = w - lr * gradient, instead of changing the old ones in place"
)
IN_PLACE = (
    "the new weights are right, but the old ones are overwritten: "
    "return new weights instead of changing the old ones in place"
)


@check
def reptile_step(given: Any) -> Verdict:
    """Checks ``given(weights, x, y, lr, steps, step_size)`` of x @ weights: the new weights.

    Shapes (D,), (T, N, D), (T, N); the inner loop descends on each task's mean squared error.
    """
    cases = []
    for n_tasks, steps, step_size in SETTINGS:
        tasks = normal(n_tasks, 5, 3, seed=7), normal(n_tasks, 5, seed=8)
        title = f"with {n_tasks} task(s), {steps} inner step(s) and step size {step_size}"
        edge = STEPS if n_tasks == 1 else TASKS if steps == 1 else BOTH
        options = {"lr": 0.1, "steps": steps, "step_size": step_size}
        edge = "" if steps == n_tasks == 1 else edge
        cases.append(Case(title, (normal(3, seed=steps), *tasks), options, edge))
    right = _of_weights(right_reptile_step)
    verdict = judge(given, right, cases, REPTILE_MISTAKES, gradients=False, looks=(STEP,))
    if "changes its input" not in verdict.message:
        return verdict
    with listening([]):
        ends_right = all(close(case.copy().ask(given), case.copy().call(right)) for case in cases)
    return replace(verdict, message=IN_PLACE if ends_right else OVERWRITES)


# --- linear CKA ----------------------------------------------------------------------------------


@check
def linear_cka(given: Any) -> Verdict:
    """Checks ``given(x, y)``, (N, D) and (N, E), against linear CKA."""
    related, turn = normal(12, 4, seed=1), torch.linalg.qr(normal(4, 4, seed=2)).Q
    other_means = related + 2, related[:, :3] - normal(3, seed=4)
    partly = related + 1, related[:, :2] + 0.5 * normal(12, 2, seed=5) + 1
    cases = [
        Case("for two unrelated representations", (related, normal(12, 3, seed=3))),
        Case("for a representation turned and scaled", (related, 3 * related @ turn)),
        Case("for a representation with other means", other_means),
        Case("for related ones", partly),
    ]
    right = evaluate.linear_cka
    wide = normal(5, 80, seed=6), normal(5, 90, seed=7)
    large = "a matrix of D by D or E by E is made: products of N by N do without"
    rules = (at_most_entries(large, 500, *wide),)
    return judge(given, right, cases, mistakes_in(right), gradients=False, rules=rules)


# --- what ANIL freezes ---------------------------------------------------------------------------

NAMES = (
    "stem.weight",
    "encoder.0.weight",
    "encoder.1.weight",
    "encoder.1.bias",
    "head.weight",
    "head.bias",
)


@check
def frozen_body(answer: Any) -> Verdict:
    """Checks the ``frozen`` of `mlteach.meta.adapt` that leaves only the head of NAMES to adapt."""
    if isinstance(answer, str):
        such_as = f"such as ({shown(answer)},): mind the comma"
        return Verdict(False, f"a tuple of beginnings is expected, {such_as}")
    if not isinstance(answer, tuple | list) or not all(isinstance(text, str) for text in answer):
        return expected("a tuple of texts", answer)
    for beginning in answer:
        if not any(name.startswith(beginning) for name in NAMES):
            return Verdict(False, f"no parameter's name begins with {shown(beginning)}")
    moving = [name for name in NAMES if not name.startswith(tuple(answer))]
    if moving == [name for name in NAMES if name.startswith("head.")]:
        return Verdict(True, "1 public check passed.")
    if moving == [name for name in NAMES if not name.startswith("head.")]:
        return Verdict(False, "the other way round: this freezes the head, and the body is adapted")
    told = f"adapted are {', '.join(moving)}" if moving else "nothing is adapted"
    return Verdict(False, f"{told}; it should be head.weight, head.bias")


# --- how much of Reptile's step is the inner product ---------------------------------------------


@check
def inner_weight(answer: Any, *, k: int = 5) -> Verdict:
    """Checks how many α AvgGradInner go with one AvgGrad in Reptile's step: (k - 1) / 2."""
    told = {
        2 * (k - 1): "this is MAML's: "
        "its second derivatives count twice, once from each of both gradients",
        k - 1: "this is first-order MAML's: "
        "only its last gradient is used, with k - 1 others before it",
        k * (k - 1) / 2: "these are all pairs of mini-batches; "
        "the step holds k AvgGrad, so divide by k",
        k / 2: "the first mini-batch has none before it: mini-batch i has i - 1, not i",
        k: "this is how often AvgGrad itself is in the step",
        (k + 1) / 2: "no mini-batch is a pair with itself: mini-batch i has i - 1 before it",
        (1 - k) / 2: "the minus sign stands in the formula already: m is positive",
        k * (k - 1): "each pair counts once, an earlier and a later mini-batch; then divide by k",
        (k - 1) / (2 * k): "you divide by k twice: the number of pairs by k, once",
        (k - 2) / 2: "this is for one mini-batch less: there are k of them",
        (k - 1) / k: "only the last mini-batch's pairs are counted: add up over all mini-batches",
    }
    return judge_number(
        answer,
        (k - 1) / 2,
        told,
        passed="1 public check passed.",
        otherwise=lambda number: (
            f"{number:g} is not right: "
            "count the pairs of an earlier and a later mini-batch, divide by k"
        ),
        tolerance=1e-6,
    )
