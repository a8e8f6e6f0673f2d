"""Principal components: the definition, scikit-learn's own numbers, and what cannot be answered."""

import numpy as np
import pytest
import sklearn.decomposition
import torch
from torch import Tensor

from mlteach import maps


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_pca_is_scikit_learns_signs_included():
    x = random(40, 6) * torch.arange(1, 7)
    theirs = sklearn.decomposition.PCA(3).fit(x.numpy())
    ours = maps.pca(x, 3)
    assert np.allclose(ours.points, theirs.transform(x.numpy()))
    assert np.allclose(ours.directions, theirs.components_)
    assert np.allclose(ours.shares, theirs.explained_variance_ratio_)


def test_pca_diagonalises_the_covariance():
    """By definition: directions are eigenvectors, the variance along each is its eigenvalue."""
    x = random(30, 4) + 5
    points, directions, shares = maps.pca(x, 4)
    covariance = torch.cov(x.T)
    variances = points.var(0)
    assert torch.allclose(covariance @ directions.T, directions.T * variances)
    assert torch.allclose(shares, variances / covariance.trace())
    assert torch.allclose(directions @ directions.T, torch.eye(4, dtype=torch.float64))


def test_pca_of_a_line_has_one_component():
    line = torch.outer(
        torch.linspace(-1, 2, 7, dtype=torch.float64),
        torch.tensor([3.0, -4.0], dtype=torch.float64),
    )
    points, directions, shares = maps.pca(line, 2)
    assert torch.allclose(directions[0], torch.tensor([-0.6, 0.8], dtype=torch.float64))
    assert torch.allclose(shares, torch.tensor([1.0, 0.0], dtype=torch.float64))
    assert torch.allclose(points[:, 1], torch.zeros(7, dtype=torch.float64), atol=1e-12)


def test_pca_flattens_images_and_takes_tall_and_wide_matrices():
    for x in (random(5, 1, 4, 4), random(30, 3)):
        assert maps.pca(x, 2).points.shape == (len(x), 2)


@pytest.mark.parametrize(
    ("x", "components", "error", "part"),
    [
        (random(5, 3), 4, ValueError, "between 1 and min"),
        (random(5, 3), 0, ValueError, "between 1 and min"),
        (torch.ones(5, 3), 2, ValueError, "no variance"),
        (random(1, 3), 1, ValueError, "at least 2 rows"),
        (random(5), 1, ValueError, "at least 2 rows"),
        (random(5, 3) / 0, 1, ValueError, "finite"),
        (torch.ones(5, 3, dtype=torch.long), 1, TypeError, "floating-point"),
        ([[1.0, 2.0]], 1, TypeError, "floating-point"),
    ],
)
def test_pca_refuses_what_it_cannot_answer(x, components, error, part):
    with pytest.raises(error, match=part):
        maps.pca(x, components)
