"""LiveRun: a training in a thread of its own that can be started, steered, paused and stopped."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from mlteach.data import Dataset
from mlteach.evaluate import features
from mlteach.explorers._core.kernel import Line, Paused, answering_page, on_interrupt
from mlteach.explorers._core.worker import Worker, interrupt_all
from mlteach.maps import tsne
from mlteach.training import Run, TrainingDiverged, fit

FIGURES_A_SECOND = 10  # at most
DRAWING_SHARE = 0.25  # of the time, at most, unless a knob was moved
GO_ON = "start() or the start button goes on."
LINES_A_SECOND = 4  # of progress, where a cell waits
MOST_STAGES = 100  # that are kept; of more every second one is dropped


class Stage(NamedTuple):
    """What a training's images were at a step."""

    step: int
    z: Tensor  # (N, D) directions of their representations
    layout: Tensor  # (N, 2) t-SNE of these


def positive_similarities(aux: Mapping[str, Tensor], count: int = 32) -> Tensor:
    """Cosines of the first views of up to 32 images (rows) with the second views of the same."""
    return aux["z1"][:count] @ aux["z2"][:count].T


def stage_of(method: nn.Module, images: Tensor, step: int, **options) -> Stage:
    """The images as the method sees them now; options are those of `mlteach.maps.tsne`."""
    z = nn.functional.normalize(features(method, images), dim=1)
    return Stage(step, z, tsne(z, perplexity=min(30.0, len(z) / 4), **options))


class LiveRun:
    """What of a live training is no figure: its thread, its steps, and what it has measured.

    A subclass draws: it defines ``refresh``, which is called from the training's thread, at most
    ten times a second and for at most a quarter of the time. And it defines ``headline``.

    Args:
        method: as `mlteach.training.fit` wants it; a copy is trained.
        draw: generator -> the views of one step.
        steps: updates that a start makes.
        settings: "lr" and the other knobs → value; the loop reads this dictionary at every step.
        evaluate: method -> score, or None.
        evaluate_every: steps from one score and map to the next.
        pictures: whose representations are mapped, or None.
        similarities: aux of a step -> (N, M) cosines to show, or None.
        seed: of the run.
        name: runs of one name replace each other; without a name, those of the same cell do.
    """

    def __init__(
        self,
        method: nn.Module,
        draw: Callable[[Generator], tuple[Tensor, ...]],
        *,
        steps: int,
        settings: dict[str, Any],
        evaluate: Callable[[nn.Module], float] | None,
        evaluate_every: int,
        pictures: Dataset | None,
        similarities: Callable[[Any], Tensor] | None,
        seed: int,
        name: str | None,
    ):
        self.worker = Worker(name)
        self.waiting = 0  # cells that wait
        self.held = False  # paused by its button while a cell waits, which goes on waiting
        self.told: list[tuple[Line, str]] = []  # what cells that have waited say at last
        self.method = copy.deepcopy(method).eval()
        self.draw, self.seed = draw, seed
        self.steps_of_a_start, self.settings = steps, settings
        self.evaluate, self.evaluate_every = evaluate, evaluate_every
        self.pictures, self.similarities = pictures, similarities
        self.follow: Callable[[], None] | None = None  # called when the stages have changed
        self.beginning = self._look_at_the_beginning()
        self._begin_again()

    def refresh(self) -> None:
        """Draws what there is now."""
        raise NotImplementedError

    def headline(self) -> str:
        """One line: status, step, loss and score."""
        raise NotImplementedError

    # --- what start, pause and stop do -----------------------------------------------------------

    def start(self) -> None:
        """Begins, or goes on."""
        with self.worker.turn:
            if self.worker.running:
                return
            if self.status in ("stopped", "failed"):
                self._begin_again()
            for line, text in self.told:
                line.show(f"earlier: {text}")
            self.told.clear()
            if len(self.rows) >= self.steps:
                self.steps += self.steps_of_a_start
            self.status, self.why = "running", ""
            self.error, self.held = None, False
            self.rest_until = 0.0  # the page hears at once that it runs
            self.worker.start(self._train)

    def pause(self) -> None:
        """Ends after the step at hand; start goes on from there."""
        self.worker.halt()

    def hold(self) -> None:
        """What the pause button does: a cell that waits goes on waiting, for start or stop."""
        self.held = self.waiting > 0
        self.pause()

    def stop(self) -> None:
        """Ends after the step at hand; start begins again from the first weights."""
        with self.worker.turn:
            self.held = False
            self.worker.halt()
            self.status, self.why = "stopped", ""
        self.refresh()

    def wait(self, *, progress: bool = True) -> None:
        """Returns when the training has ended or was paused; raises its error if it failed.

        Meanwhile the buttons and sliders on the page work, and a line in the cell's output shows
        how far it has come. After the pause button the cell waits on, for start or stop, so that
        the cells below do not run with half a training. The kernel's stop button, or Ctrl-C, pauses
        this and all other trainings and ends the waiting with `KeyboardInterrupt`: a notebook shows
        one line of it.

        Args:
            progress: show the line, in a notebook.
        """
        line, next_line = Line(), 0.0
        with on_interrupt(interrupt_all) as interrupts, answering_page() as listen:
            self.waiting += 1
            try:
                while self.worker.running or (self.held and not interrupts):
                    if progress and time.monotonic() >= next_line:
                        paused = "" if self.worker.running else " · start goes on, stop ends"
                        line.show(f"{_bar(len(self.rows) / self.steps)} {self.headline()}{paused}")
                        next_line = time.monotonic() + 1 / LINES_A_SECOND
                    if listen is None and not self.worker.running:
                        time.sleep(0.05)
                    else:
                        (listen or self.worker.wait)(0.05)
            finally:
                self.waiting -= 1
        if progress:
            begin = " · start() or the start button begins" if self.status == "ready" else ""
            text = self.headline() + begin
            line.show(text)
            self.told.append((line, text))
        if self.error is not None:
            raise self.error
        if interrupts:
            raise Paused(f"{self.status} at step {len(self.rows)} of {self.steps}: {GO_ON}")

    def _begin_again(self) -> None:
        weights, score, stage, self.matrix = self.beginning
        self.method.load_state_dict(weights)
        self.run: Run | None = None
        self.steps = self.steps_of_a_start
        # of each step made: its number, its loss, the learning rate and the other knobs
        self.rows: list[tuple] = []
        self.scores = [] if score is None else [(0, score)]
        self.status, self.why = "ready", ""
        self.error: BaseException | None = None
        self.used: dict = {}  # the knobs of the step at hand
        self.drawn: dict = {}  # the knobs of the last step that was drawn
        self.rest_until = 0.0  # no drawing before
        self._keep([] if stage is None else [stage])

    def _keep(self, stages: list[Stage]) -> None:
        """These are the stages now; whoever follows them hears of it."""
        self.stages = stages
        if self.follow is not None:
            self.follow()

    @property
    def layout(self) -> Tensor | None:
        """(N, 2) the last map."""
        return self.stages[-1].layout if self.stages else None

    def _look_at_the_beginning(self) -> tuple[dict, float | None, Stage | None, Tensor | None]:
        """The first weights, and what the untrained method's score, stage and similarities are."""
        weights = copy.deepcopy(self.method.state_dict())
        score = stage = matrix = None
        if self.evaluate is not None:
            with torch.no_grad():
                score = float(self.evaluate(self.method))
        if self.pictures is not None:
            stage = stage_of(self.method, self.pictures.images, 0, iterations=300)
        if self.similarities is not None:
            # a loss in training mode changes BatchNorm's statistics
            passing = copy.deepcopy(self.method).train()
            aux = passing.loss(*self.draw(Generator().manual_seed(self.seed)))[1]
            matrix = self.similarities(aux).detach().cpu().clone()
        return weights, score, stage, matrix

    # --- in the training thread ------------------------------------------------------------------

    def _train(self) -> None:
        try:
            self.run = fit(
                self.method,
                self.draw,
                steps=self.steps,
                lr=self._set_knobs,
                seed=self.seed,
                evaluate=self._look,
                evaluate_every=self.evaluate_every,
                callback=self._after_step,
                resume=self.run,
                progress=False,
            )
            self.status = "finished" if self.run.step == self.steps else "paused"
            if self.worker.interrupted:
                self.why = f"The kernel's stop button paused this training; {GO_ON}"
        except TrainingDiverged as error:
            self.run, self.status = error.run, "diverged"
            self.why = str(error)
        except BaseException as error:  # sys.exit too: shown under the figure, raised by wait
            self.error, self.status = error, "failed"
            self.why = f"{type(error).__name__}: {error}".splitlines()[0]
        self.refresh()

    def _set_knobs(self, step: int) -> float:
        """The learning rate of the step to come; the other knobs are set on the way."""
        self.used = dict(self.settings)
        for knob, value in self.used.items():
            if knob != "lr":
                setattr(self.method, knob, value)
        return self.used["lr"]

    def _look(self, method: nn.Module) -> float:
        """The score and the next map; how often depends on the steps alone, never on a drawing."""
        step = len(self.rows) + 1  # fit evaluates before it calls back
        if self.pictures is not None:
            smooth = {"iterations": 50, "early_exaggeration": 1, "exaggerated": 0}
            stage = stage_of(method, self.pictures.images, step, start=self.layout, **smooth)
            before = self.stages if len(self.stages) < MOST_STAGES else self.stages[::2]
            self._keep([*before, stage])
        if self.evaluate is None:
            return 0.0
        score = float(self.evaluate(method))
        self.scores.append((step, score))
        return score

    def _after_step(self, step: int, loss: float, aux: Any) -> bool:
        self.rows.append((step, loss, *self.used.values()))
        if self.similarities is not None:
            self.matrix = self.similarities(aux).detach().cpu().clone()
        start = time.monotonic()
        if start >= self.rest_until or self.used != self.drawn:
            self.refresh()
            end = time.monotonic()
            rest = max(1 / FIGURES_A_SECOND, (end - start) * (1 / DRAWING_SHARE - 1))
            self.drawn, self.rest_until = self.used, end + rest
        return self.worker.halting


def _bar(share: float, width: int = 20) -> str:
    full = round(share * width)
    return "█" * full + "░" * (width - full)
