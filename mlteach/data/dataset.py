"""What every data set of images is: images, labels, their names, and other known factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from mlteach import _validate


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """N labelled images in memory.

    What is given is checked and brought into this form; `mlteach.data.from_arrays` takes more.

    Args:
        name: what the set is called.
        images: (N, channels, height, width) float32, in [0, 1] wherever they are drawn or changed
            (views, figures and explorers refuse others). Where only tasks are drawn, one number,
            vector or other tensor for each label may stand for an image.
        labels: (N,) int64, 0..C-1.
        classes: name of each of the C labels.
        factors: (N,) each: what else is known of an image, such as "hue" or "drawer".
        factor_names: factor → a text for each of its whole numbers, as explorers take them.

    Raises:
        TypeError, ValueError: the lengths differ, images are not finite, a label has no class,
            or a factor is no row of finite numbers.
    """

    name: str
    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    factors: dict[str, Tensor]
    factor_names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self):
        images = _validate.as_tensor("images", self.images)
        if images.is_complex():
            raise TypeError(f"images must hold real numbers, got {_validate.kind(images)}")
        if images.dim() == 4:
            images = _validate.images("images", images, unit=False).float()
        _validate.finite("images", images)
        checked = checked_rows(self.name, images, self.labels, self.classes, self.factors)
        checked["factor_names"] = _factor_names(self.factor_names, checked["factors"])
        for name, value in {"images": images, **checked}.items():
            object.__setattr__(self, name, value)  # the fields are frozen for everybody else

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.images.shape[1:]))
        factors = ", ".join(self.factors) or "none"
        return (
            f"Dataset {self.name}: {len(self):,} images {shape}, "
            f"{len(self.classes)} classes, factors: {factors}"
        )

    def subset(self, index: Tensor) -> Dataset:
        """The images that a mask or their numbers pick; labels keep their meaning.

        Args:
            index: (N,) True and False, or (M,) whole numbers from 0 to N - 1, repeated ones too;
                a tensor, an array or a list.

        Raises:
            TypeError, ValueError: index is neither, or counts from the end.
        """
        index = _chosen("index", index, len(self)).to(self.labels.device)
        factors = {name: values[index] for name, values in self.factors.items()}
        images = self.images[index.to(self.images.device)]
        return replace(self, images=images, labels=self.labels[index], factors=factors)


def checked_rows(name: Any, rows: Tensor, labels: Any, classes: Any, factors: Any) -> dict:
    """Labels, classes and factors that belong to N rows, in the form that data sets keep."""
    _validate.instance("name", name, str, "a text")
    if rows.dim() == 0:
        raise ValueError("images must have one entry for each label, got a single number")
    if not _is_texts(classes):
        raise TypeError(f"classes must be a tuple of texts, got {_validate.kind(classes)}")
    labels = _validate.labels("labels", labels, size=len(rows))
    if len(labels) and labels.max() >= len(classes):
        raise ValueError(
            f"labels must be below {len(classes)}, the number of classes, got {labels.max()}"
        )
    if not isinstance(factors, Mapping):
        raise TypeError(f"factors must be a dictionary, got {_validate.kind(factors)}")
    if not all(isinstance(key, str) for key in factors):
        raise TypeError(f"factors must be named by texts, got {list(factors)}")
    checked = {key: factor(f"factors[{key!r}]", value, len(rows)) for key, value in factors.items()}
    return {"labels": labels, "classes": tuple(classes), "factors": checked}


def factor(name: str, values: Any, size: int) -> Tensor:
    """(N,) finite numbers, whole ones as int64."""
    values = _validate.shaped(name, _validate.as_tensor(name, values), size).detach()
    if values.is_complex():
        raise TypeError(f"{name} must hold real numbers, got {_validate.kind(values)}")
    if not values.is_floating_point():
        return values.long()
    if not values.isfinite().all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return values


def _is_texts(values: Any) -> bool:
    return isinstance(values, tuple | list) and all(isinstance(value, str) for value in values)


def _factor_names(given: Any, factors: dict[str, Tensor]) -> dict[str, tuple[str, ...]]:
    """The texts of factors, at least one for each number that occurs."""
    if not isinstance(given, Mapping):
        raise TypeError(f"factor_names must be a dictionary, got {_validate.kind(given)}")
    for name, texts in given.items():
        if name not in factors:
            raise ValueError(f"factor_names must name factors, {list(factors)}, got {name!r}")
        if not _is_texts(texts):
            allowed = f"factor_names[{name!r}] must be a tuple of texts"
            raise TypeError(f"{allowed}, got {_validate.kind(texts)}")
        values = factors[name]
        within = len(values) == 0 or (values.min() >= 0 and values.max() < len(texts))
        if values.is_floating_point() or not within:
            raise ValueError(
                f"factor_names[{name!r}] must have a text for each whole number from 0 on that "
                f"factors[{name!r}] holds, got {len(texts)}"
            )
    return {name: tuple(texts) for name, texts in given.items()}


def _chosen(name: str, index: Any, size: int) -> Tensor:
    """(M,) int64 of the rows that a mask or numbers choose."""
    if isinstance(index, Sequence) and not isinstance(index, str) and len(index) == 0:
        return torch.zeros(0, dtype=torch.long)  # NumPy takes it for floats
    index = _validate.as_tensor(name, index)
    if index.dtype == torch.bool:
        return _validate.shaped(name, index, size).nonzero()[:, 0]
    return _validate.labels(name, index, n_classes=size)
