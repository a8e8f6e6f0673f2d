"""Exact search: compare the query with every vector."""

from __future__ import annotations

import numpy as np

from mlteach.neighbours.index import Index

QUERIES_AT_ONCE = 64  # bounds the memory: 64 rows of N distances


class ExactSearch(Index):
    """Every vector is visited, so the answer is right, and a query costs N distances.

    The vectors cost 4 D bytes each, and nothing beside.
    """

    def _visit(self, query: np.ndarray) -> np.ndarray:
        return np.arange(len(self))

    def _find(self, queries: np.ndarray, k: int) -> np.ndarray:
        everything = np.arange(len(self))
        found = []
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            some = queries[start : start + QUERIES_AT_ONCE]
            rough = self.half_squares - some @ self.vectors.T  # (queries, N)
            found += [
                self._nearest(query, everything, row, k)
                for query, row in zip(some, rough, strict=True)
            ]
        return np.stack(found)
