"""LiveTSNE: a t-SNE that is seen while it runs, with its knobs, from several starts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.text import Text
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.evaluate.layouts import trustworthiness
from mlteach.explorers._core.controls import button, choice, log_slider, slider, stops
from mlteach.explorers._core.factors import images_of, value_text
from mlteach.explorers._core.pointer import Pointer
from mlteach.explorers._core.worker import Worker
from mlteach.explorers.maps.embedding_map import NEIGHBOURS, EmbeddingMap
from mlteach.maps import START_SPREAD, affinities
from mlteach.maps._points import checked_points
from mlteach.maps.tsne import (
    EARLY_MOMENTUM,
    LARGEST,
    MOMENTUM,
    Descent,
    cross_entropy,
    default_lr,
    one_thread,
    principal_start,
)
from mlteach.plots import ANCHOR, Picture, legible, plain

FEWEST, MOST = 2 * NEIGHBOURS + 1, 2000  # points
MOST_STARTS = 3
FIGURES_A_SECOND = 15  # at most: what is faster cannot be followed
LEAST_REST = 0.005  # seconds after each figure, so that the page is heard
STEPS_A_FIGURE = 4
PERPLEXITIES = (2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300)
SIDE_BY_SIDE = "side by side"
DASHES = ("-", "--", ":")  # of the starts
MOST_KNOWN = 6  # perplexities whose (N, N) affinities are kept
LONGEST = 12  # letters of a start's name

# where the panels stand, as shares of the figure: left, bottom, width, height
SQUARE = 0.21, 0.525
SEVERAL = {
    "maps": [(0.012 + 0.243 * place, 0.34, *SQUARE) for place in range(MOST_STARTS)],
    "curve": (0.055, 0.12, 0.653, 0.16),
}
ALONE = {"maps": [(0.012, 0.04, 0.324, 0.81)] * MOST_STARTS, "curve": (0.41, 0.17, 0.298, 0.62)}
BESIDE = {"key": (0.73, 0.42, 0.265, 0.5), "image": (0.735, 0.03, 0.12, 0.3)}


class Panel(NamedTuple):
    """One map."""

    ax: Axes
    caption: Text
    dots: PathCollection
    ring: PathCollection  # around the point that is marked


class Seen(NamedTuple):
    """What there is to draw; the thread replaces it as a whole."""

    step: int
    layouts: dict[str, Tensor]  # name of the start → (N, 2)
    kl: dict[str, float]
    curve: list[tuple]  # steps so far, each with the divergences of all maps


class LiveTSNE(EmbeddingMap):
    """Start and pause a t-SNE, and drag its perplexity and its exaggeration while it runs.

    Every knob acts on the very next step. The early exaggeration is the factor on the affinities up
    to the step that **until step** says; moved beyond the step at hand, that knob exaggerates once
    more. **start** begins or goes on, and once all steps are made it makes as many again; **pause**
    ends after the step at hand, as the kernel's stop button does while no cell runs; **back to step
    0** (``reset``) puts the points back to where they began and leaves every knob as it is, so that
    start makes another run with these settings. Colours are put on afterwards: the descent never
    sees a factor. Point at a dot to find the same point on every map.

    The same knobs at the same steps give the same maps on one machine, however often they are drawn
    or paused. With the knobs as they are at first, the map from PCA is `mlteach.maps.tsne_path`'s.

    Args:
        x: (N, ...) 11 to 2,000 points, flattened to (N, D).
        factors, images, names, cyclic: as in `EmbeddingMap`.
        starts: one to three different: "PCA", or a seed for a random cloud of the same size. With
            more than one, a list chooses one of them or all side by side; a choice goes to step 0.
        steps: that a start makes.

    ``state``: the value of every control, ``status`` (ready, running, paused, finished, diverged or
    failed) and ``why``, ``step``, and for each start that is shown, by its name: ``kl``, the
    divergence from the affinities without exaggeration, ``layout`` (N, 2), and while the descent
    rests its ``trust``, the trustworthiness with 5 neighbours; and the ``point`` that is marked.
    """

    key_rows = 7

    def __init__(
        self,
        x: Tensor,
        factors: Mapping[str, Tensor],
        *,
        images: Tensor | None = None,
        starts: Sequence[str | int] = ("PCA", 0, 1),
        steps: int = 1000,
        names: Mapping[str, Sequence[str]] | None = None,
        cyclic: Sequence[str] = (),
    ):
        x = checked_points("x", x).detach().cpu()
        if not FEWEST <= len(x) <= MOST:
            allowed = f"{FEWEST} to {MOST:,} rows: map a random subset"
            raise ValueError(f"x must have {allowed}, got {len(x):,}")
        if images is not None:
            images = images_of("images", images)
            _validate.length("images", images, len(x))
        self.x = x
        self.starts = _starts(starts, x)
        self.steps_of_a_start = _validate.count("steps", steps, at_most=100_000)
        possible = [p for p in PERPLEXITIES if p < len(x) - 1]
        perplexity = max(p for p in possible if p <= max(len(x) / 4, 2) and p <= 30)
        lr = default_lr(len(x), 12)
        self.knobs = {
            "perplexity": stops("perplexity", possible, perplexity),
            "exaggeration": slider("early exaggeration", 1, 30, 12, step=1),
            "until": stops("until step", range(0, 1001, 50), 250),
            "lr": log_slider("learning rate", lr / 10, lr * 20, lr),
        }
        self.settings = {knob: control.value for knob, control in self.knobs.items()}
        self.known_affinities: dict[float, tuple[Tensor, float]] = {}  # and their entropies
        self.worker = Worker()
        self.shown = [next(iter(self.starts))]
        self._begin_again()
        super().__init__(
            {"points": x},
            {"points": next(iter(self.starts.values()))},
            factors,
            images=images,
            names=names,
            cyclic=cyclic,
        )

    # --- what start, pause and back to step 0 do --------------------------------------------------

    def start(self) -> None:
        """Begins, or goes on."""
        with self.worker.turn:
            if self.worker.running:
                return
            self._more_steps()
            self.status = "running"
            self.worker.start(self._descend)

    def pause(self) -> None:
        """Ends after the step at hand; start goes on from there."""
        self.worker.halt()

    def reset(self) -> None:
        """Puts the points back to step 0; the knobs stay as they are."""
        with self.worker.turn:
            self.worker.halt()
            self._begin_again()
        self.refresh()

    def run(self, steps: int) -> None:
        """Makes so many steps before it returns, for a cell that is to end with a map."""
        steps = _validate.count("steps", steps, at_most=100_000)
        with self.worker.turn:
            self.pause()
            self._more_steps()
            end = self.step + steps
            with one_thread():
                while self.step < end and self._make(min(STEPS_A_FIGURE, end - self.step)):
                    pass
            self.steps = max(self.steps, end)
            if self.status != "diverged":
                self.status = "finished" if self.step >= self.steps else "paused"
        self.refresh()

    def _begin_again(self) -> None:
        self.step, self.steps = 0, self.steps_of_a_start
        self.descents = {name: Descent(self.starts[name]) for name in self.shown}
        self.status, self.why = "ready", ""
        self.known_trust = {}
        self.made_with: dict[str, Any] = {}  # the knobs of the last step
        self._measure(self.settings["perplexity"], [])

    def _more_steps(self) -> None:
        if self.status == "diverged":
            self._begin_again()
        if self.step >= self.steps:
            self.steps += self.steps_of_a_start
        self.why = ""

    # --- the descent -----------------------------------------------------------------------------

    def _descend(self) -> None:
        """What the worker does: some steps, a figure, and again."""
        try:
            with one_thread():
                running = True
                while running and self.step < self.steps and not self.worker.halting:
                    begin = time.monotonic()
                    running = self._make(min(STEPS_A_FIGURE, self.steps - self.step))
                    self.refresh()
                    rest = 1 / FIGURES_A_SECOND - (time.monotonic() - begin)
                    time.sleep(max(rest, LEAST_REST))
            if running and self.worker.interrupted:
                self.why = "The kernel's stop button paused this map; the start button goes on."
            if running:
                self.status = "finished" if self.step >= self.steps else "paused"
        except BaseException as error:
            self.why = f"{type(error).__name__}: {error}".splitlines()[0]
            self.status = "failed"
            raise
        finally:
            self.refresh()

    def _make(self, steps: int) -> bool:
        """Makes so many steps, each with the knobs as they are then; False if they diverge."""
        for _ in range(steps):
            knobs = dict(self.settings)
            early = self.step < knobs["until"]
            p = self._affinities(knobs["perplexity"])[0]
            if early:
                p = knobs["exaggeration"] * p
            momentum = EARLY_MOMENTUM if early else MOMENTUM
            for descent in self.descents.values():
                descent.move(p, lr=knobs["lr"], momentum=momentum)
            self.step += 1
            self.made_with = knobs
        # a comparison with NaN is False
        if not all((d.places.abs() < LARGEST).all() for d in self.descents.values()):
            self.why = "The places left all bounds: lower the learning rate and start again."
            self.step, self.status = self.seen.step, "diverged"
            return False
        self._measure(knobs["perplexity"], self.seen.curve)
        return True

    def _affinities(self, perplexity: float) -> tuple[Tensor, float]:
        """Those of a perplexity, and their entropy, computed when it is first used."""
        if perplexity not in self.known_affinities:
            if len(self.known_affinities) == MOST_KNOWN:
                self.known_affinities.pop(next(iter(self.known_affinities)))
            p = affinities(self.x, perplexity)
            self.known_affinities[perplexity] = p, torch.special.entr(p).sum().item()
        return self.known_affinities[perplexity]

    def _measure(self, perplexity: float, before: list[tuple]) -> None:
        p, entropy = self._affinities(perplexity)
        layouts = {name: descent.places for name, descent in self.descents.items()}
        kl = {name: cross_entropy(p, y).item() - entropy for name, y in layouts.items()}
        self.seen = Seen(self.step, layouts, kl, [*before, (self.step, *kl.values())])

    # --- controls and figure ---------------------------------------------------------------------

    def _controls(self) -> dict:
        for knob, control in self.knobs.items():
            control.observe(lambda change, knob=knob: self._set(knob, change["new"]), "value")
        told = "Puts the points back to where they began. The sliders stay as they are."
        self.buttons = {
            "start": button("start", self.start),
            "pause": button("pause", self.pause),
            "reset": button("back to step 0", self.reset, told),
        }
        controls = {**self.buttons, "colour": choice("colour by", self._colourable())}
        if len(self.starts) > 1:
            controls["from"] = choice("start from", [*self.starts, SIDE_BY_SIDE])
            controls["from"].observe(lambda change: self._choose(change["new"]), "value")
        return controls | self.knobs

    def _set(self, knob: str, value: float) -> None:
        self.settings = self.settings | {knob: value}
        if knob == "perplexity" and self.status == "ready":  # no step was made with another one
            self._measure(value, [])

    def _choose(self, start: str) -> None:
        with self.one_redraw(), self.worker.turn:
            self.worker.halt()
            self.shown = list(self.starts) if start == SIDE_BY_SIDE else [start]
            self._begin_again()

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.5))
        figure.set_layout_engine("none")  # panels stand where one map or several need them
        self.axes = {name: figure.add_axes(place) for name, place in BESIDE.items()}
        places = SEVERAL["maps"][: len(self.starts)]
        self.maps = [self._dress_map(figure.add_axes(place)) for place in places]
        moving = [artist for panel in self.maps for artist in panel[1:]]
        moving += self._dress_curve(figure)
        self.axes["key"].set_axis_off()
        self.scale_bar = self.axes["key"].inset_axes([0.02, 0.6, 0.85, 0.12])
        self.axes["image"].set(xticks=[], yticks=[], visible=self.images is not None)
        if self.images is not None:
            self.image = self.axes["image"].imshow(self.images[0], interpolation="nearest")
            self.axes["image"].set_anchor("NW")
            moving.append(self.image)
        beside = 0.865 if self.images is not None else BESIDE["image"][0]
        look = {"va": "top", "fontsize": 8, "linespacing": 1.4}
        self.text = figure.text(beside, 0.33, "", **look)
        self.headline = figure.text(0.012, 0.985, "", va="top", fontsize=9)
        return figure, [*moving, self.text, self.headline]

    def _dress_map(self, ax: Axes) -> Panel:
        ax.set(xticks=[], yticks=[], xlim=(-1.06, 1.06), ylim=(-1.06, 1.06), aspect="equal")
        caption = ax.text(0, 1.03, "", transform=ax.transAxes, fontsize=9)
        dots = ax.scatter(*np.zeros((2, len(self.x))), linewidths=0)
        self.discs = dots.get_paths()
        ring = {"s": 60, "c": "none", "edgecolors": ANCHOR, "linewidths": 1.2, "zorder": 4}
        return Panel(ax, caption, dots, ax.scatter([0], [0], **ring))

    def _dress_curve(self, figure: Picture) -> list[Artist]:
        ax = self.axes["curve"] = plain(figure.add_axes(SEVERAL["curve"]))
        ax.set_xlabel("step", fontsize=8, labelpad=1)
        ax.set_ylabel("KL in nats", fontsize=8)
        ax.tick_params(labelsize=8)
        self.lines = [
            ax.plot([], [], color=ANCHOR, linestyle=dashes, linewidth=1.2)[0]
            for dashes, _ in zip(DASHES, self.starts, strict=False)
        ]
        return list(self.lines)

    def _paint(self, colours: np.ndarray, outlines: Sequence) -> None:
        for panel in self.maps:
            panel.dots.set_facecolors(colours)
            panel.dots.set_paths(outlines)

    def update(self) -> dict:
        status, seen, settings = self.status, self.seen, self.settings  # the thread replaces them
        step, layouts, kl, curve = seen
        self._arrange(len(layouts))
        factor = self.controls["colour"].value
        if self.changed("colour", factor):
            self._colour(factor)
        trust = {} if status == "running" else self._trust(step, layouts)
        for place, (name, layout) in enumerate(layouts.items()):
            centred = (layout - layout.mean(0)).double()
            places = (centred / self._reach(centred)).numpy()
            panel = self.maps[place]
            panel.dots.set_offsets(places)
            panel.ring.set_offsets(places[self.point])
            rest = f", trust {trust[name]:.3f}" if trust else ""
            panel.caption.set_text(f"{legible(name, LONGEST)}: KL {kl[name]:.2f}{rest}")
            self.lines[place].set_data(*np.array(curve)[:, [0, place + 1]].T)
        self._fit_curve(curve)
        self._show_texts(step, settings)
        return {
            "status": status,
            "why": self.why,
            "step": step,
            "kl": kl,
            "layout": layouts,
            "trust": trust,
            "point": self.point,
        }

    def _arrange(self, count: int) -> None:
        """One map is drawn large, several side by side."""
        if not self.changed("panels", count):
            return
        places = ALONE if count == 1 else SEVERAL
        for place, (panel, line) in enumerate(zip(self.maps, self.lines, strict=True)):
            panel.ax.set_position(places["maps"][place])
            here = place < count
            for artist in (*panel, line):  # drawn one by one: what is visible is asked of each
                artist.set_visible(here)
            panel.ax.axison = here  # and a frame with it
            panel.dots.set_sizes([14 if count == 1 else 6])
        curve = self.axes["curve"]
        curve.set_position(places["curve"])
        if curve.get_legend():
            curve.get_legend().remove()
        if count > 1:
            names = [legible(name, LONGEST) for name in self.descents]
            tight = {"borderpad": 0, "borderaxespad": 0, "handlelength": 2.5}
            look = {"ncols": count, "fontsize": 8, "frameon": False}
            above = {"loc": "lower right", "bbox_to_anchor": (1, 1.04)}  # a curve may be anywhere
            curve.legend(self.lines[:count], names, **above, **look, **tight)
        self.redraw_all()

    def _fit_curve(self, curve: Sequence[tuple]) -> None:
        """The axes grow in leaps: growing with each step would move all that was drawn."""
        top = np.ceil(1.05 * max(max(row[1:]) for row in curve))
        if self.changed("ends", self.steps, top):
            self.axes["curve"].set(xlim=(0, self.steps), ylim=(0, top))
            self.redraw_all()

    def _show_texts(self, step: int, settings: Mapping) -> None:
        self.headline.set_text(f"step {step} · {self._knobs_text(settings)}")
        if self.images is not None:
            self.image.set_data(self.images[self.point])
        lines = [f"point {self.point}"]
        for name, values in self.factors.items():
            value = value_text(values, self.point, self.names.get(name))
            lines.append(legible(f"{name}: {value}", 16))
        self.text.set_text("\n".join(lines[:6]))

    def _trust(self, step: int, layouts: Mapping[str, Tensor]) -> dict[str, float]:
        if step not in self.known_trust:
            self.known_trust = {
                step: {
                    name: trustworthiness(self.encodings["points"], layout, k=NEIGHBOURS)
                    for name, layout in layouts.items()
                }
            }
        return self.known_trust[step]

    def _redraw(self) -> None:
        super()._redraw()
        status = self.state["status"]
        self.buttons["start"].disabled = status == "running"
        self.buttons["pause"].disabled = status != "running"
        self.buttons["reset"].disabled = status == "ready"
        self.canvas.problem = self.state["why"]
        if status == "running":
            # one drawing a call, as in LiveTraining: whoever draws would else draw on for the other
            self._wanted = self.status != "running"

    def pointed(self, pointer: Pointer) -> None:
        for panel in self.maps:
            if pointer.ax is panel.ax:
                gaps = panel.dots.get_offsets() - (pointer.x, pointer.y)
                nearest = int(np.linalg.norm(gaps, axis=1).argmin())
                if nearest != self.point:
                    self.point = nearest
                    self.refresh()

    def describe(self) -> str:
        s = self.state
        parts = [f"{s['status']}: step {s['step']} of {self.steps}"]
        for name, kl in s["kl"].items():
            rest = f", trustworthiness {s['trust'][name]:.3f}" if s["trust"] else ""
            parts.append(f"{name}: KL {kl:.2f}{rest}")
        return " · ".join([*parts, self._knobs_text(s)])

    def _knobs_text(self, s: Mapping[str, Any]) -> str:
        """The knobs, and whether the map that is seen knows nothing of them yet."""
        moved = any(s[knob] != value for knob, value in self.made_with.items())
        exaggeration = f"early exaggeration {s['exaggeration']:.0f} until step {s['until']}"
        knobs = f"perplexity {s['perplexity']} · {exaggeration} · learning rate {s['lr']:.4g}"
        return f"from here on: {knobs}" if moved else knobs


def _starts(given: Any, x: Tensor) -> dict[str, Tensor]:
    """name → (N, 2) places."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TypeError(f'starts must be a list of "PCA" and seeds, got {_validate.kind(given)}')
    if not 1 <= len(given) <= MOST_STARTS:
        raise ValueError(f"starts must be one to {MOST_STARTS}, got {len(given)}")
    starts = {}
    for start in given:
        if isinstance(start, str):
            _validate.choice("starts", start, ["PCA"])
            starts[start] = principal_start(x)
        else:
            generator = Generator().manual_seed(_validate.seed("starts", start))
            cloud = torch.randn(len(x), 2, generator=generator, dtype=x.dtype)
            starts[f"seed {start}"] = START_SPREAD * cloud
    if len(starts) < len(given):
        raise ValueError(f"starts must be different, got {list(given)}")
    return starts
