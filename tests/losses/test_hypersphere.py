"""Alignment and uniformity: definitions, properties, and the mistakes people make."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
from support.numbers import assert_equal, normal

from mlteach.losses import alignment, uniformity
from mlteach.mistakes import mistakes_in


def unit(u):
    """A list scaled to length 1."""
    return [a / math.hypot(*u) for a in u]


def naive_alignment(x, y, power):
    """Wang and Isola 2020, Section 4.1, one pair at a time."""
    pairs = zip(x.tolist(), y.tolist(), strict=True)
    return sum(math.dist(unit(u), unit(v)) ** power for u, v in pairs) / len(x)


def naive_uniformity(x, t):
    """Wang and Isola 2020, Section 4.1, over all pairs of different points."""
    potentials = [
        math.exp(-t * math.dist(unit(u), unit(v)) ** 2) for u, v in combinations(x.tolist(), 2)
    ]
    return math.log(sum(potentials) / len(potentials))


def assert_is_alignment(loss):
    """Value and gradient are those of the definition."""
    x, y = 3 * normal(5, 3), normal(5, 3, seed=1)
    for power in (1, 2, 3.5):
        assert_equal(loss(x, y, power=power), naive_alignment(x, y, power))
        inputs = [x.requires_grad_(), y.requires_grad_()]
        assert torch.autograd.gradcheck(
            lambda x, y, p=power: loss(x, y, power=p), inputs, raise_exception=False
        )


def assert_is_uniformity(loss):
    """Value and gradient are those of the definition."""
    x = 3 * normal(6, 3)
    for t in (0.5, 2, 20.0):
        assert_equal(loss(x, t=t), naive_uniformity(x, t))
        assert torch.autograd.gradcheck(
            lambda x, t=t: loss(x, t=t), [x.requires_grad_()], raise_exception=False
        )


def test_alignment_equals_the_definition():
    """Value and gradient are those of the paper."""
    assert_is_alignment(alignment)


def test_uniformity_equals_the_definition():
    """Value and gradient are those of the paper."""
    assert_is_uniformity(uniformity)


@pytest.mark.parametrize("mistake", mistakes_in(alignment), ids=str)
def test_alignment_catches(mistake):
    """Each mistake fails the properties that the right function passes."""
    with pytest.raises(AssertionError):
        assert_is_alignment(mistake)


@pytest.mark.parametrize("mistake", mistakes_in(uniformity), ids=str)
def test_uniformity_catches(mistake):
    """Each mistake fails the properties that the right function passes."""
    with pytest.raises(AssertionError):
        assert_is_uniformity(mistake)


def test_alignment_by_hand():
    """0 for equal directions, 2 ** power for opposite, sqrt(2) ** power for orthogonal ones."""
    x = torch.tensor([[3.0, 0.0]]).double()
    for power in (1, 2, 3):
        assert_equal(alignment(x, 2 * x, power=power), 0.0)
        assert_equal(alignment(x, -x, power=power), 2.0**power)
        assert_equal(alignment(x, x.flip(1), power=power), 2.0 ** (power / 2))


def test_uniformity_by_hand():
    """0 when all points coincide, -4 t for two opposite ones."""
    assert_equal(uniformity(normal(1, 3).expand(5, 3)), 0.0)
    for t in (1, 2, 50.0):
        assert_equal(uniformity(torch.tensor([[1.0, 1.0], [-2.0, -2.0]]).double(), t=t), -4.0 * t)


def test_uniformity_prefers_an_even_circle():
    """Points spread evenly beat random points, which beat points on a quarter circle."""

    def at(angles):
        return uniformity(torch.stack([angles.cos(), angles.sin()], dim=1)).item()

    even = torch.arange(32).double() * (2 * math.pi / 32)
    at_random = (
        2
        * math.pi
        * torch.rand(32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    )
    assert at(even) < at(at_random) < at(even / 4)


def test_symmetries():
    """Views may be swapped, points reordered, rows rescaled, the space rotated."""
    x, y = normal(5, 3), normal(5, 3, seed=1)
    scale, rotation = normal(5, 1, seed=2).exp(), torch.linalg.qr(normal(3, 3, seed=3)).Q
    for u, v in [
        (y, x),
        (x.flip(0), y.flip(0)),
        (scale * x, y / scale),
        (x @ rotation, y @ rotation),
    ]:
        torch.testing.assert_close(alignment(u, v), alignment(x, y), rtol=1e-12, atol=1e-12)
    for u in (x.flip(0), scale * x, x @ rotation):
        torch.testing.assert_close(uniformity(u), uniformity(x), rtol=1e-12, atol=1e-12)
