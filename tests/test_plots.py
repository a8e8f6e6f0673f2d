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
            r"matrix must be \(N, M\), got shape \(3,\)",
        ),
        (
            lambda ax: plots.embedding_map(torch.ones(3, 2), torch.ones(4), ax),
            r"points must be \(4, 2\), got shape \(3, 2\)",
        ),
        (
            lambda ax: plots.embedding_map(torch.ones(3, 3), torch.ones(3), ax),
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
            r"images must be \(N, C, H, W\), got shape \(2, 8, 8\)",
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
