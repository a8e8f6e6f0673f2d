"""Prototypes: support points to be dragged, their means, and the regions that the means divide the
plane into.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from torch import Generator, Tensor

from mlteach.explorers._core.controls import button, choice, count, on_step, slider
from mlteach.explorers._core.explorer import Explorer, Pointer
from mlteach.plots import ANCHOR, CLASS_COLOURS, QUIET, Picture, plain

NAMES = "ABCDEF"
MOST_SHOTS = 10
N_QUERIES = 40  # of each class
HALF = 3.0  # of the plane's side
CORNERS = HALF * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])  # of the plane
# of the circle of the classes' centres; standard deviation of each class
RADIUS, SPREAD = 1.65, 0.65
COSINE_TEMPERATURE = 0.1
REACH = 0.2  # a press takes hold of a point that is at most so far away
STEP = 0.05  # of the query's place
QUERY = (0.3, 0.4)


class Prototypes(Explorer):
    """Drag the support points of an N-way K-shot task, or the query, and watch prototypes and
    boundaries move.

    Args:
        n_way: classes shown first, 2 to 6.
        n_shot: support points of each class shown first, 1 to 10.
        seed: of the support points and of the cloud of other queries.

    ``state``: ``n_way``, ``n_shot``, ``distance``, ``support`` (N, K, 2), ``prototypes`` (N, 2),
    the ``query`` (x, y) and its ``probabilities`` (N,), and of the cloud of queries its ``loss`` in
    nats, its ``accuracy``, and its ``accuracies`` (10,) with the first 1 to 10 support points of
    each class.
    """

    pointing = "drag"

    def __init__(self, *, n_way: int = 3, n_shot: int = 3, seed: int = 4):
        for name, value, low, high in (
            ("n_way", n_way, 2, len(NAMES)),
            ("n_shot", n_shot, 1, MOST_SHOTS),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} must lie between {low} and {high}, got {value}")
        self.generator = Generator().manual_seed(seed)
        turns = torch.arange(len(NAMES)) * torch.pi / 3 + 0.5
        turns = turns[[0, 2, 4, 1, 3, 5]]  # the first three classes lie far apart
        self.centres = RADIUS * torch.stack([turns.cos(), turns.sin()], 1)  # (6, 2)
        self.support = self._sample(MOST_SHOTS)
        self.cloud = self._sample(N_QUERIES)
        self.presses, self.held = 0, None
        controls = {
            "n_way": count("ways N", 2, len(NAMES), n_way),
            "n_shot": count("shots K", 1, MOST_SHOTS, n_shot),
            "distance": choice("nearest by", ["squared Euclid", "cosine"]),
            "x": slider("query x", -HALF, HALF, QUERY[0], step=STEP),
            "y": slider("query y", -HALF, HALF, QUERY[1], step=STEP),
            "draw": button("draw another support", self.draw_support),
        }
        super().__init__(self._figure(), controls, self.artists)

    def _sample(self, n_each: int) -> Tensor:
        """(6, n_each, 2) points of every class, inside the plane."""
        noise = torch.randn(len(NAMES), n_each, 2, generator=self.generator)
        return (self.centres[:, None] + SPREAD * noise).clamp(0.02 - HALF, HALF - 0.02)

    def _figure(self) -> Picture:
        figure = Picture((9, 4.9))
        panels = figure.subplot_mosaic(
            [["plane", "bars"], ["plane", "curve"]], width_ratios=[1.3, 1]
        )
        self.ax, bars, curve = panels["plane"], panels["bars"], panels["curve"]
        self.colours = np.array([to_rgb(colour) for colour in CLASS_COLOURS[: len(NAMES)]])
        tints = 0.25 * self.colours + 0.75
        self.regions = self.ax.add_collection(
            PolyCollection([], facecolors=tints, linewidths=0, zorder=0)
        )
        self.queries = self.ax.scatter([], [], s=7, linewidths=0, alpha=0.7, zorder=1)
        self.spokes = self.ax.add_collection(LineCollection([], linewidths=0.8, zorder=2))
        self.dots = self.ax.scatter([], [], s=60, edgecolors="white", linewidths=1, zorder=3)
        self.means = self.ax.scatter(
            [], [], s=190, marker="D", edgecolors=ANCHOR, linewidths=1.5, zorder=4
        )
        self.star = self.ax.scatter(
            [0], [0], s=260, marker="*", c=ANCHOR, edgecolors="white", linewidths=1.2, zorder=5
        )
        (self.origin,) = self.ax.plot([0], [0], "+", color=ANCHOR, markersize=10, zorder=2)
        self.ax.set(xlim=(-HALF, HALF), ylim=(-HALF, HALF), xticks=[], yticks=[], aspect="equal")
        self.ax.set_title(
            "large dots: support, drag them · diamonds: prototypes · star: query", fontsize=9
        )
        plain(bars)
        self.bars = bars.bar(range(len(NAMES)), [0] * len(NAMES), color=self.colours)
        bars.set_xticks(range(len(NAMES)), list(NAMES))
        bars.set(ylim=(0, 1))
        bars.set_title("probability of each class for the star", fontsize=10)
        plain(curve)
        shots = range(1, MOST_SHOTS + 1)
        (self.curve,) = curve.plot(shots, [0.5] * MOST_SHOTS, color=QUIET, marker=".")
        (self.now,) = curve.plot([1], [0.5], "o", color=ANCHOR, markersize=8)
        curve.set(
            xlim=(0.7, MOST_SHOTS + 0.3), ylim=(0, 1.03), xticks=list(shots), xlabel="shots K"
        )
        curve.set_title("accuracy on the small dots", fontsize=10)
        self.artists = [
            self.regions, self.queries, self.spokes, self.origin, self.dots, self.means, self.star, *self.bars,
            self.curve, self.now,
        ]  # fmt: skip
        return figure

    def update(self) -> dict:
        n_way, n_shot, distance, x, y = (
            self.controls[name].value for name in ("n_way", "n_shot", "distance", "x", "y")
        )
        support = self.support[:n_way, :n_shot]
        prototypes = support.mean(1)
        probabilities = self._logits(torch.tensor([[x, y]]), prototypes).softmax(1)[0]
        cloud, truth = (
            self.cloud[:n_way].flatten(0, 1),
            torch.arange(n_way).repeat_interleave(N_QUERIES),
        )
        logits = self._logits(cloud, prototypes)
        accuracies = self._accuracies(cloud, truth)
        self._show(support, prototypes, (x, y), probabilities, accuracies)
        return {
            "n_way": n_way,
            "n_shot": n_shot,
            "distance": distance,
            "support": support.clone(),
            "prototypes": prototypes,
            "query": (x, y),
            "probabilities": probabilities,
            "loss": F.cross_entropy(logits, truth).item(),
            "accuracy": accuracies[n_shot - 1].item(),
            "accuracies": accuracies,
        }

    def _layer(self, prototypes: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (N, 2) and biases (N,) whose logits, up to what all classes share, are those of
        the prototypes.

        Minus a squared distance is 2 m.x - m.m, less x.x for every class; a cosine is a product
        with a unit vector, if the length of x is left out.
        """
        if self.controls["distance"].value == "cosine":
            return F.normalize(prototypes, dim=1), torch.zeros(len(prototypes))
        return 2 * prototypes, -prototypes.square().sum(1)

    def _logits(self, points: Tensor, prototypes: Tensor) -> Tensor:
        """(M, N) for points (M, 2): minus the squared distances but for x.x, or cosines over a
        temperature.
        """
        if self.controls["distance"].value == "cosine":
            points = F.normalize(points, dim=1) / COSINE_TEMPERATURE
        return F.linear(points, *self._layer(prototypes))

    def _accuracies(self, cloud: Tensor, truth: Tensor) -> Tensor:
        """(10,) with the first 1 to 10 support points of each class."""
        support = self.support[: self.controls["n_way"].value]
        means = support.cumsum(1) / torch.arange(1, MOST_SHOTS + 1)[:, None]  # (N, 10, 2)
        guesses = torch.stack(
            [self._logits(cloud, means[:, k]).argmax(1) for k in range(MOST_SHOTS)]
        )
        return (guesses == truth).float().mean(1)

    def _show(self, support, prototypes, query, probabilities, accuracies) -> None:
        n_way, n_shot = support.shape[:2]
        colours = self.colours[:n_way]
        weights, biases = (part.numpy() for part in self._layer(prototypes))
        self.regions.set_verts(
            [_region(weights - weights[label], biases - biases[label]) for label in range(n_way)]
        )
        self.queries.set_offsets(self.cloud[:n_way].flatten(0, 1).numpy())
        self.queries.set_color(colours.repeat(N_QUERIES, 0))
        self.dots.set_offsets(support.flatten(0, 1).numpy())
        self.dots.set_facecolor(colours.repeat(n_shot, 0))
        # (N K, 2, 2)
        spokes = torch.stack([support, prototypes[:, None].expand_as(support)], 2).flatten(0, 1)
        self.spokes.set(segments=spokes.numpy(), color=colours.repeat(n_shot, 0))
        self.means.set_offsets(prototypes.numpy())
        self.means.set_facecolor(colours)
        self.star.set_offsets([query])
        self.origin.set_visible(self.controls["distance"].value == "cosine")
        for i, bar in enumerate(self.bars):
            bar.set_height(probabilities[i].item() if i < n_way else 0)
        self.curve.set_ydata(accuracies.numpy())
        self.now.set_data([n_shot], [accuracies[n_shot - 1].item()])

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
        if pointer.ax is not self.ax or not pointer.pressed:
            return
        if pointer.presses != self.presses:  # a new press: take hold of the nearest point
            self.presses = pointer.presses
            self.held = self._at(pointer.press_x, pointer.press_y)
        if self.held == "query":
            self.place(pointer.x, pointer.y)
        elif self.held is not None:
            self.move(*self.held, pointer.x, pointer.y)

    def _at(self, x: float, y: float) -> str | tuple[str, int] | None:
        """What lies there: the query, a support point, or nothing."""
        support = self.state["support"]
        points = torch.cat([torch.tensor([self.state["query"]]), support.flatten(0, 1)])
        gaps = (points - torch.tensor([x, y])).norm(dim=1)
        nearest = int(gaps.argmin())
        if gaps[nearest] > REACH:
            return None
        if nearest == 0:
            return "query"
        label, shot = divmod(nearest - 1, support.shape[1])
        return NAMES[label], shot

    def describe(self) -> str:
        s = self.state
        best = int(s["probabilities"].argmax())
        return (
            f"{s['n_way']} ways, {s['n_shot']} shots, {s['distance']}: the star is {NAMES[best]} with probability "
            f"{s['probabilities'][best]:.2f}; of the small dots {s['accuracy']:.0%} are right, loss {s['loss']:.3f}"
        )


def _region(weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """Corners of the part of the plane where no weights . x + bias is above 0: every boundary is a
    straight line.
    """
    corners = CORNERS
    for weight, bias in zip(weights, biases, strict=True):
        kept = []
        over = corners @ weight + bias
        for here, there, a, b in zip(
            corners, np.roll(corners, -1, 0), over, np.roll(over, -1), strict=True
        ):
            if a <= 0:
                kept.append(here)
            if a * b < 0:  # this side of the polygon crosses the line
                kept.append(here + (there - here) * a / (a - b))
        corners = np.array(kept).reshape(-1, 2)
    return corners
