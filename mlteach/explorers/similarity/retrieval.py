"""Retrieval: one image is the query, and every encoding answers with those most alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.artist import Artist
from torch import Tensor

from mlteach import _validate
from mlteach.explorers._core import tiles
from mlteach.explorers._core.controls import choice, count
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import encodings_of, factors_of, groupable, images_of
from mlteach.explorers._core.pointer import Pointer
from mlteach.plots import NEGATIVE, POSITIVE, Picture
from mlteach.similarity import MEASURES, factor_groups, nearest, retrieval_precision, similarities

MOST = 10  # neighbours at most


class Retrieval(Explorer):
    """A query and its nearest neighbours, one row for each encoding; frames tell which are right.

    A press on a neighbour makes it the query.

    Args:
        encodings: name → (N, D), what an encoder makes of the images.
        images: (N, C, H, W) in [0, 1], with one or three channels; N > 10.
        factors: name → (N,) what is known of each image: integers and texts are groups, floats are
            cut into quarters. One in which no two images agree is left out.
        query: the image that is the query first.

    ``state``: ``query``, ``k``, ``measure`` and ``factor`` as chosen; by encoding ``neighbours`` (k
    indices, the most similar first), ``right`` (how many of them agree with the query) and
    ``precision``, the share of agreeing neighbours over all N queries.
    """

    pointing = "drag"

    def __init__(
        self,
        encodings: Mapping[str, Tensor],
        images: Tensor,
        factors: Mapping[str, Tensor],
        *,
        query: int = 0,
    ):
        images = images_of("images", images, at_least=MOST + 1)
        self.encodings = encodings_of(encodings, len(images))
        self.images = tiles.colour_images(images)
        known, _ = factors_of(factors, None, len(images))
        self.groups = {name: factor_groups(known[name]) for name in groupable(known)}
        query = _validate.count("query", query, at_least=0, at_most=len(images) - 1)
        # measure → encoding → (N, MOST) neighbours, computed once
        self.ranked: dict[str, dict[str, Tensor]] = {}
        super().__init__(
            {
                "query": count("query image", 0, len(images) - 1, query),
                "k": count("neighbours", 1, MOST, 8),
                "factor": choice("right means same", list(self.groups)),
                "measure": choice("measure", MEASURES),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, min(0.3 + 1.05 * len(self.encodings), 3.9)))
        grid = figure.add_gridspec(1, 2, width_ratios=[1.2, MOST])
        query = figure.add_subplot(grid[0])
        query.set_title("query", fontsize=10)
        self.rows = grid[1].subgridspec(len(self.encodings), 1).subplots(squeeze=False)[:, 0]
        for ax in (query, *self.rows):
            ax.set_axis_off()
        tile = tiles.unframed(self.images[0])
        self.query_image = query.imshow(tile, interpolation="nearest")
        query.add_patch(tiles.query_frame(tile, -0.5, -0.5, 1))
        blank = self._row([], [])
        box = (0, MOST, 0, MOST * blank.shape[0] / blank.shape[1])  # a tile is one unit wide
        self.shown = [ax.imshow(blank, extent=box, interpolation="nearest") for ax in self.rows]
        self.titles = [ax.text(0.05, box[3] + 0.05, "", fontsize=10) for ax in self.rows]
        return figure, [self.query_image, *self.shown, *self.titles]

    def _row(self, indices: list[int], colours: list[str]) -> np.ndarray:
        """Neighbours side by side, with nothing where there are fewer than MOST."""
        pairs = zip(indices, colours, strict=True)
        found = [tiles.framed(self.images[index], colour) for index, colour in pairs]
        return tiles.row(found, length=MOST, blank=tiles.unframed(self.images[0]))

    def update(self) -> dict:
        query, k = self.controls["query"].value, self.controls["k"].value
        factor = self.controls["factor"].value
        groups = self.groups[factor]
        ranked = self._ranked(self.controls["measure"].value)
        found = {name: rows[:, :k] for name, rows in ranked.items()}  # (N, k) each
        precision = {name: retrieval_precision(rows, groups) for name, rows in found.items()}
        neighbours = {name: rows[query].tolist() for name, rows in found.items()}
        right = {}
        self.query_image.set_data(tiles.unframed(self.images[query]))
        for image, title, (name, row) in zip(
            self.shown, self.titles, neighbours.items(), strict=True
        ):
            agree = (groups[row] == groups[query]).tolist()
            right[name] = sum(agree)
            image.set_data(self._row(row, [POSITIVE if same else NEGATIVE for same in agree]))
            here = f"{right[name]} of {k} have the same {factor}"
            title.set_text(f"{name}: {here}; over all queries {precision[name]:.0%}")
        return {"neighbours": neighbours, "right": right, "precision": precision}

    def _ranked(self, measure: str) -> dict[str, Tensor]:
        if measure not in self.ranked:
            self.ranked[measure] = {
                name: nearest(similarities(z, z, measure=measure), MOST)
                for name, z in self.encodings.items()
            }
        return self.ranked[measure]

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax not in list(self.rows) or not self.hold.is_new(pointer):
            return
        name = list(self.encodings)[list(self.rows).index(pointer.ax)]
        place = int(pointer.press_x)
        if place < self.state["k"]:
            self.controls["query"].value = self.state["neighbours"][name][place]

    def describe(self) -> str:
        s = self.state
        shares = ", ".join(f"{name} {right} of {s['k']}" for name, right in s["right"].items())
        alike = f"neighbours with the same {s['factor']}"
        return f"query {s['query']}, {s['measure']}: {alike}: {shares}"
