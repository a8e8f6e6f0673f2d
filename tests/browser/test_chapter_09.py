"""Chapter 09: its explorer is steered on, and the two side by side start again.

What a training survives on the page (pause, stop, reload, interrupt, a cell run again) is tested in
test_live_training.py with a training that takes no time.
"""

import re

import pytest
from support.live import LiveTrainingOnPage, training_threads

CHAPTER = "09_simclr.ipynb"
SIDE_BY_SIDE = "explorers.SideBySide(slow, fast)"
AHEAD = 'print("one of them is clearly ahead, in the loss and in the accuracy")'
BEGUN = re.compile(r"running: step [1-9]")  # a slow page shows few of the steps


@pytest.fixture(scope="module")
def chapter(opened):
    """What is used here is run; nbval runs the minutes of other trainings between and after."""
    opened.run_to("print(live.describe())")
    for line in ["    panel.wait()", AHEAD, SIDE_BY_SIDE]:
        opened.run_ending(line)
    return opened


@pytest.mark.parametrize(("last_line", "is_answer"), [("live", False), (SIDE_BY_SIDE, True)])
def test_a_chapter_that_was_not_run_shows_its_figures(opened, last_line, is_answer):
    """Stands first in its file: the tests after it run the chapter. An answer is folded."""
    output = opened.output(last_line)
    figure = output.locator("img")
    if is_answer:
        dots = output.locator(".jp-OutputPlaceholder")
        dots.wait_for(timeout=20_000)
        assert figure.count() == 0
        dots.click()
    figure.wait_for(timeout=20_000)
    assert figure.evaluate("image => image.naturalWidth") > 900


def test_the_chapter_leaves_a_finished_training_and_start_goes_on(chapter):
    """Steered by a slider on the way; pause holds it."""
    live = LiveTrainingOnPage(chapter, "live")
    assert live.state("status") == "finished"
    assert live.steps() == live.state("step") == 300
    assert live.state("score") > chapter.ask("max(baselines.values())") + 0.1
    live.press("start")
    live.wait_for_steps(2)
    before = live.value("temperature")
    live.control("temperature").locator(".noUi-handle").focus()
    chapter.page.keyboard.press("ArrowLeft")
    live.until(lambda: live.state("used")["temperature"] == live.value("temperature") < before)
    live.press("pause")
    live.wait_for("paused")
    assert 300 < live.state("step") < 600
    assert training_threads(chapter) == 0
    assert live.problem() == ""


@pytest.mark.parametrize(("number", "variable"), [(0, "slow"), (1, "fast")])
def test_each_of_two_side_by_side_has_its_own_buttons(chapter, number, variable):
    """Stopped and started again, the one trains and the other rests."""
    output = chapter.output(SIDE_BY_SIDE)
    other = {"slow": "fast", "fast": "slow"}[variable]
    output.get_by_role("button", name="stop", exact=True).nth(number).click()
    output.get_by_role("button", name="start", exact=True).nth(number).click()
    output.locator(".mlteach-readout").nth(number).filter(has_text=BEGUN).wait_for(timeout=20_000)
    assert chapter.ask(f"[{variable}.worker.running, {other}.worker.running]") == [True, False]
    output.get_by_role("button", name="pause", exact=True).nth(number).click()
    output.locator(".mlteach-readout").nth(number).filter(has_text="paused").wait_for(
        timeout=20_000
    )
    assert training_threads(chapter) == 0
