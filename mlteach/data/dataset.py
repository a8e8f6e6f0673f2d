"""What every data set of images is: images, labels, their names, and other known factors."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """N labelled images in memory.

    Args:
        name: what the set is called.
        images: (N, channels, height, width) float32 in [0, 1].
        labels: (N,) int64, 0..C-1.
        classes: name of each of the C labels.
        factors: (N,) each: what else is known of an image, such as "hue" or "drawer".
    """

    name: str
    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    factors: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.images.shape[1:]))
        factors = ", ".join(self.factors) or "none"
        return (
            f"Dataset {self.name}: {len(self):,} images {shape}, "
            f"{len(self.classes)} classes, factors: {factors}"
        )

    def subset(self, index: Tensor) -> Dataset:
        """The images that a boolean mask (N,) or integers (M,) pick; labels keep their meaning."""
        factors = {name: values[index] for name, values in self.factors.items()}
        return replace(self, images=self.images[index], labels=self.labels[index], factors=factors)
