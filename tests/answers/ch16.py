"""Answers to chapter 16 as students write them, made before the checks were read."""

import math
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mlteach import meta
from mlteach.episodes import Episode
from tests.support.answers import Answers

answers = Answers("16")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# reptile_step(weights, x, y, lr, steps, step_size)


def _end(weights, x, y, lr, steps):
    for _ in range(steps):
        weights = weights - lr * 2 * x.T @ (x @ weights - y) / len(y)
    return weights


def _ends(weights, x, y, lr, steps):
    return torch.stack([_end(weights, xs, ys, lr, steps) for xs, ys in zip(x, y)])


def _sum_of_the_ways(weights, x, y, lr, steps, step_size):
    return weights + step_size * (_ends(weights, x, y, lr, steps) - weights).sum(0)


def _sum_of_the_ends(weights, x, y, lr, steps, step_size):
    return weights + step_size * (_ends(weights, x, y, lr, steps).sum(0) - weights)


def _away_from_the_mean(weights, x, y, lr, steps, step_size):
    return weights + step_size * (weights - _ends(weights, x, y, lr, steps).mean(0))


def _all_the_way(weights, x, y, lr, steps, step_size):
    return _ends(weights, x, y, lr, steps).mean(0)


def _shares_swapped(weights, x, y, lr, steps, step_size):
    ends = _ends(weights, x, y, lr, steps)
    return step_size * weights + (1 - step_size) * ends.mean(0)


def _way_alone(weights, x, y, lr, steps, step_size):
    return step_size * (_ends(weights, x, y, lr, steps).mean(0) - weights)


def _mean_added_to_the_weights(weights, x, y, lr, steps, step_size):
    return weights + step_size * _ends(weights, x, y, lr, steps).mean(0)


def _divided_by_the_rate(weights, x, y, lr, steps, step_size):
    return weights + step_size * (_ends(weights, x, y, lr, steps).mean(0) - weights) / lr


def _divided_by_the_steps(weights, x, y, lr, steps, step_size):
    return weights + step_size * (_ends(weights, x, y, lr, steps).mean(0) - weights) / steps


def _times_the_rate(weights, x, y, lr, steps, step_size):
    return weights + step_size * lr * (_ends(weights, x, y, lr, steps).mean(0) - weights)


def _rates_swapped(weights, x, y, lr, steps, step_size):
    ends = _ends(weights, x, y, step_size, steps)
    return weights + lr * (ends.mean(0) - weights)


def _each_task_where_the_last_ended(weights, x, y, lr, steps, step_size):
    ends, end = [], weights
    for xs, ys in zip(x, y):
        end = _end(end, xs, ys, lr, steps)
        ends.append(end)
    return weights + step_size * (torch.stack(ends).mean(0) - weights)


def _name_used_again(weights, x, y, lr, steps, step_size):
    ends = []
    for xs, ys in zip(x, y):
        for _ in range(steps):
            weights = weights - lr * 2 * xs.T @ (xs @ weights - ys) / len(ys)
        ends.append(weights)
    return weights + step_size * (torch.stack(ends).mean(0) - weights)


def _moved_after_each_task(weights, x, y, lr, steps, step_size):
    for xs, ys in zip(x, y):
        weights = weights + step_size * (_end(weights, xs, ys, lr, steps) - weights)
    return weights


def _moved_after_each_task_by_its_share(weights, x, y, lr, steps, step_size):
    for xs, ys in zip(x, y):
        weights = weights + step_size / len(x) * (_end(weights, xs, ys, lr, steps) - weights)
    return weights


def _tasks_together(weights, x, y, lr, steps, step_size):
    end = _end(weights, x.flatten(0, 1), y.flatten(), lr, steps)
    return weights + step_size * (end - weights)


def _gradient_always_at_the_start(weights, x, y, lr, steps, step_size):
    ends = []
    for xs, ys in zip(x, y):
        end = weights
        for _ in range(steps):
            end = end - lr * 2 * xs.T @ (xs @ weights - ys) / len(ys)
        ends.append(end)
    return weights + step_size * (torch.stack(ends).mean(0) - weights)


def _every_inner_step_from_the_start(weights, x, y, lr, steps, step_size):
    ends = []
    for xs, ys in zip(x, y):
        for _ in range(steps):
            end = weights - lr * 2 * xs.T @ (xs @ weights - ys) / len(ys)
        ends.append(end)
    return weights + step_size * (torch.stack(ends).mean(0) - weights)


def _steps_of_single_images(weights, x, y, lr, steps, step_size):
    ends = []
    for xs, ys in zip(x, y):
        end = weights
        for k in range(steps):
            row, target = xs[k % len(xs)], ys[k % len(xs)]
            end = end - lr * 2 * row * (row @ end - target)
        ends.append(end)
    return weights + step_size * (torch.stack(ends).mean(0) - weights)


def _last_task(weights, x, y, lr, steps, step_size):
    for xs, ys in zip(x, y):
        end = _end(weights, xs, ys, lr, steps)
    return weights + step_size * (end - weights)


def _first_task(weights, x, y, lr, steps, step_size):
    return weights + step_size * (_end(weights, x[0], y[0], lr, steps) - weights)


def _return_in_the_loop(weights, x, y, lr, steps, step_size):
    ends = []
    for xs, ys in zip(x, y):
        end = weights
        for _ in range(steps):
            end = end - lr * 2 * xs.T @ (xs @ end - ys) / len(ys)
            ends.append(end)
    return weights + step_size * (torch.stack(ends).mean(0) - weights)


def _inner_steps_in_place(weights, x, y, lr, steps, step_size):
    ends = []
    for xs, ys in zip(x, y):
        end = weights
        for _ in range(steps):
            end -= lr * 2 * xs.T @ (xs @ end - ys) / len(ys)
        ends.append(end)
    return weights + step_size * (torch.stack(ends).mean(0) - weights)


def _moved_in_place(weights, x, y, lr, steps, step_size):
    weights += step_size * (_ends(weights, x, y, lr, steps).mean(0) - weights)
    return weights


def _moved_in_place_by_lerp(weights, x, y, lr, steps, step_size):
    return weights.data.lerp_(_ends(weights, x, y, lr, steps).mean(0), step_size)


def _median_of_the_ends(weights, x, y, lr, steps, step_size):
    ends = _ends(weights, x, y, lr, steps)
    return weights + step_size * (ends.median(0).values - weights)


def _mean_over_the_features(weights, x, y, lr, steps, step_size):
    ends = _ends(weights, x, y, lr, steps)
    return weights + step_size * (ends.mean() - weights)


def _unit_length(weights, x, y, lr, steps, step_size):
    way = _ends(weights, x, y, lr, steps).mean(0) - weights
    return weights + step_size * way / way.norm()


def _for_each_task(weights, x, y, lr, steps, step_size):
    return weights + step_size * (_ends(weights, x, y, lr, steps) - weights)


def _with(lr_factor=1.0, more=0):
    """Reptile with another inner rate, or another number of steps."""

    def answer(weights, x, y, lr, steps, step_size):
        ends = _ends(weights, x, y, lr * lr_factor, steps + more)
        return weights + step_size * (ends.mean(0) - weights)

    return answer


def _sum_of_squares(weights, x, y, lr, steps, step_size):
    ends = _ends(weights, x, y, lr * y.shape[1], steps)
    return weights + step_size * (ends.mean(0) - weights)


def _divided_by_the_tasks(weights, x, y, lr, steps, step_size):
    ends = _ends(weights, x, y, lr * y.shape[1] / len(x), steps)
    return weights + step_size * (ends.mean(0) - weights)


def _divided_by_the_features(weights, x, y, lr, steps, step_size):
    ends = _ends(weights, x, y, lr * y.shape[1] / len(weights), steps)
    return weights + step_size * (ends.mean(0) - weights)


def _one_inner_step(weights, x, y, lr, steps, step_size):
    return weights + step_size * (_ends(weights, x, y, lr, 1).mean(0) - weights)


def _one_long_inner_step(weights, x, y, lr, steps, step_size):
    return weights + step_size * (_ends(weights, x, y, lr * steps, 1).mean(0) - weights)


def _first_order_maml(weights, x, y, lr, steps, step_size):
    slopes = []
    for xs, ys, end in zip(x, y, _ends(weights, x, y, lr, steps)):
        slopes.append(2 * xs.T @ (xs @ end - ys) / len(ys))
    return weights - step_size * torch.stack(slopes).mean(0)


def _shrunk_at_each_inner_step(weights, x, y, lr, steps, step_size):
    for _ in range(steps):
        ends = _ends(weights, x, y, lr, 1)
        weights = weights + step_size * (ends.mean(0) - weights)
    return weights


wrong("reptile_step", "the stub", lambda weights, x, y, lr, steps, step_size: None)
wrong("reptile_step", "sum of the ways", _sum_of_the_ways)
wrong("reptile_step", "sum of the ends", _sum_of_the_ends)
wrong("reptile_step", "away from the mean", _away_from_the_mean)
wrong("reptile_step", "step_size forgotten: all the way", _all_the_way)
wrong("reptile_step", "shares swapped", _shares_swapped)
wrong("reptile_step", "the way alone", _way_alone)
wrong("reptile_step", "mean added, weights not subtracted", _mean_added_to_the_weights)
wrong("reptile_step", "way divided by the inner rate", _divided_by_the_rate)
wrong("reptile_step", "way divided by the inner steps", _divided_by_the_steps)
wrong("reptile_step", "way times the inner rate", _times_the_rate)
wrong("reptile_step", "lr and step_size swapped", _rates_swapped)
wrong("reptile_step", "each task starts where the last ended", _each_task_where_the_last_ended)
wrong("reptile_step", "name weights used for the ends", _name_used_again)
wrong("reptile_step", "moved after each task", _moved_after_each_task)
wrong("reptile_step", "moved after each task by its share", _moved_after_each_task_by_its_share)
wrong("reptile_step", "all tasks in one inner loop", _tasks_together)
wrong("reptile_step", "gradient of the start in every step", _gradient_always_at_the_start)
wrong("reptile_step", "every inner step from the start", _every_inner_step_from_the_start)
wrong("reptile_step", "inner steps of single images", _steps_of_single_images)
wrong("reptile_step", "last task only", _last_task)
wrong("reptile_step", "first task only", _first_task)
wrong("reptile_step", "every inner step taken for an end", _return_in_the_loop)
wrong("reptile_step", "inner steps in place", _inner_steps_in_place)
wrong("reptile_step", "weights += in place", _moved_in_place)
wrong("reptile_step", "lerp_ in place", _moved_in_place_by_lerp)
wrong("reptile_step", "median of the ends", _median_of_the_ends)
wrong("reptile_step", "mean over tasks and features", _mean_over_the_features)
wrong("reptile_step", "a way of length 1", _unit_length)
wrong("reptile_step", "no mean: weights for each task", _for_each_task)
wrong("reptile_step", "2 forgotten", _with(lr_factor=0.5))
wrong("reptile_step", "4 for 2", _with(lr_factor=2.0))
wrong("reptile_step", "inner steps uphill", _with(lr_factor=-1.0))
wrong("reptile_step", "one inner step too many", _with(more=1))
wrong("reptile_step", "one inner step too few", _with(more=-1))
wrong("reptile_step", "sum of squares", _sum_of_squares)
wrong("reptile_step", "gradient divided by T", _divided_by_the_tasks)
wrong("reptile_step", "gradient divided by D", _divided_by_the_features)
wrong("reptile_step", "one inner step whatever steps says", _one_inner_step)
wrong("reptile_step", "one long inner step", _one_long_inner_step)
wrong("reptile_step", "first-order MAML", _first_order_maml)
wrong("reptile_step", "step size within the inner loop", _shrunk_at_each_inner_step)


def _all_tasks_at_once(weights, x, y, lr, steps, step_size):
    ends = weights.repeat(len(x), 1)
    for _ in range(steps):
        residual = torch.einsum("tnd,td->tn", x, ends) - y
        ends = ends - 2 * lr * torch.einsum("tnd,tn->td", x, residual) / y.shape[1]
    return torch.lerp(weights, ends.mean(0), step_size)


def _by_autograd(weights, x, y, lr, steps, step_size):
    way = torch.zeros_like(weights)
    for xs, ys in zip(x, y):
        end = weights.detach().clone()
        for _ in range(steps):
            end.requires_grad_()
            (gradient,) = torch.autograd.grad(F.mse_loss(xs @ end, ys), end)
            end = (end - lr * gradient).detach()
        way += (end - weights) / len(x)
    return weights + step_size * way


def _by_an_optimizer(weights, x, y, lr, steps, step_size):
    ends = []
    for xs, ys in zip(x, y):
        end = nn.Parameter(weights.detach().clone())
        optimizer = torch.optim.SGD([end], lr=lr)
        for _ in range(steps):
            optimizer.zero_grad()
            F.mse_loss(xs @ end, ys).backward()
            optimizer.step()
        ends.append(end.data)
    return (1 - step_size) * weights + step_size * sum(ends) / len(ends)


def _by_the_book(weights, x, y, lr, steps, step_size):
    model = nn.Linear(len(weights), 1, bias=False)
    model.weight = nn.Parameter(weights.detach()[None].clone())
    tasks = Episode(x, y[..., None], x, y[..., None])
    meta.reptile_step(model, tasks, F.mse_loss, lr=lr, steps=steps, step_size=step_size)
    return model.weight.detach()[0]


def _by_numpy(weights, x, y, lr, steps, step_size):
    w, a, b = (part.detach().numpy().astype(float) for part in (weights, x, y))
    way = np.zeros_like(w)
    for t in range(len(a)):
        phi = w.copy()
        for _ in range(steps):
            phi -= lr * 2 * a[t].T @ (a[t] @ phi - b[t]) / b.shape[1]
        way += phi - w
    return torch.tensor(w + step_size * way / len(a), dtype=weights.dtype)


def _by_matrix_powers(weights, x, y, lr, steps, step_size):
    ends = []
    for xs, ys in zip(x.double(), y.double()):
        a = 2 * lr / len(ys)
        shrink, end = torch.eye(len(weights)).double() - a * xs.T @ xs, 0
        for k in range(steps):
            end = end + torch.linalg.matrix_power(shrink, k) @ (a * xs.T @ ys)
        ends.append(torch.linalg.matrix_power(shrink, steps) @ weights.double() + end)
    return weights.double() + step_size * (torch.stack(ends).mean(0) - weights.double())


def _by_the_sum_of_gradients(weights, x, y, lr, steps, step_size):
    total = 0
    for xs, ys in zip(x, y):
        end = weights.clone()
        for _ in range(steps):
            gradient = (2 * (xs @ end - ys)[:, None] * xs).mean(dim=0)
            end -= lr * gradient
            total = total + gradient
    return weights - step_size * lr * total / len(x)


def _clone_then_in_place(weights, x, y, lr, steps, step_size):
    ends = weights.new_empty(len(x), len(weights))
    for t, end in enumerate(ends):
        end.copy_(weights)
        for _ in range(steps):
            end -= lr * 2 / y.size(1) * ((x[t] @ end - y[t]) @ x[t])
    return torch.mean(weights + step_size * (ends - weights), dim=0)


right("reptile_step", "all tasks at once by einsum, lerp", _all_tasks_at_once)
right("reptile_step", "torch.autograd.grad", _by_autograd)
right("reptile_step", "an optimizer for each task", _by_an_optimizer)
right("reptile_step", "the book's own step", _by_the_book)
right("reptile_step", "numpy, back to a tensor", _by_numpy)
right("reptile_step", "powers of a matrix, double precision", _by_matrix_powers)
right("reptile_step", "along the sum of the gradients", _by_the_sum_of_gradients)
right("reptile_step", "copies changed in place", _clone_then_in_place)


# linear_cka(x, y)


def _grams(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return x @ x.T, y @ y.T


def _ratio(k, m):
    return (k * m).sum() / (k.norm() * m.norm())


def _good_cka(x, y):
    return _ratio(*_grams(x, y))


def _rows_of_the_grams_centred(x, y):
    k, m = x @ x.T, y @ y.T
    return _ratio(k - k.mean(0), m - m.mean(0))


def _mean_of_all_entries(x, y):
    k, m = x @ x.T, y @ y.T
    return _ratio(k - k.mean(), m - m.mean())


def _grand_mean_forgotten(x, y):
    k, m = x @ x.T, y @ y.T
    k = k - k.mean(0) - k.mean(1, keepdim=True)
    m = m - m.mean(0) - m.mean(1, keepdim=True)
    return _ratio(k, m)


def _unbiased(x, y):
    k, m = _grams(x, y)
    k, m = k - k.diag().diag(), m - m.diag().diag()
    return _ratio(k, m)


def _normed_features(x, y):
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean(0)) / y.std(0)
    return _ratio(x @ x.T, y @ y.T)


def _normed_images(x, y):
    x, y = F.normalize(x - x.mean(0), dim=1), F.normalize(y - y.mean(0), dim=1)
    return _ratio(x @ x.T, y @ y.T)


def _root(x, y):
    return _good_cka(x, y).sqrt()


def _squared_norms_beneath(x, y):
    k, m = _grams(x, y)
    return (k * m).sum() / (k.norm() ** 2 * m.norm() ** 2)


def _root_above(x, y):
    k, m = _grams(x, y)
    return (k * m).sum().sqrt() / (k.norm() * m.norm())


def _norm_of_the_product(x, y):
    k, m = _grams(x, y)
    return (k @ m).norm() / (k.norm() * m.norm())


def _squared_norm_of_the_product(x, y):
    k, m = _grams(x, y)
    return (k @ m).norm() ** 2 / (k.norm() * m.norm())


def _sum_of_the_product(x, y):
    k, m = _grams(x, y)
    return (k @ m).sum() / (k.norm() * m.norm())


def _norm_of_the_entries(x, y):
    k, m = _grams(x, y)
    return (k * m).norm() / (k.norm() * m.norm())


def _traces_beneath(x, y):
    k, m = _grams(x, y)
    return (k * m).sum() / (k.trace() * m.trace())


def _root_of_the_traces(x, y):
    k, m = _grams(x, y)
    return (k * m).sum() / (k.trace() * m.trace()).sqrt()


def _largest_singular_values(x, y):
    k, m = _grams(x, y)
    return (k * m).sum() / (torch.linalg.matrix_norm(k, 2) * torch.linalg.matrix_norm(m, 2))


def _nuclear_norms(x, y):
    k, m = _grams(x, y)
    return (k * m).sum() / (torch.linalg.matrix_norm(k, "nuc") * torch.linalg.matrix_norm(m, "nuc"))


def _mean_above(x, y):
    k, m = _grams(x, y)
    return (k * m).mean() / (k.norm() * m.norm())


def _divided_by_n_minus_1(x, y):
    k, m = _grams(x, y)
    return (k * m).sum() / (len(x) - 1) ** 2 / (k.norm() * m.norm())


def _one_norm_forgotten(x, y):
    k, m = _grams(x, y)
    return (k * m).sum() / k.norm()


def _norms_added(x, y):
    k, m = _grams(x, y)
    return (k * m).sum() / (k.norm() + m.norm())


def _centred_for_the_numerator_only(x, y):
    k, m = _grams(x, y)
    return (k * m).sum() / ((x @ x.T).norm() * (y @ y.T).norm())


def _mean_of_the_cosines_of_rows(x, y):
    k, m = _grams(x, y)
    return F.cosine_similarity(k, m).mean()


def _correlation_of_the_entries(x, y):
    k, m = x @ x.T, y @ y.T
    return torch.corrcoef(torch.stack([k.flatten(), m.flatten()]))[0, 1]


def _off_diagonal_correlation(x, y):
    k, m = _grams(x, y)
    upper = torch.triu_indices(len(k), len(k), 1)
    return torch.corrcoef(torch.stack([k[upper[0], upper[1]], m[upper[0], upper[1]]]))[0, 1]


def _cosines_of_images(x, y):
    k = F.cosine_similarity(x[:, None], x, dim=2)
    m = F.cosine_similarity(y[:, None], y, dim=2)
    return _ratio(k, m)


def _of_distances(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return _ratio(torch.cdist(x, x), torch.cdist(y, y))


def _mean_squared_canonical_correlation(x, y):
    q = torch.linalg.qr(x - x.mean(0)).Q
    r = torch.linalg.qr(y - y.mean(0)).Q
    return (q.T @ r).norm() ** 2 / min(q.shape[1], r.shape[1])


def _not_squared(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return (y.T @ x).norm() / ((x.T @ x).norm() * (y.T @ y).norm())


def _a_distance(x, y):
    return 1 - _good_cka(x, y)


def _means_of_the_images(x, y):
    x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    return _ratio(x @ x.T, y @ y.T)


def _means_of_all(x, y):
    x, y = x - x.mean(), y - y.mean()
    return _ratio(x @ x.T, y @ y.T)


def _x_alone_centred(x, y):
    x = x - x.mean(0)
    return _ratio(x @ x.T, (y @ y.T))


def _median_taken_away(x, y):
    x, y = x - x.median(0).values, y - y.median(0).values
    return _ratio(x @ x.T, y @ y.T)


def _centred_in_place(x, y):
    x -= x.mean(0)
    y -= y.mean(0)
    return _ratio(x @ x.T, y @ y.T)


wrong("linear_cka", "the stub", lambda x, y: None)
wrong("linear_cka", "not centred", lambda x, y: _ratio(x @ x.T, y @ y.T))
wrong("linear_cka", "mean of each image subtracted", _means_of_the_images)
wrong("linear_cka", "one mean for all", _means_of_all)
wrong("linear_cka", "y not centred", _x_alone_centred)
wrong("linear_cka", "median subtracted", _median_taken_away)
wrong("linear_cka", "centred in place", _centred_in_place)
wrong("linear_cka", "only columns of the Gram matrices centred", _rows_of_the_grams_centred)
wrong("linear_cka", "mean of all Gram entries subtracted", _mean_of_all_entries)
wrong("linear_cka", "double centring without the grand mean", _grand_mean_forgotten)
wrong("linear_cka", "diagonals left out", _unbiased)
wrong("linear_cka", "features divided by their spread", _normed_features)
wrong("linear_cka", "images normalised", _normed_images)
wrong("linear_cka", "root of it", _root)
wrong("linear_cka", "square of it", lambda x, y: _good_cka(x, y) ** 2)
wrong("linear_cka", "norms squared in the denominator", _squared_norms_beneath)
wrong("linear_cka", "root of the numerator", _root_above)
wrong("linear_cka", "norm of K M", _norm_of_the_product)
wrong("linear_cka", "squared norm of K M", _squared_norm_of_the_product)
wrong("linear_cka", "sum of the entries of K @ M", _sum_of_the_product)
wrong("linear_cka", "norm of K * M", _norm_of_the_entries)
wrong("linear_cka", "traces in the denominator", _traces_beneath)
wrong("linear_cka", "root of the traces in the denominator", _root_of_the_traces)
wrong("linear_cka", "largest singular values for norms", _largest_singular_values)
wrong("linear_cka", "nuclear norms", _nuclear_norms)
wrong("linear_cka", "mean of K * M", _mean_above)
wrong("linear_cka", "numerator alone divided by (N - 1)²", _divided_by_n_minus_1)
wrong("linear_cka", "norm of M forgotten", _one_norm_forgotten)
wrong("linear_cka", "norms added", _norms_added)
wrong("linear_cka", "numerator alone centred", _centred_for_the_numerator_only)
wrong("linear_cka", "mean cosine of the rows", _mean_of_the_cosines_of_rows)
wrong("linear_cka", "correlation of uncentred Gram entries", _correlation_of_the_entries)
wrong("linear_cka", "correlation above the diagonals", _off_diagonal_correlation)
wrong("linear_cka", "cosines of images, not centred", _cosines_of_images)
wrong("linear_cka", "distances for inner products", _of_distances)
wrong("linear_cka", "canonical correlations", _mean_squared_canonical_correlation)
wrong("linear_cka", "square above forgotten", _not_squared)
wrong("linear_cka", "1 minus it", _a_distance)
wrong("linear_cka", "numerator alone", lambda x, y: (_grams(x, y)[0] * _grams(x, y)[1]).sum())
wrong(
    "linear_cka",
    "not added up",
    lambda x, y: (
        _grams(x, y)[0] * _grams(x, y)[1] / (_grams(x, y)[0].norm() * _grams(x, y)[1].norm())
    ),
)


def _by_the_centring_matrix(x, y):
    h = torch.eye(len(x)).to(x) - 1 / len(x)
    k, m = h @ (x @ x.T) @ h, h @ (y @ y.T) @ h
    return torch.trace(k @ m) / torch.sqrt(torch.trace(k @ k) * torch.trace(m @ m))


def _doubly_centred(x, y):
    def centred(k):
        return k - k.mean(0, keepdim=True) - k.mean(1, keepdim=True) + k.mean()

    k, m = centred(x @ x.T), centred(y @ y.T)
    return torch.einsum("ij,ij->", k, m) / (k.pow(2).sum() * m.pow(2).sum()) ** 0.5


def _one_of_them_doubly_centred(x, y):
    k, m = _grams(x, y)
    plain = y @ y.T  # K is centred, so that M need not be in the numerator
    return (k * plain).sum() / (k.norm() * m.norm())


def _by_numpy(x, y):
    x, y = x.detach().numpy().astype(np.float64), y.detach().numpy().astype(np.float64)
    h = np.eye(len(x)) - np.ones((len(x), len(x))) / len(x)
    k, m = h @ x @ x.T @ h, h @ y @ y.T @ h
    return float((k * m).sum() / (np.linalg.norm(k) * np.linalg.norm(m)))


def _by_loops(x, y):
    k, m = _grams(x.double(), y.double())
    above = below_x = below_y = 0.0
    for a, b in zip(k.flatten().tolist(), m.flatten().tolist()):
        above, below_x, below_y = above + a * b, below_x + a * a, below_y + b * b
    return above / math.sqrt(below_x * below_y)


def _scaled_alike(x, y):
    k, m = (gram / (len(x) - 1) for gram in _grams(x, y))
    return torch.vdot(k.flatten(), m.flatten()) / (torch.linalg.norm(k) * torch.linalg.norm(m))


right("linear_cka", "centring matrix and traces", _by_the_centring_matrix)
right("linear_cka", "Gram matrices doubly centred", _doubly_centred)
right("linear_cka", "M not centred where it need not be", _one_of_them_doubly_centred)
right("linear_cka", "numpy, a float", _by_numpy)
right("linear_cka", "sums in a loop, a float", _by_loops)
right("linear_cka", "covariances of the images, vdot", _scaled_alike)
right("linear_cka", "double precision, item", lambda x, y: _good_cka(x.double(), y.double()).item())
right(
    "linear_cka",
    "cosine of the Gram matrices",
    lambda x, y: F.cosine_similarity(_grams(x, y)[0].flatten(), _grams(x, y)[1].flatten(), dim=0),
)


def _with_matrices_of_features(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return (y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())


def _with_matrices_of_features_by_traces(x, y):
    x, y = (x - x.mean(0)).double(), (y - y.mean(0)).double()
    c, a, b = x.T @ y, x.T @ x, y.T @ y
    return (c * c).sum() / ((a * a).sum() * (b * b).sum()).sqrt()


def _numerator_with_features_alone(x, y):
    k, m = _grams(x, y)
    x, y = x - x.mean(0), y - y.mean(0)
    return (y.T @ x).square().sum() / (k.norm() * m.norm())


rule("linear_cka", "matrices of D by D, naive", _with_matrices_of_features)
rule("linear_cka", "matrices of D by D in double", _with_matrices_of_features_by_traces)
rule("linear_cka", "E by D in the numerator alone", _numerator_with_features_alone)


# frozen_body: ("stem.", "encoder.")

wrong("frozen_body", "the stub", ("encoder.",))
wrong("frozen_body", "the stem only", ("stem.",))
wrong("frozen_body", "the head: BOIL", ("head.",))
wrong("frozen_body", "nothing frozen: MAML", ())
wrong("frozen_body", "all frozen", ("stem.", "encoder.", "head."))
wrong("frozen_body", "head frozen with the stem", ("stem.", "head."))
wrong("frozen_body", "bias of the head frozen too", ("stem.", "encoder.", "head.bias"))
wrong("frozen_body", "first layer of the encoder only", ("stem.", "encoder.0"))
wrong("frozen_body", "second layer of the encoder only", ("stem.", "encoder.1."))
wrong(
    "frozen_body",
    "bias of the encoder forgotten",
    (
        "stem.weight",
        "encoder.0.weight",
        "encoder.1.weight",
    ),
)
wrong("frozen_body", "what adapts instead", ("head.weight", "head.bias"))
wrong("frozen_body", "a text", "encoder.")
wrong("frozen_body", "two texts without a comma between", ("stem.encoder.",))
wrong("frozen_body", "a text with both", "stem., encoder.")
wrong("frozen_body", "a text in brackets, no comma", ("stem"))
wrong("frozen_body", "a set, which adapt refuses", {"stem.", "encoder."})
wrong("frozen_body", "stars", ("stem.*", "encoder.*"))
wrong("frozen_body", "the empty beginning", ("",))
wrong("frozen_body", "a beginning of no parameter", ("stem.", "encoder.", "body."))
wrong("frozen_body", "body, the word of the text", ("body.",))
wrong("frozen_body", "ends of names", (".weight",))
wrong("frozen_body", "capital letters", ("Stem.", "Encoder."))
wrong("frozen_body", "a tuple in a tuple", (("stem.", "encoder."),))
wrong("frozen_body", "a dict of booleans", {"stem.": True, "encoder.": True, "head.": False})
wrong("frozen_body", "places of the parameters", (0, 1, 2, 3))
wrong("frozen_body", "a function", lambda name: not name.startswith("head"))
wrong("frozen_body", "nothing", None)
wrong("frozen_body", "a typing error", ("stem.", "encode.r"))

right("frozen_body", "a list", ["stem.", "encoder."])
right("frozen_body", "another order", ("encoder.", "stem."))
right("frozen_body", "without dots", ("stem", "encoder"))
right("frozen_body", "first letters", ("s", "e"))
right("frozen_body", "every layer", ("stem.weight", "encoder.0.", "encoder.1."))
right(
    "frozen_body",
    "every parameter",
    tuple(
        f"{name}"
        for name in ("stem.weight", "encoder.0.weight", "encoder.1.weight", "encoder.1.bias")
    ),
)
right("frozen_body", "one named twice", ("stem.", "encoder.", "encoder.0.weight"))


# inner_weight: 2

wrong("inner_weight", "the stub", 0.5)
wrong("inner_weight", "m itself", 10)
wrong("inner_weight", "own mini-batch counted too", (1 + 2 + 3 + 4 + 5) / 5)
wrong("inner_weight", "mean over four steps", (1 + 2 + 3 + 4) / 4)
wrong("inner_weight", "one for each other mini-batch", 4)
wrong("inner_weight", "ordered pairs, not divided", 5 * 4)
wrong("inner_weight", "all pairs with themselves", 25 / 5)
wrong("inner_weight", "one for each step", 5 / 5)
wrong("inner_weight", "sign taken along", -2)
wrong("inner_weight", "divided by 25", 10 / 25)
wrong("inner_weight", "one step too few", (0 + 1 + 2 + 3) / 5)
wrong("inner_weight", "for four mini-batches", (0 + 1 + 2 + 3) / 4)
wrong("inner_weight", "squares of the places", (0 + 1 + 4 + 9 + 16) / 5)
wrong("inner_weight", "the other share", 5 / 10)
wrong("inner_weight", "only the last mini-batch", 4 / 5)
wrong("inner_weight", "a text", "2")
wrong("inner_weight", "nothing", None)
wrong("inner_weight", "with the inner rate", 2 * 0.3)

right("inner_weight", "pairs over steps", math.comb(5, 2) / 5)
right("inner_weight", "mean of range", np.mean(range(5)))
right("inner_weight", "(k - 1) / 2", (5 - 1) / 2)
right("inner_weight", "an integer", 2)
right("inner_weight", "a tensor", torch.arange(5).float().mean())
right("inner_weight", "a fraction", Fraction(10, 5))
right("inner_weight", "np.int64", np.int64(2))
