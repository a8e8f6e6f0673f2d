"""Scores of an encoder, from a labelled training set and a test set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.data import Dataset
from mlteach.evaluate import features, knn_accuracy, linear_probe

Encoder = Callable[[Tensor], Tensor]
FACTORS = ("shape", "hue", "size", "side")
SIZE_QUARTERS = (0.5375, 0.625, 0.7125)  # of the sizes from 0.45 to 0.8


def knn_score(encoder: Encoder, train: Dataset, test: Dataset, *, k: int = 20) -> float:
    """Share of the test images whose label the k most similar training images vote for.

    ``partial(knn_score, train=train, test=test)`` is an `evaluate` for `fit`.

    Args:
        encoder: as for `mlteach.evaluate.features`.
        train, test: labelled images; no test image may be among the training images.
        k: >= 1, see `mlteach.evaluate.knn_accuracy`.
    """
    z, z_test = _both_features(encoder, train, test)
    return knn_accuracy(z, train.labels, z_test, test.labels, k=k)


def probe_score(encoder: Encoder, train: Dataset, test: Dataset) -> float:
    """Share of the test images whose label a linear classifier, fitted to train, finds.

    Args:
        encoder: as for `mlteach.evaluate.features`.
        train, test: labelled images; see `mlteach.evaluate.linear_probe`.
    """
    z, z_test = _both_features(encoder, train, test)
    return linear_probe(z, train.labels, z_test, test.labels)


def probe_scores(
    encoder: Encoder, train: Dataset, test: Dataset, factors: Sequence[str] = FACTORS
) -> dict[str, float]:
    """The linear probe of several factors of `mlteach.data.shapes`, from the same features.

    Args:
        encoder: as for `mlteach.evaluate.features`.
        train, test: data sets that `shapes` made.
        factors: of "shape", "hue", "size", "side", see `factor_classes`.

    Raises:
        ValueError: a factor with another name.
    """
    if not isinstance(factors, tuple | list):
        raise TypeError(f"factors must be a list of names, got {_validate.kind(factors)}")
    for factor in factors:
        _validate.choice("factors", factor, FACTORS)
    z, z_test = _both_features(encoder, train, test)
    y, y_test = _classes("train", train), _classes("test", test)
    return {factor: linear_probe(z, y[factor], z_test, y_test[factor]) for factor in factors}


def factor_classes(dataset: Dataset) -> dict[str, Tensor]:
    """Factors of `mlteach.data.shapes` as classes of about equal size, (N,) each.

    "shape" has 8, "hue" 8, "size" 4 and "side" 2: whether the centre lies left (0) or right (1).

    Raises:
        TypeError, ValueError: dataset is none that `shapes` made.
    """
    return _classes("dataset", dataset)


def _classes(name: str, dataset: Dataset) -> dict[str, Tensor]:
    factors = _validate.instance(name, dataset, Dataset, "a Dataset").factors
    if missing := {"hue_class", "size", "x"} - set(factors):
        raise ValueError(f"{name} must be made by shapes, got one without {sorted(missing)}")
    return {
        "shape": dataset.labels,
        "hue": factors["hue_class"],
        "size": torch.bucketize(factors["size"], factors["size"].new_tensor(SIZE_QUARTERS)),
        "side": (factors["x"] > 0).long(),
    }


def _both_features(encoder: Encoder, train: Dataset, test: Dataset) -> tuple[Tensor, Tensor]:
    for name, dataset in (("train", train), ("test", test)):
        _validate.instance(name, dataset, Dataset, "a Dataset")
    return features(encoder, train.images), features(encoder, test.images)
