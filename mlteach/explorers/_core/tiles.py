"""Images as tiles of one array: coloured, framed, side by side.

Between them nothing is drawn, so that the figure's own paper is seen there, light or dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from torch import Tensor

from mlteach.plots import ANCHOR, drawable

FRAME, GAP = 3, 2  # pixels of a tile's frame, and of the room around it


def colour_images(images: Tensor) -> np.ndarray:
    """(N, C, H, W) as (N, H, W, 3) colours; one channel becomes dark ink on white."""
    images = images.detach().cpu()
    if images.shape[1] != 3:
        images = 1 - images.expand(-1, 3, -1, -1)
    return images.permute(0, 2, 3, 1).numpy()


def ink_or_colours(images: np.ndarray) -> np.ndarray:
    """(N, C, H, W) as imshow takes them: ink (N, H, W), or colours (N, H, W, 3)."""
    return images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)


def views_of(views1: Any, views2: Any, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two views of so many images, of one shape, as imshow takes them."""
    one, other = drawable("views1", views1), drawable("views2", views2)
    if len(one) != size:
        raise ValueError(f"views1 must hold {size} images, got {len(one)}")
    if other.shape != one.shape:
        raise ValueError(f"views2 must be of the shape of views1, {one.shape}, got {other.shape}")
    return ink_or_colours(one), ink_or_colours(other)


def framed(image: np.ndarray, colour: str) -> np.ndarray:
    """One (H, W, 3) image in a frame of this colour, with room around, as (…, …, 4)."""
    height, width = image.shape[:2]
    tile = np.tile(np.float32(to_rgb(colour)), (height + 2 * FRAME, width + 2 * FRAME, 1))
    tile[FRAME:-FRAME, FRAME:-FRAME] = image
    return with_gap(tile, GAP)


def unframed(image: np.ndarray) -> np.ndarray:
    """A tile as `framed` makes it, but clear where its frame would be, for `query_frame` below."""
    return with_gap(image, FRAME + GAP)


def query_frame(tile: np.ndarray, x: float, y: float, scale: float) -> Rectangle:
    """The frame of a query, seen through the clear rim of its tile.

    It is no part of the image, so that it is as bright as the ink of the page, light or dark.

    Args:
        tile: of the query, as `unframed` makes it.
        x, y: of the tile's corner where both are least.
        scale: units of the Axes for a pixel of the tile.
    """
    height, width = (scale * (side - 2 * GAP) for side in tile.shape[:2])
    look: dict[str, Any] = {"facecolor": ANCHOR, "linewidth": 0, "antialiased": False, "zorder": -1}
    return Rectangle((x + scale * GAP, y + scale * GAP), width, height, **look)


def with_gap(tiles: np.ndarray, gap: int) -> np.ndarray:
    """(…, H, W, 3) tiles with so many clear pixels on all four sides: (…, 4), the last is alpha."""
    opaque = np.concatenate([tiles, np.ones_like(tiles[..., :1])], axis=-1)
    around = [(0, 0)] * (tiles.ndim - 3) + [(gap, gap), (gap, gap), (0, 0)]
    return np.pad(opaque, around)


def row(tiles: Sequence[np.ndarray], *, length: int, blank: np.ndarray) -> np.ndarray:
    """Tiles side by side, and where there are fewer than so many, clear room like the blank one."""
    clear = np.zeros_like(blank)
    return np.concatenate([*tiles, *[clear] * (length - len(tiles))], axis=1)
