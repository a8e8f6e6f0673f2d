"""Mistakes in the scores of CPC: a prediction against all frames of its sequence."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from mlteach.mistakes._registry import mistake
from mlteach.mistakes.selfsup.cpc.pairs import future_pairs


def cpc_scores(context, frames, weight, step):
    """Right: (B, T - step, T) products of each prediction with all frames of its own sequence."""
    now, _ = future_pairs(context, frames, step)
    return now @ weight.T @ frames.mT


@mistake(
    cpc_scores,
    "the last contexts are scored too: their future lies beyond the end, so leave out the last "
    "`step`",
)
def every_context(context, frames, weight, step):
    return context @ weight.T @ frames.mT


@mistake(
    cpc_scores,
    "the contexts are cut at the wrong end: the first have a future, the last `step` have none",
)
def first_contexts_left_out(context, frames, weight, step):
    return context[:, step:] @ weight.T @ frames.mT


@mistake(
    cpc_scores,
    "only the frames from `step` on are candidates: score all T frames of the sequence, "
    "the heard ones too",
)
def future_candidates_only(context, frames, weight, step):
    return cpc_scores(context, frames, weight, step)[:, :, step:]


@mistake(
    cpc_scores,
    "frames are in the rows: a row belongs to a context, a column to a candidate, (B, T - step, T)",
)
def candidates_in_rows(context, frames, weight, step):
    return cpc_scores(context, frames, weight, step).mT


@mistake(
    cpc_scores,
    "each context is compared with other sequences, frame t + step of each: "
    "the candidates are all frames of its own one",
)
def candidates_of_the_batch(context, frames, weight, step):
    now, future = future_pairs(context, frames, step)
    return torch.einsum("atd,btd->atb", now @ weight.T, future)


@mistake(
    cpc_scores,
    "these are cosines: CPC's score is the plain product, nothing is divided by a length",
)
def cosines(context, frames, weight, step):
    now, _ = future_pairs(context, frames, step)
    return F.normalize(now @ weight.T, dim=-1) @ F.normalize(frames, dim=-1).mT


@mistake(cpc_scores, "these are divided by the root of D, as in attention: CPC's score is not")
def scaled_as_in_attention(context, frames, weight, step):
    return cpc_scores(context, frames, weight, step) / math.sqrt(frames.shape[-1])


@mistake(cpc_scores, "these are probabilities: a score comes before the softmax")
def probabilities_of_candidates(context, frames, weight, step):
    return cpc_scores(context, frames, weight, step).softmax(-1)


@mistake(cpc_scores, "these are logarithms of probabilities: a score comes before the softmax")
def log_probabilities_of_candidates(context, frames, weight, step):
    return cpc_scores(context, frames, weight, step).log_softmax(-1)


@mistake(cpc_scores, "you divide by a temperature of 0.1: CPC has none, its matrices set the scale")
def scores_with_a_temperature(context, frames, weight, step):
    return cpc_scores(context, frames, weight, step) / 0.1


@mistake(
    cpc_scores,
    "these are the forecasts, weight @ context: multiply each with all T frames of its sequence",
)
def forecasts_alone(context, frames, weight, step):
    now, _ = future_pairs(context, frames, step)
    return now @ weight.T


@mistake(cpc_scores, "these are exponentials, the paper's f: its logarithm is asked for")
def exponentials_of_scores(context, frames, weight, step):
    return cpc_scores(context, frames, weight, step).exp()


@mistake(cpc_scores, "the step is ignored: the last `step` contexts are to be left out, not one")
def scores_always_one_step(context, frames, weight, step):
    return cpc_scores(context, frames, weight, 1)


@mistake(
    cpc_scores,
    "reshape and view do not transpose, they only read the numbers in other rows: "
    "`frames.mT` swaps time and width",
)
def reshaped_instead_of_transposed(context, frames, weight, step):
    now, _ = future_pairs(context, frames, step)
    batch, time, depth = frames.shape
    return now @ weight.T @ frames.reshape(batch, depth, time)


@mistake(
    cpc_scores,
    "only the right frame has a score: a forecast is compared with all T frames of its sequence, "
    "by `@`",
)
def only_the_right_frame(context, frames, weight, step):
    now, future = future_pairs(context, frames, step)
    return (now @ weight.T * future).sum(-1)


@mistake(
    cpc_scores,
    "the candidates are shifted: column j is frame j of the sequence, and the right one of "
    "context t stands in column t + step",
)
def candidates_shifted(context, frames, weight, step):
    return cpc_scores(context, frames.roll(-step, 1), weight, step)
