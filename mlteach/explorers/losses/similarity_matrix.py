"""SimilarityMatrix: a whole batch, two views of each image, every view against every other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.patches import Rectangle
from torch import Tensor

from mlteach import _validate
from mlteach.explorers._core.controls import choice, log_slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import mapping
from mlteach.explorers._core.pointer import Pointer, cell_below
from mlteach.explorers._core.tiles import views_of
from mlteach.losses import nt_xent
from mlteach.plots import (
    ANCHOR,
    POSITIVE,
    Picture,
    legible,
    mark_groups,
    similarity_colours,
    similarity_matrix,
)

SHOWN = {  # what the colours mean: the label of the colour bar
    "cosines": "cosine",
    "logits": "logit: cosine / temperature",
    "probabilities": "probability, row by row",
}
# around one cell
SQUARE = torch.tensor([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]])
ORDERS = {  # and the title of each
    "by class": "views sorted by their class",
    "as drawn": "all first views, then all second views",
    "by ink": "views sorted by their ink",
}

WIDEST = 12  # letters of a class's name beside the matrix


class SimilarityMatrix(Explorer):
    """2B views against 2B views: cosines, logits or probabilities, the positives outlined.

    Args:
        encodings: name of an encoder → (z1, z2), its (B >= 2, D) outputs for both views; z1 and z2
            in the same order.
        views1, views2: (B, C, H, W) in [0, 1] the images of both views, one or three channels.
        labels: (B,) class of each image, a number or a text: it sorts the rows, no loss sees it.

    ``state``: ``encoder``, ``temperature``, ``shown``, ``order``, ``matrix`` (2B, 2B) as drawn,
    ``loss`` (nats), ``found``, the share of views whose nearest other view is their positive, and
    ``hover`` (row, column) or None.
    """

    pointing = "hover"

    def __init__(
        self,
        encodings: Mapping[str, tuple[Tensor, Tensor]],
        views1: Tensor,
        views2: Tensor,
        labels: Tensor,
    ):
        self.encodings = {
            str(name): _pair(f"encodings[{name!r}]", pair)
            for name, pair in mapping("encodings", encodings).items()
        }
        size = len(next(iter(self.encodings.values()))[0])
        for name, (z1, _) in self.encodings.items():
            if len(z1) != size:
                raise ValueError(f"encodings[{name!r}] must have {size} rows, got {len(z1)}")
        self.images = torch.from_numpy(np.concatenate(views_of(views1, views2, size)))
        texts = _validate.numbered_texts("labels", labels, size=size)
        one, self.names = texts or (_validate.labels("labels", labels, size=size).cpu(), None)
        self.labels = torch.cat([one, one])
        self.positive = torch.arange(2 * size).roll(size)
        self.hover: tuple[int, int] | None = None
        super().__init__(
            {
                "encoder": choice("encoder", list(self.encodings)),
                "shown": choice("colours show", list(SHOWN)),
                "temperature": log_slider("temperature", 0.01, 10, 0.5),
                "order": choice("order", list(ORDERS)),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.7))
        layout = [["matrix", "row", "column"], ["matrix", "text", "text"]]
        axes = figure.subplot_mosaic(layout, width_ratios=[2.2, 1, 1], height_ratios=[1.4, 1])
        self.ax = axes["matrix"]
        size = len(self.labels)
        self.cells = similarity_matrix(np.zeros((size, size)), self.ax)
        self.bar = figure.colorbar(self.cells, ax=self.ax, shrink=0.8, pad=0.02)
        self.outlines = self.ax.add_collection(LineCollection([], colors=ANCHOR, linewidths=1))
        frame = Rectangle((0, 0), 1, 1, fill=False, edgecolor=POSITIVE, linewidth=2.5)
        self.mark = self.ax.add_patch(frame)
        self.pair = []
        for name in ("row", "column"):
            axes[name].set(xticks=[], yticks=[])
            axes[name].set_title(f"{name} image", fontsize=10)
            first = self.images[0].numpy()
            self.pair.append(axes[name].imshow(first, cmap="gray_r", vmin=0, vmax=1))
        axes["text"].set_axis_off()
        self.text = axes["text"].text(0, 1, "", va="top", fontsize=10, linespacing=1.5)
        return figure, [self.cells, self.outlines, self.mark, *self.pair, self.text]

    def update(self) -> dict:
        temperature = self.controls["temperature"].value
        shown, order_name = self.controls["shown"].value, self.controls["order"].value
        z1, z2 = self.encodings[self.controls["encoder"].value]
        z = F.normalize(torch.cat([z1, z2]).double(), dim=1)
        cosines = z @ z.T
        # a view is no candidate for itself
        logits = (cosines / temperature).fill_diagonal_(-math.inf)
        probabilities = logits.softmax(dim=1)
        order = self._order(order_name)
        values = {"cosines": cosines, "logits": logits, "probabilities": probabilities}[shown]
        values = values.clone().fill_diagonal_(math.nan)[order][:, order]
        found = (logits.argmax(dim=1) == self.positive).double().mean().item()

        largest = 1 / temperature if shown == "logits" else 1.0  # that can occur
        if self.changed("look", shown, order_name, largest):
            self._dress(shown, order_name, order, largest)
        # as colours, which cost half of what numbers do to draw
        self.cells.set_data(self.cells.to_rgba(values.numpy(), bytes=True))
        place = order.argsort()  # where in the figure each view now stands
        corners = torch.stack([place[self.positive], place], dim=1)[:, None] + SQUARE  # (2B, 5, 2)
        self.outlines.set_segments(corners.numpy())
        self._show_pair(order, cosines, probabilities)
        return {
            "matrix": values,
            "loss": nt_xent(z1.double(), z2.double(), temperature=temperature).item(),
            "found": found,
            "hover": self.hover,
        }

    def _order(self, name: str) -> Tensor:
        if name == "as drawn":
            return torch.arange(len(self.labels))
        # in colours, black is what ink is
        ink = (1 - self.images if self.images.dim() == 4 else self.images).flatten(1).sum(1)
        key = self.labels if name == "by class" else ink
        return key.double().argsort(stable=True)

    def _dress(self, shown: str, order_name: str, order: Tensor, largest: float) -> None:
        """Colours, colour bar, class lines and ticks."""
        low = 0.0 if shown == "probabilities" else -largest
        norm = Normalize(low, largest)
        if shown == "probabilities":  # small among many candidates: their roots can be told apart
            norm = PowerNorm(0.5, low, largest)
        self.cells.set(cmap=similarity_colours(low), norm=norm)
        self.bar.update_normal(self.cells)
        # three digits at every temperature: the panels beside the bar do not make room
        decimals = 2 if round(largest, 2) < 10 else 1 if round(largest, 1) < 100 else 0
        ends = [low, norm.inverse(0.5), largest]
        self.bar.set_ticks(ends, labels=[f"{x:.{decimals}f}".replace("-", "−") for x in ends])
        self.bar.set_label(SHOWN[shown])
        for line in list(self.ax.lines):
            line.remove()
        self.ax.set(xticks=[], yticks=[])
        if order_name == "by class":
            names = self.names and [legible(name, WIDEST) for name in self.names]
            mark_groups(self.ax, self.labels[order], names)
        self.ax.set_title(ORDERS[order_name], fontsize=11)
        self.redraw_all()

    def _show_pair(self, order: Tensor, cosines: Tensor, probabilities: Tensor) -> None:
        self.mark.set_visible(self.hover is not None)
        if self.hover is None:
            row, column = 0, int(self.positive[0])
        else:
            row, column = (int(order[place]) for place in self.hover)
            self.mark.set_xy((self.hover[1] - 0.5, self.hover[0] - 0.5))
        for image, index in zip(self.pair, (row, column), strict=True):
            image.set_data(self.images[index].numpy())
        lines = ["a view and itself:", "left out of", "every sum"]
        if row != column:
            cosine, probability = cosines[row, column], probabilities[row, column]
            lines = [f"cosine {cosine:.2f}", f"probability {probability:.3f}"]
            lines.append(self._kind(row, column))
        self.text.set_text("\n".join(lines))

    def _kind(self, row: int, column: int) -> str:
        if self.positive[row] == column:
            return "positives"
        return "same class" if self.labels[row] == self.labels[column] else ""

    def pointed(self, pointer: Pointer) -> None:
        hover = cell_below(pointer, len(self.labels)) if pointer.ax is self.ax else None
        if hover != self.hover:
            self.hover = hover
            self.refresh()

    def describe(self) -> str:
        s = self.state
        others = len(self.labels) - 1
        return (
            f"{s['encoder']}, temperature {s['temperature']:.2g}: NT-Xent {s['loss']:.3f} nats; "
            f"{s['found']:.0%} of the views have their positive as nearest neighbour among {others}"
        )


def _pair(name: str, given: Any) -> tuple[Tensor, Tensor]:
    """(z1, z2), finite and of one shape."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise TypeError(f"{name} must be (z1, z2), got {_validate.kind(given)}")
    z1, z2 = (_validate.features(name, z, at_least=2).detach().cpu() for z in given)
    if z1.shape != z2.shape:
        raise ValueError(
            f"{name} must be two of one shape, got {tuple(z1.shape)} and {tuple(z2.shape)}"
        )
    return z1, z2
