"""Rotation: which side is up?"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.pretext._shared import Classifier, classified, whole_numbers


def rotate(images: Tensor, *, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
    """Turns every image by a random multiple of 90 degrees, which is its label.

    Args:
        images: (B, C, H, H) floating-point, square; not changed.
        generator: source of the draws.

    Returns:
        (B, C, H, H) and (B,) labels 0 to 3, each equally likely: quarter turns anticlockwise, as
        `torch.rot90` counts them. No pixel is interpolated and none is lost.

    Raises:
        TypeError, ValueError: images is no float tensor of square images, or generator is none.

    Source: Gidaris, Singh, Komodakis 2018, arXiv:1803.07728, Section 3.1; see `all_rotations`.
    """
    _check_square(images)
    _validate.generator("generator", generator)
    labels = whole_numbers(images, 3, 1, generator)[:, 0]
    rotated = images.clone()
    for turns in (1, 2, 3):
        members = labels == turns
        rotated[members] = images[members].rot90(turns, (2, 3))
    return rotated, labels


def all_rotations(images: Tensor) -> tuple[Tensor, Tensor]:
    """Every image in all four positions, side by side in one batch.

    What an image has besides its direction is the same four times, and can be no excuse.

    Args:
        images: (B, C, H, H) floating-point, square.

    Returns:
        (4 * B, C, H, H) and (4 * B,) labels: all images as they are, then all of them after one
        quarter turn anticlockwise, and so on.

    Raises:
        TypeError, ValueError: images is no float tensor of square images.

    Source: Gidaris, Singh, Komodakis 2018, arXiv:1803.07728, Section 3.1, which recommends it over
        one rotation, drawn.
    """
    _check_square(images)
    rotated = torch.cat([images.rot90(turns, (2, 3)) for turns in range(4)])
    return rotated, torch.arange(4, device=images.device).repeat_interleave(len(images))


class Rotation(Classifier):
    """Learns by saying how an image was turned.

    >>> draw = recipes.pretext_batches(images, rotate)

    Args:
        encoder: module (B, ...) -> (B, D).
        head: module (B, D) -> (B, 4), logits of the four rotations.

    Raises:
        TypeError, ValueError: encoder or head is no network; by `loss`, they do not fit the images
            or each other.

    Source: Gidaris, Singh, Komodakis 2018, arXiv:1803.07728, Eq. (2).
    """

    def loss(self, rotated: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the four rotations, in nats; log 4 for a network that cannot tell.

        Args:
            rotated: (B, C, H, H) images that `rotate` has turned.
            labels: (B,) 0 to 3.

        Returns:
            () and {"logits" (B, 4), "accuracy" ()}.
        """
        h = _validate.outputs("encoder", self.encoder, rotated, of="rotated")
        return classified(self.head, h, labels)


def _check_square(images: Tensor) -> None:
    _validate.images("images", images, unit=False)
    if images.shape[2] != images.shape[3]:
        raise ValueError(f"images must be square, got shape {tuple(images.shape)}")
