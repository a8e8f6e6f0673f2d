"""Colour images of simple shapes whose every factor is known."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.data.cache import on_cpu
from mlteach.data.dataset import Dataset

SHAPES = ("disc", "ring", "square", "triangle", "star", "cross", "heart", "moon")
N_HUES = 8  # classes of the hue
SIDE = 32  # pixels
MOST = 1e6  # of an amount: far beyond what can be seen, and no sum of two overflows


@on_cpu
def shapes(
    n: int = 6000,
    seed: int = 0,
    *,
    size: tuple[float, float] = (0.45, 0.8),
    rotation: float = 0.5,
    texture: float = 0.02,
    noise: float = 0.03,
) -> Dataset:
    """Draws one shape an image; the label is the shape, every other factor independent of it.

    Half of the images are bright on dark, half dark on bright, so that a shape stays visible in
    grey and its brightness tells nothing about it.

    Args:
        n: number of images, >= 1.
        seed: the same arguments give the same images, to the bit, on every machine.
        size: (low, high) of the shape's diameter as a share of the image's side, within (0, 1].
        rotation: the shape turns by up to this angle either way, radians.
        texture: standard deviation of the stripes on the background; views of one image share
            them, a shortcut.
        noise: standard deviation of each pixel's noise.

    Returns:
        Images (n, 3, 32, 32), multiples of 1/255; labels index SHAPES. Factors: "shape" (the
        label), "hue" of the shape in [0, 1), "hue_class" (its eighth, 0 to 7), "size", "x" and "y"
        of the centre (the image reaches from -1 to 1, y points down), "rotation" (clockwise),
        "background" (its hue), "polarity" (1 where bright on dark).

    Raises:
        TypeError: n or seed is no whole number, or another argument holds no number.
        ValueError: n < 1, seed is not in 0 ... 2**32 - 1, size is not 0 < low <= high <= 1, or
            another argument is negative or above a million.
    """
    n, seed = _validate.count("n", n), _validate.seed("seed", seed)
    size = _validate.interval("size", size, above=0, at_most=1)
    rotation = _validate.strength("rotation", rotation, at_most=MOST)
    texture = _validate.strength("texture", texture, at_most=MOST)
    noise = _validate.strength("noise", noise, at_most=MOST)
    # All in float64, rounded to 8 bits at the end: the last bits, in which machines differ, do not
    # survive.
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *extra: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *extra, generator=generator, dtype=torch.float64)

    label = uniform(0, len(SHAPES)).long()
    hue, background = uniform(0, 1), uniform(0, 1)
    diameter = uniform(*size)
    x, y = uniform(-0.45, 0.45), uniform(-0.45, 0.45)
    angle = uniform(-rotation, rotation)
    bright = uniform(0, 2).long()  # 1 bright on dark, 0 dark on bright

    here = (torch.arange(SIDE, dtype=torch.float64) + 0.5) * 2 / SIDE - 1
    row, column = torch.meshgrid(here, here, indexing="ij")  # (H, W)
    # (n, 1, H, W)
    cover = _cover(label, column - _column(x), row - _column(y), angle, diameter)[:, None]
    wave = uniform(0, math.tau)
    # along a random direction
    ahead = torch.cos(_column(wave)) * column + torch.sin(_column(wave)) * row
    waves, start = _column(uniform(4, 12)), _column(uniform(0, math.tau))
    stripes = math.sqrt(2) * torch.sin(waves * ahead + start)[:, None]
    # far enough apart that the shape stays visible in grey, whatever the two hues
    paint = _rgb(
        hue,
        saturation=torch.where(bright == 1, uniform(0.35, 0.7), uniform(0.65, 0.95)),
        value=torch.where(bright == 1, uniform(0.8, 1), uniform(0.3, 0.55)),
    )
    ground = _rgb(
        background,
        saturation=torch.where(bright == 1, uniform(0.2, 0.6), uniform(0.05, 0.25)),
        value=torch.where(bright == 1, uniform(0.08, 0.32), uniform(0.78, 1)),
    )
    images = cover * paint + (1 - cover) * (ground + texture * stripes)
    # uniform noise of that standard deviation
    images += noise * uniform(-math.sqrt(3), math.sqrt(3), 3, SIDE, SIDE)
    images = images.clamp(0, 1).mul(255).round().float().div(255)
    factors = {
        "shape": label,
        "hue": hue.float(),
        "hue_class": (hue * N_HUES).long(),
        "size": diameter.float(),
    }
    factors |= {"x": x.float(), "y": y.float(), "rotation": angle.float()}
    factors |= {"background": background.float(), "polarity": bright}
    return Dataset("shapes", images, label, SHAPES, factors)


def _column(values: Tensor) -> Tensor:
    """(n,) to (n, 1, 1), to meet images."""
    return values[:, None, None]


def _cover(label: Tensor, x: Tensor, y: Tensor, angle: Tensor, diameter: Tensor) -> Tensor:
    """Share of each pixel (n, H, W) that the shape covers; x, y are seen from its centre."""
    cos, sin = torch.cos(_column(angle)), torch.sin(_column(angle))
    x, y = (cos * x + sin * y) / _column(diameter), (cos * y - sin * x) / _column(diameter)
    distance = torch.empty_like(x)
    for number, name in enumerate(SHAPES):
        members = label == number
        distance[members] = _distance(name, x[members], y[members])
    return (0.5 - distance * _column(diameter) * SIDE / 2).clamp(0, 1)


def _distance(shape: str, x: Tensor, y: Tensor) -> Tensor:
    """Signed distance from the outline, negative inside; about the unit circle, y points down."""
    radius = torch.hypot(x, y)
    match shape:
        case "disc":
            return radius - 0.85
        case "ring":
            return (radius - 0.7).abs() - 0.2
        case "square":
            return torch.maximum(x.abs(), y.abs()) - 0.75
        case "triangle":
            return torch.maximum(math.sqrt(0.75) * x.abs() - 0.5 * y, y) - 0.5
        case "cross":
            long, short = torch.maximum(x.abs(), y.abs()), torch.minimum(x.abs(), y.abs())
            return torch.maximum(long - 0.95, short - 0.3)
        case "star":
            # folded into the tenth between a tip at (1, 0) and the notch beside it
            turn = torch.atan2(x, -y).remainder(math.tau / 5)
            turn = torch.minimum(turn, math.tau / 5 - turn)
            notch_x, notch_y = 0.45 * math.cos(math.pi / 5), 0.45 * math.sin(math.pi / 5)
            ahead, aside = radius * torch.cos(turn), radius * torch.sin(turn)
            across = notch_y * (ahead - 1) + (1 - notch_x) * aside
            return across / math.hypot(notch_y, 1 - notch_x)
        case "heart":
            # a square on its corner with a half disc on each upper side
            right, left = (x - y - 0.05) / math.sqrt(2), (-x - y - 0.05) / math.sqrt(2)
            square = torch.maximum(right.abs(), left.abs()) - 0.55
            to_right, to_left = torch.hypot(right - 0.55, left), torch.hypot(right, left - 0.55)
            return torch.minimum(square, torch.minimum(to_right, to_left) - 0.55)
        case "moon":
            return torch.maximum(radius - 0.9, 0.75 - torch.hypot(x - 0.45, y))
    raise ValueError(f"no shape is called {shape!r}")


def _rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """(n,) each, to colours (n, 3, 1, 1)."""
    sixths = torch.tensor([5.0, 3.0, 1.0], dtype=hue.dtype)  # where red, green and blue are lowest
    place = (sixths + 6 * hue[:, None]).remainder(6)
    lack = torch.minimum(place, 4 - place).clamp(0, 1)
    return (value[:, None] * (1 - saturation[:, None] * lack))[:, :, None, None]
