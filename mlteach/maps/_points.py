"""What PCA and t-SNE share: the check of their points."""

from __future__ import annotations

from torch import Tensor

from mlteach import _validate


def checked_points(name: str, x: Tensor) -> Tensor:
    """The rows, flattened: (N >= 2, D), all finite, float32 or float64."""
    x = _validate.as_tensor(name, x)
    if x.ndim < 2 or len(x) < 2 or 0 in x.shape:
        raise ValueError(f"{name} must be (N, D) with at least 2 rows, got shape {tuple(x.shape)}")
    return _validate.features(name, x.flatten(1))
