"""Mistakes in NT-Xent, SimCLR's loss."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.losses import nt_xent
from mlteach.mistakes._registry import mistake


def _logits(z1: Tensor, z2: Tensor, temperature: float | Tensor) -> Tensor:
    """The right logits of all 2B views, each view's similarity to itself among them."""
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return z @ z.T / temperature


def _positives(z1: Tensor) -> Tensor:
    """The number of each view's positive."""
    return torch.arange(2 * len(z1)).roll(len(z1))


def _without_self(logits: Tensor) -> Tensor:
    return logits.masked_fill(torch.eye(len(logits), dtype=torch.bool), -math.inf)


# --- who is compared with whom -------------------------------------------------------------------


@mistake(
    nt_xent,
    "your denominator contains each view's similarity to itself: leave the diagonal out, "
    "2B - 1 candidates remain",
)
def self_similarity_kept(z1, z2, *, temperature):
    return F.cross_entropy(_logits(z1, z2, temperature), _positives(z1))


@mistake(
    nt_xent,
    "a diagonal multiplied by 0 still counts, for exp(0) = 1: set it to -inf before the softmax",
)
def self_similarity_zeroed(z1, z2, *, temperature):
    logits = _logits(z1, z2, temperature)
    return F.cross_entropy(logits * (1 - torch.eye(len(logits))), _positives(z1))


@mistake(
    nt_xent,
    "your denominator leaves the positive out (2B - 2 terms): it is one of the 2B - 1 candidates",
)
def positive_not_in_denominator(z1, z2, *, temperature):
    logits = _without_self(_logits(z1, z2, temperature))
    views, positives = torch.arange(len(logits)), _positives(z1)
    negatives = logits.clone()
    negatives[views, positives] = -math.inf
    return (negatives.logsumexp(1) - logits[views, positives]).mean()


@mistake(
    nt_xent,
    "your positives stand on the diagonal, each view with itself: "
    "the positive of view i is view i + B",
)
def positives_on_the_diagonal(z1, z2, *, temperature):
    return F.cross_entropy(_logits(z1, z2, temperature), torch.arange(2 * len(z1)))


@mistake(
    nt_xent,
    "your positives are neighbours in the list, i and i + 1: "
    "the positive of view i is view i + B (and back again)",
)
def positives_one_further(z1, z2, *, temperature):
    views = torch.arange(2 * len(z1))
    return F.cross_entropy(_without_self(_logits(z1, z2, temperature)), views.roll(-1))


@mistake(
    nt_xent,
    "you pair views 0 and 1, 2 and 3, …, as if they were interleaved: "
    "after torch.cat the positive of view i is view i + B",
)
def views_interleaved(z1, z2, *, temperature):
    views = torch.arange(2 * len(z1))
    return F.cross_entropy(_without_self(_logits(z1, z2, temperature)), views ^ 1)


@mistake(nt_xent, "only the first views are anchors: average over all 2B views")
def first_views_as_anchors(z1, z2, *, temperature):
    logits, size = _without_self(_logits(z1, z2, temperature)), len(z1)
    return F.cross_entropy(logits[:size], _positives(z1)[:size])


@mistake(
    nt_xent,
    "each view is compared with the other views' side only (B candidates): "
    "its own side's 2B - 2 views count as well",
)
def other_views_as_candidates(z1, z2, *, temperature):
    across, images = _logits(z1, z2, temperature)[: len(z1), len(z1) :], torch.arange(len(z1))
    return (F.cross_entropy(across, images) + F.cross_entropy(across.T, images)) / 2


@mistake(
    nt_xent,
    "each first view is compared with the second views only (B candidates, B anchors): "
    "all 2B views are anchors, and all 2B - 1 others are candidates",
)
def first_against_second_views(z1, z2, *, temperature):
    across = _logits(z1, z2, temperature)[: len(z1), len(z1) :]
    return F.cross_entropy(across, torch.arange(len(z1)))


# --- lengths and temperature ---------------------------------------------------------------------


@mistake(
    nt_xent,
    "you compare dot products: "
    "divide every vector by its length first, for the score is the cosine",
)
def not_normalised(z1, z2, *, temperature):
    z = torch.cat([z1, z2])
    return F.cross_entropy(_without_self(z @ z.T / temperature), _positives(z1))


@mistake(
    nt_xent,
    "you divide each column by its length (dim=0): every row is a vector, normalise over dim=1",
)
def columns_normalised(z1, z2, *, temperature):
    z1, z2 = F.normalize(z1, dim=0), F.normalize(z2, dim=0)
    return not_normalised(z1, z2, temperature=temperature)


@mistake(
    nt_xent,
    "you divide each column of both views by its length (dim=0): every row is a vector, dim=1",
)
def columns_of_both_normalised(z1, z2, *, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=0)
    return not_normalised(*z.chunk(2), temperature=temperature)


@mistake(nt_xent, "you multiply by the temperature: it divides the cosine")
def multiplied_by_temperature(z1, z2, *, temperature):
    return nt_xent(z1, z2, temperature=1 / temperature)


@mistake(
    nt_xent,
    "your function ignores the temperature, which should divide every cosine before the softmax",
)
def temperature_ignored(z1, z2, *, temperature):
    return nt_xent(z1, z2, temperature=1)


@mistake(nt_xent, "you divide by the temperature twice: each cosine is divided by it once")
def temperature_twice(z1, z2, *, temperature):
    return nt_xent(z1, z2, temperature=temperature**2)


@mistake(
    nt_xent,
    "the positive's cosine is not divided by the temperature: it is, as all the others are",
)
def positive_without_temperature(z1, z2, *, temperature):
    sums = _without_self(_logits(z1, z2, temperature)).logsumexp(1)
    return sums.mean() - F.cosine_similarity(z1, z2).mean()


# --- what is made of the probabilities -----------------------------------------------------------


@mistake(
    nt_xent,
    "you take the softmax twice: cross_entropy takes it itself, so give it the logits",
)
def softmax_before_cross_entropy(z1, z2, *, temperature):
    probabilities = _without_self(_logits(z1, z2, temperature)).softmax(1)
    return F.cross_entropy(probabilities, _positives(z1))


@mistake(
    nt_xent,
    "-1 on the diagonal still counts, for exp(-1 / temperature) is not 0: set it to -inf",
)
def self_similarity_of_minus_1(z1, z2, *, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    cosines = (z @ z.T).masked_fill(torch.eye(len(z), dtype=torch.bool), -1)
    return F.cross_entropy(cosines / temperature, _positives(z1))


@mistake(
    nt_xent,
    "one sum runs over all pairs: each view has a denominator of its own, the sum of its row",
)
def one_denominator_for_all(z1, z2, *, temperature):
    logits = _without_self(_logits(z1, z2, temperature))
    views = torch.arange(len(logits))
    return (logits.flatten().logsumexp(0) - logits[views, _positives(z1)]).mean()


@mistake(
    nt_xent,
    "your denominator is the mean over the candidates: it is their sum",
)
def mean_of_the_candidates(z1, z2, *, temperature):
    return nt_xent(z1, z2, temperature=temperature) - math.log(2 * len(z1) - 1)


@mistake(
    nt_xent,
    "you take the logarithm of the mean probability: take the mean of the logarithms",
)
def logarithm_of_the_mean(z1, z2, *, temperature):
    probabilities = _without_self(_logits(z1, z2, temperature)).softmax(1)
    return -probabilities[torch.arange(len(probabilities)), _positives(z1)].mean().log()


@mistake(
    nt_xent,
    "this is minus the mean probability of the positive: the loss is minus its logarithm",
)
def probability_without_logarithm(z1, z2, *, temperature):
    probabilities = _without_self(_logits(z1, z2, temperature)).softmax(1)
    return -probabilities[torch.arange(len(probabilities)), _positives(z1)].mean()


@mistake(
    nt_xent,
    "the temperature stands outside the sum of exponentials: it divides every cosine",
)
def temperature_outside(z1, z2, *, temperature):
    return nt_xent(z1, z2, temperature=1) / temperature


@mistake(
    nt_xent,
    "the second views' positives are second views too: those of i >= B are i - B",
)
def second_half_with_itself(z1, z2, *, temperature):
    logits, size = _logits(z1, z2, temperature), len(z1)
    views = torch.arange(2 * size)
    positives = views[size:].repeat(2)
    return (_without_self(logits).logsumexp(1) - logits[views, positives]).mean()


@mistake(
    nt_xent,
    "only z1 is divided by its lengths: z2 must be too",
)
def second_views_not_normalised(z1, z2, *, temperature):
    return not_normalised(F.normalize(z1, dim=1), z2, temperature=temperature)


@mistake(
    nt_xent,
    "only z2 is divided by its lengths: z1 must be too",
)
def first_views_not_normalised(z1, z2, *, temperature):
    return not_normalised(z1, F.normalize(z2, dim=1), temperature=temperature)


@mistake(nt_xent, "you divide by one length for all vectors: every row has its own")
def one_length_for_all(z1, z2, *, temperature):
    length = torch.cat([z1, z2]).norm()
    return not_normalised(z1 / length, z2 / length, temperature=temperature)


@mistake(nt_xent, "you divide by the squared lengths: a root is missing")
def divided_by_squared_lengths(z1, z2, *, temperature):
    z1, z2 = (z / z.square().sum(1, keepdim=True) for z in (z1, z2))
    return not_normalised(z1, z2, temperature=temperature)


@mistake(nt_xent, "you add up over the batch: the loss is the mean over the 2B views")
def summed(z1, z2, *, temperature):
    return 2 * len(z1) * nt_xent(z1, z2, temperature=temperature)


@mistake(
    nt_xent,
    "you add up over 2B views and divide by B: the loss is the mean over the 2B views",
)
def divided_by_half_the_views(z1, z2, *, temperature):
    return 2 * nt_xent(z1, z2, temperature=temperature)


@mistake(nt_xent, "the sign is flipped: descending on this pushes the two views of an image apart")
def sign_flipped(z1, z2, *, temperature):
    return -nt_xent(z1, z2, temperature=temperature)


@mistake(nt_xent, "your logarithm has base 2: nats, with the natural logarithm, are expected")
def in_bits(z1, z2, *, temperature):
    return nt_xent(z1, z2, temperature=temperature) / math.log(2)


@mistake(
    nt_xent,
    "the value is right, but the second views are detached: the loss moves both views",
)
def second_view_detached(z1, z2, *, temperature):
    return nt_xent(z1, z2.detach(), temperature=temperature)


@mistake(nt_xent)
def temperature_detached(z1, z2, *, temperature):
    """Only a learned temperature shows it: it would never move."""
    temperature = torch.as_tensor(temperature, dtype=torch.float64).detach()
    return nt_xent(z1, z2, temperature=temperature)
