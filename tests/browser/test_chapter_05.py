"""Chapter 05 in a real JupyterLab: run it, move every control by keyboard and by mouse, drag a
point.
"""

import math

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live

CHAPTER = "05_contrastive_loss.ipynb"
EXPLORERS = ["temperature_explorer", "matrix_explorer", "circle_explorer"]


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


def test_pointing_at_the_matrix_shows_a_pair(chapter):
    live = Live(chapter, "matrix_explorer")
    before = live.settle()
    box = live.picture.bounding_box()
    chapter.page.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + 0.4 * box["height"])
    live.wait_for_change(before)
    row, column = live.state("hover")
    assert 0 <= row < 60
    assert 0 <= column < 60


def test_a_point_of_the_circle_is_dragged(chapter):
    live = Live(chapter, "circle_explorer")
    before = live.settle()

    def place(angle):
        """Where on the page the circle's point with this angle lies."""
        return live.place("ax", math.cos(angle), math.sin(angle))

    angles = chapter.ask("circle_explorer.state['angles'].tolist()")
    chapter.page.mouse.move(*place(angles[1][1]))
    chapter.page.mouse.down()
    chapter.page.mouse.move(*place(-1.0), steps=8)
    chapter.page.mouse.move(*place(2.5), steps=8)
    chapter.page.mouse.up()
    live.wait_for_change(before)
    live.settle()
    after = chapter.ask("circle_explorer.state['angles'].tolist()")
    moved = live.value("point")
    index = chapter.ask(f"circle_explorer._index({moved!r})")
    assert after[index[0]][index[1]] == pytest.approx(2.5, abs=0.05)
    assert math.radians(live.value("angle")) == pytest.approx(2.5, abs=0.05)
    assert (
        sum(
            a != b
            for one, two in zip(angles, after, strict=True)
            for a, b in zip(one, two, strict=True)
        )
        == 1
    )


def test_the_buttons_follow_the_pull_and_start_again(chapter):
    live = Live(chapter, "circle_explorer")
    before, loss = live.settle(), live.state("loss")
    live.output.get_by_role("button", name="follow the force").click()
    live.wait_for_change(before)
    assert live.state("loss") < loss
    live.output.get_by_role("button", name="start again").click()
    live.settle()
    assert chapter.ask("len(circle_explorer.track)") == 1


def test_screen_readers_are_told_the_loss(chapter):
    assert "loss is" in Live(chapter, "temperature_explorer").picture.get_attribute("alt")
