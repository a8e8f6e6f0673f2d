"""What a cell keeps of an explorer, and the figure that it keeps."""

import base64
import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.explorer_drawing import WIDGET, shown

from mlteach.explorers import Circle, SideBySide
from mlteach.explorers._core import output
from mlteach.explorers._core.output import DISPLAY, HTML, LINE


@pytest.fixture
def shows(monkeypatch):
    """What is displayed, as (data, metadata), and later what a handle updates."""
    seen = []

    def display(data, *, metadata=None, raw):
        assert raw
        seen.append((data, metadata))

    class Handle:
        display_id = "a number"

        def display(self, data, **options):
            display(data, **options)

        def update(self, data, **options):
            display(data, **options)

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr("IPython.display.DisplayHandle", Handle)
    return seen


@pytest.fixture
def shell(monkeypatch):
    """A notebook's shell."""
    made = SimpleNamespace(kernel=object(), user_ns={})
    monkeypatch.setattr("IPython.get_ipython", lambda: made)
    for name in ("VSCODE_PID",):
        monkeypatch.delenv(name, raising=False)
    return made


def pixels(data):
    png = base64.b64decode(data["image/png"])
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_notebook_keeps_a_line_the_figure_and_the_widget(shows, shell):
    circle = Circle()
    circle._ipython_display_()
    (line, _), (still, metadata), (live, _) = shows
    assert line == {"text/html": HTML, "text/plain": LINE}
    assert LINE in HTML
    assert np.array_equal(pixels(still), shown(circle))
    assert still["text/plain"] == metadata["image/png"]["alt"] == circle.describe()
    assert live[WIDGET]["model_id"] == circle.widget.model_id
    assert "image/png" not in live


def test_the_page_asks_for_the_last_figure_to_be_kept(shows, shell):
    circle = Circle()
    circle._ipython_display_()
    shows.clear()
    circle.controls["temperature"].value = 0.1
    assert shows == []
    circle.canvas.settled += 1
    ((still, metadata),) = shows
    assert metadata[DISPLAY] == "a number"
    assert np.array_equal(pixels(still), shown(circle))
    assert still["text/plain"] == metadata["image/png"]["alt"] == circle.describe()


def test_a_figure_shown_twice_is_kept_twice(shows, shell):
    circle = Circle()
    circle._ipython_display_()
    circle._ipython_display_()
    shows.clear()
    circle.canvas.settled += 1
    assert len(shows) == 2


def test_side_by_side_each_asks_for_both(shows, shell):
    one, other = Circle(pairs=2), Circle(pairs=3)
    both = SideBySide(one, other)
    both._ipython_display_()
    assert len(shows) == 3
    shows.clear()
    other.canvas.settled += 1
    ((still, _),) = shows
    assert np.array_equal(pixels(still), np.hstack([shown(one), shown(other)]))


@pytest.mark.parametrize("client", ["terminal", "colab", "code", "code window"])
def test_other_clients_get_one_output_and_choose(shows, shell, monkeypatch, client):
    if client == "terminal":
        del shell.kernel
    elif client == "colab":
        monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    elif client == "code":
        monkeypatch.setenv("VSCODE_PID", "1")
    else:
        shell.user_ns["__vsc_ipynb_file__"] = "chapter.ipynb"
    circle = Circle()
    circle._ipython_display_()
    ((data, metadata),) = shows
    assert set(data) == {WIDGET, "image/png", "text/plain"}
    assert metadata["image/png"]["alt"] == circle.describe()


def test_without_ipython_nothing_asks_for_a_display(monkeypatch):
    """The one output is there for whoever wants it."""
    data, _ = Circle()._repr_mimebundle_()
    assert data["text/plain"].startswith("NT-Xent")


def test_the_style_hides_by_the_classes_that_the_page_has():
    """The names are those of JupyterLab's outputs, of the widgets and of the canvas."""
    for name in ["jp-OutputArea-child", "mlteach-canvas", "jupyter-widgets-disconnected"]:
        assert f".{name}" in output.STYLE


def test_one_drawing_for_all_that_keep_it_and_the_oldest_are_forgotten(shows, shell, monkeypatch):
    circle, drawings = Circle(), []
    for _ in range(2 * output.MOST_KEPT):
        circle._ipython_display_()
    shows.clear()
    saved = circle.saved
    monkeypatch.setattr(circle, "saved", lambda **given: drawings.append(given) or saved(**given))
    circle.canvas.settled += 1
    assert len(shows) == output.MOST_KEPT
    assert drawings == [{"effort": output.KEPT}]


@pytest.mark.parametrize("given", [(), (3,), ([Circle, Circle],)])
def test_side_by_side_wants_explorers(given):
    with pytest.raises(TypeError, match="explorers must be one or more explorers, got "):
        SideBySide(*given)
