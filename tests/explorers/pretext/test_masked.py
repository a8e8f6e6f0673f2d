"""Masked patches: the mask that is asked for, what the network is given, and the errors shown."""

from functools import partial

import numpy as np
import pytest
import torch
from support.explorer_drawing import send, shown, undrawn
from support.explorer_registry import images

from mlteach.explorers import Masked
from mlteach.pretext import random_mask

pytestmark = pytest.mark.usefixtures("unlaid")

THREE = images(3, 3)


def shifted(pictures, mask):
    """Off by 0.1 where it can see, by 0.3 where it cannot."""
    return pictures + 0.1 + 0.2 * pixels(mask)[:, None]


def pixels(mask, patch=2):
    return mask.repeat_interleave(patch, 1).repeat_interleave(patch, 2).float()


def masked(reconstruct=shifted, **options):
    return Masked(**({"images": THREE, "reconstruct": reconstruct, "patch": 2} | options))


def press(explorer, row, column, *, presses, to=None):
    """A press on a patch, moves over others, and the end."""
    x, y = column + 0.5, row + 0.5
    ax = explorer.masked_ax
    send(explorer, x, y, ax=ax, presses=presses)
    for down, across in to or []:
        send(explorer, across + 0.5, down + 0.5, ax=ax, presses=presses, press=(x, y))
    end = (to or [(row, column)])[-1]
    place = (end[1] + 0.5, end[0] + 0.5)
    send(explorer, *place, ax=ax, pressed=False, presses=presses, press=(x, y))


# --- the mask ------------------------------------------------------------------------------------


def test_the_mask_is_the_librarys():
    explorer = masked(seed=5)
    for hidden in (1, 7, 15):
        explorer.controls["ratio"].value = hidden / 16
        generator = torch.Generator().manual_seed(5)
        expected = random_mask(1, (4, 4), hidden / 16, generator=generator)[0]
        assert torch.equal(explorer.state["mask"], expected)
        assert int(expected.sum()) == hidden


def test_the_slider_goes_from_one_patch_to_all_but_one():
    explorer = masked()
    slider = explorer.controls["ratio"]
    slider.value = slider.min
    assert int(explorer.state["mask"].sum()) == 1
    slider.value = slider.max
    assert int(explorer.state["mask"].sum()) == 15
    for start, hidden in ((0, 1), (1, 15), (0.75, 12), (0.33, 5)):
        assert int(masked(ratio=start).state["mask"].sum()) == hidden


def test_more_are_hidden_by_a_higher_ratio_and_none_is_shown_again():
    explorer = masked()
    before = torch.zeros(4, 4, dtype=torch.bool)
    for hidden in range(1, 16):
        explorer.controls["ratio"].value = hidden / 16
        assert not (before & ~explorer.state["mask"]).any()
        before = explorer.state["mask"]


def test_another_mask_is_another_and_hides_as_many():
    explorer = masked(ratio=0.5)
    seen = {explorer.state["mask"].numpy().tobytes()}
    for _ in range(3):
        explorer.controls["draw"].click()
        assert int(explorer.state["mask"].sum()) == 8
        seen.add(explorer.state["mask"].numpy().tobytes())
    assert len(seen) == 4


# --- by hand -------------------------------------------------------------------------------------


def test_a_press_hides_or_shows_a_patch():
    explorer = masked()
    before = explorer.state["mask"].clone()
    press(explorer, 1, 2, presses=1)
    changed = explorer.state["mask"] != before
    assert changed.nonzero().tolist() == [[1, 2]]
    assert explorer.state["patch"] == 1 * 4 + 2 + 1
    press(explorer, 1, 2, presses=2)
    assert torch.equal(explorer.state["mask"], before)


def test_a_drag_makes_all_that_it_crosses_like_the_first():
    explorer = masked(ratio=0.5)
    first = not explorer.state["mask"][0, 0]
    press(explorer, 0, 0, presses=1, to=[(0, 1), (0, 2), (1, 2), (0, 2)])
    mask = explorer.state["mask"]
    assert {bool(mask[place]) for place in ((0, 0), (0, 1), (0, 2), (1, 2))} == {first}


def test_a_fast_drag_crosses_the_patches_that_it_was_not_seen_on():
    """The page reports a pointer once a frame, and on a busy page less often."""
    explorer = masked(ratio=0.5)
    first = not explorer.state["mask"][0, 0]
    press(explorer, 0, 0, presses=1, to=[(0, 3), (3, 3)])
    mask = explorer.state["mask"]
    assert {bool(hidden) for hidden in (*mask[0], *mask[:, 3])} == {first}


def test_a_press_that_arrives_together_with_its_end_counts():
    explorer = masked()
    before = explorer.state["mask"][3, 3].item()
    send(explorer, 3.5, 3.5, ax=explorer.masked_ax, pressed=False, presses=9)
    assert explorer.state["mask"][3, 3].item() != before


def test_pointing_without_a_press_and_pressing_elsewhere_change_nothing():
    explorer = masked()
    before = explorer.state["mask"]
    send(explorer, 1.5, 1.5, ax=explorer.masked_ax, pressed=False, presses=0)
    send(explorer, 1.5, 1.5, ax=explorer.figure.axes[0], presses=1)
    assert torch.equal(explorer.state["mask"], before)


def test_the_slider_and_its_button_do_the_same():
    explorer = masked()
    before = explorer.state["mask"].clone()
    explorer.controls["patch"].value = 16
    explorer.controls["toggle"].click()
    assert (explorer.state["mask"] != before).nonzero().tolist() == [[3, 3]]


def test_what_was_chosen_by_hand_stays_until_another_mask_is_drawn():
    """Through every other control; and back at the first settings the figure is the same."""
    explorer = masked({"shifted": shifted, "as it is": lambda pictures, mask: pictures})
    press(explorer, 1, 2, presses=1)
    wanted, still = explorer.state["mask"][1, 2].item(), shown(explorer)
    for name, value in {"image": 2, "ratio": 5 / 16, "network": "as it is", "patch": 1}.items():
        before = explorer.controls[name].value
        explorer.controls[name].value = value
        assert explorer.state["mask"][1, 2].item() == wanted
        explorer.controls[name].value = before
    assert np.array_equal(shown(explorer), still)
    explorer.controls["draw"].click()
    assert explorer.by_hand == {}


def test_something_is_always_hidden_and_something_visible():
    """By hand all can be hidden but one, and a mask that would leave nothing is left alone."""
    explorer = masked()
    for hidden, count in ((True, 15), (False, 1)):
        with undrawn(explorer):
            for place in range(16):
                explorer.hide(*divmod(place, 4), hidden)
        assert int(explorer.state["mask"].sum()) == count
    slider = explorer.controls["ratio"]
    for value in (slider.max, slider.min, 0.5):
        slider.value = value
        assert 1 <= int(explorer.state["mask"].sum()) <= 15
        assert explorer.canvas.problem == ""


def test_by_hand_counts_again_where_it_leaves_something_to_see():
    """Of all but one patch, all are hidden once the slider hides that one too."""
    explorer = masked()
    slider = explorer.controls["ratio"]
    slider.value = 14 / 16
    late = explorer.state["mask"].clone()
    slider.value = slider.min
    early = explorer.state["mask"].clone()
    row, column = (late & ~early).nonzero()[0].tolist()
    with undrawn(explorer):
        for place in range(16):
            if divmod(place, 4) != (row, column):
                explorer.hide(*divmod(place, 4), True)
    wanted = explorer.state["mask"]
    assert (~wanted).nonzero().tolist() == [[row, column]]
    slider.value = 14 / 16
    assert torch.equal(explorer.state["mask"], late)
    slider.value = slider.min
    assert torch.equal(explorer.state["mask"], wanted)


# --- the network and its errors ------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [1, 12, 15])
def test_the_errors_are_those_of_their_definition(hidden):
    explorer = masked(ratio=hidden / 16)
    explorer.controls["image"].value = 1
    s = explorer.state
    assert s["hidden"] == pytest.approx(0.09, rel=1e-4)
    assert s["visible"] == pytest.approx(0.01, rel=1e-4)
    squares = []
    for channel in THREE[1].double():
        where = pixels(s["mask"][None])[0].bool()
        mean = channel[~where].mean()
        squares += ((channel[where] - mean) ** 2).tolist()
    assert s["mean"] == pytest.approx(sum(squares) / len(squares), rel=1e-5)


def test_the_network_gets_the_image_and_the_mask_and_may_spoil_its_copies():
    seen = []

    def spoiling(pictures, mask):
        seen.append((pictures.clone(), mask.clone(), torch.is_grad_enabled()))
        made = pictures.clone()
        pictures.zero_()
        mask.zero_()
        return made

    explorer = masked(spoiling)
    explorer.controls["image"].value = 2
    image, mask, gradients = seen[-1]
    assert torch.equal(image, THREE[2:])
    assert torch.equal(mask[0], explorer.state["mask"])
    assert mask.any()
    assert not gradients
    assert torch.equal(explorer.images, THREE)


def test_bars_and_figures_show_the_state():
    explorer = masked()
    s = explorer.state
    widths = [bar.get_width() for bar in explorer.bars]
    assert widths == pytest.approx([s["hidden"], s["mean"], s["visible"]])
    assert max(widths) <= explorer.errors_ax.get_xlim()[1]
    image, hidden, made = (artist.get_array() for artist in explorer.shown)
    where = pixels(s["mask"][None])[0].bool().numpy()
    assert np.array_equal(hidden[~where], image[~where])
    assert len(np.unique(hidden[where], axis=0)) == 1
    assert np.allclose(made[..., :3], s["reconstruction"].clamp(0, 1).permute(1, 2, 0))
    title = explorer.titles[1].get_text()
    assert title == "12 of 16 patches hidden"


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_the_scale_follows_the_errors(factor):
    explorer = masked(lambda pictures, mask: pictures + factor)
    widths = [bar.get_width() for bar in explorer.bars]
    low, high = explorer.errors_ax.get_xlim()
    assert low == 0
    assert high / 4 < max(widths) < high


def test_an_error_of_nothing_is_drawn():
    explorer = masked(lambda pictures, mask: pictures, images=torch.full((1, 1, 4, 4), 0.5))
    assert [explorer.state[name] for name in ("hidden", "mean", "visible")] == [0, 0, 0]
    assert explorer.canvas.problem == ""


def test_what_is_not_finite_is_named_and_blank():
    def breaks(pictures, mask):
        made = pictures.clone()
        made[:, :, 0, 0] = float("nan")
        return made

    explorer = masked(breaks)
    made = explorer.shown[2].get_array()
    assert made[0, 0, 3] == 0
    assert made[1:, 1:, 3].min() == 1
    assert explorer.titles[2].get_text() == "not finite where it is blank"
    assert "not finite" in explorer.describe()
    texts = [number.get_text() for number in explorer.numbers]
    assert texts.count("not finite") == 1


def test_the_list_chooses_among_networks():
    explorer = masked({"one": shifted, "other": lambda pictures, mask: pictures})
    assert explorer.state["hidden"] > 0
    explorer.controls["network"].value = "other"
    assert explorer.state["hidden"] == 0
    assert explorer.describe().startswith("other, image 0")
    assert "network" not in masked().controls


def test_a_network_of_torch_goes_too():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(0.5))

        def forward(self, pictures, mask):
            return self.scale * pictures

    explorer = masked(Net())
    assert not explorer.state["reconstruction"].requires_grad


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patch": 3}, "patch must divide the sides of the images"),
        ({"patch": 8}, "patch must divide the sides of the images, into two or more"),
        ({"patch": 0}, "patch must be a whole number >= 1"),
        ({"ratio": 1.5}, "ratio must be a number in"),
        ({"images": THREE[0]}, "images must be"),
        ({"images": 2 * THREE}, "images must be in"),
        ({"reconstruct": 3}, "reconstruct must be a function"),
        ({"reconstruct": lambda pictures: pictures}, "reconstruct must be a function"),
        ({"reconstruct": {}}, "reconstruct must have at least one entry"),
        ({"reconstruct": {"a": 3}}, "reconstruct\\['a'\\] must be a function"),
        ({"reconstruct": lambda pictures, mask: pictures[:, :1]}, "reconstruct must give"),
        ({"reconstruct": lambda pictures, mask: None}, "reconstruct must give .* got NoneType"),
        ({"seed": "a"}, "seed must be"),
    ],
)
def test_it_refuses_what_it_cannot_show(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        masked(**arguments)


def test_a_patch_beside_the_image_is_refused():
    explorer = masked()
    for place in ((4, 0), (0, -1), (0.0, 1)):
        with pytest.raises((ValueError, TypeError), match="(row|column) must be a whole number"):
            explorer.hide(*place, True)
    with pytest.raises(TypeError, match="hidden must be True or False"):
        explorer.hide(0, 0, 1)


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: m.forward, lambda m: partial(m.forward)])
def test_a_network_with_batch_norm_is_left_as_it_is(wrap):
    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.drop = torch.nn.BatchNorm2d(3), torch.nn.Dropout()

        def forward(self, pictures, mask):
            return self.drop(self.norm(pictures))

    network = Network()
    explorer = masked(wrap(network))
    shown(explorer)
    assert network.training
    assert network.norm.training
    assert network.norm.num_batches_tracked == 0
    expected = THREE[0] / (1 + network.norm.eps) ** 0.5
    torch.testing.assert_close(explorer.state["reconstruction"], expected)


def test_the_global_generator_stays_where_it_is():
    before = torch.get_rng_state()
    masked()
    assert torch.equal(torch.get_rng_state(), before)
