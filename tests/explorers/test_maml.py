"""The explorers of the chapter on MAML show what mlteach.meta computes, at every position of their
controls.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.every_drawing import EveryDrawing, send
from torch.func import functional_call

from mlteach.explorers import Curvature, InnerLoop, MetaRates
from mlteach.meta import adapt
from mlteach.networks import mlp

OUTER, INNER, STEPS = [1e-4, 1e-3, 1e-2], [0.01, 0.1], [0, 50, 100, 150]


def inner_loop():
    torch.manual_seed(0)
    return InnerLoop({"one": mlp(1, 20, 1), "two": mlp(1, 20, 20, 1)}, lr=0.05)


def meta_rates():
    losses = 3 * torch.rand(3, 2, 4, generator=torch.Generator().manual_seed(0)) + 0.1
    losses[2, 1, 2:] = math.nan  # a run that diverged
    return MetaRates(losses, STEPS, OUTER, INNER, baseline=3.5)


MAKE = {"inner loop": inner_loop, "curvature": Curvature, "rates": meta_rates}


class TestEveryDrawing(EveryDrawing):
    """What all pictures promise."""


# --- inner loop ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("steps", "lr"), [(0, 0.05), (1, 0.05), (7, 0.01)])
def test_the_fits_are_those_of_adapt(steps, lr):
    """Every network after so many steps from its own weights, which stay as they were; errors over
    the whole wave.
    """
    explorer = inner_loop()
    before = {
        name: [p.clone() for p in model.parameters()] for name, model in explorer.models.items()
    }
    explorer.controls["steps"].value = steps
    explorer.controls["lr"].value = lr
    s = explorer.state
    x, y = s["points"].split(1, dim=1)
    for name, model in explorer.models.items():
        adapted = adapt(
            model, dict(model.named_parameters()), x, y, F.mse_loss, lr=s["lr"], steps=steps
        )
        heights = functional_call(model, adapted, (s["x"][:, None],))[:, 0]
        torch.testing.assert_close(s["fits"][name], heights.detach())
        torch.testing.assert_close(
            s["errors"][name][steps], F.mse_loss(heights, s["wave"]).detach()
        )
        assert np.allclose(explorer.fits[name].get_ydata(), heights.detach())
        assert all(p.equal(old) for p, old in zip(model.parameters(), before[name], strict=True))


def test_the_wave_and_its_points():
    explorer = inner_loop()
    explorer.controls["amplitude"].value, explorer.controls["phase"].value = 2.0, 0.5
    s = explorer.state
    assert s["wave"].allclose(2 * torch.sin(s["x"] - 0.5), atol=1e-6)
    old = s["points"]
    assert len(old) == 5
    explorer.controls["draw"].click()
    x, y = explorer.state["points"].T
    assert not x.equal(old[:, 0])
    assert y.allclose(2 * torch.sin(x - 0.5), atol=1e-5)


def test_a_click_adds_a_point_and_a_click_on_it_takes_it_away():
    explorer = inner_loop()
    explorer.controls["clear"].click()
    assert len(explorer.state["points"]) == 0
    without = explorer.state["fits"]["one"]
    explorer.controls["steps"].value = 5
    assert explorer.state["fits"]["one"].equal(without)  # nothing to adapt to
    send(explorer, 1.5, 2.5)
    assert explorer.state["points"].tolist() == [pytest.approx([1.5, 2.5], abs=1e-5)]
    assert not explorer.state["fits"]["one"].equal(without)
    send(explorer, 1.5, 2.5, presses=1)  # the same press, a moment later
    assert len(explorer.state["points"]) == 1
    send(explorer, -3.0, -2.0, presses=2)
    assert len(explorer.state["points"]) == 2
    send(explorer, 1.4, 2.6, presses=3)
    assert explorer.state["points"].tolist() == [pytest.approx([-3.0, -2.0], abs=1e-5)]


def test_a_rate_that_is_too_large_is_drawn_as_the_worst_error():
    explorer = inner_loop()
    explorer.controls["lr"].value = 1.0
    explorer.controls["steps"].value = 10
    assert explorer.canvas.problem == ""
    assert max(errors[10] for errors in explorer.state["errors"].values()) > 100
    assert all(np.isfinite(curve.get_ydata()).all() for curve in explorer.curves.values())


def test_no_model_is_refused():
    with pytest.raises(ValueError, match="models must hold one to 10 networks, got 0"):
        InnerLoop({})


# --- curvature -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("curvatures", "lr", "start"),
    [((0.5, 2.5), 0.3, 2.0), ((1.0, 1.0), 0.0, -1.0), ((0.1, 4.0), 0.6, 0.5)],
)
def test_curvature_shows_the_formulas(curvatures, lr, start):
    """w' = w - lr a (w - c); outer slopes a (1 - lr a)^n (w - c), n = 2, and n = 1 to first order."""
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
    """One task so steep that the step oversteps its optimum: its first-order slope points the wrong
    way.
    """
    explorer = Curvature()
    for name, value in {"curvature_1": 0.1, "curvature_2": 4.0, "lr": 0.6}.items():
        explorer.controls[name].value = value
    assert math.isnan(explorer.state["first_order_rest"])
    assert not math.isnan(explorer.state["best"])
    assert "nan" in explorer.describe()


def test_a_press_moves_the_initialisation():
    explorer = Curvature()
    for presses, ax in enumerate((explorer.tasks_ax, explorer.outer_ax), 1):
        send(explorer, -0.8 * presses, 2.0, ax=ax, presses=presses)
        assert (
            explorer.state["start"]
            == explorer.controls["start"].value
            == pytest.approx(-0.8 * presses, abs=0.03)
        )


# --- rates ---------------------------------------------------------------------------------------


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
