"""Layer change: what the inner loop does to each layer, and what it reaches with the last layer
alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from mlteach.episodes import Episode
from mlteach.evaluate import linear_cka
from mlteach.explorers._core.controls import count, stops
from mlteach.explorers._core.explorer import Explorer
from mlteach.meta import adapt
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, plain

NEAREST = 1e-3  # lower end of the scale of distances


class LayerChange(Explorer):
    """The inner loop on a few tasks, for several learning rates: measured once, then to be walked
    through.

    Args:
        model: a network (N, ...) -> (N, n_way) for classification; not changed.
        tasks: T classification tasks, best of classes that took no part in any training.
        layers: name to show -> name of a module of the model, in the order of the data; the last is
            the head.
        rates: inner learning rates, rising.
        most_steps: >= 1 inner steps.

    ``state``: ``lr``, ``steps``, and as means over the tasks ``distance`` (L,), how far each
    layer's weights have moved as a share of their length, ``similarity`` (L,), the linear CKA of
    its outputs for the queries before and after, and the accuracies ``all_layers`` and
    ``head_only``, where only the head is adapted.
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
        if len(layers) < 2 or most_steps < 1 or not rates:
            given = f"{len(layers)}, {most_steps} and {len(rates)}"
            raise ValueError(
                f"layers must be at least 2, most_steps and rates at least 1, got {given}"
            )
        self.model, self.tasks, self.layers = model, tasks, dict(layers)
        self.rates, self.most_steps = list(rates), most_steps
        self.body = tuple(f"{path}." for path in list(self.layers.values())[:-1])
        measured = [self._measure(lr) for lr in self.rates]
        self.distances, self.similarities, self.accuracies = (
            np.stack(part) for part in zip(*measured, strict=True)
        )
        controls = {
            "lr": stops("inner learning rate", self.rates, self.rates[len(self.rates) // 2]),
            "steps": count("inner steps", 0, most_steps, 1),
        }
        super().__init__(self._figure(), controls, self.artists)

    @torch.no_grad()
    def _measure(self, lr: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(S + 1, L) distances, (S + 1, L) similarities and (S + 1, 2) accuracies, as means over
        the tasks.
        """
        start = {name: p.detach() for name, p in self.model.named_parameters()}
        distances, similarities, accuracies = [], [], []
        for x_support, y_support, x_query, y_query in zip(*self.tasks, strict=True):
            params = head = start
            before = self._outputs(start, x_query)
            rows = []
            for step in range(self.most_steps + 1):
                if step:
                    support = {
                        "x": x_support,
                        "y": y_support,
                        "loss_fn": F.cross_entropy,
                        "lr": lr,
                        "steps": 1,
                    }
                    params = adapt(self.model, params, **support)
                    head = adapt(self.model, head, **support, frozen=self.body)
                after = self._outputs(params, x_query)
                logits = [after[-1], functional_call(self.model, head, (x_query,))]
                rows.append(
                    (
                        [self._distance(start, params, path) for path in self.layers.values()],
                        [linear_cka(a, b) for a, b in zip(before, after, strict=True)],
                        [(scores.argmax(1) == y_query).double().mean().item() for scores in logits],
                    )
                )
            for part, values in zip(
                (distances, similarities, accuracies), zip(*rows, strict=True), strict=True
            ):
                part.append(values)
        return tuple(np.mean(part, 0) for part in (distances, similarities, accuracies))

    def _outputs(self, params: dict[str, Tensor], x: Tensor) -> list[Tensor]:
        """What every layer gives for x, flattened to (N, D)."""
        seen = []
        modules = [self.model.get_submodule(path) for path in self.layers.values()]
        hooks = [
            module.register_forward_hook(lambda _, __, out: seen.append(out.flatten(1)))
            for module in modules
        ]
        try:
            functional_call(self.model, params, (x,))
        finally:
            for hook in hooks:
                hook.remove()
        return seen

    @staticmethod
    def _distance(start: dict[str, Tensor], params: dict[str, Tensor], path: str) -> float:
        names = [name for name in start if name.startswith(f"{path}.")]
        old, new = (
            torch.cat([weights[name].flatten() for name in names]) for weights in (start, params)
        )
        return ((new - old).norm() / old.norm()).item()

    def _figure(self) -> Picture:
        figure = Picture((9, 3.4))
        moved, alike, right = (plain(ax) for ax in figure.subplots(1, 3, width_ratios=[1, 1, 1.1]))
        names, rows = list(self.layers), np.arange(len(self.layers))
        colours = [POSITIVE] * (len(names) - 1) + [NEGATIVE]
        self.moved = moved.barh(rows, 0 * rows + 1.0, color=colours, left=NEAREST)
        moved.set(
            xscale="log",
            xlim=(NEAREST, max(2 * self.distances.max(), 1)),
            yticks=rows,
            yticklabels=names,
        )
        moved.set_title("weights: distance moved / length", fontsize=10)
        self.alike = alike.barh(rows, 0 * rows + 1.0, color=colours)
        alike.set(xlim=(0, 1), yticks=rows, yticklabels=[])
        alike.set_title("outputs: CKA, before and after", fontsize=10)
        for ax in (moved, alike):
            ax.invert_yaxis()
        steps = np.arange(self.most_steps + 1)
        (self.all,) = right.plot(
            steps, 0.5 + 0 * steps, "o-", color=ANCHOR, label="all layers adapt", markersize=5
        )
        (self.head,) = right.plot(
            steps, 0.5 + 0 * steps, "s--", color=NEGATIVE, label="the head alone", markersize=4
        )
        self.now = right.axvline(0, color=QUIET, linewidth=1)
        right.set(ylim=(0, 1), xticks=steps, xlabel="inner steps")
        right.set_title("accuracy on these tasks", fontsize=10)
        right.legend(fontsize=8, frameon=False, loc="lower right")
        self.artists = [*self.moved, *self.alike, self.all, self.head, self.now]
        return figure

    def update(self) -> dict:
        lr, steps = (self.controls[name].value for name in ("lr", "steps"))
        row = self.rates.index(lr)
        distance, similarity = self.distances[row, steps], self.similarities[row, steps]
        for bar, value in zip(self.moved, distance, strict=True):
            bar.set_width(max(value - NEAREST, 0))
        for bar, value in zip(self.alike, similarity, strict=True):
            bar.set_width(value)
        for line, values in zip((self.all, self.head), self.accuracies[row].T, strict=True):
            line.set_ydata(values)
        self.now.set_xdata([steps, steps])
        all_layers, head_only = self.accuracies[row, steps].tolist()
        return {
            "lr": lr, "steps": steps, "distance": distance, "similarity": similarity, "all_layers": all_layers,
            "head_only": head_only,
        }  # fmt: skip

    def describe(self) -> str:
        s = self.state
        body, head = s["similarity"][:-1].min(), s["similarity"][-1]
        return (
            f"{s['steps']} inner steps of rate {s['lr']:g}: CKA of the body's layers at least {body:.3f}, of the head "
            f"{head:.3f} · accuracy {100 * s['all_layers']:.0f} %, with the head alone {100 * s['head_only']:.0f} %"
        )
