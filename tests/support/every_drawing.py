"""What every explorer's picture promises without a browser. A test file inherits it and names how
to make them:

MAKE = {"prototypes": Prototypes, "episode accuracy": episode_accuracy}


class TestEveryDrawing(EveryDrawing):
    "What all pictures promise."
"""

import io

import numpy as np
import pytest
from PIL import Image


def shown(explorer):
    """The picture as the page shows it, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(explorer.canvas.png))).astype(int)


def values(control):
    """All that a list offers, or the ends of a slider."""
    if control.has_trait("options"):
        return control.options
    if isinstance(control.value, bool):
        return (False, True)
    return (
        (10**control.min, 10**control.max)
        if control.has_trait("base")
        else (control.min, control.max)
    )


def neighbour(control):
    """The next option or place of a slider, or the last one before where there is none."""
    if control.has_trait("options"):
        place = control.options.index(control.value)
        return control.options[place + 1 if place + 1 < len(control.options) else place - 1]
    low, high = values(control)
    if control.has_trait("base"):
        return control.value * 10 ** (control.step if control.value < high else -control.step)
    return control.value + (control.step if control.value < high else -control.step)


def send(explorer, x, y, *, ax=None, pressed=True, presses=1, press=None):
    """A pointer message as the page sends it; x and y in data coordinates of ``ax``, or of
    ``explorer.ax``.
    """

    def fraction(place):
        pixel = (ax or explorer.ax).transData.transform(place) / explorer.figure.bbox.size
        return pixel[0], 1 - pixel[1]

    (fx, fy), (px, py) = fraction((x, y)), fraction(press or (x, y))
    explorer.canvas.pointer = {
        "x": fx, "y": fy, "inside": True, "pressed": pressed, "presses": presses, "press_x": px, "press_y": py,
    }  # fmt: skip


class EveryDrawing:
    """Tests with one run for each explorer."""

    def pytest_generate_tests(self, metafunc):
        metafunc.parametrize("name", metafunc.module.MAKE)

    def test_every_control_reaches_both_ends_and_every_option(self, request, name):
        """No error, the state follows, and blitting draws what a full drawing draws."""
        explorer = request.module.MAKE[name]()
        for label, control in explorer.controls.items():
            if not control.has_trait("value"):
                control.click()
                continue
            for value in values(control):
                control.value = value
                expected = value if isinstance(value, str) else pytest.approx(value)
                assert explorer.state.get(label, value) == expected
        assert explorer.canvas.problem == ""
        blitted = shown(explorer)
        explorer.redraw_all()
        explorer.refresh()
        assert np.abs(blitted - shown(explorer)).mean() < 0.05

    def test_every_step_of_a_slider_is_seen_and_back_gives_the_same_picture(self, request, name):
        """Several in a row: markers are drawn on whole pixels, so one step that is too small may be
        seen by luck.
        """
        explorer = request.module.MAKE[name]()
        for control in explorer.controls.values():
            # a list has no read-out
            if control.has_trait("readout") and control.layout.display != "none":
                before, value = shown(explorer), control.value
                for _ in range(4):
                    last = shown(explorer)
                    control.value = neighbour(control)
                    assert np.abs(shown(explorer) - last).max() > 0, control.description
                control.value = value
                assert np.abs(shown(explorer) - before).max() == 0, control.description

    def test_the_picture_has_a_text(self, request, name):
        """The same for the eye and for a screen reader."""
        explorer = request.module.MAKE[name]()
        assert explorer.canvas.alt == explorer.canvas.readout == explorer.describe() != ""
