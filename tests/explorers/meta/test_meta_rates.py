"""MetaRates shows the run that its sliders choose."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.explorer_drawing import send

from mlteach.explorers import MetaRates

pytestmark = pytest.mark.usefixtures("unlaid")

OUTER = [1e-4, 1e-3, 1e-2]
INNER = [0.01, 0.1]
STEPS = [0, 50, 100, 150]


def meta_rates():
    losses = 3 * torch.rand(3, 2, 4, generator=torch.Generator().manual_seed(0)) + 0.1
    losses[2, 1, 2:] = math.nan  # a run that diverged
    return MetaRates(losses, STEPS, OUTER, INNER, baseline=3.5)


def test_the_sliders_choose_a_run():
    explorer = meta_rates()
    for row, outer in enumerate(OUTER):
        for column, inner in enumerate(INNER):
            explorer.controls["outer_lr"].value, explorer.controls["inner_lr"].value = outer, inner
            right = explorer.losses[row, column]
            assert np.array_equal(explorer.state["losses"], right, equal_nan=True)
            assert explorer.frame.get_xy() == (column - 0.5, row - 0.5)
            assert np.allclose(explorer.curve.get_ydata(), np.nan_to_num(right, nan=1e3))
    assert explorer.canvas.problem == ""
    assert explorer.describe() == "outer learning rate 0.01, inner 0.1: diverged"


def test_a_press_on_the_map_chooses_a_run():
    explorer = meta_rates()
    send(explorer, 1.2, 0.3, ax=explorer.map_ax)
    assert (explorer.state["inner_lr"], explorer.state["outer_lr"]) == (INNER[1], OUTER[0])
    send(explorer, -0.4, 2.4, ax=explorer.map_ax, presses=2)
    assert (explorer.state["inner_lr"], explorer.state["outer_lr"]) == (INNER[0], OUTER[2])


def test_losses_of_another_shape_are_refused():
    with pytest.raises(
        ValueError, match="losses must be \\(O, I, S\\) = \\(3, 2, 4\\), got \\(2, 3, 4\\)"
    ):
        MetaRates(torch.ones(2, 3, 4), STEPS, OUTER, INNER, baseline=1.0)
