"""What `mlteach.training.fit` draws at every step: views, a pretext task, or images and labels."""

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
        images: (N >= 1, ...) finite numbers; arrays and lists are taken.
        view: (images, generator=) -> images, such as `mlteach.views.simclr_view`, or a `partial` of
            one with other strengths.
        batch_size: B >= 1.

    Returns:
        Function generator -> (view 1, view 2), both (B, ...), row i from the same image.

    Raises:
        TypeError, ValueError: an argument is not as described.
    """
    batch_size = _validate.count("batch_size", batch_size)
    images = _checked_images(images)
    _check_view(view)

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        x = images[draw_index(images, batch_size, generator)]
        return view(x, generator=generator), view(x, generator=generator)

    return draw


def pretext_batches(
    images: Tensor, task: Callable[..., tuple[Tensor, ...]], *, batch_size: int = 128
) -> Callable[[Generator], tuple[Tensor, ...]]:
    """A draw for `fit`: random images, with replacement, and what a task asks of them.

    >>> run = fit(Rotation(encoder, head), pretext_batches(train.images, rotate), steps=300)

    Args:
        images: (N >= 1, ...) finite numbers; arrays and lists are taken.
        task: (images, generator=) -> tuple of tensors, such as `mlteach.pretext.rotate`, or a
            `partial` of one.
        batch_size: B >= 1.

    Returns:
        Function generator -> what task makes of (B, ...) images.

    Raises:
        TypeError, ValueError: an argument is not as described.
    """
    batch_size = _validate.count("batch_size", batch_size)
    images = _checked_images(images)
    what = "a function of (images, generator=)"
    _validate.function("task", task, what=what, takes=1, keywords=("generator",))

    def draw(generator: Generator) -> tuple[Tensor, ...]:
        question = task(images[draw_index(images, batch_size, generator)], generator=generator)
        if not isinstance(question, tuple):
            given = _validate.kind(question)
            raise TypeError(f"task must return a tuple of tensors, got {given}")
        return question

    return draw


def labelled_batches(
    images: Tensor, labels: Tensor, *, view: View | None = None, batch_size: int = 128
) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    """A draw for `fit`: random images, with replacement, and their labels.

    Args:
        images: (N >= 1, ...) finite numbers; arrays and lists are taken.
        labels: (N,) integer classes.
        view: (images, generator=) -> images; None takes the images as they are.
        batch_size: B >= 1.

    Returns:
        Function generator -> (images, labels), (B, ...) and (B,).

    Raises:
        TypeError, ValueError: an argument is not as described.
    """
    batch_size = _validate.count("batch_size", batch_size)
    images = _checked_images(images)
    labels = _validate.labels("labels", labels, size=len(images))
    if view is not None:
        _check_view(view)

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        index = draw_index(images, batch_size, generator)
        x = images[index]
        return (x if view is None else view(x, generator=generator)), labels[index]

    return draw


def _checked_images(images: Tensor) -> Tensor:
    images = _validate.as_tensor("images", images)
    if not images.is_floating_point():
        hint = ": divide by 255" if images.dtype == torch.uint8 else ""
        raise TypeError(f"images must be floating-point, got {_validate.kind(images)}{hint}")
    if images.dim() < 2 or len(images) == 0:
        raise ValueError(f"images must be (N >= 1, ...), got shape {tuple(images.shape)}")
    return _validate.finite("images", images)


def _check_view(view: View) -> None:
    what = "a function of (images, generator=)"
    _validate.function("view", view, what=what, takes=1, keywords=("generator",))


def draw_index(images: Tensor, batch_size: int, generator: Generator) -> Tensor:
    """(B,) places in the images; a generator draws on its own device only."""
    _validate.generator("generator", generator)
    device = "cpu" if generator is None else generator.device
    drawn = torch.randint(len(images), (batch_size,), generator=generator, device=device)
    return drawn.to(images.device)
