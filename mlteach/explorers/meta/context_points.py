"""ContextPoints: a few measured points of a wave, and what each way of learning makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.explorers._core.controls import button, count, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import mapping
from mlteach.explorers._core.key import titled_key
from mlteach.explorers._core.pointer import Pointer
from mlteach.plots import ANCHOR, CLASS_COLOURS, QUIET, Picture, legible, plain

LOW, HIGH = -5.0, 5.0  # of x
TOP = 8.0  # of y
MOST = 10  # context points
REACH = 0.4  # a press takes hold of a point that is at most so far away
WORST, BEST = 100.0, 0.001  # ends of the scale of errors

Learner = Callable[[Tensor, Tensor, Tensor], Tensor]


class ContextPoints(Explorer):
    """Give learners one measured point of a wave after the other, and drag the points.

    Args:
        learners: name -> function (x_support, y_support, x_query) -> y_query of (1, N, 1),
            (1, N, 1) and (1, M, 1) -> (1, M, 1), up to ten.
        noise: standard deviation of the errors of the measured heights, 0 to 2.
        n_points: context points that are shown first, 1 to 10.
        seed: of the places and errors of the points.

    ``state``: the value of every control; ``points`` (10, 2), of which the first ``n_points`` are
    known, ``wave`` (100,) the true heights over ``x``, ``fits`` name -> (100,) answers, ``errors``
    name -> (10,) mean squared errors over the wave with the first 1 to 10 points.
    """

    pointing = "drag"

    def __init__(
        self,
        learners: Mapping[str, Learner],
        *,
        noise: float = 0.5,
        n_points: int = 3,
        seed: int = 0,
    ):
        self.x = torch.linspace(LOW, HIGH, 100)
        self.learners = _learners(learners)
        self.noise = float(_validate.number("noise", noise, at_least=0, at_most=2))
        n_points = _validate.count("n_points", n_points, at_most=MOST)
        self.generator = Generator().manual_seed(_validate.seed("seed", seed))
        self.all_fits: dict[str, Tensor] = {}  # name -> (10, 100)
        controls = {
            "n_points": count("context points", 1, MOST, n_points),
            "amplitude": slider("amplitude", 0.1, 6, 3, step=0.1),
            "phase": slider("phase", 0, 3.1, 1, step=0.1),
            "frequency": slider("frequency", 0.5, 2, 1, step=0.05),
            "draw": button("other points", self.draw_points),
        }
        self._place_points()
        super().__init__(controls)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.6))
        self.ax, errors = (plain(ax) for ax in figure.subplots(1, 2, width_ratios=[1.5, 1]))
        return figure, [*self._draw_waves(self.ax), *self._draw_errors(errors)]

    def _draw_waves(self, ax: Axes) -> list[Artist]:
        x = self.x.numpy()
        dashed = {"color": QUIET, "linestyle": "--", "linewidth": 1.2}
        (self.wave,) = ax.plot(x, 0 * x, label="the wave", **dashed)
        self.fits = {}
        for name, colour in zip(self.learners, CLASS_COLOURS, strict=False):
            (self.fits[name],) = ax.plot(x, 0 * x, color=colour, label=legible(name), zorder=3)
        (self.dots,) = ax.plot([], [], "o", color=ANCHOR, markersize=7, label="known", zorder=5)
        ring = {"markerfacecolor": "none", "markeredgecolor": QUIET, "zorder": 4}
        (self.later,) = ax.plot([], [], "o", markersize=6, label="not yet", **ring)
        ax.set(xlim=(LOW, HIGH), ylim=(-TOP, TOP), xlabel="x", ylabel="y")
        titled_key(ax, "drag a point", columns=4)
        return [self.wave, *self.fits.values(), self.dots, self.later]

    def _draw_errors(self, ax: Axes) -> list[Artist]:
        counts = np.arange(1, MOST + 1)
        self.curves = {}
        for name, colour in zip(self.learners, CLASS_COLOURS, strict=False):
            (self.curves[name],) = ax.plot(counts, 1.0 + 0 * counts, color=colour, marker=".")
        zero = {"color": QUIET, "linestyle": ":"}
        self.zero = ax.axhline(1, **zero)
        self.now = ax.axvline(1, color=QUIET, linewidth=1)
        ax.set(yscale="log", xlim=(0.7, MOST + 0.3), ylim=(BEST, WORST), xticks=counts)
        ax.set_xlabel("context points (dotted: always answering 0)")
        ax.set_title("mean squared error over the whole wave", fontsize=10)
        return [*self.curves.values(), self.zero, self.now]

    def update(self) -> dict:
        n_points = self.controls["n_points"].value
        wave, points = self._wave(self.x), self.points
        if self.changed("fits", *points.flatten().tolist()):
            self._fit_all(points)
        fits = {name: fitted[n_points - 1] for name, fitted in self.all_fits.items()}
        errors = {
            name: (fitted - wave).square().mean(1).nan_to_num(math.inf, posinf=math.inf)
            for name, fitted in self.all_fits.items()
        }
        for name in self.learners:
            # what is no number, or lies beyond the panel, has no line there
            self.fits[name].set_ydata(fits[name].clamp(-10 * TOP, 10 * TOP).numpy())
            self.curves[name].set_ydata(errors[name].clamp(BEST / 10, 10 * WORST).numpy())
        self.wave.set_ydata(wave.numpy())
        self.dots.set_data(*points[:n_points].T.numpy())
        self.later.set_data(*points[n_points:].T.numpy())
        self.now.set_xdata([n_points, n_points])
        zero = wave.square().mean().item()
        self.zero.set_ydata([zero, zero])
        return {"points": points, "x": self.x, "wave": wave, "fits": fits, "errors": errors}

    def _fit_all(self, points: Tensor) -> None:
        """What every learner answers over the wave, from the first 1 to 10 points."""
        x, y = (part[None] for part in points.split(1, dim=1))  # (1, 10, 1)
        for name, learner in self.learners.items():
            answers = [
                _answer(name, learner, x[:, :n], y[:, :n], self.x[None, :, None])
                for n in range(1, MOST + 1)
            ]
            self.all_fits[name] = torch.cat(answers)[..., 0]

    def _wave(self, x: Tensor) -> Tensor:
        amplitude, phase, frequency = (
            self.controls[name].value for name in ("amplitude", "phase", "frequency")
        )
        return amplitude * torch.sin(frequency * x - phase)

    @property
    def points(self) -> Tensor:
        """(10, 2) places and measured heights; the wave's controls move them along with it."""
        return torch.stack([self.places, self._wave(self.places) + self.offsets], 1)

    def _place_points(self) -> None:
        self.places = LOW + (HIGH - LOW) * torch.rand(MOST, generator=self.generator)
        self.offsets = self.noise * torch.randn(MOST, generator=self.generator)

    def draw_points(self) -> None:
        """Other places on the wave, measured anew."""
        self._place_points()
        self.refresh()

    def move(self, number: int, x: float, y: float) -> None:
        """Puts one of the ten points somewhere inside the panel; its error changes by that."""
        number = _validate.count("number", number, at_least=0, at_most=MOST - 1)
        x, y = (float(_validate.number(axis, place)) for axis, place in (("x", x), ("y", y)))
        x, y = min(max(x, LOW), HIGH), min(max(y, -TOP), TOP)
        places, offsets = self.places.clone(), self.offsets.clone()
        places[number] = x
        offsets[number] = y - self._wave(places[number])
        self.places, self.offsets = places, offsets
        self.refresh()

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax is not self.ax:
            return
        known = self.state["points"][: self.state["n_points"]].tolist()
        held = self.hold.nearest(pointer, dict(enumerate(known)), reach=REACH)
        if held is not None:
            self.move(held, pointer.x, pointer.y)

    def describe(self) -> str:
        s = self.state
        errors = [f"{name} {_text(e[s['n_points'] - 1])}" for name, e in s["errors"].items()]
        return f"{s['n_points']} context points · error over the wave: {', '.join(errors)}"


def _text(error: Tensor) -> str:
    if error.isinf():
        return "has diverged"
    return "above a thousand" if error > 1000 else f"{error:.3g}"


def _learners(given: Any) -> dict[str, Learner]:
    """A few functions that answer queries from a support."""
    most = len(CLASS_COLOURS)
    learners = mapping("learners", given)
    if len(learners) > most:
        raise ValueError(f"learners must hold one to {most} functions, got {len(learners)}")
    what = "a function (x_support, y_support, x_query) -> y_query"
    for name, learner in learners.items():
        _validate.function(f"learners[{name!r}]", learner, what=what, takes=3)
        _answer(name, learner, torch.zeros(1, 2, 1), torch.zeros(1, 2, 1), torch.zeros(1, 3, 1))
    return learners


@torch.no_grad()
def _answer(name: Any, learner: Learner, *task: Tensor) -> Tensor:
    """(1, M, 1) what a learner says of its own copy of x_support, y_support and x_query."""
    wanted = task[-1].shape
    try:
        answers = learner(*(part.clone() for part in task))
    except Exception as error:
        error.add_note(f"This is what learners[{name!r}] raised for {task[0].shape[1]} points.")
        raise
    if not isinstance(answers, Tensor) or answers.shape != wanted or answers.is_complex():
        is_whole = isinstance(answers, Tensor) and not answers.is_complex()
        got = tuple(answers.shape) if is_whole else _validate.kind(answers)
        asked = "must give (1, M, 1) for (1, M, 1) queries"
        raise ValueError(f"learners[{name!r}] {asked}, got {got}")
    return _validate.as_tensor(f"what learners[{name!r}] gives", answers).detach().cpu()
