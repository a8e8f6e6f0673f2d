"""A figure has the pixels and the colours of the page; what is kept of it has neither."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from support.explorer_drawing import differing, paper, redrawn, shown
from support.explorer_registry import MAKE

from mlteach.explorers import Circle, Explorer
from mlteach.explorers._core import explorer as module
from mlteach.explorers._core.controls import slider
from mlteach.explorers._core.dark import INK, OF_CLASSES, PAPER, on_dark
from mlteach.explorers._core.tiles import FRAME
from mlteach.plots import ANCHOR, CLASS_COLOURS, NEGATIVE, POSITIVE, QUIET, Picture


@pytest.fixture(autouse=True)
def new_page(monkeypatch):
    """No test tells the next what page there is."""
    monkeypatch.setattr(module, "_page", {"density": 0.0, "dark": False})


@pytest.mark.parametrize("density", [1.0, 1.5, 2.0, 3.0])
def test_a_figure_has_as_many_pixels_as_the_screen_has_for_it(density):
    circle = Circle()
    before = paper(circle)
    circle.canvas.density = density
    assert shown(circle).shape[1] == round(circle.canvas.width * density)
    assert differing(paper(circle), before) == 0
    circle.controls["temperature"].value = 0.1
    assert differing(shown(circle), redrawn(circle)) == 0


def test_nobody_sees_more_than_three_pixels_in_one():
    circle = Circle()
    circle.canvas.density = 8.0
    assert shown(circle).shape[1] == 3 * circle.canvas.width


def test_the_next_explorer_is_drawn_for_the_same_page_at_once():
    Circle().canvas.density = 2.0
    assert shown(Circle()).shape[1] == 2 * Circle().canvas.width


def test_paper_and_ink_change_places_and_vivid_colours_stay_themselves():
    assert on_dark((1, 1, 1)) == pytest.approx((PAPER,) * 3)
    assert on_dark((0, 0, 0, 0.5)) == pytest.approx((INK, INK, INK, 0.5))
    for colour in [(0.84, 0.37, 0.0), (0.0, 0.45, 0.7)]:  # NEGATIVE and POSITIVE
        kept = (on_dark(colour) - PAPER) / (INK - PAPER)
        assert kept == pytest.approx(colour)


def linear(rgb):
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(rgb):
    return linear(rgb) @ np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colour", [ANCHOR, POSITIVE, NEGATIVE, QUIET, *CLASS_COLOURS, "#555555"])
def test_every_colour_of_the_book_stands_out_on_dark_paper(colour):
    """Graphics need a contrast of 3 to 1 (WCAG 2.1, 1.4.11)."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    paper = luminance(on_dark(np.ones(3)))
    assert (luminance(on_dark(rgb)) + 0.05) / (paper + 0.05) >= 3


# what is left of linear red, green and blue (Machado, Oliveira and Fernandes 2009, severity 1)
VISIONS = {
    "three cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def lab(rgb, vision):
    """A colour of sRGB in CIELAB: a distance of 2.3 there is just noticed, side by side."""
    seen = np.clip(np.array(VISIONS[vision]) @ linear(rgb), 0, 1)
    shares = np.array(XYZ) @ seen / np.sum(XYZ, axis=1)  # of white
    x, y, z = np.where(shares > (6 / 29) ** 3, np.cbrt(shares), shares * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_lab_is_that_of_the_textbook():
    """White, and the red of a screen: 53.2, 80.1, 67.2."""
    assert lab(np.ones(3), "three cones") == pytest.approx([100, 0, 0], abs=0.01)
    assert lab(np.array([1.0, 0, 0]), "three cones") == pytest.approx([53.2, 80.1, 67.2], abs=0.1)


@pytest.mark.parametrize(
    ("page", "vision", "least"),
    [
        ("light", "three cones", 17),
        ("light", "protanopia", 12),
        ("light", "deuteranopia", 10),
        ("dark", "three cones", 20),
        ("dark", "protanopia", 12),
        ("dark", "deuteranopia", 12),
    ],
)
def test_any_two_classes_have_colours_that_can_be_told_apart(page, vision, least):
    colours = [np.array(to_rgb(colour)) for colour in CLASS_COLOURS]
    seen = [lab(on_dark(colour) if page == "dark" else colour, vision) for colour in colours]
    gaps = {(a, b): np.linalg.norm(seen[a] - seen[b]) for a, b in combinations(range(10), 2)}
    assert min(gaps.values()) >= least, gaps


def test_a_colour_of_the_dark_page_belongs_to_a_class_and_to_one_only():
    """However it is given: alone, in a list, or with an opacity that it keeps."""
    assert set(OF_CLASSES) <= {*CLASS_COLOURS, POSITIVE}
    wine = to_rgb("#661144")
    told = on_dark(wine)
    assert told == pytest.approx(to_rgb(OF_CLASSES["#661144"]))
    both = on_dark([(*wine, 0.3), (1, 1, 1, 1)])
    assert both == pytest.approx(np.array([(*told, 0.3), (PAPER, PAPER, PAPER, 1)]))
    assert np.abs(on_dark(np.add(wine, 0.02)) - told).max() > 0.1


@pytest.mark.parametrize("name", ["retrieval", "knn_vote"])
def test_the_frame_of_a_query_is_as_bright_as_the_ink_and_its_image_stays(name):
    explorer = MAKE[name]()
    (frame,) = (patch for patch in explorer.figure.findobj(Rectangle) if patch.zorder < 0)
    seen = {}
    for dark in (False, True):
        explorer.canvas.dark = dark
        figure = shown(explorer)
        box = frame.get_window_extent()
        row, side = figure.shape[0] - int((box.y0 + box.y1) / 2), 0.5 * FRAME / (8 + 2 * FRAME)
        seen[dark] = [figure[row, int(box.x0 + share * box.width)] for share in (side, 0.5)]
    (light_ink, light_image), (dark_ink, dark_image) = seen[False], seen[True]
    assert np.abs(light_ink - 255 * np.array(to_rgb(ANCHOR))).max() <= 1
    assert np.abs(dark_ink - 255 * on_dark(to_rgb(ANCHOR))).max() <= 1
    assert np.abs(light_image - dark_image).max() <= 1


class Kinds(Explorer):
    """One artist of every kind that is drawn by compiled code, and an image."""

    def __init__(self):
        super().__init__({"height": slider("height", 0, 1, 0.5, step=0.1)})

    def make_figure(self):
        figure = Picture((4, 1))
        axes = figure.subplots(1, 4)
        for ax in axes:
            ax.set_axis_off()
        axes[0].plot([0, 1], [0, 1], "o", color="black", markersize=20)
        axes[1].add_collection(LineCollection([[(0, 0), (1, 1)]], colors="black", linewidths=9))
        mesh = axes[2].pcolormesh(np.zeros((2, 2)), cmap="Greys", vmin=0, vmax=1)
        assert isinstance(mesh, QuadMesh)
        axes[3].imshow(np.full((2, 2), 0.0), cmap="Greys", vmin=0, vmax=1)
        return figure, []

    def update(self):
        return {}

    def describe(self):
        return "kinds"


def test_marks_and_lines_become_light_and_data_stay():
    """A mesh and an image are data: their white stays white."""
    kinds = Kinds()
    kinds.canvas.dark = True
    quarters = np.split(shown(kinds), 4, axis=1)
    assert [quarter.max() > 235 for quarter in quarters[:2]] == [True, True]
    assert [quarter.max() for quarter in quarters[2:]] == [255, 255]


@pytest.mark.parametrize("density", [-1.0, 0.0, 1e-9, float("nan"), float("-inf")])
def test_nonsense_from_a_page_changes_nothing(density):
    circle = Circle()
    before = shown(circle)
    circle.canvas.density = density
    assert differing(shown(circle), before) == 0
    assert differing(shown(Circle()), before) == 0
