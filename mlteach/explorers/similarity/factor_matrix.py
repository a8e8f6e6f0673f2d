"""FactorMatrix: the same pictures compared by several encoders, side by side, in the order of any
factor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch import Tensor

from mlteach.explorers._core.controls import choice
from mlteach.explorers._core.explorer import Explorer, Pointer
from mlteach.plots import NEGATIVE, Picture, mark_groups, similarity_matrix
from mlteach.similarity import MEASURES, factor_groups, similarities


class FactorMatrix(Explorer):
    """N pictures against N pictures, one matrix for each encoding; blocks appear where it knows the
    factor.

    Each matrix has its own colours, from its 2nd to its 98th hundredth, so that an encoding whose
    similarities are all nearly equal can still be read; the two ends are written below it.

    Args:
        encodings: name → (N, D), what an encoder makes of the pictures.
        images: (N, C, H, W) the pictures, with one or three channels.
        factors: name → (N,) what is known of each picture: integers are groups, floats are cut into
            quarters.
        names: optional factor → a text for each of its groups.

    ``state``: ``sort`` and ``measure`` as chosen, ``order`` (N,), ``matrices`` and ``gap``, both by
    encoding, and ``hover`` (row, column) or None. The gap is the mean similarity within a group
    minus that between groups, in standard deviations of all similarities; no picture is compared
    with itself.
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
        check_rows(encodings, images, factors)
        self.encodings = {name: encoding.detach() for name, encoding in encodings.items()}
        self.pictures = colour_pictures(images)
        self.factors, self.names = dict(factors), dict(names or {})
        self.hover: tuple[int, int] | None = None
        self.look = None  # what the still part of the picture was drawn for
        controls = {
            "sort": choice("sort by", list(factors)),
            "measure": choice("measure", MEASURES),
        }
        super().__init__(self._figure(len(images)), controls, self.artists)

    def _figure(self, size: int) -> Picture:
        count = len(self.encodings)
        side = 9 / max(count, 3)  # inches of one matrix
        figure = Picture((9, side + 1.9))
        rows = figure.add_gridspec(2, 1, height_ratios=[side, 1.1])
        self.axes = rows[0].subgridspec(1, count).subplots(squeeze=False)[0]
        row, column, text = rows[1].subgridspec(1, 3, width_ratios=[1, 1, 3.5]).subplots()
        self.matrices = [
            similarity_matrix(np.zeros((size, size)), ax, low=0, high=1) for ax in self.axes
        ]
        self.marks = [
            ax.add_patch(Rectangle((0, 0), 3, 3, fill=False, edgecolor=NEGATIVE, linewidth=2))
            for ax in self.axes
        ]
        self.pair = []
        for ax, title in ((row, "row picture"), (column, "column picture")):
            ax.set(xticks=[], yticks=[])
            ax.set_title(title, fontsize=9)
            self.pair.append(ax.imshow(self.pictures[0], interpolation="nearest"))
        text.set_axis_off()
        self.text = text.text(0, 1, "", va="top", fontsize=9, linespacing=1.5)
        self.artists = [*self.matrices, *self.marks, *self.pair, self.text]
        return figure

    def update(self) -> dict:
        sort, measure = self.controls["sort"].value, self.controls["measure"].value
        values = self.factors[sort]
        groups, order = factor_groups(values), values.argsort(stable=True)
        if self.look != (sort, measure):
            self.compared = {
                name: similarities(z, z, measure=measure) for name, z in self.encodings.items()
            }
            gaps = {name: group_gap(matrix, groups) for name, matrix in self.compared.items()}
            self._dress(sort, order, groups, gaps)
            self.look, self.gaps = (sort, measure), gaps
        self._show_pair(sort, order)
        return {
            "sort": sort,
            "measure": measure,
            "order": order,
            "matrices": {name: matrix[order][:, order] for name, matrix in self.compared.items()},
            "gap": self.gaps,
            "hover": self.hover,
        }

    def _dress(self, sort: str, order: Tensor, groups: Tensor, gaps: Mapping[str, float]) -> None:
        """All that stays until the next choice: matrices, their colours, titles, and the lines
        between groups.
        """
        for ax, image, (name, matrix) in zip(
            self.axes, self.matrices, self.compared.items(), strict=True
        ):
            shown = matrix[order][:, order].clone().fill_diagonal_(math.nan).numpy()
            low, high = np.nanpercentile(shown, [2, 98])
            image.set(data=shown, clim=(low, high))
            for line in list(ax.lines):
                line.remove()
            mark_groups(ax, groups[order], self.names.get(sort))
            ax.set(xticks=[])
            if ax is not self.axes[0] or (sort not in self.names):
                ax.set(yticks=[])
            ax.tick_params(labelsize=8)
            ax.set_title(f"{name}\nsame {sort} − other: {gaps[name]:+.2f}", fontsize=10)
            ax.set_xlabel(f"white {low:.3g}, blue {high:.3g}", fontsize=8)
        self.redraw_all()

    def _show_pair(self, sort: str, order: Tensor) -> None:
        row, column = (int(order[place]) for place in self.hover or (0, len(order) - 1))
        for mark in self.marks:
            mark.set_visible(self.hover is not None)
            if self.hover is not None:
                mark.set_xy((self.hover[1] - 1.5, self.hover[0] - 1.5))
        for image, index in zip(self.pair, (row, column), strict=True):
            image.set_data(self.pictures[index])
        lines = [f"{name}: {matrix[row, column]:.3f}" for name, matrix in self.compared.items()]
        lines.append(f"{sort}: {self._name(sort, row)} and {self._name(sort, column)}")
        self.text.set_text("\n".join(lines))

    def _name(self, sort: str, index: int) -> str:
        value = self.factors[sort][index]
        if sort in self.names:
            return self.names[sort][int(factor_groups(self.factors[sort])[index])]
        return f"{value.item():.2f}" if value.is_floating_point() else str(value.item())

    def pointed(self, pointer: Pointer) -> None:
        hover = None
        if pointer.ax in list(self.axes):
            hover = (round(pointer.y), round(pointer.x))
        if hover != self.hover:
            self.hover = hover
            self.refresh()

    def describe(self) -> str:
        s = self.state
        gaps = ", ".join(f"{name} {gap:+.2f}" for name, gap in s["gap"].items())
        return f"{s['measure']}, sorted by {s['sort']}; same {s['sort']} minus other, in standard deviations: {gaps}"


def group_gap(matrix: Tensor, groups: Tensor) -> float:
    """Mean similarity within groups minus between groups, over the standard deviation of all; (N,
    N) and (N,).
    """
    others = ~torch.eye(len(groups), dtype=torch.bool)
    same = groups[:, None] == groups
    spread = matrix[others].double().std()
    gap = matrix[same & others].double().mean() - matrix[~same].double().mean()
    return (gap / spread.clamp_min(1e-12)).item()


def colour_pictures(images: Tensor) -> np.ndarray:
    """(N, C, H, W) as (N, H, W, 3) colours; one channel becomes dark ink on white."""
    images = images.detach().cpu()
    return (
        (images if images.shape[1] == 3 else 1 - images.expand(-1, 3, -1, -1))
        .permute(0, 2, 3, 1)
        .numpy()
    )


def check_rows(
    encodings: Mapping[str, Tensor], images: Tensor, factors: Mapping[str, Tensor]
) -> None:
    """Raise unless there is at least one encoding and one factor, and all of them speak of the same
    pictures.
    """
    for kind, parts in (("encodings", encodings), ("factors", factors)):
        if not parts:
            raise ValueError(f"{kind} must have at least one entry, got none")
        for name, values in parts.items():
            if len(values) != len(images):
                raise ValueError(
                    f"{kind}[{name!r}] must have one row for each of {len(images)} images, got {len(values)}"
                )
