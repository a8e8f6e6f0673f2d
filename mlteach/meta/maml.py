"""Initialisations from which a few gradient steps learn a task: MAML, ANIL, Meta-SGD, Reptile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from mlteach import _validate
from mlteach.episodes import Episode
from mlteach.meta.stacked import forward

Params = dict[str, Tensor]
Rate = float | Tensor | Mapping[str, Tensor]
LossFunction = Callable[[Tensor, Tensor], Tensor]


def adapt(
    model: nn.Module,
    params: Params,
    x: Tensor,
    y: Tensor,
    loss_fn: LossFunction,
    *,
    lr: Rate,
    steps: int,
    first_order: bool = False,
    frozen: tuple[str, ...] = (),
) -> Params:
    r"""The inner loop: gradient descent on the support of one task, as new weights beside the old.

    .. math:: \phi_0 = \theta, \quad
              \phi_{k+1} = \phi_k - \alpha\, \nabla_{\phi} \mathcal{L}_\text{support}(\phi_k)

    The result is a differentiable function of params, so that an outer loss can ask which params
    would have led to a better result. Neither the model nor params are changed. Under
    torch.no_grad() the result is mere numbers.

    Args:
        model: computes the prediction; its own parameters are not used where params has theirs.
        params: the weights to start from, such as ``dict(model.named_parameters())``.
        x: (N, ...) the support of one task.
        y: (N, ...) its labels or targets.
        loss_fn: (prediction, y) -> (), such as `torch.nn.functional.cross_entropy`.
        lr: the inner learning rate: a number, or for each name in params a tensor of its shape or
            of shape (). Tensors that require a gradient are learned by the outer loss (Meta-SGD).
        steps: >= 0 gradient steps.
        first_order: take the gradients as constants, which leaves the second derivatives out of the
            outer gradient.
        frozen: beginnings of names that are not adapted; ``("encoder.",)`` adapts the head only
            (ANIL).

    Returns:
        The adapted weights, under the names of params; params themselves for steps = 0.

    Raises:
        TypeError, ValueError: steps is no whole number >= 0, lr no rate or lacks one, a name in
            frozen begins no parameter, or the model has a BatchNorm that keeps running statistics
            in training mode: adapting would change the model.

    Source: Finn, Abbeel, Levine 2017, arXiv:1703.03400, Eq. (1); frozen: Raghu et al. 2020,
        arXiv:1909.09157; lr as tensors: Li et al. 2017, arXiv:1707.09835.
    """
    _check(model, params, lr, steps, frozen)

    def support_loss(params: Params) -> Tensor:
        return loss_fn(functional_call(model, params, (x,)), y)

    for _ in range(steps):
        params = _inner_step(support_loss, params, lr, first_order, frozen)
    return params


def maml_loss(
    model: nn.Module,
    episodes: Episode,
    loss_fn: LossFunction,
    *,
    lr: Rate,
    steps: int,
    first_order: bool = False,
    frozen: tuple[str, ...] = (),
) -> Tensor:
    r"""MAML's outer loss: how badly queries are predicted after adapting to their task's support.

    .. math:: \frac1T \sum_t \mathcal{L}_{t,\text{query}}\big(\phi_{t}(\theta)\big)

    Its gradient is that of the initialisation: `loss.backward()` and an optimiser's step improve
    the model's parameters as a place to start from. All tasks are computed side by side; the result
    is that of `adapt`.

    Args:
        model: as for `adapt`; its parameters are the initialisation and are not changed.
        episodes: T tasks.
        loss_fn: (prediction, y) -> (), in operations that torch.vmap knows.
        lr, steps, first_order, frozen: as for `adapt`.

    Returns:
        () mean over the tasks; the loss without adaptation for steps = 0.

    Raises:
        ValueError: as for `adapt`.

    Source: Finn, Abbeel, Levine 2017, arXiv:1703.03400, Algorithm 1, as a mean instead of a sum
        over tasks.
    """
    adapted = _adapt_all(model, episodes, loss_fn, lr, steps, first_order, frozen)
    predictions = forward(model, adapted, episodes.x_query)  # (T, M, ...)
    return vmap(loss_fn)(predictions, episodes.y_query).mean()


@torch.no_grad()
def reptile_step(
    model: nn.Module,
    episodes: Episode,
    loss_fn: LossFunction,
    *,
    lr: Rate,
    steps: int,
    step_size: float,
) -> Tensor:
    r"""One step of Reptile: moves the parameters towards the mean of the tasks' adapted weights.

    .. math:: \theta \leftarrow \theta + \epsilon\, \frac1T \sum_t (\phi_t - \theta)

    Args:
        model: its parameters are moved in place.
        episodes: T tasks; the weights are adapted to the supports, the queries only give the
            result.
        loss_fn: (prediction, y) -> ().
        lr: inner learning rate, as for `adapt`.
        steps: >= 1 inner steps; with one, Reptile is plain training on all tasks together.
        step_size: in [0, 1], the share of the way that is gone.

    Returns:
        () mean query loss of the adapted weights, comparable with `maml_loss`.

    Raises:
        TypeError, ValueError: step_size outside [0, 1], or as for `adapt`.

    Source: Nichol, Achiam, Schulman 2018, arXiv:1803.02999, Algorithm 2; here with all support at
        every inner step.
    """
    _validate.number("step_size", step_size, at_least=0, at_most=1)
    adapted = _adapt_all(model, episodes, loss_fn, lr, steps, first_order=True, frozen=())
    predictions = forward(model, adapted, episodes.x_query)  # (T, M, ...)
    loss = vmap(loss_fn)(predictions, episodes.y_query).mean()
    for name, parameter in model.named_parameters():
        parameter.lerp_(adapted[name].mean(0), step_size)
    return loss


def adapted_predictions(
    model: nn.Module,
    episodes: Episode,
    loss_fn: LossFunction,
    *,
    lr: Rate,
    steps: int,
    first_order: bool = False,
    frozen: tuple[str, ...] = (),
) -> Tensor:
    """What is predicted for each task's queries after adapting to its support.

    Args:
        model, episodes, loss_fn, lr, steps, first_order, frozen: as for `maml_loss`.

    Returns:
        (T, M, ...) logits or predictions; the model's own for steps = 0. A differentiable function
        of the model's parameters, and of rates that require a gradient.

    Raises:
        ValueError: as for `adapt`.
    """
    adapted = _adapt_all(model, episodes, loss_fn, lr, steps, first_order, frozen)
    return forward(model, adapted, episodes.x_query)


def _adapt_all(
    model: nn.Module,
    episodes: Episode,
    loss_fn: LossFunction,
    lr: Rate,
    steps: int,
    first_order: bool,
    frozen: tuple[str, ...],
) -> Params:
    """`adapt` for all tasks side by side, from the model's parameters: weights (T, ...)."""
    _check(model, dict(model.named_parameters()), lr, steps, frozen)
    n_tasks = len(episodes.x_support)
    params = {name: p.expand(n_tasks, *p.shape) for name, p in model.named_parameters()}

    def support_loss(params: Params) -> Tensor:
        # a sum: no task's loss depends on another's weights, so its gradient is that of each task
        return vmap(loss_fn)(forward(model, params, episodes.x_support), episodes.y_support).sum()

    for _ in range(steps):
        params = _inner_step(support_loss, params, lr, first_order, frozen)
    return params


def _inner_step(
    loss: Callable[[Params], Tensor],
    params: Params,
    lr: Rate,
    first_order: bool,
    frozen: tuple[str, ...],
) -> Params:
    """params - lr * gradient of the loss, as new tensors."""
    differentiable = torch.is_grad_enabled() and not first_order
    with torch.enable_grad():
        moving = {
            name: p if differentiable and p.requires_grad else p.detach().requires_grad_()
            for name, p in params.items()
            if not name.startswith(frozen)
        }
        gradients = torch.autograd.grad(
            loss(params | moving),
            list(moving.values()),
            create_graph=differentiable,
            materialize_grads=True,
        )
    stepped = {}
    for name, gradient in zip(moving, gradients, strict=True):
        rate = lr[name] if isinstance(lr, Mapping) else lr
        stepped[name] = params[name] - rate * gradient
    return params | stepped


def _check(model: nn.Module, params: Params, lr: Rate, steps: int, frozen: tuple[str, ...]) -> None:
    """Refuses what would go unnoticed or fail with a message about something else."""
    _validate.count("steps", steps, at_least=0)
    if isinstance(frozen, str):
        raise TypeError(f"frozen must be a tuple of beginnings, such as ({frozen!r},), got a text")
    for beginning in frozen:
        if not any(name.startswith(beginning) for name in params):
            raise ValueError(
                f"frozen: {beginning!r} begins no parameter's name; they are {', '.join(params)}"
            )
    if isinstance(lr, Mapping):
        missing = [name for name in params if name not in lr and not name.startswith(frozen)]
        if missing:
            raise ValueError(f"lr has no rate for {', '.join(missing)}")
    elif not isinstance(lr, Real | Tensor):
        given = _validate.kind(lr)
        raise TypeError(f"lr must be a number, a tensor, or a dict of tensors, got {given}")
    for name, module in model.named_modules():
        if module.training and getattr(module, "running_mean", None) is not None:
            raise ValueError(
                f"{name or 'the model'} keeps running statistics, which adapting would change: "
                "build it with track_running_stats=False "
                '(conv_encoder(norm="batch_no_stats")) or GroupNorm (norm="group")'
            )
