"""Melody: CPC's task for the ear. A melody breaks off: which of four ways to go on is its own?"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import torch
from ipywidgets import HTML
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from mlteach import _validate
from mlteach.data import Sequences
from mlteach.explorers._core import sound
from mlteach.explorers._core.controls import button, choice, count
from mlteach.explorers._core.explorer import Explorer
from mlteach.plots import NEGATIVE, POSITIVE, QUIET, Picture, plain

LETTERS = "ABCD"
# Notes before a melody breaks off, and of a way to go on: a whole tune of four, so that all ways of
# one melody have the same notes, and their order alone tells which is right.
HEARD, AFTER = 5, 4
SAME, OTHER = KINDS = "the same melody", "other melodies"
CHANCE = 1 / len(LETTERS)
SLOWER = 4  # times, at the same pitch


class Question(NamedTuple):
    """A melody up to where it breaks off, four ways to go on, and which of them is its own."""

    heard: Tensor  # (samples,)
    ways: list[Tensor]
    truth: int


class Melody(Explorer):
    """Hear a melody that breaks off and four ways to go on, and choose: then all is shown.

    The three wrong ones come from the same melody, later than they should, or from others. Only the
    first answer to a question counts. All is played four times slower, at the same pitch.

    Args:
        sequences: at least four waves, each of at least twelve whole notes.
        note: samples of a note. Where a wave has "start" among its factors, in notes, as those of
            `data.tones`, its first note is incomplete and left out.
        questions: how many there are of each kind; the waves are taken in turn, for the second kind
            from the middle on.

    ``state``: ``question`` and ``wrong`` as chosen; ``answer``, a letter, and before there is one
    "", as the ``truth`` is; ``right``, None before; ``score``, by kind how many answers there are
    and how many of them are right; ``chance``.
    """

    more = sound.HEARD

    def __init__(self, sequences: Sequences, *, note: int = 256, questions: int = 20):
        _validate.instance("sequences", sequences, Sequences, "Sequences, as data.tones makes them")
        self.note = _validate.count("note", note)
        questions = _validate.count("questions", questions)
        self.waves, self.rate = _whole_notes(sequences, self.note), sequences.sample_rate
        if len(self.waves) < len(LETTERS):
            raise ValueError(f"sequences must hold at least 4 waves, got {len(self.waves)}")
        least = (HEARD + AFTER + len(LETTERS) - 1) * self.note
        if (shortest := min(map(len, self.waves))) < least:
            raise ValueError(f"sequences must have {least} samples of whole notes, got {shortest}")
        # (kind, question) → the answer, and whether it is right
        self.answers: dict[tuple[str, int], tuple[int, bool]] = {}
        self.players = HTML()
        buttons = {
            letter: button(f"{letter} is right", lambda place=place: self._answer(place))
            for place, letter in enumerate(LETTERS)
        }
        controls = {
            "wrong": choice("wrong ones come from", KINDS),
            "question": count("question", 1, questions, 1),
        }
        super().__init__(controls | buttons | {"next": button("next question", self._next)})
        self.widget.children = [*self.widget.children, self.players]

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 2.3))
        ratios = [HEARD, *[AFTER] * len(LETTERS), 0.6, 4]
        grid = figure.add_gridspec(1, len(ratios), width_ratios=ratios)
        panels = [figure.add_subplot(grid[place]) for place in range(1 + len(LETTERS))]
        self.ax, tally = panels[0], plain(figure.add_subplot(grid[-1]))
        self.lines, self.images, self.boxes = [], [], []
        for ax, name in zip(panels, ["heard", *LETTERS], strict=True):
            self._draw_sound(ax, name)
        side = {"rotation": 90, "ha": "right", "va": "center", "fontsize": 10}
        self.side = self.ax.text(-0.1, self.rate / 8, self._axis(), **side)
        self._draw_tally(tally)
        sounds = [*self.lines, *self.images, *self.boxes]
        return figure, [*sounds, *self.bars, *self.counts, self.side]

    def _axis(self) -> str:
        return f"0 to {self.rate // 4:,} Hz"

    def _draw_sound(self, ax: Axes, name: str) -> None:
        """A wave, which tells nothing, and its spectrogram, which tells all."""
        length, highest = (HEARD if name == "heard" else AFTER), self.rate / 4
        ink = {"cmap": "gray_r", "vmin": 0, "vmax": 1, "aspect": "auto", "origin": "lower"}
        box = (0, length, 0, 2 * highest)
        self.images.append(ax.imshow(np.zeros((1, 1)), extent=box, **ink))
        self.lines += ax.plot([], [], color=QUIET, linewidth=0.6)
        place = {"width": length, "height": highest, "fill": False, "linewidth": 5, "zorder": 3}
        self.boxes.append(ax.add_patch(Rectangle((0, 0), **place)))
        ax.set(xlim=(0, length), ylim=(0, highest), xticks=[], yticks=[])
        ax.set_title(name, fontsize=10)

    def _draw_tally(self, ax: Axes) -> None:
        self.bars = ax.barh([0, 1], [0, 0], height=0.5, color=POSITIVE)
        ends = [-0.25, 0.75], [0.25, 1.25]  # of the bars: the texts above them stay free
        ax.vlines([CHANCE, CHANCE], *ends, color=QUIET, linewidth=0.8, linestyles="--")
        ax.set(xlim=(0, 1.02), ylim=(1.6, -0.6), xticks=[CHANCE, 1], yticks=[])
        ax.set_xticklabels(["chance", "1"])
        ax.set_title("your accuracy", fontsize=10)
        self.counts = [ax.text(0.02, place - 0.33, "", fontsize=9) for place in (0, 1)]

    def _question(self) -> Question:
        """The same one whenever it is asked; a few are the most that anybody listens to."""
        kind, number = self.controls["wrong"].value, self.controls["question"].value
        lots = random.Random(f"{kind} {number}")
        # from the middle on for the second kind: the first has given away how its melodies go on
        begin = KINDS.index(kind) * (len(self.waves) // 2)
        asked = (begin + number - 1) % len(self.waves)
        others = [i for i in range(len(self.waves)) if i != asked]

        def part(wave: int, begin: int, notes: int) -> Tensor:
            return self.waves[wave][begin * self.note : (begin + notes) * self.note]

        places = range(1, len(LETTERS))
        wrong = (
            [part(asked, HEARD + later, AFTER) for later in places]
            if kind == SAME
            else [part(wave, HEARD, AFTER) for wave in lots.sample(others, len(places))]
        )
        truth = lots.randrange(len(LETTERS))
        lots.shuffle(wrong)
        ways = [*wrong[:truth], part(asked, HEARD, AFTER), *wrong[truth:]]
        return Question(part(asked, 0, HEARD), ways, truth)

    def _answer(self, place: int) -> None:
        key = self.controls["wrong"].value, self.controls["question"].value
        self.answers.setdefault(key, (place, place == self.asked.truth))
        self.refresh()

    def _next(self) -> None:
        """The next one that has no answer yet, from the first on after the last; none: it stays."""
        control, kind = self.controls["question"], self.controls["wrong"].value
        after = [(control.value + n) % control.max + 1 for n in range(control.max)]
        open_ones = [number for number in after if (kind, number) not in self.answers]
        if open_ones:
            control.value = open_ones[0]

    def update(self) -> dict:
        kind, number = self.controls["wrong"].value, self.controls["question"].value
        if self.changed("question", kind, number):
            self.asked = self._question()
            self._play()
        answer, right = self.answers.get((kind, number), (None, None))
        self._show_sounds(answer)
        score = self._score()
        for bar, text, name in zip(self.bars, self.counts, score, strict=True):
            answered, correct = score[name]
            bar.set_width(correct / max(answered, 1))
            text.set_text(f"{name}: {correct} of {answered}")
        return {
            "answer": "" if answer is None else LETTERS[answer],
            "truth": "" if answer is None else LETTERS[self.asked.truth],
            "right": right,
            "score": score,
            "chance": CHANCE,
        }

    def _show_sounds(self, answer: int | None) -> None:
        middle, known = self.rate / 8, answer is not None
        parts = [self.asked.heard, *self.asked.ways]
        self.side.set_text(self._axis() if known else "wave")
        panels = zip(self.lines, self.images, self.boxes, parts, strict=True)
        for place, (line, image, box, part) in enumerate(panels, start=-1):
            line.set_visible(not known)
            image.set_visible(known)
            box.set_visible(known and place in (answer, self.asked.truth))
            box.set_edgecolor(POSITIVE if place == self.asked.truth else NEGATIVE)
            if known:
                image.set_data(sound.spectrogram(part))
            else:
                time = torch.arange(len(part)) / self.note
                line.set_data(time, middle * (1 + 0.9 * part))

    def _score(self) -> dict[str, tuple[int, int]]:
        """By kind: how many answers there are, and how many of them are right."""
        told = {kind: [r for (k, _), (_, r) in self.answers.items() if k == kind] for kind in KINDS}
        return {kind: (len(right), sum(right)) for kind, right in told.items()}

    def _play(self) -> None:
        heard, *ways = (sound.slower(part, SLOWER) for part in (self.asked.heard, *self.asked.ways))
        sounds = {"heard": heard}
        for letter, way in zip(LETTERS, ways, strict=True):
            sounds[f"heard, then {letter}"] = torch.cat([heard, way])
        self.players.value = sound.players(sounds, self.rate)

    def describe(self) -> str:
        s = self.state
        asked = f"question {s['question']}, wrong ones from {s['wrong']}"
        if s["answer"]:
            said = f"you chose {s['answer']}"
            told = f"{said}, rightly" if s["right"] else f"{said}, the right one is {s['truth']}"
        else:
            told = "listen, then choose: which of A, B, C and D goes on as the melody does?"
        if s["score"][s["wrong"]][0] == self.controls["question"].max:
            told += f", and all {self.controls['question'].max} questions are answered"
        scores = (f"{kind} {right} of {asked}" for kind, (asked, right) in s["score"].items())
        return f"{asked}: {told}{'.' if s['answer'] else ''} Right: {', '.join(scores)}; chance 25%"


def _whole_notes(sequences: Sequences, note: int) -> list[Tensor]:
    """The waves from the first whole note on."""
    starts = sequences.factors.get("start", torch.zeros(len(sequences)))
    begins = ((-starts.double()) % 1 * note).round().long().tolist()
    waves = sequences.waves[:, 0].double().cpu()
    return [wave[begin:] for wave, begin in zip(waves, begins, strict=True)]
