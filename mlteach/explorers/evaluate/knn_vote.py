"""KnnVote: an image's neighbours in a representation, how each of them votes, and the accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Tensor

from mlteach import _validate
from mlteach.evaluate import accuracy, cosine_neighbours, knn_votes
from mlteach.explorers._core import tiles
from mlteach.explorers._core.controls import choice, count, log_slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import encodings_of, images_of, labels_of, mapping
from mlteach.explorers._core.key import titled_key
from mlteach.explorers._core.pointer import Pointer
from mlteach.plots import ANCHOR, CLASS_COLOURS, NEGATIVE, POSITIVE, QUIET, Picture, legible, plain

SHOWN = 12  # neighbours drawn as images
MOST = 200  # neighbours that can vote
BARS, WIDEST = 12, 14  # classes with a bar, and letters of their names
LETTERS = 70  # of a row of the key
KS = [1, 2, 3, 5, 7, 10, 14, 20, 30, 50, 70, 100, 140, 200]  # of the curve


class KnnVote(Explorer):
    """The neighbours of a test image vote for its class; sliders choose how many, and how equally.

    A press on the curve sets k.

    Args:
        encodings: name → (train, test), the (N, D) and (M, D) features of both parts.
        train_images, train_labels: (N, C, H, W) in [0, 1] and (N,) the images that vote; N >= 200.
        test_images, test_labels: (M, C, H, W) and (M,) those to classify. Labels are numbers of
            classes, or their names.
        classes: name of each class. Of more than twelve those with the most votes are drawn.
        query: the test image that is shown first.

    ``state``: ``encoder``, ``k``, ``temperature``, ``query``; its ``neighbours``, their ``weights``
    (shares of all votes, k each) and the ``votes`` of each class; the class ``guess`` and the
    ``truth``; ``accuracy`` over all test images, and ``curve``, the accuracy at this temperature
    for each of ``ks``.
    """

    pointing = "drag"

    def __init__(
        self,
        encodings: Mapping[str, tuple[Tensor, Tensor]],
        train_images: Tensor,
        train_labels: Tensor,
        test_images: Tensor,
        test_labels: Tensor,
        classes: Sequence[str],
        *,
        query: int = 0,
    ):
        train_images = images_of("train_images", train_images, at_least=MOST)
        test_images = images_of("test_images", test_images)
        train, test = _parts(encodings, len(train_images), len(test_images))
        self.classes = _validate.texts("classes", classes)
        query = _validate.count("query", query, at_least=0, at_most=len(test_images) - 1)
        self.found = {name: cosine_neighbours(train[name], test[name], k=MOST) for name in train}
        self.train_images = tiles.colour_images(train_images)
        self.test_images = tiles.colour_images(test_images)
        named = self.classes
        self.train_labels = labels_of("train_labels", train_labels, len(train_images), named)
        self.test_labels = labels_of("test_labels", test_labels, len(test_images), named)
        super().__init__(
            {
                "encoder": choice("encoder", list(train)),
                "query": count("test image", 0, len(test_images) - 1, query),
                "k": count("neighbours k", 1, MOST, 20),
                "temperature": log_slider("temperature", 0.01, 10, 0.1),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.7))
        top, middle, bottom = figure.add_gridspec(3, 1, height_ratios=[0.8, 0.5, 2.6])
        images, weights = figure.add_subplot(top), plain(figure.add_subplot(middle))
        votes, self.ax = (
            plain(figure.add_subplot(cell))
            for cell in bottom.subgridspec(1, 2, width_ratios=[1, 1.5])
        )
        self._draw_images(images)
        self.weights = weights.bar(np.arange(SHOWN) + 0.5, np.zeros(SHOWN), width=0.7)
        weights.set(xlim=(-1.6, SHOWN), ylim=(0, 1), xticks=[], yticks=[0, 1])
        weights.text(-1.5, 0.5, "weight, of\nthe nearest's", fontsize=9, va="center")
        self._draw_votes(votes)
        self._draw_curves(self.ax)
        curves = [*self.lines.values(), self.here]
        return figure, [self.images, *self.weights, *self.votes, *curves]

    def _draw_images(self, ax: Axes) -> None:
        ax.set_axis_off()
        title = "the test image, and its nearest neighbours; blue frame: same class"
        ax.set_title(title, fontsize=10)
        blank = self._row(0, [])
        box = (-1.5, SHOWN, 0, (SHOWN + 1.5) * blank.shape[0] / blank.shape[1])
        self.images = ax.imshow(blank, extent=box, interpolation="nearest")
        tile = tiles.unframed(self.test_images[0])
        ax.add_patch(tiles.query_frame(tile, box[0], 0, box[3] / len(tile)))
        ax.set(xlim=(-1.6, SHOWN))

    def _draw_votes(self, ax: Axes) -> None:
        names = [legible(name, WIDEST) for name in self.classes]
        rows = sorted(names, key=len)[-BARS:] if len(names) > BARS else names  # the widest first
        self.votes = ax.barh(range(len(rows)), np.zeros(len(rows)), color=QUIET)
        ax.set(xlim=(0, 1), yticks=range(len(rows)), yticklabels=rows, xlabel="votes together")
        if len(names) > BARS:
            ax.set_xlabel(f"votes together: the first {BARS} of {len(names)}")
        ax.tick_params("y", labelsize=7 if len(rows) > 8 else 9)
        ax.invert_yaxis()

    def _draw_curves(self, ax: Axes) -> None:
        self.lines = {}
        for name, colour in zip(self.found, CLASS_COLOURS, strict=False):
            look = {"color": colour, "label": legible(name)}
            (self.lines[name],) = ax.plot(KS, np.zeros(len(KS)), **look)
        (self.here,) = ax.plot([], [], "o", color=ANCHOR, markersize=8, clip_on=False)
        ax.set(xscale="log", ylim=(0, 1.02), xticks=[1, 10, 100], xticklabels=[1, 10, 100])
        ax.set(xlabel="neighbours k")
        widest = max(len(legible(name)) for name in self.found)
        titled_key(ax, "accuracy on all test images", columns=max(1, LETTERS // (widest + 6)))

    def _row(self, query: int, neighbours: list[int]) -> np.ndarray:
        """The query, and its neighbours in their frames."""
        first = tiles.unframed(self.test_images[query])
        same = self.train_labels[neighbours] == self.test_labels[query]
        found = [
            tiles.framed(self.train_images[index], POSITIVE if right else NEGATIVE)
            for index, right in zip(neighbours, same, strict=True)
        ]
        gap = np.zeros_like(first)[:, : first.shape[1] // 2]
        return np.concatenate([first, gap, tiles.row(found, length=SHOWN, blank=first)], axis=1)

    def update(self) -> dict:
        name, query = self.controls["encoder"].value, self.controls["query"].value
        k, temperature = self.controls["k"].value, self.controls["temperature"].value
        if self.changed("curves", temperature):
            self.curves = {
                key: [self._accuracy(key, size, temperature) for size in KS] for key in self.found
            }
        # (1, k)
        similarities, neighbours = (part[query : query + 1, :k] for part in self.found[name])
        votes = self._votes(similarities, neighbours, temperature)[0]
        weights = (similarities[0] / temperature).softmax(0)
        guess, truth = int(votes.argmax()), int(self.test_labels[query])
        share = self._accuracy(name, k, temperature)
        self.images.set_data(self._row(query, neighbours[0, :SHOWN].tolist()))
        self._show_bars(weights, self.train_labels[neighbours[0]] == truth, votes, truth)
        self._show_curves(name)
        self.here.set_data([k], [share])
        return {
            "neighbours": neighbours[0].tolist(),
            "weights": weights.tolist(),
            "votes": votes.tolist(),
            "guess": self.classes[guess],
            "truth": self.classes[truth],
            "accuracy": share,
            "ks": KS,
            "curve": self.curves[name],
        }

    def _show_bars(self, weights: Tensor, right: Tensor, votes: Tensor, truth: int) -> None:
        for i, bar in enumerate(self.weights):
            bar.set_height((weights[i] / weights[0]).item() if i < len(weights) else 0)
            bar.set_color(POSITIVE if i < len(weights) and right[i] else NEGATIVE)
        rows = list(range(len(self.classes)))
        if len(rows) > BARS:  # the most votes first, and the truth in any case
            rows = votes.argsort(descending=True, stable=True)[:BARS].tolist()
            rows = rows if truth in rows else [*rows[:-1], truth]
            if self.changed("rows", *rows):
                names = [legible(self.classes[row], WIDEST) for row in rows]
                self.votes[0].axes.set_yticklabels(names)
                self.redraw_all()
        for row, bar in zip(rows, self.votes, strict=True):
            bar.set_width(votes[row].item())
            bar.set_color(POSITIVE if row == truth else NEGATIVE)

    def _show_curves(self, chosen: str) -> None:
        for name, line in self.lines.items():
            line.set_ydata(self.curves[name])
            line.set(linewidth=2.5 if name == chosen else 1, alpha=1 if name == chosen else 0.6)

    def _votes(self, similarities: Tensor, neighbours: Tensor, temperature: float) -> Tensor:
        labels = self.train_labels[neighbours]
        n_classes = len(self.classes)
        return knn_votes(similarities, labels, n_classes=n_classes, temperature=temperature)

    def _accuracy(self, name: str, k: int, temperature: float) -> float:
        similarities, neighbours = (part[:, :k] for part in self.found[name])
        return accuracy(self._votes(similarities, neighbours, temperature), self.test_labels)

    def pointed(self, pointer: Pointer) -> None:
        if pointer.pressed and pointer.ax is self.ax:
            self.controls["k"].value = round(min(max(pointer.x, 1), MOST))

    def describe(self) -> str:
        s = self.state
        setting = f"{s['encoder']}, k = {s['k']}, temperature {s['temperature']:.2g}"
        vote = f"this {s['truth']} is taken for a {s['guess']} with {max(s['votes']):.0%}"
        share = f"accuracy on all test images {s['accuracy']:.1%}"
        return f"{setting}: {vote} of the votes; {share}"


def _parts(encodings: Any, n_train: int, n_test: int) -> tuple[dict, dict]:
    """What every encoder makes of both parts."""
    for name, parts in mapping("encodings", encodings).items():
        if not isinstance(parts, tuple | list) or len(parts) != 2:
            raise TypeError(
                f"encodings[{name!r}] must be (train, test), got {_validate.kind(parts)}"
            )
        one, other = (_validate.as_tensor(f"encodings[{name!r}]", part) for part in parts)
        if one.shape[1:] != other.shape[1:]:
            shapes = f"{tuple(one.shape)} and {tuple(other.shape)}"
            raise ValueError(f"encodings[{name!r}] must be of one width, got {shapes}")
    train, test = ({name: parts[i] for name, parts in encodings.items()} for i in (0, 1))
    return encodings_of(train, n_train), encodings_of(test, n_test)
