"""PairLoss: contrastive and triplet loss as functions of one distance, each with its slope."""

from __future__ import annotations

import torch
from matplotlib.artist import Artist

from mlteach.explorers._core.controls import choice, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.losses.one_distance import FORMS, losses_at
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, plain

COLOURS = {"same": POSITIVE, "different": NEGATIVE, "triplet": ANCHOR}
FARTHEST, HIGHEST = 2.0, 3.0
GRID = torch.linspace(0, FARTHEST, 81, dtype=torch.float64)  # distances of the curves
REACH = 0.35  # half the length of a slope's line, along the distance


class PairLoss(Explorer):
    """What the losses ask of one distance: value and slope, with and without squares.

    ``state``: ``margin``, ``distance``, ``positive_distance``, ``form`` (one of FORMS), and
    ``losses`` and ``slopes`` at the distance, each {"same", "different", "triplet"}.
    """

    def __init__(self):
        super().__init__(
            {
                "distance": slider("distance", 0.02, FARTHEST, 0.6, step=0.02),
                "margin": slider("margin", 0.05, 2, 1.0, step=0.05),
                "positive_distance": slider("triplet's positive", 0, 1, 0.5, step=0.05),
                "form": choice("distances", FORMS),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.6))
        pair, triplet = figure.subplots(1, 2, sharey=True)
        self.lines = {}
        self.slopes = {}
        self.dots = {}
        for name, ax in {"same": pair, "different": pair, "triplet": triplet}.items():
            colour = COLOURS[name]
            (self.lines[name],) = ax.plot([], [], color=colour)
            (self.slopes[name],) = ax.plot([], [], color=colour, linewidth=4, alpha=0.4)
            (self.dots[name],) = ax.plot([], [], "o", color=colour, markersize=8, clip_on=False)
        dashed = {"color": QUIET, "linestyle": "--", "linewidth": 0.9, "clip_on": False}
        self.borders = [ax.axvline(1, **dashed) for ax in (pair, triplet)]
        for ax in (pair, triplet):
            plain(ax).set(xlim=(0, FARTHEST), ylim=(-0.06, HIGHEST))
        self.lines["same"].set_label("same class")
        self.lines["different"].set_label("different classes")
        pair.legend(fontsize=9, frameon=False, loc="upper left")
        pair.set(xlabel="distance of the pair", ylabel="loss")
        pair.set_title("contrastive loss; dashed: the margin", fontsize=10)
        triplet.set(xlabel="distance from anchor to negative")
        triplet.set_title("triplet loss; dashed: where the negative is far enough", fontsize=10)
        parts = (self.lines, self.slopes, self.dots)
        return figure, [*(artist for part in parts for artist in part.values()), *self.borders]

    def update(self) -> dict:
        setting = self.values()
        at = setting.pop("distance")
        if self.changed("curves", setting):
            self._draw_curves(**setting)
        distance = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        losses, slopes = {}, {}
        for name, loss in losses_at(distance, **setting).items():
            losses[name] = value = loss.item()
            slopes[name] = slope = torch.autograd.grad(loss, distance)[0].item()
            run = REACH / (1 + slope**2) ** 0.5  # the same length on the page, however steep
            self.dots[name].set_data([at], [value])
            rise = run * slope
            self.slopes[name].set_data([at - run, at + run], [value - rise, value + rise])
        return {"losses": losses, "slopes": slopes}

    def _draw_curves(self, *, positive_distance: float, margin: float, form: str) -> None:
        setting = {"positive_distance": positive_distance, "margin": margin, "form": form}
        curves = [losses_at(distance, **setting) for distance in GRID]
        for name, line in self.lines.items():
            line.set_data(GRID.tolist(), [values[name].item() for values in curves])
        power = 2 if form == "squared" else 1
        far_enough = (positive_distance**power + margin) ** (1 / power)
        for border, place in zip(self.borders, (margin, far_enough), strict=True):
            border.set_xdata([place, place])

    def describe(self) -> str:
        s = self.state
        parts = [
            f"{name} {loss:.3f} with slope {round(s['slopes'][name], 2) + 0.0:.2f}"
            for name, loss in s["losses"].items()
        ]
        setting = f"at distance {s['distance']:.2f}, margin {s['margin']:.2f}, {s['form']}"
        return f"{setting}: {', '.join(parts)}"
