"""Mistakes in views: of one image, of two images, and in what the exercises on them ask for."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from mlteach.mistakes._registry import mistake
from mlteach.views import (
    blend,
    color_jitter,
    cutmix,
    geometry,
    mixup,
    paste,
    random_crop,
    simclr_view,
    soft_labels,
)
from mlteach.views._shared import uniforms
from mlteach.views.colour import GREY
from mlteach.views.mixing import _draw_pairs

# --- saturation ----------------------------------------------------------------------------------


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


# --- random views --------------------------------------------------------------------------------


@mistake(color_jitter, "the factor is drawn around 0: draw it from 1 - strength to 1 + strength")
def brightness_around_zero(images, *, brightness=0.0, generator=None, **others):
    factor = factors(uniforms(images, 1, generator)[:, 0], -brightness, brightness)
    return color_jitter((factor * images).clamp(0, 1), **others, generator=generator)


@mistake(color_jitter, "a factor below 0 turns colours into their complements: stop at 0")
def saturation_below_zero(images, *, saturation=0.0, generator=None, **others):
    images = negative_factor(images, uniforms(images, 1, generator)[:, 0], saturation)
    return color_jitter(images, **others, generator=generator)


@mistake(
    color_jitter,
    "you clamp between the steps: what was too bright is lost before the hue turns. Clamp once",
)
def clamped_before_the_hue(images, *, hue=0.0, generator, **others):
    state = generator.get_state()
    clamped = color_jitter(images, **others, generator=generator)
    return color_jitter(clamped, hue=hue, generator=generator.set_state(state))


@mistake(color_jitter, "contrast moves towards the mean grey of the whole batch: each has its own")
def contrast_of_the_batch(images, *, contrast=0.0, generator=None, **others):
    images = color_jitter(images, **others, generator=generator)
    draws = uniforms(images, 1, generator)[:, 0]
    factor = factors(draws, max(0.0, 1 - contrast), 1 + contrast)
    mean_grey = saturated(images, torch.zeros(())).mean()
    return (factor * images + (1 - factor) * mean_grey).clamp(0, 1)


def cropped(images, side, reach, draws):
    """A box of side (B,), its centre within reach of the middle for side 0."""
    centre = (1 - side[:, None]) * reach * (2 * draws - 1)
    still = torch.zeros_like(centre)
    unflipped = torch.zeros(len(images))
    return geometry._warp(images, side, centre, still[:, 0], still, unflipped, "zeros")


@mistake(random_crop, "scale is a range of areas, not of sides: a side is the root of the area")
def side_for_area_of_a_crop(images, *, scale, generator=None):
    draws = uniforms(images, 3, generator)
    side = scale[0] + (scale[1] - scale[0]) * draws[:, 0]
    return cropped(images, side, (images.shape[3] - 1) / 2, draws[:, 1:])


@mistake(
    random_crop,
    "the box reaches over the edge: measure its room to the pixels' centres, not to their edges",
)
def box_over_the_edge(images, *, scale, generator=None):
    draws = uniforms(images, 3, generator)
    side = (scale[0] + (scale[1] - scale[0]) * draws[:, 0]).sqrt()
    return cropped(images, side, (images.shape[3] + 1) / 2, draws[:, 1:])


ONE_DRAW = "one draw changes the whole batch: every image needs draws of its own"


def one_draw_for_all(view):
    """The view as it is drawn where each image starts from the same state of the generator."""

    def one_draw(images, *, generator, **options):
        state, views = generator.get_state(), []
        for image in images:
            views.append(view(image[None], generator=generator.set_state(state), **options))
        return torch.cat(views)

    return one_draw


mistake(color_jitter, ONE_DRAW)(one_draw_for_all(color_jitter))
mistake(random_crop, ONE_DRAW)(one_draw_for_all(random_crop))
mistake(simclr_view, ONE_DRAW)(one_draw_for_all(simclr_view))


@mistake(geometry._warp, "a positive angle must turn anticlockwise: y runs downwards in an image")
def turned_clockwise(images, side, centre, radians, shift, flipped, fill):
    return geometry._warp(images, side, centre, -radians, shift, flipped, fill)


# --- soft labels ---------------------------------------------------------------------------------


@mistake(soft_labels, "the shares are swapped: share belongs to labels, 1 - share to partners")
def shares_swapped(labels, others, share, *, n_classes):
    return soft_labels(labels, others, 1 - share, n_classes=n_classes)


@mistake(
    soft_labels,
    "where both images are of one class the second assignment overwrites the first: add the two",
)
def overwritten(labels, others, share, *, n_classes):
    soft = share.new_zeros(len(labels), n_classes)
    rows = torch.arange(len(labels))
    soft[rows, labels] = share
    soft[rows, others] = 1 - share
    return soft


@mistake(
    soft_labels,
    "each row takes one side only: "
    "the label is soft, share for one class and 1 - share for the other",
)
def hard_labels(labels, others, share, *, n_classes):
    return soft_labels(labels, others, (share >= 0.5).to(share), n_classes=n_classes)


@mistake(soft_labels, "every pair gets one half each: each has its own share")
def halves(labels, others, share, *, n_classes):
    return soft_labels(labels, others, torch.full_like(share, 0.5), n_classes=n_classes)


@mistake(soft_labels, "every pair gets the first pair's share: each has its own")
def first_share_for_all(labels, others, share, *, n_classes):
    return soft_labels(labels, others, share[:1].expand_as(share), n_classes=n_classes)


@mistake(soft_labels, "every pair gets the mean share: each has its own")
def mean_share_for_all(labels, others, share, *, n_classes):
    return soft_labels(labels, others, share.mean().expand_as(share), n_classes=n_classes)


@mistake(soft_labels, "the partner's part is missing, so that the rows do not add up to 1")
def partner_missing(labels, others, share, *, n_classes):
    return share[:, None] * F.one_hot(labels, n_classes)


@mistake(
    soft_labels,
    "where both images are of one class the second assignment overwrites the first, "
    "so that the partner's part is lost: add the two",
)
def overwritten_by_the_label(labels, others, share, *, n_classes):
    soft = share.new_zeros(len(labels), n_classes)
    rows = torch.arange(len(labels))
    soft[rows, others] = 1 - share
    soft[rows, labels] = share
    return soft


@mistake(
    soft_labels,
    "where both images are of one class you take the larger of the two parts: add them",
)
def larger_of_both(labels, others, share, *, n_classes):
    own, other = F.one_hot(labels, n_classes), F.one_hot(others, n_classes)
    return torch.maximum(share[:, None] * own, (1 - share[:, None]) * other)


@mistake(soft_labels, "the image gets the larger share always: it gets the one that is given")
def larger_share_first(labels, others, share, *, n_classes):
    return soft_labels(labels, others, share.maximum(1 - share), n_classes=n_classes)


@mistake(soft_labels, "both classes get share: the partner's gets 1 - share")
def share_for_both(labels, others, share, *, n_classes):
    return share[:, None] * (F.one_hot(labels, n_classes) + F.one_hot(others, n_classes))


@mistake(soft_labels, "the partners are not used: `partners` has their classes, row by row")
def neighbours_for_partners(labels, others, share, *, n_classes):
    return soft_labels(labels, labels.roll(1), share, n_classes=n_classes)


@mistake(
    soft_labels,
    "you take the partners for places in the batch: they are classes already",
)
def partners_as_places(labels, others, share, *, n_classes):
    return soft_labels(labels, labels[others % len(labels)], share, n_classes=n_classes)


@mistake(
    soft_labels,
    "you blend the numbers of the classes: half of class 0 and half of class 2 is not class 1",
)
def numbers_blended(labels, others, share, *, n_classes):
    blended = (share * labels + (1 - share) * others).round().long()
    return F.one_hot(blended, n_classes).to(share)


@mistake(
    soft_labels,
    "every row gets the labels of all: index rows and columns together, soft[rows, labels]",
)
def labels_of_all(labels, others, share, *, n_classes):
    soft = share.new_zeros(len(labels), n_classes)
    soft[:, labels] += share[:, None]
    soft[:, others] += 1 - share[:, None]
    return soft


@mistake(soft_labels, "your labels are smoothed besides: the two shares alone are the label")
def smoothed(labels, others, share, *, n_classes):
    return 0.9 * soft_labels(labels, others, share, n_classes=n_classes) + 0.1 / n_classes


@mistake(
    soft_labels,
    "a type of whole numbers cuts the shares off: make the zeros with torch.zeros, floats",
)
def cut_to_whole_numbers(labels, others, share, *, n_classes):
    own, other = F.one_hot(labels, n_classes), F.one_hot(others, n_classes)
    return share.long()[:, None] * own + (1 - share).long()[:, None] * other


@mistake(soft_labels, "only the first row is filled: does `return` stand inside the loop?")
def first_row_only(labels, others, share, *, n_classes):
    soft = soft_labels(labels, others, share, n_classes=n_classes)
    return torch.cat([soft[:1], torch.zeros_like(soft[1:])])


# --- Mixup and CutMix ----------------------------------------------------------------------------


@mistake(mixup, "the labels' shares are swapped: the label goes by what is seen of each image")
def mixup_with_shares_swapped(images, labels, *, n_classes, alpha=0.2, generator=None):
    labels, partner, share = _draw_pairs(images, labels, n_classes, alpha, generator)
    soft = shares_swapped(labels, labels[partner], share, n_classes=n_classes)
    return blend(images, images[partner], share), soft


@mistake(mixup, "you keep the label of the larger part only: the label is as mixed as the image")
def mixup_with_hard_labels(images, labels, *, n_classes, alpha=0.2, generator=None):
    labels, partner, share = _draw_pairs(images, labels, n_classes, alpha, generator)
    soft = hard_labels(labels, labels[partner], share, n_classes=n_classes)
    return blend(images, images[partner], share), soft


@mistake(mixup, "one share mixes the whole batch: here every pair has its own")
def one_share_for_all(images, labels, *, n_classes, alpha=0.2, generator=None):
    labels, partner, share = _draw_pairs(images, labels, n_classes, alpha, generator)
    soft = first_share_for_all(labels, labels[partner], share, n_classes=n_classes)
    return blend(images, images[partner], share[:1].expand_as(share)), soft


@mistake(cutmix, "the label goes by the box as it was drawn: count the pixels that it pastes")
def box_not_clipped(images, labels, *, n_classes, alpha=1.0, generator=None):
    labels, partner, share = _draw_pairs(images, labels, n_classes, alpha, generator)
    mixed, _ = paste(images, images[partner], share, uniforms(images, 2, generator))
    return mixed, soft_labels(labels, labels[partner], share, n_classes=n_classes)


@mistake(cutmix, "1 - share is the area of the box: its side is the root of that")
def side_for_area(images, labels, *, n_classes, alpha=1.0, generator=None):
    labels, partner, share = _draw_pairs(images, labels, n_classes, alpha, generator)
    middle = torch.full_like(share, 0.5)[:, None].expand(-1, 2)
    mixed, _ = paste(images, images[partner], 1 - (1 - share) ** 2, middle)
    return mixed, soft_labels(labels, labels[partner], share, n_classes=n_classes)


# --- the box of CutMix ---------------------------------------------------------------------------


def kept_share(width, height, x, y, share):
    """Right: the part outside a box of area 1 - share around (x, y), cut off at the edges."""
    size, start, end = box(width, height, x, y, share)
    return 1 - (inside(size, start, end) / size).prod()


def inside(size, start, end):
    """How much of the box lies in the image along each side, (2,)."""
    return (end.minimum(size) - start.clamp(min=0)).clamp(min=0)


def box(width, height, x, y, share):
    """The sizes of the image, and where the box begins and ends before it is cut off, (2,) each."""
    size, centre = torch.tensor([width, height]), torch.tensor([x, y])
    half = size * math.sqrt(1 - share) / 2
    return size, centre - half, centre + half


@mistake(
    kept_share,
    "you return the share as it was drawn: "
    "a part of the box can lie outside the image and pastes nothing",
)
def not_cut_off(width, height, x, y, share):
    return torch.tensor(share)


@mistake(
    kept_share, "the box is clipped at 0 only: it can also reach beyond the width or the height"
)
def cut_off_at_zero_only(width, height, x, y, share):
    size, start, end = box(width, height, x, y, share)
    return 1 - ((end - start.clamp(min=0)) / size).prod()


@mistake(kept_share, "the box is clipped at the far ends only: it can also begin below 0")
def cut_off_at_far_ends_only(width, height, x, y, share):
    size, start, end = box(width, height, x, y, share)
    return 1 - ((end.minimum(size) - start) / size).prod()


@mistake(
    kept_share, "the sides are the root of the area: width √(1 - share) and height √(1 - share)"
)
def area_for_side(width, height, x, y, share):
    return kept_share(width, height, x, y, 1 - (1 - share) ** 2)


@mistake(kept_share, "the box has the area 1 - share, you give it the area share")
def box_of_area_share(width, height, x, y, share):
    return kept_share(width, height, x, y, 1 - share)


@mistake(kept_share, "the box reaches half a side each way from its centre, yours a whole one")
def side_each_way(width, height, x, y, share):
    return kept_share(width, height, x, y, 1 - 4 * (1 - share))


@mistake(kept_share, "x, y is the centre of the box, not its corner")
def corner_for_centre(width, height, x, y, share):
    side = math.sqrt(1 - share)
    return kept_share(width, height, x + width * side / 2, y + height * side / 2, share)


@mistake(kept_share, "x goes with the width, y with the height: yours are swapped")
def axes_swapped(width, height, x, y, share):
    return kept_share(width, height, y, x, share)


@mistake(
    kept_share, "you multiply what is kept of each side: 1 minus the product of what is pasted"
)
def product_of_what_is_kept(width, height, x, y, share):
    size, start, end = box(width, height, x, y, share)
    return (1 - (end.minimum(size) - start.clamp(min=0)) / size).prod()


@mistake(kept_share, "that is the part that is pasted: the image keeps the rest")
def pasted_share(width, height, x, y, share):
    return 1 - kept_share(width, height, x, y, share)


@mistake(kept_share, "that is an area in pixels: divide by width times height")
def kept_pixels(width, height, x, y, share):
    return width * height * kept_share(width, height, x, y, share)


@mistake(kept_share, "you take 1 - √share for the side: it is √(1 - share)")
def side_less_the_root(width, height, x, y, share):
    return kept_share(width, height, x, y, 1 - (1 - math.sqrt(share)) ** 2)


@mistake(kept_share, "the height is not cut off: the box can reach over the upper and lower edge")
def cut_off_across_only(width, height, x, y, share):
    size, start, end = box(width, height, x, y, share)
    across = inside(size, start, end)[0]
    return 1 - across * (end - start)[1] / size.prod()


@mistake(kept_share, "the width is not cut off: the box can reach over the left and right edge")
def cut_off_down_only(width, height, x, y, share):
    size, start, end = box(width, height, x, y, share)
    down = inside(size, start, end)[1]
    return 1 - down * (end - start)[0] / size.prod()


@mistake(
    kept_share,
    "the sides of the box are swapped: width · √(1 - share) across, height · √(1 - share) down",
)
def sides_swapped(width, height, x, y, share):
    size, centre = torch.tensor([width, height]), torch.tensor([x, y])
    half = size.flip(0) * math.sqrt(1 - share) / 2
    return 1 - (inside(size, centre - half, centre + half) / size).prod()


@mistake(kept_share, "your box is half as wide and high: √(1 - share) is the side, not half of it")
def half_the_sides(width, height, x, y, share):
    return kept_share(width, height, x, y, 1 - (1 - share) / 4)


@mistake(kept_share, "your box is a square: its sides are width and height times √(1 - share)")
def square_box(width, height, x, y, share):
    size, centre = torch.tensor([width, height]), torch.tensor([x, y])
    half = size.min() * math.sqrt(1 - share) / 2
    return 1 - (inside(size, centre - half, centre + half) / size).prod()


@mistake(kept_share, "you divide by the width squared: the image's area is width times height")
def divided_by_the_width_squared(width, height, x, y, share):
    return 1 - (1 - kept_share(width, height, x, y, share)) * height / width


@mistake(kept_share, "you divide by the area of the box: divide by that of the image")
def share_of_the_box(width, height, x, y, share):
    _, start, end = box(width, height, x, y, share)
    area = (1 - kept_share(width, height, x, y, share)) * width * height
    return 1 - area / ((end - start).prod() + 1e-12)


@mistake(kept_share, "the lower edge is the height, not the width: y is cut off there")
def width_for_both_edges(width, height, x, y, share):
    size, start, end = box(width, height, x, y, share)
    return 1 - ((end.minimum(size[:1]) - start.clamp(min=0)) / size).prod()


@mistake(kept_share, "you divide by 32 · 32: the image's area is width times height")
def area_of_32(width, height, x, y, share):
    return 1 - (1 - kept_share(width, height, x, y, share)) * width * height / 32**2


@mistake(kept_share, "the image ends at its width and height, not one pixel before")
def edge_one_pixel_before(width, height, x, y, share):
    size, start, end = box(width, height, x, y, share)
    return 1 - (inside(size - 1, start, end) / size).prod()


@mistake(kept_share, "x and y are pixels already, not shares of the width and the height")
def centre_as_shares(width, height, x, y, share):
    return kept_share(width, height, x * width, y * height, share)


@mistake(kept_share, "minimum and maximum are swapped: min(…, width) and max(…, 0) cut the box off")
def minimum_and_maximum_swapped(width, height, x, y, share):
    size, start, end = box(width, height, x, y, share)
    return 1 - ((end.maximum(size) - start.clamp(max=0)) / size).prod()


@mistake(kept_share, "you average the two sides: the area is their product")
def mean_of_the_sides(width, height, x, y, share):
    size, start, end = box(width, height, x, y, share)
    return 1 - (inside(size, start, end) / size).mean()


@mistake(
    kept_share,
    "you round to whole pixels: here the places are real numbers, and nothing is rounded",
)
def whole_pixels(width, height, x, y, share):
    size, centre = torch.tensor([width, height]), torch.tensor([x, y]).floor()
    half = (size * math.sqrt(1 - share)).floor() // 2
    return 1 - (inside(size, centre - half, centre + half) / size).prod()
