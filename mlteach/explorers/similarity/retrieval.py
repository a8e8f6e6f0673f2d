"""Retrieval: one picture asks, and every encoding answers with the pictures that it holds to be
most alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.colors import to_rgb
from torch import Tensor

from mlteach.explorers._core.controls import choice, count
from mlteach.explorers._core.explorer import Explorer, Pointer
from mlteach.explorers.similarity.factor_matrix import check_rows, colour_pictures
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, Picture
from mlteach.similarity import MEASURES, factor_groups, nearest, retrieval_precision, similarities

MOST = 10  # neighbours at most
FRAME, GAP = 3, 2  # pixels of a picture's frame, and of the white around that


class Retrieval(Explorer):
    """A query and its nearest neighbours, one row for each encoding; the frames tell which of them
    are right.

    A press on a neighbour makes it the query.

    Args:
        encodings: name → (N, D), what an encoder makes of the pictures.
        images: (N, C, H, W) the pictures, with one or three channels; N > 10.
        factors: name → (N,) what is known of each picture: integers are groups, floats are cut into
            quarters.
        query: the picture that asks first.

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
        check_rows(encodings, images, factors)
        if len(images) <= MOST:
            raise ValueError(f"images must hold more than {MOST} pictures, got {len(images)}")
        self.encodings = {name: encoding.detach() for name, encoding in encodings.items()}
        self.pictures = colour_pictures(images)
        self.groups = {name: factor_groups(values) for name, values in factors.items()}
        # measure → encoding → (N, MOST) neighbours, computed once
        self.ranked: dict[str, dict[str, Tensor]] = {}
        self.presses = 0
        controls = {
            "query": count("query picture", 0, len(images) - 1, query),
            "k": count("neighbours", 1, MOST, 8),
            "factor": choice("right means same", list(factors)),
            "measure": choice("measure", MEASURES),
        }
        super().__init__(self._figure(), controls, self.artists)

    def _figure(self) -> Picture:
        figure = Picture((9, 0.3 + 1.05 * len(self.encodings)))
        grid = figure.add_gridspec(1, 2, width_ratios=[1.2, MOST])
        query = figure.add_subplot(grid[0])
        query.set_title("query", fontsize=10)
        self.rows = grid[1].subgridspec(len(self.encodings), 1).subplots(squeeze=False)[:, 0]
        for ax in (query, *self.rows):
            ax.set_axis_off()
        self.query_picture = query.imshow(self._tile(0, ANCHOR), interpolation="nearest")
        blank = self._row([], [])
        box = (0, MOST, 0, MOST * blank.shape[0] / blank.shape[1])  # a picture is one unit wide
        self.images = [ax.imshow(blank, extent=box, interpolation="nearest") for ax in self.rows]
        self.titles = [ax.text(0.05, box[3] + 0.05, "", fontsize=10) for ax in self.rows]
        self.artists = [self.query_picture, *self.images, *self.titles]
        return figure

    def _tile(self, index: int, colour: str) -> np.ndarray:
        """One picture in its frame, with white around."""
        framed = np.pad(
            self.pictures[index], ((FRAME, FRAME), (FRAME, FRAME), (0, 0)), constant_values=np.nan
        )
        framed = np.where(np.isnan(framed), to_rgb(colour), framed)
        return np.pad(framed, ((GAP, GAP), (GAP, GAP), (0, 0)), constant_values=1)

    def _row(self, indices: list[int], colours: list[str]) -> np.ndarray:
        tiles = [self._tile(index, colour) for index, colour in zip(indices, colours, strict=True)]
        white = np.ones_like(self._tile(0, ANCHOR))
        return np.concatenate(tiles + [white] * (MOST - len(tiles)), axis=1)

    def update(self) -> dict:
        query, k, factor, measure = (
            self.controls[name].value for name in ("query", "k", "factor", "measure")
        )
        groups = self.groups[factor]
        # (N, k) each
        found = {name: ranked[:, :k] for name, ranked in self._ranked(measure).items()}
        precision = {name: retrieval_precision(rows, groups) for name, rows in found.items()}
        neighbours = {name: rows[query] for name, rows in found.items()}
        agree = {name: groups[row] == groups[query] for name, row in neighbours.items()}

        self.query_picture.set_data(self._tile(query, ANCHOR))
        for image, title, name in zip(self.images, self.titles, neighbours, strict=True):
            colours = [POSITIVE if same else NEGATIVE for same in agree[name]]
            image.set_data(self._row(neighbours[name].tolist(), colours))
            share = f"{agree[name].sum()} of {k} have the same {factor}; over all queries {precision[name]:.0%}"
            title.set_text(f"{name}: {share}")
        return {
            "query": query,
            "k": k,
            "factor": factor,
            "measure": measure,
            "neighbours": {name: row.tolist() for name, row in neighbours.items()},
            "right": {name: int(same.sum()) for name, same in agree.items()},
            "precision": precision,
        }

    def _ranked(self, measure: str) -> dict[str, Tensor]:
        if measure not in self.ranked:
            self.ranked[measure] = {
                name: nearest(similarities(z, z, measure=measure), MOST)
                for name, z in self.encodings.items()
            }
        return self.ranked[measure]

    def pointed(self, pointer: Pointer) -> None:
        if (
            not pointer.pressed
            or pointer.presses == self.presses
            or pointer.ax not in list(self.rows)
        ):
            return
        self.presses = pointer.presses
        name = list(self.encodings)[list(self.rows).index(pointer.ax)]
        place = int(pointer.press_x)
        if place < self.state["k"]:
            self.controls["query"].value = self.state["neighbours"][name][place]

    def describe(self) -> str:
        s = self.state
        shares = ", ".join(f"{name} {s['right'][name]} of {s['k']}" for name in s["right"])
        return (
            f"query {s['query']}, {s['measure']}: neighbours with the same {s['factor']}: {shares}"
        )
