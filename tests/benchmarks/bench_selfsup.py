"""What the methods learn on `shapes` with their full recipes, three seeds each, against baselines.

    python -m pytest -s tests/benchmarks/bench_selfsup.py

prints every number and asserts the recipes' floors. It takes about ten minutes, so a plain test run
does not collect this file. The seconds are processor time of one thread; nothing is asserted about
them.
"""

from __future__ import annotations

import time
from itertools import product

import pytest
import torch

from mlteach.recipes.selfsup import (
    LARGE,
    MIDDLE,
    RECIPES,
    SMALL,
    datasets,
    encoder,
    measured,
    train,
)
from mlteach.training import seed_everything

SEEDS = range(3)


def shown(name, found, seconds=0.0):
    scores = "".join(f"{measure:>8} {share:6.1%}" for measure, share in found.items())
    print(f"{name:26}{scores}{seconds:8.0f} s")


def trained(name, **options):
    """The method and the seconds of processor time that its training took."""
    datasets()  # made before the clock starts
    start = time.process_time()
    return train(name, **options), time.process_time() - start


def test_baselines():
    """Pixels and random encoders stay below one half: a trained one must not have it easy."""
    encoders = {"pixels": torch.nn.Flatten()}
    for widths, seed in product((MIDDLE, LARGE), SEEDS):
        seed_everything(seed)
        encoders[f"random, {widths}, {seed}"] = encoder(widths)
    for name, encode in encoders.items():
        found = measured(encode)
        shown(name, found)
        assert max(found["knn"], found["shape"]) < 0.5


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("seed", SEEDS)
def test_recipe(name, seed):
    """The linear probe of the shape reaches its floor with 2,000 labels."""
    method, seconds = trained(name, seed=seed)
    found = measured(method)
    shown(f"{name} {seed}", found, seconds)
    assert found["shape"] >= RECIPES[name].floor


@pytest.mark.parametrize("seed", SEEDS)
def test_without_colour_jitter_the_hue_is_learned_instead(seed):
    """Colours that stay the same identify an image, so that its shape is not needed."""
    method, seconds = trained(
        "SimCLR", seed=seed, steps=250, widths=SMALL, jitter=0.0, grayscale=0.0
    )
    found = measured(method)
    shown(f"no colour jitter {seed}", found, seconds)
    assert found["hue"] >= 0.8
    assert found["shape"] <= 0.35
