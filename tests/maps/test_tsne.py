"""t-SNE: the definitions in loops, scikit-learn's numbers and steps, and mistakes people make.

A descent is chaotic: under another arithmetic it ends in another layout. What is claimed of one is
a mean over seeds, or holds for layouts that are far from each other; the comments give the spread
that was measured over four arithmetics (CONTRIBUTING.md) and several seeds.
"""

import math

import numpy as np
import pytest
import torch
from sklearn.manifold import TSNE
from sklearn.manifold._t_sne import _gradient_descent, _joint_probabilities, _kl_divergence
from support.numbers import normal
from torch import Tensor

from mlteach import maps, mistakes
from mlteach.mistakes import mistakes_in


def clusters(size: int = 20, seed: int = 0) -> Tensor:
    """Three clouds in five dimensions, (3 * size, 5), far from each other."""
    return (
        normal(3 * size, 5, seed=seed) + 20 * torch.eye(5)[torch.arange(3).repeat_interleave(size)]
    )


# --- affinities -----------------------------------------------------------------------------------


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
    x = normal(16, 3, seed=1)
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
    for scale in (1e-170, 1e-6, 1e6, 1e140):
        assert torch.allclose(maps.affinities(scale * (x + 3), 9), p, atol=1e-6)
    assert torch.allclose(maps.affinities(x[order], 9), p[order][:, order], atol=1e-9)


def test_points_equally_far_from_each_other_are_all_alike():
    """The value known by hand, which no sigma can change; so do points that coincide."""
    for x in (torch.eye(10), torch.ones(10, 3)):
        expected = (1 - torch.eye(10)) / 9
        assert torch.allclose(maps.conditional_affinities(x, 3), expected)


def test_points_that_coincide_do_not_spoil_the_others():
    x = normal(50, 3)
    x[:20] = x[0]
    p = maps.conditional_affinities(x, 5)
    assert p.isfinite().all()
    assert torch.allclose(p.sum(1), torch.ones(50, dtype=torch.float64))
    assert torch.allclose(
        torch.special.entr(p[20:]).sum(1).exp(), torch.full((30,), 5.0).double(), rtol=1e-4
    )


@pytest.mark.parametrize("perplexity", [1, 0, 9, 50])
def test_a_perplexity_out_of_range_is_refused(perplexity):
    with pytest.raises(ValueError, match="perplexity must lie between 1 and N - 1 = 9"):
        maps.affinities(normal(10, 3), perplexity)


@pytest.mark.parametrize("mistake", mistakes_in(maps.conditional_affinities), ids=str)
def test_wrong_affinities_are_seen(mistake):
    x = normal(16, 3, seed=1) * torch.linspace(0.2, 2, 16)[:, None]
    assert not torch.allclose(mistake(x, 5.0), naive_conditional(x, 5.0), atol=1e-3)


# --- divergence and gradient ----------------------------------------------------------------------


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
    p, y = maps.affinities(normal(12, 4), 4), normal(12, 2, seed=2) * 3
    assert torch.allclose(maps.student_t(y), naive_student_t(y))
    assert maps.kl_divergence(p, y).item() == pytest.approx(naive_kl(p, y))


def test_the_divergence_is_zero_where_the_map_is_perfect_and_positive_elsewhere():
    y = normal(10, 2)
    p = maps.student_t(y)
    assert maps.kl_divergence(p, y).item() == pytest.approx(0, abs=1e-12)
    assert maps.kl_divergence(p, y + 0.1 * normal(10, 2, seed=5)) > 1e-5
    assert torch.allclose(maps.student_t(torch.zeros(5, 2)), (1 - torch.eye(5)) / 20)


def test_the_gradient_is_autograds():
    p, y = maps.affinities(normal(12, 4), 4), (normal(12, 2, seed=2) * 3).requires_grad_()
    (expected,) = torch.autograd.grad(maps.kl_divergence(p, y), y)
    assert torch.allclose(maps.tsne_gradient(p, y), expected)
    assert torch.allclose(expected.sum(0), torch.zeros(2, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("mistake", mistakes_in(maps.student_t), ids=str)
def test_a_wrong_student_t_is_seen(mistake):
    y = normal(12, 2, seed=2) * 3
    assert not torch.allclose(mistake(y), naive_student_t(y), rtol=1e-2)


@pytest.mark.parametrize("mistake", mistakes_in(mistakes.maps.plane.spring_forces), ids=str)
def test_wrong_forces_are_seen(mistake):
    p, y = maps.affinities(normal(12, 4), 4), (normal(12, 2, seed=2) * 3).requires_grad_()
    (gradient,) = torch.autograd.grad(maps.kl_divergence(p, y), y)
    assert torch.allclose(mistakes.maps.plane.spring_forces(p, y.detach()), -gradient)
    assert not torch.allclose(mistake(p, y.detach()), -gradient, rtol=1e-2)


@pytest.mark.parametrize("far", [1e3, 1e5])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_cancels_on_a_map_of_places_far_from_each_other(seed, far):
    """In single precision the same places have the same pairs as in double."""
    y = (normal(40, 2, seed=seed) + far * torch.linspace(-1, 1, 40)[:, None].sign()).float()
    p = maps.affinities(normal(40, 4, seed=seed), 5)
    wide = y.double()
    assert torch.allclose(maps.student_t(y).double(), maps.student_t(wide), rtol=1e-5, atol=0)
    single, double = maps.tsne_gradient(p.float(), y).double(), maps.tsne_gradient(p, wide)
    assert (single - double).abs().max() < 1e-5 * double.abs().max()
    assert maps.kl_divergence(p.float(), y).item() == pytest.approx(
        maps.kl_divergence(p, wide).item(), rel=1e-5
    )


def test_what_are_no_affinities_is_refused():
    x, y = normal(12, 4), normal(12, 2)
    p = maps.affinities(x, 4)
    for function in (maps.kl_divergence, maps.tsne_gradient):
        with pytest.raises(ValueError, match="p must be symmetric"):
            function(maps.conditional_affinities(x, 4) / 12, y)
        with pytest.raises(ValueError, match="p must be 0 on the diagonal, got 0.01"):
            function(p + 0.01 * torch.eye(12), y)
        with pytest.raises(ValueError, match="p must be >= 0"):
            function(p - 0.01, y)
    with pytest.raises(ValueError, match="p must sum to 1, got a sum of 12"):
        maps.kl_divergence(12 * p, y)
    assert maps.tsne_gradient(12 * p, y).isfinite().all()  # an exaggeration
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        assert maps.kl_divergence(p.to(dtype), y).item() == pytest.approx(
            maps.kl_divergence(p, y).item(), rel=0.02
        )


def test_a_wrong_shape_is_refused():
    for function in (maps.kl_divergence, maps.tsne_gradient):
        with pytest.raises(ValueError, match=r"p must be \(4, 4\)"):
            function(torch.ones(5, 5), normal(4, 2))


# --- descent --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "momentum"), [(4, 0.5), (1, 0.8)])
def test_the_descent_goes_scikit_learns_way(factor, momentum):
    """Start, affinities, momentum, gains and learning rate alike, until rounding parts them."""
    x, start = clusters(), normal(60, 2, seed=3)
    p = maps.affinities(x, 10)
    above = torch.triu_indices(60, 60, offset=1)
    settings = {
        "it": 0,
        "max_iter": 25,
        "momentum": momentum,
        "learning_rate": 50.0,
        "min_grad_norm": 0,
    }
    pairs = factor * p[above[0], above[1]].numpy()
    theirs, _, _ = _gradient_descent(
        _kl_divergence, start.numpy().ravel(), **settings, args=[pairs, 1, 60, 2]
    )
    exaggerated = 250 if factor > 1 else 0
    options = {
        "early_exaggeration": factor,
        "exaggerated": exaggerated,
        "start": start,
        "iterations": 25,
    }
    theirs = theirs.reshape(60, 2)
    assert np.allclose(
        maps.tsne(x, perplexity=10, **options), theirs - theirs.mean(0), rtol=1e-3, atol=1e-4
    )


def test_the_whole_run_ends_as_low_as_scikit_learns():
    """Also with step and gains set back after the exaggeration, as scikit-learn does.

    A run's divergence, 0.13 to 0.18 nats, moves by 0.02 with arithmetic and seed; a mean of four by
    0.01.
    """
    ends = []
    for seed in range(4):
        x = clusters(seed=seed)
        p = maps.affinities(x, 10)
        theirs = TSNE(perplexity=10, method="exact", init="pca", random_state=0).fit(x.numpy())
        layouts = maps.tsne_path(x, perplexity=10, at=[250, 750])
        set_back = maps.tsne(
            x, perplexity=10, start=layouts[0], exaggerated=0, early_exaggeration=12, iterations=500
        )
        ours = [maps.kl_divergence(p, layout).item() for layout in (layouts[1], set_back)]
        ends.append([theirs.kl_divergence_, *ours])
    theirs, ours, set_back = np.mean(ends, axis=0)
    assert ours == pytest.approx(theirs, abs=0.05)
    assert set_back == pytest.approx(theirs, abs=0.05)


def test_the_path_keeps_the_iterations_that_were_asked_for():
    x, start = clusters(5), normal(15, 2)
    path = maps.tsne_path(x, perplexity=4, start=start, at=(0, 3, 7))
    assert torch.equal(path[0], start)
    assert path[1:].mean(1).abs().max() < 1e-12
    assert torch.equal(path[2], maps.tsne(x, perplexity=4, start=start, iterations=7))
    assert torch.equal(maps.tsne_path(x, perplexity=4, start=start, at=(7, 0))[1], start)


def test_the_number_of_threads_is_what_it_was():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        maps.tsne(clusters(5), perplexity=4, iterations=2)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_without_a_start_it_begins_at_the_principal_components():
    x = clusters(5)
    begin = maps.tsne_path(x, perplexity=4, at=[0])[0]
    assert begin[:, 0].std().item() == pytest.approx(maps.START_SPREAD)
    assert torch.allclose(begin / begin[0, 0], maps.pca(x).points / maps.pca(x).points[0, 0])


@pytest.mark.parametrize("seed", range(3))
def test_a_map_that_shrinks_to_almost_nothing_is_not_lost_in_rounding(seed):
    """Too strong an exaggeration contracts everything; single precision keeps the shape of double.

    A gain whose sign rounding decides can move a few points far, hence the median over the points:
    at most 0.02 of the extent. Without the centring it is 60 to 7,000 times the extent.
    """
    x = normal(200, 5, seed=seed)
    options = {"perplexity": 60, "early_exaggeration": 4, "iterations": 200}
    single, double = maps.tsne(x.float(), **options).double(), maps.tsne(x, **options)
    extent = double.abs().max().item()
    assert extent < 1e-12
    assert single.mean(0).abs().max() < 1e-6 * extent
    error = single - double
    distance = (error - error.median(0).values).norm(dim=1)
    assert distance.median() < 0.1 * extent


@pytest.mark.parametrize("seed", range(3))
def test_exaggeration_packs_clusters_and_ends_when_it_should(seed):
    """Clusters of 0.07 to 0.2 against 3.7 to 5.4, on four seeds and under any arithmetic."""
    options = {"perplexity": 10, "start": normal(120, 2, seed=4 + seed), "iterations": 100}

    def size(**exaggeration) -> float:
        layout = maps.tsne(clusters(40, seed), **options, **exaggeration)
        return torch.stack([part.std(0).norm() for part in layout.split(40)]).mean().item()

    loose = size(early_exaggeration=1)
    assert size(early_exaggeration=4) < 0.3 * loose
    assert size(early_exaggeration=4, exaggerated=0) > 0.7 * loose


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"at": []}, "at must name one iteration at least"),
        ({"at": [-1]}, "at must be a whole number between 0 and .*, got -1"),
        ({"exaggerated": -1}, "exaggerated must be a whole number between 0 and .*, got -1"),
        ({"early_exaggeration": 0}, "early_exaggeration must be"),
        ({"early_exaggeration": math.inf}, "early_exaggeration must be"),
        ({"start": torch.zeros(3, 2)}, r"start must be \(15, 2\)"),
        ({"perplexity": 14}, "perplexity must lie"),
        ({"perplexity": math.nan}, "perplexity must be finite, got nan"),
        ({"early_exaggeration": math.nan}, "early_exaggeration must be"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, part):
    with pytest.raises(ValueError, match=part):
        maps.tsne_path(clusters(5), **{"at": [5], "perplexity": 4} | options)


# --- the film ------------------------------------------------------------------------------------


def stages(*, size: int = 20, count: int = 6, seed: int = 0) -> list[Tensor]:
    """Clouds that slowly leave each other."""
    apart = 20 * torch.eye(5)[torch.arange(3).repeat_interleave(size)]
    return [normal(3 * size, 5, seed=seed) + k / count * apart for k in range(count)]


def test_a_film_is_smooth_where_layouts_of_their_own_jump():
    """Mean over three seeds; a film moves by 0.14 to 0.29 of its extent, layouts by 1 to 1.4."""

    def moved(layouts: Tensor) -> float:
        gaps = (layouts[1:] - layouts[:-1]).norm(dim=2).mean()
        return (gaps / layouts.square().sum(2).mean().sqrt()).item()

    films, alone = [], []
    for seed in range(3):
        film = maps.tsne_film(stages(seed=seed), perplexity=10, iterations=50)
        assert film.shape == (6, 60, 2)
        assert torch.allclose(film.mean(1), torch.zeros(6, 2, dtype=torch.float64), atol=1e-9)
        films.append(moved(film))
        alone.append(
            moved(torch.stack([maps.tsne(stage, perplexity=10) for stage in stages(seed=seed)]))
        )
    assert np.mean(films) < 0.35
    assert np.mean(films) < 0.5 * np.mean(alone)


def test_each_figure_of_a_film_is_a_better_map_of_its_stage_than_the_one_before():
    """Mean over three seeds of the divergence after by that before: 0.5, one seed 0.35 to 0.71."""
    ratios = []
    for seed in range(3):
        clouds = stages(size=50, count=3, seed=seed)
        film = maps.tsne_film(clouds, perplexity=20, iterations=100)
        for stage, before, now in zip(clouds[1:], film[:-1], film[1:], strict=True):
            p = maps.affinities(stage, 20)
            ratios.append(maps.kl_divergence(p, now) / maps.kl_divergence(p, before))
    assert (torch.stack(ratios).view(3, 2).mean(0) < 0.85).all()


# --- degenerate and large points ------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, -3e20])
def test_equal_points_become_one_point_without_divergence(value):
    x = torch.full((20, 3), value)
    layout = maps.tsne(x, perplexity=5, iterations=20)
    assert not layout.any()
    assert maps.kl_divergence(maps.affinities(x, 5), layout).abs() < 1e-5


def test_a_film_may_begin_and_end_collapsed_and_moves_in_between():
    collapsed, spread = torch.ones(20, 3), normal(20, 3).float()
    film = maps.tsne_film([collapsed, spread, collapsed, spread], perplexity=5, iterations=30)
    assert [bool(layout.any()) for layout in film] == [False, True, False, True]


def test_one_feature_gives_a_map_on_a_line():
    layout = maps.tsne(normal(20, 1), perplexity=5, iterations=50)
    assert layout.isfinite().all()
    assert layout[:, 0].std() > 0
    assert not layout[:, 1].any()


def test_too_few_and_too_many_points_are_named():
    with pytest.raises(ValueError, match="x must have 3 to 4,000 rows, got 2"):
        maps.tsne(normal(2, 3))
    with pytest.raises(ValueError, match="got 4,001: all pairs are kept; map a random subset"):
        maps.tsne(torch.zeros(4001, 2))


def test_iterations_may_be_an_array_and_a_shift_of_a_map_changes_nothing():
    x = clusters(5)
    for at in (torch.tensor([0, 3]), np.array([0, 3]), (0, 3)):
        assert torch.equal(
            maps.tsne_path(x, at=at, perplexity=4), maps.tsne_path(x, at=[0, 3], perplexity=4)
        )
    y = normal(15, 2)
    near, far = maps.student_t(y.float()), maps.student_t((y + 3000).float())
    assert torch.allclose(near, far, rtol=5e-3)
