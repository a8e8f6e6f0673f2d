"""Few labels and few shots: how far a handful of labelled pictures gets, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mlteach.evaluate.features import check_labelled
from mlteach.metric import sample_classes

FRACTIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
STANDARD_ERRORS = 1.96  # either way, which hold 95 % of a normal distribution


def stratified_sample(labels: Tensor, n: int, *, generator: Generator) -> Tensor:
    """Draws n of the labelled pictures, each class in its share and none left out.

    The same generator state gives nested draws: the first m of a draw of n are the draw of m.

    Args:
        labels: (N,) integer classes >= 0.
        n: C to N, where C counts the classes that occur.
        generator: where the random numbers come from.

    Returns:
        (n,) indices, none twice; of each class its share of n but for one, and one at least.

    Raises:
        ValueError: n is smaller than the number of classes, or larger than N.
    """
    sizes = labels.bincount()
    n_classes = int((sizes > 0).sum())
    if not n_classes <= n <= len(labels):
        raise ValueError(f"n must lie between {n_classes} (one of each class) and {len(labels)} (all), got {n}")
    order = torch.randperm(len(labels), generator=generator)
    classes = labels[order]
    turn = F.one_hot(classes).cumsum(0).gather(1, classes[:, None])[:, 0] - 1  # 0 for the first of its class
    return order[(turn / sizes[classes]).argsort(stable=True)[:n]]


class Curve(NamedTuple):
    """Accuracy against the number of labels."""

    counts: Tensor  # (F,) labelled pictures
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
    """Accuracy when only a part of the labels is known: several stratified draws of each part.

    Args:
        score: given the (n,) indices of the labelled pictures, the accuracy that they lead to, such as
            ``lambda index: linear_probe(z[index], y[index], z_test, y_test)``.
        labels: (N,) integer classes >= 0 of all that could be labelled.
        fractions: shares of N, each in (0, 1], that hold one picture of each class at least.
        n_seeds: >= 1 draws of each part; the smaller parts of one draw lie within its larger ones.

    Returns:
        The numbers of labels and the accuracies of all draws, with their mean and band.

    Raises:
        ValueError: a fraction outside (0, 1] or too small to hold each class once, or n_seeds < 1.
    """
    if n_seeds < 1:
        raise ValueError(f"n_seeds must be at least 1, got {n_seeds}")
    if not fractions or not all(0 < fraction <= 1 for fraction in fractions):
        raise ValueError(f"fractions must lie in (0, 1], got {tuple(fractions)}")
    counts = [round(fraction * len(labels)) for fraction in fractions]
    accuracies = [
        [float(score(stratified_sample(labels, n, generator=Generator().manual_seed(seed)))) for n in counts]
        for seed in range(n_seeds)
    ]
    return Curve(torch.tensor(counts), torch.tensor(accuracies, dtype=torch.float64))


def few_shot_accuracy(
    encoder_features: Tensor,
    labels: Tensor,
    *,
    n_way: int = 5,
    n_shot: int = 1,
    n_query: int = 1,
    n_episodes: int = 1000,
    generator: Generator,
) -> tuple[float, float]:
    """Few-shot accuracy: a query picture gets the class whose few known pictures have the nearest mean.

    Every episode draws n_way classes, and of each n_shot known and n_query other pictures.

    Args:
        encoder_features: (N, D) features, best of classes that took no part in any training.
        labels: (N,) integer classes >= 0.
        n_way: >= 2 classes of an episode.
        n_shot: >= 1 known pictures of each; with 1 the nearest mean is the nearest known picture.
        n_query: >= 1 pictures of each to classify.
        n_episodes: >= 2.
        generator: where the random numbers come from.

    Returns:
        Mean over the episodes, about 1 / n_way where features know nothing; and half the width of its 95 % confidence
        interval, which falls with the root of n_episodes.

    Raises:
        TypeError, ValueError: features or labels of a wrong type or shape, a number too small, or fewer than n_way
            classes with n_shot + n_query pictures.

    Source: the nearest mean is the prototype of Snell et al. 2017, arXiv:1703.05175.
    """
    check_labelled("encoder_features", encoder_features, labels)
    if n_way < 2 or n_shot < 1 or n_query < 1 or n_episodes < 2:
        given = f"{n_way}, {n_shot}, {n_query} and {n_episodes}"
        raise ValueError(f"n_way, n_shot, n_query, n_episodes must be at least 2, 1, 1 and 2, got {given}")
    each = n_shot + n_query
    right = []
    for _ in range(n_episodes):
        index = sample_classes(labels, n_classes=n_way, n_each=each, generator=generator)
        known, asked = encoder_features[index].view(n_way, each, -1).split([n_shot, n_query], dim=1)
        distances = torch.cdist(asked.flatten(0, 1), known.mean(1))  # (n_way * n_query, n_way)
        truth = torch.arange(n_way, device=labels.device).repeat_interleave(n_query)
        right.append((distances.argmin(1) == truth).double().mean())
    shares = torch.stack(right)
    return shares.mean().item(), STANDARD_ERRORS * shares.std().item() / math.sqrt(n_episodes)
