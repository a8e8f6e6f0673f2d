"""Chapter 10 in a real JupyterLab: run it, walk through the queue, steer a training."""

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live
from test_live_training import LiveTrainingOnPage, training_threads

CHAPTER = "10_moco.ipynb"
EXPLORERS = ["conveyor", "live"]


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


def test_the_queue_fills_step_by_step(chapter):
    """With the arrow keys: every step replaces one batch, where the mark was."""
    live = Live(chapter, "conveyor")
    live.set("step", 1)
    assert live.state("oldest") == -1
    for step in (2, 3, 4):
        before, pointer = live.settle(), live.state("pointer")
        live.control("step").locator(".noUi-handle").focus()
        chapter.page.keyboard.press("ArrowRight")
        live.wait_for_change(before)
        live.settle()
        assert (live.state("step"), live.state("oldest")) == (step, step - 2)
        assert live.state("pointer") == pointer + 32
        assert chapter.ask(f"conveyor.state['ages'][{pointer}:{pointer + 32}].tolist()") == [0] * 32


def test_every_decay_shows_its_own_drift(chapter):
    live = Live(chapter, "conveyor")
    live.set("step", 60)
    drifts = {}
    for decay in live.options("decay"):
        live.set("decay", decay)
        drifts[decay] = chapter.ask("conveyor.state['drift'].tolist()")
        assert f"decay {decay:g}, step 60" in live.picture.get_attribute("alt")
    assert len({tuple(drift) for drift in drifts.values()}) == len(drifts)
    assert drifts[0.999][-1] > drifts[0.9][-1]


@pytest.mark.parametrize("name", ["temperature", "decay"])
def test_a_knob_of_the_training_acts_while_it_runs(chapter, name):
    """Pressed on the page while it trains: MoCo itself is trained with the new value."""
    live = LiveTrainingOnPage(chapter, "live")
    live.press("start")
    live.wait_for_steps(2)
    before = live.value(name)
    live.control(name).locator(".noUi-handle").focus()
    chapter.page.keyboard.press("ArrowLeft")
    live.until(lambda: live.state("used")[name] == live.value(name) < before)
    assert chapter.ask(f"live.method.{name}") == live.value(name)
    live.press("pause")
    live.wait_for("paused")
    assert training_threads(chapter) == 0
    assert live.problem() == ""
