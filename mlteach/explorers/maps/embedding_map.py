"""EmbeddingMap: one map of an embedding after another, what each point is, and what was lost."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from mlteach import _validate
from mlteach.evaluate.layouts import nearest_others, trustworthiness
from mlteach.explorers._core.controls import choice, stops
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import (
    encodings_of,
    factors_of,
    images_of,
    mapping,
    value_text,
)
from mlteach.explorers._core.pointer import Pointer
from mlteach.explorers._core.tiles import colour_images
from mlteach.plots import (
    ANCHOR,
    CLASS_COLOURS,
    CLASS_MARKERS,
    MOST_LOOKS,
    Picture,
    class_looks,
    legible,
    marker_outline,
)

WIDEST = 36  # letters of a line beside the map
NEIGHBOURS = 5  # of the point that is pointed at, and of the trustworthiness


class EmbeddingMap(Explorer):
    """A map of an embedding, walked over ready layouts; point at a point to see what it is.

    Args:
        encodings: name → (N, D), what the map is a map of.
        layouts: the same names → (…, N, 2), computed before: one axis for each parameter, in the
            order of parameters.
        factors: name → (N,) what is known of each point: texts and up to a hundred different
            integers are classes, from the eleventh on with markers of their own; all else is a
            scale. Names that differ for each point are shown, but colour nothing.
        images: optional (N, C, H, W) in [0, 1] the image behind each point, with one or three
            channels.
        parameters: name of a slider → its values, one for each layout along that axis.
        names: optional factor → a text for each of its classes.
        cyclic: the factors whose two ends meet, such as a hue; they take the colours of the
            rainbow.

    ``state``: the value of every control, ``layout`` (N, 2), its ``trustworthiness`` as
    scikit-learn measures it with 5 neighbours, the ``point`` shown, its 5 ``neighbours`` in the
    encoding, and how many of these the map has ``kept``.
    """

    pointing = "hover"
    panels = (["map", "image", "key"], ["map", "text", "key"])
    least_text = 0.0  # inches
    key_rows = 12  # of small letters

    def __init__(
        self,
        encodings: Mapping[str, Tensor],
        layouts: Mapping[str, Tensor],
        factors: Mapping[str, Tensor],
        *,
        images: Tensor | None = None,
        parameters: Mapping[str, Sequence[Hashable]] | None = None,
        names: Mapping[str, Sequence[str]] | None = None,
        cyclic: Sequence[str] = (),
    ):
        self.parameters = _parameters(parameters)
        pixels = None if images is None else images_of("images", images)
        self.encodings = encodings_of(encodings, None if pixels is None else len(pixels))
        size = len(next(iter(self.encodings.values())))
        self.layouts = _layouts(layouts, self.encodings, self.parameters)
        self.factors, self.names = factors_of(factors, names, size)
        if isinstance(cyclic, str) or not isinstance(cyclic, Sequence):
            raise TypeError(f"cyclic must be a list of factors, got {_validate.kind(cyclic)}")
        self.cyclic = cyclic
        self.images = None if pixels is None else colour_images(pixels)
        self.point = 0
        self.known_neighbours: dict[Hashable, Tensor] = {}
        self.known_trust: dict[Hashable, float] = {}
        super().__init__(self._controls())

    def _controls(self) -> dict:
        controls = {"map": choice("map of", list(self.encodings))}
        if len(self.encodings) == 1:
            controls = {}
        controls |= {name: stops(name, values) for name, values in self.parameters.items()}
        return controls | {"colour": choice("colour by", self._colourable())}

    def _colourable(self) -> list[str]:
        """The factors that colour points: no names that differ for each of them."""
        shared = [
            name
            for name, values in self.factors.items()
            if name not in self.names or len(values.unique()) < len(values)
        ]
        return shared or list(self.factors)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.7))
        text_height = max(0.18 * (3 + len(self.factors)), self.least_text)  # a line for each factor
        sizes = {"width_ratios": [1.6, 1, 1], "height_ratios": [3.3 - text_height, text_height]}
        self.axes = figure.subplot_mosaic(self.panels, **sizes)
        moving = self._draw_map()
        for name in ("text", "key"):
            self.axes[name].set_axis_off()
        self.axes["image"].set(xticks=[], yticks=[], visible=self.images is not None)
        if self.images is not None:
            self.image = self.axes["image"].imshow(self.images[0], interpolation="nearest")
            self.axes["image"].set_anchor("NW")
            moving.append(self.image)
        self.text = self.axes["text"].text(0, 1, "", va="top", fontsize=9, linespacing=1.4)
        self.text.set_in_layout(False)  # the panels keep their sizes, whatever there is to say
        self.scale_bar = self.axes["key"].inset_axes([0.02, 0.6, 0.85, 0.12])
        return figure, [*moving, self.text]

    def _draw_map(self) -> list[Artist]:
        self.ax = ax = self.axes["map"]
        ax.set(xticks=[], yticks=[], xlim=(-1.06, 1.06), ylim=(-1.06, 1.06), aspect="equal")
        ax.set_title(" ")  # room for the text that update writes there
        self.title = ax.text(0.5, 1.02, "", transform=ax.transAxes, ha="center", fontsize=11)
        count = len(next(iter(self.encodings.values())))
        self.dots = ax.scatter(*np.zeros((2, count)), s=16, linewidths=0)
        self.discs = self.dots.get_paths()
        lines = LineCollection([], colors=ANCHOR, linewidths=0.8, zorder=3)
        self.lines = ax.add_collection(lines)
        ring = {"s": 60, "c": "none", "edgecolors": ANCHOR, "linewidths": 1.2, "zorder": 4}
        self.rings = ax.scatter(*np.zeros((2, 1)), **ring)
        return [self.title, self.dots, self.lines, self.rings]

    def update(self) -> dict:
        key, encoding, layout = self._shown()
        factor = self.controls["colour"].value
        if self.changed("colour", factor):
            self._colour(factor)
        centred = (layout - layout.mean(0)).double()
        self.places = (centred / self._reach(centred)).numpy()
        self.dots.set_offsets(self.places)
        if key not in self.known_trust:
            self.known_trust[key] = trustworthiness(encoding, layout, k=NEIGHBOURS)
            self.known_neighbours[key] = nearest_others(encoding, NEIGHBOURS)
        trust = self.known_trust[key]
        self.title.set_text(f"trustworthiness {trust:.3f}")
        neighbours = self.known_neighbours[key][self.point].tolist()
        kept = self._show_point(neighbours)
        return {
            "layout": layout,
            "trustworthiness": trust,
            "point": self.point,
            "neighbours": neighbours,
            "kept": kept,
        }

    def _shown(self) -> tuple[Hashable, Tensor, Tensor]:
        """What the controls choose: a name for it, the encoding (N, D), the layout (N, 2)."""
        name = self.controls["map"].value if "map" in self.controls else next(iter(self.encodings))
        place = tuple(
            values.index(self.controls[slider].value) for slider, values in self.parameters.items()
        )
        return (name, *place), self.encodings[name], self.layouts[name][place]

    def _reach(self, centred: Tensor) -> float:
        """Half the side of the square that holds the map; each layout fills the panel."""
        return max(centred.abs().max().item(), 1e-12)

    def _show_point(self, neighbours: list[int]) -> int:
        """Shows the point and its neighbours; returns how many are nearest on the map too."""
        here = self.places[self.point]
        gaps = np.linalg.norm(self.places - here, axis=1)
        gaps[self.point] = np.inf
        kept = len(set(neighbours) & set(np.argsort(gaps)[:NEIGHBOURS].tolist()))
        self.lines.set_segments([(here, self.places[other]) for other in neighbours])
        self.rings.set_offsets(here)
        if self.images is not None:
            self.image.set_data(self.images[self.point])
        lines = [f"point {self.point}"]
        for name, values in self.factors.items():
            names = self.names.get(name)
            lines.append(legible(f"{name}: {value_text(values, self.point, names)}", WIDEST))
        lines.append(f"lines: its {NEIGHBOURS} true neighbours;")
        lines.append(f"{kept} of them are nearest here too")
        self.text.set_text("\n".join(lines))
        return kept

    def _colour(self, factor: str) -> None:
        """Colours of the points, and their key."""
        values = self.factors[factor]
        if self.axes["key"].get_legend():
            self.axes["key"].get_legend().remove()
        self.scale_bar.clear()
        classes = values.unique().tolist()
        is_many = len(classes) > MOST_LOOKS and factor not in self.names
        is_scale = values.is_floating_point() or is_many
        if is_scale:
            self._colour_scale(factor, values)
        else:
            self._colour_classes(factor, values, classes)
        self.scale_bar.set_visible(is_scale)
        self.redraw_all()

    def _paint(self, colours: np.ndarray, outlines: Sequence[Path]) -> None:
        """Gives each point its colour, and its outline or all of them the one that is given."""
        self.dots.set_facecolors(colours)
        self.dots.set_paths(outlines)

    def _colour_scale(self, factor: str, values: Tensor) -> None:
        colours = colormaps["hsv" if factor in self.cyclic else "viridis"]
        low, high = values.aminmax()
        shares = (values - low) / (high - low).clamp(min=1e-12)
        self._paint(colours(shares.numpy()), self.discs)
        box = (float(low), float(high) if high > low else float(low) + 1, 0, 1)
        ramp = np.linspace(0, 1, 100)[None]
        self.scale_bar.imshow(ramp, cmap=colours, aspect="auto", extent=box)
        self.scale_bar.set(yticks=[], title=factor)
        self.scale_bar.title.set_size(9)
        self.scale_bar.tick_params(labelsize=8)
        self.scale_bar.xaxis.set_major_locator(MaxNLocator(4))

    def _colour_classes(self, factor: str, values: Tensor, classes: list) -> None:
        looks = class_looks(classes)
        of_points = [looks[label] for label in values.tolist()]
        colours = to_rgba_array([colour for colour, _ in of_points])
        plain_dots = all(marker == CLASS_MARKERS[0] for _, marker in looks.values())
        outlines = self.discs if plain_dots else [marker_outline(m) for _, m in of_points]
        self._paint(colours, outlines)
        columns, longest, fontsize = _key_sizes(len(classes), self.key_rows)
        names = self.names.get(factor)
        most = 3 * self.key_rows
        listed = classes if len(classes) <= most else classes[: most - 1]
        texts = [str(label) if names is None else names[int(label)] for label in listed]
        handles = [
            Line2D([], [], color=colour, marker=marker, linestyle="")
            for colour, marker in (looks[label] for label in listed)
        ]
        texts = [legible(text, longest) for text in texts]
        if len(listed) < len(classes):
            texts.append(f"… {len(classes) - len(listed)} more")
            handles.append(Line2D([], [], linestyle=""))
        sizes = {"fontsize": fontsize, "title_fontsize": 9}
        tight = {"handletextpad": 0.1, "borderpad": 0, "columnspacing": 1, "frameon": False}
        legend = self.axes["key"].legend(
            handles, texts, title=factor, ncols=columns, loc="upper left", **sizes, **tight
        )
        legend.set_in_layout(False)

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax is not self.ax:
            return
        nearest = int(np.linalg.norm(self.places - (pointer.x, pointer.y), axis=1).argmin())
        if nearest != self.point:
            self.point = nearest
            self.refresh()

    def describe(self) -> str:
        s = self.state
        chosen = [f"{name} {s[name]}" for name in self.controls if name != "colour"]
        kept = f"{s['kept']} of its {NEIGHBOURS} true neighbours are nearest on the map too"
        trust = f"trustworthiness {s['trustworthiness']:.3f}"
        return " · ".join([*chosen, trust, f"point {s['point']}: {kept}"])


def _key_sizes(classes: int, rows: int) -> tuple[int, int, int]:
    """Columns of a key, letters of a name, and the size of its letters: all fits beside the map."""
    if classes <= len(CLASS_COLOURS):
        return 2, 14, 9
    return (2, 16, 7) if classes <= 2 * rows else (3, 9, 7)


def _parameters(given: Any) -> dict[str, list]:
    parameters = {}
    for name, values in (mapping("parameters", given) if given else {}).items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not len(values):
            allowed = "a list with a value for each layout"
            raise TypeError(f"parameters[{name!r}] must be {allowed}, got {_validate.kind(values)}")
        parameters[name] = list(values)
    return parameters


def _layouts(given: Any, encodings: Mapping, parameters: Mapping[str, list]) -> dict[str, Tensor]:
    layouts = mapping("layouts", given)
    if set(layouts) != set(encodings):
        raise ValueError(
            f"layouts must have the names of encodings, {list(encodings)}, got {list(layouts)}"
        )
    grid = tuple(len(values) for values in parameters.values())
    checked = {}
    for name, encoding in encodings.items():
        shown = f"layouts[{name!r}]"
        layout = _validate.as_tensor(shown, layouts[name]).detach().cpu()
        expected, shape = (*grid, len(encoding), 2), tuple(layout.shape)
        if shape != expected:
            raise ValueError(f"{shown} must be {expected}, got {shape}")
        if len(encoding) <= 2 * NEIGHBOURS:
            raise ValueError(f"a map needs more than {2 * NEIGHBOURS} points, got {len(encoding)}")
        checked[name] = _validate.features(shown, layout.flatten(0, -2)).view(shape)
    return checked
