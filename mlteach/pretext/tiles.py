"""Jigsaw: in which order do the tiles lie?"""

from __future__ import annotations

import math
from itertools import permutations as all_permutations

import numpy as np
import torch
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.pretext._shared import (
    Classifier,
    boxes,
    classified,
    one_channel,
    standardised,
    together,
    whole_numbers,
)

MOST_TILES = 9  # of ten there are millions of orders


def permutation_set(n_tiles: int, count: int) -> Tensor:
    """Chooses orders of tiles that are as different from each other as can be, one after the other.

    From the order in which nothing is moved on, always that order is added which differs from those
    already chosen in the most places, all counted together; of several such ones one that keeps the
    largest distance to the nearest of them, and of these the first by alphabet.

    Args:
        n_tiles: T, 2 to 9.
        count: orders, 1 to T! (24 for 4 tiles).

    Returns:
        (count, T), each row the numbers 0 to T - 1 in another order; row 0 is in order.

    Raises:
        TypeError, ValueError: a number is none or outside its range.

    Source: Noroozi and Favaro 2016, arXiv:1603.09246, Algorithm 1, which begins at a random
        order and says nothing of equal ones.
    """
    n_tiles = _validate.count("n_tiles", n_tiles, at_least=2, at_most=MOST_TILES)
    count = _validate.count("count", count, at_most=math.factorial(n_tiles))
    orders = np.array(
        list(all_permutations(range(n_tiles))), dtype=np.int8
    )  # in alphabetical order
    total = np.zeros(len(orders), dtype=np.int64)  # places, to all chosen ones together
    nearest = np.full(len(orders), n_tiles)  # places, to the most similar of them
    chosen = [0]
    while len(chosen) < count:
        different = (orders != orders[chosen[-1]]).sum(1)
        total, nearest = total + different, np.minimum(nearest, different)
        total[chosen[-1]] = np.iinfo(np.int64).min // 2  # not again
        best = np.flatnonzero(total == total.max())
        chosen.append(int(best[nearest[best].argmax()]))
    return torch.from_numpy(orders[chosen]).long()


def jigsaw(
    images: Tensor,
    permutations: Tensor,
    *,
    gap: int = 0,
    drop_colour: bool = False,
    normalise: bool = False,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Cuts every image into square tiles and lays them in one of the given orders, the label.

    Args:
        images: (B, C, H, W) floating-point; not changed.
        permutations: (count, T) orders of the T = n * n tiles; n divides H and W. Row by row, place
            i shows the tile that lay at place permutations[label, i].
        gap: a tile is so many pixels smaller than its n-th of the image, and lies anywhere in it;
            0 leaves no pixel out, so that neighbouring tiles fit at their edges.
        drop_colour: all tiles show one and the same channel of their image, drawn at random, in
            place of all.
        normalise: each channel of each tile gets mean 0 and standard deviation 1.
        generator: source of the draws.

    Returns:
        (B, T, C, h, w) tiles and (B,) labels 0 to count - 1, each equally likely.

    Raises:
        TypeError, ValueError: an argument is not as described, or a gap leaves nothing of a tile.

    Source: Noroozi and Favaro 2016, arXiv:1603.09246, Section 3 (there 9 tiles of 64 of 75 pixels,
        each normalised, and part of the images in grey).
    """
    _validate.images("images", images, unit=False)
    _validate.finite("images", images)
    permutations = check_permutations(permutations)
    drop_colour = _validate.flag("drop_colour", drop_colour)
    normalise = _validate.flag("normalise", normalise)
    _validate.generator("generator", generator)
    n = math.isqrt(permutations.shape[1])
    height, width = images.shape[2:]
    if height != width or height % n:
        raise ValueError(f"images must be square and divisible by {n}, got {height} x {width}")
    cell = height // n
    gap = _validate.count("gap", gap, at_least=0, at_most=cell - 1)
    labels = whole_numbers(images, len(permutations) - 1, 1, generator)[:, 0]
    moved = whole_numbers(images, gap, 2 * n * n, generator)
    if drop_colour:
        images = one_channel(images, generator)
    tiles = [
        boxes(images, i // n * cell + down, i % n * cell + right, cell - gap)
        for i, (down, right) in enumerate(moved.T.unflatten(0, (n * n, 2)))
    ]
    in_order = torch.stack(tiles, 1)  # (B, T, C, h, w)
    if normalise:
        in_order = standardised(in_order)
    image = torch.arange(len(images), device=images.device)[:, None]
    return in_order[image, permutations.to(images.device)[labels]], labels


def check_permutations(permutations: Tensor) -> Tensor:
    """(count, T) int64: rows of the numbers 0 to T - 1, T a square."""
    permutations = _validate.as_tensor("permutations", permutations)
    if permutations.dtype not in _validate.INTEGERS:
        given = _validate.kind(permutations)
        raise TypeError(f"permutations must be whole numbers, got {given}")
    _validate.shaped("permutations", permutations, "count", "T", at_least=1)
    permutations, n_tiles = permutations.long(), permutations.shape[1]
    if n_tiles < 2 or math.isqrt(n_tiles) ** 2 != n_tiles:
        raise ValueError(f"permutations must be of 4, 9, 16 ... tiles, got {n_tiles}")
    in_order = torch.arange(n_tiles, device=permutations.device)
    if not (permutations.sort(1).values == in_order).all():
        raise ValueError(f"permutations must hold each of 0 to {n_tiles - 1} once in every row")
    return permutations


class Jigsaw(Classifier):
    """Learns by saying in which order the tiles of an image lie.

    >>> orders = permutation_set(4, 24)
    >>> draw = recipes.pretext_batches(images, partial(jigsaw, permutations=orders, gap=4))

    Args:
        encoder: module (B, ...) -> (B, D), for every tile alike.
        head: module (B, T * D) -> (B, count): of the T tiles' representations side by side the
            logits of the orders.

    Raises:
        TypeError, ValueError: encoder or head is no network; by `loss`, they do not fit the tiles
            or each other.

    Source: Noroozi and Favaro 2016, arXiv:1603.09246, Section 3.2, the context-free network.
    """

    def logits(self, tiles: Tensor) -> Tensor:
        """(B, T, C, h, w) -> (B, count): how likely the network thinks each order."""
        return _validate.outputs("head", self.head, self._joined(tiles))

    def loss(self, tiles: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the orders, in nats; log(count) for a network that cannot tell.

        Args:
            tiles: (B, T, C, h, w), see `jigsaw`.
            labels: (B,) numbers of orders.

        Returns:
            () and {"logits" (B, count), "accuracy" ()}.
        """
        return classified(self.head, self._joined(tiles), labels)

    def _joined(self, tiles: Tensor) -> Tensor:
        """(B, T * D)."""
        if _validate.floats("tiles", tiles).dim() != 5 or 0 in tiles.shape[1:]:
            raise ValueError(f"tiles must be (B, T, C, h, w), got shape {tuple(tiles.shape)}")
        return together(self.encoder, tiles.unbind(1), of="tiles")
