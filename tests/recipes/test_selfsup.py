"""Every method, after seconds of training, sees shapes that pixels do not show."""

from __future__ import annotations

import pytest
import torch

from mlteach import nt_xent
from mlteach.evaluate import knn_accuracy, linear_probe
from mlteach.networks import mlp, projection_head
from mlteach.recipes import TwoViews, selfsup
from mlteach.recipes.selfsup import MIDDLE, RECIPES, SMALL, build, encoder, measured, train
from mlteach.training import seed_everything

# steps, and the least gain over the best baseline; the floors of the full recipes are measured by
# benchmarks/bench_selfsup.py
SHORT = {
    "SimCLR": (150, 0.1),
    "MoCo": (250, 0.03),
    "BYOL": (350, 0.03),
    "BarlowTwins": (200, 0.03),
    "VICReg": (150, 0.1),
    "LeJEPA": (200, 0.1),
    "DINO": (200, 0.03),
}


@pytest.fixture(scope="module")
def baselines():
    """Pixels, and encoders with their first weights."""
    train_set, test_set = selfsup.datasets()
    labelled = train_set.subset(torch.arange(2000))
    pixels = (
        labelled.images.flatten(1),
        labelled.labels,
        test_set.images.flatten(1),
        test_set.labels,
    )
    found = [{"knn": knn_accuracy(*pixels), "shape": linear_probe(*pixels)}]
    for seed in range(3):
        seed_everything(seed)
        found.append(measured(encoder(SMALL)))
    return {name: max(one[name] for one in found) for name in found[0]}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_it_learns_shapes_without_labels(name, baselines):
    """Probe and neighbours beat pixels and random encoders, which stay below one half."""
    steps, gain = SHORT[name]
    found = measured(train(name, seed=0, steps=steps, widths=SMALL))
    for measure in ("knn", "shape"):
        assert baselines[measure] < 0.5
        assert found[measure] > baselines[measure] + gain, found


def test_every_recipe_has_its_short_training_and_a_floor_above_the_baselines():
    assert set(SHORT) == set(RECIPES)
    assert min(recipe.floor for recipe in RECIPES.values()) > 0.5


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_sets_the_method_up(name):
    """The method is the one of that name, with the recipe's widths and weights by the seed."""
    method, again, other = (build(name, seed=seed) for seed in (0, 0, 1))
    assert type(method).__name__ == name
    widths = RECIPES[name].widths
    assert tuple(block[0].out_channels for block in method.encoder[:3]) == widths
    images = selfsup.datasets()[1].images[:4]
    with torch.no_grad():
        z, z_again, z_other = (one.eval().encode(images) for one in (method, again, other))
    assert z.shape == (4, 2 * widths[-1])
    assert z.equal(z_again)
    assert not torch.allclose(z, z_other)


def test_three_steps_of_a_recipe_repeat():
    """The seed decides all; strengths of the views and widths can be others than the recipe's."""
    first, again = (train("SimCLR", seed=3, steps=3, widths=SMALL) for _ in range(2))
    changed = train("SimCLR", seed=3, steps=3, widths=SMALL, jitter=0.0)
    assert all(a.equal(b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not first.encoder[0][0].weight.equal(changed.encoder[0][0].weight)
    assert first.encoder[2][0].out_channels == SMALL[-1] < MIDDLE[-1]


def test_two_views_is_nt_xent_of_views_that_pass_one_by_one():
    """By hand; BatchNorm sees a view at a time, and a temperature set later is the next step's."""
    seed_everything(0)
    method = TwoViews(mlp(6, 8, 5, batch_norm=True), projection_head(5), temperature=0.3)
    x1, x2 = torch.randn(2, 7, 6)
    for temperature in (0.3, 1.0):
        method.temperature = temperature
        z1, z2 = method.head(method.encode(x1)), method.head(method.encode(x2))
        loss, _ = method.loss(x1, x2)
        assert loss.equal(nt_xent(z1, z2, temperature=temperature))
    joined = method.head(method.encode(torch.cat([x1, x2]))).chunk(2)
    assert not torch.allclose(loss, nt_xent(*joined, temperature=1.0))


def test_standardised_outputs_share_no_mean():
    seed_everything(0)
    plain = projection_head(5)
    x = torch.randn(50, 5) + 3
    z = selfsup.standardised(plain)(x)
    assert torch.allclose(z.mean(0), torch.zeros(64), atol=1e-5)
    assert torch.allclose(
        z, (plain(x) - plain(x).mean(0)) / plain(x).std(0, correction=0), atol=1e-2
    )


def test_no_steps_are_refused():
    """0 is not taken for those of the recipe."""
    with pytest.raises(ValueError, match="steps must be"):
        train("SimCLR", steps=0)
