"""LiveTraining in a real JupyterLab: start, steer, pause, stop, reload, run again, interrupt."""

import re

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
WAIT = "live.wait()"
BELOW = "print('went on')"
NOTEBOOK = "live_training.ipynb"


@pytest.fixture(scope="module")
def notebook(lab):
    lab.write(NOTEBOOK, [SET_UP, MAKE, WAIT, BELOW])
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


NUMBERS = """(output) => [...output.querySelectorAll(".widget-readout")].map((box) => {
    const text = document.createRange();
    text.selectNodeContents(box);
    const { right } = box.parentElement.getBoundingClientRect();
    return [box.innerText, right - text.getBoundingClientRect().right, box.clientWidth];
})"""


def test_the_numbers_of_the_sliders_have_room(live):
    """The next label does not touch them, and none moves the slider, at the left end either."""
    lr, widths = "live.controls['lr']", set()
    for step in (0, 1, 2, 30, 60):
        live.set("lr", live.ask(f"10 ** ({lr}.min + {step} * {lr}.step)"))
        numbers = live.output.evaluate(NUMBERS)
        assert [text for text, room, _ in numbers if room < 8] == []
        widths |= {width for *_, width in numbers}
    assert len(widths) == 1
    live.set("lr", 4e-3)


def test_it_goes_on_while_another_cell_runs(live):
    live.press("start")
    live.wait_for_steps()
    steps = "len(live.rows)"
    before, after = live.lab.ask(f"({steps}, __import__('time').sleep(1), {steps})[::2]")
    assert after > before


def press_the_kernels_stop_button(lab):
    lab.page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")


def test_the_kernels_stop_button_pauses_a_training_in_the_background(live):
    """One line says so, nothing else; the buttons go on."""
    live.press("start")
    live.wait_for_steps()
    press_the_kernels_stop_button(live.lab)
    live.wait_for("paused")
    live.output.locator(".mlteach-problem", has_text="stop button paused this training").wait_for()
    assert training_threads(live.lab) == 0
    assert live.lab.troubles() == []
    live.press("start")
    live.wait_for_steps()
    assert live.problem() == ""


@pytest.fixture
def waiting(live):
    """A cell that waits for the training, and a cell below it in the queue; the first's output."""
    live.press("start")
    live.wait_for_steps()
    run_from_the_waiting_cell(live.lab)
    output = live.lab.output(WAIT)
    output.get_by_text("running: step").wait_for(timeout=20_000)
    live.lab.output("live")
    yield output
    if live.lab.page.locator(".jp-InputPrompt", has_text="[*]").count():
        press_the_kernels_stop_button(live.lab)
        live.lab.page.evaluate("() => window.waited")


def run_from_the_waiting_cell(lab):
    lab.page.evaluate(
        """() => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            for (const cell of notebook.widgets.slice(2)) cell.model.clearExecution();
            notebook.activeCellIndex = 2;
            window.waited = window.jupyterapp.commands.execute("notebook:run-all-below");
        }"""
    )


def cell_outputs(lab):
    """Of the waiting cell and of the one below it: all that they show, as text."""
    return lab.page.evaluate(
        """() => {
            const { cells } = window.jupyterapp.shell.currentWidget.content.model.sharedModel;
            return cells.slice(2).map((cell) => (cell.toJSON().outputs ?? []).map((output) =>
                output.traceback?.join("") ?? output.text ?? output.data["text/plain"]));
        }"""
    )


def text(parts):
    return "".join(parts)


def test_pause_works_while_a_cell_waits(live, waiting):
    """The cell waits on, for start or for stop; only then the cell below runs."""
    live.wait_for_steps()
    live.press("pause")
    live.wait_for("paused")
    waiting.get_by_text("start goes on, stop ends").wait_for(timeout=20_000)
    live.press("start")
    live.wait_for_steps()
    assert cell_outputs(live.lab)[1] == []
    live.press("stop")
    live.wait_for("stopped")
    live.lab.page.evaluate("() => window.waited")
    (line,), (below,) = cell_outputs(live.lab)
    assert re.fullmatch(r"stopped: step \d+ of 100000 · loss .* · kNN accuracy .*", text(line))
    assert text(below) == "went on\n"
    live.press("start")
    live.wait_for_steps()


def test_the_line_of_a_waiting_cell_moves(live, waiting):
    def step():
        return int(re.search(r"step (\d+) of", waiting.inner_text())[1])

    live.lab.output(WAIT)
    before = step()
    live.until(lambda: step() > before)
    assert "█" in waiting.inner_text() or "░" in waiting.inner_text()


def test_a_slider_steers_the_training_while_a_cell_waits(live, waiting):
    shown = live.output.locator(".mlteach-readout")
    old = re.search(r"temperature ([\d.]+)", shown.inner_text())[1]
    live.handle("temperature").focus()
    for _ in range(10):
        live.lab.page.keyboard.press("ArrowLeft")
    live.until(lambda: re.search(r"temperature ([\d.]+)$", shown.inner_text()) is not None)
    live.until(
        lambda: float(re.search(r"temperature ([\d.]+)", shown.inner_text())[1]) < float(old) * 0.8
    )
    live.wait_for_steps()
    live.press("stop")
    live.wait_for("stopped")
    used = live.lab.ask("[row[3] for row in live.rows]")
    assert used == sorted(used, reverse=True)
    assert used[-1] == live.value("temperature")
    live.lab.ask("setattr(live.controls['temperature'], 'value', 0.2)")


@pytest.fixture
def themes(live):
    """Switches JupyterLab's theme, and puts the light one back."""

    def switch(name):
        change = (
            "(name) => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
        )
        live.lab.page.evaluate(change, f"JupyterLab {name}")

    yield switch
    switch("Light")
    live.until(lambda: (live.paper() or 0) > 200)


def test_the_figure_follows_the_theme_while_a_cell_waits(live, waiting, themes):
    """Both ways, and the training goes on."""
    for name in ("Dark", "Light", "Dark"):
        themes(name)
        live.until(lambda name=name: ((live.paper() or 128) > 128) == (name == "Light"))
        live.wait_for_steps()


def test_the_kernels_stop_button_ends_the_waiting_with_one_line(live, waiting):
    """No traceback, and the cell below is not run."""
    press_the_kernels_stop_button(live.lab)
    live.wait_for("paused")
    live.lab.page.evaluate("() => window.waited")
    (line, error), below = cell_outputs(live.lab)
    assert text(line).startswith("paused: step ")
    assert re.fullmatch(
        r"paused at step \d+ of 100000: start\(\) or the start button goes on\.", error
    )
    assert below == []
    live.lab.output(WAIT)
    waiting.get_by_text(error, exact=True).wait_for()
    live.lab.output("live")
    live.press("start")
    live.wait_for_steps()


def test_a_page_that_is_loaded_while_a_cell_waits_has_live_buttons(live, waiting):
    """The training goes on, the new page shows it, moves its sliders, and stops it."""
    before = live.steps()
    page = live.lab.page
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.goto("about:blank")
    page.goto(f"{live.lab.address}/doc/tree/{NOTEBOOK}?reset")
    page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.session?.kernel"
    )
    live.lab.output("live")
    live.wait_for_steps()
    assert live.steps() > before
    live.press("stop")
    live.wait_for("stopped")
    assert training_threads(live.lab) == 0


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
