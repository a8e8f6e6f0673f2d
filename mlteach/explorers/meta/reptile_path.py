"""Reptile path: two tasks in the plane of two weights, and where each way of meta-learning leads."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mlteach.episodes import Episode
from mlteach.explorers._core.controls import choice, count, on_step, slider
from mlteach.explorers._core.explorer import Explorer, Pointer
from mlteach.meta import adapt
from mlteach.plots import ANCHOR, CLASS_COLOURS, NEGATIVE, POSITIVE, QUIET, Picture, plain

LEFT, RIGHT, BOTTOM, TOP = -2.6, 2.6, -1.6, 2.4  # of the plane
RULES = ("Reptile", "joint training", "FOMAML", "MAML")
MARKERS = dict(zip(RULES, ("*", "s", "^", "D"), strict=True))
STEP = 0.1  # of the start's place
MOST_OUTER = 40
HIGHEST, LOWEST = 40.0, 0.01  # ends of the scale of losses


class ReptilePath(Explorer):
    """Two linear tasks with two weights: the walk of the initialisation, and the inner steps from
    where it is.

    A task's loss is the mean squared error of x · w over its support, a bowl over the plane. Every
    rule then moves the initialisation by a linear function of it, and comes to rest in one place.
    Reptile goes the share ε of the way to the mean of the adapted weights; the others go ε α k
    times their gradient, so that one inner step makes Reptile and joint training the same.

    Args:
        tasks: two tasks, supports (2, N, 2) with targets (2, N, 1); the support is the query too.

    ``state``: ``rule``, ``epsilon``, ``inner_steps``, ``lr``, ``outer_steps``, ``path`` (41, 2) of
    the initialisation, ``theta`` (2,) where it is now, ``inner`` (k + 1, 2, 2) weights of both
    tasks from there, ``rests`` rule -> (2,) where each ends, ``before`` and ``after`` (41,) mean
    losses along the path without and with the inner steps.
    """

    pointing = "drag"

    def __init__(self, tasks: Episode):
        shape = tuple(tasks.x_support.shape)
        if shape[::2] != (2, 2) or tuple(tasks.y_support.shape) != (*shape[:2], 1):
            given = f"{shape} and {tuple(tasks.y_support.shape)}"
            raise ValueError(
                f"tasks must hold two supports (2, N, 2) with targets (2, N, 1), got {given}"
            )
        self.x, self.y = tasks.x_support.double(), tasks.y_support.double()
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
        super().__init__(self._figure(), controls, self.artists)

    def _figure(self) -> Picture:
        figure = Picture((9, 4.6))
        self.ax, losses = (plain(ax) for ax in figure.subplots(1, 2, width_ratios=[1.9, 1]))
        across, up = np.meshgrid(np.linspace(LEFT, RIGHT, 90), np.linspace(BOTTOM, TOP, 70))
        grid = torch.from_numpy(np.stack([across.ravel(), up.ravel()], 1))
        colours = CLASS_COLOURS[:2]
        optima = torch.linalg.lstsq(self.x, self.y).solution[..., 0]
        heights = self._losses(grid.expand(2, -1, -1)).view(2, 70, 90)
        for height, optimum, colour in zip(heights, optima, colours, strict=True):
            levels = [0.05, 0.2, 0.5, 1, 2, 4]
            self.ax.contour(across, up, height, levels, colors=colour, linewidths=0.7, alpha=0.6)
            self.ax.plot(*optimum, "+", color=colour, markersize=12, markeredgewidth=2.5)
        (self.path,) = self.ax.plot([], [], ".-", color=QUIET, markersize=4, linewidth=1, zorder=3)
        self.inner = [
            self.ax.plot([], [], "o-", color=c, markersize=3, linewidth=1.5, zorder=4)[0]
            for c in colours
        ]
        (self.pull,) = self.ax.plot([], [], ":", color=ANCHOR, linewidth=1.2, zorder=4)
        (self.now,) = self.ax.plot([], [], "o", color=ANCHOR, markersize=8, zorder=6)
        self.rests = {
            rule: self.ax.plot([], [], marker, color="white", markeredgecolor=ANCHOR, linestyle="none", zorder=5,
                               markersize=13 if marker == "*" else 7, label=rule)[0]
            for rule, marker in MARKERS.items()
        }  # fmt: skip
        self.ax.set(xlim=(LEFT, RIGHT), ylim=(BOTTOM, TOP), xlabel="weight 1", ylabel="weight 2")
        self.ax.set_title(
            "drag the start; + optimum of each task; where each rule ends: white", fontsize=10
        )
        self.ax.legend(fontsize=8, framealpha=1, edgecolor="none", loc="lower left", ncols=4, columnspacing=1,
                       handletextpad=0.2)  # fmt: skip
        outer = np.arange(MOST_OUTER + 1)
        (self.before,) = losses.plot(
            outer, 1.0 + 0 * outer, color=NEGATIVE, label="before the inner steps"
        )
        (self.after,) = losses.plot(outer, 1.0 + 0 * outer, color=POSITIVE, label="after them")
        self.here = losses.axvline(0, color=QUIET, linewidth=1)
        losses.set(yscale="log", ylim=(LOWEST, HIGHEST), xlabel="outer steps")
        losses.set_title("mean loss of both tasks", fontsize=10)
        losses.legend(fontsize=8, frameon=False, loc="upper right")
        self.artists = [self.path, *self.inner, self.pull, self.now, *self.rests.values(), self.before, self.after,
                        self.here]  # fmt: skip
        return figure

    def update(self) -> dict:
        rule, epsilon, k, lr, outer, *start = (control.value for control in self.controls.values())
        if (k, lr) not in self.maps:
            self.maps[k, lr] = {name: self._map(name, k, lr) for name in RULES}
        maps = self.maps[k, lr]
        matrix, offset = maps[rule]
        path = [torch.tensor(start, dtype=torch.float64)]
        for _ in range(MOST_OUTER):
            path.append(path[-1] + epsilon * (path[-1] @ matrix + offset))
        path = torch.stack(path)
        rests = {
            name: torch.linalg.solve(matrix.T, -offset) for name, (matrix, offset) in maps.items()
        }
        inner = self._inner_steps(path, k, lr)  # (k + 1, 2, 41, 2)
        before, after = (self._losses(weights).mean(0) for weights in (inner[0], inner[-1]))
        mean = inner[-1, :, outer].mean(0)
        self.path.set_data(*path.T.numpy())
        for line, weights in zip(self.inner, inner[:, :, outer].unbind(1), strict=True):
            line.set_data(*weights.T.numpy())
        self.pull.set_data(*torch.stack([path[outer], mean], 1).numpy())
        self.now.set_data(*path[outer, :, None].numpy())
        for name, mark in self.rests.items():
            mark.set_data(*rests[name][:, None].numpy())
            mark.set_markerfacecolor(ANCHOR if name == rule else "white")
        self.before.set_ydata(before.clamp(LOWEST, HIGHEST).numpy())
        self.after.set_ydata(after.clamp(LOWEST, HIGHEST).numpy())
        self.here.set_xdata([outer, outer])
        return {
            "rule": rule, "epsilon": epsilon, "inner_steps": k, "lr": lr, "outer_steps": outer, "start_x": start[0],
            "start_y": start[1], "path": path, "theta": path[outer], "inner": inner[:, :, outer], "rests": rests,
            "before": before, "after": after,
        }  # fmt: skip

    def _map(self, rule: str, k: int, lr: float) -> tuple[Tensor, Tensor]:
        """The (2, 2) matrix and the offset (2,) by which the rule moves θ at ε = 1: three starting
        points tell them.
        """
        corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
        moved = self._move(rule, corners, k, lr)
        return moved[1:] - moved[0], moved[0]

    def _move(self, rule: str, starts: Tensor, k: int, lr: float) -> Tensor:
        """(S, 2) -> (S, 2): from each start, where the rule goes at ε = 1."""
        model = _network(starts)
        steps = 0 if rule == "joint training" else k
        inner = {"lr": lr, "steps": steps, "first_order": rule in ("FOMAML", "Reptile")}
        adapted = [adapt(model, {"weight": model.weight}, x, y, _error, **inner)["weight"]
                   for x, y in zip(self.x, self.y, strict=True)]  # fmt: skip
        if rule == "Reptile":
            return (torch.stack(adapted).mean(0) - starts).detach()
        outer = sum(_error(x @ w.T, y) for w, x, y in zip(adapted, self.x, self.y, strict=True)) / 2
        return -lr * k * torch.autograd.grad(outer, model.weight)[0]

    @torch.no_grad()
    def _inner_steps(self, starts: Tensor, k: int, lr: float) -> Tensor:
        """(S, 2) -> (k + 1, 2, S, 2): the weights of both tasks after every inner step."""
        model = _network(starts)
        ways = []
        for x, y in zip(self.x, self.y, strict=True):
            way = [{"weight": starts}]
            for _ in range(k):
                way.append(adapt(model, way[-1], x, y, _error, lr=lr, steps=1))
            ways.append(torch.stack([params["weight"] for params in way]))
        return torch.stack(ways, 1)

    def _losses(self, weights: Tensor) -> Tensor:
        """(2, S, 2) -> (2, S): each task's mean squared error at its weights."""
        return (weights @ self.x.mT - self.y.mT).square().mean(-1)

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
        return (
            f"{s['rule']} · after {s['outer_steps']} outer steps at ({here}), on the way to ({end}) · loss "
            f"{before:.3f}, after {s['inner_steps']} inner steps {after:.3f}"
        )


def _network(starts: Tensor) -> nn.Linear:
    """As many linear networks as there are starts (S, 2), side by side: (N, 2) -> (N, S)."""
    model = nn.Linear(2, len(starts), bias=False, dtype=torch.float64)
    model.weight = nn.Parameter(starts.clone())
    return model


def _error(prediction: Tensor, y: Tensor) -> Tensor:
    """The mean squared errors of all networks, added up: none depends on the weights of another."""
    return (prediction - y).square().mean(0).sum()
