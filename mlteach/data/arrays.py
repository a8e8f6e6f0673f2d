"""Your own images, labels and factors as they are in memory, made into a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mlteach import _validate
from mlteach.data.cache import on_cpu
from mlteach.data.dataset import Dataset, factor
from mlteach.data.decoding import as_rgb

UNLABELLED = "unlabelled"  # the one class of images without labels
COLOURS = (1, 3)  # numbers of channels


@on_cpu
def from_arrays(
    images: Any,
    labels: Any = None,
    factors: Mapping[str, Any] | None = None,
    *,
    name: str = "own images",
    classes: Sequence[str] | None = None,
) -> Dataset:
    """Makes a data set of images that you have: every chapter and every explorer takes it.

    Args:
        images: N images of one size, as a tensor, an array or a list (of Pillow's images too):
            (N, H, W), (N, H, W, C) or (N, C, H, W), with one or three channels. Floats in [0, 1];
            whole numbers from 0 to 255, or 0 to 65535 in uint16; or True and False.
        labels: (N,) a text or a whole number for each image; None puts all into one class.
        factors: name → (N,) what else is known of each image: numbers or texts.
        name: what the set is called.
        classes: names of the classes: that of label 0, of label 1, ... where labels are such
            numbers, else in the order of their sorted labels. None takes the labels themselves.

    Returns:
        Images (N, C, H, W) in [0, 1]; labels 0 to C - 1 in the order of the sorted ones, gaps and
        -1 left out; factors "class", the labels, and those given. What is given is copied.

    Raises:
        TypeError, ValueError: the images cannot be read without a guess, or labels, factors or
            classes do not belong to them.
    """
    pixels = _pixels(images)
    texts: tuple[str, ...] = (UNLABELLED,)
    numbers = torch.zeros(len(pixels), dtype=torch.long)
    if labels is not None:
        numbers, texts = _numbered("labels", labels, len(pixels))
    if classes is not None:
        numbers, texts = _renamed(numbers, texts, classes)
    known = {"class": numbers}
    names = {"class": texts}
    if not isinstance(factors, Mapping | None):
        raise TypeError(f"factors must be a dictionary, got {_validate.kind(factors)}")
    for key, values in (factors or {}).items():
        shown = f"factors[{key!r}]"
        names.pop(key, None)
        if texts_of_factor := _validate.numbered_texts(shown, values, size=len(pixels)):
            known[key], names[key] = texts_of_factor
        else:
            known[key] = factor(shown, values, len(pixels)).cpu().clone()
    return Dataset(name, pixels, numbers, texts, known, names)


# --- images --------------------------------------------------------------------------------------


def _pixels(images: Any) -> Tensor:
    """(N, C, H, W) float32 in [0, 1], of its own memory."""
    array = _array(images)
    if array.numel() == 0:
        raise ValueError(f"images must hold at least one image, got shape {tuple(array.shape)}")
    return _channels_first(_in_unit_range(array)).contiguous()


def _array(images: Any) -> Tensor:
    """What was given as one tensor; images in a list must be of one size."""
    if isinstance(images, Image.Image):
        raise TypeError("images must be several images, got one: [image] is a list of it")
    if isinstance(images, tuple | list) and images:
        if any(isinstance(image, Image.Image) for image in images):
            images = [np.asarray(as_rgb(_picture(image))) for image in images]
        if all(isinstance(image, Tensor | np.ndarray) for image in images):
            shapes = {tuple(image.shape) for image in images}
            if len(shapes) > 1:
                one, other = sorted(shapes)[:2]
                raise ValueError(f"images must all have one size, got {one} and {other}")
            if all(isinstance(image, Tensor) for image in images):
                images = torch.stack([image.detach().cpu() for image in images])
    if isinstance(images, Tensor):
        return images.detach().cpu()
    if isinstance(images, np.ndarray) and images.dtype == np.uint16:
        return torch.from_numpy(images.astype(np.int32)).to(torch.uint16)
    return _validate.as_tensor("images", images)


def _picture(image: Any) -> Image.Image:
    return _validate.instance("images", image, Image.Image, "Pillow's images throughout")


def _in_unit_range(array: Tensor) -> Tensor:
    """float32 in [0, 1]; each type of number has its own highest value."""
    if array.dtype == torch.bool:
        return array.float()
    if array.is_complex():
        raise TypeError(f"images must hold real numbers, got {_validate.kind(array)}")
    if array.is_floating_point():
        low, high = (end.item() for end in array.aminmax())
        if not (low >= -_validate.ROUNDING and high <= 1 + _validate.ROUNDING):  # NaN is neither
            hint = ": divide by 255" if 1 < high <= 255 and low >= 0 else ""
            given = f"got values from {low:.4g} to {high:.4g}{hint}"
            raise ValueError(f"images must be in [0, 1] if they are floats, {given}")
        return array.to(torch.float32, copy=True).clamp_(0, 1)
    highest = 65535 if array.dtype == torch.uint16 else 255
    array = array.long()
    low, high = (int(end) for end in array.aminmax())
    if low < 0 or high > highest:
        given = f"got {low} to {high}"
        raise ValueError(f"images of whole numbers must be in 0 ... {highest}, {given}")
    if high == 1:  # one shade above black, or white?
        raise ValueError("images hold only 0 and 1: give them as True and False, or as floats")
    return array.float().div_(highest)


def _channels_first(array: Tensor) -> Tensor:
    """(N, C, H, W), where C was first, last, or not there."""
    shape, forms = tuple(array.shape), "(N, H, W), (N, H, W, C) or (N, C, H, W)"
    if array.dim() == 3:
        if shape[2] in (*COLOURS, 4):
            one = "one image is a list of it, [image]"
            raise ValueError(f"images must be {forms}, got shape {shape}; {one}")
        return array[:, None]
    if array.dim() != 4:
        raise ValueError(f"images must be {forms}, got shape {shape}")
    first, last = shape[1] in COLOURS, shape[3] in COLOURS
    if first and last:
        guess = "channels first or last? Dataset takes (N, C, H, W) without a guess"
        raise ValueError(f"images must be {forms} with one C of 1 or 3, got shape {shape}: {guess}")
    if not first and not last:
        alpha = ": leave the fourth out, it is no colour" if 4 in (shape[1], shape[3]) else ""
        raise ValueError(f"images must have 1 or 3 channels, got shape {shape}{alpha}")
    return array if first else array.permute(0, 3, 1, 2)


# --- labels --------------------------------------------------------------------------------------


def _numbered(name: str, values: Any, size: int) -> tuple[Tensor, tuple[str, ...]]:
    """Texts or whole numbers as (N,) numbers 0 to C - 1, and the C texts they stand for."""
    texts = _validate.numbered_texts(name, values, size=size)
    if texts is not None:
        return texts
    given = _validate.as_tensor(name, _given(name, values))
    whole = factor(name, given, size).cpu()
    if whole.is_floating_point():
        if not (whole == whole.round()).all():
            odd = whole[whole != whole.round()][0]
            why = "what is measured belongs to factors"
            raise ValueError(f"{name} must be texts or whole numbers, got {odd:g}; {why}")
        whole = whole.long()
    found, numbers = whole.unique(return_inverse=True)
    if given.dtype == torch.bool:
        found = found == 1
    return numbers, tuple(map(str, found.tolist()))


def _given(name: str, values: Any) -> Any:
    """The values, unless they are of a kind that no label is of."""
    if isinstance(values, str | Mapping | None):
        allowed = f"{name} must be a text or a whole number for each image"
        raise TypeError(f"{allowed}, got {_validate.kind(values)}")
    return values


def _renamed(
    numbers: Tensor, texts: tuple[str, ...], classes: Any
) -> tuple[Tensor, tuple[str, ...]]:
    """Labels that count in the caller's list of classes."""
    is_list = isinstance(classes, Sequence | np.ndarray) and not isinstance(classes, str)
    if not is_list or not all(isinstance(value, str) for value in classes):
        raise TypeError(f"classes must be a list of texts, got {_validate.kind(classes)}")
    names = tuple(map(str, classes))
    # by name, or by number where label c means the c-th
    by_text = {text: place for place, text in enumerate(names)}
    by_number = {str(place): place for place in range(len(names))}
    for places in (by_text, by_number):
        if set(texts) <= set(places):
            return torch.tensor([places[text] for text in texts])[numbers], names
    if len(names) != len(texts):
        raise ValueError(
            f"classes must be a name for each of the {len(texts)} labels, got {len(names)}"
        )
    return numbers, names
