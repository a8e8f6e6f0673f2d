"""Mixing shows what `mlteach.views` makes of two images, over the whole range of its controls."""

import numpy as np
import pytest
import torch
from scipy.stats import beta
from support.explorer_drawing import is_slider, neighbour, redrawn, shown, values, with_values
from support.pages import point

from mlteach import data
from mlteach.explorers import Mixing
from mlteach.views import blend, paste

pytestmark = pytest.mark.usefixtures("unlaid")

SHAPES = data.shapes(12, 3)


def mixing_explorer():
    return Mixing(SHAPES.images, SHAPES.labels, SHAPES.classes)


def test_one_step_of_every_slider_is_seen():
    """One step up, or down from the upper end; with three images also one step of a chance."""
    explorer = mixing_explorer()
    for name, control in with_values(explorer).items():
        if is_slider(control):
            before, value = shown(explorer), control.value
            control.value = neighbour(control)
            assert not np.array_equal(shown(explorer), before), name
            control.value = value


def test_all_controls_at_their_upper_ends():
    """The most that can be set at once; and no artist that changes is missing from `moving`."""
    explorer = mixing_explorer()
    with explorer.one_redraw():
        for control in with_values(explorer).values():
            if is_slider(control):
                control.value = values(control)[1]
    assert explorer.canvas.problem == ""
    blitted = shown(explorer)
    assert np.abs(blitted - redrawn(explorer)).mean() < 0.05


def test_the_mix_is_that_of_the_package():
    """Mixed image, share kept and soft label, for both kinds."""
    explorer = mixing_explorer()
    for name, value in {"picture": 3, "partner": 5, "share": 0.6, "x": 4, "y": 24}.items():
        explorer.controls[name].value = value
    one, other = SHAPES.images[3:4], SHAPES.images[5:6]
    mixed, kept = paste(one, other, torch.tensor([0.6]), torch.tensor([[0.125, 0.75]]))
    assert torch.equal(explorer.state["mixed"], mixed[0])
    assert explorer.state["kept"] == kept.item() > 0.6
    assert explorer.state["soft"][SHAPES.labels[3]] == pytest.approx(kept.item())
    explorer.controls["kind"].value = "Mixup"
    assert torch.equal(explorer.state["mixed"], blend(one, other, torch.tensor([0.6]))[0])
    assert explorer.state["soft"][SHAPES.labels[5]] == pytest.approx(0.4)
    widths = [bar.get_width() for bar in explorer.bars]
    assert widths == pytest.approx(explorer.state["soft"].tolist())


def test_an_image_with_itself_has_a_hard_label():
    explorer = mixing_explorer()
    explorer.controls["partner"].value = explorer.controls["picture"].value
    assert explorer.state["soft"].max() == pytest.approx(1)
    assert torch.allclose(explorer.state["mixed"], SHAPES.images[0])


def test_the_places_sliders_show_only_where_there_is_a_box():
    explorer = mixing_explorer()
    assert explorer.controls["x"].layout.display == ""
    explorer.controls["kind"].value = "Mixup"
    assert explorer.controls["x"].layout.display == explorer.controls["y"].layout.display == "none"


def test_the_curve_is_the_beta_density():
    """Against SciPy, at both ends of alpha."""
    explorer = mixing_explorer()
    for alpha in (0.1, 10):
        explorer.controls["alpha"].value = alpha
        where, density = explorer.density.get_data()
        assert np.allclose(density, beta(alpha, alpha).pdf(where))


def test_draw_moves_share_partner_and_place():
    """Every press is another draw; at a small alpha the shares are near 0 or 1."""
    explorer = mixing_explorer()
    explorer.controls["alpha"].value = 0.1
    seen = []
    for _ in range(20):
        explorer.controls["draw"].click()
        seen.append(tuple(explorer.state[name] for name in ("share", "partner", "x", "y")))
        assert explorer.canvas.problem == ""
    assert len(set(seen)) == 20
    assert (
        np.mean([min(share, 1 - share) < 0.1 for share, *_ in seen]) > 0.4
    )  # 0.80 of Beta(0.1, 0.1) lie there, 0.2 of Beta(1, 1)


def test_the_box_is_dragged():
    """A press on the mixed image moves the box there; with Mixup nothing moves."""
    explorer = mixing_explorer()
    point(explorer, explorer.mixed_ax, 7.5, 23.5, pressed=False, presses=0)
    assert explorer.state["x"] == 11
    point(explorer, explorer.mixed_ax, 7.5, 23.5, pressed=True, presses=1)
    assert (explorer.state["x"], explorer.state["y"]) == (8, 24)
    explorer.controls["kind"].value = "Mixup"
    point(explorer, explorer.mixed_ax, 20, 5, pressed=True, presses=2)
    assert explorer.state["x"] == 8


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"labels must be \(.*,\), got shape \(3,\)"):
        Mixing(SHAPES.images, SHAPES.labels[:3], SHAPES.classes)
