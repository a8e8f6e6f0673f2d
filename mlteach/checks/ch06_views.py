"""Checks of the chapter on views: the definitions, and the mistakes that people make."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mlteach.checks._core import Case, Verdict, judge
from mlteach.views import simclr_view, soft_labels
from mlteach.views.colour import GREY


def _uniform(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=Generator().manual_seed(seed))


# --- saturation ----------------------------------------------------------------------------------


def _saturation_jitter(
    images, draws, strength, *,
    weights=GREY, lowest=0.0, around=1.0, blended=True, clamped=True, draw_of="picture", over="channels",
) -> Tensor:  # fmt: skip
    """Saturation with a factor for each picture, with every part that can be got wrong as an
    option.
    """
    draws = {"picture": draws, "batch": draws[:1].expand(len(images)), "next": draws.roll(1)}[
        draw_of
    ]
    low, high = max(lowest, around - strength), around + strength
    factor = (low + (high - low) * draws)[:, None, None, None]
    grey = (images * torch.tensor(weights)[:, None, None]).sum(1, keepdim=True)  # (B, 1, H, W)
    if over == "picture":
        grey = grey.mean((2, 3), keepdim=True)
    view = factor * images + (1 - factor) * grey if blended else factor * images
    return view.clamp(0, 1) if clamped else view


SATURATION_MISTAKES = {
    "every picture gets the factor of the first one: each has its own draw, so give draws the shape (B, 1, 1, 1)":
        partial(_saturation_jitter, draw_of="batch"),
    "the pictures get each other's draws: draw i belongs to picture i": partial(_saturation_jitter, draw_of="next"),
    "the factor must not fall below 0: at strength 1.5 it begins at max(0, 1 - 1.5) = 0":
        partial(_saturation_jitter, lowest=-math.inf),
    "the factor is drawn around 0: 1 changes nothing, so it is drawn from 1 - strength to 1 + strength":
        partial(_saturation_jitter, around=0.0, lowest=-math.inf),
    "this is brightness: move each pixel away from its own grey, factor x + (1 - factor) grey":
        partial(_saturation_jitter, blended=False),
    "your grey is the plain mean of the three channels: green looks brighter than blue, weigh 0.299, 0.587, 0.114":
        partial(_saturation_jitter, weights=(1 / 3, 1 / 3, 1 / 3)),
    "this is contrast: every pixel has its own grey, not the mean grey of the picture":
        partial(_saturation_jitter, over="picture"),
    "colours leave [0, 1]: clamp at the end": partial(_saturation_jitter, clamped=False),
}  # fmt: skip


def saturation_jitter(given: Any) -> Verdict:
    """Checks ``given(images, draws, strength)``, (B, 3, H, W) and (B,) in [0, 1), against a draw
    for each picture.
    """
    cases = [
        Case(
            f"with {size} pictures at strength {strength}",
            (_uniform(size, 3, 5, 6, seed=size), draws, strength),
        )
        for size, draws in ((4, _uniform(4, seed=9)), (6, _uniform(6, seed=8)))
        for strength in (0.4, 1.5, 0.0)
    ]
    return judge(given, _saturation_jitter, cases, SATURATION_MISTAKES, gradients=False)


# --- soft labels ---------------------------------------------------------------------------------


def _right_labels(labels, partners, share, n_classes) -> Tensor:
    return soft_labels(labels, partners, share, n_classes=n_classes)


def _overwritten(labels, partners, share, n_classes) -> Tensor:
    """Assigns instead of adding."""
    soft = torch.zeros(len(labels), n_classes)
    rows = torch.arange(len(labels))
    soft[rows, labels] = share
    soft[rows, partners] = 1 - share
    return soft


def _shared(labels, partners, share, n_classes, *, change) -> Tensor:
    return _right_labels(labels, partners, change(share), n_classes)


MIXUP_LABEL_MISTAKES = {
    "the shares are the wrong way round: share belongs to labels, 1 - share to partners":
        partial(_shared, change=lambda share: 1 - share),
    "where both pictures are of one class the second assignment overwrites the first: add the two":
        _overwritten,
    "each row takes one side only: the label is soft, share for one class and 1 - share for the other":
        partial(_shared, change=lambda share: (share >= 0.5).to(share)),
    "every pair gets one half each: each has its own share": partial(_shared, change=lambda share: 0 * share + 0.5),
    "every pair gets the first pair's share: each has its own":
        partial(_shared, change=lambda share: share[:1].expand_as(share)),
    "the partner's part is missing, so that the rows do not add up to 1":
        lambda labels, partners, share, n_classes: share[:, None] * F.one_hot(labels, n_classes),
}  # fmt: skip


def mixup_labels(given: Any) -> Verdict:
    """Checks ``given(labels, partners, share, n_classes)``, three times (B,) -> (B, n_classes),
    against soft labels.
    """
    cases = [
        Case(
            "with 5 pairs of 3 classes",
            (_classes(0, 2, 1, 1, 0), _classes(1, 0, 1, 2, 2), _uniform(5, seed=1), 3),
        ),
        Case(
            "with 2 pairs of 8 classes",
            (_classes(7, 3), _classes(3, 3), torch.tensor([0.1, 0.6]), 8),
        ),
        Case(
            "with shares of 0 and 1",
            (_classes(0, 1, 2), _classes(2, 2, 0), torch.tensor([0.0, 1.0, 1.0]), 4),
        ),
    ]
    return judge(given, _right_labels, cases, MIXUP_LABEL_MISTAKES, gradients=False)


def _classes(*numbers: int) -> Tensor:
    return torch.tensor(numbers)


# --- the box of CutMix ---------------------------------------------------------------------------


def _kept_share(
    width, height, x, y, share, *, side=math.sqrt, ends=(True, True), turned=False, scaled=True
) -> Tensor:
    """The share outside a clipped box, with every part that can be got wrong as an option."""
    pasted = 1.0
    for length, centre in ((width, x), (height, y)):
        start, end = centre - length * side(1 - share) / 2, centre + length * side(1 - share) / 2
        start, end = max(start, 0) if ends[0] else start, min(end, length) if ends[1] else end
        pasted *= (end - start) / (length if scaled else 1)
    return torch.tensor(pasted if turned else (1 if scaled else width * height) - pasted)


KEPT_SHARE_MISTAKES = {
    "you return the share as it was drawn: a part of the box can lie outside the picture and pastes nothing":
        partial(_kept_share, ends=(False, False)),
    "the box is clipped at 0 only: it can also reach beyond the width or the height":
        partial(_kept_share, ends=(True, False)),
    "the box is clipped at the far ends only: it can also begin below 0": partial(_kept_share, ends=(False, True)),
    "the sides are the root of the area: width √(1 - share) and height √(1 - share)":
        partial(_kept_share, side=lambda area: area),
    "that is the part that is pasted: the picture keeps the rest": partial(_kept_share, turned=True),
    "that is an area in pixels: divide by width times height": partial(_kept_share, scaled=False),
}  # fmt: skip


def kept_share(given: Any) -> Verdict:
    """Checks ``given(width, height, x, y, share)`` against the share of the picture outside the
    clipped box.
    """
    places = {
        "with the box in the middle": (32.0, 32.0, 16.0, 16.0, 0.75),
        "with the box over the left edge": (32.0, 32.0, 1.0, 16.0, 0.5),
        "with the box over the lower right corner": (40.0, 20.0, 38.0, 19.0, 0.3),
        "with the box over the upper left corner": (10.0, 30.0, 0.0, 2.0, 0.6),
        "with a box as large as the picture": (32.0, 32.0, 16.0, 16.0, 0.0),
    }
    cases = [Case(title, arguments) for title, arguments in places.items()]
    return judge(given, _kept_share, cases, KEPT_SHARE_MISTAKES, gradients=False)


# --- views for a task in which colour matters ----------------------------------------------------

CLASS_OF_HUE = 1 / 8  # of the circle


def colour_views(options: Any) -> Verdict:
    """Checks options of `simclr_view` for a task in which colour is what matters and place and size
    are not.
    """
    if not isinstance(options, Mapping):
        return Verdict(
            False,
            f"a dictionary of options of simclr_view is expected, got {type(options).__name__}",
        )
    try:
        turn, grey, moved = _measure(options)
    except (TypeError, ValueError) as error:
        return Verdict(False, f"simclr_view does not take these options: {error}")
    if turn > CLASS_OF_HUE / 2:
        return Verdict(
            False,
            f"the hue of a view lies {turn:.2f} of the circle from its picture's on average, and two hues "
            f"{CLASS_OF_HUE:.3f} apart are different classes here: the network would learn to forget the colour",
        )
    if grey > 0.02:
        return Verdict(
            False, f"{grey:.0%} of the views are grey: their twins must be found without any colour"
        )
    if moved < 0.05:
        return Verdict(
            False,
            f"a thing moves by {moved:.1%} of the picture's side on average: if both views show it at the same "
            "place, a twin can be found by place and outline, and nothing need be learned about colour",
        )
    return Verdict(
        True,
        f"hue within {turn:.3f} of the circle, {grey:.0%} grey, things move by {moved:.0%} of the side. "
        "Public checks passed.",
    )


def _measure(options: Mapping[str, Any]) -> tuple[float, float, float]:
    """By how much of the circle views turn the hue, how many are grey, by how much of the side
    things move.
    """
    corners = torch.tensor([[0.6, 0.3, 0.3], [0.3, 0.6, 0.3], [0.3, 0.3, 0.6]])
    # pictures of one colour
    plain = corners.repeat(200, 1)[:, :, None, None].expand(-1, -1, 16, 16)
    views = simclr_view(plain, **{**options, "generator": Generator().manual_seed(0)})
    before, after = plain[:, :, 8, 8], views[:, :, 8, 8]
    grey = (after.amax(1) - after.amin(1)) < 1e-3
    apart = (_hue(after) - _hue(before)).remainder(1)
    turn = torch.minimum(apart, 1 - apart)[~grey]
    here = torch.linspace(0, 1, 17)
    # x and y as two grey pictures
    place = torch.stack([here.expand(17, 17), here[:, None].expand(17, 17)], 0)
    still = {**options, "jitter": 0.0, "grayscale": 0.0, "blur": 0.0}
    views = [
        simclr_view(
            ramp[None, None].repeat(200, 1, 1, 1),
            **{**still, "generator": Generator().manual_seed(1)},
        )
        for ramp in place
    ]
    moved = sum(
        (view[:, 0, 4:13, 4:13] - ramp[4:13, 4:13]).square()
        for view, ramp in zip(views, place, strict=True)
    )
    return (
        turn.mean().item() if len(turn) else 0.0,
        grey.double().mean().item(),
        moved.sqrt().mean().item(),
    )


def _hue(colour: Tensor) -> Tensor:
    """(B, 3) to the place (B,) on the circle of hues, in turns."""
    red, green, blue = colour.unbind(1)
    return torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue) / math.tau


# --- views that change a label -------------------------------------------------------------------

VIEWS_OF_DIGITS = {
    "mirror image": (True, "a mirrored 2, 3 or 7 is no digit at all"),
    "half turn": (True, "a half turn makes a 6 out of a 9"),
    "small turn": (False, "people write slantingly, and a 7 turned by ten degrees is a 7"),
    "shift by a pixel": (False, "a digit is the same a pixel further"),
    "noise": (False, "a little noise does not make another digit"),
    "crop of 80 %": (False, "a digit that is a little larger is the same digit"),
}


def label_changing_views(answer: Any) -> Verdict:
    """Checks the set of names, of `VIEWS_OF_DIGITS`, of the views that can change the label of a
    written digit.
    """
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        return Verdict(
            False, f"a set of names is expected, such as {{'noise'}}, got {type(answer).__name__}"
        )
    chosen = set(answer)
    if unknown := sorted(str(name) for name in chosen - set(VIEWS_OF_DIGITS)):
        return Verdict(False, f"{unknown[0]!r} is none of {', '.join(VIEWS_OF_DIGITS)}")
    for name, (changes, why) in VIEWS_OF_DIGITS.items():
        if changes and name not in chosen:
            return Verdict(False, f"one is missing: {why}")
        if not changes and name in chosen:
            return Verdict(False, f"{name!r} is harmless: {why}")
    return Verdict(True, "a view must keep what the task asks for. Public checks passed.")
