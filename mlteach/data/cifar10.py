"""CIFAR-10: 60,000 small photographs of ten kinds of things."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mlteach import _validate
from mlteach._kernel import ProgressBar
from mlteach.data.cache import Arrays, bytes_shaped, cached, download, find, on_cpu, read, texts
from mlteach.data.dataset import Dataset

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@on_cpu
def cifar10(split: str = "train") -> Dataset:
    """Photographs of ten kinds of animals and vehicles.

    Read from cifar10.npz, or from a JPEG copy in cifar10_jpeg.npz, in a data folder (`MLTEACH_DATA`
    names one); where there is neither, downloaded through torchvision (170 MB) and kept.

    Args:
        split: "train" (50,000) or "test" (10,000).

    Returns:
        Images (N, 3, 32, 32); ten classes.

    Raises:
        ValueError: split is neither of the two.
        RuntimeError: the files are nowhere and cannot be downloaded.

    Source: Krizhevsky 2009, Learning multiple layers of features from tiny images.
    """
    _validate.choice("split", split, ("train", "test"))
    copy = find("cifar10_jpeg.npz")
    if copy and not find("cifar10.npz"):
        pixels, labels = _decoded(copy, split)
    else:
        names = (f"{split}_images", f"{split}_label")
        arrays = cached("cifar10.npz", names, _downloaded, check=_check)
        pixels, labels = (arrays[name] for name in names)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)  # (N, 3, 32, 32)
    return Dataset(
        f"cifar10-{split}", images.contiguous(), torch.from_numpy(labels).long(), CLASSES, {}
    )


def _decoded(copy: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 32, 32, 3) uint8 and labels of the JPEG copy, whose files lie end to end."""
    arrays = (f"{split}_jpeg", f"{split}_offset", f"{split}_label", "names")
    jpeg, offset, label, names = read(copy, arrays, check=_check_copy).values()
    data = jpeg.tobytes()
    pixels = np.empty((len(label), 32, 32, 3), np.uint8)
    for i in ProgressBar(range(len(label)), desc="decoding CIFAR-10", leave=False):
        try:
            image = np.asarray(Image.open(io.BytesIO(data[offset[i] : offset[i + 1]])))
            bytes_shaped("it", image, 32, 32, 3)
        except (OSError, ValueError) as error:
            raise ValueError(f"{copy} is damaged: image {i} of {split}: {error}") from error
        pixels[i] = image
    return pixels, np.array([CLASSES.index(name) for name in names])[label]


def _check(arrays: Arrays) -> None:
    """The form that `data/README.md` describes, of one part."""
    (images, pixels), (label, labels) = arrays.items()
    bytes_shaped(images, pixels, "N", 32, 32, 3)
    _validate.labels(label, labels, size=len(pixels), n_classes=len(CLASSES))


def _check_copy(arrays: Arrays) -> None:
    """The same of the JPEG copy."""
    (jpeg, data), (offset, ends), (label, labels), (_, names) = arrays.items()
    bytes_shaped(jpeg, data, "M")
    texts("names", names)
    if wrong := sorted(set(names.tolist()) - set(CLASSES)):
        raise ValueError(f"names must be of {', '.join(CLASSES)}, got {wrong[0]!r}")
    _validate.labels(label, labels, n_classes=len(names))
    _validate.labels(offset, ends, size=len(labels) + 1, n_classes=len(data) + 1)
    if (np.diff(ends.astype(np.int64)) <= 0).any():
        raise ValueError(f"{offset} must rise, each image has at least a byte")


def _downloaded() -> Arrays:
    """Both parts as torchvision downloads them, lossless."""
    arrays: Arrays = {}
    with tempfile.TemporaryDirectory() as folder:
        for split in ("train", "test"):
            part = download(
                "CIFAR10", "cifar10.npz or cifar10_jpeg.npz", root=folder, train=split == "train"
            )
            arrays |= {f"{split}_images": part.data, f"{split}_label": np.array(part.targets)}
    return arrays
