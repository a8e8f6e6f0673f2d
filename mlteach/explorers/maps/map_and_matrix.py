"""MapAndMatrix: the map of an embedding and its similarities, one selection in both."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize, to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.path import Path
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.evaluate import stratified_sample
from mlteach.explorers._core import tiles
from mlteach.explorers._core.controls import button, choice
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import images_of, labels_of
from mlteach.explorers._core.pointer import Pointer
from mlteach.maps import pca
from mlteach.plots import (
    ANCHOR,
    CLASS_MARKERS,
    Picture,
    class_look,
    class_looks,
    legible,
    marker_outline,
    similarity_colours,
)
from mlteach.similarity import similarities

MOST_ROWS = 4_000
MOST_ITEMS = 300  # in the matrix: more rows than that have no pixel of their own
DRAGGED = "as dragged"
ORDERS = ("selection first", "by class", "as given")
DRAGS = {  # and what the title of the map says
    "box": "map: drag a box",
    "lasso": "map: drag a lasso",
    "move the view": "map: drag it",
}
FAINT = 0.3  # opacity of cells that are not selected
FAINT_DOT = 0.45  # and of points: on dark paper a small dark point needs more
DOT, CHOSEN_DOT = 14, 26  # areas of points
CLOSEST = 16  # times as large as the whole is the nearest view
STEP = 1.6  # of one press of a button, and of one notch of the wheel
TILES = (3, 4)  # rows and columns of images
LEAST_SIDE = 32  # of an image in its frame, in pixels
KEY = 12  # classes that are named below them
WIDEST = 11  # letters of a class's name there
CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])


class MapAndMatrix(Explorer):
    """Select on the map, and see it in the matrix of cosines; or in the matrix, and see the map.

    Drag a box or a lasso on the map, drag over a block of the matrix, or choose a class. A block
    beside the diagonal selects the items of its rows and those of its columns; a click beside all
    points selects nothing. The Control key with the wheel zooms where the pointer is.

    Args:
        z: (N, D) embedding, 3 <= N <= 4,000; what else an example has is flattened into D. Of more
            than 300 rows a sample of 300 is shown, of each class its share.
        labels: optional (N,) class of each, a number or a text: it colours, and can be chosen.
        names: optional texts of all classes in the order of their numbers; without them, texts have
            the colours of their order in the alphabet.
        images: optional (N, C, H, W) in [0, 1], with one or three channels; up to a dozen of the
            selection are shown.
        layout: optional (N, 2) map of z, such as that of `maps.tsne`; else the first two principal
            components of what is shown.

    ``selection`` has the selected rows of z, in rising order. ``state``: ``select`` (where there
    are labels), ``order`` and ``drag`` as chosen, ``selection``, ``items`` (the rows of z that are
    shown), ``rows`` (the same in the order of the matrix), ``matrix`` (their cosines, NaN on the
    diagonal), and of the selection the mean cosine of two different items ``inside``, that of its
    items with the ``rest`` of those shown, and the ``silhouette``, scikit-learn's for the distance
    1 - cosine in the space of z, averaged over the selected. NaN is what has no pairs to be
    measured on.
    """

    pointing = "drag"
    zooming = True

    def __init__(
        self,
        z: Tensor,
        labels: Tensor | Sequence | None = None,
        images: Tensor | None = None,
        *,
        layout: Tensor | None = None,
        names: Sequence[str] | None = None,
    ):
        rows = _validate.as_tensor("z", z)
        rows = _validate.features("z", rows.flatten(1) if rows.dim() > 2 else rows, at_least=3)
        rows = rows.detach().cpu()
        self.size = len(rows)
        if self.size > MOST_ROWS:
            raise ValueError(
                f"z must have at most {MOST_ROWS:,} rows, got {self.size:,}: "
                "give a random subset of the rows, and the same of labels and images"
            )
        every_label, self.looks = _classes(labels, names, self.size)
        self.classes = list(self.looks)
        self.dragged = DRAGGED
        while self.dragged in self.classes:  # a class may be called so
            self.dragged += " by hand"
        self.items = _items(every_label)
        self.labels = every_label[self.items].numpy()
        self.images = None if images is None else self._tiles(images)
        self.measure(rows[self.items], None if layout is None else self._layout(layout))
        self.by_hand = np.zeros(len(self.items), dtype=bool)
        self.views = {"map": (0.0, 0.0, 1.0), "matrix": self._whole("matrix")}
        self.wheel = 0.0
        self.turning = False  # whether a press is held on the matrix, which then must not re-sort
        super().__init__(self._controls())

    def measure(self, z: Tensor, layout: Tensor | None) -> None:
        """Shows these (n, D) and (n, 2) of the same items from now on."""
        self.cosines = similarities(z.double(), z.double())
        self.gaps = (1 - self.cosines).clamp_min(0).fill_diagonal_(0).numpy()
        self.places = _places(z if layout is None else layout)
        self.measured: dict = {}

    def _tiles(self, given: Any) -> np.ndarray:
        images = images_of("images", given)
        _validate.length("images", images, self.size)
        larger = math.ceil(LEAST_SIDE / images.shape[-1])  # a frame must not outweigh its image
        return tiles.colour_images(images[self.items]).repeat(larger, 1).repeat(larger, 2)

    def _layout(self, given: Any) -> Tensor:
        layout = _validate.features("layout", given)
        _validate.shaped("layout", layout, self.size, 2)
        return layout.detach().cpu()[self.items]

    def _controls(self) -> dict:
        controls = {}
        if self.classes:
            first = self.classes[int(self.labels.min())]
            controls["select"] = choice("select", [*self.classes, self.dragged], first)
        orders = ORDERS if self.classes else (ORDERS[0], ORDERS[-1])
        return controls | {
            "order": choice("matrix", orders),
            "drag": choice("drag", list(DRAGS)),
            "closer": button("zoom in", lambda: self.zoom(STEP)),
            "wider": button("zoom out", lambda: self.zoom(1 / STEP)),
            "whole": button("show all", lambda: self.zoom(1 / CLOSEST)),
        }

    # --- the figure ------------------------------------------------------------------------------

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.7))
        panels = [["map", "matrix", "images"], ["map", "matrix", "text"], ["map", "matrix", "key"]]
        heights = [1.35, 0.75, 1.2] if self.images is not None else [0.01, 1, 1.6]
        sizes = {"width_ratios": [1.5, 1.65, 1.0], "height_ratios": heights}
        axes = figure.subplot_mosaic(panels, **sizes)
        for name in ("images", "text", "key"):
            axes[name].set_axis_off()
        self.text = axes["text"].text(0, 1, "", va="top", fontsize=8, linespacing=1.5)
        self.text.set_in_layout(False)
        moving = [*self._draw_map(axes["map"]), *self._draw_matrix(axes["matrix"]), self.text]
        if self.images is not None:
            moving += self._draw_images(axes["images"])
        if self.classes:
            self._draw_key(axes["key"])
        return figure, moving

    def _draw_map(self, ax: Axes) -> list[Artist]:
        self.ax = ax
        ax.set(xticks=[], yticks=[], aspect="equal")
        ax.set_title(" ", fontsize=10)  # room for the text that update writes there
        self.title = ax.text(0.5, 1.02, "", transform=ax.transAxes, ha="center", fontsize=10)
        every_look = list(self.looks.values()) or [class_look(0)]
        looks = [every_look[label] for label in self.labels]
        self.colours = to_rgba_array([colour for colour, _ in looks])
        self.outlines = [marker_outline(marker) for _, marker in looks]
        self.has_markers = any(marker != CLASS_MARKERS[0] for _, marker in looks)
        self.dots = ax.scatter(*self.places.T, linewidths=0)
        (self.trace,) = ax.plot([], [], color=ANCHOR, linewidth=1.2)
        return [self.title, self.dots, self.trace]

    def _draw_matrix(self, ax: Axes) -> list[Artist]:
        self.matrix_ax = ax
        count = len(self.items)
        ax.set(xticks=[], yticks=[], aspect="equal")
        ax.set_title(" ", fontsize=10)
        self.heading = ax.text(0.5, 1.02, "", transform=ax.transAxes, ha="center", fontsize=10)
        low = self._lowest()
        self.scale = ScalarMappable(Normalize(low, 1), similarity_colours(low))
        bar = ax.figure.colorbar(self.scale, ax=ax, shrink=0.8, pad=0.02)
        bar.set_label("cosine", fontsize=9)
        bar.ax.tick_params(labelsize=8)
        self.paint()
        look = {"interpolation": "nearest", "extent": (-0.5, count - 0.5, count - 0.5, -0.5)}
        self.cells = ax.imshow(self.painted, **look)
        self.strips = []
        if self.classes:  # a line of each class's colour along both sides
            for place, across in (([-0.035, 0, 0.025, 1], False), ([0, -0.035, 1, 0.025], True)):
                side = ax.inset_axes(place)
                side.set_axis_off()
                ends = np.arange(count) - 0.5
                rows = [[(0, low), (1, low), (1, low + 1), (0, low + 1)] for low in ends]
                # not an image, whose colours would stay on a dark page
                strip = PolyCollection(np.array(rows)[..., ::-1] if across else rows)
                strip.set(linewidth=0, antialiased=False)
                self.strips.append(side.add_collection(strip, autolim=False))
        (self.frame,) = ax.plot([], [], color=ANCHOR, linewidth=1.5)
        (self.block,) = ax.plot([], [], color=ANCHOR, linewidth=1.2, linestyle="--")
        return [self.heading, self.cells, *self.strips, self.frame, self.block]

    def _lowest(self) -> float:
        """The lower end of the colours."""
        return -1.0 if self.cosines.min() < 0 else 0.0

    def paint(self) -> None:
        """Gives each cosine its colour, in the order of the items."""
        own = torch.eye(len(self.items), dtype=torch.bool)
        shown = self.cosines.masked_fill(own, math.nan).numpy()
        self.painted = self.scale.to_rgba(shown, bytes=True)

    def _draw_images(self, ax: Axes) -> list[Artist]:
        self.shown = ax.imshow(self._mosaic([]), interpolation="nearest")
        # no part of the image either: they show through where it is clear
        frames = PolyCollection([], linewidth=0, antialiased=False, zorder=-1)
        self.frames = ax.add_collection(frames, autolim=False)
        ax.set_anchor("NW")
        return [self.frames, self.shown]

    def _draw_key(self, ax: Axes) -> None:
        listed = self.classes if len(self.classes) <= KEY else self.classes[: KEY - 1]
        handles, texts = [], []
        for name in listed:
            colour, marker = self.looks[name]
            handles.append(Line2D([], [], color=colour, marker=marker, linestyle="", markersize=5))
            texts.append(legible(name, WIDEST))
        if len(listed) < len(self.classes):
            handles.append(Line2D([], [], linestyle=""))
            texts.append(f"… {len(self.classes) - len(listed)} more")
        tight = {"handletextpad": 0.0, "borderpad": 0, "columnspacing": 0.6, "frameon": False}
        place = {"loc": "upper left", "borderaxespad": 0}
        legend = ax.legend(handles, texts, ncols=2, fontsize=7, **place, **tight)
        legend.set_in_layout(False)

    def update(self) -> dict:
        chosen = self._chosen()
        if not self.turning:
            self.rows = self._order(chosen)
        self._show_map(chosen)
        self._show_matrix(chosen)
        self._aim()
        numbers = self._numbers(chosen)
        self._show_text(chosen, numbers)
        if self.images is not None and self.changed("images", chosen.tobytes()):
            self._show_images(np.flatnonzero(chosen))
        matrix = self.cosines[self.rows][:, self.rows].fill_diagonal_(math.nan)
        self.chosen = chosen
        return {
            "selection": self.items[chosen].tolist(),
            "items": self.items,
            "rows": self.items[self.rows],
            "matrix": matrix,
            **numbers,
        }

    def _chosen(self) -> np.ndarray:
        """(n,) whether each item that is shown is selected."""
        select = self.controls["select"].value if self.classes else self.dragged
        return self.by_hand if select == self.dragged else self.labels == self.classes.index(select)

    def _order(self, chosen: np.ndarray) -> np.ndarray:
        order = self.controls["order"].value
        if order == "as given":
            return np.arange(len(chosen))
        keys = (self.labels, ~chosen) if order == "selection first" else (self.labels,)
        return np.lexsort(keys)  # stable

    def _numbers(self, chosen: np.ndarray) -> dict:
        """What is measured of the selection; NaN where there are no pairs."""
        mine, others = torch.from_numpy(chosen), torch.from_numpy(~chosen)
        count = int(mine.sum())
        if self.changed("selection", chosen.tobytes()) or not self.measured:
            within = self.cosines[mine][:, mine]
            pairs = ~torch.eye(count, dtype=torch.bool)
            self.measured = {
                "inside": within[pairs].mean().item(),
                "rest": self.cosines[mine][:, others].mean().item(),
                "silhouette": self._silhouette(chosen),
            }
        return self.measured

    def _silhouette(self, chosen: np.ndarray) -> float:
        from sklearn.metrics import silhouette_samples  # takes a second to import

        if chosen.sum() < 2 or chosen.all():
            return math.nan
        return float(silhouette_samples(self.gaps, chosen, metric="precomputed")[chosen].mean())

    def _show_map(self, chosen: np.ndarray) -> None:
        above = np.lexsort((chosen,))  # the selected are drawn last
        shown = self.colours[above]
        if chosen.any():
            shown[:, 3] = np.where(chosen[above], 1, FAINT_DOT)
        self.dots.set_offsets(self.places[above])
        self.dots.set_facecolors(shown)
        self.dots.set_sizes(np.where(chosen[above], CHOSEN_DOT, DOT))
        if self.has_markers:
            self.dots.set_paths([self.outlines[i] for i in above])
        self.title.set_text(DRAGS[self.controls["drag"].value])

    def _show_matrix(self, chosen: np.ndarray) -> None:
        """Rows and columns of the selection as they are, all else faint."""
        lit = chosen[self.rows]
        cells = self.painted[self.rows][:, self.rows]
        if chosen.any():
            cells[..., 3] = np.where(lit[:, None] | lit, 255, int(255 * FAINT))
        self.cells.set_data(cells)
        colours = self.colours[self.rows].copy()
        if chosen.any():
            colours[:, 3] = np.where(lit, 1, FAINT_DOT)
        for strip in self.strips:
            strip.set_facecolor(colours)
        where = np.flatnonzero(lit)
        is_block = len(where) > 0 and where[-1] - where[0] + 1 == len(where)
        side = np.array([where[0] - 0.5, where[-1] + 0.5]) if is_block else np.array([])
        self.block.set_data(side[CORNERS.T] if is_block else ([], []))
        self.heading.set_text(f"matrix: {self.controls['order'].value}")

    def _show_text(self, chosen: np.ndarray, numbers: dict) -> None:
        count = int(chosen.sum())
        lines = [f"{count} of {len(chosen)} selected"]
        lines += [f"mean cosine inside  {_number(numbers['inside'])}"]
        lines += [f"mean cosine to the rest  {_number(numbers['rest'])}"]
        lines += [f"silhouette  {_number(numbers['silhouette'])}"]
        self.text.set_text("\n".join(lines))

    def _show_images(self, selected: Sequence[int]) -> None:
        """Up to a dozen images of the selection, evenly from its first to its last, in frames."""
        down, across = TILES
        most = min(len(selected), down * across)
        picked = [selected[i] for i in np.linspace(0, len(selected) - 1, most).round().astype(int)]
        self.shown.set_data(self._mosaic(picked))
        height, width = np.array(self.shown.get_size()) / TILES
        square = np.array([(0, 0), (0, 1), (1, 1), (1, 0)])
        inner = square * (width - 2 * tiles.GAP, height - 2 * tiles.GAP) + tiles.GAP - 0.5
        corners = [(i % across * width, i // across * height) for i in range(most)]
        self.frames.set_verts([inner + corner for corner in corners])
        self.frames.set_facecolors(self.colours[picked])

    def _mosaic(self, picked: Sequence[int]) -> np.ndarray:
        """Images with clear room around each, in rows."""
        down, across = TILES
        found = [tiles.unframed(self.images[i]) for i in picked]
        blank = tiles.unframed(self.images[0])
        rows = [found[across * i : across * (i + 1)] for i in range(down)]
        return np.concatenate([tiles.row(row, length=across, blank=blank) for row in rows])

    # --- the view --------------------------------------------------------------------------------

    def _whole(self, panel: str) -> tuple[float, float, float]:
        """The middle and half the side of the view that holds everything."""
        if panel == "map":
            return 0.0, 0.0, 1.0
        count = len(self.items)
        return (count - 1) / 2, (count - 1) / 2, count / 2

    def _aim(self) -> None:
        """Puts the limits of both panels where their views are."""
        x, y, half = self.views["map"]
        half *= 1.06
        self.ax.set(xlim=(x - half, x + half), ylim=(y - half, y + half))
        x, y, half = self.views["matrix"]
        self.matrix_ax.set(xlim=(x - half, x + half), ylim=(y + half, y - half))
        if self.strips:
            self.strips[0].axes.set(xlim=(0, 1), ylim=(y + half, y - half))
            self.strips[1].axes.set(xlim=(x - half, x + half), ylim=(0, 1))

    def look(self, panel: str, x: float, y: float, half: float) -> None:
        """Shows the square with this middle and half side of "map" or "matrix", within the whole.

        The map reaches from -1 to 1, the matrix from its first row to its last.
        """
        panel = _validate.choice("panel", panel, ("map", "matrix"))
        x, y = (float(_validate.number(axis, place)) for axis, place in (("x", x), ("y", y)))
        half = float(_validate.number("half", half, above=0))
        middle_x, middle_y, most = self._whole(panel)
        half = min(max(half, most / CLOSEST), most)
        room = most - half
        x = min(max(x, middle_x - room), middle_x + room)
        y = min(max(y, middle_y - room), middle_y + room)
        self.views[panel] = (x, y, half)
        self.refresh()

    def zoom(self, factor: float) -> None:
        """Both panels so much closer, where most of the selection is if there is one."""
        factor = float(_validate.number("factor", factor, above=0))
        places = self.places[self.chosen]
        where = np.flatnonzero(self.chosen[self.rows])
        with self.one_redraw():
            for panel, points in (("map", places), ("matrix", np.stack([where, where], 1))):
                x, y, half = self.views[panel]
                if len(points) and factor > 1:
                    x, y = _most_of(points, half / factor)
                self.look(panel, x, y, half / factor)

    # --- the selection ---------------------------------------------------------------------------

    @property
    def selection(self) -> list[int]:
        """The selected rows of z, in rising order."""
        return self.state["selection"]

    def select(self, indices: Sequence[int] | Tensor) -> None:
        """Selects these rows of z; those that are not among the items shown are left out."""
        indices = _validate.as_tensor("indices", indices)
        if indices.numel() == 0:  # an empty list tells no type
            indices = indices.long()
        indices = _validate.labels("indices", indices, n_classes=self.size)
        self._take(np.isin(self.items.numpy(), indices.cpu().numpy()))

    def _take(self, chosen: np.ndarray) -> None:
        self.by_hand = chosen
        with self.one_redraw():
            if self.classes:
                self.controls["select"].value = self.dragged

    def pointed(self, pointer: Pointer) -> None:
        panel = {self.ax: "map", self.matrix_ax: "matrix"}.get(pointer.ax)
        turned, self.wheel = pointer.wheel - self.wheel, pointer.wheel
        if panel is None:
            return
        if turned and not pointer.pressed:
            self._zoom_at(panel, pointer, STEP**-turned)
        if not pointer.pressed:
            return
        if self.hold.is_new(pointer):
            self.hold.thing = self.views[panel]
            self.path = [(pointer.press_x, pointer.press_y)]
        if self.controls["drag"].value == "move the view":
            x, y, half = self.hold.thing
            self.look(panel, x + pointer.press_x - pointer.x, y + pointer.press_y - pointer.y, half)
        elif panel == "map":
            self._drag_map(pointer)
        else:
            self._drag_matrix(pointer)

    def _zoom_at(self, panel: str, pointer: Pointer, factor: float) -> None:
        """What lies below the pointer stays there."""
        x, y, half = self.views[panel]
        most = self._whole(panel)[2]
        closer = min(max(half / factor, most / CLOSEST), most) / half
        x, y = pointer.x + (x - pointer.x) * closer, pointer.y + (y - pointer.y) * closer
        self.look(panel, x, y, half * closer)

    def _drag_map(self, pointer: Pointer) -> None:
        ends = np.array([[pointer.press_x, pointer.press_y], [pointer.x, pointer.y]])
        if self.controls["drag"].value == "box":
            low, high = ends.min(0), ends.max(0)
            self._trace(low + (high - low) * CORNERS, pointer)
            self._take(((self.places >= low) & (self.places <= high)).all(1))
        else:
            self.path.append((pointer.x, pointer.y))
            self._trace(np.array([*self.path, self.path[0]]), pointer)
            self._take(Path(self.path).contains_points(self.places))

    def _trace(self, path: np.ndarray, pointer: Pointer) -> None:
        """Shows the way of the drag, until that ends."""
        line = self.trace if pointer.ax is self.ax else self.frame
        line.set_data(*(([], []) if pointer.ends else path.T))

    def _drag_matrix(self, pointer: Pointer) -> None:
        """The items of the rows and of the columns that the drag is over."""
        self.turning = not pointer.ends
        ends = np.array([[pointer.press_x, pointer.press_y], [pointer.x, pointer.y]])
        last = len(self.items) - 1
        low, high = (end.clip(0, last).round().astype(int) for end in (ends.min(0), ends.max(0)))
        self._trace(low - 0.5 + (high - low + 1) * CORNERS, pointer)
        chosen = np.zeros(last + 1, dtype=bool)
        for start, end in zip(low, high, strict=True):
            chosen[self.rows[start : end + 1]] = True
        self._take(chosen)

    def describe(self) -> str:
        s = self.state
        count = len(s["selection"])
        whole = f"{count} of {len(self.items)} selected"
        if len(self.items) < self.size:
            whole += f" (a sample of {self.size:,}, of each class its share)"
        if self.classes and s["select"] != self.dragged:
            whole = f"{s['select']}: {whole}"
        return (
            f"{whole}; mean cosine inside {_number(s['inside'])}, to the rest "
            f"{_number(s['rest'])}; silhouette in the original space {_number(s['silhouette'])}"
        )


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _classes(labels: Any, names: Any, size: int) -> tuple[Tensor, dict[str, tuple[str, str]]]:
    """(N,) numbers of the classes that occur from 0 on, and the look of each by its name."""
    if names is not None:
        names = _validate.texts("names", names)
        if repeated := [name for name, times in Counter(names).items() if times > 1]:
            raise ValueError(f"names must be different, got {repeated[0]!r} more than once")
    if labels is None:
        return torch.zeros(size, dtype=torch.long), {}
    texts = _validate.numbered_texts("labels", labels, size=size)
    if names is not None:
        values = labels_of("labels", labels, size, names)
    elif texts:
        values, names = texts
    else:
        values = _validate.labels("labels", labels, size=size).cpu()
    found, numbers = values.unique(return_inverse=True)
    looks = class_looks(found.tolist())
    return numbers, {str(c if names is None else names[c]): look for c, look in looks.items()}


def _items(labels: Tensor) -> Tensor:
    """The rows that are shown: all, or of each class its share."""
    if len(labels) <= MOST_ITEMS:
        return torch.arange(len(labels))
    if len(labels.unique()) > MOST_ITEMS:
        labels = torch.zeros_like(labels)
    generator = Generator().manual_seed(0)
    return stratified_sample(labels, MOST_ITEMS, generator=generator).sort().values


def _places(points: Tensor) -> np.ndarray:
    """(n, 2) places on the map, from -1 to 1: the points themselves, or their shadow in a plane."""
    if points.shape[1] > 2:
        points = pca(points).points
    centred = torch.zeros(len(points), 2, dtype=torch.float64)
    centred[:, : points.shape[1]] = points.double() - points.double().mean(0)
    return (centred / centred.abs().max().clamp_min(1e-12)).numpy()


def _most_of(points: np.ndarray, half: float) -> np.ndarray:
    """The middle of the (N, 2) points if a square of this half side holds them; else of most.

    Of all squares round one of the points that with the most points is taken, of several such that
    nearest to the middle: where points lie in several places, none of them may be in the middle.
    """
    middle = (points.min(0) + points.max(0)) / 2
    if np.ptp(points, axis=0).max() <= 2 * half:
        return middle
    near = np.abs(points[:, None] - points[None]).max(2) <= half
    aside = np.abs(points - middle).max(1)
    best = np.lexsort((aside, -near.sum(1)))[0]
    around = points[near[best]]
    return (around.min(0) + around.max(0)) / 2
