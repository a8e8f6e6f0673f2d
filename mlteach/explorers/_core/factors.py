"""What several explorers ask of encodings, images, labels and factors that belong together.

Learners give their own: arrays and lists are taken, and labels may be texts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlteach import _validate
from mlteach.data.dataset import factor
from mlteach.plots import drawable
from mlteach.similarity import factor_groups

Names = dict[str, tuple[str, ...]]


def mapping(name: str, given: Any) -> dict:
    """A dictionary with at least one entry."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} must be a dictionary, got {_validate.kind(given)}")
    if not given:
        raise ValueError(f"{name} must have at least one entry, got none")
    return dict(given)


def images_of(name: str, given: Any, *, at_least: int = 1, at_most: int | None = None) -> Tensor:
    """(N, C, H, W) float32 images with one or three channels in [0, 1], so many of them."""
    images = torch.from_numpy(drawable(name, given))
    if len(images) < at_least or (at_most is not None and len(images) > at_most):
        allowed = f"at least {at_least}" if at_most is None else f"{at_least} to {at_most}"
        raise ValueError(f"{name} must hold {allowed} images, got {len(images)}")
    return images


def encodings_of(given: Any, size: int | None = None, *, name: str = "encodings") -> dict:
    """name → (N, D) finite features, all of one N; what else an example has is flattened into D."""
    encodings = {}
    for key, value in mapping(name, given).items():
        shown = f"{name}[{key!r}]"
        rows = _validate.as_tensor(shown, value)
        rows = _validate.features(shown, rows.flatten(1) if rows.dim() > 2 else rows)
        size = len(rows) if size is None else size
        encodings[str(key)] = _of_size(shown, rows, size).detach().cpu()
    return encodings


def factors_of(given: Any, names: Any, size: int) -> tuple[dict[str, Tensor], Names]:
    """name → (N,) finite numbers, and the names of those that stand for texts or have names."""
    if not isinstance(names, Mapping | None):
        raise TypeError(f"names must be a dictionary, got {_validate.kind(names)}")
    factors, known = {}, {}
    for key, values in mapping("factors", given).items():
        shown = f"factors[{key!r}]"
        if texts := _validate.numbered_texts(shown, values):
            values, known[str(key)] = texts
        values = _of_size(shown, _validate.as_tensor(shown, values), size)
        factors[str(key)] = factor(shown, values, size).cpu()
    for key, texts in (names or {}).items():
        if key not in factors:
            raise ValueError(f"names must be of factors, {', '.join(factors)}, got {key!r}")
        known[key] = texts_for(f"names[{key!r}]", texts, factor_groups(factors[key]))
    return factors, known


def texts_for(name: str, texts: Any, groups: Tensor) -> tuple[str, ...]:
    """A text for every whole number from 0 on that occurs."""
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise TypeError(f"{name} must be a list of texts, got {_validate.kind(texts)}")
    if len(groups) and not (groups.min() >= 0 and groups.max() < len(texts)):
        given = f"got {len(texts)} for {groups.min()} to {groups.max()}"
        raise ValueError(f"{name} must have a text for each number from 0 on, {given}")
    return tuple(map(str, texts))


def labels_of(name: str, given: Any, size: int, classes: Sequence[str]) -> Tensor:
    """(N,) numbers of classes; texts are looked up among their names."""
    texts = _validate.numbered_texts(name, given, size=size)
    if texts is None:
        return _validate.labels(name, given, size=size, n_classes=len(classes)).cpu()
    numbers, found = texts
    if unknown := [text for text in found if text not in classes]:
        known = _validate.shown(", ".join(classes))
        raise ValueError(f"{name} must be of {known}, got {unknown[0]!r}")
    return torch.tensor([classes.index(text) for text in found])[numbers]


def rising(name: str, given: Any, *, above: float = -math.inf) -> list:
    """At least one finite number, each larger than the one before."""
    if not isinstance(given, Sequence | Tensor | np.ndarray | range) or isinstance(given, str):
        raise TypeError(f"{name} must be a list of numbers, got {_validate.kind(given)}")
    values = given.tolist() if isinstance(given, Tensor | np.ndarray) else list(given)
    if not isinstance(values, list) or not values:
        raise ValueError(f"{name} must hold at least one number, got {given}")
    for i, value in enumerate(values):
        _validate.number(f"{name}[{i}]", value, above=above)
    if any(not low < high for low, high in zip(values, values[1:], strict=False)):
        raise ValueError(f"{name} must rise, got {values}")
    return values


def groupable(factors: Mapping[str, Tensor]) -> list[str]:
    """The factors in which two images agree: all but the names of files and the like."""
    groups = {name: factor_groups(values) for name, values in factors.items()}
    chosen = [name for name, group in groups.items() if len(group.unique()) < len(group)]
    if not chosen:
        given = ", ".join(factors)
        raise ValueError(f"factors must have one in which two images agree, got {given}")
    return chosen


def value_text(values: Tensor, index: int, names: Sequence[str] | None) -> str:
    """A factor's value of one image: the name of its group where there are names, or the number."""
    if names is not None:
        return names[int(factor_groups(values)[index])]
    value = values[index]
    return f"{value.item():.2f}" if value.is_floating_point() else str(value.item())


def _of_size(name: str, values: Tensor, size: int) -> Tensor:
    if values.dim() == 0 or len(values) != size:
        given = values.shape[0] if values.dim() else "a single number"
        raise ValueError(f"{name} must have one row for each of {size} images, got {given}")
    return values
