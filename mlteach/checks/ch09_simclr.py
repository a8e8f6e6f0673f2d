"""Checks of the chapter on SimCLR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mlteach.checks._answers import judge_number
from mlteach.checks._core import Case, Verdict, check, judge, normal
from mlteach.evaluate import features
from mlteach.mistakes import Mistake, mistakes_in
from mlteach.selfsup import SimCLR


def _network(seed: int) -> tuple[nn.Module, nn.Module]:
    """An encoder with BatchNorm and a projector, both with 5 outputs: no shape tells them apart."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # whatever passes, its statistics stay: calls do not hang together
        norm = nn.BatchNorm1d(6, momentum=0.0)
        norm.running_mean.fill_(0.5)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), norm, nn.ReLU(), nn.Linear(6, 5))
        return encoder, nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 5))


# --- the loss of one step ------------------------------------------------------------------------


def _loss_of(method: type[SimCLR]) -> Callable:
    """The loss of a method as a function of its parts, in training mode."""

    def loss(encoder, projector, x1, x2, temperature):
        return method(encoder, projector, temperature=temperature).train().loss(x1, x2)[0]

    return loss


SIMCLR_MISTAKES = [Mistake(_loss_of(m.function), m.explanation) for m in mistakes_in(SimCLR)]


@check
def simclr_loss(given: Any) -> Verdict:
    """Checks ``given(encoder, projector, x1, x2, temperature)`` against SimCLR's loss."""
    cases = [
        Case(
            f"with B = {size} at temperature {t}",
            (*_network(size), *(normal(size, 3, 2, 2, seed=size + k) for k in (0, 50)), t),
        )
        for size in (4, 7)
        for t in (0.2, 0.05, 2.0)
    ]
    return judge(given, _loss_of(SimCLR), cases, SIMCLR_MISTAKES)


# --- what is used afterwards ---------------------------------------------------------------------


@check
def representation(given: Any) -> Verdict:
    """Checks ``given(method, images)``: h in evaluation mode, no gradients, no mode changed."""
    method = SimCLR(*_network(1))
    cases = [
        Case(f"with {count} images", (method, normal(count, 3, 2, 2, seed=count)))
        for count in (6, 9)
    ]
    modes = []

    def watched(method, images):
        method.train()
        result = given(method, images)
        modes.append(method.training)
        if isinstance(result, Tensor) and result.requires_grad:
            modes.append("gradient")
        return result

    asked = watched if callable(given) else given
    verdict = judge(asked, features, cases, mistakes_in(features), gradients=False)
    if verdict.passed and "gradient" in modes:
        return Verdict(
            False,
            "the numbers are right, but a gradient hangs on them: compute under torch.no_grad()",
        )
    if verdict.passed and False in modes:
        return Verdict(
            False,
            "the numbers are right, but the method stays in evaluation mode: a training that goes "
            "on would use BatchNorm's old statistics. Call method.train() at the end",
        )
    return verdict


# --- false negatives -----------------------------------------------------------------------------

BATCH, SHAPES = 128, 8


@check
def false_negatives(answer: Any) -> Verdict:
    """Checks how many negatives show an anchor's own one of 8 shapes on average, for B = 128."""
    right = (2 * BATCH - 2) / SHAPES
    both = "every other image is there with two views"
    told = {
        2 * BATCH / SHAPES: "the anchor and its positive are no negatives: 2B - 2 views are left",
        (2 * BATCH - 1) / SHAPES: "that counts the positive: 2B - 2 negatives are left",
        (BATCH - 1) / SHAPES: f"{both}, and both are negatives",
        BATCH / SHAPES: f"{both}, and the anchor's own image is not among them",
        2 * BATCH - 2: "that is the number of all negatives: how many show the anchor's shape?",
        1 / SHAPES: "that is the share of them: how many are they?",
    }
    return judge_number(
        answer,
        right,
        told,
        passed=f"(2 · {BATCH} - 2) / {SHAPES} = {right:g}. Public checks passed.",
        otherwise=lambda number: (
            f"{number:g} is not it: "
            "count the negatives of one anchor, and how likely each shows its shape"
        ),
    )
