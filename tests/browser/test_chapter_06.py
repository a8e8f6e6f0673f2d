"""Chapter 06 in a real JupyterLab: every control by keyboard and by mouse, the buttons, the box
dragged.
"""

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live

CHAPTER = "06_views.ipynb"
EXPLORERS = ["views_explorer", "retrieval_explorer", "mixing_explorer"]


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


def test_the_buttons_of_the_views(chapter):
    """No change, the book's view, and another draw of it."""
    live = Live(chapter, "views_explorer")
    before = live.settle()
    live.output.get_by_role("button", name="no change").click()
    live.wait_for_change(before)
    live.settle()
    assert live.state("change") == 0
    live.output.get_by_role("button", name="the book's view").click()
    live.wait_for_value("hue", 0.5)
    book, change, draw = live.settle(), live.state("change"), live.value("draw")
    assert change > 0.1
    live.output.get_by_role("button", name="draw again").click()
    live.wait_for_value("draw", draw + 1)
    live.wait_for_change(book)
    assert live.value("hue") == 0.5
    assert live.state("change") != change


def test_a_neighbour_that_is_pressed_becomes_the_query(chapter):
    live = Live(chapter, "retrieval_explorer")
    before = live.settle()
    wanted = chapter.ask("list(retrieval_explorer.state['neighbours'].values())[1][2]")
    chapter.page.mouse.click(*live.place("rows[1]", 2.5, 0.5))
    live.wait_for_change(before)
    live.settle()
    assert live.state("query") == live.value("query") == wanted


def test_the_box_is_dragged_and_the_label_follows(chapter):
    """To the middle, then over the edge, where less of it is pasted."""
    live = Live(chapter, "mixing_explorer")
    live.set("kind", "CutMix")
    live.set("share", 0.5)
    live.set("picture", 0)
    live.set("partner", 1)
    start = live.value("x")
    chapter.page.mouse.move(*live.place("mixed_ax", start - 0.5, 20))
    chapter.page.mouse.down()
    chapter.page.mouse.move(*live.place("mixed_ax", 15.5, 15.5), steps=8)
    live.wait_for_value("x", 16)
    live.settle()
    assert live.state("kept") == pytest.approx(0.5, abs=0.05)
    chapter.page.mouse.move(*live.place("mixed_ax", 31, 31), steps=8)
    chapter.page.mouse.up()
    live.settle()
    assert live.value("x") >= 31
    assert live.value("y") >= 31
    assert live.state("kept") > 0.8
    assert max(chapter.ask("mixing_explorer.state['soft'].tolist()")) == pytest.approx(
        live.state("kept")
    )


def test_the_box_is_placed_only_where_there_is_one(chapter):
    live = Live(chapter, "mixing_explorer")
    live.set("kind", "Mixup")
    assert "x" not in live.sliders()
    live.set("kind", "CutMix")
    assert {"x", "y"} <= set(live.sliders())


def test_draw_takes_another_share(chapter):
    live = Live(chapter, "mixing_explorer")
    before = live.settle()
    seen = [live.value("share")]
    for _ in range(3):
        live.output.get_by_role("button", name="draw λ").click()
        before = live.wait_for_change(before)
        before = live.settle()
        seen.append(live.value("share"))
        assert live.problem() == ""
    assert len(set(seen)) > 2
