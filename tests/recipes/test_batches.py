"""What is drawn at every step: images and their views, or images and their labels."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from mlteach.recipes import labelled_batches, two_views

IMAGES = torch.arange(20.0).view(20, 1, 1, 1)
LABELS = torch.arange(20)


def noisy(images, generator):
    """The image's number stays readable as the whole part."""
    return images + torch.rand(len(images), 1, 1, 1, generator=generator)


def seeded():
    return Generator().manual_seed(5)


def test_both_views_are_of_the_same_images_but_differ():
    x1, x2 = two_views(IMAGES, noisy, batch_size=50)(seeded())
    assert x1.shape == x2.shape == (50, 1, 1, 1)
    assert x1.floor().equal(x2.floor())
    assert (x1 != x2).all()
    assert len(x1.floor().unique()) > 10  # drawn with replacement from all


def test_the_draw_is_the_one_that_chapters_write_out():
    """Indices first, then view 1, then view 2, all from the one generator."""
    generator = seeded()
    x = IMAGES[torch.randint(20, (128,), generator=generator)]
    by_hand = noisy(x, generator), noisy(x, generator)
    for ours, expected in zip(two_views(IMAGES, noisy)(seeded()), by_hand, strict=True):
        assert ours.equal(expected)


@pytest.mark.parametrize("view", [None, noisy])
def test_labels_belong_to_their_images(view):
    x, y = labelled_batches(IMAGES, LABELS, view=view, batch_size=30)(seeded())
    assert x.shape == (30, 1, 1, 1)
    assert x.flatten().floor().equal(y.float())
    assert (x.flatten() == y).all() == (view is None)


@pytest.mark.parametrize(("size", "error"), [(0, ValueError), (2.0, TypeError), (True, TypeError)])
def test_the_batch_size_is_checked_before_the_training(size, error):
    with pytest.raises(error, match="batch_size"):
        two_views(IMAGES, noisy, batch_size=size)
    with pytest.raises(error, match="batch_size"):
        labelled_batches(IMAGES, LABELS, batch_size=size)
