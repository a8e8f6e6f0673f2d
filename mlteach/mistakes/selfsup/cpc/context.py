"""Mistakes in a context that may not look ahead."""

from __future__ import annotations

import torch

from mlteach.mistakes._registry import mistake


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


@mistake(
    causal_mean,
    "the D numbers of a frame are averaged too: the mean goes over time alone, dimension 1",
)
def mean_of_the_numbers_too(frames):
    return causal_mean(frames).mean(2, keepdim=True).expand_as(frames)


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
