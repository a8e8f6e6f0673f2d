"""Small pieces of two real photographs, which scikit-learn ships."""

from __future__ import annotations

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.data.cache import on_cpu
from mlteach.data.dataset import Dataset

PIECES = ("sky", "pagoda", "trees", "petals", "leaves")
# where they lie: photograph, then left, top, right and bottom in pixels
Area = tuple[str, int, int, int, int]
AREAS: dict[str, dict[str, Area]] = {
    "train": {
        "sky": ("china.jpg", 350, 0, 495, 190),
        "pagoda": ("china.jpg", 90, 100, 325, 215),
        "trees": ("china.jpg", 350, 295, 570, 427),
        "petals": ("flower.jpg", 180, 95, 310, 350),
        "leaves": ("flower.jpg", 0, 0, 150, 427),
    },
    "test": {
        "sky": ("china.jpg", 495, 0, 640, 190),
        "pagoda": ("china.jpg", 85, 215, 330, 330),
        "trees": ("china.jpg", 0, 345, 300, 427),
        "petals": ("flower.jpg", 310, 95, 430, 350),
        "leaves": ("flower.jpg", 470, 0, 640, 350),
    },
}


@on_cpu
def photographs(n: int = 2000, seed: int = 0, *, part: str = "train", side: int = 32) -> Dataset:
    """Square pieces of a photograph of a pagoda and one of a flower; the label is what they show.

    Every piece lies within one area that shows one thing only. The areas of the two parts share no
    pixel, so that nothing seen in training comes again in the test; but they are parts of the same
    two photographs, and far more alike than two photographs of the world would be.

    Args:
        n: number of pieces, >= 1, in random order; each class has its n / 5.
        seed: of their places.
        part: "train" or "test".
        side: pixels, 8 to 80.

    Returns:
        Images (n, 3, side, side), multiples of 1/255, at the size of the photographs; labels index
        the classes "sky", "pagoda", "trees", "petals" and "leaves". Factors: "x" and "y", the upper
        left pixel in the photograph.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Source: scikit-learn's `load_sample_image`: china.jpg by danielbuechele and flower.jpg by
        vultilion, on flickr.com, both licensed CC BY 2.0.
    """
    n, seed = _validate.count("n", n), _validate.seed("seed", seed)
    side = _validate.count("side", side, at_least=8, at_most=80)
    areas = AREAS[_validate.choice("part", part, tuple(AREAS))]
    from sklearn.datasets import load_sample_image  # takes a second to import

    photos = {
        name: torch.from_numpy(load_sample_image(name).copy()).movedim(2, 0)
        for name in ("china.jpg", "flower.jpg")
    }
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n)[torch.randperm(n, generator=generator)] % len(PIECES)
    draws = torch.rand(n, 2, generator=generator, dtype=torch.float64)
    images = torch.empty(n, 3, side, side, dtype=torch.uint8)
    corners = torch.empty(n, 2, dtype=torch.long)
    for i, label in enumerate(labels.tolist()):
        name, left, top, right, bottom = areas[PIECES[label]]
        room = torch.tensor([right - left - side + 1, bottom - top - side + 1])
        x, y = (torch.tensor([left, top]) + (draws[i] * room).long()).tolist()
        images[i] = photos[name][:, y : y + side, x : x + side]
        corners[i] = torch.tensor([x, y])
    factors: dict[str, Tensor] = {"x": corners[:, 0], "y": corners[:, 1]}
    return Dataset(f"photographs-{part}", images.float() / 255, labels, PIECES, factors)
