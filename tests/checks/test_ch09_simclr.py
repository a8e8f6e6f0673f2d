"""The checks on SimCLR pass the right answers and name each mistake that they know."""

import copy

import pytest
import torch
import torch.nn.functional as F
from support.every_check import EveryCheck

from mlteach import checks, nt_xent
from mlteach.checks import ch09_simclr as chapter_09
from mlteach.evaluate import features
from mlteach.mistakes import mistakes_in


def right_loss(encoder, projector, x1, x2, temperature):
    z = F.normalize(projector(encoder(torch.cat([x1, x2]))))
    logits = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, torch.arange(len(z)).roll(len(x1)))


def right_representation(method, images):
    method.eval()
    with torch.no_grad():
        h = method.encode(images)
    method.train()
    return h


RIGHT = {"simclr_loss": right_loss, "representation": right_representation}
MISTAKES = {
    "simclr_loss": [mistake for mistake in chapter_09.SIMCLR_MISTAKES if mistake.explanation],
    "representation": mistakes_in(features),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def detached(encoder, projector, x1, x2, temperature):
    h = encoder(torch.cat([x1, x2])).detach()
    return nt_xent(*projector(h).chunk(2), temperature=temperature)


def in_evaluation_mode(encoder, projector, x1, x2, temperature):
    return right_loss(encoder.eval(), projector.eval(), x1, x2, temperature)


def freezes_the_encoder(encoder, *given):
    return right_loss(encoder.requires_grad_(False), *given)


def projects_with_a_copy(encoder, projector, *given):
    return right_loss(encoder, copy.deepcopy(projector), *given)


def switches_gradients_off(method, images):
    torch.set_grad_enabled(False)
    return right_representation(method, images)


def left_in_evaluation_mode(method, images):
    with torch.no_grad():
        return method.eval().encode(images)


def with_gradients(method, images):
    h = method.eval().encode(images)
    method.train()
    return h


@pytest.mark.parametrize(
    ("name", "given", "part"),
    [
        ("simclr_loss", detached, "no gradient arrives at `x1` and `x2`"),
        ("simclr_loss", in_evaluation_mode, "you train in evaluation mode"),
        (
            "simclr_loss",
            lambda encoder, projector, x1, x2, temperature: encoder(x1),
            "shape (4, 5), expected ()",
        ),
        ("simclr_loss", freezes_the_encoder, "no gradient arrives at the encoder's weights"),
        ("simclr_loss", projects_with_a_copy, "no gradient arrives at the projector's weights"),
        ("representation", with_gradients, "a gradient hangs on them"),
        ("representation", switches_gradients_off, "leaves gradients switched off"),
        ("representation", left_in_evaluation_mode, "stays in evaluation mode"),
        ("representation", lambda method, images: method(images), "NotImplementedError"),
    ],
)
def test_a_step_that_is_nearly_right_is_told_what_is_wrong(name, given, part):
    verdict = getattr(checks, name)(given)
    assert not verdict.passed
    assert part in verdict.message


def test_the_number_of_false_negatives_is_counted():
    """In many random batches, for every anchor."""
    generator = torch.Generator().manual_seed(0)
    # two views of each image
    shapes = torch.randint(8, (3000, 128), generator=generator).repeat(1, 2)
    alike = (shapes == shapes[:, :1]).sum(
        1
    ) - 2  # of the first anchor, without itself and its positive
    assert alike.double().mean().item() == pytest.approx(31.75, abs=0.4)  # three standard errors
    assert checks.false_negatives(31.75).passed


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (32, "no negatives"),
        (31.875, "counts the positive"),
        (15.875, "two views"),
        (16, "own image is not among them"),
        (254, "all negatives"),
        (0.125, "the share of them"),
        (30, "30 is not it"),
        (None, "a number is expected"),
        (True, "a number is expected"),
        ("31.75", "a number is expected"),
    ],
)
def test_a_wrong_number_is_explained(answer, part):
    verdict = checks.false_negatives(answer)
    assert not verdict.passed
    assert part in verdict.message
