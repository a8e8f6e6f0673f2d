"""LiveFigure: curves and knobs of a training that runs, the similarities of a batch, and a map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from ipywidgets import FloatLogSlider, Widget
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from matplotlib.lines import Line2D
from torch import Tensor

from mlteach.explorers._core.key import titled_key
from mlteach.plots import (
    ANCHOR,
    CLASS_COLOURS,
    POSITIVE,
    QUIET,
    Picture,
    class_look,
    legible,
    marker_outline,
    plain,
    similarity_matrix,
)

IN_KEY, LONGEST = 12, 11  # classes that the key of the map can name, and letters of a name
DASHES = ["--", ":", "-.", (0, (1, 3))]  # of the baselines


class Score(NamedTuple):
    """What the second curve shows."""

    name: str
    baselines: Mapping[str, float]


class LiveFigure(Picture):
    """Panels for what a training has; ``moving`` lists what the ``show_…`` methods change.

    Args:
        knobs: label → the control whose value is drawn between the two ends of its range.
        chance: the loss at chance level, or None.
        score: name and baselines of the second curve, or None for no such curve.
        matrix: (N, M) the first similarities, or None for no such panel.
        labels, classes: of the points of the map, or None for no map.
        narrow: half as wide, so that two figures fit beside each other.
    """

    def __init__(
        self,
        knobs: Mapping[str, Widget],
        *,
        chance: float | None,
        score: Score | None,
        matrix: Tensor | None,
        labels: Tensor | None,
        classes: Sequence[str],
        narrow: bool,
    ):
        curves = ["loss", *(["score"] if score else []), "knobs"]
        squares = [
            name
            for name, there in (("matrix", matrix is not None), ("map", labels is not None))
            if there
        ]
        layout, sizes, grid = _grid(curves, squares, narrow)
        super().__init__(sizes)
        self.axes_by_name = self.subplot_mosaic(layout, **grid)
        self.moving: list = []
        self.knobs, self.chance, self.narrow = knobs, chance, narrow
        self.ends = (0.0, 0.0, 0)  # of the axes: lowest and highest loss, last step
        self._dress_curves(score)
        if matrix is not None:
            ax = self.axes_by_name["matrix"]
            self.cells = similarity_matrix(matrix, ax)
            if narrow:
                ax.set(xlabel="view 2", ylabel="view 1")
            else:
                ax.set(xlabel=f"view 2 of {len(matrix)} images", ylabel="view 1 of each")
            ax.set_title("cosines in the batch", fontsize=10)
            self.moving.append(self.cells)
        if labels is not None:
            self._dress_map(labels, classes)
        for name, ax in self.axes_by_name.items():
            if name in ("loss", "score"):
                ax.tick_params(labelbottom=False)  # the steps stand under the knobs
            ax.xaxis.label.set_size(8)
            ax.yaxis.label.set_size(8)
            ax.tick_params(labelsize=8)

    def _line(self, ax: Axes, **look) -> Line2D:
        (line,) = ax.plot([], [], **look)
        self.moving.append(line)
        return line

    def _dress_curves(self, score: Score | None) -> None:
        loss, knobs = plain(self.axes_by_name["loss"]), plain(self.axes_by_name["knobs"])
        loss.set_title("loss", fontsize=10)
        self.loss_line = self._line(loss, color=ANCHOR, linewidth=1)
        if self.chance is not None:
            loss.axhline(self.chance, color=QUIET, linestyle="--", linewidth=1)
            look = {"fontsize": 8, "color": "#555555", "ha": "right", "va": "bottom"}
            text = f"chance level: {self.chance:.2f}"
            loss.text(0.99, self.chance, text, transform=loss.get_yaxis_transform(), **look)
        if score:
            ax = plain(self.axes_by_name["score"])
            ax.set(ylim=(0, 1), yticks=[0, 0.5, 1])
            for dashes, (name, value) in zip(DASHES, score.baselines.items(), strict=False):
                look = {"color": QUIET, "linestyle": dashes, "linewidth": 1}
                ax.axhline(value, label=f"{name} {value:.2f}", **look)
            if score.baselines:
                titled_key(ax, score.name, columns=1 if self.narrow else 2)
            else:
                ax.set_title(score.name, fontsize=10)
            dotted = {"marker": ".", "markersize": 4, "linewidth": 1.5}
            self.score_line = self._line(ax, color=POSITIVE, **dotted)
        self._dress_knobs(knobs)

    def _dress_knobs(self, knobs: Axes) -> None:
        colours = dict(zip(self.knobs, CLASS_COLOURS, strict=False))
        self.knob_lines = {
            name: self._line(knobs, color=colours[name], drawstyle="steps-pre") for name in colours
        }
        # a line so short that it is a dot: a marker lies on whole pixels and would hide small steps
        dot = {"linewidth": 4, "solid_capstyle": "round", "snap": False}
        self.knob_points = {name: self._line(knobs, color=colours[name], **dot) for name in colours}
        handles = [
            Line2D([], [], color=colours[name], label=_with_ends(name, control))
            for name, control in self.knobs.items()
            if name in colours
        ]
        place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1)}
        tight = {"borderpad": 0, "columnspacing": 0.8, "handlelength": 0.8, "handletextpad": 0.4}
        columns = 1 if self.narrow else 2
        knobs.legend(handles=handles, ncols=columns, fontsize=7, frameon=False, **place, **tight)
        knobs.set(ylim=(-0.15, 1.15), yticks=[0, 1], yticklabels=["low", "high"])
        knobs.set_xlabel("training step")

    def _dress_map(self, labels: Tensor, classes: Sequence[str]) -> None:
        ax, key = self.axes_by_name["map"], self.axes_by_name["key"]
        looks = [class_look(label) for label in labels.tolist()]
        colours = to_rgba_array([colour for colour, _ in looks])
        self.dots = ax.scatter(*np.zeros((2, len(labels))), s=9, c=colours, linewidths=0)
        if len(classes) > len(CLASS_COLOURS):
            self.dots.set_paths([marker_outline(marker) for _, marker in looks])
        ax.set(xticks=[], yticks=[], xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal")
        ax.set_title("map (t-SNE)", fontsize=10)
        ax.set_xlabel(f"{len(labels)} images")
        key.set_axis_off()
        listed = classes if len(classes) <= IN_KEY else classes[: IN_KEY - 1]
        handles = []
        for number, name in enumerate(listed):
            colour, marker = class_look(number)
            label = legible(name, LONGEST)
            handles.append(Line2D([], [], color=colour, marker=marker, label=label, linestyle=""))
        if len(listed) < len(classes):
            more = f"… {len(classes) - len(listed)} more"
            handles.append(Line2D([], [], linestyle="", label=more))
        tight = {"borderpad": 0, "handletextpad": 0, "columnspacing": 0.8}
        columns = 2 if self.narrow else 4
        key.legend(handles=handles, ncols=columns, loc="center", fontsize=8, frameon=False, **tight)
        self.moving.append(self.dots)

    def show_curves(
        self, rows: Sequence[tuple], scores: Sequence[tuple], steps: int, following: Mapping
    ) -> bool:
        """Draws what was (rows of step, loss, knobs) and the knobs of the following step.

        Returns whether an axis changed, so that all has to be drawn anew.
        """
        columns = np.array(rows, dtype=float).reshape(len(rows), 2 + len(self.knobs)).T
        self.loss_line.set_data(columns[0], columns[1])
        if scores:
            self.score_line.set_data(*np.array(scores, dtype=float).T)
        here = rows[-1][0] if rows else 0
        for column, (label, control) in zip(columns[2:], self.knobs.items(), strict=True):
            self.knob_lines[label].set_data(
                columns[0], [_height(control, value) for value in column]
            )
            height = _height(control, following[label])
            self.knob_points[label].set_data([here, here + 0.001 * steps], [height, height])
        return self._fit_axes(columns[1], steps)

    def _fit_axes(self, losses: np.ndarray, steps: int) -> bool:
        """The axes grow in leaps: growing with each step would move all that was drawn."""
        usual = max(self.chance or 0, losses[0] if len(losses) else 0) or 1.0
        leaps = math.ceil(max(0, math.log(min(losses.max(initial=usual) / usual, 8) / 1.1, 1.5)))
        # a loss that passes eight times the usual leaves the figure
        top = 1.15 * usual * 1.5**leaps
        ends = -top if (losses < 0).any() else 0, top, steps
        if ends == self.ends:
            return False
        self.ends = ends
        for name in ("loss", "score", "knobs"):
            if name in self.axes_by_name:
                self.axes_by_name[name].set_xlim(-0.02 * steps, 1.02 * steps)
        self.axes_by_name["loss"].set_ylim(*ends[:2])
        return True

    def show_map(self, layout: Tensor) -> None:
        """Puts the points at (N, 2), centred and scaled to fill the panel."""
        centred = (layout - layout.mean(0)).double()
        self.dots.set_offsets((centred / centred.norm(dim=1).max().clamp(min=1e-12)).numpy())


def _with_ends(name: str, control: Widget) -> str:
    """The label of a knob with the values that "low" and "high" stand for."""
    if not hasattr(control, "min"):
        return name
    low, high = control.min, control.max
    if isinstance(control, FloatLogSlider):
        low, high = control.base**low, control.base**high
    return f"{name} {low:.1g} to {high:.1g}"


def _height(control: Widget, value: float) -> float:
    """Where the value lies between the two ends of its control, 0 to 1."""
    if isinstance(control, FloatLogSlider):
        value = math.log(value, control.base)
    low, high = getattr(control, "min", 0), getattr(control, "max", 1)
    return (float(value) - low) / (high - low)


def _grid(
    curves: list[str], squares: list[str], narrow: bool
) -> tuple[list[list[str]], tuple[float, float], dict]:
    """The mosaic, its size in inches, and the ratios of its rows and columns."""
    heights = [1.0] * (len(curves) - 1) + [0.7]
    key = ["key"] * len(squares) if "map" in squares else squares
    layout = [[curve, *squares] for curve in curves[:-1]] + [[curves[-1], *key]]
    if not narrow:
        widths = [1.2] + [1] * len(squares)
        return layout, (9, 3.6), {"height_ratios": heights, "width_ratios": widths}
    if len(squares) == 2:  # one above the other, beside as many curves
        loss, score = curves[0], curves[-2]
        layout = [[loss, squares[0]], [score, squares[1]], [curves[-1], "key"]]
        heights = [1, 1, 0.7]
    return layout, (4.4, 3.6), {"height_ratios": heights}
