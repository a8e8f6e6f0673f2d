"""LayerChange: what the inner loop does to each layer, and what the last layer alone reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import nn

from mlteach import _validate
from mlteach.episodes import Episode
from mlteach.evaluate.layer_change import layer_change
from mlteach.explorers._core.controls import count, stops
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import mapping, rising
from mlteach.explorers._core.key import titled_key
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, legible, plain

NEAREST = 1e-3  # lower end of the scale of distances


class LayerChange(Explorer):
    """The inner loop on a few tasks at several learning rates: measured once, then walked through.

    Args:
        model: a network (N, ...) -> (N, n_way) for classification; not changed.
        tasks: T classification tasks, best of classes that took no part in any training.
        layers: name to show -> name of a module of the model, in the order of the data; the last is
            the head.
        rates: inner learning rates, rising.
        most_steps: >= 1 inner steps.

    ``state``: ``lr``, ``steps``, and as means over the tasks, see
    `mlteach.evaluate.layer_change.layer_change`, ``distance`` (L,) and ``similarity`` (L,) of each
    layer, and the accuracies ``all_layers`` and ``head_only``, where only the head is adapted.
    """

    def __init__(
        self,
        model: nn.Module,
        tasks: Episode,
        layers: Mapping[str, str],
        *,
        rates: Sequence[float],
        most_steps: int = 5,
    ):
        layers = _layers(_validate.module("model", model), layers)
        _validate.instance("tasks", tasks, Episode, "an Episode")
        rates = rising("rates", rates, above=0)
        most_steps = _validate.count("most_steps", most_steps)
        self.layers, self.most_steps = [legible(name, 16) for name in layers], most_steps
        self.measured = {
            lr: layer_change(model, tasks, layers, lr=lr, most_steps=most_steps) for lr in rates
        }
        super().__init__(
            {
                "lr": stops("inner learning rate", rates, rates[len(rates) // 2]),
                "steps": count("inner steps", 0, most_steps, 1),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.4))
        moved, alike, right = (plain(ax) for ax in figure.subplots(1, 3, width_ratios=[1, 1, 1.1]))
        bars = [*self._draw_moved(moved), *self._draw_alike(alike)]
        return figure, [*bars, *self._draw_accuracy(right)]

    def _bars(self, ax: Axes, title: str, **place) -> list[Artist]:
        """One bar a layer, the head in another colour, from top to bottom."""
        rows = np.arange(len(self.layers))
        colours = [POSITIVE] * (len(rows) - 1) + [NEGATIVE]
        bars = ax.barh(rows, 0 * rows + 1.0, color=colours, **place)
        ax.set(yticks=rows, yticklabels=self.layers)
        ax.set_title(title, fontsize=10)
        ax.invert_yaxis()
        return list(bars)

    def _draw_moved(self, ax: Axes) -> list[Artist]:
        self.moved = self._bars(ax, "weights: distance moved / length", left=NEAREST)
        farthest = max(changes.distance.max().item() for changes in self.measured.values())
        ax.set(xscale="log", xlim=(NEAREST, max(2 * farthest, 1)))
        return self.moved

    def _draw_alike(self, ax: Axes) -> list[Artist]:
        self.alike = self._bars(ax, "outputs: CKA, before and after")
        ax.set(xlim=(0, 1), yticklabels=[])
        return self.alike

    def _draw_accuracy(self, ax: Axes) -> list[Artist]:
        steps = np.arange(self.most_steps + 1)
        half = 0.5 + 0 * steps
        looks = [
            ("all layers adapt", "o-", {"color": ANCHOR, "markersize": 5}),
            ("the head alone", "s--", {"color": NEGATIVE, "markersize": 4}),
        ]
        self.curves = []
        for label, dashes, look in looks:
            self.curves += ax.plot(steps, half, dashes, label=label, **look)
        self.now = ax.axvline(0, color=QUIET, linewidth=1)
        ax.set(ylim=(0, 1), xticks=steps, xlabel="inner steps")
        titled_key(ax, "accuracy on these tasks", columns=2)
        return [*self.curves, self.now]

    def update(self) -> dict:
        steps, changes = self.controls["steps"].value, self.measured[self.controls["lr"].value]
        distance, similarity = changes.distance[steps].numpy(), changes.similarity[steps].numpy()
        for bar, value in zip(self.moved, distance, strict=True):
            bar.set_width(max(value - NEAREST, 0))
        for bar, value in zip(self.alike, similarity, strict=True):
            bar.set_width(value)
        for line, values in zip(self.curves, changes.accuracy.T.numpy(), strict=True):
            line.set_ydata(values)
        self.now.set_xdata([steps, steps])
        all_layers, head_only = changes.accuracy[steps].tolist()
        return {
            "distance": distance,
            "similarity": similarity,
            "all_layers": all_layers,
            "head_only": head_only,
        }

    def describe(self) -> str:
        s = self.state
        body, head = s["similarity"][:-1].min(), s["similarity"][-1]
        alike = f"CKA of the body's layers at least {body:.3f}, of the head {head:.3f}"
        right = f"{100 * s['all_layers']:.0f} %, with the head alone {100 * s['head_only']:.0f} %"
        return f"{s['steps']} inner steps of rate {s['lr']:g}: {alike} · accuracy {right}"


def _layers(model: nn.Module, given: Any) -> dict[str, str]:
    """name → name of a module of the model, two at least."""
    layers = mapping("layers", given)
    if len(layers) < 2:
        raise ValueError(f"layers must be at least 2, got {len(layers)}")
    modules = {name for name, _ in model.named_modules()} - {""}
    for name, path in layers.items():
        if path not in modules:
            allowed = f"a module of the model, {', '.join(sorted(modules)[:12])}"
            raise ValueError(f"layers[{name!r}] must be {allowed}, got {path!r}")
    return layers
