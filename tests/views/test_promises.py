"""What every view promises: strength 0, seeds, devices, gradients, errors, and clean hands."""

from __future__ import annotations

import math

import pytest
import torch
from support.views_cases import NOTHING, STRONG, has_its_own_draw, name_of, random_images, seeded

from mlteach.mistakes import mistakes_in
from mlteach.views import random_view, simclr_view

every_view = pytest.mark.parametrize("view", STRONG, ids=name_of)


@pytest.mark.parametrize("view", NOTHING, ids=name_of)
@pytest.mark.parametrize("channels", [1, 3])
def test_zero_strength_changes_nothing(view, channels):
    """The view equals the image to the bit, and writing into it leaves the image alone."""
    images = random_images(3, channels, 9, 12)
    before = images.clone()
    out = view(images)
    assert torch.equal(out, images)
    out.zero_()
    assert torch.equal(images, before)


@every_view
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_input_kept_dtype_kept_seed_decides(view, dtype):
    """Same shape and type out, values in [0, 1], input unchanged, and the seed decides."""
    images = random_images(8, 3, 10, 14, dtype=dtype)
    before = images.clone()
    out = view(images, generator=seeded())
    assert (out.shape, out.dtype, out.device) == (images.shape, dtype, images.device)
    assert torch.equal(images, before)
    assert torch.equal(out, view(images, generator=seeded()))
    assert not torch.allclose(out, view(images, generator=seeded(1)))
    assert 0 <= out.min() <= out.max() <= 1 + 1e-6


@every_view
def test_generators(view):
    """With a generator the global one is untouched; without one it is the source."""
    images = random_images(8, 3, 8, 8)
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    view(images, generator=seeded())
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(0)
    first = view(images)
    torch.manual_seed(0)
    assert torch.equal(view(images), first)
    assert not torch.equal(view(images), first)


@every_view
def test_device_of_the_images(view):
    """Views live where their images live, also with a generator on the CPU."""
    for generator in (None, seeded()):
        out = view(torch.rand(4, 3, 8, 8, device="meta"), generator=generator)
        assert (out.device.type, out.shape) == ("meta", (4, 3, 8, 8))


@every_view
def test_each_image_has_its_own_draw(view):
    """A repeated image gives different views."""
    assert has_its_own_draw(view)


@pytest.mark.parametrize("mistake", mistakes_in(simclr_view), ids=str)
def test_one_draw_for_the_batch_is_caught(mistake):
    assert has_its_own_draw(simclr_view)
    assert not has_its_own_draw(mistake)


@every_view
def test_gradient(view):
    """Gradients reach the images, and are right."""
    # away from 0 and 1, where colours and noise are clamped
    images = 0.45 + 0.1 * random_images(4, 3, 5, 6)
    # the corners of a turned image are 0 plus noise, right at the clamp
    inner = slice(1, -1)

    def inner_view(images):
        return view(images, generator=seeded())[..., inner, inner]

    images.requires_grad_()
    assert torch.autograd.gradcheck(inner_view, images, fast_mode=True)
    assert torch.autograd.grad(inner_view(images).sum(), images)[0].abs().sum() > 0


@pytest.mark.parametrize(
    ("change", "weak", "strong"),
    [
        ("the noise", {"flip": 0.0, "std": 0.1}, {"flip": 0.5, "std": 0.1}),
        (
            "the crop",
            {"flip": 0.5, "scale": (0.4, 1)},
            {"flip": 0.5, "scale": (0.4, 1), "pixels": 0.001},
        ),
    ],
)
def test_a_draw_is_the_same_at_every_strength(change, weak, strong):
    """One strength moves from 0, and with the same seed all else stays as it was."""
    images = random_images(40, 1, 12, 12)
    one, two = (
        random_view(images, **strengths, generator=seeded()) for strengths in (weak, strong)
    )
    stayed = (one - two).abs().amax((1, 2, 3)) < 0.01
    assert stayed.sum() >= 10, change


ONE = torch.zeros(1, 3, 8, 8)


@every_view
@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (
            torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
            TypeError,
            "images must be a floating-point tensor, got a tensor of uint8",
        ),
        ([[0.0]], TypeError, "got list"),
        (torch.zeros(3, 8, 8), ValueError, r"images must be \(B, C, H, W\), got shape \(3, 8, 8\)"),
    ],
)
def test_bad_images(view, images, error, message):
    """Every view refuses what is no batch of images."""
    with pytest.raises(error, match=message):
        view(images)


@every_view
def test_a_seed_is_no_generator(view):
    """The number that seeds a generator does not draw."""
    with pytest.raises(TypeError, match="generator must be a torch.Generator or None, got int: 0"):
        view(torch.zeros(2, 3, 8, 8), generator=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"scale": (0.0, 1.0)},
            r"scale must be \(low, high\) with 0 < low <= high <= 1, got \(0.0, 1.0\)",
        ),
        ({"scale": (0.8, 0.6)}, "scale"),
        ({"scale": (0.8, 1.2)}, "scale"),
        ({"scale": 0.8}, "scale must be .* got 0.8"),
        ({"pixels": -1.0}, "pixels must be finite and >= 0, got -1.0"),
        ({"radians": math.inf}, "radians must be finite and >= 0, got inf"),
        ({"std": math.nan}, "std must be finite and >= 0, got nan"),
        ({"flip": 1.5}, r"flip must be a number in \[0, 1\], got 1.5"),
        (
            {"fill": "white"},
            "fill must be one of 'zeros', 'border', 'reflection', got 'white'",
        ),
    ],
)
def test_bad_geometry(arguments, message):
    """Every wrong argument is named, with what was given."""
    with pytest.raises(ValueError, match=message):
        random_view(ONE, **arguments)
