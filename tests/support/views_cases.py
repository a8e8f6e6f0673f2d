"""What the tests of the views share: seeds, views at strength, and the test of uniform draws."""

from __future__ import annotations

import math
from functools import partial

import torch

from mlteach.views import (
    add_noise,
    color_jitter,
    handwriting_view,
    random_blur,
    random_crop,
    random_flip,
    random_grayscale,
    random_rotation,
    random_shift,
    random_view,
    simclr_view,
)

# every view with a strength at which each image changes for most draws, and with the one at which
# nothing does
STRONG = [
    partial(random_crop, scale=(0.3, 0.9)),
    partial(random_shift, pixels=2.5),
    partial(random_rotation, radians=0.8),
    partial(random_flip, probability=0.5),
    partial(add_noise, std=0.1),
    partial(random_view, scale=(0.3, 1.0), pixels=2.5, radians=0.8, flip=0.5, std=0.1),
    partial(color_jitter, brightness=0.5, contrast=0.5, saturation=0.5, hue=0.3),
    partial(random_grayscale, probability=0.5),
    partial(random_blur, sigma=(0.5, 1.5)),
    partial(simclr_view, blur=0.5),
    handwriting_view,
]
NOTHING = [
    partial(random_crop, scale=(1.0, 1.0)),
    partial(random_shift, pixels=0.0),
    partial(random_rotation, radians=0.0),
    partial(random_flip, probability=0.0),
    partial(add_noise, std=0.0),
    random_view,
    color_jitter,
    partial(random_grayscale, probability=0.0),
    partial(random_blur, probability=0.0),
    partial(simclr_view, scale=(1.0, 1.0), radians=0.0, flip=0.0, jitter=0.0, grayscale=0.0),
    partial(
        handwriting_view,
        **dict.fromkeys(("radians", "shear", "scale", "aspect", "pixels"), 0.0),
        **{"elastic": 0.0, "stroke": 0.0},
    ),
]


def name_of(view):
    """A view's name, for the test's."""
    return getattr(view, "func", view).__name__


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(*shape, seed=5, dtype=torch.float64):
    return torch.rand(*shape, generator=seeded(seed), dtype=dtype)


def has_its_own_draw(view):
    """Twelve views of one image: not one view for all, and rarely twice the same."""
    drawn = view(
        random_images(1, 3, 16, 16, seed=1).repeat(12, 1, 1, 1), generator=seeded()
    ).flatten(1)
    return (drawn - drawn[0]).abs().max() > 1e-3


def distance_from_uniform(values, low=0.0, high=1.0):
    """Largest gap between the values' distribution and the uniform one in [low, high]."""
    expected = (values.sort().values - low) / (high - low)
    ranks = torch.arange(len(values) + 1) / len(values)
    return torch.maximum((ranks[1:] - expected).abs().max(), (expected - ranks[:-1]).abs().max())


# By the Dvoretzky-Kiefer-Wolfowitz inequality uniform draws exceed sqrt(log(2 / p) / 2n) with
# probability p at most; p = 1e-6.
N_DRAWS = 4096
TOLERANCE = math.sqrt(math.log(2e6) / (2 * N_DRAWS))


def five_deviations(p, n=N_DRAWS):
    """Five standard deviations of the share of an event of probability p among n draws."""
    return 5 * math.sqrt(p * (1 - p) / n)
