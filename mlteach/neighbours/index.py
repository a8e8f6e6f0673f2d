"""What every index shares: vectors, interface, and the exact ranking of what was visited."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mlteach import _validate

MEASURES = ("cosine", "euclidean")
LARGEST = 1e15  # the squared length of so large entries is far from float32's end


class Index:
    """An index answers: which k of my vectors are nearest to this query?

    A subclass decides which vectors to look at: it defines ``_visit``, or ``_find`` for many
    queries at once. Looking at a vector means computing its distance, and the k nearest of those
    that were looked at are the answer.

    Inside, there is only the Euclidean distance. For the cosine all vectors get length 1 first,
    where both rank alike: the squared distance is 2 - 2 cos.

    Args:
        vectors: (N, D) one row a vector; kept as float32.
        measure: "cosine" (a similarity, larger is nearer) or "euclidean" (a distance, smaller is
            nearer).

    Raises:
        TypeError, ValueError: vectors is not (N >= 1, D >= 1), holds an infinite number, NaN or one
            beyond 1e15, or has a row of zeros, which has no cosine; or the measure is unknown.
    """

    knob = ""  # the keyword of ``search`` that buys recall with time
    overhead = 0  # distances or dot products that a query costs before the first vector is visited

    def __init__(self, vectors: Tensor, *, measure: str = "cosine"):
        self.measure = _validate.choice("measure", measure, MEASURES)
        self.vectors = self._rows("vectors", vectors)
        self.half_squares = np.square(self.vectors).sum(1) / 2  # (N,)
        longest = np.sqrt(2 * self.half_squares.max())
        # of a dot product with a unit vector
        self.rounding = np.finfo(np.float32).eps * self.vectors.shape[1] * longest

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def exhaustive(self) -> int:
        """The setting of the knob at which every vector is visited."""
        return len(self)

    def search(self, queries: Tensor, k: int, **knob: int) -> tuple[Tensor, Tensor]:
        """The k nearest vectors to every query, as far as this setting of the knob finds them.

        Args:
            queries: (Q, D).
            k: 1 to N neighbours.
            knob: the index's own setting, ``n_probe`` or ``ef``; exact search has none. Left out,
                ``n_probe`` is 1, and ``ef`` the larger of 32 and k, but N at most.

        Returns:
            Values (Q, k), cosines or Euclidean distances, nearest first, and indices (Q, k) of the
            vectors. Of equally near vectors the one with the smaller number comes first. Where
            fewer than k vectors were visited, the rest is filled with index -1 and the worst value,
            infinity or minus infinity.

        Raises:
            TypeError: the index has no knob of that name.
            ValueError: the queries do not fit the vectors, or k or the knob is out of range.
        """
        rows = self._checked_queries(queries)
        k = _validate.count("k", k, at_most=len(self))
        indices = self._find(rows, k, **self._checked_knob(knob, k))
        return torch.from_numpy(self._values(rows, indices)), torch.from_numpy(indices)

    def visited(self, queries: Tensor, **knob: int) -> list[Tensor]:
        """For each query, the indices of the vectors whose distance is computed.

        The knob, if left out, is as for the search of one neighbour.
        """
        knob = self._checked_knob(knob)
        return [
            torch.from_numpy(self._visit(query, **knob)) for query in self._checked_queries(queries)
        ]

    def cost(self, queries: Tensor, **knob: int) -> float:
        """Distances computed for one query, on average: the price on every computer."""
        visited = self.visited(queries, **knob)
        return self.overhead + sum(map(len, visited)) / len(visited)

    def _visit(self, query: np.ndarray, **knob: int) -> np.ndarray:
        """Indices of the vectors to look at for one query (D,)."""
        raise NotImplementedError

    def _find(self, queries: np.ndarray, k: int, **knob: int) -> np.ndarray:
        found = []
        for query in queries:
            candidates = self._visit(query, **knob)
            rough = self.half_squares[candidates] - self.vectors.take(candidates, axis=0) @ query
            found.append(self._nearest(query, candidates, rough, k))
        return np.stack(found)

    def _nearest(
        self, query: np.ndarray, candidates: np.ndarray, rough: np.ndarray, k: int
    ) -> np.ndarray:
        """The k nearest of the candidates, (k,), -1 where there are fewer.

        ``rough`` ranks like the distance, |v - q|² / 2 = |v|² / 2 - v·q + |q|² / 2, and costs one
        matrix product for all candidates. But it rounds, so all that might be among the k nearest
        are kept and ranked by v - q itself.
        """
        if len(candidates) > k:
            limit = np.partition(rough, k - 1)[k - 1] + 4 * self.rounding * (
                np.linalg.norm(query) + 1
            )
            candidates = candidates[rough <= limit]
        order = np.lexsort((candidates, self._squares(query, candidates)))[:k]
        found = np.full(k, -1)
        found[: len(order)] = candidates[order]
        return found

    def _squares(self, query: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Squared distances from a query (D,) to some vectors, in float64."""
        return np.square(self.vectors[indices] - query, dtype=np.float64).sum(-1)

    def _values(self, queries: np.ndarray, indices: np.ndarray) -> np.ndarray:
        rows = zip(queries, indices, strict=True)
        squares = np.stack([self._squares(query, found) for query, found in rows])
        squares[indices < 0] = np.inf
        values = 1 - squares / 2 if self.measure == "cosine" else np.sqrt(squares)
        return values.astype(np.float32)

    def _checked_queries(self, queries: Tensor) -> np.ndarray:
        rows = self._rows("queries", queries)
        return _validate.shaped("queries", rows, "Q", self.vectors.shape[1])

    def _rows(self, name: str, given: Tensor) -> np.ndarray:
        """A tensor or array as float32 rows, of length 1 if the measure is the cosine."""
        rows = rows_of(name, given)
        if self.measure == "cosine":
            # first by the largest entry: no square can become 0 or infinite then
            rows /= np.maximum(np.abs(rows).max(1, keepdims=True), np.finfo(np.float32).tiny)
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            if not lengths.all():
                raise ValueError(
                    f"{name} must have no row of zeros, which has no cosine, "
                    f"got one in row {lengths.argmin()}"
                )
            rows /= lengths
        return rows

    def usual(self, k: int = 1) -> dict[str, int]:
        """The knob and its setting where none is given; nothing for an index without a knob."""
        return {self.knob: 1} if self.knob else {}

    def _checked_knob(self, knob: dict[str, int], k: int = 1) -> dict[str, int]:
        """The knob as it is given, else as usual."""
        for name in knob:
            if name != self.knob:
                allowed = (
                    f"must be {self.knob!r}" if self.knob else "must be left out: there is none"
                )
                raise TypeError(f"knob of {type(self).__name__} {allowed}, got {name!r}")
        return knob or self.usual(k)

    def _setting(self, value: int, at_least: int = 1) -> int:
        """The knob's setting, refused where it is out of range."""
        return _validate.count(self.knob, value, at_least=at_least, at_most=self.exhaustive)


def rows_of(name: str, given: Tensor | np.ndarray) -> np.ndarray:
    """A copy of (N, D) finite numbers as float32, with entries of at most 1e15 in size."""
    copied = _validate.features(name, given).detach().to("cpu", torch.float32, copy=True)
    rows = copied.contiguous().numpy()
    if (largest := np.abs(rows).max()) > LARGEST:
        raise ValueError(f"{name} must have entries of at most {LARGEST:g}, got {largest:g}")
    return rows


def grouped(labels: np.ndarray, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists in one array: the members of group g are ``members[starts[g] : starts[g + 1]]``."""
    members = labels.argsort(kind="stable")
    starts = np.searchsorted(labels[members], np.arange(n_groups + 1))
    return members, starts
