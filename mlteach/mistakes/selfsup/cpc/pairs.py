"""Mistakes in what CPC pairs: a context and the frame that comes later."""

from __future__ import annotations

from mlteach.mistakes._registry import mistake


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


@mistake(
    future_pairs,
    "after roll(-step) the last `step` rows have no future, only the beginning of the sequence: "
    "cut both at the end, not at the beginning",
)
def rolled_and_cut_at_the_beginning(context, frames, step):
    return context[:, step:], frames.roll(-step, 1)[:, step:]


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
