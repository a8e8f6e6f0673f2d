"""The supervised contrastive loss: its definition, properties, and the mistakes people make."""

from __future__ import annotations

import math

import pytest
import torch
from support.numbers import assert_equal, normal

from mlteach.losses import nt_xent, supervised_contrastive
from mlteach.mistakes import mistakes_in


def cosine(u, v):
    """Cosine of two lists."""
    return sum(a * b for a, b in zip(u, v, strict=True)) / math.hypot(*u) / math.hypot(*v)


LABELS = torch.tensor([0, 1, 0, 2, 1, 0])  # label 2 has no partner


def naive_supervised_contrastive(z, labels, temperature):
    """Khosla et al. 2020, Eq. (2): one anchor and one positive at a time, averaged over anchors."""
    z, n = z.tolist(), len(z)
    losses = []
    for i in range(n):
        positives = [p for p in range(n) if p != i and labels[p] == labels[i]]
        denominator = sum(math.exp(cosine(z[i], z[a]) / temperature) for a in range(n) if a != i)
        terms = [
            math.log(math.exp(cosine(z[i], z[p]) / temperature) / denominator) for p in positives
        ]
        if positives:
            losses.append(-sum(terms) / len(positives))
    return sum(losses) / len(losses)


def assert_is_supervised_contrastive(loss):
    """Value and gradient are those of the definition, also where anchors have no positive."""
    for temperature in (0.1, 0.5, 2.0):
        for labels in (LABELS, torch.tensor([7, 7, 7, -1, -1, 7]), torch.zeros(6)):
            z = 3 * normal(6, 3)
            number = naive_supervised_contrastive(z, labels.tolist(), temperature)
            assert_equal(loss(z, labels, temperature=temperature), number)
    inputs = [normal(6, 2).requires_grad_(), torch.tensor(0.4).double().requires_grad_()]
    assert torch.autograd.gradcheck(
        lambda z, t: loss(z, LABELS, temperature=t), inputs, raise_exception=False
    )


def test_equals_the_definition():
    """Value and gradient are those of the formula."""
    assert_is_supervised_contrastive(supervised_contrastive)


@pytest.mark.parametrize("mistake", mistakes_in(supervised_contrastive), ids=str)
def test_catches(mistake):
    """Each mistake fails the properties that the right function passes."""
    with pytest.raises(AssertionError):
        assert_is_supervised_contrastive(mistake)


def test_is_nt_xent_when_each_image_is_a_class():
    """Two views and one label an image: the only positive is the other view."""
    z1, z2 = normal(5, 3), normal(5, 3, seed=1)
    loss = supervised_contrastive(torch.cat([z1, z2]), torch.arange(5).repeat(2), temperature=0.3)
    torch.testing.assert_close(loss, nt_xent(z1, z2, temperature=0.3), rtol=1e-12, atol=1e-12)


def test_when_all_rows_coincide():
    """log(N - 1): N - 1 equal candidates."""
    assert_equal(supervised_contrastive(normal(1, 3).expand(6, 3), LABELS), math.log(5))


def test_without_any_pair():
    """No two labels are equal: 0, and a gradient of 0 that still arrives."""
    z = normal(4, 3).requires_grad_()
    loss = supervised_contrastive(z, torch.arange(4))
    loss.backward()
    assert loss.item() == 0
    assert z.grad.eq(0).all()


def test_symmetries():
    """Rows may be reordered with their labels, labels renamed, rows rescaled."""
    z = normal(6, 3)
    loss = supervised_contrastive(z, LABELS)
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    for same in [
        (z[order], LABELS[order]),
        (z, 10 - LABELS),
        (z * normal(6, 1, seed=3).exp(), LABELS),
    ]:
        torch.testing.assert_close(supervised_contrastive(*same), loss, rtol=1e-12, atol=1e-12)
