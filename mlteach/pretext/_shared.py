"""What the tasks share: boxes cut at random places, and how shortcuts are closed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from mlteach import _validate


def whole_numbers(images: Tensor, most: int, count: int, generator: Generator | None) -> Tensor:
    """(B, count) random whole numbers from 0 to most."""
    device = images.device if generator is None else generator.device
    drawn = torch.randint(most + 1, (len(images), count), generator=generator, device=device)
    return drawn.to(images.device)


def boxes(images: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    """(B, C, side, side): from each image the box whose upper left pixel is (top, left), (B,)."""
    within = torch.arange(side, device=images.device)
    image = torch.arange(len(images), device=images.device)[:, None, None]
    rows, columns = (top[:, None] + within)[:, :, None], (left[:, None] + within)[:, None, :]
    return images[image, :, rows, columns].movedim(3, 1)


def one_channel(images: Tensor, generator: Generator | None) -> Tensor:
    """Every channel of an image becomes the same one of its channels, drawn at random."""
    channel = whole_numbers(images, images.shape[1] - 1, 1, generator)[:, 0]
    image = torch.arange(len(images), device=images.device)
    return images[image, channel][:, None].expand_as(images)


def standardised(patches: Tensor) -> Tensor:
    """(..., C, h, w): each channel of each patch with mean 0 and standard deviation 1.

    A channel without contrast becomes 0.
    """
    centred = patches - patches.mean((-2, -1), keepdim=True)
    return centred / (centred.square().mean((-2, -1), keepdim=True).sqrt() + 1e-2)


class Classifier(nn.Module):
    """What the methods share whose question has one of several answers.

    Args:
        encoder: module (B, ...) -> (B, D).
        head: module (B, D), or so many of them side by side -> (B, answers), logits.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module):
        super().__init__()
        _validate.modules(encoder=encoder, head=head)
        self.encoder, self.head = encoder, head

    def encode(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, D), the representation: what comes before the head."""
        return _validate.outputs("encoder", self.encoder, x)

    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Nothing to move."""


def classified(head: nn.Module, h: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy of the head's answers to h (B, D), and {"logits", "accuracy"} for figures."""
    logits = _validate.outputs("head", head, h)
    labels = _validate.labels("labels", labels, size=len(h)).to(h.device)
    if len(labels) == 0:
        raise ValueError("labels must be at least one, got none: the batch is empty")
    if labels.max() >= logits.shape[1]:
        given = f"{logits.shape[1]} for labels up to {int(labels.max())}"
        raise ValueError(f"head must give a logit for each of the labels, got {given}")
    hits = logits.argmax(1) == labels
    aux = {"logits": logits.detach(), "accuracy": hits.float().mean()}
    return F.cross_entropy(logits, labels), aux


def together(encoder: nn.Module, parts: Sequence[Tensor], *, of: str) -> Tensor:
    """(B, T * D): what the encoder makes of T parts, all in one batch, side by side."""
    h = _validate.outputs("encoder", encoder, torch.cat(list(parts)), of=of)
    return torch.cat(h.chunk(len(parts)), 1)
