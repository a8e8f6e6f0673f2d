"""InnerLoop shows what adapt makes of every network."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.explorer_drawing import send
from torch.func import functional_call

from mlteach.explorers import InnerLoop
from mlteach.meta import adapt
from mlteach.networks import mlp

pytestmark = pytest.mark.usefixtures("unlaid")


def inner_loop():
    torch.manual_seed(0)
    return InnerLoop({"one": mlp(1, 20, 1), "two": mlp(1, 20, 20, 1)}, lr=0.05)


@pytest.mark.parametrize(("steps", "lr"), [(0, 0.05), (1, 0.05), (7, 0.01)])
def test_the_fits_are_those_of_adapt(steps, lr):
    """Every network after so many steps from its own weights; errors over the whole wave."""
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


def test_a_network_that_broke_has_no_line_and_the_read_out_says_so():
    """It would else look like a network that says 0 everywhere."""
    torch.manual_seed(0)
    explorer = InnerLoop({"steep": mlp(1, 40, 40, 40, 1)})
    explorer.controls["lr"].value, explorer.controls["steps"].value = 1.0, 10
    assert explorer.state["fits"]["steep"].isnan().all()
    assert np.isnan(explorer.fits["steep"].get_ydata()).all()
    assert explorer.state["errors"]["steep"][10] == math.inf
    assert explorer.describe().endswith("steep has diverged")


def test_no_model_is_refused():
    with pytest.raises(ValueError, match="models must have at least one entry, got none"):
        InnerLoop({})
