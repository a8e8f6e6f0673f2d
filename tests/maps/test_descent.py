"""The descent of t-SNE: scikit-learn's steps, the settings, and the film of an embedding that
changes.
"""

import math

import numpy as np
import pytest
import torch
from sklearn.manifold import TSNE
from sklearn.manifold._t_sne import _gradient_descent, _kl_divergence
from torch import Tensor

from mlteach import maps


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def clusters(size: int = 20, seed: int = 0) -> Tensor:
    """Three clouds in five dimensions, (3 * size, 5), far from each other."""
    return (
        random(3 * size, 5, seed=seed) + 20 * torch.eye(5)[torch.arange(3).repeat_interleave(size)]
    )


@pytest.mark.parametrize(("factor", "momentum"), [(4, 0.5), (1, 0.8)])
def test_the_descent_goes_scikit_learns_way(factor, momentum):
    """The same start, affinities, momentum, gains and learning rate, up to its drift; later,
    rounding parts them.
    """
    x, start = clusters(), random(60, 2, seed=3)
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
    x = clusters(seed=1)
    theirs = (
        TSNE(perplexity=10, method="exact", init="pca", random_state=0)
        .fit(x.numpy())
        .kl_divergence_
    )
    ours = maps.kl_divergence(maps.affinities(x, 10), maps.tsne(x, perplexity=10)).item()
    assert ours == pytest.approx(theirs, abs=0.05)


def test_the_path_keeps_the_iterations_that_were_asked_for():
    x, start = clusters(5), random(15, 2)
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


def test_a_map_that_shrinks_to_almost_nothing_is_not_lost_in_rounding():
    """Too strong an exaggeration contracts everything; in single precision the shape must still be
    that of double.
    """
    x = random(200, 5)
    options = {"perplexity": 60, "early_exaggeration": 4, "iterations": 50}
    single, double = maps.tsne(x.float(), **options).double(), maps.tsne(x, **options)
    extent = double.abs().max().item()
    assert extent < 1e-6
    assert torch.allclose(single, double, rtol=0, atol=1e-3 * extent)


def test_exaggeration_packs_clusters_and_ends_when_it_should():
    x = clusters()
    options = {"perplexity": 10, "start": random(60, 2, seed=4), "iterations": 100}
    tight, loose = (maps.tsne(x, early_exaggeration=factor, **options) for factor in (4, 1))

    def size(y: Tensor) -> float:
        return torch.stack([part.std(0).norm() for part in y.split(20)]).mean().item()

    assert size(tight) < 0.7 * size(loose)
    never = maps.tsne(x, early_exaggeration=4, exaggerated=0, **options)
    assert not torch.allclose(never, tight)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"at": []}, "count iterations"),
        ({"at": [-1]}, "count iterations"),
        ({"exaggerated": -1}, "count iterations"),
        ({"early_exaggeration": 0}, "early_exaggeration must be"),
        ({"early_exaggeration": math.inf}, "early_exaggeration must be"),
        ({"start": torch.zeros(3, 2)}, r"start must be \(15, 2\)"),
        ({"perplexity": 14}, "perplexity must lie"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, part):
    with pytest.raises(ValueError, match=part):
        maps.tsne_path(clusters(5), **{"at": [5], "perplexity": 4} | options)


# --- the film ------------------------------------------------------------------------------------


def stages(count: int = 6) -> list[Tensor]:
    """Clouds that slowly leave each other."""
    apart = 20 * torch.eye(5)[torch.arange(3).repeat_interleave(20)]
    return [random(60, 5) + k / count * apart for k in range(count)]


def test_a_film_is_smooth_where_layouts_of_their_own_jump():
    film = maps.tsne_film(stages(), perplexity=10, iterations=50)
    alone = torch.stack([maps.tsne(stage, perplexity=10) for stage in stages()])

    def moved(layouts: Tensor) -> float:
        gaps = (layouts[1:] - layouts[:-1]).norm(dim=2).mean()
        return (gaps / layouts.square().sum(2).mean().sqrt()).item()

    assert film.shape == (6, 60, 2)
    assert torch.allclose(film.mean(1), torch.zeros(6, 2, dtype=torch.float64), atol=1e-9)
    assert moved(film) < 0.25
    assert moved(film) < 0.5 * moved(alone)


def test_each_picture_of_a_film_is_a_better_map_of_its_stage_than_the_one_before():
    film = maps.tsne_film(stages(), perplexity=10, iterations=100)
    for stage, before, now in zip(stages()[1:], film[:-1], film[1:], strict=True):
        p = maps.affinities(stage, 10)
        assert maps.kl_divergence(p, now) < maps.kl_divergence(p, before)
