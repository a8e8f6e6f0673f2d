"""Views that move: what is drawn is read off from ramps, whose pixels hold their coordinates."""

from __future__ import annotations

import math
from functools import partial

# before what imports torchvision, which may have to be repaired
from mlteach.mistakes import mistakes_in
from mlteach.views import (
    geometry,
    random_crop,
    random_flip,
    random_rotation,
    random_shift,
    random_view,
)

# isort: split

import pytest
import torch
from support.views_cases import (
    N_DRAWS,
    TOLERANCE,
    distance_from_uniform,
    five_deviations,
    has_its_own_draw,
    random_images,
    seeded,
)
from torchvision.transforms import RandomResizedCrop

SIZE = 17


def ramps(n):
    """(n, 2, SIZE, SIZE) images: channel 0 holds x, channel 1 y, in pixels from the centre."""
    steps = torch.arange(SIZE, dtype=torch.float64) - SIZE // 2
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y]).expand(n, 2, SIZE, SIZE)


def motion(view):
    """Area (n,) and angle (n,) of the box that each view of a ramp shows, and its middle (n, 2)."""
    middle = SIZE // 2
    origin = view[:, :, middle, middle]
    right = view[:, :, middle, middle + 1] - origin
    return right.square().sum(1), torch.atan2(right[:, 1], right[:, 0]), origin


# the resampling
# -------------------------------------------------------------------------------------------------


def warp(
    images,
    *,
    side=1.0,
    centre=(0.0, 0.0),
    radians=0.0,
    shift=(0.0, 0.0),
    fill="zeros",
    warp=geometry._warp,
):
    """`_warp` with the same motion for every image."""

    def every(value):
        return torch.as_tensor(value, dtype=images.dtype).expand(
            len(images), *torch.as_tensor(value).shape
        )

    still = torch.zeros(len(images), dtype=torch.bool)
    return warp(images, every(side), every(centre), every(radians), every(shift), still, fill)


def naive_warp(image, side, centre, radians, shift):
    """(H, W): the docstring's equation, pixel by pixel, bilinear, with 0 outside."""
    height, width = image.shape
    view = torch.zeros_like(image)
    for row in range(height):
        for column in range(width):
            u = (column - (width - 1) / 2 - shift[0], row - (height - 1) / 2 - shift[1])
            x = (
                centre[0]
                + side * (math.cos(radians) * u[0] - math.sin(radians) * u[1])
                + (width - 1) / 2
            )
            y = (
                centre[1]
                + side * (math.sin(radians) * u[0] + math.cos(radians) * u[1])
                + (height - 1) / 2
            )
            for j in (math.floor(y), math.floor(y) + 1):
                for i in (math.floor(x), math.floor(x) + 1):
                    if 0 <= i < width and 0 <= j < height:
                        view[row, column] += (1 - abs(x - i)) * (1 - abs(y - j)) * image[j, i]
    return view


def test_warp_is_the_equation():
    """Crop, turn and shift together equal the naive loop, on images that are not square."""
    images = torch.rand(1, 1, 9, 13, generator=seeded(), dtype=torch.float64)
    motion = {"side": 0.8, "centre": (0.7, -0.4), "radians": 0.6, "shift": (1.3, -2.2)}
    torch.testing.assert_close(warp(images, **motion)[0, 0], naive_warp(images[0, 0], **motion))


def turns_anticlockwise(warp):
    """A quarter turn is torch.rot90, which brings what is on the right to the top."""
    images = torch.rand(2, 3, 12, 12, generator=seeded(), dtype=torch.float64)
    right = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    right[0, 0, 2, 4] = 1
    top = warp(right, radians=math.pi / 2)[0, 0, 0, 2]
    return torch.allclose(
        warp(images, radians=math.pi / 2), images.rot90(1, (2, 3))
    ) and math.isclose(top, 1)


def test_a_positive_angle_turns_anticlockwise():
    """As seen on the screen; the mistaken sign is caught."""
    assert turns_anticlockwise(warp)
    for mistake in mistakes_in(geometry._warp):
        assert not turns_anticlockwise(partial(warp, warp=mistake))


def test_a_turn_keeps_the_shape_of_things():
    """Where the image is not square, its square middle still turns as a square."""
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


# what is drawn
# -------------------------------------------------------------------------------------------------


def area_is_uniform(crop):
    area, _, _ = motion(crop(ramps(N_DRAWS), scale=(0.2, 0.8), generator=seeded()))
    return distance_from_uniform(area, 0.2, 0.8) < TOLERANCE


def draws_for_each(crop):
    return has_its_own_draw(partial(crop, scale=(0.2, 0.8)))


def stays_inside(crop):
    """A crop of a white image is white."""
    white = torch.ones(64, 1, 8, 8)
    return torch.allclose(crop(white, scale=(0.2, 0.8), generator=seeded()), white, atol=1e-5)


def test_crop():
    """Area and place are uniform, the angle stays 0, and nothing outside the image is read."""
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


def is_flipped(view):
    """(n,) whether x runs from right to left in each view of a ramp."""
    return view[:, 0, SIZE // 2, -1] < view[:, 0, SIZE // 2, 0]


def test_flip():
    """Flipped left for right, in the share that was set."""
    flipped = random_flip(ramps(N_DRAWS), probability=0.3, generator=seeded())
    flips = is_flipped(flipped)
    assert abs(flips.double().mean() - 0.3) < five_deviations(0.3)
    torch.testing.assert_close(flipped[flips], ramps(int(flips.sum())).flip(3))
    torch.testing.assert_close(flipped[~flips], ramps(int((~flips).sum())))


def test_a_flip_is_the_same_view_flipped():
    """The flip comes last: crop, turn and shift are those without it, and independent of it."""
    strength = {"scale": (0.3, 0.9), "radians": 2.0, "pixels": 3.0}
    plain = random_view(ramps(N_DRAWS), **strength, generator=seeded())
    flipped = random_view(ramps(N_DRAWS), **strength, flip=1.0, generator=seeded())
    torch.testing.assert_close(flipped, plain.flip(3))
    half = random_view(ramps(N_DRAWS), **strength, flip=0.5, generator=seeded())
    flips = (half - plain).abs().amax((1, 2, 3)) > 1e-6
    area, angle, _ = motion(
        random_view(ramps(N_DRAWS), scale=(0.3, 0.9), radians=2.0, generator=seeded())
    )
    for values in (area, angle):
        rest = distance_from_uniform(values[flips], values.min(), values.max())
        assert rest < 1.5 * TOLERANCE  # half as many draws: sqrt(2) times the tolerance


def test_fill():
    """A white image turned by 45 degrees has black corners only where it is filled with zeros."""
    white = torch.ones(50, 1, 16, 16)
    corner = {
        fill: random_view(white, radians=0.8, fill=fill, generator=seeded())
        for fill in geometry.FILLS
    }
    assert corner["zeros"][..., 0, 0].min() == 0
    assert torch.allclose(corner["border"], white)
    assert torch.allclose(corner["reflection"], white)
    # a shift to the right by 5 repeats the left edge, or reflects the image about it
    image = random_images(1, 1, 9, 9)
    motion = {"side": 1.0, "centre": (0.0, 0.0), "radians": 0.0, "shift": (5.0, 0.0)}
    border = warp(image, **motion, fill="border")[..., :5]
    torch.testing.assert_close(border, image[..., :1].expand_as(border))
    torch.testing.assert_close(
        warp(image, **motion, fill="reflection")[..., :5], image[..., :5].flip(3)
    )


def test_the_area_of_a_crop_is_distributed_as_in_torchvision():
    """RandomResizedCrop with squares: two samples differ no more than two of one distribution."""
    side = 2000  # so large that torchvision's rounding to whole pixels does not matter
    torch.manual_seed(0)
    boxes = [
        RandomResizedCrop.get_params(torch.empty(1, side, side), (0.2, 0.8), (1.0, 1.0))
        for _ in range(N_DRAWS)
    ]
    theirs = torch.tensor([height * width / side**2 for _, _, height, width in boxes])
    left = torch.tensor([x / (side - width) for _, x, _, width in boxes])
    area, _, centre = motion(random_crop(ramps(N_DRAWS), scale=(0.2, 0.8), generator=seeded()))
    room = (1 - area.sqrt()) * (SIZE - 1) / 2
    for ours, other in [(area, theirs), (0.5 + centre[:, 0] / room / 2, left)]:
        pooled = torch.cat([ours, other.double()]).sort().values
        gap = torch.searchsorted(ours.sort().values, pooled, right=True) - torch.searchsorted(
            other.double().sort().values, pooled, right=True
        )
        assert gap.abs().max() / N_DRAWS < 2 * TOLERANCE


PROPERTIES = [draws_for_each, area_is_uniform, stays_inside]


@pytest.mark.parametrize("mistake", mistakes_in(random_crop), ids=str)
def test_mistaken_crops_are_caught(mistake):
    assert not all(holds(mistake) for holds in PROPERTIES)


@pytest.mark.parametrize("holds", PROPERTIES)
def test_each_property_is_missed_by_the_mistake_it_is_there_for(holds):
    assert holds(random_crop)
    assert not all(holds(mistake) for mistake in mistakes_in(random_crop))


def test_all_in_one_resampling():
    """One view is the crop, then the turn, then the shift, by the draws of the three alone."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    smooth = (0.5 + 0.2 * (x / 9).sin() + 0.2 * (y / 7).cos()).expand(5, 1, 64, 64)
    step = random_crop(smooth, scale=(0.4, 0.9), generator=seeded())
    step = random_rotation(step, radians=0.5, generator=seeded())
    step = random_shift(step, pixels=4, generator=seeded())
    together = random_view(smooth, scale=(0.4, 0.9), radians=0.5, pixels=4, generator=seeded())
    # bilinear interpolation misses a wave of length 2 pi 7 by h^2 / 8 times its curvature 0.2 /
    # 7^2, at each resampling
    error = (together - step)[..., 20:44, 20:44].abs()
    assert error.max() < 2 * 4 * 0.2 / 7**2 / 8
    assert (together - smooth).abs().max() > 0.1


def test_a_slider_changes_nothing_else():
    """With the same seed, twice the strength is the same draw twice as far; others stay."""
    weak = motion(random_view(ramps(50), scale=(0.3, 0.9), radians=0.2, generator=seeded()))
    strong = motion(random_view(ramps(50), scale=(0.3, 0.9), radians=0.4, generator=seeded()))
    torch.testing.assert_close(strong[1], 2 * weak[1])
    torch.testing.assert_close(strong[0], weak[0])
    torch.testing.assert_close(strong[2], weak[2])
