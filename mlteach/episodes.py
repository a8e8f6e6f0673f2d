"""Tasks to learn from: the support, a few examples to adapt to, and the query, to be judged by.

A data set becomes many small classification tasks, N-way K-shot: N classes, K images of each.
Classes that serve for meta-training must not serve for meta-testing: `glyphs` and `omniglot` are
split by script, `split_classes` splits others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.data import Dataset, sinusoids


class Episode(NamedTuple):
    """T tasks of one kind, stacked on dimension 0: task t's first image is ``x_support[t, 0]``."""

    x_support: Tensor  # (T, N, ...)
    y_support: Tensor  # (T, N) labels 0 .. n_way - 1, or (T, N, ...) targets
    x_query: Tensor  # (T, M, ...)
    y_query: Tensor  # (T, M), or (T, M, ...)


def check_episodes(
    episodes: Any, *, name: str = "episodes", at_least: int = 1, classified: bool = False
) -> Episode:
    """Tasks whose parts fit together, as tensors without NaN; labels of any integer type as int64.

    Args:
        episodes: an `Episode`, or four tensors or arrays in its order.
        name: of the argument, for the messages.
        at_least: tasks.
        classified: whether the targets must be labels (T, N) and (T, M) from 0 on.

    Raises:
        TypeError, ValueError: they do not.
    """
    if not isinstance(episodes, tuple | list) or len(episodes) != 4:
        raise TypeError(
            f"{name} must be an Episode (x_support, y_support, x_query, y_query), "
            f"got {_validate.kind(episodes)}"
        )
    names = [f"{name}.{part}" for part in Episode._fields]
    parts = [_validate.as_tensor(*part) for part in zip(names, episodes, strict=True)]
    shapes = [tuple(part.shape) for part in parts]
    given = ", ".join(f"{part} {shape}" for part, shape in zip(names, shapes, strict=True))
    if min(map(len, shapes)) < 2 or any(0 in shape for shape in shapes):
        raise ValueError(f"{name} must hold (T, N, ...) examples, none empty, got {given}")
    (x, y, x_query, y_query) = shapes
    if len({shape[0] for shape in shapes}) > 1 or x[1] != y[1] or x_query[1] != y_query[1]:
        raise ValueError(
            f"{name} must hold T tasks of N support and M query examples, each with its target, "
            f"got {given}"
        )
    if x[2:] != x_query[2:] or y[2:] != y_query[2:]:
        raise ValueError(f"{name} must have support and query examples of one shape, got {given}")
    if x[0] < at_least:
        raise ValueError(f"{name} must hold T >= {at_least} tasks, got {x[0]}")
    for i, j in ((0, 2), (1, 3)):
        if parts[i].dtype != parts[j].dtype and (i == 0 or parts[i].is_floating_point()):
            kinds = f"{_validate.kind(parts[i])} and {_validate.kind(parts[j])}"
            raise TypeError(f"{names[i]} and {names[j]} must be of one type, got {kinds}")
    for i in (1, 3):
        if classified and (len(shapes[i]) > 2 or parts[i].dtype not in _validate.INTEGERS):
            raise TypeError(
                f"{names[i]} must be labels, (T, N) integers, got {_validate.kind(parts[i])} "
                f"of shape {shapes[i]}"
            )
        parts[i] = parts[i].long() if parts[i].dtype in _validate.INTEGERS else parts[i]
        if classified and parts[i].min() < 0:
            raise ValueError(f"{names[i]} must be labels >= 0, got {parts[i].min()}")
    for name, part in zip(names, parts, strict=True):
        _validate.finite(name, part)
    return Episode(*parts)


def sample_episodes(
    dataset: Dataset, *, n_tasks: int, n_way: int, n_shot: int, n_query: int, generator: Generator
) -> Episode:
    """Draws N-way K-shot tasks: each has its own classes, and query images besides the support.

    Every choice of classes, every order of them and every choice of images is equally likely, and
    the tasks are drawn independently of each other.

    Args:
        dataset: any labelled images; a class with fewer than n_shot + n_query of them is never
            drawn.
        n_tasks: T >= 1.
        n_way: classes of a task, >= 1.
        n_shot: support images of each class, >= 1.
        n_query: query images of each class, >= 1.
        generator: source of all randomness.

    Returns:
        Images (T, n_way * n_shot, ...) and (T, n_way * n_query, ...), class by class, so that the
        labels of every task are 0, 0, ..., n_way - 1: they count the classes of the task, whatever
        the data set calls them.

    Raises:
        TypeError, ValueError: a count is no whole number >= 1, or the data set has too few
            classes, or too few with enough images.

    Source: Vinyals et al. 2016, arXiv:1606.04080, section 4.1.
    """
    _check_dataset(dataset)
    n_tasks, n_way, n_shot, n_query = _counts(
        n_tasks=n_tasks, n_way=n_way, n_shot=n_shot, n_query=n_query
    )
    _validate.generator("generator", generator)
    labels = _validate.labels("dataset.labels", dataset.labels.cpu(), size=len(dataset.images))
    # class c: order[starts[c] :][: sizes[c]]
    order = labels.argsort(stable=True)
    sizes = labels[order].unique_consecutive(return_counts=True)[1]
    starts = sizes.cumsum(0) - sizes
    n_each = n_shot + n_query
    usable = (sizes >= n_each).nonzero()[:, 0]
    _check_supply(dataset.name, sizes, usable, n_way, n_shot, n_query)

    # (T, n_way)
    classes = usable[_distinct(usable.new_tensor(len(usable)).expand(n_tasks), n_way, generator)]
    # (T, n_way, n_each)
    drawn = order[starts[classes][..., None] + _distinct(sizes[classes], n_each, generator)]
    drawn = drawn.to(dataset.images.device)
    support, query = (
        dataset.images.index_select(0, index.flatten()).unflatten(0, (n_tasks, -1))
        for index in drawn.split([n_shot, n_query], -1)
    )
    y = torch.arange(n_way, device=dataset.images.device)
    y_support, y_query = (y.repeat_interleave(n).expand(n_tasks, -1) for n in (n_shot, n_query))
    return Episode(support, y_support, query, y_query)


def sinusoid_episodes(
    n_tasks: int, *, n_shot: int, n_query: int, generator: Generator, **ranges: tuple[float, float]
) -> Episode:
    """Draws regression tasks: sine waves that differ in amplitude and phase, seen at a few points.

    Args:
        n_tasks: T >= 1.
        n_shot: support points of each wave, >= 1.
        n_query: query points of each wave, >= 1.
        generator: source of all randomness.
        ranges: amplitude, phase or x_range as (low, high), see `mlteach.data.sinusoids`.

    Returns:
        Points and heights, (T, n_shot, 1) and (T, n_query, 1), float32.

    Raises:
        TypeError, ValueError: a count is no whole number >= 1, or a range is not low <= high.

    Source: Finn, Abbeel, Levine 2017, arXiv:1703.03400, section 5.1.
    """
    n_tasks, n_shot, n_query = _counts(n_tasks=n_tasks, n_shot=n_shot, n_query=n_query)
    waves = sinusoids(n_tasks, n_shot + n_query, generator=generator, **ranges)
    (x_support, x_query), (y_support, y_query) = (
        part.split([n_shot, n_query], 1) for part in (waves.x, waves.y)
    )
    return Episode(x_support, y_support, x_query, y_query)


def split_classes(
    dataset: Dataset, *, n_first: int, generator: Generator
) -> tuple[Dataset, Dataset]:
    """Parts a data set by class at random: what is learned on one part is judged on new classes.

    Args:
        dataset: labelled images of C >= 2 classes.
        n_first: classes of the first part, 1 to C - 1.
        generator: source of all randomness.

    Returns:
        Two data sets with all images of n_first and of C - n_first classes; labels count from 0
        in each.

    Raises:
        TypeError, ValueError: n_first leaves one part without classes, or a label names none.
    """
    n_classes = len(_check_dataset(dataset).classes)
    n_first = _validate.count("n_first", n_first, at_most=n_classes - 1)
    labels = _validate.labels("dataset.labels", dataset.labels, n_classes=n_classes)
    dataset = replace(dataset, labels=labels)
    device = _device(_validate.generator("generator", generator))
    drawn = torch.randperm(n_classes, generator=generator, device=device).to(labels.device)
    return _only(dataset, drawn[:n_first]), _only(dataset, drawn[n_first:])


def prototypes(features: Tensor, labels: Tensor, n_way: int) -> Tensor:
    r"""The mean of each class's features: where prototypical networks place a class.

    .. math:: \mu_c = \frac{1}{K_c} \sum_{i: y_i = c} f(x_i)

    Args:
        features: (..., N, D) of the support, as they are; the leading dimensions count tasks.
        labels: (..., N) integers 0 to n_way - 1.
        n_way: C, classes of a task.

    Returns:
        (..., C, D), in the order of the labels, float32 at least.

    Raises:
        TypeError, ValueError: the shapes do not fit, a label is out of range, or a class has no
            support.

    Source: Snell, Swersky, Zemel 2017, arXiv:1703.05175, Eq. (1).
    """
    features = _validate.as_tensor("features", features)
    labels = _validate.as_tensor("labels", labels)
    n_way = _validate.count("n_way", n_way)
    if features.is_complex() or features.dtype == torch.bool or features.dim() < 2:
        given = f"{_validate.kind(features)} of shape {tuple(features.shape)}"
        raise TypeError(f"features must be numbers (..., N, D), got {given}")
    if features.shape[:-1] != labels.shape or 0 in features.shape:
        given = f"{tuple(features.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"features and labels must be (..., N, D) and (..., N), got {given}")
    _validate.labels("labels", labels.flatten(), n_classes=n_way)
    return class_means(_validate.finite("features", features), labels.long(), n_way)


def class_means(features: Tensor, labels: Tensor, n_way: int, name: str = "labels") -> Tensor:
    """`prototypes` of what is known to be in order; name is that of the labels in an error."""
    members = F.one_hot(labels, n_way).mT  # (..., C, N)
    sizes = members.sum(-1, keepdim=True)  # (..., C, 1)
    if not _validate.holds((sizes > 0).all()):
        raise ValueError(
            f"{name} must hold every label from 0 to {n_way - 1} in every task, "
            "a class has no support"
        )
    # 16 bits are too few for sums, and autocast would round to them
    with torch.autocast(features.device.type, enabled=False):
        features = features.to(torch.promote_types(features.dtype, torch.float32))
        return members.to(features.dtype) @ features / sizes


def squared_distances(support: Tensor, y_support: Tensor, query: Tensor, n_way: int) -> Tensor:
    """(T, M, C) from each query (T, M, D) to the prototypes of its task's support (T, N, D).

    In float32 at least, and from differences: |a|² + |b|² - 2ab would cancel far from 0.
    """
    widest = torch.promote_types(support.dtype, torch.float32)
    # no distance depends on the origin, and near it numbers are finest
    origin = support[:, :1].detach().to(widest)
    support, query = support.to(widest) - origin, query.to(widest) - origin
    means = class_means(support, y_support, n_way, "episodes.y_support")  # (T, C, D)
    return (query[:, :, None] - means[:, None]).square().sum(-1)


def on_features(encoder: Callable[[Tensor], Tensor], episodes: Episode) -> Episode:
    """The same tasks with what the encoder makes of their images, which it gets as one batch.

    Args:
        encoder: (B, ...) -> (B, D).
        episodes: T tasks.

    Returns:
        Episodes with (T, N, D) and (T, M, D) features; the labels stay.

    Raises:
        TypeError, ValueError: the parts of episodes do not fit together, or the encoder does not
            give finite (B, D).
    """
    episodes = check_episodes(episodes)
    n_support = episodes.x_support.shape[1]
    images = torch.cat([episodes.x_support, episodes.x_query], 1)  # (T, N + M, ...)
    z = encode(encoder, images.flatten(0, 1)).unflatten(0, images.shape[:2])  # (T, N + M, D)
    return episodes._replace(x_support=z[:, :n_support], x_query=z[:, n_support:])


def encode(encoder: Callable[[Tensor], Tensor], images: Tensor, name: str = "encoder") -> Tensor:
    """(B, D) finite features of images (B, ...); name is that of the encoder in an error.

    Raises:
        TypeError, ValueError: the encoder is none, cannot take the images, or gives anything else.
    """
    _validate.function(name, encoder, what="a function (B, ...) -> (B, D)", takes=1)
    try:
        z = encoder(images)
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{name} cannot compute {tuple(images.shape)}: {error}") from error
    if not isinstance(z, Tensor) or not z.is_floating_point():
        raise TypeError(f"{name} must return floating-point features, got {_validate.kind(z)}")
    if z.dim() != 2 or len(z) != len(images) or z.shape[1] == 0:
        raise ValueError(f"{name} must return ({len(images)}, D), got {tuple(z.shape)}")
    return _validate.finite(f"what {name} returns", z)


def _only(dataset: Dataset, classes: Tensor) -> Dataset:
    """The images of some classes, numbered anew in their old order."""
    classes = classes.sort().values
    part = dataset.subset(torch.isin(dataset.labels, classes))
    names = tuple(dataset.classes[label] for label in classes)
    return replace(part, labels=torch.searchsorted(classes, part.labels), classes=names)


def _distinct(sizes: Tensor, count: int, generator: Generator) -> Tensor:
    """(..., count) different whole numbers below sizes, every ordered choice equally likely.

    Floyd's method takes `count` steps however large the sizes: where a number is drawn again, the
    highest one so far takes its place.
    """
    device = _device(generator)
    drawn = torch.empty(*sizes.shape, count, dtype=torch.long, device="cpu")
    for i in range(count):
        highest = sizes - count + i
        uniform = torch.rand(
            sizes.shape, generator=generator, dtype=torch.float64, device=device
        ).cpu()
        number = (uniform * (highest + 1)).long()
        again = (drawn[..., :i] == number[..., None]).any(-1)
        drawn[..., i] = torch.where(again, highest, number)
    # the choice is random, its order not yet
    shuffle = torch.rand(
        drawn.shape, generator=generator, dtype=torch.float32, device=device
    ).argsort(-1)
    return drawn.gather(-1, shuffle.cpu())


def _device(generator: Generator | None) -> torch.device:
    """Where its numbers are drawn: not on torch's default device."""
    return torch.device("cpu") if generator is None else generator.device


def _check_dataset(dataset: Any) -> Dataset:
    return _validate.instance("dataset", dataset, Dataset, "a Dataset (mlteach.data.Dataset)")


def _counts(**counts: Any) -> tuple[int, ...]:
    return tuple(_validate.count(name, count) for name, count in counts.items())


def _check_supply(
    name: str, sizes: Tensor, usable: Tensor, n_way: int, n_shot: int, n_query: int
) -> None:
    """Says whether classes or images are missing."""
    present = int((sizes > 0).sum())
    if present < n_way:
        raise ValueError(f"too few classes: n_way is {n_way}, {name} has {present}")
    if len(usable) < n_way:
        raise ValueError(
            f"too few images: n_shot + n_query is {n_shot + n_query}, and of the {present} "
            f"classes of {name} only {len(usable)} have so many, fewer than n_way = {n_way}; "
            f"the largest class has {int(sizes.max())}"
        )
