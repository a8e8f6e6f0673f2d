"""Views that change colour, sharpness and noise: by their definitions, and torchvision's."""

from __future__ import annotations

import math
from functools import partial

# before what imports torchvision, which may have to be repaired
from mlteach.mistakes import mistakes_in
from mlteach.mistakes.views.one_image import clamped_before_the_hue
from mlteach.views import add_noise, color_jitter, colour, random_blur, random_grayscale
from mlteach.views._shared import uniforms

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
from torchvision.transforms import functional as tv

# torchvision's weight of red is 0.2989, so that its weights add up to 0.9999; a factor of 2 doubles
# what that changes
TORCHVISION_GREY = 2e-4
STRENGTHS = ("brightness", "contrast", "saturation", "hue")


def jitter(images, *, brightness=1.0, contrast=1.0, saturation=1.0, turn=0.0, clamp=True):
    """The book's colour matrix at given factors, the same for every image."""
    factors = torch.tensor([brightness, contrast, saturation])
    # at strength 2 a factor is 3 times its draw, at 1/2 a turn is its draw less 1/2
    draws = torch.cat([factors / 3, torch.tensor([turn + 0.5])]).to(images).expand(len(images), 4)
    matrix, offset = colour.jitter_matrix(images, draws, 2.0, 2.0, 2.0, 0.5)
    if clamp:
        return colour.recolour(images, matrix, offset)
    return (matrix @ images.flatten(2) + offset[:, None, None]).view_as(images)


# one factor at a time
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_a_single_factor_is_torchvisions(name, factor):
    """Brightness, contrast and saturation equal torchvision's, clamping included, also on grey."""
    adjust = getattr(tv, f"adjust_{name}")
    for images in (random_images(5, 3, 8, 9), random_images(5, 1, 8, 9)):
        theirs = torch.stack([adjust(image, factor) for image in images])
        torch.testing.assert_close(
            jitter(images, **{name: factor}), theirs, rtol=0, atol=TORCHVISION_GREY
        )


def test_hue_turns_as_torchvisions_at_thirds():
    """A third of a turn sends red to green; in between, the rotation keeps the mean."""
    images = random_images(5, 3, 8, 9)
    for turn in (-1 / 3, 0.0, 1 / 3):
        theirs = tv.adjust_hue(images, turn)
        torch.testing.assert_close(jitter(images, turn=turn), theirs, rtol=0, atol=1e-6)
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    torch.testing.assert_close(
        jitter(red, turn=1 / 3).flatten(), torch.tensor([0.0, 1.0, 0.0]), rtol=0, atol=1e-6
    )
    turned = jitter(images, turn=0.21, clamp=False)
    torch.testing.assert_close(turned.mean(1), images.mean(1))
    grey_part = images.mean(1, keepdim=True)
    torch.testing.assert_close((turned - grey_part).norm(dim=1), (images - grey_part).norm(dim=1))


def test_hue_turns_about_as_far_as_torchvisions():
    """Of colours that are not pale, the hue turns by what was set, within 5 % of the circle."""
    turn, hue = 0.2, torch.arange(0, 1, 0.02)
    sixths = (6 * hue[:, None] + torch.tensor([5.0, 3.0, 1.0])) % 6
    lack = torch.minimum(sixths, 4 - sixths).clamp(0, 1)  # a colour circle of the given hues
    colours = (0.6 - 0.2 * lack)[:, :, None, None]
    ours, theirs = jitter(colours, turn=turn, clamp=False), tv.adjust_hue(colours, turn)

    def direction(colour):
        red, green, blue = colour.flatten(1).unbind(1)
        return torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue)

    gap = (direction(ours) - direction(theirs) + math.pi) % math.tau - math.pi
    assert gap.abs().max() < 0.05 * math.tau


def naive_jitter(image, bright, steep, vivid, turn):
    """(3, H, W): the four steps one after the other, pixel by pixel, clamped at the end."""
    image = bright * image
    mean = sum(
        weight * channel.mean()
        for weight, channel in zip((0.299, 0.587, 0.114), image, strict=True)
    )
    image = steep * image + (1 - steep) * mean
    grey = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
    image = vivid * image + (1 - vivid) * grey
    view = torch.empty_like(image)
    axis = torch.full((3,), 1 / math.sqrt(3), dtype=image.dtype)
    for row in range(image.shape[1]):
        for column in range(image.shape[2]):
            pixel = image[:, row, column]
            along = (pixel @ axis) * axis
            across = torch.linalg.cross(axis, pixel)
            view[:, row, column] = (
                along + math.cos(turn) * (pixel - along) + math.sin(turn) * across
            )
    return view.clamp(0, 1)


def test_jitter_is_its_four_steps():
    """The one matrix equals brightness, contrast, saturation and hue in turn."""
    images = random_images(2, 3, 4, 5)
    ours = jitter(images, brightness=1.3, contrast=0.6, saturation=1.8, turn=0.15)
    for image, view in zip(images, ours, strict=True):
        torch.testing.assert_close(view, naive_jitter(image, 1.3, 0.6, 1.8, 0.15 * math.tau))


def test_grey_images_stay_grey():
    """One channel gives the same as three equal ones, which have no saturation and hue."""
    grey = random_images(6, 1, 7, 8)
    strength = {"brightness": 0.5, "contrast": 0.5, "saturation": 0.9, "hue": 0.5}
    three = color_jitter(grey.expand(-1, 3, -1, -1), **strength, generator=seeded())
    one = color_jitter(grey, **strength, generator=seeded())
    torch.testing.assert_close(three, one.expand(-1, 3, -1, -1))
    torch.testing.assert_close(random_grayscale(three, probability=1.0), three)


# what is drawn
# -------------------------------------------------------------------------------------------------


def factors_drawn(name, strength, view=color_jitter):
    """The factor by which each of many images was changed, or the turn of the hue."""
    images = (
        torch.tensor([0.2, 0.1, 0.1], dtype=torch.float64).view(1, 3, 1, 1).repeat(N_DRAWS, 1, 1, 2)
    )
    images[..., 1] += 0.02  # two pixels, one brighter than the other
    out = view(images, **{name: strength}, generator=seeded())
    red, green, blue = out[..., 0].unbind(1)
    if name == "brightness":
        return green / 0.1
    if name == "contrast":
        return (out[:, 1, 0, 1] - green[:, 0]) / 0.02
    if name == "saturation":
        return (red - green) / 0.1
    return torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue) / math.tau


@pytest.mark.parametrize(
    ("name", "strength", "low", "high"),
    [
        ("brightness", 0.4, 0.6, 1.4),
        ("brightness", 1.5, 0.0, 2.5),
        ("contrast", 0.4, 0.6, 1.4),
        ("saturation", 0.4, 0.6, 1.4),
        ("saturation", 1.5, 0.0, 2.5),
        ("hue", 0.1, -0.1, 0.1),
    ],
)
def test_factors_are_uniform_as_torchvisions(name, strength, low, high):
    """Each factor is uniform between torchvision's ends, max(0, 1 - strength) and 1 + strength."""
    assert distance_from_uniform(factors_drawn(name, strength).flatten(), low, high) < TOLERANCE


def test_the_four_factors_are_independent():
    """No two of the four draws of an image are correlated."""
    drawn = torch.stack([factors_drawn(name, 0.4).flatten() for name in STRENGTHS])
    # five standard deviations of 1 / sqrt(n)
    assert torch.corrcoef(drawn).triu(1).abs().max() < 0.08


def test_a_weaker_jitter_is_the_same_draw():
    """With the same seed, half the strength changes every factor half as much."""
    for name in STRENGTHS:
        neutral = 0.0 if name == "hue" else 1.0
        weak, strong = (factors_drawn(name, strength) - neutral for strength in (0.2, 0.4))
        torch.testing.assert_close(2 * weak, strong)


def test_grayscale_is_torchvisions():
    """The chosen images equal torchvision's, as many as set are chosen, and the others stay."""
    images = random_images(N_DRAWS, 3, 2, 2)
    out = random_grayscale(images, probability=0.3, generator=seeded())
    chosen = (out != images).flatten(1).any(1)
    assert abs(chosen.double().mean() - 0.3) < five_deviations(0.3)
    theirs = tv.rgb_to_grayscale(images[chosen], num_output_channels=3)
    torch.testing.assert_close(out[chosen], theirs, rtol=0, atol=TORCHVISION_GREY)


# blur and noise
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sigma", "radius"), [(0.3, 2), (1.0, 3), (2.0, 6)])
def test_blur_is_torchvisions(sigma, radius):
    """The same Gaussian, cut at the same radius, reflected at the same edge, on any sides."""
    images = random_images(2, 3, 9, 13)
    theirs = tv.gaussian_blur(images, 2 * radius + 1, sigma)
    torch.testing.assert_close(
        colour.blur(images, torch.full((2,), sigma).double(), radius=radius), theirs
    )


def naive_blur(image, sigma, radius):
    """(H, W): the weighted mean of every pixel's neighbours, with reflected edges."""
    height, width = image.shape
    view = torch.zeros_like(image)

    def mirror(i, side):
        return abs(i) if i < side else 2 * (side - 1) - i

    offsets = range(-radius, radius + 1)
    total = sum(math.exp(-(a * a + b * b) / (2 * sigma**2)) for a in offsets for b in offsets)
    for row in range(height):
        for column in range(width):
            for a in offsets:
                for b in offsets:
                    weight = math.exp(-(a * a + b * b) / (2 * sigma**2)) / total
                    view[row, column] += (
                        weight * image[mirror(row + a, height), mirror(column + b, width)]
                    )
    return view


def test_every_image_has_its_own_blur():
    """A batch with two widths equals the naive loop at each of them."""
    images = random_images(2, 1, 6, 7)
    out = colour.blur(images, torch.tensor([0.4, 1.3]).double(), radius=3)
    for image, view, sigma in zip(images, out, (0.4, 1.3), strict=True):
        torch.testing.assert_close(view[0], naive_blur(image[0], sigma, 3))


def test_the_width_of_the_blur_is_uniform():
    """Read off from one bright pixel: its height gives the width; the share blurred is as set."""
    images = torch.zeros(N_DRAWS, 1, 1, 25, dtype=torch.float64)
    images[..., 12] = 1
    out = random_blur(images, sigma=(0.8, 2.0), probability=0.5, generator=seeded())[:, 0, 0]
    blurred = out[:, 12] < 1
    assert abs(blurred.double().mean() - 0.5) < five_deviations(0.5)
    # two neighbours of a Gaussian
    sigma = (2 * (out[blurred, 12] / out[blurred, 13]).log()).rsqrt()
    # half as many draws: sqrt(2) times the tolerance
    assert distance_from_uniform(sigma, 0.8, 2.0) < 1.5 * TOLERANCE


def test_a_blur_wider_than_the_image():
    """The Gaussian ends at the image's side at the latest, and a flat image stays flat."""
    flat = torch.full((3, 1, 4, 5), 0.3)
    torch.testing.assert_close(random_blur(flat, sigma=(5.0, 9.0), probability=1.0), flat)


def test_noise():
    """Gaussian with the given standard deviation, mean 0, independent; clamped to [0, 1]."""
    grey = torch.full((40, 1, 50, 50), 0.5)
    noise = add_noise(grey, std=0.05, generator=seeded()) - grey
    n = noise.numel()
    assert abs(noise.mean()) < 5 * 0.05 / math.sqrt(n)
    assert abs(noise.std() - 0.05) < 5 * 0.05 / math.sqrt(2 * n)
    assert abs((noise[:, :, 1:] * noise[:, :, :-1]).mean()) < 5 * 0.05**2 / math.sqrt(n)
    # within one standard deviation lies erf(1 / sqrt(2)) of a Gaussian
    assert abs(
        (noise.abs() < 0.05).double().mean() - math.erf(math.sqrt(0.5))
    ) < 5 * 0.5 / math.sqrt(n)
    loud = add_noise(grey, std=10.0, generator=seeded())
    assert (loud.min(), loud.max()) == (0, 1)


# mutants
# -------------------------------------------------------------------------------------------------


STRENGTH = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.2}


def draws_for_each(view):
    return has_its_own_draw(partial(view, **STRENGTH))


def stays_between_its_ends(view):
    drawn = factors_drawn("brightness", 0.4, view).flatten()
    return distance_from_uniform(drawn, 0.6, 1.4) < TOLERANCE


def never_inverts_a_colour(view):
    return factors_drawn("saturation", 1.5, view).min() >= 0


def clamps_once(view):
    """Equal to the four steps in turn, also where a step leaves [0, 1] on the way."""
    images = random_images(8, 3, 4, 5)
    draws = uniforms(images, 4, seeded())
    out = view(images, brightness=1.0, hue=0.2, generator=seeded())
    return all(
        torch.allclose(
            ours, naive_jitter(image, 2 * bright, 1.0, 1.0, 0.4 * math.pi * (2 * turn - 1))
        )
        for image, ours, (bright, _, _, turn) in zip(images, out, draws.tolist(), strict=True)
    )


def takes_its_own_mean(view):
    """A dark image beside bright ones stays dark under any contrast."""
    levels = torch.tensor([0.1, 0.9], dtype=torch.float64)
    flat = levels[:, None, None, None].expand(2, 3, 4, 4)
    return torch.allclose(view(flat, contrast=1.0, generator=seeded()), flat)


PROPERTIES = [
    draws_for_each,
    stays_between_its_ends,
    never_inverts_a_colour,
    clamps_once,
    takes_its_own_mean,
]


@pytest.mark.parametrize("mistake", mistakes_in(color_jitter), ids=str)
def test_mistaken_jitters_are_caught(mistake):
    assert not all(holds(mistake) for holds in PROPERTIES)


@pytest.mark.parametrize("holds", PROPERTIES)
def test_each_property_is_missed_by_the_mistake_it_is_there_for(holds):
    assert holds(color_jitter)
    assert not all(holds(mistake) for mistake in mistakes_in(color_jitter))


def test_clamping_on_the_way_shows_only_where_something_is_clamped():
    dim = 0.3 + 0.2 * random_images(8, 3, 4, 5)
    for brightness, same in [(0.1, True), (2.0, False)]:
        options = {"brightness": brightness, "hue": 0.05}
        out, clamped = (
            view(dim, **options, generator=seeded())
            for view in (color_jitter, clamped_before_the_hue)
        )
        assert torch.allclose(out, clamped) is same


# arguments
# -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x: color_jitter(x, brightness=-0.1),
            r"brightness must be a number in \[0, 1e\+06\], got -0.1",
        ),
        (
            lambda x: color_jitter(x, contrast=math.inf),
            r"contrast must be a number in \[0, 1e\+06\], got inf",
        ),
        (lambda x: color_jitter(x, hue=0.6), r"hue must be a number in \[0, 0.5\], got 0.6"),
        (
            lambda x: random_grayscale(x, probability=1.2),
            r"probability must be a number in \[0, 1\], got 1.2",
        ),
        (
            lambda x: random_blur(x, probability=-1),
            r"probability must be a number in \[0, 1\], got -1",
        ),
        (
            lambda x: random_blur(x, sigma=(0.0, 1.0)),
            r"sigma must be .* with 0 < low <= high, got \(0.0, 1.0\)",
        ),
        (lambda x: random_blur(x, sigma=2.0), "sigma must be .* got 2.0"),
        (
            lambda x: color_jitter(x[:, :2]),
            "images must have 1 or 3 channels, got 2",
        ),
    ],
)
def test_bad_arguments(call, message):
    """Every wrong argument is named, with what was given."""
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(1, 3, 8, 8))
