"""Future: which frame comes some steps later? CPC's scores of the candidates, seen and heard."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from ipywidgets import HTML
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from mlteach import _validate
from mlteach.data import Sequences
from mlteach.explorers._core import sound
from mlteach.explorers._core.controls import count
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.pointer import Pointer
from mlteach.networks import in_mode
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, plain

SLOWER = 4  # times, at the same pitch
UNHEARD = 0.35  # of its darkness a sound has that is still to come


class Future(Explorer):
    """The frame that truly comes some steps later, against others that follow, by CPC's scores.

    A press on a sequence sets the present, one on a curve the step or the number of negatives.
    What was heard, what follows and what the network chooses can be played, four times slower.

    Args:
        method: a `mlteach.selfsup.CPC`, or whatever has ``steps``, how far it looks ahead, and
            ``scores(x, step)``, (B, T - horizon, horizon): at each moment t a score for each of the
            frames t + 1 to t + horizon of the same sequence, of which t + step is the true one.
        sequences: N waves.
        inputs: (N, ...) what the method is asked about; None: the (N, 1, samples) waves.
        sequence: the one that is shown first.

    ``state``: ``sequence``, ``present``, ``step`` and ``negatives`` as chosen; ``candidates``, the
    numbers of the frames that are compared, the ``truth`` first, and their ``probabilities``;
    ``rank`` of the truth (1 is best), ``choice``, the frame with the best score, and whether it is
    ``right``; over all sequences and moments ``accuracy``, its ``chance``, ``loss``, ``bound``, log
    of the number of candidates minus the loss, and its ``ceiling``, that logarithm.
    """

    more = sound.HEARD
    pointing = "drag"

    def __init__(
        self,
        method: nn.Module,
        sequences: Sequences,
        *,
        inputs: Tensor | None = None,
        sequence: int = 0,
    ):
        _validate.instance("sequences", sequences, Sequences, "Sequences, as data.tones makes them")
        if len(sequences) == 0:
            raise ValueError("sequences must hold at least one wave, got none")
        sequence = _validate.count("sequence", sequence, at_least=0, at_most=len(sequences) - 1)
        self.waves, self.rate = sequences.waves[:, 0].double().cpu(), sequences.sample_rate
        self.shown = [sound.spectrogram(wave) for wave in self.waves]
        # per step: (N, T - horizon, horizon) frames, the truth first, and their scores
        x = sequences.waves if inputs is None else _validate.as_tensor("inputs", inputs)
        if x.dim() == 0 or len(x) != len(sequences):
            given = len(x) if x.dim() else "a single number"
            raise ValueError(
                f"inputs must have a row for each of {len(sequences)} waves, got {given}"
            )
        self.order, self.scores = _ranked(method, x)
        self.steps, (_, moments, self.horizon) = len(self.order), self.order[0].shape
        self.frames = moments + self.horizon
        self.losses = [scores.logcumsumexp(-1) - scores[..., :1] for scores in self.scores]
        better = [(scores[..., 1:] >= scores[..., :1]) for scores in self.scores]
        self.errors = [mistaken.cumsum(-1).clamp(max=1) for mistaken in better]
        self.players = HTML()
        super().__init__(
            {
                "sequence": count("sequence", 0, len(sequences) - 1, sequence),
                "present": count("present: frame", 0, moments - 1, moments // 2),
                "step": count("steps ahead", 1, self.steps, 1),
                "negatives": count("negatives", 1, self.horizon - 1, self.horizon - 1),
            }
        )
        self.widget.children = [*self.widget.children, self.players]

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.25))
        left, right = figure.add_gridspec(1, 2, width_ratios=[2.1, 1])
        self.ax, self.bar_ax = left.subgridspec(2, 1, height_ratios=[1.3, 1]).subplots(sharex=True)
        self.step_ax, self.bound_ax = right.subgridspec(2, 1).subplots()
        self._draw_sound(plain(self.ax))
        self._draw_bars(plain(self.bar_ax))
        self._draw_accuracy(plain(self.step_ax))
        self._draw_bound(plain(self.bound_ax))
        curves = [self.accuracies, self.chance, self.at_step, self.bounds, self.at_negatives]
        sounds = [self.image, self.truth_box, self.choice_box]
        return figure, [*sounds, *self.bars, self.dots, self.guess, *self.presents, *curves]

    def _draw_sound(self, ax: Axes) -> None:
        hertz = self.rate / 2
        ink = {"cmap": "gray_r", "vmin": 0, "vmax": 1, "aspect": "auto", "origin": "lower"}
        self.image = ax.imshow(self.shown[0], extent=(0, self.frames, 0, hertz), **ink)
        frame = {"width": 1, "height": hertz / 2, "fill": False, "linewidth": 2.5}
        self.truth_box = ax.add_patch(Rectangle((0, 0), edgecolor=POSITIVE, zorder=4, **frame))
        self.choice_box = ax.add_patch(Rectangle((0, 0), edgecolor=NEGATIVE, zorder=3, **frame))
        ax.set(ylabel="hertz", xlim=(0, self.frames), ylim=(0, hertz / 2))  # little lies above
        ax.set_title("up to the line it is heard; blue: the true frame", fontsize=10)
        ax.tick_params("x", labelbottom=False)

    def _draw_bars(self, ax: Axes) -> None:
        places = np.arange(self.frames)
        self.bars = ax.bar(places + 0.5, 0 * places, width=0.8)
        # a candidate that gets nothing is seen too
        (self.dots,) = ax.plot([], [], ".", color=ANCHOR, markersize=5, clip_on=False, zorder=4)
        self.guess = ax.axhline(0, color=QUIET, linewidth=0.8, linestyle="--")
        lines = {"color": ANCHOR, "linewidth": 1.5, "zorder": 5}
        self.presents = [panel.axvline(0, **lines) for panel in (self.ax, ax)]
        ax.set(ylim=(0, 1.02), yticks=[0, 1], ylabel="probability", xlabel="frame")

    def _draw_accuracy(self, ax: Axes) -> None:
        places = range(1, self.steps + 1)
        (self.accuracies,) = ax.plot(places, [0] * self.steps, color=POSITIVE, marker=".")
        self.chance = ax.axhline(0, color=QUIET, linewidth=0.8, linestyle="--")
        (self.at_step,) = ax.plot([], [], "o", color=ANCHOR, markersize=8)
        ax.set(ylim=(0, 1.1), xlim=(0.6, self.steps + 0.4), xlabel="steps ahead")
        ax.set_xticks(range(1, self.steps + 1, 1 + (self.steps - 1) // 8))
        ax.set_title("accuracy, and chance (dashed)", fontsize=10)

    def _draw_bound(self, ax: Axes) -> None:
        places = np.arange(1, self.horizon)
        (self.bounds,) = ax.plot(places, 0 * places, color=POSITIVE)
        ax.plot(places, np.log(places + 1), color=QUIET, linewidth=0.8, linestyle="--")
        (self.at_negatives,) = ax.plot([], [], "o", color=ANCHOR, markersize=8)
        lowest = min(0.0, *(self._bounds(step).min().item() for step in range(self.steps)))
        ax.set(ylim=(1.1 * lowest, 1.1 * math.log(self.horizon)), xlabel="negatives")
        ax.set(xlim=(0, self.horizon))
        ax.set_title("bound, nats, and its ceiling (dashed)", fontsize=10)

    def _bounds(self, step: int) -> Tensor:
        """(horizon - 1,) the bound with 1, 2, … negatives."""
        losses = self.losses[step].flatten(0, 1).mean(0)[1:]
        return torch.arange(2, self.horizon + 1).log() - losses

    def update(self) -> dict:
        number, present = self.controls["sequence"].value, self.controls["present"].value
        step, negatives = self.controls["step"].value, self.controls["negatives"].value
        candidates = self.order[step - 1][number, present, : negatives + 1]
        scores = self.scores[step - 1][number, present, : negatives + 1]
        probabilities = scores.softmax(0)
        rank = 1 + int((scores[1:] >= scores[0]).sum())
        # where all are equal it has not chosen the true one
        choice = candidates[0] if rank == 1 else candidates[1:][scores[1:].argmax()]
        truth, choice = int(candidates[0]), int(choice)
        accuracies = [1 - errors[..., negatives - 1].double().mean() for errors in self.errors]
        bounds = self._bounds(step - 1)
        self._show_sequence(number, present, truth, choice)
        self._show_bars(candidates.tolist(), probabilities.tolist())
        self._show_curves(step, negatives, accuracies, bounds)
        self._play(number, present, truth, choice)
        return {
            "candidates": candidates.tolist(),
            "truth": truth,
            "probabilities": probabilities.tolist(),
            "rank": rank,
            "choice": choice,
            "right": choice == truth,
            "accuracy": accuracies[step - 1].item(),
            "chance": 1 / (negatives + 1),
            "loss": math.log(negatives + 1) - bounds[negatives - 1].item(),
            "bound": bounds[negatives - 1].item(),
            "ceiling": math.log(negatives + 1),
        }

    def _show_sequence(self, number: int, present: int, truth: int, choice: int) -> None:
        heard = self.shown[number].copy()
        heard[:, self._ends(present) // sound.HOP :] *= UNHEARD
        self.image.set_data(heard)
        for line in self.presents:
            line.set_xdata([present + 1, present + 1])
        self.truth_box.set_x(truth)
        self.choice_box.set(x=choice, visible=choice != truth)

    def _show_bars(self, candidates: list[int], probabilities: list[float]) -> None:
        heights = dict(zip(candidates, probabilities, strict=True))
        for frame, bar in enumerate(self.bars):
            bar.set_height(heights.get(frame, 0))
            bar.set_visible(frame in heights)  # others would be a line on the axis
            bar.set_color(POSITIVE if frame == candidates[0] else NEGATIVE)
        self.dots.set_data([frame + 0.5 for frame in candidates], probabilities)
        self.guess.set_ydata([1 / len(candidates)] * 2)

    def _show_curves(self, step: int, negatives: int, accuracies: list, bounds: Tensor) -> None:
        self.accuracies.set_ydata(accuracies)
        self.chance.set_ydata([1 / (negatives + 1)] * 2)
        self.at_step.set_data([step], [accuracies[step - 1]])
        self.bounds.set_ydata(bounds)
        self.at_negatives.set_data([negatives], [bounds[negatives - 1]])

    def _play(self, number: int, present: int, truth: int, choice: int) -> None:
        if not self.changed("sounds", number, present, truth, choice):
            return
        wave, ends = self.waves[number], self._ends
        frames = {"what truly follows": truth, "what the network chooses": choice}
        pieces = {name: wave[ends(frame - 1) : ends(frame)] for name, frame in frames.items()}
        sounds = {"heard so far": sound.slower(wave[: ends(present)], SLOWER)}
        for name, piece in pieces.items():
            sounds[name] = sound.audible(piece, self.rate, SLOWER)
        self.players.value = sound.players(sounds, self.rate)

    def _ends(self, frame: int) -> int:
        """The sample behind a frame."""
        return (frame + 1) * len(self.waves[0]) // self.frames

    def pointed(self, pointer: Pointer) -> None:
        places: dict[Axes, tuple[str, Callable[[float], int]]] = {
            self.ax: ("present", math.floor),
            self.bar_ax: ("present", math.floor),
            self.step_ax: ("step", round),
            self.bound_ax: ("negatives", round),
        }
        if pointer.pressed and pointer.ax in places:
            name, to_whole = places[pointer.ax]
            control = self.controls[name]
            control.value = min(max(to_whole(pointer.x), control.min), control.max)

    def describe(self) -> str:
        s = self.state
        frame = f"sequence {s['sequence']}, heard to frame {s['present']}, {s['step']} ahead"
        among = f"{s['probabilities'][0]:.2f} among {s['negatives'] + 1}"
        chosen = "which is chosen" if s["right"] else f"frame {s['choice']} is chosen"
        share = f"accuracy {s['accuracy']:.0%} (chance {s['chance']:.0%})"
        bound = f"bound {_plain(s['bound'])} of {s['ceiling']:.2f} nats"
        true = f"true frame {s['truth']}: probability {among}, {chosen}"
        return f"{frame}; {true}. All sequences: {share}, {bound}"


def _plain(number: float) -> str:
    """Two decimals, and no sign of a zero."""
    return f"{round(number, 2) + 0.0:.2f}"


def _ranked(method: Any, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """For each step the candidates of each moment, the true frame first, and their scores."""
    _validate.module("method", method)
    steps = _validate.count("method.steps", getattr(method, "steps", None))
    scores_of = _validate.function(
        "method.scores", getattr(method, "scores", None), what="a function of (x, step)"
    )
    with in_mode(method, training=False), torch.no_grad():
        scored = [scores_of(x, step).double().cpu() for step in range(1, steps + 1)]
    size, orders, ordered = scored[0].shape, [], []
    if len(size) != 3 or not steps <= size[-1] > 1:
        wanted = f"(B, T - horizon, horizon >= {max(steps, 2)})"
        raise ValueError(f"method.scores(x, 1) must be {wanted}, got shape {tuple(size)}")
    for step, scores in enumerate(scored, 1):
        name = f"method.scores(x, {step})"
        _validate.shaped(name, scores, len(x), size[1], size[2])
        _validate.finite(name, scores)
        lots = torch.rand(size, generator=torch.Generator().manual_seed(step))
        lots[..., step - 1] = -1  # the truth comes first
        order = lots.argsort(-1)
        ordered.append(scores.gather(-1, order))
        orders.append(torch.arange(size[1])[:, None] + 1 + order)
    return orders, ordered
