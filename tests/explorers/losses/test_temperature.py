"""Temperature shows what info_nce and its gradient say, at every temperature and anchor."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.contrastive_cases import views

from mlteach import losses
from mlteach.explorers import Temperature

pytestmark = pytest.mark.usefixtures("unlaid")


def temperature_explorer(count=6):
    z1, z2 = (F.normalize(view.flatten(1) - 0.5, dim=1) for view in views(count))
    return Temperature(z1 @ z2.T, *views(count))


@pytest.mark.parametrize("temperature", [0.01, 0.2, 10.0])
@pytest.mark.parametrize("anchor", [0, 5])
def test_temperature_shows_the_loss_of_info_nce_and_its_gradient(temperature, anchor):
    explorer = temperature_explorer()
    explorer.controls["temperature"].value = temperature
    explorer.controls["anchor"].value = anchor
    z1, z2 = (F.normalize(view.flatten(1).double() - 0.5, dim=1) for view in views())
    others = torch.arange(6) != anchor
    loss = losses.info_nce(z1[anchor][None], z2[anchor][None], z2[others], temperature=temperature)
    s = explorer.state
    assert s["loss"] == pytest.approx(loss.item(), rel=1e-4)
    row = (z1[anchor] @ z2.T)[s["order"]]
    expected = (row / temperature).softmax(0)
    assert torch.allclose(torch.tensor(s["probabilities"]).double(), expected, atol=1e-5)
    truth = torch.tensor(s["order"]) == anchor
    assert torch.allclose(
        torch.tensor(s["pulls"]).double(), (truth.double() - expected) / temperature, atol=1e-3
    )
    assert s["rank"] == 1 + int((row > row[truth]).sum())
    assert sorted(s["similarities"], reverse=True) == s["similarities"]


def test_temperature_survives_perfect_and_opposite_candidates():
    explorer = Temperature(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), *views(2))
    for temperature in (0.01, 10):
        explorer.controls["temperature"].value = temperature
        assert math.isfinite(explorer.state["loss"])
        assert np.isfinite(explorer.state["pulls"]).all()


def test_temperature_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"similarities must be \(B, B\)"):
        Temperature(torch.zeros(3, 4), *views(3))


def test_a_loss_beyond_the_panel_is_a_triangle_that_points_up():
    explorer = temperature_explorer()
    assert explorer.loss_point.get_marker() == "o"
    explorer.controls["temperature"].value = 0.01
    assert explorer.state["loss"] > explorer.loss_point.axes.get_ylim()[1]
    assert explorer.loss_point.get_marker() == "^"
