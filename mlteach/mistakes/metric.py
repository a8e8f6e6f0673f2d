"""Mistakes in choosing pairs and triplets."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from mlteach.metric import mine_pairs, mine_triplets
from mlteach.mistakes._registry import mistake

# --- which triplets are semi-hard ----------------------------------------------------------------


def semi_hard(distances: Tensor, labels: Tensor, margin: float) -> Tensor:
    """(N, N, N) which (anchor, positive, negative) are semi-hard, from squared distances (N, N)."""
    gap = _gap(distances)
    return _triplets(labels) & (gap > 0) & (gap < margin)


def _gap(distances: Tensor) -> Tensor:
    """(N, N, N) the anchor's distance to n less that to p."""
    return distances[:, None, :] - distances[:, :, None]


def _same(labels: Tensor) -> Tensor:
    return labels[:, None] == labels


def _positives(labels: Tensor) -> Tensor:
    return _same(labels) & ~torch.eye(len(labels), dtype=torch.bool)


def _triplets(labels: Tensor) -> Tensor:
    """(N, N, N) whose classes fit."""
    return _positives(labels)[:, :, None] & ~_same(labels)[:, None, :]


def _band(distances: Tensor, margin: float) -> Tensor:
    return (_gap(distances) > 0) & (_gap(distances) < margin)


@mistake(semi_hard, "an anchor is its own positive: leave the diagonal out")
def anchor_as_its_positive(distances, labels, margin):
    classes_fit = _same(labels)[:, :, None] & ~_same(labels)[:, None, :]
    return classes_fit & _band(distances, margin)


@mistake(semi_hard, "negatives may be of the anchor's class: they must be of another")
def negatives_of_any_class(distances, labels, margin):
    return _positives(labels)[:, :, None] & _band(distances, margin)


@mistake(semi_hard, "positive and negative are of the same class: the negative must be of another")
def negatives_of_the_anchor_s_class(distances, labels, margin):
    classes_fit = _positives(labels)[:, :, None] & _same(labels)[:, None, :]
    return classes_fit & _band(distances, margin)


@mistake(semi_hard, "hard triplets are in it too: the negative must be farther than the positive")
def hard_triplets_too(distances, labels, margin):
    return _triplets(labels) & (_gap(distances) < margin)


@mistake(
    semi_hard,
    "easy triplets are in it too: the negative must be nearer than positive plus margin",
)
def easy_triplets_too(distances, labels, margin):
    return _triplets(labels) & (_gap(distances) > 0)


@mistake(semi_hard, "all triplets are in it: compare the distances")
def all_triplets(distances, labels, margin):
    return _triplets(labels)


@mistake(
    semi_hard,
    "a negative as far as the positive is in it too: it must be farther, so take > and not >=",
)
def ties_at_the_positive(distances, labels, margin):
    return _triplets(labels) & (_gap(distances) >= 0) & (_gap(distances) < margin)


@mistake(
    semi_hard,
    "a negative at positive plus margin is in it too: its loss is 0, so take < and not <=",
)
def ties_at_the_margin(distances, labels, margin):
    return _triplets(labels) & (_gap(distances) > 0) & (_gap(distances) <= margin)


@mistake(
    semi_hard,
    "your band lies on the wrong side: the negative is to be farther than the positive, not nearer",
)
def band_on_the_wrong_side(distances, labels, margin):
    return _triplets(labels) & _band(-distances, margin)


@mistake(semi_hard, "the axes of positive and negative are swapped: entry (a, p, n)")
def axes_swapped(distances, labels, margin):
    return semi_hard(distances, labels, margin).transpose(1, 2)


@mistake(
    semi_hard, "the axes of the two classes are swapped, those of the distances are not: (a, p, n)"
)
def axes_of_the_classes_swapped(distances, labels, margin):
    return _triplets(labels).transpose(1, 2) & _band(distances, margin)


@mistake(semi_hard, "positives may be of any class: they must be of the anchor's")
def positives_of_any_class(distances, labels, margin):
    return ~_same(labels)[:, None, :] & _band(distances, margin)


@mistake(semi_hard, "these are the hard ones: the negative must be farther than the positive")
def hard_ones(distances, labels, margin):
    return _triplets(labels) & (_gap(distances) < 0)


@mistake(
    semi_hard, "these are the easy ones: the negative must be nearer than positive plus margin"
)
def easy_ones(distances, labels, margin):
    return _triplets(labels) & (_gap(distances) >= margin)


@mistake(semi_hard, "the distances are squared already: you square them again")
def squared_again(distances, labels, margin):
    return semi_hard(distances.square(), labels, margin)


@mistake(semi_hard, "you take the root: the margin is one of squared distances")
def root_taken(distances, labels, margin):
    return semi_hard(distances.sqrt(), labels, margin)


@mistake(semi_hard, "the distance to the negative is the positive's: both start at the anchor")
def from_the_positive(distances, labels, margin):
    gap = distances[None] - distances[:, :, None]
    return _triplets(labels) & (gap > 0) & (gap < margin)


@mistake(
    semi_hard,
    "the sign of the difference is lost: a negative that is nearer than the positive is hard",
)
def sign_lost(distances, labels, margin):
    return _triplets(labels) & (_gap(distances) != 0) & (_gap(distances).abs() < margin)


@mistake(
    semi_hard, "the classes are not looked at: positives of the anchor's, negatives of another"
)
def classes_ignored(distances, labels, margin):
    return _band(distances, margin)


# --- mining pairs --------------------------------------------------------------------------------


@mistake(mine_pairs, "each pair comes in both orders: take it once")
def pairs_in_both_orders(distances, labels, *, strategy, generator=None):
    pairs = mine_pairs(distances, labels, strategy=strategy, generator=generator)
    return torch.cat([pairs, pairs.flip(1)])


@mistake(mine_pairs, "hard pairs of different classes are the closest, not the farthest")
def farthest_pairs(distances, labels, *, strategy, generator=None):
    return mine_pairs(-distances, labels, strategy=strategy, generator=generator)


@mistake(mine_pairs, "your draws do not follow the generator: give it to every draw")
def always_the_same_pairs(distances, labels, *, strategy, generator=None):
    generator = Generator().manual_seed(0)
    return mine_pairs(distances, labels, strategy=strategy, generator=generator)


@mistake(mine_pairs, "pairs of one class count as pairs of different ones: look at labels")
def labels_ignored(distances, labels, *, strategy, generator=None):
    every = torch.arange(len(labels))
    return mine_pairs(distances, every, strategy="all")[: len(labels)]


# --- mining triplets -----------------------------------------------------------------------------


@mistake(
    mine_triplets,
    "your band has no upper end: the negative must be nearer than positive plus margin",
)
def no_upper_end(distances, labels, *, strategy, margin, generator=None):
    options = {"strategy": strategy, "generator": generator}
    return mine_triplets(distances, labels, margin=1e9, **options)


@mistake(mine_triplets, "you compare distances: the margin is one of squared distances")
def band_of_distances(distances, labels, **options):
    return mine_triplets(distances.sqrt(), labels, **options)


@mistake(mine_triplets, "positive and negative are swapped: a row is (a, p, n)")
def columns_swapped(distances, labels, **options):
    return mine_triplets(distances, labels, **options)[:, [0, 2, 1]]


@mistake(
    mine_triplets,
    "these are the easiest: a hard triplet has the farthest positive and the nearest negative",
)
def easiest_triplets(distances, labels, **options):
    return mine_triplets(-distances, labels, **options)


@mistake(mine_triplets, "negatives may be of the anchor's class: they must be of another")
def negatives_of_one_class(distances, labels, **options):
    return mine_triplets(distances, torch.arange(len(labels)) // 2, **options)


@mistake(mine_triplets, "each anchor has one triplet: every pair of anchor and positive needs one")
def one_triplet_an_anchor(distances, labels, **options):
    triplets = mine_triplets(distances, labels, **options)
    anchors = triplets[:, 0].tolist()
    return triplets[[i for i, a in enumerate(anchors) if a not in anchors[:i]]]


@mistake(
    mine_triplets,
    "the negative is the nearest always: draw one of all that the strategy allows",
)
def nearest_negative_always(distances, labels, **options):
    triplets = mine_triplets(distances, labels, **options)
    nearest = distances.masked_fill(_same(labels), math.inf).argmin(1)
    return torch.cat([triplets[:, :2], nearest[triplets[:, :1]]], dim=1)
