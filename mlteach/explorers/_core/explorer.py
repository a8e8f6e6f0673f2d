"""What every explorer shares: controls, and one figure that lives as long as they do."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from ipywidgets import HBox, Layout, VBox, Widget
from matplotlib.artist import Artist
from PIL import Image

from mlteach.explorers._core import theme
from mlteach.explorers._core.canvas import Canvas
from mlteach.explorers._core.dark import PageCanvas
from mlteach.explorers._core.output import Output
from mlteach.explorers._core.pointer import Hold, Pointer, locate
from mlteach.plots import CSS_DPI, SHARPNESS, Picture

LEAST_DENSITY = 0.5  # a page says 0 before it knows
LARGEST_DENSITY = 3.0  # more pixels than that nobody sees, and they take time

# what the pages have said last: the next explorer is drawn so at once
_page = {"density": 0.0, "dark": theme.of_lab()}


class Explorer(Output):
    """Controls and a figure: a move updates artists, draws once, replaces the figure in place.

    A subclass keeps its data, hands its controls to ``super().__init__``, and defines

    - ``make_figure``, called once: the figure, and the artists in it that ``update`` changes;
    - ``update``, called at every move: gives these artists what the controls say, and returns the
      numbers that the figure now shows;
    - ``pointed``, with ``pointing`` set, if it listens to the pointer;
    - ``describe``, if its numbers want a better sentence.

    This is a whole explorer::

        class Parabola(Explorer):
            def __init__(self):
                super().__init__({"height": slider("height", -1, 1, 0.5, step=0.1)})

            def make_figure(self):
                figure = Picture()
                (self.line,) = figure.subplots().plot([-1, 0, 1], [0, 0, 0])
                return figure, [self.line]

            def update(self):
                height = self.controls["height"].value
                self.line.set_ydata([height, 0, height])
                return {"area": 2 * height / 3}

    Drive one from Python as the mouse does; ``state`` has the value of every control by its name,
    and what ``update`` returned::

        explorer.controls["height"].value = 0.1
        explorer.state["area"]

    Moves that arrive while the figure is being drawn, from whatever thread, are merged into one
    more drawing.

    Args:
        controls: name → ipywidget; a change of its ``value`` redraws. A button has no value: give
            it its own callback that ends in ``self.refresh()``.
    """

    pointing = "none"  # "hover" reports where the pointer is, "drag" its presses too
    zooming = False  # whether it is told how the wheel is turned with the Control key

    def __init__(self, controls: Mapping[str, Widget]):
        self.controls = dict(controls)
        self.state: dict = {}
        self.hold = Hold()
        self._settings: dict[str, tuple] = {}  # see ``changed``
        self.drawn_last: list[Artist] = []  # what moves, and what stands above it
        self._stills: dict = {}  # the drawn figure without these, by its pixels and colours
        self._wanted = False
        self._holding = 0  # how many ``one_redraw`` are open
        self._ended = 0  # the last press that is known to be over
        self._drawing = threading.Lock()
        self.figure, moving = self.make_figure()
        self.moving = list(moving)
        PageCanvas(self.figure)
        pointing = {"pointing": self.pointing, "zooming": self.zooming}
        self.canvas = Canvas(width=self.figure.page_size()[0], **pointing, **_page)
        self._fit_page()
        row = HBox(list(self.controls.values()), layout=Layout(flex_flow="row wrap"))
        row.add_class("mlteach-controls")
        self.widget = VBox([row, self.canvas] if self.controls else [self.canvas])
        self.refresh()
        for control in self.controls.values():
            if control.has_trait("value"):
                control.observe(self.refresh, "value")
        self.canvas.observe(self._report_pointer, "pointer")
        self.canvas.observe(self._follow_page, ["density", "dark"])
        self.canvas.observe(self.keep, "settled")

    def make_figure(self) -> tuple[Picture, Iterable[Artist]]:
        """The figure with every artist in place, and the artists that move: all else stays."""
        raise NotImplementedError

    def update(self) -> dict:
        """Moves the artists to what the controls say; returns the numbers that are shown now."""
        raise NotImplementedError

    def pointed(self, pointer: Pointer) -> None:
        """Answers the pointer; calls ``self.refresh()`` if the figure must change."""

    def describe(self) -> str:
        """One sentence with the main numbers of ``state``: read-out, alt text and text/plain."""
        return " · ".join(
            f"{name} {value:.3g}" for name, value in self.state.items() if isinstance(value, float)
        )

    def values(self) -> dict:
        """The value of every control that has one, by its name."""
        return {
            name: control.value
            for name, control in self.controls.items()
            if control.has_trait("value")
        }

    def refresh(self, _change=None) -> None:
        """Brings the figure up to date; a call during a drawing asks for one more."""
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
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1
            self.refresh()

    def changed(self, part: str, *setting) -> bool:
        """Whether a part was made for another setting when this was last asked, or never yet.

        An ``update`` so makes what is costly, or what belongs to the still part of the figure, only
        when it must: ``if self.changed("curve", temperature): …``.
        """
        before = self._settings.get(part)
        self._settings[part] = setting
        return before != setting

    def redraw_all(self) -> None:
        """Forgets the still part too: for an ``update`` that changed an axis, a tick or a title."""
        self._stills.clear()

    def _redraw(self) -> None:
        shown = self.update()  # first: it may move a control that depends on another
        state = self.values() | shown
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
        look = self.figure.dpi, canvas.dark
        if not self._stills:
            for artist in self.drawn_last:  # some may belong to the still part now
                artist.set_animated(False)
            self.drawn_last = self._choose_drawn_last()
            for artist in self.drawn_last:
                artist.set_animated(True)
        if look in self._stills:
            canvas.restore_region(self._stills[look])
        else:
            canvas.draw()
            # the first layout stays: panels must not jump under the mouse
            self.figure.set_layout_engine("none")
            self._stills[look] = canvas.copy_from_bbox(self.figure.bbox)
        for artist in self.drawn_last:
            self.figure.draw_artist(artist)
        return np.asarray(canvas.buffer_rgba())

    def _choose_drawn_last(self) -> list[Artist]:
        """What moves, and what stands above it in its Axes, in matplotlib's own order.

        Drawn into the still part, a legend or a frame would be hidden by what moves below it.
        """
        moving, last = set(self.moving), []
        for ax in sorted(self.figure.axes, key=lambda ax: ax.zorder):
            lowest = min((artist.zorder for artist in moving if artist.axes is ax), default=np.inf)
            # the ground lies lowest whatever its zorder; an Axes that is off has no frame
            apart = {ax.patch, ax.xaxis, ax.yaxis} | set(() if ax.axison else ax.spines.values())
            if all(artist.get_clip_on() for artist in moving if artist.axes is ax):
                apart |= {ax.title}  # nothing that is cut off at the Axes reaches it
            children = [child for child in ax.get_children() if child not in apart]
            above = [child for child in children if child in moving or child.zorder >= lowest]
            last += sorted(above, key=lambda artist: artist.zorder)
        inner = moving.difference(last)  # a text of the figure
        return last + sorted(inner, key=lambda artist: artist.zorder)

    def _report_pointer(self, change) -> None:
        raw = change["new"]
        # The page merges what comes too fast: a press may arrive together with its end, the end
        # with the last move.
        pressed = raw["pressed"] or raw["presses"] > self._ended
        if not raw["pressed"]:
            self._ended = raw["presses"]
        told = {**raw, "pressed": pressed, "ends": pressed and not raw["pressed"]}
        self._guard(lambda: self.pointed(locate(self.figure, told)))

    def _guard(self, action) -> None:
        """Runs the action; an error becomes one line under the figure, and is raised again."""
        try:
            action()
        except Exception as error:
            self.canvas.problem = (
                f"This figure could not be drawn: {type(error).__name__}: {error}".splitlines()[0]
            )
            raise

    @contextmanager
    def _no_drawing(self) -> Iterator[None]:
        """Nothing is drawn inside; what is asked for meanwhile is drawn afterwards."""
        with self._drawing:
            yield
        if self._wanted:
            self.refresh()

    def _follow_page(self, _change) -> None:
        _page.update(density=self.canvas.density, dark=self.canvas.dark)
        with self._no_drawing():
            self.redraw_all()
            self._fit_page()
            self._wanted = True

    def _fit_page(self) -> None:
        """The next drawing has the page's pixels and colours."""
        told = self.canvas.density
        density = min(told, LARGEST_DENSITY) if told >= LEAST_DENSITY else SHARPNESS
        self.figure.dpi, self.figure.canvas.dark = CSS_DPI * density, self.canvas.dark

    def saved(self, *, effort: int = 9) -> tuple[bytes, dict, str]:
        """The figure for paper, in light colours whatever the page has; its metadata; its text."""
        with self._no_drawing():
            self.figure.dpi, self.figure.canvas.dark = CSS_DPI * SHARPNESS, False
            try:
                png = encode(self._draw(), effort=effort)
            except BaseException:  # an interrupt too
                self.redraw_all()
                raise
            finally:
                self._fit_page()
        return png, self.figure.png_metadata(), self.canvas.readout


def encode(pixels: np.ndarray, *, effort: int) -> bytes:
    """(H, W, 4) bytes as an opaque PNG: effort 1 is quick, for a slider, 9 is small."""
    unfiltered = _unfiltered_png(pixels[..., :3], effort)
    if effort < 9:
        return unfiltered
    buffer = io.BytesIO()  # of a photograph the smaller one; level 9 takes three times as long as 6
    Image.fromarray(pixels).convert("RGB").save(buffer, format="png", compress_level=6)
    return min(unfiltered, buffer.getvalue(), key=len)


def _unfiltered_png(pixels: np.ndarray, effort: int) -> bytes:
    """(H, W, 3) bytes as a PNG whose rows are not filtered.

    Choosing filters takes half of the time, and makes a matrix of many small cells larger.

    Source: PNG specification, third edition: sections 5 (chunks), 9 (filters), 11.2.1 (IHDR).
    """
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # each begins with 0, for no filter
    rows[:, 1:] = pixels.reshape(height, -1)
    size_and_kind = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)  # 8 bits each of R, G, B
    parts = {b"IHDR": size_and_kind, b"IDAT": zlib.compress(rows, level=effort), b"IEND": b""}
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
