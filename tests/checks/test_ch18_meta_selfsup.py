"""The checks of the chapter on meta-learned self-supervision pass what is right, name mistakes."""

from __future__ import annotations

import pytest
import torch
from support.every_check import EveryCheck
from torch import nn

from mlteach import checks
from mlteach.checks._core import normal
from mlteach.losses import nt_xent
from mlteach.meta import adapt
from mlteach.mistakes import episodes, meta, mistakes_in


class Network(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.log_gains = nn.Parameter(torch.zeros(weights.shape[1]))
        self.weights = nn.Parameter(weights.detach().clone())

    def forward(self, x):
        return (x * self.log_gains.exp()) @ self.weights.T


def pairs_loss(z, _):
    return nt_xent(*z.chunk(2))


def right_meta_gradient(weights, x1, x2, q1, q2, lr):
    """By mlteach.meta.adapt, so that the check is held to the package."""
    model = Network(weights)
    views, numbers = torch.cat([x1, x2]), torch.arange(len(x1)).repeat(2)
    how = {"lr": lr, "steps": 1, "first_order": True, "frozen": ("weights",)}
    params = adapt(model, dict(model.named_parameters()), views, numbers, pairs_loss, **how)
    z1, z2 = (torch.func.functional_call(model, params, (q,)) for q in (q1, q2))
    nt_xent(z1, z2).backward()
    return model.weights.grad


def right_hypergradient(weights, x1, x2, v1, v2, temperature, lr):
    """By finite differences in float64."""
    weights, x1, x2, v1, v2 = (part.detach().double() for part in (weights, x1, x2, v1, v2))

    def validation(t):
        w = weights.clone().requires_grad_()
        (slope,) = torch.autograd.grad(nt_xent(x1 @ w.T, x2 @ w.T, temperature=t), w)
        w = (w - lr * slope).detach()
        return nt_xent(v1 @ w.T, v2 @ w.T)

    step = 1e-5
    return ((validation(temperature + step) - validation(temperature - step)) / (2 * step)).float()


def right_task(images, n_way, n_query, view, generator):
    """By repeating each image, with one call of the view."""
    chosen = torch.randperm(len(images), generator=generator)[:n_way]
    views = view(images[chosen].repeat_interleave(n_query, 0), generator=generator)
    views = views.view(n_way, n_query, *images.shape[1:])
    return torch.cat([images[chosen][:, None], views], 1)


RIGHT = {
    "image_task": right_task,
    "meta_gradient": right_meta_gradient,
    "hypergradient": right_hypergradient,
}
MISTAKES = {
    "image_task": mistakes_in(episodes.image_task),
    "meta_gradient": mistakes_in(meta.meta_gradient),
    "hypergradient": mistakes_in(meta.hypergradient),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


@pytest.mark.parametrize("lr", [0.0, 1.0])
def test_the_right_gradient_is_that_of_the_query_at_fixed_gains(lr):
    """By finite differences of the query's loss, the adapted gains held."""
    weights = normal(4, 3, seed=0).double()
    x1, x2, q1, q2 = (normal(6, 3, seed=seed).double() for seed in (1, 2, 3, 4))
    found = meta.meta_gradient(weights, x1, x2, q1, q2, lr)
    model = Network(weights).double()
    slope = torch.autograd.grad(nt_xent(model(x1), model(x2)), model.log_gains)[0]
    gains = (-lr * slope).exp()
    for place in [(0, 0), (1, 2), (3, 1)]:
        change = torch.zeros_like(weights)
        change[place] = 1e-6
        up, down = (
            nt_xent((q1 * gains) @ w.T, (q2 * gains) @ w.T)
            for w in (weights + change, weights - change)
        )
        assert found[place].item() == pytest.approx((up - down).item() / 2e-6, abs=1e-7)


def test_a_function_that_steps_by_an_optimiser_passes():
    def by_an_optimiser(weights, x1, x2, q1, q2, lr):
        model = Network(weights)
        nt_xent(model(x1), model(x2)).backward()
        torch.optim.SGD([model.log_gains], lr=lr).step()
        model.zero_grad()
        nt_xent(model(q1), model(q2)).backward()
        return model.weights.grad

    assert checks.meta_gradient(by_an_optimiser).passed


def support_last(*arguments):
    return right_task(*arguments).flip(1)


def never_the_last_image(images, *arguments):
    return right_task(images[:-1], *arguments)


def made_up(*arguments):
    return right_task(*arguments) + 0.5


def views_of_views(images, n_way, n_query, view, generator):
    """Each query is a view of the view before, and so changed more than `view` changes an image."""
    rows = [images[torch.randperm(len(images), generator=generator)[:n_way]]]
    for _ in range(n_query):
        rows.append(view(rows[-1], generator=generator))
    return torch.stack(rows, 1)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (support_last, "the support must come first"),
        (never_the_last_image, "image 19 is never drawn"),
        (made_up, "nothing else"),
        (views_of_views, "a view of a view"),
    ],
)
def test_further_wrong_answers_are_told(given, part):
    verdict = checks.image_task(given)
    assert not verdict.passed
    assert part in verdict.message


def _task(images, n_way, n_query, view, generator, *, chosen=None):
    chosen = torch.randperm(len(images), generator=generator)[:n_way] if chosen is None else chosen
    x = images[chosen]
    return torch.stack([x, *(view(x, generator=generator) for _ in range(n_query))], 1)


def _of_one_size(images, n_way, n_query, view, generator):
    return _task(images, 4, 2, view, generator)


def _neighbours(images, n_way, n_query, view, generator):
    first = torch.randint(len(images), (), generator=generator)
    chosen = (first + torch.arange(n_way)) % len(images)
    return _task(images, n_way, n_query, view, generator, chosen=chosen)


def _one_of_each_block(images, n_way, n_query, view, generator):
    size = len(images) // n_way
    chosen = torch.randint(size, (n_way,), generator=generator) + size * torch.arange(n_way)
    return _task(images, n_way, n_query, view, generator, chosen=chosen)


def _same_noise(images, n_way, n_query, view, generator):
    x = images[torch.randperm(len(images), generator=generator)[:n_way]]
    lucks = [torch.Generator().manual_seed(k) for k in range(n_query)]
    return torch.stack([x, *(view(x, generator=luck) for luck in lucks)], 1)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (_of_one_size, "shape"),
        (_neighbours, "neighbours"),
        (_one_of_each_block, "never share a task"),
        (_same_noise, "the same views"),
    ],
)
def test_tasks_that_once_passed_are_refused(given, told):
    verdict = checks.image_task(given)
    assert not verdict.passed
    assert told in str(verdict)


def test_an_inner_gradient_without_its_graph_is_told():
    def without(weights, x1, x2, v1, v2, temperature, lr):
        t = torch.tensor(temperature, requires_grad=True)
        w = weights.detach().requires_grad_()
        loss = nt_xent(x1 @ w.T, x2 @ w.T, temperature=t)
        w = w - lr * torch.autograd.grad(loss, w)[0]
        return torch.autograd.grad(nt_xent(v1 @ w.T, v2 @ w.T), t)[0]

    assert "create_graph=True" in str(checks.hypergradient(without))


def test_a_plain_task_passes():
    assert checks.image_task(_task).passed


# --- what a call leaves behind -------------------------------------------------------------------


def on_the_input(weights, x1, x2, q1, q2, lr):
    """The right gradient, taken in the caller's own tensor."""
    weights.requires_grad_()
    log_gains = torch.zeros(x1.shape[1], requires_grad=True)
    loss = meta.selfsup.pair_loss(weights, log_gains, x1, x2)
    moved = (log_gains - lr * torch.autograd.grad(loss, log_gains)[0]).detach()
    return weights, meta.selfsup.pair_loss(weights, moved, q1, q2)


def by_backward(*arguments):
    weights, loss = on_the_input(*arguments)
    loss.backward()
    return weights.grad


def by_autograd(*arguments):
    weights, loss = on_the_input(*arguments)
    return torch.autograd.grad(loss, weights)[0]


def all_as_it_was(*arguments):
    gradient = by_backward(*arguments)
    arguments[0].grad = None
    arguments[0].requires_grad_(False)
    return gradient


class Remembering:
    """Right at first; with the same weights what was there before counts once more."""

    def __init__(self):
        self.before, self.weights = 0.0, None

    def __call__(self, weights, *arguments):
        gradient = right_meta_gradient(weights, *arguments)
        self.before = gradient + (self.before if weights is self.weights else 0.0)
        self.weights = weights
        return self.before


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (by_backward, "the next call adds to it"),
        (by_autograd, "requires gradients that did not before"),
        (Remembering(), "a second one with the same arguments gives something else"),
    ],
)
def test_what_a_call_leaves_behind_is_told(given, told):
    verdict = checks.meta_gradient(given)
    assert not verdict.passed
    assert told in verdict.message


def test_a_hypergradient_leaves_nothing_behind_either():
    def on_the_input(weights, x1, x2, v1, v2, temperature, lr):
        weights.requires_grad_()
        t = torch.tensor(temperature, requires_grad=True)
        loss = nt_xent(x1 @ weights.T, x2 @ weights.T, temperature=t)
        w = weights - lr * torch.autograd.grad(loss, weights, create_graph=True)[0]
        return torch.autograd.grad(nt_xent(v1 @ w.T, v2 @ w.T), t)[0]

    assert "requires gradients that did not before" in checks.hypergradient(on_the_input).message


def test_whoever_tidies_up_passes():
    assert checks.meta_gradient(all_as_it_was).passed


# --- images of other sizes -----------------------------------------------------------------------


def _one_channel(images, *arguments):
    return _task(images[:, :1], *arguments)


def _as_wide_as_high(images, n_way, n_query, view, generator):
    x = images[torch.randperm(len(images), generator=generator)[:n_way]]
    views = view(x.repeat_interleave(n_query, 0), generator=generator)
    return torch.cat([x[:, None], views.view(n_way, n_query, 3, x.shape[3], x.shape[3])], 1)


def _of_twenty(images, n_way, n_query, view, generator):
    chosen = torch.randperm(20, generator=generator)[:n_way]
    return _task(images, n_way, n_query, view, generator, chosen=chosen)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (_one_channel, "the result has shape (4, 3, 1, 4, 5), expected (4, 3, 3, 4, 5)"),
        (lambda *arguments: _task(*arguments).mT, "shape (4, 3, 3, 5, 4)"),
        (_as_wide_as_high, "RuntimeError: shape"),
        (_of_twenty, "A task of 3 ways and one query, from 5 images"),
    ],
)
def test_images_have_channels_and_two_sides_and_are_any_number(given, told):
    verdict = checks.image_task(given)
    assert not verdict.passed
    assert told in str(verdict)


def test_images_of_unequal_chances_are_told():
    """As many as come without repetition, topped up with the first that are left."""

    def topped_up(images, n_way, n_query, view, generator):
        chosen = torch.randint(len(images), (n_way,), generator=generator).unique().tolist()
        left = [i for i in range(len(images)) if i not in chosen]
        support = images[(chosen + left)[:n_way]]
        queries = [view(support, generator=generator) for _ in range(n_query)]
        return torch.stack([support, *queries], dim=1)

    verdict = checks.image_task(topped_up)
    assert "every choice must be equally likely" in verdict.message
    assert "image 0 is in" in verdict.message
