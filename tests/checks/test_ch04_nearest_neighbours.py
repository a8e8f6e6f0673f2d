"""The checks of nearest neighbours pass the right functions and name the mistakes."""

import math

import torch
from support.every_check import EveryCheck

from mlteach import checks
from mlteach import neighbours as library
from mlteach.mistakes import mistakes_in, neighbours


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
    "recall": mistakes_in(library.recall),
    "hash_codes": mistakes_in(neighbours.hashing.hash_codes),
    "chance_to_meet": mistakes_in(neighbours.found.chance_to_meet),
    "cells_to_probe": mistakes_in(neighbours.indexes.cells_to_probe),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def test_an_unknown_mistake_is_located():
    """Right for one setting, wrong for another: the message says where."""
    verdict = checks.chance_to_meet(
        lambda angle, bits, tables: right_chance(angle, min(bits, 4), tables)
    )
    assert not verdict.passed
    assert verdict.message.startswith("right for angle 1.5, 3 bits and 8 tables, wrong")
    assert verdict.message.endswith("wrong for angle 0.2, 8 bits and 2 tables")
    assert "Right in 4 of 6 cases" in verdict.where
