"""The supervised contrastive loss: its definition, properties, and the mistakes people make."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mlteach.losses import nt_xent, supervised_contrastive


def normal(*shape, seed=0):
    """Normal random numbers in float64, the same at every call."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cosine(u, v):
    """Cosine of two lists."""
    return sum(a * b for a, b in zip(u, v, strict=True)) / math.hypot(*u) / math.hypot(*v)


def assert_equal(loss, number):
    """A loss equals a number of the naive loop."""
    torch.testing.assert_close(
        loss, torch.tensor(number, dtype=torch.float64), rtol=1e-10, atol=1e-10
    )


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


def right_parts(z, labels, temperature):
    """Right logits with -inf on the diagonal, and the mask of positives."""
    z = F.normalize(z, dim=1)
    diagonal = torch.eye(len(z), dtype=torch.bool)
    return (z @ z.T / temperature).masked_fill(diagonal, -math.inf), (
        labels[:, None] == labels
    ) & ~diagonal


def loss_of(log_probability, positives):
    """Mean over positives, then over the anchors that have one."""
    sums = -torch.where(positives, log_probability, 0).sum(1)
    return (sums / positives.sum(1).clamp(min=1)).sum() / positives.any(1).sum()


def log_of_the_mean(z, labels, *, temperature):
    """L_in: the logarithm of the mean probability instead of the mean of the logarithms."""
    logits, positives = right_parts(z, labels, temperature)
    probability = torch.where(positives, logits.softmax(1), 0).sum(1) / positives.sum(1).clamp(
        min=1
    )
    return -probability[positives.any(1)].log().mean()


def lonely_anchors_counted(z, labels, *, temperature):
    """Anchors without a positive add 0 to the sum and 1 to the count."""
    logits, positives = right_parts(z, labels, temperature)
    return loss_of(logits.log_softmax(1), positives) * positives.any(1).double().mean()


def lonely_rows_dropped(z, labels, *, temperature):
    """Rows without a positive are no negatives either."""
    _, positives = right_parts(z, labels, temperature)
    keep = positives.any(1)
    return supervised_contrastive(z[keep], labels[keep], temperature=temperature)


def self_is_a_candidate(z, labels, *, temperature):
    """The denominator has N terms."""
    logits, positives = right_parts(z, labels, temperature)
    return loss_of(
        logits.diagonal_scatter(torch.full((len(z),), 1 / temperature)).log_softmax(1), positives
    )


def self_is_a_positive(z, labels, *, temperature):
    """Each row is its own positive."""
    logits, positives = right_parts(z, labels, temperature)
    logits = logits.diagonal_scatter(torch.full((len(z),), 1 / temperature))
    return loss_of(logits.log_softmax(1), positives | torch.eye(len(z), dtype=torch.bool))


def one_positive_in_denominator(z, labels, *, temperature):
    """Other positives are left out of the denominator."""
    logits, positives = right_parts(z, labels, temperature)
    negatives = logits.masked_fill(positives, -math.inf).logsumexp(1, keepdim=True)
    return loss_of(logits - torch.logaddexp(logits, negatives), positives)


def mean_over_pairs(z, labels, *, temperature):
    """All positive pairs weigh the same, so large classes weigh more."""
    logits, positives = right_parts(z, labels, temperature)
    return -logits.log_softmax(1)[positives].mean()


def summed_over_positives(z, labels, *, temperature):
    """No division by the number of positives."""
    logits, positives = right_parts(z, labels, temperature)
    return -logits.log_softmax(1)[positives].sum() / positives.any(1).sum()


def labels_flipped(z, labels, *, temperature):
    """Different labels are the positives."""
    logits, _ = right_parts(z, labels, temperature)
    return loss_of(logits.log_softmax(1), labels[:, None] != labels)


def not_normalised(z, labels, *, temperature):
    """Dot products instead of cosines."""
    _, positives = right_parts(z, labels, temperature)
    logits = (z @ z.T / temperature).masked_fill(torch.eye(len(z), dtype=torch.bool), -math.inf)
    return loss_of(logits.log_softmax(1), positives)


def scaled_by_temperature(z, labels, *, temperature):
    """Multiplied by temperature over base temperature, as in widespread code."""
    return supervised_contrastive(z, labels, temperature=temperature) * (temperature / 0.07)


MUTANTS = [
    log_of_the_mean,
    lonely_anchors_counted,
    lonely_rows_dropped,
    self_is_a_candidate,
    self_is_a_positive,
    one_positive_in_denominator,
    mean_over_pairs,
    summed_over_positives,
    labels_flipped,
    not_normalised,
    scaled_by_temperature,
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda f: f.__name__)
def test_catches(mutant):
    """Each mistake fails the properties that the right function passes."""
    with pytest.raises(AssertionError):
        assert_is_supervised_contrastive(mutant)


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
