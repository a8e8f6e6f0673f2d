"""Mistakes in a contrastive batch of labelled and unlabelled images."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from mlteach.losses import nt_xent, supervised_contrastive
from mlteach.mistakes._registry import mistake


def mixed_loss(z1, z2, labels, *, temperature):
    """Right: contrast over both views; labels (B,) >= 0, or -1 for an image without."""
    return supervised_contrastive(
        torch.cat([z1, z2]), _instances(labels).repeat(2), temperature=temperature
    )


def _instances(labels):
    """A number of its own for each image without a label."""
    own = labels.max().clamp(min=0) + 1 + torch.arange(len(labels))
    return torch.where(labels < 0, own, labels)


@mistake(
    mixed_loss,
    "all images without a label count as one class: -1 says that the class is not known, so give "
    "each a number of its own",
)
def unknown_as_a_class(z1, z2, labels, *, temperature):
    return supervised_contrastive(torch.cat([z1, z2]), labels.repeat(2), temperature=temperature)


@mistake(
    mixed_loss,
    "the labels are not used: images of one class are pushed apart here, they must be positives",
)
def labels_unused(z1, z2, labels, *, temperature):
    return nt_xent(z1, z2, temperature=temperature)


@mistake(
    mixed_loss,
    "images without a label are left out: they are anchors with their other view, and negatives "
    "of all others",
)
def unlabelled_left_out(z1, z2, labels, *, temperature):
    known = labels >= 0
    return unknown_as_a_class(z1[known], z2[known], labels[known], temperature=temperature)


@mistake(
    mixed_loss,
    "the numbers of images without a label are those of classes too: begin behind the largest",
)
def numbers_used_twice(z1, z2, labels, *, temperature):
    own = torch.where(labels < 0, torch.arange(len(labels)), labels)
    return unknown_as_a_class(z1, z2, own, temperature=temperature)


@mistake(
    mixed_loss,
    "the numbers are in another order than the rows: cat([z1, z2]) holds all first views, then all "
    "second ones, so repeat(2) and not repeat_interleave(2)",
)
def repeated_one_by_one(z1, z2, labels, *, temperature):
    numbers = _instances(labels).repeat_interleave(2)
    return supervised_contrastive(torch.cat([z1, z2]), numbers, temperature=temperature)


@mistake(
    mixed_loss,
    "this adds two losses, of the labelled and of the unlabelled images: in one batch each is also "
    "a negative of the others",
)
def two_batches(z1, z2, labels, *, temperature):
    known = labels >= 0
    apart = nt_xent(z1[~known], z2[~known], temperature=temperature)
    return apart + unlabelled_left_out(z1, z2, labels, temperature=temperature)


@mistake(
    mixed_loss,
    "this averages two losses, of the labelled and of the unlabelled images: in one batch each is "
    "also a negative of the others",
)
def two_batches_averaged(z1, z2, labels, *, temperature):
    known = labels >= 0
    apart = nt_xent(z1[~known], z2[~known], temperature=temperature)
    together = unlabelled_left_out(z1, z2, labels, temperature=temperature)
    return apart + (together - apart) * known.double().mean().to(apart)


@mistake(
    mixed_loss,
    "this adds NT-Xent of all images and a loss of the labelled ones: NT-Xent pushes images of one "
    "class apart, so take one loss with all positives",
)
def added_to_nt_xent(z1, z2, labels, *, temperature):
    apart = labels_unused(z1, z2, labels, temperature=temperature)
    return apart + unlabelled_left_out(z1, z2, labels, temperature=temperature)


@mistake(
    mixed_loss,
    "an image without a label does not look for its other view in yours: it is an anchor too, and "
    "its two views share one number, so number the images, then repeat",
)
def each_view_numbered(z1, z2, labels, *, temperature):
    numbers = _instances(labels.repeat(2))
    return supervised_contrastive(torch.cat([z1, z2]), numbers, temperature=temperature)


@mistake(
    mixed_loss,
    "the first image without a label has the number of the largest class: begin behind it",
)
def begun_at_the_largest(z1, z2, labels, *, temperature):
    own = labels.clone()
    own[labels < 0] = labels.max() + torch.arange(int((labels < 0).sum()))
    return unknown_as_a_class(z1, z2, own, temperature=temperature)


@mistake(
    mixed_loss,
    "the first row of the batch has the number of the largest class, where it has no label: begin "
    "behind it, with labels.max() + 1",
)
def begun_at_the_largest_by_rows(z1, z2, labels, *, temperature):
    own = torch.where(labels < 0, labels.max() + torch.arange(len(labels)), labels)
    return unknown_as_a_class(z1, z2, own, temperature=temperature)


@mistake(
    mixed_loss,
    "the rows are in another order than the numbers: stack([z1, z2], 1) puts the two views of an "
    "image side by side, so repeat_interleave(2) and not repeat(2); or take cat([z1, z2])",
)
def views_side_by_side(z1, z2, labels, *, temperature):
    rows = torch.stack([z1, z2], 1).flatten(0, 1)
    return supervised_contrastive(rows, _instances(labels).repeat(2), temperature=temperature)


@mistake(mixed_loss, "only the first views are anchors: the loss is a mean over all 2B views")
def first_views_as_anchors(z1, z2, labels, *, temperature):
    return _by_anchor(z1, z2, labels, temperature)[: len(z1)].mean()


@mistake(
    mixed_loss,
    "only views of the other side are compared: all other 2B - 1 rows are, of both sides",
)
def across_the_sides_only(z1, z2, labels, *, temperature):
    n = len(z1)
    side = torch.arange(2 * n) // n
    across = side[:, None] != side
    return _by_anchor(z1, z2, labels, temperature, candidates=across).mean()


@mistake(
    mixed_loss,
    "a labelled image's own other view is no positive in yours: it is one, as all views of its "
    "class are",
)
def own_view_left_out(z1, z2, labels, *, temperature):
    images = torch.arange(len(z1)).repeat(2)
    positives = _same(labels) & (images[:, None] != images)
    positives = torch.where(positives.any(1)[:, None], positives, _same(labels))
    return _by_anchor(z1, z2, labels, temperature, positives=positives).mean()


@mistake(
    mixed_loss,
    "the row itself is in the softmax: with cosine 1 it is the nearest, leave the diagonal out",
)
def self_in_the_softmax(z1, z2, labels, *, temperature):
    every = torch.ones(2 * len(z1), 2 * len(z1), dtype=torch.bool)
    return _by_anchor(z1, z2, labels, temperature, candidates=every).mean()


@mistake(
    mixed_loss,
    "each row is its own positive: leave the diagonal out of the positives and of the softmax",
)
def self_as_a_positive(z1, z2, labels, *, temperature):
    every = torch.ones(2 * len(z1), 2 * len(z1), dtype=torch.bool)
    own = torch.eye(2 * len(z1), dtype=torch.bool)
    how = {"positives": _same(labels) | own, "candidates": every}
    return _by_anchor(z1, z2, labels, temperature, **how).mean()


@mistake(
    mixed_loss,
    "all pairs of positives weigh the same, so that large classes weigh more: average over each "
    "anchor's positives first, then over the anchors",
)
def averaged_over_pairs(z1, z2, labels, *, temperature):
    n_positives = _same(labels).sum(1)
    losses = _by_anchor(z1, z2, labels, temperature) * n_positives
    return losses.sum() / n_positives.sum()


@mistake(mixed_loss, "you add up over an anchor's positives: divide by how many it has")
def positives_added_up(z1, z2, labels, *, temperature):
    return (_by_anchor(z1, z2, labels, temperature) * _same(labels).sum(1)).mean()


@mistake(
    mixed_loss,
    "the probabilities of the positives are added before the logarithm: each positive has a "
    "logarithm of its own, and these are averaged",
)
def log_of_the_sum(z1, z2, labels, *, temperature):
    return (
        -_log_probability(z1, z2, temperature).where(_same(labels), -math.inf).logsumexp(1).mean()
    )


@mistake(
    mixed_loss,
    "the probabilities of the positives are averaged before the logarithm: average the logarithms, "
    "each positive has its own",
)
def log_of_the_mean(z1, z2, labels, *, temperature):
    logs = _log_probability(z1, z2, temperature).where(_same(labels), -math.inf)
    return (_same(labels).sum(1).log() - logs.logsumexp(1)).mean()


@mistake(
    mixed_loss,
    "this averages NT-Xent of all images and the loss asked for: NT-Xent pushes images of one "
    "class apart, so take the one loss with all positives",
)
def averaged_with_nt_xent(z1, z2, labels, *, temperature):
    apart = labels_unused(z1, z2, labels, temperature=temperature)
    return (apart + mixed_loss(z1, z2, labels, temperature=temperature)) / 2


def _same(labels):
    """(2B, 2B) whether two different rows are positives of each other."""
    numbers = _instances(labels).repeat(2)
    return (numbers[:, None] == numbers) & ~torch.eye(len(numbers), dtype=torch.bool)


def _log_probability(z1, z2, temperature, candidates=None):
    """(2B, 2B) logarithm of the softmax over the candidates, all others unless said."""
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    candidates = ~torch.eye(len(z), dtype=torch.bool) if candidates is None else candidates
    return (z @ z.T / temperature).masked_fill(~candidates, -math.inf).log_softmax(1)


def _by_anchor(z1, z2, labels, temperature, *, positives=None, candidates=None):
    """(2B,) the loss of each anchor: minus the mean over its positives among the candidates."""
    positives = _same(labels) if positives is None else positives
    positives = positives if candidates is None else positives & candidates
    logs = _log_probability(z1, z2, temperature, candidates)
    return -torch.where(positives, logs, 0).sum(1) / positives.sum(1)


@mistake(mixed_loss, "the temperature is not used: divide each cosine by it")
def temperature_unused(z1, z2, labels, *, temperature):
    return mixed_loss(z1, z2, labels, temperature=1.0)


@mistake(
    mixed_loss,
    "the negative is a positive too: rows whose label is unknown are pulled to all of one class",
)
def unknown_as_class_zero(z1, z2, labels, *, temperature):
    return unknown_as_a_class(z1, z2, labels.clamp(min=0), temperature=temperature)
