"""Figures of arrays: arrays and an Axes in, the Axes out. Nothing here trains or uses pyplot.

pyplot keeps one global current figure. A slider's callback can run in another thread than the cell
and would then spoil it, so every figure of the book is a ``Picture``: a plain matplotlib Figure
that a notebook can show.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from mlteach import _validate

# A colour has one meaning in the whole book, and all can be told apart with any colour vision
# (Okabe and Ito).
ANCHOR = "#222222"
POSITIVE = "#0072B2"
NEGATIVE = "#D55E00"
QUIET = "#8A8A8A"

# One colour a class, for up to ten classes (Tol's "bright" and "muted" schemes).
CLASS_COLOURS = [
    "#4477AA",
    "#EE6677",
    "#228833",
    "#CCBB44",
    "#66CCEE",
    "#AA3377",
    "#882255",
    "#999933",
    "#44AA99",
    "#555555",
]

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
    figure = Picture(size, alt=alt)
    axes = figure.subplots(rows, columns, **grid)
    for ax in np.atleast_1d(axes).flat:
        plain(ax)
    return figure, axes


def plain(ax: Axes) -> Axes:
    """The book's look for one Axes: no box around it, small ticks."""
    for side in ("top", "right"):
        if side in ax.spines:
            ax.spines[side].set_visible(False)
    ax.tick_params(labelsize=9)
    ax.title.set_fontsize(11)
    return ax


def _array(values) -> np.ndarray:
    """A tensor, an array or a list as an array."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def similarity_colours(low: float) -> Colormap:
    """With a neutral middle if values may be negative, else without; NaN is white on any page."""
    return colormaps["RdBu" if low < 0 else "Blues"].with_extremes(bad="white")


def similarity_matrix(
    matrix, ax: Axes, *, low=-1.0, high=1.0, positives=None, groups=None, names=None
) -> AxesImage:
    """A matrix of similarities as colours, row by column, with the positive pairs outlined.

    Args:
        matrix: (N, M) numbers; a cell outside [low, high] takes the colour of the nearer end, NaN
            stays white.
        low, high: the values at the two ends of the colours.
        positives: optional (P, 2) rows and columns of cells to outline.
        groups: optional (N,) labels in the order of the rows, equal labels side by side: a line
            parts the groups.
        names: optional text for each label of ``groups``, written on both sides at the middle of
            its group.

    Returns:
        The image, so that an explorer can give it new data; its Axes is ``ax``.
    """
    matrix = _validate.shaped("matrix", _array(matrix), "N", "M")
    image = ax.imshow(
        matrix,
        cmap=similarity_colours(low),
        vmin=low,
        vmax=high,
        interpolation="nearest",
        interpolation_stage="rgba",
    )
    ax.set(xticks=[], yticks=[])
    if positives is not None:
        for row, column in _validate.shaped("positives", _array(positives), "P", 2):
            corner = (column - 0.5, row - 0.5)
            ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=ANCHOR, linewidth=1.2))
    if groups is not None:
        mark_groups(ax, groups, names)
    return image


def mark_groups(ax: Axes, groups, names=None) -> Axes:
    """Lines between runs of equal labels along both sides of a matrix, and each run's name."""
    groups = _validate.shaped("groups", _array(groups), "N")
    edges = np.flatnonzero(np.diff(groups)) + 1
    for edge in edges - 0.5:
        ax.axhline(edge, color="white", linewidth=1)
        ax.axvline(edge, color="white", linewidth=1)
    starts, ends = np.r_[0, edges], np.r_[edges, len(groups)]
    labels = [str(label) if names is None else str(names[int(label)]) for label in groups[starts]]
    middles = (starts + ends - 1) / 2
    ax.set_xticks(middles, labels)
    ax.set_yticks(middles, labels)
    ax.tick_params(length=0)
    return ax


def embedding_map(points, labels, ax: Axes, *, names=None, size: float = 14) -> Axes:
    """Points in the plane, coloured by class, with a legend beside them.

    Args:
        points: (N, 2) coordinates.
        labels: (N,) integer class of each point; class c takes the c-th of the book's ten class
            colours.
        names: optional text for each class; otherwise the number of the class.
    """
    labels = _validate.shaped("labels", _array(labels), "N")
    points = _validate.shaped("points", _array(points), len(labels), 2)
    for label in np.unique(labels):
        chosen = points[labels == label]
        colour = CLASS_COLOURS[int(label) % len(CLASS_COLOURS)]
        name = str(label) if names is None else str(names[int(label)])
        ax.scatter(chosen[:, 0], chosen[:, 1], s=size, color=colour, label=name, linewidths=0)
    ax.legend(
        loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9, frameon=False, handletextpad=0.1
    )
    ax.set(xticks=[], yticks=[])
    return ax


def curves(
    x, lines: Mapping[str, Sequence], ax: Axes, *, colours=None, marker: str | None = None
) -> Axes:
    """Lines over a common x, one for each name; (S, N) values are S runs: their mean and range.

    Args:
        x: (N,) positions.
        lines: name → (N,) values, or (S, N) values of S seeds.
        colours: optional name → colour; the others take the book's class colours in turn.
        marker: optional matplotlib marker for the measured points.
    """
    x = _validate.shaped("x", _array(x), "N")
    for turn, (name, given) in enumerate(lines.items()):
        values = _array(given)
        runs = ["S"] if values.ndim > 1 else []
        _validate.shaped(f"lines[{name!r}]", values, *runs, len(x))
        colour = (colours or {}).get(name, CLASS_COLOURS[turn % len(CLASS_COLOURS)])
        if values.ndim == 2:
            ax.fill_between(x, values.min(0), values.max(0), color=colour, alpha=0.2, linewidth=0)
            values = values.mean(0)
        ax.plot(x, values, color=colour, label=name, marker=marker, markersize=4)
    if len(lines) > 1:
        ax.legend(fontsize=9, frameon=False)
    return ax


def picture_row(images, ax: Axes, *, titles=None, frames=None, colours: str = "gray_r") -> Axes:
    """A batch of images side by side in one Axes, each with a text above and a coloured frame.

    Args:
        images: (N, C, H, W) with one or three channels, values in [0, 1]; one channel is drawn as
            dark ink.
        titles: optional N texts.
        frames: optional N colours; None leaves an image unframed.
    """
    images = _validate.shaped("images", _array(images), "N", "C", "H", "W")
    _validate.has_channels("images", images, (1, 3))
    for name, values in (("titles", titles), ("frames", frames)):
        if values is not None:
            _validate.length(name, values, len(images))
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
            ax.text(i * step + 0.5, box[3] + 0.06, titles[i], ha="center", va="bottom", fontsize=9)
    ax.set(
        xlim=(-0.1, len(images) * step - 0.05),
        ylim=(-0.08, height / width + (0.35 if titles is not None else 0.08)),
    )
    ax.set_axis_off()
    return ax
