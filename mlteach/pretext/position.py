"""Relative position: where does this patch lie, seen from that one?"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.pretext._shared import (
    Classifier,
    boxes,
    classified,
    one_channel,
    standardised,
    together,
    whole_numbers,
)

# (down, right) of the eight neighbours, row by row, without the centre
STEPS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


def relative_position(
    images: Tensor,
    *,
    patch: int,
    gap: int = 0,
    jitter: int = 0,
    drop_colour: bool = False,
    normalise: bool = False,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Cuts two patches out of every image: a centre and one of its eight neighbours, the label.

    The 3 x 3 arrangement lies anywhere in the image where it fits, so that a patch alone tells
    little of the answer. Without gap and jitter the two patches touch: whether edges and shades go
    on across the border gives the answer away, whatever the image shows.

    Args:
        images: (B, C, H, W) floating-point with H, W >= 3 * patch + 2 * gap + 2 * jitter; not
            changed.
        patch: pixels of a patch's side, >= 1.
        gap: pixels between neighbouring places, >= 0.
        jitter: each of the two patches is moved by up to so many pixels in both directions, >= 0;
            between them are gap - 2 * jitter to gap + 2 * jitter pixels: below 0 they share some.
        drop_colour: both patches show one and the same channel of their image, drawn at random, in
            place of all, so that the channels' shift against each other, which a lens makes, is
            gone.
        normalise: each channel of each patch gets mean 0 and standard deviation 1.
        generator: source of the draws.

    Returns:
        Centre and neighbour, (B, C, patch, patch) each, and (B,) labels 0 to 7, each equally
        likely: row by row, 0 is above left, 1 above, 3 left, 4 right, 7 below right.

    Raises:
        TypeError, ValueError: an argument is not as described, or the arrangement does not fit.

    Source: Doersch, Gupta, Efros 2015, arXiv:1505.05192, Section 3. There the two other channels
        become noise, or the green-magenta axis is projected out; here one takes the place of all.
    """
    _validate.images("images", images, unit=False)
    patch = _validate.count("patch", patch)
    gap = _validate.count("gap", gap, at_least=0)
    jitter = _validate.count("jitter", jitter, at_least=0)
    drop_colour = _validate.flag("drop_colour", drop_colour)
    normalise = _validate.flag("normalise", normalise)
    _validate.generator("generator", generator)
    _validate.finite("images", images)
    span = 3 * patch + 2 * gap + 2 * jitter
    if span > min(images.shape[2:]):
        raise ValueError(
            f"3 * patch + 2 * gap + 2 * jitter must fit into images of "
            f"{images.shape[2]} x {images.shape[3]}, got {span}"
        )
    labels = whole_numbers(images, 7, 1, generator)[:, 0]
    top, left = (
        whole_numbers(images, side - span, 1, generator)[:, 0] for side in images.shape[2:]
    )
    moved = whole_numbers(images, 2 * jitter, 4, generator)  # from the least place on
    if drop_colour:
        images = one_channel(images, generator)
    step = torch.tensor(STEPS, device=images.device)[labels] + 1  # (B, 2): 1 is the centre's
    here = patch + gap
    centre = boxes(images, top + here + moved[:, 0], left + here + moved[:, 1], patch)
    top, left = top + step[:, 0] * here, left + step[:, 1] * here
    neighbour = boxes(images, top + moved[:, 2], left + moved[:, 3], patch)
    if normalise:
        centre, neighbour = standardised(centre), standardised(neighbour)
    return centre, neighbour, labels


class RelativePosition(Classifier):
    """Learns by saying where one patch lies, seen from another.

    >>> draw = recipes.pretext_batches(images, partial(relative_position, patch=8, gap=2, jitter=2))

    Args:
        encoder: module (B, ...) -> (B, D), for either patch.
        head: module (B, 2 * D) -> (B, 8): of the centre's representation and the neighbour's after
            it the logits of the eight places.

    Raises:
        TypeError, ValueError: encoder or head is no network; by `loss`, they do not fit the patches
            or each other.

    Source: Doersch, Gupta, Efros 2015, arXiv:1505.05192, Section 3.1.
    """

    def loss(
        self, centre: Tensor, neighbour: Tensor, labels: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the eight places, in nats; log 8 for a network that cannot tell.

        Args:
            centre: (B, C, h, w).
            neighbour: (B, C, h, w).
            labels: (B,) 0 to 7, see `relative_position`.

        Returns:
            () and {"logits" (B, 8), "accuracy" ()}.
        """
        if (
            _validate.floats("neighbour", neighbour).shape
            != _validate.floats("centre", centre).shape
        ):
            given = f"{tuple(centre.shape)} and {tuple(neighbour.shape)}"
            raise ValueError(f"centre and neighbour must be of one shape, got {given}")
        h = together(self.encoder, (centre, neighbour), of="centre and neighbour")
        return classified(self.head, h, labels)
