"""How a test drives an explorer without a browser, and what every explorer then promises.

`tests/explorers/test_every_explorer.py` holds all of them to it.
"""

import base64
import io
import itertools
import re
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from mlteach.explorers import LiveTraining, LiveTSNE
from mlteach.plots import SHARPNESS

# not the end of a range, 3-0, nor a part of 1e-05 or -0.04
NEGATIVE_ZERO = re.compile(r"(?<![\w.])[-−]0(\.0+)?(?![\d.]|\.\d)")
TYPED = (
    "",
    "a star",
    "\n".join(f"{'a very long line ' * (i % 9)}{i}" for i in range(200)),
    "$x_2$ \\frac{ 犬\n  \n\ta b\u200b \U0001f600\n%d {} %",
    "\n".join(8 * ["W" * 300]),
)
WIDGET = "application/vnd.jupyter.widget-view+json"


def shown(explorer):
    """The figure as the page shows it, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(explorer.canvas.png))).astype(int)


def paper(explorer):
    """The figure as it is kept, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(explorer.saved(effort=1)[0]))).astype(int)


def redrawn(explorer):
    """The figure when nothing of the drawing before is kept, (H, W, 3)."""
    explorer.redraw_all()
    explorer.refresh()
    return shown(explorer)


def drawn_by_matplotlib(explorer):
    """The figure in matplotlib's own order, in which what moves is not drawn last, (H, W, 3)."""
    explorer.redraw_all()
    for artist in explorer.drawn_last:
        artist.set_animated(False)
    explorer.figure.canvas.draw()
    pixels = np.asarray(explorer.figure.canvas.buffer_rgba())[..., :3].astype(int)
    explorer.refresh()
    return pixels


@contextmanager
def undrawn(explorer):
    """Many moves at whose pixels nobody looks: the artists follow each, the last one is drawn."""
    explorer._draw = lambda: np.zeros((1, 1, 4), np.uint8)
    try:
        yield
    finally:
        del explorer._draw  # the class has it
    explorer.refresh()


def differing(one, other):
    """The number of pixels that are not the same."""
    red, green, blue = np.moveaxis(one != other, 2, 0)
    return int((red | green | blue).sum())  # any(axis=2) takes ten times as long


def texts_and_keys(figure):
    """What stands around the panels → where it stands, in drawn pixels."""
    renderer = figure.canvas.get_renderer()
    around = {}
    for number, ax in enumerate(ax for ax in figure.axes if ax.get_visible()):
        titles = (ax.title, ax._left_title, ax._right_title)
        labels = (ax.xaxis.label, ax.yaxis.label) if ax.axison else ()
        for text in (*titles, *labels):
            if text.get_visible() and text.get_text().strip():
                around[number, text.get_text()] = text.get_window_extent(renderer)
        if ax.get_legend() is not None:
            around[number, "key"] = ax.get_legend().get_window_extent(renderer)
    return around


def with_values(explorer):
    """Name → control, buttons left out."""
    controls = explorer.controls.items()
    return {name: control for name, control in controls if control.has_trait("value")}


def is_slider(control):
    """Whether it has the number beside it that lists and check boxes lack."""
    return control.has_trait("readout")


def values(control):
    """All that a list or a check box offers, the ends of a slider, or what may be typed."""
    if control.has_trait("options"):
        return control.options
    if isinstance(control.value, str):
        return TYPED
    if isinstance(control.value, bool):
        return (not control.value, control.value)
    if control.has_trait("base"):
        return (10**control.min, 10**control.max)
    return (control.min, control.max)


def corners(control):
    """Two values that lie as far apart as can be."""
    return values(control)[0], values(control)[-1]


def neighbour(control):
    """The next option or place of a slider, or the last one before where there is none."""
    if control.has_trait("options"):
        place = control.options.index(control.value)
        return control.options[place + 1 if place + 1 < len(control.options) else place - 1]
    step = control.step if control.value < values(control)[1] else -control.step
    return control.value * 10**step if control.has_trait("base") else control.value + step


def assert_state_follows(explorer):
    """Every control with a value has its entry in the state, and the same value there."""
    entries = {name: explorer.state[name] for name in with_values(explorer)}
    for name, control in with_values(explorer).items():
        value = control.value
        expected = value if isinstance(value, str | bool) else pytest.approx(value)
        assert entries[name] == expected, name


def send(explorer, x, y, *, ax=None, pressed=True, presses=1, press=None):
    """A pointer message as the page sends it; x, y in data coordinates of ``ax``."""

    def fraction(place):
        pixel = (ax or explorer.ax).transData.transform(place) / explorer.figure.bbox.size
        return pixel[0], 1 - pixel[1]

    (fx, fy), (px, py) = fraction((x, y)), fraction(press or (x, y))
    position = {"x": fx, "y": fy, "inside": True}
    pressing = {"pressed": pressed, "presses": presses, "press_x": px, "press_y": py}
    explorer.canvas.pointer = position | pressing


def assert_all_apart(explorer, when):
    """Nothing around the panels is cut by the figure's edge, or lies over another such text."""
    width, height = explorer.figure.bbox.size
    around = texts_and_keys(explorer.figure)
    for what, box in around.items():
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
        assert inside, (when, what, box.extents)
    for (one, box), (other, second) in itertools.combinations(around.items(), 2):
        across = min(box.x1, second.x1) - max(box.x0, second.x0)
        up = min(box.y1, second.y1) - max(box.y0, second.y0)
        assert min(across, up) <= 1, (when, one, other)


def assert_no_key_on_a_curve(explorer, when):
    """A key in a panel leaves every curve and every dot there to be seen."""
    explorer.figure.canvas.get_renderer()
    for ax in (ax for ax in explorer.figure.axes if ax.get_legend() and ax.get_visible()):
        box = Bbox.intersection(ax.get_legend().get_window_extent(), ax.bbox)
        if box is None or box.height < 2:  # above the panel
            continue
        curves = [curve for curve in ax.lines if curve.get_visible()]
        ways = [curve.get_transform().transform(curve.get_xydata()) for curve in curves]
        clouds = [cloud for cloud in ax.collections if isinstance(cloud, PathCollection)]
        ways += [
            cloud.get_offset_transform().transform(dot)[None]
            for cloud in clouds
            for dot in np.ma.getdata(cloud.get_offsets())
            if cloud.get_visible()
        ]
        for way in ways:
            if len(way) != 2:  # a straight line from edge to edge is no data
                assert not Path(way).intersects_bbox(box, filled=False), (when, way[0])


def assert_told_well(explorer, when):
    """All three of what texts promise: room, no key on a curve, and no negative zero."""
    assert_all_apart(explorer, when)
    assert_no_key_on_a_curve(explorer, when)
    texts = [explorer.describe(), *(text.get_text() for text in explorer.figure.findobj(Text))]
    assert [text for text in texts if NEGATIVE_ZERO.search(text)] == [], when


@lru_cache(maxsize=1)  # pytest runs the tests of one explorer in a row
def made_once(make):
    """The explorer of all tests that leave it as it was: making it takes longer than most tests."""
    return make()


class EveryDrawing:
    """Tests with one run for each explorer that the test file names in ``MAKE``."""

    def pytest_generate_tests(self, metafunc):
        metafunc.parametrize("name", metafunc.module.MAKE, scope="module")

    @pytest.fixture
    def explorer(self, request, name):
        """One for all tests that leave it as it was; a training ends with its test."""
        yield from self.ended(made_once(request.module.MAKE[name]))

    @pytest.fixture
    def new_explorer(self, request, name):
        """For a test that leaves it otherwise, or looks at its widget, which lives for one test."""
        yield from self.ended(request.module.MAKE[name]())

    def ended(self, explorer):
        yield explorer
        if isinstance(explorer, LiveTraining | LiveTSNE):
            explorer.pause()

    @pytest.mark.parametrize("density", [1.0, SHARPNESS])
    def test_every_step_of_a_slider_is_seen_and_back_gives_the_same_figure(self, explorer, density):
        """Several in a row: one step that is too small may be seen by luck, in whole pixels."""
        explorer.canvas.density = density
        for name, control in with_values(explorer).items():
            if is_slider(control) and control.layout.display != "none":
                before = last = shown(explorer)
                value = control.value
                for _ in range(4):
                    control.value = neighbour(control)
                    now = shown(explorer)
                    assert differing(now, last) > 0, name
                    last = now
                control.value = value
                assert differing(shown(explorer), before) == 0, name

    def test_texts_lie_inside_the_figure_and_apart_and_no_number_is_a_negative_zero(self, explorer):
        """For every option and at both ends of every control.

        Titles, labels and keys; and what is rounded to zero has no sign, in figure and read-out.
        """
        assert explorer.canvas.width <= 900
        assert_told_well(explorer, "at first")
        for name, control in with_values(explorer).items():
            began = control.value
            for value in values(control):
                control.value = value
                assert_told_well(explorer, f"{name} {value}")
            control.value = began

    def test_the_output_carries_the_live_widget_the_same_figure_and_its_text(self, new_explorer):
        """The same for the eye, a screen reader, and where no kernel runs; controls are named."""
        explorer = new_explorer
        data, metadata = explorer._repr_mimebundle_()
        assert data[WIDGET]["model_id"] == explorer.widget.model_id
        saved = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))
        assert np.array_equal(saved, shown(explorer))
        text = explorer.describe()
        assert text != ""
        assert text == explorer.canvas.alt == explorer.canvas.readout
        assert text == data["text/plain"] == metadata["image/png"]["alt"]
        assert metadata["image/png"]["width"] == explorer.canvas.width
        assert all(control.description for control in explorer.controls.values())
