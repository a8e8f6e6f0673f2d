"""What every explorer shares: controls, one figure that lives as long as they do, and the pointer
on it.
"""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from ipywidgets import HBox, Layout, VBox, Widget
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from PIL import Image

from mlteach.explorers._core.canvas import Canvas
from mlteach.plots import Picture


class Pointer(NamedTuple):
    """Where the pointer is, in the data coordinates of ``ax``: the Axes pressed in, or else the one
    under it.
    """

    ax: Axes | None  # None: beside every Axes, or gone from the picture
    x: float
    y: float
    pressed: bool  # while it is held down, and once more where it is let go
    presses: int  # a new number is a new press
    press_x: float
    press_y: float


class Explorer:
    """Controls and a figure: a move updates the artists, draws once, and replaces the picture in
    place.

    A subclass makes a figure and its controls, hands them to this class, and defines ``update``; if
    it listens to the pointer it also sets ``pointing`` and defines ``pointed``. Drive one from
    Python as the mouse does::

        explorer.controls["temperature"].value = 0.1
        explorer.state["loss"]

    Moves that arrive while the picture is being drawn, from whatever thread, are merged into one
    more drawing.

    Args:
        figure: the Picture, with every artist in place.
        controls: name → ipywidget; a change of its ``value`` redraws. A button has no value: give
            it its own callback that ends in ``self.refresh()``.
        moving: the artists that ``update`` changes. All else is drawn once and kept.
    """

    pointing = "none"  # "hover" reports where the pointer is, "drag" its presses too

    def __init__(self, figure: Picture, controls: Mapping[str, Widget], moving: Iterable[Artist]):
        self.figure = figure
        self.controls = dict(controls)
        self.moving = list(moving)
        self.state: dict = {}
        self._still = None  # the drawn figure without its moving artists
        self._wanted = self._holding = False
        self._ended = 0  # the last press that is known to be over
        self._drawing = threading.Lock()
        self.canvas = Canvas(width=figure.page_size()[0], pointing=self.pointing)
        row = HBox(list(self.controls.values()), layout=Layout(flex_flow="row wrap"))
        self.widget = VBox([row, self.canvas] if self.controls else [self.canvas])
        self.refresh()
        for control in self.controls.values():
            if control.has_trait("value"):
                control.observe(self.refresh, "value")
        self.canvas.observe(self._report_pointer, "pointer")

    def update(self) -> dict:
        """Moves the artists to what the controls say; returns the numbers that the picture now
        shows.
        """
        raise NotImplementedError

    def pointed(self, pointer: Pointer) -> None:
        """Answers the pointer; calls ``self.refresh()`` if the picture must change."""

    def describe(self) -> str:
        """One sentence with the main numbers of ``state``: read-out, text for screen readers, and
        text/plain.
        """
        return " · ".join(
            f"{name} {value:.3g}" for name, value in self.state.items() if isinstance(value, float)
        )

    def refresh(self, _change=None) -> None:
        """Brings the picture up to date; a call during a drawing leaves a note that one more is
        wanted.
        """
        self._wanted = True
        while self._wanted and not self._holding and self._drawing.acquire(blocking=False):
            try:
                self._wanted = False
                self._guard(self._redraw)
            finally:
                self._drawing.release()

    @contextmanager
    def one_redraw(self) -> Iterator[None]:
        """Several changes inside, one drawing at the end."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
            self.refresh()

    def redraw_all(self) -> None:
        """Forgets the still part of the picture too: for an ``update`` that changed an axis, a tick
        or a title.
        """
        self._still = None

    def _redraw(self) -> None:
        state = self.update()
        pixels = self._draw()
        self.state = state
        text = self.describe()
        self.figure.alt = text
        with self.canvas.hold_sync():
            self.canvas.png = encode(pixels, effort=1)
            self.canvas.readout = self.canvas.alt = text
            self.canvas.problem = ""

    def _draw(self) -> np.ndarray:
        canvas = self.figure.canvas
        if self._still is None:
            for artist in self.moving:
                artist.set_animated(True)
            canvas.draw()
            # the first layout stays: panels must not jump under the mouse
            self.figure.set_layout_engine("none")
            self._still = canvas.copy_from_bbox(self.figure.bbox)
        else:
            canvas.restore_region(self._still)
        for artist in sorted(self.moving, key=lambda artist: artist.zorder):
            self.figure.draw_artist(artist)
        return np.asarray(canvas.buffer_rgba())

    def _report_pointer(self, change) -> None:
        raw = change["new"]
        # The page merges what comes too fast: a press may arrive together with its end, the end
        # with the last move.
        pressed = raw["pressed"] or raw["presses"] > self._ended
        if not raw["pressed"]:
            self._ended = raw["presses"]
        self._guard(lambda: self.pointed(self._locate({**raw, "pressed": pressed})))

    def _locate(self, raw: dict) -> Pointer:
        """The canvas' fractions of the picture, as data coordinates of one Axes."""
        size = self.figure.bbox.size
        here = np.array([raw["x"], 1 - raw["y"]]) * size
        press = np.array([raw["press_x"], 1 - raw["press_y"]]) * size
        place = press if raw["pressed"] else here  # a drag belongs to the Axes it began in
        inside = raw["inside"] or raw["pressed"]
        ax = next((ax for ax in self.figure.axes if inside and ax.bbox.contains(*place)), None)
        if ax is None:
            return Pointer(None, np.nan, np.nan, raw["pressed"], raw["presses"], np.nan, np.nan)
        to_data = ax.transData.inverted().transform
        return Pointer(
            ax, *to_data(here).tolist(), raw["pressed"], raw["presses"], *to_data(press).tolist()
        )

    def _guard(self, action) -> None:
        """Runs the action; an error becomes one line under the picture, and goes on to whoever
        called.
        """
        try:
            action()
        except Exception as error:
            self.canvas.problem = (
                f"This picture could not be drawn: {type(error).__name__}: {error}".splitlines()[0]
            )
            raise

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The live widget, and the same picture for wherever no kernel runs."""
        data = dict(self.widget._repr_mimebundle_())
        with self._drawing:
            still = encode(np.asarray(self.figure.canvas.buffer_rgba()), effort=9)
        data["image/png"] = base64.b64encode(still).decode()
        data["text/plain"] = self.canvas.readout
        return data, {"image/png": self.figure.png_metadata()}


def encode(pixels: np.ndarray, *, effort: int) -> bytes:
    """(H, W, 4) bytes as an opaque PNG file; effort 1 is quick, for a slider, 9 is small, for a
    saved notebook.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, format="png", compress_level=effort)
    return buffer.getvalue()
