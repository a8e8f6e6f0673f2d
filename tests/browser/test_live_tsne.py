"""LiveTSNE in a real JupyterLab: start, steer by mouse and keyboard, pause, go back, reload."""

import re

import pytest
from support.live import LiveTrainingOnPage, training_threads

SET_UP = """
from mlteach import data, explorers

digits = data.digits("train").subset(range(300))
x = digits.images.flatten(1)
"""
MAKE = """
live = explorers.LiveTSNE(x, {"digit": digits.labels}, images=digits.images, steps=100_000)
live
"""
NOTEBOOK = "live_tsne.ipynb"


@pytest.fixture(scope="module")
def notebook(lab):
    lab.write(NOTEBOOK, [SET_UP, MAKE])
    lab.open(NOTEBOOK)
    lab.run_all()
    return lab


@pytest.fixture
def live(notebook):
    """The map on the page, which is set back afterwards, whatever the test did."""
    yield LiveTrainingOnPage(notebook, "live")
    notebook.ask("[live.reset(), setattr(live.controls['from'], 'value', 'PCA')]")
    notebook.ask("[setattr(c, 'value', v) for c, v in zip(live.knobs.values(), (30, 12, 250, 50))]")


def test_start_pause_go_on_and_go_back_to_step_0(live):
    """By mouse; the figure moves while it runs and rests while it does not."""
    before = live.settle()
    live.press("start")
    live.wait_for("running")
    live.wait_for_change(before)
    live.wait_for_steps(30)
    live.press("pause")
    live.wait_for("paused")
    paused, rest = live.steps(), live.settle()
    assert live.lab.ask("live.step") == paused
    assert "trustworthiness" in live.readout()
    assert training_threads(live.lab) == 0
    live.press("start")
    live.wait_for_change(rest)
    live.wait_for_steps()
    assert live.steps() > paused
    back = live.output.get_by_role("button", name="back to step 0", exact=True)
    assert "The sliders stay as they are." in back.get_attribute("title")
    live.press("back to step 0")
    live.wait_for("ready")
    assert training_threads(live.lab) == 0
    assert live.settle() == before
    assert live.problem() == ""


@pytest.mark.parametrize("knob", ["perplexity", "exaggeration", "until", "lr"])
def test_every_knob_is_dragged_to_both_ends_while_it_runs(live, knob):
    """It runs on, with the value that the slider shows."""
    live.press("start")
    live.wait_for_steps()
    for distance, end in zip((-800, 800), live.ends(knob), strict=True):
        live.drag_slider(knob, distance)
        live.wait_for_value(knob, end)
        live.wait_for_steps(20)
        assert live.lab.ask(f"live.settings[{knob!r}]") == pytest.approx(end)
    live.press("pause")
    live.wait_for("paused")
    live.assert_sound()
    assert all(kl > -0.01 for kl in live.state("kl").values())


def test_a_lower_perplexity_is_a_descent_to_other_affinities(live):
    """By keyboard, one stop; from the next figure on the divergence is that of the new ones."""
    live.press("start")
    live.wait_for_steps()
    live.handle("perplexity").focus()
    live.lab.page.keyboard.press("ArrowLeft")
    live.until(lambda: "perplexity 20 " in live.readout())
    live.wait_for_steps()
    live.press("pause")
    live.wait_for("paused")
    shown = float(re.search(r"PCA: KL ([\d.]+)", live.readout())[1])
    p = "__import__('mlteach').maps.affinities(x, 20)"
    kl = f"__import__('mlteach').maps.kl_divergence({p}, live.seen.layouts['PCA']).item()"
    assert shown == pytest.approx(live.lab.ask(kl), abs=0.006)


def test_three_starts_run_side_by_side_and_one_point_is_marked_on_all(live):
    live.select("from", "side by side")
    live.press("start")
    live.wait_for_steps(20)
    live.press("pause")
    live.wait_for("paused")
    assert list(live.state("kl")) == ["PCA", "seed 0", "seed 1"]
    x, y = live.ask("e.maps[2].dots.get_offsets()[7].tolist()")
    before = live.settle()
    live.lab.page.mouse.move(*live.place("maps[2].ax", x, y))
    live.wait_for_change(before)
    live.settle()
    marked = live.state("point")
    gap = f"abs(e.maps[2].dots.get_offsets()[{marked}] - [{x}, {y}]).max()"
    assert live.ask(f"float({gap})") < 0.02
    rings = f"[m.ring.get_offsets()[0] - m.dots.get_offsets()[{marked}] for m in e.maps]"
    assert live.ask(f"float(abs(__import__('numpy').array({rings})).max())") == 0


def test_the_kernels_stop_button_pauses_it(live):
    live.press("start")
    live.wait_for_steps()
    live.lab.page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    live.wait_for("paused")
    live.output.locator(".mlteach-problem", has_text="stop button paused this map").wait_for()
    assert live.lab.troubles() == []
    live.press("start")
    live.wait_for_steps()
    assert live.problem() == ""


def test_running_the_cell_again_stops_the_descent_that_it_left_behind(live):
    live.press("start")
    live.wait_for_steps()
    live.lab.run_all()
    assert training_threads(live.lab) == 0
    again = LiveTrainingOnPage(live.lab, "live")
    again.press("start")
    again.wait_for_steps()
    assert training_threads(live.lab) == 1
    again.press("pause")
    again.wait_for("paused")


def test_a_page_that_is_closed_and_opened_again_shows_it_alive(live):
    """The kernel went on meanwhile, and the buttons of the new page pause it."""
    live.press("start")
    live.wait_for_steps()
    before = live.steps()
    page = live.lab.page
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.goto("about:blank")
    live.lab.open(NOTEBOOK)
    again = LiveTrainingOnPage(live.lab, "live")
    again.wait_for_steps()
    assert again.steps() > before
    again.press("pause")
    again.wait_for("paused")
    assert training_threads(live.lab) == 0
