"""The four measures equal their definitions, and the mistakes with them are told apart."""

import math

import pytest
import torch
from support.numbers import normal
from torch import Tensor

from mlteach import mistakes
from mlteach.mistakes import mistakes_in
from mlteach.similarity import (
    MEASURES,
    factor_groups,
    group_gap,
    nearest,
    retrieval_precision,
    similarities,
)


def length(x: list[float]) -> float:
    return math.sqrt(sum(value * value for value in x))


def dot(x: list[float], y: list[float]) -> float:
    return sum(a * b for a, b in zip(x, y, strict=True))


def correlation(x: list[float], y: list[float]) -> float:
    x, y = [value - sum(x) / len(x) for value in x], [value - sum(y) / len(y) for value in y]
    return dot(x, y) / (length(x) * length(y))


NAIVE = {
    "cosine": lambda x, y: dot(x, y) / (length(x) * length(y)),
    "correlation": correlation,
    "dot product": dot,
    "euclidean": lambda x, y: -length([a - b for a, b in zip(x, y, strict=True)]),
}


def by_loops(x: Tensor, y: Tensor, measure: str) -> Tensor:
    rows = [[NAIVE[measure](a, b) for b in y.tolist()] for a in x.tolist()]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("measure", MEASURES)
# cdist has its own way from 25 rows on
@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 2), (4, 7, 3), (30, 40, 5)])
def test_equals_loops_over_the_definition(measure, n, m, d):
    """Every entry is the formula, in float64."""
    x, y = normal(n, d), 3 * normal(m, d, seed=1)
    assert torch.allclose(
        similarities(x, y, measure=measure), by_loops(x, y, measure), rtol=0, atol=1e-7
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_float32_is_as_exact_as_float32_can_be(measure):
    """Long vectors far from the origin, where the textbook way to a distance loses its digits."""
    x = (100 + normal(30, 100)).float()
    expected = by_loops(x.double(), x.double(), measure)
    scale = max(expected.abs().max().item(), x.norm(dim=1).max().item())
    assert torch.allclose(
        similarities(x, x, measure=measure).double(), expected, rtol=0, atol=2e-6 * scale
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_gradients(measure):
    """Autograd agrees with finite differences."""
    x, y = normal(3, 4).requires_grad_(), normal(2, 4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: similarities(x, y, measure=measure), (x, y))


def test_values_known_by_hand():
    """(3, 4) against (4, 3): dot 24, cosine 0.96, distance √2; less their means, opposite."""
    x, y = torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, 3.0]])
    found = {measure: similarities(x, y, measure=measure).item() for measure in MEASURES}
    assert found == pytest.approx(
        {"cosine": 0.96, "correlation": -1, "dot product": 24, "euclidean": -math.sqrt(2)}
    )


def test_a_vector_with_itself():
    """1, 1, its squared length, and exactly no distance: the docstring's values."""
    x = normal(30, 6)
    own = {measure: similarities(x, x, measure=measure).diagonal() for measure in MEASURES}
    assert torch.allclose(own["cosine"], torch.ones(30).double())
    assert torch.allclose(own["correlation"], torch.ones(30).double())
    assert torch.allclose(own["dot product"], x.square().sum(1))
    assert own["euclidean"].abs().max() < 1e-6


def test_each_measure_ignores_what_it_should():
    """Cosine ignores length, correlation also a constant added, Euclid a common shift."""
    x, y = normal(5, 6), normal(4, 6, seed=1)
    stretch = torch.tensor([0.1, 1, 2, 5, 30]).double()[:, None]
    cosine, correlated = similarities(x, y), similarities(x, y, measure="correlation")
    assert torch.allclose(similarities(stretch * x, y), cosine)
    assert not torch.allclose(similarities(x + 1, y), cosine, atol=0.01)
    assert torch.allclose(
        similarities(stretch * x + 3 * stretch, y, measure="correlation"), correlated
    )
    far = similarities(x, y, measure="euclidean")
    assert torch.allclose(similarities(x + 3, y + 3, measure="euclidean"), far)
    assert not torch.allclose(similarities(2 * x, 2 * y, measure="euclidean"), far, atol=0.01)


@pytest.mark.parametrize("measure", MEASURES)
def test_is_symmetric(measure):
    """x is as alike to y as y is to x."""
    x, y = normal(5, 3), normal(4, 3, seed=1)
    there, back = similarities(x, y, measure=measure), similarities(y, x, measure=measure)
    assert torch.allclose(there, back.T)


def test_unit_vectors_rank_alike():
    """d² = 2 - 2 cos: dot product, cosine and Euclid give one order for unit length only."""
    x, y = normal(20, 4), normal(50, 4, seed=1)
    orders = [
        similarities(x, y, measure=m).argsort(dim=1) for m in ("cosine", "dot product", "euclidean")
    ]
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])
    x, y = x / x.norm(dim=1, keepdim=True), y / y.norm(dim=1, keepdim=True)
    cosine, distance = similarities(x, y), similarities(x, y, measure="euclidean")
    assert torch.allclose(distance.square(), 2 - 2 * cosine, atol=1e-7)
    orders = [
        similarities(x, y, measure=m).argsort(dim=1) for m in ("cosine", "dot product", "euclidean")
    ]
    assert torch.equal(orders[0], orders[1])
    assert torch.equal(orders[0], orders[2])


@pytest.mark.parametrize("measure", ["cosine", "correlation"])
def test_a_vector_without_direction_is_like_no_other(measure):
    """No division by zero: 0, not NaN; for correlation a flat vector has none either."""
    x = torch.tensor([[0.0, 0.0, 0.0]] + [[0.5, 0.5, 0.5]] * (measure == "correlation"))
    assert torch.equal(
        similarities(x, normal(4, 3).float(), measure=measure), torch.zeros(len(x), 4)
    )


@pytest.mark.parametrize("mistake", mistakes_in(similarities), ids=str)
def test_the_loops_catch_what_people_get_wrong(mistake):
    """Each mistake differs from the definition by more than the tolerance above."""
    x, y = normal(4, 3) + 1, 3 * normal(7, 3, seed=1)
    right = [by_loops(x, y, measure) for measure in MEASURES]
    found = [mistake(x, y, measure=measure) for measure in MEASURES]
    pairs = zip(found, right, strict=True)
    assert not all(torch.allclose(mine, exact, rtol=0, atol=1e-3) for mine, exact in pairs)


@pytest.mark.parametrize("mistake", mistakes_in(mistakes.similarity.correlation), ids=str)
def test_the_loops_catch_a_wrong_correlation(mistake):
    x, y = normal(4, 3) + 1, 3 * normal(7, 3, seed=1)
    right = by_loops(x, y, "correlation")
    assert torch.allclose(mistakes.similarity.correlation(x, y), right)
    assert not torch.allclose(mistake(x, y), right, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("x", "y", "measure", "error", "told"),
    [
        (
            [["a"]],
            torch.ones(1, 1),
            "cosine",
            TypeError,
            "x must be a tensor, an array or a list of numbers, got list",
        ),
        (
            torch.ones(1, 1),
            torch.ones(1, 1, dtype=torch.complex64),
            "cosine",
            TypeError,
            "y must hold numbers, got a tensor of complex64",
        ),
        (
            torch.ones(1, 1) * torch.nan,
            torch.ones(1, 1),
            "cosine",
            ValueError,
            "x must be finite, got NaN or infinity in row 0",
        ),
        (
            torch.ones(3),
            torch.ones(1, 3),
            "cosine",
            ValueError,
            r"x must be \(N >= 1, D >= 1\), got \(3,\)",
        ),
        (torch.ones(2, 3), torch.ones(2, 4), "cosine", ValueError, r"y must be \(M, 3\), got"),
        (
            torch.ones(1, 1),
            torch.ones(1, 1),
            "cosinus",
            ValueError,
            "one of 'cosine', .* got 'cosinus'",
        ),
    ],
)
def test_bad_input_is_named(x, y, measure, error, told):
    with pytest.raises(error, match=told):
        similarities(x, y, measure=measure)


# --- neighbours and precision --------------------------------------------------------------------


def assert_finds_the_nearest(find):
    """Every row sorted in Python, the query left out; also where it is not most like itself."""
    x = normal(12, 3) * torch.linspace(0.1, 3, 12).double()[:, None]  # of very different lengths
    symmetric = [similarities(x, x, measure=measure) for measure in MEASURES]
    for matrix in (*symmetric, normal(12, 12, seed=1)):
        expected = [
            sorted((j for j in range(12) if j != i), key=lambda j, row=row: -row[j])[:5]
            for i, row in enumerate(matrix.tolist())
        ]
        assert find(matrix, 5).tolist() == expected


def test_nearest_equals_sorting_by_hand():
    assert_finds_the_nearest(nearest)


@pytest.mark.parametrize("mistake", mistakes_in(nearest), ids=str)
def test_sorting_by_hand_catches(mistake):
    with pytest.raises(AssertionError):
        assert_finds_the_nearest(mistake)


def test_the_query_is_left_out_even_among_equals():
    """All images alike: every other one, in order, never the query; the matrix stays."""
    matrix = torch.ones(4, 4)
    assert nearest(matrix, 3).tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]
    assert torch.equal(matrix, torch.ones(4, 4))


def test_precision_equals_counting():
    """A loop over queries and their neighbours."""
    groups = torch.tensor([0, 1, 2] * 3)
    for k in (1, 4, 8):
        neighbours = nearest(normal(9, 9), k)
        found = [groups[j] == groups[i] for i, row in enumerate(neighbours) for j in row]
        assert retrieval_precision(neighbours, groups) == pytest.approx(
            sum(map(int, found)) / (9 * k)
        )


def test_precision_at_its_ends():
    """1 where only members of the group are alike, 0 where only others; chance level at all."""
    groups = torch.tensor([0, 0, 0, 1, 1, 1])
    same = (groups[:, None] == groups).double()
    assert retrieval_precision(nearest(same, 2), groups) == 1
    assert retrieval_precision(nearest(-same, 3), groups) == 0
    # 2 of the 5 others
    assert retrieval_precision(nearest(normal(6, 6), 5), groups) == pytest.approx(2 / 5)


def test_groups_of_a_factor():
    """Integers stay; a continuous factor is cut at its quartiles, the lowest group first."""
    labels = torch.tensor([2, 0, 1])
    assert torch.equal(factor_groups(labels), labels)
    values = normal(40)
    groups = factor_groups(values)
    assert groups.bincount().tolist() == [10, 10, 10, 10]
    assert all(values[groups == g].max() < values[groups == g + 1].min() for g in range(3))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: nearest(torch.ones(3, 4)), r"matrix must be \(N, 3\), got shape \(3, 4\)"),
        (lambda: nearest(torch.ones(3, 3), 3), "k must be a whole number between 1 and 2, got 3"),
        (lambda: nearest(torch.ones(3, 3), 0), "got 0"),
        (
            lambda: retrieval_precision(torch.zeros(3, 1).long(), torch.ones(4).long()),
            r"neighbours must be \(4, k >= 1\), got shape \(3, 1\)",
        ),
        (
            lambda: retrieval_precision(torch.zeros(3).long(), torch.ones(3).long()),
            r"neighbours must be \(3, k >= 1\), got shape \(3,\)",
        ),
        (lambda: factor_groups(torch.ones(2, 2)), r"values must be \(N >= 1,\)"),
    ],
)
def test_what_does_not_fit_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_the_gap_equals_its_definition():
    """A loop over pairs; and 0, not NaN, where all similarities are equal."""
    matrix, groups = normal(6, 6), torch.tensor([0, 1, 0, 1, 2, 2])
    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    within = [matrix[i, j].item() for i, j in pairs if groups[i] == groups[j]]
    between = [matrix[i, j].item() for i, j in pairs if groups[i] != groups[j]]
    spread = torch.tensor(within + between, dtype=torch.float64).std().item()
    expected = (sum(within) / len(within) - sum(between) / len(between)) / spread
    assert group_gap(matrix, groups) == pytest.approx(expected)
    assert group_gap(torch.ones(6, 6), groups) == 0


def test_a_gap_of_shapes_that_do_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"must be \(N, N\) and \(N,\)"):
        group_gap(torch.ones(3, 3), torch.arange(4))


# --- types, scales and places ---------------------------------------------------------------------


@pytest.mark.parametrize("measure", ["cosine", "correlation"])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_vector_without_direction_is_like_none_in_every_type(measure, kind):
    """Also where the mean of equal entries rounds, which would leave a direction."""
    flat = torch.tensor([[0.0] * 7, [0.1] * 7 if measure == "correlation" else [0.0] * 7]).to(kind)
    assert not similarities(flat, torch.randn(3, 7).to(kind), measure=measure).any()


@pytest.mark.parametrize("measure", ["cosine", "correlation"])
@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1.0, 1e20, 1e30])
def test_directions_do_not_depend_on_the_scale(measure, scale):
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    found, expected = (similarities(f * x, x, measure=measure) for f in (scale, 1))
    assert torch.allclose(found, expected, atol=1e-5)


def test_arrays_lists_integers_and_mixed_types_are_vectors_too():
    x = torch.tensor([[1, 2, 3], [4, 6, 5]])
    expected = similarities(x.float(), x.float())
    for same in (x, x.tolist(), x.numpy(), x.half(), x.byte()):
        assert torch.equal(similarities(same, same), expected)
    assert similarities(x.double(), x.float()).dtype == torch.float64


def test_a_dot_product_beyond_float32_is_refused():
    with pytest.raises(ValueError, match="x and y must have a dot product within the range"):
        similarities(torch.full((1, 2), 1e30), torch.full((1, 2), 1e30), measure="dot product")
