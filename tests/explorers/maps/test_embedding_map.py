"""EmbeddingMap shows what was computed, and tells of each point what it is."""

import base64
import io

import numpy as np
import pytest
import sklearn.manifold
import torch
from PIL import Image
from support.explorer_drawing import shown
from support.map_cases import factors, film_explorer, points
from support.numbers import normal32

from mlteach import maps
from mlteach.explorers import EmbeddingMap
from mlteach.plots import CLASS_COLOURS, class_look, marker_outline


def grid_explorer(count=30):
    layouts = torch.stack(
        [maps.tsne_path(points(count), perplexity=p, at=(0, 20, 60)) for p in (3, 8)]
    )
    return EmbeddingMap(
        {"pixels": points(count), "other": normal32(count, 4, seed=9)},
        {"pixels": layouts, "other": normal32(2, 3, count, 2, seed=8)},
        factors(count),
        images=normal32(count, 1, 8, 8).sigmoid(),
        parameters={"perplexity": (3, 8), "iterations": (0, 20, 60)},
        names={"class": ("disc", "ring", "star")},
        cyclic=("hue",),
    )


def plain_explorer(count=30):
    return EmbeddingMap(
        {"noise": points(count)}, {"noise": maps.pca(points(count)).points}, factors(count)
    )


MAKERS = {"grid": grid_explorer, "plain": plain_explorer, "film": film_explorer}


@pytest.fixture(params=MAKERS)
def explorer(request):
    return MAKERS[request.param]()


def point_at(explorer, x, y, *, inside=True):
    """A pointer message as the page sends it; x and y in data coordinates of the map."""
    px, py = explorer.ax.transData.transform((x, y)) / explorer.figure.bbox.size
    place = {"x": px, "y": 1 - py, "press_x": 0, "press_y": 0}
    explorer.canvas.pointer = {**place, "inside": inside, "pressed": False, "presses": 0}


# --- what every map promises ---------------------------------------------------------------------


def test_every_setting_can_be_reached_and_shows_what_was_computed(explorer):
    for name, control in explorer.controls.items():
        values = (
            control.options if control.has_trait("options") else range(control.min, control.max + 1)
        )
        for value in values:
            control.value = value
            assert explorer.state[name] == value
            assert explorer.canvas.problem == ""
            check_the_figure(explorer)


def check_the_figure(explorer):
    """The dots stand where the layout says, up to scale and place; the numbers are its own."""
    state = explorer.state
    _, encoding, layout = explorer._shown()
    assert torch.equal(state["layout"], layout)
    places = torch.tensor(np.asarray(explorer.dots.get_offsets()))
    centred = (layout - layout.mean(0)).double()
    assert torch.allclose(places / places.abs().max(), centred / centred.abs().max(), atol=1e-6)
    expected = sklearn.manifold.trustworthiness(encoding.numpy(), layout.numpy(), n_neighbors=5)
    assert state["trustworthiness"] == pytest.approx(expected)
    assert f"trustworthiness {expected:.3f}" in explorer.title.get_text()
    assert f"trustworthiness {expected:.3f}" in explorer.describe()


def test_all_dots_lie_in_the_figure(explorer):
    for name in explorer.parameters:
        control = explorer.controls[name]
        for value in control.options if control.has_trait("options") else range(control.max + 1):
            control.value = value
            assert np.abs(explorer.dots.get_offsets()).max() <= 1 + 1e-6


def test_the_output_carries_the_same_figure(explorer):
    data, metadata = explorer._repr_mimebundle_()
    saved = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))
    assert np.array_equal(saved, shown(explorer))
    assert metadata["image/png"]["alt"] == data["text/plain"] == explorer.describe()


def test_controls_are_named(explorer):
    assert all(control.description for control in explorer.controls.values())


# --- pointing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", [4, 17])
def test_pointing_at_a_dot_shows_its_image_its_factors_and_its_true_neighbours(point):
    explorer = grid_explorer()
    point_at(explorer, *(explorer.places[point] + 0.003))
    state = explorer.state
    assert state["point"] == point
    shown = 1 - normal32(30, 1, 8, 8).sigmoid()[point, 0]  # dark ink
    assert np.allclose(explorer.image.get_array()[..., 0], shown)
    text = explorer.text.get_text()
    assert f"class: {('disc', 'ring', 'star')[point % 3]}" in text
    assert f"size: {factors()['size'][point]:.2f}" in text
    gaps = (points() - points()[point]).norm(dim=1)
    assert state["neighbours"] == gaps.argsort()[1:6].tolist()
    ends = {tuple(np.round(line[1], 6)) for line in explorer.lines.get_segments()}
    assert ends == {tuple(np.round(explorer.places[other], 6)) for other in state["neighbours"]}
    on_map = np.linalg.norm(explorer.places - explorer.places[point], axis=1).argsort()[1:6]
    assert state["kept"] == len(set(on_map.tolist()) & set(state["neighbours"]))


def test_leaving_the_map_keeps_the_point():
    explorer = grid_explorer()
    point_at(explorer, *explorer.places[9])
    point_at(explorer, 0, 0, inside=False)
    assert explorer.state["point"] == 9


# --- colours -------------------------------------------------------------------------------------


def test_classes_take_the_books_colours_and_numbers_a_scale():
    explorer = grid_explorer()
    colours = [tuple(colour) for colour in explorer.dots.get_facecolors()]
    assert len(set(colours)) == 3
    assert colours[0] == colours[3] == tuple(matplotlib_rgba(CLASS_COLOURS[0]))
    legend = explorer.axes["key"].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["disc", "ring", "star"]
    explorer.controls["colour"].value = "size"
    brightness = np.asarray(explorer.dots.get_facecolors())[:, :3].sum(1)
    assert np.corrcoef(brightness, factors()["size"])[0, 1] > 0.9  # from dark to bright
    assert explorer.axes["key"].get_legend() is None
    assert explorer.scale_bar.get_visible()


def test_a_class_has_its_colour_and_its_marker_whichever_others_occur():
    """By its number, as in every other figure; numbers that have no look are taken in turn."""
    for given, looks in (
        ([3, 7], [3, 7]),
        ([7, 15], [7, 15]),
        ([-1, 5], [0, 1]),
        ([5, 400], [0, 1]),
    ):
        labels = torch.tensor(given).repeat(15)
        explorer = EmbeddingMap({"a": points()}, {"a": points()[:, :2]}, {"class": labels})
        for place, look in enumerate(looks):
            colour, marker = class_look(look)
            assert tuple(explorer.dots.get_facecolors()[place]) == tuple(matplotlib_rgba(colour))
            paths = explorer.dots.get_paths()
            outline = paths[place % len(paths)].vertices
            assert np.array_equal(outline, marker_outline(marker).vertices) or marker == "o"


def matplotlib_rgba(colour):
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0]


def test_the_ends_of_a_cyclic_factor_have_one_colour():
    explorer = EmbeddingMap(
        {"a": points()}, {"a": points()[:, :2]}, {"hue": torch.linspace(0, 1, 30)}, cyclic=("hue",)
    )
    first, middle, last = (np.asarray(explorer.dots.get_facecolors())[i] for i in (0, 15, -1))
    assert np.abs(first - last).max() < 0.2 < np.abs(first - middle).max()


def test_a_factor_with_one_value_can_be_drawn():
    same = {"alike": torch.ones(30), "one class": torch.zeros(30, dtype=torch.long)}
    explorer = EmbeddingMap({"a": points()}, {"a": points()[:, :2]}, same)
    explorer.controls["colour"].value = "one class"
    assert explorer.canvas.problem == ""


def test_a_map_that_is_a_single_spot_can_be_drawn():
    explorer = EmbeddingMap({"a": points()}, {"a": torch.zeros(30, 2)}, factors())
    assert explorer.canvas.problem == ""
    assert np.abs(explorer.places).max() == 0


# --- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"layouts": {"b": torch.zeros(30, 2)}}, "layouts must have the names of encodings"),
        ({"layouts": {"a": torch.zeros(29, 2)}}, r"must be \(30, 2\), got \(29, 2\)"),
        ({"parameters": {"perplexity": (2, 5)}}, r"must be \(2, 30, 2\)"),
        ({"factors": {"class": torch.zeros(29)}}, "one row for each of 30"),
        ({"factors": {}}, "factors must have at least one entry"),
        ({"encodings": {}, "layouts": {}}, "encodings must have at least one entry"),
        ({"images": torch.zeros(29, 1, 8, 8)}, "one row for each of 29"),
        (
            {
                "encodings": {"a": points(10)},
                "layouts": {"a": torch.zeros(10, 2)},
                "factors": {"f": torch.zeros(10)},
            },
            "more than 10 points",
        ),
    ],
)
def test_a_map_refuses_what_does_not_fit(changes, part):
    fitting = {
        "encodings": {"a": points()},
        "layouts": {"a": torch.zeros(30, 2)},
        "factors": factors(),
    }
    with pytest.raises(ValueError, match=part):
        EmbeddingMap(**fitting | changes)
