"""Answers to chapter 08 as students write them, made before the checks were read."""

import math
from collections import namedtuple

import numpy as np
import torch
import torch.nn.functional as F
from support.answers import Answers

answers = Answers("08")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# future_pairs(context, frames, step) -> (now, future)


def _pairs(context, frames, step):
    return context[:, :-step], frames[:, step:]


def _not_shifted(context, frames, step):
    return context[:, :-step], frames[:, :-step]


def _both_from_the_end(context, frames, step):
    return context[:, step:], frames[:, step:]


def _past(context, frames, step):
    return context[:, step:], frames[:, :-step]


def _swapped(context, frames, step):
    now, future = _pairs(context, frames, step)
    return future, now


def _one_too_far(context, frames, step):
    return _pairs(context, frames, step + 1)


def _one_too_near(context, frames, step):
    return context[:, :-step], frames[:, step - 1 : -1]


def _always_one(context, frames, step):
    return _pairs(context, frames, 1)


def _over_sequences(context, frames, step):
    return context[:-step], frames[step:]


def _over_features(context, frames, step):
    return context[:, :, :-step], frames[:, :, step:]


def _context_whole(context, frames, step):
    return context, frames[:, step:]


def _frames_whole(context, frames, step):
    return context[:, :-step], frames


def _rolled(context, frames, step):
    return context, frames.roll(-step, 1)


def _rolled_the_wrong_way(context, frames, step):
    return context[:, :-step], frames.roll(step, 1)[:, :-step]


def _rolled_over_sequences(context, frames, step):
    return context[:, :-step], frames.roll(-step, 0)[:, :-step]


def _next_ones_only(context, frames, step):
    return context[:, :step], frames[:, step : 2 * step]


def _one_moment(context, frames, step):
    return context[:, 0], frames[:, step]


def _last_moment(context, frames, step):
    return context[:, -step - 1 : -step], frames[:, -1:]


def _every_step_th(context, frames, step):
    return context[:, :-step:step], frames[:, step::step]


def _windows(context, frames, step):
    windows = frames.unfold(1, step, 1)[:, 1:]
    return context[:, :-step], windows.mean(-1)


def _frames_twice(context, frames, step):
    return frames[:, :-step], frames[:, step:]


def _context_twice(context, frames, step):
    return context[:, :-step], context[:, step:]


def _flattened(context, frames, step):
    now, future = _pairs(context, frames, step)
    return now.flatten(0, 1), future.flatten(0, 1)


def _flattened_first(context, frames, step):
    batch, length = frames.shape[:2]
    now, future = context.flatten(0, 1)[:-step], frames.flatten(0, 1)[step:]
    cut = batch * (length - step)
    return (
        now[:cut].view(batch, length - step, -1),
        future[:cut].view(batch, length - step, -1),
    )


def _joined(context, frames, step):
    return torch.cat(_pairs(context, frames, step), dim=2)


def _time_first(context, frames, step):
    now, future = _pairs(context, frames, step)
    return now.transpose(0, 1), future.transpose(0, 1)


def _time_reversed(context, frames, step):
    return context[:, :-step], frames[:, step:].flip(1)


def _first_sequence(context, frames, step):
    return context[:1, :-step], frames[:1, step:]


def _padded_with_zeros(context, frames, step):
    return context, F.pad(frames[:, step:], (0, 0, 0, step))


def _future_only(context, frames, step):
    return frames[:, step:]


def _printed_pairs(context, frames, step):
    print(_pairs(context, frames, step))


wrong("future_pairs", "the stub: None", lambda context, frames, step: None)
wrong("future_pairs", "not shifted", _not_shifted)
wrong("future_pairs", "not shifted, the first ones cut off", _both_from_the_end)
wrong("future_pairs", "the past for the future", _past)
wrong("future_pairs", "future and now swapped", _swapped)
wrong("future_pairs", "one frame too far", _one_too_far)
wrong("future_pairs", "one frame too near", _one_too_near)
wrong("future_pairs", "step not used: always the next", _always_one)
wrong("future_pairs", "cut over sequences, not time", _over_sequences)
wrong("future_pairs", "cut over features, not time", _over_features)
wrong("future_pairs", "contexts without a future kept", _context_whole)
wrong("future_pairs", "frames not cut", _frames_whole)
wrong("future_pairs", "rolled: the end meets the beginning", _rolled)
wrong("future_pairs", "rolled to the past", _rolled_the_wrong_way)
wrong("future_pairs", "rolled over the sequences", _rolled_over_sequences)
wrong("future_pairs", "first frames only", _next_ones_only)
wrong("future_pairs", "one moment only", _one_moment)
wrong("future_pairs", "last moment only", _last_moment)
wrong("future_pairs", "every step-th moment", _every_step_th)
wrong("future_pairs", "mean of the frames up to there", _windows)
wrong("future_pairs", "frames for contexts", _frames_twice)
wrong("future_pairs", "contexts for frames", _context_twice)
wrong("future_pairs", "sequences and times flattened", _flattened)
wrong("future_pairs", "flattened before the shift: runs into others", _flattened_first)
wrong("future_pairs", "joined in one tensor", _joined)
wrong("future_pairs", "time first", _time_first)
wrong("future_pairs", "future turned round", _time_reversed)
wrong("future_pairs", "first sequence only", _first_sequence)
wrong("future_pairs", "padded with zeros", _padded_with_zeros)
wrong("future_pairs", "future only", _future_only)
wrong("future_pairs", "prints instead of returning", _printed_pairs)


def _pairs_loop(context, frames, step):
    moments = range(frames.shape[1] - step)
    now = torch.stack([context[:, t] for t in moments], dim=1)
    return now, torch.stack([frames[:, t + step] for t in moments], dim=1)


def _pairs_narrow(c, z, k):
    length = z.size(1) - k
    return c.narrow(1, 0, length), z.narrow(1, k, length)


def _pairs_index(context, frames, step):
    t = torch.arange(frames.shape[1] - step)
    return context[:, t], frames.index_select(1, t + step)


def _pairs_rolled_and_cut(context, frames, step):
    end = frames.shape[1] - step
    return context[:, :end, :], frames.roll(-step, dims=1)[:, :end, :]


def _pairs_split(context, frames, step):
    length = frames.shape[1] - step
    now, _ = context.split([length, step], dim=1)
    _, future = frames.split([step, length], dim=1)
    return [now, future]


def _pairs_named(context, frames, step):
    pair = namedtuple("pair", ["now", "future"])
    return pair(context[:, :-step].clone(), frames[:, step:].contiguous())


right("future_pairs", "a loop over moments", _pairs_loop)
right("future_pairs", "narrow, other argument names", _pairs_narrow)
right("future_pairs", "arange as index", _pairs_index)
right("future_pairs", "rolled, then the end cut off", _pairs_rolled_and_cut)
right("future_pairs", "split, a list of two", _pairs_split)
right("future_pairs", "a named tuple, copied", _pairs_named)


# cpc_scores(context, frames, weight, step) -> (B, T - step, T)


def _scores(context, frames, weight, step):
    forecast = context[:, : frames.shape[1] - step] @ weight.T
    return forecast @ frames.transpose(1, 2)


def _all_moments(context, frames, weight, step):
    return context @ weight.T @ frames.mT


def _last_moments(context, frames, weight, step):
    return context[:, step:] @ weight.T @ frames.mT


def _weight_not_transposed(context, frames, weight, step):
    return context[:, :-step] @ weight @ frames.mT


def _weight_on_the_other_side(context, frames, weight, step):
    return (frames @ weight.T @ context[:, :-step].mT).mT


def _candidates_cut(context, frames, weight, step):
    return context[:, :-step] @ weight.T @ frames[:, step:].mT


def _candidates_not_the_last(context, frames, weight, step):
    return context[:, :-step] @ weight.T @ frames[:, :-step].mT


def _candidates_shifted(context, frames, weight, step):
    return _scores(context, frames.roll(-step, 1), weight, step)


def _step_left_out(context, frames, weight, step):
    return _scores(context, frames, weight, 1)


def _one_more_cut(context, frames, weight, step):
    return _scores(context, frames, weight, step + 1)


def _without_weight(context, frames, weight, step):
    return context[:, :-step] @ frames.mT


def _context_without_weight(context, frames, weight, step):
    forecast = context[:, :-step] * weight.diagonal()
    return forecast @ frames.mT


def _cosines(context, frames, weight, step):
    forecast = F.normalize(context[:, :-step] @ weight.T, dim=-1)
    return forecast @ F.normalize(frames, dim=-1).mT


def _frames_normalised(context, frames, weight, step):
    return _scores(context, F.normalize(frames, dim=-1), weight, step)


def _probabilities(context, frames, weight, step):
    return _scores(context, frames, weight, step).softmax(-1)


def _log_probabilities(context, frames, weight, step):
    return _scores(context, frames, weight, step).log_softmax(-1)


def _density_ratio(context, frames, weight, step):
    return _scores(context, frames, weight, step).exp()


def _rooted(context, frames, weight, step):
    return _scores(context, frames, weight, step) / math.sqrt(frames.shape[-1])


def _distances(context, frames, weight, step):
    return -torch.cdist(context[:, :-step] @ weight.T, frames)


def _turned(context, frames, weight, step):
    return _scores(context, frames, weight, step).mT


def _true_ones_only(context, frames, weight, step):
    return (context[:, :-step] @ weight.T * frames[:, step:]).sum(-1)


def _other_sequences(context, frames, weight, step):
    return _scores(context, frames.roll(1, 0), weight, step)


def _first_sequences_frames(context, frames, weight, step):
    return context[:, :-step] @ weight.T @ frames[0].T


def _all_sequences(context, frames, weight, step):
    return context[:, :-step] @ weight.T @ frames.flatten(0, 1).T


def _over_the_batch(context, frames, weight, step):
    forecast = context[:, :-step] @ weight.T
    return torch.einsum("btd,ctd->btc", forecast, frames[:, step:])


def _power_of_the_weight(context, frames, weight, step):
    return _scores(context, frames, weight, step) * step


def _true_one_first(context, frames, weight, step):
    scores = _scores(context, frames, weight, step)
    return torch.stack([scores[:, t].roll(-t - step, 1) for t in range(scores.shape[1])], 1)


def _heard_ones_blanked(context, frames, weight, step):
    scores = _scores(context, frames, weight, step)
    heard = torch.ones(scores.shape[1:], dtype=torch.bool).tril()
    return scores.masked_fill(heard, -math.inf)


def _reshaped_for_transposed(context, frames, weight, step):
    batch, length, width = frames.shape
    return context[:, :-step] @ weight.T @ frames.reshape(batch, width, length)


def _first_sequence_scored(context, frames, weight, step):
    return _scores(context, frames, weight, step)[0]


def _scores_detached(context, frames, weight, step):
    return _scores(context, frames, weight.detach(), step)


def _frames_detached(context, frames, weight, step):
    return _scores(context, frames.detach(), weight, step)


def _printed_scores(context, frames, weight, step):
    print(_scores(context, frames, weight, step))


wrong("cpc_scores", "the stub: None", lambda context, frames, weight, step: None)
wrong("cpc_scores", "moments without a future kept", _all_moments)
wrong("cpc_scores", "first moments cut off, not the last", _last_moments)
wrong("cpc_scores", "context @ weight: not transposed", _weight_not_transposed)
wrong("cpc_scores", "weight applied to the frames", _weight_on_the_other_side)
wrong("cpc_scores", "candidates from step on only", _candidates_cut)
wrong("cpc_scores", "last candidates cut off", _candidates_not_the_last)
wrong("cpc_scores", "candidates shifted by step", _candidates_shifted)
wrong("cpc_scores", "step not used: always 1", _step_left_out)
wrong("cpc_scores", "one moment too many cut off", _one_more_cut)
wrong("cpc_scores", "weight left out", _without_weight)
wrong("cpc_scores", "diagonal of the weight only", _context_without_weight)
wrong("cpc_scores", "cosines", _cosines)
wrong("cpc_scores", "frames normalised", _frames_normalised)
wrong("cpc_scores", "softmax already", _probabilities)
wrong("cpc_scores", "log_softmax already", _log_probabilities)
wrong("cpc_scores", "exp: the paper's f_k", _density_ratio)
wrong("cpc_scores", "divided by the root of D", _rooted)
wrong("cpc_scores", "minus distances", _distances)
wrong("cpc_scores", "sign turned", lambda *args: -_scores(*args))
wrong("cpc_scores", "candidates in the rows", _turned)
wrong("cpc_scores", "scores of the true ones only", _true_ones_only)
wrong("cpc_scores", "frames of another sequence", _other_sequences)
wrong("cpc_scores", "first sequence's frames for all", _first_sequences_frames)
wrong("cpc_scores", "frames of all sequences", _all_sequences)
wrong("cpc_scores", "same moment of all sequences", _over_the_batch)
wrong("cpc_scores", "times the step", _power_of_the_weight)
wrong("cpc_scores", "true one moved to column 0", _true_one_first)
wrong("cpc_scores", "heard frames at minus infinity", _heard_ones_blanked)
wrong("cpc_scores", "reshape for transpose", _reshaped_for_transposed)
wrong("cpc_scores", "first sequence only", _first_sequence_scored)
wrong("cpc_scores", "weight detached", _scores_detached)
wrong("cpc_scores", "frames detached", _frames_detached)
wrong("cpc_scores", "prints instead of returning", _printed_scores)


def _scores_loop(context, frames, weight, step):
    batch, length, _ = frames.shape
    rows = []
    for b in range(batch):
        for t in range(length - step):
            forecast = weight @ context[b, t]
            rows.extend(torch.dot(frames[b, j], forecast) for j in range(length))
    return torch.stack(rows).view(batch, length - step, length)


def _scores_einsum(c, z, w, k):
    return torch.einsum("bjd,dc,btc->btj", z, w, c[:, : z.shape[1] - k])


def _scores_linear(context, frames, weight, step):
    return torch.bmm(F.linear(context[:, :-step], weight), frames.permute(0, 2, 1))


def _scores_frames_first(context, frames, weight, step):
    return (frames @ weight @ context[:, :-step].transpose(1, 2)).transpose(1, 2)


def _scores_broadcast(context, frames, weight, step):
    forecast = (weight @ context[:, :-step, :, None]).squeeze(-1)
    return (forecast[:, :, None] * frames[:, None]).sum(-1)


def _scores_double(context, frames, weight, step):
    forecast = torch.tensordot(context.double(), weight.double(), dims=([2], [1]))
    return torch.matmul(forecast, frames.double().mT)[:, : frames.size(1) - step]


right("cpc_scores", "three loops", _scores_loop)
right("cpc_scores", "one einsum, other argument names", _scores_einsum)
right("cpc_scores", "F.linear and bmm", _scores_linear)
right("cpc_scores", "frames @ weight first", _scores_frames_first)
right("cpc_scores", "broadcast and summed", _scores_broadcast)
right("cpc_scores", "float64 tensordot, cut at the end", _scores_double)


# cpc_loss(context, frames, weights): weights (steps, D, C)


def _targets(scores, step):
    batch, moments, _ = scores.shape
    return torch.arange(step, moments + step).expand(batch, moments)


def _entropy(scores, target):
    return F.cross_entropy(scores.flatten(0, 1), target.flatten())


def _each(context, frames, weights, score=_scores, target=_targets):
    losses = []
    for step, weight in enumerate(weights, 1):
        scores = score(context, frames, weight, step)
        losses.append(_entropy(scores, target(scores, step)))
    return torch.stack(losses)


def _cpc(context, frames, weights):
    return _each(context, frames, weights).mean()


def _now_as_target(context, frames, weights):
    return _each(context, frames, weights, target=lambda s, step: _targets(s, 0)).mean()


def _target_one_early(context, frames, weights):
    return _each(context, frames, weights, target=lambda s, step: _targets(s, step - 1)).mean()


def _target_next_always(context, frames, weights):
    return _each(context, frames, weights, target=lambda s, step: _targets(s, 1)).mean()


def _target_the_step(context, frames, weights):
    return _each(
        context, frames, weights, target=lambda s, step: torch.full(s.shape[:2], step)
    ).mean()


def _steps_from_zero(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights):
        scores = context[:, : frames.shape[1] - step] @ weight.T @ frames.mT
        losses.append(_entropy(scores, _targets(scores, step)))
    return torch.stack(losses).mean()


def _target_one_late(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 2):
        scores = _scores(context, frames, weight, step)
        losses.append(_entropy(scores, _targets(scores, step)))
    return torch.stack(losses).mean()


def _first_matrix(context, frames, weights):
    return _cpc(context, frames, weights[:1].expand_as(weights))


def _mean_matrix(context, frames, weights):
    return _cpc(context, frames, weights.mean(0, keepdim=True).expand_as(weights))


def _matrices_backwards(context, frames, weights):
    return _cpc(context, frames, weights.flip(0))


def _last_matrix_for_the_first(context, frames, weights):
    return _cpc(context, frames, weights.roll(1, 0))


def _last_step_left_out(context, frames, weights):
    return _cpc(context, frames, weights[:-1])


def _last_step_only(context, frames, weights):
    return _each(context, frames, weights)[-1]


def _returned_in_the_loop(context, frames, weights):
    for step, weight in enumerate(weights, 1):
        scores = _scores(context, frames, weight, step)
        return _entropy(scores, _targets(scores, step))


def _summed_over_steps(context, frames, weights):
    return _each(context, frames, weights).sum()


def _one_a_step(context, frames, weights):
    return _each(context, frames, weights)


def _weighted_by_moments(context, frames, weights):
    losses = _each(context, frames, weights)
    length = frames.shape[1]
    moments = torch.tensor([float(length - step) for step in range(1, len(weights) + 1)])
    return (losses * moments).sum() / moments.sum()


def _divided_by_all_frames(context, frames, weights):
    losses = _each(context, frames, weights)
    length = frames.shape[1]
    shares = torch.tensor([(length - step) / length for step in range(1, len(weights) + 1)])
    return (losses * shares).mean()


def _summed_over_moments(context, frames, weights):
    losses = _each(context, frames, weights)
    length = frames.shape[1]
    moments = torch.tensor([float(length - step) for step in range(1, len(weights) + 1)])
    return (losses * moments).mean()


def _summed_over_sequences(context, frames, weights):
    return _cpc(context, frames, weights) * len(frames)


def _own(scores, step):
    return scores.diagonal(step, 1, 2)


def _by_scores(loss_of):
    """A loss that makes one number of each step's (B, T - step, T) scores."""

    def loss(context, frames, weights):
        steps = enumerate(weights, 1)
        return torch.stack(
            [loss_of(_scores(context, frames, weight, step), step) for step, weight in steps]
        ).mean()

    return loss


def _no_positive_below(scores, step):
    target = F.one_hot(_targets(scores, step), scores.shape[2]).bool()
    negatives = scores.masked_fill(target, -math.inf)
    return (negatives.logsumexp(2) - _own(scores, step)).mean()


def _positive_twice(scores, step):
    own = _own(scores, step)
    return (torch.cat([own[..., None], scores], 2).logsumexp(2) - own).mean()


def _over_moments(scores, step):
    return -_own(scores.log_softmax(1), step).mean()


def _over_sequences_softmax(scores, step):
    return -_own(scores.log_softmax(0), step).mean()


def _probability(scores, step):
    return -_own(scores.softmax(2), step).mean()


def _log_of_the_mean(scores, step):
    return -_own(scores.softmax(2), step).mean().log()


def _softmax_twice(scores, step):
    return _entropy(scores.softmax(2), _targets(scores, step))


def _as_typed(scores, step):
    weights = scores.exp()
    return -(_own(weights, step) / weights.sum(2)).log().mean()


def _score_only(scores, step):
    return -_own(scores, step).mean()


def _mean_of_candidates(scores, step):
    return (scores.logsumexp(2) - math.log(scores.shape[2]) - _own(scores, step)).mean()


def _binary(scores, step):
    truth = F.one_hot(_targets(scores, step), scores.shape[2]).to(scores.dtype)
    return F.binary_cross_entropy_with_logits(scores, truth)


def _later_ones_only(scores, step):
    future = scores[:, :, step:]
    moments = torch.arange(scores.shape[1]).expand(scores.shape[:2])
    return _entropy(future, moments)


def _unheard_ones_only(scores, step):
    heard = torch.ones(scores.shape[1:], dtype=torch.bool).tril()
    return _entropy(scores.masked_fill(heard, -math.inf), _targets(scores, step))


def _divided_by_temperature(scores, step):
    return _entropy(scores / 0.1, _targets(scores, step))


def _root_of_d(scores, step):
    return _entropy(scores / math.sqrt(8), _targets(scores, step))


def _axes_not_turned(scores, step):
    return F.cross_entropy(scores, _targets(scores, step))


def _sum_of_cross_entropy(scores, step):
    target = _targets(scores, step).flatten()
    return F.cross_entropy(scores.flatten(0, 1), target, reduction="sum")


def _bound(scores, step):
    return math.log(scores.shape[2]) - _entropy(scores, _targets(scores, step))


def _accuracy(scores, step):
    return (scores.argmax(2) == _targets(scores, step)).float().mean()


def _of_the_batch(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        forecast, future = context[:, :-step] @ weight.T, frames[:, step:]
        logits = torch.einsum("btd,ctd->tbc", forecast, future)
        target = torch.arange(len(frames)).expand(len(logits), -1)
        losses.append(_entropy(logits, target))
    return torch.stack(losses).mean()


def _of_all_sequences(context, frames, weights):
    losses = []
    everything = frames.flatten(0, 1)
    for step, weight in enumerate(weights, 1):
        logits = context[:, :-step] @ weight.T @ everything.T
        start = torch.arange(len(frames))[:, None] * frames.shape[1]
        losses.append(_entropy(logits, _targets(logits, step) + start))
    return torch.stack(losses).mean()


def _all_moments_wrapped(context, frames, weights):
    losses = []
    length = frames.shape[1]
    for step, weight in enumerate(weights, 1):
        scores = context @ weight.T @ frames.mT
        target = (torch.arange(length) + step) % length
        losses.append(_entropy(scores, target.expand(scores.shape[:2])))
    return torch.stack(losses).mean()


def _first_context_only(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        scores = _scores(context, frames, weight, step)[:, :1]
        losses.append(_entropy(scores, _targets(scores, step)))
    return torch.stack(losses).mean()


def _transposed_weights(context, frames, weights):
    return _cpc(context, frames, weights.mT)


def _cosine_scores(context, frames, weights):
    return _each(context, frames, weights, score=_cosines).mean()


def _frames_detached_loss(context, frames, weights):
    return _cpc(context, frames.detach(), weights)


def _context_detached_loss(context, frames, weights):
    return _cpc(context.detach(), frames, weights)


def _printed_cpc(context, frames, weights):
    print(_cpc(context, frames, weights))


wrong("cpc_loss", "the stub: None", lambda context, frames, weights: None)
wrong("cpc_loss", "target is the present", _now_as_target)
wrong("cpc_loss", "target one frame too early", _target_one_early)
wrong("cpc_loss", "target always the next frame", _target_next_always)
wrong("cpc_loss", "target column is the step", _target_the_step)
wrong("cpc_loss", "steps counted from 0", _steps_from_zero)
wrong("cpc_loss", "steps counted from 2", _target_one_late)
wrong("cpc_loss", "one matrix for all steps", _first_matrix)
wrong("cpc_loss", "mean matrix for all steps", _mean_matrix)
wrong("cpc_loss", "matrices in reverse order", _matrices_backwards)
wrong("cpc_loss", "weights[step - 2]: matrix of the step before", _last_matrix_for_the_first)
wrong("cpc_loss", "last step left out", _last_step_left_out)
wrong("cpc_loss", "last step only", _last_step_only)
wrong("cpc_loss", "return in the loop: first step only", _returned_in_the_loop)
wrong("cpc_loss", "sum over the steps", _summed_over_steps)
wrong("cpc_loss", "one loss a step", _one_a_step)
wrong("cpc_loss", "mean over all moments of all steps", _weighted_by_moments)
wrong("cpc_loss", "divided by T, not T - step", _divided_by_all_frames)
wrong("cpc_loss", "sum over the moments", _summed_over_moments)
wrong("cpc_loss", "sum over the sequences", _summed_over_sequences)
wrong("cpc_loss", "cross_entropy with reduction sum", _by_scores(_sum_of_cross_entropy))
wrong("cpc_loss", "positive missing below", _by_scores(_no_positive_below))
wrong("cpc_loss", "positive twice below", _by_scores(_positive_twice))
wrong("cpc_loss", "softmax over the moments", _by_scores(_over_moments))
wrong("cpc_loss", "softmax over the sequences", _by_scores(_over_sequences_softmax))
wrong("cpc_loss", "probability, no logarithm", _by_scores(_probability))
wrong("cpc_loss", "logarithm of the mean probability", _by_scores(_log_of_the_mean))
wrong("cpc_loss", "softmax twice", _by_scores(_softmax_twice))
wrong("cpc_loss", "exp as typed: nan for large scores", _by_scores(_as_typed))
wrong("cpc_loss", "score of the true one only", _by_scores(_score_only))
wrong("cpc_loss", "mean of the candidates below", _by_scores(_mean_of_candidates))
wrong("cpc_loss", "binary cross-entropy", _by_scores(_binary))
wrong("cpc_loss", "candidates from step on only", _by_scores(_later_ones_only))
wrong("cpc_loss", "heard frames left out", _by_scores(_unheard_ones_only))
wrong("cpc_loss", "temperature 0.1", _by_scores(_divided_by_temperature))
wrong("cpc_loss", "divided by the root of 8", _by_scores(_root_of_d))
wrong("cpc_loss", "cross_entropy with candidates last", _by_scores(_axes_not_turned))
wrong("cpc_loss", "the bound, not the loss", _by_scores(_bound))
wrong("cpc_loss", "the accuracy", _by_scores(_accuracy))
wrong("cpc_loss", "frames of other sequences, same moment", _of_the_batch)
wrong("cpc_loss", "frames of all sequences", _of_all_sequences)
wrong("cpc_loss", "targets modulo T", _all_moments_wrapped)
wrong("cpc_loss", "first moment only", _first_context_only)
wrong("cpc_loss", "matrices transposed", _transposed_weights)
wrong("cpc_loss", "cosines for scores", _cosine_scores)
wrong("cpc_loss", "sign turned", lambda c, z, w: -_cpc(c, z, w))
wrong("cpc_loss", "in bits", lambda c, z, w: _cpc(c, z, w) / math.log(2))
wrong("cpc_loss", "item(): no gradient", lambda c, z, w: _cpc(c, z, w).item())
wrong("cpc_loss", "frames detached", _frames_detached_loss)
wrong("cpc_loss", "contexts detached", _context_detached_loss)
wrong("cpc_loss", "prints instead of returning", _printed_cpc)


def _cpc_loops(context, frames, weights):
    batch, length, _ = frames.shape
    steps = []
    for k in range(1, len(weights) + 1):
        losses = []
        for b in range(batch):
            for t in range(length - k):
                scores = frames[b] @ (weights[k - 1] @ context[b, t])
                losses.append(scores.logsumexp(0) - scores[t + k])
        steps.append(sum(losses) / len(losses))
    return sum(steps) / len(steps)


def _cpc_turned(context, frames, weights):
    loss = 0.0
    for step, weight in enumerate(weights, start=1):
        scores = _scores(context, frames, weight, step)
        loss = loss + F.cross_entropy(scores.transpose(1, 2), _targets(scores, step))
    return loss / len(weights)


def _cpc_diagonal(c, z, w):
    losses = []
    for k in range(len(w)):
        scores = torch.einsum("btc,dc,bjd->btj", c[:, : -k - 1], w[k], z)
        own = scores.diagonal(k + 1, dim1=1, dim2=2)
        losses.append(torch.mean(scores.logsumexp(-1) - own))
    return torch.stack(losses).mean()


def _cpc_all_at_once(context, frames, weights):
    length = frames.shape[1]
    scores = torch.einsum("btc,kdc,bjd->kbtj", context, weights, frames)
    logs, losses = scores.log_softmax(-1), []
    for k in range(len(weights)):
        t = torch.arange(length - k - 1)
        losses.append(-logs[k][:, t, t + k + 1].mean())
    return sum(losses) / len(losses)


def _cpc_double(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights.double(), 1):
        scores = _scores(context.double(), frames.double(), weight, step)
        target = _targets(scores, step)[..., None]
        losses.append(-scores.log_softmax(2).gather(2, target).mean())
    return torch.stack(losses).mean()


def _cpc_one_hot(context, frames, weights):
    losses = []
    for step, weight in enumerate(weights, 1):
        scores = _scores(context, frames, weight, step)
        truth = F.one_hot(_targets(scores, step), scores.shape[2]).to(scores.dtype)
        losses.append(F.cross_entropy(scores.flatten(0, 1), truth.flatten(0, 1)))
    return torch.mean(torch.stack(losses))


right("cpc_loss", "loops over everything", _cpc_loops)
right("cpc_loss", "cross_entropy with the axes turned", _cpc_turned)
right("cpc_loss", "diagonal and logsumexp, other names", _cpc_diagonal)
right("cpc_loss", "scores of all steps in one einsum", _cpc_all_at_once)
right("cpc_loss", "float64 and gather", _cpc_double)
right("cpc_loss", "one-hot rows as labels", _cpc_one_hot)


# causal_mean(frames)


def _numbers(frames):
    return torch.arange(1, frames.shape[1] + 1, dtype=frames.dtype)[:, None]


def _causal(frames):
    return frames.cumsum(1) / _numbers(frames)


def _from_here_on(frames):
    return _causal(frames.flip(1)).flip(1)


def _without_itself(frames):
    before = frames.cumsum(1) - frames
    return before / (_numbers(frames) - 1).clamp(min=1)


def _with_the_next(frames):
    mean = _causal(frames)
    return torch.cat([mean[:, 1:], mean[:, -1:]], 1)


def _divided_from_zero(frames):
    return frames.cumsum(1) / (_numbers(frames) - 1)


def _divided_one_more(frames):
    return frames.cumsum(1) / (_numbers(frames) + 1)


def _divided_over_features(frames):
    return frames.cumsum(1) / torch.arange(1, frames.shape[2] + 1)


def _divided_without_axis(frames):
    return frames.cumsum(1) / torch.arange(1, frames.shape[1] + 1)


def _exponential(frames):
    means = [frames[:, 0]]
    for t in range(1, frames.shape[1]):
        means.append(0.9 * means[-1] + 0.1 * frames[:, t])
    return torch.stack(means, 1)


def _halved_each_time(frames):
    means = [frames[:, 0]]
    for t in range(1, frames.shape[1]):
        means.append((means[-1] + frames[:, t]) / 2)
    return torch.stack(means, 1)


def _mean_of_two(frames):
    before = torch.cat([frames[:, :1], frames[:, :-1]], 1)
    return (before + frames) / 2


def _tril_not_normalised(frames):
    return torch.ones(frames.shape[1], frames.shape[1]).tril() @ frames


def _triu(frames):
    weights = torch.ones(frames.shape[1], frames.shape[1]).triu()
    return weights / weights.sum(1, keepdim=True) @ frames


def _softmax_of_tril(frames):
    return torch.ones(frames.shape[1], frames.shape[1]).tril().softmax(1) @ frames


def _columns_normalised(frames):
    weights = torch.ones(frames.shape[1], frames.shape[1]).tril()
    return weights / weights.sum(0) @ frames


def _softmax_of_columns(frames):
    scores = torch.zeros(frames.shape[1], frames.shape[1])
    future = torch.ones_like(scores).triu(1).bool()
    return scores.masked_fill(future, -math.inf).softmax(0) @ frames


def _attention(frames):
    scores = frames @ frames.mT
    future = torch.ones(scores.shape[1:]).triu(1).bool()
    return scores.masked_fill(future, -math.inf).softmax(-1) @ frames


def _written_into_frames(frames):
    for t in range(1, frames.shape[1]):
        frames[:, t] += frames[:, t - 1]
    return frames / _numbers(frames)


def _one_short(frames):
    return torch.stack([frames[:, :t].mean(1) for t in range(1, frames.shape[1])], 1)


def _slice_without_end(frames):
    means = [frames[:, :t].mean(1) for t in range(frames.shape[1])]
    return torch.stack(means, 1)


def _over_everything(frames):
    return torch.stack([frames[:, : t + 1].mean() for t in range(frames.shape[1])])


def _printed_mean(frames):
    print(_causal(frames))


wrong("causal_mean", "the stub: None", lambda frames: None)
wrong("causal_mean", "unchanged", lambda frames: frames)
wrong("causal_mean", "whole mean everywhere", lambda x: x.mean(1, keepdim=True).expand_as(x))
wrong("causal_mean", "whole mean, one row", lambda frames: frames.mean(1))
wrong("causal_mean", "from here to the end", _from_here_on)
wrong("causal_mean", "without the frame itself", _without_itself)
wrong("causal_mean", "with the next frame", _with_the_next)
wrong("causal_mean", "sum instead of mean", lambda frames: frames.cumsum(1))
wrong("causal_mean", "divided by T everywhere", lambda x: x.cumsum(1) / x.shape[1])
wrong("causal_mean", "divided by t: infinite at the first", _divided_from_zero)
wrong("causal_mean", "divided by t + 2", _divided_one_more)
wrong("causal_mean", "divided by the number of the feature", _divided_over_features)
wrong("causal_mean", "divisor without an axis for features", _divided_without_axis)
wrong("causal_mean", "summed over sequences", lambda x: x.cumsum(0) / _numbers(x))
wrong("causal_mean", "summed over features", lambda x: x.cumsum(2) / _numbers(x))
wrong("causal_mean", "exponential average", _exponential)
wrong("causal_mean", "halved with each new frame", _halved_each_time)
wrong("causal_mean", "mean of this and the last frame", _mean_of_two)
wrong("causal_mean", "tril not normalised", _tril_not_normalised)
wrong("causal_mean", "triu for tril", _triu)
wrong("causal_mean", "softmax of zeros, not of minus infinity", _softmax_of_tril)
wrong("causal_mean", "columns normalised", _columns_normalised)
wrong("causal_mean", "softmax over columns", _softmax_of_columns)
wrong("causal_mean", "weighted by similarity", _attention)
wrong("causal_mean", "largest so far", lambda frames: frames.cummax(1).values)
wrong("causal_mean", "mean of the means", lambda frames: _causal(_causal(frames)))
wrong("causal_mean", "divided by the root", lambda x: x.cumsum(1) / _numbers(x).sqrt())
wrong("causal_mean", "writes into frames", _written_into_frames)
wrong("causal_mean", "range one short", _one_short)
wrong("causal_mean", "slice without its end: nan at the first", _slice_without_end)
wrong("causal_mean", "mean over sequences and features too", _over_everything)
wrong("causal_mean", "last moment only", lambda frames: _causal(frames)[:, -1])
wrong("causal_mean", "detached", lambda frames: _causal(frames.detach()))
wrong("causal_mean", "prints instead of returning", _printed_mean)


def _causal_slices(frames):
    return torch.stack([frames[:, : t + 1].mean(1) for t in range(frames.shape[1])], dim=1)


def _causal_matrix(frames):
    weights = torch.tril(torch.ones(frames.size(1), frames.size(1), dtype=frames.dtype))
    return torch.einsum("ts,bsd->btd", weights / weights.sum(1, keepdim=True), frames)


def _causal_softmax(x):
    future = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
    scores = torch.zeros_like(future, dtype=x.dtype).masked_fill(future, float("-inf"))
    return scores.softmax(dim=1) @ x


def _causal_running(frames):
    mean, means = torch.zeros_like(frames[:, 0]), []
    for t, frame in enumerate(frames.unbind(1)):
        mean = mean + (frame - mean) / (t + 1)
        means.append(mean)
    return torch.stack(means, 1)


def _causal_double(frames):
    count = torch.ones_like(frames, dtype=torch.float64).cumsum(1)
    return frames.double().cumsum(1) / count


def _causal_convolution(frames):
    length, width = frames.shape[1:]
    padded = F.pad(frames.mT, (length - 1, 0))
    kernel = torch.ones(width, 1, length, dtype=frames.dtype)
    return F.conv1d(padded, kernel, groups=width).mT / _numbers(frames)


right("causal_mean", "a slice for every moment", _causal_slices)
right("causal_mean", "a lower triangle, rows normalised", _causal_matrix)
right("causal_mean", "softmax with minus infinity ahead", _causal_softmax)
right("causal_mean", "the mean moved on by each frame", _causal_running)
right("causal_mean", "float64, counts by cumsum", _causal_double)
right("causal_mean", "a convolution of ones", _causal_convolution)


# information_bound: 15 negatives, loss 1.3 nats -> log 16 - 1.3 = 1.473

wrong("information_bound", "the stub", 0)
wrong("information_bound", "negatives only: log 15", math.log(15) - 1.3)
wrong("information_bound", "one too many: log 17", math.log(17) - 1.3)
wrong("information_bound", "ceiling alone", math.log(16))
wrong("information_bound", "loss alone", 1.3)
wrong("information_bound", "sign turned", 1.3 - math.log(16))
wrong("information_bound", "added", math.log(16) + 1.3)
wrong("information_bound", "divided", math.log(16) / 1.3)
wrong("information_bound", "in bits", (math.log(16) - 1.3) / math.log(2))
wrong("information_bound", "log2 minus nats", math.log2(16) - 1.3)
wrong("information_bound", "log10", math.log10(16) - 1.3)
wrong("information_bound", "no logarithm", 16 - 1.3)
wrong("information_bound", "no logarithm, negatives only", 15 - 1.3)
wrong("information_bound", "exp of the bound", math.exp(math.log(16) - 1.3))
wrong("information_bound", "exp of the loss", math.log(16) - math.exp(1.3))
wrong("information_bound", "log of the loss", math.log(16) - math.log(1.3))
wrong("information_bound", "chance level", 1 / 16)
wrong("information_bound", "rounded to whole nats", 1)
wrong("information_bound", "text", "log 16 - 1.3")
wrong("information_bound", "nothing", None)
wrong("information_bound", "a function, not called", lambda: math.log(16) - 1.3)

right("information_bound", "three decimals", 1.473)
right("information_bound", "four decimals", 1.4726)
right("information_bound", "math", math.log(15 + 1) - 1.3)
right("information_bound", "numpy", np.log(16) - 1.3)
right("information_bound", "a 0-d tensor", torch.tensor(16.0).log() - 1.3)


# what passed once: no gradient, square matrices, long sequences


def _detached_future(context, frames, step):
    return context[:, :-step], frames[:, step:].detach()


def _detached_context(context, frames, step):
    return context[:, :-step].detach(), frames[:, step:]


def _rolled_and_cut_in_front(context, frames, step):
    return context[:, step:], frames.roll(-step, 1)[:, step:]


def _by_index_select(c, z, k):
    t = torch.arange(z.shape[1] - k)
    return [c.index_select(1, t), z.index_select(1, t + k)]


wrong("future_pairs", "detached frames", _detached_future)
wrong("future_pairs", "detached contexts", _detached_context)
wrong("future_pairs", "rolled, cut in front", _rolled_and_cut_in_front)
wrong(
    "future_pairs",
    "rows of all sequences",
    lambda c, z, k: [p.flatten(0, 1) for p in _pairs(c, z, k)],
)
right("future_pairs", "index_select", _by_index_select)


def _as_it_fits(context, frames, weight, step):
    w = weight if weight.shape[0] == context.shape[2] else weight.T
    return context[:, : frames.shape[1] - step] @ w @ frames.mT


def _past_masked(context, frames, weight, step):
    s = context[:, : frames.shape[1] - step] @ weight.T @ frames.mT
    return s.masked_fill(torch.ones_like(s[0]).tril().bool(), -math.inf)


def _weight_on_the_frames(context, frames, weight, step):
    return context[:, : frames.shape[1] - step] @ (frames @ weight).mT


wrong("cpc_scores", "transposed as it fits", _as_it_fits)
wrong("cpc_scores", "the past masked", _past_masked)
right("cpc_scores", "the matrix on the frames", _weight_on_the_frames)


def _loss_by(scores):
    def answer(context, frames, weights):
        losses = []
        for step, weight in enumerate(weights, 1):
            logs = scores(context, frames, weight, step).log_softmax(2)
            losses.append(-logs.diagonal(step, 1, 2).mean())
        return torch.stack(losses).mean()

    return answer


def _all_futures_only(context, frames, weights):
    n = frames.shape[1] - len(weights)
    losses = []
    for k, weight in enumerate(weights, 1):
        scores = _weight_on_the_frames(context, frames, weight, k)[:, :n]
        own = torch.arange(k, k + n).repeat(len(frames))
        losses.append(F.cross_entropy(scores.flatten(0, 1), own))
    return torch.stack(losses).mean()


def _probabilities_in_float64(context, frames, weights):
    losses = []
    for k, weight in enumerate(weights, 1):
        scores = _weight_on_the_frames(context.double(), frames.double(), weight.double(), k)
        losses.append(-scores.softmax(2).diagonal(k, 1, 2).log().mean())
    return torch.stack(losses).mean().to(frames.dtype)


wrong("cpc_loss", "transposed as it fits", _loss_by(_as_it_fits))
wrong("cpc_loss", "contexts with all futures only", _all_futures_only)
wrong("cpc_loss", "logarithm of probabilities in float64", _probabilities_in_float64)
right("cpc_loss", "diagonal, the matrix on the frames", _loss_by(_weight_on_the_frames))


def _last(many):
    def answer(frames):
        rows = [frames[:, max(0, t + 1 - many) : t + 1].mean(1) for t in range(frames.shape[1])]
        return torch.stack(rows, 1)

    return answer


def _at_most_sixteen(frames):
    return frames.cumsum(1) / torch.arange(1, 17)[: frames.shape[1], None]


def _along_the_width_if_it_fits(frames):
    heard = torch.arange(1, frames.shape[1] + 1)
    return frames.cumsum(1) / (heard if frames.shape[2] == len(heard) else heard[:, None])


def _attention_of_equals(frames):
    query = torch.zeros_like(frames)
    return F.scaled_dot_product_attention(query, query, frames, is_causal=True)


def _running(frames):
    mean, rows = torch.zeros_like(frames[:, 0], dtype=torch.float64), []
    for t, frame in enumerate(frames.unbind(1), start=1):
        mean = mean + (frame - mean) / t
        rows.append(mean)
    return torch.stack(rows, 1).to(frames.dtype)


wrong("causal_mean", "the last 8 frames", _last(8))
wrong("causal_mean", "the last 16 frames", _last(16))
wrong("causal_mean", "16 frames written in", _at_most_sixteen)
wrong("causal_mean", "along the width where it fits", _along_the_width_if_it_fits)
right("causal_mean", "causal attention with equal scores", _attention_of_equals)
right("causal_mean", "a running mean in float64", _running)
