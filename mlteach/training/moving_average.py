"""A network that follows another one slowly."""

from __future__ import annotations

import torch
from torch import nn

from mlteach import _validate


@torch.no_grad()
def move_towards(target: nn.Module, online: nn.Module, *, decay: float) -> None:
    """Moving average: every parameter of target becomes decay * itself + (1 - decay) * online's."""
    decay = float(_validate.number("decay", decay, at_least=0, at_most=1))
    for follower, leader in zip(target.parameters(), online.parameters(), strict=True):
        follower.lerp_(leader, 1 - decay)
