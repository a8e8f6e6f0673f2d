"""Mistakes in the supervised contrastive loss."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.losses import supervised_contrastive
from mlteach.mistakes._registry import mistake


def _logits(z: Tensor, temperature: float | Tensor) -> Tensor:
    """The right logits, -inf on the diagonal."""
    z = F.normalize(z, dim=1)
    return _without_self(z @ z.T / temperature)


def _without_self(logits: Tensor) -> Tensor:
    return logits.masked_fill(torch.eye(len(logits), dtype=torch.bool), -math.inf)


def _with_self(logits: Tensor, temperature: float | Tensor) -> Tensor:
    """The logits with each row's cosine with itself, 1, on the diagonal."""
    return logits.diagonal_scatter(torch.ones(len(logits)).to(logits) / temperature)


def _positives(labels: Tensor) -> Tensor:
    """(N, N) whether two different rows have one label."""
    return (labels[:, None] == labels) & ~torch.eye(len(labels), dtype=torch.bool)


def _mean(log_probability: Tensor, positives: Tensor) -> Tensor:
    """Minus the mean over each anchor's positives, then over the anchors that have one."""
    sums = -torch.where(positives, log_probability, 0).sum(1)
    return (sums / positives.sum(1).clamp(min=1)).sum() / positives.any(1).sum()


@mistake(
    supervised_contrastive,
    "this is the logarithm of the mean probability: take the mean of the logarithms",
)
def log_of_the_mean(z, labels, *, temperature):
    positives = _positives(labels)
    probability = torch.where(positives, _logits(z, temperature).softmax(1), 0).sum(1)
    mean = probability / positives.sum(1).clamp(min=1)
    return -mean[positives.any(1)].log().mean()


@mistake(
    supervised_contrastive,
    "you count anchors without a positive: average over the anchors that have one",
)
def lonely_anchors_counted(z, labels, *, temperature):
    loss = supervised_contrastive(z, labels, temperature=temperature)
    return loss * _positives(labels).any(1).double().mean()


@mistake(
    supervised_contrastive,
    "you drop the rows without a positive: they are no anchors, but still negatives of the others",
)
def lonely_rows_dropped(z, labels, *, temperature):
    keep = _positives(labels).any(1)
    return supervised_contrastive(z[keep], labels[keep], temperature=temperature)


@mistake(
    supervised_contrastive,
    "your denominator contains each row's similarity to itself: leave the diagonal out",
)
def self_is_a_candidate(z, labels, *, temperature):
    logits = _with_self(_logits(z, temperature), temperature)
    return _mean(logits.log_softmax(1), _positives(labels))


@mistake(
    supervised_contrastive,
    "each row is its own positive: leave the diagonal out of the positives and the denominator",
)
def self_is_a_positive(z, labels, *, temperature):
    logits = _with_self(_logits(z, temperature), temperature)
    return _mean(logits.log_softmax(1), labels[:, None] == labels)


@mistake(
    supervised_contrastive,
    "your denominator leaves out the other positives: all N - 1 other rows belong into it",
)
def one_positive_in_the_denominator(z, labels, *, temperature):
    logits, positives = _logits(z, temperature), _positives(labels)
    negatives = logits.masked_fill(positives, -math.inf).logsumexp(1, keepdim=True)
    return _mean(logits - torch.logaddexp(logits, negatives), positives)


@mistake(
    supervised_contrastive,
    "all pairs weigh the same, so that large classes weigh more: average over each anchor's "
    "positives first, then over the anchors",
)
def mean_over_pairs(z, labels, *, temperature):
    return -_logits(z, temperature).log_softmax(1)[_positives(labels)].mean()


@mistake(supervised_contrastive, "you add up over an anchor's positives: divide by how many it has")
def summed_over_positives(z, labels, *, temperature):
    positives = _positives(labels)
    return -_logits(z, temperature).log_softmax(1)[positives].sum() / positives.any(1).sum()


@mistake(
    supervised_contrastive,
    "your positives are the rows of other labels: the positives have the anchor's own label",
)
def labels_flipped(z, labels, *, temperature):
    return _mean(_logits(z, temperature).log_softmax(1), labels[:, None] != labels)


@mistake(
    supervised_contrastive,
    "you compare dot products: "
    "divide every vector by its length first, for the score is the cosine",
)
def not_normalised(z, labels, *, temperature):
    return _mean(_without_self(z @ z.T / temperature).log_softmax(1), _positives(labels))


@mistake(
    supervised_contrastive,
    "you multiply by temperature / base temperature, as widespread code does: "
    "leave that factor out",
)
def scaled_by_temperature(z, labels, *, temperature):
    loss = supervised_contrastive(z, labels, temperature=temperature)
    return loss * (temperature / 0.07)
