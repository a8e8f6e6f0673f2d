"""Every explorer fits a 13-inch laptop: controls, figure and read-out are seen together."""

import pytest
from support.explorer_registry import LARGE
from support.explorer_registry import MAKE as REGISTRY

MAKE = REGISTRY | LARGE

MEASURE = """(output) => {
    const box = (element) => {
        const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
        return { left, top, right, bottom, width, height };
    };
    const root = output.querySelector(".mlteach-canvas").closest(".jp-OutputArea-output");
    const whole = [...root.querySelectorAll(".jupyter-widgets")][0];
    const shown = (element) => element.offsetParent !== null;
    const controls = [...root.querySelectorAll(".widget-inline-hbox, button")].filter(shown);
    return {
        room: box(root), whole: box(whole), controls: controls.map(box),
        figures: [...root.querySelectorAll(".mlteach-canvas img")].map(box),
        rows: [...root.querySelectorAll(".mlteach-readout")].map(box),
    };
}"""


def test_print(explorers):
    page = explorers.page
    for size, open_ in (((1366, 768), True), ((1366, 768), False), ((911, 512), False), ((911,512),True)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.evaluate(f"() => window.jupyterapp.shell.{'expand' if open_ else 'collapse'}Left()")
        page.wait_for_timeout(500)
        for name in MAKE:
            output = explorers.output(name)
            output.locator(".mlteach-canvas img").first.wait_for()
            explorers.next_frames()
            m = output.evaluate(MEASURE)
            print(
                f"{size} {'open' if open_ else 'shut'} {name:18} room {m['room']['width']:.0f} height {m['whole']['height']:.0f}"
                f" controls {max([c['bottom'] for c in m['controls']], default=m['whole']['top']) - m['whole']['top']:.0f}"
                f" fig {m['figures'][0]['width']:.0f}x{m['figures'][0]['height']:.0f} readout {m['rows'][0]['height']:.0f}"
            )
