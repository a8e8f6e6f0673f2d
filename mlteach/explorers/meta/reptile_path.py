"""ReptilePath: two tasks in the plane of two weights, and where each way of meta-learning leads."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Tensor

from mlteach import _validate
from mlteach.episodes import Episode
from mlteach.explorers._core.controls import choice, count, on_step, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.key import titled_key
from mlteach.explorers._core.pointer import Pointer
from mlteach.meta.simple_tasks import RULES, bowl_losses, bowl_rule, bowl_steps
from mlteach.plots import ANCHOR, CLASS_COLOURS, NEGATIVE, POSITIVE, QUIET, Picture, plain

LEFT, RIGHT = -2.6, 2.6  # of the plane
BOTTOM, TOP = -1.6, 2.4
EDGE = 0.1  # of the plane beyond the sliders' ends: a start there is still seen whole
MARKERS = dict(zip(RULES, ("*", "s", "^", "D"), strict=True))
COLOURS = CLASS_COLOURS[:2]  # of the tasks
STEP = 0.1  # of the start's place
MOST_OUTER = 40
HIGHEST, LOWEST = 40.0, 0.01  # ends of the scale of losses


class ReptilePath(Explorer):
    """Two linear tasks with two weights: how the initialisation walks, and its inner steps.

    A task's loss is the mean squared error of x · w over its support, a bowl over the plane. Every
    rule then moves the initialisation by a linear function of it, and has one place of rest, from
    which joint training runs away where its rate is too large.
    Reptile goes the share ε of the way to the mean of the adapted weights; the others go ε α k
    times their gradient, so that one inner step makes Reptile and joint training the same.

    Args:
        tasks: two tasks, supports (2, N, 2) with targets (2, N, 1); the support is the query too.

    ``state``: the value of every control; ``path`` (41, 2) of the initialisation, ``theta`` (2,)
    where it is now, ``inner`` (k + 1, 2, 2) weights of both
    tasks from there, ``rests`` rule -> (2,) where each ends, ``growth`` of the distance to it in an
    outer step at most, ``before`` and ``after`` (41,) mean losses along the path without and with
    the inner steps.
    """

    pointing = "drag"

    def __init__(self, tasks: Episode):
        self.x, self.y = _support(tasks)
        self.maps: dict = {}  # by the two settings that they depend on: to draw again is then quick
        controls = {
            "rule": choice("rule", RULES),
            "epsilon": slider("step size ε", 0, 1, 0.3, step=0.02),
            "inner_steps": count("inner steps k", 1, 8, 5),
            "lr": slider("inner learning rate α", 0.02, 0.4, 0.3, step=0.02),
            "outer_steps": count("outer steps", 0, MOST_OUTER, 4),
            "start_x": slider("start, across", LEFT, RIGHT, 1.8, step=STEP),
            "start_y": slider("start, up", BOTTOM, TOP, 1.8, step=STEP),
        }
        super().__init__(controls)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.6))
        self.ax, losses = (plain(ax) for ax in figure.subplots(1, 2, width_ratios=[1.9, 1]))
        self._draw_bowls(self.ax)
        return figure, [*self._draw_path(self.ax), *self._draw_losses(losses)]

    def _draw_bowls(self, ax: Axes) -> None:
        left, right, bottom, top = LEFT - EDGE, RIGHT + EDGE, BOTTOM - EDGE, TOP + EDGE
        across, up = np.meshgrid(np.linspace(left, right, 90), np.linspace(bottom, top, 70))
        grid = torch.from_numpy(np.stack([across.ravel(), up.ravel()], 1))
        optima = torch.linalg.lstsq(self.x, self.y).solution[..., 0]
        heights = bowl_losses(self.x, self.y, grid.expand(2, -1, -1)).view(2, *across.shape)
        levels = [0.05, 0.2, 0.5, 1, 2, 4]
        for height, optimum, colour in zip(heights, optima, COLOURS, strict=True):
            ax.contour(across, up, height, levels, colors=colour, linewidths=0.7, alpha=0.6)
            ax.plot(*optimum, "+", color=colour, markersize=12, markeredgewidth=2.5)
        ax.set(xlim=(left, right), ylim=(bottom, top), xlabel="weight 1", ylabel="weight 2")

    def _draw_path(self, ax: Axes) -> list[Artist]:
        (self.path,) = ax.plot([], [], ".-", color=QUIET, markersize=4, linewidth=1, zorder=3)
        self.inner = []
        for colour in COLOURS:
            self.inner += ax.plot([], [], "o-", color=colour, markersize=3, linewidth=1.5, zorder=4)
        (self.to_mean,) = ax.plot([], [], ":", color=ANCHOR, linewidth=1.2, zorder=4)
        (self.now,) = ax.plot([], [], "o", color=ANCHOR, markersize=8, zorder=6)
        look = {"color": "white", "markeredgecolor": ANCHOR, "linestyle": "none", "zorder": 5}
        self.rests = {}
        for rule, marker in MARKERS.items():
            size = 13 if marker == "*" else 7
            (self.rests[rule],) = ax.plot([], [], marker, markersize=size, label=rule, **look)
        title = (
            "drag the start; + optimum of each task; where rules end: hollow, the chosen: filled"
        )
        titled_key(ax, title, columns=4, size=9)
        return [self.path, *self.inner, self.to_mean, self.now, *self.rests.values()]

    def _draw_losses(self, ax: Axes) -> list[Artist]:
        outer = np.arange(MOST_OUTER + 1)
        ones = 1.0 + 0 * outer
        (self.before,) = ax.plot(outer, ones, color=NEGATIVE, label="before the inner steps")
        (self.after,) = ax.plot(outer, ones, color=POSITIVE, label="after them")
        self.here = ax.axvline(0, color=QUIET, linewidth=1)
        ax.set(yscale="log", ylim=(LOWEST, HIGHEST), xlabel="outer steps")
        titled_key(ax, "mean loss of both tasks", columns=2)
        return [self.before, self.after, self.here]

    def update(self) -> dict:
        chosen = self.values()
        rule, outer = chosen["rule"], chosen["outer_steps"]
        inner_loop = {"lr": chosen["lr"], "steps": chosen["inner_steps"]}
        maps = self._rules(**inner_loop)
        path = self._path(*maps[rule], chosen["epsilon"], (chosen["start_x"], chosen["start_y"]))
        rests = {
            name: torch.linalg.solve(matrix.T, -offset) for name, (matrix, offset) in maps.items()
        }
        inner = bowl_steps(path, self.x, self.y, **inner_loop)  # (k + 1, 2, 41, 2)
        before, after = (bowl_losses(self.x, self.y, inner[i]).mean(0) for i in (0, -1))
        self._show_path(path, inner[:, :, outer], outer)
        for name, mark in self.rests.items():
            mark.set_data(*rests[name][:, None].numpy())
            mark.set_markerfacecolor(ANCHOR if name == rule else "white")
        self.before.set_ydata(before.clamp(LOWEST, HIGHEST).numpy())
        self.after.set_ydata(after.clamp(LOWEST, HIGHEST).numpy())
        self.here.set_xdata([outer, outer])
        matrix = torch.eye(2, dtype=torch.float64) + chosen["epsilon"] * maps[rule][0]
        return {
            "path": path,
            "theta": path[outer],
            "inner": inner[:, :, outer],
            "rests": rests,
            "growth": torch.linalg.eigvals(matrix).abs().max().item(),
            "before": before,
            "after": after,
        }

    def _rules(self, *, lr: float, steps: int) -> dict[str, tuple[Tensor, Tensor]]:
        """Every rule as a matrix and an offset."""
        if (lr, steps) not in self.maps:
            inner_loop = {"lr": lr, "steps": steps}
            self.maps[lr, steps] = {
                rule: bowl_rule(rule, self.x, self.y, **inner_loop) for rule in RULES
            }
        return self.maps[lr, steps]

    @staticmethod
    def _path(matrix: Tensor, offset: Tensor, epsilon: float, start: tuple) -> Tensor:
        """(41, 2) places of the initialisation."""
        path = [torch.tensor(start, dtype=torch.float64)]
        for _ in range(MOST_OUTER):
            path.append(path[-1] + epsilon * (path[-1] @ matrix + offset))
        return torch.stack(path)

    def _show_path(self, path: Tensor, inner: Tensor, outer: int) -> None:
        self.path.set_data(*path.T.numpy())
        for line, weights in zip(self.inner, inner.unbind(1), strict=True):
            line.set_data(*weights.T.numpy())
        mean = inner[-1].mean(0)
        self.to_mean.set_data(*torch.stack([path[outer], mean], 1).numpy())
        self.now.set_data(*path[outer, :, None].numpy())

    def pointed(self, pointer: Pointer) -> None:
        if pointer.pressed and pointer.ax is self.ax:
            with self.one_redraw():
                self.controls["start_x"].value = on_step(pointer.x, STEP)
                # a slider stops at its ends by itself
                self.controls["start_y"].value = on_step(pointer.y, STEP)

    def describe(self) -> str:
        s = self.state
        here, end = (
            ", ".join(f"{value:.2f}" for value in place)
            for place in (s["theta"], s["rests"][s["rule"]])
        )
        before, after = s["before"][s["outer_steps"]], s["after"][s["outer_steps"]]
        way = "running away from" if s["growth"] > 1 else "on the way to"
        if s["epsilon"] == 0:
            way = "with ε = 0 not on the way to"
        return (
            f"{s['rule']} · after {s['outer_steps']} outer steps at ({here}), {way} ({end})"
            f" · loss {before:.3f}, after {s['inner_steps']} inner steps {after:.3f}"
        )


def _support(tasks: Any) -> tuple[Tensor, Tensor]:
    """(2, N, 2) and (2, N, 1) float64 of two tasks that each determine both weights."""
    _validate.instance("tasks", tasks, Episode, "an Episode")
    x, y = (_validate.as_tensor("tasks", part).detach().cpu() for part in tasks[:2])
    if x.dim() != 3 or x.shape[::2] != (2, 2) or tuple(y.shape) != (*x.shape[:2], 1):
        given = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(
            f"tasks must hold two supports (2, N, 2) with targets (2, N, 1), got {given}"
        )
    if not (x.isfinite().all() and y.isfinite().all()):
        raise ValueError("tasks must hold finite numbers, got NaN or infinity")
    if (torch.linalg.matrix_rank(x.double()) < 2).any():
        raise ValueError("tasks must have supports in two directions each: both weights count")
    return x.double(), y.double()
