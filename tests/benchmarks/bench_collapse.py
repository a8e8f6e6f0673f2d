"""What chapter 11 says of more than one start: DINO's two switches, BYOL beside its parts off.

    python -m pytest -s tests/benchmarks/bench_collapse.py

prints every number and asserts what holds on all seeds. It takes about four minutes of processor
time, so a plain test run does not collect this file.
"""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch

from mlteach import data, recipes, training
from mlteach.evaluate import effective_rank
from mlteach.networks import prediction_head, projection_head
from mlteach.selfsup import BYOL, DINO
from mlteach.views import simclr_view

SEEDS = range(3)
MORE_SEEDS = range(3, 7)
K = 64
TRAIN, TEST = data.shapes(6000, seed=0), data.shapes(500, seed=1)
SCORE = {"train": TRAIN.subset(torch.arange(1000)), "test": TEST}


def encoder():
    return recipes.selfsup.encoder((16, 32, 64), norm="group")


def trained(method, *, seed, steps, batch_size):
    """The method after training, and the last step's meters."""
    method.to(memory_format=torch.channels_last)
    draw = recipes.two_views(TRAIN.images, simclr_view, batch_size=batch_size)
    run = training.fit(method, draw, steps=steps, seed=seed, progress=False)
    return method, run


def dino(seed, centering, sharpening):
    """Entropy of an output, of their mean, divergence, rank and kNN accuracy after 100 steps."""
    training.seed_everything(seed)
    settings = {"teacher_temperature": 0.04 if sharpening else 0.1, "decay": 0.97}
    method = DINO(encoder(), projection_head(128), centering=centering, **settings)
    draw = recipes.two_views(TRAIN.images, simclr_view, batch_size=64)
    method, _ = trained(method, seed=seed, steps=100, batch_size=64)
    with torch.no_grad():
        _, aux = method.loss(*draw(training.generator(1)))
    return {
        "entropy": aux["entropy"].item(),
        "mean_entropy": torch.special.entr(aux["shares"]).sum().item(),
        "kl": aux["kl"].item(),
        "rank": effective_rank(aux["t1"]),
        "knn": recipes.knn_score(method, **SCORE),
        "probe": recipes.probe_score(method, **SCORE),
    }


def shown(name, found):
    print(f"{name:40}", ", ".join(f"{key} {value:.4f}" for key, value in found.items()))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_operation_alone_collapses_in_its_own_way(seed):
    """Uniform with centring alone, one or two prototypes with sharpening alone, both with both."""
    found = {}
    for switches in product((True, False), repeat=2):
        found[switches] = dino(seed, *switches)
        shown(f"DINO {seed}, centring, sharpening {switches}", found[switches])
    both, centred, sharp, neither = found.values()
    gain = [run["mean_entropy"] - run["entropy"] for run in (both, centred, neither)]
    assert gain[0] > 0.2 > 0.08 > max(gain[1:])
    assert both["kl"] > 0.04 > 0.02 > max(centred["kl"], neither["kl"])
    assert both["mean_entropy"] > math.log(4)
    assert centred["entropy"] > math.log(K) - 0.1
    assert sharp["entropy"] < 0.3
    assert sharp["mean_entropy"] < math.log(2) + 0.05
    assert 1 < neither["entropy"] < math.log(K) - 0.3


@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_sharpening_alone_uses_two_prototypes_at_most(seed):
    """Of 64: every output names one, and on some starts not all of them the same."""
    sharp = dino(seed, False, True)
    shown(f"DINO {seed}, sharpening alone", sharp)
    assert sharp["entropy"] < 0.3
    assert sharp["mean_entropy"] < math.log(2) + 0.05


def byol(seed, on):
    """Section 6: 300 steps of 128 with standardised projections; kNN accuracy and the rank."""
    training.seed_everything(seed)
    net = encoder()
    projector = recipes.selfsup.standardised(projection_head(128, batch_norm=True))
    head = prediction_head(64) if on else None
    method = BYOL(net, projector, head, stop_gradient=on, target_average=on)
    draw = recipes.two_views(TRAIN.images, simclr_view, batch_size=128)
    method, _ = trained(method, seed=seed, steps=300, batch_size=128)
    with torch.no_grad():
        _, aux = method.loss(*draw(training.generator(1)))
    return {"knn": recipes.knn_score(method, **SCORE), "rank": effective_rank(aux["t1"])}


def test_byol_is_ahead_of_its_parts_off_on_average():
    """By a few points of kNN accuracy; the rank tells the two apart on each seed."""
    runs = {on: [byol(seed, on) for seed in SEEDS] for on in (True, False)}
    for on, seed in product(runs, SEEDS):
        shown(f"BYOL {seed}, parts {'on' if on else 'off'}", runs[on][seed])
    means = {on: sum(run["knn"] for run in runs[on]) / len(SEEDS) for on in runs}
    assert means[True] > means[False] + 0.04
    assert all(b["rank"] > 3 * a["rank"] for a, b in zip(runs[False], runs[True], strict=True))
