"""Few labels: how far a handful of labelled images gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from mlteach import _validate

FRACTIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def stratified_sample(labels: Tensor, n: int, *, generator: Generator) -> Tensor:
    """Draws n of the labelled images, each class in its share and none left out.

    The same generator state gives nested draws: the first m of a draw of n are the draw of m.
    One of each class comes first; then always follows the class least of which has been drawn.

    Args:
        labels: (N,) integer classes >= 0.
        n: C to N, where C counts the classes that occur.
        generator: where the random numbers come from.

    Returns:
        (n,) indices, none twice. A class of s images has one at least, at most one more than its
        share n s / N, and no less than (n - C) s / N: what classes too small for a share take is
        missing from the others. Classes of equal size differ by one at most.

    Raises:
        TypeError, ValueError: labels are no integers >= 0, or n is no whole number from the number
            of classes to N.
    """
    labels = _validate.labels("labels", labels)
    _validate.generator("generator", generator)
    # numbered without gaps: a class of a huge number must not ask for as many columns
    _, labels, sizes = labels.cpu().unique(return_inverse=True, return_counts=True)
    n = _validate.count("n", n, at_least=max(len(sizes), 1), at_most=len(labels))
    order = torch.randperm(len(labels), generator=generator, device="cpu")
    classes = labels[order]
    by_class = classes.argsort(stable=True)
    turn = torch.empty_like(classes)  # 0 for the first of its class
    starts = sizes.cumsum(0) - sizes
    turn[by_class] = torch.arange(len(labels), device="cpu") - starts[classes[by_class]]
    return order[(turn / sizes[classes]).argsort(stable=True)[:n]]


class Curve(NamedTuple):
    """Accuracy against the number of labels."""

    counts: Tensor  # (F,) labelled images
    accuracies: Tensor  # (S, F) of every draw; `plots.curves` draws their mean and range

    @property
    def mean(self) -> Tensor:
        """(F,) mean over the draws."""
        return self.accuracies.mean(0)

    @property
    def band(self) -> tuple[Tensor, Tensor]:
        """(F,) and (F,): the worst and the best draw."""
        return self.accuracies.amin(0), self.accuracies.amax(0)


def few_label_curve(
    score: Callable[[Tensor], float],
    labels: Tensor,
    *,
    fractions: Sequence[float] = FRACTIONS,
    n_seeds: int = 5,
) -> Curve:
    """Accuracy with only a part of the labels: several stratified draws of each part.

    Args:
        score: given the (n,) indices of the labelled images, the accuracy that they lead to, such
            as ``lambda index: linear_probe(z[index], y[index], z_test, y_test)``.
        labels: (N,) integer classes >= 0 of all that could be labelled.
        fractions: shares of N, each in (0, 1], that hold one image of each class at least.
        n_seeds: >= 1 draws of each part; the smaller parts of one draw lie within its larger ones.

    Returns:
        The numbers of labels and the accuracies of all draws, with their mean and band.

    Raises:
        TypeError, ValueError: a fraction outside (0, 1] or too small to hold each class once, or
            n_seeds is no whole number >= 1.
    """
    score = _validate.function("score", score, what="a function of (indices)", takes=1)
    labels = _validate.labels("labels", labels)
    n_seeds = _validate.count("n_seeds", n_seeds, at_most=10_000)
    fractions = _checked_fractions(fractions)
    counts = [round(fraction * len(labels)) for fraction in fractions]
    if len(labels) == 0:
        raise ValueError("labels must hold one image at least, got none")
    if (fewest := min(counts)) < (n_classes := len(labels.unique())):
        raise ValueError(
            f"fractions must leave an image of each of the {n_classes} classes, "
            f"got {min(fractions):g} of {len(labels)} images, which is {fewest}"
        )
    accuracies = [
        [_scored(score, stratified_sample(labels, n, generator=_seeded(seed))) for n in counts]
        for seed in range(n_seeds)
    ]
    return Curve(
        torch.tensor(counts, device="cpu"),
        torch.tensor(accuracies, dtype=torch.float64, device="cpu"),
    )


def _seeded(seed: int) -> Generator:
    return Generator("cpu").manual_seed(seed)


def _checked_fractions(fractions: Sequence[float]) -> list[float]:
    """A tuple, a list or an array of shares in (0, 1]."""
    try:
        fractions = list(fractions)
    except TypeError:
        given = _validate.kind(fractions)
        raise TypeError(f"fractions must be a sequence of numbers, got {given}") from None
    if not fractions:
        raise ValueError("fractions must name at least one share, got none")
    return [float(_validate.number("fractions", share, above=0, at_most=1)) for share in fractions]


def _scored(score: Callable[[Tensor], float], index: Tensor) -> float:
    accuracy = score(index)
    try:
        return float(_validate.number("score", accuracy))
    except (TypeError, ValueError):
        shown = _validate.shown(accuracy)
        raise ValueError(f"score must return a finite number, got {shown}") from None
