"""Circle: points that are dragged on the unit circle, and the pull of the loss on each of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mlteach.explorers._core.controls import button, choice, log_slider, slider
from mlteach.explorers._core.explorer import Explorer, Pointer
from mlteach.losses import alignment, nt_xent, uniformity
from mlteach.plots import ANCHOR, CLASS_COLOURS, POSITIVE, QUIET, Picture, plain

LONGEST = 0.45  # the longest arrow, in radii; the others keep their share of it
# pulls below this are drawn shorter than that: where nothing pulls, no arrow shall be seen
FAINT = 0.15
REACH = 0.25  # a press takes hold of a point that is at most so far away, in radii


class Circle(Explorer):
    """Pairs of points on the unit circle: drag one, see the pull on all, or let them follow the
    pull.

    Args:
        pairs: number of pairs, 2 to 10; a pair is two views of one picture, in one colour.
        seed: of the places where the points start.

    ``state``: ``loss`` (the chosen one), ``nt_xent``, ``alignment``, ``uniformity``, ``angles`` (2,
    pairs) in radians, and ``pulls`` (2, pairs) = -dloss/dangle, positive anticlockwise.
    """

    pointing = "drag"

    def __init__(self, pairs: int = 4, *, seed: int = 0):
        if not 2 <= pairs <= len(CLASS_COLOURS):
            raise ValueError(f"pairs must lie between 2 and {len(CLASS_COLOURS)}, got {pairs}")
        self.pairs, self.seed = pairs, seed
        self.presses = 0
        self.angles = self._start()
        self.track: list[tuple[float, float]] = []
        # row by row of angles
        self.names = [f"{pair + 1}{view}" for view in "ab" for pair in range(pairs)]
        self.shown_point = self.names[0]
        controls = {
            "loss": choice("follow", ["NT-Xent", "alignment only", "uniformity only"]),
            "temperature": log_slider("temperature", 0.01, 10, 0.5),
            "point": choice("point", self.names),
            "angle": slider(
                "its angle in degrees", -180, 180, self._degrees(self.names[0]), step=1
            ),
            "step": button("follow the pull", self.follow),
            "reset": button("start again", self.reset),
        }
        super().__init__(self._figure(), controls, self.artists)

    def _start(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        return (
            torch.rand(2, self.pairs, generator=generator, dtype=torch.float64) * 2 - 1
        ) * torch.pi

    def _index(self, name: str) -> tuple[int, int]:
        return divmod(self.names.index(name), self.pairs)

    def _degrees(self, name: str) -> float:
        turned = torch.remainder(self.angles[self._index(name)] + torch.pi, 2 * torch.pi) - torch.pi
        return float(round(torch.rad2deg(turned).item()))  # the slider knows whole degrees only

    def _figure(self) -> Picture:
        figure = Picture((9, 4.8))
        self.ax, track = figure.subplots(1, 2, width_ratios=[1.25, 1])
        around = np.linspace(0, 2 * np.pi, 200)
        self.ax.plot(np.cos(around), np.sin(around), color=QUIET, linewidth=0.8, zorder=0)
        self.ax.set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35), aspect="equal")
        self.ax.set_axis_off()
        self.ax.set_title("one colour, one picture: view a filled, view b open", fontsize=10)
        colours = CLASS_COLOURS[: self.pairs]
        nowhere = np.zeros((self.pairs, 2))
        self.points = [
            self.ax.scatter(
                *nowhere.T, s=130, c=colours, edgecolors=colours, linewidths=2, zorder=3
            ),
            self.ax.scatter(
                *nowhere.T, s=130, c="white", edgecolors=colours, linewidths=2, zorder=3
            ),
        ]
        self.ring = self.ax.scatter(
            [0], [0], s=330, c="none", edgecolors=ANCHOR, linewidths=1, zorder=4
        )
        zeros = np.zeros(2 * self.pairs)
        self.arrows = self.ax.quiver(
            zeros, zeros, zeros, zeros + 1.0, color=colours * 2, angles="xy", scale_units="xy", scale=1, width=0.009,
            zorder=2,
        )  # fmt: skip
        plain(track)
        (self.path,) = track.plot([], [], color=QUIET, linewidth=1.2)
        (self.now,) = track.plot([], [], "o", color=POSITIVE, markersize=8)
        track.set(xlabel="uniformity: lower = more even", ylabel="alignment: lower = pairs closer")
        track.set(xlim=(-2.6, 0.1), ylim=(-0.1, 4.1))
        track.set_title("the way so far", fontsize=10)
        self.artists = [self.arrows, *self.points, self.ring, self.path, self.now]
        return figure

    def update(self) -> dict:
        self._read_controls()
        kind, temperature = self.controls["loss"].value, self.controls["temperature"].value
        angles = self.angles.clone().requires_grad_()
        z1, z2 = torch.stack([angles.cos(), angles.sin()], dim=-1)  # (pairs, 2) each
        values = {
            "nt_xent": nt_xent(z1, z2, temperature=temperature),
            "alignment": alignment(z1, z2),
            "uniformity": uniformity(torch.cat([z1, z2])),
        }
        loss = values[
            {"NT-Xent": "nt_xent", "alignment only": "alignment", "uniformity only": "uniformity"}[
                kind
            ]
        ]
        pulls = -torch.autograd.grad(loss, angles)[0]
        values = {name: value.item() for name, value in values.items()}
        place = (values["uniformity"], values["alignment"])
        if not self.track or self.track[-1] != place:
            self.track.append(place)
        self._show(pulls)
        return {
            "loss": loss.item(),
            **values,
            "angles": self.angles.clone(),
            "pulls": pulls,
            "temperature": temperature,
        }

    def _read_controls(self) -> None:
        """A new point shows its angle; a new angle moves the shown point."""
        point, angle = self.controls["point"].value, self.controls["angle"]
        if point != self.shown_point:
            self.shown_point = point
            angle.value = self._degrees(point)
        elif round(angle.value) != self._degrees(point):  # a page may report 75.00000000000003
            self.angles[self._index(point)] = np.deg2rad(angle.value)

    def _show(self, pulls: Tensor) -> None:
        # (2, pairs, 2)
        places = torch.stack([self.angles.cos(), self.angles.sin()], dim=-1).numpy()
        for dots, view in zip(self.points, places, strict=True):
            dots.set_offsets(view)
        self.ring.set_offsets(places[self._index(self.shown_point)])
        directions = np.stack([-places[..., 1], places[..., 0]], axis=-1)  # anticlockwise
        longest = max(pulls.abs().max().item(), FAINT)
        arrows = (directions * pulls[..., None].numpy() * LONGEST / longest).reshape(-1, 2)
        self.arrows.set_offsets(places.reshape(-1, 2))
        self.arrows.set_UVC(*arrows.T)
        self.path.set_data(*np.array(self.track).T)
        self.now.set_data(*np.array(self.track[-1:]).T)

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax is not self.ax or not pointer.pressed:
            return
        if pointer.presses != self.presses:  # a new press: take hold of the nearest point
            self.presses = pointer.presses
            places = torch.stack([self.angles.cos(), self.angles.sin()], dim=-1).reshape(-1, 2)
            gaps = (places - torch.tensor([pointer.press_x, pointer.press_y])).norm(dim=1)
            self.held = self.names[int(gaps.argmin())] if gaps.min() <= REACH else None
        if self.held is not None:
            self.move(self.held, float(np.arctan2(pointer.y, pointer.x)))

    def move(self, point: str, angle: float) -> None:
        """Puts a point, such as ``"2b"``, at an angle in radians, and the sliders with it."""
        with self.one_redraw():
            self.angles[self._index(point)] = angle
            self.shown_point = self.controls["point"].value = point
            self.controls["angle"].value = self._degrees(point)

    def follow(self, steps: int = 10) -> None:
        """Ten steps of gradient descent on the chosen loss; the step shortens where the pull is
        strong.
        """
        for _ in range(steps):
            pulls = self.state["pulls"]
            with self.one_redraw():
                self.angles += 0.05 * pulls / max(pulls.abs().max().item(), 0.05)
                self.controls["angle"].value = self._degrees(self.shown_point)

    def reset(self) -> None:
        """The points go back to where they started, and the track is cleared."""
        with self.one_redraw():
            self.angles = self._start()
            self.track.clear()
            self.controls["angle"].value = self._degrees(self.shown_point)

    def describe(self) -> str:
        s = self.state
        strongest = s["pulls"].abs().max().item()
        return (
            f"NT-Xent {s['nt_xent']:.3f} · alignment {s['alignment']:.3f} · uniformity {s['uniformity']:.3f} · "
            f"strongest pull {strongest:.3g}"
        )
