"""What the methods learn on `shapes` with their full recipes, three seeds each, against pixels and random encoders.

    python -m pytest -s tests/benchmarks/bench_selfsup.py

prints every number and asserts the floors. It takes about twenty minutes, so a plain test run does not collect
this file. The seconds are processor time of one thread; nothing is asserted about them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from selfsup_recipes import LARGE, METHODS, SMALL, encoder, measured, train

from mlteach.training import seed_everything

STEPS = {"SimCLR": 420, "MoCo": 550, "BYOL": 500, "BarlowTwins": 400, "VICReg": 400}
FLOORS = {"SimCLR": 0.77, "MoCo": 0.71, "BYOL": 0.65, "BarlowTwins": 0.5, "VICReg": 0.5}
SEEDS = range(3)


def shown(name, found, seconds=0.0):
    scores = "".join(f"{measure:>8} {share:6.1%}" for measure, share in found.items())
    print(f"{name:20}{scores}{seconds:8.0f} s")


def test_baselines():
    """Below one half, as a trained encoder must not have it easy."""
    encoders = {"pixels": torch.nn.Flatten()}
    for seed in SEEDS:
        seed_everything(seed)
        encoders[f"random encoder {seed}"] = encoder(LARGE)
    for name, encode in encoders.items():
        found = measured(encode)
        shown(name, found)
        assert max(found["knn"], found["shape"]) < 0.5


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("seed", SEEDS)
def test_recipe(name, seed):
    """The linear probe of the shape reaches its floor with 2,000 labels."""
    method, seconds = train(name, LARGE, seed=seed, steps=STEPS[name])
    found = measured(method)
    shown(f"{name} {seed}", found, seconds)
    assert found["shape"] >= FLOORS[name]


@pytest.mark.parametrize("seed", SEEDS)
def test_without_colour_jitter_the_hue_is_learned_instead(seed):
    """The views decide what is learned: colours that stay the same identify a picture, and its shape is not needed."""
    method, seconds = train("SimCLR", SMALL, seed=seed, steps=250, jitter=0.0, grayscale=0.0)
    found = measured(method)
    shown(f"no colour jitter {seed}", found, seconds)
    assert found["hue"] >= 0.8
    assert found["shape"] <= 0.35
