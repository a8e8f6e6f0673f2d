"""LiveTraining in a real JupyterLab: start, steer, pause, stop, reload, run again, interrupt."""

import pytest
from support.live import LiveTrainingOnPage, set_up_training, training_threads

SET_UP = set_up_training(n_train=600, n_test=100, batch=32, widths=(8, 16))
MAKE = """
live = explorers.LiveTraining(
    method, draw, steps=100_000, knobs={"temperature": (0.02, 2)},
    evaluate=knn, evaluate_every=50, pictures=test, chance=4.14,
)
live
"""
NOTEBOOK = "live_training.ipynb"


@pytest.fixture(scope="module")
def notebook(lab):
    lab.write(NOTEBOOK, [SET_UP, MAKE])
    lab.open(NOTEBOOK)
    lab.run_all()
    return lab


@pytest.fixture
def live(notebook):
    """The training on the page, which is stopped afterwards, whatever the test did."""
    yield LiveTrainingOnPage(notebook, "live")
    notebook.ask("live.stop()")


def test_start_pause_go_on_and_stop(live):
    """By mouse; the figure moves while it trains and rests while it does not."""
    before = live.hash()
    live.press("start")
    live.wait_for("running")
    live.wait_for_change(before)
    live.wait_for_steps()
    live.press("pause")
    live.wait_for("paused")
    paused = live.steps()
    rest = live.settle()
    assert live.lab.ask("len(live.rows)") == paused == live.state("step")
    assert training_threads(live.lab) == 0
    live.press("start")
    live.wait_for_change(rest)
    live.wait_for_steps()
    assert live.steps() > paused
    live.press("stop")
    live.wait_for("stopped")
    assert training_threads(live.lab) == 0
    live.press("start")
    live.wait_for("running")
    assert live.steps() < paused + 50  # it began again
    assert live.output.locator(".mlteach-problem").inner_text() == ""


@pytest.mark.parametrize("knob", ["temperature", "lr"])
def test_a_slider_steers_the_training_by_keyboard(live, knob):
    """The steps before used the old value, those after the new one; none anything else."""
    live.press("start")
    live.wait_for_steps()
    old = live.value(knob)
    live.control(knob).locator(".noUi-handle").focus()
    live.lab.page.keyboard.press("ArrowLeft")
    live.until(lambda: live.state("used")[knob] == live.value(knob) < old)
    live.press("pause")
    live.wait_for("paused")
    new = live.value(knob)
    assert new < old
    assert live.state("used")[knob] == new
    column = {"lr": 2, "temperature": 3}[knob]
    used = live.lab.ask(f"[row[{column}] for row in live.rows]")
    assert used == sorted(used, reverse=True)
    assert set(used) == {old, new}


def test_a_slider_steers_the_training_by_mouse_to_both_ends(live):
    live.press("start")
    live.wait_for_steps()
    for target, end in ((-400, "min"), (800, "max")):
        box = live.control("temperature").locator(".noUi-handle").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        live.lab.page.mouse.move(x, y)
        live.lab.page.mouse.down()
        live.lab.page.mouse.move(x + target, y, steps=12)
        live.lab.page.mouse.up()
        wanted = pytest.approx(10 ** live.lab.ask(f"live.controls['temperature'].{end}"))
        live.until(lambda wanted=wanted: live.state("used")["temperature"] == wanted)
    live.wait_for("running")
    assert live.output.locator(".mlteach-problem").inner_text() == ""
    live.lab.ask("setattr(live.controls['temperature'], 'value', 0.2)")


def test_it_goes_on_while_another_cell_runs(live):
    live.press("start")
    live.wait_for_steps()
    steps = "len(live.rows)"
    before, after = live.lab.ask(f"({steps}, __import__('time').sleep(1), {steps})[::2]")
    assert after > before


def test_an_interrupt_of_the_kernel_leaves_training_and_buttons_alive(live):
    live.press("start")
    live.wait_for_steps()
    live.lab.page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    live.wait_for_steps()
    live.press("pause")
    live.wait_for("paused")


def test_an_interrupt_of_a_cell_that_waits_pauses_the_training(live):
    live.press("start")
    live.wait_for_steps()
    page = live.lab.page
    page.evaluate("""() => {
        const kernel = window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
        const { done } = kernel.requestExecute({ code: "live.wait()" });
        window.waiting = done.then((reply) => reply.content.ename);
    }""")
    live.wait_for_steps()  # figures arrive while the cell waits
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    assert page.evaluate("() => window.waiting") == "KeyboardInterrupt"
    live.wait_for("paused")
    live.press("start")
    live.wait_for_steps()


def test_running_the_cell_again_stops_the_training_that_it_left_behind(live):
    live.press("start")
    live.wait_for_steps()
    live.lab.ask("globals().update(old=live)")
    live.lab.run_all()
    assert training_threads(live.lab) == 0
    assert live.lab.ask("[old.status, live.status, live is old]") == ["paused", "ready", False]
    again = LiveTrainingOnPage(live.lab, "live")
    again.press("start")
    again.wait_for_steps()
    assert training_threads(live.lab) == 1


def test_a_page_that_is_closed_and_opened_again_shows_the_training_alive(live):
    """The kernel went on meanwhile, and the buttons of the new page stop it."""
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
