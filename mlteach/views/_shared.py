"""What all views share: the check of their images and the draws."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Generator, Tensor

from mlteach import _validate

View = TypeVar("View", bound=Callable[..., Tensor])

COLOURS = (1, 3)  # channels where colours are mixed: grey, or red, green and blue


STRONGEST = 1e6  # more of a shift, an angle or a factor than float32 can compute with sensibly


def draw_device(images: Tensor, generator: Generator | None) -> torch.device:
    """A generator draws on its own device only."""
    return images.device if generator is None else generator.device


def uniforms(images: Tensor, count: int, generator: Generator | None) -> Tensor:
    """(B, count) numbers in [0, 1): all that is random in one view of each image."""
    _validate.generator("generator", generator)
    device = draw_device(images, generator)
    return torch.rand(len(images), count, generator=generator, device=device).to(images)


def in_float32(view: View) -> View:
    """The view, which computes with images of 16 bits in float32.

    Rounded at every step, a blur would leave [0, 1], and a draw close to 1 would be 1.
    """

    @functools.wraps(view)
    def wide(images: Tensor, **options: Any) -> Tensor:
        if isinstance(images, Tensor) and images.dtype in (torch.float16, torch.bfloat16):
            return view(images.float(), **options).to(images.dtype)
        return view(images, **options)

    wide_view: Any = wide
    return wide_view
