"""CIFAR-10: 60,000 small photographs of ten kinds of things."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm

from mlteach import _validate
from mlteach.data.cache import Arrays, cached, download, find, read
from mlteach.data.dataset import Dataset

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


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
        arrays = cached("cifar10.npz", (f"{split}_images", f"{split}_label"), _downloaded)
        pixels, labels = arrays[f"{split}_images"], arrays[f"{split}_label"]
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)  # (N, 3, 32, 32)
    return Dataset(
        f"cifar10-{split}", images.contiguous(), torch.from_numpy(labels).long(), CLASSES, {}
    )


def _decoded(copy: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 32, 32, 3) uint8 and labels of the JPEG copy, whose files lie end to end."""
    jpeg, offset, label, names = read(
        copy, (f"{split}_jpeg", f"{split}_offset", f"{split}_label", "names")
    ).values()
    data = jpeg.tobytes()
    pixels = np.empty((len(label), 32, 32, 3), np.uint8)
    for i in tqdm(range(len(label)), desc="decoding CIFAR-10", leave=False):
        pixels[i] = np.asarray(Image.open(io.BytesIO(data[offset[i] : offset[i + 1]])))
    return pixels, np.array([CLASSES.index(name) for name in names])[label]


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
