"""LiveTraining: a training that can be started, steered, paused and stopped, and is seen while it
runs.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from ipywidgets import IntProgress, Layout, Widget
from torch import Generator, Tensor, nn

from mlteach.data import Dataset
from mlteach.explorers._core.controls import button, log_slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.worker import Worker
from mlteach.explorers.training.live_figure import LivePicture, Score, map_of, twin_similarities
from mlteach.training import Run, TrainingDiverged, fit

PICTURES_A_SECOND = 10  # at most
DRAWING_SHARE = 0.25  # of the time, at most, unless a knob was moved


class LiveTraining(Explorer):
    """Start, pause and stop a training, and move its knobs while it runs: they act on the very next
    step.

    It runs in a thread of its own, so that the notebook stays free. **start** begins or goes on;
    once all steps are made it adds as many again. **pause** ends after the step at hand. **stop**
    ends too, and the next start begins again from the first weights. From Python, ``start()``,
    ``pause()``, ``stop()`` and ``wait()`` do the same.

    The same seed and the same knobs give the same run, however often and where it is drawn or
    paused. A training that diverges stops, says why, and keeps the weights of the step before.
    Running the cell again stops the training that the cell had started before.

    Args:
        method: as `mlteach.training.fit` wants it. A copy is trained, ``explorer.method``; use it
            while it is paused.
        draw: generator -> the views of one step; all its randomness must come from that generator.
        steps: updates that a start makes.
        lr: where the learning-rate slider begins; it reaches from a hundredth of it to its tenfold.
        knobs: attribute of the method → (low, high) of a logarithmic slider, or a control with a
            ``value``.
        evaluate: method -> score in [0, 1], called in evaluation mode before the first step, after
            every ``evaluate_every`` steps, and after the last.
        score_name: what the score is called.
        baselines: name → score to compare with.
        chance: loss of a blind guess, such as log(2B - 1) for NT-Xent.
        pictures: a few hundred, whose representations ``method.encode(images)`` are mapped as often
            as ``evaluate`` is called.
        similarities: aux of a step -> (N, M) cosines to show; None for no such panel.
        seed: of the run.
        narrow: draw a narrow picture, so that two fit side by side.
        name: runs of one name replace each other; without a name, those made by the same notebook
            cell do.

    ``state``: ``status`` (ready, running, paused, stopped, finished, diverged or failed) and
    ``why``, ``step``, ``steps``, ``loss``, ``score``; ``lr`` and every knob by name, as the next
    step will use them; ``used``, the same as the last step made has used them (empty before the
    first); ``matrix`` and ``layout``, as they are shown.
    """

    def __init__(
        self,
        method: nn.Module,
        draw: Callable[[Generator], tuple[Tensor, ...]],
        *,
        steps: int = 300,
        lr: float = 4e-3,
        knobs: Mapping[str, tuple[float, float] | Widget] | None = None,
        evaluate: Callable[[nn.Module], float] | None = None,
        evaluate_every: int = 20,
        score_name: str = "kNN accuracy",
        baselines: Mapping[str, float] | None = None,
        chance: float | None = None,
        pictures: Dataset | None = None,
        similarities: Callable[[Any], Tensor] | None = twin_similarities,
        seed: int = 0,
        narrow: bool = False,
        name: str | None = None,
    ):
        self.worker = Worker(name)
        self.method = copy.deepcopy(method).eval()
        self.draw, self.evaluate, self.evaluate_every, self.seed = (
            draw,
            evaluate,
            evaluate_every,
            seed,
        )
        self.pictures, self.similarities, self.score_name = pictures, similarities, score_name
        self.steps_of_a_start = steps
        self.knobs = {"lr": log_slider("learning rate", lr / 100, lr * 10, lr)}
        self.knobs |= {knob: self._knob(knob, given) for knob, given in (knobs or {}).items()}
        # the loop reads this dictionary
        self.settings = {knob: control.value for knob, control in self.knobs.items()}
        for knob, control in self.knobs.items():
            control.observe(
                lambda change, knob=knob: self.settings.update({knob: change["new"]}), "value"
            )
        self.beginning = self._look_at_the_beginning()
        self._begin_again()
        buttons = {"start": self.start, "pause": self.pause, "stop": self.stop}
        self.buttons = {label: button(label, action) for label, action in buttons.items()}
        self.bar = IntProgress(
            max=steps, description="steps", layout=Layout(width="100%" if narrow else "900px")
        )
        figure = LivePicture(
            {control.description: control for control in self.knobs.values()},
            chance=chance,
            score=Score(score_name, baselines or {}) if evaluate else None,
            matrix=self.matrix,
            labels=None if pictures is None else pictures.labels,
            classes=() if pictures is None else pictures.classes,
            narrow=narrow,
        )
        super().__init__(figure, self.buttons | self.knobs, figure.moving)
        self.widget.children = (self.widget.children[0], self.bar, *self.widget.children[1:])

    def _knob(self, name: str, given: tuple[float, float] | Widget) -> Widget:
        if not hasattr(self.method, name):
            kind = type(self.method).__name__
            raise ValueError(
                f"knobs must name attributes of the method, and {kind} has no {name!r}"
            )
        if isinstance(given, Widget):
            return given
        low, high = given
        value = getattr(self.method, name)
        if not 0 < low <= value <= high:
            raise ValueError(
                f"knobs[{name!r}] must be (low, high) with 0 < low <= {value} <= high, got {given}"
            )
        return log_slider(name.replace("_", " "), low, high, value)

    # --- what start, pause and stop do -----------------------------------------------------------

    def start(self) -> None:
        """Begins, or goes on."""
        with self.worker.turn:
            if self.worker.running:
                return
            if self.status in ("stopped", "failed"):
                self._begin_again()
            if len(self.rows) >= self.steps:
                self.steps += self.steps_of_a_start
            self.status, self.why, self.error = "running", "", None
            self.worker.start(self._train)

    def pause(self) -> None:
        """Ends after the step at hand; start goes on from there."""
        self.worker.halt()

    def stop(self) -> None:
        """Ends after the step at hand; start begins again from the first weights."""
        with self.worker.turn:
            self.worker.halt()
            self.status = "stopped"
        self.refresh()

    def wait(self) -> None:
        """Returns when the training has ended, and raises its error; interrupting the kernel pauses
        it.
        """
        try:
            self.worker.wait()
        except KeyboardInterrupt:
            self.pause()
            raise
        if self.error is not None:
            raise self.error

    def _begin_again(self) -> None:
        weights, score, self.layout, self.matrix = self.beginning
        self.method.load_state_dict(weights)
        self.run: Run | None = None
        self.steps = self.steps_of_a_start
        # of each step made: its number, its loss, the learning rate and the other knobs
        self.rows: list[tuple] = []
        self.scores = [] if score is None else [(0, score)]
        self.status, self.why, self.error = "ready", "", None
        self.used: dict = {}  # the knobs of the step at hand
        self.drawn: dict = {}  # the knobs of the last step that was drawn
        self.rest_until = 0.0  # no drawing before

    # --- in the training thread ------------------------------------------------------------------

    def _train(self) -> None:
        try:
            self.run = fit(
                self.method, self.draw, steps=self.steps, lr=self._set_knobs, seed=self.seed, evaluate=self._look,
                evaluate_every=self.evaluate_every, callback=self._after_step, resume=self.run, progress=False,
            )  # fmt: skip
            self.status = "finished" if self.run.step == self.steps else "paused"
        except TrainingDiverged as error:
            self.run, self.status, self.why = error.run, "diverged", str(error)
        except Exception as error:  # shown under the picture, and raised again by wait
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
        """The score and the next map; how often depends on the steps alone, never on the drawing."""
        if self.pictures is not None:
            smooth = {
                "start": self.layout,
                "iterations": 50,
                "early_exaggeration": 1,
                "exaggerated": 0,
            }
            self.layout = map_of(method, self.pictures.images, **smooth)
        if self.evaluate is None:
            return 0.0
        score = float(self.evaluate(method))
        self.scores.append((len(self.rows) + 1, score))  # fit evaluates before it calls back
        return score

    def _after_step(self, step: int, loss: float, aux: Any) -> bool:
        self.rows.append((step, loss, *self.used.values()))
        if self.similarities is not None:
            self.matrix = self.similarities(aux).detach().cpu().clone()
        start = time.monotonic()
        if start >= self.rest_until or self.used != self.drawn:
            self.refresh()
            end = time.monotonic()
            rest = max(1 / PICTURES_A_SECOND, (end - start) * (1 / DRAWING_SHARE - 1))
            self.drawn, self.rest_until = self.used, end + rest
        return self.worker.halting

    # --- the picture -----------------------------------------------------------------------------

    def _look_at_the_beginning(self) -> tuple[dict, float | None, Tensor | None, Tensor | None]:
        """The first weights, and what the untrained method's score, map and similarities are."""
        weights = copy.deepcopy(self.method.state_dict())
        with torch.no_grad():
            score = None if self.evaluate is None else float(self.evaluate(self.method))
        layout = (
            None
            if self.pictures is None
            else map_of(self.method, self.pictures.images, iterations=300)
        )
        matrix = None
        if self.similarities is not None:
            # a loss in training mode changes BatchNorm's statistics
            passing = copy.deepcopy(self.method).train()
            aux = passing.loss(*self.draw(Generator().manual_seed(self.seed)))[1]
            matrix = self.similarities(aux).detach().cpu().clone()
        return weights, score, layout, matrix

    def update(self) -> dict:
        # the thread may add to them
        rows, scores, following = list(self.rows), list(self.scores), dict(self.settings)
        labelled = {self.knobs[knob].description: value for knob, value in following.items()}
        if self.figure.show_curves(rows, scores, self.steps, labelled):
            self.redraw_all()
        matrix, layout = self.matrix, self.layout
        if matrix is not None:
            self.figure.cells.set_data(matrix.numpy())
        if layout is not None:
            self.figure.show_map(layout)
        step, loss, *used = rows[-1] if rows else (0, None)
        state = {
            "status": self.status,
            "why": self.why,
            "step": step,
            "steps": self.steps,
            "loss": loss,
        }
        state |= {"score": scores[-1][1] if scores else None, **following}
        return state | {
            "used": dict(zip(self.knobs, used, strict=False)),
            "matrix": matrix,
            "layout": layout,
        }

    def _redraw(self) -> None:
        super()._redraw()
        running, status = self.state["status"] == "running", self.state["status"]
        self.buttons["start"].disabled = running
        self.buttons["pause"].disabled = not running
        self.buttons["stop"].disabled = status in ("ready", "stopped")
        self.bar.max, self.bar.value = self.state["steps"], self.state["step"]
        self.canvas.problem = self.state["why"]

    def describe(self) -> str:
        s = self.state
        parts = [f"{s['status']}: step {s['step']} of {s['steps']}"]
        if s["loss"] is not None:
            parts.append(f"loss {s['loss']:.3f}")
        if s["score"] is not None:
            parts.append(f"{self.score_name} {s['score']:.3f}")
        for knob, control in self.knobs.items():
            used = s["used"].get(knob, s[knob])
            moved = "" if used == s[knob] else f" (next {s[knob]:.2g})"
            parts.append(f"{control.description} {used:.2g}{moved}")
        return " · ".join(parts)
