"""From images to features, and what every evaluation asks of features and labels."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mlteach import _validate
from mlteach.networks import in_mode


def features(
    encoder: Callable[[Tensor], Tensor], images: Tensor, *, batch_size: int = 500
) -> Tensor:
    """What an encoder makes of images: in evaluation mode, without gradients, batch by batch.

    Each image's features depend on that image alone, whatever the batch: batch norm without
    running statistics, which mixes the images of a batch, is refused. Afterwards every part of the
    encoder is back in the mode it was in.

    Args:
        encoder: module (B, ...) -> (B, D), or a method, whose `encode` is then called, or any
            function, such as `torch.nn.Flatten()` for pixels. The mode of a module hidden inside a
            function of yours is yours to set.
        images: (N, ...); sent to the module's device batch by batch.
        batch_size: >= 1, bounds the memory.

    Returns:
        (N, D) on the device of images.

    Raises:
        TypeError: encoder cannot be called, or does not return a tensor.
        ValueError: no images, a number in them that is not finite, batch_size < 1, the encoder's
            output is not (B, D), or it has a batch norm without running statistics.
    """
    batch_size = _validate.count("batch_size", batch_size)
    images = _checked_images(images)
    encode = getattr(encoder, "encode", encoder)
    if not callable(encode) or isinstance(encoder, type | str):
        given = _validate.kind(encoder)
        raise TypeError(f"encoder must be a module, a method or a function, got {given}")
    owner = getattr(encoder, "__self__", encoder)  # of `method.encode` the method, whose mode it is
    module = owner if isinstance(owner, nn.Module) else nn.Identity()
    for name, part in module.named_modules():
        if isinstance(part, _BatchNorm) and part.running_mean is None:
            raise ValueError(
                "encoder must have running statistics in every batch norm, or an image's features "
                f"depend on the others of its batch, got none in {name or 'it'} "
                '(conv_encoder(norm="batch_no_stats"))'
            )
    device = next((p.device for p in module.parameters()), images.device)
    with in_mode(module, training=False), torch.no_grad():
        batches = [
            _encoded(encode, batch.to(device)).to(images.device)
            for batch in images.split(min(batch_size, len(images)))
        ]
    return torch.cat(batches)


def with_statistics(encoder: nn.Module, images: Tensor, *, batch_size: int = 500) -> nn.Module:
    """Copy of an untrained encoder whose batch norms know the statistics of images: a baseline.

    A new BatchNorm keeps mean 0 and variance 1, so that in evaluation mode an untrained network
    normalises nothing, and its features say little of what random weights can do. Here every mean
    and variance is the average over the batches; no weight moves. Batches go through in the order
    given: shuffle images that are sorted by class.

    Args:
        encoder: module (B, ...) -> (B, D); it stays as it is, as do its modes in the copy.
        images: (N, ...), such as the training images; sent to the module's device batch by batch.
        batch_size: >= 2; a last batch of one image is left out, because it has no variance.

    Raises:
        TypeError: encoder is no module, or does not return a tensor.
        ValueError: fewer than two images, a number in them that is not finite, batch_size < 2, or
            the encoder's output is not (B, D).
    """
    encoder = _validate.module("encoder", encoder)
    batch_size = _validate.count("batch_size", batch_size, at_least=2)
    images = _checked_images(images)
    if len(images) < 2:
        raise ValueError(f"images must be two or more, got {len(images)}")
    filled = copy.deepcopy(encoder)
    norms = [part for part in filled.modules() if isinstance(part, _BatchNorm)]
    before = [(norm.momentum, norm.track_running_stats) for norm in norms]
    device = next((p.device for p in filled.parameters()), images.device)
    with in_mode(filled, training=False), torch.no_grad():
        for norm in norms:
            norm.track_running_stats = norm.running_mean is not None
            norm.reset_running_stats()
            norm.momentum = None  # PyTorch's word for the average over all batches
            norm.train()
        for batch in images.split(min(batch_size, len(images))):
            if len(batch) > 1:
                _encoded(filled, batch.to(device))
    for norm, kept in zip(norms, before, strict=True):
        norm.momentum, norm.track_running_stats = kept
    return filled


def _checked_images(images: Tensor) -> Tensor:
    """(N >= 1, ...) numbers, all finite: images, signals or features."""
    images = _validate.as_tensor("images", images)
    if images.ndim < 2 or 0 in images.shape:
        raise ValueError(f"images must be (N >= 1, ...), got shape {tuple(images.shape)}")
    if images.is_complex() or not images.isfinite().all():
        raise ValueError(f"images must be finite numbers, got {_validate.kind(images)}")
    return images


def _encoded(encode: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    size = len(images)
    try:
        batch = encode(images)
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception as error:  # whatever the caller's own function says to what does not fit
        given = f"{tuple(images.shape)}, {_validate.kind(images)}"
        why = f"{type(error).__name__}: {error}"
        raise ValueError(f"encoder must take images like these, {given}: {why}") from error
    if not isinstance(batch, Tensor):
        raise TypeError(f"encoder must return a tensor (B, D), got {_validate.kind(batch)}")
    if batch.ndim != 2 or len(batch) != size or not batch.shape[1]:
        raise ValueError(
            f"encoder must return (B, D), got {tuple(batch.shape)} for a batch of {size}"
        )
    return batch


def accuracy(scores: Tensor, labels: Tensor) -> float:
    """Share of the rows whose largest score stands in the column of their label.

    Args:
        scores: (N, C) logits, probabilities or votes.
        labels: (N,) integers; one that names none of the C columns counts as wrong.

    Returns:
        1 if every row is right; about 1 / C for scores that know nothing of C equally frequent
        classes.

    Raises:
        TypeError, ValueError: the shapes are not (N >= 1, C) and (N,), a score is not finite, or
            labels are no integers >= 0.
    """
    scores, labels = _validate.features("scores", scores), _validate.labels("labels", labels)
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        given = f"{tuple(scores.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"scores and labels must be (N, C) and (N,), got {given}")
    return share(scores.argmax(1) == labels)


def share(hits: Tensor) -> float:
    """The share of True; on the CPU, as not every device has float64."""
    return hits.cpu().double().mean().item()


def scale_of(*parts: Tensor) -> float:
    """What to divide float64 by for no square to overflow or vanish; 1 as a rule."""
    largest = max(part.abs().max().item() for part in parts)
    return 1.0 if 1e-150 < largest < 1e150 or largest == 0 else largest


def check_labelled(
    name: str, x: Tensor, labels: Tensor, labels_name: str = "labels"
) -> tuple[Tensor, Tensor]:
    """(N, D) finite features and N labels >= 0, as tensors to compute with."""
    x = _validate.features(name, x)
    return x, _validate.labels(labels_name, labels, size=len(x))


def check_pair(
    train_features: Tensor, train_labels: Tensor, test_features: Tensor, test_labels: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features with labels, of the same D and type in both parts."""
    train_features, train_labels = check_labelled(
        "train_features", train_features, train_labels, "train_labels"
    )
    test_features, test_labels = check_labelled(
        "test_features", test_features, test_labels, "test_labels"
    )
    check_columns(train_features, test_features)
    return train_features, train_labels, test_features, test_labels


def check_columns(train_features: Tensor, test_features: Tensor) -> None:
    """Equally many columns."""
    if train_features.shape[1] != test_features.shape[1]:
        widths = f"{train_features.shape[1]} and {test_features.shape[1]}"
        raise ValueError(
            f"train_features and test_features must have equally many columns, got {widths}"
        )
