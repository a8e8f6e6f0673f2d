"""Curvature: two parabolas as tasks, and what the second derivative does to the outer gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mlteach.explorers._core.controls import slider
from mlteach.explorers._core.explorer import Explorer, Pointer
from mlteach.meta import adapt
from mlteach.plots import ANCHOR, CLASS_COLOURS, NEGATIVE, POSITIVE, QUIET, Picture, plain

REACH = 3.0  # the weight lies between -3 and 3
OPTIMA = (-1.5, 1.5)
TALL = 8.0  # height of the panels


class Weights(nn.Module):
    """No input, no layers: the weights themselves are the output, each a network of its own."""

    def __init__(self, values: Tensor):
        super().__init__()
        self.values = nn.Parameter(values)

    def forward(self, curvature: Tensor) -> Tensor:
        """(S,) whatever the input is."""
        return self.values


class Curvature(Explorer):
    """Two tasks with losses a/2 (w - c)²: one inner step, the outer loss, and both kinds of its
    gradient.

    After a step with learning rate α, at w' = w - α a (w - c), a task's loss has the slope
    a (w' - c) = a (1 - αa)(w - c). That is the first-order gradient. The chain rule multiplies it
    once more by dw'/dw = 1 - αa: where a task's curvature is large, w' hardly depends on w.

    ``state``: ``start`` w, ``adapted`` (2,), ``outer`` loss, ``gradient``, ``first_order`` and the
    weights at which each comes to rest, ``best`` and ``first_order_rest`` (nan if it runs away),
    with ``lr`` and ``curvatures`` (2,).
    """

    pointing = "drag"

    def __init__(self):
        self.w = torch.linspace(-REACH, REACH, 121, dtype=torch.float64)
        controls = {
            "curvature_1": slider("curvature of task 1", 0.1, 4, 0.5, step=0.1),
            "curvature_2": slider("curvature of task 2", 0.1, 4, 2.5, step=0.1),
            "lr": slider("inner learning rate", 0, 0.6, 0.3, step=0.02),
            "start": slider("initialisation w", -REACH, REACH, 2.0, step=0.05),
        }
        super().__init__(self._figure(), controls, self.artists)

    def _figure(self) -> Picture:
        figure = Picture((9, 4.0))
        self.tasks_ax, self.outer_ax = (plain(ax) for ax in figure.subplots(1, 2))
        w = self.w.numpy()
        colours = CLASS_COLOURS[:2]
        self.parabolas = [self.tasks_ax.plot(w, 0 * w, color=c, label=f"task {i + 1}")[0]
                          for i, c in enumerate(colours)]  # fmt: skip
        self.steps = [self.tasks_ax.plot([], [], "o-", color=c, markersize=5)[0] for c in colours]
        (self.start,) = self.tasks_ax.plot(
            [], [], "|", color=ANCHOR, markersize=16, markeredgewidth=2
        )
        self.tasks_ax.set_title(
            "each task: from the initialisation to the adapted weight", fontsize=10
        )
        (self.outer,) = self.outer_ax.plot(w, 0 * w, color=ANCHOR, label="outer loss")
        (self.tangent,) = self.outer_ax.plot(
            [], [], color=POSITIVE, linewidth=2.5, label="its slope"
        )
        (self.shortcut,) = self.outer_ax.plot(
            [], [], color=NEGATIVE, linewidth=2.5, label="first-order slope"
        )
        (self.now,) = self.outer_ax.plot([], [], "o", color=ANCHOR, markersize=6)
        # below the legend
        self.best = self.outer_ax.axvline(0, color=POSITIVE, linestyle="--", linewidth=1, ymax=0.7)
        # below the legend
        self.rest = self.outer_ax.axvline(0, color=NEGATIVE, linestyle="--", linewidth=1, ymax=0.7)
        self.outer_ax.set_title("loss after adapting, as the initialisation moves", fontsize=10)
        for ax in (self.tasks_ax, self.outer_ax):
            ax.set(xlim=(-REACH, REACH), ylim=(-0.3, TALL), xlabel="w")
            ax.axhline(0, color=QUIET, linewidth=0.6)
            ax.legend(fontsize=8, frameon=False, loc="upper center")
        self.artists = [*self.parabolas, *self.steps, self.start, self.best, self.rest, self.outer, self.tangent,
                        self.shortcut, self.now]  # fmt: skip
        return figure

    def update(self) -> dict:
        lr, start = self.controls["lr"].value, self.controls["start"].value
        curvatures = torch.tensor(
            [self.controls[f"curvature_{i}"].value for i in (1, 2)], dtype=torch.float64
        )
        # the curve, and last the point on it
        w = torch.cat([self.w, torch.tensor([start], dtype=torch.float64)])
        exact = self._outer(w, curvatures, lr, first_order=False)
        shortcut = self._outer(w, curvatures, lr, first_order=True)
        state = {
            "lr": lr,
            "curvatures": curvatures,
            "start": start,
            "adapted": exact["adapted"][:, -1],
            "outer": exact["loss"][-1].item(),
            "gradient": exact["gradient"][-1].item(),
            "first_order": shortcut["gradient"][-1].item(),
            "best": self._rest(exact["gradient"]),
            "first_order_rest": self._rest(shortcut["gradient"]),
        }
        for i, (optimum, parabola, step) in enumerate(
            zip(OPTIMA, self.parabolas, self.steps, strict=True)
        ):
            parabola.set_ydata((curvatures[i] / 2 * (self.w - optimum).square()).numpy())
            ends = torch.tensor([start, state["adapted"][i]], dtype=torch.float64)
            step.set_data(ends.numpy(), (curvatures[i] / 2 * (ends - optimum).square()).numpy())
        self.start.set_data([start], [0])
        self.outer.set_ydata(exact["loss"][:-1].numpy())
        self.now.set_data([start], [state["outer"]])
        for line, slope in (
            (self.tangent, state["gradient"]),
            (self.shortcut, state["first_order"]),
        ):
            line.set_data(
                [start - 0.6, start + 0.6],
                [state["outer"] - 0.6 * slope, state["outer"] + 0.6 * slope],
            )
        self.best.set_xdata([state["best"]] * 2)
        self.rest.set_xdata([state["first_order_rest"]] * 2)
        return state

    @staticmethod
    def _outer(w: Tensor, curvatures: Tensor, lr: float, *, first_order: bool) -> dict[str, Tensor]:
        """Of every weight in w (S,): where each task's step ends, the mean loss there, and its
        gradient.
        """
        model = Weights(w.clone())
        params = dict(model.named_parameters())
        adapted = []
        for curvature, optimum in zip(curvatures, OPTIMA, strict=True):

            def loss_fn(values: Tensor, optimum: Tensor, curvature=curvature) -> Tensor:
                # a sum: each weight steps alone
                return (curvature / 2 * (values - optimum).square()).sum()

            target = torch.tensor(optimum, dtype=torch.float64)
            after = adapt(
                model, params, curvature, target, loss_fn, lr=lr, steps=1, first_order=first_order
            )
            adapted.append(after["values"])
        adapted = torch.stack(adapted)  # (2, S)
        optima = torch.tensor(OPTIMA, dtype=torch.float64)[:, None]
        losses = (curvatures[:, None] / 2 * (adapted - optima).square()).mean(0)  # (S,)
        (gradient,) = torch.autograd.grad(losses.sum(), model.values)
        return {"adapted": adapted.detach(), "loss": losses.detach(), "gradient": gradient}

    def _rest(self, gradient: Tensor) -> float:
        """Where descent along this gradient ends: it is linear in w; nan where it leads away
        instead.
        """
        slope = (gradient[1] - gradient[0]) / (self.w[1] - self.w[0])
        return (self.w[0] - gradient[0] / slope).item() if slope > 1e-9 else float("nan")

    def pointed(self, pointer: Pointer) -> None:
        if pointer.pressed and pointer.ax is not None:
            self.controls["start"].value = min(max(pointer.x, -REACH), REACH)

    def describe(self) -> str:
        s = self.state
        return (
            f"outer loss {s['outer']:.3f} · slope {s['gradient']:.3f}, to first order {s['first_order']:.3f} · best "
            f"initialisation {s['best']:.2f}, first order rests at {s['first_order_rest']:.2f}"
        )
