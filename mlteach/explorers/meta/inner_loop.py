"""Inner loop: your own points of a wave, and what a few gradient steps make of each initialisation."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.func import functional_call

from mlteach.explorers._core.controls import button, count, log_slider, slider
from mlteach.explorers._core.explorer import Explorer, Pointer
from mlteach.meta import adapt
from mlteach.plots import ANCHOR, CLASS_COLOURS, QUIET, Picture, plain

LOW, HIGH = -5.0, 5.0  # of x
TOP = 6.0  # of y
MOST_STEPS = 10
REACH = 0.3  # a press so near to a point takes it away
WORST, BEST = 100.0, 0.003  # ends of the scale of errors


class InnerLoop(Explorer):
    """Click support points of a sine wave and watch several networks fit them, gradient step by
    gradient step.

    Args:
        models: name -> network (N, 1) -> (N, 1), up to ten; none is changed.
        lr: the inner learning rate that is shown first.
        n_points: support points on the wave at the start.
        seed: of the places of the points.

    ``state``: ``steps``, ``lr``, ``points`` (N, 2), ``wave`` (200,) the true heights over ``x``,
    ``fits`` name -> (200,) heights after ``steps`` steps, ``errors`` name -> (11,) mean squared
    errors over the wave after 0 to 10 steps.
    """

    pointing = "drag"

    def __init__(
        self, models: Mapping[str, nn.Module], *, lr: float = 0.01, n_points: int = 5, seed: int = 0
    ):
        if not 1 <= len(models) <= len(CLASS_COLOURS):
            raise ValueError(
                f"models must hold one to {len(CLASS_COLOURS)} networks, got {len(models)}"
            )
        self.models, self.n_points = dict(models), n_points
        self.generator = Generator().manual_seed(seed)
        self.x = torch.linspace(LOW, HIGH, 200)[:, None]
        self.points = torch.zeros(0, 2)
        self.presses = 0
        controls = {
            "steps": count("inner steps", 0, MOST_STEPS, 1),
            "lr": log_slider("inner learning rate", 0.001, 1, lr),
            "amplitude": slider("amplitude", 0.1, 5, 3, step=0.1),
            "phase": slider("phase", 0, 3.1, 1, step=0.1),
            "draw": button("new points on the wave", self.draw_points),
            "clear": button("no points", self.clear),
        }
        self._place_points(controls["amplitude"].value, controls["phase"].value)
        super().__init__(self._figure(), controls, self.artists)

    def _figure(self) -> Picture:
        figure = Picture((9, 4.2))
        self.ax, errors = (plain(ax) for ax in figure.subplots(1, 2, width_ratios=[1.5, 1]))
        x = self.x[:, 0].numpy()
        (self.wave,) = self.ax.plot(
            x, 0 * x, color=QUIET, linestyle="--", linewidth=1.2, label="the wave"
        )
        (self.dots,) = self.ax.plot(
            [], [], "o", color=ANCHOR, markersize=7, label="support", zorder=4
        )
        colours = dict(zip(self.models, CLASS_COLOURS, strict=False))
        self.fits = {
            name: self.ax.plot(x, 0 * x, color=c, label=name, zorder=3)[0]
            for name, c in colours.items()
        }
        self.ax.set(xlim=(LOW, HIGH), ylim=(-TOP, TOP), xlabel="x", ylabel="y")
        self.ax.set_title("click to add a point, click a point to take it away", fontsize=10)
        self.ax.legend(loc="upper left", fontsize=8, frameon=False, ncols=3)
        steps = np.arange(MOST_STEPS + 1)
        self.curves = {
            name: errors.plot(steps, 1.0 + 0 * steps, color=c)[0] for name, c in colours.items()
        }
        self.now = errors.axvline(0, color=QUIET, linewidth=1)
        errors.set(
            yscale="log", xlim=(-0.3, MOST_STEPS + 0.3), ylim=(BEST, WORST), xlabel="inner steps"
        )
        errors.set_title("mean squared error over the whole wave", fontsize=10)
        self.artists = [self.wave, *self.fits.values(), self.dots, *self.curves.values(), self.now]
        return figure

    def update(self) -> dict:
        steps, lr = self.controls["steps"].value, self.controls["lr"].value
        wave = self._height(self.x, self.controls["amplitude"].value, self.controls["phase"].value)
        paths = {name: self._path(model, lr) for name, model in self.models.items()}  # (11, 200)
        errors = {
            name: (path - wave[:, 0]).square().mean(1).nan_to_num(math.inf)
            for name, path in paths.items()
        }
        self.wave.set_ydata(wave[:, 0].numpy())
        self.dots.set_data(*self.points.T.numpy())
        for name, path in paths.items():
            self.fits[name].set_ydata(path[steps].nan_to_num(0).clamp(-10 * TOP, 10 * TOP).numpy())
            self.curves[name].set_ydata(errors[name].clamp(BEST, WORST).numpy())
        self.now.set_xdata([steps, steps])
        return {
            "steps": steps,
            "lr": lr,
            "points": self.points.clone(),
            "x": self.x[:, 0],
            "wave": wave[:, 0],
            "fits": {name: path[steps] for name, path in paths.items()},
            "errors": errors,
        }

    @torch.no_grad()
    def _path(self, model: nn.Module, lr: float) -> Tensor:
        """(11, 200) heights after 0 to 10 steps; without points nothing moves."""
        params, heights = dict(model.named_parameters()), []
        x, y = self.points.split(1, dim=1)
        for _ in range(MOST_STEPS + 1):
            heights.append(functional_call(model, params, (self.x,))[:, 0])
            if len(x):
                params = adapt(model, params, x, y, F.mse_loss, lr=lr, steps=1)
        return torch.stack(heights)

    @staticmethod
    def _height(x: Tensor, amplitude: float, phase: float) -> Tensor:
        return amplitude * torch.sin(x - phase)

    def _place_points(self, amplitude: float, phase: float) -> None:
        x = LOW + (HIGH - LOW) * torch.rand(self.n_points, 1, generator=self.generator)
        self.points = torch.cat([x, self._height(x, amplitude, phase)], 1)

    def draw_points(self) -> None:
        """New support points at random places of the wave."""
        self._place_points(self.controls["amplitude"].value, self.controls["phase"].value)
        self.refresh()

    def clear(self) -> None:
        """Takes all points away."""
        self.points = torch.zeros(0, 2)
        self.refresh()

    def click(self, x: float, y: float) -> None:
        """Adds a support point, or takes the one away that is there."""
        place = torch.tensor([[x, y]])
        near = (self.points - place).norm(dim=1) <= REACH
        self.points = self.points[~near] if near.any() else torch.cat([self.points, place])
        self.refresh()

    def pointed(self, pointer: Pointer) -> None:
        if pointer.pressed and pointer.ax is self.ax and pointer.presses != self.presses:
            self.presses = pointer.presses
            self.click(pointer.press_x, pointer.press_y)

    def describe(self) -> str:
        s = self.state
        errors = ", ".join(
            f"{name} {values[s['steps']]:.3g}" for name, values in s["errors"].items()
        )
        return (
            f"{len(s['points'])} points · inner learning rate {s['lr']:.2g} · "
            f"error after {s['steps']} steps: {errors}"
        )
