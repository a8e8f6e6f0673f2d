"""Random views: what is drawn is read off from ramps, pictures whose pixels hold their own coordinates."""

from __future__ import annotations

import math

import pytest
import torch

from mlteach import views
from mlteach.views import add_noise, random_crop, random_rotation, random_shift, random_view

SIZE = 17
STRONG = {"scale": (0.3, 1.0), "pixels": 2.5, "radians": 0.8, "std": 0.1}
SINGLE = [
    (random_crop, {"scale": (0.3, 0.9)}),
    (random_shift, {"pixels": 2.5}),
    (random_rotation, {"radians": 0.8}),
    (add_noise, {"std": 0.1}),
    (random_view, STRONG),
]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def ramps(n):
    """(n, 2, SIZE, SIZE) pictures: channel 0 holds x, channel 1 holds y, in pixels from the centre."""
    steps = torch.arange(SIZE, dtype=torch.float64) - SIZE // 2
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y]).expand(n, 2, SIZE, SIZE)


def motion(view):
    """Area (n,) and angle (n,) of the box that each view of a ramp shows, and the point (n, 2) in its middle."""
    middle = SIZE // 2
    origin = view[:, :, middle, middle]
    right = view[:, :, middle, middle + 1] - origin
    return right.square().sum(1), torch.atan2(right[:, 1], right[:, 0]), origin


def distance_from_uniform(values, low, high):
    """Largest gap between the values' distribution function and that of uniform numbers in [low, high]."""
    expected = (values.sort().values - low) / (high - low)
    ranks = torch.arange(len(values) + 1) / len(values)
    return torch.maximum((ranks[1:] - expected).abs().max(), (expected - ranks[:-1]).abs().max())


# By the Dvoretzky-Kiefer-Wolfowitz inequality uniform draws exceed sqrt(log(2 / p) / 2n) with probability p at most;
# p = 1e-6.
N_DRAWS = 4096
TOLERANCE = math.sqrt(math.log(2e6) / (2 * N_DRAWS))


# the resampling -------------------------------------------------------------------------------------------------------


def warp(images, *, side=1.0, centre=(0.0, 0.0), radians=0.0, shift=(0.0, 0.0)):
    """`_warp` with the same motion for every picture."""

    def every(value):
        return torch.as_tensor(value, dtype=images.dtype).expand(len(images), *torch.as_tensor(value).shape)

    return views._warp(images, every(side), every(centre), every(radians), every(shift))


def naive_warp(image, side, centre, radians, shift):
    """(H, W): the docstring's equation, pixel by pixel, with bilinear interpolation and 0 outside."""
    height, width = image.shape
    view = torch.zeros_like(image)
    for row in range(height):
        for column in range(width):
            u = (column - (width - 1) / 2 - shift[0], row - (height - 1) / 2 - shift[1])
            x = centre[0] + side * (math.cos(radians) * u[0] - math.sin(radians) * u[1]) + (width - 1) / 2
            y = centre[1] + side * (math.sin(radians) * u[0] + math.cos(radians) * u[1]) + (height - 1) / 2
            for j in (math.floor(y), math.floor(y) + 1):
                for i in (math.floor(x), math.floor(x) + 1):
                    if 0 <= i < width and 0 <= j < height:
                        view[row, column] += (1 - abs(x - i)) * (1 - abs(y - j)) * image[j, i]
    return view


def test_warp_is_the_equation():
    """Crop, turn and shift together equal the naive loop, on pictures that are not square."""
    images = torch.rand(1, 1, 9, 13, generator=seeded(), dtype=torch.float64)
    motion = {"side": 0.8, "centre": (0.7, -0.4), "radians": 0.6, "shift": (1.3, -2.2)}
    torch.testing.assert_close(warp(images, **motion)[0, 0], naive_warp(images[0, 0], **motion))


def turns_anticlockwise(warp):
    """A quarter turn is torch.rot90, which brings what is on the right to the top."""
    images = torch.rand(2, 3, 12, 12, generator=seeded(), dtype=torch.float64)
    right = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    right[0, 0, 2, 4] = 1
    top = warp(right, radians=math.pi / 2)[0, 0, 0, 2]
    return torch.allclose(warp(images, radians=math.pi / 2), images.rot90(1, (2, 3))) and math.isclose(top, 1)


def test_a_positive_angle_turns_anticlockwise():
    """As seen on the screen; the mistaken sign is caught."""
    assert turns_anticlockwise(warp)
    assert not turns_anticlockwise(lambda images, radians: warp(images, radians=-radians))


def test_a_turn_keeps_the_shape_of_things():
    """Where the picture is not square, its square middle still turns as a square."""
    images = torch.rand(1, 1, 8, 14, generator=seeded(), dtype=torch.float64)
    turned = warp(images, radians=math.pi / 2)
    torch.testing.assert_close(turned[..., 3:11], images[..., 3:11].rot90(1, (2, 3)))
    torch.testing.assert_close(warp(images, radians=math.pi), images.flip(2, 3))


def test_a_whole_pixel_shift_moves_pixels():
    """2 to the right and 3 up; 0 comes in."""
    images = torch.rand(1, 2, 8, 9, generator=seeded(), dtype=torch.float64)
    expected = torch.zeros_like(images)
    expected[:, :, :5, 2:] = images[:, :, 3:, :7]
    torch.testing.assert_close(warp(images, shift=(2.0, -3.0)), expected)


# what is drawn --------------------------------------------------------------------------------------------------------


def area_is_uniform(crop):
    area, _, _ = motion(crop(ramps(N_DRAWS), scale=(0.2, 0.8), generator=seeded()))
    return distance_from_uniform(area, 0.2, 0.8) < TOLERANCE


def stays_inside(crop):
    """A crop of a white picture is white."""
    white = torch.ones(64, 1, 8, 8)
    return torch.allclose(crop(white, scale=(0.2, 0.8), generator=seeded()), white, atol=1e-5)


def has_its_own_draw(view):
    """No two views of a repeated picture are the same."""
    picture = torch.rand(1, 1, 16, 16, generator=seeded(1))
    drawn = view(picture.repeat(6, 1, 1, 1), generator=seeded()).flatten(1)
    return (torch.cdist(drawn, drawn) + torch.eye(6)).min() > 1e-3


def test_crop():
    """Area and place are uniform, the angle stays 0, and nothing outside the picture is read."""
    area, angle, centre = motion(random_crop(ramps(N_DRAWS), scale=(0.2, 0.8), generator=seeded()))
    assert area_is_uniform(random_crop)
    assert stays_inside(random_crop)
    assert angle.abs().max() < 1e-6
    room = (1 - area.sqrt()) * (SIZE - 1) / 2
    for coordinate in (0, 1):
        assert distance_from_uniform(centre[:, coordinate] / room, -1, 1) < TOLERANCE


def test_rotation():
    """The angle is uniform; area and centre stay."""
    area, angle, centre = motion(random_rotation(ramps(N_DRAWS), radians=2.0, generator=seeded()))
    assert distance_from_uniform(angle, -2, 2) < TOLERANCE
    assert (area - 1).abs().max() < 1e-6
    assert centre.abs().max() < 1e-6


def test_shift():
    """Both shifts are uniform; area and angle stay."""
    area, angle, centre = motion(random_shift(ramps(N_DRAWS), pixels=3.5, generator=seeded()))
    for coordinate in (0, 1):
        assert distance_from_uniform(centre[:, coordinate], -3.5, 3.5) < TOLERANCE
    assert (area - 1).abs().max() < 1e-6
    assert angle.abs().max() < 1e-6


def test_the_parts_of_a_view_are_independent():
    """Area, place, angle and shift of one view are six numbers without correlation."""
    area, _, place = motion(random_crop(ramps(N_DRAWS), scale=(0.2, 0.8), generator=seeded()))
    _, angle, _ = motion(random_rotation(ramps(N_DRAWS), radians=2.0, generator=seeded()))
    _, _, shift = motion(random_shift(ramps(N_DRAWS), pixels=3.5, generator=seeded()))
    correlation = torch.corrcoef(torch.stack([area, *place.T, angle, *shift.T]))
    assert correlation.triu(1).abs().max() < 0.08  # five standard deviations of 1 / sqrt(n)


def test_noise():
    """Gaussian with the given standard deviation, mean 0, independent; clamped to [0, 1]."""
    grey = torch.full((40, 1, 50, 50), 0.5)
    noise = add_noise(grey, std=0.05, generator=seeded()) - grey
    n = noise.numel()
    assert abs(noise.mean()) < 5 * 0.05 / math.sqrt(n)
    assert abs(noise.std() - 0.05) < 5 * 0.05 / math.sqrt(2 * n)
    assert abs((noise[:, :, 1:] * noise[:, :, :-1]).mean()) < 5 * 0.05**2 / math.sqrt(n)
    # within one standard deviation lies erf(1 / sqrt(2)) of a Gaussian
    assert abs((noise.abs() < 0.05).double().mean() - math.erf(math.sqrt(0.5))) < 5 * 0.5 / math.sqrt(n)
    loud = add_noise(grey, std=10.0, generator=seeded())
    assert (loud.min(), loud.max()) == (0, 1)


@pytest.mark.parametrize(("view", "strength"), SINGLE)
def test_each_picture_has_its_own_draw(view, strength):
    """A repeated picture gives different views."""
    assert has_its_own_draw(lambda images, generator: view(images, **strength, generator=generator))


def one_draw_for_all(images, scale=(0.2, 0.8), generator=None):
    """The mistake of many libraries on batches."""
    together = images.flatten(0, 1)[None]
    return random_crop(together, scale=scale, generator=generator)[0].unflatten(0, images.shape[:2])


def side_drawn_instead_of_area(images, scale, generator, beyond=0.0):
    """The mistake of taking the range of areas as one of sides."""
    draws = torch.rand(len(images), 3, generator=generator).to(images)
    side = scale[0] + (scale[1] - scale[0]) * draws[:, 0]
    room = (1 - side[:, None]) * (images.shape[3] - 1 + beyond) / 2
    return views._warp(images, side, room * (2 * draws[:, 1:] - 1), 0 * side, 0 * draws[:, 1:])


def box_over_the_edge(images, scale, generator):
    """The mistake of measuring the room to the pixels' edges instead of their centres: dark borders."""
    return side_drawn_instead_of_area(images, scale, generator, beyond=1.0)


def test_mutants_are_caught():
    """Each property above that random_crop has is missed by the mistake it is there for."""
    assert has_its_own_draw(random_crop)
    assert not has_its_own_draw(one_draw_for_all)
    assert not area_is_uniform(side_drawn_instead_of_area)
    assert stays_inside(side_drawn_instead_of_area)
    assert not stays_inside(box_over_the_edge)


# promises that all views keep -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "nothing"),
    [
        (random_crop, {"scale": (1.0, 1.0)}),
        (random_shift, {"pixels": 0.0}),
        (random_rotation, {"radians": 0.0}),
        (add_noise, {"std": 0.0}),
        (random_view, {}),
    ],
)
def test_zero_strength_changes_nothing(view, nothing):
    """The view equals the picture, and writing into it leaves the picture alone."""
    images = torch.rand(3, 2, 9, 12, generator=seeded())
    before = images.clone()
    out = view(images, **nothing)
    assert torch.equal(out, images)
    out.zero_()
    assert torch.equal(images, before)


@pytest.mark.parametrize(("view", "strength"), SINGLE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_input_kept_dtype_kept_seed_decides(view, strength, dtype):
    """Same shape and type out, input unchanged, same seed same view, other seed other view."""
    images = torch.rand(4, 3, 10, 14, generator=seeded(5), dtype=dtype)
    before = images.clone()
    out = view(images, **strength, generator=seeded())
    assert (out.shape, out.dtype, out.device) == (images.shape, dtype, images.device)
    assert torch.equal(images, before)
    assert torch.equal(out, view(images, **strength, generator=seeded()))
    assert not torch.allclose(out, view(images, **strength, generator=seeded(1)))
    assert 0 <= out.min() <= out.max() <= 1 + 1e-6


@pytest.mark.parametrize(("view", "strength"), SINGLE)
def test_random_streams(view, strength):
    """With a generator the global stream is untouched; without one it is the source."""
    images = torch.rand(4, 1, 8, 8, generator=seeded(5))
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    view(images, **strength, generator=seeded())
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(0)
    first = view(images, **strength)
    torch.manual_seed(0)
    assert torch.equal(view(images, **strength), first)
    assert not torch.equal(view(images, **strength), first)


@pytest.mark.parametrize(("view", "strength"), SINGLE)
def test_device_of_the_pictures(view, strength):
    """Views live where their pictures live, also with a generator on the CPU."""
    for generator in (None, seeded()):
        out = view(torch.rand(4, 1, 8, 8, device="meta"), **strength, generator=generator)
        assert (out.device.type, out.shape) == ("meta", (4, 1, 8, 8))


@pytest.mark.parametrize(("view", "strength"), SINGLE)
def test_gradient(view, strength):
    """Gradients reach the pictures, and are right."""
    # away from 0 and 1, where the noise is clamped
    images = 0.45 + 0.1 * torch.rand(2, 1, 5, 6, generator=seeded(5), dtype=torch.float64)
    strength = strength | ({"std": 0.01} if "std" in strength else {})
    inner = slice(1, -1)  # the corners of a turned picture are 0 plus noise, right at the clamp

    def inner_view(images):
        return view(images, **strength, generator=seeded())[..., inner, inner]

    images.requires_grad_()
    assert torch.autograd.gradcheck(inner_view, images)
    assert torch.autograd.grad(inner_view(images).sum(), images)[0].abs().sum() > 0


def test_all_in_one_resampling():
    """One view is the crop, then the turn, then the shift, with the draws of the three single ones."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    smooth = (0.5 + 0.2 * (x / 9).sin() + 0.2 * (y / 7).cos()).expand(5, 1, 64, 64)
    step = random_crop(smooth, scale=(0.4, 0.9), generator=seeded())
    step = random_rotation(step, radians=0.5, generator=seeded())
    step = random_shift(step, pixels=4, generator=seeded())
    together = random_view(smooth, scale=(0.4, 0.9), radians=0.5, pixels=4, generator=seeded())
    # bilinear interpolation misses a wave of length 2 pi 7 by h^2 / 8 times its curvature 0.2 / 7^2, at each resampling
    error = (together - step)[..., 20:44, 20:44].abs()
    assert error.max() < 2 * 4 * 0.2 / 7**2 / 8
    assert (together - smooth).abs().max() > 0.1


def test_a_slider_changes_nothing_else():
    """With the same seed, twice the strength is the same draw twice as far, and the other draws stay."""
    weak = motion(random_view(ramps(50), scale=(0.3, 0.9), radians=0.2, generator=seeded()))
    strong = motion(random_view(ramps(50), scale=(0.3, 0.9), radians=0.4, generator=seeded()))
    torch.testing.assert_close(strong[1], 2 * weak[1])
    torch.testing.assert_close(strong[0], weak[0])
    torch.testing.assert_close(strong[2], weak[2])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"images": torch.zeros(1, 3, 8, 8, dtype=torch.uint8)}, TypeError, "float tensor in .* got torch.uint8"),
        ({"images": [[0.0]]}, TypeError, "got list"),
        ({"images": torch.zeros(3, 8, 8)}, ValueError, r"\(B, C, H, W\), got shape \(3, 8, 8\)"),
        ({"scale": (0.0, 1.0)}, ValueError, r"0 < low <= high <= 1, got \(0.0, 1.0\)"),
        ({"scale": (0.8, 0.6)}, ValueError, "scale"),
        ({"scale": (0.8, 1.2)}, ValueError, "scale"),
        ({"scale": 0.8}, ValueError, "scale must be .* got 0.8"),
        ({"pixels": -1.0}, ValueError, "pixels must be a finite number >= 0, got -1.0"),
        ({"radians": math.inf}, ValueError, "radians must be a finite number >= 0, got inf"),
        ({"std": math.nan}, ValueError, "std must be a finite number >= 0, got nan"),
    ],
)
def test_bad_arguments(arguments, error, message):
    """Every wrong argument is named, with what was given."""
    with pytest.raises(error, match=message):
        random_view(**{"images": torch.zeros(1, 1, 8, 8)} | arguments)
