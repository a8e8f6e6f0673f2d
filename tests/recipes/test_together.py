"""Starts without labels, meta-training on top of them, mixed batches, and adapting."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import nn

from mlteach.data import glyphs
from mlteach.episodes import sample_episodes
from mlteach.evaluate import features, few_shot_accuracy, prototype_accuracies
from mlteach.recipes import together
from mlteach.training import generator


@cache
def characters():
    return glyphs("train")


@pytest.fixture
def short(monkeypatch):
    """Trainings of a few steps."""
    monkeypatch.setattr(together, "BUDGET", 4)


@pytest.mark.parametrize("name", ["none", "SimCLR", "BYOL", "MoCo"])
def test_a_start_repeats_and_moves(name, short):
    """The seed decides all; the first weights are those of "none", and training moves them."""
    first = together.start(name, characters().images, seed=1)
    again = together.start(name, characters().images, seed=1)
    assert all(a.equal(b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    untrained = together.start("none", characters().images, seed=1)
    assert untrained[0][0].weight.equal(first[0][0].weight) == (name == "none")
    assert untrained[0][1].running_var.ne(1).any()


@pytest.mark.slow
def test_simclr_reads_new_scripts_without_labels():
    """After 150 of its 500 steps it is far beyond pixels (46 %) and its first weights."""
    test = glyphs("test")
    score = {}
    for name in ("none", "SimCLR"):
        encoder = together.start(name, characters().images, seed=0, share=0.3)
        z = torch.nn.functional.normalize(features(encoder, test.images))
        score[name], _ = few_shot_accuracy(z, test.labels, generator=generator(1))
    assert score["SimCLR"] > 0.7
    assert score["SimCLR"] > score["none"] + 0.25


@pytest.mark.parametrize("name", ["prototypes", "plain prototypes", "MAML", "ANIL"])
def test_meta_training_goes_on_from_a_start(name, short):
    """From a start the weights are those of the start but for the scale, until training moves them;
    the start itself stays as it is."""
    encoder = together.start("SimCLR", characters().images, seed=0)
    before = [p.clone() for p in encoder.parameters()]
    few = together.labelled(characters(), 25, seed=0)
    if name == "plain prototypes":
        model = together.meta_train(name, few, seed=0)
        assert not model[0][0].weight.equal(before[0])
        return
    model = together.meta_train(name, few, encoder=encoder, seed=0, lr=1e-12)
    body = model if name == "prototypes" else model.get_submodule("encoder")
    torch.testing.assert_close(body[0][0].weight, before[0])
    moved = together.meta_train(name, few, encoder=encoder, seed=0)
    body = moved if name == "prototypes" else moved.get_submodule("encoder")
    assert (body[0][0].weight - before[0]).abs().max() > 1e-4
    assert all(p.equal(q) for p, q in zip(encoder.parameters(), before, strict=True))


def test_scale():
    encoder = together.start("none", characters().images[:100], seed=0)
    scaled = together._scaled(encoder, characters().images, 2.0)
    images = characters().images[:1000]
    assert features(scaled, images).norm(dim=1).mean() == pytest.approx(2, rel=1e-4)
    cosine = nn.functional.cosine_similarity(features(scaled, images), features(encoder, images))
    assert cosine.min() > 0.9999


def test_labelled_characters():
    few = together.labelled(characters(), 25, seed=3)
    assert len(few.classes) == 25
    assert len(few.images) == 25 * 20
    assert few.classes != together.labelled(characters(), 25, seed=4).classes
    assert together.labelled(characters(), len(characters().classes)) is characters()
    for wrong in (0, 1000):
        with pytest.raises(ValueError, match="n_classes must be a whole number between 1 and"):
            together.labelled(characters(), wrong)
    with pytest.raises(TypeError, match="dataset must be a Dataset"):
        together.labelled(characters().images, 3)


def test_mixed_batches(monkeypatch):
    """The last rows are two images of one labelled character each, no character twice."""
    monkeypatch.setattr(together, "handwriting_view", lambda images, generator: images)
    few = together.labelled(characters(), 25, seed=0)
    one, two = together.mixed_batches(characters().images, few, n_labelled=10)(generator(0))
    assert one.shape == two.shape == (64, 1, 28, 28)
    assert one[:54].equal(two[:54])
    label = {
        image.numpy().tobytes(): int(y) for image, y in zip(few.images, few.labels, strict=True)
    }
    pairs = [
        (label[a.numpy().tobytes()], label[b.numpy().tobytes()])
        for a, b in zip(one[54:], two[54:], strict=True)
    ]
    assert all(a == b for a, b in pairs)
    assert len(set(pairs)) == 10
    assert not any(a.equal(b) for a, b in zip(one[54:], two[54:], strict=True))


def test_adapting_begins_with_the_nearest_mean():
    """Without a step it is the nearest mean by cosine; the encoder stays as it was in any case."""
    encoder = together.start("none", characters().images, seed=0)
    before = [p.clone() for p in encoder.state_dict().values()]
    counts = {"n_tasks": 4, "n_way": 5, "n_shot": 2, "n_query": 5}
    tasks = sample_episodes(characters(), **counts, generator=generator(0))
    z = [
        torch.nn.functional.normalize(features(encoder, x.flatten(0, 1))).unflatten(0, x.shape[:2])
        for x in (tasks.x_support, tasks.x_query)
    ]
    on_features = tasks._replace(x_support=z[0], x_query=z[1])
    nearest = prototype_accuracies(on_features)  # by distance to the mean, not by its direction
    start = together.fine_tuned(encoder, tasks, whole=False, steps=0)
    assert (start - nearest).abs().max() <= 0.16
    whole = together.fine_tuned(encoder, tasks, whole=True, steps=2, generator=generator(0))
    assert whole.shape == (4,)
    assert all(p.equal(q) for p, q in zip(encoder.state_dict().values(), before, strict=True))
    assert all(p.requires_grad for p in encoder.parameters())


def test_costs_are_equal():
    """Steps times cost are the budget, for one method and for two after each other."""
    for start in ("SimCLR", "BYOL", "MoCo"):
        steps = round(together.BUDGET / together.COST[start])
        assert steps * together.COST[start] == pytest.approx(together.BUDGET, rel=0.01)
