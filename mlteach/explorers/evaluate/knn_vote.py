"""Weighted kNN: one picture, its neighbours in a representation, how loud each of them votes, and
the accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from torch import Tensor

from mlteach.evaluate import accuracy, cosine_neighbours, knn_votes
from mlteach.explorers._core.controls import choice, count, log_slider
from mlteach.explorers._core.explorer import Explorer, Pointer
from mlteach.explorers.similarity.factor_matrix import check_rows, colour_pictures
from mlteach.plots import ANCHOR, CLASS_COLOURS, NEGATIVE, POSITIVE, QUIET, Picture, plain

SHOWN = 12  # neighbours drawn as pictures
MOST = 200  # neighbours that can vote
FRAME, GAP = 3, 2  # pixels of a picture's frame, and of the white around that


class KnnVote(Explorer):
    """The neighbours of a test picture vote for its class; sliders choose how many vote and how
    alike their voices are.

    A press on the curve sets k.

    Args:
        encodings: name → (train, test), the (N, D) and (M, D) features of both parts.
        train_images, train_labels: (N, C, H, W) and (N,) the pictures that vote; N >= 200.
        test_images, test_labels: (M, C, H, W) and (M,) those to classify.
        classes: name of each class.
        query: the test picture that is shown first.

    ``state``: ``encoder``, ``k``, ``temperature``, ``query``; its ``neighbours``, their ``weights``
    (shares of all votes, k each) and the ``votes`` of each class; the class ``guess`` and the
    ``truth``; ``accuracy`` over all test pictures, and ``curve``, the accuracy at this temperature
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
        train, test = ({name: parts[i] for name, parts in encodings.items()} for i in (0, 1))
        check_rows(train, train_images, {"train_labels": train_labels})
        check_rows(test, test_images, {"test_labels": test_labels})
        if len(train_images) < MOST:
            raise ValueError(
                f"train_images must hold at least {MOST} pictures, got {len(train_images)}"
            )
        self.found = {
            name: cosine_neighbours(train[name], test[name], k=MOST) for name in encodings
        }
        self.train_pictures, self.test_pictures = (
            colour_pictures(train_images),
            colour_pictures(test_images),
        )
        self.train_labels, self.test_labels, self.classes = (
            train_labels,
            test_labels,
            tuple(classes),
        )
        self.ks = [1, 2, 3, 5, 7, 10, 14, 20, 30, 50, 70, 100, 140, 200]
        self.curve_of = None  # the encoder and temperature whose curve is drawn
        controls = {
            "encoder": choice("encoder", list(encodings)),
            "query": count("test picture", 0, len(test_images) - 1, query),
            "k": count("neighbours k", 1, MOST, 20),
            "temperature": log_slider("temperature", 0.01, 10, 0.1),
        }
        super().__init__(self._figure(), controls, self.artists)

    def _figure(self) -> Picture:
        figure = Picture((9, 5.4))
        top, middle, bottom = figure.add_gridspec(3, 1, height_ratios=[1, 0.8, 2.4])
        pictures, weights = figure.add_subplot(top), plain(figure.add_subplot(middle))
        votes, self.ax = (
            plain(figure.add_subplot(cell))
            for cell in bottom.subgridspec(1, 2, width_ratios=[1, 1.5])
        )

        pictures.set_axis_off()
        pictures.set_title(
            "the test picture, and its nearest neighbours; blue frame: same class", fontsize=10
        )
        blank = self._row(0, [])
        self.pictures = pictures.imshow(
            blank,
            extent=(-1.5, SHOWN, 0, (SHOWN + 1.5) * blank.shape[0] / blank.shape[1]),
            interpolation="nearest",
        )
        pictures.set(xlim=(-1.6, SHOWN))
        self.weights = weights.bar(np.arange(SHOWN) + 0.5, np.zeros(SHOWN), width=0.7)
        weights.set(
            xlim=(-1.6, SHOWN),
            ylim=(0, 1),
            xticks=[],
            yticks=[0, 1],
            ylabel="weight, of\nthe nearest's",
        )

        self.votes = votes.barh(range(len(self.classes)), np.zeros(len(self.classes)), color=QUIET)
        votes.set(
            xlim=(0, 1),
            yticks=range(len(self.classes)),
            yticklabels=self.classes,
            xlabel="votes together",
        )
        votes.invert_yaxis()
        self.lines = {
            name: self.ax.plot(
                self.ks, np.zeros(len(self.ks)), color=CLASS_COLOURS[turn], label=name
            )[0]
            for turn, name in enumerate(self.found)
        }
        (self.here,) = self.ax.plot([], [], "o", color=ANCHOR, markersize=8)
        self.ax.set(
            xscale="log",
            ylim=(0, 1.02),
            xticks=[1, 10, 100],
            xticklabels=[1, 10, 100],
            xlabel="neighbours k",
        )
        self.ax.set_ylabel("accuracy on all test pictures")
        self.ax.legend(loc="lower left", fontsize=9, frameon=False, ncols=2)
        self.artists = [self.pictures, *self.weights, *self.votes, *self.lines.values(), self.here]
        return figure

    def _tile(self, picture: np.ndarray, colour: str) -> np.ndarray:
        """One picture in its frame, with white around."""
        framed = np.tile(
            np.float32(to_rgb(colour)),
            (picture.shape[0] + 2 * FRAME, picture.shape[1] + 2 * FRAME, 1),
        )
        framed[FRAME:-FRAME, FRAME:-FRAME] = picture
        return np.pad(framed, ((GAP, GAP), (GAP, GAP), (0, 0)), constant_values=1)

    def _row(self, query: int, neighbours: list[int]) -> np.ndarray:
        asked = self._tile(self.test_pictures[query], ANCHOR)
        same = [self.train_labels[index] == self.test_labels[query] for index in neighbours]
        tiles = [
            self._tile(self.train_pictures[index], POSITIVE if right else NEGATIVE)
            for index, right in zip(neighbours, same, strict=True)
        ]
        white = np.ones_like(asked)
        gap = white[:, : asked.shape[1] // 2]
        return np.concatenate([asked, gap, *tiles, *[white] * (SHOWN - len(tiles))], axis=1)

    def update(self) -> dict:
        name, query, k, temperature = (
            self.controls[key].value for key in ("encoder", "query", "k", "temperature")
        )
        if self.curve_of != temperature:
            self.curve_of = temperature
            self.curves = {
                key: [self._accuracy(key, size, temperature) for size in self.ks]
                for key in self.found
            }
        # (1, k)
        similarities, neighbours = (part[query : query + 1, :k] for part in self.found[name])
        labels = self.train_labels[neighbours]
        votes = knn_votes(
            similarities, labels, n_classes=len(self.classes), temperature=temperature
        )[0]
        weights = (similarities[0] / temperature).softmax(0)
        guess, truth = int(votes.argmax()), int(self.test_labels[query])
        share = self._accuracy(name, k, temperature)

        self.pictures.set_data(self._row(query, neighbours[0, :SHOWN].tolist()))
        for i, bar in enumerate(self.weights):
            bar.set_height((weights[i] / weights[0]).item() if i < k else 0)
            bar.set_color(POSITIVE if i < k and labels[0, i] == truth else NEGATIVE)
        for i, bar in enumerate(self.votes):
            bar.set_width(votes[i].item())
            bar.set_color(POSITIVE if i == truth else NEGATIVE)
        for key, line in self.lines.items():
            line.set_ydata(self.curves[key])
            line.set(linewidth=2.5 if key == name else 1, alpha=1 if key == name else 0.6)
        self.here.set_data([k], [share])
        return {
            "encoder": name,
            "k": k,
            "temperature": temperature,
            "query": query,
            "neighbours": neighbours[0].tolist(),
            "weights": weights.tolist(),
            "votes": votes.tolist(),
            "guess": self.classes[guess],
            "truth": self.classes[truth],
            "accuracy": share,
            "ks": self.ks,
            "curve": self.curves[name],
        }

    def _accuracy(self, name: str, k: int, temperature: float) -> float:
        similarities, neighbours = (part[:, :k] for part in self.found[name])
        labels = self.train_labels[neighbours]
        votes = knn_votes(
            similarities, labels, n_classes=len(self.classes), temperature=temperature
        )
        return accuracy(votes, self.test_labels)

    def pointed(self, pointer: Pointer) -> None:
        if pointer.pressed and pointer.ax is self.ax:
            self.controls["k"].value = round(min(max(pointer.x, 1), MOST))

    def describe(self) -> str:
        s = self.state
        return (
            f"{s['encoder']}, k = {s['k']}, temperature {s['temperature']:.2g}: this {s['truth']} is taken for a "
            f"{s['guess']} with {max(s['votes']):.0%} of the votes; accuracy on all test pictures {s['accuracy']:.1%}"
        )
