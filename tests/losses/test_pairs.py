"""Contrastive loss and triplet loss: definitions, properties, and the mistakes people make."""

from __future__ import annotations

import math

import pytest
import torch
from support.numbers import assert_equal, normal

from mlteach.losses import contrastive_loss, triplet_loss
from mlteach.mistakes import mistakes_in

# Contrastive loss

SAME = torch.tensor([True, False, False, True, False, False])


def naive_contrastive_loss(x1, x2, same, margin):
    """Hadsell et al. 2006, Eq. (4), one pair at a time."""
    total = 0.0
    for u, v, together in zip(x1.tolist(), x2.tolist(), same.tolist(), strict=True):
        distance = math.dist(u, v)
        total += distance**2 / 2 if together else max(0, margin - distance) ** 2 / 2
    return total / len(x1)


def assert_is_contrastive_loss(loss):
    """Value and gradient of the definition on both sides of the margin; no force at distance 0."""
    x1, x2 = normal(6, 3), normal(6, 3, seed=1)
    distances = torch.linalg.vector_norm(x1 - x2, dim=1)
    for margin in (1.0, 3.0, 5.0):
        assert_equal(
            loss(x1, x2, SAME, margin=margin),
            naive_contrastive_loss(x1, x2, SAME, margin),
            tolerance=1e-12,
        )
    # margin 3 has different pairs on both sides
    assert 0 < (distances[~SAME] < 3).sum() < (~SAME).sum()
    inputs = (x1.requires_grad_(), x2.requires_grad_())
    assert torch.autograd.gradcheck(
        lambda a, b: loss(a, b, SAME, margin=3.0), inputs, raise_exception=False
    )
    coincident = normal(6, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(
        loss(coincident, coincident.detach(), SAME, margin=1.0), coincident
    )
    assert gradient.eq(0).all()


def test_contrastive_loss_equals_the_definition():
    """Value and gradient are those of the formula."""
    assert_is_contrastive_loss(contrastive_loss)


@pytest.mark.parametrize("mistake", mistakes_in(contrastive_loss), ids=str)
def test_contrastive_loss_catches(mistake):
    """Each mistake fails the properties that the right function passes."""
    with pytest.raises(AssertionError):
        assert_is_contrastive_loss(mistake)


def test_contrastive_loss_by_hand():
    """Distance 5: 25 / 2 together; apart, (7 - 5)² / 2 or 0; coincident margin² / 2."""
    x1, x2 = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    same, different = torch.tensor([True]), torch.tensor([False])
    assert contrastive_loss(x1, x2, same).item() == 12.5
    assert contrastive_loss(x1, x2, different, margin=7).item() == 2
    assert contrastive_loss(x1, x2, different, margin=5).item() == 0
    assert contrastive_loss(x1, x1, same).item() == 0
    assert contrastive_loss(x1, x1, different, margin=3).item() == 4.5


def test_contrastive_loss_takes_zeros_and_ones():
    """1 means same, as True does, in any number type."""
    x1, x2 = normal(6, 3), normal(6, 3, seed=1)
    for dtype in (torch.int64, torch.float32):
        assert contrastive_loss(x1, x2, SAME.to(dtype)).equal(contrastive_loss(x1, x2, SAME))


def test_contrastive_loss_symmetries():
    """The two of a pair may be swapped, pairs reordered, the space moved and rotated."""
    x1, x2 = normal(6, 3), normal(6, 3, seed=1)
    loss = contrastive_loss(x1, x2, SAME, margin=3)
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    rotation = torch.linalg.qr(normal(3, 3, seed=2)).Q
    for same in [
        (x2, x1, SAME),
        (x1[order], x2[order], SAME[order]),
        (x1 @ rotation + 1, x2 @ rotation + 1, SAME),
    ]:
        torch.testing.assert_close(contrastive_loss(*same, margin=3), loss, rtol=1e-12, atol=1e-12)


# Triplet loss


def naive_triplet_loss(anchor, positive, negative, margin):
    """Schroff et al. 2015, Section 3.1, one triplet at a time."""
    total = 0.0
    for a, p, n in zip(anchor.tolist(), positive.tolist(), negative.tolist(), strict=True):
        total += max(0, math.dist(a, p) ** 2 - math.dist(a, n) ** 2 + margin)
    return total / len(anchor)


def triplets():
    """Eight triplets; at margin 1 some are active and some are not."""
    return normal(8, 3), normal(8, 3, seed=1), normal(8, 3, seed=2)


def assert_is_triplet_loss(loss):
    """Value and gradient of the definition, for active and inactive triplets."""
    for margin in (0.0, 0.2, 1.0, 10.0):
        assert_equal(
            loss(*triplets(), margin=margin),
            naive_triplet_loss(*triplets(), margin),
            tolerance=1e-12,
        )
    inputs = [x.requires_grad_() for x in triplets()]
    assert torch.autograd.gradcheck(
        lambda a, p, n: loss(a, p, n, margin=1.0), inputs, raise_exception=False
    )


def test_triplet_loss_equals_the_definition():
    """Value and gradient are those of the formula."""
    assert_is_triplet_loss(triplet_loss)


def squared(x, y):
    """Squared distance of each pair."""
    return (x - y).square().sum(1)


@pytest.mark.parametrize("mistake", mistakes_in(triplet_loss), ids=str)
def test_triplet_loss_catches(mistake):
    """Each mistake fails the properties that the right function passes."""
    with pytest.raises(AssertionError):
        assert_is_triplet_loss(mistake)


def test_triplet_loss_by_hand():
    """Squared distances 1 and 4: 0 up to margin 3, then margin - 3; the margin for equal rows."""
    anchor = torch.tensor([[0.0, 0.0]])
    positive = torch.tensor([[1.0, 0.0]])
    negative = torch.tensor([[0.0, 2.0]])
    assert triplet_loss(anchor, positive, negative, margin=3).item() == 0
    assert triplet_loss(anchor, positive, negative, margin=5).item() == 2
    assert triplet_loss(anchor, anchor, anchor, margin=0.25).item() == 0.25


def test_triplet_loss_gradient_by_hand():
    """An active triplet moves its anchor along 2 (negative - positive) / B, others move nothing."""
    anchor, positive, negative = triplets()
    anchor.requires_grad_()
    triplet_loss(anchor, positive, negative, margin=1).backward()
    active = squared(anchor, positive) - squared(anchor, negative) + 1 > 0
    assert 0 < active.sum() < 8
    torch.testing.assert_close(anchor.grad, active[:, None] * 2 * (negative - positive) / 8)


def test_triplet_loss_symmetries():
    """Triplets may be reordered, the space moved and rotated."""
    a, p, n = triplets()
    loss = triplet_loss(a, p, n)
    rotation = torch.linalg.qr(normal(3, 3, seed=3)).Q
    for same in [(a.flip(0), p.flip(0), n.flip(0)), [x @ rotation + 1 for x in (a, p, n)]]:
        torch.testing.assert_close(triplet_loss(*same), loss, rtol=1e-12, atol=1e-12)
