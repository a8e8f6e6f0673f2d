"""Few shots: accuracy on many small tasks with classes never seen, and how sure that is."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.episodes import Episode, prototypes
from mlteach.evaluate.features import check_labelled
from mlteach.meta import adapted_predictions
from mlteach.meta.maml import LossFunction, Rate
from mlteach.metric import sample_classes

STANDARD_ERRORS = 1.96  # either way, which hold 95 % of a normal distribution


def confidence_interval(values: Tensor) -> tuple[float, float]:
    r"""The mean over many tasks, and half the width of its 95 % confidence interval.

    .. math:: \bar a \pm 1.96\, \frac{s}{\sqrt{n}}

    s is the standard deviation over the tasks, with n - 1 below the sum. Of many such intervals, 95
    in 100 hold the mean over all tasks that there could be. They say nothing of how another
    training would have ended.

    Args:
        values: (n,) n >= 2 measurements, each of a task drawn independently of the others.

    Returns:
        Mean and half width; the half width is 0 where all values are equal, and falls with the root
        of n.

    Raises:
        ValueError: values are not (n >= 2,).
    """
    if values.dim() != 1 or len(values) < 2:
        raise ValueError(f"values must be (n >= 2,), got shape {tuple(values.shape)}")
    return values.mean().item(), STANDARD_ERRORS * values.std().item() / math.sqrt(len(values))


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
    """Few-shot accuracy: a query gets the class with the nearest prototype.

    Every episode draws n_way classes, and of each n_shot support and n_query query images.

    Args:
        encoder_features: (N, D) features, best of classes that took no part in any training.
        labels: (N,) integer classes >= 0.
        n_way: >= 2 classes of an episode.
        n_shot: >= 1 support images of each; with 1 a prototype is a support image.
        n_query: >= 1 images of each to classify.
        n_episodes: >= 2.
        generator: where the random numbers come from.

    Returns:
        Mean over the episodes, about 1 / n_way where features know nothing; and half the width of
        its 95 % confidence interval, which falls with the root of n_episodes.

    Raises:
        TypeError, ValueError: features or labels of a wrong type or shape, a number too small, or
            fewer than n_way classes with n_shot + n_query images.

    Source: the prototypes of Snell et al. 2017, arXiv:1703.05175.
    """
    check_labelled("encoder_features", encoder_features, labels)
    _validate.count("n_way", n_way, at_least=2)
    _validate.count("n_shot", n_shot)
    _validate.count("n_query", n_query)
    _validate.count("n_episodes", n_episodes, at_least=2)
    each = n_shot + n_query
    right = []
    for _ in range(n_episodes):
        index = sample_classes(labels, n_classes=n_way, n_each=each, generator=generator)
        z = encoder_features[index].view(1, n_way, each, -1)
        support, query = (part.flatten(1, 2) for part in z.split([n_shot, n_query], dim=2))
        y = torch.arange(n_way, device=labels.device)[None]
        y_support, y_query = (y.repeat_interleave(n, dim=1) for n in (n_shot, n_query))
        right.append(prototype_accuracies(Episode(support, y_support, query, y_query)))
    return confidence_interval(torch.cat(right))


def prototype_accuracies(episodes: Episode) -> Tensor:
    """The share of each task's queries whose nearest prototype is that of their own class.

    Args:
        episodes: T classification tasks whose inputs are features, see
            `mlteach.episodes.on_features`; every class has support in every task.

    Returns:
        (T,) accuracies, each of one task; `confidence_interval` gives their mean.

    Raises:
        ValueError: a class of a task has no support.
    """
    support, y_support, query, y_query = episodes
    means = prototypes(support, y_support, int(y_support.max()) + 1)  # (T, C, D)
    nearest = torch.cdist(query, means).argmin(-1)  # (T, M)
    return (nearest == y_query).double().mean(1)


@torch.no_grad()
def adapted_accuracy(
    model: nn.Module,
    episodes: Episode,
    loss_fn: LossFunction,
    *,
    lr: Rate,
    steps: int,
    frozen: tuple[str, ...] = (),
    chunk_size: int = 25,
) -> tuple[float, float]:
    """Few-shot accuracy of an initialisation: queries are classified after adapting.

    Args:
        model: (N, ...) -> (N, n_way); not changed.
        episodes: T >= 2 classification tasks, best of classes that took no part in any training.
        loss_fn: (logits, y) -> (), for the inner loop.
        lr, steps, frozen: as for `mlteach.meta.adapt`; steps may be more than in training.
        chunk_size: >= 1 tasks computed side by side; it bounds the memory and does not change the
            result.

    Returns:
        Mean over the tasks, about 1 / n_way where nothing was learned; and half the width of its
        95 % confidence interval, see `confidence_interval`.

    Raises:
        TypeError, ValueError: fewer than two tasks, chunk_size < 1, or as for `mlteach.meta.adapt`.
    """
    _validate.count("the number of tasks", len(episodes.x_support), at_least=2)
    _validate.count("chunk_size", chunk_size)
    right = []
    for chunk in zip(*(part.split(chunk_size) for part in episodes), strict=True):
        tasks = Episode(*chunk)
        # (T, M, n_way)
        logits = adapted_predictions(model, tasks, loss_fn, lr=lr, steps=steps, frozen=frozen)
        right.append((logits.argmax(-1) == tasks.y_query).double().mean(1))
    return confidence_interval(torch.cat(right))
