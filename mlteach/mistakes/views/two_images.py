"""Mistakes in mixing two images and their labels."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from mlteach.mistakes._registry import mistake
from mlteach.views import (
    blend,
    cutmix,
    mixup,
    paste,
    soft_labels,
)
from mlteach.views._shared import uniforms
from mlteach.views.mixing import _draw_pairs

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
