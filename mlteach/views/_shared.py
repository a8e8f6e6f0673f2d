"""What all views share: the draws, and the checks of their arguments."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor


def draw_device(images: Tensor, generator: Generator | None) -> torch.device:
    """A generator draws on its own device only."""
    return images.device if generator is None else generator.device


def uniforms(images: Tensor, count: int, generator: Generator | None) -> Tensor:
    """(B, count) numbers in [0, 1): the whole chance of one view of each picture."""
    draws = torch.rand(
        len(images), count, generator=generator, device=draw_device(images, generator)
    )
    return draws.to(images)


def check_images(images: Tensor, *, colours: bool = False) -> None:
    """Float pictures (B, C, H, W); where colours are mixed, grey ones or red, green and blue."""
    if not isinstance(images, Tensor) or not images.is_floating_point():
        given = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images must be a float tensor in [0, 1], got {given}")
    if images.ndim != 4:
        raise ValueError(f"images must be (B, C, H, W), got shape {tuple(images.shape)}")
    if colours and images.shape[1] not in (1, 3):
        raise ValueError(
            f"images must have 1 channel (grey) or 3 (red, green, blue), got {images.shape[1]}"
        )


def checked_strength(name: str, value: float, *, most: float = math.inf) -> float:
    """A number from 0 to the most that has a meaning."""
    if not (0 <= value <= most and value < math.inf):
        allowed = "a finite number >= 0" if most == math.inf else f"a number in [0, {most:g}]"
        raise ValueError(f"{name} must be {allowed}, got {value}")
    return float(value)


def checked_range(
    name: str, value: tuple[float, float], *, most: float = math.inf
) -> tuple[float, float]:
    """A pair (low, high) of positive numbers in order."""
    pair = isinstance(value, (tuple, list)) and len(value) == 2
    if not pair or not (0 < value[0] <= value[1] <= most and value[1] < math.inf):
        end = "" if most == math.inf else f" <= {most:g}"
        raise ValueError(f"{name} must be (low, high) with 0 < low <= high{end}, got {value}")
    return float(value[0]), float(value[1])
