"""Chapter 11 in a real JupyterLab: run it, press every switch, walk over the measurements."""

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live

CHAPTER = "11_byol.ipynb"
EXPLORERS = ["switchboard"]
SWITCHES = ["predictor", "stop_gradient", "target_average"]


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


@pytest.fixture
def live(chapter):
    """The switchboard with everything switched on, at its last measurement."""
    live = Live(chapter, "switchboard")
    for name in SWITCHES:
        live.set(name, True)
    live.set("frame", chapter.ask("switchboard.controls['frame'].max"))
    return live


def press(live, name):
    """Presses a switch on the page."""
    before = live.settle()
    label = live.lab.ask(f"switchboard.controls[{name!r}].description")
    live.output.get_by_label(label).click()
    live.wait_for_change(before)
    return live.settle()


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_shows_the_training_without_its_part(live, name):
    """State and picture change, and pressed again they are back to the pixel."""
    before, measured = live.settle(), live.state("std")
    press(live, name)
    assert live.state(name) is False
    run = tuple(live.value(switch) for switch in SWITCHES)
    assert live.state("std") == live.lab.ask(f"switchboard.runs[{run}]['std'][-1]") != measured
    assert press(live, name) == before
    assert live.state("std") == measured


def test_with_all_switches_off_the_alternative_text_tells_the_collapse(live):
    for name in SWITCHES:
        press(live, name)
    text = live.picture.get_attribute("alt")
    assert "predictor off, stop gradient off, target average off" in text
    assert live.state("std") < live.state("even") / 4


def test_the_slider_walks_back_to_the_start(live):
    """At the first measurement every training stands where the others do: the weights are the same."""
    live.set("frame", 0)
    first = live.state("knn")
    press(live, "target_average")
    assert live.state("knn") == first
