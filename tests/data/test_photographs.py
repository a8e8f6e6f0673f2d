"""Pieces of the two photographs: from the right place, of all classes, never from both parts."""

from __future__ import annotations

import itertools

import pytest
import torch
from sklearn.datasets import load_sample_image

from mlteach.data import PIECES, photographs
from mlteach.data.photographs import AREAS


@pytest.mark.parametrize("part", ["train", "test"])
def test_each_piece_is_cut_where_its_factors_say(part):
    dataset = photographs(40, seed=3, part=part, side=20)
    assert dataset.images.shape == (40, 3, 20, 20)
    for i in range(40):
        name, left, top, right, bottom = AREAS[part][PIECES[int(dataset.labels[i])]]
        x, y = int(dataset.factors["x"][i]), int(dataset.factors["y"][i])
        assert left <= x <= right - 20
        assert top <= y <= bottom - 20
        piece = torch.from_numpy(load_sample_image(name)[y : y + 20, x : x + 20].copy())
        assert dataset.images[i].equal(piece.movedim(2, 0).float() / 255)


def test_each_class_has_its_share_in_random_order():
    labels = photographs(103).labels
    counts = labels.bincount(minlength=5)
    assert counts.max() - counts.min() <= 1
    assert not labels.equal(torch.arange(103) % 5)


def test_the_seed_decides():
    first, again, other = (photographs(10, seed=seed).images for seed in (0, 0, 1))
    assert first.equal(again)
    assert not first.equal(other)


def test_all_places_of_an_area_are_used():
    dataset = photographs(3000, side=32)
    sky = dataset.subset(dataset.labels == 0)
    _, left, top, right, bottom = AREAS["train"]["sky"]
    assert sky.factors["x"].min() < left + 5
    assert sky.factors["x"].max() > right - 32 - 5
    assert sky.factors["y"].min() < top + 5
    assert sky.factors["y"].max() > bottom - 32 - 5


def test_training_and_test_areas_share_no_pixel_and_lie_in_the_photographs():
    every = [area for part in AREAS.values() for area in part.values()]
    for (one, l1, t1, r1, b1), (other, l2, t2, r2, b2) in itertools.combinations(every, 2):
        assert one != other or r1 <= l2 or r2 <= l1 or b1 <= t2 or b2 <= t1
    for name, left, top, right, bottom in every:
        height, width = load_sample_image(name).shape[:2]
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        assert min(right - left, bottom - top) > 80
