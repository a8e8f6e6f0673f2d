"""Curvature shows the formulas of two parabolas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.explorer_drawing import send

from mlteach.explorers import Curvature

pytestmark = pytest.mark.usefixtures("unlaid")


@pytest.mark.parametrize(
    ("curvatures", "lr", "start"),
    [((0.5, 2.5), 0.3, 2.0), ((1.0, 1.0), 0.0, -1.0), ((0.1, 4.0), 0.6, 0.5)],
)
def test_curvature_shows_the_formulas(curvatures, lr, start):
    """w' = w - lr a (w - c); outer slopes a (1 - lr a)^n (w - c), n = 2, or 1 to first order."""
    explorer = Curvature()
    for name, value in {
        "curvature_1": curvatures[0],
        "curvature_2": curvatures[1],
        "lr": lr,
        "start": start,
    }.items():
        explorer.controls[name].value = value
    a, c = (torch.tensor(values, dtype=torch.float64) for values in (curvatures, (-1.5, 1.5)))
    s = explorer.state
    adapted = start - lr * a * (start - c)
    assert s["adapted"].allclose(adapted)
    assert s["outer"] == pytest.approx((a / 2 * (adapted - c) ** 2).mean().item())
    for name, power in (("gradient", 2), ("first_order", 1)):
        assert s[name] == pytest.approx(
            (a * (1 - lr * a) ** power * (start - c)).mean().item(), abs=1e-12
        )
    for name, power in (("best", 2), ("first_order_rest", 1)):
        weights = a * (1 - lr * a) ** power
        expected = (weights * c).sum() / weights.sum() if weights.sum() > 1e-9 else math.nan
        assert s[name] == pytest.approx(float(expected), nan_ok=True)


def test_the_drawn_slope_touches_the_drawn_curve():
    explorer = Curvature()
    for start in (-2.0, 0.5, 2.5):
        explorer.controls["start"].value = start
        w, outer = explorer.outer.get_data()
        slope = (np.interp(start + 0.1, w, outer) - np.interp(start - 0.1, w, outer)) / 0.2
        (x0, x1), (y0, y1) = explorer.tangent.get_data()
        assert (y1 - y0) / (x1 - x0) == pytest.approx(slope, abs=1e-6)


def test_first_order_can_run_away():
    """A task so steep that the step oversteps its optimum: the first-order slope is wrong."""
    explorer = Curvature()
    for name, value in {"curvature_1": 0.1, "curvature_2": 4.0, "lr": 0.6}.items():
        explorer.controls[name].value = value
    assert math.isnan(explorer.state["first_order_rest"])
    assert not math.isnan(explorer.state["best"])
    assert explorer.describe().endswith("first order rests nowhere")


def test_a_press_moves_the_initialisation():
    explorer = Curvature()
    for presses, ax in enumerate((explorer.tasks_ax, explorer.outer_ax), 1):
        send(explorer, -0.8 * presses, 2.0, ax=ax, presses=presses)
        assert (
            explorer.state["start"]
            == explorer.controls["start"].value
            == pytest.approx(-0.8 * presses, abs=0.03)
        )
