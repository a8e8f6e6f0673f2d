"""The checks on views pass the right answers and name each mistake that they know."""

import math

import pytest
import torch
from support.every_check import EveryCheck

from mlteach import checks
from mlteach.mistakes import mistakes_in, views
from mlteach.views import soft_labels


def right_saturation(images, draws, strength):
    views = []
    for image, draw in zip(images, draws, strict=True):
        low = max(0.0, 1 - strength)
        factor = low + (1 + strength - low) * draw
        grey = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
        views.append((grey + factor * (image - grey)).clip(0, 1))
    return torch.stack(views)


def right_labels(labels, partners, share, n_classes):
    rows = []
    for label, partner, part in zip(
        labels.tolist(), partners.tolist(), share.tolist(), strict=True
    ):
        row = [0.0] * n_classes
        row[label] += part
        row[partner] += 1 - part
        rows.append(row)
    return torch.tensor(rows)


def right_kept(width, height, x, y, share):
    """By counting points of a fine grid."""
    n = 4000
    across = (torch.arange(n) + 0.5) * width / n
    down = (torch.arange(n) + 0.5) * height / n
    in_x = ((across - x).abs() < width * math.sqrt(1 - share) / 2).double().mean()
    in_y = ((down - y).abs() < height * math.sqrt(1 - share) / 2).double().mean()
    return 1 - in_x * in_y


RIGHT = {
    "saturation_jitter": right_saturation,
    "mixup_labels": right_labels,
    "kept_share": right_kept,
}
MISTAKES = {
    "saturation_jitter": mistakes_in(views.colour.saturation_jitter),
    "mixup_labels": mistakes_in(soft_labels),
    "kept_share": mistakes_in(views.two_images.kept_share),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


@pytest.mark.parametrize(
    ("name", "given", "part"),
    [
        (
            "saturation_jitter",
            lambda images, draws, strength: images.mul_(draws[:, None, None, None]),
            "changes its",
        ),
        ("saturation_jitter", lambda images, draws, strength: images * draws, "RuntimeError"),
        (
            "saturation_jitter",
            lambda images, draws, strength: images,
            "your result does not depend on `draws`",
        ),
        (
            "mixup_labels",
            lambda labels, partners, share, n_classes: labels,
            "shape (5,), expected (5, 3)",
        ),
        (
            "kept_share",
            lambda width, height, x, y, share: share + 0.1,
            "your result does not depend on",
        ),
    ],
)
def test_whatever_a_learner_hands_in_is_answered(name, given, part):
    verdict = getattr(checks, name)(given)
    assert not verdict.passed
    assert part in verdict.message


@pytest.mark.parametrize(
    "options",
    [
        {"jitter": 0.0, "grayscale": 0.0},
        {"jitter": 0.1, "grayscale": 0.0, "scale": (0.3, 1.0)},
        {"jitter": 0.0, "grayscale": 0.0, "scale": (1.0, 1.0), "radians": 0.5, "blur": 0.5},
    ],
)
def test_views_that_keep_the_colour_pass(options):
    assert checks.colour_views(options).passed


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({}, "the hue of a view lies 0."),
        ({"jitter": 1.0, "grayscale": 0.0}, "would learn to forget the colour"),
        ({"jitter": 0.0}, "20% of the views are grey"),
        ({"jitter": 0.0, "grayscale": 1.0}, "100% of the views are grey"),
        (
            {"jitter": 0.0, "grayscale": 0.0, "scale": (1, 1), "radians": 0.0, "flip": 0.0},
            "a thing moves by 0.0%",
        ),
        (
            {"jitter": 0.0, "grayscale": 0.0, "scale": (1, 1), "radians": 0.0, "flip": 0.5},
            "a thing moves by 0.0%",
        ),
        (
            {"jitter": 0.0, "grayscale": 0.0, "scale": (0.01, 0.02)},
            "shows 1.5% of its image's area",
        ),
        ({"jiter": 0.0}, "does not take these options"),
        ({"jitter": -1.0}, "jitter must be a number in"),
        (None, "a dictionary of options of simclr_view is expected here, got NoneType"),
        (0.0, "got float"),
    ],
)
def test_views_that_lose_the_colour_or_change_nothing_are_explained(options, part):
    verdict = checks.colour_views(options)
    assert not verdict.passed
    assert part in verdict.message


def test_label_changing_views():
    """The right set passes in any form; whatever is missing or too much is named."""
    assert checks.label_changing_views({"mirror image", "half turn"}).passed
    assert checks.label_changing_views(["half turn", "mirror image"]).passed
    for answer, part in {
        (): "flipped 2",
        ("mirror image",): "a 6 out of a 9",
        ("mirror image", "half turn", "noise"): "'noise' is harmless",
        ("flip",): "'flip' is none of mirror image",
    }.items():
        verdict = checks.label_changing_views(answer)
        assert not verdict.passed
        assert part in verdict.message
    for answer in (None, "half turn", 3):
        assert (
            "a set of names, such as {'noise'}, is expected"
            in checks.label_changing_views(answer).message
        )
