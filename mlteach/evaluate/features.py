"""From images to features, and what every evaluation asks of features and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mlteach import _validate


def features(
    encoder: Callable[[Tensor], Tensor], images: Tensor, *, batch_size: int = 500
) -> Tensor:
    """What an encoder makes of images: in evaluation mode, without gradients, batch by batch.

    Each image's features depend on that image alone, whatever the batch. Afterwards every part
    of the encoder is back in the mode it was in.

    Args:
        encoder: module (B, ...) -> (B, D), or a method, whose `encode` is then called, or any
            function, such as `torch.nn.Flatten()` for pixels. The mode of a module hidden inside a
            function of yours is yours to set.
        images: (N, ...); sent to the module's device batch by batch.
        batch_size: >= 1, bounds the memory.

    Returns:
        (N, D) on the device of images.

    Raises:
        TypeError: encoder cannot be called.
        ValueError: no images, batch_size < 1, or the encoder's output is not (B, D).
    """
    _validate.count("batch_size", batch_size)
    if len(images) < 1:
        raise ValueError("images must hold at least one image, got none")
    encode = getattr(encoder, "encode", encoder)
    if not callable(encode):
        given = _validate.kind(encoder)
        raise TypeError(f"encoder must be a module, a method or a function, got {given}")
    owner = getattr(encoder, "__self__", encoder)  # of `method.encode` the method, whose mode it is
    module = owner if isinstance(owner, nn.Module) else nn.Identity()
    device = next((p.device for p in module.parameters()), images.device)
    with _evaluation_mode(module), torch.no_grad():
        batches = [encode(batch.to(device)).to(images.device) for batch in images.split(batch_size)]
    for batch in batches:
        if batch.ndim != 2:
            raise ValueError(f"encoder must return (B, D), got {tuple(batch.shape)}")
    return torch.cat(batches)


@contextmanager
def _evaluation_mode(module: nn.Module) -> Iterator[None]:
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, was_training in before:
            part.training = was_training


def accuracy(scores: Tensor, labels: Tensor) -> float:
    """Share of the rows whose largest score stands in the column of their label.

    Args:
        scores: (N, C) logits, probabilities or votes.
        labels: (N,) integers; one that names none of the C columns counts as wrong.

    Returns:
        1 if every row is right; about 1 / C for scores that know nothing of C equally frequent
        classes.

    Raises:
        ValueError: the shapes are not (N, C) and (N,).
    """
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        given = f"{tuple(scores.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"scores and labels must be (N, C) and (N,), got {given}")
    return (scores.argmax(1) == labels).double().mean().item()


def check_labelled(name: str, x: Tensor, labels: Tensor, labels_name: str = "labels") -> None:
    """Raise unless x is (N, D), finite and floating-point, with N integer labels >= 0."""
    _validate.features(name, x)
    _validate.labels(labels_name, labels, size=len(x))


def check_pair(
    train_features: Tensor, train_labels: Tensor, test_features: Tensor, test_labels: Tensor
) -> None:
    """Raise unless both parts are features with labels, of the same D."""
    check_labelled("train_features", train_features, train_labels, "train_labels")
    check_labelled("test_features", test_features, test_labels, "test_labels")
    if train_features.shape[1] != test_features.shape[1]:
        widths = f"{train_features.shape[1]} and {test_features.shape[1]}"
        raise ValueError(
            f"train_features and test_features must have equally many columns, got {widths}"
        )
