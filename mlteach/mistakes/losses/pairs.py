"""Mistakes in the contrastive loss of pairs and in the triplet loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.losses import contrastive_loss, triplet_loss
from mlteach.mistakes._registry import mistake


def _distance(x: Tensor, y: Tensor) -> Tensor:
    """The Euclidean distance of each pair; its gradient at 0 is 0."""
    return torch.linalg.vector_norm(x - y, dim=1)


def _squared(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().sum(1)


# --- the contrastive loss of pairs ---------------------------------------------------------------


@mistake(
    contrastive_loss,
    "your labels are flipped: `same` is True for pairs of one class, which attract. "
    "The paper's Y is the opposite",
)
def labels_flipped(x1, x2, same, *, margin):
    return contrastive_loss(x1, x2, ~same, margin=margin)


@mistake(contrastive_loss, "the factor 1/2 is missing")
def no_half(x1, x2, same, *, margin):
    return 2 * contrastive_loss(x1, x2, same, margin=margin)


@mistake(contrastive_loss, "you add up over the pairs: the loss is their mean")
def summed(x1, x2, same, *, margin):
    return len(x1) * contrastive_loss(x1, x2, same, margin=margin)


@mistake(
    contrastive_loss,
    "the hinge is missing: "
    "beyond the margin a pair of different classes costs nothing, max(0, m - d)",
)
def no_hinge(x1, x2, same, *, margin):
    d = _distance(x1, x2)
    return torch.where(same, d.square(), (margin - d).square()).mean() / 2


@mistake(
    contrastive_loss,
    "the margin stands on the wrong side: it is m - d that must not be positive, not d - m",
)
def margin_on_the_wrong_side(x1, x2, same, *, margin):
    d = _distance(x1, x2)
    return torch.where(same, d.square(), (d - margin).relu().square()).mean() / 2


@mistake(
    contrastive_loss,
    "pairs of one class have a margin too: they attract at any distance, d² / 2",
)
def margin_on_same_pairs(x1, x2, same, *, margin):
    d = _distance(x1, x2)
    attract, repel = (d - margin).relu(), (margin - d).relu()
    return torch.where(same, attract.square(), repel.square()).mean() / 2


@mistake(
    contrastive_loss,
    "your margin is compared with the squared distance: it is (m - d)², with the distance itself",
)
def margin_of_the_squared_distance(x1, x2, same, *, margin):
    squared = _squared(x1, x2)
    return torch.where(same, squared, (margin - squared).relu()).mean() / 2


@mistake(
    contrastive_loss,
    "your margin is squared by itself: square the whole of max(0, m - d), not m and d apart",
)
def margin_and_distance_squared_apart(x1, x2, same, *, margin):
    squared = _squared(x1, x2)
    return torch.where(same, squared, (margin**2 - squared).relu()).mean() / 2


@mistake(contrastive_loss, "the hinge is not squared: max(0, m - d)² / 2")
def hinge_not_squared(x1, x2, same, *, margin):
    d = _distance(x1, x2)
    return torch.where(same, d.square(), (margin - d).relu()).mean() / 2


@mistake(contrastive_loss, "the distance of pairs of one class is not squared: d² / 2")
def distance_not_squared(x1, x2, same, *, margin):
    d = _distance(x1, x2)
    return torch.where(same, d, (margin - d).relu().square()).mean() / 2


@mistake(contrastive_loss, "neither term is squared: d² / 2 and max(0, m - d)² / 2")
def neither_squared(x1, x2, same, *, margin):
    d = _distance(x1, x2)
    return torch.where(same, d, (margin - d).relu()).mean() / 2


@mistake(contrastive_loss, "pairs of different classes are missing")
def different_pairs_missing(x1, x2, same, *, margin):
    return (same * _squared(x1, x2)).mean() / 2


@mistake(contrastive_loss, "pairs of one class are missing")
def same_pairs_missing(x1, x2, same, *, margin):
    return (~same * (margin - _distance(x1, x2)).relu().square()).mean() / 2


@mistake(
    contrastive_loss,
    "you divide the vectors by their lengths: this loss takes them as they are",
)
def normalised(x1, x2, same, *, margin):
    x1, x2 = F.normalize(x1, dim=1), F.normalize(x2, dim=1)
    return contrastive_loss(x1, x2, same, margin=margin)


@mistake(
    contrastive_loss,
    "the value is right, but the second of each pair is detached: the loss moves both",
)
def second_detached(x1, x2, same, *, margin):
    return contrastive_loss(x1, x2.detach(), same, margin=margin)


def _with_distance(d: Tensor, same: Tensor, margin: float) -> Tensor:
    """The right loss of distances that may be wrong."""
    return torch.where(same, d, (margin - d).relu()).square().mean() / 2


@mistake(
    contrastive_loss,
    "you add absolute differences: the distance is the root of the sum of their squares",
)
def absolute_differences(x1, x2, same, *, margin):
    return _with_distance((x1 - x2).abs().sum(1), same, margin)


@mistake(contrastive_loss, "you compare directions: the distance is that of the points, |x1 - x2|")
def cosine_distances(x1, x2, same, *, margin):
    return _with_distance(1 - F.cosine_similarity(x1, x2), same, margin)


@mistake(
    contrastive_loss,
    "you average over the coordinates: the distance is the root of the sum of squares",
)
def distance_over_the_mean(x1, x2, same, *, margin):
    return _with_distance(_distance(x1, x2) / x1.shape[1] ** 0.5, same, margin)


@mistake(contrastive_loss, "you take one length of the whole batch: each pair has its own distance")
def one_distance_for_all(x1, x2, same, *, margin):
    return _with_distance((x1 - x2).norm().expand(len(x1)), same, margin)


@mistake(
    contrastive_loss,
    "you take the squared distance for d in both terms: it is d² / 2 and max(0, m - d)² / 2",
)
def squared_distance_for_both(x1, x2, same, *, margin):
    return _with_distance(_squared(x1, x2), same, margin)


@mistake(
    contrastive_loss,
    "you compare the squared distance with the margin before you square: it is (m - d)²",
)
def margin_less_the_square(x1, x2, same, *, margin):
    squared = _squared(x1, x2)
    return torch.where(same, squared, (margin - squared).relu().square()).mean() / 2


@mistake(contrastive_loss, "the factor 1/2 stands before the pairs of one class only: before both")
def half_of_same_pairs_only(x1, x2, same, *, margin):
    d = _distance(x1, x2)
    return torch.where(same, d.square() / 2, (margin - d).relu().square()).mean()


@mistake(
    contrastive_loss,
    "the factor 1/2 stands before the pairs of different classes only: before both",
)
def half_of_different_pairs_only(x1, x2, same, *, margin):
    d = _distance(x1, x2)
    return torch.where(same, d.square(), (margin - d).relu().square() / 2).mean()


@mistake(
    contrastive_loss,
    "you add the means of the two kinds: the loss is one mean over all pairs",
)
def means_of_both_kinds(x1, x2, same, *, margin):
    d = _distance(x1, x2)
    return d[same].square().mean() / 2 + (margin - d[~same]).relu().square().mean() / 2


NO_SLOPE = (
    "the gradient is nan: look at a pair whose two points coincide: "
    "the root has an infinite slope at 0, and infinity times 0 is nan. "
    "Square the distance without the root where you can, "
    "or keep the root away from 0 with torch.where or a clamp"
)


@mistake(contrastive_loss, NO_SLOPE)
def root_unguarded(x1, x2, same, *, margin):
    d = _squared(x1, x2).sqrt()
    return torch.where(same, d.square(), (margin - d).relu().square()).mean() / 2


# --- the triplet loss ----------------------------------------------------------------------------


def _gap(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """By how much the positive is farther than the negative, squared."""
    return _squared(anchor, positive) - _squared(anchor, negative)


@mistake(triplet_loss, "you compare distances: Schroff's loss compares squared distances")
def distances_not_squared(anchor, positive, negative, *, margin):
    gap = _distance(anchor, positive) - _distance(anchor, negative)
    return (gap + margin).relu().mean()


@mistake(triplet_loss, "positive and negative are swapped: the positive's distance is to shrink")
def positive_and_negative_swapped(anchor, positive, negative, *, margin):
    return triplet_loss(anchor, negative, positive, margin=margin)


@mistake(
    triplet_loss,
    "the negative's distance is taken from the positive: both distances start at the anchor",
)
def anchor_and_positive_swapped(anchor, positive, negative, *, margin):
    return triplet_loss(positive, anchor, negative, margin=margin)


@mistake(
    triplet_loss,
    "the positive's distance is taken from the negative: both distances start at the anchor",
)
def anchor_and_negative_swapped(anchor, positive, negative, *, margin):
    return triplet_loss(negative, positive, anchor, margin=margin)


@mistake(
    triplet_loss,
    "the margin stands on the wrong side: "
    "it is added, so that a negative must be farther by the margin",
)
def margin_subtracted(anchor, positive, negative, *, margin):
    return (_gap(anchor, positive, negative) - margin).relu().mean()


@mistake(triplet_loss, "the margin is missing")
def margin_missing(anchor, positive, negative, *, margin):
    return _gap(anchor, positive, negative).relu().mean()


@mistake(triplet_loss, "the margin is added outside the hinge: it belongs inside, max(0, …)")
def margin_outside_the_hinge(anchor, positive, negative, *, margin):
    return _gap(anchor, positive, negative).relu().mean() + margin


@mistake(triplet_loss, "the hinge is missing: an easy triplet costs nothing, max(0, …)")
def triplet_hinge_missing(anchor, positive, negative, *, margin):
    return (_gap(anchor, positive, negative) + margin).mean()


@mistake(
    triplet_loss,
    "the hinge stands around the mean: "
    "each triplet has its own, else easy triplets pay for hard ones",
)
def hinge_of_the_mean(anchor, positive, negative, *, margin):
    return (_gap(anchor, positive, negative) + margin).mean().relu()


@mistake(triplet_loss, "the hinge is squared: max(0, …) as it is")
def triplet_hinge_squared(anchor, positive, negative, *, margin):
    return (_gap(anchor, positive, negative) + margin).relu().square().mean()


@mistake(triplet_loss, "you add up over the triplets: the loss is their mean")
def triplets_summed(anchor, positive, negative, *, margin):
    return len(anchor) * triplet_loss(anchor, positive, negative, margin=margin)


@mistake(
    triplet_loss,
    "you average over the triplets that cost something: the loss is the mean over all of them",
)
def mean_over_active_triplets(anchor, positive, negative, *, margin):
    active = _gap(anchor, positive, negative) + margin > 0
    loss = triplet_loss(anchor, positive, negative, margin=margin)
    return loss / active.to(anchor).mean()


@mistake(triplet_loss, "you average over the coordinates: a squared distance is their sum")
def mean_over_coordinates(anchor, positive, negative, *, margin):
    gap = _gap(anchor, positive, negative) / anchor.shape[1]
    return (gap + margin).relu().mean()


@mistake(
    triplet_loss,
    "the value is right, but the negatives are detached: the loss moves all three",
)
def negative_detached(anchor, positive, negative, *, margin):
    return triplet_loss(anchor, positive, negative.detach(), margin=margin)


@mistake(
    triplet_loss,
    "softplus is the soft form: the hinge max(0, …) is asked for, which is 0 for easy triplets",
)
def softplus_for_the_hinge(anchor, positive, negative, *, margin):
    return F.softplus(_gap(anchor, positive, negative) + margin).mean()


@mistake(
    triplet_loss,
    "you square after the sum: square each difference, then add",
)
def differences_squared_after_the_sum(anchor, positive, negative, *, margin):
    to_positive = (anchor - positive).sum(1).square()
    return (to_positive - (anchor - negative).sum(1).square() + margin).relu().mean()


@mistake(
    triplet_loss,
    "you add up over the whole batch before the hinge: each triplet has its own, sum over dim=1",
)
def one_hinge_for_the_batch(anchor, positive, negative, *, margin):
    return (_gap(anchor, positive, negative).sum() + margin).relu()


@mistake(
    triplet_loss,
    "you take the nearer of two distances for the negative: it is that from the anchor",
)
def nearer_of_two_negatives(anchor, positive, negative, *, margin):
    to_negative = torch.minimum(_squared(anchor, negative), _squared(positive, negative))
    return (_squared(anchor, positive) - to_negative + margin).relu().mean()


@mistake(triplet_loss, "you compare directions: Schroff's distance is that of the points, squared")
def cosine_distances_of_triplets(anchor, positive, negative, *, margin):
    to_positive, to_negative = (F.cosine_similarity(anchor, x) for x in (positive, negative))
    return (to_negative - to_positive + margin).relu().mean()


@mistake(
    triplet_loss,
    "you add absolute differences: a squared distance is the sum of squares",
)
def absolute_differences_of_triplets(anchor, positive, negative, *, margin):
    gap = (anchor - positive).abs().sum(1) - (anchor - negative).abs().sum(1)
    return (gap + margin).relu().mean()


@mistake(triplet_loss, "the hinge keeps the wrong side: max(0, …), not min(0, …)")
def smaller_for_larger_triplets(anchor, positive, negative, *, margin):
    return (_gap(anchor, positive, negative) + margin).clamp(max=0).mean()


@mistake(triplet_loss, "you square the difference of the distances: each is squared by itself")
def difference_squared(anchor, positive, negative, *, margin):
    gap = _distance(anchor, positive) - _distance(anchor, negative)
    return (gap.square() + margin).relu().mean()
