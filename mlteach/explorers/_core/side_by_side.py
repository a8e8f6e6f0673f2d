"""SideBySide: several explorers in one output, to compare them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from ipywidgets import HBox, Layout, VBox
from PIL import Image

from mlteach.explorers._core.explorer import Explorer, encode
from mlteach.explorers._core.output import Output


class SideBySide(Output):
    """Explorers beside each other, live on the page and in one PNG.

    Args:
        explorers: as narrow as they can be; 9 inches fill the page.

    Raises:
        TypeError: there is none, or one is no explorer.
    """

    def __init__(self, *explorers: Explorer):
        kinds = ", ".join(type(given).__name__ for given in explorers) or "none"
        if not explorers or not all(isinstance(given, Explorer) for given in explorers):
            raise TypeError(f"explorers must be one or more explorers, got {kinds}")
        self.explorers = explorers
        columns = []
        for explorer in explorers:
            # Controls wrap within their column; a figure shrinks by a fifth before columns wrap.
            width = explorer.canvas.width
            room = Layout(flex=f"1 1 {width * 4 // 5}px", max_width=f"{width + 60}px")
            columns.append(VBox([explorer.widget], layout=room))
        self.widget = HBox(columns, layout=Layout(flex_flow="row wrap"))

        for explorer in explorers:
            explorer.canvas.observe(self.keep, "settled")

    def saved(self, *, effort: int = 9) -> tuple[bytes, dict, str]:
        """The figures beside each other in one."""
        stills = [explorer.saved(effort=1) for explorer in self.explorers]  # drawn, not kept
        pngs, metadata, texts = zip(*stills, strict=True)
        pixels = [np.asarray(Image.open(BytesIO(png))) for png in pngs]
        tallest = max(len(p) for p in pixels)
        white = [
            np.pad(p, ((0, tallest - len(p)), (0, 0), (0, 0)), constant_values=255) for p in pixels
        ]
        text = " | ".join(texts)
        width = sum(size["width"] for size in metadata)
        height = max(size["height"] for size in metadata)
        png = encode(np.hstack(white), effort=effort)
        return png, {"width": width, "height": height, "alt": text}, text
