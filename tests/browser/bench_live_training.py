"""Measures how soon a slider moved while SimCLR trains is seen, and used; recorded, never asserted.

Two waits for each key press: to the figure whose status line tells of a step made with the new
value, and to the first figure of any kind.
"""

import time
from statistics import median, quantiles

import pytest
from support.live import LiveTrainingOnPage, set_up_training

SET_UP = set_up_training(n_train=6000, n_test=300, batch=128, widths=(16, 32, 64))
MAKE = """
live = explorers.LiveTraining(
    method, draw, steps=100_000, knobs={"temperature": (0.02, 2)},
    evaluate=knn, pictures=test, chance=5.54,
)
live
"""
WATCH = """(output) => {
    const now = () => performance.now();
    const readout = output.querySelector(".mlteach-readout");
    const temperature = () => readout.textContent.split("temperature ")[1].split(" ")[0];
    window.used = []; window.shown = []; window.pressed = [];
    let last = temperature();
    const look = () => {
        window.shown.push(now());
        if (temperature() !== last) window.used.push(now());
        last = temperature();
    };
    const figure = output.querySelector(".mlteach-canvas img");
    figure.addEventListener("load", () => requestAnimationFrame(look));
    document.addEventListener("keydown", () => window.pressed.push(now()), true);
}"""
TRIES = 40


BEGIN_WAITING = """() => {
    const kernel = window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
    kernel.requestExecute({ code: "live.wait()" });
}"""


@pytest.mark.parametrize("waiting", [False, True])
def test_slider_to_figure_while_training(lab, capsys, waiting):
    lab.write("live_training.ipynb", [SET_UP, MAKE])
    lab.open("live_training.ipynb")
    lab.run_all()
    live = LiveTrainingOnPage(lab, "live")
    live.press("start")
    live.wait_for_steps(10)
    if waiting:
        lab.page.evaluate(BEGIN_WAITING)
    live.output.evaluate(WATCH)
    live.control("temperature").locator(".noUi-handle").focus()
    for turn in range(TRIES):
        lab.page.keyboard.press("ArrowLeft" if turn % 20 < 10 else "ArrowRight")
        lab.page.wait_for_timeout(700)
    used, shown, pressed = lab.page.evaluate("() => [window.used, window.shown, window.pressed]")
    begin, before = time.monotonic(), live.steps()
    lab.page.wait_for_timeout(5000)
    end, after = time.monotonic(), live.steps()
    live.press("stop")

    def waits(times):
        return [min(time - press for time in times if time > press) for press in pressed]

    def told(times):
        found = waits(times)
        slow = quantiles(found, n=20)[-1]
        return f"{median(found):.0f} ms (median), {slow:.0f} ms (95th percentile)"

    figures = (len(shown) - 1) / (shown[-1] - shown[0]) * 1000
    with capsys.disabled():
        print(
            f"\n{'a cell waits' if waiting else 'no cell runs'}: "
            f"key to a figure of a step made with the new temperature {told(used)}; "
            f"key to the next figure {told(shown)}; "
            f"{figures:.1f} figures and {(after - before) / (end - begin):.1f} steps a second"
        )
    assert len(pressed) == TRIES
    assert len(used) >= TRIES
