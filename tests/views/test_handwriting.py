"""The view of handwriting: its equation point by point, the range of its draws, and its pen."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from support.views_cases import N_DRAWS, TOLERANCE, distance_from_uniform, random_images, seeded

from mlteach.views import handwriting, handwriting_view

STRENGTHS = ("radians", "shear", "scale", "aspect", "pixels", "elastic", "stroke")
STILL = dict.fromkeys(STRENGTHS, 0.0)


def ramps(n, height, width):
    """(n, 2, H, W) images: channel 0 holds x, channel 1 y, in pixels from the centre."""
    y = torch.arange(height, dtype=torch.float64) - (height - 1) / 2
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    return torch.stack(torch.meshgrid(x, y, indexing="xy")).expand(n, 2, height, width)


def inner(x):
    return x[..., 6:-6, 6:-6]


@pytest.mark.parametrize("size", [(21, 21), (21, 31)])
def test_resampling_is_its_equation(size):
    """On ramps a view holds where it was read: at A (u - t) + e, for any shape of image."""
    linear = torch.tensor([[[1.1, 0.2], [-0.1, 0.9]]], dtype=torch.float64)
    shift = torch.tensor([[0.7, -0.4]], dtype=torch.float64)
    half = torch.tensor([size[1], size[0]], dtype=torch.float64)[:, None, None] / 2
    warp = torch.tensor([0.02, -0.03], dtype=torch.float64)[None, :, None, None].expand(1, 2, 5, 5)
    images = ramps(1, *size)
    view = handwriting._resample(images, linear, shift, warp)
    moved = images - shift[:, :, None, None]
    expected = torch.einsum("bij,bjhw->bihw", linear, moved) + half * warp[:, :, :1, :1]
    torch.testing.assert_close(inner(view), inner(expected))


def linear_part(view):
    """(n, 2, 2) by how much the place that is read moves with each pixel of the view."""
    middle = view.shape[-1] // 2
    origin = view[:, :, middle, middle]
    right = view[:, :, middle, middle + 1] - origin
    down = view[:, :, middle + 1, middle] - origin
    return torch.stack([right, down], 2), origin


@pytest.mark.parametrize("name", ["radians", "shear", "scale", "aspect"])
def test_each_strength_is_one_uniform_number(name):
    """Read off from the matrix of a view, the number is uniform between minus and plus."""
    view = handwriting_view(ramps(N_DRAWS, 21, 21), **(STILL | {name: 0.3}), generator=seeded())
    matrix, origin = linear_part(view)
    a, b, c, d = matrix.flatten(1).unbind(1)
    number = {
        "radians": torch.atan2(c, a),
        "shear": b,
        "scale": torch.linalg.det(matrix).log() / 2,
        "aspect": (a / d).log(),
    }[name]
    assert distance_from_uniform(number, -0.3, 0.3) < TOLERANCE
    assert origin.abs().max() < 1e-9
    size = matrix.pow(2).sum((1, 2))
    if name == "radians":
        torch.testing.assert_close(size, torch.full_like(size, 2))
    if name in ("scale", "aspect"):
        assert torch.stack([b, c]).abs().max() < 1e-9


def test_shift_is_uniform():
    view = handwriting_view(ramps(N_DRAWS, 21, 21), **(STILL | {"pixels": 3}), generator=seeded())
    origin = linear_part(view)[1]
    for direction in origin.unbind(1):
        assert distance_from_uniform(direction, -3, 3) < TOLERANCE
    assert torch.corrcoef(origin.T)[0, 1].abs() < 5 / math.sqrt(N_DRAWS)


def test_warp_moves_knots_as_far_as_it_says():
    """The middle knot of 5 x 5 is the middle pixel of an odd image: there the shift is uniform."""
    view = handwriting_view(
        ramps(N_DRAWS, 21, 21), **(STILL | {"elastic": 0.2}), generator=seeded()
    )
    for direction in linear_part(view)[1].unbind(1):
        assert distance_from_uniform(direction, -0.2 * 10.5, 0.2 * 10.5) < TOLERANCE


def test_pen():
    """Thick strokes are the brightest of 3 x 3, thin ones the darkest, in between a mixture."""
    images = random_images(3, 1, 9, 9)
    thin, same, thick = handwriting._pen(images, torch.tensor([-1.0, 0.0, 1.0]).double())
    patches = F.unfold(images, 3, padding=1).view(3, 9, 9, 9)[..., 1:-1, 1:-1]
    torch.testing.assert_close(thin[0, 1:-1, 1:-1], patches[0].amin(0))
    assert torch.equal(same, images[1])
    torch.testing.assert_close(thick[0, 1:-1, 1:-1], patches[2].amax(0))
    half = handwriting._pen(images[2:], torch.tensor([0.5]).double())
    torch.testing.assert_close(half[0], (images[2] + thick) / 2)


def test_pen_thickens_as_often_as_it_thins():
    images = random_images(1, 1, 9, 9).repeat(1000, 1, 1, 1)
    view = handwriting_view(images, **(STILL | {"stroke": 0.8}), generator=seeded())
    heavier = (view.mean((1, 2, 3)) > images.mean((1, 2, 3))).double().mean()
    assert abs(heavier - 0.5) < 5 * 0.5 / math.sqrt(1000)
    assert 0 <= view.min() <= view.max() <= 1


def test_other_strengths_leave_a_draw_alone():
    """A slider of one strength changes nothing else: with the pen the place stays as it was."""
    images = ramps(8, 21, 21)
    two = [handwriting_view(images, stroke=s, elastic=0, generator=seeded()) for s in (0, 1e-12)]
    torch.testing.assert_close(*two)
