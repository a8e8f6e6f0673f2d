"""Mistakes in the questions of pretext tasks: how an image is turned, cut and shuffled.

No exercise asks for these, so that no check tells them; tests show that they are caught.
"""

from __future__ import annotations

from itertools import islice, permutations

import torch

from mlteach import pretext
from mlteach.mistakes._registry import mistake

# --- patches -------------------------------------------------------------------------------------


@mistake(pretext.patchify)
def patches_column_by_column(images, size):
    rows = images.shape[2] // size
    patches = pretext.patchify(images, size).unflatten(1, (rows, -1))
    return patches.transpose(1, 2).flatten(1, 2)


@mistake(pretext.patchify)
def patches_sideways(images, size):
    return pretext.patchify(images, size).unflatten(2, (-1, size, size)).mT.flatten(2)


@mistake(pretext.patchify)
def image_reshaped(images, size):
    """As if the pixels of a patch stood one after the other in memory."""
    return images.reshape(len(images), -1, images.shape[1] * size * size)


# --- rotation ------------------------------------------------------------------------------------


@mistake(pretext.rotate)
def clockwise(images, *, generator=None):
    rotated, labels = pretext.rotate(images, generator=generator)
    return rotated, -labels % 4


@mistake(pretext.rotate)
def same_turn_for_all(images, *, generator=None):
    turns = int(torch.randint(4, (), generator=generator))
    return images.rot90(turns, (2, 3)), torch.full((len(images),), turns)


@mistake(pretext.rotate)
def transposed(images, *, generator=None):
    """A quarter turn without its flip is a mirror image."""
    rotated, labels = pretext.rotate(images, generator=generator)
    quarter = (labels % 2 == 1)[:, None, None, None]
    return torch.where(quarter, rotated.flip(2), rotated), labels


@mistake(pretext.rotate)
def never_upright(images, *, generator=None):
    labels = torch.randint(1, 4, (len(images),), generator=generator)
    turned = [image.rot90(int(label), (1, 2)) for image, label in zip(images, labels, strict=True)]
    return torch.stack(turned), labels


# --- relative position ---------------------------------------------------------------------------


@mistake(pretext.relative_position)
def seen_from_the_neighbour(images, **options):
    centre, neighbour, labels = pretext.relative_position(images, **options)
    return centre, neighbour, 7 - labels


@mistake(pretext.relative_position)
def parts_swapped(images, **options):
    centre, neighbour, labels = pretext.relative_position(images, **options)
    return neighbour, centre, labels


@mistake(pretext.relative_position)
def positions_column_by_column(images, **options):
    centre, neighbour, labels = pretext.relative_position(images, **options)
    return centre, neighbour, torch.tensor([0, 3, 5, 1, 6, 2, 4, 7])[labels]


@mistake(pretext.relative_position)
def neighbour_of_another_image(images, **options):
    centre, neighbour, labels = pretext.relative_position(images, **options)
    return centre, neighbour.roll(1, 0), labels.roll(1)


@mistake(pretext.relative_position)
def moved_together(images, *, jitter=0, **options):
    """Both patches by the same: their distance stays exact, and tells as before."""
    return pretext.relative_position(images, **options)


@mistake(pretext.relative_position)
def gap_forgotten(images, *, gap=0, **options):
    return pretext.relative_position(images, **options)


@mistake(pretext.relative_position)
def always_in_the_corner(images, *, patch, gap=0, jitter=0, **options):
    span = 3 * patch + 2 * gap + 2 * jitter
    corner = images[:, :, :span, :span]
    return pretext.relative_position(corner, patch=patch, gap=gap, jitter=jitter, **options)


# --- jigsaw --------------------------------------------------------------------------------------


@mistake(pretext.jigsaw)
def order_inverted(images, permutations, **options):
    return pretext.jigsaw(images, permutations.argsort(1), **options)


@mistake(pretext.jigsaw)
def tiles_column_by_column(images, permutations, **options):
    return pretext.jigsaw(images.mT, permutations, **options)


@mistake(pretext.jigsaw)
def same_order_for_all(images, permutations, *, generator=None, **options):
    label = int(torch.randint(len(permutations), (), generator=generator))
    tiles, labels = pretext.jigsaw(images, permutations[label][None], **options)
    return tiles, labels + label


@mistake(pretext.jigsaw)
def labels_of_other_images(images, permutations, **options):
    tiles, labels = pretext.jigsaw(images, permutations, **options)
    return tiles, labels.roll(1)


@mistake(pretext.permutation_set)
def random_orders(n_tiles, count):
    generator = torch.Generator().manual_seed(0)
    orders = {tuple(range(n_tiles))}
    while len(orders) < count:
        orders.add(tuple(torch.randperm(n_tiles, generator=generator).tolist()))
    return torch.tensor(sorted(orders))


@mistake(pretext.permutation_set)
def first_orders_by_alphabet(n_tiles, count):
    return torch.tensor(list(islice(permutations(range(n_tiles)), count)))


@mistake(pretext.permutation_set)
def nearest_orders(n_tiles, count):
    """The least distance to those chosen, where the largest is asked for."""
    every = torch.tensor(list(permutations(range(n_tiles))))
    chosen = [0]
    while len(chosen) < count:
        distance = (every[:, None] != every[chosen]).sum((1, 2))
        distance[chosen] = distance.max() + 1
        chosen.append(int(distance.argmin()))
    return every[chosen]


# --- blocks --------------------------------------------------------------------------------------


@mistake(pretext.block_mask)
def block_in_the_corner(n, grid, size, *, generator=None):
    mask = torch.zeros(n, *grid, dtype=torch.bool)
    mask[:, : size[0], : size[1]] = True
    return mask


@mistake(pretext.block_mask)
def block_round_the_edge(n, grid, size, *, generator=None):
    """It leaves at one side and comes in at the other."""
    corner = block_in_the_corner(n, grid, size)
    moves = [torch.randint(side, (n,), generator=generator).tolist() for side in grid]
    rolled = [one.roll(move, (0, 1)) for one, *move in zip(corner, *moves, strict=True)]
    return torch.stack(rolled)


@mistake(pretext.block_mask)
def block_sideways(n, grid, size, *, generator=None):
    return pretext.block_mask(n, grid, (size[1], size[0]), generator=generator)


@mistake(pretext.block_mask)
def same_block_for_all(n, grid, size, *, generator=None):
    return pretext.block_mask(1, grid, size, generator=generator).expand(n, -1, -1)
