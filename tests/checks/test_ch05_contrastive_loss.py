"""The checks on the contrastive loss pass the right functions and name each mistake."""

import math

import pytest
import torch
import torch.nn.functional as F
from support.every_check import EveryCheck

from mlteach import checks, losses
from mlteach.checks import ch05_contrastive_loss as chapter_05
from mlteach.mistakes import mistakes_in
from mlteach.mistakes.losses import softmax


def right_nt_xent(z1, z2, temperature):
    return losses.nt_xent(z1, z2, temperature=temperature)


def right_info_nce(query, positive, negatives, temperature):
    return losses.info_nce(query, positive, negatives, temperature=temperature)


def nt_xent_by_logsumexp(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    logits = z @ z.T / temperature - 1e9 * torch.eye(len(z))
    own = F.cosine_similarity(z1, z2).repeat(2) / temperature
    return (logits.logsumexp(1) - own).mean()


def pulls_by_softmax(similarities, positive, temperature):
    force = -(similarities / temperature).softmax(0)
    return force.index_add(0, torch.tensor([positive]), torch.ones(1)) / temperature


def negative_gradient_by_autograd(similarities, positive, temperature):
    s = similarities.clone().requires_grad_()
    loss = F.cross_entropy(s[None] / temperature, torch.tensor([positive]))
    return -torch.autograd.grad(loss, s)[0]


RIGHT = {
    "info_nce": right_info_nce,
    "nt_xent": nt_xent_by_logsumexp,
    "pulls": pulls_by_softmax,
    "log_sum_exp": lambda logits: (
        logits.amax(1) + (logits - logits.amax(1, keepdim=True)).exp().sum(1).log()
    ),
    "uniformity": lambda x, t: torch.pdist(F.normalize(x, dim=1)).pow(2).mul(-t).exp().mean().log(),
}
MISTAKES = {
    "info_nce": mistakes_in(losses.info_nce),
    "nt_xent": mistakes_in(losses.nt_xent),
    "pulls": mistakes_in(softmax.negative_gradient),
    "log_sum_exp": mistakes_in(softmax.log_sum_exp),
    "uniformity": mistakes_in(losses.uniformity),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


@pytest.mark.parametrize(
    ("name", "given", "part"),
    [
        ("nt_xent", right_nt_xent, "written out: logsumexp and indexing only"),
        ("pulls", negative_gradient_by_autograd, "no autograd"),
        ("log_sum_exp", lambda logits: logits.logsumexp(1), "exp, log, amax and sums"),
    ],
)
def test_what_an_exercise_rules_out_is_told(name, given, part):
    verdict = getattr(checks, name)(given)
    assert not verdict.passed
    assert verdict.message.startswith("the numbers are right, but")
    assert part in verdict.message


def changes_its_input(z1, z2, temperature):
    return right_nt_xent(z1.div_(z1.norm(dim=1, keepdim=True)), z2, temperature)


def naive_exp(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    e = torch.exp(z @ z.T / temperature).fill_diagonal_(0)
    positive = torch.arange(len(z)).roll(len(z1))
    return -torch.log(e[torch.arange(len(z)), positive] / e.sum(dim=1)).mean()


def raises(z1, z2, temperature):
    raise KeyError("label")


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (None, "a function is expected"),
        (0.5, "a function is expected"),
        (lambda z1, z2, t: None, "returns nothing yet"),
        (lambda z1, z2, t: ..., "returns nothing yet"),
        (lambda z1, z2: 0, "TypeError"),
        (raises, "KeyError: 'label'"),
        (lambda z1, z2, t: "1.0", "returns a str"),
        (lambda z1, z2, t: torch.zeros(4), "shape (4,), expected ()"),
        (lambda z1, z2, t: right_nt_xent(z1, z2, t).item(), "no gradient can flow"),
        (
            lambda z1, z2, t: right_nt_xent(z1.detach(), z2, t),
            "no gradient arrives at `z1`",
        ),
        (
            lambda z1, z2, t: right_nt_xent(z1, z2.detach(), t),
            "the second views are detached",
        ),
        (
            lambda z1, z2, t: right_nt_xent(z1, z2, 0.5),
            "your result does not change with `temperature`",
        ),
        (lambda z1, z2, t: right_nt_xent(z1, z2, t) * math.nan, "result is nan"),
        (changes_its_input, "changes its input"),
        (naive_exp, "float32"),
    ],
)
def test_whatever_a_learner_hands_in_is_answered_and_never_raises(given, part):
    verdict = checks.nt_xent(given)
    assert not verdict.passed
    assert part in verdict.message


def test_a_mistake_is_named_even_when_it_overflows_as_well():
    def naive_exp_with_self(z1, z2, temperature):
        z = F.normalize(torch.cat([z1, z2]), dim=1)
        e = torch.exp(z @ z.T / temperature)
        positive = torch.arange(len(z)).roll(len(z1))
        return -torch.log(e[torch.arange(len(z)), positive] / e.sum(dim=1)).mean()

    assert "similarity to itself" in checks.nt_xent(naive_exp_with_self).message


def test_a_keyboard_interrupt_is_not_caught():
    def impatient(z1, z2, temperature):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.nt_xent(impatient)


def test_the_smallest_batch_reaches_the_ceiling_and_the_next_smaller_does_not():
    answer = next(b for b in range(2, 10_000) if math.log(2 * b - 1) >= chapter_05.CEILING)
    assert checks.smallest_batch(answer).passed
    assert "just below" in checks.smallest_batch(answer - 1).message


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (404, "a batch of B images gives 2B - 1"),
        (33, "bits"),
        (50, "below 6"),
        (1000, "smaller batches do it too"),
        (0, "at least 1"),
        (2.5, "at least 1"),
        (math.nan, "whole number"),
        ("203", "whole number"),
        (None, "whole number"),
        (True, "whole number"),
    ],
)
def test_a_wrong_batch_size_is_explained(answer, part):
    verdict = checks.smallest_batch(answer)
    assert not verdict.passed
    assert part in verdict.message


def test_one_maximum_for_all_rows_is_not_enough():
    def my_log_sum_exp(logits):
        largest = logits.max()
        return largest + (logits - largest).exp().sum(1).log()

    verdict = checks.log_sum_exp(my_log_sum_exp)
    assert not verdict.passed
    assert "one row near 100 and one near -200" in verdict.message
    assert verdict.message.endswith("Has each row its own?")
