"""Checks of the chapter on both ideas together: tasks of one view, MAML's head, mixed batches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mlteach.checks._core import Case, Verdict, check, judge, normal
from mlteach.checks._rules import uses
from mlteach.mistakes import mistakes_in, together

# --- the task of one view ------------------------------------------------------------------------

SIDES = "is the partner of a second view B rows before it?"
FAR = "exp of minus a large distance is 0, and its log is not finite: take logsumexp of the logits"


@check
def one_view_task(given: Any) -> Verdict:
    """Checks ``given(z, i)``: the loss of the task that asks for row i of z (2B, P)."""
    cases = []
    for n_images, i, scale in ((4, 0, 0.5), (4, 2, 0.8), (5, 7, 0.5), (3, 5, 20.0)):
        z = normal(2 * n_images, 6, seed=10 * n_images + i, scale=scale)
        title = f"with {n_images} images of scale {scale}, for row {i}"
        cases.append(Case(title, (z, i), edge=SIDES if i >= n_images else ""))
    right = together.one_view_task
    return judge(given, right, cases, mistakes_in(right), overflow=FAR)


# --- one inner step from a head of zeros ---------------------------------------------------------

UNEQUAL = "each image of the support counts 1/N, however many its class has"


@check
def zero_head_logits(given: Any) -> Verdict:
    """Checks ``given(support, labels, query, lr)``: (M, C) logits after one step from zeros."""
    cases = []
    sizes = ((3, 1, 4, 1.0), (3, 2, 5, 0.4), (5, 3, 7, 0.1), (4, 1, 1, 0.5))
    for n_way, n_shot, n_query, lr in sizes:
        labels = torch.arange(n_way).repeat(n_shot)
        title, edge = f"with {n_way} ways, {n_shot} shots and lr {lr}", ""
        if n_shot == 3:
            labels[-n_way:] = 1
            title, edge = f"with {n_way} ways, more images of class 1 and lr {lr}", UNEQUAL
        support = normal(n_way * n_shot, 6, seed=n_way + n_shot)
        if n_query == 1:
            title = "with one query"
        query = normal(n_query, 6, seed=20 + n_query)
        cases.append(Case(title, (support, labels, query, lr), edge=edge))
    right = together.zero_head_logits
    rules = (
        uses("no autograd is asked for: write the gradient at zeros down", "grad", "backward"),
    )
    return judge(given, right, cases, mistakes_in(right), rules=rules)


# --- one batch of labelled and unlabelled images -------------------------------------------------

LARGE = (
    "there an image without a label has the number of a class, which may be any, however large: "
    "begin behind the largest label, or go below -1"
)


@check
def mixed_loss(given: Any) -> Verdict:
    """Checks ``given(z1, z2, labels, temperature)``; labels (B,) are -1 where none is known."""
    cases = []
    for number, (labels, temperature) in enumerate(
        (
            ([0, 1, 0, 1, 2, -1, -1, 2], 0.5),
            ([-1, 0, 1, 0, -1, 2, -1, 2, -1, -1, 1], 0.5),
            ([3, -1, -1, 0, 3, 0, -1], 0.15),
            ([-1, -1, 1, 1], 0.1),
            ([6, -1, 4, -1, 6, 7], 0.5),  # as large as rows are many, and larger
            # one of each range that somebody may think to be free: from B, 2B, 10, 100, 600 or 690
            ([13, -1, 101, -1, 605, -1, 693, 17], 0.2),
            ([1001, -1, 10_003, -1, 1001, -1, 10_003, 1_000_003], 0.2),
        )
    ):
        z1, z2 = (normal(len(labels), 5, seed=2 * number + side) for side in (0, 1))
        title = f"for the labels {labels} at temperature {temperature}"
        arguments = (z1, z2, torch.tensor(labels))
        edge = LARGE if max(labels) >= len(labels) else ""
        cases.append(Case(title, arguments, {"temperature": temperature}, edge))
    right = together.mixed_loss
    return judge(given, right, cases, mistakes_in(right))


# --- two methods on the same seeds ---------------------------------------------------------------


def _seeds(n: int, *, seed: int, shared: float) -> tuple[Tensor, Tensor]:
    """Accuracies of two methods; shared is what a seed does to both."""
    both = shared * normal(n, seed=seed)
    ours, theirs = (0.02 * normal(n, seed=seed + k).double() + both.double() for k in (1, 2))
    return 0.9 + ours, 0.88 + theirs


@check
def paired_half_width(given: Any) -> Verdict:
    """Checks ``given(ours, theirs)``, (n,) accuracies by seed: half of the 95 % interval."""
    cases = [
        Case("for five seeds", _seeds(5, seed=1, shared=0.05)),
        Case("for three seeds", _seeds(3, seed=4, shared=0.01)),
        Case("for twelve seeds", _seeds(12, seed=9, shared=0.03)),
    ]
    right = together.paired_half_width
    return judge(given, right, cases, mistakes_in(right), gradients=False)
