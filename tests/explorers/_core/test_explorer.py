"""What every explorer does on its own: draw, merge, report errors, locate the pointer."""

import base64
import gc
import io
import threading
import time
import weakref

import numpy as np
import pytest
import torch.nn.functional as F
from ipywidgets import Widget
from PIL import Image
from support.contrastive_cases import matrix_explorer, views
from support.explorer_drawing import shown
from support.pages import point

from mlteach.explorers import Circle, Explorer, Temperature
from mlteach.explorers._core.controls import slider
from mlteach.explorers._core.explorer import encode
from mlteach.plots import Picture

WIDGET = "application/vnd.jupyter.widget-view+json"


def temperature_explorer(count=6):
    z1, z2 = (F.normalize(view.flatten(1) - 0.5, dim=1) for view in views(count))
    return Temperature(z1 @ z2.T, *views(count))


MAKERS = {"temperature": temperature_explorer, "matrix": matrix_explorer, "circle": Circle}


@pytest.fixture(params=MAKERS)
def explorer(request):
    return MAKERS[request.param]()


class Line(Explorer):
    """The smallest explorer: one line, one slider."""

    pointing = "drag"

    def __init__(self, update=None):
        self.drawings, self.pointers = 0, []
        self.extra = update
        super().__init__({"height": slider("height", 0, 10, 1, step=1)})

    def make_figure(self):
        figure = Picture((3, 2))
        self.ax = figure.subplots()
        (self.line,) = self.ax.plot([0, 1], [0, 1])
        self.ax.set(xlim=(0, 2), ylim=(0, 10))
        return figure, [self.line]

    def update(self):
        if self.extra:
            self.extra(self)
        self.drawings += 1
        height = self.controls["height"].value
        self.line.set_ydata([0, height])
        return {}

    def pointed(self, pointer):
        self.pointers.append(pointer)


def test_the_output_carries_the_live_widget_and_the_same_figure(explorer):
    data, metadata = explorer._repr_mimebundle_()
    assert data[WIDGET]["model_id"] == explorer.widget.model_id
    saved = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))
    assert np.array_equal(saved, shown(explorer))
    assert metadata["image/png"]["alt"] == data["text/plain"] == explorer.describe()
    assert metadata["image/png"]["width"] == explorer.canvas.width


def test_controls_are_named_and_the_figure_has_a_text(explorer):
    assert all(control.description for control in explorer.controls.values())
    assert explorer.canvas.alt == explorer.canvas.readout == explorer.describe() != ""


def test_an_error_becomes_one_line_and_is_raised():
    explorer = Line()

    def fail(_):
        raise ZeroDivisionError("no\nway")

    explorer.extra = fail
    with pytest.raises(ZeroDivisionError):
        explorer.controls["height"].value = 5
    assert explorer.canvas.problem == "This figure could not be drawn: ZeroDivisionError: no"
    assert explorer.state == {"height": 1}
    explorer.extra = None
    explorer.controls["height"].value = 6
    assert explorer.canvas.problem == ""
    assert explorer.state == {"height": 6}


def test_moves_during_a_drawing_are_merged_into_one_more():
    started, go_on = threading.Event(), threading.Event()
    explorer = Line()

    def slow(_):
        started.set()
        assert go_on.wait(10)

    explorer.extra, explorer.drawings = slow, 0
    thread = threading.Thread(target=setattr, args=(explorer.controls["height"], "value", 2))
    thread.start()
    assert started.wait(10)
    for height in range(3, 10):
        explorer.controls["height"].value = height  # returns at once: the thread is still drawing
    go_on.set()
    thread.join(10)
    assert explorer.state == {"height": 9}
    assert explorer.drawings == 2


def test_many_threads_end_in_a_figure_of_the_last_value():
    explorer = Line(update=lambda _: time.sleep(0.001))
    threads = [
        threading.Thread(target=lambda: [explorer.refresh() for _ in range(10)], name=str(i))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    explorer.controls["height"].value = 7
    for thread in threads:
        thread.join(10)
    assert not explorer._wanted
    assert explorer.state == {"height": 7}
    assert explorer.line.get_ydata()[1] == 7


def test_several_changes_inside_one_redraw_draw_once():
    explorer = Line()
    explorer.drawings = 0
    with explorer.one_redraw():
        for height in (2, 3, 4):
            explorer.controls["height"].value = height
        assert explorer.drawings == 0
    assert explorer.drawings == 1
    assert explorer.state == {"height": 4}


def test_the_pointer_arrives_in_data_coordinates():
    explorer = Line()
    point(explorer, explorer.ax, 1.5, 4)
    pointer = explorer.pointers[-1]
    assert pointer.ax is explorer.ax
    assert (pointer.x, pointer.y) == pytest.approx((1.5, 4))
    # a drag that has left its Axes still belongs to it
    point(explorer, explorer.ax, 2.3, 11, pressed=True, presses=1, press=(1, 2))
    pointer = explorer.pointers[-1]
    assert pointer.ax is explorer.ax
    assert (pointer.x, pointer.y, pointer.press_x, pointer.press_y) == pytest.approx(
        (2.3, 11, 1, 2)
    )
    point(
        explorer, explorer.ax, 2.4, 12, presses=1, press=(1, 2)
    )  # let go: once more the same press
    assert explorer.pointers[-1].pressed
    assert (explorer.pointers[-1].x, explorer.pointers[-1].y) == pytest.approx((2.4, 12))
    point(explorer, explorer.ax, 2.3, 11, presses=1)
    assert explorer.pointers[-1].ax is None
    assert not explorer.pointers[-1].pressed
    point(
        explorer, explorer.ax, 1, 2, presses=2
    )  # a click so short that its press and its end arrive as one
    assert explorer.pointers[-1].pressed
    point(explorer, explorer.ax, 1.1, 2, presses=2)
    assert not explorer.pointers[-1].pressed
    point(explorer, explorer.ax, 1, 2, inside=False)
    assert explorer.pointers[-1].ax is None


def test_an_error_while_answering_the_pointer_is_shown_and_raised():
    explorer = Line()
    explorer.pointed = lambda pointer: 1 / 0
    with pytest.raises(ZeroDivisionError):
        point(explorer, explorer.ax, 1, 1)
    assert "ZeroDivisionError" in explorer.canvas.problem


def test_a_move_while_the_figure_is_saved_is_drawn_afterwards():
    """The page asks for the saved figure whenever it likes."""
    saving, go_on = threading.Event(), threading.Event()

    class Slow(Line):
        def _draw(self):
            if threading.current_thread().name == "saver":
                saving.set()
                assert go_on.wait(10)
            return super()._draw()

    explorer = Slow()
    thread = threading.Thread(target=explorer.saved, name="saver")
    thread.start()
    assert saving.wait(10)
    explorer.controls["height"].value = 7
    go_on.set()
    thread.join(10)
    assert explorer.state == {"height": 7}


def test_an_artist_that_no_longer_lies_above_comes_back_to_the_still_part():
    explorer = Line()
    band = explorer.ax.axvspan(0.5, 1.0, color="red", zorder=3)
    explorer.line.set_zorder(2)
    explorer.redraw_all()
    explorer.refresh()
    assert band in explorer.drawn_last
    explorer.line.set_zorder(9)
    explorer.redraw_all()
    explorer.refresh()
    assert band not in explorer.drawn_last
    assert (shown(explorer) == [255, 0, 0]).all(axis=2).any()


def test_changes_within_changes_are_drawn_once():
    explorer = Line()
    explorer.drawings = 0
    with explorer.one_redraw():
        with explorer.one_redraw():
            explorer.controls["height"].value = 3
        explorer.controls["height"].value = 4
    assert explorer.drawings == 1
    assert explorer.state == {"height": 4}


def test_the_quick_png_is_the_figure_to_the_pixel():
    """Against matplotlib's own buffer, and the small one that is saved; a flat one is small too."""
    generator = np.random.default_rng(0)
    for shape in ((3, 5, 4), (370, 900, 4), (1, 1, 4)):
        pixels = generator.integers(0, 256, shape, dtype=np.uint8)
        for effort in (1, 6, 9):
            read = Image.open(io.BytesIO(encode(pixels, effort=effort)))
            read.load()
            assert read.mode == "RGB"
            assert np.array_equal(np.asarray(read), pixels[..., :3]), (shape, effort)
    assert len(encode(np.full((370, 900, 4), 255, dtype=np.uint8), effort=1)) < 10_000


def test_a_closed_explorer_is_forgotten():
    """It holds a learner's images and networks, and cells are run again and again."""
    explorer = Circle()
    alive = weakref.ref(explorer)
    del explorer
    Widget.close_all()
    gc.collect()
    assert alive() is None
