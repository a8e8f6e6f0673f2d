"""Images as files hold them, of any kind, as plain colour images."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

DEPTH = 65535  # the highest value of 16 bits


def as_rgb(image: Image.Image) -> Image.Image:
    """Any image as 8-bit colours: upright, what is transparent on white, 16 bits brought down.

    Raises:
        ValueError: it holds numbers of which nobody says which one is white.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        image = _shortened(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        image = Image.alpha_composite(white, clear)
    return image.convert("RGB")


def _shortened(image: Image.Image) -> Image.Image:
    """A grey image of 16 bits, or of floats in [0, 1], in 8 bits."""
    values = np.asarray(image).astype(np.float64)
    highest = 1.0 if image.mode == "F" else float(DEPTH)
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= highest):  # NaN is neither
        raise ValueError(f"it holds {low:g} to {high:g}, not 0 to {highest:g}")
    return Image.fromarray((values * (255 / highest)).round().astype(np.uint8))


def square(image: Image.Image, size: int) -> Image.Image:
    """The middle square of an image, brought to size x size with antialiasing."""
    return ImageOps.fit(image, (size, size), method=Image.Resampling.LANCZOS)
