"""Chapter 05 as a reader has it: opened, run, its explorers used."""

import math

import pytest
from support.live import Live

CHAPTER = "05_contrastive_loss.ipynb"
EXPLORERS = ["temperature_explorer", "matrix_explorer", "circle_explorer"]


@pytest.fixture(scope="module")
def chapter(opened):
    """What is used here is run; nbval runs the trainings and measurements between the last two."""
    opened.run_to("matrix_explorer")
    opened.run_ending("circle_explorer")
    return opened


@pytest.mark.parametrize("variable", EXPLORERS)
def test_a_chapter_that_was_not_run_shows_its_figures(opened, variable):
    """Stands first in its file: the tests after it run the chapter."""
    figure = opened.output(variable).locator("img")
    figure.wait_for(timeout=20_000)
    assert figure.evaluate("image => image.naturalWidth") > 900


@pytest.mark.parametrize("variable", EXPLORERS)
def test_the_temperature_moves_every_explorer(chapter, variable):
    live = Live(chapter, variable)
    value = live.value("temperature")
    live.step("temperature")
    assert live.state("temperature") == live.value("temperature") > value
    assert live.problem() == ""
    assert live.readout() == live.image.get_attribute("alt") != ""


def test_pointing_at_the_matrix_shows_a_pair(chapter):
    live = Live(chapter, "matrix_explorer")
    before = live.settle()
    chapter.page.mouse.move(*live.place("ax", 20, 40))
    live.wait_for_change(before)
    live.settle()
    row, column = live.state("hover")
    assert abs(row - 40) <= 1
    assert abs(column - 20) <= 1


def test_a_point_of_the_circle_is_dragged_and_the_buttons_answer(chapter):
    live = Live(chapter, "circle_explorer")
    angle = live.ask("e.state['angles'][1, 1].item()")
    live.drag("ax", (math.cos(angle), math.sin(angle)), (math.cos(2.5), math.sin(2.5)))
    assert math.radians(live.value("angle")) == pytest.approx(2.5, abs=0.05)
    before, loss = live.settle(), live.state("loss")
    live.output.locator("button", has_text="follow").click()
    live.wait_for_change(before)
    live.settle()
    assert live.state("loss") < loss
    live.press("start again")
    live.settle()
    assert live.ask("len(e.track)") == 1
