"""Views made of two pictures, and the soft labels that go with them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from scipy.special import betaincinv
from torch import Generator, Tensor

from mlteach.views._shared import check_images, draw_device


def mixup(
    images: Tensor,
    labels: Tensor,
    *,
    n_classes: int,
    alpha: float = 0.2,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Blend every picture with another one of the batch, and its label in the same proportion.

    .. math:: \tilde x = \lambda x_i + (1 - \lambda) x_j, \quad \tilde y = \lambda y_i + (1 - \lambda) y_j, \quad
              \lambda \sim \text{Beta}(\alpha, \alpha)

    with y one-hot. Every picture has its own share; the partners j are a permutation of the batch.

    Args:
        images: (B, C, H, W) float pictures; not changed.
        labels: (B,) integer classes, 0 to n_classes - 1.
        n_classes: C, the width of the soft labels.
        alpha: > 0; towards 0 the shares go to 0 or 1, at 1 they are uniform, towards infinity all
            are 1/2.
        generator: source of the draws.

    Returns:
        The blended pictures (B, C, H, W) and their soft labels (B, n_classes), whose rows add up to
        1; `torch.nn.functional.cross_entropy` takes both.

    Raises:
        TypeError: images is no float tensor, or labels no integer one.
        ValueError: the shapes do not fit, a label is outside 0 ... n_classes - 1, or alpha is not >
            0.

    Source: Zhang et al. 2018, arXiv:1710.09412, Section 2; the authors' code draws one share for a
        whole batch.
    """
    partner, share = _draw_pairs(images, labels, n_classes, alpha, generator)
    return blend(images, images[partner], share), soft_labels(
        labels, labels[partner], share, n_classes=n_classes
    )


def cutmix(
    images: Tensor,
    labels: Tensor,
    *,
    n_classes: int,
    alpha: float = 1.0,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Paste a box of another picture of the batch into every picture, and share the label by area.

    .. math:: \tilde x = M \odot x_i + (1 - M) \odot x_j, \quad \tilde y = \bar M y_i + (1 - \bar M) y_j

    with M 0 inside the box and 1 elsewhere, and its mean over the picture \bar M. The box has the
    picture's aspect ratio and the area 1 - λ, λ ~ Beta(α, α); its centre is uniform over the
    picture, so that a part of the box can fall outside. The label goes by the pixels that are
    really pasted.

    Args:
        images: (B, C, H, W) float pictures; not changed.
        labels: (B,) integer classes, 0 to n_classes - 1.
        n_classes: C, the width of the soft labels.
        alpha: > 0; at 1 the area of the box is uniform before it is clipped.
        generator: source of the draws.

    Returns:
        The pictures (B, C, H, W) and their soft labels (B, n_classes), whose rows add up to 1.

    Raises:
        TypeError, ValueError: as `mixup`.

    Source: Yun et al. 2019, arXiv:1905.04899, Section 3.1; its Algorithm 1 draws one box for a
        whole batch.
    """
    partner, share = _draw_pairs(images, labels, n_classes, alpha, generator)
    centre = torch.rand(len(images), 2, generator=generator, device=draw_device(images, generator))
    mixed, kept = paste(images, images[partner], share, centre.to(images))
    return mixed, soft_labels(labels, labels[partner], kept, n_classes=n_classes)


def blend(images: Tensor, others: Tensor, share: Tensor) -> Tensor:
    """`mixup` without its chance: share (B,) of each picture and 1 - share of its partner in
    others.
    """
    weight = share[:, None, None, None]
    return weight * images + (1 - weight) * others


def paste(images: Tensor, others: Tensor, share: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """`cutmix` without its chance: a box of others, of area 1 - share (B,), pasted around centre
    (B, 2).

    The centre is x, y from 0 to 1 across the picture. Returns the pictures and the share (B,) of
    pixels kept.
    """
    half = (1 - share).clamp(min=0).sqrt() / 2  # half a side of the box, of a picture with sides 1
    inside = []
    for axis, side in enumerate((images.shape[3], images.shape[2])):  # x, then y
        start = (side * (centre[:, axis] - half)).round()[:, None]
        end = (side * (centre[:, axis] + half)).round()[:, None]
        pixel = torch.arange(side).to(images)
        inside.append((start <= pixel) & (pixel < end))  # (B, side)
    box = inside[1][:, :, None] & inside[0][:, None, :]  # (B, H, W)
    return torch.where(box[:, None], others, images), 1 - box.to(images).mean((1, 2))


def soft_labels(labels: Tensor, others: Tensor, share: Tensor, *, n_classes: int) -> Tensor:
    """(B, n_classes): share (B,) of each label and the rest of its partner's, both (B,) integers."""
    own, other = F.one_hot(labels, n_classes), F.one_hot(others, n_classes)
    return share[:, None] * own + (1 - share[:, None]) * other


def _draw_pairs(
    images: Tensor, labels: Tensor, n_classes: int, alpha: float, generator: Generator | None
) -> tuple[Tensor, Tensor]:
    """A partner and a share for every picture, (B,) each."""
    check_images(images)
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
        given = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        raise TypeError(f"labels must be an int64 tensor, got {given}")
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"labels must be ({len(images)},), one for each picture, got shape {tuple(labels.shape)}"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < n_classes:
        raise ValueError(
            f"labels must be in 0 ... {n_classes - 1}, got {labels.min()} to {labels.max()}"
        )
    device = draw_device(images, generator)
    partner = torch.randperm(len(images), generator=generator, device=device).to(images.device)
    return partner, draw_shares(images, alpha, generator)


def draw_shares(images: Tensor, alpha: float, generator: Generator | None) -> Tensor:
    """(B,) draws from Beta(alpha, alpha); the same draw has the same rank among the shares at every
    alpha.
    """
    if not 0 < alpha < math.inf:
        raise ValueError(f"alpha must be a finite number > 0, got {alpha}")
    device = draw_device(images, generator)
    draws = torch.rand(len(images), generator=generator, device=device, dtype=torch.float64)
    return torch.as_tensor(betaincinv(alpha, alpha, draws.cpu().numpy())).to(images)
