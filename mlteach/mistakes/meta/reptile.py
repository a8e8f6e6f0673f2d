"""Mistakes in Reptile's step."""

from __future__ import annotations

import torch

from mlteach.episodes import Episode
from mlteach.meta import adapt, reptile_step
from mlteach.mistakes._registry import mistake
from mlteach.mistakes.meta.maml import last_step_alone, on_queries, query_loss


@torch.no_grad()
def stretched(model, episodes, loss_fn, *, by, **inner):
    """A step of Reptile, so many times as long."""
    before = [p.clone() for p in model.parameters()]
    loss = reptile_step(model, episodes, loss_fn, **inner)
    for p, old in zip(model.parameters(), before, strict=True):
        p.copy_(old + by * (p - old))
    return loss


@torch.no_grad()
def moved_by(model, episodes, loss_fn, adapt_one, step_size):
    """A step towards the mean of the weights that `adapt_one` gives for the tasks in turn."""
    start = {name: p.clone() for name, p in model.named_parameters()}
    adapted = [adapt_one(x, y) for x, y in zip(episodes.x_support, episodes.y_support, strict=True)]
    losses = [
        query_loss(model, params, x, y, loss_fn)
        for params, x, y in zip(adapted, episodes.x_query, episodes.y_query, strict=True)
    ]
    for name, p in model.named_parameters():
        mean = torch.stack([params[name] for params in adapted]).mean(0)
        p.copy_(torch.lerp(start[name], mean, step_size))
    return torch.stack(losses).mean()


@mistake(
    reptile_step,
    "you go away from the adapted weights: the step is step_size * (adapted - weights)",
)
def moved_away(model, episodes, loss_fn, **inner):
    return stretched(model, episodes, loss_fn, by=-1, **inner)


@mistake(reptile_step, "you climb: the inner loop subtracts the gradient")
def inner_ascent(model, episodes, loss_fn, *, lr, **inner):
    """Down the loss with its sign flipped; the result gets its sign back."""
    return -reptile_step(model, episodes, lambda *pair: -loss_fn(*pair), lr=lr, **inner)


@mistake(reptile_step, "you return the step, not the new weights: add it to the old ones")
@torch.no_grad()
def step_for_weights(model, episodes, loss_fn, **inner):
    before = [p.clone() for p in model.parameters()]
    loss = reptile_step(model, episodes, loss_fn, **inner)
    for p, old in zip(model.parameters(), before, strict=True):
        p.sub_(old)
    return loss


@mistake(
    reptile_step,
    "the adapted weights of one task are the start of the next: "
    "every task starts from the same weights",
)
def chain_of_tasks(model, episodes, loss_fn, *, step_size, **inner):
    params = dict(model.named_parameters())

    def adapt_one(x, y):
        params.update(adapt(model, params, x, y, loss_fn, **inner))
        return dict(params)

    return moved_by(model, episodes, loss_fn, adapt_one, step_size)


@mistake(reptile_step, "you move the whole way to the mean: step_size is not used")
def whole_way(model, episodes, loss_fn, *, step_size, **inner):
    return reptile_step(model, episodes, loss_fn, step_size=1, **inner)


@mistake(
    reptile_step, "you add up over the tasks: Reptile moves towards the mean of the adapted weights"
)
def sum_of_tasks(model, episodes, loss_fn, **inner):
    return stretched(model, episodes, loss_fn, by=len(episodes.x_support), **inner)


@mistake(reptile_step, "you move towards the last task's weights only")
def last_task_only(model, episodes, loss_fn, **inner):
    return reptile_step(model, Episode(*(part[-1:] for part in episodes)), loss_fn, **inner)


@mistake(
    reptile_step,
    "you always make one inner step: with one, Reptile is training on all tasks together",
)
def one_inner_step(model, episodes, loss_fn, *, steps, **inner):
    return reptile_step(model, episodes, loss_fn, steps=1, **inner)


@mistake(
    reptile_step,
    "every inner step starts from the same weights: a step starts where the last one ended",
)
def inner_steps_from_the_start(model, episodes, loss_fn, *, step_size, **inner):
    def adapt_one(x, y):
        return last_step_alone(model, x, y, loss_fn, **inner)

    return moved_by(model, episodes, loss_fn, adapt_one, step_size)


@mistake(reptile_step, "your weights do not move")
def not_moved(model, episodes, loss_fn, *, step_size, **inner):
    return reptile_step(model, episodes, loss_fn, step_size=0, **inner)


@mistake(reptile_step)
def adapted_to_the_query(model, episodes, loss_fn, **inner):
    """Adapts to the queries, which the exercise does not have."""
    return reptile_step(model, on_queries(episodes), loss_fn, **inner)
