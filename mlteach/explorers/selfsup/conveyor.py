"""Conveyor: MoCo's queue step by step, every key coloured by its age, and how far the old keys have
drifted.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.colors import to_rgb
from torch import Tensor

from mlteach.explorers._core.controls import count, stops
from mlteach.explorers._core.explorer import Explorer
from mlteach.plots import ANCHOR, POSITIVE, QUIET, Picture, plain
from mlteach.selfsup import MoCo

AGES = matplotlib.colormaps["viridis_r"]  # young keys are bright, old ones dark
RANDOM = "#D9D9D9"  # of the vectors that the queue starts with, which are no keys


class QueueRecord:
    """Writes down, as the callback of `fit`, what the queries of every step met in MoCo's queue.

    Args:
        method: whose queue it is.
        pictures: (N, C, H, W), N >= 2, whose keys every step's key encoder computes: their change
            is the drift.

    After S steps, each a list of S: ``ages``, (K,), and ``pointers`` as the queries found them;
    ``middle`` and ``spread``, (A,), mean and standard deviation of the cosines of queries and keys
    of each age, nan where there is no such key; ``positives``, the mean cosine with the own key;
    ``losses``; and ``keys``, (N, P), of the pictures.
    """

    def __init__(self, method: MoCo, pictures: Tensor):
        self.method, self.pictures = method, pictures
        self.ages, self.pointers, self.middle, self.spread = [], [], [], []
        self.positives, self.losses, self.keys = [], [], []
        self._look()

    def _look(self) -> None:
        """What the next step will find: by the time that `fit` calls back, its own keys are in the
        queue.
        """
        # training mode changes BatchNorm's statistics
        passing = copy.deepcopy(self.method.key_encoder).train()
        with torch.no_grad():
            self.found = F.normalize(passing(self.pictures))
        self.queue, self.age = self.method.queue.clone(), self.method.age.clone()
        self.pointer = self.method.pointer.item()

    def __call__(self, step: int, loss: float, aux: Mapping[str, Any]) -> None:
        cosines = aux["z1"] @ self.queue.T  # (B, K)
        middle, spread = mean_and_spread(
            cosines, self.age, ages=math.ceil(len(self.age) / len(cosines))
        )
        self.middle.append(middle)
        self.spread.append(spread)
        self.ages.append(self.age)
        self.pointers.append(self.pointer)
        self.positives.append((aux["z1"] * aux["z2"]).sum(1).mean().item())
        self.losses.append(loss)
        self.keys.append(self.found)
        self._look()

    def drift(self, step: int) -> Tensor:
        """(A,) mean cosine of a key of age 0, 1, ... in the queue of a step with what its key
        encoder would say now.
        """
        now, oldest = self.keys[step - 1], len(self.middle[0])
        before = self.keys[max(step - 1 - oldest, 0) : step - 1]
        return torch.tensor([(then * now).sum(1).mean().item() for then in reversed(before)])


def mean_and_spread(cosines: Tensor, age: Tensor, *, ages: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, (ages,) each, of the (B, K) cosines with the keys of age 0, 1,
    ...
    """
    known = age >= 0
    cosines = cosines[:, known].double()  # the difference below would lose half of a float's digits
    of_age = F.one_hot(age[known], ages).double()  # (known keys, ages)
    count = of_age.sum(0) * len(cosines)
    mean = cosines.sum(0) @ of_age / count
    square = cosines.square().sum(0) @ of_age / count
    return mean.float(), (square - mean.square()).clamp(min=0).sqrt().float()


class Conveyor(Explorer):
    """The queue as the queries of a step find it, their cosines with keys of every age, and the
    drift of the keys.

    Args:
        records: decay → `QueueRecord`, all of equally many steps, keys and keys a batch.

    ``state``: ``decay``, ``step``, ``pointer`` (where this step's keys will go), ``ages`` (K,), -1
    for the vectors that the queue starts with; ``oldest`` age; ``positive``, the mean cosine with
    the own key; ``middle`` (A,), the mean cosine with the keys of each age; ``drift`` (A,), see
    `QueueRecord.drift`; ``loss``.
    """

    def __init__(self, records: Mapping[float, QueueRecord]):
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
        controls = {
            "step": count("step", 1, self.steps, min(self.oldest // 2 + 1, self.steps)),
            "decay": stops("decay m", sorted(records)),
        }
        super().__init__(self._figure(), controls, self.artists)

    def _figure(self) -> Picture:
        figure = Picture((9, 4.6))
        belt, *(axes) = [
            plain(ax) for ax in figure.subplot_mosaic(
                [["belt"] * 3, ["cosines", "drift", "loss"]], height_ratios=[1, 4], width_ratios=[1.2, 1.2, 1]
            ).values()
        ]  # fmt: skip
        cosines, drift, loss = axes
        shades = AGES(np.linspace(0, 1, self.oldest))
        where = np.arange(self.oldest)

        self.belt = belt.imshow(
            np.ones((1, self.keys, 3)), aspect="auto", extent=(0, self.keys, 0, 1)
        )
        (self.head,) = belt.plot([0], [1.25], "v", color=ANCHOR, markersize=9, clip_on=False)
        belt.set(
            xlim=(0, self.keys), ylim=(0, 1.5), yticks=[], xticks=[0, self.keys // 2, self.keys]
        )
        belt.spines["left"].set_visible(False)
        belt.set_title(
            "the queue; ▼ where this step's keys will go; grey: not a key yet", fontsize=10
        )

        self.spread = cosines.vlines(
            where, np.zeros(self.oldest), np.zeros(self.oldest), colors=shades, linewidth=3
        )
        (self.middle,) = cosines.plot(
            where, np.full(self.oldest, np.nan), ".", color=ANCHOR, markersize=4
        )
        (self.own,) = cosines.plot([-0.5, self.oldest], [0, 0], color=POSITIVE, linewidth=2)
        cosines.set(xlim=(-1, self.oldest), ylim=(-1.05, 1.05), xlabel="age of the key, in steps")
        cosines.set_title("cosines of queries with keys\nblue: with their own key", fontsize=10)

        self.others = {
            decay: drift.plot([], [], color=QUIET, linewidth=0.8)[0] for decay in self.records
        }
        self.dots = drift.scatter(where, np.full(self.oldest, np.nan), c=shades, s=22, zorder=3)
        drift.axhline(1, color=ANCHOR, linestyle="--", linewidth=0.8)
        drift.set(xlim=(-1, self.oldest), ylim=(-1.05, 1.05), xlabel="age of the key, in steps")
        drift.set_title(
            "cosine of a key with what the key\nencoder says now; grey: other decays", fontsize=10
        )

        (self.curve,) = loss.plot([], [], color=POSITIVE, linewidth=1.2)
        (self.now,) = loss.plot([0, 0], [0, 1], color=ANCHOR, linewidth=1)
        highest = max(max(record.losses) for record in self.records.values())
        loss.set(
            xlim=(0, self.steps),
            ylim=(0, 1.05 * max(highest, math.log(1 + self.keys))),
            xlabel="step",
        )
        loss.axhline(math.log(1 + self.keys), color=ANCHOR, linestyle="--", linewidth=0.8)
        loss.set_title("loss\ndashed: log(1 + K)", fontsize=10)
        self.artists = [
            self.belt,
            self.head,
            self.spread,
            self.middle,
            self.own,
            *self.others.values(),
            self.dots,
        ]
        self.artists += [self.curve, self.now]
        return figure

    def update(self) -> dict:
        decay, step = self.controls["decay"].value, self.controls["step"].value
        record, i = self.records[decay], step - 1
        ages, drift = record.ages[i], record.drift(step)

        colours = AGES(ages.numpy() / max(self.oldest - 1, 1))[:, :3]
        colours[ages.numpy() < 0] = to_rgb(RANDOM)
        self.belt.set_data(colours[None])
        self.head.set_xdata([record.pointers[i]])

        middle, spread = record.middle[i].numpy(), record.spread[i].numpy()
        ends = np.stack([middle - spread, middle + spread], axis=1)  # (A, 2)
        self.spread.set_segments(
            [[(age, low), (age, high)] for age, (low, high) in enumerate(ends)]
        )
        self.middle.set_ydata(middle)
        self.own.set_ydata([record.positives[i]] * 2)

        for other, line in self.others.items():
            line.set_data(range(len(drift)), self.records[other].drift(step))
        shown = np.full(self.oldest, np.nan)
        shown[: len(drift)] = drift
        self.dots.set_offsets(np.column_stack([np.arange(self.oldest), shown]))
        self.curve.set_data(range(1, self.steps + 1), record.losses)
        self.now.set_data([step, step], self.now.axes.get_ylim())
        return {
            "decay": decay,
            "step": step,
            "pointer": record.pointers[i],
            "ages": ages,
            "oldest": int(ages.max()),
            "positive": record.positives[i],
            "middle": record.middle[i],
            "drift": drift,
            "loss": record.losses[i],
        }

    def describe(self) -> str:
        s = self.state
        text = f"decay {s['decay']:g}, step {s['step']}: loss {s['loss']:.2f}, cosine with own key {s['positive']:.2f}"
        if not len(s["drift"]):
            return f"{text} · no key is in the queue yet"
        return f"{text} · keys of age {s['oldest']} have cosine {s['drift'][-1]:.2f} with what they would be now"
