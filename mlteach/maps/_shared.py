"""What PCA and t-SNE share: the check of their points, and one thread for many small operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


def checked_points(x: Tensor) -> Tensor:
    """The rows, flattened."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"points must be a floating-point tensor, got {kind}")
    if x.ndim < 2 or len(x) < 2:
        raise ValueError(f"points must be (N, D) with at least 2 rows, got shape {tuple(x.shape)}")
    if not x.isfinite().all():
        raise ValueError("points must be finite, got nan or inf")
    return x.flatten(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Threads that share many small operations wait for each other: on a busy machine, most of the
    time.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
