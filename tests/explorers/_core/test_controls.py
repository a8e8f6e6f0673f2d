"""The controls are made in one way."""

import math

import pytest

from mlteach.explorers._core.controls import log_slider


def test_a_log_slider_starts_on_one_of_its_steps():
    control = log_slider("temperature", 0.01, 10, 0.5)
    steps = (math.log10(control.value) + 2) / control.step
    assert steps == pytest.approx(round(steps))
    assert control.value == pytest.approx(0.5, rel=0.06)
