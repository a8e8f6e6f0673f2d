"""Tasks so simple that all of meta-learning can be seen: parabolas, and bowls over two weights."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mlteach.meta.maml import Params, adapt

RULES = ("Reptile", "joint training", "FOMAML", "MAML")


class _Weights(nn.Module):
    """No input, no layers: the weights themselves are the output, each a network of its own."""

    def __init__(self, values: Tensor):
        super().__init__()
        self.values = nn.Parameter(values)

    def forward(self, x: Tensor) -> Tensor:
        """(S,) whatever the input is."""
        return self.values


class Outer(NamedTuple):
    """Of S initialisations."""

    adapted: Tensor  # (T, S) where each task's inner step ends
    loss: Tensor  # (S,) mean over the tasks, there
    gradient: Tensor  # (S,) of this loss, with respect to the initialisation


def parabola_losses(w: Tensor, curvatures: Tensor, optima: Tensor) -> Tensor:
    """(T, S) losses a/2 (w - c)² of T tasks at their own weights (T, S), or at common ones (S,)."""
    return curvatures[:, None] / 2 * (w - optima[:, None]).square()


def outer_loss(
    w: Tensor, curvatures: Tensor, optima: Tensor, *, lr: float, first_order: bool
) -> Outer:
    """One inner step of `adapt` on tasks a/2 (w - c)², and the outer loss with its gradient.

    Args:
        w: (S,) initialisations, each of a network with one weight.
        curvatures, optima: (T,) the a and c of the tasks.
        lr: inner learning rate.
        first_order: leave the inner step out of the gradient.
    """
    model = _Weights(w.clone())
    params: Params = dict(model.named_parameters())
    ends = []
    for curvature, optimum in zip(curvatures, optima, strict=True):

        def loss_fn(values: Tensor, optimum: Tensor, curvature=curvature) -> Tensor:
            # a sum: each weight steps alone
            return (curvature / 2 * (values - optimum).square()).sum()

        after = adapt(
            model,
            params,
            curvature[None],
            optimum[None],
            loss_fn,
            lr=lr,
            steps=1,
            first_order=first_order,
        )
        ends.append(after["values"])
    adapted = torch.stack(ends)
    loss = parabola_losses(adapted, curvatures, optima).mean(0)
    (gradient,) = torch.autograd.grad(loss.sum(), model.values)
    return Outer(adapted.detach(), loss.detach(), gradient)


def resting_weight(w: Tensor, gradient: Tensor) -> float:
    """Where descent along a gradient that is linear in w ends; nan where it leads away instead."""
    slope = (gradient[1] - gradient[0]) / (w[1] - w[0])
    return (w[0] - gradient[0] / slope).item() if slope > 1e-9 else float("nan")


def bowl_losses(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """(T, S, D) -> (T, S): mean squared errors of x · w with supports (T, N, D) and (T, N, 1)."""
    return (weights @ x.mT - y.mT).square().mean(-1)


def bowl_rule(rule: str, x: Tensor, y: Tensor, *, lr: float, steps: int) -> tuple[Tensor, Tensor]:
    """The (2, 2) matrix M and the offset (2,) by which a rule moves the initialisation: θ M + b.

    The tasks are linear, x · w, so every rule moves θ by a linear function of it, and three
    starting points tell which. Reptile moves to the mean of the adapted weights; the others
    move lr · steps times minus their gradient, so that one inner step makes Reptile and joint
    training the same.

    Args:
        rule: one of RULES.
        x, y: (T, N, 2) and (T, N, 1), the supports, which are the queries too.
        lr, steps: of the inner loop.

    Raises:
        ValueError: rule is none of RULES.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {RULES}, got {rule!r}")
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    moved = _move(rule, corners, x, y, lr=lr, steps=steps)
    return moved[1:] - moved[0], moved[0]


def _move(rule: str, starts: Tensor, x: Tensor, y: Tensor, *, lr: float, steps: int) -> Tensor:
    """(S, 2) -> (S, 2): where the rule goes from each start."""
    model = _side_by_side(starts)
    inner_steps = 0 if rule == "joint training" else steps
    by_rule = partial(adapt, lr=lr, steps=inner_steps, first_order=rule in ("FOMAML", "Reptile"))
    params: Params = {"weight": model.weight}
    adapted = [
        by_rule(model, params, inputs, targets, _error)["weight"]
        for inputs, targets in zip(x, y, strict=True)
    ]
    if rule == "Reptile":
        return (torch.stack(adapted).mean(0) - starts).detach()
    errors = [
        _error(inputs @ weights.T, targets)
        for weights, inputs, targets in zip(adapted, x, y, strict=True)
    ]
    outer = torch.stack(errors).sum() / len(errors)
    return -lr * steps * torch.autograd.grad(outer, model.weight)[0]


@torch.no_grad()
def bowl_steps(starts: Tensor, x: Tensor, y: Tensor, *, lr: float, steps: int) -> Tensor:
    """(S, 2) -> (steps + 1, T, S, 2): the weights of all tasks after every inner step."""
    model = _side_by_side(starts)
    ways = []
    for inputs, targets in zip(x, y, strict=True):
        way = [{"weight": starts}]
        for _ in range(steps):
            way.append(adapt(model, way[-1], inputs, targets, _error, lr=lr, steps=1))
        ways.append(torch.stack([params["weight"] for params in way]))
    return torch.stack(ways, 1)


def _side_by_side(starts: Tensor) -> nn.Linear:
    """As many linear networks as there are starts (S, 2), side by side: (N, 2) -> (N, S)."""
    model = nn.Linear(2, len(starts), bias=False, dtype=torch.float64)
    model.weight = nn.Parameter(starts.clone())
    return model


def _error(prediction: Tensor, y: Tensor) -> Tensor:
    """The mean squared errors of all networks, added up: none depends on another's weights."""
    return (prediction - y).square().mean(0).sum()
