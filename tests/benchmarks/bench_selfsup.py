"""What the methods learn on `shapes` with their full recipes, three seeds each, against pixels and
random encoders.

    python -m pytest -s tests/benchmarks/bench_selfsup.py

prints every number and asserts the floors. It takes about ten minutes, so a plain test run does not
collect this file. The seconds are processor time of one thread; nothing is asserted about them.
"""

from __future__ import annotations

from itertools import product

import pytest
import torch
from support.selfsup_recipes import LARGE, MIDDLE, RECIPES, SMALL, encoder, measured, train

from mlteach.training import seed_everything

# one to four points below the worst of three seeds, see README.md
FLOORS = {"SimCLR": 0.83, "MoCo": 0.75, "BYOL": 0.65, "BarlowTwins": 0.68, "VICReg": 0.72}
SEEDS = range(3)


def shown(name, found, seconds=0.0):
    scores = "".join(f"{measure:>8} {share:6.1%}" for measure, share in found.items())
    print(f"{name:26}{scores}{seconds:8.0f} s")


def test_baselines():
    """Below one half, as a trained encoder must not have it easy."""
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
    method, seconds = train(name, seed=seed)
    found = measured(method)
    shown(f"{name} {seed}", found, seconds)
    assert found["shape"] >= FLOORS[name]


@pytest.mark.parametrize("seed", SEEDS)
def test_without_colour_jitter_the_hue_is_learned_instead(seed):
    """The views decide what is learned: colours that stay the same identify a picture, and its
    shape is not needed.
    """
    method, seconds = train("SimCLR", seed=seed, steps=250, widths=SMALL, jitter=0.0, grayscale=0.0)
    found = measured(method)
    shown(f"no colour jitter {seed}", found, seconds)
    assert found["hue"] >= 0.8
    assert found["shape"] <= 0.35
