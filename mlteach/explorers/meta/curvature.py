"""Curvature: two parabolas as tasks, and what the second derivative does to the outer gradient."""

from __future__ import annotations

import math

import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Tensor

from mlteach.explorers._core.controls import slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.key import titled_key
from mlteach.explorers._core.pointer import Pointer
from mlteach.meta.simple_tasks import outer_loss, parabola_losses, resting_weight
from mlteach.plots import ANCHOR, CLASS_COLOURS, NEGATIVE, POSITIVE, QUIET, Picture, plain

REACH = 3.0  # the weight lies between -3 and 3
EDGE = 0.1  # of the panels beyond: at the slider's end the marks are still seen whole
OPTIMA = torch.tensor([-1.5, 1.5], dtype=torch.float64)
GRID = torch.linspace(-REACH, REACH, 121, dtype=torch.float64)  # weights of the curves
TALL = 8.0  # height of the panels


class Curvature(Explorer):
    """Two tasks with losses a/2 (w - c)²: one inner step, the outer loss, both of its gradients.

    After a step with learning rate α, at w' = w - α a (w - c), a task's loss has the slope
    a (w' - c) = a (1 - αa)(w - c). That is the first-order gradient. The chain rule multiplies it
    once more by dw'/dw = 1 - αa: where a task's curvature is large, w' hardly depends on w.

    ``state``: the value of every control; ``curvatures`` (2,), ``adapted`` (2,), ``outer`` loss,
    ``gradient``, ``first_order`` and the weights at which each comes to rest, ``best`` and
    ``first_order_rest`` (nan if it runs away).
    """

    pointing = "drag"

    def __init__(self):
        super().__init__(
            {
                "curvature_1": slider("curvature of task 1", 0.1, 4, 0.5, step=0.1),
                "curvature_2": slider("curvature of task 2", 0.1, 4, 2.5, step=0.1),
                "lr": slider("inner learning rate", 0, 0.6, 0.3, step=0.02),
                "start": slider("initialisation w", -REACH, REACH, 2.0, step=0.05),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.6))
        self.tasks_ax, self.outer_ax = (plain(ax) for ax in figure.subplots(1, 2))
        moving = [*self._draw_tasks(self.tasks_ax), *self._draw_outer(self.outer_ax)]
        for ax in (self.tasks_ax, self.outer_ax):
            ax.set(xlim=(-REACH - EDGE, REACH + EDGE), ylim=(-0.3, TALL), xlabel="w")
            ax.axhline(0, color=QUIET, linewidth=0.6)
        return figure, moving

    def _draw_tasks(self, ax: Axes) -> list[Artist]:
        w = GRID.numpy()
        self.parabolas, self.steps = [], []
        for i, colour in enumerate(CLASS_COLOURS[:2]):
            self.parabolas += ax.plot(w, 0 * w, color=colour, label=f"task {i + 1}")
            self.steps += ax.plot([], [], "o-", color=colour, markersize=5)
        look = {"color": ANCHOR, "markersize": 16, "markeredgewidth": 2}
        (self.start,) = ax.plot([], [], "|", **look)
        titled_key(ax, "each task: from the initialisation to the adapted weight", columns=2)
        return [*self.parabolas, *self.steps, self.start]

    def _draw_outer(self, ax: Axes) -> list[Artist]:
        w = GRID.numpy()
        (self.outer,) = ax.plot(w, 0 * w, color=ANCHOR, label="outer loss")
        slopes = {"its slope": POSITIVE, "first-order slope": NEGATIVE}
        self.tangent, self.shortcut = (
            ax.plot([], [], color=colour, linewidth=2.5, label=label)[0]
            for label, colour in slopes.items()
        )
        (self.now,) = ax.plot([], [], "o", color=ANCHOR, markersize=6)
        dashed = {"linestyle": "--", "linewidth": 1}
        self.best, self.rest = (ax.axvline(0, color=colour, **dashed) for colour in slopes.values())
        titled_key(ax, "loss after adapting, as the initialisation moves", columns=3)
        return [self.best, self.rest, self.outer, self.tangent, self.shortcut, self.now]

    def update(self) -> dict:
        chosen = self.values()
        lr, start = chosen["lr"], torch.tensor([chosen["start"]], dtype=torch.float64)
        slopes = [chosen["curvature_1"], chosen["curvature_2"]]
        curvatures = torch.tensor(slopes, dtype=torch.float64)
        w = torch.cat([GRID, start])  # the curve, and last the point on it
        exact = outer_loss(w, curvatures, OPTIMA, lr=lr, first_order=False)
        shortcut = outer_loss(w, curvatures, OPTIMA, lr=lr, first_order=True)
        state = {
            "curvatures": curvatures,
            "adapted": exact.adapted[:, -1],
            "outer": exact.loss[-1].item(),
            "gradient": exact.gradient[-1].item(),
            "first_order": shortcut.gradient[-1].item(),
            "best": resting_weight(w, exact.gradient),
            "first_order_rest": resting_weight(w, shortcut.gradient),
        }
        self._show_tasks(start, state["adapted"], curvatures)
        self.outer.set_ydata(exact.loss[:-1].numpy())
        self._show_slopes(chosen["start"], state)
        return state

    def _show_tasks(self, start: Tensor, adapted: Tensor, curvatures: Tensor) -> None:
        heights = parabola_losses(GRID, curvatures, OPTIMA)
        ends = torch.stack([start.expand(2), adapted], 1)  # (2, 2)
        at_ends = parabola_losses(ends, curvatures, OPTIMA)
        for i, (parabola, step) in enumerate(zip(self.parabolas, self.steps, strict=True)):
            parabola.set_ydata(heights[i].numpy())
            step.set_data(ends[i].numpy(), at_ends[i].numpy())
        self.start.set_data(start.tolist(), [0])

    def _show_slopes(self, start: float, state: dict) -> None:
        outer = state["outer"]
        self.now.set_data([start], [outer])
        for line, name in ((self.tangent, "gradient"), (self.shortcut, "first_order")):
            rise = 0.6 * state[name]
            line.set_data([start - 0.6, start + 0.6], [outer - rise, outer + rise])
        self.best.set_xdata([state["best"]] * 2)
        self.rest.set_xdata([state["first_order_rest"]] * 2)

    def pointed(self, pointer: Pointer) -> None:
        if pointer.pressed and pointer.ax is not None:
            self.controls["start"].value = min(max(pointer.x, -REACH), REACH)

    def describe(self) -> str:
        s = self.state
        best, rest = (
            "nowhere" if math.isnan(s[name]) else f"at {round(s[name], 2) + 0.0:.2f}"
            for name in ("best", "first_order_rest")
        )
        return (
            f"outer loss {s['outer']:.3f} · "
            f"slope {s['gradient']:.3f}, to first order {s['first_order']:.3f} · "
            f"best initialisation {best}, first order rests {rest}"
        )
