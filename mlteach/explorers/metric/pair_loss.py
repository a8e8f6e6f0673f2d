"""PairLoss: the contrastive and the triplet loss as functions of one distance, each with its slope."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.explorers._core.controls import choice, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.losses import contrastive_loss, triplet_loss
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, plain

FORMS = ("squared", "not squared")
COLOURS = {"same": POSITIVE, "different": NEGATIVE, "triplet": ANCHOR}
FARTHEST, HIGHEST = 2.0, 3.0
REACH = 0.35  # half the length of a slope's line, along the distance


def losses_at(
    distance: Tensor, *, positive_distance: float, margin: float, form: str
) -> dict[str, Tensor]:
    """The loss of one pair of one class, of one pair of different classes, and of one triplet, each
    ().

    Two points at this distance stand for a pair. In the triplet it is the negative's; the
    positive's is given. "not squared" are the losses of PyTorch, which compare the distances
    themselves.
    """
    x1, x2, x3 = (
        torch.zeros(1, 1).double(),
        distance.reshape(1, 1),
        torch.full((1, 1), -positive_distance).double(),
    )
    if form == "squared":
        same = torch.tensor([True])
        return {
            "same": contrastive_loss(x1, x2, same, margin=margin),
            "different": contrastive_loss(x1, x2, ~same, margin=margin),
            "triplet": triplet_loss(x1, x3, x2, margin=margin),
        }
    return {
        "same": F.hinge_embedding_loss(distance, torch.tensor(1.0), margin=margin),
        "different": F.hinge_embedding_loss(distance, torch.tensor(-1.0), margin=margin),
        "triplet": F.triplet_margin_loss(x1, x3, x2, margin=margin, eps=0.0),
    }


class PairLoss(Explorer):
    """What the losses ask of one distance: value and slope, with the margin and with or without
    squares.

    ``state``: ``margin``, ``distance``, ``positive_distance``, ``form`` (one of FORMS), and
    ``losses`` and ``slopes`` at the distance, each {"same", "different", "triplet"}.
    """

    def __init__(self):
        self.grid = torch.linspace(0, FARTHEST, 81, dtype=torch.float64)
        self.curves_of = None  # the settings whose curves are drawn
        controls = {
            "distance": slider("distance", 0.02, FARTHEST, 0.6, step=0.02),
            "margin": slider("margin", 0.05, 2, 1.0, step=0.05),
            "positive_distance": slider("the triplet's positive at", 0, 1, 0.5, step=0.05),
            "form": choice("distances", FORMS),
        }
        super().__init__(self._figure(), controls, self.artists)

    def _figure(self) -> Picture:
        figure = Picture((9, 3.6))
        pair, triplet = figure.subplots(1, 2, sharey=True)
        axes = {"same": pair, "different": pair, "triplet": triplet}
        self.lines = {name: ax.plot([], [], color=COLOURS[name])[0] for name, ax in axes.items()}
        self.slopes = {name: ax.plot([], [], color=COLOURS[name], linewidth=4, alpha=0.4)[0]
                       for name, ax in axes.items()}  # fmt: skip
        self.dots = {
            name: ax.plot([], [], "o", color=COLOURS[name], markersize=8)[0]
            for name, ax in axes.items()
        }
        self.borders = [
            ax.axvline(1, color=QUIET, linestyle="--", linewidth=0.9) for ax in (pair, triplet)
        ]
        for ax in (pair, triplet):
            plain(ax)
            ax.set(xlim=(0, FARTHEST), ylim=(-0.06, HIGHEST))
        self.lines["same"].set_label("same class")
        self.lines["different"].set_label("different classes")
        pair.legend(fontsize=9, frameon=False, loc="upper left")
        pair.set(xlabel="distance of the pair", ylabel="loss")
        pair.set_title("contrastive loss; dashed: the margin", fontsize=10)
        triplet.set(xlabel="distance from anchor to negative")
        triplet.set_title("triplet loss; dashed: where the negative is far enough", fontsize=10)
        self.artists = [
            *self.lines.values(),
            *self.slopes.values(),
            *self.dots.values(),
            *self.borders,
        ]
        return figure

    def update(self) -> dict:
        state = {name: control.value for name, control in self.controls.items()}
        setting = {name: state[name] for name in ("positive_distance", "margin", "form")}
        if setting != self.curves_of:
            self.curves_of = setting
            self._draw_curves(**setting)
        distance = torch.tensor(state["distance"], dtype=torch.float64, requires_grad=True)
        values = losses_at(distance, **setting)
        slopes = {
            name: torch.autograd.grad(loss, distance)[0].item() for name, loss in values.items()
        }
        values = {name: loss.item() for name, loss in values.items()}
        for name, slope in slopes.items():
            run = REACH / (1 + slope**2) ** 0.5  # the same length on the page, however steep
            self.dots[name].set_data([state["distance"]], [values[name]])
            self.slopes[name].set_data(
                [state["distance"] - run, state["distance"] + run],
                [values[name] - run * slope, values[name] + run * slope],
            )
        return {**state, "losses": values, "slopes": slopes}

    def _draw_curves(self, *, positive_distance: float, margin: float, form: str) -> None:
        setting = {"positive_distance": positive_distance, "margin": margin, "form": form}
        curves = [losses_at(distance, **setting) for distance in self.grid]
        for name, line in self.lines.items():
            line.set_data(self.grid.tolist(), [values[name].item() for values in curves])
        power = 2 if form == "squared" else 1
        far_enough = (positive_distance**power + margin) ** (1 / power)
        for border, place in zip(self.borders, (margin, far_enough), strict=True):
            border.set_xdata([place, place])

    def describe(self) -> str:
        s = self.state
        parts = [
            f"{name} {s['losses'][name]:.3f} with slope {s['slopes'][name]:.2f}"
            for name in s["losses"]
        ]
        return f"at distance {s['distance']:.2f}, margin {s['margin']:.2f}, {s['form']}: {', '.join(parts)}"
