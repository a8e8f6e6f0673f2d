"""InnerLoop: your own points of a wave, and what gradient steps make of each initialisation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.explorers._core.controls import button, count, log_slider, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import mapping
from mlteach.explorers._core.key import titled_key
from mlteach.explorers._core.pointer import Pointer
from mlteach.meta.adaptation_path import adaptation_path
from mlteach.plots import ANCHOR, CLASS_COLOURS, QUIET, Picture, plain

LOW, HIGH = -5.0, 5.0  # of x
TOP = 6.0  # of y
MOST_STEPS = 10
REACH = 0.3  # a press so near to a point removes it
WORST, BEST = 100.0, 0.003  # ends of the scale of errors


class InnerLoop(Explorer):
    """Click support points of a sine wave and watch networks fit them, gradient step by step.

    Args:
        models: name -> network (N, 1) -> (N, 1), up to ten; none is changed.
        lr: the inner learning rate that is shown first, 0.001 to 1.
        n_points: support points on the wave at the start, 0 to 100.
        seed: of the places of the points.

    ``state``: the value of every control; ``points`` (N, 2), ``wave`` (200,) the true heights over
    ``x``, ``fits`` name -> (200,) heights after ``steps`` steps, ``errors`` name -> (11,) mean
    squared errors over the wave after 0 to 10 steps.
    """

    pointing = "drag"

    def __init__(
        self, models: Mapping[str, nn.Module], *, lr: float = 0.01, n_points: int = 5, seed: int = 0
    ):
        self.x = torch.linspace(LOW, HIGH, 200)[:, None]
        self.models = _networks(models, self.x)
        self.n_points = _validate.count("n_points", n_points, at_least=0, at_most=100)
        self.generator = Generator().manual_seed(_validate.seed("seed", seed))
        lr = float(_validate.number("lr", lr, at_least=0.001, at_most=1))
        self.points = torch.zeros(0, 2)
        controls = {
            "steps": count("inner steps", 0, MOST_STEPS, 1),
            "lr": log_slider("inner learning rate", 0.001, 1, lr),
            "amplitude": slider("amplitude", 0.1, 5, 3, step=0.1),
            "phase": slider("phase", 0, 3.1, 1, step=0.1),
            "draw": button("new points on the wave", self.draw_points),
            "clear": button("no points", self.clear),
        }
        self._place_points(controls["amplitude"].value, controls["phase"].value)
        super().__init__(controls)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.6))
        self.ax, errors = (plain(ax) for ax in figure.subplots(1, 2, width_ratios=[1.5, 1]))
        return figure, [*self._draw_waves(self.ax), *self._draw_errors(errors)]

    def _draw_waves(self, ax: Axes) -> list[Artist]:
        x = self.x[:, 0].numpy()
        dashed = {"color": QUIET, "linestyle": "--", "linewidth": 1.2}
        (self.wave,) = ax.plot(x, 0 * x, label="the wave", **dashed)
        dot = {"color": ANCHOR, "markersize": 7, "zorder": 4}
        (self.dots,) = ax.plot([], [], "o", label="support", **dot)
        self.fits = {}
        for name, colour in zip(self.models, CLASS_COLOURS, strict=False):
            (self.fits[name],) = ax.plot(x, 0 * x, color=colour, label=name, zorder=3)
        ax.set(xlim=(LOW, HIGH), ylim=(-TOP, TOP), xlabel="x", ylabel="y")
        titled_key(ax, "click to add a point, click a point to remove it", columns=5)
        return [self.wave, *self.fits.values(), self.dots]

    def _draw_errors(self, ax: Axes) -> list[Artist]:
        steps = np.arange(MOST_STEPS + 1)
        self.curves = {}
        for name, colour in zip(self.models, CLASS_COLOURS, strict=False):
            (self.curves[name],) = ax.plot(steps, 1.0 + 0 * steps, color=colour)
        self.now = ax.axvline(0, color=QUIET, linewidth=1)
        ax.set(yscale="log", xlim=(-0.3, MOST_STEPS + 0.3), ylim=(BEST, WORST))
        ax.set_xlabel("inner steps")
        ax.set_title("mean squared error over the whole wave", fontsize=10)
        return [*self.curves.values(), self.now]

    def update(self) -> dict:
        chosen = self.values()
        steps = chosen["steps"]
        wave = self._height(self.x, chosen["amplitude"], chosen["phase"])[:, 0]
        inner = {"lr": chosen["lr"], "steps": MOST_STEPS, "at": self.x}
        x, y = self.points.split(1, dim=1)
        fits, errors = {}, {}
        for name, model in self.models.items():
            path = adaptation_path(model, x, y, F.mse_loss, **inner)[..., 0]  # (11, 200)
            fits[name] = path[steps]
            errors[name] = (path - wave).square().mean(1).nan_to_num(math.inf, posinf=math.inf)
            shown = fits[name].clamp(-10 * TOP, 10 * TOP)  # what is no number has no line
            self.fits[name].set_ydata(shown.numpy())
            self.curves[name].set_ydata(errors[name].clamp(BEST, WORST).numpy())
        self.wave.set_ydata(wave.numpy())
        self.dots.set_data(*self.points.T.numpy())
        self.now.set_xdata([steps, steps])
        points = self.points.clone()
        return {"points": points, "x": self.x[:, 0], "wave": wave, "fits": fits, "errors": errors}

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
        """Removes all points."""
        self.points = torch.zeros(0, 2)
        self.refresh()

    def click(self, x: float, y: float) -> None:
        """Adds a support point, or removes the one that is there."""
        place = torch.tensor([[x, y]])
        near = (self.points - place).norm(dim=1) <= REACH
        self.points = self.points[~near] if near.any() else torch.cat([self.points, place])
        self.refresh()

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax is self.ax and self.hold.is_new(pointer):
            self.click(pointer.press_x, pointer.press_y)

    def describe(self) -> str:
        s = self.state
        errors = [f"{name} {_text(values[s['steps']])}" for name, values in s["errors"].items()]
        setting = f"{len(s['points'])} points · inner learning rate {s['lr']:.2g}"
        return f"{setting} · error after {s['steps']} steps: {', '.join(errors)}"


def _text(error: Tensor) -> str:
    if error.isinf():
        return "has diverged"
    if error > 1e6:
        return "above a million"
    return f"{error:.3g}" if error < 1000 else f"{error:,.0f}"


def _networks(given: Any, x: Tensor) -> dict[str, nn.Module]:
    """A few networks from one number to one number."""
    most = len(CLASS_COLOURS)
    models = mapping("models", given)
    if len(models) > most:
        raise ValueError(f"models must hold one to {most} networks, got {len(models)}")
    for name, model in models.items():
        shown = f"models[{name!r}]"
        try:
            with torch.no_grad():
                out = _validate.module(shown, model)(x)
        except RuntimeError as error:
            why = str(error).splitlines()[0]
            raise ValueError(f"{shown} must take (N, 1) float32 numbers, but {why}") from error
        if not isinstance(out, Tensor) or out.shape != x.shape:
            got = tuple(out.shape) if isinstance(out, Tensor) else _validate.kind(out)
            raise ValueError(f"{shown} must give (N, 1) for (N, 1), got {got}")
    return models
