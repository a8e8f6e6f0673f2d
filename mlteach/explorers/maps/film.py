"""Film: the map of an embedding while the encoder learns, stage by stage."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from ipywidgets import Layout, Play, jslink
from matplotlib.artist import Artist
from torch import Tensor

from mlteach import _validate
from mlteach.evaluate.layouts import layout_moves
from mlteach.explorers._core.controls import choice, count
from mlteach.explorers._core.factors import mapping, rising
from mlteach.explorers.maps.embedding_map import EmbeddingMap
from mlteach.plots import ANCHOR, CLASS_COLOURS, QUIET, Picture, legible, plain


class Film(EmbeddingMap):
    """A layout for each stage of a training, as `mlteach.maps.tsne_film` makes them.

    Every layout was begun where the last one ended. All stages share one scale and one place, so
    what moves on the screen has moved on the map. Below, measures of the embedding itself, which no
    map can embellish.

    Args:
        encodings: (E, N, D), the same N points at E stages.
        layouts: (E, N, 2).
        factors, images, names, cyclic: as in `EmbeddingMap`.
        steps: the E >= 2 training steps, rising.
        scores: name → (E,) measures of each stage, between -1 and 1, drawn as curves; at most ten.

    ``state``: as `EmbeddingMap`'s, with ``frame``, ``step``, the ``scores`` of the stage by name,
    and ``moved``: how far points have moved since the stage before, on average, as a share of the
    map's spread.
    """

    panels = (["map", "image", "key"], ["map", "text", "course"])
    key_rows = 6  # the names of the scores stand below
    least_text = 1.7  # the course stands beside the text

    def __init__(
        self,
        encodings: Tensor,
        layouts: Tensor,
        factors: Mapping[str, Tensor],
        *,
        steps: Sequence[int],
        scores: Mapping[str, Sequence[float]],
        images: Tensor | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
        cyclic: Sequence[str] = (),
    ):
        self.steps = rising("steps", steps)
        if len(self.steps) < 2:
            raise ValueError(f"steps must be at least 2, got {self.steps}")
        self.stages = _stages("encodings", encodings, len(self.steps))
        layouts = _stages("layouts", layouts, len(self.steps))
        self.scores = _scores(scores, len(self.steps))
        places = layouts.double()
        self.reach = (places - places.mean(1, keepdim=True)).abs().max().item()
        self.moved = layout_moves(places).tolist()
        super().__init__(
            {"stages": self.stages[0]},
            {"stages": layouts},
            factors,
            images=images,
            parameters={"frame": range(len(self.steps))},
            names=names,
            cyclic=cyclic,
        )
        self.play = Play(max=len(self.steps) - 1, interval=200, layout=Layout(width="auto"))
        self.link = jslink((self.play, "value"), (self.controls["frame"], "value"))
        row = self.widget.children[0]
        row.children = (self.play, *row.children)

    def _controls(self) -> dict:
        last = len(self.steps) - 1
        return {
            "frame": count("frame", 0, last, last),
            "colour": choice("colour by", self._colourable()),
        }

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure, moving = super().make_figure()
        course = plain(self.axes["course"])
        for turn, (name, values) in enumerate(self.scores.items()):
            colour = CLASS_COLOURS[turn]
            course.plot(self.steps, values, color=colour, linewidth=1.5)
            look = {"color": colour, "fontsize": 8, "ha": "right", "transform": course.transAxes}
            course.text(1, 1.02 + 0.16 * turn, legible(name, 34), **look)
        (self.now,) = course.plot([0, 0], [-1, 1], color=ANCHOR, linewidth=1)
        low = min([0.0, *(min(values) - 0.02 for values in self.scores.values())])
        course.set(ylim=(low, 1.02), xlabel="training step", xlim=(self.steps[0], self.steps[-1]))
        if low < 0:
            course.axhline(0, color=QUIET, linewidth=0.5)
        course.xaxis.label.set_size(8)
        course.tick_params(labelsize=8)
        return figure, [*moving, self.now]

    def update(self) -> dict:
        frame = self.controls["frame"].value
        state = super().update()
        step = self.steps[frame]
        self.now.set_xdata([step, step])
        self.title.set_text(f"step {step}: trustworthiness {state['trustworthiness']:.3f}")
        scores = {name: values[frame] for name, values in self.scores.items()}
        return state | {"step": step, "scores": scores, "moved": self.moved[frame]}

    def _shown(self) -> tuple[Hashable, Tensor, Tensor]:
        frame = self.controls["frame"].value
        return frame, self.stages[frame], self.layouts["stages"][frame]

    def _reach(self, centred: Tensor) -> float:
        return self.reach

    def describe(self) -> str:
        s = self.state
        parts = [f"step {s['step']}", f"trustworthiness {s['trustworthiness']:.3f}"]
        parts += [f"{name} {value:.2f}" for name, value in s["scores"].items()]
        parts.append(f"points moved by {s['moved']:.3f} of the map's spread")
        return " · ".join(parts)


def _stages(name: str, given: Any, count: int) -> Tensor:
    """(E, N, D) finite numbers of so many stages."""
    stages = _validate.as_tensor(name, given).detach().cpu()
    if stages.dim() == 0 or len(stages) != count:
        rows = len(stages) if stages.dim() else "a single number"
        raise ValueError(f"{name} must have one entry for each of {count} steps, got {rows}")
    if stages.dim() < 3:
        raise ValueError(f"{name} must be (E, N, D), got {tuple(stages.shape)}")
    flat = stages.flatten(2)
    return _validate.features(name, flat.flatten(0, 1)).view(flat.shape)


def _scores(given: Any, count: int) -> dict[str, list[float]]:
    scores = {}
    for name, values in (mapping("scores", given) if given != {} else {}).items():
        shown = f"scores[{name!r}]"
        values = _validate.as_tensor(shown, values)
        if values.dim() != 1 or len(values) != count:
            wanted = f"one entry for each of {count} steps"
            raise ValueError(f"{shown} must have {wanted}, got shape {tuple(values.shape)}")
        scores[str(name)] = [
            float(_validate.number(shown, value, at_least=-1, at_most=1)) for value in values
        ]
    if len(scores) > len(CLASS_COLOURS):
        raise ValueError(f"scores must be at most {len(CLASS_COLOURS)}, got {len(scores)}")
    return scores
