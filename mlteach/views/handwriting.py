"""A view of handwriting: as if another hand had written the same character."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.views._shared import STRONGEST, in_float32, uniforms

KNOTS = 5  # the elastic warp is drawn on 5 x 5 points and interpolated
STRONGEST_LOG = 10.0  # an image 20,000 times as large is one pixel


@in_float32
def handwriting_view(
    images: Tensor,
    *,
    radians: float = 0.25,
    shear: float = 0.25,
    scale: float = 0.2,
    aspect: float = 0.2,
    pixels: float = 2.0,
    elastic: float = 0.12,
    stroke: float = 0.6,
    generator: Generator | None = None,
) -> Tensor:
    r"""Turns, slants, stretches, moves and warps every image, and thickens or thins its strokes.

    .. math:: \text{view}(u) = \text{pen}_w\big(\text{image}\big)\big(R_a\, S_b\, D\, (u - t)
              + e(u)\big), \quad S_b = \begin{pmatrix} 1 & b \\ 0 & 1 \end{pmatrix}, \quad
              D = \begin{pmatrix} e^{s + r/2} & 0 \\ 0 & e^{s - r/2} \end{pmatrix}

    with u in pixels from the centre. Each random number is uniform between minus and plus its
    strength. The pen mixes every pixel with the brightest (w > 0) or the darkest (w < 0) of the
    3 x 3 around it, in the shares 1 - abs(w) and abs(w).

    Args:
        images: (B, C, H, W) float images, bright strokes on a ground of 0, which is what comes in
            from outside; not changed.
        radians: in [0, 1e6], the largest angle a.
        shear: in [0, 1e6], the largest slant b: pixels to the side for each pixel up.
        scale: in [0, 10], the largest logarithm s of the change of size.
        aspect: in [0, 10], the largest logarithm r of the change of width against height.
        pixels: in [0, 1e6], the longest shift t in each direction.
        elastic: in [0, 1e6], the longest shift e of any of 5 x 5 points, in units of half a side;
            between the points it is interpolated.
        stroke: in [0, 1], the largest share w.
        generator: source of every draw.

    Returns:
        (B, C, H, W) a new tensor in the range of images, 0 included; equal to images where all
        strengths are 0.

    Raises:
        TypeError: images is no float tensor.
        ValueError: images is not (B, C, H, W) or not finite, or a strength is outside its range.
    """
    _validate.images("images", images, unit=False)
    _validate.finite("images", images)
    radians = _validate.strength("radians", radians, at_most=STRONGEST)
    shear = _validate.strength("shear", shear, at_most=STRONGEST)
    pixels = _validate.strength("pixels", pixels, at_most=STRONGEST)
    elastic = _validate.strength("elastic", elastic, at_most=STRONGEST)
    scale = _validate.strength("scale", scale, at_most=STRONGEST_LOG)
    aspect = _validate.strength("aspect", aspect, at_most=STRONGEST_LOG)
    stroke = _validate.strength("stroke", stroke, at_most=1)
    _validate.generator("generator", generator)
    if len(images) == 0:
        return images.clone()

    draws = 2 * uniforms(images, 7 + 2 * KNOTS**2, generator) - 1  # (B, 57) in [-1, 1)
    angle, slant, size, width = (
        draws[:, :4].mul(draws.new_tensor([radians, shear, scale, aspect])).unbind(1)
    )
    views = _pen(images, stroke * draws[:, 4]) if stroke > 0 else images
    if (radians, shear, scale, aspect, pixels, elastic) == (0, 0, 0, 0, 0, 0):
        return images.clone() if views is images else views
    turn = _matrix(angle.cos(), -angle.sin(), angle.sin(), angle.cos())
    slanted = _matrix(
        torch.ones_like(slant), slant, torch.zeros_like(slant), torch.ones_like(slant)
    )
    linear = turn @ slanted * torch.stack([size + width / 2, size - width / 2], 1).exp()[:, None]
    warp = elastic * draws[:, 7:].unflatten(1, (2, KNOTS, KNOTS))
    return _resample(views, linear, pixels * draws[:, 5:7], warp)


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """(B, 2, 2) from its four entries, row by row."""
    return torch.stack([a, b, c, d], 1).unflatten(1, (2, 2))


def _pen(images: Tensor, share: Tensor) -> Tensor:
    """Each image mixed with its thickened (share > 0) or thinned (share < 0) strokes."""
    thick = F.max_pool2d(images, 3, stride=1, padding=1)
    thin = -F.max_pool2d(-images, 3, stride=1, padding=1)
    share = share[:, None, None, None]
    return torch.lerp(images, torch.where(share > 0, thick, thin), share.abs())


def _resample(images: Tensor, linear: Tensor, shift: Tensor, warp: Tensor) -> Tensor:
    """Reads image i at linear[i] (u - shift[i]) + warp[i](u); the warp is in half sides."""
    height, width = images.shape[2:]
    half = images.new_tensor([width, height]) / 2
    offset = -(linear @ shift[:, :, None])[:, :, 0]
    # affine_grid measures from -1 to 1 over each side of the image, the equation in pixels
    matrix = torch.cat([linear * half / half[:, None], (offset / half)[:, :, None]], 2)  # (B, 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    field = F.interpolate(warp, size=(height, width), mode="bicubic", align_corners=True)
    return F.grid_sample(images, grid + field.movedim(1, -1), align_corners=False)
