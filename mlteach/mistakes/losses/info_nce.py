"""Mistakes in InfoNCE."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.losses import info_nce
from mlteach.mistakes._registry import mistake


def _dots(query: Tensor, positive: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
    """The products (B, 1) with the positives and (B, K) with the negatives."""
    pairs = "bd,kd->bk" if negatives.dim() == 2 else "bd,bkd->bk"
    return (query * positive).sum(1, keepdim=True), torch.einsum(pairs, query, negatives)


def _cosines(query: Tensor, positive: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor]:
    return _dots(*(F.normalize(x, dim=-1) for x in (query, positive, negatives)))


def _first_of(own: Tensor, others: Tensor) -> Tensor:
    """The cross-entropy where the positive stands first."""
    return F.cross_entropy(torch.cat([own, others], 1), torch.zeros(len(own), dtype=torch.long))


@mistake(
    info_nce,
    "your denominator holds the negatives only: "
    "the positive is one of the 1 + K candidates and belongs into the sum",
)
def positive_not_in_denominator(query, positive, negatives, *, temperature):
    own, others = _cosines(query, positive, negatives)
    return ((others / temperature).logsumexp(1) - own[:, 0] / temperature).mean()


@mistake(
    info_nce,
    "you compare dot products: "
    "divide every vector by its length first, for the score is the cosine",
)
def not_normalised(query, positive, negatives, *, temperature):
    own, others = _dots(query, positive, negatives)
    return _first_of(own / temperature, others / temperature)


@mistake(info_nce, "you multiply by the temperature: it divides the cosine")
def multiplied_by_temperature(query, positive, negatives, *, temperature):
    return info_nce(query, positive, negatives, temperature=1 / temperature)


@mistake(
    info_nce,
    "your function ignores the temperature, which should divide every cosine before the softmax",
)
def temperature_ignored(query, positive, negatives, *, temperature):
    return info_nce(query, positive, negatives, temperature=1)


@mistake(
    info_nce,
    "only the positive's cosine is divided by the temperature: the negatives' must be too",
)
def negatives_without_temperature(query, positive, negatives, *, temperature):
    own, others = _cosines(query, positive, negatives)
    return _first_of(own / temperature, others)


@mistake(
    info_nce,
    "only the negatives' cosines are divided by the temperature: the positive's must be too",
)
def positive_without_temperature(query, positive, negatives, *, temperature):
    own, others = _cosines(query, positive, negatives)
    return _first_of(own, others / temperature)


@mistake(info_nce, "you add up over the batch: the loss is the mean over the queries")
def summed(query, positive, negatives, *, temperature):
    return len(query) * info_nce(query, positive, negatives, temperature=temperature)


@mistake(
    info_nce,
    "the sign is flipped: descending on this pushes each query away from its positive",
)
def sign_flipped(query, positive, negatives, *, temperature):
    return -info_nce(query, positive, negatives, temperature=temperature)


@mistake(info_nce, "you return the probability of the positive: the loss is minus its logarithm")
def probability_of_the_positive(query, positive, negatives, *, temperature):
    own, others = _cosines(query, positive, negatives)
    return (torch.cat([own, others], 1) / temperature).softmax(1)[:, 0].mean()


@mistake(info_nce, "your logarithm has base 2: nats, with the natural logarithm, are expected")
def in_bits(query, positive, negatives, *, temperature):
    return info_nce(query, positive, negatives, temperature=temperature) / math.log(2)


@mistake(info_nce, "query i gets the positive of the query before it: its positive is row i")
def another_query_s_positive(query, positive, negatives, *, temperature):
    return info_nce(query, positive.roll(1, 0), negatives, temperature=temperature)


@mistake(
    info_nce,
    "the label points at a negative: with the label 0 the positive has to stand in column 0",
)
def first_negative_as_positive(query, positive, negatives, *, temperature):
    own, others = _cosines(query, positive, negatives)
    first, rest = others[:, :1], torch.cat([own, others[:, 1:]], 1)
    return _first_of(first / temperature, rest / temperature)


def _logits(query: Tensor, positive: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """(B, 1 + K) the right logits, the positive's first."""
    return torch.cat(_cosines(query, positive, negatives), 1) / temperature


@mistake(
    info_nce,
    "you take the softmax twice: cross_entropy takes it itself, so give it the logits",
)
def softmax_before_cross_entropy(query, positive, negatives, *, temperature):
    own, others = _cosines(query, positive, negatives)
    probabilities = (torch.cat([own, others], 1) / temperature).softmax(1)
    return F.cross_entropy(probabilities, torch.zeros(len(query), dtype=torch.long))


@mistake(info_nce, "your denominator holds the positive twice: it is one of 1 + K candidates")
def positive_twice(query, positive, negatives, *, temperature):
    own, others = _cosines(query, positive, negatives)
    return _first_of(own / temperature, torch.cat([own, others], 1) / temperature)


@mistake(
    info_nce,
    "your denominator holds the other queries' positives: the candidates are its own positive and "
    "the negatives",
)
def other_positives_too(query, positive, negatives, *, temperature):
    query, positive, negatives = (F.normalize(x, dim=-1) for x in (query, positive, negatives))
    logits = torch.cat([query @ positive.T, _dots(query, positive, negatives)[1]], 1)
    return F.cross_entropy(logits / temperature, torch.arange(len(query)))


@mistake(
    info_nce,
    "each negative meets the positive alone: all 1 + K candidates share one softmax",
)
def each_negative_alone(query, positive, negatives, *, temperature):
    own, others = _cosines(query, positive, negatives)
    return F.softplus((others - own) / temperature).mean()


@mistake(
    info_nce,
    "this is one yes or no for each candidate: InfoNCE is one choice among all, a softmax",
)
def yes_or_no_for_each(query, positive, negatives, *, temperature):
    logits = _logits(query, positive, negatives, temperature)
    truth = torch.zeros_like(logits)
    truth[:, 0] = 1
    return F.binary_cross_entropy_with_logits(logits, truth)


@mistake(
    info_nce,
    "your denominator holds the mean of the negatives' exponentials: it holds their sum",
)
def mean_of_the_negatives(query, positive, negatives, *, temperature):
    own, others = _cosines(query, positive, negatives)
    others = (others / temperature).logsumexp(1, keepdim=True) - math.log(others.shape[1])
    return _first_of(own / temperature, others)


@mistake(
    info_nce,
    "your denominator is the mean over the candidates: it is their sum",
)
def mean_of_the_candidates(query, positive, negatives, *, temperature):
    loss = info_nce(query, positive, negatives, temperature=temperature)
    return loss - math.log(1 + negatives.shape[-2])


@mistake(
    info_nce,
    "you take the logarithm of the mean probability: take the mean of the logarithms",
)
def logarithm_of_the_mean(query, positive, negatives, *, temperature):
    return -_logits(query, positive, negatives, temperature).softmax(1)[:, 0].mean().log()


@mistake(
    info_nce,
    "your softmax runs over the queries (dim=0): each query chooses among its candidates, dim=1",
)
def softmax_over_the_queries(query, positive, negatives, *, temperature):
    return -_logits(query, positive, negatives, temperature).log_softmax(0)[:, 0].mean()


@mistake(
    info_nce,
    "the labels are the numbers of the positives: here it stands in column 0 of every row",
)
def labels_count_up(query, positive, negatives, *, temperature):
    logits = _logits(query, positive, negatives, temperature)
    return F.cross_entropy(logits, torch.arange(len(query)) % logits.shape[1])


@mistake(info_nce, "only the queries are divided by their lengths: positives and negatives too")
def only_the_query_normalised(query, positive, negatives, *, temperature):
    own, others = _dots(F.normalize(query, dim=-1), positive, negatives)
    return _first_of(own / temperature, others / temperature)


@mistake(info_nce, "the negatives are not divided by their lengths: the score is the cosine")
def negatives_not_normalised(query, positive, negatives, *, temperature):
    query, positive = F.normalize(query, dim=-1), F.normalize(positive, dim=-1)
    own, others = _dots(query, positive, negatives)
    return _first_of(own / temperature, others / temperature)


@mistake(info_nce, "the positives are not divided by their lengths: the score is the cosine")
def positive_not_normalised(query, positive, negatives, *, temperature):
    query, negatives = F.normalize(query, dim=-1), F.normalize(negatives, dim=-1)
    own, others = _dots(query, positive, negatives)
    return _first_of(own / temperature, others / temperature)


@mistake(info_nce, "the queries are not divided by their lengths: the score is the cosine")
def query_not_normalised(query, positive, negatives, *, temperature):
    positive, negatives = F.normalize(positive, dim=-1), F.normalize(negatives, dim=-1)
    own, others = _dots(query, positive, negatives)
    return _first_of(own / temperature, others / temperature)


@mistake(
    info_nce,
    "you divide each column by its length (dim=0): every row is a vector, normalise over dim=1",
)
def columns_normalised(query, positive, negatives, *, temperature):
    query, positive = F.normalize(query, dim=0), F.normalize(positive, dim=0)
    own, others = _dots(query, positive, F.normalize(negatives, dim=-2))
    return _first_of(own / temperature, others / temperature)


@mistake(
    info_nce,
    "you divide all vectors by one length, that of the whole matrix: every row has its own",
)
def one_length_for_all(query, positive, negatives, *, temperature):
    own, others = _dots(query / query.norm(), positive / positive.norm(), negatives)
    return _first_of(own / temperature, others / negatives.norm() / temperature)


@mistake(
    info_nce,
    "you divide by the squared lengths: the length is the root of the sum of squares",
)
def divided_by_squared_lengths(query, positive, negatives, *, temperature):
    query, positive, negatives = (
        x / x.square().sum(-1, keepdim=True) for x in (query, positive, negatives)
    )
    own, others = _dots(query, positive, negatives)
    return _first_of(own / temperature, others / temperature)


@mistake(
    info_nce,
    "a softmax over the entries is no normalisation: divide every vector by its length",
)
def softmax_of_the_vectors(query, positive, negatives, *, temperature):
    own, others = _dots(query.softmax(-1), positive.softmax(-1), negatives.softmax(-1))
    return _first_of(own / temperature, others / temperature)


@mistake(info_nce, "your scores are distances: they are cosines, which grow with likeness")
def distances_for_cosines(query, positive, negatives, *, temperature):
    query, positive, negatives = (F.normalize(x, dim=-1) for x in (query, positive, negatives))
    own = (query - positive).norm(dim=-1, keepdim=True)
    others = (query[:, None] - negatives).norm(dim=-1)
    return _first_of(-own / temperature, -others / temperature)


@mistake(
    info_nce,
    "you divide the loss by the temperature: divide the cosines, before the softmax",
)
def loss_divided_by_temperature(query, positive, negatives, *, temperature):
    return info_nce(query, positive, negatives, temperature=1) / temperature


@mistake(info_nce, "you divide by the temperature twice: each cosine is divided by it once")
def temperature_twice(query, positive, negatives, *, temperature):
    return info_nce(query, positive, negatives, temperature=temperature**2)


@mistake(info_nce)
def negatives_of_the_first_query(query, positive, negatives, *, temperature):
    """It shows only where each query has negatives of its own."""
    negatives = negatives if negatives.dim() == 2 else negatives[0]
    return info_nce(query, positive, negatives, temperature=temperature)


@mistake(
    info_nce,
    "the value is right, but the negatives are detached: whether they move is up to the method",
)
def negatives_detached(query, positive, negatives, *, temperature):
    return info_nce(query, positive, negatives.detach(), temperature=temperature)
