"""LabelledClasses: accuracy against the number of labelled classes, walked through in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from mlteach import _validate
from mlteach.explorers._core.controls import choice, stops
from mlteach.explorers._core.explorer import Explorer
from mlteach.plots import ANCHOR, CLASS_COLOURS, CLASS_MARKERS, QUIET, Picture, legible, plain
from mlteach.results import mean_and_interval

COLUMNS = ("train", "test", "seed", "start", "method", "classes", "n_shot", "accuracy")
MOST = len(CLASS_COLOURS)  # methods that can be told apart

Place = tuple[str, str, int]  # train, test, shots
Key = tuple[Place, str, str, int]  # place, start, method, classes


class Point(NamedTuple):
    """One setting: the accuracy of each seed, their mean, and half of its 95 % interval."""

    of_seeds: dict[int, float]
    mean: float
    half_width: float  # 0 where there is one seed only


class LabelledClasses(Explorer):
    """Does a start without labels pay? Methods against the number of labelled classes they had.

    In colour are the methods after the chosen start, in grey those after other starts; the broken
    black line is the best of all that had no label. Bands are 95 % intervals over the seeds.

    Args:
        rows: of a table, such as `mlteach.results.read` gives, or your own: dicts with at least the
            columns train, test (names of data sets), seed, start, method, classes (labelled ones; 0
            for none), n_shot and accuracy (0 to 1). Each setting has each seed once. Some rows have
            labels, and for each train, test and n_shot of theirs there are some without.
        n_classes: chosen first; None for the middle of those that occur.
        n_shot: chosen first; None for the least.

    ``state``: ``classes``, ``n_shot``, ``start``, ``domain`` ("train → test"); ``shown``, the
    measured number of classes nearest to the chosen one; ``accuracies`` and ``half_widths``, method
    → number there; ``unlabelled``: name, accuracy and half width of the best without labels; and
    ``ahead_from``, method → the least number of classes from which on it is clearly ahead of that:
    in paired differences over the seeds, there and at all larger numbers. None if it never is.
    """

    def __init__(
        self, rows: Sequence[Mapping], *, n_classes: int | None = None, n_shot: int | None = None
    ):
        self.points = _points(rows)
        with_labels = [key for key in self.points if key[3]]
        if not with_labels:
            raise ValueError("rows must have some with classes > 0, got none")
        without = {key[0] for key in self.points if not key[3]}
        if missing := [key[0] for key in with_labels if key[0] not in without]:
            train, test, shots = missing[0]
            where = f"{train} → {test} with n_shot {shots}"
            raise ValueError(f"rows must have some with classes = 0 for {where}, got none")
        self.methods = list(dict.fromkeys(key[2] for key in with_labels))
        if len(self.methods) > MOST:
            raise ValueError(f"rows must have at most {MOST} methods, got {len(self.methods)}")
        self.starts = list(dict.fromkeys(key[1] for key in with_labels))
        self.domains = {f"{key[0][0]} → {key[0][1]}": key[0][:2] for key in with_labels}
        sizes = sorted({key[3] for key in with_labels})
        shots_there = sorted({key[0][2] for key in with_labels})
        size = sizes[len(sizes) // 2] if n_classes is None else n_classes
        first = shots_there[0] if n_shot is None else n_shot
        size, first = _one_of("n_classes", size, sizes), _one_of("n_shot", first, shots_there)
        super().__init__(
            {
                "classes": stops("labelled classes C", sizes, size),
                "n_shot": stops("shots K", shots_there, first),
                "start": choice("start", self.starts, self.starts[min(1, len(self.starts) - 1)]),
                "domain": choice("train → test", list(self.domains)),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.8))
        self.ax = plain(figure.subplots())
        look = {"color": QUIET, "linewidth": 0.8, "alpha": 0.6}
        n_lines = len(self.methods) * len(self.starts)
        self.pale = [self.ax.plot([], [], **look)[0] for _ in range(n_lines)]
        self.lines, self.bands = {}, {}
        for name, colour, marker in zip(self.methods, CLASS_COLOURS, CLASS_MARKERS, strict=False):
            look = {"color": colour, "marker": marker, "markersize": 6, "label": legible(name)}
            (self.lines[name],) = self.ax.plot([], [], **look)
            self.bands[name] = _band(self.ax, colour)
        (self.best,) = self.ax.plot([], [], color=ANCHOR, linestyle="--", label="best, no labels")
        self.best_band = _band(self.ax, ANCHOR)
        self.pale[0].set_label("other starts")
        self.here = self.ax.axvline(1, color=ANCHOR, linewidth=0.8, linestyle=":")
        rings = {"marker": "o", "linestyle": "", "markersize": 13, "markerfacecolor": "none"}
        (self.rings,) = self.ax.plot([], [], markeredgecolor=ANCHOR, **rings)
        sizes = self.controls["classes"].options
        self.ax.set(xscale="log", xlim=(sizes[0] / 1.3, sizes[-1] * 1.3))
        self.ax.set_xticks(_apart(sizes), [f"{size:,}" for size in _apart(sizes)])
        self.ax.minorticks_off()
        self.ax.set(xlabel="labelled classes C", ylabel="accuracy, %")
        handles = [*self.lines.values(), self.best, self.pale[0]]
        place = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "fontsize": 9}
        self.ax.legend(handles=handles, frameon=False, **place)
        bands = [*self.bands.values(), self.best_band]
        moving = [*self.pale, *bands, *self.lines.values(), self.best, self.here, self.rings]
        return figure, moving

    def update(self) -> dict:
        train, test = self.domains[self.controls["domain"].value]
        place = (train, test, self.controls["n_shot"].value)
        start, asked = self.controls["start"].value, self.controls["classes"].value
        curves = {(s, m): self._curve(place, s, m) for s in self.starts for m in self.methods}
        if self.changed("axes", place):
            self._fit_axes(place)
        name, best = self._unlabelled(place)
        self._show(curves, start, best)
        mine = {method: curves[start, method] for method in self.methods}
        measured = sorted({size for curve in mine.values() for size in curve})
        shown = min(measured, key=lambda size: abs(np.log(size / asked)), default=asked)
        there = {method: curve[shown] for method, curve in mine.items() if shown in curve}
        self.here.set_xdata([shown, shown])
        self.rings.set_data([shown] * len(there), [100 * point.mean for point in there.values()])
        return {
            "shown": shown,
            "accuracies": {method: point.mean for method, point in there.items()},
            "half_widths": {method: point.half_width for method, point in there.items()},
            "unlabelled": (name, best.mean, best.half_width) if best else None,
            "ahead_from": {m: _ahead_from(curve, best) for m, curve in mine.items() if curve},
        }

    def _curve(self, place: Place, start: str, method: str) -> dict[int, Point]:
        """Labelled classes → point, rising."""
        found = {
            key[3]: point
            for key, point in self.points.items()
            if key[:3] == (place, start, method) and key[3]
        }
        return dict(sorted(found.items()))

    def _unlabelled(self, place: Place) -> tuple[str, Point | None]:
        """The best of all that had no label at this place, and what it is called."""
        known = {
            key[1:3]: point for key, point in self.points.items() if key[0] == place and not key[3]
        }
        if not known:
            return "", None
        start, method = max(known, key=lambda key: known[key].mean)
        return (method if start == "none" else f"{start}, {method}"), known[start, method]

    def _fit_axes(self, place: Place) -> None:
        """Another domain or number of shots has another range of accuracies."""
        known = [
            point
            for key, point in self.points.items()
            if key[0] == place and (key[3] or point == self._unlabelled(place)[1])
        ]
        low = min((100 * (point.mean - point.half_width) for point in known), default=0)
        self.ax.set_ylim(max(0, low - 3), 101)
        self.redraw_all()

    def _show(self, curves: dict, start: str, best: Point | None) -> None:
        for line, ((other, _), curve) in zip(self.pale, curves.items(), strict=True):
            pale = curve if other != start else {}
            line.set_data(list(pale), [100 * point.mean for point in pale.values()])
        for method, line in self.lines.items():
            curve = curves[start, method]
            means = np.array([100 * point.mean for point in curve.values()])
            halves = np.array([100 * point.half_width for point in curve.values()])
            line.set_data(list(curve), means)
            _set_band(self.bands[method], list(curve), means, halves)
        ends = list(self.ax.get_xlim()) if best else []
        level = np.array([100 * best.mean] * 2 if best else [])
        half = np.array([100 * best.half_width] * 2 if best else [])
        self.best.set_data(ends, level)
        _set_band(self.best_band, ends, level, half)

    def describe(self) -> str:
        s = self.state
        shots = f"{s['n_shot']} shot{'s' if s['n_shot'] > 1 else ''}"
        begin = "from scratch" if s["start"] == "none" else f"after {s['start']}"
        at = ", ".join(
            f"{m} {_percent(share, s['half_widths'][m])}" for m, share in s["accuracies"].items()
        )
        text = f"{s['domain']}, {shots}, C = {s['shown']:,}, {begin}: {at or 'nothing measured'}"
        if s["unlabelled"] is None:
            return text
        name, *level = s["unlabelled"]
        ahead = [f"{m} from {c:,} on" for m, c in s["ahead_from"].items() if c is not None]
        text += f"; without labels {_percent(*level)} ({name})"
        return f"{text}; clearly ahead of it: {', '.join(ahead) or 'none at any C'}"


def _percent(share: float, half_width: float) -> str:
    spread = f" ± {100 * half_width:.1f}" if half_width else ""
    return f"{100 * share:.1f}{spread} %"


def _points(rows: Any) -> dict[Key, Point]:
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        raise TypeError(f"rows must be a list of dicts, got {_validate.kind(rows)}")
    if not rows:
        raise ValueError("rows must be at least one, got none")
    found: dict[Key, dict[int, float]] = {}
    for i, row in enumerate(rows):
        if missing := [column for column in COLUMNS if column not in row]:
            raise ValueError(f"rows[{i}] must have the columns {COLUMNS}, it lacks {missing[0]!r}")
        share = _validate.number(f"rows[{i}]['accuracy']", row["accuracy"], at_least=0, at_most=1)
        shots = _validate.count(f"rows[{i}]['n_shot']", row["n_shot"])
        size = _validate.count(f"rows[{i}]['classes']", row["classes"], at_least=0)
        place = (str(row["train"]), str(row["test"]), int(shots))
        key = (place, str(row["start"]), str(row["method"]), int(size))
        of_seeds = found.setdefault(key, {})
        if row["seed"] in of_seeds:
            what = f"rows[{i}] has seed {row['seed']} of {key[1:]} once more"
            raise ValueError(f"rows must have each seed of a setting once, {what}")
        of_seeds[row["seed"]] = float(share)
    return {key: _point(of_seeds) for key, of_seeds in found.items()}


def _point(of_seeds: dict[int, float]) -> Point:
    values = list(of_seeds.values())
    if len(values) < 2:
        return Point(of_seeds, values[0], 0.0)
    return Point(of_seeds, *mean_and_interval(values))


def _ahead_from(curve: dict[int, Point], best: Point | None) -> int | None:
    """The least size from which on every paired difference is above 0 with its interval."""
    first = None
    for size, point in reversed(curve.items()):
        if best is None or not _clearly_ahead(point, best):
            break
        first = size
    return first


def _clearly_ahead(point: Point, best: Point) -> bool:
    both = [seed for seed in point.of_seeds if seed in best.of_seeds]
    if len(both) < 2:
        return False
    gain, half = mean_and_interval([point.of_seeds[s] - best.of_seeds[s] for s in both])
    return gain > half


def _one_of(name: str, value: int, values: Sequence[int]) -> int:
    if _validate.count(name, value) not in values:
        raise ValueError(f"{name} must be one of {list(values)}, got {value}")
    return int(value)


def _apart(sizes: Sequence[int]) -> list[int]:
    """Those whose labels do not run into each other on a logarithmic axis."""
    chosen = [sizes[0]]
    for size in sizes[1:]:
        if size > 1.45 * chosen[-1]:
            chosen.append(size)
    return chosen


def _band(ax: Axes, colour: str) -> Any:
    return ax.fill_between([1, 2], [0, 0], [0, 0], color=colour, alpha=0.18, linewidth=0)


def _set_band(band: Any, x: list, middle: np.ndarray, half: np.ndarray) -> None:
    upper = np.stack([np.array(x, float), middle + half], 1)
    lower = np.stack([np.array(x, float), middle - half], 1)
    band.set_verts([np.concatenate([upper, lower[::-1]])] if x else [])
