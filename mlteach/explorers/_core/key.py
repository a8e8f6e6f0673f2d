"""The key of a panel, where no mark can come to lie under it."""

from __future__ import annotations

import math

from matplotlib.axes import Axes


def titled_key(ax: Axes, title: str, *, columns: int, size: float = 10, **legend) -> None:
    """A title, and between it and the panel the key of all that has a label.

    Args:
        ax: whose artists are drawn, with their labels.
        title: of the panel.
        columns: entries of the key side by side.
        size: of the title, in points.
        legend: for matplotlib, such as ``handles``.
    """
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": columns}
    tight = {"borderpad": 0.2, "labelspacing": 0.2, "columnspacing": 1, "handlelength": 1.6}
    key = ax.legend(fontsize=8, frameon=False, borderaxespad=0, **place, **tight, **legend)
    rows = math.ceil(len(key.get_texts()) / columns)
    ax.set_title(title, fontsize=size, pad=5 + 12 * rows)
