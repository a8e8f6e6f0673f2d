"""Every method, after seconds of training, sees shapes that pixels and random encoders do not see."""

from __future__ import annotations

import pytest
import torch
from support.selfsup_recipes import SMALL, encoder, measured, train

from mlteach.training import seed_everything

# steps, and the least gain over the best baseline; the full recipes are in
# benchmarks/bench_selfsup.py
SHORT = {
    "SimCLR": (150, 0.1),
    "MoCo": (250, 0.03),
    "BYOL": (350, 0.03),
    "BarlowTwins": (200, 0.03),
    "VICReg": (150, 0.1),
}


@pytest.fixture(scope="module")
def baselines():
    """Pixels, and encoders with their first weights."""
    found = [measured(torch.nn.Flatten())]
    for seed in range(3):
        seed_everything(seed)
        found.append(measured(encoder(SMALL)))
    return {name: max(one[name] for one in found) for name in found[0]}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_it_learns_shapes_without_labels(name, baselines):
    """Probe and nearest neighbours both beat pixels and random encoders, which stay below one half."""
    steps, gain = SHORT[name]
    method, _ = train(name, seed=0, steps=steps, widths=SMALL)
    found = measured(method)
    for measure in ("knn", "shape"):
        assert baselines[measure] < 0.5
        assert found[measure] > baselines[measure] + gain, found
