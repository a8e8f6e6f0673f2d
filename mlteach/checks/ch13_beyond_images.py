"""Checks of the chapter beyond images: CLIP's and SigLIP's losses, zero-shot answers, retrieval."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from mlteach import losses
from mlteach.checks._answers import as_number, judge_number
from mlteach.checks._core import Case, Verdict, check, judge, normal, run_case
from mlteach.mistakes import mistakes_in
from mlteach.mistakes import zero_shot as definitions


def _pairs() -> dict[str, tuple[Tensor, Tensor]]:
    """Images with their texts."""
    alike = normal(4, 3, seed=5)
    return {
        "with 5 pairs": (normal(5, 3, seed=1), normal(5, 3, seed=2)),
        "with 2 pairs": (normal(2, 6, seed=3), normal(2, 6, seed=4)),
        "with long vectors and texts like their images": (
            5 * alike,
            3 * alike + normal(4, 3, seed=6),
        ),
    }


# --- two losses ----------------------------------------------------------------------------------

SOFTMAX_OVERFLOW = (
    "exp of a large logit does not fit into a float32, and a probability that is 0 has no finite "
    "logarithm: leave softmax and logarithm to cross_entropy, or take log_softmax or logsumexp"
)
SIGMOID_OVERFLOW = (
    "exp(100) does not fit into a float32, and the sigmoid of -110 is 0, whose logarithm is "
    "infinite: F.logsigmoid, or softplus, takes both at once"
)

FAR_OUT = "are logits or probabilities held between two numbers, or is a small number added?"


@check
def clip_loss(given: Any) -> Verdict:
    """Checks ``given(image, text, temperature)``, two (B, P), against CLIP's loss."""
    cases = [
        Case(f"{what} at temperature {t}", pair, {"temperature": t})
        for what, pair in _pairs().items()
        for t in (0.5, 0.07, 2.0)
    ]
    z = normal(5, 4, seed=7)
    what, cold = "at temperature 0.01 with texts like their images", {"temperature": 0.01}
    cases.append(Case(what, (z, z + 0.01), cold))
    what = "at temperature 0.01 with texts unlike their images"
    cases.append(Case(what, (z, normal(5, 4, seed=8)), cold, edge=FAR_OUT))
    right = losses.clip_loss
    verdict = judge(given, right, cases, mistakes_in(right), overflow=SOFTMAX_OVERFLOW)
    return _also_learned(verdict, given, right, {"temperature": 0.3})


@check
def siglip_loss(given: Any) -> Verdict:
    """Checks ``given(image, text, temperature, bias)``, two (B, P), against SigLIP's loss."""
    cases = [
        Case(f"{what} at temperature {t} with bias {b:g}", pair, {"temperature": t, "bias": b})
        for what, pair in _pairs().items()
        for t, b in ((0.5, -1.0), (0.1, -10.0), (2.0, 0.5))
    ]
    z = normal(5, 4, seed=7)
    what, cold = "where logits lie near 110 and -110", {"temperature": 0.01, "bias": -10.0}
    cases.append(Case(what, (z, -z), cold, edge=FAR_OUT))
    right = losses.siglip_loss
    verdict = judge(given, right, cases, mistakes_in(right), overflow=SIGMOID_OVERFLOW)
    return _also_learned(verdict, given, right, {"temperature": 0.3, "bias": -2.0})


def _also_learned(
    verdict: Verdict, given: Any, right: Callable, learned: dict[str, float]
) -> Verdict:
    """The verdict on a right function where what else is learned comes as tensors, too."""
    if not verdict.passed:
        return verdict

    @wraps(given)
    def mine(image: Tensor, text: Tensor, *numbers: Tensor) -> Any:
        options = dict(zip(learned, numbers, strict=True))
        return Case("", (image, text), options).ask(given)

    @wraps(right)
    def ours(image: Tensor, text: Tensor, *numbers: Tensor) -> Tensor:
        return right(image, text, **dict(zip(learned, numbers, strict=True)))

    title = f"where {' and '.join(learned)} {'are' if len(learned) > 1 else 'is'} learned"
    pair = normal(6, 3, seed=8), normal(6, 3, seed=9)
    case = Case(title, (*pair, *map(torch.tensor, learned.values())))
    also = judge(mine, ours, [case], [])
    return verdict if also.passed else also


# --- what a trained pair of encoders answers -----------------------------------------------------

ALL_BELOW_ZERO = "is the largest cosine taken, as it is? Of negative ones it is the nearest to 0"


@check
def zero_shot(given: Any) -> Verdict:
    """Checks ``given(image, prompts)``, (B, P) and (C, P) -> (B,), the number of the best."""
    lengths = torch.tensor([[0.2], [5.0], [1.0], [9.0], [0.5], [2.0]])
    cases = [
        Case("with 7 images and 4 prompts", (normal(7, 3, seed=1), normal(4, 3, seed=2))),
        Case("with 3 images and 6 prompts", (normal(3, 5, seed=3), normal(6, 5, seed=4))),
        Case(
            "with short and long prompts",
            (normal(12, 4, seed=5, scale=3.0), lengths * normal(6, 4, seed=6)),
        ),
        Case(
            "with as many images as prompts",
            (normal(6, 4, seed=7), lengths.flip(0) * normal(6, 4, seed=8)),
        ),
        Case("with one image", (normal(1, 4, seed=9), lengths * normal(6, 4, seed=10))),
    ]
    image = normal(8, 4, seed=11).abs()
    opposed = -lengths * normal(6, 4, seed=12).abs()
    cases.append(Case("where all cosines are below 0", (image, opposed), edge=ALL_BELOW_ZERO))
    right = definitions.zero_shot
    verdict = judge(given, right, cases, mistakes_in(right), gradients=False)
    if not verdict.passed:
        return verdict
    numbers = run_case(given, cases[0], cases[0].call(right)).value
    if numbers is not None and numbers.is_floating_point():
        return Verdict(False, f"your numbers are {numbers.dtype}: none of them can be an index")
    return verdict


@check
def recall_at_k(given: Any) -> Verdict:
    """Checks ``given(similarities, k)``, (N, N) -> (), the share of rows that find column i."""
    cases = []
    for size, k in ((6, 1), (8, 3), (12, 5), (5, 2), (9, 4)):
        similarities = (normal(size, size, seed=size) + 0.8 * torch.eye(size)).tanh()
        cases.append(Case(f"with {size} pairs and k = {k}", (similarities,), {"k": k}))
    cases.append(Case("where k is all there are", (normal(4, 4, seed=4),), {"k": 4}))
    right = definitions.recall_at_k
    return judge(given, right, cases, mistakes_in(right), gradients=False)


# --- what nothing learned is worth ---------------------------------------------------------------

CAPTIONS, K = 128, 5  # of the question on retrieval
PAIRS = 64  # in the batches of both others


@check
def chance_of_retrieval(answer: Any) -> Verdict:
    """Checks recall@5 of guessing among 128 captions, a share."""
    right, number = K / CAPTIONS, as_number(answer)
    if number == 0:  # so near to (1 / 128) ** 5
        return Verdict(False, "guessing finds the own caption now and then: // cuts it off to 0")
    if number is not None and math.isclose(number, round(right, 2), abs_tol=1e-5):
        return Verdict(False, f"{number:g} is rounded too far: three figures are asked for")
    told = {
        1 / CAPTIONS: "that is recall@1: five captions are looked at, not one",
        1 / K: "that is 1 / k: among how many captions is the own one?",
        K / (CAPTIONS - 1): "the own caption is one of the 128: there are not 127 candidates",
        1 - (1 - 1 / CAPTIONS) ** K: "that is for five draws that may give one caption twice: "
        "the five first of a ranking are different",
        (1 / CAPTIONS) ** K: "that is the chance that five draws are all right: one of five is "
        "enough, and chances of what excludes each other add up",
        1 - right: "that is the chance to miss it",
        1 / right: "it is upside down: which is divided by which?",
        1 / CAPTIONS / K: "multiply by five: each of the five first may be the own caption",
        float(K): "that is how many are looked at: divide by the number of captions",
    } | {
        percent: "that is percent: a share lies between 0 and 1"
        for percent in (3.9, 3.91, 100 * right)
    }

    def otherwise(number: float) -> str:
        if not 0 <= number <= 1:
            return f"a share lies between 0 and 1, got {number:g}"
        return f"among {CAPTIONS} captions a share of {number:g} is {number * CAPTIONS:.3g} of them"

    return judge_number(
        answer,
        right,
        told,
        passed=f"{K} of {CAPTIONS} places, {right:.2%}. Public checks passed.",
        otherwise=otherwise,
        kind="a share",
        tolerance=1e-4,
    )


@check
def clip_at_start(answer: Any) -> Verdict:
    """Checks CLIP's loss of 64 pairs all of whose cosines are equal, in nats."""
    right = math.log(PAIRS)
    told = {
        math.log(2 * PAIRS - 1): "that is NT-Xent's log(2B - 1): "
        "an image's candidates are the texts only, its own among them",
        math.log(2 * PAIRS): "an image chooses among the 64 texts, a text among the 64 images: "
        "64 candidates each",
        PAIRS * math.log(PAIRS): "that is the sum over the batch: the mean is asked for",
        math.log(PAIRS - 1): "the own text is a candidate too",
        2 * math.log(PAIRS): "both directions are averaged, not added, "
        "and each image has 64 candidates, not 64 x 64",
        math.log(PAIRS) / 2: "both directions cost as much, and their mean is not half of one",
        math.log2(PAIRS): "that is in bits: in nats the logarithm has base e",
        math.log10(PAIRS): "in nats the logarithm has base e, not 10",
        1 / PAIRS: "that is the probability of each text: the loss is minus its logarithm",
        -math.log(PAIRS): "that is the logarithm of the probability: the loss is minus that",
        float(PAIRS): "that is how many candidates there are: the loss is the logarithm of it",
        0.0: "it would be 0 if every text were found for certain",
    }

    def otherwise(number: float) -> str:
        candidates = f"{math.exp(min(number, 700)):.4g}"
        return f"{number:g} nats are the loss where {candidates} candidates are equally probable"

    return judge_number(
        answer,
        right,
        told,
        passed=f"log({PAIRS}) = {right:.4f} nats, whatever the temperature. Public checks passed.",
        otherwise=otherwise,
    )


@check
def siglip_at_start(answer: Any) -> Verdict:
    """Checks SigLIP's loss of 64 pairs, all cosines 0, with temperature 0.1 and bias 0, in nats."""
    one = math.log(2)
    right = PAIRS * one
    told = {
        one: "that is one pair's: an image has 64 texts, and their terms are added",
        PAIRS**2 * one: "that is the sum over all pairs: divide it by B",
        (PAIRS - 1) * one: "the pair that belongs together costs log 2 too",
        (2 * PAIRS - 1) * one: "each of the 64 x 64 pairs counts once",
        math.log(PAIRS): "that is CLIP's loss, with a softmax: here a sigmoid judges each pair "
        "alone",
        float(PAIRS): "that is in bits: in nats the logarithm has base e",
        PAIRS * math.log10(2): "in nats the logarithm has base e, not 10",
        PAIRS / 2: "each term is the logarithm of the sigmoid, not the sigmoid: which at 0 is 1/2",
        one / PAIRS: "each of 64 terms costs log 2, and they are added: times 64, not divided",
        0.0: "the sigmoid of 0 is 1/2, and its logarithm is not 0",
        _siglip(bias=-10.0): "that is with the bias -10: without it all logits are 0",
    }

    def otherwise(number: float) -> str:
        return f"{number:g} / {PAIRS} = {number / PAIRS:.4g}: is that minus the log of a sigmoid?"

    begins = f"with the bias -10 it begins at {_siglip(bias=-10.0):.2f}"
    return judge_number(
        answer,
        right,
        told,
        passed=f"{PAIRS} log 2 = {right:.2f} nats; {begins}. Public checks passed.",
        otherwise=otherwise,
        tolerance=0.05,
    )


def _siglip(*, bias: float) -> float:
    """SigLIP's loss of as many pairs whose cosines are all 0."""
    return math.log1p(math.exp(-bias)) + (PAIRS - 1) * math.log1p(math.exp(bias))
