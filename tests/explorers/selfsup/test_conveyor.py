"""The conveyor shows the queue as every step's queries found it, and how far its keys drifted."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from support.explorer_drawing import shown
from support.queue_cases import BATCH, DECAYS, N_KEYS, STEPS, recorded

from mlteach.explorers import Conveyor, QueueRecord
from mlteach.explorers.selfsup.conveyor import AGES, RANDOM

pytestmark = pytest.mark.usefixtures("unlaid")


@pytest.fixture(scope="module")
def runs():
    return {decay: recorded(decay) for decay in DECAYS}


@pytest.fixture
def explorer(runs):
    return Conveyor({decay: run.record for decay, run in runs.items()})


def test_every_step_of_every_decay(explorer, runs):
    """State, colours of the belt, dots and text are those of the record that the sliders name."""
    for decay in DECAYS:
        explorer.controls["decay"].value = decay
        for step in range(1, STEPS + 1):
            explorer.controls["step"].value = step
            state, record = explorer.state, runs[decay].record
            assert (state["decay"], state["step"]) == (decay, step)
            assert state["ages"].equal(record.ages[step - 1])
            assert state["pointer"] == record.pointers[step - 1] == explorer.head.get_xdata()[0]
            assert state["oldest"] == min(step - 2, N_KEYS // BATCH - 1)
            assert state["drift"].equal(record.drift(step))
            colours = np.asarray(explorer.belt.get_array())[0]
            for age, colour in zip(record.ages[step - 1].tolist(), colours, strict=True):
                expected = to_rgb(RANDOM) if age < 0 else AGES(age / 2)[:3]
                assert colour == pytest.approx(expected, abs=1e-6)
            dots = np.asarray(explorer.dots.get_offsets())[:, 1]
            assert dots[: len(state["drift"])] == pytest.approx(state["drift"].numpy(), abs=1e-6)
            assert (
                f"decay {decay:g}, step {step}: loss {record.losses[step - 1]:.2f}"
                in explorer.canvas.alt
            )
    assert explorer.canvas.problem == ""


def test_before_the_first_key_the_text_says_so(explorer):
    explorer.controls["step"].value = 1
    assert "no key is in the queue yet" in explorer.canvas.alt


def test_blitting_draws_what_a_full_drawing_draws(explorer):
    for name, value in {"decay": 0.0, "step": STEPS, "decay ": 0.5}.items():
        explorer.controls[name.strip()].value = value
    blitted = shown(explorer)
    explorer.redraw_all()
    explorer.refresh()
    assert np.abs(blitted - shown(explorer)).mean() < 0.05


def test_a_batch_that_does_not_divide_the_queue():
    """Its oldest keys are only some of their batch."""
    explorer = Conveyor({0.5: recorded(0.5, n_keys=10).record})
    explorer.controls["step"].value = STEPS
    assert explorer.state["ages"].bincount().tolist() == [4, 4, 2]
    assert len(explorer.state["middle"]) == len(explorer.state["drift"]) == 3
    assert explorer.canvas.problem == ""


def test_records_that_do_not_fit_together_are_refused(runs):
    one = runs[0.0].record
    with pytest.raises(ValueError, match="equally many steps"):
        Conveyor({0.0: one, 0.5: recorded(0.5, steps=3).record})
    with pytest.raises(ValueError, match="at least one step"):
        Conveyor({0.0: QueueRecord(one.method, runs[0.0].images)})
    with pytest.raises(ValueError, match="records must"):
        Conveyor({})
