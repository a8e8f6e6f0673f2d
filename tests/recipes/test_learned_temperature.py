"""The step ahead is Adam's, with slopes as by finite differences; a fixed setting stays fixed."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from math import log

import pytest
import torch

from mlteach.data import glyphs
from mlteach.recipes import learned_temperature
from mlteach.recipes.learned_temperature import (
    _by_difference,
    _gradients,
    after_adam,
    loss,
    train,
    two_views,
    validation_loss,
)
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


def _trained_a_little(what):
    """One weight matrix, its Adam after three steps, and gradients as a function of the setting."""
    torch.manual_seed(0)
    x = glyphs("test").images[::61][:16]
    encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 5))
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.01, betas=(0.9, 0.99))
    for seed in range(3):
        _take(encoder, optimizer, _gradients(encoder, x, "strength", seed, True, torch.tensor(1.0)))
    return encoder, optimizer, partial(_gradients, encoder, x, what, 3, False)


def _take(encoder, optimizer, grads):
    for weight, grad in zip(encoder.parameters(), grads, strict=True):
        weight.grad = grad.detach()
    optimizer.step()


def _taken(encoder, optimizer, grads):
    """The weights after a step that Adam really takes, on copies."""
    twin, adam = deepcopy((encoder, optimizer))
    _take(twin, adam, grads)
    return [weight.detach() for weight in twin.parameters()]


def _outer(weights):
    new = torch.rand(6, 784, generator=generator(5))
    return (new @ weights[0].T + weights[1]).tanh().square().mean()


def test_the_step_ahead_is_the_one_that_adam_takes():
    encoder, optimizer, gradients = _trained_a_little("temperature")
    before = deepcopy(optimizer.state_dict())
    for value in (0.05, 0.3, 2.0):
        grads = gradients(torch.tensor(value))
        moved = after_adam(optimizer, grads)
        for found, right in zip(moved, _taken(encoder, optimizer, grads), strict=True):
            torch.testing.assert_close(found.detach(), right, atol=1e-7, rtol=1e-6)
    for old, new in zip(before["state"].values(), optimizer.state.values(), strict=True):
        assert all(old[name].equal(new[name]) for name in old)


def test_a_weight_without_any_gradient_has_a_slope_still():
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([weight], lr=0.1)
    weight.grad = torch.tensor([0.0, 1.0])
    optimizer.step()
    scale = torch.tensor(1.0, requires_grad=True)
    (moved,) = after_adam(optimizer, [scale * weight.grad])
    assert torch.autograd.grad(moved.sum(), scale)[0].isfinite()


def test_the_slope_in_the_temperature_is_that_of_steps_really_taken():
    encoder, optimizer, gradients = _trained_a_little("temperature")
    start = torch.tensor(0.3).log().requires_grad_()
    moved = after_adam(optimizer, gradients(start.exp(), create_graph=True))
    (found,) = torch.autograd.grad(_outer(moved), start)
    with torch.no_grad():
        logs = start + torch.tensor([0.05, -0.05])
    up, down = (_outer(_taken(encoder, optimizer, gradients(v.exp()))).item() for v in logs)
    assert abs(up - down) > 1e-5
    assert found.item() == pytest.approx((up - down) / 0.1, rel=0.02)


def test_the_slope_in_the_strength_is_that_of_steps_really_taken():
    encoder, optimizer, gradients = _trained_a_little("strength")
    moved = after_adam(optimizer, gradients(torch.tensor(1.0)))
    found = _by_difference(_outer(moved), moved, optimizer, gradients, torch.tensor(0.0))
    values = torch.tensor([1.1, 1 / 1.1])
    up, down = (_outer(_taken(encoder, optimizer, gradients(v))).item() for v in values)
    assert abs(up - down) > 1e-5
    assert found.item() == pytest.approx((up - down) / (2 * log(1.1)), rel=0.1)


@pytest.mark.parametrize(("what", "start"), [("temperature", 0.3), ("strength", 1.0)])
def test_the_training_takes_the_step_that_it_looked_at(what, start, monkeypatch):
    seen = []

    def looked(ahead, *others):
        seen.append([weight.detach() for weight in ahead.args[1].values()])
        return validation_loss(ahead, *others)

    monkeypatch.setattr(learned_temperature, "validation_loss", looked)
    run = train(what, start, learned=True, seed=0, steps=11)
    for found, right in zip(seen[-1], run.encoder.parameters(), strict=True):
        torch.testing.assert_close(found, right, atol=1e-6, rtol=1e-5)


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
