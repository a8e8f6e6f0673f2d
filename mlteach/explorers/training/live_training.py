"""LiveTraining: a training that is seen while it runs, with its knobs and buttons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ipywidgets import IntProgress, Layout, Widget
from matplotlib.artist import Artist
from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.data import Dataset
from mlteach.explorers._core.controls import button, log_slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers.training.live_figure import DASHES, LiveFigure, Score
from mlteach.explorers.training.live_run import LiveRun, positive_similarities
from mlteach.plots import Picture

FEWEST, MOST = 8, 2000  # images that can be mapped again and again


class LiveTraining(LiveRun, Explorer):
    """Start, pause and stop a training, and move its knobs while it runs.

    They act on the very next step. It runs in a thread of its own, so that the notebook stays free.
    **start** begins or goes on; once all steps are made it adds as many again. **pause** ends after
    the step at hand. **stop** ends too, and the next start begins again from the first weights.
    From Python, ``start()``, ``pause()`` and ``stop()`` do the same; ``wait()`` lets a cell last
    until the training ends, and buttons and sliders work meanwhile.

    The kernel's stop button pauses every training while a cell waits, or while no cell runs. While
    another cell runs it ends that cell alone, and the training goes on.

    The same seed and the same knobs give the same run, however often and where it is drawn or
    paused. A training that diverges stops, says why, and keeps the weights of the step before.
    Running the cell again stops the training that the cell had started before.

    Args:
        method: as `mlteach.training.fit` wants it. A copy is trained, ``explorer.method``; use it
            while it is paused.
        draw: generator -> the views of one step; all its randomness must come from that generator.
        steps: updates that a start makes, >= 1.
        lr: where the learning-rate slider begins; it reaches from a hundredth of it to its tenfold.
        knobs: attribute of the method → (low, high) of a logarithmic slider, or a control with a
            ``value``.
        evaluate: method -> score in [0, 1], called in evaluation mode before the first step, after
            every ``evaluate_every`` steps, and after the last.
        score_name: what the score is called.
        baselines: name → score to compare with.
        chance: loss at chance level, such as log(2B - 1) for NT-Xent.
        pictures: 8 to 2,000 images, best a few hundred, whose representations
            ``method.encode(images)`` are mapped as often as ``evaluate`` is called.
        similarities: aux of a step -> (N, M) cosines to show; None for no such panel.
        seed: of the run.
        narrow: draw a narrow figure, so that two fit side by side.
        name: runs of one name replace each other; without a name, those made by the same notebook
            cell do.

    ``state``: ``status`` (ready, running, paused, stopped, finished, diverged or failed) and
    ``why``, ``step``, ``steps``, ``loss``, ``score``; ``lr`` and every knob by name, as the next
    step will use them; ``used``, the same as the last step made has used them (empty before the
    first); ``matrix`` and ``layout``, as they are shown. ``moved`` tells whether a knob was moved
    in the midst of the run.
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
        similarities: Callable[[Any], Tensor] | None = positive_similarities,
        seed: int = 0,
        narrow: bool = False,
        name: str | None = None,
    ):
        _validate.instance("method", method, nn.Module, "a method (torch.nn.Module)")
        _validate.function("draw", draw, what="a function of a generator")
        steps = _validate.count("steps", steps)
        lr = float(_validate.number("lr", lr, at_least=1e-9, at_most=1e9))
        _check_watching(evaluate, similarities, pictures)
        evaluate_every = _validate.count("evaluate_every", evaluate_every)
        _validate.instance("score_name", score_name, str, "a text")
        baselines = _baselines(baselines)
        if chance is not None:
            chance = float(_validate.number("chance", chance, above=0))
        seed = _validate.seed("seed", seed)
        if not isinstance(name, str | None):
            raise TypeError(f"name must be a text or None, got {_validate.kind(name)}")
        self.knobs = {"lr": log_slider("learning rate", lr / 100, lr * 10, lr)}
        if not isinstance(knobs, Mapping | None):
            raise TypeError(f"knobs must be a dictionary, got {_validate.kind(knobs)}")
        self.knobs |= {knob: _knob(method, knob, given) for knob, given in (knobs or {}).items()}
        LiveRun.__init__(
            self,
            method,
            draw,
            steps=steps,
            settings={knob: control.value for knob, control in self.knobs.items()},
            evaluate=evaluate,
            evaluate_every=evaluate_every,
            pictures=pictures,
            similarities=similarities,
            seed=seed,
            name=name,
        )
        for knob, control in self.knobs.items():
            control.observe(
                lambda change, knob=knob: self.settings.update({knob: change["new"]}), "value"
            )
        self.score_name, self.chance = score_name, chance
        self.baselines, self.narrow = baselines, bool(narrow)
        buttons = {"start": self.start, "pause": self.hold, "stop": self.stop}
        self.buttons = {label: button(label, action) for label, action in buttons.items()}
        if narrow:
            for control in self.knobs.values():
                control.layout.flex = "1 1 13.5rem"  # two in a row of half a page
        room = Layout(flex="1 1 10rem", width="auto", max_width="20rem")
        self.bar = IntProgress(max=steps, description="steps", layout=room)
        Explorer.__init__(self, self.buttons | self.knobs)
        row = self.widget.children[0]
        row.children = (*self.buttons.values(), self.bar, *self.knobs.values())

    def refresh(self, _change=None) -> None:
        """Draws what there is now, from whatever thread."""
        Explorer.refresh(self)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        mapped = self.pictures
        figure = LiveFigure(
            {control.description: control for control in self.knobs.values()},
            chance=self.chance,
            score=Score(self.score_name, self.baselines) if self.evaluate else None,
            matrix=self.matrix,
            labels=None if mapped is None else mapped.labels,
            classes=() if mapped is None else mapped.classes,
            narrow=self.narrow,
        )
        return figure, figure.moving

    def update(self) -> dict:
        # the thread may add to them
        rows, scores = list(self.rows), list(self.scores)
        following = dict(self.settings)
        labelled = {self.knobs[knob].description: value for knob, value in following.items()}
        if self.figure.show_curves(rows, scores, self.steps, labelled):
            self.redraw_all()
        matrix, layout = self.matrix, self.layout
        if matrix is not None:
            self.figure.cells.set_data(matrix.numpy())
        if layout is not None:
            self.figure.show_map(layout)
        step, loss, *used = rows[-1] if rows else (0, None)
        return {
            "status": self.status,
            "why": self.why,
            "step": step,
            "steps": self.steps,
            "loss": loss,
            "score": scores[-1][1] if scores else None,
            **following,
            "used": dict(zip(self.knobs, used, strict=False)),
            "matrix": matrix,
            "layout": layout,
        }

    def _redraw(self) -> None:
        super()._redraw()
        status = self.state["status"]
        self.buttons["start"].disabled = status == "running"
        self.buttons["pause"].disabled = status != "running"
        self.buttons["stop"].disabled = status in ("ready", "stopped")
        self.bar.max, self.bar.value = self.state["steps"], self.state["step"]
        self.canvas.problem = self.state["why"]
        if status == "running":
            # One drawing a call. Whoever draws would else draw on for the other: a slider that
            # moves on and on would hold up the training, and on a slow machine the training would
            # hold up the kernel. What has changed meanwhile is drawn after one of the next steps.
            self._wanted = False
            if self.status != "running":  # set before the last drawing is asked for
                self._wanted = True

    @property
    def moved(self) -> bool:
        """Whether a knob was moved between the first step of the run and the last one made."""
        rows = list(self.rows)  # the thread may add to them
        return any(row[2:] != rows[0][2:] for row in rows)

    def headline(self) -> str:
        """One line: status, step, loss and score, as they are now."""
        loss = self.rows[-1][1] if self.rows else None
        score = self.scores[-1][1] if self.scores else None
        return self._headline(self.status, len(self.rows), self.steps, loss, score)

    def _headline(
        self, status: str, step: int, steps: int, loss: float | None, score: float | None
    ) -> str:
        parts = [f"{status}: step {step} of {steps}"]
        if loss is not None:
            parts.append(f"loss {loss:.3f}")
        if score is not None:
            parts.append(f"{self.score_name} {score:.3f}")
        return " · ".join(parts)

    def describe(self) -> str:
        s = self.state  # what is drawn; the thread may be further
        parts = [self._headline(*(s[key] for key in ("status", "step", "steps", "loss", "score")))]
        for knob, control in self.knobs.items():
            used = s["used"].get(knob, s[knob])
            same = f"{used:.2g}" == f"{s[knob]:.2g}"  # as the reader sees them
            moved = "" if same else f" (next {s[knob]:.2g})"
            parts.append(f"{control.description} {used:.2g}{moved}")
        return " · ".join(parts)


def _knob(method: nn.Module, name: str, given: tuple[float, float] | Widget) -> Widget:
    if not isinstance(name, str) or not hasattr(method, name):
        kind = type(method).__name__
        raise ValueError(f"knobs must name attributes of the method, and {kind} has no {name!r}")
    if isinstance(given, Widget):
        return given
    low, high = _validate.interval(f"knobs[{name!r}]", given, above=0)
    value = _validate.number(f"knobs[{name!r}]", getattr(method, name))
    if not 0 < low <= value <= high:
        raise ValueError(
            f"knobs[{name!r}] must be (low, high) with 0 < low <= {value} <= high, got {given}"
        )
    return log_slider(name.replace("_", " "), low, high, value)


def _check_watching(evaluate: Any, similarities: Any, pictures: Any) -> None:
    """What is looked at while the training runs, or None."""
    if evaluate is not None:
        _validate.function("evaluate", evaluate, what="a function of the method, or None")
    if similarities is not None:
        _validate.function("similarities", similarities, what="a function of aux, or None")
    if pictures is not None:
        _validate.instance("pictures", pictures, Dataset, "a Dataset or None")
        if not FEWEST <= len(pictures) <= MOST:
            allowed = f"{FEWEST} to {MOST:,} images: subset() takes some"
            raise ValueError(f"pictures must hold {allowed}, got {len(pictures):,}")


def _baselines(given: Any) -> dict[str, float]:
    if not isinstance(given, Mapping | None):
        raise TypeError(f"baselines must be a dictionary, got {_validate.kind(given)}")
    if len(given or {}) > len(DASHES):
        raise ValueError(f"baselines must be at most {len(DASHES)}, got {len(given)}")
    return {
        str(name): float(_validate.number(f"baselines[{name!r}]", value))
        for name, value in (given or {}).items()
    }
