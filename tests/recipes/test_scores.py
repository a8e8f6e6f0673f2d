"""Scores of an encoder are those of mlteach.evaluate; importing recipes is cheap."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch.nn.functional as F
from torch import nn

from mlteach.data import shapes
from mlteach.evaluate import knn_accuracy, linear_probe
from mlteach.recipes import factor_classes, knn_score, probe_score, probe_scores

TRAIN, TEST = shapes(300, seed=0), shapes(100, seed=1)
COARSE = nn.Sequential(nn.AvgPool2d(4), nn.Flatten())


def on_pixels(score, of="shape", **options):
    z, z_test = (F.avg_pool2d(part.images, 4).flatten(1) for part in (TRAIN, TEST))
    y, y_test = (factor_classes(part)[of] for part in (TRAIN, TEST))
    return score(z, y, z_test, y_test, **options)


def test_knn():
    assert knn_score(COARSE, TRAIN, TEST) == on_pixels(knn_accuracy)
    assert knn_score(COARSE, TRAIN, TEST, k=1) == on_pixels(knn_accuracy, k=1)


def test_probes():
    found = probe_scores(COARSE, TRAIN, TEST)
    assert list(found) == ["shape", "hue", "size", "side"]
    for factor, share in found.items():
        assert share == on_pixels(linear_probe, of=factor)
    assert found["shape"] == probe_score(COARSE, TRAIN, TEST)
    assert probe_scores(COARSE, TRAIN, TEST, ["hue"]) == {"hue": found["hue"]}
    with pytest.raises(ValueError, match="factors must be one of 'shape', .*, got 'colour'"):
        probe_scores(COARSE, TRAIN, TEST, ["colour"])


def test_classes_of_a_factor_are_about_equally_frequent():
    many = shapes(2000, seed=2)
    for factor, n_classes in (("shape", 8), ("hue", 8), ("size", 4), ("side", 2)):
        sizes = factor_classes(many)[factor].bincount()
        assert len(sizes) == n_classes
        assert sizes.min() > 0.75 * 2000 / n_classes
    assert factor_classes(many)["side"].bool().equal(many.factors["x"] > 0)


def test_the_package_does_not_import_them_and_importing_makes_no_data_and_trains_nothing():
    code = (
        "import sys, torch; before = torch.get_rng_state(); import mlteach;"
        "assert 'mlteach.recipes' not in sys.modules;"
        "from mlteach import recipes;"
        "assert before.equal(torch.get_rng_state());"
        "assert recipes.selfsup.datasets.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
