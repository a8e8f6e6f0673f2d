"""The switchboard shows the training that its switches name, at the step that its slider names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from support.explorer_drawing import shown
from support.explorer_registry import measurements

from mlteach.explorers import Switchboard
from mlteach.explorers.selfsup.switchboard import SWITCHES

pytestmark = pytest.mark.usefixtures("unlaid")

ALL = list(itertools.product((True, False), repeat=3))
STEPS = [0, 40, 80, 120]


def make():
    return Switchboard(
        {switches: measurements(number) for number, switches in enumerate(ALL)}, chance=0.125
    )


def test_every_combination_at_every_step():
    """State, lines and text are those of the run that the switches name."""
    explorer = make()
    for number, switches in enumerate(ALL):
        for name, on in zip(SWITCHES, switches, strict=True):
            explorer.controls[name].value = on
        run = measurements(number)
        for frame, step in enumerate(STEPS):
            explorer.controls["frame"].value = frame
            state = explorer.state
            assert [state[name] for name in SWITCHES] == list(switches)
            assert (state["frame"], state["step"]) == (frame, step)
            for name in ("std", "rank", "loss", "knn"):
                assert state[name] == pytest.approx(run[name][frame])
                assert list(explorer.lines[name].get_ydata()) == run[name]
                assert explorer.dots[name].get_data() == ([step], [run[name][frame]])
            assert state["spectrum"] == pytest.approx(run["spectrum"][frame].tolist())
            assert f"step {step}: std {run['std'][frame]:.3f}" in explorer.canvas.alt
    assert explorer.canvas.problem == ""


def test_the_even_spread_is_one_over_the_root_of_the_dimensions():
    assert make().state["even"] == 0.25  # 16 dimensions


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_changes_the_drawing_of_the_network(name):
    """What is off is pale; back on, the figure is the same again, to the pixel."""
    explorer = make()
    before = shown(explorer)
    explorer.controls[name].value = False
    assert np.abs(shown(explorer) - before).max() > 0
    assert {artist.get_alpha() for artist in explorer.parts[name]} == {0.12}
    assert all(
        artist.get_alpha() == 1
        for other in SWITCHES
        if other != name
        for artist in explorer.parts[other]
    )
    explorer.controls[name].value = True
    assert np.abs(shown(explorer) - before).max() == 0


def test_blitting_draws_what_a_full_drawing_draws():
    explorer = make()
    for name, value in {"predictor": False, "frame": 0, "target_average": False}.items():
        explorer.controls[name].value = value
    blitted = shown(explorer)
    explorer.redraw_all()
    explorer.refresh()
    assert np.abs(blitted - shown(explorer)).mean() < 0.05


def test_a_collapsed_spectrum_is_drawn():
    """Shares of exactly 0 have no logarithm; they lie below the figure instead."""
    runs = {switches: measurements(number) for number, switches in enumerate(ALL)}
    runs[True, True, True] = measurements(0) | {"spectrum": torch.eye(16)[:4]}
    explorer = Switchboard(runs, chance=0.125)
    assert explorer.canvas.problem == ""
    assert explorer.state["spectrum"][:3] == [1e-12, 1e-12, 1e-12]


def test_a_missing_or_shorter_run_is_refused():
    runs = {switches: measurements(number) for number, switches in enumerate(ALL)}
    with pytest.raises(ValueError, match="runs must have the 8 combinations"):
        Switchboard({switches: runs[switches] for switches in ALL[:7]}, chance=0.125)
    with pytest.raises(ValueError, match=r"runs\[\(False, False, False\)\] must measure"):
        Switchboard(runs | {(False, False, False): measurements(0) | {"knn": [0.5]}}, chance=0.125)
