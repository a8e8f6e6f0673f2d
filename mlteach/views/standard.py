"""The view that the book's self-supervised methods learn from."""

from __future__ import annotations

import math

from torch import Generator, Tensor

from mlteach import _validate
from mlteach.views._shared import COLOURS, STRONGEST, in_float32, uniforms
from mlteach.views.colour import grayscale_matrix, jitter_matrix, random_blur, recolour
from mlteach.views.geometry import random_view

# what jitter=1 means
JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.5}


@in_float32
def simclr_view(
    images: Tensor,
    *,
    scale: tuple[float, float] = (0.6, 1.0),
    radians: float = 0.12 * math.pi,
    flip: float = 0.5,
    jitter: float = 1.0,
    grayscale: float = 0.2,
    blur: float = 0.0,
    generator: Generator | None = None,
) -> Tensor:
    """One strong view of every image: one resampling, one colour matrix, perhaps a blur.

    Args:
        images: (B, C, H, W) float images in [0, 1] with 1 or 3 channels; not changed.
        scale: 0 < low <= high <= 1, range of the crop's area; see `random_crop`.
        radians: in [0, 1e6], the largest angle; see `random_rotation`. The image's edge is repeated
            outwards.
        flip: probability of a flip; see `random_flip`.
        jitter: in [0, 1e6], how much of the base jitter: 0 leaves the colours alone, 1 is
            brightness, contrast and saturation 0.4 and any hue; see `color_jitter`. The hue stays
            within its half turn either way.
        grayscale: probability of a grey view; see `random_grayscale`.
        blur: probability of a blur with sigma from 0.1 to 2 pixels; see `random_blur`.
        generator: source of every draw; each draw is the same at every strength of the others.

    Returns:
        (B, C, H, W); equal to images where scale is (1, 1) and all else is 0.

    Raises:
        TypeError: images is no float tensor.
        ValueError: images is not (B, 1 or 3, H, W), or another argument is outside its range.

    Source: Chen et al. 2020, arXiv:2002.05709, Appendix A, made milder for small images: there
        the crop's area begins at 0.08 and has a random aspect ratio, nothing is turned, the hue
        moves by 0.2 and the jitter comes with probability 0.8.
    """
    _validate.images("images", images, channels=COLOURS)
    jitter = _validate.strength("jitter", jitter, at_most=STRONGEST)
    grayscale = _validate.strength("grayscale", grayscale, at_most=1)
    blur = _validate.strength("blur", blur, at_most=1)
    strengths = {name: jitter * base for name, base in JITTER.items()}
    strengths["hue"] = min(strengths["hue"], 0.5)
    views = random_view(
        images, scale=scale, radians=radians, flip=flip, fill="border", generator=generator
    )
    draws = uniforms(images, 5, generator)
    matrix, offset = jitter_matrix(views, draws[:, :4], **strengths)
    grey = grayscale_matrix(views, draws[:, 4] < grayscale)
    views = recolour(views, grey @ matrix, offset)
    return random_blur(views, probability=blur, generator=generator)
