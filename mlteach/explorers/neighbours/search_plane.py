"""SearchPlane: a query to drag, and what an index looks at to find its neighbours."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from scipy.spatial import Voronoi
from torch import Tensor

from mlteach import _validate
from mlteach.explorers._core.controls import choice, count, on_step, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.pointer import Pointer
from mlteach.neighbours import ExactSearch, HashTables, Index, InvertedLists, NeighbourGraph, recall
from mlteach.plots import ANCHOR, CLASS_COLOURS, POSITIVE, QUIET, Picture, plain

KNOBS = {"inverted lists": "cells", "hashing": "buckets", "graph": "ef"}  # method → its control
LABELS = {"cells": "cells probed", "buckets": "buckets probed", "ef": "beam width ef"}
SETTINGS = 10  # of each knob, for which the mean over many queries is shown
LARGEST = 100  # of these settings: beyond, a graph visits nearly everything and takes its time
STEP = 0.05  # of the query's sliders: the smallest move that can be seen
LEAST, FARTHEST = 30, 1000  # points, and how far they may lie from the origin
GRID = 240  # cells and buckets are drawn on so many pixels a side
# not visited, visited, found
POINT_COLOURS = np.array(["#D5D5D5", "#E69F00", POSITIVE], dtype=object)


class SearchPlane(Explorer):
    """Points in the plane and a query: what each index looks at, what it finds, and what it misses.

    Args:
        points: (N, 2), N >= 30, at 30 or more different places, within 1,000 of the origin.
        k: neighbours wanted, 1 to 30.
        seed: of the planes, cells and links.

    ``state``: the value of every control; ``setting`` of the method's knob, ``query`` (x, y),
    ``visited``, ``found`` and ``exact`` (indices, the last two nearest first), ``distances``
    computed, ``recall``, and ``path``: the points that a walk in the graph went to.
    """

    pointing = "drag"

    def __init__(self, points: Tensor, *, k: int = 8, seed: int = 0):
        self.points = points = _in_the_plane(points)
        self.k = k = _validate.count("k", k, at_most=LEAST)
        self.exact = ExactSearch(points, measure="euclidean")
        self.indexes = self._build(_validate.seed("seed", seed))
        # half a unit of air
        self.low = [math.floor(10 * end - 5) / 10 for end in points.amin(0).tolist()]
        self.high = [math.ceil(10 * end + 5) / 10 for end in points.amax(0).tolist()]
        controls = {"method": choice("index", list(KNOBS))}
        for method, index in self.indexes.items():
            least = k if method == "graph" else 1
            controls[KNOBS[method]] = count(LABELS[KNOBS[method]], least, index.exhaustive, least)
        for name, low, high, start in zip("xy", self.low, self.high, self._border(), strict=True):
            controls[name] = slider(f"query {name}", low, high, start, step=STEP)
        super().__init__(controls)

    def _build(self, seed: int) -> dict[str, Index]:
        generator = torch.Generator().manual_seed(seed)
        return {
            "inverted lists": InvertedLists(self.points, measure="euclidean", generator=generator),
            "hashing": HashTables(
                self.points, measure="euclidean", n_tables=1, n_bits=5, generator=generator
            ),
            "graph": NeighbourGraph(
                self.points, measure="euclidean", n_links=4, n_starts=1, generator=generator
            ),
        }

    def _border(self) -> list[float]:
        """A place where cells have something to miss: on the border between two of them."""
        centres = torch.from_numpy(self.indexes["inverted lists"].centres)
        nearest = ExactSearch(centres, measure="euclidean").search(centres[:1], 2)[1][0]
        return [on_step(x, STEP) for x in centres[nearest].mean(0).tolist()]

    # --- the figure ------------------------------------------------------------------------------

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.6))
        self.ax, curves = figure.subplots(1, 2, width_ratios=[2.3, 1])
        (left, bottom), (right, top) = self.low, self.high
        self.ax.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], aspect="equal")
        title = "star: the query, drag it · rings: its true neighbours · blue: found"
        self.ax.set_title(title, fontsize=10)
        moving = [*self._draw_pieces(self.ax), *self._draw_points(self.ax)]
        return figure, [*moving, self._draw_curves(plain(curves))]

    def _draw_pieces(self, ax: Axes) -> list[Artist]:
        """Cells, buckets and links, and the area whose points are visited."""
        (left, bottom), (right, top) = self.low, self.high
        across, up = np.linspace(left, right, GRID), np.linspace(bottom, top, GRID)
        grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(np.float32)
        lists, tables = self.indexes["inverted lists"], self.indexes["hashing"]
        self.piece_of_pixel = {
            "inverted lists": np.square(grid[:, None] - lists.centres).sum(2).argmin(1),
            "hashing": tables.codes(grid)[:, 0],
        }
        colours = ListedColormap([(1, 1, 1, 0), (0.9, 0.62, 0, 0.18)])
        look = {"vmin": 0, "vmax": 1, "interpolation": "nearest", "aspect": "equal", "zorder": 0}
        box = {"extent": (left, right, bottom, top), "origin": "lower"}
        self.region = ax.imshow(np.zeros((GRID, GRID)), cmap=colours, **box, **look)
        middle = tables.centre
        self.still = {
            "inverted lists": self._borders(lists.centres),
            "hashing": [
                ax.axline(middle, middle + [-plane[1], plane[0]], color=QUIET, linewidth=0.8)
                for plane in tables.planes[0]
            ],
            "graph": self._links(self.indexes["graph"]),
        }
        return [self.region]

    def _draw_points(self, ax: Axes) -> list[Artist]:
        place = self.points.numpy()
        self.dots = ax.scatter(*place.T, s=20, c=POINT_COLOURS[0], linewidths=0, zorder=2)
        (self.path,) = ax.plot([], [], color=ANCHOR, linewidth=1.8, zorder=3)
        ring = {"s": 46, "facecolors": "none", "edgecolors": ANCHOR, "linewidths": 1.1}
        self.rings = ax.scatter([], [], zorder=4, **ring)
        star = {"s": 180, "marker": "*", "c": ANCHOR, "edgecolors": "white", "linewidths": 1.2}
        self.star = ax.scatter([0], [0], zorder=5, clip_on=False, **star)
        return [self.dots, self.path, self.rings, self.star]

    def _draw_curves(self, ax: Axes) -> Artist:
        """Recall against cost of every method, and the dot of this query."""
        self.curves = {method: self._curve(method) for method in KNOBS}
        for (method, curve), colour in zip(self.curves.items(), CLASS_COLOURS, strict=False):
            ax.plot(*curve, color=colour, linewidth=1.2, marker=".", label=method)
        ax.axvline(len(self.points), color=QUIET, linewidth=0.8, linestyle="--")
        (self.now,) = ax.plot([], [], "o", color=ANCHOR, markersize=8, clip_on=False)
        ax.set(xlim=(0, 1.05 * len(self.points)), ylim=(-0.03, 1.05))
        ax.set(xlabel="distances computed", ylabel=f"recall of {self.k}")
        ax.set_title("lines: 60 queries; dot: this one", fontsize=10)
        left_of_the_dashes = {"loc": "lower right", "bbox_to_anchor": (0.95, 0)}
        ax.legend(fontsize=9, frameon=False, **left_of_the_dashes)
        return self.now

    def _borders(self, centres: np.ndarray) -> list[Artist]:
        """Centres and borders of the cells; four centres far outside close those at the edge."""
        far = 100 * np.abs(centres).max() * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
        cells = Voronoi(np.concatenate([centres, far]))
        lines = [cells.vertices[ends] for ends in cells.ridge_vertices if -1 not in ends]
        crosses = self.ax.plot(*centres.T, "+", color=QUIET, markersize=5, zorder=1)
        borders = LineCollection(lines, colors=QUIET, linewidths=0.8, zorder=1)
        return [*crosses, self.ax.add_collection(borders)]

    def _links(self, graph: NeighbourGraph) -> list[Artist]:
        node, place = np.nonzero(graph.links[:-1] != graph.nobody)
        lines = graph.vectors[np.stack([node, graph.links[node, place]], axis=1)]
        links = LineCollection(lines, colors=QUIET, linewidths=0.4, alpha=0.7, zorder=1)
        return [self.ax.add_collection(links)]

    def _curve(self, method: str) -> tuple[list[float], list[float]]:
        """Mean cost and recall over 60 queries near the points, for ten settings."""
        index = self.indexes[method]
        generator = torch.Generator().manual_seed(1)
        near = self.points[torch.randint(len(self.points), (60,), generator=generator)]
        queries = near + 0.3 * torch.randn(60, 2, generator=generator)
        right = self.exact.search(queries, self.k)[1]
        least = self.k if method == "graph" else 1
        settings = sorted(
            {round(s) for s in np.geomspace(least, min(index.exhaustive, LARGEST), SETTINGS)}
        )
        costs = [index.cost(queries, **{index.knob: s}) for s in settings]
        recalls = [
            recall(index.search(queries, self.k, **{index.knob: s})[1], right) for s in settings
        ]
        return costs, recalls

    # --- every move ------------------------------------------------------------------------------

    def update(self) -> dict:
        method = self.controls["method"].value
        if self.changed("method", method):
            self._dress(method)
        index, setting = self.indexes[method], self.controls[KNOBS[method]].value
        knob = {index.knob: setting}
        query = torch.tensor([[self.controls[name].value for name in "xy"]])
        visited = index.visited(query, **knob)[0]
        found, exact = index.search(query, self.k, **knob)[1], self.exact.search(query, self.k)[1]
        path = index.walk(query.numpy(), setting)[2] if method == "graph" else []
        state = {
            "setting": setting,
            "query": tuple(query[0].tolist()),
            "visited": visited.tolist(),
            "found": [i for i in found[0].tolist() if i >= 0],
            "exact": exact[0].tolist(),
            "distances": index.overhead + len(visited),
            "recall": recall(found, exact),
            "path": [int(step[0]) for step in path],
        }
        self._show(method, state)
        return state

    def _dress(self, method: str) -> None:
        """Another method has a knob of its own, and planes, borders or links."""
        for name, control in KNOBS.items():
            self.controls[control].layout.display = None if name == method else "none"
        for name, artists in self.still.items():
            for artist in artists:
                artist.set_visible(name == method)
        self.redraw_all()

    def _show(self, method: str, state: dict) -> None:
        place = self.points.numpy()
        kind = np.zeros(len(place), dtype=int)
        kind[state["visited"]] = 1
        kind[state["found"]] = 2
        self.dots.set_color(POINT_COLOURS[kind].tolist())
        self.rings.set_offsets(place[state["exact"]])
        self.star.set_offsets([state["query"]])
        self.path.set_data(*place[state["path"]].T)
        lit = np.zeros((GRID, GRID))
        if method != "graph":
            query = np.array(state["query"], dtype=np.float32)
            pieces = self.indexes[method].probed(query, state["setting"])
            lit = np.isin(self.piece_of_pixel[method], pieces).reshape(GRID, GRID)
        self.region.set_data(lit)
        self.now.set_data([state["distances"]], [state["recall"]])

    def pointed(self, pointer: Pointer) -> None:
        if pointer.pressed and pointer.ax is self.ax:
            self.place(pointer.x, pointer.y)

    def place(self, x: float, y: float) -> None:
        """Puts the query at (x, y), or at the nearest place inside the figure."""
        with self.one_redraw():
            for name, value in zip("xy", (x, y), strict=True):
                # a slider stops at its ends by itself
                self.controls[name].value = on_step(value, STEP)

    def describe(self) -> str:
        s = self.state
        setting = f"{s['method']}, {LABELS[KNOBS[s['method']]]} {s['setting']}"
        found = round(s["recall"] * self.k)
        return (
            f"{setting}: {s['distances']} distances instead of {len(self.points)}, "
            f"found {found} of {self.k} neighbours"
        )


def _in_the_plane(given: Any) -> Tensor:
    """(N, 2) float32 at enough places for cells, buckets and links."""
    points = _validate.as_tensor("points", given)
    if points.dim() != 2 or points.shape[1] != 2 or len(points) < LEAST:
        raise ValueError(f"points must be (N >= {LEAST}, 2), got shape {tuple(points.shape)}")
    points = _validate.features("points", points).detach().cpu().float()
    if points.abs().max() > FARTHEST:
        farthest = points.abs().max().item()
        raise ValueError(f"points must lie within {FARTHEST} of the origin, got {farthest:g}")
    if len(places := points.unique(dim=0)) < LEAST:
        raise ValueError(f"points must lie at {LEAST} or more places, got {len(places)}")
    return points
