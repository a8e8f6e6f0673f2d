"""EpisodeAccuracy: accuracies of episodes, their mean, and how often its interval is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.evaluate import confidence_interval
from mlteach.explorers._core.controls import button, stops
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import mapping
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, plain

EPISODES = (10, 20, 50, 100, 200, 600, 1000)
REPEATS = 40  # times that the same number of episodes is drawn
# each 2 points wide, with the accuracies of 50 queries in their middles
BINS = np.linspace(-0.01, 1.01, 52)
WIDEST = 12  # points either way on the right


class EpisodeAccuracy(Explorer):
    """Draw so many episodes, again and again: their mean, its interval, and the long-run mean.

    Args:
        accuracies: shots -> (P,) accuracies of single episodes, 0 to 1; P >= 100 of them stand for
            all episodes that there could be, and are drawn with replacement.
        n_episodes: drawn first, one of EPISODES.
        seed: of the draws.

    ``state``: ``n_shot``, ``n_episodes``, ``truth`` the mean of all, ``mean`` and ``half_width`` of
    the first draw, ``means`` and ``half_widths`` (40,) of all draws, and ``held``, how many of
    these intervals hold the truth.
    """

    def __init__(self, accuracies: Mapping[int, Tensor], *, n_episodes: int = 50, seed: int = 0):
        self.accuracies = {
            shots: _accuracies(f"accuracies[{shots!r}]", values)
            for shots, values in mapping("accuracies", accuracies).items()
        }
        if _validate.count("n_episodes", n_episodes) not in EPISODES:
            raise ValueError(f"n_episodes must be one of {EPISODES}, got {n_episodes}")
        self.seed = _validate.seed("seed", seed)
        controls = {
            "n_episodes": stops("episodes", EPISODES, int(n_episodes)),
            "n_shot": stops("shots K", list(self.accuracies), next(iter(self.accuracies))),
            "draw": button("draw other episodes", self.draw),
        }
        super().__init__(controls)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.6))
        ax, right = (plain(ax) for ax in figure.subplots(1, 2, width_ratios=[1.3, 1]))
        middles = (BINS[:-1] + BINS[1:]) / 2
        self.bars = ax.bar(middles, 0 * middles, np.diff(BINS), color=QUIET, alpha=0.6)
        self.band = ax.axvspan(0.4, 0.6, color=POSITIVE, alpha=0.35, linewidth=0)
        self.line = ax.axvline(0.5, color=POSITIVE, linewidth=1.5)
        ax.set(xlim=(0, 1.02), ylim=(0, 0.5))
        ax.set(xlabel="accuracy of one episode", ylabel="share of the episodes")
        ax.set_title("grey: single episodes · blue: mean and its interval", fontsize=10)
        self.intervals = right.add_collection(LineCollection([], linewidths=2.2))
        (self.dots,) = right.plot([], [], ".", color=ANCHOR, markersize=2.5)
        right.axvline(0, color=ANCHOR, linewidth=1)
        right.set(xlim=(-WIDEST, WIDEST), ylim=(REPEATS, -1), yticks=[])
        right.set_xlabel("points from the long-run mean")
        right.set_title(f"{REPEATS} draws · orange: misses the long-run mean", fontsize=10)
        return figure, [*self.bars, self.band, self.line, self.intervals, self.dots]

    def update(self) -> dict:
        n_episodes, n_shot = self.controls["n_episodes"].value, self.controls["n_shot"].value
        everything = self.accuracies[n_shot]
        truth = everything.mean().item()
        generator = Generator().manual_seed(self.seed)
        drawn = torch.randint(len(everything), (REPEATS, n_episodes), generator=generator)
        draws = everything[drawn]  # (40, E)
        means, half_widths = torch.tensor([confidence_interval(draw) for draw in draws]).T
        holds = (means - truth).abs() <= half_widths
        self._show(draws[0], means, half_widths, truth, holds)
        return {
            "truth": truth,
            "mean": means[0].item(),
            "half_width": half_widths[0].item(),
            "means": means,
            "half_widths": half_widths,
            "held": int(holds.sum()),
        }

    def _show(
        self, draw: Tensor, means: Tensor, half_widths: Tensor, truth: float, holds: Tensor
    ) -> None:
        for bar, number in zip(self.bars, np.histogram(draw.numpy(), BINS)[0], strict=True):
            bar.set_height(number / len(draw))
        mean, half_width = means[0].item(), half_widths[0].item()
        self.band.set_x(mean - half_width)
        self.band.set_width(2 * half_width)
        self.line.set_xdata([mean, mean])
        rows, points = torch.arange(REPEATS), 100 * (means - truth)
        ends = [torch.stack([points + way * 100 * half_widths, rows], 1) for way in (-1, 1)]
        colours = [POSITIVE if held else NEGATIVE for held in holds]
        self.intervals.set(segments=torch.stack(ends, 1).numpy(), color=colours)
        self.dots.set_data(points.numpy(), rows.numpy())

    def draw(self) -> None:
        """Other episodes, as many."""
        self.seed = (self.seed + 1) % 2**32
        self.refresh()

    def describe(self) -> str:
        s = self.state
        names = ("mean", "half_width", "truth")
        mean, half_width, truth = (f"{100 * s[name]:.1f}" for name in names)
        drawn = f"{s['n_episodes']} episodes, {s['n_shot']} shots"
        return (
            f"{drawn}: {mean} ± {half_width} %, in the long run {truth} %; "
            f"of {REPEATS} such intervals {s['held']} hold it"
        )


def _accuracies(name: str, given: Any) -> Tensor:
    """(P,) float64 accuracies of enough episodes."""
    values = _validate.shaped(name, _validate.as_tensor(name, given), "P").detach().cpu()
    if len(values) < 100:
        raise ValueError(f"{name} must hold at least 100 episodes, got {len(values)}")
    if values.is_complex() or not ((values >= 0) & (values <= 1)).all():  # NaN is neither
        raise ValueError(f"{name} must lie in [0, 1]")
    return values.double()
