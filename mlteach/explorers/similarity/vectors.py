"""Vectors: a query and two candidates in the plane, and which of them each measure prefers."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from torch import Tensor

from mlteach.explorers._core.controls import choice, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.pointer import Pointer
from mlteach.plots import ANCHOR, CLASS_COLOURS, QUIET, Picture
from mlteach.similarity import similarities

NAMES = ("query", "A", "B")
COLOURS = dict(zip(NAMES, (ANCHOR, CLASS_COLOURS[0], CLASS_COLOURS[1]), strict=True))
MEASURES = {"dot product": "-", "cosine": "--", "euclidean": ":"}  # and the line of each
SHOWN = {measure: measure for measure in MEASURES} | {"euclidean": "Euclidean distance"}
START = {"query": (22, 1.08), "A": (-6, 0.96), "B": (37, 2.14)}  # angle in degrees, length
LONGEST, SHORTEST = 2.2, 0.1
REACH = 0.3  # a press takes hold of a tip that is at most so far away


class Vectors(Explorer):
    """Three arrows to drag: how alike the query is to A and B by each measure, and who is nearer.

    The thin lines go through A's tip. Each holds all tips that are as alike to the query as A is:
    by the dot product (straight), by the cosine (rays), by the Euclidean distance (circle). B is
    nearer by a measure if it lies on the query's side. With all lengths 1 the arrows can only be
    turned; afterwards they have the lengths that they had.

    ``state``: the value of every control; ``tips`` (3, 2) as compared: query, A, B; ``values``:
    measure → [value of A, value of B], all of them growing with likeness, so that "euclidean" is
    minus the distance; ``nearer``: measure → "A", "B" or "neither".
    """

    pointing = "drag"

    def __init__(self):
        # always on the sliders' steps: a browser rounds to them, and reports what it rounded
        self.polar = dict(START)
        self.shown_arrow = NAMES[0]
        angle, length = START["query"]
        super().__init__(
            {
                "lengths": choice("lengths", ["as dragged", "all 1"]),
                "arrow": choice("arrow", NAMES),
                "angle": slider("its angle °", -180, 180, angle, step=1),
                "length": slider("its length", SHORTEST, LONGEST, length, step=0.01),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.7))
        self.ax, table = figure.subplots(1, 2, width_ratios=[1, 1.15])
        self._draw_plane(self.ax)
        self._draw_table(table)
        cells = [cell for row in self.cells.values() for cell in row]
        return figure, [*self.lines, self.ring, self.arrows, *self.letters.values(), *cells]

    def _draw_plane(self, ax: Axes) -> None:
        ax.set(xlim=(-2.5, 2.5), ylim=(-2.5, 2.5), aspect="equal", xticks=[], yticks=[])
        ax.axhline(0, color=QUIET, linewidth=0.5)
        ax.axvline(0, color=QUIET, linewidth=0.5)
        self.lines = []
        for measure, dashes in MEASURES.items():
            label = f"as alike as A by {SHOWN[measure]}"
            self.lines += ax.plot([], [], dashes, color=COLOURS["A"], linewidth=1.2, label=label)
        scale = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.012, "zorder": 3}
        colours = list(COLOURS.values())
        self.arrows = ax.quiver([0] * 3, [0] * 3, [1] * 3, [1] * 3, color=colours, **scale)
        look = {"fontsize": 12, "fontweight": "bold", "ha": "center", "va": "center", "zorder": 4}
        look["path_effects"] = [withStroke(linewidth=3, foreground="white")]  # over the thin lines
        self.letters = {
            name: ax.text(0, 0, name, color=colour, **look) for name, colour in COLOURS.items()
        }
        ring = {"s": 100, "c": "none", "edgecolors": ANCHOR, "linewidths": 1, "zorder": 5}
        self.ring = ax.scatter([0], [0], **ring)  # around the tip that the sliders move

    def _draw_table(self, table: Axes) -> None:
        table.set(xlim=(0, 1), ylim=(0, 1))
        table.set_axis_off()
        heads = [(0.42, "A", COLOURS["A"]), (0.62, "B", COLOURS["B"]), (0.84, "nearer", ANCHOR)]
        for x, text, colour in heads:
            table.text(x, 0.95, text, color=colour, fontsize=12, fontweight="bold", ha="center")
        self.cells = {}
        for row, measure in enumerate(MEASURES):
            y = 0.82 - 0.13 * row
            table.text(0, y, SHOWN[measure], fontsize=12)
            self.cells[measure] = [
                table.text(x, y, "", fontsize=12, ha="center") for x, *_ in heads
            ]
        table.legend(handles=self.lines, loc="lower left", fontsize=10, frameon=False)

    def update(self) -> dict:
        all_1 = self._read_controls()
        angles, lengths = torch.tensor([self.polar[name] for name in NAMES], dtype=torch.float64).T
        if all_1:
            lengths = torch.ones_like(lengths)
        tips = (lengths * torch.stack([angles.deg2rad().cos(), angles.deg2rad().sin()])).T  # (3, 2)
        values = {
            measure: similarities(tips[:1], tips[1:], measure=measure)[0].tolist()
            for measure in MEASURES
        }
        nearer = {measure: _larger(*pair) for measure, pair in values.items()}
        self._show_tips(tips)
        self._show_table(values, nearer)
        return {"tips": tips, "values": values, "nearer": nearer}

    def _read_controls(self) -> bool:
        """A new arrow shows its angle and length; a new angle or length moves the shown arrow.

        Returns whether all lengths are 1. The length's slider then shows 1 and cannot be dragged;
        set from Python, it gives all arrows their own lengths back.
        """
        name, angle, length = (self.controls[control] for control in ("arrow", "angle", "length"))
        lengths, was_1 = self.controls["lengths"], length.disabled
        if name.value != self.shown_arrow:
            self.shown_arrow = name.value
            angle.value, own = self.polar[name.value]
        else:
            is_set = length.value != 1 if was_1 else lengths.value == "as dragged"
            own = length.value if is_set else self.polar[name.value][1]
            if is_set:
                lengths.value = "as dragged"
        self.polar[name.value] = (angle.value, own)
        length.disabled = lengths.value == "all 1"
        length.value = 1.0 if length.disabled else own
        return length.disabled

    def _show_tips(self, tips: Tensor) -> None:
        self.arrows.set_UVC(*tips.T.numpy())
        self.ring.set_offsets(tips[NAMES.index(self.shown_arrow)].numpy())
        for (name, letter), tip in zip(self.letters.items(), tips.numpy(), strict=True):
            half_width = 0.36 if name == "query" else 0.08
            beyond = tip + tip / np.linalg.norm(tip) * (half_width + 0.2, 0.26)
            inside = np.array([2.5 - half_width, 2.38])
            letter.set_position(np.clip(beyond, -inside, inside))
        for line, points in zip(self.lines, _as_alike(*tips[:2].numpy()), strict=True):
            line.set_data(*points.T)

    def _show_table(self, values: dict, nearer: dict) -> None:
        for measure, (one, other, winner) in self.cells.items():
            for cell, value in zip((one, other), values[measure], strict=True):
                cell.set_text(f"{abs(value) if measure == 'euclidean' else value:.2f}")
            winner.set_text(nearer[measure])
            winner.set_color(COLOURS.get(nearer[measure], QUIET))

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax is not self.ax:
            return
        tips = dict(zip(NAMES, self.state["tips"].tolist(), strict=True))
        held = self.hold.nearest(pointer, tips, reach=REACH)
        if held is not None:
            self.move(held, pointer.x, pointer.y)

    def move(self, name: str, x: float, y: float) -> None:
        """Puts the tip of an arrow, such as ``"A"``, somewhere, and the sliders with it."""
        angle = round(math.degrees(math.atan2(y, x)))
        length = round(min(max(math.hypot(x, y), SHORTEST), LONGEST), 2)
        all_1 = self.controls["length"].disabled
        with self.one_redraw():
            self.polar[name] = (angle, self.polar[name][1] if all_1 else length)
            self.shown_arrow = self.controls["arrow"].value = name
            self.controls["angle"].value = angle
            self.controls["length"].value = 1.0 if all_1 else length

    def describe(self) -> str:
        nearer = self.state["nearer"]
        return "; ".join(f"by {SHOWN[name]} {winner} is nearer" for name, winner in nearer.items())


def _larger(a: float, b: float) -> str:
    return "neither" if math.isclose(a, b, abs_tol=1e-9) else "A" if a > b else "B"


def _as_alike(query: np.ndarray, a: np.ndarray) -> list[np.ndarray]:
    """Curves (n, 2) through a of all that is as alike to the query, in the order of MEASURES."""
    across = np.array([-query[1], query[0]]) / np.linalg.norm(query)
    straight = a + np.array([[-6], [6]]) * across
    flipped = a - 2 * (a @ across) * across  # the same angle on the query's other side
    rays = 60 * np.array([a, 0 * a, flipped])
    around = np.linspace(0, 2 * np.pi, 100)
    circle = query + np.linalg.norm(a - query) * np.column_stack([np.cos(around), np.sin(around)])
    return [straight, rays, circle]
