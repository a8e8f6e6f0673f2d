"""A network's outputs after every step of its inner loop."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mlteach import _validate
from mlteach.meta.calling import check_network, untouched
from mlteach.meta.inner import LossFunction, check_loss, check_task, inner_rates
from mlteach.meta.maml import Params, descend


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
    params: Params = dict(check_network(model).named_parameters())
    rates, steps = inner_rates(params, lr, ()), _validate.count("steps", steps, at_least=0)
    check_loss(loss_fn)
    is_empty = len(_validate.tensor("x", x)) == 0
    x, y = (x, y) if is_empty else check_task(x, y)
    outputs = []
    with untouched(model) as call:
        for step in range(steps + 1):
            if step and not is_empty:
                params = descend(call, params, x, y, loss_fn, rates, steps=1, first_order=True)
            outputs.append(call(params, at))
    return torch.stack(outputs)
