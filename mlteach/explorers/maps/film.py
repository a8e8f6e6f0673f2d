"""Film: the map of an embedding while the encoder learns, stage by stage."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from ipywidgets import Layout, Play, jslink
from matplotlib.artist import Artist
from torch import Tensor

from mlteach.evaluate.layouts import layout_moves
from mlteach.explorers._core.controls import choice, count
from mlteach.explorers.maps.embedding_map import EmbeddingMap
from mlteach.plots import ANCHOR, CLASS_COLOURS, Picture, plain


class Film(EmbeddingMap):
    """A layout for each stage of a training, as `mlteach.maps.tsne_film` makes them.

    Every layout was begun where the last one ended. All stages share one scale and one place, so
    what moves on the screen has moved on the map. Below, measures of the embedding itself, which no
    map can embellish.

    Args:
        encodings: (E, N, D), the same N points at E stages.
        layouts: (E, N, 2).
        factors, images, names, cyclic: as in `EmbeddingMap`.
        steps: the E training steps.
        scores: name → (E,) measures of each stage, between 0 and 1, drawn as curves.

    ``state``: as `EmbeddingMap`'s, with ``frame``, ``step``, the ``scores`` of the stage by name,
    and ``moved``: how far points have moved since the stage before, on average, as a share of the
    map's spread.
    """

    panels = (["map", "image", "key"], ["map", "text", "course"])
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
        for name, values in {"encodings": encodings, "layouts": layouts, **scores}.items():
            if len(values) != len(steps):
                raise ValueError(
                    f"{name} must have one entry for each of {len(steps)} steps, got {len(values)}"
                )
        self.stages, self.steps = encodings.detach(), list(steps)
        self.scores = {name: [float(value) for value in values] for name, values in scores.items()}
        places = layouts.detach().double()
        self.reach = (places - places.mean(1, keepdim=True)).abs().max().item()
        self.moved = layout_moves(places).tolist()
        super().__init__(
            {"stages": encodings[0]},
            {"stages": layouts},
            factors,
            images=images,
            parameters={"frame": range(len(steps))},
            names=names,
            cyclic=cyclic,
        )
        self.play = Play(max=len(steps) - 1, interval=200, layout=Layout(width="auto"))
        self.link = jslink((self.play, "value"), (self.controls["frame"], "value"))
        row = self.widget.children[0]
        row.children = (self.play, *row.children)

    def _controls(self) -> dict:
        last = len(self.steps) - 1
        return {
            "frame": count("frame", 0, last, last),
            "colour": choice("colour by", list(self.factors)),
        }

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure, moving = super().make_figure()
        course = plain(self.axes["course"])
        for turn, (name, values) in enumerate(self.scores.items()):
            colour = CLASS_COLOURS[turn]
            course.plot(self.steps, values, color=colour, linewidth=1.5)
            look = {"color": colour, "fontsize": 8, "ha": "right", "transform": course.transAxes}
            course.text(1, 1.02 + 0.16 * turn, name, **look)
        (self.now,) = course.plot([0, 0], [0, 1], color=ANCHOR, linewidth=1)
        course.set(ylim=(0, 1.02), xlabel="training step", xlim=(self.steps[0], self.steps[-1]))
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
