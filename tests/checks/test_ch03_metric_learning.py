"""The checks on metric learning pass what is right, name each mistake, and never raise."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from support.every_check import EveryCheck

from mlteach import checks, losses
from mlteach.checks import ch03_metric_learning as chapter_03
from mlteach.metric import REGIONS
from mlteach.mistakes import metric, mistakes_in


def right_siamese_loss(x1, x2, same, margin):
    return losses.contrastive_loss(x1, x2, same, margin=margin)


def semi_hard_with_loops(distances, labels, margin):
    size = len(labels)
    mask = torch.zeros(size, size, size, dtype=torch.bool)
    for a in range(size):
        for p in range(size):
            for n in range(size):
                classes_fit = a != p and labels[a] == labels[p] and labels[a] != labels[n]
                mask[a, p, n] = (
                    classes_fit and distances[a, p] < distances[a, n] < distances[a, p] + margin
                )
    return mask


RIGHT = {
    "siamese_loss": right_siamese_loss,
    "triplet_loss": lambda a, p, n, margin: F.relu(
        (a - p).pow(2).sum(1) - (a - n).pow(2).sum(1) + margin
    ).mean(),
    "semi_hard": metric.semi_hard,
}
MISTAKES = {
    "siamese_loss": mistakes_in(losses.contrastive_loss),
    "triplet_loss": mistakes_in(losses.triplet_loss),
    "semi_hard": mistakes_in(metric.semi_hard),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def with_an_unguarded_root(x1, x2, same, margin):
    d = (x1 - x2).square().sum(1).sqrt()
    return torch.where(same, d.square(), (margin - d).relu().square()).mean() / 2


def test_a_gradient_of_nan_at_distance_zero_is_told():
    """The value is right everywhere, and yet training with it would end in nan."""
    verdict = checks.siamese_loss(with_an_unguarded_root)
    assert not verdict.passed
    assert "the gradient is nan" in verdict.message


def test_a_loss_without_gradient_is_told():
    assert "no gradient" in checks.triplet_loss(lambda *a: RIGHT["triplet_loss"](*a).item()).message


def test_the_regions_are_those_of_the_loss():
    """By hand: 0.8² = 0.64 < 1; 1.05² = 1.1025 and 1.2² = 1.44 against 1.25; 1.3² = 1.69."""
    assert checks.regions(["hard", "semi-hard", "easy", "easy"]).passed


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (["hard", "semi-hard", "semi-hard", "easy"], "you compared distances"),
        (["easy", "semi-hard", "hard", "hard"], "hard and easy are swapped"),
        (["easy", "easy", "semi-hard", "hard"], "the order is flipped"),
        (
            ["hard", "hard", "easy", "easy"],
            "the negative at distance 1.05 is not hard: its loss is 0.1475",
        ),
        (
            ["hard", "semi-hard", "easy", "hard"],
            "the negative at distance 1.3 is not hard: its loss is 0",
        ),
        (["hard", "semihard", "easy", "easy"], "'semihard'"),
        (["hard"], "a list of 4 words"),
        ("hard", "a list of 4 words"),
        (None, "a list of 4 words"),
        ([0, 1, 2, 2], "a list of 4 words"),
        ([["hard"], 1, 2, 3], "a list of 4 words"),
    ],
)
def test_a_wrong_list_of_regions_is_explained(answer, part):
    verdict = checks.regions(answer)
    assert not verdict.passed
    assert part in verdict.message


def test_every_region_occurs_in_the_question():
    assert set(chapter_03._regions_by(2)) == set(REGIONS)
    assert chapter_03._regions_by(1) != chapter_03._regions_by(2)


def test_right_numbers_against_the_rule_are_told():
    verdict = checks.semi_hard(semi_hard_with_loops)
    assert not verdict.passed
    assert verdict.message.startswith("the numbers are right, but ")
    assert "a loop" in verdict.message
