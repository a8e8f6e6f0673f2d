"""Conveyor: MoCo's queue step by step, every key coloured by its age, and the drift of the keys."""

from __future__ import annotations

import math
from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from torch import Tensor

from mlteach import _validate
from mlteach.explorers._core.controls import count, stops
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import mapping
from mlteach.plots import ANCHOR, POSITIVE, QUIET, Picture, plain
from mlteach.selfsup.queue_record import QueueRecord

AGES = matplotlib.colormaps["viridis_r"]  # young keys are bright, old ones dark
RANDOM = "#D9D9D9"  # of the vectors that the queue starts with, which are no keys
DASHED = {"color": ANCHOR, "linestyle": "--", "linewidth": 0.8}


class Conveyor(Explorer):
    """The queue as the queries of a step find it: their cosines with its keys, and the keys' drift.

    Args:
        records: decay → `QueueRecord`, all of equally many steps, keys and keys a batch.

    ``state``: ``decay``, ``step``, ``pointer`` (where this step's keys will go), ``ages`` (K,), -1
    for the vectors that the queue starts with; ``oldest`` age; ``positive``, the mean cosine with
    the own key; ``middle`` (A,), the mean cosine with the keys of each age; ``drift`` (A,), see
    `QueueRecord.drift`; ``loss``.
    """

    def __init__(self, records: Mapping[float, QueueRecord]):
        for decay, record in mapping("records", records).items():
            _validate.number("records", decay, at_least=0, at_most=1)
            _validate.instance(f"records[{decay!r}]", record, QueueRecord, "a QueueRecord")
        sizes = {
            (len(r.losses), len(r.age), len(r.middle[0]) if r.middle else 0)
            for r in records.values()
        }
        if len(sizes) != 1 or (0, 0) in {(steps, oldest) for steps, _, oldest in sizes}:
            raise ValueError(
                "records must have at least one step, and equally many steps, keys and ages, "
                f"got (steps, keys, ages) {sorted(sizes)}"
            )
        self.records = dict(records)
        self.steps, self.keys, self.oldest = sizes.pop()
        super().__init__(
            {
                "step": count("step", 1, self.steps, min(self.oldest // 2 + 1, self.steps)),
                "decay": stops("decay m", sorted(records)),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.8))
        layout = [["belt"] * 3, ["cosines", "drift", "loss"]]
        ratios = {"height_ratios": [1, 4], "width_ratios": [1.2, 1.2, 1]}
        axes = figure.subplot_mosaic(layout, **ratios)
        for ax in axes.values():
            plain(ax)
        return figure, [
            *self._draw_belt(axes["belt"]),
            *self._draw_cosines(axes["cosines"]),
            *self._draw_drift(axes["drift"]),
            *self._draw_loss(axes["loss"]),
        ]

    def _draw_belt(self, ax: Axes) -> list[Artist]:
        blank, box = np.ones((1, self.keys, 3)), (0, self.keys, 0, 1)
        self.belt = ax.imshow(blank, aspect="auto", extent=box)
        (self.head,) = ax.plot([0], [1.25], "v", color=ANCHOR, markersize=9, clip_on=False)
        ax.set(xlim=(0, self.keys), ylim=(0, 1.5), yticks=[])
        ax.set(xticks=[0, self.keys // 2, self.keys])
        ax.spines["left"].set_visible(False)
        title = "the queue; ▼ where this step's keys will go; grey: not a key yet"
        ax.set_title(title, fontsize=10)
        return [self.belt, self.head]

    def _draw_cosines(self, ax: Axes) -> list[Artist]:
        where, nowhere = self._ages()
        zeros = np.zeros(self.oldest)
        self.spread = ax.vlines(where, zeros, zeros, colors=self._shades(), linewidth=3)
        (self.middle,) = ax.plot(where, nowhere, ".", color=ANCHOR, markersize=4)
        (self.own,) = ax.plot([-0.5, self.oldest], [0, 0], color=POSITIVE, linewidth=2)
        ax.set(xlim=(-1, self.oldest), ylim=(-1.05, 1.05), xlabel="age of the key, in steps")
        ax.set_title("cosines of queries with keys\nblue: with their own key", fontsize=10)
        return [self.spread, self.middle, self.own]

    def _draw_drift(self, ax: Axes) -> list[Artist]:
        where, nowhere = self._ages()
        self.others = {
            decay: ax.plot([], [], color=QUIET, linewidth=0.8)[0] for decay in self.records
        }
        self.dots = ax.scatter(where, nowhere, c=self._shades(), s=22, zorder=3)
        ax.axhline(1, **DASHED)
        ax.set(xlim=(-1, self.oldest), ylim=(-1.05, 1.05), xlabel="age of the key, in steps")
        title = "cosine of a key with what the key\nencoder says now; grey: other decays"
        ax.set_title(title, fontsize=10)
        return [*self.others.values(), self.dots]

    def _draw_loss(self, ax: Axes) -> list[Artist]:
        (self.curve,) = ax.plot([], [], color=POSITIVE, linewidth=1.2)
        (self.now,) = ax.plot([0, 0], [0, 1], color=ANCHOR, linewidth=1)
        chance = math.log(1 + self.keys)
        highest = max(chance, *(loss for record in self.records.values() for loss in record.losses))
        ax.set(xlim=(0, self.steps), ylim=(0, 1.05 * highest), xlabel="step")
        ax.axhline(chance, **DASHED)
        ax.set_title("loss\ndashed: log(1 + K)", fontsize=10)
        return [self.curve, self.now]

    def _ages(self) -> tuple[np.ndarray, np.ndarray]:
        """All ages, and as many heights that are not there yet."""
        return np.arange(self.oldest), np.full(self.oldest, np.nan)

    def _shades(self) -> np.ndarray:
        return AGES(np.linspace(0, 1, self.oldest))

    def update(self) -> dict:
        decay, step = self.controls["decay"].value, self.controls["step"].value
        record, i = self.records[decay], step - 1
        ages, drift = record.ages[i], record.drift(step)
        self._show_belt(ages, record.pointers[i])
        self._show_cosines(record, i)
        self._show_drift(step, drift)
        self.curve.set_data(range(1, self.steps + 1), record.losses)
        self.now.set_data([step, step], self.now.axes.get_ylim())
        return {
            "pointer": record.pointers[i],
            "ages": ages,
            "oldest": int(ages.max()),
            "positive": record.positives[i],
            "middle": record.middle[i],
            "drift": drift,
            "loss": record.losses[i],
        }

    def _show_belt(self, ages: Tensor, pointer: int) -> None:
        colours = AGES(ages.numpy() / max(self.oldest - 1, 1))[:, :3]
        colours[ages.numpy() < 0] = to_rgb(RANDOM)
        self.belt.set_data(colours[None])
        self.head.set_xdata([pointer])

    def _show_cosines(self, record: QueueRecord, i: int) -> None:
        middle, spread = record.middle[i].numpy(), record.spread[i].numpy()
        ends = zip(middle - spread, middle + spread, strict=True)
        self.spread.set_segments(
            [[(age, low), (age, high)] for age, (low, high) in enumerate(ends)]
        )
        self.middle.set_ydata(middle)
        self.own.set_ydata([record.positives[i]] * 2)

    def _show_drift(self, step: int, drift: Tensor) -> None:
        for other, line in self.others.items():
            line.set_data(range(len(drift)), self.records[other].drift(step))
        where, heights = self._ages()
        heights[: len(drift)] = drift
        self.dots.set_offsets(np.column_stack([where, heights]))

    def describe(self) -> str:
        s = self.state
        loss = f"loss {s['loss']:.2f}, cosine with own key {s['positive']:.2f}"
        text = f"decay {s['decay']:g}, step {s['step']}: {loss}"
        if not len(s["drift"]):
            return f"{text} · no key is in the queue yet"
        drift = f"have cosine {s['drift'][-1]:.2f} with what they would be now"
        return f"{text} · keys of age {s['oldest']} {drift}"
