"""LearnedTemperature shows where each seed's setting stands, and what the sweep says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mlteach.explorers import LearnedTemperature

pytestmark = pytest.mark.usefixtures("unlaid")

STEPS = (0, 10, 20)
PATHS = {"from 0.1": [[0.1, 0.2, 0.4], [0.1, 0.3, 0.1]], "from 1": [[1.0, 0.5, 0.25]] * 3}
ENDS = {"from 0.1": [0.5, 0.6], "from 1": [0.3, 0.4, 0.5]}
SWEEP = {1.0: [0.2, 0.3], 0.1: [0.5, 0.7]}


def made(**changes):
    return LearnedTemperature(
        **{"steps": STEPS, "paths": PATHS, "ends": ENDS, "sweep": SWEEP} | changes
    )


def test_every_stop_of_every_start_is_shown():
    explorer = made()
    for start, path in PATHS.items():
        for place, step in enumerate(STEPS):
            explorer.controls["start"].value, explorer.controls["step"].value = start, step
            right = np.array(path)[:, place]
            state = explorer.state
            assert np.allclose(state["values"], right)
            assert state["value"] == pytest.approx(np.exp(np.log(right).mean()))
            assert state["accuracy"] == pytest.approx(np.mean(ENDS[start]))
            assert np.allclose(explorer.now.get_xdata(), right)
            assert np.allclose(explorer.now.get_ydata(), step)
            for number, line in enumerate(explorer.lines):
                there = number < len(path)
                shown = path[number][: place + 1] if there else []
                assert np.allclose(line.get_xdata(), shown)
                assert explorer.marks[number].get_visible() == there
                if there:
                    assert np.allclose(explorer.marks[number].get_xdata(), right[number])
    assert explorer.canvas.problem == ""


def test_what_trainings_ended_with_is_shown_at_the_last_step_only():
    explorer = made()
    assert explorer.state["step"] == STEPS[-1]
    assert np.allclose(explorer.reached.get_ydata(), [50, 60])
    assert np.allclose(explorer.reached.get_xdata(), [0.4, 0.1])
    explorer.controls["step"].value = 10
    assert len(explorer.reached.get_xdata()) == 0


def test_the_sweep_is_read_in_any_order():
    explorer = made()
    assert explorer.state["best"] == 0.1
    assert list(explorer.sweep) == [0.1, 1.0]
    assert "the sweep is highest at 0.1, 60 %" in explorer.describe()


def test_one_seed_of_tensors_will_do():
    paths, ends = {"one": torch.tensor([[1.0, 2.0, 3.0]])}, {"one": torch.tensor([0.5])}
    explorer = made(paths=paths, ends=ends, setting="strength")
    assert explorer.describe().startswith("one, step 20 of 20: strength 3 (3 to 3)")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": (0,)}, "steps must be at least 2"),
        ({"steps": (0, 20, 10)}, "steps must rise"),
        ({"paths": {"from 0.1": [[0.1, 0.2]]}}, "ends must have the names of paths|E = 3"),
        ({"ends": {"from 0.1": [0.5, 0.6]}}, "ends must have the names of paths"),
        ({"ends": ENDS | {"from 1": [0.5, 0.6]}}, r"ends\['from 1'\] must be \(3,\), got \(2,\)"),
        ({"ends": ENDS | {"from 0.1": [0.5, 60]}}, "must be from 0 to 1, got 0.5 to 60"),
        ({"paths": PATHS | {"from 1": [[1.0, 0.0, 1.0]] * 3}}, "must be > 0, got 0"),
        ({"sweep": {0.1: [0.5]}}, "sweep must have at least two settings"),
        ({"sweep": {0.0: [0.5], 1.0: [0.5]}}, "sweep"),
    ],
)
def test_other_forms_are_refused(changes, told):
    with pytest.raises(ValueError, match=told):
        made(**changes)
