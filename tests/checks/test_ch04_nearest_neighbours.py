"""The checks of nearest neighbours pass the right functions and name the mistakes."""

import math

import torch
from support.every_check import EveryCheck

from mlteach import checks
from mlteach.checks import ch04_nearest_neighbours as chapter_04


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


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def test_an_unknown_mistake_is_located():
    """Right for one setting, wrong for another: the message says where."""
    verdict = checks.chance_to_meet(
        lambda angle, bits, tables: right_chance(angle, min(bits, 4), tables)
    )
    assert not verdict.passed
    assert "right for angle 0.5, 4 bits" in verdict.message
    assert "wrong for angle 0.2, 8 bits" in verdict.message
