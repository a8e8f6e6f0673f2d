"""Prototypes: support points to be dragged, their means, and the regions that these part."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.explorers._core.controls import button, choice, count, on_step, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.pointer import Pointer
from mlteach.meta.nearest_prototype import (
    DISTANCES,
    accuracy_by_shots,
    prototype_layer,
    prototype_logits,
    prototypes_of,
)
from mlteach.plots import ANCHOR, CLASS_COLOURS, QUIET, Picture, plain

NAMES = "ABCDEF"
MOST_SHOTS = 10
N_QUERIES = 40  # of each class
HALF = 3.0  # of the plane's side
CORNERS = HALF * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])  # of the plane
# of the circle of the classes' centres; standard deviation of each class
RADIUS, SPREAD = 1.65, 0.65
REACH = 0.2  # a press takes hold of a point that is at most so far away
STEP = 0.05  # of the query's place
QUERY = (0.3, 0.4)


class Prototypes(Explorer):
    """Drag the support points of an N-way K-shot task, or the query, and watch the regions move.

    Args:
        n_way: classes shown first, 2 to 6.
        n_shot: support points of each class shown first, 1 to 10.
        seed: of the support points and of the cloud of other queries.

    ``state``: the value of every control; ``support`` (N, K, 2), ``prototypes`` (N, 2), the
    ``query`` (x, y) and its ``probabilities`` (N,), and of the cloud of queries its ``loss`` in
    nats, its ``accuracy``, and its ``accuracies`` (10,) with the first 1 to 10 support points of
    each class.
    """

    pointing = "drag"

    def __init__(self, *, n_way: int = 3, n_shot: int = 3, seed: int = 4):
        n_way = _validate.count("n_way", n_way, at_least=2, at_most=len(NAMES))
        n_shot = _validate.count("n_shot", n_shot, at_most=MOST_SHOTS)
        self.generator = Generator().manual_seed(_validate.seed("seed", seed))
        turns = torch.arange(len(NAMES)) * torch.pi / 3 + 0.5
        turns = turns[[0, 2, 4, 1, 3, 5]]  # the first three classes lie far apart
        self.centres = RADIUS * torch.stack([turns.cos(), turns.sin()], 1)  # (6, 2)
        self.support = self._sample(MOST_SHOTS)
        self.cloud = self._sample(N_QUERIES)
        controls = {
            "n_way": count("ways N", 2, len(NAMES), n_way),
            "n_shot": count("shots K", 1, MOST_SHOTS, n_shot),
            "distance": choice("nearest by", DISTANCES),
            "x": slider("query x", -HALF, HALF, QUERY[0], step=STEP),
            "y": slider("query y", -HALF, HALF, QUERY[1], step=STEP),
            "draw": button("draw another support", self.draw_support),
        }
        super().__init__(controls)

    def _sample(self, n_each: int) -> Tensor:
        """(6, n_each, 2) points of every class, inside the plane."""
        noise = torch.randn(len(NAMES), n_each, 2, generator=self.generator)
        return (self.centres[:, None] + SPREAD * noise).clamp(0.02 - HALF, HALF - 0.02)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.6))
        layout = [["plane", "bars"], ["plane", "curve"]]
        axes = figure.subplot_mosaic(layout, width_ratios=[1.3, 1])
        self.ax = axes["plane"]
        self.colours = np.array([to_rgb(colour) for colour in CLASS_COLOURS[: len(NAMES)]])
        plane = self._draw_plane(self.ax)
        return figure, [*plane, *self._draw_bars(axes["bars"]), *self._draw_curve(axes["curve"])]

    def _draw_plane(self, ax: Axes) -> list[Artist]:
        tints = 0.25 * self.colours + 0.75
        regions = PolyCollection([], facecolors=tints, linewidths=0, zorder=0)
        self.regions = ax.add_collection(regions)
        self.queries = ax.scatter([], [], s=7, linewidths=0, alpha=0.7, zorder=1)
        self.spokes = ax.add_collection(LineCollection([], linewidths=0.8, zorder=2))
        (self.origin,) = ax.plot([0], [0], "+", color=ANCHOR, markersize=10, zorder=2)
        whole = {"clip_on": False}  # at the plane's edge too
        self.dots = ax.scatter([], [], s=60, edgecolors="white", linewidths=1, zorder=3, **whole)
        diamond = {"s": 190, "marker": "D", "edgecolors": ANCHOR, "linewidths": 1.5}
        self.means = ax.scatter([], [], zorder=4, **diamond, **whole)
        star = {"s": 260, "marker": "*", "c": ANCHOR, "edgecolors": "white", "linewidths": 1.2}
        self.star = ax.scatter([0], [0], zorder=5, **star, **whole)
        ax.set(xlim=(-HALF, HALF), ylim=(-HALF, HALF), xticks=[], yticks=[], aspect="equal")
        title = "large dots: support, drag them · diamonds: prototypes · star: query"
        ax.set_title(title, fontsize=9, pad=10)  # above the star at the upper edge
        below = [self.regions, self.queries, self.spokes, self.origin]
        return [*below, self.dots, self.means, self.star]

    def _draw_bars(self, ax: Axes) -> list[Artist]:
        self.bars_ax = plain(ax)
        self.bars = ax.bar(range(len(NAMES)), [0] * len(NAMES), color=self.colours)
        ax.set(ylim=(0, 1))
        ax.set_title("probability of each class for the star", fontsize=10)
        return list(self.bars)

    def _draw_curve(self, ax: Axes) -> list[Artist]:
        shots = range(1, MOST_SHOTS + 1)
        (self.curve,) = plain(ax).plot(shots, [0.5] * MOST_SHOTS, color=QUIET, marker=".")
        (self.now,) = ax.plot([1], [0.5], "o", color=ANCHOR, markersize=8)
        ax.set(xlim=(0.7, MOST_SHOTS + 0.3), ylim=(0, 1.03), xticks=list(shots), xlabel="shots K")
        ax.set_title("accuracy on the small dots", fontsize=10)
        return [self.curve, self.now]

    def update(self) -> dict:
        n_way, n_shot = self.controls["n_way"].value, self.controls["n_shot"].value
        distance = self.controls["distance"].value
        query = (self.controls["x"].value, self.controls["y"].value)
        support = self.support[:n_way, :n_shot]
        prototypes = prototypes_of(support)
        probabilities = prototype_logits(torch.tensor([query]), prototypes, distance).softmax(1)[0]
        cloud = self.cloud[:n_way].flatten(0, 1)
        truth = torch.arange(n_way).repeat_interleave(N_QUERIES)
        loss = F.cross_entropy(prototype_logits(cloud, prototypes, distance), truth)
        accuracies = accuracy_by_shots(self.support[:n_way], cloud, truth, distance)
        accuracy = accuracies[n_shot - 1].item()
        if self.changed("ways", n_way):  # only the classes that there are
            self.bars_ax.set_xticks(range(n_way), list(NAMES[:n_way]))
            self.bars_ax.set_xlim(-0.6, n_way - 0.4)
            self.redraw_all()
        self._show_support(support, prototypes)
        self._show_regions(prototypes, distance)
        self.star.set_offsets([query])
        for i, bar in enumerate(self.bars):
            bar.set_height(probabilities[i].item() if i < n_way else 0)
        self.curve.set_ydata(accuracies.numpy())
        self.now.set_data([n_shot], [accuracy])
        return {
            "support": support.clone(),
            "prototypes": prototypes,
            "query": query,
            "probabilities": probabilities,
            "loss": loss.item(),
            "accuracy": accuracy,
            "accuracies": accuracies,
        }

    def _show_support(self, support: Tensor, prototypes: Tensor) -> None:
        n_way, n_shot = support.shape[:2]
        colours = self.colours[:n_way]
        self.queries.set_offsets(self.cloud[:n_way].flatten(0, 1).numpy())
        self.queries.set_color(colours.repeat(N_QUERIES, 0))
        self.dots.set_offsets(support.flatten(0, 1).numpy())
        self.dots.set_facecolor(colours.repeat(n_shot, 0))
        # (N K, 2, 2)
        spokes = torch.stack([support, prototypes[:, None].expand_as(support)], 2).flatten(0, 1)
        self.spokes.set(segments=spokes.numpy(), color=colours.repeat(n_shot, 0))
        self.means.set_offsets(prototypes.numpy())
        self.means.set_facecolor(colours)

    def _show_regions(self, prototypes: Tensor, distance: str) -> None:
        weights, biases = (part.numpy() for part in prototype_layer(prototypes, distance))
        self.regions.set_verts(
            [_region(weights - w, biases - b) for w, b in zip(weights, biases, strict=True)]
        )
        self.origin.set_visible(distance == "cosine")

    def draw_support(self) -> None:
        """Other support points of the same classes; the query and the cloud stay."""
        self.support = self._sample(MOST_SHOTS)
        self.refresh()

    def move(self, name: str, shot: int, x: float, y: float) -> None:
        """Puts one support point, such as ``"B", 0``, somewhere inside the plane."""
        self.support[NAMES.index(name), shot] = torch.tensor([x, y]).clamp(-HALF, HALF)
        self.refresh()

    def place(self, x: float, y: float) -> None:
        """Puts the query at (x, y), or at the nearest place inside the plane."""
        with self.one_redraw():
            for name, value in zip("xy", (x, y), strict=True):
                # a slider stops at its ends by itself
                self.controls[name].value = on_step(value, STEP)

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax is not self.ax:
            return
        held = self.hold.nearest(pointer, self._places(), reach=REACH)
        if held == "query":
            self.place(pointer.x, pointer.y)
        elif held is not None:
            self.move(*held, pointer.x, pointer.y)

    def _places(self) -> dict:
        """Where all that can be held lies: "query", and ("A", 0), … for the support."""
        places = {"query": self.state["query"]}
        for name, points in zip(NAMES, self.state["support"].tolist(), strict=False):
            places |= {(name, shot): place for shot, place in enumerate(points)}
        return places

    def describe(self) -> str:
        s = self.state
        best = int(s["probabilities"].argmax())
        star = f"the star is {NAMES[best]} with probability {s['probabilities'][best]:.2f}"
        return (
            f"{s['n_way']} ways, {s['n_shot']} shots, {s['distance']}: {star}; "
            f"of the small dots {s['accuracy']:.0%} are right, loss {s['loss']:.3f}"
        )


def _region(weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """Corners of the part of the plane where no weights · x + bias is above 0."""
    corners = CORNERS
    for weight, bias in zip(weights, biases, strict=True):
        kept = []
        over = corners @ weight + bias
        ends = zip(corners, np.roll(corners, -1, 0), over, np.roll(over, -1), strict=True)
        for here, there, a, b in ends:
            if a <= 0:
                kept.append(here)
            if a * b < 0:  # this side of the polygon crosses the line
                kept.append(here + (there - here) * a / (a - b))
        corners = np.array(kept).reshape(-1, 2)
    return corners
