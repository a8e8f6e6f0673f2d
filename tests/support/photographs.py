"""A few dozen real photographs, cut from those that scikit-learn and matplotlib ship."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import sklearn.datasets
from PIL import Image

SIDE = 80  # pixels of a piece


def photographs(per_class: int = 12) -> dict[str, list[Image.Image]]:
    """Class → square pieces of one photograph, in colour, from all over it."""
    shipped = Path(sklearn.datasets.__file__).parent / "images"
    files = {
        "temple": shipped / "china.jpg",
        "flower": shipped / "flower.jpg",
        "portrait": Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
    }
    return {name: _pieces(file, per_class) for name, file in files.items()}


def _pieces(file: Path, count: int) -> list[Image.Image]:
    with Image.open(file) as image:
        whole = image.convert("RGB")
    across, down = whole.width // SIDE, whole.height // SIDE
    places = [(SIDE * x, SIDE * y) for y in range(down) for x in range(across)]
    chosen = [places[i * len(places) // count] for i in range(count)]
    return [whole.crop((x, y, x + SIDE, y + SIDE)) for x, y in chosen]


def write_photographs(folder: Path, per_class: int = 12) -> Path:
    """One sub-folder a class, with files of every kind that cameras and programs write."""
    kinds = (".png", ".jpg", ".JPG", ".webp", ".tif", ".bmp", " copy.jpeg", ".gif")
    for name, pieces in photographs(per_class).items():
        (folder / name).mkdir(parents=True)
        for number, piece in enumerate(pieces):
            piece.save(folder / name / f"{name} {number:02}{kinds[number % len(kinds)]}")
    return folder
