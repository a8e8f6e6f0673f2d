"""Vectors shows the measures of what is dragged, and the sliders follow."""

import math

import numpy as np
import pytest
import torch
from support.explorer_drawing import undrawn
from support.numbers import normal32
from support.pages import point

from mlteach.explorers import Vectors
from mlteach.similarity import similarities

pytestmark = pytest.mark.usefixtures("unlaid")


def test_the_first_figure_is_a_disagreement():
    """The tips at the start: dot product and cosine prefer B, Euclid prefers A."""
    assert Vectors().state["nearer"] == {"dot product": "B", "cosine": "B", "euclidean": "A"}


def test_the_table_shows_the_three_measures():
    """Values of the definition, with the tips at places whose values are known by hand."""
    explorer = Vectors()
    for name, tip in {"query": (1.0, 0.0), "A": (0.5, math.sqrt(0.75)), "B": (2.2, 0.0)}.items():
        explorer.move(name, *tip)
    values = explorer.state["values"]
    assert values["dot product"] == pytest.approx([0.5, 2.2])
    assert values["cosine"] == pytest.approx([0.5, 1])
    assert values["euclidean"] == pytest.approx([-1, -1.2])
    assert explorer.state["nearer"] == {"dot product": "B", "cosine": "B", "euclidean": "A"}
    assert [cell.get_text() for cell in explorer.cells["euclidean"]] == ["1.00", "1.20", "A"]


def test_with_all_lengths_1_the_three_measures_agree():
    """Wherever the tips are; the distance follows from the cosine."""
    explorer = Vectors()
    explorer.controls["lengths"].value = "all 1"
    with undrawn(explorer):
        for x, y in normal32(20, 2, seed=5).tolist():
            explorer.move("B", x, y)
            assert len(set(explorer.state["nearer"].values())) == 1
            cosines, distances = (
                torch.tensor(explorer.state["values"][name]) for name in ("cosine", "euclidean")
            )
            assert torch.allclose(distances.square(), 2 - 2 * cosines, atol=1e-6)


def test_with_all_lengths_1_the_slider_shows_1_and_arrows_only_turn():
    """Their own lengths come back, or at once where one is given from Python."""
    explorer = Vectors()
    lengths, length = explorer.controls["lengths"], explorer.controls["length"]
    before = explorer.state["tips"].norm(dim=1)
    lengths.value = "all 1"
    for name in ("A", "B", "query"):
        explorer.controls["arrow"].value = name
        explorer.controls["angle"].value += 5
        explorer.move(name, 0.3, 2.0)
        assert length.disabled
        assert length.value == explorer.state["length"] == 1
        assert torch.allclose(explorer.state["tips"].norm(dim=1), torch.ones(3).double())
    lengths.value = "as dragged"
    assert not length.disabled
    assert torch.allclose(explorer.state["tips"].norm(dim=1), before)
    assert length.value == pytest.approx(before[0].item())
    lengths.value = "all 1"
    length.value = 0.5
    assert lengths.value == "as dragged"
    assert explorer.state["tips"].norm(dim=1).tolist() == pytest.approx([0.5, *before[1:].tolist()])


def test_the_distance_has_one_name():
    """In the table, in the key and in the line below."""
    explorer = Vectors()
    table = explorer.figure.axes[1]
    texts = [text.get_text() for text in (*table.texts, *table.get_legend().get_texts())]
    named = [text for text in (*texts, *explorer.describe().split("; ")) if "ucl" in text]
    assert [text for text in named if "Euclidean distance" in text] == named
    assert len(named) == 3


def test_the_lines_hold_all_tips_as_alike_as_a():
    """B put anywhere on a line ties with A by that line's measure."""
    explorer = Vectors()
    query, a, _ = explorer.state["tips"][:, None]
    for measure, line in zip(("dot product", "cosine", "euclidean"), explorer.lines, strict=True):
        points = torch.tensor(np.column_stack(line.get_data()))
        # the rays meet in the origin, which has no direction
        points = points[points.norm(dim=1) > 1e-9]
        expected = similarities(query, a, measure=measure).expand(1, len(points))
        assert torch.allclose(similarities(query, points, measure=measure), expected, atol=1e-6)


def test_dragging_moves_the_nearest_tip_and_the_sliders_follow():
    """A press far from every tip takes hold of nothing; a tip never leaves or loses direction."""
    explorer = Vectors()
    start = tuple(explorer.state["tips"][2].tolist())
    point(explorer, explorer.ax, *start, pressed=True, presses=1)
    point(explorer, explorer.ax, 0.0, 1.5, pressed=True, presses=1, press=start)
    assert explorer.state["tips"][2].tolist() == pytest.approx([0, 1.5])
    assert explorer.controls["arrow"].value == "B"
    assert explorer.controls["angle"].value == pytest.approx(90)
    assert explorer.controls["length"].value == pytest.approx(1.5)
    point(explorer, explorer.ax, 0.0, 9.0, pressed=True, presses=1, press=start)
    assert explorer.state["tips"][2].tolist() == pytest.approx([0, 2.2])
    point(explorer, explorer.ax, 0.0, 0.0, pressed=True, presses=1, press=start)
    assert explorer.state["tips"][2].norm() > 0
    before = explorer.state["tips"]
    point(explorer, explorer.ax, -1.5, -1.5, pressed=True, presses=2)
    point(explorer, explorer.ax, -1.0, -1.0, pressed=True, presses=2, press=(-1.5, -1.5))
    assert torch.equal(explorer.state["tips"], before)


def test_choosing_an_arrow_moves_nothing_and_its_sliders_move_only_it():
    explorer = Vectors()
    before = explorer.state["tips"]
    explorer.controls["arrow"].value = "A"
    assert torch.equal(explorer.state["tips"], before)
    explorer.controls["angle"].value = 45
    explorer.controls["length"].value = 1.0
    after = explorer.state["tips"]
    assert after[1].tolist() == pytest.approx([math.sqrt(0.5)] * 2)
    assert torch.equal(after[[0, 2]], before[[0, 2]])
