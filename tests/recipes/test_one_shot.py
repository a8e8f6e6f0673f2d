"""Omniglot by contrast: what is a positive, averaged copies, and runs like the challenge's."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from functools import cache

import pytest
import torch
import torch.nn.functional as F

from mlteach import results
from mlteach.data import Dataset, glyphs
from mlteach.evaluate import features
from mlteach.recipes import one_shot
from mlteach.training import generator


@cache
def characters():
    return glyphs("test")


@pytest.mark.parametrize("labels", one_shot.STEPS)
def test_training_repeats(labels):
    first, again = (one_shot.train(labels, characters(), seed=1, steps=2) for _ in range(2))
    assert all(a.equal(b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert features(first, characters().images[:3]).shape == (3, 128)


def test_classmates():
    """Both images of a pair show one character, drawn by two; no character is there twice."""
    draw = one_shot.classmates(characters(), lambda images, generator: images, batch_size=16)
    one, two = draw(generator(0))
    label = {
        image.numpy().tobytes(): int(y)
        for image, y in zip(characters().images, characters().labels, strict=True)
    }
    left, right = ([label[image.numpy().tobytes()] for image in part] for part in (one, two))
    assert left == right
    assert len(set(left)) == 16
    assert not any(a.equal(b) for a, b in zip(one, two, strict=True))


def test_centred_images_do_not_depend_on_place_and_size():
    """A bar moved, and a bar half as large, give about the same image, in the middle."""
    images = torch.zeros(4, 1, 28, 28)
    images[0, 0, 2:14, 4:8] = images[1, 0, 10:22, 20:24] = 1
    images[2, 0, 4:28, 9:17] = 1  # twice as large
    one, moved, large, blank = one_shot.centred(images)
    torch.testing.assert_close(one, moved, atol=1e-5, rtol=0)
    assert (one > 0.5).equal(large > 0.5)
    assert blank.equal(images[3])
    ink = (one[0] > 0.5).nonzero()
    assert ink.amin(0).tolist() == [2, 10]  # 24 high, 8 wide
    assert ink.amax(0).tolist() == [25, 17]


def test_centred_images_grow_at_most_by_two():
    images = torch.zeros(2, 1, 28, 28)
    images[0, 0, 5, 20] = 1  # a dot
    images[1] = 1
    dot, full = one_shot.centred(images)
    assert 0 < (dot > 0.5).sum() <= 9
    assert (full > 0.5).sum() == 24 * 24


def test_averaged_copies():
    """Without copies they are the unit features; with them unit too, and the seed decides."""
    encoder = one_shot.train("without labels", characters(), seed=0, steps=1)
    images = characters().images[:20]
    plain = one_shot.averaged(encoder, images, copies=0)
    torch.testing.assert_close(plain, F.normalize(features(encoder, images)))
    one, again, other = (
        one_shot.averaged(encoder, images, copies=2, seed=seed) for seed in (0, 0, 1)
    )
    assert one.equal(again)
    assert not one.equal(other)
    torch.testing.assert_close(one.norm(dim=1), torch.ones(20))


def test_runs():
    """Twenty characters of one alphabet, each as support by one drawer and as query by another."""
    runs = one_shot.omniglot_runs(characters(), n_runs=12, seed=0)
    script, drawer = characters().factors["script"], characters().factors["drawer"]
    used = set()
    for run in runs:
        assert run.shape == (2, 20)
        assert len(script[run].unique()) == 1
        support, query = characters().labels[run]
        assert support.equal(query)
        assert len(support.unique()) == 20
        assert [len(part.unique()) for part in drawer[run]] == [1, 1]
        assert drawer[run[0, 0]] != drawer[run[1, 0]]
        used.add(int(script[run[0, 0]]))
    assert len(used) > 1
    few = characters().subset(characters().labels < 5)
    with pytest.raises(ValueError, match="dataset must have an alphabet of 20 characters"):
        one_shot.omniglot_runs(few)
    bare = replace(characters(), factors={})
    with pytest.raises(ValueError, match="dataset must have the factors script and drawer"):
        one_shot.omniglot_runs(bare)


def test_runs_need_every_character_by_every_drawer():
    """A missing image, and a single drawer, are named; drawers need no consecutive numbers."""
    script, drawer = characters().factors["script"], characters().factors["drawer"]
    name = characters().classes[25]
    alphabet = int(script[characters().labels == 25][0])
    torn = characters().subset((characters().labels != 25) | (drawer != 7))
    with pytest.raises(ValueError, match=f"{name!r} of alphabet {alphabet} lacks one by drawer 7"):
        one_shot.omniglot_runs(torn)
    with pytest.raises(ValueError, match="two drawers of an alphabet, .* has one"):
        one_shot.omniglot_runs(characters().subset(drawer == 3))
    odd = characters().subset(drawer % 2 == 1)
    for run in one_shot.omniglot_runs(odd, n_runs=5):
        support, query = odd.labels[run]
        assert support.equal(query)


@cache
def named_as_omniglot():
    """Blank images with Omniglot's names: 46 characters of each alphabet of the challenge."""
    names = [f"{a}/character{n:02d}" for a in one_shot.OFFICIAL for n in range(1, 47)]
    drawer = torch.arange(8).repeat(len(names))
    labels = torch.arange(len(names)).repeat_interleave(8)
    images = torch.zeros(len(labels), 1, 8, 8)
    return Dataset("blank", images, labels, tuple(names), {"drawer": drawer})


def test_challenge_runs():
    """Two runs of each of ten alphabets, with the same characters, by four different drawers."""
    dataset = named_as_omniglot()
    runs = one_shot.challenge_runs(dataset)
    assert len(runs) == 20
    for one, other in zip(runs[::2], runs[1::2], strict=True):
        labels = dataset.labels[torch.cat([one, other])]  # of two supports and two queries
        assert all(part.equal(labels[0]) for part in labels)
        assert len(labels[0].unique()) == 20
        assert len({dataset.classes[label].split("/")[0] for label in labels[0].tolist()}) == 1
    drawer = dataset.factors["drawer"][torch.stack(runs)]
    assert (drawer == drawer[:, :, :1]).all()
    assert len(torch.stack(runs).unique()) == 800  # no image twice, so four drawers an alphabet
    # as on the day when all 800 pictures of all_runs.zip were found, equal bit by bit
    told = hashlib.sha256(repr(one_shot.OFFICIAL).encode()).hexdigest()
    assert told.startswith("52c55a13ed208738")
    torn = dataset.subset((dataset.labels != 8) | (dataset.factors["drawer"] != 7))
    with pytest.raises(ValueError, match=r"an image of 'Atlantean/character09' by drawer 7"):
        one_shot.challenge_runs(torn)
    with pytest.raises(ValueError, match=r"dataset must have the factor drawer, has \[\]"):
        one_shot.challenge_runs(replace(dataset, factors={}))
    with pytest.raises(ValueError, match="dataset must have an image of 'Atlantean"):
        one_shot.challenge_runs(characters())


@pytest.mark.skipif("MLTEACH_DATA" not in os.environ, reason="needs the real Omniglot")
def test_challenge_runs_of_the_real_omniglot():
    """Nearest pixels, which no training can change: measured once, 76.8 and 78.0 %."""
    from mlteach.data import omniglot

    test = omniglot("evaluation")
    pixels = F.normalize(test.images.flatten(1))
    fixed = one_shot.challenge_error(pixels, one_shot.challenge_runs(test))
    drawn = one_shot.challenge_error(pixels, one_shot.omniglot_runs(test, n_runs=200))
    assert abs(fixed - 0.7675) < 0.006  # 307 of 400
    assert abs(drawn - 0.7795) < 0.006


def test_error():
    """0 for features that name the character, 19 of 20 wrong on average for features of noise."""
    runs = one_shot.omniglot_runs(characters(), n_runs=100)
    named = F.one_hot(characters().labels).float()
    assert one_shot.challenge_error(named, runs) == 0
    noise = F.normalize(torch.randn(len(named), 16, generator=generator(0)))
    assert abs(one_shot.challenge_error(noise, runs) - 0.95) < 5 * (0.05 * 0.95 / 2000) ** 0.5
    noise[3, 2] = torch.nan  # would be most similar to everything
    with pytest.raises(ValueError, match=r"z must be finite, got NaN or infinity in row 3"):
        one_shot.challenge_error(noise, runs)
    with pytest.raises(ValueError, match="at least one run"):
        one_shot.challenge_error(named, [])


@pytest.mark.skipif("MLTEACH_DATA" not in os.environ, reason="needs the real Omniglot")
@pytest.mark.slow
def test_a_short_run_reads_omniglot_without_labels():
    """After 300 of 7,000 steps, 20-way 1-shot is far above the 27 % of comparing pixels."""
    from mlteach.data import omniglot
    from mlteach.evaluate import few_shot_accuracy

    encoder = one_shot.train("without labels", omniglot("background"), seed=0, steps=300)
    test = omniglot("evaluation")
    z = one_shot.averaged(encoder, test.images, copies=0)
    accuracy, _ = few_shot_accuracy(z, test.labels, n_way=20, generator=generator(1))
    assert accuracy > 0.55


def test_the_table_has_its_jobs():
    rows = results.read("one_shot")
    assert {row["labels"] for row in rows} == set(one_shot.STEPS)
    assert {row["images"] for row in rows} == {"as it is", "centred"}
    assert {row["seed"] for row in rows} >= {0, 1, 2}
