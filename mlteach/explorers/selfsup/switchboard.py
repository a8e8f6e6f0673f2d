"""Switchboard: BYOL with its parts switched on and off, and the meters that tell of a collapse."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ipywidgets import Checkbox, Layout
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Text

from mlteach import _validate
from mlteach.explorers._core.controls import count
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import mapping, rising
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, plain

SWITCHES = {  # and the label of each
    "predictor": "predictor",
    "stop_gradient": "stop-gradient",
    "target_average": "target average",
}
MEASURES = {
    "std": "std of the targets",
    "rank": "effective rank",
    "loss": "loss",
    "knn": "kNN accuracy",
}
PALE = 0.12  # how visible a part is that is switched off


class Switchboard(Explorer):
    """Three switches walk over eight finished trainings; a slider walks over their steps.

    Args:
        runs: (predictor, stop_gradient, target_average), each True or False → what was measured:
            "step", "std", "rank", "loss", "knn", each with E numbers, and "spectrum" (E, P), the
            shares of the singular values; std, rank and spectrum are those of the target's
            projections. All runs have the same steps; "knn" is in [0, 1].
        chance: kNN accuracy of guessing.

    ``state``: the three switches, ``frame``, ``step``, ``std``, ``rank``, ``loss``, ``knn``,
    ``spectrum``, and ``even``, the std of directions that fill the sphere, 1 / sqrt(P).
    """

    switches: ClassVar[Mapping[str, str]] = SWITCHES
    measures: ClassVar[Mapping[str, str]] = MEASURES
    shares: ClassVar[str] = "spectrum"  # what a run has one line of at each step, adding up to 1
    shares_title: ClassVar[str] = "singular values, as shares"
    shares_axis: ClassVar[str] = "number of the direction"
    layout: ClassVar[list[list[str]]] = [
        ["network", "std", "rank", "loss"],
        ["network", "knn", "spectrum", "spectrum"],
    ]

    def __init__(self, runs: Mapping[tuple[bool, ...], Mapping[str, Sequence]], *, chance: float):
        self.runs = _runs(runs, tuple(self.switches), tuple(self.measures), self.shares)
        self.chance = float(_validate.number("chance", chance, at_least=0, at_most=1))
        first = next(iter(self.runs.values()))
        self.steps = first["step"]
        self.features = len(first[self.shares][0])
        last = len(self.steps) - 1
        look = {"indent": False, "layout": Layout(width="9rem")}
        controls = {
            name: Checkbox(True, description=label, **look) for name, label in self.switches.items()
        }
        controls["frame"] = count("measurement", 0, last, last)
        super().__init__(controls)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.8))
        axes = figure.subplot_mosaic(self.layout, width_ratios=[1.3, 1, 1, 1])
        network = self._draw_network(axes["network"])
        self.lines, self.dots = {}, {}
        for name, title in self.measures.items():
            ax = plain(axes[name])
            for run in self.runs.values():
                ax.plot(self.steps, run[name], color=QUIET, linewidth=0.7, alpha=0.5)
            (self.lines[name],) = ax.plot([], [], color=POSITIVE, linewidth=2)
            (self.dots[name],) = ax.plot([], [], "o", color=POSITIVE, markersize=7, clip_on=False)
            highest = max(max(run[name]) for run in self.runs.values())
            # a single measurement at step 0, or a meter that stays at 0, has no width of its own
            ax.set(xlim=(0, self.steps[-1] or 1), ylim=(0, 1.08 * highest or 1))
            ax.set_title(title, fontsize=10)
            ax.set_xlabel("step", fontsize=8)
        self._mark_limits(axes)
        self._mark(axes["knn"], self.chance, "chance")
        shares = plain(axes[self.shares])
        (self.shares_line,) = shares.plot([], [], color=POSITIVE, linewidth=2)
        shares.set(xlim=(0.5, self.features + 0.5), ylim=(1e-6, 1.5), yscale="log")
        shares.set_title(self.shares_title, fontsize=10)
        shares.set_xlabel(self.shares_axis, fontsize=8)
        curves = [*self.lines.values(), *self.dots.values(), self.shares_line]
        return figure, [*network, *curves]

    def _mark_limits(self, axes: Mapping[str, Axes]) -> None:
        """Where a meter stands when the projections fill the sphere."""
        self._mark(axes["std"], self._limits()["even"], "evenly spread: 1/√P")

    def _limits(self) -> dict[str, float]:
        return {"even": 1 / math.sqrt(self.features)}

    def _mark(self, ax: Axes, height: float, text: str) -> None:
        ax.axhline(height, color=ANCHOR, linestyle="--", linewidth=0.8)
        ax.set_ylim(top=max(ax.get_ylim()[1], 1.25 * height))
        look = {"ha": "right", "va": "bottom", "fontsize": 8}
        ax.text(0.98, height, text, transform=ax.get_yaxis_transform(), **look)

    def _draw_network(self, ax: Axes) -> list[Artist]:
        """Both branches from view to loss; what can be switched is kept in ``self.parts``."""
        ax.set(xlim=(0, 10), ylim=(0, 10))
        ax.set_axis_off()
        box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": ANCHOR}
        place = {"ha": "center", "va": "center", "fontsize": 8.5}
        for x, view in ((2, "view 1"), (8, "view 2")):
            ax.text(x, 0.4, view, **place)
            self._arrow(ax, (x, 0.9), (x, 2.2))
        ax.text(2, 3.1, "encoder\nprojector", bbox=box, **place)
        ax.text(5, 9.3, "2 − 2 cos", bbox=box, **place)
        target = ax.text(8, 3.1, "", bbox=box, **place)
        predictor = ax.text(2, 6.4, "predictor", bbox=box, **place)
        self._arrow(ax, (2, 4), (2, 5.7))
        self._arrow(ax, (2, 7.1), (4, 8.7))
        self._arrow(ax, (8, 4), (6, 8.7))
        follow = self._arrow(ax, (3.7, 3.1), (6.3, 3.1), color=POSITIVE)
        follows = ax.text(5, 3.5, "average", color=POSITIVE, **place)
        sign = {"boxstyle": "round,pad=0.3", "facecolor": NEGATIVE, "edgecolor": NEGATIVE}
        stop = ax.text(7.05, 6.4, "stop", color="white", fontweight="bold", bbox=sign, **place)
        self.target = target
        self.parts = {
            "predictor": [predictor],
            "stop_gradient": [stop],
            "target_average": [follow, follows],
        }
        return [target, *itertools.chain(*self.parts.values())]

    @staticmethod
    def _arrow(ax: Axes, start: tuple, end: tuple, color: str = ANCHOR) -> FancyArrowPatch:
        look = {"arrowstyle": "-|>", "mutation_scale": 10, "color": color}
        return ax.add_patch(FancyArrowPatch(start, end, **look))

    def update(self) -> dict:
        switches = {name: self.controls[name].value for name in self.switches}
        frame = self.controls["frame"].value
        run = self.runs[tuple(switches.values())]
        for name, artists in self.parts.items():
            boxes = [artist.get_bbox_patch() for artist in artists if isinstance(artist, Text)]
            for artist in [*artists, *filter(None, boxes)]:
                artist.set_alpha(1 if switches[name] else PALE)
        self._name_the_target(switches)
        for name in self.measures:
            self.lines[name].set_data(self.steps, run[name])
            self.dots[name].set_data([self.steps[frame]], [run[name][frame]])
        shares = [max(float(share), 1e-12) for share in run[self.shares][frame]]
        self.shares_line.set_data(range(1, len(shares) + 1), shares)
        measured = {name: float(run[name][frame]) for name in self.measures}
        return {"step": self.steps[frame], **measured, self.shares: shares, **self._limits()}

    def _name_the_target(self, switches: Mapping[str, bool]) -> None:
        self.target.set_text("slow copy" if switches["target_average"] else "the same\nnetwork")

    def _switches_said(self) -> str:
        state = self.state
        return ", ".join(
            f"{name.replace('_', ' ')} {'on' if state[name] else 'off'}" for name in self.switches
        )

    def describe(self) -> str:
        s = self.state
        std = f"std {s['std']:.3f} (evenly spread {s['even']:.3f})"
        return (
            f"{self._switches_said()} · step {s['step']}: {std}, "
            f"effective rank {s['rank']:.1f}, loss {s['loss']:.3f}, kNN accuracy {s['knn']:.0%}"
        )


def _runs(
    given: Any, switches: tuple[str, ...], measured: tuple[str, ...], shares: str
) -> dict[tuple, dict[str, list]]:
    """The runs of all combinations of the switches, with finite measures at the same steps."""
    runs = mapping("runs", given)
    needed = set(itertools.product((True, False), repeat=len(switches)))
    if set(runs) != needed:
        wanted = f"the {len(needed)} combinations of {switches}"
        raise ValueError(f"runs must have {wanted}, got {len(runs)} keys: {list(runs)[:8]}")
    checked: dict[tuple, dict[str, list]] = {}
    for on, run in runs.items():
        shown = f"runs[{on}]"
        if not isinstance(run, Mapping) or not {*measured, "step", shares} <= set(run):
            raise ValueError(f"{shown} must measure step, {shares}, {', '.join(measured)}")
        steps = rising(f"{shown}['step']", run["step"])
        measures = {name: _validate.as_tensor(f"{shown}[{name!r}]", run[name]) for name in measured}
        lines = _validate.features(f"{shown}[{shares!r}]", run[shares])
        checked[on] = {name: values.tolist() for name, values in measures.items()}
        checked[on] |= {"step": steps, shares: lines.tolist()}
        first = next(iter(checked.values()))
        shapes = {tuple(values.shape) for values in measures.values()}
        size = len(first[shares][0])
        if steps != first["step"] or shapes != {(len(steps),)} or len(lines) != len(steps):
            raise ValueError(
                f"{shown} must measure {measured} and {shares} at the steps {first['step']}"
            )
        _validate.shaped(f"{shown}[{shares!r}]", lines, len(steps), size)
        for name, values in measures.items():
            if not values.isfinite().all():
                raise ValueError(f"{shown}[{name!r}] must be finite, got NaN or infinity")
        for score in checked[on]["knn"]:
            _validate.number(f"{shown}['knn']", score, at_least=0, at_most=1)
    return checked
