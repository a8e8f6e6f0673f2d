"""Checks of the chapter on metric learning: pairs, triplets, and which triplets to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any

import torch

from mlteach import losses
from mlteach.checks._answers import as_words
from mlteach.checks._core import Case, Verdict, check, expected, gradients_of, judge, normal
from mlteach.checks._rules import loops
from mlteach.checks._verdict import shown
from mlteach.metric import REGIONS, triplet_regions
from mlteach.mistakes import metric, mistakes_in
from mlteach.mistakes.losses.pairs import NO_SLOPE


@check
def siamese_loss(given: Any) -> Verdict:
    """Checks ``given(x1, x2, same, margin)``, (B, D) twice and (B,) bool: the contrastive loss."""
    cases = []
    for size in (6, 9):
        pairs = (normal(size, 3, seed=size), normal(size, 3, seed=size + 1))
        cases += [
            Case(
                f"with {size} pairs and margin {margin}",
                (*pairs, torch.arange(size) % 3 == 0),
                {"margin": margin},
            )
            for margin in (1.0, 2.5, 4.0)
        ]
    right = losses.contrastive_loss
    verdict = judge(given, right, cases, mistakes_in(right))
    if verdict.passed and (problem := _problem_at_distance_zero(given)):
        return Verdict(False, problem)
    return verdict


def _problem_at_distance_zero(given: Callable) -> str:
    """Whether the gradient is nan where both images of a pair have the same representation."""
    pairs = (torch.ones(2, 3), torch.ones(2, 3), torch.tensor([True, False]))
    case = Case("where both points coincide", pairs, {"margin": 1.0})
    found, problem = gradients_of(lambda case: case.ask(given), case)
    finite = all(gradient.isfinite().all() for gradient in found.values())
    return problem or ("" if finite else NO_SLOPE)


@check
def triplet_loss(given: Any) -> Verdict:
    """Checks ``given(anchor, positive, negative, margin)``, (B, D) each: the triplet loss."""
    cases = [
        Case(
            f"with {size} triplets and margin {margin}",
            tuple(normal(size, 3, seed=size + i) for i in range(3)),
            {"margin": margin},
        )
        for size in (6, 9)
        for margin in (0.2, 1.0, 5.0)
    ]
    return judge(given, losses.triplet_loss, cases, mistakes_in(losses.triplet_loss))


@check
def semi_hard(given: Any) -> Verdict:
    """Checks ``given(distances, labels, margin)``, (N, N) and (N,), against the mask (N, N, N).

    Entry (a, p, n) is True where anchor a, positive p and negative n are a semi-hard triplet.
    """
    cases = []
    for seed, labels in enumerate([[0, 0, 1, 1], [2, 0, 1, 0, 2, 0, 1], [1, 1, 0, 1, 0, 0]]):
        z = normal(len(labels), 2, seed=seed)
        batch = ((z[:, None] - z).square().sum(2), torch.tensor(labels))
        cases += [
            Case(f"with labels {labels} and margin {margin}", batch, {"margin": margin})
            for margin in (0.5, 2.0)
        ]
    line = torch.tensor([0.0, 1, 1, 2, 3, 3])[:, None]  # with ties at the positive and the margin
    ties = ((line - line.T).square(), torch.tensor([0, 0, 1, 1, 0, 1]))
    cases.append(Case("with distances that are equal", ties, {"margin": 3.0}))
    right = metric.semi_hard
    small, large = ((*cases[k].arguments, 1.0) for k in (0, 2))  # 4 and 7 points
    rules = (loops("there is a loop: comparisons of whole tensors do without", small, large),)
    return judge(given, right, cases, mistakes_in(right), gradients=False, rules=rules)


# --- easy, semi-hard, hard -----------------------------------------------------------------------

POSITIVE_AT, MARGIN = 1.0, 0.25
NEGATIVES_AT = (0.8, 1.05, 1.2, 1.3)


def _regions_by(power: float, distance: float = POSITIVE_AT, margin: float = MARGIN) -> list[str]:
    """The region of each of the four negatives when distances to this power are compared."""
    to_negative = torch.tensor(NEGATIVES_AT) ** power
    codes = triplet_regions(torch.tensor(distance**power), to_negative, margin=margin)
    return [REGIONS[code] for code in codes]


@check
def regions(answer: Any) -> Verdict:
    """Checks a list with the region of the negatives at NEGATIVES_AT, by words."""
    right = _regions_by(2)
    swapped = {"hard": "easy", "easy": "hard"}
    told = {
        tuple(_regions_by(1)): "you compared distances: "
        "this loss compares squared ones, so that 1.2 counts as 1.44",
        tuple(reversed(right)): "the order is flipped: a negative is hard when it is near",
        tuple(swapped.get(word, word) for word in right): "hard and easy are swapped: "
        "a negative nearer than the positive is hard",
    }
    words = None if isinstance(answer, Set | Mapping) else as_words(answer)  # these have no order
    if words is None or len(words) != len(right):
        return expected(f"a list of {len(right)} words, one for each negative,", answer)
    unknown = [word for word in words if word not in REGIONS]
    if unknown:
        return Verdict(False, f"the words are {', '.join(REGIONS)}, got {shown(unknown[0])}")
    if words == right:
        return Verdict(True, f"{len(right)} public checks passed.")
    if tuple(words) in told:
        return Verdict(False, told[tuple(words)])
    first = next(i for i in range(len(right)) if words[i] != right[i])
    loss = max(0.0, POSITIVE_AT**2 - NEGATIVES_AT[first] ** 2 + MARGIN)
    return Verdict(
        False,
        f"the negative at distance {NEGATIVES_AT[first]} is not {words[first]}: "
        f"its loss is {loss:.4g}",
    )
