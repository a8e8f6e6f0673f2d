"""Checks of the chapter on SimCLR."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mlteach.checks._answers import judge_number
from mlteach.checks._core import Case, Verdict, check, judge, normal
from mlteach.checks._guard import STAYS_OFF, listening
from mlteach.evaluate import features
from mlteach.losses import nt_xent
from mlteach.mistakes import Mistake, mistakes_in
from mlteach.selfsup import SimCLR


def _network(seed: int) -> tuple[nn.Module, nn.Module]:
    """An encoder with BatchNorm and a projector, both with 5 outputs: no shape tells them apart."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # without momentum the statistics stay, whatever passes: calls do not hang together
        norm, second = (nn.BatchNorm1d(width, momentum=0.0) for width in (6, 8))
        norm.running_mean.fill_(0.5)
        second.running_mean.fill_(-0.5)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), norm, nn.ReLU(), nn.Linear(6, 5))
        return encoder, nn.Sequential(nn.Linear(5, 8), second, nn.ReLU(), nn.Linear(8, 5))


# --- the loss of one step ------------------------------------------------------------------------


def _loss_of(method: type[SimCLR]) -> Callable:
    """The loss of a method as a function of its parts, in training mode."""

    def loss(encoder, projector, x1, x2, temperature):
        return method(encoder, projector, temperature=temperature).train().loss(x1, x2)[0]

    return loss


def _with_loss(wrong: Callable) -> Callable:
    """A step that is right but for the loss of the projections."""

    def loss(encoder, projector, x1, x2, temperature):
        z1, z2 = projector(encoder(torch.cat([x1, x2]))).chunk(2)
        return wrong(z1, z2, temperature=temperature)

    return loss


SIMCLR_MISTAKES = [Mistake(_loss_of(m.function), m.explanation) for m in mistakes_in(SimCLR)]
# what goes wrong in the loss alone was met in the chapter on it
NT_XENT_MISTAKES = [Mistake(_with_loss(m), m.explanation) for m in mistakes_in(nt_xent)]


@check
def simclr_loss(given: Any) -> Verdict:
    """Checks ``given(encoder, projector, x1, x2, temperature)`` against SimCLR's loss."""
    cases = [
        Case(
            f"with B = {size} at temperature {t}",
            (*_network(size), *(normal(size, 3, 2, 2, seed=size + k) for k in (0, 50))),
            {"temperature": t},
        )
        for size in (4, 7)
        for t in (0.2, 0.05, 2.0)
    ]
    right, mistakes = _loss_of(SimCLR), [*SIMCLR_MISTAKES, *NT_XENT_MISTAKES]
    verdict = judge(given, right, cases, mistakes)
    if verdict.passed:
        told = _about_the_weights(given, cases[0])
        return Verdict(False, told, printed=verdict.printed) if told else verdict
    if verdict.message in {mistake.explanation for mistake in mistakes}:
        return verdict
    if verdict.message.startswith(("your function", "the result has shape")):
        return verdict
    # then without networks, where only the loss of the vectors can be wrong
    plain = [
        Case(
            f"with networks that change nothing, B = {size} at temperature {t}",
            (nn.Flatten(), nn.Identity(), *(normal(size, 3, 1, 2, seed=k) for k in (0, 50))),
            {"temperature": t},
        )
        for size, t in ((4, 0.2), (7, 0.05), (5, 2.0))
    ]
    of_vectors = judge(given, right, plain, mistakes)
    if of_vectors.passed or verdict.message.startswith("the value is right"):
        told = _about_the_passes(given, cases[0])
        return replace(verdict, message=told) if told else verdict
    if of_vectors.message in {mistake.explanation for mistake in mistakes}:
        # with real networks it is not that, or not that alone
        told = f"with networks that change nothing, {of_vectors.message}"
        return replace(of_vectors, message=told)
    return of_vectors


def _about_the_weights(given: Callable, case: Case) -> str:
    """Which network this loss would not train as it should, or ""."""
    trained = []
    for loss in (given, _loss_of(SimCLR)):
        encoder, projector, *views = copy.deepcopy(case.arguments)
        nets = {"encoder": encoder, "projector": projector}
        with listening([]):
            value = case._replace(arguments=(encoder, projector, *views)).ask(loss)
            if not value.requires_grad:  # all weights are frozen, and the views are constants
                return "the loss is right, but no gradient arrives at the weights: nothing learns"
            value.backward()
        trained.append({n: [p.grad for p in net.parameters()] for n, net in nets.items()})
    for name in trained[1]:
        for mine, right in zip(*(grads[name] for grads in trained), strict=True):
            if mine is None or not torch.allclose(mine, right, rtol=1e-3, atol=1e-5):
                what = "no" if mine is None else "the wrong"
                return f"the loss is right, but {what} gradient arrives at the {name}'s weights"
    return ""


def _about_the_passes(given: Callable, case: Case) -> str:
    """What passes through the networks otherwise than it should, or ""."""
    encoder, projector, x1, _ = case.arguments
    seen = {"encoder": [], "projector": []}
    handles = [
        part.register_forward_hook(
            lambda part, inputs, output, name=name: seen[name].append((part, inputs[0], output))
        )
        for name, part in (("encoder", encoder), ("projector", projector))
    ]
    modes = {part: part.training for net in (encoder, projector) for part in net.modules()}
    found = []
    try:
        with listening([]):
            for name, part in (("encoder", encoder), ("projector", projector)):
                norms = [m for m in part.modules() if isinstance(m, nn.BatchNorm1d)]
                handles += [
                    norm.register_forward_hook(
                        lambda norm, *_, name=name: found.append((name, norm.training))
                    )
                    for norm in norms
                ]
            case.ask(given)
    except KeyboardInterrupt:
        raise
    except BaseException:  # it is told by what it raises
        return ""
    finally:
        for handle in handles:
            handle.remove()
        for part, mode in modes.items():
            part.training = mode
    views = 2 * len(x1)
    for name in ("encoder", "projector"):
        if not seen[name]:
            return f"your function never calls the {name}"
        if (name, False) in found:
            return (
                f"the {name} is in evaluation mode: "
                "in training BatchNorm has to normalise by the batch at hand"
            )
        rows = [len(inputs) for _, inputs, _ in seen[name]]
        if len(rows) > 1 and min(rows) >= views:
            return f"you call the {name} {len(rows)} times with all views: once is enough"
        if len(rows) > 1:
            return (
                f"you call the {name} {len(rows)} times, so that its BatchNorm normalises "
                "each part by itself: one batch of both views, torch.cat([x1, x2]), is SimCLR's"
            )
        if rows != [views]:
            return f"{rows[0]} views pass through the {name}: all {views} do"
    if not torch.equal(seen["encoder"][0][2], seen["projector"][0][1]):
        return "the projector does not get what the encoder gives: z = projector(encoder(x))"
    return ""


# --- what is used afterwards ---------------------------------------------------------------------


@check
def representation(given: Any) -> Verdict:
    """Checks ``given(method, images)``: h in evaluation mode, no gradients, no mode changed."""
    method = SimCLR(*_network(1))
    cases = [
        Case(f"with {count} images", (method, normal(count, 3, 2, 2, seed=count)))
        for count in (6, 9)
    ]
    left = []  # what the function leaves behind that it must not

    def watched(method, images):
        mine = copy.deepcopy(method).train()  # a call of its own: what it changes spoils no other
        for part in mine.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.momentum = 0.1  # so that a pass in training mode shows
        projector, gradients = mine.projector, [p.requires_grad for p in mine.parameters()]
        result = given(mine, images)
        if isinstance(result, Tensor) and result.requires_grad:
            left.append("a gradient hangs on them: compute under torch.no_grad()")
        if not all(part.training for part in mine.modules()):
            left.append(STAYS)
        if mine.projector is not projector:
            left.append("the projector is another one now: a training could not go on")
        if [p.requires_grad for p in mine.parameters()] != gradients:
            left.append("the weights are frozen now: a training could not go on")
        if not torch.is_grad_enabled():
            left.append(STAYS_OFF)
        return result

    asked = watched if callable(given) else given
    verdict = judge(asked, features, cases, mistakes_in(features), gradients=False)
    if verdict.passed and left:
        return Verdict(False, f"the numbers are right, but {left[0]}")
    return verdict


STAYS = (
    "the method stays in evaluation mode: a training that goes on would use BatchNorm's old "
    "statistics. Call method.train() at the end"
)


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
        100 / SHAPES: "that is the share of them in percent: how many are they?",
        2 * BATCH - 2 / SHAPES: "brackets are missing: take 2 away first, then divide",
        (2 * BATCH - 2) * (1 - 1 / SHAPES): "these show other shapes: how many show the anchor's?",
        (2 * BATCH - 2) / (SHAPES - 1): "a negative shows one of all 8 shapes, the anchor's too: "
        "one in 8 shows it, not one in 7",
        2 * BATCH * right: "these are the ones of all anchors: how many has one of them?",
        0: "shapes are drawn at random and repeat: a negative shows the anchor's in one case of 8",
        right - 1: "the anchor's own image is left out already: take nothing off once more",
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
