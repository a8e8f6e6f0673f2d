"""Principal components: the definition, scikit-learn's own numbers, and what cannot be answered."""

import numpy as np
import pytest
import sklearn.decomposition
import torch
from support.numbers import normal

from mlteach import maps


def test_pca_is_scikit_learns_signs_included():
    x = normal(40, 6) * torch.arange(1, 7)
    theirs = sklearn.decomposition.PCA(3).fit(x.numpy())
    ours = maps.pca(x, 3)
    assert np.allclose(ours.points, theirs.transform(x.numpy()))
    assert np.allclose(ours.directions, theirs.components_)
    assert np.allclose(ours.shares, theirs.explained_variance_ratio_)


def test_pca_diagonalises_the_covariance():
    """By definition: directions are eigenvectors, the variance along each is its eigenvalue."""
    x = normal(30, 4) + 5
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
    for x in (normal(5, 1, 4, 4), normal(30, 3)):
        assert maps.pca(x, 2).points.shape == (len(x), 2)


@pytest.mark.parametrize(
    ("x", "components", "error", "part"),
    [
        (normal(5, 3), 4, ValueError, "between 1 and min"),
        (normal(5, 3), 0, ValueError, "components must be a whole number >= 1, got 0"),
        (normal(1, 3), 1, ValueError, "at least 2 rows"),
        (normal(5), 1, ValueError, "at least 2 rows"),
        (normal(5, 3) / 0, 1, ValueError, "finite"),
        ([["a", "b"]], 1, TypeError, "x must be a tensor, an array or a list"),
    ],
)
def test_pca_refuses_what_it_cannot_answer(x, components, error, part):
    with pytest.raises(error, match=part):
        maps.pca(x, components)


def test_equal_rows_are_one_point_without_shares():
    for x in (torch.ones(5, 3), torch.full((7, 2), 0.1), torch.zeros(4, 3)):
        points, directions, shares = maps.pca(x, 2)
        assert not points.any()
        assert not shares.any()
        assert torch.allclose(directions @ directions.T, torch.eye(2))


def test_arrays_lists_integers_and_16_bit_floats_are_points_too():
    x = torch.randint(-9, 9, (12, 3), generator=torch.Generator().manual_seed(0))
    expected = maps.pca(x.float()).points
    for same in (x, x.tolist(), x.numpy(), x.half(), x.bfloat16()):
        assert torch.equal(maps.pca(same).points, expected)


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_the_scale_and_a_shift_of_a_cloud_change_no_share(factor):
    x = normal(30, 4)
    shares = maps.pca(x, 4).shares
    assert torch.allclose(maps.pca((factor * x).float(), 4).shares.double(), shares, atol=1e-5)
    assert torch.allclose(maps.pca((x + 3000).float(), 4).shares.double(), shares, atol=1e-3)
