"""Mistakes in MAML and Reptile of a linear model, x @ weights, with squared errors."""

from __future__ import annotations

import torch

from mlteach.mistakes._registry import mistake
from mlteach.mistakes.meta.maml import inner_step


def adapted(weights, x, y, lr, steps, step=inner_step):
    """The weights after some inner steps."""
    for _ in range(steps):
        weights = step(weights, x, y, lr)
    return weights


def error(weights, x, y):
    """The mean squared error."""
    return (x @ weights - y).square().mean()


# --- MAML ----------------------------------------------------------------------------------------


def linear_maml(weights, x_support, y_support, x_query, y_query, lr, steps, *, step=inner_step):
    """Right: the mean over the tasks of the query's error after adapting to the support."""
    tasks = zip(x_support, y_support, x_query, y_query, strict=True)
    losses = [error(adapted(weights, x, y, lr, steps, step), xq, yq) for x, y, xq, yq in tasks]
    return torch.stack(losses).mean()


@mistake(
    linear_maml,
    "every inner step uses the gradient at the start, as one long step would: "
    "take it anew at the adapted weights",
)
def one_long_step(weights, x_support, y_support, x_query, y_query, lr, steps):
    return linear_maml(weights, x_support, y_support, x_query, y_query, lr * steps, 1)


@mistake(linear_maml, "you divide the rate by the steps: every inner step has the rate lr")
def rate_divided_by_steps(weights, x_support, y_support, x_query, y_query, lr, steps):
    return linear_maml(weights, x_support, y_support, x_query, y_query, lr / steps, steps)


@mistake(linear_maml, "you make one inner step too few")
def one_step_too_few(weights, x_support, y_support, x_query, y_query, lr, steps):
    return linear_maml(weights, x_support, y_support, x_query, y_query, lr, steps - 1)


@mistake(
    linear_maml,
    "support and query are swapped: adapt to the support, and judge by the query",
)
def support_and_query_swapped(weights, x_support, y_support, x_query, y_query, lr, steps):
    return linear_maml(weights, x_query, y_query, x_support, y_support, lr, steps)


@mistake(
    linear_maml,
    "the query's loss counts after every inner step: it is asked for after the last one",
)
def judged_after_every_step(weights, x_support, y_support, x_query, y_query, lr, steps):
    tasks = x_support, y_support, x_query, y_query
    return torch.stack([linear_maml(weights, *tasks, lr, n + 1) for n in range(steps)]).mean()


@mistake(
    linear_maml,
    "the query's losses after all inner steps are added up: the one after the last step counts",
)
def added_after_every_step(weights, x_support, y_support, x_query, y_query, lr, steps):
    tasks = x_support, y_support, x_query, y_query
    return steps * judged_after_every_step(weights, *tasks, lr, steps)


@mistake(
    linear_maml,
    "all tasks adapt together, by their mean gradient: every task has adapted weights of its own",
)
def adapted_together(weights, x_support, y_support, x_query, y_query, lr, steps):
    shared = adapted(weights, x_support.flatten(0, 1), y_support.flatten(), lr, steps)
    return error(shared, x_query, y_query)


@mistake(
    linear_maml,
    "the queries are judged with the mean of all adapted weights: "
    "every task's query meets its own adapted weights",
)
def judged_at_the_mean(weights, x_support, y_support, x_query, y_query, lr, steps):
    pairs = zip(x_support, y_support, strict=True)
    mean = torch.stack([adapted(weights, x, y, lr, steps) for x, y in pairs]).mean(0)
    return error(mean, x_query, y_query)


@mistake(
    linear_maml, "the support's loss is added: the outer loss is that of the query after adapting"
)
def support_added(weights, x_support, y_support, x_query, y_query, lr, steps):
    return linear_maml(weights, x_support, y_support, x_query, y_query, lr, steps) + linear_maml(
        weights, x_support, y_support, x_support, y_support, lr, steps
    )


@mistake(
    linear_maml,
    "the support's loss before adapting is added: the outer loss is that of the query afterwards",
)
def support_before_added(weights, x_support, y_support, x_query, y_query, lr, steps):
    return linear_maml(weights, x_support, y_support, x_query, y_query, lr, steps) + error(
        weights, x_support, y_support
    )


@mistake(
    linear_maml,
    "this is how much adapting changes the query's loss: the loss after adapting is asked for",
)
def gain(weights, x_support, y_support, x_query, y_query, lr, steps):
    before = error(weights, x_query, y_query)
    return before - linear_maml(weights, x_support, y_support, x_query, y_query, lr, steps)


@mistake(linear_maml, "only the first task counts: the outer loss is the mean over the tasks")
def first_task_judged(weights, x_support, y_support, x_query, y_query, lr, steps):
    first = (part[:1] for part in (x_support, y_support, x_query, y_query))
    return linear_maml(weights, *first, lr, steps)


def judged_by(how):
    """MAML with another outer loss of each task's errors at the queries."""

    def loss(weights, x_support, y_support, x_query, y_query, lr, steps):
        tasks = zip(x_support, y_support, x_query, y_query, strict=True)
        errors = [xq @ adapted(weights, x, y, lr, steps) - yq for x, y, xq, yq in tasks]
        return torch.stack([how(error) for error in errors]).mean()

    return loss


@mistake(linear_maml, "the outer loss is the mean absolute error: it is the mean squared error")
def judged_by_absolute_errors(weights, x_support, y_support, x_query, y_query, lr, steps):
    tasks = x_support, y_support, x_query, y_query
    return judged_by(lambda error: error.abs().mean())(weights, *tasks, lr, steps)


@mistake(linear_maml, "the root is taken of each task's loss: the mean squared error has none")
def judged_by_roots(weights, x_support, y_support, x_query, y_query, lr, steps):
    tasks = x_support, y_support, x_query, y_query
    return judged_by(lambda error: error.square().mean().sqrt())(weights, *tasks, lr, steps)


@mistake(linear_maml, "a task is judged by another task's query: each has its own")
def query_of_another_task(weights, x_support, y_support, x_query, y_query, lr, steps):
    queries = x_query.roll(1, 0), y_query.roll(1, 0)
    return linear_maml(weights, x_support, y_support, *queries, lr, steps)


@mistake(linear_maml, "all tasks adapt to the first one's support: each has its own")
def support_of_the_first_task(weights, x_support, y_support, x_query, y_query, lr, steps):
    supports = x_support[:1].expand_as(x_support), y_support[:1].expand_as(y_support)
    return linear_maml(weights, *supports, x_query, y_query, lr, steps)


# --- Reptile -------------------------------------------------------------------------------------


def linear_reptile(weights, x, y, lr, steps, step_size, *, step=inner_step):
    """Right: a step from the weights towards the mean of those adapted to the tasks."""
    return weights + step_size * (_ends(weights, x, y, lr, steps, step).mean(0) - weights)


def _ends(weights, x, y, lr, steps, step=inner_step):
    """(T, D) the adapted weights of each task."""
    return torch.stack(
        [adapted(weights, *task, lr, steps, step) for task in zip(x, y, strict=True)]
    )


def _way(weights, x, y, lr, steps, step_size):
    """The right step alone."""
    return linear_reptile(weights, x, y, lr, steps, step_size) - weights


@mistake(
    linear_reptile,
    "every inner step uses the gradient at the start, as one long step would: "
    "take it anew at the adapted weights",
)
def reptile_of_one_long_step(weights, x, y, lr, steps, step_size):
    return linear_reptile(weights, x, y, lr * steps, 1, step_size)


@mistake(linear_reptile, "you divide the rate by the steps: every inner step has the rate lr")
def reptile_rate_divided(weights, x, y, lr, steps, step_size):
    return linear_reptile(weights, x, y, lr / steps, steps, step_size)


@mistake(linear_reptile, "you make one inner step too few")
def reptile_step_too_few(weights, x, y, lr, steps, step_size):
    return linear_reptile(weights, x, y, lr, steps - 1, step_size)


@mistake(linear_reptile, "you make one inner step too many")
def reptile_step_too_many(weights, x, y, lr, steps, step_size):
    return linear_reptile(weights, x, y, lr, steps + 1, step_size)


@mistake(linear_reptile, "the way is divided by lr: Reptile's step is step_size times the way")
def way_divided_by_rate(weights, x, y, lr, steps, step_size):
    return weights + _way(weights, x, y, lr, steps, step_size) / lr


@mistake(
    linear_reptile, "the way is divided by the inner steps: Reptile's step is step_size times it"
)
def way_divided_by_steps(weights, x, y, lr, steps, step_size):
    return weights + _way(weights, x, y, lr, steps, step_size) / steps


@mistake(
    linear_reptile,
    "the way is divided by lr and by the steps: Reptile's step is step_size times it",
)
def way_divided_by_both(weights, x, y, lr, steps, step_size):
    return weights + _way(weights, x, y, lr, steps, step_size) / (lr * steps)


@mistake(
    linear_reptile,
    "the way is multiplied by lr: lr belongs to the inner steps, step_size to the way",
)
def way_times_rate(weights, x, y, lr, steps, step_size):
    return weights + lr * _way(weights, x, y, lr, steps, step_size)


@mistake(
    linear_reptile, "step_size is in the inner steps too: it belongs to the way to their ends alone"
)
def step_size_inside(weights, x, y, lr, steps, step_size):
    return linear_reptile(weights, x, y, lr * step_size, steps, 1.0)


@mistake(
    linear_reptile,
    "you add the adapted weights themselves: add step_size * (adapted - weights), the way to them",
)
def ends_added(weights, x, y, lr, steps, step_size):
    return weights + step_size * _ends(weights, x, y, lr, steps).mean(0)


@mistake(
    linear_reptile,
    "you hand over a share of the adapted weights: go step_size of the way, "
    "from the old weights towards them",
)
def share_of_the_ends(weights, x, y, lr, steps, step_size):
    return step_size * _ends(weights, x, y, lr, steps).mean(0)


@mistake(
    linear_reptile,
    "you subtract the weights once, though you add up over the tasks: "
    "take the mean of the adapted weights first",
)
def sum_of_the_ends(weights, x, y, lr, steps, step_size):
    return weights + step_size * (_ends(weights, x, y, lr, steps).sum(0) - weights)


@mistake(
    linear_reptile,
    "the weights move after each task, so the next one starts elsewhere: "
    "all tasks start from the same weights, and one step follows",
)
def moved_after_each_task(weights, x, y, lr, steps, step_size):
    for task in zip(x, y, strict=True):
        weights = weights + step_size * (adapted(weights, *task, lr, steps) - weights)
    return weights


@mistake(
    linear_reptile,
    "the weights move after each task by its share, so the next one starts elsewhere: "
    "all tasks start from the same weights, and one step follows",
)
def moved_by_shares(weights, x, y, lr, steps, step_size):
    return moved_after_each_task(weights, x, y, lr, steps, step_size / len(x))


@mistake(
    linear_reptile,
    "the adapted weights of one task are the start of the next, and only the last ones count: "
    "every task starts from the same weights",
)
def end_of_a_chain(weights, x, y, lr, steps, step_size):
    end = moved_after_each_task(weights, x, y, lr, steps, 1.0)
    return weights + step_size * (end - weights)


@mistake(
    linear_reptile,
    "all tasks adapt together: every task has an inner loop and adapted weights of its own",
)
def one_loop_for_all(weights, x, y, lr, steps, step_size):
    end = adapted(weights, x.flatten(0, 1), y.flatten(), lr, steps)
    return weights + step_size * (end - weights)


@mistake(
    linear_reptile,
    "the weights after every inner step are in the mean: only those at the end count",
)
def every_step_an_end(weights, x, y, lr, steps, step_size):
    ends = torch.stack([_ends(weights, x, y, lr, n + 1).mean(0) for n in range(steps)])
    return weights + step_size * (ends.mean(0) - weights)


@mistake(
    linear_reptile,
    "you move along the last inner gradient alone, as first-order MAML does: "
    "Reptile moves along the whole way",
)
def last_gradient_alone(weights, x, y, lr, steps, step_size):
    last = _ends(weights, x, y, lr, steps) - _ends(weights, x, y, lr, steps - 1)
    return weights + step_size * last.mean(0)


@mistake(linear_reptile, "you take the median of the adapted weights: their mean is asked for")
def median_of_the_ends(weights, x, y, lr, steps, step_size):
    median = _ends(weights, x, y, lr, steps).median(0).values
    return weights + step_size * (median - weights)


@mistake(
    linear_reptile, "one mean is taken over tasks and features: each weight has its own mean, dim 0"
)
def mean_over_features_too(weights, x, y, lr, steps, step_size):
    ends = _ends(weights, x, y, lr, steps)
    return weights + step_size * (ends.mean() - weights)


@mistake(
    linear_reptile, "every weight moves by the same mean: the mean is over the tasks alone, dim 0"
)
def mean_way_over_features_too(weights, x, y, lr, steps, step_size):
    return weights + _way(weights, x, y, lr, steps, step_size).mean()


@mistake(linear_reptile, "the way is brought to length 1: how far the tasks lie away counts, too")
def way_of_one_length(weights, x, y, lr, steps, step_size):
    way = _way(weights, x, y, lr, steps, 1.0)
    return weights + step_size * way / way.norm()


@mistake(linear_reptile, "you move towards the first task's weights only")
def first_task_only(weights, x, y, lr, steps, step_size):
    return linear_reptile(weights, x[:1], y[:1], lr, steps, step_size)


@mistake(
    linear_reptile,
    "you move along the gradient at the adapted weights, as first-order MAML does: "
    "Reptile moves towards the adapted weights themselves",
)
def gradient_at_the_end(weights, x, y, lr, steps, step_size):
    ends = _ends(weights, x, y, lr, steps)
    after = [inner_step(*task, 1.0) for task in zip(ends, x, y, strict=True)]
    return weights + step_size * (torch.stack(after) - ends).mean(0)


@mistake(
    linear_reptile,
    "the weights move after every inner step: "
    "Reptile makes all inner steps, then one step towards their ends",
)
def moved_after_each_inner_step(weights, x, y, lr, steps, step_size):
    for _ in range(steps):
        weights = linear_reptile(weights, x, y, lr, 1, step_size)
    return weights


@mistake(
    linear_reptile,
    "the old weights are lost, their name is used for the adapted ones: keep them for the next "
    "task and for the step",
)
def name_of_the_weights_reused(weights, x, y, lr, steps, step_size):
    ends = []
    for task in zip(x, y, strict=True):
        weights = adapted(weights, *task, lr, steps)
        ends.append(weights)
    return weights + step_size * (torch.stack(ends).mean(0) - weights)
