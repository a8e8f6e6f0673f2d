"""The arithmetic under a contrastive loss, which exercises ask for, and mistakes in it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mlteach.mistakes._registry import mistake

# --- the force on each candidate -----------------------------------------------------------------


def negative_gradient(similarities: Tensor, positive: int, temperature: float) -> Tensor:
    """Minus the gradient of one anchor's InfoNCE with respect to each similarity."""
    return _missing(similarities, positive, temperature) / temperature


def _probabilities(similarities: Tensor, temperature: float) -> Tensor:
    return (similarities / temperature).softmax(0)


def _missing(similarities: Tensor, positive: int, temperature: float) -> Tensor:
    """What is missing to the truth: 1 for the positive, 0 for the others."""
    missing = -_probabilities(similarities, temperature)
    missing[positive] += 1
    return missing


@mistake(
    negative_gradient,
    "these are the negative gradients times the temperature: "
    "the inner derivative of s / temperature is still missing",
)
def not_divided_by_temperature(similarities, positive, temperature):
    return _missing(similarities, positive, temperature)


@mistake(
    negative_gradient,
    "this is the gradient itself: minus the gradient is asked for, upwards for the positive",
)
def gradient_itself(similarities, positive, temperature):
    return -negative_gradient(similarities, positive, temperature)


@mistake(negative_gradient, "the gradient's sign and its factor 1 / temperature are both missing")
def neither_sign_nor_temperature(similarities, positive, temperature):
    return -_missing(similarities, positive, temperature)


@mistake(
    negative_gradient,
    "you return the probabilities: minus the gradient is what is missing to the truth, "
    "1 for the positive and 0 for the others",
)
def probabilities(similarities, positive, temperature):
    return _probabilities(similarities, temperature)


@mistake(
    negative_gradient,
    "the positive is treated like a negative: its entry is (1 - p) / temperature, upwards",
)
def positive_like_a_negative(similarities, positive, temperature):
    return -_probabilities(similarities, temperature) / temperature


@mistake(
    negative_gradient,
    "the softmax leaves the positive out: its probability is taken among all candidates",
)
def softmax_of_the_negatives(similarities, positive, temperature):
    itself = torch.arange(len(similarities)) == positive
    others = (similarities / temperature).masked_fill(itself, -math.inf).softmax(0)
    return (itself.to(others) - others) / temperature


@mistake(
    negative_gradient,
    "you take the logarithms of the probabilities: the gradient has the probabilities themselves",
)
def logarithms_of_probabilities(similarities, positive, temperature):
    truth = (torch.arange(len(similarities)) == positive).to(similarities)
    return (truth - (similarities / temperature).log_softmax(0)) / temperature


@mistake(
    negative_gradient,
    "the temperature is missing in the softmax: the scores are divided by it there too",
)
def softmax_without_temperature(similarities, positive, temperature):
    return _missing(similarities, positive, 1) / temperature


@mistake(negative_gradient, "you multiply by the temperature: the inner derivative divides by it")
def multiplied_by_temperature(similarities, positive, temperature):
    return _missing(similarities, positive, temperature) * temperature


@mistake(
    negative_gradient,
    "sigmoids judge each candidate alone: a softmax shares 1 among all of them",
)
def sigmoids(similarities, positive, temperature):
    truth = (torch.arange(len(similarities)) == positive).to(similarities)
    return (truth - (similarities / temperature).sigmoid()) / temperature


@mistake(
    negative_gradient,
    "no force acts on the positive: its entry is (1 - p) / temperature, upwards",
)
def no_force_on_the_positive(similarities, positive, temperature):
    force = negative_gradient(similarities, positive, temperature)
    force[positive] = 0
    return force


@mistake(
    negative_gradient,
    "the positive is pushed by p: what is missing to the truth is 1 - p",
)
def positive_pushed_by_p(similarities, positive, temperature):
    force = negative_gradient(similarities, positive, temperature)
    force[positive] = 1 / temperature - force[positive]
    return force


@mistake(
    negative_gradient,
    "you take the best candidate for the positive: its number is given",
)
def best_for_positive(similarities, positive, temperature):
    return negative_gradient(similarities, int(similarities.argmax()), temperature)


# --- stable arithmetic ---------------------------------------------------------------------------


def log_sum_exp(logits: Tensor) -> Tensor:
    """log Σ exp along the rows, (N, N) -> (N,), for logits of any size."""
    return logits.logsumexp(dim=1)


@mistake(
    log_sum_exp,
    "you subtract the row's maximum but never add it back: log Σ exp(l) = m + log Σ exp(l - m)",
)
def maximum_forgotten(logits):
    return log_sum_exp(logits) - logits.amax(dim=1)


@mistake(log_sum_exp, "you subtract the maximum at the end: it has to be added back")
def maximum_subtracted(logits):
    return log_sum_exp(logits) - 2 * logits.amax(dim=1)


@mistake(
    log_sum_exp,
    "you sum over the rows: every row is one anchor, sum over its candidates, dim=1",
)
def summed_over_rows(logits):
    return logits.logsumexp(dim=0)


@mistake(log_sum_exp, "you return the maximum only: it is the limit for large logits, not the sum")
def maximum_only(logits):
    return logits.amax(dim=1)


@mistake(log_sum_exp, "the logarithm is missing")
def logarithm_missing(logits):
    return log_sum_exp(logits).exp()


@mistake(
    log_sum_exp,
    "you add a 1: log1p is log(1 + Σ exp), the plain logarithm is asked for",
)
def logarithm_of_1_plus(logits):
    largest = logits.amax(1, keepdim=True)
    return largest[:, 0] + (logits - largest).exp().sum(1).log1p()


@mistake(
    log_sum_exp,
    "you subtract the maximum of each column: add and subtract that of the row, amax(1)",
)
def maximum_of_the_columns(logits):
    largest = logits.amax(0)
    return largest + (logits - largest).exp().sum(1).log()


@mistake(
    log_sum_exp,
    "the row's maximum meets the columns: (N,) is added along a row, keepdim=True makes it (N, 1)",
)
def maximum_without_keepdim(logits):
    largest = logits.amax(1)
    return largest + (logits - largest).exp().sum(1).log()


@mistake(log_sum_exp, "your logarithm has base 2: the natural one undoes exp")
def logarithm_of_base_2(logits):
    largest = logits.amax(1, keepdim=True)
    return largest[:, 0] + (logits - largest).exp().sum(1).log2()


@mistake(log_sum_exp, "you divide by the maximum: subtract it, exp(l - m) = exp(l) / exp(m)")
def divided_by_the_maximum(logits):
    largest = logits.amax(1, keepdim=True)
    return largest[:, 0] + (logits / largest).exp().sum(1).log()


@mistake(log_sum_exp, "you take the mean of the exponentials: their sum is asked for")
def mean_of_exponentials(logits):
    return log_sum_exp(logits) - math.log(logits.shape[1])


@mistake(log_sum_exp, "this is the logarithm of every probability: the sum's is asked for, (N,)")
def log_softmax_of_the_rows(logits):
    return logits.log_softmax(1)


@mistake(log_sum_exp, "you sum over everything: each row has a sum of its own")
def summed_over_everything(logits):
    return logits.flatten().logsumexp(0).expand(len(logits))
