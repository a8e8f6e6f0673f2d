"""The controls are made in one way."""

import math

import pytest

from mlteach.explorers._core.controls import choice, count, log_slider, slider, stops


def test_a_log_slider_starts_on_one_of_its_steps():
    control = log_slider("temperature", 0.01, 10, 0.5)
    steps = (math.log10(control.value) + 2) / control.step
    assert steps == pytest.approx(round(steps))
    assert control.value == pytest.approx(0.5, rel=0.06)


def test_controls_share_a_row():
    """Each has a least width, and grows to a largest one."""
    sliders = [
        log_slider("temperature", 0.01, 10, 0.5),
        slider("x", 0, 1, 0.5, step=0.1),
        count("k", 1, 9, 3),
        stops("decay", [0.5, 0.9]),
    ]
    assert {control.layout.flex for control in sliders} == {"1 1 14.8rem"}
    assert choice("measure", ["cosine"]).layout.flex == "1 1 11rem"
    assert {control.layout.max_width for control in sliders} == {"20rem"}
