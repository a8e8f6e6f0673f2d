"""What all views share: the check of their images and the draws."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mlteach import _validate

COLOURS = (1, 3)  # channels where colours are mixed: grey, or red, green and blue


def draw_device(images: Tensor, generator: Generator | None) -> torch.device:
    """A generator draws on its own device only."""
    return images.device if generator is None else generator.device


def uniforms(images: Tensor, count: int, generator: Generator | None) -> Tensor:
    """(B, count) numbers in [0, 1): all that is random in one view of each image."""
    _validate.generator("generator", generator)
    device = draw_device(images, generator)
    return torch.rand(len(images), count, generator=generator, device=device).to(images)
