"""The look-ahead's slopes are those of finite differences, and a fixed setting stays fixed."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from mlteach.data import glyphs
from mlteach.recipes import learned_temperature
from mlteach.recipes.learned_temperature import loss, train, two_views, validation_loss
from mlteach.training import generator


def test_a_fixed_setting_stays_and_a_learned_one_moves():
    fixed = train("temperature", 0.1, learned=False, seed=0, steps=14)
    moved = train("temperature", 0.1, learned=True, seed=0, steps=14)
    assert fixed.path == [0.1] * 15 or all(abs(v - 0.1) < 1e-6 for v in fixed.path)
    assert all(abs(v - 0.1) < 1e-6 for v in moved.path[:11])
    assert abs(moved.path[-1] - 0.1) > 0.005


def test_the_same_seed_gives_the_same_training():
    one, two = (train("strength", 1.0, learned=True, seed=2, steps=12) for _ in range(2))
    assert one.path == two.path
    pairs = zip(one.encoder.parameters(), two.encoder.parameters(), strict=True)
    assert all(a.equal(b) for a, b in pairs)


def test_the_scaled_loss_is_the_loss_times_the_temperature():
    encoder, views = torch.nn.Flatten(), torch.rand(8, 1, 3, 3, generator=generator(0))
    plain = loss(encoder, views, 0.3, False)
    torch.testing.assert_close(loss(encoder, views, 0.3, True), 0.3 * plain)


def test_the_validation_loss_is_that_of_cosines_with_one_image_each():
    """As written out: softmax over the cosines with the supports, divided by 0.1."""
    test = glyphs("test")
    some = test.subset(test.labels < 4)
    some = learned_temperature._only(some, torch.arange(4))
    found = validation_loss(torch.nn.Flatten(), some, generator(3))
    counts = {"n_tasks": 1, "n_way": 4, "n_shot": 1, "n_query": 3}
    task = learned_temperature.sample_episodes(some, **counts, generator=generator(3))
    directions = partial(torch.nn.functional.normalize, dim=1)
    support, query = (directions(part[0].flatten(1)) for part in (task.x_support, task.x_query))
    order = task.y_support[0].argsort()
    logits = query @ support[order].T / 0.1
    right = torch.nn.functional.cross_entropy(logits, task.y_query[0])
    torch.testing.assert_close(found, right, atol=1e-5, rtol=1e-5)


def test_the_slope_by_difference_is_the_derivative_of_the_look_ahead():
    """On one weight matrix: V(w - lr grad / size) at strengths a little above and below."""
    torch.manual_seed(0)
    x = glyphs("test").images[::61][:16]
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 5))
    gradients = partial(learned_temperature._gradients, encoder, x, "strength", 3, True)
    lr, sizes = 0.01, [torch.full_like(p, 0.5) for p in encoder.parameters()]
    new = torch.rand(6, 784, generator=generator(5))

    def outer(moved):
        return (new @ moved[0].T + moved[1]).tanh().square().mean()

    def ahead(value):
        grads = gradients(torch.tensor(value))
        pairs = zip(encoder.parameters(), grads, sizes, strict=True)
        return [(w - lr * g / s).detach().requires_grad_() for w, g, s in pairs]

    moved = ahead(1.0)
    found = learned_temperature._by_difference(
        outer(moved), moved, sizes, gradients, torch.tensor(0.0), lr
    )
    up, down = (outer(ahead(value)).item() for value in (1.1, 1 / 1.1))
    span = 2 * torch.tensor(1.1).log().item()
    assert found.item() == pytest.approx((up - down) / span, rel=0.1, abs=1e-6)


def test_two_views_are_written_apart():
    x = glyphs("test").images[:3]
    views = two_views(x, 0.0, 0.0, generator(0))
    assert views.equal(torch.cat([x, x]))
    views = two_views(x, 1.0, 0.0, generator(0))
    assert not views[:3].allclose(views[3:])


def test_another_setting_is_refused():
    with pytest.raises(ValueError, match="what must be one of"):
        train("batch size", 1.0, learned=False, seed=0)


def test_the_table_has_a_job_for_every_setting_once():
    settings = [tuple(row.items()) for row, _ in learned_temperature.jobs((0, 1))]
    assert len(set(settings)) == len(settings)


def test_a_start_must_be_positive():
    with pytest.raises(ValueError, match="start must be finite and > 0, got 0"):
        train("temperature", 0, learned=True, seed=0, steps=1)
    with pytest.raises(TypeError, match="learned must be True or False"):
        train("temperature", 0.1, learned=1, seed=0, steps=1)
