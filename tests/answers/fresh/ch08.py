"""Answers to chapter 08 as students write them, made before the checks were read."""

import math

import torch
import torch.nn.functional as F

from tests.support.answers import Answers

answers = Answers("08")
wrong, right = answers.wrong, answers.right


def _causal_mean_tril(frames):
    T = frames.shape[1]
    w = torch.ones(T, T, dtype=frames.dtype).tril()
    return (w / w.sum(1, keepdim=True)) @ frames


def _causal_mean_loop(frames):
    return torch.stack([frames[:, : t + 1].mean(1) for t in range(frames.shape[1])], 1)


def _causal_mean_recursive(frames):
    mean, out = 0, []
    for t, x in enumerate(frames.unbind(1)):
        mean = mean + (x - mean) / (t + 1)
        out.append(mean)
    return torch.stack(out, dim=1)


def _causal_mean_cumsum(frames):
    count = torch.ones_like(frames).cumsum(1)
    return frames.cumsum(dim=1).div(count)


def _causal_mean_einsum(frames):
    T = frames.size(1)
    i = torch.arange(T)
    w = (i[:, None] >= i).to(frames.dtype) / (i[:, None] + 1)
    return torch.einsum("ts,bsd->btd", w, frames)


def _causal_mean_double(frames):
    n = torch.arange(1, frames.shape[1] + 1, dtype=torch.float64).view(1, -1, 1)
    return (frames.double().cumsum(1) / n).type_as(frames)


def _cpc_loss_lastctx(context, frames, weights):
    losses = []
    for k, w in enumerate(weights, 1):
        s = context[:, :-k] @ w.T @ frames.transpose(1, 2)
        losses.append(-s.log_softmax(2)[:, -1, -1].mean())
    return torch.stack(losses).mean()


def _cpc_loss_ce(context, frames, weights):
    losses = []
    for k, w in enumerate(weights, 1):
        s = context[:, :-k] @ w.T @ frames.transpose(1, 2)
        t = (torch.arange(s.shape[1]) + k).expand(len(s), -1)
        losses.append(F.cross_entropy(s.transpose(1, 2), t))
    return sum(losses) / len(losses)


def _cpc_loss_loops(context, frames, weights):
    total = 0
    T = frames.shape[1]
    for k, w in enumerate(weights, 1):
        part, n = 0, 0
        for c, z in zip(context, frames):
            for t in range(T - k):
                s = z @ (w @ c[t])
                part = part + torch.logsumexp(s, 0) - s[t + k]
                n += 1
        total = total + part / n
    return total / len(weights)


def _cpc_loss_einsum(context, frames, weights):
    s = torch.einsum("btc,kdc,bjd->kbtj", context, weights, frames).log_softmax(-1)
    per = [s[k - 1].diagonal(k, 1, 2).mean() for k in range(1, len(weights) + 1)]
    return -torch.stack(per).mean()


def _cpc_loss_gather(context, frames, weights):
    z, c, w = frames.double(), context.double(), weights.double()
    out = []
    for k in range(1, 1 + w.size(0)):
        s = torch.bmm(F.linear(c[:, :-k], w[k - 1]), z.mT)
        t = torch.arange(k, z.size(1)).view(1, -1, 1).repeat(len(z), 1, 1)
        out.append((s.logsumexp(-1) - s.gather(2, t)[..., 0]).mean())
    return torch.stack(out).mean().to(frames.dtype)


def _cpc_scores_temp(context, frames, weight, step):
    return context[:, :-step] @ weight.T @ frames.transpose(1, 2) / 0.1


def _cpc_scores_logsm(context, frames, weight, step):
    return (context[:, :-step] @ weight.T @ frames.transpose(1, 2)).log_softmax(-1)


def _cpc_scores_forecast(context, frames, weight, step):
    return context[:, :-step] @ weight.T


def _cpc_scores_einsum(context, frames, weight, step):
    return torch.einsum("btc,dc,bjd->btj", context[:, :-step], weight, frames)


def _cpc_scores_linear(context, frames, weight, step):
    return torch.bmm(F.linear(context[:, : frames.size(1) - step], weight), frames.mT)


def _cpc_scores_loops(context, frames, weight, step):
    out = []
    for c, z in zip(context, frames):
        out.append(
            torch.stack(
                [
                    torch.stack([z[j] @ (weight @ c[t]) for j in range(len(z))])
                    for t in range(len(z) - step)
                ]
            )
        )
    return torch.stack(out)


def _cpc_scores_otherassoc(context, frames, weight, step):
    moved = frames @ weight  # (B, T, C)
    return (moved @ context[:, :-step].transpose(1, 2)).transpose(1, 2)


def _cpc_scores_double(context, frames, weight, step):
    return (context.double()[:, :-step] @ weight.double().T @ frames.double().permute(0, 2, 1)).to(
        frames.dtype
    )


def _cpc_scores_broadcasting(context, frames, weight, step):
    f = (weight * context[:, :-step, None, :]).sum(-1)
    return (f[:, :, None] * frames[:, None]).sum(-1)


def _future_pairs_two(context, frames, step):
    return context[:, :-2], frames[:, 2:]


def _future_pairs_strided(context, frames, step):
    return context[:, ::step], frames[:, ::step]


def _future_pairs_dict(context, frames, step):
    return {"context": context[:, :-step], "frames": frames[:, step:]}


def _future_pairs_narrow(context, frames, step):
    n = frames.shape[1] - step
    return context.narrow(1, 0, n), frames.narrow(1, step, n)


def _future_pairs_index(context, frames, step):
    t = torch.arange(context.shape[1] - step)
    return context[:, t], frames[:, t + step]


def _future_pairs_stack(context, frames, step):
    pairs = [(context[:, t], frames[:, t + step]) for t in range(context.size(1) - step)]
    c, f = zip(*pairs)
    return torch.stack(c, 1), torch.stack(f, dim=1)


def _future_pairs_aslist(context, frames, step):
    return [context[:, :-step].clone(), frames[:, step:].clone()]


def _make_information_bound_numpy():
    import numpy as np

    my_bound = np.log(1 + 15) - np.float32(1.3)
    return my_bound


def _causal_mean_more_global(frames):
    return torch.stack(
        [frames[:, : t + 1].mean((0, 1)).expand(len(frames), -1) for t in range(frames.shape[1])], 1
    )


def _causal_mean_more_featmean(frames):
    return torch.stack(
        [
            frames[:, : t + 1].mean((1, 2))[:, None].expand(-1, frames.shape[2])
            for t in range(frames.shape[1])
        ],
        1,
    )


def _causal_mean_more_intdiv(frames):
    return frames.cumsum(1) // torch.arange(1, frames.shape[1] + 1)[:, None]


def _causal_mean_more_cummax(frames):
    return frames.cummax(1).values


def _causal_mean_more_divB(frames):
    return frames.cumsum(1) / torch.arange(1, len(frames) + 1)[:, None, None]


def _causal_mean_more_pool(frames):
    T = frames.shape[1]
    x = F.pad(frames.transpose(1, 2), (T - 1, 0))
    n = torch.arange(1, T + 1).to(frames)
    return (F.avg_pool1d(x, T, stride=1) * T / n).transpose(1, 2)


def _cpc_loss_more_interleave(context, frames, weights):
    losses = []
    for k, w in enumerate(weights, 1):
        s = context[:, :-k] @ w.T @ frames.transpose(1, 2)
        t = (torch.arange(s.shape[1]) + k).repeat_interleave(len(s))
        losses.append(F.cross_entropy(s.flatten(0, 1), t))
    return torch.stack(losses).mean()


def _cpc_loss_more_farfirst(context, frames, weights):
    losses = []
    for k, w in enumerate(weights.flip(0), 1):
        s = context[:, :-k] @ w.T @ frames.transpose(1, 2)
        losses.append(-s.log_softmax(2).diagonal(k, 1, 2).mean())
    return torch.stack(losses).mean()


def _cpc_loss_more_notimes(context, frames, weights):
    losses = []
    for k, w in enumerate(weights, 1):
        s = context[:, :-k] @ w.T @ frames.transpose(1, 2)
        losses.append(-s.diagonal(k, 1, 2).mean())
    return torch.stack(losses).mean()


def _cpc_loss_more_prob(context, frames, weights):
    losses = []
    for k, w in enumerate(weights, 1):
        s = context[:, :-k] @ w.T @ frames.transpose(1, 2)
        losses.append(1 - s.softmax(2).diagonal(k, 1, 2).mean())
    return torch.stack(losses).mean()


def _cpc_loss_more_horizon(context, frames, weights):
    n, T = len(weights), frames.shape[1]
    losses = []
    for k, w in enumerate(weights, 1):
        for t in range(T - n):
            f = context[:, t] @ w.T
            s = torch.einsum("bd,bjd->bj", f, frames[:, t + 1 : t + 1 + n])
            losses.append(-s.log_softmax(1)[:, k - 1].mean())
    return torch.stack(losses).mean()


def _cpc_loss_more_smooth(context, frames, weights):
    losses = []
    for k, w in enumerate(weights, 1):
        s = context[:, :-k] @ w.T @ frames.transpose(1, 2)
        t = (torch.arange(s.shape[1]) + k).repeat(len(s))
        losses.append(F.cross_entropy(s.flatten(0, 1), t, label_smoothing=0.1))
    return torch.stack(losses).mean()


def _cpc_loss_more_detachw(context, frames, weights):
    losses = []
    for k, w in enumerate(weights, 1):
        s = context.detach()[:, :-k] @ w.T @ frames.transpose(1, 2)
        losses.append(-s.log_softmax(2).diagonal(k, 1, 2).mean())
    return torch.stack(losses).mean()


def _cpc_loss_more_repeat(context, frames, weights):
    losses = []
    for k, w in enumerate(weights, 1):
        s = context[:, :-k] @ w.T @ frames.transpose(1, 2)
        t = (torch.arange(s.shape[1]) + k).repeat(len(s))
        losses.append(F.cross_entropy(s.flatten(0, 1), t))
    return torch.stack(losses).mean()


def _cpc_scores_more_T6(context, frames, weight, step):
    return context[:, : 6 - step] @ weight.T @ frames.transpose(1, 2)


def _cpc_scores_more_cutlastframes(context, frames, weight, step):
    return context[:, :-step] @ weight.T @ frames[:, :-step].transpose(1, 2)


def _cpc_scores_more_wnorm(context, frames, weight, step):
    return context[:, :-step] @ F.normalize(weight).T @ frames.transpose(1, 2)


def _cpc_scores_more_timesum(context, frames, weight, step):
    return (context[:, :-step] @ weight.T @ frames.transpose(1, 2)).cumsum(2)


def _cpc_scores_more_relu(context, frames, weight, step):
    return F.relu(context[:, :-step] @ weight.T) @ frames.transpose(1, 2)


def _cpc_scores_more_bias1(context, frames, weight, step):
    s = context[:, :-step] @ weight.T @ frames.transpose(1, 2)
    return s - s.amax(-1, keepdim=True)


def _cpc_scores_more_tensordot(context, frames, weight, step):
    f = torch.tensordot(context[:, :-step], weight, dims=([2], [1]))
    return torch.stack([a @ z.T for a, z in zip(f, frames)])


def _future_pairs_more_framesdetach(context, frames, step):
    return context[:, :-step], frames[:, step:].detach()


def _future_pairs_more_pad(context, frames, step):
    return context, torch.cat([frames[:, step:], torch.zeros_like(frames[:, :step])], 1)


def _make_future_pairs_more_namedtuple():
    from collections import namedtuple

    Pairs = namedtuple("Pairs", "now future")

    def my_pairs(context, frames, step):
        now, later = context[:, :-step], frames[:, step:]
        return Pairs(now, later)

    return my_pairs


def _causal_mean_later_floor(frames):
    return (frames.cumsum(1) / torch.arange(1, frames.shape[1] + 1)[:, None]).floor()


right("causal_mean", "tril", _causal_mean_tril)
right("causal_mean", "loop", _causal_mean_loop)
right("causal_mean", "recursive", _causal_mean_recursive)
right("causal_mean", "cumsum", _causal_mean_cumsum)
right("causal_mean", "einsum", _causal_mean_einsum)
right("causal_mean", "double", _causal_mean_double)
wrong("cpc_loss", "only the last context", _cpc_loss_lastctx)
right("cpc_loss", "ce", _cpc_loss_ce)
right("cpc_loss", "loops", _cpc_loss_loops)
right("cpc_loss", "einsum", _cpc_loss_einsum)
right("cpc_loss", "gather", _cpc_loss_gather)
wrong("cpc_scores", "a temperature", _cpc_scores_temp)
wrong("cpc_scores", "log probabilities", _cpc_scores_logsm)
wrong("cpc_scores", "returns forecast only", _cpc_scores_forecast)
right("cpc_scores", "einsum", _cpc_scores_einsum)
right("cpc_scores", "linear", _cpc_scores_linear)
right("cpc_scores", "loops", _cpc_scores_loops)
right("cpc_scores", "otherassoc", _cpc_scores_otherassoc)
right("cpc_scores", "double", _cpc_scores_double)
right("cpc_scores", "broadcasting", _cpc_scores_broadcasting)
wrong("future_pairs", "step constant 2", _future_pairs_two)
wrong("future_pairs", "every step-th", _future_pairs_strided)
wrong("future_pairs", "a dict", _future_pairs_dict)
right("future_pairs", "narrow", _future_pairs_narrow)
right("future_pairs", "index", _future_pairs_index)
right("future_pairs", "stack", _future_pairs_stack)
right("future_pairs", "aslist", _future_pairs_aslist)
right(
    "future_pairs",
    "lambda",
    lambda context, frames, step: (context[:, : frames.shape[1] - step], frames[:, step:]),
)
wrong("information_bound", "17", math.log(17) - 1.3)
wrong("information_bound", "log 15 alone", math.log(15))
wrong("information_bound", "function", lambda: math.log(16) - 1.3)
right("information_bound", "exact", math.log(16) - 1.3)
right("information_bound", "rounded", 1.47)
right("information_bound", "tensor", torch.log(torch.tensor(16.0)) - 1.3)
right("information_bound", "numpy", _make_information_bound_numpy())
right("information_bound", "log1p", math.log1p(15) - 1.3)
wrong("causal_mean", "mean over batch, too", _causal_mean_more_global)
wrong("causal_mean", "mean over features as well", _causal_mean_more_featmean)
wrong("causal_mean", "//", _causal_mean_more_intdiv)
wrong("causal_mean", "maximum", _causal_mean_more_cummax)
wrong("causal_mean", "divided by counts of batch", _causal_mean_more_divB)
right("causal_mean", "pool", _causal_mean_more_pool)
wrong("cpc_loss", "targets repeat_interleaved", _cpc_loss_more_interleave)
wrong("cpc_loss", "matrices in reversed order", _cpc_loss_more_farfirst)
wrong("cpc_loss", "plain score without log: minus score of the right one", _cpc_loss_more_notimes)
wrong("cpc_loss", "1 - probability", _cpc_loss_more_prob)
wrong("cpc_loss", "next n candidates", _cpc_loss_more_horizon)
wrong("cpc_loss", "label smoothing", _cpc_loss_more_smooth)
wrong("cpc_loss", "context detached", _cpc_loss_more_detachw)
right("cpc_loss", "repeat", _cpc_loss_more_repeat)
wrong("cpc_scores", "T as a constant", _cpc_scores_more_T6)
wrong("cpc_scores", "frames cut at the end", _cpc_scores_more_cutlastframes)
wrong("cpc_scores", "weight normalised", _cpc_scores_more_wnorm)
wrong("cpc_scores", "scores cumulated", _cpc_scores_more_timesum)
wrong("cpc_scores", "relu of forecast", _cpc_scores_more_relu)
wrong("cpc_scores", "mean score taken away", _cpc_scores_more_bias1)
right("cpc_scores", "tensordot", _cpc_scores_more_tensordot)
wrong("future_pairs", "frames detached", _future_pairs_more_framesdetach)
wrong("future_pairs", "padded with zeros", _future_pairs_more_pad)
right("future_pairs", "namedtuple", _make_future_pairs_more_namedtuple())
wrong("information_bound", "log 14", math.log(14) - 1.3)
wrong("causal_mean", "floor of the mean", _causal_mean_later_floor)
