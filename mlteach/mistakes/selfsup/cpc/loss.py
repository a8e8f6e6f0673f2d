"""Mistakes in the loss of CPC, over all its steps."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from mlteach.mistakes._registry import mistake
from mlteach.mistakes.selfsup.cpc.pairs import future_pairs
from mlteach.mistakes.selfsup.cpc.scores import (
    candidates_of_the_batch,
    cosines,
    cpc_scores,
    every_context,
    probabilities_of_candidates,
)


def cpc_loss(context, frames, weights):
    """Right: () the mean over the steps of InfoNCE among the frames of each sequence."""
    return losses_of_steps(context, frames, weights).mean()


def losses_of_steps(context, frames, weights, *, shift=0, dim=-1):
    """(steps,) InfoNCE of each; a target may be shifted, and the softmax go along another one."""
    losses = []
    for step, weight in enumerate(weights, 1):
        logs = cpc_scores(context, frames, weight, step).log_softmax(dim)
        losses.append(-at_targets(logs, step + shift).mean())
    return torch.stack(losses)


def at_targets(scores, shift):
    """(B, T - step) of (B, T - step, T), the entry of frame t + shift for each moment t."""
    moments = torch.arange(scores.shape[1])
    return scores[:, moments, moments + shift]


@mistake(
    cpc_loss,
    "the right answer of moment t is frame t, which has been heard already: it is frame t + step",
)
def present_as_target(context, frames, weights):
    losses = [
        losses_of_steps(context, frames, weights, shift=-step)[step - 1]
        for step in range(1, len(weights) + 1)
    ]
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "the past is foretold: your contexts lie `step` frames after their targets instead of before",
)
def past_foretold(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        later = context.roll(-step, 1)
        logs = cpc_scores(later, frames, weight, step).log_softmax(-1)
        losses.append(-at_targets(logs, 0).mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "you divide the scores by a temperature of 0.1: CPC has none, its matrices set the scale",
)
def temperature_of_another_loss(context, frames, weights):
    return cpc_loss(context, frames, [weight / 0.1 for weight in weights])


@mistake(cpc_loss, "the right answer lies one frame too early: t + step - 1 instead of t + step")
def target_one_too_early(context, frames, weights):
    return losses_of_steps(context, frames, weights, shift=-1).mean()


@mistake(
    cpc_loss,
    "your steps begin at 0: the first matrix looks one ahead, `enumerate(weights, 1)` counts so",
)
def steps_from_zero(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights):
        logs = cpc_scores(context, frames, weight, step).log_softmax(-1)
        losses.append(-at_targets(logs, step).mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "your steps begin at 2: the first matrix looks one ahead, `enumerate(weights, 1)` counts so",
)
def steps_from_two(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 2):
        logs = cpc_scores(context, frames, weight, step).log_softmax(-1)
        losses.append(-at_targets(logs, step).mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "the right answer is always frame t + 1: for matrix k it is frame t + k, as for weights[k - 1]",
)
def next_as_target(context, frames, weights):
    losses = [
        losses_of_steps(context, frames, weights, shift=1 - step)[step - 1]
        for step in range(1, len(weights) + 1)
    ]
    return torch.stack(losses).mean()


@mistake(cpc_loss, "the right answer is frame `step` for all moments: for moment t it is t + step")
def step_as_target(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        logs = cpc_scores(context, frames, weight, step).log_softmax(-1)
        losses.append(-logs[:, :, step].mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "the last moments have a target from the beginning, (t + step) % T: they have no future, "
    "so leave them out",
)
def targets_in_a_circle(context, frames, weights):
    moments = torch.arange(frames.shape[1])
    losses = []
    for step, weight in enumerate(weights, 1):
        logs = every_context(context, frames, weight, step).log_softmax(-1)
        losses.append(-logs[:, moments, moments.roll(-step)].mean())
    return torch.stack(losses).mean()


@mistake(cpc_loss, "only the first moment of each sequence counts: all T - step have a loss")
def first_moment_only(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        logs = cpc_scores(context, frames, weight, step).log_softmax(-1)
        losses.append(-logs[:, 0, step].mean())
    return torch.stack(losses).mean()


@mistake(cpc_loss, "only the last moment of each sequence counts: all T - step have a loss")
def last_moment_only(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        logs = cpc_scores(context, frames, weight, step).log_softmax(-1)
        losses.append(-at_targets(logs, step)[:, -1].mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "that is 1 minus the probability of the right frame: the loss is minus its logarithm",
)
def one_minus_the_probability(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        shares = probabilities_of_candidates(context, frames, weight, step)
        losses.append(1 - at_targets(shares, step).mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "only the contexts that have all futures count, the first T - steps, in every step: step k has "
    "T - k of them",
)
def contexts_with_all_futures(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        logs = cpc_scores(context, frames, weight, step).log_softmax(-1)
        losses.append(-at_targets(logs, step)[:, : frames.shape[1] - len(weights)].mean())
    return torch.stack(losses).mean()


@mistake(cpc_loss, "one matrix serves for all steps: step k has its own, weights[k - 1]")
def one_matrix_for_all(context, frames, weights):
    return cpc_loss(context, frames, weights[:1].expand_as(weights))


@mistake(cpc_loss, "every matrix looks one frame ahead: weights[k - 1] belongs to k frames")
def all_one_step_ahead(context, frames, weights):
    losses = [losses_of_steps(context, frames, weight[None])[0] for weight in weights]
    return torch.stack(losses).mean()


@mistake(cpc_loss, "only the first step counts: the mean goes over all of them")
def first_step_only(context, frames, weights):
    return losses_of_steps(context, frames, weights)[0]


@mistake(cpc_loss, "only the last step counts: is the loss overwritten in the loop?")
def last_step_only(context, frames, weights):
    return losses_of_steps(context, frames, weights)[-1]


@mistake(cpc_loss, "the steps are summed: their mean is asked for")
def steps_summed(context, frames, weights):
    return losses_of_steps(context, frames, weights).sum()


@mistake(
    cpc_loss,
    "sequences and moments are summed: their mean is asked for, then the mean of the steps",
)
def moments_summed(context, frames, weights):
    batch, time, _ = frames.shape
    n_pairs = batch * torch.arange(time - 1, time - 1 - len(weights), -1)
    return (losses_of_steps(context, frames, weights) * n_pairs).mean()


@mistake(cpc_loss, "everything is summed: the mean goes over sequences, moments and steps")
def all_summed(context, frames, weights):
    return len(weights) * moments_summed(context, frames, weights)


@mistake(cpc_loss, "the moments are summed: their mean is asked for, as that of the sequences")
def summed_over_moments_only(context, frames, weights):
    return moments_summed(context, frames, weights) / len(frames)


@mistake(cpc_loss, "a step has T - step moments with a future: its mean is not divided by T")
def divided_by_all_frames(context, frames, weights):
    return summed_over_moments_only(context, frames, weights) / frames.shape[1]


@mistake(
    cpc_loss,
    "the right answers are in another order than the scores: flatten(0, 1) goes sequence by "
    "sequence, so that the answers are to be repeated as a whole, repeat(B)",
)
def answers_in_another_order(context, frames, weights):
    batch, time, _ = frames.shape
    losses = []
    for step, weight in enumerate(weights, 1):
        scores = cpc_scores(context, frames, weight, step).flatten(0, 1)
        answers = torch.arange(step, time).repeat_interleave(batch)
        losses.append(F.cross_entropy(scores, answers))
    return torch.stack(losses).mean()


@mistake(cpc_loss, "the softmax is taken twice: cross_entropy takes it itself, of the scores")
def softmax_twice(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        shares = probabilities_of_candidates(context, frames, weight, step)
        losses.append(-at_targets(shares.log_softmax(-1), step).mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "the positive is missing below the fraction line: it is one of the candidates, "
    "and the sum goes over all of them",
)
def positive_missing_below(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        scores = cpc_scores(context, frames, weight, step)
        here = torch.eye(frames.shape[1], dtype=torch.bool)[step:]
        others = scores.masked_fill(here, -torch.inf)
        losses.append((others.logsumexp(-1) - at_targets(scores, step)).mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss, "the positive stands below the fraction line twice: it is one of the T frames already"
)
def positive_twice_below(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        scores = cpc_scores(context, frames, weight, step)
        positive = at_targets(scores, step)[..., None]
        losses.append((torch.cat([scores, positive], -1).logsumexp(-1) - positive[..., 0]).mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "only the frames after t are candidates: here all T frames are, those that were heard too",
)
def heard_frames_left_out(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        scores = cpc_scores(context, frames, weight, step)
        heard = torch.ones(scores.shape[1:], dtype=torch.bool).tril()
        logs = scores.masked_fill(heard, -torch.inf).log_softmax(-1)
        losses.append(-at_targets(logs, step).mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "this is the accuracy, how often the right frame scores highest: the loss is asked for",
)
def accuracy_for_loss(context, frames, weights):
    shares = []
    for step, weight in enumerate(weights, 1):
        scores = cpc_scores(context, frames, weight, step)
        shares.append((at_targets(scores, step) == scores.amax(-1)).float().mean())
    return torch.stack(shares).mean()


@mistake(
    cpc_loss,
    "the softmax goes over the moments, dimension 1: the candidates of one moment compete, "
    "dimension 2",
)
def softmax_over_moments(context, frames, weights):
    return losses_of_steps(context, frames, weights, dim=1).mean()


@mistake(
    cpc_loss,
    "the logarithm is taken of the mean probability: take the mean of the logarithms",
)
def logarithm_of_the_mean(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        shares = probabilities_of_candidates(context, frames, weight, step)
        losses.append(-at_targets(shares, step).mean().log())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "every pair counts alike: first the mean within each step, then the mean of the steps, "
    "although a far step has fewer pairs",
)
def pairs_pooled(context, frames, weights):
    n_pairs = torch.arange(frames.shape[1] - 1, frames.shape[1] - 1 - len(weights), -1)
    return (losses_of_steps(context, frames, weights) * n_pairs).sum() / n_pairs.sum()


@mistake(
    cpc_loss,
    "only the frames from `step` on are candidates: all T frames of the sequence are",
)
def loss_among_future_frames(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        scores = cpc_scores(context, frames, weight, step)[:, :, step:]
        losses.append(-at_targets(scores.log_softmax(-1), 0).mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "the candidates are the right frames of all pairs: here they are all frames of one sequence",
)
def negatives_of_everywhere(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        now, future = (part.flatten(0, 1) for part in future_pairs(context, frames, step))
        losses.append(-(now @ weight.T @ future.T).log_softmax(-1).diagonal().mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "the candidates are the frames of all sequences: here they are all frames of the same one",
)
def all_frames_of_everywhere(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        now, _ = future_pairs(context, frames, step)
        scores = now @ weight.T @ frames.flatten(0, 1).T  # (B, T - step, B T)
        first = frames.shape[1] * torch.arange(len(frames))[:, None]  # frame 0 of each sequence
        answers = first + torch.arange(step, frames.shape[1])
        losses.append(F.cross_entropy(scores.flatten(0, 1), answers.flatten()))
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "the negatives come from the other sequences: "
    "here the candidates are all frames of the same one",
)
def negatives_of_the_batch(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        logs = candidates_of_the_batch(context, frames, weight, step).log_softmax(-1)
        losses.append(-logs.diagonal(dim1=0, dim2=2).mean())
    return torch.stack(losses).mean()


@mistake(
    cpc_loss,
    "the vectors are normalised: CPC's score is the plain product, nothing is divided by a length",
)
def loss_of_cosines(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        logs = cosines(context, frames, weight, step).log_softmax(-1)
        losses.append(-at_targets(logs, step).mean())
    return torch.stack(losses).mean()


@mistake(cpc_loss, "the minus sign is missing: a loss falls where the probability rises")
def loss_without_minus(context, frames, weights):
    return -cpc_loss(context, frames, weights)
