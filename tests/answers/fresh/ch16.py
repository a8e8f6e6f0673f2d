"""Answers to chapter 16 as students write them, made before the checks were read."""

import numpy as np
import torch
import torch.nn.functional as F

from tests.support.answers import Answers

answers = Answers("16")


# --- reptile_step
def walk(w, x, y, lr, steps):
    for _ in range(steps):
        w = w - lr * 2 * x.T @ (x @ w - y) / len(y)
    return w


def sum_of_ends(weights, x, y, lr, steps, step_size):
    moves = [walk(weights, a, b, lr, steps) - weights for a, b in zip(x, y)]
    return weights + step_size * torch.stack(moves).sum(0)


def one_after_another(weights, x, y, lr, steps, step_size):
    for a, b in zip(x, y):
        weights = weights + step_size * (walk(weights, a, b, lr, steps) - weights)
    return weights


def away(weights, x, y, lr, steps, step_size):
    ends = torch.stack([walk(weights, a, b, lr, steps) for a, b in zip(x, y)])
    return weights + step_size * (weights - ends.mean(0))


def share_swapped(weights, x, y, lr, steps, step_size):
    ends = torch.stack([walk(weights, a, b, lr, steps) for a, b in zip(x, y)])
    return step_size * weights + (1 - step_size) * ends.mean(0)


def chained_tasks(weights, x, y, lr, steps, step_size):
    ends, end = [], weights
    for a, b in zip(x, y):
        end = walk(end, a, b, lr, steps)
        ends.append(end)
    return weights + step_size * (torch.stack(ends).mean(0) - weights)


def whole_way(weights, x, y, lr, steps, step_size):
    return torch.stack([walk(weights, a, b, lr, steps) for a, b in zip(x, y)]).mean(0)


def over_inner_rate(weights, x, y, lr, steps, step_size):
    ends = torch.stack([walk(weights, a, b, lr, steps) for a, b in zip(x, y)])
    return weights + step_size * (ends.mean(0) - weights) / lr


def one_step(weights, x, y, lr, steps, step_size):
    ends = torch.stack([walk(weights, a, b, lr, 1) for a, b in zip(x, y)])
    return weights + step_size * (ends.mean(0) - weights)


def last_gradient(weights, x, y, lr, steps, step_size):
    gradients = []
    for a, b in zip(x, y):
        end = walk(weights, a, b, lr, steps)
        gradients.append(2 * a.T @ (a @ end - b) / len(b))
    return weights - step_size * torch.stack(gradients).mean(0)


def half_gradient(weights, x, y, lr, steps, step_size):
    ends = torch.stack([walk(weights, a, b, lr / 2, steps) for a, b in zip(x, y)])
    return weights + step_size * (ends.mean(0) - weights)


def last_task(weights, x, y, lr, steps, step_size):
    for a, b in zip(x, y):
        end = walk(weights, a, b, lr, steps)
    return weights + step_size * (end - weights)


def in_place(weights, x, y, lr, steps, step_size):
    ends = torch.stack([walk(weights, a, b, lr, steps) for a, b in zip(x, y)])
    weights += step_size * (ends.mean(0) - weights)
    return weights


def one_example_each(weights, x, y, lr, steps, step_size):
    ends = []
    for a, b in zip(x, y):
        end = weights
        for i in range(steps):
            j = i % len(b)
            end = end - lr * 2 * a[j] * (a[j] @ end - b[j])
        ends.append(end)
    return weights + step_size * (torch.stack(ends).mean(0) - weights)


def joint(weights, x, y, lr, steps, step_size):
    end = walk(weights, x.flatten(0, 1), y.flatten(), lr, steps)
    return weights + step_size * (end - weights)


answers.wrong("reptile_step", "moves added up", sum_of_ends)
answers.wrong("reptile_step", "a step after each task", one_after_another)
answers.wrong("reptile_step", "away from the ends", away)
answers.wrong("reptile_step", "shares swapped", share_swapped)
answers.wrong("reptile_step", "next task starts at the last end", chained_tasks)
answers.wrong("reptile_step", "the whole way", whole_way)
answers.wrong("reptile_step", "divided by the inner rate", over_inner_rate)
answers.wrong("reptile_step", "one inner step", one_step)
answers.wrong("reptile_step", "first-order MAML", last_gradient)
answers.wrong("reptile_step", "factor two forgotten", half_gradient)
answers.wrong("reptile_step", "last task only", last_task)
answers.wrong("reptile_step", "weights changed in place", in_place)
answers.wrong("reptile_step", "one example in each step", one_example_each)
answers.wrong("reptile_step", "one walk on all tasks", joint)


def batched(weights, x, y, lr, steps, step_size):
    ends = weights.repeat(len(x), 1)
    for _ in range(steps):
        error = torch.bmm(x, ends[..., None])[..., 0] - y
        ends = ends - 2 * lr * (x * error[..., None]).mean(1)
    return torch.lerp(weights, ends.mean(0), step_size)


def with_autograd(weights, x, y, lr, steps, step_size):
    total = torch.zeros_like(weights)
    for a, b in zip(x, y):
        w = weights.detach().clone().requires_grad_()
        optimiser = torch.optim.SGD([w], lr=lr)
        for _ in range(steps):
            optimiser.zero_grad()
            F.mse_loss(a @ w, b).backward()
            optimiser.step()
        total += w.detach() / len(x)
    return (1 - step_size) * weights + step_size * total


answers.right("reptile_step", "all tasks at once, lerp", batched)
answers.right("reptile_step", "SGD and backward", with_autograd)


# --- linear_cka
def not_centred(x, y):
    k, m = x @ x.T, y @ y.T
    return (k * m).sum() / (k.norm() * m.norm())


def centred_examples(x, y):
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    k, m = x @ x.T, y @ y.T
    return (k * m).sum() / (k.norm() * m.norm())


def one_mean(x, y):
    x, y = x - x.mean(), y - y.mean()
    k, m = x @ x.T, y @ y.T
    return (k * m).sum() / (k.norm() * m.norm())


def one_centred(x, y):
    x = x - x.mean(0)
    k, m = x @ x.T, y @ y.T
    return (k * m).sum() / (k.norm() * m.norm())


def norms_squared(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    k, m = x @ x.T, y @ y.T
    return (k * m).sum() / (k.norm() ** 2 * m.norm() ** 2)


def rooted(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    k, m = x @ x.T, y @ y.T
    return ((k * m).sum() / (k.norm() * m.norm())).sqrt()


def norm_of_product(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    k, m = x @ x.T, y @ y.T
    return (k @ m).norm() / (k.norm() * m.norm())


def traces(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    k, m = x @ x.T, y @ y.T
    return (k @ m).trace() / (k.trace() * m.trace())


def standardised(x, y):
    x, y = ((v - v.mean(0)) / v.std(0) for v in (x, y))
    k, m = x @ x.T, y @ y.T
    return (k * m).sum() / (k.norm() * m.norm())


def rows_of_kernel(x, y):
    k, m = x @ x.T, y @ y.T
    k, m = k - k.mean(0), m - m.mean(0)
    return (k * m).sum() / (k.norm() * m.norm())


def unit_rows(x, y):
    x, y = (F.normalize(v - v.mean(0), dim=1) for v in (x, y))
    k, m = x @ x.T, y @ y.T
    return (k * m).sum() / (k.norm() * m.norm())


def spectral_norms(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    k, m = x @ x.T, y @ y.T
    return (k * m).sum() / (torch.linalg.norm(k, 2) * torch.linalg.norm(m, 2))


def numerator_only(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return ((x @ x.T) * (y @ y.T)).sum()


answers.wrong("linear_cka", "not centred", not_centred)
answers.wrong("linear_cka", "mean over the features", centred_examples)
answers.wrong("linear_cka", "one mean for all", one_mean)
answers.wrong("linear_cka", "one of the two centred", one_centred)
answers.wrong("linear_cka", "rows of the kernels centred only", rows_of_kernel)
answers.wrong("linear_cka", "norms squared", norms_squared)
answers.wrong("linear_cka", "root of it", rooted)
answers.wrong("linear_cka", "norm of the product", norm_of_product)
answers.wrong("linear_cka", "traces below", traces)
answers.wrong("linear_cka", "features standardised", standardised)
answers.wrong("linear_cka", "rows to length 1", unit_rows)
answers.wrong("linear_cka", "spectral norms", spectral_norms)
answers.wrong("linear_cka", "numerator only", numerator_only)


def centred_kernels(x, y):
    n = len(x)
    h = torch.eye(n, dtype=x.dtype) - 1 / n
    k, m = h @ x @ x.T @ h, h @ y @ y.T @ h
    return torch.trace(k @ m) / torch.sqrt(torch.trace(k @ k) * torch.trace(m @ m))


def cosine_of_kernels(x, y):
    x, y = x.double() - x.double().mean(0), y.double() - y.double().mean(0)
    return F.cosine_similarity((x @ x.T).flatten(), (y @ y.T).flatten(), dim=0).item()


answers.right("linear_cka", "centred kernels and traces", centred_kernels)
answers.right("linear_cka", "cosine of the kernels, a float", cosine_of_kernels)


def large_matrices(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return (y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())


answers.rule("linear_cka", "matrices of D by D", large_matrices)

# --- frozen_body
answers.wrong("frozen_body", "the head frozen", ("head.",))
answers.wrong("frozen_body", "stem only", ("stem.",))
answers.wrong("frozen_body", "everything", ("stem.", "encoder.", "head."))
answers.wrong("frozen_body", "a bias forgotten", ("stem.", "encoder.0.", "encoder.1.weight"))
answers.wrong("frozen_body", "nothing", ())
answers.wrong("frozen_body", "the head's bias too", ("stem.", "encoder.", "head.bias"))
answers.wrong("frozen_body", "endings", ("weight", "bias"))
answers.wrong("frozen_body", "a star", ("stem.*", "encoder.*"))
answers.right("frozen_body", "without dots", ("stem", "encoder"))
answers.right(
    "frozen_body",
    "all four names",
    ("stem.weight", "encoder.0.weight", "encoder.1.weight", "encoder.1.bias"),
)

# --- inner_weight
answers.wrong("inner_weight", "m, not divided", 10)
answers.wrong("inner_weight", "counted from 1", 15 / 5)
answers.wrong("inner_weight", "of two mini-batches", 1 / 2)
answers.wrong("inner_weight", "with the sign", -2)
answers.wrong("inner_weight", "half of five", 2.5)
answers.wrong("inner_weight", "the last one's pairs", 4)
answers.right("inner_weight", "a whole number", 2)
answers.right("inner_weight", "NumPy", np.mean(np.arange(5)))
