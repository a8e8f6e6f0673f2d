"""Linear CKA is the formula of its paper, has its invariances, and tells its mistakes apart."""

import pytest
import torch
from support.numbers import normal

from mlteach.evaluate import linear_cka
from mlteach.mistakes import mistakes_in

X = normal(30, 5, seed=1)
Y = X[:, :3] @ normal(3, 4, seed=2) + normal(30, 4, seed=3)
TURN = torch.linalg.qr(normal(5, 5, seed=4)).Q
CASES = {
    "related": (X, Y),
    "unrelated": (X, normal(30, 7, seed=5)),
    "more features than rows": (X[:4], Y[:4]),
}


def naive_cka(x, y):
    """HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), K = x x', L = y y', HSIC(K, L) = tr(K H L H)."""
    n = len(x)
    centring = torch.eye(n, dtype=x.dtype) - 1 / n

    def hsic(a, b):
        return torch.trace(a @ a.T @ centring @ b @ b.T @ centring)

    return (hsic(x, y) / (hsic(x, x) * hsic(y, y)).sqrt()).item()


@pytest.mark.parametrize("case", CASES)
def test_equals_the_naive_definition(case):
    x, y = CASES[case]
    assert linear_cka(x, y) == pytest.approx(naive_cka(x, y))
    assert linear_cka(x, y) == pytest.approx(linear_cka(y, x))
    assert 0 < linear_cka(x, y) < 1


def test_equals_the_formula_over_features():
    """The paper's other form, with matrices of features instead of examples."""
    x, y = X - X.mean(0), Y - Y.mean(0)
    value = (y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())
    assert linear_cka(X, Y) == pytest.approx(value.item())


@pytest.mark.parametrize(
    "same",
    [X, X @ TURN, -3 * X, X + 7, X[:, [4, 2, 0, 1, 3]], torch.cat([X, X], 1)],
    ids=["copy", "turned", "scaled and flipped", "shifted", "reordered", "repeated"],
)
def test_is_one_for(same):
    assert linear_cka(X, same) == pytest.approx(1)


def test_stretching_one_feature_counts():
    """Unlike canonical correlation, it looks at how strong a direction is."""
    assert linear_cka(X, X * torch.tensor([30.0, 1, 1, 1, 1])) < 0.9


def test_is_zero_for_uncorrelated_features():
    x = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    y = torch.tensor([[1.0], [1], [-1], [-1]])
    assert linear_cka(x, y) == pytest.approx(0)


def test_two_axes_against_one_by_hand():
    """X'X = 2 I has norm 2 sqrt(2); Y is the first axis, Y'Y = 2: 2² / (2 sqrt(2) 2)."""
    x = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert linear_cka(x, x[:, :1]) == pytest.approx(0.5**0.5)


def test_noise_of_many_features_looks_alike():
    """As the docstring warns."""
    assert linear_cka(normal(10, 2000, seed=6), normal(10, 2000, seed=7)) > 0.9
    assert linear_cka(normal(500, 5, seed=6), normal(500, 5, seed=7)) < 0.05


@pytest.mark.parametrize("mistake", mistakes_in(linear_cka), ids=str)
def test_mistakes_are_caught(mistake):
    """Each differs from the definition on shifted representations, or on skewed ones."""
    by_feature = X[:9].exp() + 9 * torch.arange(5), Y[:9].exp() - 9 * torch.arange(4)
    skewed = (2 * X[:9]).exp(), (2 * Y[:9]).exp()
    pairs = (X + 7, Y + 3), by_feature, skewed
    assert any(abs(mistake(x, y) - naive_cka(x, y)) > 0.05 for x, y in pairs)


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        ("many", Y, TypeError, "x must be a tensor, an array or a list of numbers, got str"),
        (X, Y[0], ValueError, "y must be \\(N >= 1, D >= 1\\), got"),
        (X, Y[:9], ValueError, "x and y must be of the same examples, got 30 and 9 rows"),
        (
            X,
            torch.ones(30, 2),
            ValueError,
            "y must hold rows that differ, got 30 times the same row",
        ),
        (X, Y * torch.inf, ValueError, "y must be finite"),
    ],
)
def test_bad_input_is_refused(x, y, error, message):
    with pytest.raises(error, match=message):
        linear_cka(x, y)
