"""LearnedTemperature: a setting that was learned beside a training, under a sweep of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist

from mlteach import _validate
from mlteach.explorers._core.controls import choice, stops
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import mapping, rising
from mlteach.plots import ANCHOR, CLASS_COLOURS, QUIET, Picture, legible, plain


class LearnedTemperature(Explorer):
    """Walk over recorded trainings: where the learned setting stands, and what a sweep says of it.

    Above, the accuracy that a training with a fixed setting ends with, on average, with a band from
    the worst to the best seed. Below, on the same axis, the way of the learned setting, one line a
    seed. At the last step, dots above say what these trainings ended with.

    Args:
        steps: E >= 2 recorded steps, rising.
        paths: name of a start → (S, E) the setting > 0, of S seeds at these steps.
        ends: the same names → (S,) accuracies in [0, 1] that these trainings ended with.
        sweep: fixed setting > 0 → accuracies in [0, 1] of at least one seed; at least two settings.
        setting: what is learned.

    ``state``: ``step``, ``start``, ``values`` (S,) of the seeds at the step, their geometric mean
    ``value``, the mean ``accuracy`` at the end, and ``best``, where the sweep is highest on
    average.
    """

    def __init__(
        self,
        steps: Sequence[int],
        paths: Mapping[str, Any],
        ends: Mapping[str, Any],
        *,
        sweep: Mapping[float, Sequence[float]],
        setting: str = "temperature",
    ):
        self.steps = rising("steps", steps)
        if len(self.steps) < 2:
            raise ValueError(f"steps must be at least 2, got {self.steps}")
        self.setting = legible(_validate.instance("setting", setting, str, "a text"), 24)
        if not self.setting.strip():
            raise ValueError(f"setting must name what is learned, got {setting!r}")
        self.paths = {
            str(name): _path(f"paths[{name!r}]", path, len(self.steps))
            for name, path in mapping("paths", paths).items()
        }
        given = {str(name): values for name, values in mapping("ends", ends).items()}
        if set(given) != set(self.paths):
            raise ValueError(f"ends must have the names of paths, {list(self.paths)}")
        self.ends = {
            name: _shares(f"ends[{name!r}]", given[name], len(path))
            for name, path in self.paths.items()
        }
        self.sweep = _sweep(sweep)
        means = {value: float(shares.mean()) for value, shares in self.sweep.items()}
        self.best = max(means, key=lambda value: means[value])
        controls = {
            "step": stops("step", self.steps),
            "start": choice("start", list(self.paths)),
        }
        super().__init__(controls)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.8))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.3, 1])
        values = np.array(list(self.sweep))
        shares = [100 * part for part in self.sweep.values()]
        plain(above).fill_between(
            values,
            [part.min() for part in shares],
            [part.max() for part in shares],
            color=QUIET,
            alpha=0.25,
            linewidth=0,
        )
        above.plot(values, [part.mean() for part in shares], "o-", color=QUIET, markersize=4)
        above.set(ylabel="accuracy, %")
        above.set_title(f"line: fixed {self.setting}; below: learned", fontsize=10)
        look = {"color": QUIET, "linewidth": 0.6, "alpha": 0.7}
        for path in self.paths.values():
            plain(below).plot(path.T, self.steps, **look)
        colour = CLASS_COLOURS[0]
        most = max(len(path) for path in self.paths.values())
        self.lines = [below.plot([], [], color=colour, linewidth=1.8)[0] for _ in range(most)]
        (self.now,) = below.plot([], [], "o", color=colour, markersize=6)
        self.level = below.axhline(0, color=ANCHOR, linewidth=0.8)
        self.marks = [above.axvline(1, color=colour, linewidth=1) for _ in range(most)]
        (self.reached,) = above.plot([], [], "o", color=colour, markersize=7)
        lowest, highest = self._span(values)
        below.set(xscale="log", xlim=(lowest / 1.3, highest * 1.3), xlabel=self.setting)
        below.set(ylim=(self.steps[-1] * 1.06, self.steps[0]), ylabel="step")
        return figure, [*self.lines, self.now, self.level, *self.marks, self.reached]

    def _span(self, values: np.ndarray) -> tuple[float, float]:
        every = np.concatenate([values, *(path.ravel() for path in self.paths.values())])
        return float(every.min()), float(every.max())

    def update(self) -> dict:
        step, start = self.controls["step"].value, self.controls["start"].value
        path, place = self.paths[start], self.steps.index(step)
        values = path[:, place]
        for number, (line, mark) in enumerate(zip(self.lines, self.marks, strict=True)):
            there = number < len(path)
            line.set_data(
                path[number, : place + 1] if there else [], self.steps[: place + 1] if there else []
            )
            mark.set_visible(there)
            if there:
                mark.set_xdata([values[number]] * 2)
        self.now.set_data(values, [step] * len(values))
        self.level.set_ydata([step, step])
        over = place == len(self.steps) - 1
        self.reached.set_data(*((values, 100 * self.ends[start]) if over else ([], [])))
        return {
            "values": values,
            "value": float(np.exp(np.log(values).mean())),
            "accuracy": float(self.ends[start].mean()),
            "best": self.best,
        }

    def describe(self) -> str:
        s = self.state
        span = f"{s['value']:.3g} ({s['values'].min():.3g} to {s['values'].max():.3g})"
        parts = [f"{s['start']}, step {s['step']} of {self.steps[-1]}: {self.setting} {span}"]
        parts.append(f"these trainings end with {100 * s['accuracy']:.0f} %")
        top = 100 * float(self.sweep[self.best].mean())
        parts.append(f"the sweep is highest at {self.best:g}, {top:.0f} %")
        return " · ".join(parts)


def _path(name: str, given: Any, count: int) -> np.ndarray:
    path = _validate.as_tensor(name, given).detach().cpu().double()
    if path.dim() != 2 or path.shape[1] != count or len(path) == 0:
        raise ValueError(f"{name} must be (S, E) with E = {count}, got {tuple(path.shape)}")
    _validate.finite(name, path)
    if (path <= 0).any():
        raise ValueError(f"{name} must be > 0, got {path.min():g}")
    return path.numpy()


def _shares(name: str, given: Any, count: int | None = None) -> np.ndarray:
    shares = _validate.as_tensor(name, given).detach().cpu().double()
    if shares.dim() != 1 or len(shares) == 0 or count not in (None, len(shares)):
        wanted = "(S,)" if count is None else f"({count},)"
        raise ValueError(f"{name} must be {wanted}, got {tuple(shares.shape)}")
    _validate.finite(name, shares)
    if shares.min() < 0 or shares.max() > 1:
        raise ValueError(f"{name} must be from 0 to 1, got {shares.min():g} to {shares.max():g}")
    return shares.numpy()


def _sweep(given: Any) -> dict[float, np.ndarray]:
    known = mapping("sweep", given)
    values = rising("sweep", sorted(known), above=0)
    if len(values) < 2:
        raise ValueError(f"sweep must have at least two settings, got {values}")
    return {
        float(value): _shares(f"sweep[{value!r}]", known[original])
        for value, original in zip(values, sorted(known), strict=True)
    }
