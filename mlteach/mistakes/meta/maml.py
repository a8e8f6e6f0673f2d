"""Mistakes in MAML, its inner step, and the outer gradient of a parabola."""

from __future__ import annotations

import torch

from mlteach.episodes import Episode
from mlteach.meta import adapt, maml_loss
from mlteach.mistakes._registry import mistake


def on_queries(episodes):
    """Tasks whose support is their query."""
    return episodes._replace(x_support=episodes.x_query, y_support=episodes.y_query)


# --- one inner step ------------------------------------------------------------------------------


def inner_step(weights, x, y, lr):
    """Right: one step down the mean squared error of the linear model x @ weights."""
    return weights - lr * 2 * x.T @ (x @ weights - y) / len(y)


@mistake(inner_step, "you climb: gradient descent subtracts the gradient")
def step_up(weights, x, y, lr):
    return inner_step(weights, x, y, -lr)


@mistake(inner_step, "you return the step, not the adapted weights: add it to the weights")
def step_alone(weights, x, y, lr):
    return inner_step(weights, x, y, lr) - weights


@mistake(
    inner_step, "the gradient is that of the sum of the squared errors: the loss is their mean"
)
def step_of_the_sum(weights, x, y, lr):
    return inner_step(weights, x, y, lr * len(y))


@mistake(inner_step, "the factor 2 of the square's derivative is missing")
def half_a_step(weights, x, y, lr):
    return inner_step(weights, x, y, lr / 2)


@mistake(inner_step, "the learning rate is missing")
def without_rate(weights, x, y, lr):
    return inner_step(weights, x, y, 1.0)


@mistake(
    inner_step,
    "the value is right, but the inner gradient is a constant: the second derivative is missing. "
    "Keep .detach() away from it, and give torch.autograd.grad create_graph=True",
)
def gradient_detached(weights, x, y, lr):
    return weights + step_alone(weights.detach(), x, y, lr)


@mistake(inner_step, "your weights do not move")
def no_step(weights, x, y, lr):
    return inner_step(weights, x, y, 0.0)


def along(weights, x, error, lr):
    """A step along what each example's error adds, as a mean over the examples."""
    return weights - lr * 2 * x.T @ error / len(error)


@mistake(inner_step, "you divide by the number of features D: the mean is over the N examples")
def divided_by_features(weights, x, y, lr):
    return inner_step(weights, x, y, lr * len(y) / len(weights))


@mistake(inner_step, "you divide by D too: the mean is over the N examples, each is one number")
def divided_by_features_too(weights, x, y, lr):
    return inner_step(weights, x, y, lr / len(weights))


@mistake(inner_step, "you divide by N - 1: a mean divides by N")
def divided_by_one_less(weights, x, y, lr):
    return inner_step(weights, x, y, lr * len(y) / (len(y) - 1))


@mistake(
    inner_step,
    "this is the step for half the sum of the squares: "
    "the loss is their mean, with a factor 2 from the square and a division by N",
)
def half_of_the_sum(weights, x, y, lr):
    return inner_step(weights, x, y, lr * len(y) / 2)


@mistake(inner_step, "you return the gradient: the adapted weights are weights - lr * gradient")
def gradient_for_weights(weights, x, y, lr):
    return -step_alone(weights, x, y, 1.0)


@mistake(inner_step, "the learning rate scales the weights too: it belongs to the gradient only")
def rate_on_the_weights(weights, x, y, lr):
    return lr * inner_step(weights, x, y, 1.0)


@mistake(
    inner_step,
    "the targets are missing in the gradient: the error is prediction less target, x @ weights - y",
)
def targets_missing(weights, x, y, lr):
    return along(weights, x, x @ weights, lr)


@mistake(
    inner_step,
    "the predictions are missing in the gradient: "
    "the error is prediction less target, x @ weights - y",
)
def predictions_missing(weights, x, y, lr):
    return along(weights, x, -y, lr)


@mistake(
    inner_step,
    "the error is not multiplied by x: by the chain rule each weight gets error times its feature",
)
def inputs_missing(weights, x, y, lr):
    return weights - lr * 2 * (x @ weights - y).mean()


@mistake(
    inner_step,
    "you multiply mean error by mean input: multiply example by example, then take the mean",
)
def product_of_means(weights, x, y, lr):
    return weights - lr * 2 * (x @ weights - y).mean() * x.mean(0)


@mistake(inner_step, "the error is still squared: the derivative of a square is twice the error")
def error_squared(weights, x, y, lr):
    return along(weights, x, (x @ weights - y).square(), lr)


@mistake(
    inner_step,
    "this goes down the absolute error, whatever its size: the loss is the squared error",
)
def absolute_error(weights, x, y, lr):
    return along(weights, x, (x @ weights - y).sign(), lr / 2)


@mistake(
    inner_step, "this goes down the root of the mean squared error: the loss is without the root"
)
def root_of_the_error(weights, x, y, lr):
    return inner_step(weights, x, y, lr / (2 * (x @ weights - y).square().mean().sqrt()))


@mistake(
    inner_step,
    "your step has the same length whatever the gradient: do not divide the gradient by its norm",
)
def step_of_one_length(weights, x, y, lr):
    return inner_step(weights, x, y, lr / step_alone(weights, x, y, 1.0).norm())


@mistake(inner_step, "your gradient is clipped: take it as it is")
def clipped(weights, x, y, lr):
    return inner_step(weights, x, y, lr / step_alone(weights, x, y, 1.0).norm().clamp(min=1))


@mistake(inner_step, "your gradient is clamped: take it as it is")
def clamped(weights, x, y, lr):
    return weights + lr * step_alone(weights, x, y, 1.0).clamp(-1, 1)


@mistake(
    inner_step,
    "you step after each example: take the gradient of the mean over all of them, then one step",
)
def step_after_each_example(weights, x, y, lr):
    for one, target in zip(x, y, strict=True):
        weights = inner_step(weights, one[None], target[None], lr)
    return weights


@mistake(
    inner_step,
    "you change the weights after each example, by its share: "
    "every example's error is that of the weights before the step",
)
def share_of_a_step_after_each_example(weights, x, y, lr):
    return step_after_each_example(weights, x, y, lr / len(y))


@mistake(
    inner_step,
    "each weight is changed with the new ones before it: take the whole gradient first",
)
def one_weight_after_the_other(weights, x, y, lr):
    for place in torch.eye(len(weights)).to(weights):
        weights = weights + place * step_alone(weights, x, y, lr)
    return weights


@mistake(inner_step, "only the first example counts: the loss is the mean over all of them")
def first_example_only(weights, x, y, lr):
    return inner_step(weights, x[:1], y[:1], lr)


@mistake(inner_step, "only the last example counts: the loss is the mean over all of them")
def last_example_only(weights, x, y, lr):
    return inner_step(weights, x[-1:], y[-1:], lr)


@mistake(inner_step, "you make two steps: one is asked for")
def two_steps(weights, x, y, lr):
    return inner_step(inner_step(weights, x, y, lr), x, y, lr)


@mistake(
    inner_step,
    "these are the weights of the least error: one step of gradient descent comes nearer",
)
def least_squares(weights, x, y, lr):
    return torch.linalg.pinv(x) @ y


# --- MAML ----------------------------------------------------------------------------------------


@mistake(
    maml_loss,
    "your outer loss is that of the support: "
    "the initialisation is judged by the query, which adapting has not seen",
)
def judged_by_the_support(model, episodes, loss_fn, **inner):
    x, y, _, _ = episodes
    return maml_loss(model, Episode(x, y, x, y), loss_fn, **inner)


@mistake(maml_loss, "you climb: the inner loop subtracts the gradient")
def gradient_ascent(model, episodes, loss_fn, *, lr, **inner):
    """Down the loss with its sign flipped; the outer loss gets its sign back."""
    return -maml_loss(model, episodes, lambda *pair: -loss_fn(*pair), lr=lr, **inner)


@mistake(
    maml_loss,
    "the adapted weights of one task are the start of the next: "
    "every task starts from the initialisation",
)
def tasks_in_a_chain(model, episodes, loss_fn, **inner):
    params, losses = dict(model.named_parameters()), []
    for x_support, y_support, x_query, y_query in zip(*episodes, strict=True):
        params = adapt(model, params, x_support, y_support, loss_fn, **inner)
        losses.append(query_loss(model, params, x_query, y_query, loss_fn))
    return torch.stack(losses).mean()


def query_loss(model, params, x, y, loss_fn):
    """The loss of a model with these parameters."""
    return loss_fn(torch.func.functional_call(model, params, (x,)), y)


@mistake(
    maml_loss,
    "every inner step starts from the initialisation: a step starts where the last one ended",
)
def steps_from_the_start(model, episodes, loss_fn, *, steps, **inner):
    losses = []
    for x_support, y_support, x_query, y_query in zip(*episodes, strict=True):
        params = last_step_alone(model, x_support, y_support, loss_fn, steps=steps, **inner)
        losses.append(query_loss(model, params, x_query, y_query, loss_fn))
    return torch.stack(losses).mean()


def last_step_alone(model, x, y, loss_fn, *, steps, **inner):
    """Each step is taken from the initialisation, with the gradient where the last one ended."""
    start = params = dict(model.named_parameters())
    for _ in range(steps):
        after = adapt(model, params, x, y, loss_fn, steps=1, **inner)
        params = {name: start[name] + after[name] - params[name] for name in start}
    return params


@mistake(maml_loss, "you adapt to the query: adapt to the support, and judge by the query")
def adapted_to_what_judges(model, episodes, loss_fn, **inner):
    return maml_loss(model, on_queries(episodes), loss_fn, **inner)


@mistake(maml_loss, "only the last task counts: the outer loss is the mean over the tasks")
def last_task_judged(model, episodes, loss_fn, **inner):
    return maml_loss(model, Episode(*(part[-1:] for part in episodes)), loss_fn, **inner)


@mistake(maml_loss, "you add up over a task's queries: their mean is asked for")
def sum_over_queries_of_a_task(model, episodes, loss_fn, **inner):
    return episodes.x_query.shape[1] * maml_loss(model, episodes, loss_fn, **inner)


@mistake(maml_loss, "the inner gradient is that of a sum over the support: its loss is a mean")
def inner_sum(model, episodes, loss_fn, *, lr, **inner):
    n_support = episodes.x_support.shape[1]
    return maml_loss(model, episodes, loss_fn, lr=n_support * lr, **inner)


@mistake(maml_loss, "the inner gradient is half as long: the factor 2 of a square is missing")
def inner_half(model, episodes, loss_fn, *, lr, **inner):
    return maml_loss(model, episodes, loss_fn, lr=lr / 2, **inner)


@mistake(maml_loss, "you add up over the tasks: the outer loss is their mean")
def sum_over_tasks(model, episodes, loss_fn, **inner):
    return len(episodes.x_query) * maml_loss(model, episodes, loss_fn, **inner)


@mistake(maml_loss, "your tasks are not adapted: the query loss is that of the initialisation")
def not_adapted(model, episodes, loss_fn, *, steps, **inner):
    return maml_loss(model, episodes, loss_fn, steps=0, **inner)


@mistake(maml_loss, "you always make one inner step, whatever steps says")
def one_step_always(model, episodes, loss_fn, *, steps, **inner):
    return maml_loss(model, episodes, loss_fn, steps=1, **inner)


@mistake(maml_loss, "you make one inner step too many")
def one_step_too_many(model, episodes, loss_fn, *, steps, **inner):
    return maml_loss(model, episodes, loss_fn, steps=steps + 1, **inner)


@mistake(
    maml_loss,
    "the value is right, but this is first-order MAML: the derivative of the inner gradient is "
    "missing. Take it with torch.autograd.grad(…, create_graph=True), "
    "and keep .detach() and .data away from it",
)
def first_order_by_accident(model, episodes, loss_fn, *, first_order=False, **inner):
    return maml_loss(model, episodes, loss_fn, first_order=True, **inner)


@mistake(maml_loss)
def frozen_ignored(model, episodes, loss_fn, *, frozen=(), **inner):
    """Adapts every weight; what is frozen is no argument of the exercise."""
    return maml_loss(model, episodes, loss_fn, **inner)


OVERWRITES = (
    "your inner loop overwrites the initialisation: the next task would start where this one "
    "ended. Make new weights, w = w - lr * gradient, instead of changing the old ones in place"
)


@mistake(maml_loss, OVERWRITES)
def initialisation_overwritten(model, episodes, loss_fn, **inner):
    losses = []
    for x_support, y_support, x_query, y_query in zip(*episodes, strict=True):
        params = dict(model.named_parameters())
        after = adapt(model, params, x_support, y_support, loss_fn, **inner)
        for name, p in params.items():
            p.data.copy_(after[name])
        losses.append(loss_fn(model(x_query), y_query))
    return torch.stack(losses).mean()


# --- the outer gradient of a parabola ------------------------------------------------------------


def outer_gradient(w, optimum, curvature, lr):
    """Right: MAML's gradient after one step on a / 2 (w - c)², the slope at w' times dw'/dw."""
    return curvature * (1 - lr * curvature) ** 2 * (w - optimum)


@mistake(
    outer_gradient,
    "this is the first-order gradient: multiply once more by dw'/dw = 1 - lr * curvature",
)
def first_order_gradient(w, optimum, curvature, lr):
    return curvature * (1 - lr * curvature) * (w - optimum)


@mistake(
    outer_gradient,
    "this is the gradient without adapting: it belongs at w', and dw'/dw is missing too",
)
def gradient_before_adapting(w, optimum, curvature, lr):
    return curvature * (w - optimum)


@mistake(
    outer_gradient,
    "the loss's own curvature is missing: its slope at w' is curvature * (w' - optimum)",
)
def curvature_missing(w, optimum, curvature, lr):
    return (1 - lr * curvature) ** 2 * (w - optimum)


@mistake(outer_gradient, "the sign is flipped: this is the step down, not the gradient")
def step_for_gradient(w, optimum, curvature, lr):
    return -outer_gradient(w, optimum, curvature, lr)


@mistake(outer_gradient, "you climb: w' = w - lr * curvature * (w - optimum)")
def gradient_after_climbing(w, optimum, curvature, lr):
    return outer_gradient(w, optimum, curvature, -lr)


@mistake(
    outer_gradient,
    "one factor too many: once 1 - lr * curvature from the slope at w', once from dw'/dw",
)
def one_factor_too_many(w, optimum, curvature, lr):
    return curvature * (1 - lr * curvature) ** 3 * (w - optimum)


@mistake(
    outer_gradient, "the chain rule multiplies: the slope at w' times dw'/dw, and you add them"
)
def factors_added(w, optimum, curvature, lr):
    return curvature * (1 - lr * curvature) * (w - optimum) + (1 - lr * curvature)


@mistake(
    outer_gradient,
    "the curvature stands there once too often: the slope of a / 2 (w - c)² is a (w - c)",
)
def curvature_squared(w, optimum, curvature, lr):
    return curvature * outer_gradient(w, optimum, curvature, lr)


@mistake(
    outer_gradient,
    "the curvature is missing in the inner step, or in dw'/dw: both have 1 - lr * curvature",
)
def step_without_curvature(w, optimum, curvature, lr):
    return curvature * (1 - lr) * (1 - lr * curvature) * (w - optimum)


@mistake(
    outer_gradient,
    "the curvature is missing in the inner step, and in dw'/dw: both have 1 - lr * curvature",
)
def factors_without_curvature(w, optimum, curvature, lr):
    return curvature * (1 - lr) ** 2 * (w - optimum)


@mistake(outer_gradient, "dw'/dw lacks the 1: w' is w less the step, so it is 1 - lr * curvature")
def derivative_without_one(w, optimum, curvature, lr):
    return -lr * curvature * first_order_gradient(w, optimum, curvature, lr)


@mistake(outer_gradient, "dw'/dw has the wrong sign: it is 1 - lr * curvature")
def derivative_plus(w, optimum, curvature, lr):
    return (1 + lr * curvature) * first_order_gradient(w, optimum, curvature, lr)


@mistake(outer_gradient, "dw'/dw is 1 - lr * curvature itself, with its sign, not its size")
def size_of_the_derivative(w, optimum, curvature, lr):
    return (1 - lr * curvature).abs() * first_order_gradient(w, optimum, curvature, lr)


@mistake(
    outer_gradient,
    "(1 - lr * curvature)² is cut off after 1 - 2 lr * curvature: the square of it is missing",
)
def square_cut_off(w, optimum, curvature, lr):
    return curvature * (1 - 2 * lr * curvature) * (w - optimum)


@mistake(outer_gradient, "this is the loss after the step: its derivative in w is asked for")
def loss_for_gradient(w, optimum, curvature, lr):
    return curvature / 2 * ((1 - lr * curvature) * (w - optimum)) ** 2


@mistake(outer_gradient, "this is the adapted weight w': the outer loss's gradient is asked for")
def adapted_for_gradient(w, optimum, curvature, lr):
    return w - lr * curvature * (w - optimum)


@mistake(outer_gradient, "this is w after the outer step: the gradient alone is asked for")
def moved_for_gradient(w, optimum, curvature, lr):
    return w - lr * outer_gradient(w, optimum, curvature, lr)


@mistake(
    outer_gradient, "w is not compared with the optimum: the slope at w' is curvature * (w' - c)"
)
def optimum_missing(w, optimum, curvature, lr):
    return outer_gradient(w, 0, curvature, lr)
