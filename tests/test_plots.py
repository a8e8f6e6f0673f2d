"""Plots draw what they are given into the Axes they are given, and refuse what does not fit."""

import base64
import io

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from PIL import Image

from mlteach import plots


def test_a_figure_shows_itself_in_a_notebook_with_its_size_and_its_text():
    figure, ax = plots.panels(size=(4, 2), alt="a line")
    ax.plot([0, 1], [0, 1])
    data, metadata = figure._repr_mimebundle_()
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert image.size == (4 * 125, 2 * 125)
    assert metadata == {"image/png": {"width": 400, "height": 200, "alt": "a line"}}
    assert data["text/plain"] == "a line"
    assert np.asarray(image)[..., :3].min() < 128  # something dark was drawn


def test_panels_gives_one_axes_or_an_array_without_boxes():
    _, ax = plots.panels()
    assert not ax.spines["top"].get_visible()
    _, axes = plots.panels(2, 3, sharex=True)
    assert axes.shape == (2, 3)
    assert not any(ax.spines["right"].get_visible() for ax in axes.flat)


def test_similarity_matrix_shows_the_numbers_and_outlines_the_positives():
    _, ax = plots.panels()
    matrix = torch.tensor([[1.0, 0.2], [0.2, 1.0]])
    image = plots.similarity_matrix(matrix, ax, positives=[[0, 1], [1, 0]])
    assert np.array_equal(image.get_array(), matrix.numpy())
    assert image.get_clim() == (-1, 1)
    # column first: x, y
    assert [patch.get_xy() for patch in ax.patches] == [(0.5, -0.5), (-0.5, 0.5)]


def test_groups_are_named_at_their_middles_and_parted_by_lines():
    _, ax = plots.panels()
    plots.similarity_matrix(
        torch.eye(5), ax, low=0, groups=[4, 4, 4, 7, 7], names=dict(enumerate("abcdefgh"))
    )
    assert [label.get_text() for label in ax.get_xticklabels()] == ["e", "h"]
    assert list(ax.get_xticks()) == [1, 3.5]
    assert [line.get_ydata()[0] for line in ax.lines[::2]] == [2.5]


def test_embedding_map_gives_each_class_its_colour():
    _, ax = plots.panels()
    points = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    plots.embedding_map(points, torch.tensor([3, 1, 3]), ax, names="abcd")
    drawn = {scatter.get_label(): scatter for scatter in ax.collections}
    assert np.array_equal(drawn["d"].get_offsets(), [[0, 0], [2, 2]])
    assert to_hex(drawn["b"].get_facecolor()[0]).upper() == plots.CLASS_COLOURS[1]


def test_curves_draw_the_mean_and_the_range_of_several_runs():
    _, ax = plots.panels()
    plots.curves(
        [0, 1],
        {"runs": np.array([[0.0, 2.0], [2.0, 4.0]]), "one": [5.0, 6.0]},
        ax,
        colours={"one": "red"},
    )
    runs, one = ax.lines
    assert list(runs.get_ydata()) == [1, 3]
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == 0
    assert band[:, 1].max() == 4
    assert one.get_color() == "red"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["runs", "one"]


@pytest.mark.parametrize("channels", [1, 3])
def test_picture_row_shows_every_image_with_its_frame_and_title(channels):
    _, ax = plots.panels()
    images = torch.rand(3, channels, 4, 4, generator=torch.Generator().manual_seed(0))
    plots.picture_row(images, ax, titles=["a", "b", "c"], frames=["red", None, "blue"])
    assert len(ax.images) == 3
    shown = np.asarray(ax.images[1].get_array())
    assert np.allclose(shown, images[1, 0] if channels == 1 else images[1].permute(1, 2, 0))
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c"]
    assert len(ax.patches) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda ax: plots.similarity_matrix(torch.ones(3), ax),
            r"matrix must be \(N >= 1, M >= 1\), got shape \(3,\)",
        ),
        (
            lambda ax: plots.embedding_map(torch.ones(3, 2), [1, 1, 1, 1], ax),
            r"points must be \(4, 2\), got shape \(3, 2\)",
        ),
        (
            lambda ax: plots.embedding_map(torch.ones(3, 3), [1, 1, 1], ax),
            r"points must be \(3, 2\), got shape \(3, 3\)",
        ),
        (
            lambda ax: plots.curves([0, 1], {"a": [1, 2, 3]}, ax),
            r"lines\['a'\] must be \(2,\), got shape \(3,\)",
        ),
        (
            lambda ax: plots.curves([0, 1], {"a": np.ones((1, 2, 2))}, ax),
            r"lines\['a'\] must be \(S, 2\), got shape \(1, 2, 2\)",
        ),
        (
            lambda ax: plots.picture_row(torch.ones(2, 8, 8), ax),
            r"images must be \(B, C, H, W\), got shape \(2, 8, 8\)",
        ),
        (
            lambda ax: plots.picture_row(torch.ones(2, 2, 8, 8), ax),
            "images must have 1 or 3 channels, got 2",
        ),
        (
            lambda ax: plots.picture_row(torch.ones(2, 1, 8, 8), ax, titles=["a"]),
            "titles must have 2 entries, got 1",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, message):
    _, ax = plots.panels()
    with pytest.raises(ValueError, match=message):
        call(ax)


def test_the_colours_can_be_told_apart_in_grey():
    """Positive and negative differ in lightness too, for readers and printers without colour."""

    def lightness(colour):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    assert len(set(plots.CLASS_COLOURS)) == 10
    levels = [lightness(colour) for colour in (plots.ANCHOR, plots.POSITIVE, plots.NEGATIVE)]
    assert min(abs(a - b) for a, b in [(levels[0], levels[1]), (levels[1], levels[2])]) > 0.05


def test_labels_may_be_texts():
    """In the order of the alphabet, as names of the classes."""
    _, ax = plots.panels()
    plots.embedding_map([[0, 0], [1, 1], [2, 2]], ["wolf", "dog", "wolf"], ax)
    drawn = {scatter.get_label(): scatter for scatter in ax.collections}
    assert list(drawn) == ["dog", "wolf"]
    assert np.array_equal(drawn["wolf"].get_offsets(), [[0, 0], [2, 2]])
    _, ax = plots.panels()
    plots.similarity_matrix(np.eye(3).tolist(), ax, groups=["a", "a", "b"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint16, np.int64])
def test_labels_may_be_of_any_integer_type(dtype):
    _, ax = plots.panels()
    plots.embedding_map(np.eye(2), np.array([0, 1], dtype), ax)
    assert [scatter.get_label() for scatter in ax.collections] == ["0", "1"]


def test_a_hundred_classes_have_a_hundred_looks():
    """Ten by colour alone, the others by colour and marker, all distinct in grey print too."""
    looks = [plots.class_look(number) for number in range(plots.MOST_LOOKS)]
    assert len(set(looks)) == plots.MOST_LOOKS == 100
    assert [marker for _, marker in looks[:10]] == ["o"] * 10
    _, ax = plots.panels()
    plots.embedding_map(np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 30, ax)
    shapes = {
        (to_hex(s.get_facecolor()[0]), s.get_paths()[0].vertices.tobytes()) for s in ax.collections
    }
    assert len(shapes) == 30
    assert len(ax.get_legend().get_texts()) == 30


@pytest.mark.parametrize("classes", [3, 12, 30, 200])
def test_the_key_of_a_map_stays_in_the_figure(classes):
    """As many names as can be read; the rest is counted."""
    figure, ax = plots.panels(size=(9, 3))
    points = np.random.default_rng(0).normal(size=(400, 2))
    plots.embedding_map(points, np.arange(400) % classes, ax)
    figure.canvas.draw()
    box, whole = ax.get_legend().get_window_extent(), figure.bbox
    assert whole.x0 <= box.x0
    assert box.x1 <= whole.x1
    assert whole.y0 <= box.y0
    assert box.y1 <= whole.y1
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(texts) == min(classes, plots.IN_KEY)
    assert (texts[-1] == "… and 141 more") == (classes == 200)


@pytest.mark.parametrize(("size", "in_key"), [(2, 30), (9, 30), (60, 60)])
def test_a_mark_in_the_key_is_large_enough_to_see_its_colour(size, in_key):
    _, ax = plots.panels()
    plots.embedding_map(np.eye(2), [0, 1], ax, size=size)
    assert [mark.get_sizes() for mark in ax.get_legend().legend_handles] == pytest.approx(
        [in_key] * 2
    )


@pytest.mark.parametrize("groups", [3, 10, 40, 120])
def test_names_of_groups_do_not_collide(groups):
    """Where there is no room for all, every second or third is written."""
    figure, ax = plots.panels(size=(4, 4))
    labels = np.repeat(np.arange(groups), 3)
    plots.similarity_matrix(np.eye(3 * groups), ax, groups=labels)
    figure.canvas.draw()
    for axis, side in ((ax.xaxis, 0), (ax.yaxis, 1)):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels()]
        places = sorted((box.intervalx if side == 0 else box.intervaly).tolist() for box in boxes)
        assert len(places) == groups if groups <= 10 else 5 < len(places) < groups
        assert all(a[1] <= b[0] + 1 for a, b in zip(places, places[1:], strict=False))


def test_names_of_ones_own_can_always_be_drawn():
    """No formula, no letter that the font lacks, no second line, nothing that is too long."""
    assert plots.legible("a$b$ c\n d") == r"a\$b\$ c d"
    assert plots.legible("犬 dog") == "□ dog"
    assert plots.legible("_a") == plots.legible(plots.legible("_a")) == " _a"
    _, ax = plots.panels(alt="two curves")
    plots.curves([1, 2], {"_a": [1, 2], "b": [2, 1]}, ax)
    assert [text.get_text().strip() for text in ax.get_legend().get_texts()] == ["_a", "b"]
    assert plots.legible("Hebrew/א") == "Hebrew/א"
    assert plots.legible("a" * 40 + "end.jpg") == "aaaaaaaaa…aaaaaaaaaaaend.jpg"
    figure, ax = plots.panels()
    names = ["$x", "_hidden", "犬", "two\nlines $ $\\frac$"]
    plots.embedding_map(np.eye(2)[[0, 1, 0, 1]], range(4), ax, names=names)
    plots.picture_row(torch.zeros(4, 1, 2, 2), ax, titles=names)
    figure.canvas.draw()  # a warning would be an error
    assert len(ax.get_legend().get_texts()) == 4


def test_infinity_takes_the_colour_of_its_end_and_a_gap_stays_one():
    _, ax = plots.panels()
    image = plots.similarity_matrix([[np.inf, -np.inf], [np.nan, 0.0]], ax)
    red, green, blue, white = (tuple(c) for c in image.to_rgba(image.get_array()).reshape(-1, 4))
    assert red == image.to_rgba(1.0)
    assert green == image.to_rgba(-1.0)
    assert blue == (1, 1, 1, 1) != white
    _, ax = plots.panels()
    plots.curves([0, 1, 2], {"a": [1.0, np.inf, np.nan]}, ax)
    assert np.isnan(ax.lines[0].get_ydata()).tolist() == [False, True, True]


EYE = [[1.0, 0.0], [0.0, 1.0]]
ROW = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
REFUSED = {
    "no axes": (lambda ax: plots.similarity_matrix(EYE, None), "ax must be an Axes"),
    "a figure": (lambda ax: plots.picture_row(ROW, plots.panels()[0]), "ax must be an Axes"),
    "text": (lambda ax: plots.similarity_matrix("text", ax), "matrix must be a tensor, an array"),
    "none": (lambda ax: plots.similarity_matrix(None, ax), "matrix must be a tensor, an array"),
    "complex": (
        lambda ax: plots.similarity_matrix(torch.ones(2, 2) * 1j, ax),
        "matrix must hold real",
    ),
    "ragged": (lambda ax: plots.similarity_matrix([[1], [1, 2]], ax), "matrix must be a tensor"),
    "ends": (lambda ax: plots.similarity_matrix(EYE, ax, low=1, high=1), "low must be below high"),
    "no end": (lambda ax: plots.similarity_matrix(EYE, ax, low=np.nan), "low must be finite"),
    "pairs": (lambda ax: plots.similarity_matrix(EYE, ax, positives=[1]), r"positives must be \(P"),
    "groups": (lambda ax: plots.similarity_matrix(EYE, ax, groups=[1]), r"groups must be \(2,\)"),
    "measured": (lambda ax: plots.mark_groups(ax, [0.5, 1]), "groups must be whole numbers or te"),
    "nameless": (
        lambda ax: plots.mark_groups(ax, [0, 9], names=["a"]),
        "names must have a text for label 9, got 1 names",
    ),
    "names": (lambda ax: plots.mark_groups(ax, [0, 9], names=3), "names must be a list of texts"),
    "nan": (lambda ax: plots.embedding_map([[np.nan, 0]], [0], ax), "points must be finite"),
    "float": (lambda ax: plots.embedding_map([[0, 0]], [0.5], ax), "labels must be whole numbers"),
    "negative": (lambda ax: plots.embedding_map([[0, 0]], [-1], ax), "labels must be >= 0, got -1"),
    "size": (
        lambda ax: plots.embedding_map([[0, 0]], [0], ax, size=0),
        "size must be finite and >",
    ),
    "a list": (lambda ax: plots.curves([0, 1], [[0, 1]], ax), "lines must be a dictionary"),
    "nothing": (lambda ax: plots.curves([0, 1], {}, ax), "lines must have at least one entry"),
    "a word": (
        lambda ax: plots.curves([0, 1], {"a": "word"}, ax),
        r"lines\['a'\] must be a tensor",
    ),
    "no runs": (
        lambda ax: plots.curves([0, 1], {"a": np.ones((0, 2))}, ax),
        r"lines\['a'\] must have at least one run",
    ),
    "x": (lambda ax: plots.curves([0, np.inf], {"a": [0, 1]}, ax), "x must be finite"),
    "colour": (
        lambda ax: plots.curves([0], {"a": [0]}, ax, colours={"a": "colourful"}),
        r"colours\['a'\] must be a colour",
    ),
    "marker": (lambda ax: plots.curves([0], {"a": [0]}, ax, marker="ooo"), "marker must be a mark"),
    "bytes": (lambda ax: plots.picture_row((ROW * 255).byte(), ax), "images must be .* by 255"),
    "0 to 255": (lambda ax: plots.picture_row(ROW * 255, ax), r"images must be in \[0, 1\]"),
    "no image": (lambda ax: plots.picture_row(None, ax), "images must be a tensor"),
    "one title": (lambda ax: plots.picture_row(ROW, ax, titles=3), "titles must be a list"),
    "frames": (
        lambda ax: plots.picture_row(ROW, ax, frames=["red", 3]),
        r"frames\[1\] must be a c",
    ),
    "map": (lambda ax: plots.picture_row(ROW, ax, colours="no map"), "colours must be the name"),
    "no rows": (lambda ax: plots.panels(0), "rows must be a whole number >= 1, got 0"),
    "figure": (lambda ax: plots.panels(size=(9, 0)), "size must be a number in"),
    "one side": (lambda ax: plots.Picture(9), "size must be .width, height. in inches, got 9"),
    "alt": (lambda ax: plots.Picture(alt=None), "alt must be a text, got NoneType"),
    "a number": (lambda ax: plots.similarity_colours("low"), "low must be a number"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_drawn_is_refused_by_name(kind):
    call, message = REFUSED[kind]
    _, ax = plots.panels()
    with pytest.raises((ValueError, TypeError), match=message):
        call(ax)
    assert not ax.images
    assert not ax.lines


@pytest.mark.parametrize("form", [np.asarray, torch.Tensor.tolist, torch.Tensor.double])
def test_images_and_points_may_be_arrays_and_lists(form):
    _, ax = plots.panels()
    plots.picture_row(form(ROW), ax)
    assert np.allclose(ax.images[1].get_array(), ROW[1, 0])
    plots.embedding_map(form(ROW[0, 0, :, :2]), [0, 1, 0, 1], ax)
    assert len(ax.collections) == 2
