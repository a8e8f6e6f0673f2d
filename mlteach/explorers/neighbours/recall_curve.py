"""RecallCurve: recall against speed, of every index at every measured setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.artist import Artist

from mlteach import _validate
from mlteach.explorers._core.controls import choice, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import mapping
from mlteach.neighbours import Measured
from mlteach.plots import ANCHOR, CLASS_COLOURS, POSITIVE, QUIET, Picture, legible, plain

COSTS = {"queries per second": "per_second", "distances computed for a query": "distances"}
MARKERS = "osD^v<>P*X"


class RecallCurve(Explorer):
    """One line an index, one point a setting; the slider demands a recall, the best point is named.

    Args:
        measured: name of an index → its measurements. An index named "exact search" is what speeds
            are compared with.

    ``state``: ``minimum_recall``, ``cost``, ``best``: name → the best `Measured` of each index that
    is good enough, and of the best of all ``index``, ``setting``, ``recall``, ``value`` of the cost
    and ``times_exact``, how many times better than exact search it is. They are None where no index
    is good enough, or exact search was not measured.
    """

    def __init__(self, measured: Mapping[str, Sequence[Measured]]):
        self.measured = {
            str(name): _measurements(f"measured[{name!r}]", points)
            for name, points in mapping("measured", measured).items()
        }
        controls = {
            "minimum_recall": slider("recall at least", 0.3, 1.0, 0.9, step=0.01),
            "cost": choice("compare", list(COSTS)),
        }
        controls["minimum_recall"].readout_format = ".2f"
        super().__init__(controls)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.8))
        self.ax = plain(figure.subplots())
        self.lines, self.rings = {}, {}
        ring = {"marker": "o", "linestyle": "", "markerfacecolor": "none", "clip_on": False}
        for turn, name in enumerate(self.measured):
            colour, marker = CLASS_COLOURS[turn % len(CLASS_COLOURS)], MARKERS[turn % len(MARKERS)]
            look = {"color": colour, "marker": marker, "markersize": 6, "label": legible(name)}
            (self.lines[name],) = self.ax.plot([], [], **look)
            (self.rings[name],) = self.ax.plot(
                [], [], markersize=14, markeredgecolor=colour, **ring
            )
        (self.winner,) = self.ax.plot([], [], markersize=20, markeredgecolor=ANCHOR, **ring)
        self.limit = self.ax.axvline(0.9, color=POSITIVE, linewidth=1.2)
        self.shade = self.ax.axvspan(0, 0.9, color=QUIET, alpha=0.12, linewidth=0)
        lowest = min(point.recall for points in self.measured.values() for point in points)
        self.ax.set(yscale="log", xlim=(min(0.3, lowest) - 0.02, 1.01), xlabel="recall")
        title = "small ring: the best setting of each that is good enough; large ring: the best"
        self.ax.set_title(title, fontsize=10)
        place = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        self.key = self.ax.legend(frameon=False, fontsize=9, **place)
        return figure, [self.shade, self.limit, *self.rings.values(), self.winner]

    def update(self) -> dict:
        minimum, cost = self.controls["minimum_recall"].value, self.controls["cost"].value
        field = COSTS[cost]
        counted = {
            name: [point for point in points if getattr(point, field) is not None]
            for name, points in self.measured.items()
        }
        if self.changed("cost", cost):
            self._dress(cost, counted)
        sign = 1 if field == "per_second" else -1  # many queries are good, many distances are not
        best = {}
        for name, points in counted.items():
            good = [point for point in points if point.recall >= minimum - 1e-9]
            if good:
                best[name] = max(good, key=lambda point: sign * getattr(point, field))
        winner = max(best, key=lambda name: sign * getattr(best[name], field), default=None)
        self._show(minimum, field, best, winner)
        state = {"best": best, "index": winner}
        if winner is None:
            return state | dict.fromkeys(("setting", "recall", "value", "times_exact"))
        value = getattr(best[winner], field)
        exact = None
        if "exact search" in self.measured:
            exact = getattr(self.measured["exact search"][0], field)
        return state | {
            "setting": best[winner].setting,
            "recall": best[winner].recall,
            "value": value,
            "times_exact": None if exact is None else (value / exact) ** sign,
        }

    def _dress(self, cost: str, counted: dict[str, list[Measured]]) -> None:
        """Another cost has an axis of its own, and not every index counts its distances."""
        field = COSTS[cost]
        for name, line in self.lines.items():
            costs = [getattr(point, field) for point in counted[name]]
            line.set_data([point.recall for point in counted[name]], costs)
        rows = zip(self.lines, self.key.legend_handles, self.key.get_texts(), strict=True)
        for name, *row in rows:
            for artist in row:
                artist.set_visible(bool(counted[name]))
        values = [getattr(point, field) for points in counted.values() for point in points]
        if values:
            self.ax.set_ylim(min(values) / 1.6, max(values) * 1.6)
        self.ax.set_ylabel(cost)
        self.redraw_all()

    def _show(
        self, minimum: float, field: str, best: dict[str, Measured], winner: str | None
    ) -> None:
        self.limit.set_xdata([minimum, minimum])
        self.shade.set_width(minimum)
        for name, ring in [*self.rings.items(), (winner, self.winner)]:
            place = best.get(name)
            ring.set_data(([place.recall], [getattr(place, field)]) if place else ([], []))

    def describe(self) -> str:
        s = self.state
        if s["index"] is None:
            return f"recall at least {s['minimum_recall']:.2f}: no measured setting reaches it"
        text = f"recall at least {s['minimum_recall']:.2f}: best is {s['index']}, {s['setting']}, "
        text += f"with recall {s['recall']:.3f} and {s['value']:,.0f} {s['cost']}"
        if s["times_exact"] is None or s["index"] == "exact search":
            return text
        return f"{text}, {s['times_exact']:.3g} times better than exact search"


def _measurements(name: str, given: Any) -> list[Measured]:
    """At least one, with a recall from 0 to 1 and costs above 0."""
    if not isinstance(given, Sequence) or isinstance(given, str | Measured):
        raise TypeError(f"{name} must be a list of Measured, got {_validate.kind(given)}")
    if not given:
        raise ValueError(f"{name} must have at least one measurement, got none")
    for point in given:
        _validate.instance(name, point, Measured, "a list of Measured")
        _validate.number(name, point.recall, at_least=0, at_most=1)
        _validate.number(name, point.per_second, above=0)
        if point.distances is not None:
            _validate.number(name, point.distances, above=0)
    return list(given)
