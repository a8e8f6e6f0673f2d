"""Every check passes the right function, names each mistake that it knows, and never raises."""

import math

import pytest
import torch
import torch.nn.functional as F
from support.every_check import EveryCheck

from mlteach import checks, losses
from mlteach.checks import ch00_welcome as chapter_00
from mlteach.checks import ch05_contrastive_loss as chapter_05
from mlteach.mistakes import Mistake


def right_nt_xent(z1, z2, temperature):
    return losses.nt_xent(z1, z2, temperature=temperature)


def right_info_nce(query, positive, negatives, temperature):
    return losses.info_nce(query, positive, negatives, temperature=temperature)


def pulls_by_autograd(similarities, positive, temperature):
    s = similarities.clone().requires_grad_()
    loss = F.cross_entropy(s[None] / temperature, torch.tensor([positive]))
    return -torch.autograd.grad(loss, s)[0]


RIGHT = {
    "cosine": lambda x, y: (x * y).sum() / (x.norm() * y.norm()),
    "info_nce": right_info_nce,
    "nt_xent": right_nt_xent,
    "pulls": pulls_by_autograd,
    "log_sum_exp": lambda logits: (
        logits.amax(1) + (logits - logits.amax(1, keepdim=True)).exp().sum(1).log()
    ),
    "uniformity": lambda x, t: torch.pdist(F.normalize(x, dim=1)).pow(2).mul(-t).exp().mean().log(),
}
MISTAKES = {
    "cosine": chapter_00.MISTAKES,
    "info_nce": chapter_05.INFO_NCE_MISTAKES,
    "nt_xent": chapter_05.NT_XENT_MISTAKES,
    "pulls": chapter_05.PULL_MISTAKES,
    "log_sum_exp": chapter_05.LOG_SUM_EXP_MISTAKES,
    "uniformity": chapter_05.UNIFORMITY_MISTAKES,
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def changes_its_input(z1, z2, temperature):
    return right_nt_xent(z1.div_(z1.norm(dim=1, keepdim=True)), z2, temperature)


def naive_exp(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    e = torch.exp(z @ z.T / temperature).fill_diagonal_(0)
    twin = torch.arange(len(z)).roll(len(z1))
    return -torch.log(e[torch.arange(len(z)), twin] / e.sum(dim=1)).mean()


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
            "gradient with respect to argument 1",
        ),
        (
            lambda z1, z2, t: right_nt_xent(z1, z2.detach(), t),
            "gradient with respect to argument 2",
        ),
        (
            lambda z1, z2, t: right_nt_xent(z1, z2, 0.5),
            "right with B = 4 at temperature 0.5, wrong with B = 4 at",
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
        twin = torch.arange(len(z)).roll(len(z1))
        return -torch.log(e[torch.arange(len(z)), twin] / e.sum(dim=1)).mean()

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
        (404, "a batch of B pictures gives 2B - 1"),
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


def test_a_verdict_shows_its_message():
    assert repr(checks.Verdict(True, "fine")) == "✔ fine"
    assert repr(checks.Verdict(False, "why")) == "✘ why"


# --- the core on a function of its own -----------------------------------------------------------


def right(x, y, *, power):
    return (x * y.detach()).pow(power).sum(1)


def summed(x, y, *, power):
    return right(x, y, power=power).sum()


def without_stop(x, y, *, power):
    return (x * y).pow(power).sum(1)


CASES = [
    checks.Case(
        f"with power {power}", (torch.arange(6.0).view(2, 3), torch.ones(2, 3)), {"power": power}
    )
    for power in (1, 2)
]
MISTAKES_IN_RIGHT = [
    Mistake(summed, "you add up"),
    Mistake(without_stop, "the value is right, but y gets a gradient"),
    Mistake(lambda x, y, *, power: right(x.detach(), y, power=power)),
]


def judged(given, **options):
    return checks.judge(given, right, CASES, MISTAKES_IN_RIGHT, **options)


@pytest.mark.parametrize(
    "given",
    [
        right,
        lambda x, y, power: right(x, y, power=power),
        lambda x, y, exponent: right(x, y, power=exponent),
        lambda *arguments: right(*arguments[:2], power=arguments[2]),
    ],
)
def test_a_hyperparameter_may_be_taken_by_place_or_by_name(given):
    assert judged(given).passed


def test_a_mistake_of_another_shape_is_named():
    assert judged(summed).message == "you add up"
    assert "shape ()" in judged(lambda x, y, power: x.sum()).message


def test_a_mistake_in_the_gradient_is_named():
    assert judged(without_stop).message == "the value is right, but y gets a gradient"
    assert judged(without_stop, gradients=False).passed
    twice = judged(
        lambda x, y, power: (
            2 * without_stop(x, y, power=power) - without_stop(x, y.detach(), power=power)
        )
    )
    assert "a gradient flows into argument 2" in twice.message
    assert (
        "argument 1 is wrong"
        in judged(lambda x, y, power: right(x.detach() + 0 * x, y, power=power)).message
    )


def test_an_argument_without_a_gradient_is_told():
    assert (
        "no gradient can flow"
        in judged(lambda x, y, power: right(x.detach(), y, power=power)).message
    )


def with_numpy(x, y, power):
    return torch.as_tensor((x.numpy() * y.numpy()) ** power).sum(1)


def written_after_exp(x, y, power):
    e = torch.exp(torch.log(x + 1))
    e.sub_(1)
    return right(e, y, power=power)


@pytest.mark.parametrize(
    ("given", "part"),
    [(with_numpy, "NumPy"), (written_after_exp, "the gradient fails with RuntimeError")],
)
def test_a_gradient_that_fails_is_told(given, part):
    verdict = judged(given)
    assert not verdict.passed
    assert part in verdict.message


def test_what_the_notebook_has_set_does_not_matter():
    before = torch.random.get_rng_state()
    with torch.no_grad():
        assert judged(right).passed
    judged(lambda x, y, power: right(x, y, power=power) + torch.rand(()))
    assert torch.random.get_rng_state().equal(before)
