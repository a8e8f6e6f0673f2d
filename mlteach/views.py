"""Random views: augmentations on whole batches, with a draw of its own for every picture.

All geometry of a batch is one affine matrix a picture and one `grid_sample`. Every function draws from `generator`
(None: torch's default one); the same seed gives the same draw at every strength, so that a slider that changes the
strength changes nothing else. With a generator on the CPU the views are the same on every device.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def random_view(
    images: Tensor,
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    pixels: float = 0.0,
    radians: float = 0.0,
    std: float = 0.0,
    generator: Generator | None = None,
) -> Tensor:
    r"""One random view of every picture: crop, then rotate, then shift, all in one resampling, then add noise.

    .. math:: \text{view}(u) = \text{image}\big(c + s\,R\,(u - t)\big), \quad
              s = \sqrt{\text{area}}, \quad R = \begin{pmatrix} \cos a & -\sin a \\ \sin a & \cos a \end{pmatrix}

    with u in pixels from the centre, x to the right and y down, so that a positive angle a turns the picture
    anticlockwise as seen on the screen. What lies outside the picture is 0.

    Args:
        images: (B, C, H, W) float pictures in [0, 1]; not changed.
        scale: 0 < low <= high <= 1, the range of the crop's area as a fraction of the picture's; see `random_crop`.
        pixels: >= 0, the longest shift in each direction; see `random_shift`.
        radians: >= 0, the largest angle; see `random_rotation`.
        std: >= 0, the standard deviation of the noise; see `add_noise`.
        generator: source of every draw.

    Returns:
        (B, C, H, W) a new tensor of the same dtype on the same device; equal to images at the default strengths.

    Raises:
        TypeError: images is no float tensor.
        ValueError: images is not (B, C, H, W), or a strength is outside its range.
    """
    _check_images(images)
    low, high = _checked_scale(scale)
    pixels = _checked_strength("pixels", pixels)
    radians = _checked_strength("radians", radians)

    draws = torch.rand(len(images), 6, generator=generator, device=_draw_device(images, generator))
    draws = draws.to(images)
    side = (low + (high - low) * draws[:, 0]).sqrt()  # (B,)
    signed = 2 * draws[:, 1:] - 1  # (B, 5) uniform in [-1, 1)
    size = images.new_tensor([images.shape[3], images.shape[2]])  # W, H
    room = (1 - side[:, None]) * (size - 1) / 2  # (B, 2) pixels that the crop can move without reading outside
    views = images
    if (low, pixels, radians) != (1, 0, 0):
        views = _warp(images, side, room * signed[:, :2], radians * signed[:, 2], pixels * signed[:, 3:])
    return add_noise(views, std=std, generator=generator)


def random_crop(
    images: Tensor, *, scale: tuple[float, float] = (0.6, 1.0), generator: Generator | None = None
) -> Tensor:
    """Cut a box of the picture's own aspect ratio out of every picture and enlarge it to the full size.

    Args:
        images: (B, C, H, W) float pictures in [0, 1]; not changed.
        scale: 0 < low <= high <= 1; the box's share of the area is uniform in [low, high), its place is uniform
            among those where the box reads nothing outside the picture.
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images at scale (1, 1).

    Raises:
        TypeError, ValueError: as `random_view`.

    Source: Szegedy et al. 2015, arXiv:1409.4842, Section 6, without its random aspect ratio.
    """
    return random_view(images, scale=scale, generator=generator)


def random_shift(images: Tensor, *, pixels: float, generator: Generator | None = None) -> Tensor:
    """Move every picture by parts of a pixel, right or left and down or up; what comes in from outside is 0.

    Args:
        images: (B, C, H, W) float pictures in [0, 1]; not changed.
        pixels: >= 0; each of the two shifts is uniform in [-pixels, pixels).
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images at pixels 0.

    Raises:
        TypeError, ValueError: as `random_view`.
    """
    return random_view(images, pixels=pixels, generator=generator)


def random_rotation(images: Tensor, *, radians: float, generator: Generator | None = None) -> Tensor:
    """Turn every picture about its centre; what comes in from outside is 0.

    Args:
        images: (B, C, H, W) float pictures in [0, 1]; not changed.
        radians: >= 0; the angle is uniform in [-radians, radians), positive is anticlockwise as seen on the screen.
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images at radians 0.

    Raises:
        TypeError, ValueError: as `random_view`.
    """
    return random_view(images, radians=radians, generator=generator)


def add_noise(images: Tensor, *, std: float, generator: Generator | None = None) -> Tensor:
    """Add independent Gaussian noise to every pixel and clamp the sum to [0, 1].

    Args:
        images: (B, C, H, W) float pictures in [0, 1]; not changed.
        std: >= 0, the standard deviation before clamping.
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images, unclamped, at std 0.

    Raises:
        TypeError, ValueError: as `random_view`.
    """
    _check_images(images)
    if _checked_strength("std", std) == 0:
        return images.clone()
    noise = torch.randn(images.shape, generator=generator, device=_draw_device(images, generator))
    return (images + std * noise.to(images)).clamp(0, 1)


def _warp(images: Tensor, side: Tensor, centre: Tensor, radians: Tensor, shift: Tensor) -> Tensor:
    """Resample each picture; side and radians (B,), centre of the crop and shift (B, 2) as x, y in pixels."""
    cos, sin = radians.cos(), radians.sin()
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)  # (B, 2, 2)
    linear = side[:, None, None] * turn
    offset = centre - (linear @ shift[:, :, None])[:, :, 0]
    # affine_grid measures from -1 to 1 over each side of the picture, the equation in pixels
    half = images.new_tensor([images.shape[3], images.shape[2]]) / 2
    matrix = torch.cat([linear * half / half[:, None], (offset / half)[:, :, None]], 2)  # (B, 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


def _draw_device(images: Tensor, generator: Generator | None) -> torch.device:
    """A generator draws on its own device only."""
    return images.device if generator is None else generator.device


def _check_images(images: Tensor) -> None:
    if not isinstance(images, Tensor) or not images.is_floating_point():
        given = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images must be a float tensor in [0, 1], got {given}")
    if images.ndim != 4:
        raise ValueError(f"images must be (B, C, H, W), got shape {tuple(images.shape)}")


def _checked_strength(name: str, value: float) -> float:
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a finite number >= 0, got {value}")
    return float(value)


def _checked_scale(scale: tuple[float, float]) -> tuple[float, float]:
    if not isinstance(scale, (tuple, list)) or len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
        raise ValueError(f"scale must be (low, high) with 0 < low <= high <= 1, got {scale}")
    return float(scale[0]), float(scale[1])
