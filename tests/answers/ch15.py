"""Answers to chapter 15 as students write them, made before the checks were read."""

import math
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from mlteach import meta
from tests.support.answers import Answers

answers = Answers("15")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# inner_step(weights, x, y, lr)


def _good_step(weights, x, y, lr):
    return weights - lr * 2 * x.T @ (x @ weights - y) / len(y)


def _in_place(weights, x, y, lr):
    weights -= lr * 2 * x.T @ (x @ weights - y) / len(y)
    return weights


def _sub_in_place(weights, x, y, lr):
    return weights.data.sub_(lr * 2 * x.T @ (x @ weights - y) / len(y))


def _overwritten(weights, x, y, lr):
    weights.data[:] = _good_step(weights, x, y, lr)
    return weights


def _alias_in_a_loop(weights, x, y, lr):
    new, residual = weights, x @ weights - y
    for d in range(len(weights)):
        new.data[d] = new.data[d] - lr * 2 * (x[:, d] * residual).mean()
    return new


def _targets_in_place(weights, x, y, lr):
    y -= x @ weights
    return weights + lr * 2 * x.T @ y / len(y)


def _one_image_after_the_other(weights, x, y, lr):
    for row, target in zip(x, y):
        weights = weights - lr * 2 * row * (row @ weights - target)
    return weights


def _one_image_after_the_other_by_n(weights, x, y, lr):
    for row, target in zip(x, y):
        weights = weights - lr * 2 * row * (row @ weights - target) / len(y)
    return weights


def _one_weight_after_the_other(weights, x, y, lr):
    weights = weights.clone()
    for d in range(len(weights)):
        weights[d] = weights[d] - lr * 2 * (x[:, d] * (x @ weights - y)).mean()
    return weights


def _root_of_the_error(weights, x, y, lr):
    residual = x @ weights - y
    root = residual.square().mean().sqrt()
    return weights - lr * x.T @ residual / len(y) / root


def _column_of_targets(weights, x, y, lr):
    residual = x @ weights[:, None] - y
    return weights - lr * 2 * (x.T @ residual).mean(1) / len(y)


def _unit_length(weights, x, y, lr):
    return weights - lr * F.normalize(2 * x.T @ (x @ weights - y) / len(y), dim=0)


def _clipped(weights, x, y, lr):
    gradient = 2 * x.T @ (x @ weights - y) / len(y)
    return weights - lr * gradient.clamp(-1, 1)


def _product_of_means(weights, x, y, lr):
    return weights - lr * 2 * x.mean(0) * (x @ weights - y).mean()


wrong("inner_step", "the stub", lambda weights, x, y, lr: None)
wrong(
    "inner_step",
    "2 forgotten",
    lambda weights, x, y, lr: weights - lr * x.T @ (x @ weights - y) / len(y),
)
wrong(
    "inner_step",
    "sum instead of mean",
    lambda weights, x, y, lr: weights - lr * 2 * x.T @ (x @ weights - y),
)
wrong(
    "inner_step",
    "half a sum of squares",
    lambda weights, x, y, lr: weights - lr * x.T @ (x @ weights - y),
)
wrong(
    "inner_step",
    "uphill",
    lambda weights, x, y, lr: weights + lr * 2 * x.T @ (x @ weights - y) / len(y),
)
wrong(
    "inner_step",
    "residual the other way round",
    lambda weights, x, y, lr: weights - lr * 2 * x.T @ (y - x @ weights) / len(y),
)
wrong(
    "inner_step",
    "divided by D",
    lambda weights, x, y, lr: weights - lr * 2 * x.T @ (x @ weights - y) / len(weights),
)
wrong(
    "inner_step",
    "divided by N D",
    lambda weights, x, y, lr: weights - lr * 2 * x.T @ (x @ weights - y) / x.numel(),
)
wrong(
    "inner_step",
    "divided by N - 1",
    lambda weights, x, y, lr: weights - lr * 2 * x.T @ (x @ weights - y) / (len(y) - 1),
)
wrong(
    "inner_step",
    "learning rate forgotten",
    lambda weights, x, y, lr: weights - 2 * x.T @ (x @ weights - y) / len(y),
)
wrong(
    "inner_step",
    "learning rate 0.01 always",
    lambda weights, x, y, lr: _good_step(weights, x, y, 0.01),
)
wrong(
    "inner_step",
    "the gradient alone",
    lambda weights, x, y, lr: 2 * x.T @ (x @ weights - y) / len(y),
)
wrong(
    "inner_step",
    "what is to be added",
    lambda weights, x, y, lr: -lr * 2 * x.T @ (x @ weights - y) / len(y),
)
wrong(
    "inner_step",
    "targets forgotten",
    lambda weights, x, y, lr: weights - lr * 2 * x.T @ (x @ weights) / len(y),
)
wrong(
    "inner_step",
    "gradient at weights of 0",
    lambda weights, x, y, lr: weights + lr * 2 * x.T @ y / len(y),
)
wrong(
    "inner_step",
    "x forgotten, residual's mean",
    lambda weights, x, y, lr: weights - lr * 2 * (x @ weights - y).mean(),
)
wrong("inner_step", "product of the means", _product_of_means)
wrong("inner_step", "weights -=", _in_place)
wrong("inner_step", "weights.data.sub_", _sub_in_place)
wrong("inner_step", "written into the weights' data", _overwritten)
wrong("inner_step", "an alias changed in a loop", _alias_in_a_loop)
wrong("inner_step", "y -= changes the targets", _targets_in_place)
wrong("inner_step", "a step after each image", _one_image_after_the_other)
wrong("inner_step", "a step of lr / N after each image", _one_image_after_the_other_by_n)
wrong("inner_step", "each weight sees the new ones before it", _one_weight_after_the_other)
wrong("inner_step", "root of the mean squared error", _root_of_the_error)
wrong("inner_step", "N by N residuals by broadcasting", _column_of_targets)
wrong("inner_step", "gradient of length 1", _unit_length)
wrong("inner_step", "gradient clipped", _clipped)
wrong(
    "inner_step",
    "absolute error",
    lambda weights, x, y, lr: weights - lr * x.T @ (x @ weights - y).sign() / len(y),
)
wrong(
    "inner_step",
    "two steps",
    lambda weights, x, y, lr: _good_step(_good_step(weights, x, y, lr), x, y, lr),
)
wrong("inner_step", "least squares at once", lambda weights, x, y, lr: torch.linalg.pinv(x) @ y)
wrong(
    "inner_step",
    "a column",
    lambda weights, x, y, lr: _good_step(weights[:, None], x, y[:, None], lr),
)
wrong(
    "inner_step",
    "learning rate on the weights too",
    lambda weights, x, y, lr: (1 - lr) * weights - lr * 2 * x.T @ (x @ weights - y) / len(y),
)


def _by_loops(weights, x, y, lr):
    gradient = [0.0] * len(weights)
    for row, target in zip(x, y):
        error = sum(row[d] * weights[d] for d in range(len(weights))) - target
        for d in range(len(weights)):
            gradient[d] = gradient[d] + 2 * row[d] * error / len(y)
    return torch.stack([w - lr * g for w, g in zip(weights, gradient)])


def _by_moments(weights, x, y, lr):
    return weights - 2 * lr / len(x) * (x.T @ x @ weights - x.T @ y)


def _by_differences(weights, x, y, lr):
    start, a, b = weights.double(), x.double(), y.double()

    def error(w):
        return ((a @ w - b) ** 2).mean()

    h = 1e-3  # the error is a parabola, for which central differences are exact
    slopes = [
        (error(start + h * e) - error(start - h * e)) / (2 * h)
        for e in torch.eye(len(start)).double()
    ]
    return (start - lr * torch.stack(slopes)).to(weights.dtype)


def _clone_then_in_place(weights, x, y, lr):
    new = weights.clone()
    new -= lr * (2 / x.shape[0]) * torch.mv(x.t(), torch.mv(x, weights) - y)
    return new


def _as_a_linear_map(weights, x, y, lr):
    a = 2 * lr / len(y)
    return (torch.eye(len(weights)).to(x) - a * x.T @ x) @ weights + a * x.T @ y


right("inner_step", "loops over images and features", _by_loops)
right("inner_step", "by the moments of x and y", _by_moments)
right("inner_step", "central differences in double precision", _by_differences)
right("inner_step", "a clone changed in place", _clone_then_in_place)
right("inner_step", "a linear map of the weights", _as_a_linear_map)
right(
    "inner_step",
    "mean over the images",
    lambda weights, x, y, lr: weights - lr * (2 * (x @ weights - y)[:, None] * x).mean(0),
)
right(
    "inner_step",
    "einsum",
    lambda weights, x, y, lr: (
        weights
        + 2 * lr / len(y) * torch.einsum("nd,n->d", x, y - torch.einsum("nd,d->n", x, weights))
    ),
)
right(
    "inner_step",
    "double precision",
    lambda weights, x, y, lr: _good_step(weights.double(), x.double(), y.double(), lr),
)
right(
    "inner_step",
    "residual times x",
    lambda weights, x, y, lr: torch.add(weights, (y - x @ weights) @ x, alpha=2 * lr / y.numel()),
)


def _with_autograd(weights, x, y, lr):
    start = weights.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(F.mse_loss(x @ start, y), start)
    return weights - lr * gradient


def _with_backward(weights, x, y, lr):
    new = weights.clone().detach().requires_grad_(True)
    ((x @ new - y) ** 2).mean().backward()
    return (new - lr * new.grad).detach()


def _with_func_grad(weights, x, y, lr):
    return weights - lr * torch.func.grad(lambda w: F.mse_loss(x @ w, y))(weights)


def _with_an_optimizer(weights, x, y, lr):
    new = nn.Parameter(weights.detach().clone())
    optimizer = torch.optim.SGD([new], lr=lr)
    F.mse_loss(x @ new, y).backward()
    optimizer.step()
    return new.detach()


def _with_the_book(weights, x, y, lr):
    model = nn.Linear(len(weights), 1, bias=False)
    how = {"lr": lr, "steps": 1}
    new = meta.adapt(model, {"weight": weights[None]}, x, y[:, None], F.mse_loss, **how)
    return new["weight"][0]


rule("inner_step", "torch.autograd.grad", _with_autograd)
rule("inner_step", "backward", _with_backward)
rule("inner_step", "torch.func.grad", _with_func_grad)
rule("inner_step", "an optimizer", _with_an_optimizer)
rule("inner_step", "the book's adapt", _with_the_book)


# maml_loss(weights, x_support, y_support, x_query, y_query, lr, steps)


def _maml(adapt_to):
    """The outer loss of an inner loop."""

    def loss(weights, x_support, y_support, x_query, y_query, lr, steps):
        losses = []
        for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
            adapted = adapt_to(weights, xs, ys, lr, steps)
            losses.append(F.mse_loss(xq @ adapted, yq))
        return torch.stack(losses).mean()

    return loss


def _adapted(weights, x, y, lr, steps):
    for _ in range(steps):
        weights = _good_step(weights, x, y, lr)
    return weights


def _gradients_detached(weights, x, y, lr, steps):
    for _ in range(steps):
        weights = weights - lr * (2 * x.T @ (x @ weights - y) / len(y)).detach()
    return weights


def _create_graph_forgotten(weights, x, y, lr, steps):
    for _ in range(steps):
        (gradient,) = torch.autograd.grad(F.mse_loss(x @ weights, y), weights)
        weights = weights - lr * gradient
    return weights


def _retain_graph_for_create_graph(weights, x, y, lr, steps):
    for _ in range(steps):
        loss = F.mse_loss(x @ weights, y)
        (gradient,) = torch.autograd.grad(loss, weights, retain_graph=True)
        weights = weights - lr * gradient
    return weights


def _residual_detached(weights, x, y, lr, steps):
    for _ in range(steps):
        weights = weights - lr * 2 * x.T @ (x @ weights.detach() - y) / len(y)
    return weights


def _last_step_alone_of_second_order(weights, x, y, lr, steps):
    for k in range(steps):
        gradient = 2 * x.T @ (x @ weights - y) / len(y)
        weights = weights - lr * (gradient if k == steps - 1 else gradient.detach())
    return weights


def _cut_before_the_last_step(weights, x, y, lr, steps):
    for k in range(steps):
        start = weights.detach() + 0 * weights if k == steps - 1 and k else weights
        weights = _good_step(start, x, y, lr)
    return weights


def _detached_after_each_step(weights, x, y, lr, steps):
    for _ in range(steps):
        weights = _good_step(weights, x, y, lr).detach().requires_grad_()
    return weights


def _without_gradient(weights, x, y, lr, steps):
    with torch.no_grad():
        return _adapted(weights, x, y, lr, steps)


def _a_copy_that_is_a_leaf(weights, x, y, lr, steps):
    weights = weights.detach().clone().requires_grad_()
    for _ in range(steps):
        loss = F.mse_loss(x @ weights, y)
        (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
        weights = weights - lr * gradient
    return weights


def _one_step_always(weights, x, y, lr, steps):
    return _good_step(weights, x, y, lr)


def _one_step_too_few(weights, x, y, lr, steps):
    return _adapted(weights, x, y, lr, steps - 1)


def _one_step_too_many(weights, x, y, lr, steps):
    return _adapted(weights, x, y, lr, steps + 1)


def _one_long_step(weights, x, y, lr, steps):
    return _good_step(weights, x, y, lr * steps)


def _each_step_from_the_start(weights, x, y, lr, steps):
    adapted = weights
    for _ in range(steps):
        adapted = _good_step(weights, x, y, lr)
    return adapted


def _gradient_always_at_the_start(weights, x, y, lr, steps):
    gradient, adapted = 2 * x.T @ (x @ weights - y) / len(y), weights
    for _ in range(steps):
        adapted = adapted - lr * gradient
    return adapted


def _gradient_in_the_start(weights, x, y, lr, steps):
    adapted = weights
    for _ in range(steps):
        loss = F.mse_loss(x @ adapted, y)
        (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
        adapted = adapted - lr * gradient
    return adapted


def _sum_of_squares_inside(weights, x, y, lr, steps):
    return _adapted(weights, x, y, lr * len(y), steps)


def _half_the_gradient(weights, x, y, lr, steps):
    return _adapted(weights, x, y, lr / 2, steps)


def _uphill(weights, x, y, lr, steps):
    return _adapted(weights, x, y, -lr, steps)


def _rate_shared_among_steps(weights, x, y, lr, steps):
    return _adapted(weights, x, y, lr / max(steps, 1), steps)


def _never_adapted(weights, x, y, lr, steps):
    return weights


wrong(
    "maml_loss",
    "the stub",
    lambda weights, x_support, y_support, x_query, y_query, lr, steps: None,
)
wrong("maml_loss", "gradients detached: first order", _maml(_gradients_detached))
wrong("maml_loss", "create_graph forgotten: first order", _maml(_create_graph_forgotten))
wrong("maml_loss", "retain_graph for create_graph", _maml(_retain_graph_for_create_graph))
wrong("maml_loss", "residual detached", _maml(_residual_detached))
wrong("maml_loss", "second order in the last step only", _maml(_last_step_alone_of_second_order))
wrong("maml_loss", "cut off before the last step", _maml(_cut_before_the_last_step))
wrong("maml_loss", "detached after each step", _maml(_detached_after_each_step))
wrong("maml_loss", "inner loop under no_grad", _maml(_without_gradient))
wrong("maml_loss", "starts from a detached copy", _maml(_a_copy_that_is_a_leaf))
wrong("maml_loss", "one step whatever steps says", _maml(_one_step_always))
wrong("maml_loss", "one step too few", _maml(_one_step_too_few))
wrong("maml_loss", "one step too many", _maml(_one_step_too_many))
wrong("maml_loss", "one step with steps times the rate", _maml(_one_long_step))
wrong("maml_loss", "every inner step from the start", _maml(_each_step_from_the_start))
wrong("maml_loss", "gradient of the start in every step", _maml(_gradient_always_at_the_start))
wrong("maml_loss", "gradient in weights, not in adapted", _maml(_gradient_in_the_start))
wrong("maml_loss", "sum of squares in the inner loop", _maml(_sum_of_squares_inside))
wrong("maml_loss", "2 forgotten in the inner loop", _maml(_half_the_gradient))
wrong("maml_loss", "inner steps uphill", _maml(_uphill))
wrong("maml_loss", "rate divided by the steps", _maml(_rate_shared_among_steps))
wrong("maml_loss", "query at the initialisation", _maml(_never_adapted))


def _support_loss(weights, x_support, y_support, x_query, y_query, lr, steps):
    return _maml(_adapted)(weights, x_support, y_support, x_support, y_support, lr, steps)


def _adapts_to_the_query(weights, x_support, y_support, x_query, y_query, lr, steps):
    return _maml(_adapted)(weights, x_query, y_query, x_query, y_query, lr, steps)


def _support_and_query_swapped(weights, x_support, y_support, x_query, y_query, lr, steps):
    return _maml(_adapted)(weights, x_query, y_query, x_support, y_support, lr, steps)


def _task_after_task(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses, adapted = [], weights
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        for _ in range(steps):
            adapted = _good_step(adapted, xs, ys, lr)
        losses.append(F.mse_loss(xq @ adapted, yq))
    return torch.stack(losses).mean()


def _weights_reused(weights, x_support, y_support, x_query, y_query, lr, steps):
    loss = 0
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        for _ in range(steps):
            weights = weights - lr * 2 * xs.T @ (xs @ weights - ys) / len(ys)
        loss = loss + ((xq @ weights - yq) ** 2).mean() / len(x_support)
    return loss


def _sum_over_tasks(weights, x_support, y_support, x_query, y_query, lr, steps):
    loss = _maml(_adapted)(weights, x_support, y_support, x_query, y_query, lr, steps)
    return loss * len(x_support)


def _item(weights, x_support, y_support, x_query, y_query, lr, steps):
    return _maml(_adapted)(weights, x_support, y_support, x_query, y_query, lr, steps).item()


def _item_of_each_task(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses = []
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        adapted = _adapted(weights, xs, ys, lr, steps)
        losses.append(F.mse_loss(xq @ adapted, yq).item())
    return torch.tensor(losses, requires_grad=True).mean()


def _one_for_each_task(weights, x_support, y_support, x_query, y_query, lr, steps):
    tasks = zip(x_support, y_support, x_query, y_query)
    inner = [(_adapted(weights, xs, ys, lr, steps), xq, yq) for xs, ys, xq, yq in tasks]
    return torch.stack([F.mse_loss(xq @ adapted, yq) for adapted, xq, yq in inner])


def _last_task(weights, x_support, y_support, x_query, y_query, lr, steps):
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        adapted = _adapted(weights, xs, ys, lr, steps)
        loss = F.mse_loss(xq @ adapted, yq)
    return loss


def _returned_in_the_loop(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses = []
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        adapted = _adapted(weights, xs, ys, lr, steps)
        losses.append(F.mse_loss(xq @ adapted, yq))
        return torch.stack(losses).mean()


def _joint_adaptation(weights, x_support, y_support, x_query, y_query, lr, steps):
    adapted = _adapted(weights, x_support.flatten(0, 1), y_support.flatten(), lr, steps)
    return F.mse_loss(x_query @ adapted, y_query)


def _mean_of_the_adapted(weights, x_support, y_support, x_query, y_query, lr, steps):
    ends = [_adapted(weights, xs, ys, lr, steps) for xs, ys in zip(x_support, y_support)]
    return F.mse_loss(x_query @ torch.stack(ends).mean(0), y_query)


def _mean_over_the_steps(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses = []
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        adapted = weights
        for _ in range(steps):
            adapted = _good_step(adapted, xs, ys, lr)
            losses.append(F.mse_loss(xq @ adapted, yq))
    return torch.stack(losses).mean()


def _support_added(weights, x_support, y_support, x_query, y_query, lr, steps):
    query = _maml(_adapted)(weights, x_support, y_support, x_query, y_query, lr, steps)
    support = _support_loss(weights, x_support, y_support, x_query, y_query, lr, steps)
    return query + support


def _half_the_loss(weights, x_support, y_support, x_query, y_query, lr, steps):
    return _maml(_adapted)(weights, x_support, y_support, x_query, y_query, lr, steps) / 2


def _root_of_the_loss(weights, x_support, y_support, x_query, y_query, lr, steps):
    return _maml(_adapted)(weights, x_support, y_support, x_query, y_query, lr, steps).sqrt()


def _sum_over_the_query(weights, x_support, y_support, x_query, y_query, lr, steps):
    loss = _maml(_adapted)(weights, x_support, y_support, x_query, y_query, lr, steps)
    return loss * y_query.shape[1]


def _query_divided_by_the_support(weights, x_support, y_support, x_query, y_query, lr, steps):
    loss = _sum_over_the_query(weights, x_support, y_support, x_query, y_query, lr, steps)
    return loss / y_support.shape[1]


def _changes_the_weights(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses = []
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        for _ in range(steps):
            weights.data -= lr * 2 * xs.T @ (xs @ weights.data - ys) / len(ys)
        losses.append(F.mse_loss(xq @ weights, yq))
    return torch.stack(losses).mean()


def _a_network_with_backward(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses = []
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        model = nn.Linear(len(weights), 1, bias=False)
        model.weight.data = weights.detach()[None].clone()
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        for _ in range(steps):
            optimizer.zero_grad()
            F.mse_loss(model(xs)[:, 0], ys).backward()
            optimizer.step()
        losses.append(F.mse_loss(model(xq)[:, 0], yq))
    return torch.stack(losses).mean()


def _gain_of_adapting(weights, x_support, y_support, x_query, y_query, lr, steps):
    after = _maml(_adapted)(weights, x_support, y_support, x_query, y_query, lr, steps)
    return after - F.mse_loss(x_query @ weights, y_query)


wrong("maml_loss", "support loss after adapting", _support_loss)
wrong("maml_loss", "adapts to the query", _adapts_to_the_query)
wrong("maml_loss", "support and query swapped", _support_and_query_swapped)
wrong("maml_loss", "each task starts where the last ended", _task_after_task)
wrong("maml_loss", "name weights reused for the adapted", _weights_reused)
wrong("maml_loss", "sum over tasks", _sum_over_tasks)
wrong("maml_loss", "item", _item)
wrong("maml_loss", "item of each task, a new leaf", _item_of_each_task)
wrong("maml_loss", "one loss for each task", _one_for_each_task)
wrong("maml_loss", "last task only", _last_task)
wrong("maml_loss", "return inside the loop", _returned_in_the_loop)
wrong("maml_loss", "all tasks adapt together", _joint_adaptation)
wrong("maml_loss", "query at the mean of adapted weights", _mean_of_the_adapted)
wrong("maml_loss", "query loss after every inner step", _mean_over_the_steps)
wrong("maml_loss", "support loss added", _support_added)
wrong("maml_loss", "half the squares", _half_the_loss)
wrong("maml_loss", "root of the loss", _root_of_the_loss)
wrong("maml_loss", "sum over the query points", _sum_over_the_query)
wrong("maml_loss", "query divided by the support's N", _query_divided_by_the_support)
wrong("maml_loss", "weights.data changed in place", _changes_the_weights)
wrong("maml_loss", "a network, SGD and backward", _a_network_with_backward)
wrong("maml_loss", "gain of adapting", _gain_of_adapting)


def _by_autograd(weights, x, y, lr, steps):
    for _ in range(steps):
        loss = F.mse_loss(x @ weights, y)
        (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
        weights = weights - lr * gradient
    return weights


def _by_a_matrix_power(weights, x, y, lr, steps):
    a = 2 * lr / len(y)
    shrink = torch.eye(x.shape[1]).to(x) - a * x.T @ x
    total = torch.linalg.matrix_power(shrink, steps) @ weights
    for k in range(steps):
        total = total + torch.linalg.matrix_power(shrink, k) @ (a * x.T @ y)
    return total


def _all_tasks_at_once(weights, x_support, y_support, x_query, y_query, lr, steps):
    adapted = weights.expand(len(x_support), -1)  # (T, D)
    for _ in range(steps):
        residual = torch.einsum("tnd,td->tn", x_support, adapted) - y_support
        gradient = 2 * torch.einsum("tnd,tn->td", x_support, residual) / y_support.shape[1]
        adapted = adapted - lr * gradient
    return F.mse_loss(torch.einsum("tmd,td->tm", x_query, adapted), y_query)


def _by_vmap(weights, x_support, y_support, x_query, y_query, lr, steps):
    def error(w, x, y):
        return (x @ w - y).square().mean()

    def task(xs, ys, xq, yq):
        w = weights
        for _ in range(steps):
            w = w - lr * torch.func.grad(error)(w, xs, ys)
        return error(w, xq, yq)

    return torch.vmap(task)(x_support, y_support, x_query, y_query).mean()


def _sum_of_all_gradients(weights, x_support, y_support, x_query, y_query, lr, steps):
    tasks, n = x_support.shape[:2]
    adapted = weights.repeat(tasks, 1).unsqueeze(2)
    for _ in range(steps):
        squares = (torch.bmm(x_support, adapted)[..., 0] - y_support) ** 2
        (gradient,) = torch.autograd.grad(squares.sum() / n, adapted, create_graph=True)
        adapted = adapted - lr * gradient
    return ((torch.bmm(x_query, adapted)[..., 0] - y_query) ** 2).mean(1).mean(0)


def _by_the_book(weights, x_support, y_support, x_query, y_query, lr, steps):
    model = nn.Linear(len(weights), 1, bias=False)
    start, losses = {"weight": weights[None]}, []
    for task in zip(x_support, y_support[..., None], x_query, y_query[..., None]):
        phi = meta.adapt(model, start, *task[:2], F.mse_loss, lr=lr, steps=steps)
        losses.append(F.mse_loss(functional_call(model, phi, (task[2],)), task[3]))
    return sum(losses) / len(losses)


def _by_recursion(weights, x_support, y_support, x_query, y_query, lr, steps):
    def adapted(t, k):
        if k == 0:
            return weights
        before = adapted(t, k - 1)
        return before - lr * 2 * (x_support[t] @ before - y_support[t]) @ x_support[t] / len(
            y_support[t]
        )

    count = len(x_support)
    return (
        sum((x_query[t] @ adapted(t, steps) - y_query[t]).pow(2).mean() for t in range(count))
        / count
    )


def _in_double_precision(weights, x_support, y_support, x_query, y_query, lr, steps):
    parts = (part.double() for part in (weights, x_support, y_support, x_query, y_query))
    return _maml(_adapted)(*parts, lr=lr, steps=steps)


right("maml_loss", "autograd.grad with create_graph", _maml(_by_autograd))
right("maml_loss", "powers of a matrix", _maml(_by_a_matrix_power))
right("maml_loss", "all tasks at once by einsum", _all_tasks_at_once)
right("maml_loss", "vmap and torch.func.grad", _by_vmap)
right("maml_loss", "gradient of the sum, by bmm", _sum_of_all_gradients)
right("maml_loss", "the book's adapt", _by_the_book)
right("maml_loss", "recursion", _by_recursion)
right("maml_loss", "double precision", _in_double_precision)


# outer_gradient(w, optimum, curvature, lr)


def _loss_after_one_step(w, optimum, curvature, lr):
    adapted = w - lr * curvature * (w - optimum)
    return curvature / 2 * (adapted - optimum) ** 2


def _of_the_sum(w, optimum, curvature, lr):
    w = w.detach().requires_grad_()
    return torch.autograd.grad(_loss_after_one_step(w, optimum, curvature, lr).sum(), w)[0]


def _of_the_mean(w, optimum, curvature, lr):
    w = w.detach().requires_grad_()
    return torch.autograd.grad(_loss_after_one_step(w, optimum, curvature, lr).mean(), w)[0]


def _slope_detached(w, optimum, curvature, lr):
    adapted = w - lr * curvature * (w - optimum)
    return curvature * (adapted - optimum)


def _chain_rule_added(w, optimum, curvature, lr):
    return _slope_detached(w, optimum, curvature, lr) + (1 - lr * curvature)


def _in_place_step(w, optimum, curvature, lr):
    w -= lr * curvature * (w - optimum)
    return curvature * (w - optimum) * (1 - lr * curvature)


wrong("outer_gradient", "the stub", lambda w, optimum, curvature, lr: None)
wrong("outer_gradient", "first order", _slope_detached)
wrong(
    "outer_gradient",
    "slope before the step",
    lambda w, optimum, curvature, lr: curvature * (w - optimum),
)
wrong(
    "outer_gradient",
    "chain rule at the start",
    lambda w, optimum, curvature, lr: curvature * (w - optimum) * (1 - lr * curvature),
)
wrong("outer_gradient", "chain rule added, not multiplied", _chain_rule_added)
wrong(
    "outer_gradient",
    "factor of the chain rule cubed",
    lambda w, optimum, curvature, lr: curvature * (1 - lr * curvature) ** 3 * (w - optimum),
)
wrong(
    "outer_gradient",
    "curvature forgotten in front",
    lambda w, optimum, curvature, lr: (1 - lr * curvature) ** 2 * (w - optimum),
)
wrong(
    "outer_gradient",
    "curvature squared",
    lambda w, optimum, curvature, lr: curvature**2 * (1 - lr * curvature) ** 2 * (w - optimum),
)
wrong(
    "outer_gradient",
    "curvature forgotten in the step",
    lambda w, optimum, curvature, lr: curvature * (1 - lr) ** 2 * (w - optimum),
)
wrong(
    "outer_gradient",
    "curvature forgotten in dw'/dw",
    lambda w, optimum, curvature, lr: curvature * (1 - lr * curvature) * (w - optimum) * (1 - lr),
)
wrong(
    "outer_gradient",
    "dw'/dw without the 1",
    lambda w, optimum, curvature, lr: (
        -curvature * (1 - lr * curvature) * (w - optimum) * lr * curvature
    ),
)
wrong(
    "outer_gradient",
    "dw'/dw of the wrong sign",
    lambda w, optimum, curvature, lr: (
        curvature * (1 - lr * curvature) * (w - optimum) * (1 + lr * curvature)
    ),
)
wrong(
    "outer_gradient",
    "step uphill",
    lambda w, optimum, curvature, lr: curvature * (1 + lr * curvature) ** 2 * (w - optimum),
)
wrong(
    "outer_gradient",
    "towards the optimum",
    lambda w, optimum, curvature, lr: curvature * (1 - lr * curvature) ** 2 * (optimum - w),
)
wrong(
    "outer_gradient",
    "half of it",
    lambda w, optimum, curvature, lr: curvature / 2 * (1 - lr * curvature) ** 2 * (w - optimum),
)
wrong(
    "outer_gradient",
    "half the curvature in the step",
    lambda w, optimum, curvature, lr: curvature * (1 - lr * curvature / 2) ** 2 * (w - optimum),
)
wrong(
    "outer_gradient",
    "twice the curvature in the step",
    lambda w, optimum, curvature, lr: curvature * (1 - 2 * lr * curvature) ** 2 * (w - optimum),
)
wrong(
    "outer_gradient",
    "size of the factor",
    lambda w, optimum, curvature, lr: (
        curvature * (1 - lr * curvature) * (1 - lr * curvature).abs() * (w - optimum)
    ),
)
wrong(
    "outer_gradient",
    "expansion cut after the first order",
    lambda w, optimum, curvature, lr: curvature * (1 - 2 * lr * curvature) * (w - optimum),
)
wrong(
    "outer_gradient",
    "w not compared with the optimum",
    lambda w, optimum, curvature, lr: curvature * (1 - lr * curvature) ** 2 * w,
)
wrong("outer_gradient", "the loss itself", _loss_after_one_step)
wrong(
    "outer_gradient",
    "mean over the tasks",
    lambda w, optimum, curvature, lr: (
        curvature * (1 - lr * curvature) ** 2 * (w - optimum)
    ).mean(),
)
wrong(
    "outer_gradient",
    "sum over the tasks",
    lambda w, optimum, curvature, lr: (curvature * (1 - lr * curvature) ** 2 * (w - optimum)).sum(),
)
wrong("outer_gradient", "gradient of the mean of all", _of_the_mean)
wrong(
    "outer_gradient",
    "rate 0.3 always",
    lambda w, optimum, curvature, lr: curvature * (1 - 0.3 * curvature) ** 2 * (w - optimum),
)
wrong(
    "outer_gradient",
    "the adapted weight",
    lambda w, optimum, curvature, lr: w - lr * curvature * (w - optimum),
)
wrong(
    "outer_gradient",
    "the outer step",
    lambda w, optimum, curvature, lr: (
        w - lr * curvature * (1 - lr * curvature) ** 2 * (w - optimum)
    ),
)
wrong("outer_gradient", "w -= changes the initialisation", _in_place_step)


def _expanded(w, optimum, curvature, lr):
    d, a = w - optimum, curvature
    return a * d - 2 * lr * a**2 * d + lr**2 * a**3 * d


def _task_by_task(w, optimum, curvature, lr):
    found = []
    for start, c, a in zip(w.tolist(), optimum.tolist(), curvature.tolist()):
        moved = start - lr * a * (start - c)
        found.append((1 - lr * a) * a * (moved - c))
    return torch.tensor(found)


def _with_numpy(w, optimum, curvature, lr):
    w, c, a = (np.asarray(part, dtype=np.float64) for part in (w, optimum, curvature))
    return a * np.square(1 - lr * a) * (w - c)


right(
    "outer_gradient",
    "the formula of section 5",
    lambda w, optimum, curvature, lr: curvature * (1 - lr * curvature) ** 2 * (w - optimum),
)
right("outer_gradient", "multiplied out", _expanded)
right("outer_gradient", "task by task in Python floats", _task_by_task)
right("outer_gradient", "numpy, double precision", _with_numpy)
right(
    "outer_gradient",
    "two signs, turned twice",
    lambda w, optimum, curvature, lr: -curvature * (optimum - w) * (lr * curvature - 1).square(),
)
rule("outer_gradient", "autograd of the sum", _of_the_sum)
rule(
    "outer_gradient",
    "vmap of torch.func.grad",
    lambda w, optimum, curvature, lr: torch.vmap(
        torch.func.grad(_loss_after_one_step), (0, 0, 0, None)
    )(w, optimum, curvature, lr),
)


# largest_rate: 0.5

wrong("largest_rate", "the stub", 0.1)
wrong("largest_rate", "1 / curvature, where a step lands", 1 / 4)
wrong("largest_rate", "2", 2)
wrong("largest_rate", "the curvature", 4.0)
wrong("largest_rate", "curvature / 2", 4 / 2)
wrong("largest_rate", "1 / (2 a)", 1 / 8)
wrong("largest_rate", "half the curvature taken for it", 2 / 2)
wrong("largest_rate", "2 / a²", 2 / 16)
wrong("largest_rate", "1 / root of a, less a bit", 0.49)
wrong("largest_rate", "a little more", 0.51)
wrong("largest_rate", "1 / a²", 1 / 16)
wrong("largest_rate", "root of 2 / a", math.sqrt(2 / 4))
wrong("largest_rate", "negative", -0.5)
wrong("largest_rate", "0", 0)
wrong("largest_rate", "5 for 0.5", 5)
wrong("largest_rate", "integer division", 2 // 4)
wrong("largest_rate", "an interval", (0, 0.5))
wrong("largest_rate", "a text", "0.5")
wrong("largest_rate", "nothing", None)
wrong("largest_rate", "not a number", math.nan)
wrong("largest_rate", "no limit", math.inf)

right("largest_rate", "0.5", 0.5)
right("largest_rate", "a tensor", torch.tensor(0.5))
right("largest_rate", "np.float32", np.float32(2 / 4))
right("largest_rate", "a fraction", Fraction(2, 4))
right("largest_rate", "by the eigenvalue", 2 / torch.linalg.eigvalsh(torch.tensor([[4.0]])).max())
right("largest_rate", "1 / root of the curvature, by chance", 4**-0.5)
