"""DINO's board shows the training that its two switches name, and where its meters end."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from support.explorer_drawing import shown
from support.explorer_registry import DINO_METERS, dino_measurements, dino_switchboard

from mlteach.explorers import DINOSwitchboard

pytestmark = pytest.mark.usefixtures("unlaid")

ALL = list(itertools.product((True, False), repeat=2))
STEPS = [0, 40, 80, 120]


def test_every_combination_at_every_step():
    """State, lines and text are those of the run that the switches name."""
    explorer = dino_switchboard()
    for number, (centering, sharpening) in enumerate(ALL):
        explorer.controls["centering"].value = centering
        explorer.controls["sharpening"].value = sharpening
        run = dino_measurements(number)
        for frame, step in enumerate(STEPS):
            explorer.controls["frame"].value = frame
            state = explorer.state
            assert (state["centering"], state["sharpening"]) == (centering, sharpening)
            assert (state["frame"], state["step"]) == (frame, step)
            for name in DINO_METERS:
                assert state[name] == pytest.approx(run[name][frame])
                assert list(explorer.lines[name].get_ydata()) == run[name]
                assert explorer.dots[name].get_data() == ([step], [run[name][frame]])
            assert state["shares"] == pytest.approx(run["shares"][frame].tolist())
            assert f"KL {run['kl'][frame]:.3f}" in explorer.canvas.alt
        said = "on" if sharpening else "off"
        assert f"sharpening {said}" in explorer.canvas.alt
        assert explorer.sharpen.get_text() == ("÷ 0.04" if sharpening else "÷ 0.1")
    assert explorer.canvas.problem == ""


def test_the_uniform_entropy_is_log_k():
    assert dino_switchboard().state["uniform"] == math.log(16)


@pytest.mark.parametrize("name", ["centering", "sharpening"])
def test_a_switch_changes_the_drawing_of_the_network(name):
    """What is off is pale; back on, the figure is the same again, to the pixel."""
    explorer = dino_switchboard()
    before = shown(explorer)
    explorer.controls[name].value = False
    assert np.abs(shown(explorer) - before).max() > 0
    (part,) = explorer.parts[name]
    assert part.get_alpha() == 0.12
    explorer.controls[name].value = True
    assert np.abs(shown(explorer) - before).max() == 0


def test_a_missing_run_is_refused():
    runs = {switches: dino_measurements(number) for number, switches in enumerate(ALL)}
    with pytest.raises(ValueError, match="runs must have the 4 combinations of .*centering"):
        DINOSwitchboard({switches: runs[switches] for switches in ALL[:3]}, chance=0.125)
    without = {name: values for name, values in runs[True, True].items() if name != "kl"}
    with pytest.raises(ValueError, match=r"runs\[\(True, True\)\] must measure step, shares"):
        DINOSwitchboard(runs | {(True, True): without}, chance=0.125)
    for name, values, told in [
        ("knn", [90.0] * len(runs[True, True]["step"]), r"\['knn'\] must be a number in \[0, 1\]"),
        ("shares", [[0.5, 0.5]] * len(runs[True, True]["step"]), r"\['shares'\] must be \(\d+, \d"),
    ]:
        with pytest.raises(ValueError, match=told):
            DINOSwitchboard(runs | {(False, True): runs[False, True] | {name: values}}, chance=0.1)


def test_one_measurement_and_a_divergence_of_none_are_drawn(recwarn):
    zeros = {name: [0.0] for name in DINOSwitchboard.measures} | {"kl": [-1e-8]}
    runs = dict.fromkeys(ALL, {"step": [0], "shares": [[0.5, 0.5]]} | zeros)
    explorer = DINOSwitchboard(runs, chance=0.0)
    assert "KL 0.000" in explorer.describe()
    assert [str(w.message) for w in recwarn if "identical" in str(w.message)] == []
