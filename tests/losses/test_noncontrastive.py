"""Barlow Twins, VICReg and SIGReg: definitions, properties, and the mistakes people make."""

from __future__ import annotations

import cmath
import math
from statistics import fmean

import pytest
import torch
from support.numbers import assert_equal, generator, normal

from mlteach.losses import barlow_twins, sigreg, vicreg
from mlteach.mistakes import mistakes_in


def views(batch=6, dim=3):
    """Two correlated views with correlated coordinates, offsets and scales of their own."""
    image = normal(batch, dim) @ normal(dim, dim, seed=1)
    return image + 2, 1.5 * image + 0.8 * normal(batch, dim, seed=2) - 1


def assert_gradient_is_right(loss):
    """The gradient for both views equals finite differences."""
    inputs = [z.requires_grad_() for z in views()]
    assert torch.autograd.gradcheck(loss, inputs, raise_exception=False)


# Barlow Twins


def naive_barlow_twins(z1, z2, redundancy_weight):
    """Zbontar et al. 2021, Eqs. (1) and (2), one pair of coordinates at a time."""
    total = 0.0
    for i, u in enumerate(z1.T.tolist()):
        for j, v in enumerate(z2.T.tolist()):
            du, dv = [a - fmean(u) for a in u], [b - fmean(v) for b in v]
            variances = (fmean(a * a for a in du) + 1e-5) * (fmean(b * b for b in dv) + 1e-5)
            correlation = fmean(a * b for a, b in zip(du, dv, strict=True)) / math.sqrt(variances)
            total += (1 - correlation) ** 2 if i == j else redundancy_weight * correlation**2
    return total


def assert_is_barlow_twins(loss):
    """Value and gradient are those of the definition."""
    for redundancy_weight in (5e-3, 0.5, 2.0):
        number = naive_barlow_twins(*views(), redundancy_weight)
        assert_equal(loss(*views(), redundancy_weight=redundancy_weight), number)
    assert_gradient_is_right(lambda z1, z2: loss(z1, z2, redundancy_weight=0.1))


def test_barlow_twins_equals_the_definition():
    """Value and gradient are those of the paper."""
    assert_is_barlow_twins(barlow_twins)


@pytest.mark.parametrize("mistake", mistakes_in(barlow_twins), ids=str)
def test_barlow_twins_catches(mistake):
    """Each mistake is caught."""
    with pytest.raises(AssertionError):
        assert_is_barlow_twins(mistake)


def test_barlow_twins_by_hand():
    """P when the rows coincide; 0 for equal uncorrelated coordinates; more for copied ones."""
    assert_equal(barlow_twins(normal(1, 4).expand(5, 4), normal(1, 4).expand(5, 4)), 4.0)
    uncorrelated = 100 * torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]]).double()
    assert barlow_twins(uncorrelated, uncorrelated).item() == pytest.approx(0, abs=1e-12)
    copied = uncorrelated[:, :1].expand(4, 3)
    assert barlow_twins(copied, copied, redundancy_weight=0.5).item() == pytest.approx(3, abs=1e-6)


def test_barlow_twins_symmetries():
    """Views may be swapped, images reordered, coordinates permuted; scale hardly matters."""
    z1, z2 = views()
    loss = barlow_twins(z1, z2)
    for same in [(z2, z1), (z1.flip(0), z2.flip(0)), (z1.flip(1), z2.flip(1))]:
        torch.testing.assert_close(barlow_twins(*same), loss, rtol=1e-12, atol=1e-12)
    # 1e-5 in the variance
    torch.testing.assert_close(barlow_twins(3 * z1 + 5, z2 - 4), loss, rtol=1e-3, atol=0)


# VICReg


def naive_vicreg(z1, z2, invariance, variance, covariance):
    """Bardes et al. 2022, Eqs. (1) to (6), by coordinate, in the scale of the authors' code."""
    batch, dim = z1.shape
    rows = zip(z1.tolist(), z2.tolist(), strict=True)
    loss = invariance * sum(math.dist(u, v) ** 2 for u, v in rows) / (batch * dim)
    for z in (z1, z2):
        columns = [[a - fmean(column) for a in column] for column in z.T.tolist()]
        for i, u in enumerate(columns):
            for j, v in enumerate(columns):
                c = sum(a * b for a, b in zip(u, v, strict=True)) / (batch - 1)
                loss += (
                    variance / 2 * max(0, 1 - math.sqrt(c + 1e-4)) / dim
                    if i == j
                    else covariance * c * c / dim
                )
    return loss


def assert_is_vicreg(loss):
    """Value of the definition for each term alone and all together, and its gradient."""
    for weights in [(25, 25, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)]:
        weights = dict(zip(("invariance", "variance", "covariance"), weights, strict=True))
        assert_equal(loss(*views(), **weights), naive_vicreg(*views(), **weights))
    standard_deviations = torch.cat([z.std(0) for z in views()])
    assert 0 < (standard_deviations < 1).sum() < 6  # both sides of the hinge are there
    assert_gradient_is_right(lambda z1, z2: loss(z1, z2, invariance=2, variance=3, covariance=4))


def test_vicreg_equals_the_definition():
    """Value and gradient are those of the paper."""
    assert_is_vicreg(vicreg)


@pytest.mark.parametrize("mistake", mistakes_in(vicreg), ids=str)
def test_vicreg_catches(mistake):
    """Each mistake is caught."""
    with pytest.raises(AssertionError):
        assert_is_vicreg(mistake)


def test_vicreg_by_hand():
    """0.99 of the variance weight when all rows coincide; 0 for equal uncorrelated coordinates."""
    collapsed = normal(1, 4).expand(5, 4)
    assert_equal(vicreg(collapsed, collapsed), 24.75)
    spread = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]]).double()
    assert_equal(vicreg(spread, spread), 0.0)
    assert_equal(vicreg(spread, spread + 2), 25 * 4.0)


def test_vicreg_symmetries():
    """Views may be swapped, images reordered, coordinates permuted, both views moved."""
    z1, z2 = views()
    for same in [(z2, z1), (z1.flip(0), z2.flip(0)), (z1.flip(1), z2.flip(1)), (z1 + 3, z2 + 3)]:
        torch.testing.assert_close(vicreg(*same), vicreg(z1, z2), rtol=1e-10, atol=1e-10)


# SIGReg


def naive_sigreg(z, directions):
    """Epps and Pulley's statistic of each slice, by complex numbers, in 17 points from -5 to 5."""
    total = 0.0
    for a in directions.T.tolist():
        length = math.hypot(*a)
        x = [sum(u * v for u, v in zip(row, a, strict=True)) / length for row in z.tolist()]
        values = []
        for k in range(17):
            t = -5 + 10 * k / 16
            gap = fmean_complex([cmath.exp(1j * t * v) for v in x]) - math.exp(-t * t / 2)
            values.append(abs(gap) ** 2 * math.exp(-t * t / 2))
        total += len(x) * 10 / 16 * (sum(values) - (values[0] + values[-1]) / 2)
    return total / directions.shape[1]


def fmean_complex(values):
    return sum(values) / len(values)


def assert_is_sigreg(loss):
    """Value of the definition for several numbers of slices, and its gradient."""
    z = views()[0] / 2
    for slices in (1, 5):
        directions = torch.randn(3, slices, generator=generator(4))
        number = naive_sigreg(z, directions)
        assert loss(z, slices=slices, generator=generator(4)).item() == pytest.approx(
            number, rel=1e-5
        )
    assert_gradient_is_right(lambda z1, _: loss(z1, slices=4, generator=generator(4)))


def test_sigreg_equals_the_definition():
    """Value and gradient are those of the paper."""
    assert_is_sigreg(sigreg)


@pytest.mark.parametrize("mistake", mistakes_in(sigreg), ids=str)
def test_sigreg_catches(mistake):
    """Each mistake is caught."""
    with pytest.raises(AssertionError):
        assert_is_sigreg(mistake)


def closed_form(x):
    """The same integral over the whole axis, without a grid: a double sum of Gaussians."""
    pairs = (-(x[:, None] - x).square() / 2).exp().mean()
    singles = (-x.square() / 4).exp().mean()
    return len(x) * math.sqrt(2 * math.pi) * (pairs - math.sqrt(2) * singles + 3**-0.5)


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (0.3, 0), (1, 0.5), (0.01, 1)])
def test_sigreg_is_the_integral(scale, offset):
    """17 points suffice: an independent closed form agrees while projections stay within 5."""
    z = scale * normal(200, 1).clamp(-4, 4) + offset
    exact = closed_form(z[:, 0]).item()
    assert sigreg(z, slices=2, generator=generator(0)).item() == pytest.approx(exact, rel=2e-3)


def test_sigreg_by_hand():
    """The docstring's numbers: 0.409 B when all rows are 0, 1.06 on average for normal draws."""
    zeros = torch.zeros(50, 4, dtype=torch.float64)
    assert sigreg(zeros, generator=generator(0)).item() == pytest.approx(0.409 * 50, rel=1e-3)
    for batch in (32, 512):
        draws = [
            sigreg(normal(batch, 16, seed=seed), slices=64, generator=generator(seed)).item()
            for seed in range(40)
        ]
        floor = math.sqrt(2 * math.pi) * (1 - 3**-0.5)  # expectation under normality
        assert floor == pytest.approx(1.06, abs=1e-3)
        assert fmean(draws) == pytest.approx(floor, rel=0.15)


@pytest.mark.parametrize(
    "change",
    [lambda z: 0.5 * z, lambda z: 2 * z, lambda z: z + 0.5, lambda z: z[:, :1].expand_as(z)],
    ids=["too narrow", "too wide", "off centre", "copied coordinates"],
)
def test_sigreg_rises(change):
    """Whatever differs from a standard normal of full rank costs more than a draw of one."""
    z = normal(256, 8)
    plain, changed = (sigreg(x, generator=generator(0)) for x in (z, change(z)))
    assert changed > 2 * plain


def test_sigreg_pulls_a_batch_into_shape():
    """Gradient descent on the vectors alone: from nearly one line to full rank and spread 1."""
    z = (normal(256, 1) * torch.ones(6) / 6**0.5 + 0.05 * normal(256, 6, seed=1)).requires_grad_()
    optimiser = torch.optim.Adam([z], lr=0.05)
    for step in range(150):
        optimiser.zero_grad()
        sigreg(z, slices=32, generator=generator(step)).backward()
        optimiser.step()
    z = z.detach()
    assert z.std(0).sub(1).abs().max() < 0.2
    assert torch.linalg.eigvalsh(torch.cov(z.T)).min() > 0.5
    # evener than random draws, whose expectation is 1.06
    assert sigreg(z, generator=generator(999)) < 0.5
