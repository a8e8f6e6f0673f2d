"""Initialisations from which a few gradient steps learn a task: MAML, ANIL, Meta-SGD, Reptile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mlteach import _validate
from mlteach.episodes import Episode, check_episodes
from mlteach.meta import stacked
from mlteach.meta.calling import (
    Call,
    check_network,
    check_recorded,
    check_twice_differentiable,
    is_simple,
    untouched,
)
from mlteach.meta.inner import (
    USUAL,
    LossFunction,
    Rate,
    check_loss,
    check_names,
    check_task,
    draws_of_its_own,
    inner_rates,
    loss_of,
    losses_of,
)

Params = dict[str, Tensor]
QUERIES = ("together", "alone", "with support")


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
        params: the weights to start from, such as ``dict(model.named_parameters())``. Those that
            are an `nn.Parameter` with ``requires_grad=False`` stay as they are.
        x: (N, ...) the support of one task.
        y: (N, ...) its labels or targets.
        loss_fn: (prediction, y) -> (), such as `torch.nn.functional.cross_entropy`.
        lr: >= 0, the inner learning rate: a number, or for each name in params a tensor of its
            shape or of shape (). Tensors that require a gradient are learned by the outer loss, the
            sign too (Meta-SGD).
        steps: >= 0 gradient steps.
        first_order: take the gradients as constants, which leaves the second derivatives out of the
            outer gradient.
        frozen: beginnings of names that are not adapted; ``("encoder.",)`` adapts the head only
            (ANIL).

    Returns:
        The adapted weights, under the names of params; params themselves for steps = 0. Where lr is
        too large they overflow to infinity or NaN, as in any descent.

    Raises:
        TypeError, ValueError: steps is no whole number >= 0, lr no rate >= 0 or lacks one, a name
            in params or lr is none of the model's, a name in frozen begins none, loss_fn does not
            give one number; or the model changes its buffers while it computes, as BatchNorm with
            running statistics does in training mode, or has no second derivative.

    Source: Finn, Abbeel, Levine 2017, arXiv:1703.03400, Eq. (1); frozen: Raghu et al. 2020,
        arXiv:1909.09157; lr as tensors: Li et al. 2017, arXiv:1707.09835.
    """
    rates, steps = _check(model, params, loss_fn, lr, steps, first_order, frozen)
    x, y = check_task(x, y)
    usual = is_simple(model) and loss_fn in USUAL
    with untouched(model) as call:
        return descend(call, params, x, y, loss_fn, rates, steps, first_order, usual)


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
    the model's parameters as a place to start from. The result is that of `adapt`, task by task;
    networks made of common layers go through all tasks side by side, which is faster.

    Args:
        model: as for `adapt`; its parameters are the initialisation and are not changed.
        episodes: T tasks.
        loss_fn: (prediction, y) -> (). It is called task by task, or, where it is seen to hold no
            generator, step by step: any other memory of its own must not count.
        lr, steps, first_order, frozen: as for `adapt`.

    Returns:
        () mean over the tasks; the loss without adaptation for steps = 0.

    Raises:
        TypeError, ValueError: as for `adapt`, or the parts of episodes do not fit together.

    Source: Finn, Abbeel, Levine 2017, arXiv:1703.03400, Algorithm 1, as a mean instead of a sum
        over tasks.
    """
    episodes, rates, steps = _check_all(model, episodes, loss_fn, lr, steps, first_order, frozen)
    inner = (model, episodes, loss_fn, rates, steps, first_order)
    if (found := _side_by_side(*inner)) is not None:
        return found.losses.mean()
    losses = [
        loss_of(loss_fn, prediction, y)
        for (_, prediction), y in zip(_one_by_one(*inner), episodes.y_query, strict=True)
    ]
    return torch.stack(losses).mean()


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
        model: its parameters are moved in place, those with ``requires_grad=False`` excepted.
        episodes: T tasks; the weights are adapted to the supports, the queries only give the
            result.
        loss_fn: (prediction, y) -> ().
        lr: inner learning rate, as for `adapt`.
        steps: >= 1 inner steps; with one, Reptile is plain training on all tasks together.
        step_size: in [0, 1], the share of the way that is gone.

    Returns:
        () mean query loss of the adapted weights, comparable with `maml_loss`.

    Raises:
        TypeError, ValueError: step_size outside [0, 1], steps < 1, as for `adapt`, or lr leads to
            weights that are not finite; the model is then as it was.

    Source: Nichol, Achiam, Schulman 2018, arXiv:1803.02999, Algorithm 2; here with all support at
        every inner step.
    """
    step_size = float(_validate.number("step_size", step_size, at_least=0, at_most=1))
    _validate.count("steps", steps)
    episodes, rates, steps = _check_all(model, episodes, loss_fn, lr, steps, True, frozen=())
    inner = (model, episodes, loss_fn, rates, steps, True)
    if (found := _side_by_side(*inner)) is not None:
        losses, adapted = found.losses, found.weights
    else:
        tasks = [
            (params, loss_of(loss_fn, prediction, y))
            for (params, prediction), y in zip(_one_by_one(*inner), episodes.y_query, strict=True)
        ]
        losses = torch.stack([loss for _, loss in tasks])
        adapted = {name: torch.stack([params[name] for params, _ in tasks]) for name in rates}
    ends = {name: adapted[name].mean(0) for name in rates}
    for name, end in ends.items():
        if not end.isfinite().all():
            raise ValueError(
                f"lr leads to weights of {name} that are not finite: take a smaller lr"
            )
    for name, end in ends.items():
        model.get_parameter(name).lerp_(end, step_size)
    return losses.mean()


def adapted_predictions(
    model: nn.Module,
    episodes: Episode,
    loss_fn: LossFunction,
    *,
    lr: Rate,
    steps: int,
    first_order: bool = False,
    frozen: tuple[str, ...] = (),
    queries: str = "together",
) -> Tensor:
    """What is predicted for each task's queries after adapting to its support.

    A BatchNorm without running statistics normalises each batch by its own mean and spread, so what
    it says of one query depends on the other images in the batch. With all queries of a task in one
    batch, the answer to each uses what the others look like, though not their labels: this is
    called transduction. It is how MAML was measured, and no use where one new image is to be
    classified. Networks that look at one image at a time (GroupNorm, LayerNorm, running statistics)
    answer the same in all three ways.

    Args:
        model, episodes, loss_fn, lr, steps, first_order, frozen: as for `maml_loss`; the targets of
            the queries are not used.
        queries: which images form a batch: "together", all queries of a task; "alone", each query
            by itself; "with support", each query with its task's support. "together" is the default
            here, because `maml_loss` is the loss of just these predictions; accuracies ask one
            image at a time, see `mlteach.evaluate.adapted_accuracy`.

    Returns:
        (T, M, ...) logits or predictions; the model's own for steps = 0. A differentiable function
        of the model's parameters, and of rates that require a gradient.

    Raises:
        TypeError, ValueError: as for `maml_loss`, or queries is none of the three.
    """
    _validate.choice("queries", queries, QUERIES)
    episodes, rates, steps = _check_all(model, episodes, loss_fn, lr, steps, first_order, frozen)
    inner = (model, episodes, loss_fn, rates, steps, first_order)
    if (found := _side_by_side(*inner, queries=queries, judged=False)) is not None:
        return found.predictions
    predictions = [prediction for _, prediction in _one_by_one(*inner, queries=queries)]
    for prediction in predictions:
        if not isinstance(prediction, Tensor):
            raise TypeError(f"model must return a tensor, got {_validate.kind(prediction)}")
    return torch.stack(predictions)


class _Found(NamedTuple):
    weights: Params  # each (T, ...)
    predictions: Tensor  # (T, M, ...)
    losses: Tensor  # (T,), of the queries


def _side_by_side(
    model: nn.Module,
    episodes: Episode,
    loss_fn: LossFunction,
    rates: dict[str, float | Tensor],
    steps: int,
    first_order: bool,
    *,
    queries: str = "together",
    judged: bool = True,
) -> _Found | None:
    """`adapt` for all tasks at once, if that is known to give the same; else None."""
    layers = stacked.chain(model, episodes.x_support)
    if layers is None or torch.is_inference_mode_enabled() or draws_of_its_own(loss_fn):
        return None
    n_tasks = len(episodes.x_support)
    params = {name: p.expand(n_tasks, *p.shape) for name, p in model.named_parameters()}

    def support_loss(params: Params) -> Tensor:
        predictions = stacked.forward(layers, params, episodes.x_support)  # (T, N, ...)
        # a sum: no task's loss depends on another's weights, so its gradient is that of each task
        return losses_of(loss_fn, predictions, episodes.y_support).sum()

    random_state = torch.get_rng_state()
    try:
        for step in range(steps):
            checked = step == 0 and loss_fn not in USUAL
            params = _inner_step(support_loss, params, rates, first_order, checked=checked)
        ask = partial(stacked.forward, layers)
        predictions = _answers(ask, params, episodes.x_support, episodes.x_query, queries, dim=1)
        losses = losses_of(loss_fn, predictions, episodes.y_query) if judged else predictions
        found = _Found(params, predictions, losses)
    except (RuntimeError, IndexError, TypeError, ValueError):
        found = None  # if one task cannot be computed either, that says why
    if not torch.get_rng_state().equal(random_state):  # in another order than one after the other
        torch.set_rng_state(random_state)
        found = None
    return found


def _one_by_one(
    model: nn.Module,
    episodes: Episode,
    loss_fn: LossFunction,
    rates: dict[str, float | Tensor],
    steps: int,
    first_order: bool,
    *,
    queries: str = "together",
) -> Iterator[tuple[Params, Any]]:
    """Of each task the adapted weights, and what they predict for its queries (M, ...)."""
    start: Params = dict(model.named_parameters())
    usual = is_simple(model) and loss_fn in USUAL
    for x, y, x_query, _ in zip(*episodes, strict=True):
        with untouched(model) as call:
            params = descend(call, start, x, y, loss_fn, rates, steps, first_order, usual)
            prediction = _answers(call, params, x, x_query, queries, dim=0)
        yield params, prediction


def _answers(
    ask: Call, params: Params, support: Tensor, query: Tensor, queries: str, *, dim: int
) -> Any:
    """The predictions for the queries, which lie along dim, in batches as `queries` says."""
    if queries == "together":
        return ask(params, query)
    answers = []
    for one in query.split(1, dim):
        batch = one if queries == "alone" else torch.cat([support, one], dim)
        answer = ask(params, batch)
        if not isinstance(answer, Tensor):
            raise TypeError(f"model must return a tensor, got {_validate.kind(answer)}")
        answers.append(answer.narrow(dim, -1, 1))
    return torch.cat(answers, dim)


def descend(
    call: Call,
    params: Params,
    x: Tensor,
    y: Tensor,
    loss_fn: LossFunction,
    rates: dict[str, float | Tensor],
    steps: int,
    first_order: bool,
    usual: bool = False,
) -> Params:
    """The inner loop of one task; usual: model and loss are known to have second derivatives."""
    twice = torch.is_grad_enabled() and not (first_order or usual)

    def support_loss(params: Params) -> Tensor:
        return loss_of(loss_fn, call(params, x, twice=twice), y)

    for step in range(steps):
        params = _inner_step(
            support_loss, params, rates, first_order, checked=step == 0 and not usual
        )
    return params


def _inner_step(
    loss: Callable[[Params], Tensor],
    params: Params,
    rates: Mapping[str, float | Tensor],
    first_order: bool,
    *,
    checked: bool = False,
) -> Params:
    """params - rate * gradient of the loss, as new tensors."""
    if not rates:
        return params
    differentiable = torch.is_grad_enabled() and not first_order
    with torch.enable_grad():
        moving = {
            # an alias: what loss_fn does with the model's own weights is no part of the step
            name: p.view_as(p)
            if differentiable and p.requires_grad
            else p.detach().requires_grad_()
            for name, p in params.items()
            if name in rates
        }
        value = loss(params | moving)
        if not value.requires_grad:
            raise ValueError("loss_fn must give a loss that depends on the model's weights")
        if checked:
            check_recorded(value)
        weights = list(moving.values())
        try:
            gradients = torch.autograd.grad(
                value, weights, create_graph=differentiable, materialize_grads=True
            )
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ValueError(f"model or loss_fn cannot be differentiated: {error}") from error
    if checked and differentiable:
        check_twice_differentiable(gradients)
    stepped = {}
    for name, gradient in zip(moving, gradients, strict=True):
        rate = rates[name]
        rate = rate.to(gradient.dtype) if isinstance(rate, Tensor) else rate
        stepped[name] = params[name] - rate * gradient
    return params | stepped


def _check(
    model: nn.Module,
    params: Params,
    loss_fn: LossFunction,
    lr: Rate,
    steps: int,
    first_order: bool,
    frozen: tuple[str, ...],
) -> tuple[dict[str, float | Tensor], int]:
    """The rate of each weight that moves, and the number of steps."""
    check_network(model)
    check_names(params, model)
    check_loss(loss_fn)
    _validate.flag("first_order", first_order)
    return inner_rates(params, lr, frozen), _validate.count("steps", steps, at_least=0)


def _check_all(
    model: nn.Module,
    episodes: Episode,
    loss_fn: LossFunction,
    lr: Rate,
    steps: int,
    first_order: bool,
    frozen: tuple[str, ...],
) -> tuple[Episode, dict[str, float | Tensor], int]:
    """The same for many tasks."""
    params: Params = dict(_validate.module("model", model).named_parameters())
    rates, steps = _check(model, params, loss_fn, lr, steps, first_order, frozen)
    return check_episodes(episodes), rates, steps
