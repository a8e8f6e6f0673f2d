"""Measures how many figures of a running t-SNE a page shows in a second; recorded, never asserted.

For 1,000 digits, from one start and from three side by side; and the kernel's processor time for
each figure, drawing and descent together.
"""

import pytest
from support.live import LiveTrainingOnPage

SECONDS = 10
SET_UP = """
import time

from mlteach import data, explorers

digits = data.digits("train").subset(range(1000))
x = digits.images.flatten(1)
"""
MAKE = """
live = explorers.LiveTSNE(x, {"digit": digits.labels}, images=digits.images, steps=100_000)
live
"""
WATCH = """(output) => {
    window.figures = 0;
    const figure = output.querySelector(".mlteach-canvas img");
    figure.addEventListener("load", () => requestAnimationFrame(() => window.figures++));
}"""


@pytest.mark.parametrize("start", ["PCA", "side by side"])
def test_figures_a_second(lab, capsys, start):
    lab.write("live_tsne.ipynb", [SET_UP, MAKE])
    lab.open("live_tsne.ipynb")
    lab.run_all()
    live = LiveTrainingOnPage(lab, "live")
    live.select("from", start)
    live.output.evaluate(WATCH)
    live.press("start")
    live.wait_for_steps()
    at = "[time.monotonic(), time.process_time(), live.step]"
    shown, before = lab.page.evaluate("() => window.figures"), lab.ask(at)
    lab.page.wait_for_timeout(1000 * SECONDS)
    figures, after = lab.page.evaluate("() => window.figures") - shown, lab.ask(at)
    live.press("pause")
    live.wait_for("paused")
    seconds, processor, steps = (b - a for a, b in zip(before, after, strict=True))
    with capsys.disabled():
        rates = f"{figures / seconds:.1f} figures and {steps / seconds:.0f} steps a second"
        print(f"\n{start}: {rates}")
        print(f"processor time of a figure: {1000 * processor / figures:.0f} ms")
