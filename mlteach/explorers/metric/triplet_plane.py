"""TripletPlane: anchor, positive and negative to be dragged, the region of the negative, and the
pull on all three.
"""

from __future__ import annotations

import torch
from matplotlib.patches import Circle as Disc
from torch import Tensor

from mlteach.explorers._core.controls import button, choice, slider
from mlteach.explorers._core.explorer import Explorer, Pointer
from mlteach.losses import triplet_loss
from mlteach.metric import REGIONS, triplet_regions
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, plain

NAMES = ("anchor", "positive", "negative")
START = ((-0.4, 0.0), (0.4, 0.55), (0.6, -0.45))
COLOURS = (ANCHOR, POSITIVE, NEGATIVE)
HARD, SEMI_HARD = "#F4B89A", "#FBE7B5"  # the bands; easy is the white of the paper
WIDTH, HEIGHT = 2.4, 2.0  # half sides of the plane
FARTHEST, HIGHEST = 6.0, 5.0  # ends of the second panel: squared distance, loss
SHARE = 0.2  # an arrow is a fifth of the pull, so that it stays in the picture
REACH = 0.35  # a press takes hold of a point that is at most so far away
STEP, STEPS = 0.02, 5  # learning rate and number of steps of one press of "follow the pull"


class TripletPlane(Explorer):
    """Drag anchor, positive and negative, and see whether the triplet is easy, semi-hard or hard.

    ``state``: ``loss``, ``margin``, ``region`` (one of REGIONS), ``distances`` {"positive",
    "negative"} from the anchor, not squared, and ``points`` and ``gradients``, both (3, 2) in the
    order anchor, positive, negative.
    """

    pointing = "drag"

    def __init__(self):
        self.points = torch.tensor(START, dtype=torch.float64)
        self.presses, self.held = 0, None
        self.shown_point = "negative"
        x, y = self._place("negative")
        controls = {
            "margin": slider("margin", 0, 2, 0.5, step=0.05),
            "point": choice("point", NAMES, "negative"),
            "x": slider("its x", -WIDTH, WIDTH, x, step=0.05),
            "y": slider("its y", -HEIGHT, HEIGHT, y, step=0.05),
            "step": button("follow the pull", self.follow),
            "reset": button("start again", self.reset),
        }
        super().__init__(self._figure(), controls, self.artists)

    def _place(self, name: str) -> tuple[float, float]:
        return tuple(self.points[NAMES.index(name)].tolist())

    def _figure(self) -> Picture:
        figure = Picture((9, 4.3))
        self.ax, hinge = figure.subplots(1, 2, width_ratios=[1.35, 1])
        self.ax.set(
            xlim=(-WIDTH, WIDTH), ylim=(-HEIGHT, HEIGHT), aspect="equal", xticks=[], yticks=[]
        )
        self.ax.set_title("where is the negative? arrows: a fifth of the pull", fontsize=10)
        self.semi_hard = self.ax.add_patch(Disc((0, 0), 1, color=SEMI_HARD, linewidth=0))
        self.hard = self.ax.add_patch(Disc((0, 0), 1, color=HARD, linewidth=0))
        self.arrows = self.ax.quiver(
            *torch.zeros(4, 3).numpy(), color=COLOURS, angles="xy", scale_units="xy", scale=1, width=0.009, zorder=3,
            minlength=0,
        )  # fmt: skip
        self.dots = self.ax.scatter(*torch.zeros(2, 3).numpy(), s=190, c=COLOURS, zorder=4)
        self.letters = [
            self.ax.text(
                0, 0, name[0], color="white", ha="center", va="center", fontsize=10, zorder=5
            )
            for name in NAMES
        ]
        plain(hinge)
        self.hard_span = hinge.axvspan(0, 1, color=HARD, linewidth=0, label="hard")
        self.semi_hard_span = hinge.axvspan(1, 2, color=SEMI_HARD, linewidth=0, label="semi-hard")
        (self.line,) = hinge.plot([], [], color=ANCHOR)
        (self.now,) = hinge.plot([], [], "o", color=NEGATIVE, markersize=9)
        hinge.set(
            xlim=(0, FARTHEST),
            ylim=(-0.15, HIGHEST),
            xlabel="squared distance from anchor to negative",
        )
        hinge.set_ylabel("triplet loss")
        hinge.fill_between([], [], color="white", edgecolor=QUIET, label="easy: no loss")
        hinge.legend(fontsize=9, frameon=True, loc="upper right")
        self.artists = [
            self.semi_hard, self.hard, self.arrows, self.dots, *self.letters,
            self.hard_span, self.semi_hard_span, self.line, self.now, hinge.get_legend(),
        ]  # fmt: skip
        return figure

    def update(self) -> dict:
        self._read_controls()
        margin = self.controls["margin"].value
        loss, gradients = self._loss(margin)
        to_positive, to_negative = (self.points[1:] - self.points[0]).square().sum(1)
        region = REGIONS[triplet_regions(to_positive, to_negative, margin=margin)]
        self._show(gradients, to_positive.item(), to_negative.item(), margin, loss)
        return {
            "loss": loss,
            "margin": margin,
            "region": region,
            "distances": {
                "positive": to_positive.sqrt().item(),
                "negative": to_negative.sqrt().item(),
            },
            "points": self.points.clone(),
            "gradients": gradients,
        }

    def _loss(self, margin: float) -> tuple[float, Tensor]:
        """The loss of the three points, and its gradient (3, 2)."""
        points = self.points.clone().requires_grad_()
        loss = triplet_loss(*points.split(1), margin=margin)
        return loss.item(), torch.autograd.grad(loss, points)[0]

    def _read_controls(self) -> None:
        """A new point shows its place; a new place moves the shown point."""
        point, x, y = (self.controls[name] for name in ("point", "x", "y"))
        if point.value != self.shown_point:
            self.shown_point = point.value
            x.value, y.value = self._place(point.value)
        elif (x.value, y.value) != self._place(point.value):
            self.points[NAMES.index(point.value)] = torch.tensor(
                [x.value, y.value], dtype=torch.float64
            )

    def _show(
        self, gradients: Tensor, to_positive: float, to_negative: float, margin: float, loss: float
    ) -> None:
        places = self.points.numpy()
        for disc, squared in ((self.hard, to_positive), (self.semi_hard, to_positive + margin)):
            disc.set_center(places[0])
            disc.set_radius(squared**0.5)
        self.dots.set_offsets(places)
        self.arrows.set_offsets(places)
        self.arrows.set_UVC(*(-SHARE * gradients).numpy().T)
        for letter, place in zip(self.letters, places, strict=True):
            letter.set_position(place)
        self.hard_span.set_width(to_positive)
        self.semi_hard_span.set_x(to_positive)
        self.semi_hard_span.set_width(margin)
        self.line.set_data(
            [0, to_positive + margin, max(FARTHEST, to_positive + margin)],
            [to_positive + margin, 0, 0],
        )
        self.now.set_data([min(to_negative, FARTHEST)], [min(loss, HIGHEST)])

    def move(self, name: str, x: float, y: float) -> None:
        """Puts one point somewhere, inside the picture, and its sliders with it."""
        points = self.points.clone()
        points[NAMES.index(name)] = torch.tensor([x, y], dtype=torch.float64)
        self._put(points, name)

    def follow(self, steps: int = STEPS) -> None:
        """Some steps of gradient descent on the three points."""
        for _ in range(steps):
            self._put(self.points - STEP * self.state["gradients"], self.shown_point)

    def reset(self) -> None:
        """Puts the three points back to where they were at first."""
        self._put(torch.tensor(START, dtype=torch.float64), self.shown_point)

    def _put(self, points: Tensor, shown: str) -> None:
        """All points at new places inside the picture, with the sliders on one of them."""
        limits = torch.tensor([WIDTH, HEIGHT], dtype=torch.float64)
        with self.one_redraw():
            self.points = points.clamp(-limits, limits)
            self.shown_point = self.controls["point"].value = shown
            self.controls["x"].value, self.controls["y"].value = self._place(shown)

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax is not self.ax or not pointer.pressed:
            return
        if pointer.presses != self.presses:
            self.presses = pointer.presses
            press = torch.tensor([pointer.press_x, pointer.press_y], dtype=torch.float64)
            gaps = (self.points - press).norm(dim=1)
            self.held = NAMES[int(gaps.argmin())] if gaps.min() <= REACH else None
        if self.held:
            self.move(self.held, pointer.x, pointer.y)

    def describe(self) -> str:
        s = self.state
        return (
            f"margin {s['margin']:.2f}: the negative is at distance {s['distances']['negative']:.2f}, the positive at "
            f"{s['distances']['positive']:.2f}, so the triplet is {s['region']} and its loss {s['loss']:.3f}"
        )
