"""SideBySide: several explorers in one output, to compare them."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from ipywidgets import HBox, Layout, VBox
from PIL import Image

from mlteach.explorers._core.explorer import Explorer, encode


class SideBySide:
    """Explorers beside each other, live on the page and in one PNG.

    Args:
        explorers: as narrow as they can be; 9 inches fill the page.
    """

    def __init__(self, *explorers: Explorer):
        self.explorers = explorers
        columns = []
        for explorer in explorers:
            # Controls wrap within their column; a figure shrinks by a fifth before columns wrap.
            width = explorer.canvas.width
            room = Layout(flex=f"1 1 {width * 4 // 5}px", max_width=f"{width + 60}px")
            columns.append(VBox([explorer.widget], layout=room))
        self.widget = HBox(columns, layout=Layout(flex_flow="row wrap"))

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The live widgets, and their figures in one for wherever no kernel runs."""
        bundles = [explorer._repr_mimebundle_() for explorer in self.explorers]
        pngs = [base64.b64decode(data["image/png"]) for data, _ in bundles]
        stills = [np.asarray(Image.open(BytesIO(png))) for png in pngs]
        tallest = max(len(still) for still in stills)
        white = [
            np.pad(s, ((0, tallest - len(s)), (0, 0), (0, 0)), constant_values=255) for s in stills
        ]
        sizes = [metadata["image/png"] for _, metadata in bundles]
        data = dict(self.widget._repr_mimebundle_())
        data["image/png"] = base64.b64encode(encode(np.hstack(white), effort=9)).decode()
        data["text/plain"] = alt = " | ".join(
            explorer.canvas.readout for explorer in self.explorers
        )
        width = sum(size["width"] for size in sizes)
        height = max(size["height"] for size in sizes)
        return data, {"image/png": {"width": width, "height": height, "alt": alt}}
