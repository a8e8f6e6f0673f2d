"""The checks of the chapter on BYOL pass what is right, name each mistake, and never raise."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from support.every_check import EveryCheck

from mlteach.checks import ch11_byol as chapter_11
from mlteach.evaluate import effective_rank
from mlteach.mistakes import mistakes_in
from mlteach.mistakes.selfsup import byol_step
from mlteach.training.moving_average import move_towards


def right_step(p1, p2, t1, t2):
    one = 2 - 2 * F.cosine_similarity(p1, t2.detach()).mean()
    return one + 2 - 2 * F.cosine_similarity(p2, t1.detach()).mean()


def right_update(target, online, decay):
    with torch.no_grad():
        for t, o in zip(target.parameters(), online.parameters(), strict=True):
            t.lerp_(o, 1 - decay)


def right_rank(z):
    p = torch.linalg.svdvals(z)
    return torch.special.entr(p / p.sum()).sum().exp()


RIGHT = {"byol_step": right_step, "target_update": right_update, "effective_rank": right_rank}
MISTAKES = {
    "byol_step": mistakes_in(byol_step),
    "target_update": mistakes_in(move_towards),
    "effective_rank": mistakes_in(effective_rank),
}


IN_PLACE = {"target_update": "the target has not moved"}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


# Gradients: the value is right, and still it would not be BYOL


def stopped(p1, p2, t1, t2, *, predictions=False, targets=(True, True), numbers=False):
    """The right value with gradients stopped elsewhere."""
    p1, p2 = (p.detach() if predictions else p for p in (p1, p2))
    t1, t2 = (t.detach() if stop else t for t, stop in zip((t1, t2), targets, strict=True))
    loss = 4 - 2 * F.cosine_similarity(p1, t2).mean() - 2 * F.cosine_similarity(p2, t1).mean()
    return torch.tensor(loss.item()) if numbers else loss


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"targets": (False, False)}, "flows into the target too"),
        ({"targets": (True, False)}, "a gradient flows into `t2`"),
        ({"targets": (False, False), "predictions": True}, "you stopped the wrong side"),
        ({"predictions": True}, "no gradient can flow through it"),
        ({"numbers": True}, "no gradient can flow through it"),
    ],
)
def test_a_gradient_in_the_wrong_place_is_told(options, part):
    verdict = chapter_11.byol_step(partial(stopped, **options))
    assert not verdict.passed
    assert part in verdict.message


def test_one_prediction_without_a_gradient_is_told():
    verdict = chapter_11.byol_step(lambda p1, p2, t1, t2: right_step(p1.detach(), p2, t1, t2))
    assert "no gradient arrives at `p1`" in verdict.message


def test_a_gradient_of_the_wrong_size_is_told():
    """The length of p taken as a number: the value stays, the gradient points along p too."""

    def wrong(p1, p2, t1, t2):
        unit = [p / p.norm(dim=1, keepdim=True).detach() for p in (p1, p2)]
        return (
            4
            - 2
            * (unit[0] * F.normalize(t2).detach() + unit[1] * F.normalize(t1).detach())
            .sum(1)
            .mean()
        )

    verdict = chapter_11.byol_step(wrong)
    assert "the gradient with respect to `p1` and `p2` is wrong" in verdict.message


# The moving target


def moves_online(target, online, decay):
    right_update(target, online, decay)
    right_update(online, target, decay)


def replaces(target, online, decay):
    """A parameter replaced by a computed tensor is no parameter any more."""
    for layer in (0, 3):
        t, o = target[layer], online[layer]
        weight, bias = (
            decay * t.weight + (1 - decay) * o.weight,
            decay * t.bias + (1 - decay) * o.bias,
        )
        del t.weight, t.bias
        t.weight, t.bias = weight, bias


def without_no_grad(target, online, decay):
    for t, o in zip(target.parameters(), online.parameters(), strict=True):
        t.lerp_(o, 1 - decay)


def new_names(target, online, decay):
    for t, o in zip(target.parameters(), online.parameters(), strict=True):
        t = decay * t + (1 - decay) * o


def freezes_online(target, online, decay):
    right_update(target, online.requires_grad_(False), decay)


def empties_gradients(target, online, decay):
    right_update(target, online, decay)
    for p in online.parameters():
        p.grad.zero_()


def switches_gradients_off(target, online, decay):
    torch.set_grad_enabled(False)
    right_update(target, online, decay)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (freezes_online, "freezes the online network"),
        (empties_gradients, "clears the online network's gradients"),
        (switches_gradients_off, "leaves gradients switched off"),
        (moves_online, "moves the online network"),
        (without_no_grad, "only under torch.no_grad()"),
        (new_names, "only gives a new name"),
        (replaces, "replaces parameters"),
        (lambda t, o, m: right_update(t, o, m**3), "0.729 at decay 0.9"),
    ],
)
def test_ways_to_move_a_target_wrongly(given, part):
    verdict = chapter_11.target_update(given)
    assert not verdict.passed
    assert part in verdict.message


# Effective rank and half-lives


def test_a_share_of_zero_is_told():
    """0 log 0: right everywhere else, nan where a direction is not used at all."""

    def naive(z):
        p = torch.linalg.svdvals(z)
        p = p / p.sum()
        return torch.where(p > 1e-12, -p * p.log(), p.log() * 0).sum().exp()

    verdict = chapter_11.effective_rank(naive)
    assert not verdict.passed
    assert "nan where a singular value is 0" in verdict.message


def test_the_half_lives_by_counting():
    """Halve by multiplying on: the first step at which no more than half is left."""
    counted = []
    for decay in chapter_11.DECAYS:
        left, steps = 1.0, 0
        while left > 0.5:
            left, steps = left * decay, steps + 1
        counted.append(steps)
    assert counted == [7, 69, 693]
    assert chapter_11.half_lives(counted).passed


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ([10, 100, 1000], "37 %"),
        ([5, 50, 500], "by a factor"),
        ([1 / 6.6, 1 / 69, 1 / 693], "the other way round"),
        ([7, 60, 693], "at decay 0.99 the target keeps 54.7% of itself after 60 steps"),
        ([7, 69], "a list of 3 numbers"),
        (["7", "69", "693"], "a list of 3 numbers"),
        (None, "a list of 3 numbers"),
        ([math.nan] * 3, "a list of 3 numbers"),
        ([-(10**9), 2, 3], "at decay 0.9"),
        ([-1, 2, 3], "at decay 0.9"),
    ],
)
def test_wrong_half_lives_are_explained(answer, part):
    verdict = chapter_11.half_lives(answer)
    assert not verdict.passed
    assert part in verdict.message
