"""Figures of arrays: arrays and an Axes in, the Axes out. Nothing here trains or uses pyplot.

pyplot keeps one global current figure. A slider's callback can run in another thread than the cell
and would then spoil it, so every figure of the book is a ``Picture``: a plain matplotlib Figure
that a notebook can show.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence, Sized
from functools import cache
from typing import Any

import numpy as np
from matplotlib import colormaps, font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, is_color_like
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Rectangle
from matplotlib.path import Path

from mlteach import _validate

# A colour has one meaning in the whole book, and all can be told apart with any colour vision
# (Okabe and Ito).
ANCHOR = "#222222"
POSITIVE = "#0072B2"
NEGATIVE = "#D55E00"
QUIET = "#8A8A8A"

# One colour a class: Tol's "bright" and "muted" schemes, with a darker wine for class 6, since with
# deuteranopia Tol's looks like the grey of class 9. The next ten classes have the same colours and
# another marker, and so on.
CLASS_COLOURS = [
    "#4477AA",
    "#EE6677",
    "#228833",
    "#CCBB44",
    "#66CCEE",
    "#AA3377",
    "#661144",
    "#999933",
    "#44AA99",
    "#555555",
]

CLASS_MARKERS = ("o", "^", "s", "X", "v", "D", "P", "*", "<", ">")
MOST_LOOKS = len(CLASS_COLOURS) * len(CLASS_MARKERS)  # of classes that can be told apart
IN_KEY = 60  # classes that the key of a map can name

KEY_MARK = 30  # square points of a mark in the key of a map, at least: its colour is to be seen
LONGEST = 28  # letters of a name in a figure

CSS_DPI = 100  # one inch of a figure is this many pixels on the page
# drawn pixels for each pixel on the page: text stays crisp when the page is magnified
SHARPNESS = 1.25


class Picture(Figure):
    """A figure: a matplotlib Figure that a notebook shows crisp, with a text for screen readers.

    Args:
        size: (width, height) in inches; 9 inches fill the page of a chapter.
        alt: what a reader who cannot see the figure should know.
    """

    canvas: FigureCanvasAgg

    def __init__(self, size: tuple[float, float] = (9.0, 3.0), *, alt: str = ""):
        size = _size(size)
        _validate.instance("alt", alt, str, "a text")
        super().__init__(
            figsize=size, dpi=CSS_DPI * SHARPNESS, layout="constrained", facecolor="white"
        )
        FigureCanvasAgg(self)
        self.alt = alt

    def page_size(self) -> tuple[int, int]:
        """Width and height on the page, in pixels."""
        width, height = self.get_size_inches() * CSS_DPI
        return round(width), round(height)

    def png(self) -> bytes:
        """The figure as it looks now, as the bytes of a PNG file."""
        buffer = io.BytesIO()
        self.canvas.print_png(buffer)
        return buffer.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {
            "image/png": base64.b64encode(self.png()).decode(),
            "text/plain": self.alt or "a figure",
        }
        return data, {"image/png": self.png_metadata()}

    def png_metadata(self) -> dict:
        """What JupyterLab and nbconvert should know of the PNG: its size on the page, its text."""
        width, height = self.page_size()
        return {"width": width, "height": height, "alt": self.alt}


def panels(rows: int = 1, columns: int = 1, *, size=(9.0, 3.0), alt: str = "", **grid):
    """A figure and its axes in the book's look: one Axes for one panel, else an array of them.

    Further keywords (``sharex``, ``width_ratios``, ``subplot_kw`` …) go to matplotlib's
    ``Figure.subplots``.
    """
    rows, columns = _validate.count("rows", rows), _validate.count("columns", columns)
    figure = Picture(size, alt=alt)
    axes = figure.subplots(rows, columns, **grid)
    for ax in np.atleast_1d(axes).flat:
        plain(ax)
    return figure, axes


def plain(ax: Axes) -> Axes:
    """The book's look for one Axes: no box around it, small ticks."""
    _axes(ax)
    for side in ("top", "right"):
        if side in ax.spines:
            ax.spines[side].set_visible(False)
    ax.tick_params(labelsize=9)
    ax.title.set_fontsize(11)
    return ax


def class_look(number: int) -> tuple[str, str]:
    """Colour and marker of a class: its colour alone tells ten apart, both tell a hundred."""
    colour, marker = number % len(CLASS_COLOURS), number // len(CLASS_COLOURS) % len(CLASS_MARKERS)
    return CLASS_COLOURS[colour], CLASS_MARKERS[marker]


def class_looks(labels: Sequence) -> dict[Any, tuple[str, str]]:
    """Label → colour and marker: the c-th of the book for class c, whichever others occur.

    Texts, and numbers that are below 0 or too large, take the looks in their order.
    """
    numbered = all(isinstance(label, int) and 0 <= label < MOST_LOOKS for label in labels)
    return {label: class_look(label if numbered else turn) for turn, label in enumerate(labels)}


@cache
def marker_outline(marker: str) -> Path:
    """The outline of a marker, for a collection of points that each have their own."""
    style = MarkerStyle(marker)
    return style.get_path().transformed(style.get_transform())


def legible(text: Any, longest: int = LONGEST) -> str:
    """A name as a figure can show it: short, no formula, and a box for what its font lacks."""
    text = " ".join(str(text).split())
    if len(text) > longest:
        text = f"{text[: longest // 3]}…{text[-(longest - longest // 3 - 1) :]}"
    shown = "".join(letter if ord(letter) in _letters() else "□" for letter in text)
    shown = re.sub(r"(?<!\\)\$", r"\\$", shown)  # a second call changes nothing
    return f" {shown}" if shown.startswith("_") else shown  # a key would leave _name out


@cache
def _letters() -> frozenset[int]:
    """What the font of the figures can draw."""
    file = font_manager.findfont(font_manager.FontProperties())
    return frozenset(font_manager.get_font(file).get_charmap())


def _size(size: Any) -> tuple[float, float]:
    """(width, height) in inches, so that a figure has at least a pixel and fits into memory."""
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise ValueError(f"size must be (width, height) in inches, got {size!r}")
    width, height = (float(_validate.number("size", x, at_least=0.1, at_most=100)) for x in size)
    return width, height


def _axes(ax: Any) -> Axes:
    return _validate.instance("ax", ax, Axes, "an Axes of matplotlib, as panels() makes them")


def _numbers(name: str, values: Any, *sizes: int | str, at_least: int = 0) -> np.ndarray:
    """A tensor, an array or a list of real numbers of this shape, as an array."""
    tensor = _validate.as_tensor(name, values).detach().cpu()
    if tensor.is_complex():
        raise TypeError(f"{name} must hold real numbers, got {_validate.kind(tensor)}")
    if tensor.is_floating_point() and tensor.element_size() == 2:
        tensor = tensor.float()  # NumPy has no bfloat16
    return _validate.shaped(name, tensor.numpy(), *sizes, at_least=at_least)


def _labels(name: str, values: Any, size: int | str = "N") -> tuple[np.ndarray, Sequence | None]:
    """(N,) whole numbers, or texts in their order as numbers, and the texts."""
    size_given = size if isinstance(size, int) else None
    if texts := _validate.numbered_texts(name, values, size=size_given):
        return texts[0].numpy(), texts[1]
    numbers = _numbers(name, values, size)
    if numbers.dtype.kind not in "iub":
        raise TypeError(f"{name} must be whole numbers or texts, got {numbers.dtype}")
    return numbers.astype(np.int64), None


def class_names(labels: np.ndarray, names: Any) -> dict[int, str]:
    """The text of each label that occurs: of ``names``, or else its number.

    Raises:
        TypeError, ValueError: names is neither a sequence nor a dictionary, or has no such label.
    """
    found = np.unique(labels).tolist()
    if names is None:
        return {label: str(label) for label in found}
    if not isinstance(names, Sequence | Mapping | np.ndarray):
        raise TypeError(f"names must be a list of texts, got {_validate.kind(names)}")
    for label in found:
        is_there = label in names if isinstance(names, Mapping) else 0 <= label < len(names)
        if not is_there:
            raise ValueError(f"names must have a text for label {label}, got {len(names)} names")
    return {label: legible(names[label]) for label in found}


def similarity_colours(low: float) -> Colormap:
    """With a neutral middle if values may be negative, else without; NaN is white on any page."""
    low = float(_validate.number("low", low))
    return colormaps["RdBu" if low < 0 else "Blues"].with_extremes(bad="white")


def similarity_matrix(
    matrix, ax: Axes, *, low=-1.0, high=1.0, positives=None, groups=None, names=None
) -> AxesImage:
    """A matrix of similarities as colours, row by column, with the positive pairs outlined.

    Args:
        matrix: (N, M) numbers; a cell outside [low, high] takes the colour of the nearer end, NaN
            stays white.
        ax: where it is drawn.
        low, high: the values at the two ends of the colours, low < high.
        positives: optional (P, 2) rows and columns of cells to outline.
        groups: optional (N,) labels in the order of the rows, numbers or texts, equal labels side
            by side: a line parts the groups.
        names: optional text for each label of ``groups``, written on both sides at the middle of
            its group, as long as there is room.

    Returns:
        The image, so that an explorer can give it new data; its Axes is ``ax``.
    """
    _axes(ax)
    matrix = _numbers("matrix", matrix, "N", "M", at_least=1)
    low, high = (float(_validate.number(*end)) for end in (("low", low), ("high", high)))
    if not low < high:
        raise ValueError(f"low must be below high, got {low:g} and {high:g}")
    if positives is not None:
        positives = _numbers("positives", positives, "P", 2)
    if groups is not None:
        found, texts = _labels("groups", groups, len(matrix))
        class_names(found, texts if names is None else names)  # before anything is drawn
    image = ax.imshow(
        np.where(np.isinf(matrix), np.sign(matrix) * 1e30, matrix),  # matplotlib leaves them white
        cmap=similarity_colours(low),
        vmin=low,
        vmax=high,
        interpolation="nearest",
        interpolation_stage="rgba",
    )
    ax.set(xticks=[], yticks=[])
    if positives is not None:
        for row, column in positives:
            corner = (column - 0.5, row - 0.5)
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=ANCHOR, linewidth=1.2))
    if groups is not None:
        mark_groups(ax, groups, names)
    return image


def mark_groups(ax: Axes, groups, names=None) -> Axes:
    """Lines between runs of equal labels along both sides of a matrix, and each run's name.

    Args:
        ax: with the matrix, whose rows and columns are one unit wide.
        groups: (N,) whole numbers or texts in the order of the rows, equal ones side by side.
        names: optional text for each label. Where there is no room for all, every second or third
            is written, and so on.
    """
    _axes(ax)
    groups, texts = _labels("groups", groups)
    shown = class_names(groups, texts if names is None else names)
    edges = np.flatnonzero(groups[1:] != groups[:-1]) + 1
    for edge in edges - 0.5:
        ax.axhline(edge, color="white", linewidth=1)
        ax.axvline(edge, color="white", linewidth=1)
    starts, ends = np.r_[0, edges], np.r_[edges, len(groups)]
    labels = [shown[label] for label in groups[starts].tolist()] if len(groups) else []
    middles = (starts + ends - 1) / 2 if len(groups) else []
    widest = 0.08 * max(map(len, labels), default=0) + 0.05  # inches, and a line takes 0.16
    for axis, inches, room in ((ax.xaxis, 0, widest), (ax.yaxis, 1, 0.16)):
        size = ax.get_window_extent().size[inches] / ax.figure.dpi
        step = max(1, int(np.ceil(len(labels) * room / max(size, 0.1))))
        axis.set_ticks(middles[::step], labels[::step])
    ax.tick_params(length=0)
    return ax


def embedding_map(points, labels, ax: Axes, *, names=None, size: float = 14) -> Axes:
    """Points in the plane, a look for each class, with a legend beside them.

    Args:
        points: (N, 2) coordinates.
        labels: (N,) class of each point, a whole number from 0 on or a text. Class c takes the
            c-th of the book's ten class colours; from the eleventh on, a marker of its own too.
        ax: where they are drawn.
        names: optional text for each class; otherwise the number of the class.
        size: of a mark, in square points.
    """
    _axes(ax)
    labels, texts = _labels("labels", labels)
    points = _numbers("points", points, len(labels), 2)
    if not np.isfinite(points).all():
        raise ValueError("points must be finite, got NaN or infinity")
    if len(labels) and labels.min() < 0:
        raise ValueError(f"labels must be >= 0, got {labels.min()}")
    size = float(_validate.number("size", size, above=0))
    shown = class_names(labels, texts if names is None else names)
    for label, name in shown.items():
        chosen = points[labels == label]
        colour, marker = class_look(label)
        look: dict[str, Any] = {"color": colour, "marker": marker, "linewidths": 0}
        # a text that begins with _ would be left out of the legend
        ax.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=size,
            label=name if name[:1] != "_" else f" {name}",
            **look,
        )
    if shown:
        _key_beside(ax, shown, size)
    ax.set(xticks=[], yticks=[])
    return ax


def _key_beside(ax: Axes, shown: Mapping[int, str], size: float) -> None:
    """The names of the classes right of the map, as many as can be read."""
    larger = max(1.0, (KEY_MARK / size) ** 0.5)
    place: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "frameon": False}
    handles, _ = ax.get_legend_handles_labels()
    handles = handles[-len(shown) :]
    if len(shown) > IN_KEY:
        handles = handles[: IN_KEY - 1]
        more = f"… and {len(shown) - IN_KEY + 1} more"
        handles.append(Line2D([], [], linestyle="", label=more))
    # a row takes 0.19 inches
    rows = max(4, int(ax.get_window_extent().height / ax.figure.dpi / 0.19))
    fontsize = 9 if len(handles) <= rows else 7
    columns = int(np.ceil(len(handles) / (rows if fontsize == 9 else rows * 9 / 7)))
    tight: dict[str, Any] = {"handletextpad": 0.1, "columnspacing": 0.8, "markerscale": larger}
    ax.legend(handles=handles, fontsize=fontsize, ncols=columns, **place, **tight)


def curves(
    x, lines: Mapping[str, Sequence], ax: Axes, *, colours=None, marker: str | None = None
) -> Axes:
    """Lines over a common x, one for each name; (S, N) values are S runs: their mean and range.

    Args:
        x: (N,) positions.
        lines: name → (N,) values, or (S >= 1, N) values of S seeds; NaN and infinity leave a gap.
        ax: where they are drawn.
        colours: optional name → colour; the others take the book's class colours in turn, from the
            eleventh on with other dashes.
        marker: optional matplotlib marker for the measured points.
    """
    _axes(ax)
    x = _numbers("x", x, "N")
    if not np.isfinite(x).all():
        raise ValueError("x must be finite, got NaN or infinity")
    lines, colours = _line_looks(lines, colours, marker)
    for turn, (name, given) in enumerate(lines.items()):
        shown = f"lines[{name!r}]"
        rows = _validate.as_tensor(shown, given)
        values = _numbers(shown, rows, *(["S"] if rows.dim() > 1 else []), len(x))
        if 0 in values.shape[:-1]:
            raise ValueError(f"{shown} must have at least one run, got shape {values.shape}")
        values = np.where(np.isfinite(values), values, np.nan)
        colour = colours.get(name, CLASS_COLOURS[turn % len(CLASS_COLOURS)])
        dashes = ("-", "--", ":", "-.")[turn // len(CLASS_COLOURS) % 4]
        if values.ndim == 2:
            ax.fill_between(x, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0)
            values = values.mean(0)
        look: dict[str, Any] = {"color": colour, "linestyle": dashes, "marker": marker}
        ax.plot(x, values, label=legible(name), markersize=4, **look)
    if len(lines) > 1:
        ax.legend(fontsize=9, frameon=False)
    return ax


def _line_looks(lines: Any, colours: Any, marker: Any) -> tuple[Mapping, Mapping]:
    """The lines and their colours, each checked for its kind."""
    for name, value in (("lines", lines), ("colours", colours or {})):
        if not isinstance(value, Mapping):
            raise TypeError(f"{name} must be a dictionary, got {_validate.kind(value)}")
    if not lines:
        raise ValueError("lines must have at least one entry, got none")
    for name, colour in (colours or {}).items():
        _colour(f"colours[{name!r}]", colour)
    try:
        MarkerStyle("" if marker is None else marker)
    except (ValueError, TypeError) as error:
        raise ValueError(f"marker must be a marker of matplotlib, got {marker!r}") from error
    return lines, colours or {}


def _colour(name: str, value: Any) -> Any:
    if not is_color_like(value):
        raise ValueError(f"{name} must be a colour of matplotlib, got {value!r}")
    return value


def picture_row(images, ax: Axes, *, titles=None, frames=None, colours: str = "gray_r") -> Axes:
    """A batch of images side by side in one Axes, each with a text above and a coloured frame.

    Args:
        images: (N, C, H, W) with one or three channels, floats in [0, 1]; one channel is drawn as
            dark ink. `mlteach.data.from_arrays` brings others into this form.
        ax: where they are drawn.
        titles: optional N texts.
        frames: optional N colours; None leaves an image unframed.
        colours: matplotlib's name of the colours for images of one channel.
    """
    _axes(ax)
    images = drawable("images", images)
    for name, values in (("titles", titles), ("frames", frames)):
        if values is not None:
            _validate.length(name, _validate.instance(name, values, Sized, "a list"), len(images))
    for i, frame in enumerate([] if frames is None else frames):
        if frame is not None:
            _colour(f"frames[{i}]", frame)
    if not isinstance(colours, str) or colours not in colormaps:
        raise ValueError(f"colours must be the name of a colour map, got {colours!r}")
    height, width = images.shape[2:]
    step = 1.15  # an image is one unit wide, with a little air beside it
    for i, image in enumerate(images):
        box = (i * step, i * step + 1, 0, height / width)
        shown = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        ax.imshow(shown, cmap=colours, vmin=0, vmax=1, extent=box, interpolation="nearest")
        if frames is not None and frames[i] is not None:
            ax.add_patch(
                Rectangle((box[0], 0), 1, box[3], fill=False, edgecolor=frames[i], linewidth=2)
            )
        if titles is not None:
            title = legible(titles[i])
            ax.text(i * step + 0.5, box[3] + 0.06, title, ha="center", va="bottom", fontsize=9)
    ax.set(
        xlim=(-0.1, len(images) * step - 0.05),
        ylim=(-0.08, height / width + (0.35 if titles is not None else 0.08)),
        xticks=[],
        yticks=[],
        frame_on=False,  # unlike set_axis_off, this leaves the axes' labels
    )
    return ax


def drawable(name: str, images: Any) -> np.ndarray:
    """(N, C, H, W) images with one or three channels in [0, 1], as an array.

    Raises:
        TypeError, ValueError: they are no floats, or not in [0, 1], or of another shape.
    """
    checked = _validate.images(name, _validate.as_tensor(name, images), channels=(1, 3))
    return checked.detach().float().cpu().clamp(0, 1).numpy()
