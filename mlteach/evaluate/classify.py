"""New images, named with a few examples of one's own: by prototypes, or by adapting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach import _validate
from mlteach.episodes import Episode, encode, squared_distances
from mlteach.meta import adapted_predictions
from mlteach.meta.calling import untouched
from mlteach.meta.inner import LossFunction, Rate, check_loss
from mlteach.meta.stacked import chain


@torch.no_grad()
def classify(
    model: Callable[[Tensor], Tensor],
    support_images: Any,
    labels: Any,
    new_images: Any,
    *,
    loss_fn: LossFunction = F.cross_entropy,
    lr: Rate | None = None,
    steps: int | None = None,
    frozen: tuple[str, ...] = (),
    probabilities: bool = False,
) -> Any:
    """Names new images by a few labelled examples of the same kind.

    Without lr and steps, model is an encoder, and an image gets the label whose examples have the
    nearest mean (prototypical networks). With them, model is an initialisation: it is adapted to
    the examples by some steps of gradient descent, as a copy, and then asked (MAML).

    Each new image is classified by itself: its label does not depend on which other new images come
    with it. A network whose BatchNorm keeps no running statistics sees it in one batch with the
    examples, see ``queries="with support"`` of `mlteach.meta.adapted_predictions`.

    >>> classify(encoder, six_photos, ["cat", "cat", "cat", "dog", "dog", "dog"], another_photo)
    'cat'

    Args:
        model: an encoder (B, C, H, W) -> (B, D): a module, a method, whose `encode` is called, or
            any function; to be adapted a module -> (B, n) with n >= the number of different labels,
            of whose outputs the first ones are used. It is used in evaluation mode, and afterwards
            it is as it was.
        support_images: (N, C, H, W) or, in grey, (N, H, W), N >= 2: a tensor, an array, or a list
            of images; uint8, or numbers in the range that the model was trained on. Vectors (N, D)
            are taken as well.
        labels: N texts or whole numbers, at least two different ones: a list, an array, a tensor or
            a column of a table.
        new_images: one image (C, H, W) or (H, W), or a batch of them, as the support images are.
        loss_fn, lr, steps, frozen: as for `mlteach.meta.adapt`.
        probabilities: give the probability of every label instead.

    Returns:
        The label of the image in your own words; a list of labels for a batch. With probabilities a
        dict from label to probability, or a list of dicts: a softmax of minus the squared distances
        or of the logits, which is sure of itself more often than it is right.

    Raises:
        TypeError, ValueError: images and labels do not fit together, only one of lr and steps is
            given, the model has fewer outputs than there are labels, it does not tell the labels
            apart because what it gives is not finite, or as for `mlteach.meta.adapt`.
    """
    names = _names(labels)
    words = list(dict.fromkeys(names))  # in the order in which they first come
    if len(words) < 2:
        raise ValueError(f"labels must hold at least two different ones, got {words}")
    support = _images("support_images", support_images)
    if len(support) != len(names):
        raise ValueError(
            f"labels must be as many as support_images, got {len(names)} for {len(support)}"
        )
    new, is_single = _like_support(_tensor("new_images", new_images), support)
    if new.dim() == 4:
        _check_scale("new_images", new)
    _validate.flag("probabilities", probabilities)
    if (lr is None) != (steps is None):
        raise ValueError(f"lr and steps must be given both or neither, got {lr} and {steps}")
    if lr is None and frozen:
        raise ValueError("frozen says what is not adapted: give lr and steps too")
    check_loss(loss_fn)
    y = torch.tensor([words.index(name) for name in names], device="cpu")
    encoder = model if isinstance(model, str | type) else getattr(model, "encode", model)
    module = getattr(model, "__self__", model)  # of `method.encode` the method
    with _evaluated(module):
        like = _weight_of(module, support)
        support, new, y = support.to(like), new.to(like), y.to(like.device)
        if lr is None:
            scores = _prototype_scores(encoder, module, support, y, new)
        else:
            inner = {"lr": lr, "steps": steps, "frozen": frozen}
            scores = _adapted_scores(model, support, y, new, loss_fn, len(words), **inner)
    if not scores.isfinite().all():
        why = "features too far apart to be compared" if lr is None else "lr may be too large"
        raise ValueError(f"model gives scores that are not finite: {why}")
    if probabilities:
        shares = scores.float().softmax(1).tolist()
        answers: list[Any] = [dict(zip(words, row, strict=True)) for row in shares]
    else:
        answers = [words[i] for i in scores.argmax(1).tolist()]
    return answers[0] if is_single else answers


def _by_batch(module: Any) -> bool:
    """Whether a batch norm in it has no statistics but those of the batch."""
    parts = module.modules() if isinstance(module, nn.Module) else ()
    norms = (part for part in parts if isinstance(part, nn.modules.batchnorm._BatchNorm))
    return any(norm.running_mean is None for norm in norms)


def _looks_at_each_alone(model: Any, x: Tensor) -> bool:
    """Whether it is known to say the same of an image whatever the others in its batch are."""
    return isinstance(model, nn.Module) and not _by_batch(model) and chain(model, x) is not None


def _prototype_scores(encoder: Any, module: Any, support: Tensor, y: Tensor, new: Tensor) -> Tensor:
    """(M, C) minus the squared distances from each new image to each class's mean."""
    by_batch, n_classes = _by_batch(module), int(y.max()) + 1
    z = encode(encoder, support, "model")
    if _looks_at_each_alone(encoder, support):
        found = [
            -squared_distances(z[None], y[None], encode(encoder, part, "model")[None], n_classes)[0]
            for part in new.split(IMAGES_AT_ONCE)
        ]
        return torch.cat(found)
    found = []
    for one in new.split(1):
        query = encode(encoder, torch.cat([support, one]) if by_batch else one, "model")[-1:]
        distances = squared_distances(z[None], y[None], query[None], n_classes)
        found.append(-distances[0])
    return torch.cat(found)


def _adapted_scores(
    model: Any,
    support: Tensor,
    y: Tensor,
    new: Tensor,
    loss_fn: LossFunction,
    n_classes: int,
    **inner: Any,
) -> Tensor:
    """(M, C) logits after adapting, each new image as in one batch with the support."""
    asked = Episode(support[None], y[None], support[None], y[None])
    before = adapted_predictions(model, asked, loss_fn, **inner | {"steps": 0})[0]
    if before.dim() != 2 or before.shape[1] < n_classes:
        raise ValueError(
            f"model must give an output for each of the {n_classes} labels, "
            f"got {tuple(before.shape[1:])}"
        )
    apart = _looks_at_each_alone(model, support)
    found = []
    for part in new.split(IMAGES_AT_ONCE):
        task = Episode(support[None], y[None], part[None], y.new_zeros(1, len(part)))
        queries = "together" if apart else "with support"
        logits = adapted_predictions(model, task, loss_fn, **inner, queries=queries)
        found.append(logits[0, :, :n_classes])
    return torch.cat(found)


@contextmanager
def _evaluated(model: Any) -> Iterator[None]:
    """A module in evaluation mode, and afterwards as it was."""
    with untouched(model) if isinstance(model, nn.Module) else nullcontext():
        if isinstance(model, nn.Module):
            model.eval()
        yield


def _weight_of(model: Any, otherwise: Tensor) -> Tensor:
    """One of the weights, which tell the device and the type that a module computes in."""
    weights = model.parameters() if isinstance(model, nn.Module) else ()
    return next((p for p in weights if p.is_floating_point()), otherwise)


def _names(labels: Any) -> list[Any]:
    """The labels as a list of Python's own values."""
    if hasattr(labels, "tolist"):  # tensors, arrays, and the columns of a table
        labels = labels.tolist()
    if not isinstance(labels, Sequence) or isinstance(labels, str):
        raise TypeError(f"labels must be a list of labels, got {_validate.kind(labels)}")
    names = [
        label.item()
        if isinstance(label, np.generic) or (isinstance(label, Tensor) and label.dim() == 0)
        else label
        for label in labels
    ]
    for name in names:
        if not isinstance(name, str | int):
            raise TypeError(f"labels must be texts or whole numbers, got {_validate.kind(name)}")
    return names


def _tensor(name: str, images: Any) -> Tensor:
    """Floating-point numbers; uint8 from 0 to 255 become 0 to 1."""
    if isinstance(images, tuple | list) and images and isinstance(images[0], Tensor):
        images = [image.detach().cpu().numpy() for image in images]
    images = _validate.as_tensor(name, images)
    if images.dtype == torch.uint8:
        return images.to(torch.float32) / 255
    if not images.is_floating_point():
        raise TypeError(f"{name} must be uint8 or floating-point, got {_validate.kind(images)}")
    images = images.detach().to(torch.promote_types(images.dtype, torch.float32))
    if images.numel() == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(images.shape)}")
    _validate.finite(name, images)
    return images


def _check_scale(name: str, images: Tensor) -> None:
    if images.min() >= 0 and images.max() > LIKE_BYTES:
        raise ValueError(
            f"{name} must be on the scale that model was trained on, such as [0, 1], got values up "
            f"to {images.max():.4g}: divide by 255, or give uint8"
        )


IMAGES_AT_ONCE = 500  # bounds the memory
LIKE_BYTES = 16.0  # numbers above it with none below 0 are bytes that were made floats


def _images(name: str, images: Any) -> Tensor:
    """(N, C, H, W), or vectors (N, D)."""
    images = _tensor(name, images)
    if images.dim() == 3:
        images = images[:, None]
    if images.dim() not in (2, 4):
        raise ValueError(f"{name} must be (N, C, H, W) or (N, H, W), got {tuple(images.shape)}")
    if images.dim() == 4 and images.shape[3] in (1, 3) and images.shape[1] > 4:
        raise ValueError(
            f"{name} must be (N, C, H, W), got {tuple(images.shape)}, which looks like "
            "(N, H, W, C): move the last dimension"
        )
    if images.dim() == 4:  # a vector's numbers may be of any size
        _check_scale(name, images)
    return images


def _like_support(new: Tensor, support: Tensor) -> tuple[Tensor, bool]:
    """The new images as a batch, and whether it was a single one."""
    shape = support.shape[1:]
    shapes = [shape, shape[1:]] if support.dim() == 4 and shape[0] == 1 else [shape]
    for expected in shapes:
        if new.shape == expected:
            return new.reshape(1, *shape), True
        if new.shape[1:] == expected and len(new):
            return new.reshape(-1, *shape), False
    raise ValueError(
        f"new_images must be one image {tuple(shape)} as those of support_images or a batch of "
        f"them, got {tuple(new.shape)}"
    )
