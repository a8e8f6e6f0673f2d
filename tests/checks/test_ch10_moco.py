"""The checks of the chapter on MoCo pass the right answers and name each mistake that they know."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from support.every_check import EveryCheck

from mlteach import checks, info_nce
from mlteach.checks import ch10_moco as chapter_10
from mlteach.mistakes import mistakes_in
from mlteach.mistakes.selfsup import enqueue, moco_logits


def right_logits(query, key, queue, temperature):
    others = torch.cat([key.detach(), queue.detach()])
    cosines = F.cosine_similarity(query[:, None], others[None], dim=2)  # (B, B + K)
    own = cosines.diagonal()[:, None]
    return torch.cat([own, cosines[:, len(query) :]], dim=1) / temperature


def right_enqueue(queue, pointer, keys):
    rows = list(queue)
    for key in keys:
        rows[pointer] = key
        pointer = pointer + 1 if pointer + 1 < len(rows) else 0
    return torch.stack(rows), pointer


RIGHT = {"moco_logits": right_logits, "enqueue": right_enqueue}
MISTAKES = {"moco_logits": mistakes_in(moco_logits), "enqueue": mistakes_in(enqueue)}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def test_the_right_logits_are_the_package_s_loss():
    """Their cross-entropy with label 0 is InfoNCE."""
    q, k, queue = (torch.randn(n, 3, generator=torch.Generator().manual_seed(n)) for n in (4, 4, 6))
    logits = right_logits(q, k, queue, 0.2)
    torch.testing.assert_close(
        F.cross_entropy(logits, torch.zeros(4).long()),
        info_nce(q, k, queue, temperature=0.2),
        atol=1e-6,
        rtol=0,
    )


def flowing(query, key, queue, temperature, *, stopped=()):
    """The right values with the gradient stopped at these parts only."""
    parts = {"query": query, "key": key, "queue": queue}
    q, k, n = (F.normalize(x.detach() if name in stopped else x) for name, x in parts.items())
    return torch.cat([(q * k).sum(1, keepdim=True), q @ n.T], dim=1) / temperature


@pytest.mark.parametrize(
    ("stopped", "part"),
    [
        ((), "flows into keys and queue"),
        (("queue",), "flows into `key`"),
        (("key",), "flows into `queue`"),
        (("query", "key", "queue"), "no gradient can flow"),
        (("query", "queue"), "you stopped the wrong side"),
    ],
)
def test_a_gradient_in_the_wrong_place_is_told(stopped, part):
    verdict = checks.moco_logits(partial(flowing, stopped=stopped))
    assert not verdict.passed
    assert part in verdict.message


def test_a_query_without_gradient_is_told():
    """Something else may carry one."""

    def wrong(query, key, queue, temperature):
        return (
            flowing(query, key, queue, temperature, stopped=("query", "key", "queue"))
            + (query - query).sum()
        )

    assert "no gradient arrives at `query`" in checks.moco_logits(wrong).message


def in_place(queue, pointer, keys):
    places = (pointer + torch.arange(len(keys))) % len(queue)
    queue[places] = keys
    return queue, (pointer + len(keys)) % len(queue)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (in_place, "changes its input"),
        (lambda *parts: right_enqueue(*parts)[0], "two values are expected"),
        (
            lambda *parts: (right_enqueue(*parts)[0], torch.tensor(right_enqueue(*parts)[1])),
            "public checks passed",
        ),
        (
            lambda *parts: (right_enqueue(*parts)[0], None),
            "got Tensor and NoneType",
        ),
        (lambda queue, pointer, keys: (torch.cat([queue, keys]), pointer), "expected"),
    ],
)
def test_ways_to_hand_in_a_queue(given, part):
    assert part in checks.enqueue(given).message


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ([64, 8, 256], "public checks passed"),
        ([64.0, 8, 256], "public checks passed"),
        ([63, 7, 255], "one too few"),
        ([65, 9, 257], "one too many"),
        ([1 / 64, 1 / 8, 1 / 256], "other way round"),
        ([2048, 2048, 65536], "how many keys there are"),
        ([64, 9, 256], "9 is not it: each step replaces 256 of 2048 keys"),
        ([64, 8], "a list of 3 numbers"),
        (64, "a list of 3 numbers"),
        (None, "a list of 3 numbers"),
        (["64", 8, 256], "a list of 3 numbers"),
    ],
)
def test_the_lives_of_keys(answer, part):
    verdict = checks.key_lives(answer)
    assert verdict.passed == ("passed" in part)
    assert part in verdict.message


def test_a_key_lives_that_long():
    """Counted in a queue that moves: the number of steps between a key's entry and its end."""
    for n_keys, batch in chapter_10.QUEUES:
        # a batch has just entered at place 0; the step that replaces it is counted already
        pointer, losses = batch, 1
        while pointer:
            pointer, losses = (pointer + batch) % n_keys, losses + 1
        assert losses == n_keys // batch


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (math.log(2), "checks passed"),
        (torch.tensor(0.693), "checks passed"),
        (0, "0 needs a probability of 1"),
        (1, "in bits"),
        (0.5, "largest probability"),
        (-math.log(2), "cannot be negative"),
        (math.log(3), "count again"),
        (5.0, "5 is not it"),
        (None, "a number is expected"),
        (True, "a number is expected"),
        (math.nan, "a number is expected"),
    ],
)
def test_the_lowest_loss(answer, part):
    verdict = checks.lowest_loss(answer)
    assert verdict.passed == ("passed" in part)
    assert part in verdict.message


def test_the_loss_comes_down_to_it_and_not_below():
    """A query on its own key, all other negatives opposite, at a very low temperature."""
    q = torch.tensor([[1.0, 0.0]])
    queue = torch.cat([q, -q.expand(5, 2)])
    assert info_nce(q, q, queue, temperature=0.05).item() == pytest.approx(math.log(2), abs=1e-4)
