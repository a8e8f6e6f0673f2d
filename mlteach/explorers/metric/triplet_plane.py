"""TripletPlane: anchor, positive and negative to be dragged, and the force on all three."""

from __future__ import annotations

import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Circle as Disc
from torch import Tensor

from mlteach.explorers._core.controls import button, choice, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.pointer import Pointer
from mlteach.losses import triplet_loss
from mlteach.metric import REGIONS, triplet_regions
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, plain

NAMES = ("anchor", "positive", "negative")
START = ((-0.4, 0.0), (0.4, 0.55), (0.6, -0.45))
COLOURS = (ANCHOR, POSITIVE, NEGATIVE)
HARD, SEMI_HARD = "#F4B89A", "#FBE7B5"  # the bands; easy is the white of the paper
WIDTH, HEIGHT = 2.4, 2.0  # half sides of the plane
EDGE = 0.16  # of the plane around them: at its end a point is still seen whole
FARTHEST, HIGHEST = 6.0, 5.0  # ends of the second panel: squared distance, loss
SHARE = 0.2  # an arrow is a fifth of the force, so that it stays in the figure
REACH = 0.35  # a press takes hold of a point that is at most so far away
STEP, STEPS = 0.02, 5  # learning rate and number of steps of one press of "follow the force"


class TripletPlane(Explorer):
    """Drag anchor, positive and negative, and see whether the triplet is easy, semi-hard or hard.

    ``state``: the value of every control; ``loss``, ``region`` (one of REGIONS), ``distances``
    {"positive", "negative"} from the anchor, not squared, and ``points`` and ``gradients``, both
    (3, 2) in the order anchor, positive, negative.
    """

    pointing = "drag"

    def __init__(self):
        self.points = torch.tensor(START, dtype=torch.float64)
        self.shown_point = "negative"
        x, y = self._place("negative")
        super().__init__(
            {
                "margin": slider("margin", 0, 2, 0.5, step=0.05),
                "point": choice("point", NAMES, "negative"),
                "x": slider("its x", -WIDTH, WIDTH, x, step=0.05),
                "y": slider("its y", -HEIGHT, HEIGHT, y, step=0.05),
                "step": button("follow the force", self.follow),
                "reset": button("start again", self.reset),
            }
        )

    def _place(self, name: str) -> tuple[float, float]:
        return tuple(self.points[NAMES.index(name)].tolist())

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.6))
        self.ax, hinge = figure.subplots(1, 2, width_ratios=[1.35, 1])
        return figure, [*self._draw_plane(self.ax), *self._draw_hinge(plain(hinge))]

    def _draw_plane(self, ax: Axes) -> list[Artist]:
        right, top = WIDTH + EDGE, HEIGHT + EDGE
        ax.set(xlim=(-right, right), ylim=(-top, top), aspect="equal", xticks=[], yticks=[])
        ax.set_title("where is the negative? arrows: a fifth of the force", fontsize=10)
        self.semi_hard = ax.add_patch(Disc((0, 0), 1, color=SEMI_HARD, linewidth=0))
        self.hard = ax.add_patch(Disc((0, 0), 1, color=HARD, linewidth=0))
        scale = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.009, "minlength": 0}
        zeros = torch.zeros(4, 3).numpy()
        self.arrows = ax.quiver(*zeros, color=COLOURS, zorder=3, **scale)
        self.dots = ax.scatter(*zeros[:2], s=190, c=COLOURS, zorder=4)
        look = {"color": "white", "ha": "center", "va": "center", "fontsize": 10, "zorder": 5}
        self.letters = [ax.text(0, 0, name[0], **look) for name in NAMES]
        return [self.semi_hard, self.hard, self.arrows, self.dots, *self.letters]

    def _draw_hinge(self, ax: Axes) -> list[Artist]:
        self.hard_span = ax.axvspan(0, 1, color=HARD, linewidth=0, label="hard")
        self.semi_hard_span = ax.axvspan(1, 2, color=SEMI_HARD, linewidth=0, label="semi-hard")
        (self.line,) = ax.plot([], [], color=ANCHOR)
        (self.now,) = ax.plot([], [], "o", color=NEGATIVE, markersize=9, clip_on=False)
        ax.set(xlim=(0, FARTHEST), ylim=(-0.15, HIGHEST), ylabel="triplet loss")
        ax.set_xlabel("squared distance from anchor to negative")
        ax.set_title("dot: this triplet; triangle: it lies further out", fontsize=10)
        ax.fill_between([], [], color="white", edgecolor=QUIET, label="easy: no loss")
        legend = ax.legend(fontsize=9, frameon=True, loc="upper right")
        return [self.hard_span, self.semi_hard_span, self.line, self.now, legend]

    def update(self) -> dict:
        self._read_controls()
        margin = self.controls["margin"].value
        loss, gradients = self._loss(margin)
        to_positive, to_negative = (self.points[1:] - self.points[0]).square().sum(1)
        region = REGIONS[triplet_regions(to_positive, to_negative, margin=margin)]
        self._show_plane(gradients, to_positive.item(), margin)
        self._show_hinge(to_positive.item(), margin)
        self._show_now(to_negative.item(), loss)
        to_points = {"positive": to_positive, "negative": to_negative}
        return {
            "loss": loss,
            "region": region,
            "distances": {name: squared.sqrt().item() for name, squared in to_points.items()},
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

    def _show_plane(self, gradients: Tensor, to_positive: float, margin: float) -> None:
        places = self.points.numpy()
        for disc, squared in ((self.hard, to_positive), (self.semi_hard, to_positive + margin)):
            disc.set_center(places[0])
            disc.set_radius(squared**0.5)
        self.dots.set_offsets(places)
        self.arrows.set_offsets(places)
        self.arrows.set_UVC(*(-SHARE * gradients).numpy().T)
        for letter, place in zip(self.letters, places, strict=True):
            letter.set_position(place)

    def _show_hinge(self, to_positive: float, margin: float) -> None:
        corner = to_positive + margin
        self.hard_span.set_width(to_positive)
        self.semi_hard_span.set_x(to_positive)
        self.semi_hard_span.set_width(margin)
        self.line.set_data([0, corner, max(FARTHEST, corner)], [corner, 0, 0])

    def _show_now(self, to_negative: float, loss: float) -> None:
        """The dot, or at the panel's edge a triangle that points to where it lies."""
        marker = ">" if to_negative > FARTHEST else "^" if loss > HIGHEST else "o"
        self.now.set_marker(marker)
        self.now.set_data([min(to_negative, FARTHEST)], [min(loss, HIGHEST)])

    def move(self, name: str, x: float, y: float) -> None:
        """Puts one point somewhere, inside the figure, and its sliders with it."""
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
        """All points at new places inside the figure, with the sliders on one of them."""
        limits = torch.tensor([WIDTH, HEIGHT], dtype=torch.float64)
        with self.one_redraw():
            self.points = points.clamp(-limits, limits)
            self.shown_point = self.controls["point"].value = shown
            self.controls["x"].value, self.controls["y"].value = self._place(shown)

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax is not self.ax:
            return
        places = dict(zip(NAMES, self.points.tolist(), strict=True))
        held = self.hold.nearest(pointer, places, reach=REACH)
        if held is not None:
            self.move(held, pointer.x, pointer.y)

    def describe(self) -> str:
        s = self.state
        to_negative, to_positive = (s["distances"][name] for name in ("negative", "positive"))
        return (
            f"margin {s['margin']:.2f}: the negative is at distance {to_negative:.2f}, "
            f"the positive at {to_positive:.2f}, "
            f"so the triplet is {s['region']} and its loss {s['loss']:.3f}"
        )
