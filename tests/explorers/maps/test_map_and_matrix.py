"""MapAndMatrix: what is selected on the map is selected in the matrix, and the other way round."""

import math

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from support.explorer_drawing import differing, shown
from support.explorer_registry import clouds, images, labels
from support.pages import point

from mlteach.explorers import MapAndMatrix
from mlteach.explorers._core.dark import on_dark
from mlteach.explorers._core.tiles import FRAME, GAP
from mlteach.explorers.maps.map_and_matrix import DRAGGED
from mlteach.plots import CLASS_COLOURS


def explorer_of(count=24, **options):
    """Three clouds far apart, whose places on the map are given."""
    layout = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [0.0, 1.0]])[labels(count)]
    layout = layout + 0.1 * torch.stack([torch.arange(count).cos(), torch.arange(count).sin()], 1)
    return MapAndMatrix(clouds(count, 0.5), labels(count), layout=layout, **options)


def test_a_class_has_its_colour_whichever_others_occur():
    """By its number, or by its place among the names that are given; else by the alphabet."""
    names, z = ("moon", "disc", "star"), clouds(8, 0.5)
    of_class = {c: to_rgba(CLASS_COLOURS[c]) for c in range(3)}
    numbers = [2, 1, 2, 1, 2, 2, 1, 2]
    texts = [names[number] for number in numbers]
    for classes, given in ((numbers, None), (numbers, names), (texts, names)):
        explorer = MapAndMatrix(z, classes, names=given)
        assert [tuple(colour) for colour in explorer.colours] == [of_class[c] for c in numbers]
        (key,) = (ax.get_legend() for ax in explorer.figure.axes if ax.get_legend())
        entries = zip(key.get_texts(), key.legend_handles, strict=True)
        shown = {text.get_text(): mark.get_color() for text, mark in entries}
        expected = {str(c) if given is None else names[c]: CLASS_COLOURS[c] for c in (1, 2)}
        assert shown == expected
    assert MapAndMatrix(z, texts).classes == ["disc", "star"]
    with pytest.raises(ValueError, match="labels must be of disc, ring, got 'star'"):
        MapAndMatrix(z, texts, names=["disc", "ring"])
    with pytest.raises(ValueError, match="names must be different"):
        MapAndMatrix(z, texts, names=["disc", "star", "disc"])
    with pytest.raises(TypeError, match="names must be a list of texts, got list of NoneType, str"):
        MapAndMatrix(z, names=["disc", None])  # wrong without labels, too
    with pytest.raises(TypeError, match="labels must be texts throughout, got int too"):
        MapAndMatrix(z, [3, *texts[1:]])


def test_a_class_may_be_called_as_the_entry_for_what_is_dragged():
    texts = [DRAGGED if label else "disc" for label in labels(24)]
    explorer = MapAndMatrix(clouds(24), texts)
    select = explorer.controls["select"]
    assert len(set(select.options)) == 3
    select.value = DRAGGED
    assert explorer.selection == [i for i, text in enumerate(texts) if text == DRAGGED]
    assert explorer.describe().startswith(f"{DRAGGED}: 16 of 24 selected")
    explorer.select([1, 2])
    assert explorer.selection == [1, 2]
    assert select.value != DRAGGED
    assert explorer.describe().startswith("2 of 24 selected")


def drag(explorer, ax, *places, presses=1):
    """Presses at the first place, moves over the others, lets go at the last."""
    for place in places:
        point(explorer, ax, *place, pressed=True, presses=presses, press=places[0])
    point(explorer, ax, *places[-1], presses=presses, press=places[0])


def around(explorer, label, room=0.05):
    """Two opposite corners of a box that holds a class on the map."""
    own = explorer.places[explorer.labels == label]
    return (own.min(0) - room).tolist(), (own.max(0) + room).tolist()


def of_class(label, count=24):
    return torch.where(labels(count) == label)[0].tolist()


def naive(z, selection):
    """Mean cosines and silhouette, written out pair by pair in float64."""
    z, rest = z.double(), [i for i in range(len(z)) if i not in selection]

    def cosine(i, j):
        return (z[i] @ z[j] / (z[i].norm() * z[j].norm())).item()

    inside = [cosine(i, j) for i in selection for j in selection if i != j]
    outside = [cosine(i, j) for i in selection for j in rest]
    silhouettes = []
    for i in selection:
        own = np.mean([1 - cosine(i, j) for j in selection if j != i])
        other = np.mean([1 - cosine(i, j) for j in rest])
        silhouettes.append((other - own) / max(own, other))
    return {
        "inside": np.mean(inside),
        "rest": np.mean(outside),
        "silhouette": np.mean(silhouettes),
    }


@pytest.mark.parametrize("shape", ["box", "lasso"])
def test_a_drag_on_the_map_selects_what_it_holds_and_makes_it_a_block(shape):
    explorer = explorer_of()
    explorer.controls["drag"].value = shape
    (left, low), (right, high) = around(explorer, 1)
    corners = [(left, low), (right, low), (right, high), (left, high)]
    drag(explorer, explorer.ax, *(corners[::2] if shape == "box" else corners))
    assert explorer.selection == of_class(1)
    assert explorer.controls["select"].value == DRAGGED
    assert explorer.state["rows"][:8].tolist() == of_class(1)
    alpha = np.asarray(explorer.cells.get_array())[..., 3]
    assert (alpha[:8] == 255).all()
    assert (alpha[:, :8] == 255).all()
    assert (alpha[8:, 8:] < 128).all()
    assert len(explorer.trace.get_xdata()) == 0, "the line of a drag goes with it"


def test_a_lasso_leaves_out_what_lies_in_its_bay():
    """The two lower clouds, and not the upper one between them, which a box would take."""
    explorer = explorer_of()
    explorer.controls["drag"].value = "lasso"
    bay = [(-1.05, -1.05), (1.05, -1.05), (1.05, 1.05), (0.5, 1.05), (0, -0.5), (-0.5, 1.05)]
    drag(explorer, explorer.ax, *bay, (-1.05, 1.05))
    assert explorer.selection == sorted(of_class(0) + of_class(1))


def test_a_block_of_the_matrix_lights_its_points():
    """On the diagonal one group; beside it that of the rows and that of the columns."""
    explorer = explorer_of()
    explorer.controls["order"].value = "by class"
    drag(explorer, explorer.matrix_ax, (8, 8), (12, 13), (15, 15))
    assert explorer.selection == of_class(1)
    colours = explorer.dots.get_facecolors()
    assert (colours[-8:, 3] == 1).all()
    assert (colours[:-8, 3] < 0.5).all()
    assert np.allclose(
        np.sort(explorer.dots.get_offsets()[-8:], 0), np.sort(explorer.places[of_class(1)], 0)
    )
    drag(explorer, explorer.matrix_ax, (23.4, 0), (16, 7), presses=2)
    assert explorer.selection == sorted(of_class(0) + of_class(2))


def test_the_matrix_stands_still_under_a_drag_and_is_sorted_after_it():
    explorer = explorer_of()
    before = explorer.state["rows"].tolist()
    press = (10, 10)
    for x in (12, 14, 11):
        point(explorer, explorer.matrix_ax, x, x, pressed=True, presses=1, press=press)
        assert explorer.state["rows"].tolist() == before
    assert explorer.selection == sorted(before[10:12])
    point(explorer, explorer.matrix_ax, 11, 11, presses=1, press=press)
    assert sorted(explorer.state["rows"][:2].tolist()) == explorer.selection


@pytest.mark.parametrize("select", ["0", "1", "2", [0, 5, 7, 11], list(range(22))])
def test_the_numbers_are_those_of_the_definition(select):
    """In the space of the embedding: the map has no say."""
    explorer = explorer_of()
    if isinstance(select, str):
        explorer.controls["select"].value = select
    else:
        explorer.select(select)
        assert explorer.selection == select
    expected = naive(clouds(24, 0.5), explorer.selection)
    for name, value in expected.items():
        assert explorer.state[name] == pytest.approx(value, abs=1e-6), name
    matrix = explorer.state["matrix"]
    rows = clouds(24, 0.5)[explorer.state["rows"]]
    wanted = torch.cosine_similarity(rows[:, None], rows[None], dim=2).double()
    assert matrix.diagonal().isnan().all()
    assert torch.allclose(matrix.nan_to_num(1), wanted.fill_diagonal_(1), atol=1e-5)


def test_what_has_no_pairs_is_told_as_missing():
    explorer = explorer_of()
    explorer.select([])
    assert explorer.selection == []
    assert np.isnan([explorer.state[name] for name in ("inside", "rest", "silhouette")]).all()
    assert "inside –, to the rest –" in explorer.describe()
    explorer.select([3])
    assert math.isnan(explorer.state["inside"])
    assert not math.isnan(explorer.state["rest"])
    explorer.select(range(24))
    assert math.isnan(explorer.state["rest"])
    assert math.isnan(explorer.state["silhouette"])
    drag(explorer, explorer.ax, (0, 0), (0.05, 0.05))
    assert explorer.selection == []


def test_text_labels_are_chosen_by_their_names_and_none_are_needed():
    names = [["disc", "ring", "star"][label] for label in labels(24)]
    explorer = MapAndMatrix(clouds(24).tolist(), names)
    explorer.controls["select"].value = "ring"
    assert explorer.selection == of_class(1)
    alone = MapAndMatrix(clouds(24).numpy())
    assert "select" not in alone.controls
    assert alone.selection == []
    drag(alone, alone.ax, (-1.01, -1.01), (1.01, 1.01))
    assert alone.selection == list(range(24))


def test_images_of_the_selection_are_shown_a_dozen_at_most():
    explorer = MapAndMatrix(clouds(60), labels(60), images(60))
    few = explorer_of(images=images(24))
    few.select([4])
    assert explorer.images.shape[1:] == (32, 32, 3)
    full, one = (np.asarray(e.shown.get_array())[..., 3].mean() for e in (explorer, few))
    assert full == pytest.approx(12 * one)
    assert len(explorer.frames.get_paths()) == 12
    assert len(few.frames.get_paths()) == 1
    few.select([])
    assert len(few.frames.get_paths()) == 0
    explorer.select([3, 7, 2])
    assert (explorer.frames.get_facecolors() == explorer.colours[[2, 3, 7]]).all()


@pytest.mark.parametrize("dark", [False, True])
def test_the_frames_lie_around_the_images_not_on_them(dark):
    explorer = MapAndMatrix(clouds(24), labels(24), images(24))
    explorer.canvas.dark = dark
    explorer.select(range(5))
    figure = shown(explorer)
    inside = GAP + FRAME + 2  # each pixel of an image is drawn as four by four
    for place in range(5):
        corner = np.array(explorer.shown.get_size()[::-1]) / (4, 3) * (place % 4, place // 4)
        x, y = explorer.shown.axes.transData.transform(corner + inside)
        seen = figure[figure.shape[0] - int(y), int(x)]
        assert np.abs(seen - 255 * explorer.images[place][2, 2]).max() <= 1


def test_of_many_rows_a_stratified_sample_is_shown_and_said():
    classes = (torch.arange(1000) % 10 == 0).long()  # one in ten
    explorer = MapAndMatrix(torch.randn(1000, 4), classes)
    items = explorer.state["items"]
    assert len(items.unique()) == 300
    assert int(classes[items].sum()) == 30
    assert "a sample of 1,000" in explorer.describe()
    explorer.controls["select"].value = "1"
    assert (classes[explorer.selection] == 1).all()
    assert len(explorer.selection) == 30


def test_zoom_keeps_what_lies_under_the_pointer_and_a_drag_moves_the_view():
    explorer = explorer_of()
    before = shown(explorer)
    for ax, place in ((explorer.ax, (0.5, -0.4)), (explorer.matrix_ax, (5.0, 17.0))):
        width = np.ptp(ax.get_xlim())
        pixel = ax.transData.transform(place)
        point(explorer, ax, *place)
        wheel = explorer.wheel - 2
        explorer.canvas.pointer = explorer.canvas.pointer | {"wheel": wheel}
        assert np.ptp(ax.get_xlim()) == pytest.approx(width / 1.6**2)
        assert ax.transData.transform(place) == pytest.approx(pixel, abs=0.01)
    explorer.controls["drag"].value = "move the view"
    ax = explorer.matrix_ax
    chosen, left = explorer.selection, ax.get_xlim()[0]
    start = ax.transData.transform((9, 12)) + 0.0
    target = ax.transData.inverted().transform(start + (20, 0))
    drag(explorer, ax, (9, 12), tuple(target))
    assert ax.get_xlim()[0] < left
    assert explorer.selection == chosen
    explorer.controls["drag"].value = "box"
    explorer.controls["whole"].click()
    assert differing(shown(explorer), before) == 0


def test_zoomed_in_the_middle_of_the_selection_stays_in_view():
    explorer = explorer_of()
    explorer.controls["select"].value = "2"
    for _ in range(9):
        explorer.controls["closer"].click()
    low, high = explorer.ax.get_ylim()
    assert high - low == pytest.approx(2.12 / 16)
    assert low < explorer.places[of_class(2)][:, 1].mean() < high
    assert explorer.matrix_ax.get_xlim()[0] > 0


def test_the_view_goes_to_the_island_with_most_of_a_selection_in_several():
    """Not to the middle between them, where nothing is."""
    explorer = explorer_of(60)
    chosen = of_class(0, 60)[:5] + of_class(1, 60)[:9]  # far apart, on the left and on the right
    explorer.select(chosen)
    for _ in range(6):
        explorer.controls["closer"].click()
    left, right = explorer.ax.get_xlim()
    inside = [i for i in range(60) if left <= explorer.places[i, 0] <= right]
    assert right - left < 0.2
    assert len(set(inside) & set(of_class(1, 60)[:9])) >= 1
    explorer.controls["whole"].click()
    explorer.controls["closer"].click()
    explorer.controls["closer"].click()
    left, right = explorer.ax.get_xlim()
    inside = {i for i in range(60) if left <= explorer.places[i, 0] <= right}
    assert set(chosen[5:]) <= inside, "one island fits into this view, and is in it whole"


@pytest.mark.parametrize("dark", [False, True])
def test_points_that_are_not_selected_are_told_from_the_paper_and_from_the_selected(dark):
    """In the colours of ten classes, on both papers; contrast as WCAG 2.2 defines it."""

    def luminance(rgb):
        rgb = np.asarray(rgb)
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ (
            0.2126,
            0.7152,
            0.0722,
        )

    def contrast(one, other):
        low, high = np.sort([luminance(one), luminance(other)])
        return (high + 0.05) / (low + 0.05)

    explorer = MapAndMatrix(clouds(30), torch.arange(30) % 10)
    explorer.canvas.dark = dark
    explorer.select([])
    full = on_dark(explorer.dots.get_facecolors()) if dark else explorer.dots.get_facecolors()
    explorer.select([0])
    paper = on_dark(np.ones(3)) if dark else np.ones(3)
    opacity = explorer.dots.get_facecolors()[0, 3]  # drawn first: not selected
    for colour in np.unique(full[:, :3].round(6), axis=0):
        faint = opacity * colour + (1 - opacity) * paper
        assert contrast(faint, paper) > 1.3
        assert contrast(faint, colour) > 1.3
    sizes = explorer.dots.get_sizes()
    assert sizes[-1] > 1.5 * sizes[0]


@pytest.mark.parametrize("place", ["beside the matrix", "around an image"])
def test_colours_of_a_class_follow_the_dark_page(place):
    """They are no image, whose colours stay: a class looks as its points do."""
    explorer = MapAndMatrix(clouds(30), torch.full((30,), 6), images(30))
    explorer.select([] if place == "beside the matrix" else [4])
    colour = np.array(to_rgba(CLASS_COLOURS[6]))
    seen = {}
    for dark in (False, True):
        explorer.canvas.dark = dark
        explorer.redraw_all()
        explorer.refresh()
        figure = shown(explorer)
        if place == "beside the matrix":
            box = explorer.strips[0].axes.bbox
            x, y = box.x0 + box.width / 2, box.y0 + box.height / 2
        else:
            x, y = explorer.shown.axes.transData.transform((GAP + FRAME / 2, 20))
        seen[dark] = figure[figure.shape[0] - int(y), int(x)]
    assert np.abs(seen[False] - 255 * colour[:3]).max() <= 1
    assert np.abs(seen[True] - 255 * on_dark(colour)[:3]).max() <= 1


def test_what_does_not_belong_together_is_refused():
    z = clouds(24)
    with pytest.raises(
        ValueError, match="z must have at most 4,000 rows, got 4,001: give a random"
    ):
        MapAndMatrix(torch.zeros(4001, 2))
    with pytest.raises(ValueError, match="z must be"):
        MapAndMatrix(z[:2])
    with pytest.raises(ValueError, match="labels"):
        MapAndMatrix(z, labels(23))
    with pytest.raises(ValueError, match="images must have 24 entries, got 23"):
        MapAndMatrix(z, images=images(23))
    with pytest.raises(ValueError, match="layout"):
        MapAndMatrix(z, layout=z[:, :3])
    with pytest.raises(ValueError, match="indices"):
        MapAndMatrix(z).select([24])
    with pytest.raises(ValueError, match="panel"):
        MapAndMatrix(z).look("figure", 0, 0, 1)


def test_a_view_that_is_none_leaves_the_view_alone():
    """The next zoom finds the view that was shown last."""
    explorer = MapAndMatrix(clouds(24), labels(24))
    explorer.look("map", 0.2, 0.1, 0.5)
    before = dict(explorer.views)
    nan = float("nan")
    for wrong in ((nan, 0, 1), (0, "1", 1), (0, 0, nan), (0, 0, 0), (0, 0, -1)):
        with pytest.raises((TypeError, ValueError), match="^(x|y|half) must be"):
            explorer.look("map", *wrong)
    for factor in (0, -1, nan, "2"):
        with pytest.raises((TypeError, ValueError), match="factor must be"):
            explorer.zoom(factor)
    assert explorer.views == before
    explorer.zoom(2)
    assert explorer.views["map"][2] == 0.25


def test_degenerate_embeddings_are_drawn():
    """All rows equal, or one column."""
    for z in (torch.ones(5, 3), torch.zeros(5, 3), torch.arange(5.0)[:, None]):
        explorer = MapAndMatrix(z, [0, 0, 1, 1, 1])
        assert explorer.canvas.problem == ""
        assert np.isfinite(explorer.places).all()
