"""Temperature: one row of similarities, its softmax, its loss, and the force on every candidate."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Tensor

from mlteach import _validate
from mlteach.explorers._core.controls import count, log_slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.tiles import views_of
from mlteach.losses.one_row import info_nce_of_row
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, plain

LOW, HIGH = 0.01, 10.0
SCALE = torch.logspace(-2, 1, 61, dtype=torch.float64)  # temperatures of the curve
NOTE = {"ha": "right", "fontsize": 9, "color": "#555555"}


class Temperature(Explorer):
    """Which image is the other view? Similarities, softmax, loss and forces at every temperature.

    Args:
        similarities: (B, B) cosines, B >= 2, first views in rows, second views in columns; the
            positive of row i is column i.
        views1, views2: (B, C, H, W) in [0, 1] the images of both views, one or three channels.
        anchor: the row that is shown first.

    ``state``: ``temperature``, ``anchor``, ``loss`` (nats), ``probability`` and ``rank`` of the
    positive, and in the order of ``order``, which lists the candidates from left to right,
    ``similarities``, ``probabilities`` and ``pulls`` = -dloss/dsimilarity.
    """

    def __init__(self, similarities: Tensor, views1: Tensor, views2: Tensor, *, anchor: int = 0):
        self.similarities = _cosines(similarities)
        size = len(self.similarities)
        self.views1, self.views2 = views_of(views1, views2, size)
        anchor = _validate.count("anchor", anchor, at_least=0, at_most=size - 1)
        super().__init__(
            {
                "temperature": log_slider("temperature", LOW, HIGH, 0.1),
                "anchor": count("anchor image", 0, size - 1, anchor),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.9))
        layout = [["anchor", "candidates"], ["curve", "similarity"], ["curve", "probability"]]
        images = min(8 / len(self.similarities), 1.3)  # high: then they are as wide as the bars
        ratios = {"width_ratios": [1, 2.6], "height_ratios": [images, 1.5, 1.1]}
        axes = figure.subplot_mosaic(layout, **ratios)
        self._draw_images(axes["anchor"], axes["candidates"])
        self._draw_bars(plain(axes["similarity"]), plain(axes["probability"]))
        self._draw_curve(plain(axes["curve"]))
        return figure, [
            self.anchor_image,
            self.candidate_images,
            *self.similarity_bars,
            self.arrows,
            *self.probability_bars,
            self.loss_line,
            self.loss_point,
        ]

    def _draw_images(self, anchor: Axes, candidates: Axes) -> None:
        size = len(self.similarities)
        height, width = self.views1.shape[1:3]
        ink = {"cmap": "gray_r", "vmin": 0, "vmax": 1}
        self.anchor_image = anchor.imshow(np.zeros((height, width)), **ink)
        anchor.set(xticks=[], yticks=[])
        anchor.set_ylabel("anchor", rotation=0, ha="right", va="center")
        half_gap = 0.5 / (width + 1)
        box = (-0.5 + half_gap, size - 0.5 - half_gap, 0, height / (width + 1))
        blank = np.zeros((height, size * (width + 1) - 1))
        self.candidate_images = candidates.imshow(blank, extent=box, **ink)
        candidates.set(xticks=[], yticks=[], xlim=(-0.6, size - 0.4))
        title = "candidates, the most similar first; blue bar: the anchor's other view"
        candidates.set_title(title, fontsize=10)
        candidates.spines[:].set_visible(False)

    def _draw_bars(self, similarity: Axes, probability: Axes) -> None:
        size = len(self.similarities)
        places = np.arange(size)
        self.similarity_bars = similarity.bar(places, 0 * places, width=0.7)
        here, up = (places, 0 * places), (0 * places, 0 * places + 1.0)
        scale = {"angles": "xy", "scale_units": "xy", "scale": 1}
        self.arrows = similarity.quiver(*here, *up, width=0.006, **scale)
        similarity.axhline(0, color=QUIET, linewidth=0.8)
        similarity.set(ylim=(-1.25, 1.65), yticks=[-1, 0, 1], ylabel="cosine")
        title = "arrow: force on the cosine times the temperature (its root: weak ones are seen)"
        similarity.set_title(title, fontsize=10)
        self.probability_bars = probability.bar(places, 0 * places, width=0.7)
        probability.axhline(1 / size, color=QUIET, linewidth=0.8, linestyle="--")
        probability.text(size - 0.42, 1 / size + 0.03, f"chance 1/{size}", **NOTE)
        probability.set(ylim=(0, 1.05), yticks=[0, 0.5, 1], ylabel="probability")
        for ax in (similarity, probability):
            ax.set(xlim=(-0.6, size - 0.4), xticks=[])

    def _draw_curve(self, curve: Axes) -> None:
        chance = np.log(len(self.similarities))
        (self.loss_line,) = curve.plot(SCALE.tolist(), [0] * len(SCALE), color=ANCHOR)
        (self.loss_point,) = curve.plot([1], [1], "o", color=POSITIVE, markersize=8, clip_on=False)
        curve.axhline(chance, color=QUIET, linewidth=0.8, linestyle="--")
        curve.set(xscale="log", xlim=(LOW, HIGH), xlabel="temperature", ylim=(0, 2 * chance))
        chance_level = f"dashed: chance level, log {len(self.similarities)}"
        curve.set_title(f"loss of this anchor, in nats\n{chance_level}", fontsize=9)

    def update(self) -> dict:
        temperature, anchor = self.controls["temperature"].value, self.controls["anchor"].value
        order = self.similarities[anchor].argsort(descending=True, stable=True)
        positive = int((order == anchor).nonzero())
        row = self.similarities[anchor, order].clone().requires_grad_()
        loss = info_nce_of_row(row, positive, temperature)
        forces = -torch.autograd.grad(loss, row)[0]
        row = row.detach()
        # The chapter shows that the force times the temperature is the probability's distance from
        # the truth.
        probabilities = -forces * temperature
        probabilities[positive] += 1
        self._show_row(order, positive, row, forces * temperature, probabilities)
        if self.changed("curve", anchor):
            losses = [info_nce_of_row(row, positive, t).item() for t in SCALE.tolist()]
            self.loss_line.set_ydata(losses)
        highest = self.loss_point.axes.get_ylim()[1]
        # a loss beyond the panel is a triangle that points up
        self.loss_point.set_marker("^" if loss.item() > highest else "o")
        self.loss_point.set_data([temperature], [min(loss.item(), highest)])
        return {
            "loss": loss.item(),
            "probability": probabilities[positive].item(),
            "rank": positive + 1,
            "order": order.tolist(),
            "similarities": row.tolist(),
            "probabilities": probabilities.tolist(),
            "pulls": forces.tolist(),
        }

    def _show_row(
        self,
        order: Tensor,
        positive: int,
        similarities: Tensor,
        arrows: Tensor,
        probabilities: Tensor,
    ) -> None:
        white = self.views2.ndim == 4  # ink is 1, and white in colours too
        gap = np.full((len(self.views2[0]), 1, *self.views2.shape[3:]), float(white))
        mosaic = [part for index in order.tolist() for part in (self.views2[index], gap)][:-1]
        self.anchor_image.set_data(self.views1[self.controls["anchor"].value])
        self.candidate_images.set_data(np.concatenate(mosaic, axis=1))
        colours = [NEGATIVE] * len(order)
        colours[positive] = POSITIVE
        shown = {self.similarity_bars: similarities, self.probability_bars: probabilities}
        for bars, heights in shown.items():
            for bar, height, colour in zip(bars, heights.tolist(), colours, strict=True):
                bar.set_height(height)
                bar.set_color(colour)
        self.arrows.set_offsets(np.column_stack([np.arange(len(order)), similarities.numpy()]))
        # in proportion, the forces of a high temperature would be too short to be seen
        lengths = 0.6 * arrows.sign() * arrows.abs().sqrt()
        self.arrows.set_UVC(np.zeros(len(order)), lengths.numpy())
        self.arrows.set_color(ANCHOR)

    def describe(self) -> str:
        s = self.state
        rank = f"number {s['rank']} of {len(s['order'])} by similarity"
        return (
            f"temperature {s['temperature']:.2g}: the positive, {rank}, "
            f"gets probability {s['probability']:.3f}, so the loss is {s['loss']:.3f} nats"
        )


def _cosines(given: Any) -> Tensor:
    """(B, B) float64 cosines."""
    cosines = _validate.features("similarities", given, at_least=2).detach().cpu().double()
    _validate.shaped("similarities", cosines, "B", "B")
    low, high = (end.item() for end in cosines.aminmax())
    if low < -1 - _validate.ROUNDING or high > 1 + _validate.ROUNDING:
        raise ValueError(f"similarities must be cosines, in [-1, 1], got {low:.4g} to {high:.4g}")
    return cosines
