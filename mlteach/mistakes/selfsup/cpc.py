"""Mistakes in what CPC is made of: its pairs, scores, loss and context."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from mlteach.mistakes._registry import mistake

# --- what is paired with what --------------------------------------------------------------------


def future_pairs(context, frames, step):
    """Right: (B, T - step, C) contexts, and (B, T - step, D) the frames that far ahead of each."""
    n_pairs = frames.shape[1] - step
    return context[:, :n_pairs], frames[:, step:]


@mistake(
    future_pairs,
    "nothing is shifted: both are cut at the end, so that each context has its own frame",
)
def both_cut_at_the_end(context, frames, step):
    return future_pairs(context, frames.roll(step, 1), step)


@mistake(
    future_pairs,
    "nothing is shifted: both are cut at the beginning, so that each context has its own frame",
)
def both_cut_at_the_beginning(context, frames, step):
    return future_pairs(context.roll(-step, 1), frames, step)


@mistake(
    future_pairs,
    "your contexts are paired with the past: the context is cut at its end, the frames at their "
    "beginning",
)
def past_for_future(context, frames, step):
    return context[:, step:], frames[:, : frames.shape[1] - step]


@mistake(future_pairs, "these look one frame too far ahead: t + step + 1 is paired with t")
def pairs_one_too_far(context, frames, step):
    return future_pairs(context, frames, step + 1)


@mistake(future_pairs, "these look one frame less far ahead: t + step - 1 is paired with t")
def pairs_one_too_near(context, frames, step):
    return future_pairs(context, frames, step - 1)


@mistake(future_pairs, "the step is ignored: these look one frame ahead, whatever it is")
def pairs_always_one_step(context, frames, step):
    return future_pairs(context, frames, 1)


@mistake(
    future_pairs,
    "you shift along the batch, dimension 0: time is dimension 1, so begin with `[:, …]`",
)
def shifted_along_the_batch(context, frames, step):
    return context[: len(frames) - step], frames[step:]


@mistake(
    future_pairs,
    "the end of a sequence is paired with its beginning: roll goes round in a circle, "
    "and the last contexts have no future to foretell",
)
def round_in_a_circle(context, frames, step):
    return context, frames.roll(-step, 1)


@mistake(future_pairs, "the right pairs in the wrong order: first the contexts, then the frames")
def frames_first(context, frames, step):
    now, future = future_pairs(context, frames, step)
    return future, now


@mistake(
    future_pairs,
    "these look one frame less far ahead: t + step - 1 is paired with t, and the last is left out",
)
def pairs_too_near_and_cut(context, frames, step):
    n_pairs = frames.shape[1] - step
    return context[:, :n_pairs], frames[:, step - 1 : -1]


@mistake(future_pairs, "you cut the numbers of a frame, dimension 2: time is dimension 1")
def cut_within_a_frame(context, frames, step):
    return context[:, :, :-step], frames[:, :, step:]


@mistake(future_pairs, "frames are paired with frames: what foretells the future is the context")
def frames_for_contexts(context, frames, step):
    return frames[:, : frames.shape[1] - step], frames[:, step:]


@mistake(future_pairs, "contexts are paired with contexts: what is to be foretold are later frames")
def contexts_for_frames(context, frames, step):
    return context[:, : context.shape[1] - step], context[:, step:]


@mistake(future_pairs, "time stands first: sequences are dimension 0, and time is dimension 1")
def pairs_time_first(context, frames, step):
    now, future = future_pairs(context, frames, step)
    return now.transpose(0, 1), future.transpose(0, 1)


@mistake(
    future_pairs,
    "all sequences stand in one row before they are shifted, "
    "so that the end of one is paired with the beginning of the next",
)
def shifted_across_sequences(context, frames, step):
    batch, time, _ = frames.shape
    now, future = context.flatten(0, 1)[:-step], frames.flatten(0, 1)[step:]
    size = (batch, time - step, -1)
    n_pairs = batch * (time - step)
    return now[:n_pairs].reshape(size), future[:n_pairs].reshape(size)


@mistake(future_pairs, "roll with a positive number moves the past here: shift by -step")
def rolled_to_the_past(context, frames, step):
    return future_pairs(context, frames.roll(2 * step, 1), step)


@mistake(future_pairs, "you roll along the batch, dimension 0: time is dimension 1")
def rolled_along_the_batch(context, frames, step):
    n_pairs = frames.shape[1] - step
    return context[:, :n_pairs], frames.roll(-step, 0)[:, :n_pairs]


@mistake(future_pairs, "the future stands in reversed order: row t belongs to context t")
def future_reversed(context, frames, step):
    now, future = future_pairs(context, frames, step)
    return now, future.flip(1)


# --- the score of each candidate -----------------------------------------------------------------


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


# --- the loss over all steps ---------------------------------------------------------------------


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


# --- a context that may not look ahead -----------------------------------------------------------


def causal_mean(frames):
    """Right: (B, T, D), row t the mean of the frames 0 to t."""
    counts = torch.arange(1, frames.shape[1] + 1)
    return frames.cumsum(1) / counts[:, None].to(frames)


@mistake(causal_mean, "each row is the mean of all frames: row t must not see what comes after t")
def mean_of_all(frames):
    return frames.mean(1, keepdim=True).expand_as(frames)


@mistake(
    causal_mean, "each row is the mean of what is still to come: frames 0 to t, not t to the end"
)
def mean_of_the_future(frames):
    return causal_mean(frames.flip(1)).flip(1)


@mistake(causal_mean, "row t ends with frame t + 1: that one has not been heard yet")
def with_the_next(frames):
    ahead = causal_mean(frames).roll(-1, 1)
    return torch.cat([ahead[:, :-1], causal_mean(frames)[:, -1:]], dim=1)


@mistake(
    causal_mean,
    "the future has the score 0 before your softmax, and exp(0) is 1: it must be -inf",
)
def softmax_of_zeros(frames):
    return torch.ones(frames.shape[1], frames.shape[1]).tril().softmax(1).to(frames) @ frames


@mistake(
    causal_mean,
    "each column of your matrix is normalised: the weights of a row add up to 1, dim=1",
)
def columns_add_up_to_one(frames):
    weights = torch.ones(frames.shape[1], frames.shape[1]).tril()
    return (weights / weights.sum(0)).to(frames) @ frames


@mistake(causal_mean, "these are sums: divide row t by the number of frames in it, t + 1")
def running_sum(frames):
    return frames.cumsum(1)


@mistake(causal_mean, "every sum is divided by T: row t has t + 1 frames")
def divided_by_all(frames):
    return frames.cumsum(1) / frames.shape[1]


@mistake(causal_mean, "row t is divided by t: it has t + 1 frames, frame 0 is one of them")
def divided_by_one_less(frames):
    counts = torch.arange(frames.shape[1]).clamp(min=1)
    return frames.cumsum(1) / counts[:, None].to(frames)


@mistake(causal_mean, "you add up the numbers within a frame, dimension 2: time is dimension 1")
def mean_within_a_frame(frames):
    return causal_mean(frames.mT).mT


@mistake(
    causal_mean,
    "you divide along the width: the counts need a dimension more, `[:, None]`, to go along time",
)
def counts_along_the_width(frames):
    return frames.cumsum(1) / torch.arange(1, frames.shape[2] + 1).to(frames)


@mistake(causal_mean, "you add up along the width, dimension 2: time is dimension 1")
def sums_along_the_width(frames):
    counts = torch.arange(1, frames.shape[1] + 1)
    return frames.cumsum(2) / counts[:, None].to(frames)


@mistake(causal_mean, "you go along the batch, dimension 0: time is dimension 1")
def mean_along_the_batch(frames):
    return causal_mean(frames.transpose(0, 1)).transpose(0, 1)


@mistake(causal_mean, "row t ends with frame t - 1: frame t has been heard too")
def without_the_present(frames):
    before = causal_mean(frames).roll(1, 1)
    return torch.cat([0 * frames[:, :1], before[:, 1:]], dim=1)
