"""What several methods share: the dictionary for figures, a network that follows another."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach import _validate


@torch.no_grad()
def pictured(**vectors: Tensor) -> dict[str, Tensor]:
    """The (B, P) vectors on the unit sphere by name, and "std", that of z1's coordinates."""
    on_sphere = {name: F.normalize(rows) for name, rows in vectors.items()}
    return on_sphere | {"std": on_sphere["z1"].std(0, correction=0).mean()}


@torch.no_grad()
def move_towards(target: nn.Module, online: nn.Module, *, decay: float) -> None:
    """Moving average: every parameter of target becomes decay * itself + (1 - decay) * online's."""
    _validate.number("decay", decay, at_least=0, at_most=1)
    for follower, leader in zip(target.parameters(), online.parameters(), strict=True):
        follower.lerp_(leader, 1 - decay)
