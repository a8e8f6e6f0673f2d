"""BYOL's loss: its definition, its stop-gradient, its properties, and the mistakes people make."""

from __future__ import annotations

import math

import pytest
import torch
from support.numbers import normal

from mlteach.losses import byol_loss
from mlteach.mistakes import mistakes_in


def projections():
    """Predictions and targets of different lengths, alike but not equal."""
    target = 3 * normal(6, 3)
    return 0.5 * target + normal(6, 3, seed=1), target


def naive_byol_loss(prediction, target):
    """Grill et al. 2020, Eq. (2): squared distance of normalised vectors, one image at a time."""
    total = 0.0
    for p, z in zip(prediction.tolist(), target.tolist(), strict=True):
        total += math.dist([x / math.hypot(*p) for x in p], [x / math.hypot(*z) for x in z]) ** 2
    return total / len(prediction)


def assert_is_byol_loss(loss):
    """Value of the definition, its gradient for the prediction, no gradient for the target."""
    prediction, target = projections()
    expected = torch.tensor(naive_byol_loss(prediction, target), dtype=torch.float64)
    torch.testing.assert_close(loss(prediction, target), expected, rtol=1e-10, atol=1e-10)
    prediction.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: loss(p, target), [prediction], raise_exception=False)
    target.requires_grad_()
    loss(prediction, target).backward()
    assert target.grad is None


def test_equals_the_definition():
    """Value, gradient and stop-gradient are those of the paper."""
    assert_is_byol_loss(byol_loss)


def test_stops_the_gradient_inside_a_network():
    """One network as online and target: its gradient is that of the prediction alone."""
    weight = normal(3, 3, seed=3).requires_grad_()
    x1, x2 = projections()
    (gradient,) = torch.autograd.grad(byol_loss(x1 @ weight, x2 @ weight), weight)
    (expected,) = torch.autograd.grad(byol_loss(x1 @ weight, (x2 @ weight).detach()), weight)
    assert gradient.equal(expected)
    assert gradient.norm() > 0


@pytest.mark.parametrize("mistake", mistakes_in(byol_loss), ids=str)
def test_catches(mistake):
    """Each mistake fails the properties that the right function passes."""
    with pytest.raises(AssertionError):
        assert_is_byol_loss(mistake)


def test_by_hand():
    """0, 2 and 4 for equal, orthogonal and opposite directions, whatever the lengths."""
    x = torch.tensor([[3.0, 0.0]])
    for target, value in [([0.5, 0.0], 0), ([0.0, 7.0], 2), ([-1.0, 0.0], 4)]:
        assert byol_loss(x, torch.tensor([target])).item() == value


def test_symmetries():
    """Images may be reordered, rows rescaled, prediction and target swapped."""
    p, z = projections()
    order, scale = torch.tensor([4, 2, 0, 5, 1, 3]), normal(6, 1, seed=4).exp()
    for same in [(p[order], z[order]), (p * scale, z / scale), (z, p)]:
        torch.testing.assert_close(byol_loss(*same), byol_loss(p, z), rtol=1e-12, atol=1e-12)
