"""Mistakes in drawing which patches are hidden."""

from __future__ import annotations

import math

import torch
from torch import Generator

from mlteach.mistakes._registry import mistake


def random_mask(n, grid, ratio, generator):
    """Right: (n, rows, columns), True for round(ratio * N) random patches, never none, never all.

    The check judges any way of drawing by what masks show; here is one.
    """
    return lowest(n, grid, number_hidden(grid, ratio), generator)


def number_hidden(grid, ratio, rounded=round):
    """How many patches of each image are hidden."""
    return min(max(rounded(ratio * math.prod(grid)), 1), math.prod(grid) - 1)


def lowest(n, grid, hidden, generator):
    """Hides those patches of each image that have drawn the lowest numbers."""
    order = torch.rand(n, math.prod(grid), generator=generator).argsort(1)
    return (order.argsort(1) < hidden).reshape(n, *grid)


@mistake(random_mask, "all images get the same mask: draw anew for each of the n images")
def one_mask_for_all(n, grid, ratio, generator):
    return random_mask(1, grid, ratio, generator).expand(n, *grid)


@mistake(
    random_mask,
    "the images have different numbers of hidden patches: a coin for each patch hides so many on "
    "average only; put the patches of an image in random order and hide the first ones",
)
def a_coin_for_each_patch(n, grid, ratio, generator):
    return torch.rand(n, *grid, generator=generator) < ratio


@mistake(
    random_mask,
    "some patches are drawn twice, so that fewer are hidden: take them from a random order, "
    "as `torch.randperm` or `argsort` of random numbers gives it",
)
def drawn_with_replacement(n, grid, ratio, generator):
    places = torch.randint(math.prod(grid), (n, number_hidden(grid, ratio)), generator=generator)
    mask = torch.zeros(n, math.prod(grid), dtype=torch.bool)
    return mask.scatter(1, places, True).reshape(n, *grid)


@mistake(
    random_mask,
    "the batch as a whole has the right number of hidden patches, single images have more or "
    "fewer: order the patches within each image, along dimension 1",
)
def counted_over_the_batch(n, grid, ratio, generator):
    patches = n * math.prod(grid)
    order = torch.randperm(patches, generator=generator)
    return (order < n * number_hidden(grid, ratio)).reshape(n, *grid)


@mistake(
    random_mask,
    "each patch is hidden in equally many images: argsort orders the images there, "
    "dimension 0; order the patches within each image, along dimension 1",
)
def ordered_over_images(n, grid, ratio, generator):
    order = torch.rand(n, math.prod(grid), generator=generator).argsort(0)
    return (order.argsort(0) < number_hidden(grid, ratio)).reshape(n, *grid)


@mistake(random_mask, "hidden and visible patches are swapped: True is a hidden one")
def visible_marked(n, grid, ratio, generator):
    return ~random_mask(n, grid, ratio, generator)


@mistake(
    random_mask,
    "the number of hidden patches is cut off to a whole one: int(…) and // round down, round it",
)
def number_cut_off(n, grid, ratio, generator):
    return lowest(n, grid, number_hidden(grid, ratio, math.floor), generator)


@mistake(random_mask, "the number of hidden patches is rounded up: round to the nearest one")
def number_rounded_up(n, grid, ratio, generator):
    return lowest(n, grid, number_hidden(grid, ratio, math.ceil), generator)


@mistake(
    random_mask,
    "a half is rounded up: round(4.5) is 4, since Python's round goes to the even number",
)
def halves_rounded_up(n, grid, ratio, generator):
    return lowest(n, grid, number_hidden(grid, ratio, lambda x: math.floor(x + 0.5)), generator)


@mistake(random_mask, "at ratio 0 no patch is hidden, and there is nothing to guess: at least one")
def nothing_hidden(n, grid, ratio, generator):
    hidden = min(round(ratio * math.prod(grid)), math.prod(grid) - 1)
    return lowest(n, grid, hidden, generator)


@mistake(random_mask, "at ratio 1 every patch is hidden, and there is nothing to guess from")
def everything_hidden(n, grid, ratio, generator):
    return lowest(n, grid, max(round(ratio * math.prod(grid)), 1), generator)


@mistake(random_mask, "the same patches are hidden in every image of every call: nothing is drawn")
def first_patches(n, grid, ratio, generator):
    mask = torch.arange(math.prod(grid)) < number_hidden(grid, ratio)
    return mask.expand(n, -1).reshape(n, *grid)


@mistake(
    random_mask,
    "two calls with equal generators hide different patches: "
    "take all random numbers from the generator, generator=generator",
)
def generator_not_used(n, grid, ratio, generator):
    return random_mask(n, grid, ratio, None)


@mistake(
    random_mask,
    "every call hides the same patches, whatever the generator: a seed is set inside your function",
)
def seeded_inside(n, grid, ratio, generator):
    return random_mask(n, grid, ratio, Generator().manual_seed(0))


@mistake(
    random_mask,
    "the hidden patches of an image always lie in one run: where it begins is random, "
    "which patches are hidden is not",
)
def one_run(n, grid, ratio, generator):
    start = torch.randint(math.prod(grid), (n, 1), generator=generator)
    places = (torch.arange(math.prod(grid)) - start) % math.prod(grid)
    return (places < number_hidden(grid, ratio)).reshape(n, *grid)


@mistake(
    random_mask,
    "every row of patches has equally many hidden ones: order all patches of an image, "
    "not each row of them",
)
def row_by_row(n, grid, ratio, generator):
    rows, columns = grid
    return random_mask(n * rows, (1, columns), ratio, generator).reshape(n, rows, columns)


@mistake(
    random_mask,
    "whole rows of patches are hidden: each patch is hidden by itself, not its row",
)
def whole_rows(n, grid, ratio, generator):
    rows, columns = grid
    return random_mask(n, (rows, 1), ratio, generator).expand(n, rows, columns)


@mistake(random_mask, "grid is (rows, columns), and your masks have columns and rows swapped")
def rows_and_columns_swapped(n, grid, ratio, generator):
    return random_mask(n, grid[::-1], ratio, generator)


@mistake(
    random_mask,
    "the patches of an image stand in one row: bring them into rows and columns at the end, "
    "with `.reshape(n, rows, columns)`",
)
def left_in_one_row(n, grid, ratio, generator):
    return random_mask(n, grid, ratio, generator).flatten(1)


@mistake(
    random_mask,
    "these are the numbers of the hidden patches: make a mask of them, "
    "`mask.scatter(1, numbers, True)` on one row of False for each image",
)
def numbers_for_a_mask(n, grid, ratio, generator):
    order = torch.rand(n, math.prod(grid), generator=generator).argsort(1)
    return order[:, : number_hidden(grid, ratio)]


@mistake(random_mask, "one mask comes back, and n are asked for: one for each image")
def one_mask_only(n, grid, ratio, generator):
    return random_mask(1, grid, ratio, generator)[0]


@mistake(
    random_mask,
    "one patch too many is hidden: the ranks below k are k of them, 0 to k - 1, so < and not <=",
)
def one_too_many(n, grid, ratio, generator):
    return lowest(n, grid, number_hidden(grid, ratio) + 1, generator)
