"""The arithmetic under a contrastive loss, which exercises ask for, and mistakes in it."""

from __future__ import annotations

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
