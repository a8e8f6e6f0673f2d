"""Vectors: a query and two candidates in the plane; drag their tips and see which candidate each
measure prefers.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from mlteach.explorers._core.controls import choice, slider
from mlteach.explorers._core.explorer import Explorer, Pointer
from mlteach.plots import ANCHOR, CLASS_COLOURS, QUIET, Picture
from mlteach.similarity import similarities

NAMES = ("query", "A", "B")
COLOURS = (ANCHOR, CLASS_COLOURS[0], CLASS_COLOURS[1])
MEASURES = ("dot product", "cosine", "Euclid")
START = {"query": (22, 1.08), "A": (-6, 0.96), "B": (37, 2.14)}  # angle in degrees, length
LONGEST, SHORTEST = 2.2, 0.1
REACH = 0.3  # a press takes hold of a tip that is at most so far away


class Vectors(Explorer):
    """Three arrows in the plane: dot product, cosine and distance of the query to A and to B, and
    who is nearer.

    The thin lines go through A's tip. Each holds all tips that are as alike to the query as A is:
    by the dot product (straight), by the cosine (two rays), by Euclid (circle). B is nearer by a
    measure if it lies on the query's side.

    ``state``: ``tips`` (3, 2) as compared: query, A, B; ``values``: measure → [value of A, value of
    B], all of them growing with likeness, so that "Euclid" is minus the distance; ``nearer``:
    measure → "A", "B" or "neither".
    """

    pointing = "drag"

    def __init__(self):
        # always on the sliders' steps: a browser rounds to them, and reports what it rounded
        self.polar = dict(START)
        self.presses, self.held, self.shown_arrow = 0, None, NAMES[0]
        controls = {
            "lengths": choice("lengths", ["as dragged", "all 1"]),
            "arrow": choice("arrow", NAMES),
            "angle": slider("its angle in degrees", -180, 180, START["query"][0], step=1),
            "length": slider("its length", SHORTEST, LONGEST, START["query"][1], step=0.01),
        }
        super().__init__(self._figure(), controls, self.artists)

    def _figure(self) -> Picture:
        figure = Picture((9, 4.4))
        self.ax, table = figure.subplots(1, 2, width_ratios=[1, 1.15])
        self.ax.set(xlim=(-2.5, 2.5), ylim=(-2.5, 2.5), aspect="equal", xticks=[], yticks=[])
        self.ax.axhline(0, color=QUIET, linewidth=0.5)
        self.ax.axvline(0, color=QUIET, linewidth=0.5)
        self.lines = [
            self.ax.plot(
                [],
                [],
                linestyle,
                color=COLOURS[1],
                linewidth=1.2,
                label=f"as alike as A by {measure}",
            )[0]
            for measure, linestyle in zip(MEASURES, ("-", "--", ":"), strict=True)
        ]
        self.arrows = self.ax.quiver(
            [0] * 3, [0] * 3, [1] * 3, [1] * 3, color=COLOURS, angles="xy", scale_units="xy", scale=1, width=0.012,
            zorder=3,
        )  # fmt: skip
        self.letters = [
            self.ax.text(
                0,
                0,
                name,
                color=colour,
                fontsize=12,
                fontweight="bold",
                ha="center",
                va="center",
                zorder=4,
            )
            for name, colour in zip(NAMES, COLOURS, strict=True)
        ]
        table.set(xlim=(0, 1), ylim=(0, 1))
        table.set_axis_off()
        heads = [(0.42, "A", COLOURS[1]), (0.62, "B", COLOURS[2]), (0.84, "nearer", ANCHOR)]
        for x, text, colour in heads:
            table.text(x, 0.95, text, color=colour, fontsize=12, fontweight="bold", ha="center")
        self.cells = []
        for row, measure in enumerate(("dot product", "cosine", "distance")):
            y = 0.82 - 0.13 * row
            table.text(0, y, measure, fontsize=12)
            self.cells.append([table.text(x, y, "", fontsize=12, ha="center") for x, *_ in heads])
        table.legend(handles=self.lines, loc="lower left", fontsize=10, frameon=False)
        self.artists = [
            *self.lines,
            self.arrows,
            *self.letters,
            *(cell for row in self.cells for cell in row),
        ]
        return figure

    def update(self) -> dict:
        self._read_controls()
        angles, lengths = torch.tensor([self.polar[name] for name in NAMES], dtype=torch.float64).T
        if self.controls["lengths"].value == "all 1":
            lengths = torch.ones_like(lengths)
        tips = (lengths * torch.stack([angles.deg2rad().cos(), angles.deg2rad().sin()])).T  # (3, 2)
        values = {
            measure: similarities(tips[:1], tips[1:], measure=measure)[0].tolist()
            for measure in MEASURES
        }
        nearer = {measure: _larger(*pair) for measure, pair in values.items()}
        self._show(tips, values, nearer)
        return {"tips": tips, "values": values, "nearer": nearer}

    def _read_controls(self) -> None:
        """A newly chosen arrow shows its angle and length; a new angle or length moves the shown
        arrow.
        """
        name, angle, length = (self.controls[control] for control in ("arrow", "angle", "length"))
        if name.value != self.shown_arrow:
            self.shown_arrow = name.value
            angle.value, length.value = self.polar[name.value]
        else:
            self.polar[name.value] = (angle.value, length.value)

    def _show(self, tips: Tensor, values: dict, nearer: dict) -> None:
        self.arrows.set_UVC(*tips.T.numpy())
        for letter, half_width, tip in zip(
            self.letters, (0.34, 0.08, 0.08), tips.numpy(), strict=True
        ):
            beyond = tip + tip / np.linalg.norm(tip) * (half_width + 0.08, 0.16)
            inside = np.array([2.5 - half_width, 2.38])
            letter.set_position(np.clip(beyond, -inside, inside))
        for line, points in zip(self.lines, _as_alike(*tips[:2].numpy()), strict=True):
            line.set_data(*points.T)
        for cells, measure in zip(self.cells, MEASURES, strict=True):
            for cell, value in zip(cells, values[measure], strict=False):
                cell.set_text(f"{abs(value) if measure == 'Euclid' else value:.2f}")
            cells[2].set_text(nearer[measure])
            cells[2].set_color({"A": COLOURS[1], "B": COLOURS[2]}.get(nearer[measure], QUIET))

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax is not self.ax or not pointer.pressed:
            return
        if pointer.presses != self.presses:  # a new press: take hold of the nearest tip
            self.presses = pointer.presses
            gaps = (self.state["tips"] - torch.tensor([pointer.press_x, pointer.press_y])).norm(
                dim=1
            )
            self.held = NAMES[int(gaps.argmin())] if gaps.min() <= REACH else None
        if self.held is not None:
            self.move(self.held, pointer.x, pointer.y)

    def move(self, name: str, x: float, y: float) -> None:
        """Puts the tip of an arrow, such as ``"A"``, to a place in the plane, and the sliders with
        it.
        """
        angle = round(math.degrees(math.atan2(y, x)))
        length = round(min(max(math.hypot(x, y), SHORTEST), LONGEST), 2)
        with self.one_redraw():
            self.polar[name] = (angle, length)
            self.shown_arrow = self.controls["arrow"].value = name
            self.controls["angle"].value, self.controls["length"].value = angle, length

    def describe(self) -> str:
        s = self.state
        return "; ".join(
            f"by {measure} {winner} is nearer" for measure, winner in s["nearer"].items()
        )


def _larger(a: float, b: float) -> str:
    return "neither" if math.isclose(a, b, abs_tol=1e-9) else "A" if a > b else "B"


def _as_alike(query: np.ndarray, a: np.ndarray) -> list[np.ndarray]:
    """Curves of (n, 2) points through a, on which dot product, cosine and distance to the query
    stay what a's are.
    """
    across = np.array([-query[1], query[0]]) / np.linalg.norm(query)
    straight = a + np.array([[-6], [6]]) * across
    mirrored = a - 2 * (a @ across) * across  # the same angle on the query's other side
    rays = 60 * np.array([a, 0 * a, mirrored])
    around = np.linspace(0, 2 * np.pi, 100)
    circle = query + np.linalg.norm(a - query) * np.column_stack([np.cos(around), np.sin(around)])
    return [straight, rays, circle]
