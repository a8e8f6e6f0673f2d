"""Circle: points that are dragged on the unit circle, and the force of the loss on each of them."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Tensor

from mlteach import _validate
from mlteach.explorers._core.controls import button, choice, log_slider, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.pointer import Pointer
from mlteach.losses import alignment, nt_xent, uniformity
from mlteach.plots import ANCHOR, CLASS_COLOURS, POSITIVE, QUIET, Picture, plain

LONGEST = 0.45  # the longest arrow, in radii; the others keep their share of it
# forces below this are drawn shorter than that: where there is none, no arrow shall be seen
FAINT = 0.02
REACH = 0.25  # a press takes hold of a point that is at most so far away, in radii
LOSSES = {  # what can be followed, and its name in the state
    "NT-Xent": "nt_xent",
    "alignment only": "alignment",
    "uniformity only": "uniformity",
}


class Circle(Explorer):
    """Pairs of points on the unit circle: drag one, see the force on all, let them follow it.

    Args:
        pairs: number of pairs, 2 to 10; a pair is two views of one image, in one colour.
        seed: of the places where the points start.

    ``state``: the value of every control; ``loss`` (the chosen one), ``nt_xent``, ``alignment``,
    ``uniformity``, ``angles`` (2, pairs) in radians, and ``pulls`` (2, pairs) = -dloss/dangle,
    positive anticlockwise. ``track`` lists where steps and drags have led so far, each
    (uniformity, alignment); sliders leave no track.
    """

    pointing = "drag"

    def __init__(self, pairs: int = 4, *, seed: int = 0):
        self.pairs = pairs = _validate.count("pairs", pairs, at_least=2, at_most=len(CLASS_COLOURS))
        self.seed = _validate.seed("seed", seed)
        self.angles = self._start()
        self.placed = self.angles.clone()  # as last put by anything but the slider
        self.track: list[tuple[float, float]] = []
        # row by row of angles
        self.names = [f"{pair + 1}{view}" for view in "ab" for pair in range(pairs)]
        first = self.names[0]
        self.shown_point = first
        super().__init__(
            {
                "follow": choice("follow", list(LOSSES)),
                "temperature": log_slider("temperature", 0.01, 10, 0.5),
                "point": choice("point", self.names),
                "angle": slider("its angle °", -180, 180, self._degrees(first), step=1),
                "step": button("follow the force", self.follow),
                "reset": button("start again", self.reset),
            }
        )
        self._mark_track()

    def _start(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        turns = torch.rand(2, self.pairs, generator=generator, dtype=torch.float64)
        return (turns * 2 - 1) * torch.pi

    def _index(self, name: str) -> tuple[int, int]:
        return divmod(self.names.index(name), self.pairs)

    def _degrees(self, name: str) -> float:
        return _whole_degrees(self.angles[self._index(name)])

    def _places(self) -> Tensor:
        """(2, pairs, 2) of all points in the plane."""
        return torch.stack([self.angles.cos(), self.angles.sin()], dim=-1)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.6))
        self.ax, track = figure.subplots(1, 2, width_ratios=[1.25, 1])
        self._draw_circle(self.ax)
        plain(track)
        (self.path,) = track.plot([], [], color=QUIET, linewidth=1.2)
        (self.now,) = track.plot([], [], "o", color=POSITIVE, markersize=8)
        track.set(xlabel="uniformity: lower = more even", ylabel="alignment: lower = pairs closer")
        track.set(xlim=(-2.6, 0.1), ylim=(-0.1, 4.1))
        track.set_title("the way so far", fontsize=10)
        return figure, [self.arrows, *self.points, self.ring, self.path, self.now]

    def _draw_circle(self, ax: Axes) -> None:
        around = np.linspace(0, 2 * np.pi, 200)
        ax.plot(np.cos(around), np.sin(around), color=QUIET, linewidth=0.8, zorder=0)
        ax.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal")
        ax.set_axis_off()
        ax.set_title("one colour, one image: view a filled, view b open", fontsize=10)
        colours = CLASS_COLOURS[: self.pairs]
        nowhere = np.zeros((2, self.pairs))
        look = {"s": 130, "edgecolors": colours, "linewidths": 2, "zorder": 3}
        self.points = [ax.scatter(*nowhere, c=filling, **look) for filling in (colours, "white")]
        ring = {"s": 330, "c": "none", "edgecolors": ANCHOR, "linewidths": 1, "zorder": 4}
        self.ring = ax.scatter([0], [0], **ring)
        zeros = np.zeros(2 * self.pairs)
        scale = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.009, "zorder": 2}
        self.arrows = ax.quiver(zeros, zeros, zeros, zeros + 1.0, color=colours * 2, **scale)

    def update(self) -> dict:
        self._read_controls()
        temperature = self.controls["temperature"].value
        angles = self.angles.clone().requires_grad_()
        z1, z2 = torch.stack([angles.cos(), angles.sin()], dim=-1)  # (pairs, 2) each
        losses = {
            "nt_xent": nt_xent(z1, z2, temperature=temperature),
            "alignment": alignment(z1, z2),
            "uniformity": uniformity(torch.cat([z1, z2])),
        }
        loss = losses[LOSSES[self.controls["follow"].value]]
        forces = -torch.autograd.grad(loss, angles)[0]
        values = {name: value.item() for name, value in losses.items()}
        self._show(forces, (values["uniformity"], values["alignment"]))
        return {"loss": loss.item(), **values, "angles": self.angles.clone(), "pulls": forces}

    def _read_controls(self) -> None:
        """A new point shows its angle; a new angle moves the shown point."""
        point, angle = self.controls["point"].value, self.controls["angle"]
        if point != self.shown_point:
            self.shown_point = point
            angle.value = self._degrees(point)
        elif round(angle.value) != self._degrees(point):  # a page may report 75.00000000000003
            index = self._index(point)
            placed = self.placed[index]
            # back at the degree where it was put, it is exactly there again
            is_back = _whole_degrees(placed) == round(angle.value)
            self.angles[index] = placed if is_back else np.deg2rad(angle.value)

    def _show(self, forces: Tensor, here: tuple[float, float]) -> None:
        places = self._places().numpy()
        for dots, view in zip(self.points, places, strict=True):
            dots.set_offsets(view)
        self.ring.set_offsets(places[self._index(self.shown_point)])
        directions = np.stack([-places[..., 1], places[..., 0]], axis=-1)  # anticlockwise
        longest = max(forces.abs().max().item(), FAINT)
        arrows = (directions * forces[..., None].numpy() * LONGEST / longest).reshape(-1, 2)
        self.arrows.set_offsets(places.reshape(-1, 2))
        self.arrows.set_UVC(*arrows.T)
        # the line ends where the points are now, so that going back gives the same figure
        self.path.set_data(*np.array([*self.track, here]).T)
        self.now.set_data(*np.array([here]).T)

    def _mark_track(self) -> None:
        """The points were put where they are now: a place on the track."""
        self.placed = self.angles.clone()
        place = (self.state["uniformity"], self.state["alignment"])
        if not self.track or self.track[-1] != place:
            self.track.append(place)

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax is not self.ax:
            return
        places = dict(zip(self.names, self._places().reshape(-1, 2).tolist(), strict=True))
        held = self.hold.nearest(pointer, places, reach=REACH)
        if held is not None:
            self.move(held, float(np.arctan2(pointer.y, pointer.x)))

    def move(self, point: str, angle: float) -> None:
        """Puts a point, such as ``"2b"``, at an angle in radians, and the sliders with it."""
        with self.one_redraw():
            self.angles[self._index(point)] = angle
            self.shown_point = self.controls["point"].value = point
            self.controls["angle"].value = self._degrees(point)
        self._mark_track()

    def follow(self, steps: int = 10) -> None:
        """Ten steps of gradient descent on the chosen loss, shorter where the force is strong."""
        self._mark_track()
        for _ in range(steps):
            forces = self.state["pulls"]
            with self.one_redraw():
                self.angles += 0.05 * forces / max(forces.abs().max().item(), 0.05)
                self.controls["angle"].value = self._degrees(self.shown_point)
            self._mark_track()

    def reset(self) -> None:
        """The points go back to where they started, and the track is cleared."""
        with self.one_redraw():
            self.angles = self._start()
            self.track.clear()
            self.controls["angle"].value = self._degrees(self.shown_point)
        self._mark_track()

    def describe(self) -> str:
        s = self.state
        parts = [f"NT-Xent {s['nt_xent']:.3f}", f"alignment {s['alignment']:.3f}"]
        parts.append(f"uniformity {s['uniformity']:.3f}")
        parts.append(f"strongest force {s['pulls'].abs().max().item():.3g}")
        return " · ".join(parts)


def _whole_degrees(angle: Tensor) -> float:
    """From -180 to 180: the slider knows whole degrees only."""
    angle = torch.remainder(angle + torch.pi, 2 * torch.pi) - torch.pi
    return float(round(torch.rad2deg(angle).item()))
