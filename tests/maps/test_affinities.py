"""The affinities of t-SNE: the definition in loops, scikit-learn's own numbers, and the mistakes
people make.
"""

import math

import numpy as np
import pytest
import torch
from sklearn.manifold._t_sne import _joint_probabilities
from torch import Tensor

from mlteach import maps
from mlteach.mistakes import mistakes_in


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def clusters(size: int = 20, seed: int = 0) -> Tensor:
    """Three clouds in five dimensions, (3 * size, 5), far from each other."""
    return (
        random(3 * size, 5, seed=seed) + 20 * torch.eye(5)[torch.arange(3).repeat_interleave(size)]
    )


def naive_conditional(x: Tensor, perplexity: float) -> Tensor:
    """Loops over points; sigma by halving an interval."""
    p = torch.zeros(len(x), len(x), dtype=torch.float64)
    for i in range(len(x)):
        low, high = 1e-6, 1e6
        for _ in range(45):
            sigma = math.sqrt(low * high)
            weights = [
                0.0 if j == i else math.exp(-((x[i] - x[j]) ** 2).sum() / (2 * sigma**2))
                for j in range(len(x))
            ]
            total = sum(weights)
            row = [weight / total if total else 0.0 for weight in weights]
            entropy = -sum(value * math.log(value) for value in row if value > 0)
            low, high = (sigma, high) if entropy < math.log(perplexity) else (low, sigma)
        p[i] = torch.tensor(row)
    return p


@pytest.mark.parametrize("perplexity", [1.5, 5, 12])
def test_conditional_affinities_are_the_definition(perplexity):
    x = random(16, 3, seed=1)
    assert torch.allclose(
        maps.conditional_affinities(x, perplexity), naive_conditional(x, perplexity), atol=1e-5
    )


@pytest.mark.parametrize("perplexity", [2, 10, 40])
def test_affinities_are_scikit_learns(perplexity):
    x = clusters()
    squared = torch.cdist(x, x).square().numpy()
    # the pairs i < j, each of both orders
    theirs = _joint_probabilities(squared, perplexity, verbose=0)
    ours = maps.affinities(x, perplexity)
    above = torch.triu_indices(len(x), len(x), offset=1)
    # they stop at 1e-5 nats
    assert np.allclose(ours[above[0], above[1]], theirs, rtol=2e-3, atol=1e-8)


def test_every_row_has_the_perplexity_and_every_pair_its_probability():
    x = clusters() * torch.linspace(0.1, 3, 60)[:, None]
    p = maps.conditional_affinities(x, 7)
    assert torch.allclose(
        torch.special.entr(p).sum(1).exp(), torch.full((60,), 7.0, dtype=torch.float64), rtol=1e-4
    )
    joint = maps.affinities(x, 7)
    assert torch.equal(joint, joint.T)
    assert joint.sum().item() == pytest.approx(1)
    assert joint.diagonal().abs().max() == 0
    assert joint.sum(1).min() >= 1 / (2 * 60) - 1e-9


def test_affinities_ignore_scale_place_and_order():
    x = clusters()
    p = maps.affinities(x, 9)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    for scale in (1e-6, 1e6):
        assert torch.allclose(maps.affinities(scale * (x + 3), 9), p, atol=1e-6)
    assert torch.allclose(maps.affinities(x[order], 9), p[order][:, order], atol=1e-9)


def test_points_equally_far_from_each_other_are_all_alike():
    """The value known by hand, which no sigma can change; so do points that coincide."""
    for x in (torch.eye(10), torch.ones(10, 3)):
        expected = (1 - torch.eye(10)) / 9
        assert torch.allclose(maps.conditional_affinities(x, 3), expected)


def test_points_that_coincide_do_not_spoil_the_others():
    x = random(50, 3)
    x[:20] = x[0]
    p = maps.conditional_affinities(x, 5)
    assert p.isfinite().all()
    assert torch.allclose(p.sum(1), torch.ones(50, dtype=torch.float64))
    assert torch.allclose(
        torch.special.entr(p[20:]).sum(1).exp(), torch.full((30,), 5.0).double(), rtol=1e-4
    )


@pytest.mark.parametrize("perplexity", [1, 0, 9, 50, math.nan])
def test_a_perplexity_out_of_range_is_refused(perplexity):
    with pytest.raises(ValueError, match="perplexity must lie between 1 and N - 1 = 9"):
        maps.affinities(random(10, 3), perplexity)


@pytest.mark.parametrize("mistake", mistakes_in(maps.conditional_affinities), ids=str)
def test_wrong_affinities_are_seen(mistake):
    x = random(16, 3, seed=1) * torch.linspace(0.2, 2, 16)[:, None]
    assert not torch.allclose(mistake(x, 5.0), naive_conditional(x, 5.0), atol=1e-3)
