"""Checks of the chapter on nearest neighbours: the definitions, and the mistakes that people make."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mlteach import neighbours
from mlteach.checks._core import Case, Verdict, judge


def _random(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- recall --------------------------------------------------------------------------------------


def _hits(found: Tensor, exact: Tensor) -> Tensor:
    """(Q, k) which of the true neighbours were found."""
    return (exact[:, :, None] == found[:, None]).any(dim=2).double()


RECALL_MISTAKES = {
    "you compare place by place: a neighbour counts wherever it stands in the list":
        lambda found, exact: (found == exact).double().mean(),
    "you look at the first neighbour only: all k true neighbours count": lambda found, exact:
        (exact[:, 0] == found[:, 0]).double().mean(),
    "you count the queries with at least one hit: count the neighbours": lambda found, exact:
        _hits(found, exact).amax(dim=1).mean(),
    "you count the queries whose neighbours were all found: count the neighbours": lambda found, exact:
        _hits(found, exact).amin(dim=1).mean(),
    "you divide by the number of vectors that were found: divide by the number of true neighbours, Q times k":
        lambda found, exact: _hits(found, exact).sum() / (found >= 0).sum(),
    "you divide by the number of queries only: divide by the number of true neighbours, Q times k":
        lambda found, exact: _hits(found, exact).sum(dim=1).mean(),
    "these are the hits: divide by the number of true neighbours, Q times k":
        lambda found, exact: _hits(found, exact).sum(),
    "you count a neighbour of any query as a hit for every query: compare row by row":
        lambda found, exact: torch.isin(exact, found).double().mean(),
}  # fmt: skip


def recall(given: Any) -> Verdict:
    """Checks ``given(found, exact)``, both (Q, k) indices with -1 for nothing found, against recall
    at k.
    """
    exact = torch.tensor([[3, 1, 4], [1, 5, 9], [2, 6, 8], [7, 0, 2]])
    found = {
        "with some neighbours found, in another order": [
            [1, 3, 9],
            [5, 1, 9],
            [0, 1, 2],
            [7, 2, 5],
        ],
        "with empty places": [[3, -1, -1], [-1, -1, -1], [6, 2, -1], [0, 2, 7]],
        "with nothing found": [[-1] * 3] * 4,
        "with all found": exact.flip(1).tolist(),
    }
    cases = [Case(what, (torch.tensor(rows), exact)) for what, rows in found.items()]
    return judge(
        given,
        lambda found, exact: torch.tensor(neighbours.recall(found, exact)),
        cases,
        RECALL_MISTAKES,
        gradients=False,
    )


# --- hash codes ----------------------------------------------------------------------------------


def _codes(
    vectors: Tensor, planes: Tensor, *, side=lambda s: s > 0, worth=lambda j: 2**j
) -> Tensor:
    """(N,) the code of each vector, each part optional."""
    bits = side(vectors @ planes.T).long()  # (N, bits)
    return (bits * worth(torch.arange(len(planes)))).sum(dim=1)


CODE_MISTAKES = {
    "your bits are turned round: a bit is 1 on the side to which the plane's normal points, where the product is > 0":
        partial(_codes, side=lambda s: s < 0),
    "you read the planes from the other end: plane 0 decides the bit that is worth 1":
        lambda vectors, planes: _codes(vectors, planes.flip(0)),
    "you count the planes with a positive side: bit j is worth 2 to the power j, so that each pattern has its code":
        partial(_codes, worth=lambda j: 1),
    "bit j is worth 2 to the power j, not 2 times j": partial(_codes, worth=lambda j: 2 * j),
    "bit j is worth 2 to the power j, counted from 0: your codes are twice as large":
        partial(_codes, worth=lambda j: 2 ** (j + 1)),
    "your bits are +1 and -1: they have to be 1 and 0": partial(_codes, side=torch.sign),
}  # fmt: skip


def hash_codes(given: Any) -> Verdict:
    """Checks ``given(vectors, planes)``, (N, D) and (bits, D) -> (N,), against the
    random-hyperplane codes.
    """
    cases = [
        Case(
            f"with {bits} planes",
            (_random(size, columns, seed=bits), _random(bits, columns, seed=bits + 50)),
        )
        for size, columns, bits in ((12, 3, 4), (20, 8, 6), (5, 2, 1))
    ]
    return judge(given, _codes, cases, CODE_MISTAKES, gradients=False)


# --- the chance of meeting -----------------------------------------------------------------------


def _chance(angle: float, n_bits: int, n_tables: int) -> Tensor:
    """The probability that two vectors share a bucket in at least one table."""
    bucket = (1 - angle / math.pi) ** n_bits
    return torch.tensor(1 - (1 - bucket) ** n_tables)


def _of_bucket(angle: float, n_bits: int) -> float:
    return (1 - angle / math.pi) ** n_bits


CHANCE_MISTAKES = {
    "this is the chance in one table: with several, one of them is enough":
        lambda angle, n_bits, n_tables: torch.tensor(_of_bucket(angle, n_bits)),
    "you add the tables' chances: that can exceed 1; take one minus the chance to miss in all of them":
        lambda angle, n_bits, n_tables: torch.tensor(n_tables * _of_bucket(angle, n_bits)),
    "this is the chance to miss in every table: take it from 1":
        lambda angle, n_bits, n_tables: torch.tensor((1 - _of_bucket(angle, n_bits)) ** n_tables),
    "this is the chance to meet in all tables: one of them is enough":
        lambda angle, n_bits, n_tables: torch.tensor(_of_bucket(angle, n_bits) ** n_tables),
    "the angle comes in radians: a half turn is π, not 180":
        lambda angle, n_bits, n_tables: _chance(angle * math.pi / 180, n_bits, n_tables),
    "this is right for one bit: all the bits of a bucket must agree":
        lambda angle, n_bits, n_tables: _chance(angle, 1, n_tables),
    "θ / π is the chance that a plane parts the two vectors: they agree with 1 - θ / π":
        lambda angle, n_bits, n_tables: _chance(math.pi - angle, n_bits, n_tables),
    "you divide the angle by 2π: a line through the origin cuts the whole turn twice, so it is θ / π":
        lambda angle, n_bits, n_tables: _chance(angle / 2, n_bits, n_tables),
}  # fmt: skip


def chance_to_meet(given: Any) -> Verdict:
    """Checks ``given(angle, n_bits, n_tables)`` against the probability of a common bucket in some
    table.
    """
    cases = [
        Case(f"for angle {angle}, {n_bits} bits and {n_tables} tables", (angle, n_bits, n_tables))
        for angle, n_bits, n_tables in (
            (0.5, 4, 3),
            (0.2, 8, 2),
            (1.5, 3, 8),
            (2.5, 2, 1),
            (0.0, 12, 2),
        )
    ]
    return judge(given, _chance, cases, CHANCE_MISTAKES, gradients=False)


# --- the cells to probe --------------------------------------------------------------------------


def _cells(query: Tensor, centres: Tensor, n_probe: int, *, score=None, largest=False) -> Tensor:
    """(n_probe,) the cells in the order of a score, by default the distance."""
    scores = (centres - query).norm(dim=1) if score is None else score(query, centres)
    return scores.argsort(descending=largest)[:n_probe]


CELL_MISTAKES = {
    "you take the farthest centres: sort the distances upwards": partial(_cells, largest=True),
    "you take the largest dot products: among centres of different lengths that is not the smallest distance":
        partial(_cells, score=lambda query, centres: centres @ query, largest=True),
    "you take the largest cosines: two centres in one direction can be near and far":
        partial(_cells, score=lambda query, centres: torch.cosine_similarity(centres, query[None]), largest=True),
    "these are the right cells, but the nearest has to come first":
        lambda query, centres, n_probe: _cells(query, centres, n_probe).sort().values,
    "these are the distances: the numbers of the cells are asked for":
        lambda query, centres, n_probe: (centres - query).norm(dim=1).sort().values[:n_probe],
    "you compare the lengths of the centres and never look at the query":
        partial(_cells, score=lambda query, centres: centres.norm(dim=1)),
}  # fmt: skip


def cells_to_probe(given: Any) -> Verdict:
    """Checks ``given(query, centres, n_probe)``, (D,) and (cells, D) -> (n_probe,), nearest cell
    first.
    """
    cases = [
        Case(f"with {cells} cells of which {n_probe} are probed",
             (_random(columns, seed=cells), _random(cells, columns, seed=cells + 50, scale=2.0), n_probe))
        for columns, cells, n_probe in ((3, 8, 3), (6, 20, 5), (2, 5, 5))
    ]  # fmt: skip
    return judge(given, _cells, cases, CELL_MISTAKES, gradients=False)
