"""Views and Mixing show what `mlteach.views` makes, over the whole range of their controls."""

import base64
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import beta

from mlteach import data
from mlteach.explorers import Mixing, Views
from mlteach.views import blend, color_jitter, paste, random_view
from mlteach.views.standard import JITTER

SHAPES = data.shapes(12, 3)


def views_explorer():
    return Views(SHAPES.images[:2])


def mixing_explorer():
    return Mixing(SHAPES.images, SHAPES.labels, SHAPES.classes)


MAKERS = {"views": views_explorer, "mixing": mixing_explorer}


@pytest.fixture(params=MAKERS)
def explorer(request):
    return MAKERS[request.param]()


def shown(explorer):
    """The picture as the page shows it, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(explorer.canvas.png)))


def with_values(explorer):
    return {
        name: control for name, control in explorer.controls.items() if control.has_trait("value")
    }


# --- what every explorer promises ----------------------------------------------------------------


def test_every_control_reaches_both_ends_and_every_option(explorer):
    """No value of any control leaves a problem or an empty picture, and the state says what was
    chosen.
    """
    for name, control in with_values(explorer).items():
        began = control.value
        ends = (control.min, control.max) if control.has_trait("readout") else control.options
        for value in [10**end for end in ends] if control.has_trait("base") else ends:
            control.value = value
            assert explorer.state[name] == control.value == pytest.approx(value)
            assert shown(explorer).std() > 0
            assert explorer.canvas.problem == ""
        control.value = began


def test_every_control_changes_the_picture_and_back_gives_the_same(explorer):
    """Nothing of a move stays behind."""
    for name, control in with_values(explorer).items():
        before, value = shown(explorer), control.value
        if control.has_trait("readout"):
            low = control.base**control.min if control.has_trait("base") else control.min
            control.value = low if value > low else control.max
        else:
            control.value = next(option for option in control.options if option != value)
        assert not np.array_equal(shown(explorer), before), name
        control.value = value
        assert np.array_equal(shown(explorer), before), name


@pytest.mark.parametrize("make", [lambda: Views(SHAPES.images[:3]), mixing_explorer])
def test_one_step_of_every_slider_is_seen(make):
    """From the start, one step up (or down from the upper end); with three pictures also one step
    of a chance.
    """
    explorer = make()
    for name, control in with_values(explorer).items():
        if control.has_trait("readout"):
            before, value = shown(explorer), control.value
            if control.has_trait("base"):
                control.value = value * 10**control.step
            else:
                control.value = value + (control.step if value < control.max else -control.step)
            assert not np.array_equal(shown(explorer), before), name
            control.value = value


def test_all_controls_at_their_upper_ends(explorer):
    """The most that can be asked for at once; and no artist that changes is missing from `moving`."""
    with explorer.one_redraw():
        for control in with_values(explorer).values():
            if control.has_trait("readout"):
                control.value = 10**control.max if control.has_trait("base") else control.max
    assert explorer.canvas.problem == ""
    blitted = shown(explorer)
    explorer.redraw_all()
    explorer.refresh()
    assert np.abs(blitted.astype(int) - shown(explorer)).mean() < 0.05


def test_the_output_carries_the_picture_and_its_text(explorer):
    """Without a kernel a reader sees the same picture; the controls are named."""
    bundle, metadata = explorer._repr_mimebundle_()
    saved = np.asarray(Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))))
    assert np.array_equal(saved, shown(explorer))
    assert metadata["image/png"]["alt"] == bundle["text/plain"] == explorer.describe() != ""
    assert all(control.description for control in explorer.controls.values())


# --- views ---------------------------------------------------------------------------------------


def test_the_views_are_those_of_the_package():
    """Geometry alone and colour alone equal random_view and color_jitter with the stream of their
    own.
    """
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


def test_no_change_shows_the_pictures_themselves():
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
    """With grey, blur and noise added one after the other, the geometry stays: all views still
    match their outline.
    """
    explorer = views_explorer()
    explorer.set(explorer.nothing | {"turn": 90, "area": 0.5})
    plain = explorer.state["views"]
    explorer.set({"grey": 1.0})
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    assert torch.allclose(explorer.state["views"][:, :, 0], (plain * weights).sum(2), atol=1e-5)
    explorer.set({"grey": 0.0, "noise": 0.05})
    assert (explorer.state["views"] - plain).std() < 0.06


def test_the_distances_are_root_mean_squares():
    """`change` and `apart` against loops over pictures."""
    explorer = views_explorer()
    images, state = SHAPES.images[:2].numpy(), explorer.state
    change = np.sqrt(np.mean([(view.numpy() - image) ** 2 for image, row in zip(images, state["views"], strict=True)
                              for view in row]))  # fmt: skip
    assert state["change"] == pytest.approx(change, rel=1e-5)
    apart = np.sqrt(np.mean((images[0] - images[1]) ** 2))
    assert state["apart"] == pytest.approx(apart, rel=1e-5)


@pytest.mark.parametrize("count", [1, 5])
def test_a_wrong_number_of_pictures_is_refused(count):
    with pytest.raises(ValueError, match="N from 2 to 4, got shape"):
        Views(SHAPES.images[:count])


def test_grey_pictures_are_shown():
    """One channel works as well as three."""
    digits = data.digits("test").images[:4]
    explorer = Views(digits)
    explorer.controls["hue"].value = 0.5
    assert explorer.canvas.problem == ""
    assert explorer.state["views"].shape == (4, 7, 1, 8, 8)


# --- mixing --------------------------------------------------------------------------------------


def test_the_mix_is_that_of_the_package():
    """Mixed picture, share kept and soft label, for both kinds."""
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


def test_a_picture_with_itself_has_a_hard_label():
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


def send(explorer, ax, x, y, *, pressed, presses):
    """A pointer message as the page sends it; x and y in data coordinates of ax."""
    fx, fy = ax.transData.transform((x, y)) / explorer.figure.bbox.size
    place = {"x": fx, "y": 1 - fy, "press_x": fx, "press_y": 1 - fy}
    explorer.canvas.pointer = {**place, "inside": True, "pressed": pressed, "presses": presses}


def test_the_box_is_dragged():
    """A press on the mixed picture moves the box there; without a press, or with Mixup, nothing
    moves.
    """
    explorer = mixing_explorer()
    send(explorer, explorer.mixed_ax, 7.5, 23.5, pressed=False, presses=0)
    assert explorer.state["x"] == 11
    send(explorer, explorer.mixed_ax, 7.5, 23.5, pressed=True, presses=1)
    assert (explorer.state["x"], explorer.state["y"]) == (8, 24)
    explorer.controls["kind"].value = "Mixup"
    send(explorer, explorer.mixed_ax, 20, 5, pressed=True, presses=2)
    assert explorer.state["x"] == 8


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="two pictures or more with one label each"):
        Mixing(SHAPES.images, SHAPES.labels[:3], SHAPES.classes)
