"""Answers to chapter 15 as students write them, made before the checks were read."""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from tests.support.answers import Answers

answers = Answers("15")


# --- inner_step
def two_forgotten(weights, x, y, lr):
    return weights - lr * x.T @ (x @ weights - y) / len(y)


def added(weights, x, y, lr):
    return weights + lr * 2 * x.T @ (x @ weights - y) / len(y)


def not_divided(weights, x, y, lr):
    return weights - lr * 2 * x.T @ (x @ weights - y)


def divided_by_features(weights, x, y, lr):
    return weights - lr * 2 * x.T @ (x @ weights - y) / len(weights)


def gradient_detached(weights, x, y, lr):
    gradient = 2 * x.T @ (x @ weights - y) / len(y)
    return weights - lr * gradient.detach()


def weights_detached(weights, x, y, lr):
    gradient = 2 * x.T @ (x @ weights - y) / len(y)
    return weights.detach() - lr * gradient


def only_gradient(weights, x, y, lr):
    return 2 * x.T @ (x @ weights - y) / len(y)


def in_data(weights, x, y, lr):
    gradient = 2 * x.T @ (x @ weights - y) / len(y)
    weights.data -= lr * gradient.data
    return weights


def no_grad(weights, x, y, lr):
    with torch.no_grad():
        return weights - lr * 2 * x.T @ (x @ weights - y) / len(y)


def rate_forgotten(weights, x, y, lr):
    return weights - 2 * x.T @ (x @ weights - y) / len(y)


def target_forgotten(weights, x, y, lr):
    return weights - lr * 2 * x.T @ (x @ weights) / len(y)


answers.wrong("inner_step", "factor two forgotten", two_forgotten)
answers.wrong("inner_step", "uphill", added)
answers.wrong("inner_step", "sum of squares", not_divided)
answers.wrong("inner_step", "divided by the number of weights", divided_by_features)
answers.wrong("inner_step", "gradient detached", gradient_detached)
answers.wrong("inner_step", "weights detached", weights_detached)
answers.wrong("inner_step", "gradient returned", only_gradient)
answers.wrong("inner_step", "weights changed through data", in_data)
answers.wrong("inner_step", "under no_grad", no_grad)
answers.wrong("inner_step", "rate forgotten", rate_forgotten)
answers.wrong("inner_step", "targets forgotten", target_forgotten)


def with_mean(weights, x, y, lr):
    error = (x * weights).sum(1) - y
    return weights - 2 * lr * (error[:, None] * x).mean(0)


def as_matrix(weights, x, y, lr):
    n = x.shape[0]
    left = torch.eye(x.shape[1], dtype=x.dtype) - 2 * lr / n * (x.T @ x)
    return left @ weights + 2 * lr / n * (x.T @ y)


answers.right("inner_step", "mean of error times input", with_mean)
answers.right("inner_step", "affine map of the weights", as_matrix)


def with_autograd(weights, x, y, lr):
    loss = F.mse_loss(x @ weights, y)
    (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
    return weights - lr * gradient


answers.rule("inner_step", "automatic differentiation", with_autograd)


# --- maml_loss
def step(w, x, y, lr):
    return w - lr * 2 * x.T @ (x @ w - y) / len(y)


def losses_of(weights, xs, ys, xq, yq, lr, steps):
    losses = []
    for a, b, c, d in zip(xs, ys, xq, yq):
        w = weights
        for _ in range(steps):
            w = step(w, a, b, lr)
        losses.append(F.mse_loss(c @ w, d))
    return torch.stack(losses)


def first_order(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses = []
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        w = weights
        for _ in range(steps):
            (g,) = torch.autograd.grad(F.mse_loss(xs @ w, ys), w)
            w = w - lr * g
        losses.append(F.mse_loss(xq @ w, yq))
    return torch.stack(losses).mean()


def walks_on(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses, w = [], weights
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        for _ in range(steps):
            w = step(w, xs, ys, lr)
        losses.append(F.mse_loss(xq @ w, yq))
    return torch.stack(losses).mean()


def support_loss(weights, x_support, y_support, x_query, y_query, lr, steps):
    return losses_of(weights, x_support, y_support, x_support, y_support, lr, steps).mean()


def adapts_to_query(weights, x_support, y_support, x_query, y_query, lr, steps):
    return losses_of(weights, x_query, y_query, x_query, y_query, lr, steps).mean()


def sum_of_tasks(weights, x_support, y_support, x_query, y_query, lr, steps):
    return losses_of(weights, x_support, y_support, x_query, y_query, lr, steps).sum()


def one_step(weights, x_support, y_support, x_query, y_query, lr, steps):
    return losses_of(weights, x_support, y_support, x_query, y_query, lr, 1).mean()


def gradient_at_start(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses = []
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        w = weights
        for _ in range(steps):
            w = w + step(weights, xs, ys, lr) - weights
        losses.append(F.mse_loss(xq @ w, yq))
    return torch.stack(losses).mean()


def one_common_step(weights, x_support, y_support, x_query, y_query, lr, steps):
    w = weights
    for _ in range(steps):
        w = torch.stack([step(w, a, b, lr) for a, b in zip(x_support, y_support)]).mean(0)
    return torch.stack([F.mse_loss(a @ w, b) for a, b in zip(x_query, y_query)]).mean()


def not_adapted(weights, x_support, y_support, x_query, y_query, lr, steps):
    return losses_of(weights, x_support, y_support, x_query, y_query, lr, 0).mean()


def every_step_counts(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses = []
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query):
        w = weights
        for _ in range(steps):
            w = step(w, xs, ys, lr)
            losses.append(F.mse_loss(xq @ w, yq))
    return torch.stack(losses).mean()


def fresh_leaf(weights, x_support, y_support, x_query, y_query, lr, steps):
    start = weights.clone().detach().requires_grad_()
    return losses_of(start, x_support, y_support, x_query, y_query, lr, steps).mean()


def to_numbers(weights, x_support, y_support, x_query, y_query, lr, steps):
    losses = losses_of(weights, x_support, y_support, x_query, y_query, lr, steps)
    return float(np.mean([loss.item() for loss in losses]))


def last_task(weights, x_support, y_support, x_query, y_query, lr, steps):
    return losses_of(weights, x_support, y_support, x_query, y_query, lr, steps)[-1]


answers.wrong("maml_loss", "first order", first_order)
answers.wrong("maml_loss", "next task starts where the last ended", walks_on)
answers.wrong("maml_loss", "loss of the support", support_loss)
answers.wrong("maml_loss", "adapts to the query", adapts_to_query)
answers.wrong("maml_loss", "sum over the tasks", sum_of_tasks)
answers.wrong("maml_loss", "one step always", one_step)
answers.wrong("maml_loss", "every step with the first gradient", gradient_at_start)
answers.wrong("maml_loss", "one adaptation for all tasks", one_common_step)
answers.wrong("maml_loss", "no inner step", not_adapted)
answers.wrong("maml_loss", "mean over the steps too", every_step_counts)
answers.wrong("maml_loss", "copy of the weights, no gradient back", fresh_leaf)
answers.wrong("maml_loss", "item()", to_numbers)
answers.wrong("maml_loss", "last task only", last_task)


def batched(weights, x_support, y_support, x_query, y_query, lr, steps):
    w = weights.expand(len(x_support), -1)
    for _ in range(steps):
        error = torch.einsum("tnd,td->tn", x_support, w) - y_support
        w = w - 2 * lr * torch.einsum("tn,tnd->td", error, x_support) / y_support.shape[1]
    return (torch.einsum("tmd,td->tm", x_query, w) - y_query).square().mean()


def functional(weights, x_support, y_support, x_query, y_query, lr, steps):
    def loss(w, x, y):
        return ((x @ w - y) ** 2).mean()

    total = 0
    for t in range(x_support.shape[0]):
        w = weights
        gradient = torch.func.grad(partial(loss, x=x_support[t], y=y_support[t]))
        for _ in range(steps):
            w = w - lr * gradient(w)
        total = total + loss(w, x_query[t], y_query[t])
    return total / x_support.shape[0]


answers.right("maml_loss", "all tasks at once", batched)
answers.right("maml_loss", "torch.func.grad", functional)

# --- outer_gradient
answers.wrong("outer_gradient", "first order", lambda w, c, a, lr: a * (w - lr * a * (w - c) - c))
answers.wrong("outer_gradient", "not adapted", lambda w, c, a, lr: a * (w - c) * (1 - lr * a))
answers.wrong("outer_gradient", "joint training", lambda w, c, a, lr: a * (w - c))
answers.wrong(
    "outer_gradient",
    "curvature forgotten outside",
    lambda w, c, a, lr: (w - lr * a * (w - c) - c) * (1 - lr * a),
)
answers.wrong(
    "outer_gradient",
    "plus in the chain rule",
    lambda w, c, a, lr: a * (w - lr * a * (w - c) - c) * (1 + lr * a),
)
answers.wrong(
    "outer_gradient",
    "loss of the adapted weight",
    lambda w, c, a, lr: a / 2 * ((1 - lr * a) * (w - c)) ** 2,
)
answers.wrong(
    "outer_gradient",
    "mean over the tasks",
    lambda w, c, a, lr: (a * (1 - lr * a) ** 2 * (w - c)).mean(),
)
answers.wrong("outer_gradient", "sign", lambda w, c, a, lr: a * (1 - lr * a) ** 2 * (c - w))
answers.wrong(
    "outer_gradient", "step without curvature", lambda w, c, a, lr: a * (1 - lr) ** 2 * (w - c)
)
answers.wrong(
    "outer_gradient", "three factors", lambda w, c, a, lr: a * (1 - lr * a) ** 3 * (w - c)
)
answers.right("outer_gradient", "factored", lambda w, c, a, lr: a * (1 - lr * a) ** 2 * (w - c))
answers.right(
    "outer_gradient",
    "multiplied out",
    lambda w, c, a, lr: (a - 2 * lr * a**2 + lr**2 * a**3) * (w - c),
)

# --- largest_rate
answers.wrong("largest_rate", "best rate", 1 / 4)
answers.wrong("largest_rate", "upside down", 2)
answers.wrong("largest_rate", "two times the curvature", 8)
answers.wrong("largest_rate", "half of the best", 1 / 8)
answers.right("largest_rate", "NumPy", np.float32(0.5))
