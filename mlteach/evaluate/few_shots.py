"""Few shots: accuracy on many small tasks with classes never seen, and how sure that is."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.episodes import Episode, check_episodes, class_means
from mlteach.evaluate.features import scale_of
from mlteach.meta import adapted_predictions
from mlteach.meta.maml import LossFunction, Rate
from mlteach.metric import sample_classes

STANDARD_ERRORS = 1.96  # either way, which hold 95 % of a normal distribution


def confidence_interval(values: Tensor) -> tuple[float, float]:
    r"""The mean over many tasks, and half the width of its 95 % confidence interval.

    .. math:: \bar a \pm 1.96\, \frac{s}{\sqrt{n}}

    s is the standard deviation over the tasks, with n - 1 below the sum. Of many such intervals, 95
    in 100 hold the mean over all tasks that there could be, if n is large. This is the field's
    formula; of few tasks s itself is known badly, and of normal values 92 in 100 intervals hold the
    mean for n = 10, 88 for n = 5 and 70 for n = 2. Student's quantile instead of 1.96 (2.26, 2.78
    and 12.7) would make it 95. They say nothing of how another training would have ended.

    Args:
        values: (n,) n >= 2 finite measurements, each of a task drawn independently of the others; a
            tensor, an array or a list.

    Returns:
        Mean and half width; the half width is 0 where all values are equal, and falls with the root
        of n.

    Raises:
        TypeError, ValueError: values are no numbers, not (n >= 2,), or not finite.
    """
    values = _validate.as_tensor("values", values).cpu()
    if values.is_complex():
        raise TypeError(f"values must be real numbers, got {_validate.kind(values)}")
    if values.dim() != 1 or len(values) < 2:
        raise ValueError(f"values must be (n >= 2,), got shape {tuple(values.shape)}")
    values = _validate.finite("values", values.double())
    scale = scale_of(values)
    values = values / scale
    half = STANDARD_ERRORS * values.std().item() / math.sqrt(len(values))
    return values.mean().item() * scale, half * scale


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
        labels: (N,) integer classes >= 0, any numbers: each number is a class.
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
    z = _validate.features("encoder_features", encoder_features)
    labels = _validate.labels("labels", labels, size=len(z))
    n_way = _validate.count("n_way", n_way, at_least=2)
    n_shot, n_query = _validate.count("n_shot", n_shot), _validate.count("n_query", n_query)
    n_episodes = _validate.count("n_episodes", n_episodes, at_least=2)
    _validate.generator("generator", generator)
    each = n_shot + n_query
    sizes = labels.unique(return_counts=True)[1]
    if (enough := int((sizes >= each).sum())) < n_way:
        raise ValueError(
            f"n_way is {n_way}, but only {enough} of {len(sizes)} classes have "
            f"n_shot + n_query = {each} images"
        )
    y = torch.arange(n_way, device=z.device)
    y_support, y_query = y.repeat_interleave(n_shot), y.repeat_interleave(n_query)
    accuracies = []
    for _ in range(n_episodes):
        index = sample_classes(labels, n_classes=n_way, n_each=each, generator=generator)
        support, query = z[index].view(1, n_way, each, -1).split([n_shot, n_query], dim=2)
        part = (support.flatten(1, 2), y_support[None], query.flatten(1, 2), y_query[None])
        accuracies.append(_share_at_prototypes(*part))
    return confidence_interval(torch.cat(accuracies))


def prototype_accuracies(episodes: Episode) -> Tensor:
    """The share of each task's queries whose nearest prototype is that of their own class.

    Args:
        episodes: T classification tasks whose inputs are features, see
            `mlteach.episodes.on_features`; every class has support in every task.

    Returns:
        (T,) accuracies in float64 on the CPU, each of one task; `confidence_interval` gives their
        mean.

    Raises:
        TypeError, ValueError: a class of a task has no support, or the parts of episodes do not fit
            together or are no features and labels.
    """
    episodes = check_episodes(episodes, classified=True)
    if episodes.x_support.dim() != 3:
        given = tuple(episodes.x_support.shape)
        raise ValueError(f"episodes.x_support must be features (T, N, D), got {given}")
    return _share_at_prototypes(*episodes)


def _share_at_prototypes(support: Tensor, y_support: Tensor, query: Tensor, y: Tensor) -> Tensor:
    # in float64, which not every device has, and from differences, which do not cancel
    support, query = support.detach().cpu().double(), query.detach().cpu().double()
    scale = scale_of(support, query)
    support, query = support / scale, query / scale
    y_support, y = y_support.cpu(), y.cpu()
    means = class_means(support, y_support, int(y_support.max()) + 1, "episodes.y_support")
    exact = "donot_use_mm_for_euclid_dist"
    nearest = torch.cdist(query, means, compute_mode=exact).argmin(-1)  # (T, M)
    return (nearest == y).double().mean(1)


@torch.no_grad()
def adapted_accuracy(
    model: nn.Module,
    episodes: Episode,
    loss_fn: LossFunction,
    *,
    lr: Rate,
    steps: int,
    frozen: tuple[str, ...] = (),
    queries: str = "with support",
    chunk_size: int = 25,
) -> tuple[float, float]:
    """Few-shot accuracy of an initialisation: queries are classified after adapting.

    Each query is asked by itself, so that the accuracy is that of one new image. With
    ``queries="together"`` and a BatchNorm without running statistics, the answer to a query uses
    the other queries of its task, all classes of which are there in equal numbers: the protocol of
    the MAML paper, called transduction. It can be tens of points above what one new image gets, see
    `mlteach.meta.adapted_predictions`. Compare methods under one protocol.

    Args:
        model: (N, ...) -> (N, n_way); not changed.
        episodes: T >= 2 classification tasks, best of classes that took no part in any training.
        loss_fn: (logits, y) -> (), for the inner loop.
        lr, steps, frozen: as for `mlteach.meta.adapt`; steps may be more than in training.
        queries: which images a BatchNorm without running statistics sees with a query: "with
            support" the task's support, "alone" none, "together" all queries of the task. A network
            that looks at one image at a time is asked fastest "together", with the same answers.
        chunk_size: >= 1 tasks computed side by side; it bounds the memory and does not change the
            result.

    Returns:
        Mean over the tasks, about 1 / n_way where nothing was learned; and half the width of its
        95 % confidence interval, see `confidence_interval`. A query whose logits hold a NaN, as
        after an inner loop that diverged, counts as wrong.

    Raises:
        TypeError, ValueError: fewer than two tasks, chunk_size < 1, labels beyond the model's
            outputs, or as for `mlteach.meta.adapt`.
    """
    episodes = check_episodes(episodes, at_least=2, classified=True)
    chunk_size = _validate.count("chunk_size", chunk_size)
    right = []
    for chunk in zip(*(part.split(chunk_size) for part in episodes), strict=True):
        tasks = Episode(*chunk)
        logits = adapted_predictions(
            model, tasks, loss_fn, lr=lr, steps=steps, frozen=frozen, queries=queries
        )  # (T, M, n_way)
        if logits.shape[:-1] != tasks.y_query.shape or logits.dim() != 3:
            given = tuple(logits.shape[1:])
            raise ValueError(f"model must return one row of logits for each query, got {given}")
        if (highest := int(episodes.y_query.max())) >= logits.shape[2]:
            raise ValueError(f"model has {logits.shape[2]} outputs, episodes has label {highest}")
        guess = logits.argmax(-1).masked_fill(logits.isnan().any(-1), -1)
        right.append((guess == tasks.y_query).cpu().double().mean(1))
    return confidence_interval(torch.cat(right))
