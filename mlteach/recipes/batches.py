"""What `mlteach.training.fit` draws at every step: two views, or a batch with its labels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from mlteach import _validate

View = Callable[..., Tensor]


def two_views(
    images: Tensor, view: View, *, batch_size: int = 128
) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    """A draw for `fit`: random images, with replacement, and two views of each.

    >>> run = fit(method, two_views(train.images, simclr_view), steps=300)

    Args:
        images: (N, ...).
        view: (images, generator=) -> images, such as `mlteach.views.simclr_view`, or a `partial` of
            one with other strengths.
        batch_size: B >= 1.

    Returns:
        Function generator -> (view 1, view 2), both (B, ...), row i from the same image.

    Raises:
        TypeError, ValueError: batch_size is no whole number >= 1.
    """
    _validate.count("batch_size", batch_size)

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        x = images[torch.randint(len(images), (batch_size,), generator=generator)]
        return view(x, generator=generator), view(x, generator=generator)

    return draw


def labelled_batches(
    images: Tensor, labels: Tensor, *, view: View | None = None, batch_size: int = 128
) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    """A draw for `fit`: random images, with replacement, and their labels.

    Args:
        images: (N, ...).
        labels: (N,).
        view: (images, generator=) -> images; None takes the images as they are.
        batch_size: B >= 1.

    Returns:
        Function generator -> (images, labels), (B, ...) and (B,).

    Raises:
        TypeError, ValueError: batch_size is no whole number >= 1.
    """
    _validate.count("batch_size", batch_size)

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        index = torch.randint(len(images), (batch_size,), generator=generator)
        x = images[index]
        return (x if view is None else view(x, generator=generator)), labels[index]

    return draw
