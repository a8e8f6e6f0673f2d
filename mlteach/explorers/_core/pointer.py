"""Where the pointer is, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


class Pointer(NamedTuple):
    """Where the pointer is, in data coordinates of the Axes pressed in, or else the one below."""

    ax: Axes | None  # None: beside every Axes, or gone from the figure
    x: float
    y: float
    pressed: bool  # while it is held down, and once more where it is let go
    presses: int  # a new number is a new press
    press_x: float
    press_y: float
    ends: bool = False  # here the press was let go
    wheel: float = 0.0  # notches that the wheel has been turned in all, with the Control key


def locate(figure: Figure, raw: Mapping) -> Pointer:
    """The canvas' fractions of the figure, as data coordinates of one Axes."""
    size = figure.bbox.size
    here = np.array([raw["x"], 1 - raw["y"]]) * size
    press = np.array([raw["press_x"], 1 - raw["press_y"]]) * size
    place = press if raw["pressed"] else here  # a drag belongs to the Axes it began in
    inside = raw["inside"] or raw["pressed"]
    ax = next((ax for ax in figure.axes if inside and ax.bbox.contains(*place)), None)
    more = raw.get("ends", False), raw.get("wheel", 0.0)
    if ax is None:
        return Pointer(None, np.nan, np.nan, raw["pressed"], raw["presses"], np.nan, np.nan, *more)
    to_data = ax.transData.inverted().transform
    x, y = to_data(here).tolist()
    press_x, press_y = to_data(press).tolist()
    return Pointer(ax, x, y, raw["pressed"], raw["presses"], press_x, press_y, *more)


class Hold:
    """Press and hold: a press takes hold of what lies there, and keeps it until the next press."""

    def __init__(self):
        self.presses = 0  # the number of the last press that was seen
        self.thing = None

    def is_new(self, pointer: Pointer) -> bool:
        """Whether this is a press that was not seen before; true once for each press."""
        if not pointer.pressed or pointer.presses == self.presses:
            return False
        self.presses = pointer.presses
        return True

    def nearest(self, pointer: Pointer, places: Mapping, *, reach: float):
        """The name of the place that is held: the nearest to the press, or None beyond reach.

        Args:
            pointer: where it is now; None is held while it is not pressed.
            places: name → (x, y) of all that can be held, looked at when the press is new.
            reach: how far the press may lie from what it takes, in data coordinates.
        """
        if self.is_new(pointer):
            press = (pointer.press_x, pointer.press_y)
            gaps = {name: np.hypot(*np.subtract(place, press)) for name, place in places.items()}
            nearest = min(gaps, key=gaps.get)
            self.thing = nearest if gaps[nearest] <= reach else None
        return self.thing if pointer.pressed else None


def cell_below(pointer: Pointer, size: int) -> tuple[int, int]:
    """(row, column) of a matrix of this size; exactly on its edge, the cell at that edge."""
    row, column = (min(max(round(place), 0), size - 1) for place in (pointer.y, pointer.x))
    return row, column
