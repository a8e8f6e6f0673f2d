"""The checks of the chapter on CPC pass what is right, name each mistake, and never raise."""

from __future__ import annotations

import math

import pytest
import torch
from support.every_check import EveryCheck

from mlteach import checks
from mlteach.mistakes import mistakes_in
from mlteach.mistakes.selfsup import cpc


def right_pairs(context, frames, step):
    now = [context[:, t] for t in range(context.shape[1] - step)]
    future = [frames[:, t + step] for t in range(context.shape[1] - step)]
    return torch.stack(now, 1), torch.stack(future, 1)


def right_scores(context, frames, weight, step):
    """From the paper's Eq. (3): f_k = exp(z^T W_k c), of which the logarithm is taken."""
    return torch.einsum("bjd,dc,btc->btj", frames, weight, context[:, : frames.shape[1] - step])


def right_loss(context, frames, weights):
    """Pair by pair, from the paper's Eq. (4)."""
    batch, time, _ = frames.shape
    total = 0
    for k, weight in enumerate(weights, 1):
        losses = []
        for b in range(batch):
            for t in range(time - k):
                scores = torch.stack([z @ weight @ context[b, t] for z in frames[b]])
                losses.append(scores.logsumexp(0) - scores[t + k])
        total = total + sum(losses) / len(losses)
    return total / len(weights)


def right_mean(frames):
    rows = [frames[:, : t + 1].mean(1) for t in range(frames.shape[1])]
    return torch.stack(rows, 1)


RIGHT = {
    "future_pairs": right_pairs,
    "cpc_scores": right_scores,
    "cpc_loss": right_loss,
    "causal_mean": right_mean,
}
MISTAKES = {name: mistakes_in(getattr(cpc, name)) for name in RIGHT}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (lambda c, z, k: (c[:, :-k], z), "whose rows do not belong together"),
        (lambda c, z, k: torch.cat([c[:, :-k], z[:, k:]], 2), "got one tensor of shape (3, 4, 9)"),
        (lambda c, z, k: (c[:, 0], z[:, k]), "not (B, T - step, …) each"),
        (lambda c, z, k: (c[:, :-k].tolist(), z[:, k:]), "got list and"),
        (lambda c, z, k: (c[:, :-k], z[:, k:], k), "got 3 values"),
    ],
)
def test_what_are_no_two_tensors_is_told(given, part):
    verdict = checks.future_pairs(given)
    assert not verdict.passed
    assert part in verdict.message


def test_no_shapes_are_told_but_the_learner_s_own():
    """Those of the check's own experiments, with other batches, are not the learner's mistake."""
    verdict = checks.future_pairs(lambda c, z, k: (c[:, :-k], z[:, k:].flip(0)))
    assert not verdict.passed
    assert "rows do not belong together" not in verdict.message
    verdict = checks.future_pairs(lambda c, z, k: (c[:, :k], z[:, k : 2 * k]))
    assert "got shapes (2, 4, 3) and (2, 3, 2)" in verdict.message
    assert "Case 3 of 5" in verdict.where


def test_nothing_returned_is_told():
    assert "returns nothing" in checks.future_pairs(lambda c, z, k: None).message


def test_small_scores_make_no_wrong_target_right():
    """With tiny scores almost every loss is log T: that says nothing of what is wrong."""

    def last_moment_only(context, frames, weights):
        losses = []
        for step, weight in enumerate(weights, 1):
            logs = right_scores(context, frames, weight, step).log_softmax(-1)
            losses.append(-logs[:, -1, -1].mean())
        return torch.stack(losses).mean()

    verdict = checks.cpc_loss(last_moment_only)
    assert not verdict.passed
    assert "a hundredth" not in verdict.message


def test_a_list_of_two_tensors_is_as_good():
    assert checks.future_pairs(lambda c, z, k: [c[:, :-k], z[:, k:]]).passed


def test_a_missing_transpose_is_told():
    verdict = checks.cpc_scores(lambda c, z, w, k: c[:, :-k] @ w @ z.mT)
    assert "with `w` transposed" in verdict.message


def test_a_softmax_written_out_overflows():
    def naive(context, frames, weights):
        total = 0
        for k, weight in enumerate(weights, 1):
            scores = cpc.cpc_scores(context, frames, weight, k).exp()
            total = total - (cpc.at_targets(scores, k) / scores.sum(-1)).log().mean()
        return total / len(weights)

    verdict = checks.cpc_loss(naive)
    assert not verdict.passed
    assert "with scores of hundreds" in verdict.message
    assert "does not fit into a float32" in verdict.message


def test_a_loss_without_gradient_is_told():
    verdict = checks.cpc_loss(lambda *parts: torch.tensor(right_loss(*parts).item()))
    assert "no gradient can flow through it" in verdict.message


def test_a_context_without_gradient_is_told():
    verdict = checks.cpc_loss(lambda c, z, w: cpc.cpc_loss(c.detach(), z, w))
    assert "no gradient arrives at" in verdict.message


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (math.log(15) - 1.3, "15 negatives make 16"),
        (1.3 - math.log(16), "the other way round"),
        (4 - 1.3, "counts bits"),
        (math.log(16), "the ceiling"),
        (1.3, "the loss itself"),
        (14.7, "the logarithm of the number of candidates is missing"),
        ((math.log(16) - 1.3) / math.log(2), "in bits"),
        (2.0, "the bound is 0 for a loss of 2.773"),
        ("1.47", "a number is expected"),
        (None, "a number is expected"),
    ],
)
def test_wrong_bounds(answer, part):
    verdict = checks.information_bound(answer)
    assert not verdict.passed
    assert part in verdict.message


@pytest.mark.parametrize("answer", [math.log(16) - 1.3, 1.473, 1.47, torch.tensor(1.4726)])
def test_the_bound(answer):
    assert checks.information_bound(answer).passed


def test_the_shares_of_a_wrong_mean_are_told():
    """An average that forgets is no known mistake: which row is wrong, and how, is told."""

    def forgetting(frames):
        rows = [frames[:, 0]]
        for t in range(1, frames.shape[1]):
            rows.append(0.75 * rows[-1] + 0.25 * frames[:, t])
        return torch.stack(rows, 1)

    message = checks.causal_mean(forgetting).message
    assert "your row 1 takes the shares 0.75, 0.25, 0, 0: they must be 0.5, 0.5, 0, 0" in message
    # what is no sum of frames has no shares
    assert "shares" not in checks.causal_mean(lambda frames: right_mean(frames).tanh()).message


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        (lambda context, frames, step: (context[:, :-step], frames[:, step:].detach()), "`frames`"),
        (
            lambda context, frames, step: (context[:, :-step].detach(), frames[:, step:]),
            "`context`",
        ),
    ],
)
def test_a_detached_pair_is_told(given, argument):
    assert f"no gradient arrives at {argument}" in checks.future_pairs(given).message


def as_it_fits(weight, width):
    """Wrong where it is square, since its transpose fits there, too."""
    return weight.T if len(weight) == width else weight


def test_a_square_matrix_that_is_not_transposed_is_told():
    def scores(context, frames, weight, step):
        return right_scores(context, frames, as_it_fits(weight, context.shape[2]), step)

    def loss(context, frames, weights):
        square = weights.shape[1] == weights.shape[2]
        return right_loss(context, frames, weights.mT if square else weights)

    for verdict in (checks.cpc_scores(scores), checks.cpc_loss(loss)):
        assert not verdict.passed
        assert "weight and its transpose both fit" in verdict.message


def test_a_masked_past_is_told():
    def masked(context, frames, weight, step):
        scores = right_scores(context, frames, weight, step)
        return scores.masked_fill(torch.ones_like(scores[0]).tril().bool(), -math.inf)

    assert "nothing is masked here" in checks.cpc_scores(masked).message


def test_probabilities_of_float64_are_too_small_as_well():
    def naive(context, frames, weights):
        context, frames, weights = context.double(), frames.double(), weights.double()
        losses = []
        for step, weight in enumerate(weights, 1):
            shares = right_scores(context, frames, weight, step).softmax(-1)
            losses.append(-cpc.at_targets(shares, step).log().mean())
        return torch.stack(losses).mean().float()

    assert "no finite logarithm, in float64 either" in checks.cpc_loss(naive).message


@pytest.mark.parametrize("many", [8, 16])
def test_a_mean_that_forgets_what_is_long_ago_is_told(many):
    def last(frames):
        rows = [frames[:, max(0, t + 1 - many) : t + 1].mean(1) for t in range(frames.shape[1])]
        return torch.stack(rows, 1)

    verdict = checks.causal_mean(last)
    assert not verdict.passed
    assert "with 2 sequences of 20 frames" in verdict.message


def test_counts_along_the_width_are_seen_where_they_fit():
    def fitting(frames):
        counts = torch.arange(1, frames.shape[1] + 1)
        return frames.cumsum(1) / (counts if frames.shape[2] == len(counts) else counts[:, None])

    verdict = checks.causal_mean(fitting)
    assert not verdict.passed
    assert "6 frames of 6 numbers" in verdict.message


def test_a_batch_of_one_stays_a_batch():
    def pairs(context, frames, step):
        return tuple(part.squeeze() for part in (context[:, :-step], frames[:, step:]))

    assert "one sequence" in checks.future_pairs(pairs).where
    assert "one sequence" in checks.cpc_scores(lambda *given: right_scores(*given).squeeze()).where
    mean = checks.causal_mean(lambda frames: RIGHT["causal_mean"](frames).squeeze(0))
    assert "one sequence" in mean.where
