"""Mistakes in changing the saturation of an image."""

from __future__ import annotations

import torch

from mlteach.mistakes._registry import mistake
from mlteach.views.colour import GREY


def saturation_jitter(images, draws, strength):
    """Right: saturation times a factor for each image, by its draw in [0, 1)."""
    return saturated(images, factors(draws, max(0.0, 1 - strength), 1 + strength)).clamp(0, 1)


def saturated(images, factor):
    """Each pixel moved away from its own grey by the factor."""
    grey = (images * torch.tensor(GREY).to(images)[:, None, None]).sum(1, keepdim=True)
    return factor * images + (1 - factor) * grey


def factors(draws, low, high):
    """One factor an image between low and high, (B, 1, 1, 1)."""
    return (low + (high - low) * draws)[:, None, None, None]


@mistake(
    saturation_jitter,
    "every image gets the factor of the first one: "
    "each has its own draw, so give draws the shape (B, 1, 1, 1)",
)
def first_factor_for_all(images, draws, strength):
    return saturation_jitter(images, draws[:1].expand(len(images)), strength)


@mistake(saturation_jitter, "the images get each other's draws: draw i belongs to image i")
def draw_of_another(images, draws, strength):
    return saturation_jitter(images, draws.roll(1), strength)


@mistake(
    saturation_jitter,
    "the factor must not fall below 0: at strength 1.5 it begins at max(0, 1 - 1.5) = 0",
)
def negative_factor(images, draws, strength):
    return saturated(images, factors(draws, 1 - strength, 1 + strength)).clamp(0, 1)


@mistake(
    saturation_jitter,
    "the factor is drawn around 0: "
    "1 changes nothing, so it is drawn from 1 - strength to 1 + strength",
)
def factor_around_zero(images, draws, strength):
    return saturated(images, factors(draws, -strength, strength)).clamp(0, 1)


@mistake(
    saturation_jitter,
    "this is brightness: move each pixel away from its own grey, factor x + (1 - factor) grey",
)
def brightness_for_saturation(images, draws, strength):
    return (images * factors(draws, max(0.0, 1 - strength), 1 + strength)).clamp(0, 1)


@mistake(
    saturation_jitter,
    "your grey is the plain mean of the three channels: "
    "green looks brighter than blue, weigh 0.299, 0.587, 0.114",
)
def plain_grey(images, draws, strength):
    factor = factors(draws, max(0.0, 1 - strength), 1 + strength)
    return (factor * images + (1 - factor) * images.mean(1, keepdim=True)).clamp(0, 1)


@mistake(
    saturation_jitter,
    "this is contrast: every pixel has its own grey, not the mean grey of the image",
)
def contrast_for_saturation(images, draws, strength):
    factor = factors(draws, max(0.0, 1 - strength), 1 + strength)
    mean_grey = saturated(images, torch.zeros(())).mean((2, 3), keepdim=True)
    return (factor * images + (1 - factor) * mean_grey).clamp(0, 1)


@mistake(saturation_jitter, "image and grey are swapped: factor x + (1 - factor) grey")
def parts_swapped(images, draws, strength):
    factor = factors(draws, max(0.0, 1 - strength), 1 + strength)
    return saturated(images, 1 - factor).clamp(0, 1)


@mistake(saturation_jitter, "the factor starts at 1: draw from max(0, 1 - strength), paler too")
def never_paler(images, draws, strength):
    return saturated(images, factors(draws, 1, 1 + strength)).clamp(0, 1)


@mistake(saturation_jitter, "the range is too wide where it begins at 0: it ends at 1 + strength")
def too_wide(images, draws, strength):
    low = max(0.0, 1 - strength)
    return saturated(images, factors(draws, low, low + 2 * strength)).clamp(0, 1)


@mistake(saturation_jitter, "colours leave [0, 1]: clamp at the end")
def not_clamped(images, draws, strength):
    return saturated(images, factors(draws, max(0.0, 1 - strength), 1 + strength))


def _mixed_with(images, draws, strength, grey):
    """The right jitter with another grey."""
    factor = factors(draws, max(0.0, 1 - strength), 1 + strength)
    return (factor * images + (1 - factor) * grey).clamp(0, 1)


def _grey(images, weights):
    return (images * torch.tensor(weights).to(images)[:, None, None]).sum(1, keepdim=True)


@mistake(saturation_jitter, "your grey is the sum of the channels: weigh 0.299, 0.587, 0.114")
def grey_of_the_sum(images, draws, strength):
    return _mixed_with(images, draws, strength, images.sum(1, keepdim=True))


@mistake(saturation_jitter, "your grey is the brightest channel: weigh 0.299, 0.587, 0.114")
def grey_of_the_brightest(images, draws, strength):
    return _mixed_with(images, draws, strength, images.amax(1, keepdim=True))


@mistake(saturation_jitter, "the weights of red and blue are swapped: 0.299, 0.587, 0.114")
def weights_reversed(images, draws, strength):
    return _mixed_with(images, draws, strength, _grey(images, GREY[::-1]))


@mistake(
    saturation_jitter,
    "these are the weights of another standard, 0.2126, 0.7152, 0.0722: "
    "the chapter's are 0.299, 0.587, 0.114",
)
def weights_of_another_standard(images, draws, strength):
    return _mixed_with(images, draws, strength, _grey(images, (0.2126, 0.7152, 0.0722)))


@mistake(saturation_jitter, "your grey is a mean over the batch: every pixel has its own grey")
def grey_of_the_batch(images, draws, strength):
    return _mixed_with(images, draws, strength, _grey(images, GREY).mean(0, keepdim=True))


@mistake(
    saturation_jitter, "grey is added whole: it takes 1 - factor, factor x + (1 - factor) grey"
)
def grey_without_its_factor(images, draws, strength):
    factor = factors(draws, max(0.0, 1 - strength), 1 + strength)
    return (factor * images + _grey(images, GREY)).clamp(0, 1)


@mistake(saturation_jitter, "draw 0 gives the largest factor: it begins at max(0, 1 - strength)")
def draws_the_other_way(images, draws, strength):
    return saturation_jitter(images, 1 - draws, strength)


@mistake(saturation_jitter, "low + high · draw ends beyond: low + (high - low) · draw")
def high_for_the_width(images, draws, strength):
    low, high = max(0.0, 1 - strength), 1 + strength
    return saturated(images, factors(draws, low, low + high)).clamp(0, 1)


@mistake(saturation_jitter, "the factor starts at 0: draw from max(0, 1 - strength)")
def factor_from_zero(images, draws, strength):
    return saturated(images, factors(draws, 0.0, 1 + strength)).clamp(0, 1)


@mistake(saturation_jitter, "half of the range is missing: it ends at 1 + strength")
def half_of_the_range(images, draws, strength):
    return saturated(images, factors(draws, 1 - strength / 2, 1 + strength / 2)).clamp(0, 1)


@mistake(
    saturation_jitter,
    "you clamp the factor: beyond strength 1 many draws then give 0, "
    "and it should run evenly from max(0, 1 - strength)",
)
def factor_clamped(images, draws, strength):
    factor = factors(draws, 1 - strength, 1 + strength).clamp(min=0)
    return saturated(images, factor).clamp(0, 1)


@mistake(
    saturation_jitter,
    "the range begins at |1 - strength|: at strength 1.5 it begins at max(0, -0.5) = 0, not 0.5",
)
def low_reflected(images, draws, strength):
    return saturated(images, factors(draws, abs(1 - strength), 1 + strength)).clamp(0, 1)


@mistake(saturation_jitter, "the strength stops at 1: the range goes on, to 1 + strength")
def strength_at_most_1(images, draws, strength):
    return saturation_jitter(images, draws, min(strength, 1.0))


@mistake(saturation_jitter, "every image gets the mean draw: each has its own")
def mean_draw_for_all(images, draws, strength):
    return saturation_jitter(images, draws.mean().expand_as(draws), strength)


@mistake(saturation_jitter, "you clamp before grey is added: clamp at the end")
def clamped_too_early(images, draws, strength):
    factor = factors(draws, max(0.0, 1 - strength), 1 + strength)
    return (factor * images).clamp(0, 1) + (1 - factor) * _grey(images, GREY)


@mistake(saturation_jitter, "a sigmoid changes every colour: clamp keeps those in [0, 1]")
def sigmoid_for_clamp(images, draws, strength):
    return not_clamped(images, draws, strength).sigmoid()


@mistake(
    saturation_jitter,
    "you stretch the colours to [0, 1]: clamp, which keeps those in between as they are",
)
def stretched_for_clamp(images, draws, strength):
    images = not_clamped(images, draws, strength)
    return (images - images.min()) / (images.max() - images.min())
