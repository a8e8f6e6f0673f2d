"""What every view promises: strength 0, seeds, devices, gradients, errors, and clean hands."""

from __future__ import annotations

import math

import pytest
import torch
from support.views_cases import NOTHING, STRONG, has_its_own_draw, name_of, random_images, seeded

from mlteach.mistakes import mistakes_in
from mlteach.views import color_jitter, random_flip, random_grayscale, random_view, simclr_view

MOVING = {"random_crop", "random_shift", "random_rotation", "random_flip", "handwriting_view"}
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


CLAMPING = [view for view in STRONG if name_of(view) not in MOVING]


@pytest.mark.parametrize("view", CLAMPING, ids=name_of)
@pytest.mark.parametrize(
    ("change", "given"),
    [
        (lambda images: 255 * images, "from 0.* to 25"),
        (lambda images: 4 * images - 2, "from -1.9.* to (1.9|2)"),
        (lambda images: images / (images > 0.5), "to inf"),
        (lambda images: images * math.nan, "from nan to nan"),
    ],
    ids=["bytes", "normalised", "infinite", "NaN"],
)
def test_what_would_be_clamped_is_refused(view, change, given):
    """Images outside [0, 1] would come out black and white, without a word."""
    with pytest.raises(ValueError, match=rf"images must be in \[0, 1\], got values .*{given}"):
        view(change(random_images(8, 3, 8, 8)), generator=seeded())


@pytest.mark.parametrize("view", STRONG[:4], ids=name_of)
def test_what_only_moves_takes_any_range(view):
    """The view of normalised images is the normalised view, where nothing comes in from outside."""
    images = random_images(8, 3, 8, 8)
    out, doubled = (view(factor * images, generator=seeded()) for factor in (1, -2))
    torch.testing.assert_close(doubled, -2 * out)
    with pytest.raises(ValueError, match="images must be finite, got NaN"):
        view(images * math.nan)


@every_view
def test_of_no_images_there_are_no_views(view):
    for dtype in (torch.float32, torch.float16):
        out = view(torch.zeros(0, 3, 8, 8, dtype=dtype), generator=seeded())
        assert (out.shape, out.dtype) == ((0, 3, 8, 8), dtype)


@pytest.mark.parametrize("view", [color_jitter, random_grayscale, simclr_view])
def test_four_channels_have_no_colours(view):
    with pytest.raises(ValueError, match="images must have 1 or 3 channels, got 4"):
        view(torch.rand(2, 4, 8, 8), generator=seeded())


@every_view
@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_views_of_16_bit_images_are_those_of_the_same_numbers(view, half):
    """Drawn and computed in float32, rounded once."""
    images = random_images(64, 3, 12, 12).to(half)
    out = view(images, generator=seeded())
    assert torch.equal(out, view(images.float(), generator=seeded()).to(half))
    assert out.dtype == half


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_no_chain_of_views_leaves_the_range(dtype):
    """Each takes what any other gave, of black and white images, too."""
    images = random_images(16, 3, 12, 12).round().to(dtype)
    for first in STRONG:
        between = first(images, generator=seeded())
        for second in STRONG:
            out = second(between, generator=seeded(1))
            assert (out - out.clamp(0, 1)).abs().max() <= 1e-6


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_never_is_never_and_always_is_always(probability):
    """Also in 16 bits, where a draw close to 1 would be 1."""
    images = random_images(4096, 3, 1, 2).bfloat16()
    grey = random_grayscale(images, probability=probability, generator=seeded())
    flipped = random_flip(images, probability=probability, generator=seeded())
    is_grey = (grey[:, 0] == grey[:, 1]).flatten(1).all(1)
    if probability:
        assert is_grey.all()
        assert torch.equal(flipped, images.flip(3))
    else:
        assert torch.equal(grey, images)
        assert torch.equal(flipped, images)


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
        ({"pixels": -1.0}, r"pixels must be a number in \[0, 1e\+06\], got -1.0"),
        ({"radians": math.inf}, r"radians must be a number in \[0, 1e\+06\], got inf"),
        ({"std": math.nan}, r"std must be a number in \[0, 1e\+06\], got nan"),
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
