"""Views that leave everything in its place: colour, blur and noise."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.views._shared import COLOURS, draw_device, uniforms

GREY = (0.299, 0.587, 0.114)  # how bright red, green and blue look; the three add up to 1
ASIDE = 1e-2  # a blur of so few pixels changes nothing: exp(-1e4 / 2) is 0


def color_jitter(
    images: Tensor,
    *,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
    generator: Generator | None = None,
) -> Tensor:
    r"""Change every image's brightness, contrast, saturation and hue by one matrix and one offset.

    .. math:: \text{view} = R\,\big(s I + (1 - s) \mathbf 1 g^\top\big)\, c\, b\, x
              + (1 - c)\, b\, m \mathbf 1

    for every pixel x = (red, green, blue), with g the weights of grey, m the image's mean grey,
    b, c and s the factors of brightness, contrast and saturation, and R the rotation about the grey
    axis by the turn of the hue; then clamped to [0, 1].

    The strengths mean what they mean in torchvision's ColorJitter. What differs: the four steps
    have one order, not a random one; it clamps once, at the end, not after every step; and its hue
    turns in HSV, which keeps the largest and smallest of the three, where a rotation keeps their
    mean: both agree at turns of 0 and 1/3.

    Args:
        images: (B, C, H, W) float images in [0, 1] with 1 or 3 channels; not changed. Grey ones
            have neither saturation nor hue to change.
        brightness, contrast, saturation: >= 0; each factor is uniform in [max(0, 1 - strength), 1 +
            strength).
        hue: in [0, 0.5]; the turn is uniform in [-hue, hue) of a full circle, a third makes red to
            green.
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images where all strengths are 0.

    Raises:
        TypeError: images is no float tensor.
        ValueError: images is not (B, 1 or 3, H, W), or a strength is outside its range.
    """
    _validate.images("images", images, channels=COLOURS)
    draws = uniforms(images, 4, generator)
    matrix, offset = jitter_matrix(images, draws, brightness, contrast, saturation, hue)
    return recolour(images, matrix, offset)


def random_grayscale(
    images: Tensor, *, probability: float = 0.2, generator: Generator | None = None
) -> Tensor:
    """Make some of the images grey: all three channels become 0.299 R + 0.587 G + 0.114 B.

    Args:
        images: (B, C, H, W) float images in [0, 1] with 1 or 3 channels; not changed, and grey
            ones stay as they are.
        probability: in [0, 1], that an image becomes grey.
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images at probability 0.

    Raises:
        TypeError, ValueError: as `color_jitter`.
    """
    _validate.images("images", images, channels=COLOURS)
    draws = uniforms(images, 1, generator)[:, 0]
    probability = _validate.strength("probability", probability, at_most=1)
    matrix = grayscale_matrix(images, draws < probability)
    return recolour(images, matrix, images.new_zeros(len(images)))


def random_blur(
    images: Tensor,
    *,
    sigma: tuple[float, float] = (0.1, 2.0),
    probability: float = 0.5,
    generator: Generator | None = None,
) -> Tensor:
    r"""Blur some of the images with a Gaussian of their own width, reflected at the edges.

    .. math:: \text{view}(u) = \sum_d w_d\, \text{image}(u + d), \quad
              w_d \propto \exp\!\big(-\lVert d \rVert^2 / 2\sigma^2\big)

    Args:
        images: (B, C, H, W) float images in [0, 1]; not changed.
        sigma: 0 < low <= high, in pixels; each image's width is uniform in [low, high). The
            Gaussian ends at three times high, and at the image's side at the latest.
        probability: in [0, 1], that an image is blurred.
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images at probability 0.

    Raises:
        TypeError: images is no float tensor.
        ValueError: images is not (B, C, H, W), or another argument is outside its range.
    """
    _validate.images("images", images)
    low, high = _validate.interval("sigma", sigma, above=0)
    probability = _validate.strength("probability", probability, at_most=1)
    draws = uniforms(images, 2, generator)
    width = torch.where(draws[:, 0] < probability, low + (high - low) * draws[:, 1], ASIDE)
    return blur(images, width, radius=math.ceil(3 * high)) if probability > 0 else images.clone()


def add_noise(images: Tensor, *, std: float, generator: Generator | None = None) -> Tensor:
    """Add independent Gaussian noise to every pixel and clamp the sum to [0, 1].

    Args:
        images: (B, C, H, W) float images in [0, 1]; not changed.
        std: >= 0, the standard deviation before clamping.
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images, unclamped, at std 0.

    Raises:
        TypeError, ValueError: as `random_view`.
    """
    _validate.images("images", images)
    _validate.generator("generator", generator)
    std = _validate.strength("std", std)
    if std == 0:
        return images.clone()
    noise = torch.randn(images.shape, generator=generator, device=draw_device(images, generator))
    return (images + std * noise.to(images)).clamp(0, 1)


def jitter_matrix(
    images: Tensor, draws: Tensor, brightness: float, contrast: float, saturation: float, hue: float
) -> tuple[Tensor, Tensor]:
    """The matrix (B, 3, 3) and the offset (B,) of `color_jitter`, for draws (B, 4) in [0, 1)."""
    strengths = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    strong = [_validate.strength(name, value) for name, value in strengths.items()]
    hue = _validate.strength("hue", hue, at_most=0.5)
    low = images.new_tensor([max(0.0, 1 - strength) for strength in strong])
    high = images.new_tensor([1 + strength for strength in strong])
    bright, steep, vivid = (low + (high - low) * draws[:, :3]).unbind(1)  # (B,) each
    turn = math.tau * hue * (2 * draws[:, 3] - 1)

    grey = images.new_tensor(GREY)
    one = torch.eye(3, device="cpu").to(images)
    # every row takes the same grey
    saturate = vivid[:, None, None] * one + (1 - vivid)[:, None, None] * grey
    matrix = (steep * bright)[:, None, None] * (_about_the_grey_axis(turn) @ saturate)
    mean = images.mean((2, 3))  # (B, C)
    mean_grey = mean @ grey if images.shape[1] == 3 else mean[:, 0]
    return matrix, (1 - steep) * bright * mean_grey


def grayscale_matrix(images: Tensor, chosen: Tensor) -> Tensor:
    """(B, 3, 3): grey for the images chosen, (B,), and no change for the others."""
    grey = images.new_tensor(GREY).expand(3, 3)
    return torch.where(chosen[:, None, None], grey, torch.eye(3, device="cpu").to(images))


def recolour(images: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """Apply each image's matrix (B, 3, 3) to its pixels, add its offset (B,), clamp to [0, 1]."""
    # a pixel (x, x, x) stays grey under these matrices: x times the sum of a row
    if images.shape[1] == 1:
        matrix = matrix.sum(2)[:, :1, None]
    pixels = torch.baddbmm(offset[:, None, None], matrix, images.flatten(2))  # (B, C, H W)
    return pixels.clamp(0, 1).view_as(images)


def blur(images: Tensor, sigma: Tensor, *, radius: int) -> Tensor:
    """Blur each image by its own sigma (B,): one matrix for its columns, one for its rows."""
    down, across = (_blur_matrix(sigma, side, min(radius, side - 1)) for side in images.shape[2:])
    return down[:, None] @ images @ across[:, None].mT


def _blur_matrix(sigma: Tensor, side: int, radius: int) -> Tensor:
    """(B, side, side): row i holds the weights of a line's pixels in the new pixel i."""
    away = torch.arange(-radius, radius + 1, device=sigma.device)
    weights = torch.exp(-0.5 * (away / sigma[:, None]) ** 2)
    weights = weights / weights.sum(1, keepdim=True)  # (B, 2 radius + 1)
    source = (torch.arange(side, device=sigma.device)[:, None] + away).abs()  # reflected at pixel 0
    source = side - 1 - (side - 1 - source).abs()  # and at the last one
    matrix = sigma.new_zeros(len(sigma), side, side)
    return matrix.scatter_add(
        2, source.expand(len(sigma), -1, -1), weights[:, None].expand(-1, side, -1)
    )


def _about_the_grey_axis(angle: Tensor) -> Tensor:
    """(B, 3, 3) rotations about (1, 1, 1) by angles (B,); a third of a turn sends red to green."""
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    along = torch.ones(3, 3, device="cpu").to(angle) / 3
    # cross product with it
    around = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device="cpu").to(
        angle
    ) / math.sqrt(3)
    return cos * torch.eye(3, device="cpu").to(angle) + (1 - cos) * along + sin * around
