"""FactorMatrix: the same images compared by several encoders, in the order of any factor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from mlteach.explorers._core.controls import choice
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import (
    encodings_of,
    factors_of,
    groupable,
    images_of,
    value_text,
)
from mlteach.explorers._core.pointer import Pointer, cell_below
from mlteach.explorers._core.tiles import colour_images
from mlteach.plots import NEGATIVE, Picture, legible, mark_groups, similarity_matrix
from mlteach.similarity import MEASURES, factor_groups, group_gap, similarities

WIDEST, LINE = 12, 28  # letters of a group's name beside the matrices, and of a line there


class FactorMatrix(Explorer):
    """N images against N images, a matrix for each encoding; blocks appear where it knows a factor.

    Each matrix has its own colours, from its 2nd to its 98th hundredth, so that an encoding whose
    similarities are all nearly equal can still be read; the two ends are written below it.

    Args:
        encodings: name → (N, D), what an encoder makes of the images.
        images: (N, C, H, W) in [0, 1], with one or three channels; N >= 3.
        factors: name → (N,) what is known of each image: integers and texts are groups, floats are
            cut into quarters. One in which no two images agree is shown, but sorts nothing.
        names: optional factor → a text for each of its groups.

    ``state``: ``sort`` and ``measure`` as chosen, ``order`` (N,), ``matrices`` and ``gap``, both by
    encoding, and ``hover`` (row, column) or None. The gap is `mlteach.similarity.group_gap`,
    NaN where all images are of one group.
    """

    pointing = "hover"

    def __init__(
        self,
        encodings: Mapping[str, Tensor],
        images: Tensor,
        factors: Mapping[str, Tensor],
        *,
        names: Mapping[str, Sequence[str]] | None = None,
    ):
        images = images_of("images", images, at_least=3)
        self.encodings = encodings_of(encodings, len(images))
        self.images = colour_images(images)
        self.factors, self.names = factors_of(factors, names, len(images))
        self.hover: tuple[int, int] | None = None
        super().__init__(
            {
                "sort": choice("sort by", groupable(self.factors)),
                "measure": choice("measure", MEASURES),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        count, size = len(self.encodings), len(self.images)
        beside = 2.0  # inches right of the matrices
        side = min((9 - beside) / count, 3.0)  # of one matrix
        figure = Picture((9, max(side + 0.8, 3.0)))
        # squares as high as the figure would push their labels over its edge
        figure.get_layout_engine().set(rect=(0, 0.03, 1, 0.94))
        left, right = figure.add_gridspec(1, 2, width_ratios=[9 - beside, beside])
        self.axes = left.subgridspec(1, count).subplots(squeeze=False)[0]
        pair, below = right.subgridspec(2, 1, height_ratios=[1, 1.2])
        row, column = pair.subgridspec(1, 2).subplots()
        text = figure.add_subplot(below)
        blank = np.zeros((size, size))
        self.cells = [similarity_matrix(blank, ax, low=0, high=1) for ax in self.axes]
        for ax, name in zip(self.axes, self.encodings, strict=True):
            ax.set_title(name, fontsize=10)
        self.marks = [self._frame(ax) for ax in self.axes]
        self.pair = []
        for ax, title in ((row, "row image"), (column, "column image")):
            ax.set(xticks=[], yticks=[])
            ax.set_title(title, fontsize=9)
            self.pair.append(ax.imshow(self.images[0], interpolation="nearest"))
        text.set_axis_off()
        self.text = text.text(0, 1, "", va="top", fontsize=9, linespacing=1.5)
        return figure, [*self.cells, *self.marks, *self.pair, self.text]

    @staticmethod
    def _frame(ax: Axes) -> Artist:
        frame = Rectangle((0, 0), 3, 3, fill=False, edgecolor=NEGATIVE, linewidth=2)
        return ax.add_patch(frame)

    def update(self) -> dict:
        sort, measure = self.controls["sort"].value, self.controls["measure"].value
        order = self.factors[sort].argsort(stable=True)
        if self.changed("look", sort, measure):
            self.compared = {
                name: similarities(z, z, measure=measure) for name, z in self.encodings.items()
            }
            groups = factor_groups(self.factors[sort])
            self.gaps = {name: _gap(matrix, groups) for name, matrix in self.compared.items()}
            self._dress(sort, order, groups)
        self._show_pair(sort, order)
        return {
            "order": order,
            "matrices": {name: matrix[order][:, order] for name, matrix in self.compared.items()},
            "gap": self.gaps,
            "hover": self.hover,
        }

    def _dress(self, sort: str, order: Tensor, groups: Tensor) -> None:
        """Matrices, their colours, titles and lines between groups: all stays until a choice."""
        for ax, cells, (name, matrix) in zip(
            self.axes, self.cells, self.compared.items(), strict=True
        ):
            shown = matrix[order][:, order].clone().fill_diagonal_(math.nan).numpy()
            low, high = np.nanpercentile(shown, [2, 98])
            cells.set(data=shown, clim=(low, high))
            for line in list(ax.lines):
                line.remove()
            names = self.names.get(sort)
            mark_groups(ax, groups[order], names and [legible(name, WIDEST) for name in names])
            ax.set(xticks=[])
            if ax is not self.axes[0] or (sort not in self.names):
                ax.set(yticks=[])
            ax.tick_params(labelsize=8)
            gap = f"same − other: {_signed(self.gaps[name])}"
            ax.set_xlabel(f"{gap}\nwhite {low:.3g}, blue {high:.3g}", fontsize=8)
        self.redraw_all()

    def _show_pair(self, sort: str, order: Tensor) -> None:
        row, column = (int(order[place]) for place in self.hover or (0, len(order) - 1))
        for mark in self.marks:
            mark.set_visible(self.hover is not None)
            if self.hover is not None:
                mark.set_xy((self.hover[1] - 1.5, self.hover[0] - 1.5))
        for image, index in zip(self.pair, (row, column), strict=True):
            image.set_data(self.images[index])
        lines = [
            f"{legible(name, 20)}: {matrix[row, column]:.3f}"
            for name, matrix in self.compared.items()
        ]
        values, names = self.factors[sort], self.names.get(sort)
        one, other = (legible(value_text(values, i, names), WIDEST) for i in (row, column))
        whole = f"{legible(sort, WIDEST)}: {one} and {other}"
        if len(whole) > LINE:
            whole = f"{legible(sort, WIDEST)}:\n{one}\nand {other}"
        self.text.set_text("\n".join([*lines, whole]))

    def pointed(self, pointer: Pointer) -> None:
        inside = pointer.ax in list(self.axes)
        hover = cell_below(pointer, len(self.images)) if inside else None
        if hover != self.hover:
            self.hover = hover
            self.refresh()

    def describe(self) -> str:
        s = self.state
        gaps = ", ".join(f"{name} {_signed(gap)}" for name, gap in s["gap"].items())
        measured = f"same {s['sort']} minus other, in standard deviations"
        return f"{s['measure']}, sorted by {s['sort']}; {measured}: {gaps}"


def _gap(matrix: Tensor, groups: Tensor) -> float:
    return group_gap(matrix, groups) if len(groups.unique()) > 1 else math.nan


def _signed(gap: float) -> str:
    return "all are of one group" if math.isnan(gap) else f"{round(gap, 2) + 0.0:+.2f}"
