"""PairLoss shows the losses of one distance, and their slopes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mlteach.explorers import PairLoss
from mlteach.losses import contrastive_loss, triplet_loss

pytestmark = pytest.mark.usefixtures("unlaid")


@pytest.mark.parametrize(
    ("distance", "margin", "positive"), [(0.6, 1.0, 0.5), (0.02, 2.0, 1.0), (1.5, 0.5, 0.0)]
)
def test_pair_loss_shows_both_losses(distance, margin, positive):
    """Squared ones equal mlteach's losses of points on a line, the others the formulas by hand."""
    explorer = PairLoss()
    for name, value in {
        "distance": distance,
        "margin": margin,
        "positive_distance": positive,
    }.items():
        explorer.controls[name].value = value
    x, y = torch.zeros(1, 2).double(), torch.tensor([[0.0, distance]]).double()
    p = torch.tensor([[positive, 0.0]]).double()
    expected = {
        "same": contrastive_loss(x, y, torch.tensor([1]), margin=margin).item(),
        "different": contrastive_loss(x, y, torch.tensor([0]), margin=margin).item(),
        "triplet": triplet_loss(x, p, y, margin=margin).item(),
    }
    assert explorer.state["losses"] == pytest.approx(expected)
    explorer.controls["form"].value = "not squared"
    by_hand = {
        "same": distance,
        "different": max(0, margin - distance),
        "triplet": max(0, positive - distance + margin),
    }
    assert explorer.state["losses"] == pytest.approx(by_hand)
    theirs = F.triplet_margin_loss(x, p, y, margin=margin).item()
    assert explorer.state["losses"]["triplet"] == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("form", ["squared", "not squared"])
@pytest.mark.parametrize("distance", [0.1, 0.6, 1.4])
def test_the_drawn_slope_is_the_slope_of_the_drawn_curve(form, distance):
    explorer = PairLoss()
    explorer.controls["form"].value = form
    explorer.controls["distance"].value = distance
    for name, line in explorer.lines.items():
        x, y = line.get_data()
        assert np.interp(distance, x, y) == pytest.approx(explorer.state["losses"][name], abs=1e-3)
        slope = (np.interp(distance + 0.05, x, y) - np.interp(distance - 0.05, x, y)) / 0.1
        assert slope == pytest.approx(explorer.state["slopes"][name], abs=0.01)
        (x0, x1), (y0, y1) = explorer.slopes[name].get_data()
        assert (y1 - y0) / (x1 - x0) == pytest.approx(explorer.state["slopes"][name])


def test_the_dashed_line_is_where_the_loss_ends():
    explorer = PairLoss()
    for form in ("squared", "not squared"):
        explorer.controls["form"].value = form
        for border, name in zip(explorer.borders, ("different", "triplet"), strict=True):
            explorer.controls["distance"].value = border.get_xdata()[0] + 0.01
            assert explorer.state["losses"][name] == 0
            explorer.controls["distance"].value = border.get_xdata()[0] - 0.01
            assert explorer.state["losses"][name] > 0
