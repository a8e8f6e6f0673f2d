"""Checks of the chapter on metric learning: pairs, triplets, and what makes a triplet worth
showing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mlteach import losses
from mlteach.checks._core import Case, Verdict, judge
from mlteach.metric import REGIONS, triplet_regions

NO_SLOPE = (
    "look at a pair whose two points coincide: the root has an infinite slope at 0, and infinity times 0 is nan. "
    "Square the distance without the root where you can, or keep the root away from 0 with torch.where or a clamp"
)


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _squared(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().sum(1)


def _distance(x: Tensor, y: Tensor) -> Tensor:
    return _squared(x, y).sqrt()


def _identity(x: Tensor) -> Tensor:
    return x


# --- contrastive loss ----------------------------------------------------------------------------


def _contrastive(
    x1, x2, same, margin, *,
    flipped=False, pull=torch.square, push=torch.square, hinge=torch.relu, gap=lambda d, m: m - d, factor=0.5,
    collected=torch.mean,
) -> Tensor:  # fmt: skip
    """The contrastive loss with every part that can be got wrong as an option."""
    d = _distance(x1, x2)
    return factor * collected(torch.where(same ^ flipped, pull(d), push(hinge(gap(d, margin)))))


CONTRASTIVE_MISTAKES = {
    "your labels are turned round: `same` is True for pairs of one class, which attract. The paper's Y is the opposite":
        partial(_contrastive, flipped=True),
    "the factor 1/2 is missing": partial(_contrastive, factor=1.0),
    "you add up over the pairs: the loss is their mean": partial(_contrastive, collected=torch.sum),
    "the hinge is missing: beyond the margin a pair of different classes costs nothing, max(0, m - d)":
        partial(_contrastive, hinge=_identity),
    "the margin stands on the wrong side: it is m - d that must not be positive, not d - m":
        partial(_contrastive, gap=lambda d, m: d - m),
    "your margin is compared with the squared distance: it is (m - d)², with the distance itself":
        partial(_contrastive, gap=lambda d, m: m - d.square(), push=_identity),
    "your margin is squared by itself: square the whole of max(0, m - d), not m and d apart":
        partial(_contrastive, gap=lambda d, m: m**2 - d.square(), push=_identity),
    "the hinge is not squared: max(0, m - d)² / 2": partial(_contrastive, push=_identity),
    "the distance of pairs of one class is not squared: d² / 2": partial(_contrastive, pull=_identity),
    "neither term is squared: d² / 2 and max(0, m - d)² / 2": partial(_contrastive, pull=_identity, push=_identity),
    "pairs of different classes are missing": partial(_contrastive, push=torch.zeros_like),
    "pairs of one class are missing": partial(_contrastive, pull=torch.zeros_like),
}  # fmt: skip


def siamese_loss(given: Any) -> Verdict:
    """Checks ``given(x1, x2, same, margin)``, (B, D) twice and (B,) bool, against the contrastive
    loss.
    """
    cases = [
        Case(f"with {size} pairs and margin {margin}",
             (_random(size, 3, seed=size), _random(size, 3, seed=size + 1), torch.arange(size) % 3 == 0, margin))
        for size in (6, 9) for margin in (1.0, 2.5, 4.0)
    ]  # fmt: skip
    definition = lambda x1, x2, same, margin: losses.contrastive_loss(x1, x2, same, margin=margin)  # noqa: E731
    verdict = judge(given, definition, cases, CONTRASTIVE_MISTAKES)
    return _at_distance_zero(given, verdict) if verdict.passed else verdict


def _at_distance_zero(given: Callable, verdict: Verdict) -> Verdict:
    """The verdict, unless the gradient is nan where both pictures of a pair have the same
    representation.
    """
    x1 = torch.ones(2, 3, requires_grad=True)
    given(x1, torch.ones(2, 3), torch.tensor([True, False]), 1.0).backward()
    return (
        verdict if x1.grad.isfinite().all() else Verdict(False, f"the gradient is nan: {NO_SLOPE}")
    )


# --- triplet loss --------------------------------------------------------------------------------


def _triplet(
    anchor, positive, negative, margin, *,
    distance=_squared, sign=1.0, margin_sign=1.0, hinge=torch.relu, collected=torch.mean, outer=_identity,
    other="anchor",
) -> Tensor:  # fmt: skip
    """The triplet loss with every part that can be got wrong as an option."""
    to_negative = distance(anchor if other == "anchor" else positive, negative)
    gap = sign * (distance(anchor, positive) - to_negative) + margin_sign * margin
    return outer(collected(hinge(gap)))


TRIPLET_MISTAKES = {
    "you compare distances: Schroff's loss compares squared distances":
        partial(_triplet, distance=_distance),
    "positive and negative are exchanged: the positive's distance is to shrink": partial(_triplet, sign=-1.0),
    "the margin stands on the wrong side: it is added, so that a negative must be farther by the margin":
        partial(_triplet, margin_sign=-1.0),
    "the hinge is missing: an easy triplet costs nothing, max(0, …)": partial(_triplet, hinge=_identity),
    "the hinge stands around the mean: each triplet has its own, else easy triplets pay for hard ones":
        partial(_triplet, hinge=_identity, outer=torch.relu),
    "the margin is missing": partial(_triplet, margin_sign=0.0),
    "the hinge is squared: max(0, …) as it is": partial(_triplet, outer=_identity, hinge=lambda x: x.relu().square()),
    "you add up over the triplets: the loss is their mean": partial(_triplet, collected=torch.sum),
    "the negative's distance is taken from the positive: both distances start at the anchor":
        partial(_triplet, other="positive"),
    "you average over the coordinates: a squared distance is their sum":
        partial(_triplet, distance=lambda x, y: (x - y).square().mean(1)),
}  # fmt: skip


def triplet_loss(given: Any) -> Verdict:
    """Checks ``given(anchor, positive, negative, margin)``, (B, D) each, against the triplet loss."""
    cases = [
        Case(f"with {size} triplets and margin {margin}",
             (*(_random(size, 3, seed=size + i) for i in range(3)), margin))
        for size in (6, 9) for margin in (0.2, 1.0, 5.0)
    ]  # fmt: skip
    definition = lambda a, p, n, margin: losses.triplet_loss(a, p, n, margin=margin)  # noqa: E731
    return judge(given, definition, cases, TRIPLET_MISTAKES)


# --- semi-hard triplets --------------------------------------------------------------------------


def _semi_hard(
    distances,
    labels,
    margin,
    *,
    itself=False,
    negatives=torch.logical_not,
    low=True,
    high=True,
    along="rows",
) -> Tensor:
    """The mask of semi-hard triplets with every part that can be got wrong as an option."""
    same = labels[:, None] == labels
    positives = same if itself else same & ~torch.eye(len(labels), dtype=torch.bool)
    # (N, N, N): to the negative less to the positive
    gap = distances[:, None, :] - distances[:, :, None]
    if along == "columns":
        gap = -gap
    mask = positives[:, :, None] & negatives(same)[:, None, :]
    return mask & ((gap > 0) | (not low)) & ((gap < margin) | (not high))


SEMI_HARD_MISTAKES = {
    "an anchor is its own positive: leave the diagonal out": partial(_semi_hard, itself=True),
    "negatives may be of the anchor's class: they must be of another": partial(_semi_hard, negatives=torch.ones_like),
    "positive and negative are of the same class: the negative must be of another":
        partial(_semi_hard, negatives=_identity),
    "hard triplets are in it too: the negative must be farther than the positive": partial(_semi_hard, low=False),
    "easy triplets are in it too: the negative must be nearer than positive plus margin":
        partial(_semi_hard, high=False),
    "all triplets are in it: compare the distances": partial(_semi_hard, low=False, high=False),
    "your band lies on the wrong side: the negative is to be farther than the positive, not nearer":
        partial(_semi_hard, along="columns"),
}  # fmt: skip


def semi_hard(given: Any) -> Verdict:
    """Checks ``given(distances, labels, margin)``, (N, N) and (N,), against the mask (N, N, N) of
    semi-hard triplets.

    Entry (a, p, n) belongs to anchor a, positive p and negative n.
    """
    cases = []
    for seed, labels in enumerate([[0, 0, 1, 1], [2, 0, 1, 0, 2, 0, 1], [1, 1, 0, 1, 0, 0]]):
        z = _random(len(labels), 2, seed=seed)
        squared = (z[:, None] - z).square().sum(2)
        cases += [
            Case(
                f"with labels {labels} and margin {margin}", (squared, torch.tensor(labels), margin)
            )
            for margin in (0.5, 2.0)
        ]
    return judge(given, _semi_hard, cases, SEMI_HARD_MISTAKES, gradients=False)


# --- easy, semi-hard, hard -----------------------------------------------------------------------

POSITIVE_AT, MARGIN = 1.0, 0.25
NEGATIVES_AT = (0.8, 1.05, 1.2, 1.3)


def _regions_by(power: float, distance: float = POSITIVE_AT, margin: float = MARGIN) -> list[str]:
    """The region of each of the four negatives when distances to this power are compared."""
    to_negative = torch.tensor(NEGATIVES_AT) ** power
    codes = triplet_regions(torch.tensor(distance**power), to_negative, margin=margin)
    return [REGIONS[code] for code in codes]


def regions(answer: Any) -> Verdict:
    """Checks a list with the region of the negatives at NEGATIVES_AT, by words."""
    right = _regions_by(2)
    told = {
        tuple(_regions_by(1)): "you compared distances: this loss compares squared ones, so that 1.2 counts as 1.44",
        tuple(reversed(right)): "the order is turned round: a negative is hard when it is near",
        tuple({"hard": "easy", "easy": "hard"}.get(word, word) for word in right):
            "hard and easy are exchanged: a negative nearer than the positive is hard",
    }  # fmt: skip
    if not isinstance(answer, (list, tuple)) or len(answer) != len(right):
        return Verdict(
            False,
            f"a list of {len(right)} words is expected, one for each negative, got {answer!r}",
        )
    unknown = [word for word in answer if word not in REGIONS]
    if unknown:
        return Verdict(False, f"the words are {', '.join(REGIONS)}, got {unknown[0]!r}")
    if list(answer) == right:
        return Verdict(True, f"{len(right)} public checks passed.")
    if tuple(answer) in told:
        return Verdict(False, told[tuple(answer)])
    first = next(
        i for i, (mine, expected) in enumerate(zip(answer, right, strict=True)) if mine != expected
    )
    loss = max(0.0, POSITIVE_AT**2 - NEGATIVES_AT[first] ** 2 + MARGIN)
    return Verdict(
        False,
        f"the negative at distance {NEGATIVES_AT[first]} is not {answer[first]}: its loss is {loss:.4g}",
    )
