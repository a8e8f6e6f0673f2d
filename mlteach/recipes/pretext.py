"""How each pretext task, and SimCLR beside them, learns in about six seconds of one thread.

>>> method = pretext.train("Jigsaw", seed=0)
>>> selfsup.measured(method)  # {"knn": ..., "shape": ..., "hue": ...}

All have the same encoder and about the same time, so that their scores can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from mlteach.networks import AverageAndMaxPool, conv_encoder, mlp, projection_head
from mlteach.pretext import (
    Jigsaw,
    MaskedLatents,
    MaskedReconstruction,
    RelativePosition,
    Rotation,
    all_rotations,
    jigsaw,
    permutation_set,
    random_mask,
    relative_position,
)
from mlteach.recipes.batches import pretext_batches
from mlteach.recipes.selfsup import datasets
from mlteach.selfsup import SimCLR
from mlteach.training import fit, seed_everything
from mlteach.views import simclr_view

WIDTHS = (16, 64, 128)
FEATURES = 2 * WIDTHS[-1]  # average and maximum of every channel
ORDERS = permutation_set(4, 24)  # all orders of four tiles
PATCH = 8  # pixels of a hidden patch: one cell of the map


def feature_map(channels: int = 3) -> nn.Sequential:
    """(B, C, H, W) -> (B, 128, H / 8, W / 8): the blocks of `conv_encoder`, before its pooling."""
    return nn.Sequential(*list(conv_encoder(channels, widths=WIDTHS, norm="group"))[:-2])


def encoder(channels: int = 3) -> nn.Sequential:
    """(B, C, H, W) -> (B, 256): the same map, pooled; of patches and of whole images."""
    return nn.Sequential(feature_map(channels), AverageAndMaxPool())


def decoder(channels: int = 3) -> nn.Sequential:
    """(B, 128, h, w) -> (B, C, 8 * h, 8 * w): each cell paints its patch, with its neighbours."""
    pixels = channels * PATCH**2
    look_around = nn.Conv2d(WIDTHS[-1], 128, 3, padding=1)
    return nn.Sequential(look_around, nn.ReLU(), nn.Conv2d(128, pixels, 1), nn.PixelShuffle(PATCH))


def predictor() -> nn.Sequential:
    """(B, 128, h, w) -> (B, 128, h, w): what a cell would hold, with its neighbours."""
    look_around = nn.Conv2d(WIDTHS[-1], 128, 3, padding=1)
    return nn.Sequential(look_around, nn.ReLU(), nn.Conv2d(128, WIDTHS[-1], 1))


def masked(
    images: Tensor, *, ratio: float = 0.5, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Images, and for each of them a random mask of patches of 8 x 8 pixels."""
    grid = images.shape[2] // PATCH, images.shape[3] // PATCH
    return images, random_mask(len(images), grid, ratio, generator=generator)


def turned(images: Tensor, *, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
    """`all_rotations`, which draws nothing."""
    return all_rotations(images)


def two_views(images: Tensor, *, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
    """Two views of every image, as SimCLR compares them."""
    return simclr_view(images, generator=generator), simclr_view(images, generator=generator)


positions = partial(relative_position, patch=9, gap=1, jitter=1)
# not normalised, one start in three stays at chance level for hundreds of steps
puzzles = partial(jigsaw, permutations=ORDERS, gap=4, normalise=True)


class Recipe(NamedTuple):
    """A method, the task that it learns from, and the linear probe of the shape that it reaches."""

    method: Callable[[int], nn.Module]  # of the images' channels
    task: Callable[..., tuple[Tensor, ...]]
    steps: int
    floor: float  # two points or more below the worst of three seeds, with 500 labels
    lr: float = 4e-3
    batch_size: int = 128


def _rotation(channels: int) -> nn.Module:
    return Rotation(encoder(channels), mlp(FEATURES, 128, 4))


def _position(channels: int) -> nn.Module:
    return RelativePosition(encoder(channels), mlp(2 * FEATURES, 256, 8))


def _jigsaw(channels: int) -> nn.Module:
    return Jigsaw(encoder(channels), mlp(4 * FEATURES, 256, len(ORDERS)))


def _pixels(channels: int) -> nn.Module:
    return MaskedReconstruction(feature_map(channels), decoder(channels))


def _latents(channels: int) -> nn.Module:
    return MaskedLatents(feature_map(channels), predictor(), decay=0.99)


def _simclr(channels: int) -> nn.Module:
    return SimCLR(encoder(channels), projection_head(FEATURES), temperature=0.15)


RECIPES = {
    "Rotation": Recipe(_rotation, turned, steps=220, floor=0.4, lr=2e-3, batch_size=32),
    "RelativePosition": Recipe(_position, positions, steps=400, floor=0.42),
    "Jigsaw": Recipe(_jigsaw, puzzles, steps=220, floor=0.38, lr=2e-3),
    "MaskedReconstruction": Recipe(_pixels, masked, steps=120, floor=0.33),
    "MaskedLatents": Recipe(_latents, masked, steps=110, floor=0.34),
    "SimCLR": Recipe(_simclr, two_views, steps=100, floor=0.54),
}


def build(name: str, *, seed: int = 0, channels: int = 3) -> nn.Module:
    """The method as its training begins.

    Args:
        name: of RECIPES.
        seed: of the first weights.
        channels: of the images.
    """
    seed_everything(seed)
    method: Any = RECIPES[name].method(channels)
    return method.to(memory_format=torch.channels_last)  # convolutions are quicker so


def train(
    name: str,
    images: Tensor | None = None,
    *,
    seed: int = 0,
    steps: int | None = None,
    callback: Callable[[int, float, Any], object] | None = None,
) -> nn.Module:
    """The method after training by its recipe.

    Args:
        name: of RECIPES.
        images: (N, C, H, W) to learn from; None for those of `mlteach.recipes.selfsup.datasets`.
        seed: of the first weights and of the training.
        steps: None for those of the recipe, which the floor is for.
        callback: see `mlteach.training.fit`.
    """
    images = datasets()[0].images if images is None else images
    method = build(name, seed=seed, channels=images.shape[1])
    recipe = RECIPES[name]
    draw = pretext_batches(images, recipe.task, batch_size=recipe.batch_size)
    steps = recipe.steps if steps is None else steps
    fit(method, draw, steps=steps, lr=recipe.lr, seed=seed, callback=callback, progress=False)
    return method
