"""Views shows what `mlteach.views` makes, over the whole range of its controls."""

import math

import numpy as np
import pytest
import torch
from support.explorer_drawing import is_slider, neighbour, redrawn, shown, values, with_values

from mlteach import data
from mlteach.explorers import Views
from mlteach.views import color_jitter, random_view
from mlteach.views.standard import JITTER

pytestmark = pytest.mark.usefixtures("unlaid")

SHAPES = data.shapes(12, 3)


def views_explorer():
    return Views(SHAPES.images[:2])


def test_one_step_of_every_slider_is_seen():
    """One step up, or down from the upper end; with three images also one step of a chance."""
    explorer = Views(SHAPES.images[:3])
    for name, control in with_values(explorer).items():
        if is_slider(control):
            before, value = shown(explorer), control.value
            control.value = neighbour(control)
            assert not np.array_equal(shown(explorer), before), name
            control.value = value


def test_all_controls_at_their_upper_ends():
    """The most that can be set at once; and no artist that changes is missing from `moving`."""
    explorer = Views(SHAPES.images[:3])
    with explorer.one_redraw():
        for control in with_values(explorer).values():
            if is_slider(control):
                control.value = values(control)[1]
    assert explorer.canvas.problem == ""
    blitted = shown(explorer)
    assert np.abs(blitted - redrawn(explorer)).mean() < 0.05


def test_the_views_are_those_of_the_package():
    """Geometry alone is random_view and colour alone color_jitter, each with its generator."""
    explorer = views_explorer()
    repeated = SHAPES.images[:2].repeat_interleave(7, 0)
    explorer.set(explorer.nothing | {"area": 0.5, "turn": 90, "shift": 3, "flip": 0.5, "draw": 4})
    generator = torch.Generator().manual_seed(40)
    options = {
        "scale": (0.5, 1),
        "radians": math.pi / 2,
        "pixels": 3,
        "flip": 0.5,
        "fill": "border",
    }
    expected = random_view(repeated, **options, generator=generator)
    assert torch.equal(explorer.state["views"].flatten(0, 1), expected.clamp(0, 1))
    strengths = dict(zip(JITTER, (0.3, 0.5, 0.8, 0.2), strict=True))
    explorer.set(explorer.nothing | strengths)
    expected = color_jitter(repeated, **strengths, generator=torch.Generator().manual_seed(41))
    assert torch.equal(explorer.state["views"].flatten(0, 1), expected)


def test_no_change_shows_the_images_themselves():
    """The button sets every strength to nothing; the other one sets them to the book's."""
    explorer = views_explorer()
    first = explorer.state
    explorer.controls["none"].click()
    assert torch.equal(explorer.state["views"], SHAPES.images[:2, None].expand(-1, 7, -1, -1, -1))
    assert explorer.state["change"] == 0
    explorer.controls["book"].click()
    assert torch.equal(explorer.state["views"], first["views"])
    assert {name: explorer.state[name] for name in JITTER} == JITTER


def test_draw_again_changes_the_draw_and_nothing_else():
    """A new number, other views, the same strengths; the last number is followed by the first."""
    explorer = views_explorer()
    before = explorer.state
    explorer.controls["again"].click()
    assert explorer.state["draw"] == 1
    assert not torch.equal(explorer.state["views"], before["views"])
    assert all(explorer.state[name] == before[name] for name in explorer.nothing)
    explorer.controls["draw"].value = 99
    explorer.controls["again"].click()
    assert explorer.state["draw"] == 0
    assert torch.equal(explorer.state["views"], before["views"])


def test_a_slider_leaves_the_other_draws_alone():
    """With grey, blur and noise added, the geometry stays: all views match their outline."""
    explorer = views_explorer()
    explorer.set(explorer.nothing | {"turn": 90, "area": 0.5})
    plain = explorer.state["views"]
    explorer.set({"grey": 1.0})
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    assert torch.allclose(explorer.state["views"][:, :, 0], (plain * weights).sum(2), atol=1e-5)
    explorer.set({"grey": 0.0, "noise": 0.05})
    assert (explorer.state["views"] - plain).std() < 0.06


def test_the_distances_are_root_mean_squares():
    """`change` and `apart` against loops over images."""
    explorer = views_explorer()
    images, state = SHAPES.images[:2].numpy(), explorer.state
    squares = [
        (view.numpy() - image) ** 2
        for image, row in zip(images, state["views"], strict=True)
        for view in row
    ]
    change = np.sqrt(np.mean(squares))
    assert state["change"] == pytest.approx(change, rel=1e-5)
    apart = np.sqrt(np.mean((images[0] - images[1]) ** 2))
    assert state["apart"] == pytest.approx(apart, rel=1e-5)


@pytest.mark.parametrize("count", [1, 5])
def test_a_wrong_number_of_images_is_refused(count):
    with pytest.raises(ValueError, match="images must hold 2 to 4 images, got"):
        Views(SHAPES.images[:count])


def test_grey_images_are_shown():
    """One channel works as well as three."""
    digits = data.digits("test").images[:4]
    explorer = Views(digits)
    explorer.controls["hue"].value = 0.5
    assert explorer.canvas.problem == ""
    assert explorer.state["views"].shape == (4, 7, 1, 8, 8)
