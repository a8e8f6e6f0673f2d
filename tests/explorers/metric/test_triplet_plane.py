"""TripletPlane shows what the triplet loss says of three points."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.explorer_drawing import send, undrawn

from mlteach.explorers import TripletPlane
from mlteach.losses import triplet_loss
from mlteach.metric import REGIONS


@pytest.mark.parametrize(
    ("negative", "region"),
    [((0.5, 0.0), "hard"), ((1.1, 0.0), "semi-hard"), ((-1.1, 0.0), "semi-hard"), ((2, 1), "easy")],
)
def test_the_plane_shows_the_loss_and_the_gradient(negative, region):
    """With the positive at 1 and margin 0.5, the band ends at the root of 1.5, near 1.22."""
    explorer = TripletPlane()
    for name, place in {"anchor": (0, 0), "positive": (0, 1), "negative": negative}.items():
        explorer.move(name, *place)
    explorer.controls["margin"].value = 0.5
    a, p, n = (
        torch.tensor([place], dtype=torch.float64) for place in ((0.0, 0.0), (0.0, 1.0), negative)
    )
    s = explorer.state
    assert s["region"] == region
    assert s["loss"] == pytest.approx(triplet_loss(a, p, n, margin=0.5).item())
    assert s["distances"] == pytest.approx({"positive": 1.0, "negative": math.hypot(*negative)})
    active = float(region != "easy")  # by hand: 2 (n - p), 2 (p - a), 2 (a - n)
    assert s["gradients"].allclose(active * 2 * torch.cat([n - p, p - a, a - n]))
    assert explorer.hard.get_radius() == pytest.approx(1)
    assert explorer.semi_hard.get_radius() == pytest.approx(math.sqrt(1.5))
    arrows = np.stack([explorer.arrows.U, explorer.arrows.V], axis=1)
    assert np.allclose(arrows, -0.2 * s["gradients"].numpy())
    assert explorer.now.get_xdata()[0] == pytest.approx(math.hypot(*negative) ** 2)
    assert explorer.now.get_ydata()[0] == pytest.approx(s["loss"])


def test_the_bands_agree_with_the_regions_everywhere():
    """A negative inside the inner disc is hard, inside the outer one semi-hard, outside easy."""
    explorer = TripletPlane()
    anchor = explorer.state["points"][0]
    seen = set()
    generator = torch.Generator().manual_seed(0)
    places = 4 * torch.rand(40, 2, generator=generator, dtype=torch.float64) - 2
    with undrawn(explorer):
        for place in places:
            explorer.move("negative", *place.tolist())
            distance = (place - anchor).norm().item()
            band = (distance > explorer.hard.get_radius()) + (
                distance > explorer.semi_hard.get_radius()
            )
            assert explorer.state["region"] == ("hard", "semi-hard", "easy")[band]
            seen.add(explorer.state["region"])
    assert seen == set(REGIONS)


def test_following_the_pull_ends_in_an_easy_triplet():
    explorer = TripletPlane()
    before = explorer.state["loss"]
    assert before > 0
    explorer.controls["step"].click()
    assert explorer.state["loss"] < before
    with undrawn(explorer):
        explorer.follow(50)
    assert explorer.state["region"] == "easy"
    rest = explorer.state["points"]
    explorer.follow(5)  # no loss, no force
    assert explorer.state["points"].equal(rest)
    explorer.controls["reset"].click()
    assert explorer.state["loss"] == pytest.approx(before)


@pytest.mark.parametrize("name", ["anchor", "positive", "negative"])
def test_dragging_moves_the_point_and_the_sliders_follow(name):
    explorer = TripletPlane()
    before = explorer.state["points"]
    start = before[("anchor", "positive", "negative").index(name)].tolist()
    send(explorer, *start)
    send(explorer, 1.3, -1.2, press=start)
    assert (explorer.state["points"] != before).any(1).sum() == 1
    assert explorer.controls["point"].value == name
    assert (explorer.controls["x"].value, explorer.controls["y"].value) == pytest.approx(
        (1.3, -1.2)
    )
    send(explorer, 1.3, -1.2, pressed=False, press=start)  # released
    send(explorer, 0.0, 0.0, pressed=False, press=start)
    assert explorer.controls["x"].value == pytest.approx(1.3)


def test_a_press_beside_the_points_takes_hold_of_nothing():
    explorer = TripletPlane()
    before = explorer.state["points"]
    send(explorer, -2.0, 1.8)
    send(explorer, 0.0, 0.0, press=(-2.0, 1.8))
    assert explorer.state["points"].equal(before)


def test_a_point_stays_inside_the_plane():
    explorer = TripletPlane()
    explorer.move("positive", 99, -99)
    assert explorer.state["points"][1].tolist() == [2.4, -2.0]


def test_choosing_a_point_moves_nothing_and_its_sliders_move_only_it():
    explorer = TripletPlane()
    before = explorer.state["points"]
    explorer.controls["point"].value = "anchor"
    assert explorer.state["points"].equal(before)
    explorer.controls["y"].value = 1.0
    assert (explorer.state["points"] != before).tolist() == [
        [False, True],
        [False, False],
        [False, False],
    ]


def test_all_points_in_one_place_are_hard_and_pull_nowhere():
    """The loss is the margin, the gradient 0: where a collapsed network stands."""
    explorer = TripletPlane()
    for name in ("anchor", "positive", "negative"):
        explorer.move(name, 0, 0)
    s = explorer.state
    assert (s["region"], s["loss"]) == ("hard", pytest.approx(s["margin"]))
    assert s["gradients"].eq(0).all()


def test_a_triplet_beyond_the_second_panel_is_a_triangle_that_points_there():
    """A dot at the panel's edge would lie on the colour of another region."""
    explorer = TripletPlane()
    assert explorer.now.get_marker() == "o"
    explorer.move("negative", 2.4, 2.0)
    assert explorer.state["distances"]["negative"] ** 2 > 6
    assert explorer.now.get_marker() == ">"
    explorer.move("negative", -0.5, 0.0)
    explorer.move("positive", 2.4, 2.0)
    assert explorer.state["loss"] > 5
    assert explorer.now.get_marker() == "^"
    assert explorer.now.get_xdata()[0] == pytest.approx(0.01)


def test_points_at_the_ends_of_their_sliders_are_seen_whole():
    explorer = TripletPlane()
    explorer.move("negative", 2.4, -2.0)
    radius = explorer.dots.get_sizes()[0] ** 0.5 / 2 * explorer.figure.dpi / 72  # drawn pixels
    x, y = explorer.ax.transData.transform((2.4, -2.0))
    panel = explorer.ax.bbox
    assert x + radius < panel.x1
    assert y - radius > panel.y0
