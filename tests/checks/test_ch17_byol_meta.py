"""The checks of the chapter on both ideas pass what is right, name each mistake, never raise."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import t as student
from support.every_check import EveryCheck

from mlteach import checks
from mlteach.mistakes import mistakes_in, together


def right_one_view(z, i):
    """As a classification of one query among 2B - 1 classes."""
    others = [k for k in range(len(z)) if k != i]
    label = others.index((i + len(z) // 2) % len(z))
    logits = torch.stack([-((z[i] - z[k]) ** 2).sum() for k in others])
    return F.cross_entropy(logits[None], torch.tensor([label]))


def right_zero_head(support, labels, query, lr):
    """Image by image: each pulls the row of its class, and pushes all rows by 1/C."""
    n_way = int(labels.max()) + 1
    head = torch.zeros(n_way, support.shape[1]).to(support)
    for image, label in zip(support, labels, strict=True):
        pull = F.one_hot(label, n_way).to(support) - 1 / n_way
        head = head + lr / len(support) * pull[:, None] * image
    return query @ head.T


def head_by_autograd(support, labels, query, lr):
    head = torch.zeros(int(labels.max()) + 1, support.shape[1]).to(support).requires_grad_()
    loss = F.cross_entropy(support @ head.T, labels)
    (gradient,) = torch.autograd.grad(loss, head, create_graph=True)
    return query @ (head - lr * gradient).T


def right_mixed(z1, z2, labels, temperature):
    """Anchor by anchor."""
    z = F.normalize(torch.cat([z1, z2]))
    n, losses = len(z1), []
    for i in range(2 * n):
        others = [k for k in range(2 * n) if k != i]
        logits = torch.stack([z[i] @ z[k] / temperature for k in others])
        same = [labels[i % n] >= 0 and labels[i % n] == labels[k % n] for k in others]
        mine = [bool(s) or k % n == i % n for s, k in zip(same, others, strict=True)]
        losses.append(-logits.log_softmax(0)[torch.tensor(mine)].mean())
    return torch.stack(losses).mean()


def right_paired(ours, theirs):
    n = len(ours)
    gain = ours - theirs
    error = math.sqrt(((gain - gain.mean()) ** 2).sum() / (n - 1) / n)
    return student.ppf(0.975, n - 1) * error


RIGHT = {
    "one_view_task": right_one_view,
    "zero_head_logits": right_zero_head,
    "mixed_loss": right_mixed,
    "paired_half_width": right_paired,
}
MISTAKES = {name: mistakes_in(getattr(together, name)) for name in RIGHT}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def test_a_detached_query_is_seen_too():
    def detached(support, labels, query, lr):
        return together.zero_head_logits(support, labels, query.detach(), lr)

    assert "no gradient arrives at `query`" in str(checks.zero_head_logits(detached))


def numbered_from(first):
    """The loss where the own numbers begin at first(labels)."""

    def answer(z1, z2, labels, temperature):
        own = first(labels) + torch.arange(len(labels))
        return right_mixed(z1, z2, torch.where(labels < 0, own, labels), temperature)

    return answer


@pytest.mark.parametrize(
    "first",
    [
        *(lambda labels, k=k: k for k in (10, 100, 600, 690, 1000, 10_000, 1_000_000)),
        len,
        lambda labels: 2 * len(labels),
    ],
)
def test_numbers_that_a_class_may_have_are_told(first):
    verdict = checks.mixed_loss(numbered_from(first))
    assert not verdict.passed
    assert "has the number of a class, which may be any" in verdict.message


def test_numbers_from_the_largest_class_on_are_told():
    verdict = checks.mixed_loss(numbered_from(lambda labels: labels.max()))
    assert "begin behind it, with labels.max() + 1" in verdict.message


def test_numbers_that_no_class_has_pass():
    assert checks.mixed_loss(numbered_from(lambda labels: labels.max() + 1)).passed


def test_autograd_is_told():
    verdict = checks.zero_head_logits(head_by_autograd)
    assert not verdict.passed
    assert "the numbers are right, but no autograd is asked for" in verdict.message


def test_one_query_stays_a_row():
    verdict = checks.zero_head_logits(lambda *given: right_zero_head(*given).squeeze())
    assert "one query" in verdict.where
