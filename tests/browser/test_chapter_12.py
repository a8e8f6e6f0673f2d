"""Chapter 12 in a real JupyterLab: every control by keyboard and by mouse, and a press on the curve
of accuracies.
"""

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live

CHAPTER = "12_evaluation.ipynb"
EXPLORERS = ["knn_explorer"]


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


def test_a_press_on_the_curve_sets_k_and_dragging_moves_it(chapter):
    live = Live(chapter, "knn_explorer")
    before = live.settle()
    chapter.page.mouse.move(*live.place("ax", 10, 0.5))
    chapter.page.mouse.down()
    live.wait_for_change(before)
    live.settle()
    assert live.value("k") == pytest.approx(10, abs=1)
    chapter.page.mouse.move(*live.place("ax", 100, 0.4), steps=8)
    chapter.page.mouse.up()
    live.settle()
    assert live.state("k") == live.value("k") == pytest.approx(100, abs=4)


def test_screen_readers_are_told_what_the_picture_shows(chapter):
    live = Live(chapter, "knn_explorer")
    assert "accuracy on all test images" in live.picture.get_attribute("alt")
    assert live.output.locator(".mlteach-readout").inner_text() == live.picture.get_attribute("alt")
