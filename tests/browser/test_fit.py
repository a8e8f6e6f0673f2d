"""Every explorer fits a 13-inch laptop: controls, figure and read-out are seen together.

Of its 768 pixels JupyterLab leaves about 500 to an output. At a zoom of 150 % the page has 911 by
512 pixels, and an output about 390.
"""

import pytest
from support.explorer_registry import LARGE
from support.explorer_registry import MAKE as REGISTRY

MAKE = REGISTRY | LARGE

LAPTOP, MAGNIFIED = {"width": 1366, "height": 768}, {"width": 911, "height": 512}
HIGHEST = 500
MAGNIFIED_HIGHEST = 440

# Places on the page of an explorer: all of it, its controls, figures and read-outs, and the room
# that the output has.
PLACES = """(output) => {
    const root = output.querySelector(".mlteach-canvas").closest(".jp-OutputArea-output");
    const boxes = (selector) => [...root.querySelectorAll(selector)]
        .filter((element) => element.offsetParent !== null)
        .map((element) => element.getBoundingClientRect())
        .map(({ left, top, right, bottom }) => ({ left, top, right, bottom }));
    const { left, right } = root.getBoundingClientRect();
    return {
        room: { left, right },
        whole: boxes(".jupyter-widgets")[0],
        controls: boxes(".widget-inline-hbox, .widget-checkbox, .widget-button, .widget-play"),
        figures: boxes(".mlteach-canvas img"),
        readouts: boxes(".mlteach-readout"),
    };
}"""


def places(lab, name):
    """Where all parts of an explorer lie, once its figure has been painted."""
    output = lab.output(name)
    output.locator(".mlteach-canvas img").first.wait_for(timeout=20_000)
    lab.next_frames()
    return output.evaluate(PLACES)


def height(box):
    return box["bottom"] - box["top"]


def apart(one, other):
    """Whether two boxes do not overlap, by more than a rounded pixel."""
    return (
        one["right"] <= other["left"] + 1
        or other["right"] <= one["left"] + 1
        or one["bottom"] <= other["top"] + 1
        or other["bottom"] <= one["top"] + 1
    )


def faults(found):
    """What lies beyond the room of the output, or over something else."""
    parts = [*found["controls"], *found["figures"], *found["readouts"]]
    room = found["room"]
    wrong = [
        f"beyond the output: {part}"
        for part in parts
        if part["left"] < room["left"] - 1 or part["right"] > room["right"] + 1
    ]
    for i, one in enumerate(parts):
        wrong += [f"{one} over {other}" for other in parts[:i] if not apart(one, other)]
    return wrong


def measured(explorers, size, *, sidebar):
    """The places of every explorer on a page of this size, with JupyterLab's sidebar or without."""
    action = "expandLeft" if sidebar else "collapseLeft"
    explorers.page.set_viewport_size(size)
    explorers.page.evaluate(f"() => window.jupyterapp.shell.{action}()")
    explorers.page.wait_for_timeout(300)
    found = {name: places(explorers, name) for name in MAKE}
    assert {name: wrong for name, parts in found.items() if (wrong := faults(parts))} == {}
    return found


def too_high(found, highest):
    heights = {name: round(height(parts["whole"])) for name, parts in found.items()}
    print(heights)
    return {name: size for name, size in heights.items() if size > highest}


def test_all_is_seen_together_on_a_small_laptop(explorers):
    found = measured(explorers, LAPTOP, sidebar=True)
    assert too_high(found, HIGHEST) == {}
    one, other = found["side_by_side"]["figures"]
    assert one["top"] == other["top"]


@pytest.mark.parametrize("sidebar", [False, True])
def test_nothing_is_cut_or_overlaps_when_the_page_is_magnified(explorers, sidebar):
    found = measured(explorers, MAGNIFIED, sidebar=sidebar)
    assert sidebar or too_high(found, MAGNIFIED_HIGHEST) == {}
