"""Views made of two images, and the soft labels that go with them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy.special import betaincinv
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.views._shared import draw_device


def mixup(
    images: Tensor,
    labels: Tensor,
    *,
    n_classes: int,
    alpha: float = 0.2,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Blend every image with another one of the batch, and its label in the same proportion.

    .. math:: \tilde x = \lambda x_i + (1 - \lambda) x_j, \quad
              \tilde y = \lambda y_i + (1 - \lambda) y_j, \quad
              \lambda \sim \text{Beta}(\alpha, \alpha)

    with y one-hot. Every image has its own share; the partners j are a permutation of the batch.

    Args:
        images: (B, C, H, W) float images; not changed.
        labels: (B,) integer classes, 0 to n_classes - 1.
        n_classes: C, the width of the soft labels.
        alpha: > 0; towards 0 the shares go to 0 or 1, at 1 they are uniform, towards infinity all
            are 1/2.
        generator: source of the draws.

    Returns:
        The blended images (B, C, H, W) and their soft labels (B, n_classes), whose rows add up to
        1; `torch.nn.functional.cross_entropy` takes both.

    Raises:
        TypeError: images is no float tensor, or labels no integer one.
        ValueError: the shapes do not fit, a label is outside 0 ... n_classes - 1, or alpha <= 0.

    Source: Zhang et al. 2018, arXiv:1710.09412, Section 2; the authors' code draws one share for a
        whole batch.
    """
    labels, partner, share = _draw_pairs(images, labels, n_classes, alpha, generator)
    mixed = blend(images, images[partner], share)
    return mixed, soft_labels(labels, labels[partner], share, n_classes=n_classes)


def cutmix(
    images: Tensor,
    labels: Tensor,
    *,
    n_classes: int,
    alpha: float = 1.0,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Paste a box of another image of the batch into every image, and share the label by area.

    .. math:: \tilde x = M \odot x_i + (1 - M) \odot x_j, \quad
              \tilde y = \bar M y_i + (1 - \bar M) y_j

    with M 0 inside the box and 1 elsewhere, and its mean over the image \bar M. The box has the
    image's aspect ratio and the area 1 - λ, λ ~ Beta(α, α); its centre is uniform over the
    image, so that a part of the box can fall outside. The label goes by the pixels that are
    really pasted.

    Args:
        images: (B, C, H, W) float images; not changed.
        labels: (B,) integer classes, 0 to n_classes - 1.
        n_classes: C, the width of the soft labels.
        alpha: > 0; at 1 the area of the box is uniform before it is clipped.
        generator: source of the draws.

    Returns:
        The images (B, C, H, W) and their soft labels (B, n_classes), whose rows add up to 1.

    Raises:
        TypeError, ValueError: as `mixup`.

    Source: Yun et al. 2019, arXiv:1905.04899, Section 3.1; its Algorithm 1 draws one box for a
        whole batch.
    """
    labels, partner, share = _draw_pairs(images, labels, n_classes, alpha, generator)
    centre = torch.rand(len(images), 2, generator=generator, device=draw_device(images, generator))
    mixed, kept = paste(images, images[partner], share, centre.to(images))
    return mixed, soft_labels(labels, labels[partner], kept, n_classes=n_classes)


def blend(images: Tensor, others: Tensor, share: Tensor) -> Tensor:
    """`mixup` at given shares (B,): share of each image, 1 - share of its partner in others.

    Args:
        images, others: (B, C, H, W) float images in [0, 1], one partner for each.
        share: (B,) in [0, 1].

    Raises:
        TypeError, ValueError: an argument is not as described.
    """
    _check_pairs(images, others)
    share = _shares(share, images)
    weight = share[:, None, None, None]
    return weight * images + (1 - weight) * others


def paste(images: Tensor, others: Tensor, share: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """`cutmix` at given places: a box of others, of area 1 - share (B,), around centre (B, 2).

    The centre is x, y from 0 to 1 across the image, or outside of it. Returns the images and the
    share (B,) of pixels kept.

    Raises:
        TypeError, ValueError: images and others are not (B, C, H, W) float images in [0, 1] of one
            shape, share is not (B,) in [0, 1], or centre not (B, 2) finite floats.
    """
    _check_pairs(images, others)
    share = _shares(share, images)
    _validate.shaped("centre", _validate.floats("centre", centre), len(images), 2)
    _validate.finite("centre", centre)
    half = (1 - share).clamp(min=0).sqrt() / 2  # half a side of the box, of an image with sides 1
    inside = []
    for axis, side in enumerate((images.shape[3], images.shape[2])):  # x, then y
        start = (side * (centre[:, axis] - half)).round()[:, None]
        end = (side * (centre[:, axis] + half)).round()[:, None]
        pixel = torch.arange(side, device=images.device).to(images)
        inside.append((start <= pixel) & (pixel < end))  # (B, side)
    box = inside[1][:, :, None] & inside[0][:, None, :]  # (B, H, W)
    return torch.where(box[:, None], others, images), 1 - box.to(images).mean((1, 2))


def soft_labels(labels: Tensor, others: Tensor, share: Tensor, *, n_classes: int) -> Tensor:
    """(B, n_classes): share (B,) of each label, 1 - share of its partner's, both (B,) integers.

    Raises:
        TypeError, ValueError: a label is no integer in 0 ... n_classes - 1, a share is outside
            [0, 1], or the lengths differ.
    """
    n_classes = _validate.count("n_classes", n_classes)
    labels = _validate.labels("labels", labels, n_classes=n_classes)
    others = _validate.labels("others", others, size=len(labels), n_classes=n_classes)
    share = _shares(share, labels)
    own, other = F.one_hot(labels, n_classes), F.one_hot(others, n_classes)
    return share[:, None] * own + (1 - share[:, None]) * other


def _check_pairs(images: Tensor, others: Tensor) -> None:
    _validate.images("images", images)
    _validate.images("others", others)
    if images.shape != others.shape:
        given = f"{tuple(images.shape)} and {tuple(others.shape)}"
        raise ValueError(f"images and others must be of one shape, got {given}")


def _shares(share: Tensor, of: Tensor) -> Tensor:
    """(B,) numbers in [0, 1], one for each."""
    share = _validate.as_tensor("share", share)
    _validate.shaped("share", _validate.floats("share", share), len(of))
    if len(share) and not _validate.holds(((share >= 0) & (share <= 1)).all()):
        raise ValueError(f"share must be in [0, 1], got {share.min():g} to {share.max():g}")
    return share


def _draw_pairs(
    images: Tensor, labels: Tensor, n_classes: int, alpha: float, generator: Generator | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The labels, and a partner and a share for every image, (B,) each."""
    _validate.images("images", images)
    n_classes = _validate.count("n_classes", n_classes)
    labels = _validate.labels("labels", labels, size=len(images), n_classes=n_classes)
    _validate.generator("generator", generator)
    device = draw_device(images, generator)
    partner = torch.randperm(len(images), generator=generator, device=device).to(images.device)
    return labels, partner, draw_shares(images, alpha, generator)


def draw_shares(images: Tensor, alpha: float, generator: Generator | None) -> Tensor:
    """(B,) draws from Beta(alpha, alpha); a draw keeps its rank among the shares at every alpha."""
    alpha = float(_validate.number("alpha", alpha, above=0))
    device = draw_device(images, generator)
    draws = torch.rand(len(images), generator=generator, device=device, dtype=torch.float64)
    return torch.from_numpy(betaincinv(alpha, alpha, draws.cpu().numpy())).to(images)
