"""Numbers whose squares are infinite or 0, long whole numbers, and tensors that hold none."""

import math

import numpy as np
import pytest
import torch
from support.numbers import generator, normal
from torch import nn

from mlteach import evaluate
from mlteach.episodes import Episode
from mlteach.evaluate.layouts import layout_moves, nearest_others, trustworthiness
from mlteach.neighbours import recall

Y = torch.arange(40) % 2
X = normal(40, 3) + 2 * Y[:, None]


def prototypes(z):
    return evaluate.prototype_accuracies(Episode(z[None, :10], Y[None, :10], z[None], Y[None]))


NO_SCALE = {
    "probe": lambda z: evaluate.linear_probe(z, Y, z, Y),
    "knn": lambda z: evaluate.knn_accuracy(z[:20], Y[:20], z[20:], Y[20:], k=3),
    "nearest neighbour": lambda z: evaluate.nearest_neighbour_accuracy(z, Y),
    "few shots": lambda z: evaluate.few_shot_accuracy(z, Y, n_way=2, generator=generator()),
    "prototypes": lambda z: prototypes(z).tolist(),
    "rank": evaluate.effective_rank,
    "spread": evaluate.feature_std,
    "alike": lambda z: evaluate.linear_cka(z, z.relu()),
    "others": lambda z: nearest_others(z, 3).flatten().tolist(),
    "trust": lambda z: trustworthiness(z, z[:, :2], k=3),
    "moves": lambda z: layout_moves(torch.stack([z[:, :2], z[:, 1:]])).tolist(),
    "interval": lambda z: [v / z.abs().max().item() for v in evaluate.confidence_interval(z[:, 0])],
}


@pytest.mark.parametrize("unit", [1e-250, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("name", NO_SCALE)
def test_another_unit_changes_nothing(name, unit):
    assert NO_SCALE[name](X * unit) == pytest.approx(NO_SCALE[name](X))


@pytest.mark.parametrize("name", ["probe", "nearest neighbour", "few shots", "prototypes"])
def test_long_whole_numbers_are_all_told_apart(name):
    """2**40 and one more are the same in float32."""
    small = (torch.arange(40) // 2 * 8 + 300 * Y)[:, None]
    measured = NO_SCALE[name]
    assert measured(small + 2**40) == pytest.approx(measured(small))
    assert measured(small + 2**40) != pytest.approx(measured(torch.zeros(40, 1)))


def test_masked_entries_are_refused_where_there_are_some():
    values = np.ma.masked_array(X.numpy(), mask=np.zeros((40, 3)))
    assert evaluate.linear_probe(values, Y, values, Y) == evaluate.linear_probe(X, Y, X, Y)
    values[0, 0] = np.ma.masked
    with pytest.raises(ValueError, match="train_features must have no masked entries"):
        evaluate.linear_probe(values, Y, X, Y)
    with pytest.raises(ValueError, match="values must have no masked entries"):
        evaluate.confidence_interval(values[:, 0])


@pytest.mark.parametrize("odd", [X.to_sparse(), X.to("meta")])
def test_tensors_without_dense_values_are_refused_by_name(odd):
    told = "must be a dense tensor with values, got"
    for call, name in (
        (lambda: evaluate.features(nn.Identity(), odd), "images"),
        (lambda: evaluate.linear_probe(odd, Y, X, Y), "train_features"),
        (lambda: evaluate.nearest_neighbour_accuracy(odd, Y), "features"),
        (lambda: evaluate.effective_rank(odd), "z"),
        (lambda: evaluate.classify(nn.Identity(), odd, Y, X), "support_images"),
        (lambda: evaluate.fine_tune(nn.Identity(), odd, Y), "images"),
    ):
        with pytest.raises(TypeError, match=f"{name} {told}"):
            call()


@pytest.mark.parametrize("shift", [0, 1e3, 1e8])
def test_the_nearest_are_those_by_differences(shift):
    """Also among many copies and equal distances, where the first counts."""
    spread = torch.randint(0, 4, (300, 3), generator=generator()).double()
    for z in (spread + shift, normal(300, 3) * 1e-4 + shift, normal(300, 40).float() + shift):
        gaps = torch.cdist(z.double(), z.double(), compute_mode="donot_use_mm_for_euclid_dist")
        gaps.fill_diagonal_(math.inf)
        y = torch.randint(0, 9, (300,), generator=generator(1))
        expected = (y[gaps.argmin(1)] == y).double().mean().item()
        assert evaluate.nearest_neighbour_accuracy(z, y) == expected


def test_a_batch_norm_that_no_longer_tracks_gets_statistics_too():
    """Evaluation uses the ones that it has; the copy's switch stands as the caller's."""
    norm = nn.BatchNorm1d(3)
    norm.track_running_stats = False
    filled = evaluate.with_statistics(nn.Sequential(norm), X.float())[0]
    torch.testing.assert_close(filled.running_mean, X.float().mean(0))
    assert not filled.track_running_stats
    assert not norm.running_mean.any()


def test_recall_counts_what_both_name():
    """Row by row as sets, -1 for nothing found, and a thousand neighbours need no table of them."""
    draws = generator(2)
    exact = torch.stack([torch.randperm(30, generator=draws)[:7] for _ in range(50)])
    found = torch.stack([torch.randperm(30, generator=draws)[:7] for _ in range(50)])
    found[::3, 4:] = -1
    rows = zip(exact.tolist(), found.tolist(), strict=True)
    expected = sum(len(set(a) & set(b)) for a, b in rows) / 350
    assert recall(found, exact) == pytest.approx(expected)
    many = torch.arange(5000).expand(200, -1)  # pairs: 5 GB
    assert recall(many.flip(1), many) == 1
