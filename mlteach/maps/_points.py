"""What PCA and t-SNE share: the check of their points."""

from __future__ import annotations

from torch import Tensor

from mlteach import _validate


def checked_points(x: Tensor) -> Tensor:
    """The rows, flattened: (N >= 2, D), all finite."""
    _validate.floats("points", x)
    if x.ndim < 2 or len(x) < 2:
        raise ValueError(f"points must be (N, D) with at least 2 rows, got shape {tuple(x.shape)}")
    if not x.isfinite().all():
        raise ValueError("points must be finite, got nan or inf")
    return x.flatten(1)
