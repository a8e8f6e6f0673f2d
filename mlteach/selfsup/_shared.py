"""What several methods share: the dictionary for pictures, and a network that follows another."""

from __future__ import annotations

from numbers import Real

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@torch.no_grad()
def pictured(**vectors: Tensor) -> dict[str, Tensor]:
    """The (B, P) vectors on the unit sphere by name, and "std", the mean standard deviation of z1's
    coordinates.
    """
    on_sphere = {name: F.normalize(rows) for name, rows in vectors.items()}
    return on_sphere | {"std": on_sphere["z1"].std(0, correction=0).mean()}


@torch.no_grad()
def move_towards(target: nn.Module, online: nn.Module, *, decay: float) -> None:
    """Moving average: every parameter of target becomes decay * itself + (1 - decay) * online's."""
    check_decay(decay)
    for follower, leader in zip(target.parameters(), online.parameters(), strict=True):
        follower.lerp_(leader, 1 - decay)


def check_decay(decay: float) -> None:
    """Raise unless decay is a number in [0, 1]."""
    if not isinstance(decay, Real) or not 0 <= decay <= 1:
        raise ValueError(f"decay must be a number in [0, 1], got {decay!r}")
