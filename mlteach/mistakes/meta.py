"""Mistakes in meta-learning: inner steps, outer losses, Reptile's step, prototypes."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from mlteach.episodes import Episode
from mlteach.meta import adapt, maml_loss, prototypical_loss, reptile_step
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
    return maml_loss(model, episodes, loss_fn, lr=-lr, **inner)


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


# --- Reptile -------------------------------------------------------------------------------------


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
    return reptile_step(model, episodes, loss_fn, lr=-lr, **inner)


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


# --- prototypes ----------------------------------------------------------------------------------


def prototypes(support, labels, n_way):
    """Right: the mean of each class's support, (n_way, D)."""
    return torch.stack([support[labels == label].mean(0) for label in range(n_way)])


@mistake(prototypes, "you add a class's support up: divide by the number of its images")
def sums_for_means(support, labels, n_way):
    sizes = labels.bincount(minlength=n_way)[:, None]
    return sizes * prototypes(support, labels, n_way)


@mistake(
    prototypes, "you divide by the number of all support images: each class has its own number"
)
def divided_by_all(support, labels, n_way):
    return sums_for_means(support, labels, n_way) / len(labels)


@mistake(
    prototypes,
    "you take the rows in their order, as if they came class by class: "
    "labels says which row belongs to which",
)
def taken_for_sorted(support, labels, n_way):
    return torch.stack([part.mean(0) for part in support.tensor_split(n_way)])


@mistake(prototypes, "you take one image of each class: a prototype is the mean of all of them")
def first_of_each_class(support, labels, n_way):
    return torch.stack([support[labels == label][0] for label in range(n_way)])


@mistake(prototypes, "all classes get the same mean: each has the mean of its own support")
def one_mean_for_all(support, labels, n_way):
    return support.mean(0).expand(n_way, -1)


@mistake(prototypes, "this is the median: a prototype is the mean")
def medians(support, labels, n_way):
    return torch.stack([support[labels == label].median(0).values for label in range(n_way)])


@mistake(
    prototypes, "you normalise the representations: prototypical networks take them as they are"
)
def of_unit_vectors(support, labels, n_way):
    return prototypes(F.normalize(support, dim=1), labels, n_way)


# --- the loss of the queries ---------------------------------------------------------------------


def squared_distances(query, prototypes):
    """(Q, C) from each query to each prototype."""
    return (query[:, None] - prototypes).square().sum(2)


def prototype_loss(prototypes, query, labels):
    """Right: cross-entropy of minus the squared distances, a mean over the queries, in nats."""
    return F.cross_entropy(-squared_distances(query, prototypes), labels)


@mistake(prototype_loss, "you take the distance, not its square")
def distances_not_squared(prototypes, query, labels):
    return F.cross_entropy(-squared_distances(query, prototypes).sqrt(), labels)


@mistake(
    prototype_loss,
    "the far prototypes get the largest logits: a logit is minus the squared distance",
)
def far_ones_likely(prototypes, query, labels):
    return F.cross_entropy(squared_distances(query, prototypes), labels)


@mistake(prototype_loss, "you average over the features: a squared distance is a sum over them")
def mean_over_features(prototypes, query, labels):
    return F.cross_entropy(-squared_distances(query, prototypes) / query.shape[1], labels)


@mistake(prototype_loss, "you add up over the queries: the loss is their mean")
def sum_over_queries(prototypes, query, labels):
    return len(query) * prototype_loss(prototypes, query, labels)


@mistake(prototype_loss, "you use the cosine: here it is minus the squared Euclidean distance")
def cosines_for_distances(prototypes, query, labels):
    cosines = F.normalize(query, dim=1) @ F.normalize(prototypes, dim=1).T
    return F.cross_entropy(cosines, labels)


@mistake(
    prototype_loss,
    "this is the product with the prototype alone: "
    "the prototype's own squared length is missing, and a factor 2",
)
def products_for_distances(prototypes, query, labels):
    return F.cross_entropy(query @ prototypes.T, labels)


@mistake(
    prototype_loss,
    "this is the distance to the own prototype alone: "
    "without the others in the softmax all points may fall together",
)
def own_distance_alone(prototypes, query, labels):
    return squared_distances(query, prototypes).gather(1, labels[:, None]).mean()


@mistake(
    prototype_loss, "a query meets the label of the next class: labels say which row is its own"
)
def labels_shifted(prototypes, query, labels):
    return prototype_loss(prototypes, query, (labels + 1) % len(prototypes))


@mistake(prototype_loss, "you take the softmax twice: cross_entropy takes it itself")
def softmax_twice(prototypes, query, labels):
    return F.cross_entropy((-squared_distances(query, prototypes)).softmax(1), labels)


@mistake(prototype_loss, "the softmax runs over the queries: it runs over the prototypes, dim 1")
def softmax_over_queries(prototypes, query, labels):
    return F.nll_loss((-squared_distances(query, prototypes)).log_softmax(0), labels)


@mistake(prototype_loss, "the logarithm is missing: the loss is minus the log of the probability")
def logarithm_missing(prototypes, query, labels):
    return F.nll_loss((-squared_distances(query, prototypes)).softmax(1), labels)


@mistake(prototype_loss, "the minus sign is missing: the loss is minus the log of the probability")
def minus_missing(prototypes, query, labels):
    return -prototype_loss(prototypes, query, labels)


@mistake(prototypical_loss, "the prototypes are made of queries: they are the support's means")
def prototypes_of_queries(encoder, episodes):
    return prototypical_loss(encoder, on_queries(episodes))


# --- prototypes as a linear layer ----------------------------------------------------------------


def linear_layer(prototypes):
    """Right: each class's weights and after them its bias, (C, D + 1)."""
    return torch.cat([2 * prototypes, -prototypes.square().sum(1, keepdim=True)], 1)


def rescaled(prototypes, weight, bias):
    """The right layer with its weights and biases multiplied."""
    layer = linear_layer(prototypes)
    return torch.cat([weight * layer[:, :-1], bias * layer[:, -1:]], 1)


@mistake(linear_layer, "the factor 2 is missing: -|x - m|² = 2 m·x - |m|² - |x|²")
def factor_two_missing(prototypes):
    return rescaled(prototypes, 0.5, 1)


@mistake(
    linear_layer, "the bias has the wrong sign: a prototype far from the origin needs a handicap"
)
def sign_of_the_bias(prototypes):
    return rescaled(prototypes, 1, -1)


@mistake(linear_layer, "the bias is in the first column: it comes after the weights")
def bias_first(prototypes):
    return linear_layer(prototypes).roll(1, dims=1)


@mistake(linear_layer, "your matrix is transposed: a row for each class, (C, D + 1)")
def transposed(prototypes):
    return linear_layer(prototypes).T


@mistake(linear_layer, "both signs are flipped: the logit is minus the squared distance")
def both_signs(prototypes):
    return rescaled(prototypes, -1, -1)


@mistake(
    linear_layer,
    "the bias is missing: without it a long prototype would win everywhere on its side",
)
def bias_missing(prototypes):
    return rescaled(prototypes, 1, 0)


@mistake(linear_layer, "the bias is minus the squared length of the prototype, not the length")
def length_not_squared(prototypes):
    return torch.cat([2 * prototypes, -prototypes.norm(dim=1, keepdim=True)], 1)


@mistake(linear_layer, "this is half of the layer: the softmax would be another one")
def half_of_the_layer(prototypes):
    return rescaled(prototypes, 0.5, 0.5)
