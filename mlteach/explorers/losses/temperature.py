"""Temperature: one row of similarities, its softmax, its loss, and the pull on every candidate."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mlteach.explorers._core.controls import count, log_slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.losses import info_nce
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, plain

LOW, HIGH = 0.01, 10.0


def info_nce_of_row(similarities: Tensor, positive: int, temperature: float) -> Tensor:
    """The InfoNCE loss of one anchor whose cosines with its candidates are given.

    ``info_nce`` wants vectors. In the plane, the unit vector (s, sqrt(1 - s²)) has the cosine s
    with (1, 0), so the loss and its derivative with respect to each s are exactly those of
    ``info_nce``.
    """
    # At s = ±1 the root has no finite slope; a step of 1e-9 aside changes nothing that can be seen.
    s = similarities.double().clamp(-1 + 1e-9, 1 - 1e-9)
    candidates = torch.stack([s, (1 - s**2).sqrt()], dim=1)  # (K, 2)
    query = torch.tensor([[1.0, 0.0]], dtype=s.dtype)
    others = torch.arange(len(s)) != positive
    return info_nce(
        query, candidates[positive : positive + 1], candidates[others], temperature=temperature
    )


class Temperature(Explorer):
    """Which of these pictures is the other view? Similarities, softmax, loss and pulls as the
    temperature moves.

    Args:
        similarities: (B, B) cosines, first views in rows, second views in columns; row i's twin is
            column i.
        views1, views2: (B, 1, H, W) the pictures of both views.
        anchor: the row that is shown first.

    ``state``: ``temperature``, ``anchor``, ``loss`` (nats), ``probability`` and ``rank`` of the
    twin, and in the order of ``order``, which lists the candidates from left to right,
    ``similarities``, ``probabilities`` and ``pulls`` = -dloss/dsimilarity.
    """

    def __init__(self, similarities: Tensor, views1: Tensor, views2: Tensor, *, anchor: int = 0):
        size = len(similarities)
        if similarities.shape != (size, size) or len(views1) != size or len(views2) != size:
            shapes = [tuple(tensor.shape) for tensor in (similarities, views1, views2)]
            raise ValueError(
                f"similarities must be (B, B) with B views of each kind, got shapes {shapes}"
            )
        self.similarities = similarities.detach().double()
        self.views1, self.views2 = views1, views2
        self.curve_of = None  # the anchor whose curve is drawn
        self.scale = torch.logspace(-2, 1, 61, dtype=torch.float64)
        controls = {
            "temperature": log_slider("temperature", LOW, HIGH, 0.1),
            "anchor": count("anchor picture", 0, size - 1, anchor),
        }
        super().__init__(self._figure(size), controls, self.artists)

    def _figure(self, size: int) -> Picture:
        figure = Picture((9, 4.7))
        layout = [["anchor", "pictures"], ["curve", "similarity"], ["curve", "probability"]]
        axes = figure.subplot_mosaic(layout, width_ratios=[1, 2.6], height_ratios=[0.75, 1.5, 1.1])
        places = np.arange(size)
        height, width = self.views1.shape[-2:]

        anchor, pictures = axes["anchor"], axes["pictures"]
        self.anchor_picture = anchor.imshow(
            np.zeros((height, width)), cmap="gray_r", vmin=0, vmax=1
        )
        anchor.set(xticks=[], yticks=[])
        anchor.set_ylabel("anchor", rotation=0, ha="right", va="center")
        self.candidate_pictures = pictures.imshow(
            np.zeros((height, size * (width + 1) - 1)), cmap="gray_r", vmin=0, vmax=1,
            extent=(-0.5 + 0.5 / (width + 1), size - 0.5 - 0.5 / (width + 1), 0, height / (width + 1)),
        )  # fmt: skip
        pictures.set(xticks=[], yticks=[], xlim=(-0.6, size - 0.4))
        pictures.set_title(
            "candidates, the most similar first; blue bar: the anchor's other view", fontsize=10
        )
        pictures.spines[:].set_visible(False)

        similarity, probability, curve = (
            plain(axes[name]) for name in ("similarity", "probability", "curve")
        )
        self.similarity_bars = similarity.bar(places, 0 * places, width=0.7)
        self.arrows = similarity.quiver(
            places,
            0 * places,
            0 * places,
            0 * places + 1.0,
            angles="xy",
            scale_units="xy",
            scale=1,
            width=0.006,
        )
        similarity.axhline(0, color=QUIET, linewidth=0.8)
        similarity.set(
            xlim=(-0.6, size - 0.4),
            ylim=(-1.25, 1.65),
            xticks=[],
            yticks=[-1, 0, 1],
            ylabel="cosine",
        )
        similarity.set_title(
            "arrow: pull on the cosine s, −∂loss/∂s times the temperature", fontsize=10
        )

        self.probability_bars = probability.bar(places, 0 * places, width=0.7)
        probability.axhline(1 / size, color=QUIET, linewidth=0.8, linestyle="--")
        probability.text(
            size - 0.42,
            1 / size + 0.03,
            f"chance 1/{size}",
            ha="right",
            fontsize=9,
            color="#555555",
        )
        probability.set(
            xlim=(-0.6, size - 0.4),
            ylim=(0, 1.05),
            xticks=[],
            yticks=[0, 0.5, 1],
            ylabel="probability",
        )

        (self.loss_line,) = curve.plot(self.scale.tolist(), [0] * len(self.scale), color=ANCHOR)
        (self.loss_point,) = curve.plot([1], [1], "o", color=POSITIVE, markersize=8)
        curve.axhline(np.log(size), color=QUIET, linewidth=0.8, linestyle="--")
        curve.text(
            HIGH,
            np.log(size) + 0.1,
            f"log {size}: a blind guess",
            ha="right",
            fontsize=9,
            color="#555555",
        )
        curve.set(xscale="log", xlim=(LOW, HIGH), xlabel="temperature", ylim=(0, 2 * np.log(size)))
        curve.set_title("loss of this anchor, in nats", fontsize=10)
        self.artists = [
            self.anchor_picture, self.candidate_pictures, *self.similarity_bars, self.arrows,
            *self.probability_bars, self.loss_line, self.loss_point,
        ]  # fmt: skip
        return figure

    def update(self) -> dict:
        temperature, anchor = self.controls["temperature"].value, self.controls["anchor"].value
        order = self.similarities[anchor].argsort(descending=True, stable=True)
        positive = int((order == anchor).nonzero())
        row = self.similarities[anchor, order].clone().requires_grad_()
        loss = info_nce_of_row(row, positive, temperature)
        pulls = -torch.autograd.grad(loss, row)[0]
        # The chapter shows that the pull times the temperature is the probability's distance from
        # the truth.
        probabilities = -pulls * temperature
        probabilities[positive] += 1
        self._show(order, positive, row.detach(), pulls * temperature, probabilities)
        if anchor != self.curve_of:
            self.curve_of = anchor
            self.loss_line.set_ydata(
                [info_nce_of_row(row.detach(), positive, t).item() for t in self.scale.tolist()]
            )
        self.loss_point.set_data(
            [temperature], [min(loss.item(), self.loss_point.axes.get_ylim()[1])]
        )
        return {
            "temperature": temperature,
            "anchor": anchor,
            "loss": loss.item(),
            "probability": probabilities[positive].item(),
            "rank": positive + 1,
            "order": order.tolist(),
            "similarities": row.tolist(),
            "probabilities": probabilities.tolist(),
            "pulls": pulls.tolist(),
        }

    def _show(self, order, positive, similarities, arrows, probabilities) -> None:
        colours = [POSITIVE if place == positive else NEGATIVE for place in range(len(order))]
        gap = torch.zeros(self.views2.shape[-2], 1)
        mosaic = [part for index in order for part in (self.views2[index, 0], gap)][:-1]
        self.anchor_picture.set_data(self.views1[self.controls["anchor"].value, 0].numpy())
        self.candidate_pictures.set_data(torch.cat(mosaic, dim=1).numpy())
        for bars, heights in (
            (self.similarity_bars, similarities),
            (self.probability_bars, probabilities),
        ):
            for bar, height, colour in zip(bars, heights.tolist(), colours, strict=True):
                bar.set_height(height)
                bar.set_color(colour)
        self.arrows.set_offsets(np.column_stack([np.arange(len(order)), similarities.numpy()]))
        self.arrows.set_UVC(np.zeros(len(order)), 0.6 * arrows.numpy())
        self.arrows.set_color(ANCHOR)

    def describe(self) -> str:
        s = self.state
        return (
            f"temperature {s['temperature']:.2g}: the twin, number {s['rank']} of {len(s['order'])} by similarity, "
            f"gets probability {s['probability']:.3f}, so the loss is {s['loss']:.3f} nats"
        )
