"""The coloured shapes: each factor is in the image as its number says, none tells the shape."""

import colorsys
import hashlib
import importlib
import math

import pytest
import torch

from mlteach.data import shapes

# the package holds a function of the same name
module = importlib.import_module("mlteach.data.shapes")
GREY = torch.tensor([0.299, 0.587, 0.114])[:, None, None]  # ITU-R BT.601


def moon_area():
    """The disc of radius 0.9 less what the disc of radius 0.75 at distance 0.45 covers of it."""
    big, small = 0.9, 0.75
    apart = 0.45
    along = (apart**2 + big**2 - small**2) / (2 * apart)  # from the big centre to the common chord
    segments = [(big, along), (small, apart - along)]
    overlap = sum(r**2 * math.acos(d / r) - d * math.sqrt(r**2 - d**2) for r, d in segments)
    return math.pi * big**2 - overlap


# areas where the unit circle's radius is 1, by school geometry
AREAS = {
    "disc": math.pi * 0.85**2,
    "ring": math.pi * (0.9**2 - 0.5**2),
    "square": 1.5**2,
    "triangle": 3 * math.sqrt(3) / 4,  # equilateral, circumradius 1
    "star": 10 * 0.5 * 0.45 * math.sin(math.pi / 5),  # ten triangles: centre, tip (1), notch (0.45)
    "cross": 2 * 1.9 * 0.6 - 0.6**2,
    "heart": 1.1**2 + math.pi * 0.55**2,  # a square and two half discs
    "moon": moon_area(),
}


def cover(name, diameter=0.8, angle=0.3):
    """(32, 32) share of each pixel that the shape covers."""
    here = (torch.arange(32, dtype=torch.float64) + 0.5) / 16 - 1
    row, column = torch.meshgrid(here, here, indexing="ij")
    one = torch.ones(1, dtype=torch.float64)
    label = torch.tensor([module.SHAPES.index(name)])
    return module._cover(label, column[None], row[None], angle * one, diameter * one)[0]


@pytest.mark.parametrize("name", module.SHAPES)
@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_covered_area(name, angle):
    """Half-covered edge pixels included, each shape covers its area, at any angle."""
    expected = AREAS[name] * (0.8 * 16) ** 2  # pixels
    assert cover(name, angle=angle).sum().item() == pytest.approx(expected, rel=0.02)


def test_orientation():
    """Unturned, triangle, star and heart equal their flips; only the heart points down."""
    for name in ("triangle", "star", "heart"):
        drawn = cover(name, angle=0.0)
        assert torch.allclose(drawn, drawn.flip(1), atol=1e-9)
    tip = {
        name: cover(name, angle=0.0).sum(1).nonzero().flatten()
        for name in ("triangle", "star", "heart")
    }
    widths = {name: cover(name, angle=0.0).sum(1) for name in tip}
    assert widths["triangle"][tip["triangle"][0]] < 2 < widths["triangle"][tip["triangle"][-2]]
    assert widths["star"][tip["star"][0]] < 2
    assert widths["heart"][tip["heart"][-1]] < 2 < widths["heart"][tip["heart"][1]]


@pytest.mark.parametrize("angle", [-0.5, 0.0, 0.3])
def test_rotation_is_clockwise(angle):
    """The moon's weight is left of its centre, and turns clockwise with a positive angle."""
    here = (torch.arange(32) + 0.5) / 16 - 1
    drawn = cover("moon", angle=angle)
    x, y = (drawn.sum(0) * here).sum(), (drawn.sum(1) * here).sum()
    assert math.atan2(-y, -x) == pytest.approx(angle, abs=0.02)


def plain(n=400, seed=2):
    """Images without texture and noise."""
    return shapes(n, seed, texture=0, noise=0)


def test_hue_is_the_shape_s_colour():
    """The pixel at a disc's middle has the factor's hue, as the standard library converts it."""
    drawn = plain()
    chosen = (drawn.labels == module.SHAPES.index("disc")).nonzero().flatten()
    for i in chosen.tolist():
        column, row = (int((drawn.factors[axis][i] + 1) * 16) for axis in "xy")
        hue, _, _ = colorsys.rgb_to_hsv(*drawn.images[i, :, row, column].tolist())
        apart = abs(hue - drawn.factors["hue"][i].item())
        assert min(apart, 1 - apart) < 0.01
    assert len(chosen) > 30
    assert torch.equal(drawn.factors["hue_class"], (drawn.factors["hue"] * 8).long())


def test_background_is_the_corner_s_hue():
    """A corner that no shape reaches has the factor's hue."""
    drawn = plain()
    free = (drawn.factors["size"] < 0.6).nonzero().flatten()[:50]
    for i in free.tolist():
        row = 0 if drawn.factors["y"][i] > 0 else 31
        column = 0 if drawn.factors["x"][i] > 0 else 31
        hue, _, _ = colorsys.rgb_to_hsv(*drawn.images[i, :, row, column].tolist())
        apart = abs(hue - drawn.factors["background"][i].item())
        assert min(apart, 1 - apart) < 0.03  # 8 bits of a pale colour hold the hue this well


def middle_and_corner(drawn):
    """Mean colour of the shape's darkest or brightest part and of the background, in grey."""
    grey = (drawn.images * GREY).sum(1).flatten(1)
    bright = drawn.factors["polarity"] == 1
    return torch.where(bright, grey.amax(1), grey.amin(1)), grey.median(1).values


def test_shapes_are_visible_in_grey():
    """Bright on dark or dark on bright as the polarity says, half of each, always apart."""
    # small: the median is background
    drawn = shapes(4000, 1, size=(0.45, 0.5), texture=0, noise=0)
    shape, background = middle_and_corner(drawn)
    sign = 2 * drawn.factors["polarity"] - 1
    assert ((shape - background) * sign).min() > 0.07
    # five standard errors
    assert drawn.factors["polarity"].float().mean().item() == pytest.approx(0.5, abs=0.04)


def test_place_and_size():
    """A disc's weight lies at (x, y), and it is as wide as its diameter says."""
    drawn = plain()
    inside = (drawn.factors["x"].abs() + drawn.factors["size"] < 1) & (
        drawn.factors["y"].abs() + drawn.factors["size"] < 1
    )
    discs = drawn.subset(inside & (drawn.labels == 0))
    assert len(discs) > 5
    ground = discs.images[:, :, :1, :1]
    weight = (discs.images - ground).abs().sum(1)
    weight = weight / weight.amax((1, 2), keepdim=True)
    here = (torch.arange(32) + 0.5) / 16 - 1
    x = (weight.sum(1) * here).sum(1) / weight.sum((1, 2))
    y = (weight.sum(2) * here).sum(1) / weight.sum((1, 2))
    assert torch.allclose(x, discs.factors["x"], atol=0.02)
    assert torch.allclose(y, discs.factors["y"], atol=0.02)
    radius = (weight.sum((1, 2)) / math.pi).sqrt() / 16
    assert torch.allclose(radius, 0.85 * discs.factors["size"], rtol=0.03)


def test_factors_are_independent():
    """No factor's mean depends on the shape beyond chance; a size tied to it would be seen."""

    def dependence(labels, values):
        """F statistic of a one-way analysis of variance."""
        groups = [values[labels == k].double() for k in range(8)]
        between = sum(len(g) * (g.mean() - values.double().mean()) ** 2 for g in groups) / 7
        within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (len(values) - 8)
        return (between / within).item()

    drawn = shapes(4000, 4)
    for name in ("hue", "size", "x", "y", "rotation", "background", "polarity"):
        # p = 1e-5 at (7, 3992) degrees
        assert dependence(drawn.labels, drawn.factors[name].float()) < 5, name
    tied = drawn.factors["size"] + 0.01 * drawn.labels
    assert dependence(drawn.labels, tied) > 5
    assert drawn.labels.bincount().min() > 4000 / 8 * 0.8


def knn(train, train_labels, test, test_labels):
    """Share of right labels by the five nearest drawn."""
    nearest = torch.cdist(test, train).topk(5, largest=False).indices
    return (train_labels[nearest].mode(1).values == test_labels).float().mean().item()


def test_pixels_do_not_give_the_shape_away():
    """With 2,000 labels five nearest neighbours find under 55 % of the shapes; chance is 12.5 %.

    Measured: 45 % over seeds; a thousand test images scatter by 1.6.
    """
    train, test = shapes(2000, 0), shapes(1000, 1)
    accuracy = knn(train.images.flatten(1), train.labels, test.images.flatten(1), test.labels)
    assert 0.3 < accuracy < 0.55


def test_the_same_everywhere():
    """Images and factors to the bit: 8 bits from float64, which drops what machines differ in.

    The sum was taken once from this code; what the images show is held by the tests above.
    """
    drawn = shapes(200, 3)
    parts = [drawn.images, drawn.labels, *drawn.factors.values()]
    assert hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest() == SHAPES
    assert not torch.equal(drawn.images, shapes(200, 4).images)
    assert torch.equal((drawn.images * 255).round() / 255, drawn.images)


SHAPES = "04ade115bf9326d6a7c77d1b33f9d074f1dd3123e570ae1ad9919739f2a3ec1f"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 0}, "n must be a whole number >= 1, got 0"),
        ({"size": (0.8, 0.4)}, r"size must be .* got \(0.8, 0.4\)"),
        ({"size": (0.5, 1.5)}, "size must be"),
        ({"seed": -1}, "seed must be a whole number between 0 and 4294967295, got -1"),
        ({"noise": -1}, "noise must be a number in .0, 1e.06., got -1"),
        ({"texture": -1}, "texture must be a number in .0, 1e.06."),
        ({"rotation": -0.1}, "rotation must be a number in .0, 1e.06."),
    ],
)
def test_shapes_bad_arguments(change, message):
    """Errors name the argument, what was given and what is allowed."""
    with pytest.raises(ValueError, match=message):
        shapes(**change)
