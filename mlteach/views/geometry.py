"""Views that move what is in an image: all of them are one affine matrix and one resampling."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.views._shared import uniforms
from mlteach.views.colour import add_noise

FILLS = ("zeros", "border", "reflection")  # grid_sample's own words


def random_view(
    images: Tensor,
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    pixels: float = 0.0,
    radians: float = 0.0,
    flip: float = 0.0,
    fill: str = "zeros",
    std: float = 0.0,
    generator: Generator | None = None,
) -> Tensor:
    r"""One random view of every image: crop, rotate, shift and flip in one resampling, then noise.

    .. math:: \text{view}(u) = \text{image}\big(c + s\,R\,(M u - t)\big), \quad
              s = \sqrt{\text{area}}, \quad
              R = \begin{pmatrix} \cos a & -\sin a \\ \sin a & \cos a \end{pmatrix}

    with u in pixels from the centre, x to the right and y down, so that a positive angle a turns
    the image anticlockwise as seen on the screen; M flips the sign of x where the image is flipped.

    Args:
        images: (B, C, H, W) float images; not changed.
        scale: 0 < low <= high <= 1, the range of the crop's area as a fraction of the image's;
            see `random_crop`.
        pixels: >= 0, the longest shift in each direction; see `random_shift`.
        radians: >= 0, the largest angle; see `random_rotation`.
        flip: the probability in [0, 1] of a flip, left for right; see `random_flip`.
        fill: what comes in from outside the image: "zeros" is black, "border" repeats the pixel
            at the edge, "reflection" reflects the image there. Black corners give the angle away,
            which a network can learn.
        std: >= 0, the standard deviation of the noise; see `add_noise`.
        generator: source of every draw.

    Returns:
        (B, C, H, W) a new tensor of the same dtype on the same device; equal to images at the
        default strengths.

    Raises:
        TypeError: images is no float tensor.
        ValueError: images is not (B, C, H, W), or another argument is outside its range.
    """
    _validate.finite("images", _validate.images("images", images, unit=False))
    low, high = _validate.interval("scale", scale, above=0, at_most=1)
    pixels = _validate.strength("pixels", pixels)
    radians = _validate.strength("radians", radians)
    flip = _validate.strength("flip", flip, at_most=1)
    _validate.choice("fill", fill, FILLS)
    std = _validate.strength("std", std)
    _validate.generator("generator", generator)
    if len(images) == 0:
        return images.clone()

    draws = uniforms(images, 6, generator)
    side = (low + (high - low) * draws[:, 0]).sqrt()  # (B,)
    signed = 2 * draws[:, 1:] - 1  # (B, 5) uniform in [-1, 1)
    size = images.new_tensor([images.shape[3], images.shape[2]])  # W, H
    # (B, 2) pixels that the crop can move without reading outside
    room = (1 - side[:, None]) * (size - 1) / 2
    # The fraction of the sum is uniform too, and independent of any five of the six: a seventh
    # number whose drawing leaves the noise of every seed as it is without flips.
    flipped = draws.sum(1).frac() < flip
    views = images
    if (low, pixels, radians, flip) != (1, 0, 0, 0):
        centre, shift = room * signed[:, :2], pixels * signed[:, 3:]
        views = _warp(images, side, centre, radians * signed[:, 2], shift, flipped, fill)
    if std > 0:
        return add_noise(views, std=std, generator=generator)
    return images.clone() if views is images else views


def random_crop(
    images: Tensor, *, scale: tuple[float, float] = (0.6, 1.0), generator: Generator | None = None
) -> Tensor:
    """Cut a box of the image's own aspect ratio out of every image and enlarge it to full size.

    Args:
        images: (B, C, H, W) float images; not changed.
        scale: 0 < low <= high <= 1; the box's share of the area is uniform in [low, high), its
            place is uniform among those where the box reads nothing outside the image.
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images at scale (1, 1).

    Raises:
        TypeError, ValueError: as `random_view`.

    Source: Szegedy et al. 2015, arXiv:1409.4842, Section 6, without its random aspect ratio.
    """
    return random_view(images, scale=scale, generator=generator)


def random_shift(images: Tensor, *, pixels: float, generator: Generator | None = None) -> Tensor:
    """Move every image by parts of a pixel, sideways and up or down; what comes in is 0.

    Args:
        images: (B, C, H, W) float images; not changed.
        pixels: >= 0; each of the two shifts is uniform in [-pixels, pixels).
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images at pixels 0.

    Raises:
        TypeError, ValueError: as `random_view`.
    """
    return random_view(images, pixels=pixels, generator=generator)


def random_rotation(
    images: Tensor, *, radians: float, generator: Generator | None = None
) -> Tensor:
    """Turn every image about its centre; what comes in from outside is 0.

    Args:
        images: (B, C, H, W) float images; not changed.
        radians: >= 0; the angle is uniform in [-radians, radians), positive is anticlockwise as
            seen on the screen.
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images at radians 0.

    Raises:
        TypeError, ValueError: as `random_view`.
    """
    return random_view(images, radians=radians, generator=generator)


def random_flip(
    images: Tensor, *, probability: float = 0.5, generator: Generator | None = None
) -> Tensor:
    """Flip some of the images, left for right.

    Args:
        images: (B, C, H, W) float images; not changed.
        probability: in [0, 1], that an image is flipped.
        generator: source of the draws.

    Returns:
        (B, C, H, W); equal to images at probability 0.

    Raises:
        TypeError, ValueError: as `random_view`.
    """
    probability = _validate.strength("probability", probability, at_most=1)
    return random_view(images, flip=probability, generator=generator)


def _warp(
    images: Tensor,
    side: Tensor,
    centre: Tensor,
    radians: Tensor,
    shift: Tensor,
    flipped: Tensor,
    fill: str,
) -> Tensor:
    """Resample each image; side, radians, flipped (B,); centre and shift (B, 2) in pixels."""
    cos, sin = radians.cos(), radians.sin()
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)  # (B, 2, 2)
    linear = side[:, None, None] * turn
    offset = centre - (linear @ shift[:, :, None])[:, :, 0]
    right = 1 - 2 * flipped.to(side)  # -1 where x is flipped
    linear = linear * torch.stack([right, torch.ones_like(right)], 1)[:, None]
    # affine_grid measures from -1 to 1 over each side of the image, the equation in pixels
    half = images.new_tensor([images.shape[3], images.shape[2]]) / 2
    matrix = torch.cat([linear * half / half[:, None], (offset / half)[:, :, None]], 2)  # (B, 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode=fill, align_corners=False)
