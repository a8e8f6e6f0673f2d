"""The checks of nearest neighbours pass the right functions and name the mistakes."""

import math

import pytest
import torch

from mlteach import checks
from mlteach.checks import nearest_neighbours as chapter_04


def right_recall(found, exact):
    hits = [len(set(f.tolist()) & set(e.tolist())) for f, e in zip(found, exact, strict=True)]
    return sum(hits) / exact.numel()


def right_codes(vectors, planes):
    return torch.tensor([sum(2**j for j, p in enumerate(planes) if p @ v > 0) for v in vectors])


def right_chance(angle, n_bits, n_tables):
    return 1 - (1 - (1 - angle / math.pi) ** n_bits) ** n_tables


def right_cells(query, centres, n_probe):
    return torch.cdist(query[None], centres)[0].topk(n_probe, largest=False).indices


RIGHT = {
    "recall": right_recall,
    "hash_codes": right_codes,
    "chance_to_meet": right_chance,
    "cells_to_probe": right_cells,
}
MISTAKES = {
    "recall": chapter_04.RECALL_MISTAKES,
    "hash_codes": chapter_04.CODE_MISTAKES,
    "chance_to_meet": chapter_04.CHANCE_MISTAKES,
    "cells_to_probe": chapter_04.CELL_MISTAKES,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_function_passes(name):
    """Written in another way than the definition."""
    verdict = getattr(checks, name)(RIGHT[name])
    assert verdict.passed, verdict
    assert "public checks passed" in verdict.message


@pytest.mark.parametrize(("name", "told"), [(name, told) for name in MISTAKES for told in MISTAKES[name]])
def test_every_known_mistake_is_named_as_itself(name, told):
    """No mistake is taken for another."""
    verdict = getattr(checks, name)(MISTAKES[name][told])
    assert not verdict.passed
    assert verdict.message == told


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize(
    ("given", "part"),
    [
        (None, "a function is expected"),
        (lambda *arguments: None, "returns nothing yet"),
        (lambda: 0, "TypeError"),
        (lambda *arguments: "many", "returns a str"),
        (lambda *arguments: torch.zeros(7, 7), "shape (7, 7)"),
    ],
)
def test_whatever_a_learner_hands_in_is_answered(name, given, part):
    """A check never raises."""
    verdict = getattr(checks, name)(given)
    assert not verdict.passed
    assert part in verdict.message


def test_an_unknown_mistake_is_located():
    """Right for one setting, wrong for another: the message says where."""
    verdict = checks.chance_to_meet(lambda angle, bits, tables: right_chance(angle, min(bits, 4), tables))
    assert not verdict.passed
    assert "right for angle 0.5, 4 bits" in verdict.message
    assert "wrong for angle 0.2, 8 bits" in verdict.message
