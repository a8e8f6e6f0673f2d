"""DINOSwitchboard: DINO with centring and sharpening switched on and off, and its two entropies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from mlteach.explorers.selfsup.switchboard import Switchboard
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE


class DINOSwitchboard(Switchboard):
    """Two switches walk over four finished trainings; a slider walks over their steps.

    Args:
        runs: (centering, sharpening), each True or False → what was measured: "step", "entropy",
            "mean_entropy", "kl", "rank", "knn", each with E numbers, and "shares" (E, K), the mean
            of the teacher's softmax over the images, as you have sorted it. All runs have the same
            steps; "knn" is in [0, 1].
        chance: kNN accuracy of guessing.

    ``state``: the two switches, ``frame``, ``step``, ``entropy``, ``mean_entropy``, ``kl``,
    ``rank``, ``knn``, ``shares``, and ``uniform``, the entropy of the uniform distribution, log K.
    """

    switches: ClassVar[Mapping[str, str]] = {"centering": "centring", "sharpening": "sharpening"}
    measures: ClassVar[Mapping[str, str]] = {
        "entropy": "entropy of an output",
        "mean_entropy": "entropy of their mean",
        "kl": "KL divergence",
        "rank": "effective rank",
        "knn": "kNN accuracy",
    }
    shares: ClassVar[str] = "shares"
    shares_title: ClassVar[str] = "mean output, sorted"
    shares_axis: ClassVar[str] = "prototype"
    layout: ClassVar[list[list[str]]] = [
        ["network", "entropy", "mean_entropy", "kl"],
        ["network", "rank", "knn", "shares"],
    ]

    def _mark_limits(self, axes: Mapping[str, Axes]) -> None:
        """Where both entropies stand when every prototype gets the same; 0 is the axis."""
        for name in ("entropy", "mean_entropy"):
            self._mark(axes[name], self._limits()["uniform"], "uniform: log K")

    def _limits(self) -> dict[str, float]:
        return {"uniform": math.log(self.features)}

    def _draw_network(self, ax: Axes) -> list[Artist]:
        """Student and teacher from view to loss; what can be switched is kept in ``self.parts``."""
        ax.set(xlim=(0, 10), ylim=(0, 10))
        ax.set_axis_off()
        box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": ANCHOR}
        sign = {"boxstyle": "round,pad=0.3", "facecolor": NEGATIVE, "edgecolor": NEGATIVE}
        place = {"ha": "center", "va": "center", "fontsize": 8.5}
        for x, view in ((2, "view 1"), (8, "view 2")):
            ax.text(x, 0.2, view, **place)
            self._arrow(ax, (x, 0.7), (x, 1.5))
        ax.text(2, 2.2, "student", bbox=box, **place)
        ax.text(8, 2.2, "teacher", bbox=box, **place)
        self._arrow(ax, (3.5, 2.2), (6.5, 2.2), color=POSITIVE)
        ax.text(5, 2.7, "average", color=POSITIVE, **place)
        self._arrow(ax, (2, 2.9), (2, 6.6))
        ax.text(2, 7.1, "softmax", bbox=box, **place)
        self._arrow(ax, (8, 2.9), (8, 6.6))
        ax.text(8, 7.1, "softmax", bbox=box, **place)
        centre = ax.text(8, 4.1, "− centre", bbox=box, **place)
        sharpen = ax.text(8, 5.6, "÷ 0.04", bbox=box, **place)
        ax.text(2, 5.6, "÷ 0.1", bbox=box, **place)
        self._arrow(ax, (2, 7.7), (4, 9.0))
        self._arrow(ax, (8, 7.7), (6, 9.0))
        ax.text(5, 9.4, "cross-entropy", bbox=box, **place)
        ax.text(7.2, 8.3, "stop", color="white", fontweight="bold", bbox=sign, **place)
        self.sharpen = sharpen
        self.parts = {"centering": [centre], "sharpening": [sharpen]}
        return [centre, sharpen]

    def _name_the_target(self, switches: Mapping[str, bool]) -> None:
        self.sharpen.set_text("÷ 0.04" if switches["sharpening"] else "÷ 0.1")

    def describe(self) -> str:
        s = self.state
        entropies = f"{s['entropy']:.2f} and of their mean {s['mean_entropy']:.2f}"
        return (
            f"{self._switches_said()} · step {s['step']}: entropy of an output {entropies} "
            f"(uniform {s['uniform']:.2f}), KL {round(s['kl'], 3) + 0.0:.3f}, "
            f"effective rank {s['rank']:.1f}, kNN accuracy {s['knn']:.0%}"
        )
