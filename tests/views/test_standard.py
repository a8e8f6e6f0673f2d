"""The book's standard view: the single views one after the other."""

from __future__ import annotations

import math

import pytest
import torch
from support.views_cases import N_DRAWS, five_deviations, random_images, seeded

from mlteach.views import color_jitter, random_view, simclr_view
from mlteach.views.standard import JITTER

STILL = {"scale": (1.0, 1.0), "radians": 0.0, "flip": 0.0}
COLOURLESS = {"jitter": 0.0, "grayscale": 0.0}


def test_its_geometry_is_random_views():
    """Without colour it is the crop, turn and flip of the defaults, with repeated edges."""
    images = random_images(20, 3, 12, 12)
    options = {"scale": (0.6, 1.0), "radians": 0.12 * math.pi, "flip": 0.5, "fill": "border"}
    expected = random_view(images, **options, generator=seeded())
    assert torch.equal(simclr_view(images, **COLOURLESS, generator=seeded()), expected)


def test_its_jitter_is_color_jitters():
    """Without geometry its moments are those of `color_jitter` at the base strengths."""
    images = torch.tensor([0.5, 0.3, 0.2]).view(1, 3, 1, 1).repeat(N_DRAWS, 1, 1, 1)
    for jitter in (0.3, 1.0):
        base = {name: jitter * strength for name, strength in JITTER.items()}
        ours = simclr_view(
            images, **STILL, jitter=jitter, grayscale=0.0, generator=seeded()
        ).flatten(1)
        theirs = color_jitter(images, **base, generator=seeded(1)).flatten(1)
        spread = theirs.std(0) / math.sqrt(N_DRAWS)
        assert ((ours.mean(0) - theirs.mean(0)).abs() < 5 * math.sqrt(2) * spread).all()
        torch.testing.assert_close(
            ours.T.cov(), theirs.T.cov(), rtol=0, atol=0.1 * theirs.var(0).max().item()
        )


def test_grey_views():
    """As many as set are grey: the grey of the jittered view that the same draw gives without."""
    images = random_images(N_DRAWS, 3, 2, 2, dtype=torch.float32) * 0.4 + 0.3
    coloured, out = (
        simclr_view(images, **STILL, jitter=0.3, grayscale=share, generator=seeded())
        for share in (0.0, 0.2)
    )
    grey = (out.amax(1) - out.amin(1)).amax((1, 2)) < 1e-6
    assert abs(grey.double().mean() - 0.2) < five_deviations(0.2)
    assert torch.equal(out[~grey], coloured[~grey])
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    expected = (weights * coloured[grey]).sum(1, keepdim=True).expand(-1, 3, -1, -1)
    unclamped = (
        ((coloured[grey] > 0) & (coloured[grey] < 1)).all(1, keepdim=True).expand_as(expected)
    )
    torch.testing.assert_close(out[grey][unclamped], expected[unclamped])


def test_grey_has_nothing_to_do_with_the_jitter():
    """The jittered colours of images that become grey have the distribution of the others'."""
    images = torch.tensor([0.6, 0.4, 0.3]).view(1, 3, 1, 1).repeat(N_DRAWS, 1, 1, 1)
    coloured, out = (
        simclr_view(images, **STILL, grayscale=share, generator=seeded()).flatten(1)
        for share in (0.0, 0.5)
    )
    grey = (coloured != out).any(1)
    spread = coloured.std(0) * (1 / grey.sum() + 1 / (~grey).sum()).sqrt()
    assert ((coloured[grey].mean(0) - coloured[~grey].mean(0)).abs() < 5 * spread).all()


def test_one_strength_at_a_time():
    """With the same seed a stronger jitter leaves the geometry, a blur the other images."""
    images = random_images(60, 1, 12, 12)
    plain, grey, blurred = (
        simclr_view(images, **options, generator=seeded())
        for options in (
            {"jitter": 0.0},
            {"jitter": 0.0, "grayscale": 1.0},
            {"jitter": 0.0, "blur": 0.5},
        )
    )
    torch.testing.assert_close(plain, grey)  # an image of one channel is grey already
    same = (plain == blurred).flatten(1).all(1)
    assert 10 < same.sum() < 50
    dim = simclr_view(images * 0.4 + 0.2, jitter=0.2, generator=seeded())
    # brightness and contrast of one channel: every view is its plain view times a factor, plus an
    # offset
    for one, other in zip(dim.flatten(1), (plain * 0.4 + 0.2).flatten(1), strict=True):
        assert torch.corrcoef(torch.stack([one, other]))[0, 1] > 1 - 1e-9


def test_hue_stays_within_half_a_turn():
    """Twice the base jitter is allowed although its hue would turn further than there is."""
    assert simclr_view(random_images(4, 3, 8, 8), jitter=2.0, generator=seeded()).shape == (
        4,
        3,
        8,
        8,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"jitter": -1.0}, r"jitter must be a number in \[0, 1e\+06\], got -1.0"),
        ({"grayscale": 1.1}, r"grayscale must be a number in \[0, 1\], got 1.1"),
        ({"scale": (0.0, 1.0)}, "scale must be"),
        ({"flip": 2}, r"flip must be a number in \[0, 1\], got 2"),
        ({"blur": 2}, r"blur must be a number in \[0, 1\], got 2"),
        ({"images": torch.zeros(1, 2, 8, 8)}, "images must have 1 or 3 channels, got 2"),
    ],
)
def test_bad_arguments(arguments, message):
    """Every wrong argument is named, as it is called here."""
    with pytest.raises(ValueError, match=message):
        simclr_view(**{"images": torch.zeros(1, 3, 8, 8)} | arguments)
