"""Omniglot: 1,623 handwritten characters of 50 alphabets."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from mlteach import _validate
from mlteach._kernel import ProgressBar
from mlteach.data.cache import Arrays, bytes_shaped, cached, download, on_cpu, texts
from mlteach.data.dataset import Dataset

SIDE = 28  # pixels
ARRAYS = ("images", "character", "drawer", "evaluation", "names")


@on_cpu
def omniglot(split: str = "background") -> Dataset:
    """Characters as 20 people drew them, split by alphabet.

    Read from omniglot28.npz in a data folder (`MLTEACH_DATA` names one); where there is none,
    downloaded through torchvision, which takes minutes, and kept.

    Args:
        split: "background" (30 alphabets, 964 characters), "evaluation" (20, 659) or "all"; labels
            count from 0 each.

    Returns:
        Images (N, 1, 28, 28) with ink = 1; factors "script", which numbers the alphabets of the
        split by name, and "drawer", 0 to 19; class names such as "Hebrew/character01".

    Raises:
        ValueError: split is none of the three.
        RuntimeError: the file is nowhere and cannot be downloaded.

    Source: Lake, Salakhutdinov, Tenenbaum 2015, Science 350:1332; MIT licence. Inverted and reduced
        from 105x105.
    """
    _validate.choice("split", split, ("background", "evaluation", "all"))
    arrays = cached("omniglot28.npz", ARRAYS, _downloaded, check=_check)
    chosen = np.flatnonzero((split == "all") | (arrays["evaluation"] == (split == "evaluation")))
    names = arrays["names"][arrays["character"][chosen]]
    # one order, whatever the order in the file
    order = np.lexsort((arrays["drawer"][chosen], names))
    chosen, names = chosen[order], names[order]
    classes, labels = np.unique(names, return_inverse=True)
    _, script = np.unique([name.split("/")[0] for name in names], return_inverse=True)
    return Dataset(
        name=f"omniglot-{split}",
        images=torch.from_numpy(arrays["images"][chosen]).float().div(255)[:, None],
        labels=torch.from_numpy(labels),
        classes=tuple(map(str, classes)),
        factors={
            "script": torch.from_numpy(script),
            "drawer": torch.from_numpy(arrays["drawer"][chosen]).long(),
        },
    )


def _check(arrays: Arrays) -> None:
    """The form that `data/README.md` describes."""
    bytes_shaped("images", arrays["images"], "N", SIDE, SIDE)
    texts("names", arrays["names"])
    size = len(arrays["images"])
    _validate.labels("character", arrays["character"], size=size, n_classes=len(arrays["names"]))
    _validate.labels("drawer", arrays["drawer"], size=size)
    if arrays["evaluation"].shape != (size,) or arrays["evaluation"].dtype != bool:
        raise ValueError(f"evaluation must be True or False for each of {size} images")


def _downloaded() -> Arrays:
    """The whole set in the form of omniglot28.npz, from the images that torchvision downloads."""
    with tempfile.TemporaryDirectory() as folder:
        for background in (True, False):
            download("Omniglot", "omniglot28.npz", root=folder, background=background)
        # .../images_background/Alphabet/character01/0001_20.png: the number of the character, then
        # of the drawer
        files = sorted(Path(folder).glob("*/images_*/*/*/*.png"))
        names = ["/".join(file.parts[-3:-1]) for file in files]
        classes, character = np.unique(names, return_inverse=True)
        images = [
            _reduced(file) for file in ProgressBar(files, desc="reducing Omniglot", leave=False)
        ]
        return {
            "images": np.stack(images),
            "character": character,
            "drawer": np.array([int(file.stem.split("_")[1]) - 1 for file in files]),
            "evaluation": np.array([file.parts[-4] == "images_evaluation" for file in files]),
            "names": classes,
        }


def _reduced(file: Path) -> np.ndarray:
    """A black drawing on white as (28, 28) uint8 with ink = 255."""
    with Image.open(file) as image:
        inverted = ImageOps.invert(image.convert("L"))
        return np.asarray(inverted.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
