"""Checks of the chapter on views."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from mlteach.checks._answers import as_words
from mlteach.checks._core import Case, Verdict, check, expected, judge
from mlteach.checks._verdict import shown, told
from mlteach.mistakes import mistakes_in, views
from mlteach.views import simclr_view, soft_labels


def _uniform(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=Generator().manual_seed(seed))


@check
def saturation_jitter(given: Any) -> Verdict:
    """Checks ``given(images, draws, strength)``, with a draw in [0, 1) for each image."""
    cases = [
        Case(
            f"with {size} images at strength {strength}",
            (_uniform(size, 3, 5, 6, seed=size), draws, strength),
        )
        for size, draws in ((4, torch.tensor([0.6, 0.05, 0.9, 0.3])), (6, _uniform(6, seed=8)))
        for strength in (0.4, 1.5, 0.0)
    ]
    right = views.colour.saturation_jitter
    return judge(given, right, cases, mistakes_in(right), gradients=False)


@check
def mixup_labels(given: Any) -> Verdict:
    """Checks ``given(labels, partners, share, n_classes)``, three times (B,) -> (B, n_classes)."""
    pairs = {
        "with 5 pairs of 3 classes": ([0, 2, 1, 1, 0], [1, 0, 1, 2, 2], _uniform(5, seed=1), 3),
        "with 2 pairs of 8 classes": ([7, 3], [3, 3], torch.tensor([0.1, 0.6]), 8),
        "with shares of 0 and 1": ([0, 1, 2], [2, 2, 0], torch.tensor([0.0, 1.0, 1.0]), 4),
    }
    cases = [
        Case(title, (torch.tensor(labels), torch.tensor(partners), share), {"n_classes": n_classes})
        for title, (labels, partners, share, n_classes) in pairs.items()
    ]
    return judge(given, soft_labels, cases, mistakes_in(soft_labels), gradients=False)


OUTSIDE = "a part of the box lies outside the image there: cut it off at 0, and at width or height"


@check
def kept_share(given: Any) -> Verdict:
    """Checks ``given(width, height, x, y, share)``: the part outside the clipped box."""
    places = {
        "with the box in the middle": (32.0, 32.0, 16.0, 16.0, 0.75),
        "with the box over the left edge": (32.0, 32.0, 1.0, 16.0, 0.5),
        "with the box over the lower right corner": (40.0, 20.0, 38.0, 19.0, 0.3),
        "with the box over the upper left corner": (10.0, 30.0, 0.0, 2.0, 0.6),
        "with a box as large as the image": (32.0, 32.0, 16.0, 16.0, 0.0),
        "with the box in the middle of a broad image": (50.0, 30.0, 25.0, 15.0, 0.36),
        "with the box over the right edge of a high image": (20.0, 52.0, 18.5, 20.0, 0.4),
        "with the box over the lower edge of a high image": (18.0, 44.0, 8.0, 40.0, 0.7),
    }
    cases = [
        Case(title, arguments, edge=OUTSIDE if "over" in title else "")
        for title, arguments in places.items()
    ]
    right = views.two_images.kept_share
    return judge(given, right, cases, mistakes_in(right), gradients=False)


# --- views for a task in which colour matters ----------------------------------------------------

CLASS_OF_HUE = 1 / 8  # of the circle


@check
def colour_views(options: Any) -> Verdict:
    """Checks options of `simclr_view` for a task in which colour matters, place and size do not."""
    if not isinstance(options, Mapping):
        return expected("a dictionary of options of simclr_view", options)
    try:
        turn, grey, moved, seen = _measure(options)
    except Exception as error:  # whatever the options are, it is told
        return Verdict(False, f"simclr_view does not take these options: {told(error)}")
    if turn > CLASS_OF_HUE / 2:
        return Verdict(
            False,
            f"the hue of a view lies {turn:.2f} of the circle from its image's on average, and "
            f"two hues {CLASS_OF_HUE:.3f} apart are different classes here: "
            "the network would learn to forget the colour",
        )
    if grey > 0.02:
        return Verdict(
            False, f"{grey:.0%} of the views are grey: their positives must be found without colour"
        )
    if moved < 0.02:
        return Verdict(
            False,
            f"a thing moves by {moved:.1%} of the image's side on average: "
            "if both views show it at the same place, "
            "the positive can be found by place and outline, "
            "and nothing need be learned about colour",
        )
    if seen < 0.1:
        return Verdict(
            False,
            f"a view shows {seen:.1%} of its image's area on average: "
            "two views of one image need not show any of the same thing",
        )
    return Verdict(
        True,
        f"hue within {turn:.3f} of the circle, {grey:.0%} grey, "
        f"things move by {moved:.0%} of the side. Public checks passed.",
    )


def _measure(options: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """How far hues turn, how many views are grey, how far things move, how much is seen.

    In parts of the circle, of the views, of the image's side and area. A flip alone moves nothing:
    every other pair would show the same image.
    """
    corners = torch.tensor([[0.6, 0.3, 0.3], [0.3, 0.6, 0.3], [0.3, 0.3, 0.6]])
    # images of one colour
    plain = corners.repeat(200, 1)[:, :, None, None].expand(-1, -1, 16, 16)
    views = simclr_view(plain, **{**options, "generator": Generator().manual_seed(0)})
    before, after = plain[:, :, 8, 8], views[:, :, 8, 8]
    grey = (after.amax(1) - after.amin(1)) < 1e-3
    apart = (_hue(after) - _hue(before)).remainder(1)
    turn = torch.minimum(apart, 1 - apart)[~grey]
    here = torch.linspace(0, 1, 17)
    # x and y as two grey images
    place = torch.stack([here.expand(17, 17), here[:, None].expand(17, 17)], 0)
    still = {**options, "jitter": 0.0, "grayscale": 0.0, "blur": 0.0, "flip": 0.0}
    across, down = (
        simclr_view(
            ramp[None, None].repeat(200, 1, 1, 1),
            **{**still, "generator": Generator().manual_seed(1)},
        )[:, 0, 4:13, 4:13]
        for ramp in place
    )
    moved = torch.hypot(across - place[0, 4:13, 4:13], down - place[1, 4:13, 4:13])
    # a line of 8 of the 16 steps in the view, as long as it is in the image
    line = [view[:, 4, 8] - view[:, 4, 0] for view in (across, down)]
    return (
        turn.mean().item() if len(turn) else 0.0,
        grey.double().mean().item(),
        moved.mean().item(),
        4 * torch.hypot(*line).square().mean().item(),
    )


def _hue(colour: Tensor) -> Tensor:
    """(B, 3) to the place (B,) on the circle of hues, in turns."""
    red, green, blue = colour.unbind(1)
    return torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue) / math.tau


# --- views that change a label -------------------------------------------------------------------

VIEWS_OF_DIGITS = {
    "mirror image": (True, "a flipped 2, 3 or 7 is no digit at all"),
    "half turn": (True, "a half turn makes a 6 out of a 9"),
    "small turn": (False, "people write slantingly, and a 7 turned by ten degrees is a 7"),
    "shift by a pixel": (False, "a digit is the same a pixel further"),
    "noise": (False, "a little noise does not make another digit"),
    "crop of 80 %": (False, "a digit that is a little larger is the same digit"),
}


@check
def label_changing_views(answer: Any) -> Verdict:
    """Checks which of `VIEWS_OF_DIGITS` can change the label of a written digit."""
    names = as_words(answer)
    if names is None:
        return expected("a set of names, such as {'noise'},", answer)
    chosen = set(names)
    if unknown := sorted(chosen - set(VIEWS_OF_DIGITS)):
        return Verdict(False, f"{shown(unknown[0])} is none of {', '.join(VIEWS_OF_DIGITS)}")
    for name, (changes, why) in VIEWS_OF_DIGITS.items():
        if changes and name not in chosen:
            return Verdict(False, f"one is missing: {why}")
        if not changes and name in chosen:
            return Verdict(False, f"{name!r} is harmless: {why}")
    return Verdict(True, "a view must keep what the task asks for. Public checks passed.")
