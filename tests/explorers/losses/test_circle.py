"""Circle shows the losses of its points, and follows their forces."""

import math

import numpy as np
import pytest
import torch
from support.explorer_drawing import undrawn
from support.pages import point

from mlteach import losses
from mlteach.explorers import Circle
from mlteach.explorers.losses.circle import LONGEST

pytestmark = pytest.mark.usefixtures("unlaid")


def test_the_circle_shows_the_three_numbers_of_its_points():
    explorer = Circle(3)
    explorer.controls["temperature"].value = 0.3
    z1, z2 = torch.stack([explorer.angles.cos(), explorer.angles.sin()], dim=-1)
    s = explorer.state
    assert s["nt_xent"] == pytest.approx(losses.nt_xent(z1, z2, temperature=0.3).item())
    assert s["alignment"] == pytest.approx(losses.alignment(z1, z2).item())
    assert s["uniformity"] == pytest.approx(losses.uniformity(torch.cat([z1, z2])).item())


@pytest.mark.parametrize("kind", ["NT-Xent", "alignment only", "uniformity only"])
def test_following_the_pull_lowers_the_chosen_loss(kind):
    explorer = Circle(4)
    explorer.controls["follow"].value = kind
    before = explorer.state["loss"]
    explorer.controls["step"].click()
    assert explorer.state["loss"] < before


def test_alignment_alone_collapses_each_pair_and_nt_xent_keeps_the_pairs_apart():
    explorer = Circle(4)
    with undrawn(explorer):
        explorer.follow(150)
    assert explorer.state["alignment"] < 0.01
    assert explorer.state["uniformity"] < -1.5
    explorer.reset()
    explorer.controls["follow"].value = "uniformity only"
    with undrawn(explorer):
        explorer.follow(150)
    assert explorer.state["alignment"] > 0.1


@pytest.mark.parametrize("temperature", [0.01, 0.2, 10])
def test_the_longest_arrow_has_its_length_until_hardly_any_force_is_left(temperature):
    explorer = Circle(4)

    def longest_arrow():
        return np.hypot(explorer.arrows.U, explorer.arrows.V).max()

    explorer.controls["temperature"].value = temperature
    assert longest_arrow() == pytest.approx(LONGEST)
    with undrawn(explorer):
        explorer.follow(300)
    assert longest_arrow() < 0.2 * LONGEST


def test_dragging_moves_the_nearest_point_and_the_sliders_follow():
    explorer = Circle(4)
    place = explorer.angles[1, 2]  # point 3b
    start = (place.cos().item(), place.sin().item())
    point(explorer, explorer.ax, *start, pressed=True, presses=1)
    point(explorer, explorer.ax, 0.0, 2.0, pressed=True, presses=1, press=start)
    assert explorer.state["angles"][1, 2] == pytest.approx(math.pi / 2)
    assert explorer.controls["point"].value == "3b"
    assert explorer.controls["angle"].value == 90
    point(explorer, explorer.ax, math.cos(2), math.sin(2), pressed=True, presses=1, press=start)
    # the slider shows whole degrees and changes nothing
    assert explorer.state["angles"][1, 2] == pytest.approx(2)
    assert explorer.controls["angle"].value == round(math.degrees(2))
    explorer.controls["angle"].value += 1e-13  # as a page may report it back
    assert explorer.state["angles"][1, 2] == pytest.approx(2)
    point(explorer, explorer.ax, 0.0, 2.0, pressed=True, presses=1, press=start)
    point(
        explorer, explorer.ax, -1.0, 0.0, presses=1, press=start
    )  # let go: this is where the point stays
    assert abs(explorer.state["angles"][1, 2]) == pytest.approx(math.pi)
    point(explorer, explorer.ax, 0.0, -1.0, presses=1, press=start)
    assert abs(explorer.state["angles"][1, 2]) == pytest.approx(math.pi)
    point(
        explorer, explorer.ax, 0.0, 0.0, pressed=True, presses=2
    )  # a press at the centre takes hold of nothing
    before = explorer.state["angles"]
    point(explorer, explorer.ax, 1.0, 0.0, pressed=True, presses=2, press=(0.0, 0.0))
    assert torch.equal(explorer.state["angles"], before)


def test_choosing_a_point_moves_nothing_and_its_slider_moves_only_it():
    explorer = Circle(4)
    before = explorer.state["angles"]
    explorer.controls["point"].value = "2a"
    assert torch.equal(explorer.state["angles"], before)
    explorer.controls["angle"].value = 45
    after = explorer.state["angles"]
    assert after[0, 1] == pytest.approx(math.pi / 4)
    assert (after != before).sum() == 1


def test_starting_again_brings_the_points_back():
    explorer = Circle(4)
    before = explorer.state["angles"]
    explorer.follow(20)
    explorer.move("1a", 0.3)
    explorer.controls["reset"].click()
    assert torch.equal(explorer.state["angles"], before)
    assert len(explorer.track) == 1


def test_the_circle_refuses_too_few_or_too_many_pairs():
    for pairs in (1, 11):
        with pytest.raises(ValueError, match="pairs must be a whole number between 2 and 10"):
            Circle(pairs)


def test_warm_pairs_meet_where_they_are_and_cold_ones_stop_on_the_way():
    """What chapter 00 shows and then asks to change, with its explanation."""
    warm, cold = Circle(3), Circle(3)
    before = warm.state["uniformity"]
    for explorer, temperature in ((warm, 0.2), (cold, 0.02)):
        explorer.controls["temperature"].value = temperature
        with undrawn(explorer):
            explorer.follow(60)
    assert warm.state["alignment"] < 0.001
    assert abs(warm.state["uniformity"] - before) < 0.1
    apart = (cold.state["angles"][0] - cold.state["angles"][1]).rad2deg().abs().sort().values
    assert apart[0] < 0.1
    assert torch.allclose(apart[1:], torch.tensor([10.5, 17.8]).to(apart), atol=0.5)
    assert cold.state["loss"] < 1e-4
    assert cold.state["uniformity"] > before + 0.2
