"""The divergence of t-SNE and its gradient: the definitions in loops, automatic derivatives, and
mistakes.
"""

import pytest
import torch
from torch import Tensor

from mlteach import maps, mistakes
from mlteach.mistakes import mistakes_in


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def naive_student_t(y: Tensor) -> Tensor:
    weights = torch.zeros(len(y), len(y), dtype=torch.float64)
    for i in range(len(y)):
        for j in range(len(y)):
            if i != j:
                weights[i, j] = 1 / (1 + ((y[i] - y[j]) ** 2).sum())
    return weights / weights.sum()


def naive_kl(p: Tensor, y: Tensor) -> float:
    q = naive_student_t(y)
    pairs = [(i, j) for i in range(len(y)) for j in range(len(y)) if i != j and p[i, j] > 0]
    return sum((p[i, j] * (p[i, j] / q[i, j]).log()).item() for i, j in pairs)


def test_student_t_and_the_divergence_are_their_definitions():
    p, y = maps.affinities(random(12, 4), 4), random(12, 2, seed=2) * 3
    assert torch.allclose(maps.student_t(y), naive_student_t(y))
    assert maps.kl_divergence(p, y).item() == pytest.approx(naive_kl(p, y))


def test_the_divergence_is_zero_where_the_map_is_perfect_and_positive_elsewhere():
    y = random(10, 2)
    p = maps.student_t(y)
    assert maps.kl_divergence(p, y).item() == pytest.approx(0, abs=1e-12)
    assert maps.kl_divergence(p, y + 0.1 * random(10, 2, seed=5)) > 1e-5
    assert torch.allclose(maps.student_t(torch.zeros(5, 2)), (1 - torch.eye(5)) / 20)


def test_the_gradient_is_autograds():
    p, y = maps.affinities(random(12, 4), 4), (random(12, 2, seed=2) * 3).requires_grad_()
    (expected,) = torch.autograd.grad(maps.kl_divergence(p, y), y)
    assert torch.allclose(maps.tsne_gradient(p, y), expected)
    assert torch.allclose(expected.sum(0), torch.zeros(2, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("mistake", mistakes_in(maps.student_t), ids=str)
def test_a_wrong_student_t_is_seen(mistake):
    y = random(12, 2, seed=2) * 3
    assert not torch.allclose(mistake(y), naive_student_t(y), rtol=1e-2)


@pytest.mark.parametrize("mistake", mistakes_in(mistakes.maps.spring_forces), ids=str)
def test_wrong_forces_are_seen(mistake):
    p, y = maps.affinities(random(12, 4), 4), (random(12, 2, seed=2) * 3).requires_grad_()
    (gradient,) = torch.autograd.grad(maps.kl_divergence(p, y), y)
    assert torch.allclose(mistakes.maps.spring_forces(p, y.detach()), -gradient)
    assert not torch.allclose(mistake(p, y.detach()), -gradient, rtol=1e-2)


def test_a_wrong_shape_is_refused():
    for function in (maps.kl_divergence, maps.tsne_gradient):
        with pytest.raises(ValueError, match=r"p must be \(4, 4\)"):
            function(torch.ones(5, 5), random(4, 2))
