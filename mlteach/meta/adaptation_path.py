"""A network's outputs after every step of its inner loop."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mlteach.meta.maml import LossFunction, Params, adapt


@torch.no_grad()
def adaptation_path(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    loss_fn: LossFunction,
    *,
    lr: float,
    steps: int,
    at: Tensor,
) -> Tensor:
    """What a network says before and after each of its inner steps.

    Args:
        model: any network; not changed.
        x, y: the support; where it is empty, nothing moves.
        loss_fn: (prediction, y) -> (), for the inner loop.
        lr, steps: as for `adapt`.
        at: (M, ...) inputs to show the outputs for.

    Returns:
        (steps + 1, M, ...) outputs after 0 to ``steps`` steps.
    """
    params: Params = dict(model.named_parameters())
    outputs = []
    for step in range(steps + 1):
        if step and len(x):
            params = adapt(model, params, x, y, loss_fn, lr=lr, steps=1)
        outputs.append(functional_call(model, params, (at,)))
    return torch.stack(outputs)
