"""MetaRates: short meta-trainings, one for each pair of inner and outer learning rate."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from mlteach import _validate
from mlteach.explorers._core.controls import stops
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import rising
from mlteach.explorers._core.pointer import Pointer
from mlteach.plots import ANCHOR, POSITIVE, QUIET, Picture, plain


class MetaRates(Explorer):
    """Walk over meta-trainings made before: the error at the end of each, and the way there.

    Args:
        losses: (O, I, S) outer losses > 0 of the run with outer rate o and inner rate i at S
            recorded outer steps; NaN or infinity where it diverged, but not everywhere.
        steps: S numbers of the recorded outer steps, rising.
        outer_rates: O learning rates > 0, rising.
        inner_rates: I learning rates > 0, rising.
        baseline: a loss > 0 to be beaten, drawn as a line.

    ``state``: ``outer_lr``, ``inner_lr``, ``losses`` (S,) of the chosen run, ``final``, the last.
    """

    pointing = "drag"

    def __init__(self, losses: Tensor, steps, outer_rates, inner_rates, *, baseline: float):
        outer_rates = rising("outer_rates", outer_rates, above=0)
        inner_rates = rising("inner_rates", inner_rates, above=0)
        self.rates = {"outer_lr": outer_rates, "inner_lr": inner_rates}
        self.steps = np.asarray(rising("steps", steps))
        self.baseline = float(_validate.number("baseline", baseline, above=0))
        wanted = (len(outer_rates), len(inner_rates), len(self.steps))
        self.losses = _losses(losses, wanted)
        controls = {
            name: stops(f"{name.removesuffix('_lr')} learning rate", rates, rates[len(rates) // 2])
            for name, rates in self.rates.items()
        }
        super().__init__(controls)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.6))
        self.map_ax, ax = figure.subplots(1, 2, width_ratios=[1, 1.5])
        finite = np.nan_to_num(self.losses, nan=np.inf)
        low, high = np.log10(finite.min()), np.log10(2 * max(self.baseline, finite.min()))
        final = np.log10(finite[:, :, -1]).clip(low, high)
        look = {"cmap": "viridis_r", "vmin": low, "vmax": high}
        image = self.map_ax.imshow(final, origin="lower", aspect="auto", **look)
        for axis, name in ((self.map_ax.yaxis, "outer_lr"), (self.map_ax.xaxis, "inner_lr")):
            rates = [f"{rate:g}" for rate in self.rates[name]]
            axis.set_ticks(range(len(rates)), rates, fontsize=8)
            axis.set_label_text(f"{name.removesuffix('_lr')} learning rate")
        self.map_ax.set_title("log₁₀ of the error at the end", fontsize=10)
        figure.colorbar(image, ax=self.map_ax)
        self.frame = Rectangle((0, 0), 1, 1, fill=False, edgecolor=ANCHOR, linewidth=2.5)
        self.map_ax.add_patch(self.frame)
        self._draw_curves(plain(ax), finite)
        return figure, [self.frame, self.curve]

    def _draw_curves(self, ax: Axes, finite: np.ndarray) -> None:
        for curve in finite.reshape(-1, len(self.steps)):
            ax.plot(self.steps, curve.clip(max=1e3), color=QUIET, linewidth=0.5, alpha=0.6)
        ax.axhline(self.baseline, color=QUIET, linestyle="--", linewidth=1)
        (self.curve,) = ax.plot(self.steps, 0 * self.steps + 1.0, color=POSITIVE, linewidth=2)
        ax.set(yscale="log", xlabel="outer steps", ylim=(finite.min() * 0.8, self._top(finite)))
        title = "query error after adapting; dashed: trained on all waves together"
        ax.set_title(title, fontsize=9)

    def _top(self, finite: np.ndarray) -> float:
        return 4 * max(self.baseline, finite.min())

    def update(self) -> dict:
        chosen = self.values()
        row, column = (self.rates[name].index(chosen[name]) for name in ("outer_lr", "inner_lr"))
        losses = self.losses[row, column]
        self.frame.set_xy((column - 0.5, row - 0.5))
        self.curve.set_ydata(np.nan_to_num(losses, nan=1e3).clip(max=1e3))
        return {"losses": losses, "final": float(losses[-1])}

    def pointed(self, pointer: Pointer) -> None:
        if pointer.pressed and pointer.ax is self.map_ax:
            with self.one_redraw():
                for name, place in (("outer_lr", pointer.y), ("inner_lr", pointer.x)):
                    last = len(self.rates[name]) - 1
                    self.controls[name].value = self.rates[name][min(max(round(place), 0), last)]

    def describe(self) -> str:
        s = self.state
        rates = f"outer learning rate {s['outer_lr']:g}, inner {s['inner_lr']:g}"
        if not np.isfinite(s["final"]):
            return f"{rates}: diverged"
        return f"{rates}: error {s['final']:.3g} at the end"


def _losses(given: Any, wanted: tuple[int, int, int]) -> np.ndarray:
    losses = _validate.as_tensor("losses", given).detach().cpu()
    if tuple(losses.shape) != wanted:
        raise ValueError(f"losses must be (O, I, S) = {wanted}, got {tuple(losses.shape)}")
    losses = losses.double().numpy()
    if (losses <= 0).any() or not np.isfinite(losses).any():
        raise ValueError("losses must be > 0, and finite for one run at least")
    return losses
