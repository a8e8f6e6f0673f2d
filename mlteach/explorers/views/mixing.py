"""Mixing: two images become one by Mixup or CutMix, and their labels become a soft label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.artist import Artist
from scipy.stats import beta
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.explorers._core.controls import button, choice, count, log_slider, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import images_of, labels_of
from mlteach.explorers._core.pointer import Pointer
from mlteach.explorers._core.tiles import colour_images
from mlteach.plots import NEGATIVE, POSITIVE, QUIET, Picture, legible, plain
from mlteach.views import blend, paste, soft_labels
from mlteach.views.mixing import draw_shares

BARS, WIDEST = 10, 12  # classes with a bar, and letters of their names


class Mixing(Explorer):
    """An image, its partner, what Mixup or CutMix makes of them, and their soft label.

    With CutMix, drag the box on the mixed image.

    Args:
        images: (N, C, H, W) in [0, 1] with one or three channels, N >= 2.
        labels: (N,) integer classes, or their names.
        names: a text for each class. Of more than ten the two of the pair are drawn.

    ``state``: ``kind``, ``share`` asked for, ``alpha``, ``picture``, ``partner``, ``x`` and ``y``
    of the box as chosen; ``mixed`` (C, H, W), ``kept``, the share that the image really has, and
    ``soft``, the label (n_classes,).
    """

    pointing = "drag"

    def __init__(self, images: Tensor, labels: Tensor, names: Sequence[str]):
        self.images = images_of("images", images, at_least=2)
        self.names = list(_validate.texts("names", names))
        self.labels = labels_of("labels", labels, len(self.images), self.names)
        self.generator = Generator().manual_seed(0)
        height, width = self.images.shape[2:]
        super().__init__(
            {
                "kind": choice("kind", ["CutMix", "Mixup"]),
                "share": slider("share λ of the image", 0, 1, 0.7, step=0.01),
                "picture": count("image", 0, len(self.images) - 1, 0),
                "partner": count("partner", 0, len(self.images) - 1, 1),
                "x": count("box across, pixels", 0, width, round(0.35 * width)),
                "y": count("box down, pixels", 0, height, round(0.65 * height)),
                "alpha": log_slider("alpha", 0.1, 10, 1),
                "draw": button("draw λ, partner and place", self.draw),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 2.5))
        ratios = [1.15, 1.15, 1.15, 1, 1]
        *axes, label, chance = figure.subplots(1, 5, width_ratios=ratios)
        blank = colour_images(self.images[:1])[0]
        for ax in axes:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        self.shown = [ax.imshow(blank, interpolation="nearest") for ax in axes]
        self.captions = [ax.set_title("image", fontsize=10) for ax in axes[:2]]
        self.mixed_ax = axes[2]
        self.mixed_ax.set_title("mixed", fontsize=10)
        names = [legible(name, WIDEST) for name in self.names]
        rows = sorted(names, key=len)[-2:] if len(names) > BARS else names
        self.bars = label.barh(range(len(rows)), np.zeros(len(rows)), color=QUIET)
        label.set_yticks(range(len(rows)), rows)
        label.set(xlim=(0, 1), xticks=[0, 0.5, 1])
        label.invert_yaxis()
        chance.set(xlim=(0, 1), ylim=(0, 4), xticks=[0, 0.5, 1], yticks=[], xlabel="share λ")
        (self.density,) = chance.plot([], [], color=QUIET)
        (self.here,) = chance.plot([], [], color=POSITIVE)
        for ax, title in ((label, "soft label"), (chance, "Beta(α, α)")):
            plain(ax).set_title(title, fontsize=10)
        return figure, [*self.shown, *self.captions, *self.bars, self.density, self.here]

    def update(self) -> dict:
        chosen = self.values()
        pair = [chosen["picture"], chosen["partner"]]
        image, other = self.images[pair, None]
        label, other_label = self.labels[pair, None]
        share = torch.tensor([chosen["share"]]).to(image)
        has_box = chosen["kind"] == "CutMix"
        for name in "xy":
            self.controls[name].layout.display = "" if has_box else "none"
        if has_box:
            height, width = image.shape[2:]
            centre = torch.tensor([[chosen["x"] / width, chosen["y"] / height]]).to(image)
            mixed, kept = paste(image, other, share, centre)
        else:
            mixed, kept = blend(image, other, share), share
        soft = soft_labels(label, other_label, kept, n_classes=len(self.names))[0]
        self._show_images(torch.cat([image, other, mixed]), [label.item(), other_label.item()])
        self._show_label(soft, label.item(), other_label.item())
        where = np.linspace(0.005, 0.995, 199)
        self.density.set_data(where, beta.pdf(where, chosen["alpha"], chosen["alpha"]))
        self.here.set_data([chosen["share"]] * 2, [0, 4])
        return {"mixed": mixed[0], "kept": kept.item(), "soft": soft}

    def _show_images(self, images: Tensor, labels: list[int]) -> None:
        for artist, colours in zip(self.shown, colour_images(images), strict=True):
            artist.set_data(colours)
        for caption, role, label in zip(self.captions, ("image", "partner"), labels, strict=True):
            caption.set_text(f"{role}: {legible(self.names[label], WIDEST)}")

    def _show_label(self, soft: Tensor, label: int, other: int) -> None:
        rows = list(range(len(self.names)))
        if len(rows) > BARS:
            rows = [label] if label == other else [label, other]
            if self.changed("rows", *rows):
                names = [legible(self.names[row], WIDEST) for row in rows]
                self.bars[0].axes.set_yticks(range(len(rows)), names)
                self.redraw_all()
        for number, bar in enumerate(self.bars):
            there = number < len(rows)
            bar.set_width(soft[rows[number]].item() if there else 0)
            bar.set_facecolor(POSITIVE if there and rows[number] == label else NEGATIVE)

    def pointed(self, pointer: Pointer) -> None:
        if not pointer.pressed or pointer.ax is not self.mixed_ax or self.state["kind"] != "CutMix":
            return
        with self.one_redraw():
            for name, place in (("x", pointer.x), ("y", pointer.y)):
                self.controls[name].value = round(place + 0.5)  # pixel 0 reaches from -0.5 to 0.5

    def draw(self) -> None:
        """A partner, a share from Beta(alpha, alpha) and a place, as `mixup` and `cutmix` draw."""
        height, width = self.images.shape[2:]
        with self.one_redraw():
            share = draw_shares(self.images[:1], self.controls["alpha"].value, self.generator)
            self.controls["share"].value = round(share.item(), 2)
            for name, end in {"partner": len(self.images) - 1, "x": width, "y": height}.items():
                self.controls[name].value = torch.randint(
                    end + 1, (), generator=self.generator
                ).item()

    def describe(self) -> str:
        s = self.state
        shares = enumerate(s["soft"].tolist())
        parts = [f"{share:.0%} {self.names[i]}" for i, share in shares if share > 0]
        return (
            f"{s['kind']} at λ = {s['share']:.2f}: the image keeps {s['kept']:.3f}, "
            f"its label is {', '.join(parts)}"
        )
