"""Checks of the chapter on evaluation: votes, standardising, an interval, protocols that leak."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from mlteach.checks._answers import as_words
from mlteach.checks._core import Case, Verdict, check, expected, judge, normal, run_case
from mlteach.checks._verdict import shown
from mlteach.evaluate import knn_votes
from mlteach.mistakes import evaluate, mistakes_in


@check
def weighted_votes(given: Any) -> Verdict:
    """Checks ``given(similarities, labels, n_classes, temperature)``, (M, k) twice -> (M, C)."""
    cases = []
    for k, n_classes, temperature in ((6, 3, 0.1), (6, 3, 2.0), (4, 5, 0.5)):
        similarities = normal(5, k, seed=k).sigmoid().sort(dim=1, descending=True).values
        labels = torch.randint(n_classes, (5, k), generator=torch.Generator().manual_seed(k))
        title = f"with k = {k}, {n_classes} classes and temperature {temperature}"
        options = {"n_classes": n_classes, "temperature": temperature}
        cases.append(Case(title, (similarities, labels), options))
        if temperature == 0.5:
            title = f"with k = {k}, a class that no neighbour has, and temperature 0.01"
            cases.append(Case(title, (similarities, labels), {"n_classes": 7, "temperature": 0.01}))
    return judge(given, knn_votes, cases, mistakes_in(knn_votes), gradients=False)


@check
def standardise(given: Any) -> Verdict:
    """Checks ``given(train, test)``, (N, D), (M, D) -> (M, D): by training mean and std."""
    scale, shift = torch.tensor([1.0, 3.0, 0.2]), torch.tensor([5.0, -2.0, 0.0])
    cases = []
    for n in (20, 12):
        train, test = (scale * normal(n, 3, seed=n + k) + shift + k for k in (0, 1))
        cases.append(Case(f"with {n} images in each set", (train, test)))
    constant = tuple(torch.cat([x, torch.zeros(len(x), 1)], 1) for x in cases[0].arguments)
    cases.append(Case("where one feature is 0 for every image", constant))
    why = "Its standard deviation is 0: divide by 1 there, or by infinity."
    right = evaluate.protocol.standardise
    verdict = judge(given, right, cases, mistakes_in(right), gradients=False, overflow=why)
    if not verdict.passed:
        return verdict
    new = Case("", (torch.full((4, 1), 5.0), torch.tensor([[6.0], [7.0]])))
    value = run_case(given, new, torch.zeros(2, 1)).value
    if value is None or value.shape != (2, 1) or not (0 <= value[0].item() <= 1):
        got = "nothing" if value is None else f"{value.flatten()[0].item():.4g}"
        return Verdict(
            False,
            "where a feature is 5 in every training image, a 6 in the test set "
            f"becomes {got}: what is too small to divide by? Divide by 1 there, or by infinity",
        )
    return verdict


@check
def half_width(given: Any) -> Verdict:
    """Checks ``given(accuracies)``, (E,) -> (), against 1.96 standard errors of the mean."""
    cases = [
        Case(
            f"with {n} episodes",
            ((0.2 * normal(n, seed=n) + 0.6).clamp(0, 1).mul(5).round().div(5),),
        )
        for n in (10, 100, 600)
    ]
    right = evaluate.intervals.half_width
    verdict = judge(given, right, cases, mistakes_in(right), gradients=False)

    def from_n(accuracies: Tensor) -> Tensor:
        return 1.96 * evaluate.intervals.standard_error(accuracies, correction=0)

    # N or N - 1: both are in use
    too = judge(given, from_n, cases, [], gradients=False)
    return too if too.passed else verdict


# --- which protocol leaks ------------------------------------------------------------------------

LEAKS = {
    "A": "the images were turned and shifted first and split into training and test afterwards, "
    "so that views of one image stand on both sides",
    "C": "k was chosen because the test images liked it: "
    "choose it on a part of the training images",
    "E": "in training mode an image's features depend on the others of its batch, and in a sorted "
    "test set these are no fair sample: another order gives another accuracy",
}
HONEST = {
    "B": "pre-training on unlabelled training images uses no test image and no label",
    "D": "the training set's mean and standard deviation are known before any test image is seen",
}


@check
def leaking(answer: Any) -> Verdict:
    """Checks a collection of letters, those of the protocols that leak."""
    words = as_words(re.findall(r"\w", answer) if isinstance(answer, str) else answer)
    if words is None:
        return expected('a set of letters, such as {"B", "D"},', answer)
    letters = {letter.upper() for letter in words}
    unknown = sorted(letters - LEAKS.keys() - HONEST.keys())
    if unknown:
        return Verdict(False, f"the protocols are A to E, got {shown(unknown[0])}")
    for letter in sorted(letters & HONEST.keys()):
        return Verdict(False, f"{letter} does not leak: {HONEST[letter]}")
    missing = sorted(LEAKS.keys() - letters)
    if missing:
        more = f"{len(missing)} more of them will not hold up"
        return Verdict(False, f"{more}: who knew something of the test set?")
    reasons = "; ".join(f"{letter}: {why}" for letter, why in LEAKS.items())
    return Verdict(True, f"{reasons}. Public checks passed.")
