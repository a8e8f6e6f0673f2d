"""Neighbours as judges: an image gets the class of those that lie beside it."""

from __future__ import annotations

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.evaluate.features import check_columns, check_pair, scale_of, share
from mlteach.similarity import directions, distances

ROWS_AT_ONCE = 1000  # bounds the memory: 1,000 rows of N numbers


def knn_accuracy(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    *,
    k: int = 20,
    temperature: float = 0.1,
) -> float:
    r"""Weighted kNN: the k most similar training images vote, the more similar the louder.

    .. math:: \hat y = \arg\max_c
              \sum_{i \in \mathrm{neighbours}} e^{\cos(f_i, f) / \tau}\, [y_i = c]

    Nothing is trained, so that this is the quickest fair look at a representation.

    Args:
        train_features: (N, D), entries from 1e-30 to 1e30 (normalised here).
        train_labels: (N,) integer classes >= 0.
        test_features: (M, D); no image of the training set may be among them, or it finds itself.
        test_labels: (M,).
        k: 1 to N. With 1 the temperature has no say.
        temperature: > 0; small listens to the nearest only, large lets all k vote alike.

    Returns:
        Share of the test images that get their own class, 0 to 1.

    Raises:
        TypeError, ValueError: features or labels of a wrong type or shape, not finite, or k or
            temperature out of range.

    Source: Wu et al. 2018, arXiv:1805.01978, Section 3.4 (there k = 200 and temperature 0.07).
    """
    train_features, train_labels, test_features, test_labels = check_pair(
        train_features, train_labels, test_features, test_labels
    )
    similarities, neighbours = cosine_neighbours(train_features, test_features, k=k)
    # numbered without gaps: a class of a huge number must not ask for as many columns
    classes, renumbered = train_labels.unique(return_inverse=True)
    votes = knn_votes(
        similarities, renumbered[neighbours], n_classes=len(classes), temperature=temperature
    )
    return share(classes[votes.argmax(1)] == test_labels)


def cosine_neighbours(
    train_features: Tensor, test_features: Tensor, *, k: int
) -> tuple[Tensor, Tensor]:
    """The k training images of the largest cosines with each test image, nearest first.

    Args:
        train_features: (N, D), entries from 1e-30 to 1e30.
        test_features: (M, D).
        k: 1 to N.

    Returns:
        (M, k) cosines and (M, k) numbers of training images.

    Raises:
        TypeError, ValueError: features of a wrong type or shape, not finite, or k out of range.
    """
    train_features = _validate.features("train_features", train_features)
    test_features = _validate.features("test_features", test_features)
    check_columns(train_features, test_features)
    k = _validate.count("k", k, at_most=len(train_features))
    dtype, device = (
        torch.promote_types(train_features.dtype, test_features.dtype),
        test_features.device,
    )
    # float64, on the CPU, which always has it: float32 cannot tell the cosines of features that
    # have nearly collapsed to one point
    train = directions(train_features.detach().cpu().double())
    test = directions(test_features.detach().cpu().double())
    found = [(rows @ train.T).topk(k, dim=1) for rows in test.split(ROWS_AT_ONCE)]
    values = torch.cat([part.values for part in found]).to(device, dtype)
    return values, torch.cat([part.indices for part in found]).to(device)


def knn_votes(
    similarities: Tensor, labels: Tensor, *, n_classes: int, temperature: float
) -> Tensor:
    """Counts the weighted votes of k neighbours.

    Args:
        similarities: (M, k) cosines of M images with their neighbours.
        labels: (M, k) classes of the neighbours, 0 to n_classes - 1.
        n_classes: C.
        temperature: > 0, see `knn_accuracy`.

    Returns:
        (M, C) each class's share of the votes; a row adds up to 1.

    Raises:
        TypeError, ValueError: the shapes differ, a similarity is not finite, a label is not in
            0 ... n_classes - 1, or temperature is no number > 0.
    """
    similarities = _validate.features("similarities", similarities)
    labels = _validate.as_tensor("labels", labels)
    if similarities.ndim != 2 or similarities.shape != labels.shape:
        given = f"{tuple(similarities.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"similarities and labels must both be (M, k), got {given}")
    n_classes = _validate.count("n_classes", n_classes, at_most=1_000_000)
    _validate.labels("labels", labels.flatten(), n_classes=n_classes)
    temperature = float(_validate.number("temperature", temperature, above=0))
    labels = labels.long()
    # the exponential weights over their sum: no class gains or loses, and nothing overflows
    behind = (similarities - similarities.amax(1, keepdim=True)).cpu().double()
    weights = (behind / temperature).softmax(1).to(similarities)  # the tiniest is no 0 in float64
    return weights.new_zeros(len(weights), n_classes).scatter_add_(1, labels, weights)


def nearest_neighbour_accuracy(features: Tensor, labels: Tensor) -> float:
    """How often the nearest other image, by Euclidean distance, has the same label.

    No training set is needed.

    Args:
        features: (N >= 2, D).
        labels: (N,) integers >= 0, such as characters that took no part in any training.

    Returns:
        Share of the N images, 0 to 1; about the share of a class where features know nothing.

    Raises:
        TypeError, ValueError: features or labels of a wrong type or shape, or not finite.
    """
    features = _validate.features("features", features, at_least=2).detach().cpu().double()
    labels = _validate.labels("labels", labels, size=len(features)).cpu()
    nearest = _nearest_others(features / scale_of(features))
    return share(labels[nearest] == labels)


def _nearest_others(x: Tensor) -> Tensor:
    """(N,) for each row the first of the nearest other ones.

    |a|² + |b|² - 2ab is many times faster than the differences themselves, but rounds. So it
    only decides where one row is nearer than the others by more than it can be wrong.
    """
    seen = x - x.mean(0)
    squares = seen.square().sum(1)
    error = 4 * (x.shape[1] + 4) * torch.finfo(x.dtype).eps * (squares + squares.max())
    everyone = torch.arange(len(x), device="cpu")
    nearest = torch.empty_like(everyone)
    for rows in everyone.split(ROWS_AT_ONCE):
        gaps = torch.addmm(squares[None] + squares[rows, None], seen[rows], seen.T, alpha=-2)
        gaps[everyone[: len(rows)], rows] = torch.inf  # nobody is a neighbour of itself
        least, nearest[rows] = gaps.min(1)
        unsure = ((gaps <= (least + 2 * error[rows])[:, None]).sum(1) > 1).nonzero()[:, 0]
        if len(unsure):
            exact = distances(x[rows[unsure]], x)
            exact[everyone[: len(unsure)], rows[unsure]] = torch.inf
            nearest[rows[unsure]] = exact.argmin(1)
    return nearest
