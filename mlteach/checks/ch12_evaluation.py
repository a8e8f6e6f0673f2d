"""Checks of the chapter on evaluation: votes, standardising, an interval, and protocols that leak."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach import evaluate
from mlteach.checks._core import Case, Verdict, judge


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- weighted votes ------------------------------------------------------------------------------


def _votes(
    similarities, labels, n_classes, temperature, *,
    weight: Callable = lambda s, t: (s / t).exp(), share: Callable = lambda votes: votes / votes.sum(1, keepdim=True),
    overwrite: bool = False,
) -> Tensor:  # fmt: skip
    """The weighted votes with every part that can be got wrong as an option."""
    chosen = F.one_hot(labels, n_classes)  # (M, k, C)
    weights = weight(similarities, temperature)[..., None] * chosen
    if overwrite:  # of several neighbours of one class the last one's vote stays
        last = chosen.flip(1).cumsum(1).eq(1).flip(1) & chosen.bool()
        weights = weights * last
    return share(weights.sum(1))


VOTE_MISTAKES = {
    "every neighbour has the same weight: it is exp(similarity / temperature)":
        partial(_votes, weight=lambda s, t: torch.ones_like(s)),
    "you weigh with the similarity itself: the weight is exp(similarity / temperature)":
        partial(_votes, weight=lambda s, t: s),
    "the exponential is missing: you weigh with similarity / temperature":
        partial(_votes, weight=lambda s, t: s / t, share=lambda votes: votes),
    "you multiply by the temperature: divide, so that a small one listens to the nearest only":
        partial(_votes, weight=lambda s, t: (s * t).exp()),
    "the temperature is missing": partial(_votes, weight=lambda s, t: s.exp()),
    "the far neighbours are the loud ones: a similarity grows with likeness, so there is no minus sign":
        partial(_votes, weight=lambda s, t: (-s / t).exp()),
    "your rows do not add up to 1: divide by the sum of all weights of the row":
        partial(_votes, share=lambda votes: votes),
    "you divide by sums over the test pictures (dim=0): each picture's own votes add up to 1":
        partial(_votes, share=lambda votes: votes / votes.sum(0)),
    "you take a softmax over the classes: add the weights up first, then divide them by their sum":
        partial(_votes, share=lambda votes: votes.softmax(1)),
    "of several neighbours of one class only the last one counts: an assignment overwrites, scatter_add_ adds":
        partial(_votes, overwrite=True),
}  # fmt: skip


def weighted_votes(given: Any) -> Verdict:
    """Checks ``given(similarities, labels, n_classes, temperature)``, (M, k) twice -> (M, C),
    against the votes.
    """
    cases = [
        Case(f"with k = {k}, {n_classes} classes and temperature {temperature}",
             (_random(5, k, seed=k).sigmoid().sort(dim=1, descending=True).values,
              torch.randint(n_classes, (5, k), generator=torch.Generator().manual_seed(k)), n_classes, temperature))
        for k, n_classes, temperature in ((6, 3, 0.1), (6, 3, 2.0), (4, 5, 0.5))
    ]  # fmt: skip
    definition = lambda s, y, c, t: evaluate.knn_votes(s, y, n_classes=c, temperature=t)  # noqa: E731
    return judge(given, definition, cases, VOTE_MISTAKES, gradients=False)


# --- standardising -------------------------------------------------------------------------------


def _standardised(
    train,
    test,
    *,
    source="train",
    dim: int | None = 0,
    centred=True,
    scaled=1.0,
    shown="test",
    correction=0,
) -> Tensor:
    """The standardised test features with every part that can be got wrong as an option."""
    numbers = {"train": train, "test": test, "both": torch.cat([train, test])}[source]
    if dim == 1:
        numbers = test
    axis = (0, 1) if dim is None else dim
    mean, std = (
        numbers.mean(axis, keepdim=True),
        numbers.std(axis, keepdim=True, correction=correction),
    )
    std = torch.where(std > 1e-6 * mean.abs(), std, torch.inf)
    return ({"test": test, "train": train}[shown] - mean * centred) / std**scaled


STANDARDISE_MISTAKES = {
    "you use the test set's own mean and standard deviation: whoever classifies one new picture has no test set":
        partial(_standardised, source="test"),
    "you use the numbers of both sets together: the test pictures have a say in their own preparation":
        partial(_standardised, source="both"),
    "these are the training features: the test features are asked for": partial(_standardised, shown="train"),
    "you take one mean and one standard deviation of all numbers: each feature has its own, dim=0":
        partial(_standardised, dim=None),
    "you standardise every picture by itself (dim=1): each feature has its mean over the pictures, dim=0":
        partial(_standardised, dim=1),
    "the mean is not subtracted": partial(_standardised, centred=False),
    "you divide by the variance: its root is the standard deviation": partial(_standardised, scaled=2.0),
    "the division by the standard deviation is missing": partial(_standardised, scaled=0.0),
    "you divide by N - 1 in the standard deviation: here it is N, correction=0": partial(_standardised, correction=1),
}  # fmt: skip


def standardise(given: Any) -> Verdict:
    """Checks ``given(train, test)``, (N, D) and (M, D) -> (M, D), against (test - mean) / std of
    the training set.
    """
    scale, shift = torch.tensor([1.0, 3.0, 0.2]), torch.tensor([5.0, -2.0, 0.0])
    parts = [
        (scale * _random(n, 3, seed=n) + shift, scale * _random(n, 3, seed=n + 1) + shift + 1)
        for n in (20, 12)
    ]
    cases = [
        Case(f"with {len(train)} pictures in each set", (train, test)) for train, test in parts
    ]
    verdict = judge(given, _standardised, cases, STANDARDISE_MISTAKES, gradients=False)
    return _with_a_constant(given, parts[0]) if verdict.passed else verdict


def _with_a_constant(given: Callable, parts: tuple[Tensor, Tensor]) -> Verdict:
    """The verdict where one feature is 0 for every training picture, as a dead unit's is."""
    train, test = (torch.cat([x, torch.zeros(len(x), 1)], 1) for x in parts)
    case = Case("where one feature is 0 for every picture", (train, test))
    why = "Its standard deviation is 0: divide by 1 there, or by infinity."
    return judge(
        given, _standardised, [Case("without it", parts), case], {}, gradients=False, overflow=why
    )


# --- how sure is a mean --------------------------------------------------------------------------


def _half_width(x, *, factor=1.96, power=0.5, root=0.5, spread: Callable = torch.var) -> Tensor:
    """Half the 95 % interval of a mean with every part that can be got wrong as an option."""
    return factor * spread(x) ** root / len(x) ** power


INTERVAL_MISTAKES = {
    "you divide by the number of episodes: the error of a mean falls with its root": partial(_half_width, power=1.0),
    "this is how much single episodes scatter: divide by the root of their number": partial(_half_width, power=0.0),
    "this is the standard deviation of single episodes: divide by the root of their number, and take 1.96 of that":
        partial(_half_width, factor=1.0, power=0.0),
    "this is the standard error: 95 % lie within 1.96 of them": partial(_half_width, factor=1.0),
    "this is the whole width: half of it is asked for": partial(_half_width, factor=3.92),
    "you use the variance: its root is the standard deviation": partial(_half_width, root=1.0),
    "you use p (1 - p), which holds for single right or wrong answers: an episode's accuracy scatters less":
        partial(_half_width, spread=lambda x: x.mean() * (1 - x.mean())),
    "1.645 is for 90 %, 2.576 for 99 %: for 95 % it is 1.96": partial(_half_width, factor=1.645),
}  # fmt: skip


def half_width(given: Any) -> Verdict:
    """Checks ``given(accuracies)``, (E,) -> (), against 1.96 standard errors of the mean."""
    cases = [
        Case(
            f"with {n} episodes",
            ((0.2 * _random(n, seed=n) + 0.6).clamp(0, 1).mul(5).round().div(5),),
        )
        for n in (10, 100, 600)
    ]
    verdict = judge(given, _half_width, cases, INTERVAL_MISTAKES, gradients=False)
    # N or N - 1: both are in use
    if verdict.passed or judge(given, _from_n, cases, {}, gradients=False).passed:
        return Verdict(True, f"{len(cases)} public checks passed.")
    return verdict


def _from_n(x: Tensor) -> Tensor:
    return _half_width(x, spread=partial(torch.var, correction=0))


# --- which protocol leaks ------------------------------------------------------------------------

LEAKS = {
    "A": "the pictures were turned and shifted first and split into training and test afterwards, so that views of one "
    "picture stand on both sides",
    "C": "k was chosen because the test pictures liked it: choose it on a part of the training pictures",
    "E": "in training mode a picture's features depend on the others of its batch, and in a sorted test set these are "
    "no fair sample: another order gives another accuracy",
}
HONEST = {
    "B": "pre-training on unlabelled training pictures uses no test picture and no label",
    "D": "the training set's mean and standard deviation are known before any test picture is seen",
}


def leaking(answer: Any) -> Verdict:
    """Checks a collection of letters, those of the protocols that leak."""
    if not isinstance(answer, Iterable) or not all(isinstance(letter, str) for letter in answer):
        return Verdict(False, f'letters are expected, such as {{"B", "D"}}, got {answer!r}')
    letters = {letter.upper() for letter in answer}
    unknown = sorted(letters - LEAKS.keys() - HONEST.keys())
    if unknown:
        return Verdict(False, f"the protocols are A to E, got {unknown[0]!r}")
    for letter in sorted(letters & HONEST.keys()):
        return Verdict(False, f"{letter} does not leak: {HONEST[letter]}")
    missing = sorted(LEAKS.keys() - letters)
    if missing:
        return Verdict(
            False,
            f"{len(missing)} more of them will not hold up: who knew something of the test set?",
        )
    return Verdict(
        True,
        "; ".join(f"{letter}: {why}" for letter, why in LEAKS.items()) + ". Public checks passed.",
    )
