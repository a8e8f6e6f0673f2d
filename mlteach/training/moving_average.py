"""A network that follows another one slowly."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from mlteach import _validate


def slow_copy(**networks: nn.Module) -> nn.Sequential:
    """The networks after each other, copied: what will follow them by `move_towards`."""
    for name, network in networks.items():
        if any(map(is_lazy, network.parameters())):
            raise ValueError(
                f"{name} must know its shapes to be copied: pass a batch through its lazy layers"
            )
    return copy.deepcopy(nn.Sequential(*networks.values()))


@torch.no_grad()
def move_towards(target: nn.Module, online: nn.Module, *, decay: float) -> None:
    """Moving average: every parameter of target becomes decay * itself + (1 - decay) * online's."""
    decay = float(_validate.number("decay", decay, at_least=0, at_most=1))
    if len({tuple(p.shape for p in network.parameters()) for network in (target, online)}) > 1:
        raise ValueError(
            "encoder, and projector where there is one, must have the parameters of their slow "
            "copy: with another network make a new method"
        )
    for follower, leader in zip(target.parameters(), online.parameters(), strict=True):
        follower.lerp_(leader, 1 - decay)
