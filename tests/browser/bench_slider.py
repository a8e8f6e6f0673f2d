"""Measures the time from a key press on a slider to the new figure; recorded, never asserted.

``python run.py bench`` runs it. Two figures for each explorer: the wait for one press at a time,
and what arrives when keys come faster than figures can be drawn.
"""

from statistics import median, quantiles

import pytest

WATCH = """(figure) => {
    const now = () => performance.now();
    window.shown = [];
    window.pressed = [];
    figure.addEventListener("load", () => requestAnimationFrame(() => window.shown.push(now())));
    document.addEventListener("keydown", () => window.pressed.push(now()), true);
}"""
TRIES = 40


@pytest.mark.parametrize("variable", ["temperature_explorer", "matrix_explorer", "circle_explorer"])
def test_slider_to_figure(lab, variable, capsys):
    lab.open("05_contrastive_loss.ipynb")
    lab.run_all()
    page, output = lab.page, lab.output(variable)
    output.locator(".mlteach-canvas img").evaluate(WATCH)
    label = output.locator(".widget-inline-hbox", has=page.get_by_text("temperature", exact=True))
    label.locator(".noUi-handle").focus()
    for turn in range(TRIES):
        page.keyboard.press("ArrowLeft" if turn % 20 < 10 else "ArrowRight")
        page.wait_for_timeout(250)
    pressed, shown = page.evaluate("() => [window.pressed, window.shown]")
    waits = [min(time - press for time in shown if time > press) for press in pressed]
    page.evaluate("() => { window.pressed = []; window.shown = []; }")
    for turn in range(TRIES):
        page.keyboard.press("ArrowLeft" if turn % 20 < 10 else "ArrowRight")
        page.wait_for_timeout(50)
    page.wait_for_timeout(2000)
    pressed, shown = page.evaluate("() => [window.pressed, window.shown]")
    with capsys.disabled():
        print(
            f"\n{variable}: key to figure {median(waits):.0f} ms (median), "
            f"{quantiles(waits, n=20)[-1]:.0f} ms (95th percentile); "
            f"in a burst of {TRIES} keys {len(shown)} figures, "
            f"the last {shown[-1] - pressed[-1]:.0f} ms after the last key"
        )
    assert len(waits) == TRIES
