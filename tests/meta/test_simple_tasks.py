"""Parabolas and bowls against their formulas, and against the package's own steps."""

import pytest
import torch
from torch import nn

from mlteach.episodes import Episode
from mlteach.meta import adapt, maml_loss
from mlteach.meta.simple_tasks import (
    RULES,
    bowl_losses,
    bowl_rule,
    bowl_steps,
    outer_loss,
    parabola_losses,
    resting_weight,
)

CURVATURES = torch.tensor([0.5, 2.5], dtype=torch.float64)
OPTIMA = torch.tensor([-1.5, 1.0], dtype=torch.float64)
W = torch.linspace(-2, 2, 5, dtype=torch.float64)


@pytest.mark.parametrize("first_order", [False, True])
def test_one_step_on_parabolas_by_formula(first_order):
    outer = outer_loss(W, CURVATURES, OPTIMA, lr=0.3, first_order=first_order)
    a, c = CURVATURES[:, None], OPTIMA[:, None]
    shrink = 1 - 0.3 * a
    adapted = c + shrink * (W - c)
    torch.testing.assert_close(outer.adapted, adapted)
    torch.testing.assert_close(outer.loss, (a / 2 * (adapted - c) ** 2).mean(0))
    gradient = a * (adapted - c) * (1 if first_order else shrink)
    torch.testing.assert_close(outer.gradient, gradient.mean(0))
    expected = parabola_losses(adapted, CURVATURES, OPTIMA).mean(0)
    torch.testing.assert_close(outer.loss, expected)


def test_where_a_linear_gradient_rests():
    assert resting_weight(W, 3 * (W - 0.7)) == pytest.approx(0.7)
    assert resting_weight(W, -W) != resting_weight(W, -W)  # nan: it runs away


def bowls():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 6, 2, generator=generator, dtype=torch.float64)
    optima = torch.tensor([[-1.0, 0.5], [1.2, 0.3]], dtype=torch.float64)
    return x, x @ optima[:, :, None]


def network(weights):
    model = nn.Linear(2, 1, bias=False, dtype=torch.float64)
    model.weight = nn.Parameter(weights[None].clone())
    return model


@pytest.mark.parametrize("rule", ["MAML", "FOMAML", "joint training"])
def test_a_rule_moves_against_the_gradient_of_the_package(rule):
    x, y = bowls()
    matrix, offset = bowl_rule(rule, x, y, lr=0.1, steps=3)
    start = torch.tensor([0.4, -0.8], dtype=torch.float64)
    model = network(start)
    steps = 0 if rule == "joint training" else 3
    inner = {"lr": 0.1, "steps": steps, "first_order": rule == "FOMAML"}
    loss = maml_loss(model, Episode(x, y, x, y), nn.functional.mse_loss, **inner)
    (gradient,) = torch.autograd.grad(loss, model.weight)
    torch.testing.assert_close(start @ matrix + offset, -0.1 * 3 * gradient[0])


def test_reptile_moves_to_the_mean_of_the_adapted_weights():
    x, y = bowls()
    matrix, offset = bowl_rule("Reptile", x, y, lr=0.1, steps=3)
    start = torch.tensor([0.4, -0.8], dtype=torch.float64)
    model = network(start)
    params = dict(model.named_parameters())
    ends = [
        adapt(model, params, *task, nn.functional.mse_loss, lr=0.1, steps=3)["weight"][0]
        for task in zip(x, y, strict=True)
    ]
    expected = torch.stack(ends).mean(0) - start
    torch.testing.assert_close(start @ matrix + offset, expected.detach())
    way = bowl_steps(start[None], x, y, lr=0.1, steps=3)
    torch.testing.assert_close(way[-1, :, 0], torch.stack(ends).detach())
    assert (bowl_losses(x, y, way[-1]) < bowl_losses(x, y, way[0])).all()


def test_an_unknown_rule_is_refused():
    assert len(RULES) == 4
    with pytest.raises(ValueError, match="rule must be one of"):
        bowl_rule("SGD", *bowls(), lr=0.1, steps=1)
