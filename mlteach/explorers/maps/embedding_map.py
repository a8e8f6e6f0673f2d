"""EmbeddingMap: one map of an embedding after another, and what each point is, where it belongs,
and what was lost.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from mlteach.explorers._core.controls import choice, stops
from mlteach.explorers._core.explorer import Explorer, Pointer
from mlteach.explorers.similarity.factor_matrix import check_rows, colour_pictures
from mlteach.plots import ANCHOR, CLASS_COLOURS, Picture

NEIGHBOURS = 5  # of the point that is pointed at, and of the trustworthiness


class EmbeddingMap(Explorer):
    """A map of an embedding, walked over ready layouts; point at a point to see its picture and its
    true neighbours.

    Args:
        encodings: name → (N, D), what the map is a map of.
        layouts: the same names → (…, N, 2), computed before: one axis for each parameter, in the
            order of parameters.
        factors: name → (N,) what is known of each point: up to ten different integers are classes,
            all else a scale.
        images: optional (N, C, H, W) the picture behind each point, with one or three channels.
        parameters: name of a slider → its values, one for each layout along that axis.
        names: optional factor → a text for each of its classes.
        cyclic: the factors whose two ends meet, such as a hue; they take the colours of the
            rainbow.

    ``state``: the value of every control, ``layout`` (N, 2), its ``trustworthiness`` as
    scikit-learn measures it with 5 neighbours, the ``point`` shown, its 5 ``neighbours`` in the
    encoding, and how many of these the map has ``kept``.
    """

    pointing = "hover"
    panels = (["map", "picture"], ["map", "text"], ["map", "key"])
    key_height = 1.4  # inches

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
        self.parameters = {name: list(values) for name, values in (parameters or {}).items()}
        check_rows(
            encodings, next(iter(encodings.values()), ()) if images is None else images, factors
        )
        _check_layouts(encodings, layouts, self.parameters)
        self.encodings = {
            name: encoding.detach().flatten(1) for name, encoding in encodings.items()
        }
        self.layouts = {name: layouts[name].detach() for name in encodings}
        self.factors, self.names, self.cyclic = dict(factors), dict(names or {}), cyclic
        self.pictures = None if images is None else colour_pictures(images)
        self.point = 0
        self.coloured_by = None  # the factor that the still part of the picture was drawn for
        self.known_neighbours: dict[Hashable, Tensor] = {}
        self.known_trust: dict[Hashable, float] = {}
        super().__init__(self._figure(), self._controls(), self.artists)

    def _controls(self) -> dict:
        controls = (
            {"map": choice("map of", list(self.encodings))} if len(self.encodings) > 1 else {}
        )
        controls |= {name: stops(name, values) for name, values in self.parameters.items()}
        return controls | {"colour": choice("colour by", list(self.factors))}

    def _figure(self) -> Picture:
        figure = Picture((9, 5.4))
        text_height = 0.18 * (3 + len(self.factors))  # a line for each factor
        heights = [4.9 - text_height - self.key_height * (len(self.panels) - 2), text_height]
        heights += [self.key_height] * (len(self.panels) - 2)
        self.axes = figure.subplot_mosaic(self.panels, width_ratios=[2.3, 1], height_ratios=heights)
        self.ax = self.axes["map"]
        self.ax.set(xticks=[], yticks=[], xlim=(-1.06, 1.06), ylim=(-1.06, 1.06), aspect="equal")
        self.ax.set_title(" ")  # room for the text that update writes there
        self.title = self.ax.text(
            0.5, 1.02, "", transform=self.ax.transAxes, ha="center", fontsize=11
        )
        count = len(next(iter(self.encodings.values())))
        self.dots = self.ax.scatter(*np.zeros((2, count)), s=16, linewidths=0)
        self.lines = self.ax.add_collection(
            LineCollection([], colors=ANCHOR, linewidths=0.8, zorder=3)
        )
        self.rings = self.ax.scatter(
            *np.zeros((2, 1)), s=60, c="none", edgecolors=ANCHOR, linewidths=1.2, zorder=4
        )
        self.artists = [self.title, self.dots, self.lines, self.rings]
        for name in ("text", "key"):
            self.axes[name].set_axis_off()
        self.axes["picture"].set(xticks=[], yticks=[], visible=self.pictures is not None)
        if self.pictures is not None:
            self.picture = self.axes["picture"].imshow(self.pictures[0], interpolation="nearest")
            self.axes["picture"].set_anchor("NW")
            self.artists.append(self.picture)
        self.text = self.axes["text"].text(0, 1, "", va="top", fontsize=9, linespacing=1.4)
        self.text.set_in_layout(False)  # the panels keep their sizes, whatever there is to say
        self.artists.append(self.text)
        self.scale_bar = self.axes["key"].inset_axes([0.02, 0.6, 0.85, 0.12])
        return figure

    def update(self) -> dict:
        chosen = {name: control.value for name, control in self.controls.items()}
        key, encoding, layout = self._shown()
        self._colour(chosen["colour"])
        centred = (layout - layout.mean(0)).double()
        places = (centred / self._reach(centred)).numpy()
        self.dots.set_offsets(places)
        self.places = places
        if key not in self.known_trust:
            self.known_trust[key] = trustworthiness(encoding, layout)
        state = chosen | {
            "layout": layout,
            "trustworthiness": self.known_trust[key],
            "point": self.point,
        }
        return state | self._show_point(key, encoding, state["trustworthiness"])

    def _shown(self) -> tuple[Hashable, Tensor, Tensor]:
        """What the controls choose: a name for it, the encoding (N, D), the layout (N, 2)."""
        name = self.controls["map"].value if "map" in self.controls else next(iter(self.encodings))
        place = tuple(
            values.index(self.controls[slider].value) for slider, values in self.parameters.items()
        )
        return (name, *place), self.encodings[name], self.layouts[name][place]

    def _reach(self, centred: Tensor) -> float:
        """Half the side of the square that holds the map; each layout fills the picture."""
        return max(centred.abs().max().item(), 1e-12)

    def _show_point(self, key: Hashable, encoding: Tensor, trust: float) -> dict:
        if key not in self.known_neighbours:
            self.known_neighbours[key] = nearest_others(encoding)
        neighbours = self.known_neighbours[key][self.point]
        gaps = np.linalg.norm(self.places - self.places[self.point], axis=1)
        gaps[self.point] = np.inf
        kept = len(set(neighbours.tolist()) & set(np.argsort(gaps)[:NEIGHBOURS].tolist()))
        here = self.places[self.point]
        self.lines.set_segments([(here, self.places[other]) for other in neighbours.tolist()])
        self.rings.set_offsets(here)
        self.title.set_text(f"trustworthiness {trust:.3f}")
        if self.pictures is not None:
            self.picture.set_data(self.pictures[self.point])
        lines = [f"point {self.point}"]
        lines += [f"{name}: {self._value(name)}" for name in self.factors]
        lines.append(
            f"lines: its {NEIGHBOURS} true neighbours;\n{kept} of them are nearest here too"
        )
        self.text.set_text("\n".join(lines))
        return {"neighbours": neighbours.tolist(), "kept": kept}

    def _value(self, factor: str) -> str:
        value = self.factors[factor][self.point]
        if factor in self.names:
            return self.names[factor][int(value)]
        return f"{value.item():.2f}" if value.is_floating_point() else str(value.item())

    def _colour(self, factor: str) -> None:
        """Colours of the points and their key: drawn anew only when another factor is chosen."""
        if factor == self.coloured_by:
            return
        self.coloured_by = factor
        values, key = self.factors[factor], self.axes["key"]
        classes = values.unique().tolist()
        if key.get_legend():
            key.get_legend().remove()
        self.scale_bar.clear()
        if values.is_floating_point() or len(classes) > len(CLASS_COLOURS):
            colours, (low, high) = (
                colormaps["hsv" if factor in self.cyclic else "viridis"],
                values.aminmax(),
            )
            self.dots.set_facecolors(
                colours(((values - low) / (high - low).clamp(min=1e-12)).numpy())
            )
            ends = (float(low), float(high) if high > low else float(low) + 1)
            self.scale_bar.imshow(
                np.linspace(0, 1, 100)[None], cmap=colours, aspect="auto", extent=(*ends, 0, 1)
            )
            self.scale_bar.set(yticks=[], title=factor)
            self.scale_bar.title.set_size(9)
            self.scale_bar.tick_params(labelsize=8)
            self.scale_bar.xaxis.set_major_locator(MaxNLocator(4))
            self.scale_bar.set_visible(True)
        else:
            of = {
                label: CLASS_COLOURS[turn % len(CLASS_COLOURS)]
                for turn, label in enumerate(classes)
            }
            self.dots.set_facecolors(to_rgba_array([of[label] for label in values.tolist()]))
            texts = [
                self.names[factor][int(label)] if factor in self.names else str(label)
                for label in classes
            ]
            handles = [
                Line2D([], [], color=of[label], marker="o", linestyle="") for label in classes
            ]
            legend = key.legend(
                handles, texts, title=factor, ncols=2, loc="upper left", fontsize=9, title_fontsize=9, frameon=False,
                handletextpad=0.1, borderpad=0, columnspacing=1,
            )  # fmt: skip
            legend.set_in_layout(False)
            self.scale_bar.set_visible(False)
        self.redraw_all()

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
        point = f"point {s['point']}: {s['kept']} of its {NEIGHBOURS} true neighbours are nearest on the map too"
        return " · ".join([*chosen, f"trustworthiness {s['trustworthiness']:.3f}", point])


def nearest_others(x: Tensor) -> Tensor:
    """(N, 5) numbers of the nearest other points of each point, the nearest first."""
    gaps = torch.cdist(x.double(), x.double()).fill_diagonal_(torch.inf)
    return gaps.topk(NEIGHBOURS, dim=1, largest=False).indices


def trustworthiness(x: Tensor, y: Tensor) -> float:
    """scikit-learn's figure, 5 neighbours: 1 if no stranger became a neighbour on the map y, about
    0.5 by chance.
    """
    from sklearn.manifold import trustworthiness as measure  # takes a second to import

    return float(measure(x.numpy(), y.numpy(), n_neighbors=NEIGHBOURS))


def _check_layouts(encodings: Mapping, layouts: Mapping, parameters: Mapping[str, list]) -> None:
    if set(layouts) != set(encodings):
        raise ValueError(
            f"layouts must have the names of encodings, {list(encodings)}, got {list(layouts)}"
        )
    grid = tuple(len(values) for values in parameters.values())
    for name, encoding in encodings.items():
        expected = (*grid, len(encoding), 2)
        if layouts[name].shape != expected:
            raise ValueError(
                f"layouts[{name!r}] must be {expected}, got {tuple(layouts[name].shape)}"
            )
        if len(encoding) <= 2 * NEIGHBOURS:
            raise ValueError(f"a map needs more than {2 * NEIGHBOURS} points, got {len(encoding)}")
