"""Scikit-learn's scanned digits: real, small and offline."""

from __future__ import annotations

import torch

from mlteach import _validate
from mlteach.data.cache import on_cpu
from mlteach.data.dataset import Dataset

N_TEST = 500  # of 1,797


@on_cpu
def digits(split: str = "all") -> Dataset:
    """Handwritten digits of 13 people, scanned and reduced to 8x8.

    Args:
        split: "train" (1,297 images), "test" (500, each digit in its share) or "all"; always the
            same split.

    Returns:
        Images (N, 1, 8, 8) with ink = 1; 1,797 in all.

    Raises:
        ValueError: split is none of the three.

    Source: Alpaydin and Kaynak 1998, UCI repository (its test part), as scikit-learn ships it.
    """
    _validate.choice("split", split, ("train", "test", "all"))
    from sklearn.datasets import load_digits  # takes a second to import

    bunch = load_digits()
    images = torch.from_numpy(bunch.images).float().div(16)[:, None]  # (N, 1, 8, 8)
    labels = torch.from_numpy(bunch.target).long()
    everything = Dataset(f"digits-{split}", images, labels, tuple("0123456789"), {})
    if split == "all":
        return everything
    return everything.subset(_test_part(labels) == (split == "test"))


def _test_part(labels: torch.Tensor) -> torch.Tensor:
    """(N,) bool: a random part of each digit's images, as large as its share of N_TEST."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    generator = torch.Generator().manual_seed(0)
    order = torch.rand(len(labels), generator=generator, dtype=torch.float64).argsort()
    for digit in range(10):
        members = order[labels[order] == digit]
        chosen[members[: round(N_TEST * len(members) / len(labels))]] = True
    return chosen
