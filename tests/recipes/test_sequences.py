"""The future, after seconds of training, tells tunes that a spectrogram's neighbours do not."""

from __future__ import annotations

import pytest
import torch

from mlteach.data import tones
from mlteach.evaluate import features, knn_accuracy, linear_probe
from mlteach.networks import LogSpectrogram
from mlteach.recipes import sequences
from mlteach.recipes.sequences import LABELS, RECIPES, build, draw_waves, measured, quarters, train
from mlteach.selfsup import CPC, NextFrame


def spectrogram(waves):
    return LogSpectrogram()(waves).flatten(1)


def of_tunes(encoder):
    """What `measured` says of the tunes; of the spectrogram's many columns the rest takes long."""
    train_set, test_set = sequences.melodies()
    waves, labels = train_set.waves[:LABELS], train_set.labels[:LABELS]
    few = features(encoder, waves), labels, features(encoder, test_set.waves), test_set.labels
    return {"knn": knn_accuracy(*few, k=1), "tune": linear_probe(*few)}


@pytest.mark.slow
def test_negatives_of_the_same_melody_teach_the_tune():
    """Half of the recipe's steps: far above the spectrogram, a network's first weights, rivals."""
    compared = ("CPC", "CPC of other melodies", "NextFrame")
    found = {name: measured(train(name, seed=0, steps=150)) for name in compared}
    others = [of_tunes(spectrogram), of_tunes(build("CPC", seed=0))]
    others += [found["CPC of other melodies"], found["NextFrame"]]
    for measure in ("knn", "tune"):
        assert found["CPC"][measure] > max(other[measure] for other in others) + 0.1, found
    assert found["CPC"]["timbre"] < found["CPC of other melodies"]["timbre"] - 0.1, found


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_sets_the_method_up(name):
    """The method of that name, with its negatives, and weights by the seed."""
    method, again, other = (build(name, seed=seed) for seed in (0, 0, 1))
    assert isinstance(method, NextFrame if name == "NextFrame" else CPC)
    kinds = {"CPC": "later", "CPC of one melody": "sequence", "CPC of other melodies": "batch"}
    assert getattr(method, "negatives", None) == kinds.get(name)
    waves = tones(3, n_notes=16).waves
    with torch.no_grad():
        c, c_again, c_other = (one.encode(waves) for one in (method, again, other))
    assert c.shape == (3, sequences.CONTEXT)
    assert c.equal(c_again)
    assert not torch.allclose(c, c_other)


@pytest.mark.parametrize("name", RECIPES)
def test_two_steps_of_a_recipe_repeat(name):
    first, again = (train(name, seed=3, steps=2) for _ in range(2))
    assert all(a.equal(b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(next(first.parameters()), next(build(name, seed=3).parameters()))


def test_an_unknown_recipe_is_named():
    with pytest.raises(ValueError, match="name must be one of 'CPC', .*, got 'cpc'"):
        build("cpc")


def test_a_draw_gives_sequences_as_they_are():
    waves = torch.arange(12.0).view(6, 1, 2)
    (drawn,) = draw_waves(waves, batch_size=50)(torch.Generator().manual_seed(0))
    assert drawn.shape == (50, 1, 2)
    assert {tuple(row.flatten().tolist()) for row in drawn} == {
        tuple(row.flatten().tolist()) for row in waves
    }
    for bad in (waves[:0], torch.zeros(3)):
        with pytest.raises(ValueError, match=r"waves must be \(N >= 1, ...\)"):
            draw_waves(bad)


def test_quarters_are_equal_parts_of_the_range():
    melodies = tones(400, n_notes=1)
    for factor, low, high in (("key", 0, 12), ("timbre", 0.2, 0.8)):
        parts = quarters(melodies, factor)
        for part in range(4):
            inside = melodies.factors[factor][parts == part]
            width = (high - low) / 4
            assert len(inside) > 50
            assert inside.min() >= low + part * width - 1e-6
            assert inside.max() <= low + (part + 1) * width + 1e-6


def test_measured_takes_few_labels_of_tunes():
    """A feature that knows the tune is right with 200 labels; one that knows nothing guesses."""
    train_set, test_set = sequences.melodies()
    assert len(test_set) == 1000
    told = {len(s): torch.eye(8)[s.labels] for s in (train_set, test_set)}
    told[sequences.MANY] = told[len(train_set)][: sequences.MANY]

    found = measured_of(told)
    assert found["knn"] == found["tune"] == 1
    assert found["key"] < 0.35
    assert found["timbre"] < 0.35
    assert LABELS == 200


def measured_of(told):
    """`measured` of an encoder that is handed the features of a whole set batch by batch."""
    place = {}

    def encoder(waves):
        name = sequences.MANY if place.get("train", 0) < sequences.MANY else 1000
        begin = place.get("train", 0) if name == sequences.MANY else place.get("test", 0)
        key = "train" if name == sequences.MANY else "test"
        place[key] = begin + len(waves)
        return told[name][begin : begin + len(waves)]

    return measured(encoder)
