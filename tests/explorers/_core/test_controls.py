"""The controls are made in one way."""

import math

import pytest
from traitlets import TraitError

from mlteach.explorers._core import controls as module
from mlteach.explorers._core.controls import (
    choice,
    count,
    lines,
    log_slider,
    on_step,
    slider,
    stops,
)


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


def test_lines_count_while_they_are_typed_and_the_field_is_as_high_as_three_sliders():
    control = lines("prompts", "a star\na disc", hint="one a line")
    assert control.value == "a star\na disc"
    assert control.continuous_update
    assert (control.placeholder, control.layout.height) == ("one a line", "92px")


@pytest.mark.parametrize("make", [slider, log_slider])
def test_a_late_repetition_of_the_page_moves_nothing_back(make):
    """The page repeats what it was told, off by the last digits, while Python goes on."""
    control = make("x", 1, 100, 90, **({"step": 1} if make is slider else {}))
    first, second, third = 50.0, 40.0, 30.0
    for value in (first, second, third):
        control.value = value
    control.set_state({"value": first * (1 - 1e-15)})
    assert control.value == third
    control.set_state({"value": third * (1 + 1e-15)})  # the newest one: nothing to put right
    assert control.value == pytest.approx(third)


def test_what_somebody_moves_is_taken():
    control = slider("x", 0, 100, 90, step=1)
    control.value = 50.0
    control.value = 40.0
    for moved in (41.0, 45.0, 50.0):  # by way of where Python had it
        control.set_state({"value": moved})
        assert control.value == moved


def test_a_repetition_is_answered_with_the_newest_value(monkeypatch):
    control = slider("x", 0, 100, 90, step=1)
    control.value = 50.0
    control.value = 40.0
    sent = []
    monkeypatch.setattr(control, "_send", lambda message, buffers=None: sent.append(message))
    control.set_state({"value": 49.99999999999999})
    assert [message["state"] for message in sent] == [{"value": 40.0}]


def test_a_value_of_long_ago_is_a_move(monkeypatch):
    control = slider("x", 0, 100, 90, step=1)
    control.value = 50.0
    control.value = 40.0
    now = module.time.monotonic()
    monkeypatch.setattr(module.time, "monotonic", lambda: now + module.ECHO_SECONDS + 1)
    control.set_state({"value": 50.0})
    assert control.value == 50.0


def test_what_answers_a_move_is_given_by_python_too():
    """A slider that snaps to tens: the page's repetition of the snapped value moves nothing."""
    control = slider("x", 0, 100, 50, step=1)

    def snap(change):
        control.value = on_step(change["new"], 10)

    control.observe(snap, "value")
    control.set_state({"value": 63.0})
    assert control.value == 60
    control.value = 70.0
    control.set_state({"value": 60.00000000000001})
    assert control.value == 70
    control.set_state({"value": 33.0})
    assert control.value == 30


def test_what_is_no_number_is_refused_as_ever():
    control = slider("x", 0, 100, 50, step=1)
    with pytest.raises(TraitError):
        control.set_state({"value": "far"})
    control.set_state({"value": 60.0, "description": "y"})
    assert (control.value, control.description) == (60, "y")


@pytest.mark.parametrize(("step", "shown"), [(1, ".0f"), (0.1, ".2f"), (0.05, ".2f")])
def test_a_slider_shows_two_decimals_or_none(step, shown):
    assert slider("x", 0, 10, 5, step=step).readout_format == shown
