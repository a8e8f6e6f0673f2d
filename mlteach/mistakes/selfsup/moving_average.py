"""Mistakes in letting one network follow another."""

from __future__ import annotations

import torch

from mlteach.mistakes._registry import mistake
from mlteach.training.moving_average import move_towards


@torch.no_grad()
def rewrite(target, online, formula):
    """Sets every parameter of target to what the formula makes of both networks."""
    for follower, leader in zip(target.parameters(), online.parameters(), strict=True):
        follower.copy_(formula(follower, leader))


@mistake(
    move_towards,
    "decay and 1 - decay are swapped: "
    "the target keeps `decay` of itself, and takes the rest from the online network",
)
def decay_swapped(target, online, *, decay):
    move_towards(target, online, decay=1 - decay)


@mistake(
    move_towards,
    "the target is a copy of the online network now: it should move a little towards it",
)
def copied(target, online, *, decay):
    move_towards(target, online, decay=0)


@mistake(
    move_towards,
    "the target has not moved. `p = …` in a loop only gives a new name: "
    "write into the parameter, with copy_ or lerp_",
)
def not_moved(target, online, *, decay):
    move_towards(target, online, decay=1)


@mistake(
    move_towards,
    "you add the online network without weighing the old target down: "
    "decay * target + (1 - decay) * online",
)
def target_not_weighted(target, online, *, decay):
    rewrite(target, online, lambda t, o: t + (1 - decay) * o)


@mistake(move_towards, "the online part is not weighted: decay * target + (1 - decay) * online")
def online_not_weighted(target, online, *, decay):
    rewrite(target, online, lambda t, o: decay * t + o)


@mistake(move_towards, "both parts have the same weight: decay * target + (1 - decay) * online")
def half_of_each(target, online, *, decay):
    move_towards(target, online, decay=0.5)


@mistake(move_towards, "the target is the step alone: add (1 - decay) * (online - target) to it")
def step_alone(target, online, *, decay):
    rewrite(target, online, lambda t, o: (1 - decay) * (o - t))


@mistake(
    move_towards, "the difference has the wrong sign: the target runs away from the online network"
)
def runs_away(target, online, *, decay):
    rewrite(target, online, lambda t, o: t - (1 - decay) * (o - t))


@mistake(
    move_towards, "only the weights of the first layer move: go through all of target.parameters()"
)
@torch.no_grad()
def first_weights_only(target, online, *, decay):
    next(target.parameters()).lerp_(next(online.parameters()), 1 - decay)


@mistake(move_towards, "the target moves twice: once, it keeps `decay` of itself, not its square")
def moved_twice(target, online, *, decay):
    move_towards(target, online, decay=decay**2)


@mistake(
    move_towards, "the target shrinks, nothing of the online network comes in: (1 - decay) * online"
)
def only_shrunk(target, online, *, decay):
    rewrite(target, online, lambda t, o: decay * t)


@mistake(
    move_towards, "brackets are missing: decay * target + 1 - decay * online is something else"
)
def brackets_missing(target, online, *, decay):
    rewrite(target, online, lambda t, o: decay * t + 1 - decay * o)


@mistake(
    move_towards,
    "brackets are missing: in decay * target + (1 - decay) * online both parts are products",
)
def weight_of_the_sum(target, online, *, decay):
    rewrite(target, online, lambda t, o: decay * (t + (1 - decay) * o))
