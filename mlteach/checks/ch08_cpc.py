"""Checks of the chapter on CPC: what is paired, scored and averaged, and what the loss bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor

from mlteach.checks._answers import judge_number
from mlteach.checks._core import Case, Verdict, check, judge, normal
from mlteach.checks._diagnosis import where
from mlteach.checks._guard import listening
from mlteach.checks._symptoms import close
from mlteach.checks._verdict import kind
from mlteach.mistakes import Mistake, mistakes_in
from mlteach.mistakes.selfsup import cpc

# B, T, C, D; two lengths only, so that with tiny scores not every loss seems right, log T
SIZES = ((3, 6, 4, 5), (2, 7, 3, 2), (5, 7, 6, 4), (4, 6, 5, 5), (1, 7, 4, 3))
SQUARE = "there C is D, so that weight and its transpose both fit: a forecast is weight @ context"


def _sequences(place: int, *, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    batch, time, width, depth = SIZES[place]
    return normal(batch, time, width, seed=place, scale=scale), normal(batch, time, depth, seed=9)


def _title(place: int, step: int) -> str:
    batch, time, *_ = SIZES[place]
    sequences = "one sequence" if batch == 1 else f"{batch} sequences"
    return f"with {sequences} of {time} frames and step {step}"


@check
def future_pairs(given: Any) -> Verdict:
    """Checks ``given(context, frames, step)``: contexts, and the frames that far ahead of each."""
    cases = [
        Case(_title(place, step), (*_sequences(place), step))
        for place, step in ((0, 2), (1, 1), (1, 4), (2, 3), (4, 2))
    ]
    seen: list[str] = []  # of each call, what came instead of two tensors that belong together
    moments: list[str] = []  # of each call with two that do, how many there are, if wrong

    def joined(function: Callable, *arguments):
        """Both as one tensor; whatever else comes back is left for `judge` to name."""
        if function is given:
            seen.append("")
        result = function(*arguments)
        problem = _no_pair(result)
        if function is given:
            seen[-1] = problem
        if problem or not isinstance(result, tuple | list):
            return result
        now, future = result
        if function is given:
            moments.append(_wrong_moments(now.shape[1], *arguments))
        return torch.cat([now.to(future), future], dim=-1)

    right = cpc.future_pairs
    mistakes = [Mistake(partial(joined, m.function), m.explanation) for m in mistakes_in(right)]
    asked = partial(joined, given) if callable(given) else given
    definition = wraps(right)(partial(joined, right))  # a message calls the arguments as it does
    verdict = judge(asked, definition, cases, mistakes)
    asked_for = enumerate(seen[: len(cases)])  # the later calls are experiments of `judge`
    at, problem = next(((at, told) for at, told in asked_for if told), (0, ""))
    if not problem and "shape (" in verdict.message and (wrong := next(filter(None, moments), "")):
        return replace(verdict, message=wrong)
    if not problem:
        of_both = "both joined along dimension 2: " if "shape (" in verdict.message else ""
        return replace(verdict, message=of_both + verdict.message)
    two = "two tensors are expected, `return now, future`"
    return Verdict(False, f"{two}: got {problem}", where(cases, at), printed=verdict.printed)


def _wrong_moments(got: int, context: Tensor, frames: Tensor, step: int) -> str:
    time = frames.shape[1]
    if got == time - step:
        return ""
    return f"{got} pairs of a sequence, where {time} frames and step {step} make {time - step}"


def _no_pair(result: Any) -> str:
    """What came back, if it is no two tensors with equally many sequences and moments."""
    if isinstance(result, Tensor):
        return f"one tensor of shape {tuple(result.shape)}"
    if isinstance(result, dict):
        return "a dictionary"
    if not isinstance(result, tuple | list):
        return ""  # such as None, for which `judge` has words
    if len(result) != 2:
        return f"{len(result)} values"
    if not all(isinstance(part, Tensor) for part in result):
        return " and ".join(map(kind, result))
    now, future = result
    shapes = f"shapes {tuple(now.shape)} and {tuple(future.shape)}"
    if now.ndim != 3 or future.ndim != 3:
        return f"{shapes}, not (B, T - step, …) each"
    together = now.shape[:2] == future.shape[:2]
    return "" if together else f"{shapes}, whose rows do not belong together"


@check
def cpc_scores(given: Any) -> Verdict:
    """Checks ``given(context, frames, weight, step)``, weight (D, C): scores (B, T - step, T)."""
    cases = []
    settings = ((0, 2, 1.0), (1, 1, 0.5), (1, 4, 2.0), (2, 3, 1.0), (3, 2, 1.0), (4, 3, 1.0))
    for place, step, scale in settings:
        *_, width, depth = SIZES[place]
        weight = normal(depth, width, seed=20 + step)
        arguments = (*_sequences(place, scale=scale), weight, step)
        edge = SQUARE if width == depth else ""
        cases.append(Case(_title(place, step), arguments, edge=edge))
    verdict = judge(given, cpc.cpc_scores, cases, mistakes_in(cpc.cpc_scores))
    if verdict.message.startswith("the result is -inf"):
        return replace(verdict, message=MASKED)
    return verdict


MASKED = (
    "some of your scores are -inf: nothing is masked here, all T frames of the sequence are "
    "candidates, the heard ones too"
)


@check
def cpc_loss(given: Any) -> Verdict:
    """Checks ``given(context, frames, weights)``, weights (steps, D, C): CPC's loss, ()."""
    cases = []
    for place, steps, scale in ((0, 2, 1.0), (1, 4, 0.5), (2, 3, 1.0), (3, 2, 0.7)):
        batch, time, width, depth = SIZES[place]
        weights = normal(steps, depth, width, seed=20 + steps, scale=0.7)
        title = f"with {batch} sequences of {time} frames and {steps} steps"
        edge = SQUARE if width == depth else ""
        cases.append(Case(title, (*_sequences(place, scale=scale), weights), edge=edge))
    loud = (*_sequences(0, scale=30.0), normal(3, 5, 4, seed=30, scale=3.0))
    cases.append(Case("with scores of hundreds", loud, edge=LARGE))
    return judge(given, cpc.cpc_loss, cases, mistakes_in(cpc.cpc_loss), overflow=LARGE)


LARGE = (
    "exp of a score of hundreds does not fit into a float32, and a probability that is 0 has no "
    "finite logarithm, in float64 either: log_softmax, logsumexp or cross_entropy take the scores "
    "themselves"
)


@check
def causal_mean(given: Any) -> Verdict:
    """Checks ``given(frames)``, (B, T, D), whose row t must be the mean of the frames 0 to t."""
    cases = [
        Case(
            f"with {'one sequence' if batch == 1 else f'{batch} sequences'} of {frames}",
            (normal(batch, time, width, seed=time),),
            {},
            edge,
        )
        for batch, time, width, frames, edge in (
            (2, 5, 3, "5 frames", ""),
            (4, 4, 3, "4 frames", ""),
            (3, 1, 3, "one frame", ""),
            (2, 8, 3, "8 frames", ""),
            (1, 5, 4, "5 frames", ""),
            (3, 6, 6, "6 frames of 6 numbers", "there T is D: time is dimension 1"),
            (2, 20, 3, "20 frames", "all frames heard so far count, however many there are"),
        )
    ]
    verdict = judge(given, cpc.causal_mean, cases, mistakes_in(cpc.causal_mean))
    if not verdict.passed and verdict.message.startswith(("wrong in every", "right with")):
        return replace(verdict, message=_wrong_row(given) or verdict.message)
    return verdict


def _wrong_row(given: Callable) -> str:
    """By which shares a row of the learner's is made of the frames, if it is, or ""."""
    time, frames = 4, normal(2, 4, 3, seed=0)
    try:
        with listening([]):
            shares = torch.as_tensor(given(torch.eye(time)[None]))[0].detach()  # (time, time)
            mine = torch.as_tensor(given(frames.clone())).detach()
    except KeyboardInterrupt:
        raise
    except BaseException:  # whatever a learner's function raises has been told
        return ""
    if shares.shape != (time, time) or mine.shape != frames.shape:
        return ""
    if not close(mine, shares @ frames):
        return ""
    right = cpc.causal_mean(torch.eye(time)[None])[0]
    row = next((t for t in range(time) if not close(shares[t], right[t])), None)
    if row is None:
        return ""
    told = (", ".join(f"{share:.3g}" for share in rows[row].tolist()) for rows in (shares, right))
    got, wanted = told
    return f"of {time} frames, your row {row} takes the shares {got}: they must be {wanted}"


# --- numbers -------------------------------------------------------------------------------------

NEGATIVES, LOSS = 15, 1.3  # of the question, and nats


@check
def information_bound(answer: Any) -> Verdict:
    """Checks the nats of mutual information that a loss of 1.3 with 15 negatives proves."""
    candidates = NEGATIVES + 1
    right = math.log(candidates) - LOSS
    one_more = f"{NEGATIVES} negatives and one positive make {candidates}"
    told = {
        math.log(NEGATIVES) - LOSS: "the positive is a candidate too: "
        f"{NEGATIVES} negatives make {candidates}",
        math.log(candidates + 1) - LOSS: one_more,
        math.log(NEGATIVES - 1) - LOSS: one_more,
        math.log(NEGATIVES): "the positive is a candidate too, and the loss is to be subtracted",
        LOSS - math.log(candidates): "the other way round: "
        "the lower the loss, the more information is proved",
        math.log2(candidates) - LOSS: "the logarithm of base 2 counts bits, the loss nats: "
        "both must have base e",
        math.log10(candidates) - LOSS: "that is the logarithm of base 10: nats have base e",
        math.log(candidates): "that is the ceiling, which a loss of 0 would reach: "
        "the loss is to be subtracted",
        LOSS: "that is the loss itself: from what is it subtracted?",
        math.log(candidates) + LOSS: "the loss is subtracted: a guess proves nothing",
        math.log(candidates) / LOSS: "the loss is subtracted, nothing is divided",
        right / math.log(2): "that is in bits: nats are asked for",
        candidates - LOSS: "the logarithm of the number of candidates is missing",
    }
    return judge_number(
        answer,
        right,
        told,
        passed=f"log({candidates}) - {LOSS} = {right:.3f} nats. Public checks passed.",
        otherwise=lambda number: (
            f"{number:g} is not it: the bound is 0 for a loss of {math.log(candidates):.3f}, "
            "that of a guess, and grows by as much as the loss falls"
        ),
        tolerance=2e-3,
    )
