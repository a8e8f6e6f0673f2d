"""Checks of the chapter on SimCLR: the definitions, and the mistakes that people make."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mlteach import losses
from mlteach.checks._core import Case, Verdict, judge
from mlteach.evaluate import features
from mlteach.selfsup import SimCLR


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _network(seed: int) -> tuple[nn.Module, nn.Module]:
    """An encoder with BatchNorm and a projector, both with 5 outputs, so that no shape tells them
    apart.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # whatever passes, its statistics stay: calls do not hang together
        norm = nn.BatchNorm1d(6, momentum=0.0)
        norm.running_mean.fill_(0.5)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), norm, nn.ReLU(), nn.Linear(6, 5))
        return encoder, nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 5))


# --- the loss of one step ------------------------------------------------------------------------


def _simclr_loss(
    encoder, projector, x1, x2, temperature, *, passes=1, projected=True, halves="first and second", inputs=(0, 1),
    heat=1.0, one_way=False, training=True,
) -> Tensor:  # fmt: skip
    """SimCLR's loss with every part that can be got wrong as an option."""
    encoder.train(training)
    views = [(x1, x2)[which] for which in inputs]
    h = encoder(torch.cat(views)) if passes == 1 else torch.cat([encoder(view) for view in views])
    z = projector(h) if projected else h
    z1, z2 = z.chunk(2) if halves == "first and second" else (z[0::2], z[1::2])
    temperature = heat if heat != 1.0 else temperature
    if one_way:
        logits = nn.functional.normalize(z1) @ nn.functional.normalize(z2).T / temperature
        return nn.functional.cross_entropy(logits, torch.arange(len(z1)))
    return losses.nt_xent(z1, z2, temperature=temperature)


def _heated(encoder, projector, x1, x2, temperature, **options) -> Tensor:
    return _simclr_loss(encoder, projector, x1, x2, 1 / temperature, **options)


SIMCLR_MISTAKES = {
    "you compare the representations h: the loss is computed on z, the projector's output":
        partial(_simclr_loss, projected=False),
    "you send each view through the network as a batch of its own, so that BatchNorm normalises them apart: one batch "
    "of both, torch.cat([x1, x2]), is SimCLR's":
        partial(_simclr_loss, passes=2),
    "each view passes as a batch of its own, and h is compared instead of z: one batch, and the projector after it":
        partial(_simclr_loss, passes=2, projected=False),
    "after torch.cat([x1, x2]) the first B rows are view 1 and the last B view 2: .chunk(2) parts them, every other "
    "row pairs views of different pictures":
        partial(_simclr_loss, halves="every other"),
    "you train in evaluation mode: BatchNorm has to normalise by the batch at hand":
        partial(_simclr_loss, training=False),
    "both of your views are x1: no picture is hard to find again in its own copy":
        partial(_simclr_loss, inputs=(0, 0)),
    "your function ignores the temperature: nt_xent's default is 0.5": partial(_simclr_loss, heat=0.5),
    "you divide by 1 / temperature: hand the temperature over as it is": _heated,
    "this is InfoNCE from view 1 to view 2, with B candidates: NT-Xent asks all 2B views, with 2B - 1 candidates":
        partial(_simclr_loss, one_way=True),
}  # fmt: skip


def simclr_loss(given: Any) -> Verdict:
    """Checks ``given(encoder, projector, x1, x2, temperature)`` against SimCLR's loss in training
    mode.
    """
    cases = [
        Case(f"with B = {size} at temperature {t}",
             (*_network(size), _random(size, 3, 2, 2, seed=size), _random(size, 3, 2, 2, seed=size + 50), t))
        for size in (4, 7) for t in (0.2, 0.05, 2.0)
    ]  # fmt: skip

    def definition(encoder, projector, x1, x2, temperature):
        return SimCLR(encoder, projector, temperature=temperature).loss(x1, x2)[0]

    return judge(given, definition, cases, SIMCLR_MISTAKES)


# --- what is used afterwards ---------------------------------------------------------------------


def _representation(method, images, *, training=False, projected=False, length=False) -> Tensor:
    """The representation with every part that can be got wrong as an option."""
    method.train(training)
    with torch.no_grad():
        result = method.encode(images)
        result = method.projector(result) if projected else result
    return nn.functional.normalize(result) if length else result


REPRESENTATION_MISTAKES = {
    "this is z, the projector's output: the head is thrown away, h = method.encode(images) is what is used":
        partial(_representation, projected=True),
    "this is in training mode: BatchNorm normalises by whatever pictures are in the batch, and a picture's "
    "representation depends on its neighbours. Call method.eval() first":
        partial(_representation, training=True),
    "this is z, and in training mode: h = method.encode(images) is what is used, after method.eval()":
        partial(_representation, training=True, projected=True),
    "you divide by the length: a probe may use the length of h, leave it as it is":
        partial(_representation, length=True),
}  # fmt: skip


def representation(given: Any) -> Verdict:
    """Checks ``given(method, images)`` against h in evaluation mode, without gradients, the method
    left as it was.
    """
    method = SimCLR(*_network(1))
    cases = [
        Case(f"with {count} pictures", (method, _random(count, 3, 2, 2, seed=count)))
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

    verdict = judge(
        watched if callable(given) else given,
        features,
        cases,
        REPRESENTATION_MISTAKES,
        gradients=False,
    )
    if verdict.passed and "gradient" in modes:
        return Verdict(
            False,
            "the numbers are right, but a gradient hangs on them: compute under torch.no_grad()",
        )
    if verdict.passed and False in modes:
        told = "the numbers are right, but the method stays in evaluation mode: a training that goes on would use "
        return Verdict(False, told + "BatchNorm's old statistics. Call method.train() at the end")
    return verdict


# --- false negatives -----------------------------------------------------------------------------

BATCH, SHAPES = 128, 8


def false_negatives(answer: Any) -> Verdict:
    """Checks how many negatives of an anchor show its own shape on average: B = 128, 8 equally
    likely shapes.
    """
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if (
        isinstance(answer, bool)
        or not isinstance(answer, (int, float))
        or not math.isfinite(answer)
    ):
        return Verdict(False, f"a number is expected here, got {type(answer).__name__}: {answer!r}")
    right = (2 * BATCH - 2) / SHAPES
    told = {
        2 * BATCH / SHAPES: "the anchor and its twin are no negatives: 2B - 2 views are left",
        (2 * BATCH - 1)
        / SHAPES: "that counts the twin, which is the positive: 2B - 2 negatives are left",
        (BATCH - 1) / SHAPES: "every other picture is there with two views, and both are negatives",
        BATCH
        / SHAPES: "every other picture is there with two views, and the anchor's own picture is not among them",
        2 * BATCH
        - 2: "that is the number of all negatives: how many of them show the anchor's shape?",
        1 / SHAPES: "that is the share of them: how many are they?",
    }
    if math.isclose(answer, right, abs_tol=1e-3):
        return Verdict(True, f"(2 · {BATCH} - 2) / {SHAPES} = {right:g}. Public checks passed.")
    for value, message in told.items():
        if math.isclose(answer, value, abs_tol=1e-3):
            return Verdict(False, message)
    return Verdict(
        False,
        f"{answer:g} is not it: count the negatives of one anchor, and how likely each shows its shape",
    )
