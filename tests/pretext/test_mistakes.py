"""What the papers define, in loops over pixels: the library holds to it, each mistake does not."""

from __future__ import annotations

import copy
import itertools
import math

import pytest
import torch
from support.numbers import generator, normal
from torch import nn

from mlteach import pretext
from mlteach.mistakes import mistakes_in
from mlteach.mistakes import pretext as wrong
from mlteach.pretext import MaskedLatents, MaskedReconstruction, random_mask

ROW, COLUMN, IMAGE = 0, 1, 2  # what the channels of a map say


def maps(n, side):
    """(n, 3, side, side): every pixel knows its row, its column and its image."""
    lines = torch.arange(float(side))
    rows, columns = torch.meshgrid(lines, lines, indexing="ij")
    numbers = torch.arange(float(n))[:, None, None].expand(n, side, side)
    return torch.stack([rows.expand(n, -1, -1), columns.expand(n, -1, -1), numbers], 1)


def expect(condition, what):
    """Fails with a sentence; every property below is such sentences."""
    assert condition, what


def origin(patch, size):
    """(row, column, image) of a patch of maps, which must be one square box of one image."""
    row, column, image = (int(patch[channel, 0, 0]) for channel in (ROW, COLUMN, IMAGE))
    for i, j in itertools.product(range(size), repeat=2):
        found = patch[:, i, j].tolist()
        expect(found == [row + i, column + j, image], "a patch is no box of one image")
    return row, column, image


# --- the properties -------------------------------------------------------------------------------


def patches_are_cut_row_by_row(patchify):
    images = normal(2, 3, 4, 6)
    patches = patchify(images, 2)
    expect(patches.shape == (2, 6, 12), "the shape")
    for b, c, i, j in itertools.product(range(2), range(3), range(4), range(6)):
        place, inside = (i // 2) * 3 + j // 2, c * 4 + (i % 2) * 2 + j % 2
        expect(patches[b, place, inside] == images[b, c, i, j], (b, c, i, j))


def an_image_is_turned_as_often_as_its_label_says(rotate):
    """A quarter turn anticlockwise brings the last column to the top: new[i][j] = old[j][H-1-i]."""
    side = 3
    images = maps(200, side)
    rotated, labels = rotate(images, generator=generator())
    for image, turned, label in zip(images, rotated, labels.tolist(), strict=True):
        for _ in range(label):
            once = torch.empty_like(image)
            for i, j in itertools.product(range(side), repeat=2):
                once[:, i, j] = image[:, j, side - 1 - i]
            image = once
        expect(turned.equal(image), label)
    counts = labels.bincount(minlength=4)
    expect((counts - 50).abs().max() < 5 * math.sqrt(50), "the four turns are equally likely")


AROUND = {
    (-1, -1): 0,
    (-1, 0): 1,
    (-1, 1): 2,
    (0, -1): 3,
    (0, 1): 4,
    (1, -1): 5,
    (1, 0): 6,
    (1, 1): 7,
}


def the_neighbour_lies_where_the_label_says(relative_position):
    """Doersch et al.: eight places around, with a gap, and either patch moved by a few pixels."""
    size, gap, jitter, side = 3, 2, 1, 22
    options = {"patch": size, "gap": gap, "jitter": jitter, "generator": generator()}
    centres, neighbours, labels = relative_position(maps(900, side), **options)
    off, places = set(), set()
    for number, (centre, neighbour, label) in enumerate(
        zip(centres, neighbours, labels.tolist(), strict=True)
    ):
        (row, column, image), (y, x, other) = origin(centre, size), origin(neighbour, size)
        expect(image == other == number, "both patches are of the image")
        down, across = (round(way / (size + gap)) for way in (y - row, x - column))
        expect(AROUND.get((down, across)) == label, (down, across, label))
        off.add(y - row - down * (size + gap))
        places.add((row, column))
    expect(off == set(range(-2 * jitter, 2 * jitter + 1)), "each is moved by itself")
    expect(len(places) > 9, "the arrangement lies anywhere")
    expect(set(labels.tolist()) == set(range(8)), "all eight occur")


def a_place_shows_the_tile_that_the_order_names(jigsaw):
    orders = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0], [2, 0, 3, 1]])
    tiles, labels = jigsaw(maps(90, 6), orders, generator=generator())
    for number, (parts, label) in enumerate(zip(tiles, labels.tolist(), strict=True)):
        for place, part in enumerate(parts):
            tile = int(orders[label, place])
            expect(origin(part, 3) == (3 * (tile // 2), 3 * (tile % 2), number), (label, place))
    expect(set(labels.tolist()) == {0, 1, 2}, "each image has its own order")


def every_order_is_as_far_from_those_before_as_can_be(permutation_set):
    """Noroozi and Favaro, Algorithm 1: the largest sum of Hamming distances, whatever the first."""
    chosen = [tuple(order) for order in permutation_set(4, 8).tolist()]
    expect(len(set(chosen)) == 8, "all differ")
    for k in range(1, 8):

        def distance(order, k=k):
            return sum(a != b for other in chosen[:k] for a, b in zip(order, other, strict=True))

        left = set(itertools.permutations(range(4))) - set(chosen[:k])
        expect(distance(chosen[k]) == max(map(distance, left)), k)


def a_block_is_a_rectangle_anywhere(block_mask):
    grid, size = (4, 6), (2, 3)
    mask = block_mask(300, grid, size, generator=generator())
    corners = set()
    for one in mask:
        cells = one.nonzero().tolist()
        top, left = min(cells)
        wanted = [[top + i, left + j] for i in range(2) for j in range(3)]
        expect(cells == wanted, "one rectangle")
        corners.add((top, left))
    expect(corners == set(itertools.product(range(3), range(4))), "at every place")


PROPERTIES = {
    pretext.patchify: patches_are_cut_row_by_row,
    pretext.rotate: an_image_is_turned_as_often_as_its_label_says,
    pretext.relative_position: the_neighbour_lies_where_the_label_says,
    pretext.jigsaw: a_place_shows_the_tile_that_the_order_names,
    pretext.permutation_set: every_order_is_as_far_from_those_before_as_can_be,
    pretext.block_mask: a_block_is_a_rectangle_anywhere,
}


def named(value):
    """A function or class by its name, a mistake by that of its function."""
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize("function", PROPERTIES, ids=named)
def test_the_library_has_the_property(function):
    PROPERTIES[function](function)


@pytest.mark.parametrize(
    ("function", "mistake"), [(f, m) for f in PROPERTIES for m in mistakes_in(f)], ids=named
)
def test_the_property_catches_the_mistake(function, mistake):
    with pytest.raises(AssertionError):
        PROPERTIES[function](mistake.function)


@pytest.mark.parametrize("mistake", mistakes_in(wrong.random_mask), ids=str)
def test_the_mistakes_in_masks_differ_from_the_right_one(mistake):
    """From one generator; the check tells them by what they show, see tests/checks."""
    masks = []
    for draw in (mistake.function, wrong.random_mask):
        cases = [(30, (4, 5), 0.75), (9, (3, 4), 0.3), (4, (2, 3), 0.0), (5, (3, 5), 0.75)]
        cases += [(5, (3, 6), 0.25), (3, (3, 2), 1.0)]
        masks.append([draw(*case, generator=generator(1)) for case in cases])
    assert any(
        one.shape != two.shape or not one.equal(two) for one, two in zip(*masks, strict=True)
    )


# --- methods --------------------------------------------------------------------------------------


def a_map():
    return nn.Sequential(nn.Conv2d(1, 6, 3, stride=2, padding=1), nn.Tanh())


def made(kind):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        last = nn.ConvTranspose2d(6, 1, 2, stride=2)
        second = last if issubclass(kind, MaskedReconstruction) else nn.Conv2d(6, 6, 1)
        return kind(a_map(), second).double()


IMAGES = normal(4, 1, 8, 8).sigmoid()
MASK = random_mask(4, 4, 0.4, generator=generator(5))


def covered(images):
    """Hidden pixels in grey, one by one."""
    seen = images.clone()
    for b, i, j in itertools.product(range(4), range(8), range(8)):
        if MASK[b, i // 2, j // 2]:
            seen[b, :, i, j] = 0.5
    return seen


def hidden_pixels_are_guessed_from_visible_ones(kind):
    """The mean squared error over hidden pixels; nothing else counts, nothing hidden is seen."""
    method = made(kind)
    painted = method.decoder(method.encoder(covered(IMAGES)))
    errors = [
        (painted[b, 0, i, j] - IMAGES[b, 0, i, j]).item() ** 2
        for b, i, j in itertools.product(range(4), range(8), range(8))
        if MASK[b, i // 2, j // 2]
    ]
    loss, _ = method.loss(IMAGES, MASK)
    expect(loss.item() == pytest.approx(sum(errors) / len(errors), rel=1e-9), "the loss")


def hidden_cells_are_told_from_visible_patches(kind):
    """The target sees all and stands still; its cells are standardised; only hidden ones count."""
    method = made(kind)
    with torch.no_grad():  # so that the two networks differ
        for weight in method.target.parameters():
            weight.add_(0.3 * normal(*weight.shape, seed=9))
    before = copy.deepcopy(method.state_dict())
    z = method.target(IMAGES)
    p = method.predictor(method.encoder(covered(IMAGES)))
    errors = []
    for b, i, j in MASK.nonzero().tolist():
        cell = z[b, :, i, j]
        mean = cell.mean()
        deviation = ((cell - mean) ** 2).mean() + 1e-5
        errors += ((p[b, :, i, j] - (cell - mean) / deviation.sqrt()) ** 2).tolist()
    loss, aux = method.loss(IMAGES, MASK)
    expect(loss.item() == pytest.approx(sum(errors) / len(errors), rel=1e-9), "the loss")
    loss.backward()
    after = method.state_dict()
    expect(all(after[name].equal(before[name]) for name in before), "loss moves nothing")
    for weight in method.target.parameters():
        expect(weight.grad is None, "no gradient reaches the target")
    method.after_step(aux)
    for name, weight in method.encoder.state_dict().items():
        slow = 0.99 * before[f"target.{name}"] + 0.01 * weight
        expect(torch.allclose(method.target.state_dict()[name], slow), "the moving average")


METHODS = {
    MaskedReconstruction: hidden_pixels_are_guessed_from_visible_ones,
    MaskedLatents: hidden_cells_are_told_from_visible_patches,
}


@pytest.mark.parametrize("kind", METHODS, ids=named)
def test_the_method_is_what_it_is_defined_to_be(kind):
    METHODS[kind](kind)


@pytest.mark.parametrize(
    ("kind", "mistake"), [(k, m) for k in METHODS for m in mistakes_in(k)], ids=named
)
def test_a_method_with_a_mistake_is_caught(kind, mistake):
    with pytest.raises(AssertionError):
        METHODS[kind](mistake.function)
