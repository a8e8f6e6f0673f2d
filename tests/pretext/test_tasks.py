"""The questions: what is cut out, turned or moved, and that the label says what was done."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from support.numbers import generator

from mlteach.pretext import all_rotations, jigsaw, permutation_set, relative_position, rotate
from mlteach.pretext.position import STEPS


def numbered(n=64, channels=1, side=12):
    """Every pixel says where it lies: channel, row and column; the same in each image."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    one = torch.stack([1e4 * c + 100.0 * rows + columns for c in range(channels)])
    return one.expand(n, -1, -1, -1).clone()


def assert_equally_often(labels, classes):
    counts = labels.bincount(minlength=classes)
    expected = len(labels) / classes
    assert len(counts) == classes
    assert (counts - expected).abs().max() < 5 * math.sqrt(expected)


def test_the_label_says_how_often_it_was_turned():
    images = numbered(200)
    rotated, labels = rotate(images, generator=generator())
    for before, after, label in zip(images, rotated, labels, strict=True):
        assert after.equal(before.rot90(int(label), (1, 2)))
    assert images.equal(numbered(200))


def test_one_turn_is_anticlockwise():
    """What was at the right edge is then at the top."""
    images = torch.zeros(50, 1, 3, 3)
    images[:, 0, 1, 2] = 1
    rotated, labels = rotate(images, generator=generator())
    at = {0: (1, 2), 1: (0, 1), 2: (1, 0), 3: (2, 1)}
    for image, label in zip(rotated[:, 0], labels.tolist(), strict=True):
        assert image[at[label]] == 1


@pytest.mark.parametrize(
    ("task", "classes"),
    [
        (rotate, 4),
        (lambda x, generator: relative_position(x, patch=2, generator=generator), 8),
        (lambda x, generator: jigsaw(x, permutation_set(4, 5), generator=generator), 5),
    ],
    ids=["rotate", "relative_position", "jigsaw"],
)
def test_answers_are_equally_likely_and_the_seed_s(task, classes):
    images = numbered(4000)
    question = task(images, generator=generator(1))
    assert_equally_often(question[-1], classes)
    for a, b in zip(question, task(images, generator=generator(1)), strict=True):
        assert a.equal(b)
    assert not question[-1].equal(task(images, generator=generator(2))[-1])


def test_all_four_positions():
    images = numbered(3)
    rotated, labels = all_rotations(images)
    assert labels.tolist() == 3 * [0] + 3 * [1] + 3 * [2] + 3 * [3]
    for i, (image, label) in enumerate(zip(rotated, labels.tolist(), strict=True)):
        assert image.equal(images[i % 3].rot90(label, (1, 2)))


def test_images_must_be_square_to_be_turned():
    with pytest.raises(ValueError, match="images must be square"):
        rotate(torch.rand(2, 3, 4, 6))


def corner(patch):
    """(row, column) of the upper left pixel of a patch of `numbered` images."""
    return divmod(int(patch[0, 0, 0]), 100)


@pytest.mark.parametrize(("gap", "jitter"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_the_neighbour_lies_where_the_label_says(gap, jitter):
    size = 2
    images = numbered(2000)
    centre, neighbour, labels = relative_position(
        images, patch=size, gap=gap, jitter=jitter, generator=generator()
    )
    distances, places = set(), set()
    for c, n, label in zip(centre, neighbour, labels.tolist(), strict=True):
        for patch in (c, n):  # each is one connected box
            top, left = corner(patch)
            assert patch.equal(images[0, :, top : top + size, left : left + size])
        step = torch.tensor(corner(n)) - torch.tensor(corner(c))
        exact = (size + gap) * torch.tensor(STEPS[label])
        assert (step - exact).abs().max() <= 2 * jitter
        distances.add(tuple((step - exact).tolist()))
        places.add(corner(c))
    reach = range(-2 * jitter, 2 * jitter + 1)
    assert distances == set(itertools.product(reach, reach))
    # the arrangement stands at every place where it fits
    first, last = size + gap, 12 - 2 * size - gap
    assert places == set(itertools.product(range(first, last + 1), repeat=2))


def test_the_eight_places_row_by_row():
    assert tuple(s for s in itertools.product((-1, 0, 1), repeat=2) if s != (0, 0)) == STEPS


def test_without_gap_and_jitter_the_patches_touch():
    centre, right, labels = relative_position(numbered(100), patch=3, generator=generator())
    for c, n, label in zip(centre, right, labels.tolist(), strict=True):
        if label == 4:
            assert n[0, 0, 0] == c[0, 0, -1] + 1


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="3 \\* patch .* got 14"):
        relative_position(numbered(2), patch=4, gap=1)


def test_colour_is_dropped_for_both_patches_alike():
    centre, neighbour, _ = relative_position(
        numbered(60, channels=3), patch=3, drop_colour=True, generator=generator()
    )
    channels = set()
    for c, n in zip(centre, neighbour, strict=True):
        assert (c == c[:1]).all()
        assert c[0, 0, 0] // 1e4 == n[0, 0, 0] // 1e4
        channels.add(int(c[0, 0, 0] // 1e4))
    assert channels == {0, 1, 2}


@pytest.mark.parametrize("make", ["patches", "tiles"])
def test_normalised_patches_have_no_brightness_of_their_own(make):
    images = torch.rand(50, 3, 12, 12, generator=generator())
    if make == "patches":
        parts = relative_position(images, patch=4, normalise=True, generator=generator())[:2]
        patches = torch.cat(parts)
    else:
        patches = jigsaw(images, permutation_set(4, 3), normalise=True, generator=generator())[0]
    assert patches.mean((-2, -1)).abs().max() < 1e-5
    assert (patches.std((-2, -1), correction=0) - 1).abs().max() < 0.1
    flat = torch.full((3, 3, 12, 12), 0.4)
    assert relative_position(flat, patch=4, normalise=True)[0].abs().max() < 1e-4


# --- jigsaw ---------------------------------------------------------------------------------------


def test_place_i_shows_the_tile_that_the_order_names():
    orders = permutation_set(4, 24)
    images = numbered(200, channels=2)
    tiles, labels = jigsaw(images, orders, generator=generator())
    assert tiles.shape == (200, 4, 2, 6, 6)
    for row, label in zip(tiles, labels.tolist(), strict=True):
        for place, tile in zip(orders[label].tolist(), row, strict=True):
            top, left = 6 * (place // 2), 6 * (place % 2)
            assert tile.equal(images[0, :, top : top + 6, left : left + 6])


def test_a_gap_leaves_pixels_out_at_every_side():
    tiles, _ = jigsaw(numbered(300), permutation_set(4, 1), gap=2, generator=generator())
    assert tiles.shape == (300, 4, 1, 4, 4)
    for i in range(4):
        corners = {corner(row[i]) for row in tiles}
        top, left = 6 * (i // 2), 6 * (i % 2)
        assert corners == set(itertools.product(range(top, top + 3), range(left, left + 3)))


def test_tiles_lose_their_colour_together():
    tiles, _ = jigsaw(
        numbered(40, channels=3), permutation_set(9, 8), drop_colour=True, generator=generator()
    )
    channel = tiles[:, :, :, 0, 0] // 1e4  # (B, T, C)
    assert (channel == channel[:, :1, :1]).all()
    assert len(channel.unique()) == 3


def test_orders_are_orders_and_all_different():
    for n_tiles, count in ((4, 24), (9, 30), (3, 6)):
        orders = permutation_set(n_tiles, count)
        assert orders.shape == (count, n_tiles)
        assert (orders.sort(1).values == torch.arange(n_tiles)).all()
        assert len(orders.unique(dim=0)) == count
        assert orders[0].equal(torch.arange(n_tiles))


def test_orders_differ_as_much_as_can_be():
    """The greedy rule by hand; the first four orders of four tiles share no place."""
    every = list(itertools.permutations(range(4)))
    chosen = [every[0]]
    while len(chosen) < 10:

        def far(one):
            places = [sum(a != b for a, b in zip(one, other, strict=True)) for other in chosen]
            return sum(places), min(places)

        chosen.append(max((one for one in every if one not in chosen), key=far))
    assert permutation_set(4, 10).tolist() == [list(one) for one in chosen]
    for count, apart in ((9, 9), (64, 4)):
        for one, other in itertools.combinations(permutation_set(9, count), 2):
            assert (one != other).sum() >= apart


def test_a_wrong_set_of_orders_is_refused():
    images = numbered(2)
    with pytest.raises(ValueError, match="permutations must hold each of 0 to 3 once"):
        jigsaw(images, torch.tensor([[0, 1, 2, 2]]))
    with pytest.raises(ValueError, match="permutations must be of 4, 9, 16"):
        jigsaw(images, torch.tensor([[0, 1, 2]]))
    with pytest.raises(ValueError, match="images must be square and divisible by 2"):
        jigsaw(torch.rand(2, 1, 6, 4), permutation_set(4, 2))
