"""Figures for a dark page: the same drawing, with paper, ink and greys swapped.

Images are data and stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_rgb, to_rgba

PAPER, INK = 0.07, 0.95  # what white and black become
GREY, VIVID = 0.25, 0.5  # between them a colour is flipped in part: largest minus smallest channel

# Class colours that this rule would make too much alike: the wine of class 6 as bright as the
# purple of class 5, olive as yellow, and for red-green colour blindness grey as teal and green as
# pink; and the blue of POSITIVE, of which letters are made too, as dark as the page.
OF_CLASSES = {
    "#228833": "#419B4E",
    "#661144": "#E68DC8",
    "#999933": "#A3BB6A",
    "#555555": "#C4C4C4",
    "#0072B2": "#3D9BD6",
}


def on_dark(colours) -> np.ndarray:
    """(…, 3 or 4) colours in [0, 1] as they look on a dark page: greys flip, vivid colours stay."""
    colours = np.asarray(colours, dtype=float)
    rgb = given = colours[..., :3]
    high, low = rgb.max(-1, keepdims=True), rgb.min(-1, keepdims=True)
    flip = np.clip((VIVID - (high - low)) / (VIVID - GREY), 0, 1)
    rgb = rgb + flip * (1 - high - low)  # the lightness flips, hue and chroma stay
    rgb = PAPER + (INK - PAPER) * rgb
    for light, dark in OF_CLASSES.items():
        rgb[np.abs(given - to_rgb(light)).max(-1) < 1e-3] = to_rgb(dark)
    return np.concatenate([rgb, colours[..., 3:]], axis=-1)


# drawn by compiled code, which the renderer holds as attributes: where their colours stand
COMPILED = {"draw_markers": [5], "draw_path_collection": [6, 7], "draw_quad_mesh": []}


class DarkRenderer(RendererAgg):
    """Draws as Agg does, in the colours of a dark page."""

    def __init__(self, width: float, height: float, dpi: float):
        super().__init__(width, height, dpi)
        for name, places in COMPILED.items():
            setattr(self, name, self._swapping(getattr(self, name), places))

    def _swapping(self, draw: Callable, places: list[int]) -> Callable:
        def swapped(gc, *arguments, **options):
            arguments = [self._graphics(gc), *arguments]
            for place in places:
                if place < len(arguments):
                    arguments[place] = _colours(arguments[place])
            return draw(*arguments, **options)

        return swapped

    def _graphics(self, gc):
        swapped = self.new_gc()
        swapped.copy_properties(gc)
        swapped.set_foreground(_colours(to_rgba(gc.get_rgb())), isRGBA=True)
        return swapped

    def draw_path(self, gc, path, transform, rgbFace=None):  # noqa: N803 (matplotlib's name)
        super().draw_path(self._graphics(gc), path, transform, _colours(rgbFace))

    def draw_text(self, gc, *arguments, **options):
        super().draw_text(self._graphics(gc), *arguments, **options)


def _colours(given):
    """One colour or an array of them as on a dark page; None and an empty array stay."""
    if given is None or len(given) == 0:
        return given
    swapped = on_dark(given)
    return tuple(swapped.tolist()) if swapped.ndim == 1 else swapped


class PageCanvas(FigureCanvasAgg):
    """A figure's canvas that can draw for a dark page: set ``dark``, then draw all anew."""

    dark = False

    def get_renderer(self):
        kind = DarkRenderer if self.dark else RendererAgg
        wanted = *self.get_width_height(physical=True), self.figure.dpi
        made = getattr(self, "renderer", None)
        if type(made) is not kind or (made.width, made.height, made.dpi) != wanted:
            self.renderer = kind(*wanted)
        return self.renderer
