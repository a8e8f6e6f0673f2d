"""Checks of the chapter on nearest neighbours."""

from __future__ import annotations

from typing import Any

import torch

from mlteach import neighbours as library
from mlteach.checks._core import Case, Verdict, check, judge, normal
from mlteach.mistakes import mistakes_in, neighbours


@check
def recall(given: Any) -> Verdict:
    """Checks ``given(found, exact)``, both (Q, k) indices, -1 for nothing found, against recall."""
    exact = torch.tensor([[3, 1, 4], [1, 5, 9], [2, 6, 8], [7, 0, 2]])
    some = [[1, 3, 9], [5, 1, 9], [0, 1, 2], [7, 2, 5]]
    found = {
        "with some neighbours found, in another order": some,
        "with empty places": [[3, -1, -1], [-1, -1, -1], [6, 2, -1], [-1, 2, 7]],
        "with nothing found": [[-1] * 3] * 4,
        "with all found": exact.flip(1).tolist(),
    }
    cases = [Case(what, (torch.tensor(rows), exact)) for what, rows in found.items()]
    for size, k in ((7, 5), (9, 4)):
        draws = normal(2, size, 20, seed=size).argsort(2)[..., :k]  # all different in a row
        cases.append(Case(f"with {size} queries and k = {k}", tuple(draws)))
    return judge(given, library.recall, cases, mistakes_in(library.recall), gradients=False)


OF_ZERO = "a vector on the plane itself is not on its positive side, its bit is 0"


@check
def hash_codes(given: Any) -> Verdict:
    """Checks ``given(vectors, planes)``, (N, D) and (bits, D) -> (N,), against hyperplane codes."""
    cases = [
        Case(
            f"with {bits} planes",
            (normal(size, columns, seed=bits), normal(bits, columns, seed=bits + 50)),
        )
        for size, columns, bits in ((12, 3, 4), (20, 8, 6), (5, 2, 1), (15, 4, 12))
    ]
    vectors = torch.tensor([[1.0, 1.0], [1, -1], [0, 0], [2, 0], [-3, 1]])
    planes = torch.tensor([[1.0, -1.0], [1, 1], [0, 1]])
    cases.append(Case("where products are 0", (vectors, planes), edge=OF_ZERO))
    right = neighbours.hashing.hash_codes
    return judge(given, right, cases, mistakes_in(right), gradients=False)


@check
def chance_to_meet(given: Any) -> Verdict:
    """Checks ``given(angle, n_bits, n_tables)``: how probable a common bucket in some table is."""
    settings = ((0.5, 4, 3), (0.2, 8, 2), (1.5, 3, 8), (2.5, 2, 1), (0.0, 12, 2), (1.0, 5, 4))
    cases = [
        Case(f"for angle {angle}, {n_bits} bits and {n_tables} tables", (angle, n_bits, n_tables))
        for angle, n_bits, n_tables in settings
    ]
    right = neighbours.found.chance_to_meet
    return judge(given, right, cases, mistakes_in(right), gradients=False)


@check
def cells_to_probe(given: Any) -> Verdict:
    """Checks ``given(query, centres, n_probe)``, (D,), (cells, D) -> (n_probe,), nearest first."""
    cases = [
        Case(
            f"with {cells} cells of which {n_probe} are probed",
            (normal(columns, seed=cells), normal(cells, columns, seed=cells + 50, scale=2.0)),
            {"n_probe": n_probe},
        )
        for columns, cells, n_probe in ((3, 8, 3), (6, 20, 5), (2, 5, 5), (4, 12, 4), (3, 15, 6))
    ]
    right = neighbours.indexes.cells_to_probe
    return judge(given, right, cases, mistakes_in(right), gradients=False)
