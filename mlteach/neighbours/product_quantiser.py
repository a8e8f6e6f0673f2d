"""Product quantisation: cut vectors into parts, and keep of each part its nearest centre only."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.neighbours.index import rows_of
from mlteach.neighbours.inverted_lists import k_means, nearest_centre


class ProductQuantiser:
    r"""A vector becomes a few bytes, and a query is compared with codes by looking up distances.

    .. math:: v \approx (c_1[\text{code}_1], \dots, c_M[\text{code}_M]), \qquad
              \lVert q - v \rVert^2 \approx \sum_m \lVert q_m - c_m[\text{code}_m] \rVert^2

    Every vector is cut into M parts of equally many columns, and k-means finds centres for each
    part. The code of a vector is the number of the nearest centre in each part. A query computes
    its distances to all centres once, M tables, and then adds up M entries for each code. The query
    itself is not rounded: the distance is called asymmetric.

    The codes cost M bytes a vector, the centres 4 D bytes for each of their number; the vectors
    themselves are not kept. On vectors of length 1 the ranking approximates that of the cosine.

    Args:
        vectors: (N, D) what is encoded, and what the centres are learned from.
        n_parts: M, a divisor of D.
        n_centres: 1 to 256 (the values of a byte) and at most N, for each part.
        generator: source of k-means' first centres.

    Raises:
        TypeError, ValueError: vectors is not (N >= 1, D >= 1) finite numbers, n_parts does not
            divide D, or n_centres is out of range.

    Source: Jégou, Douze and Schmid 2011, IEEE TPAMI 33(1), Eqs. (8) and (13).
    """

    def __init__(
        self,
        vectors: Tensor,
        *,
        n_parts: int = 8,
        n_centres: int = 256,
        generator: Generator | None = None,
    ):
        rows = rows_of("vectors", vectors)
        self.columns = rows.shape[1]
        self.n_parts = _validate.count("n_parts", n_parts, at_most=self.columns)
        if self.columns % self.n_parts:
            raise ValueError(f"n_parts must divide the {self.columns} columns, got {n_parts}")
        n_centres = _validate.count("n_centres", n_centres, at_most=min(256, len(rows)))
        _validate.generator("generator", generator)
        found = [k_means(part, n_centres, generator=generator) for part in self._cut(rows)]
        self.centres = np.stack([centres for centres, _ in found])  # (M, n_centres, D / M)
        self.codes = self._encode(rows)

    def __len__(self) -> int:
        return len(self.codes)

    def encode(self, vectors: Tensor) -> Tensor:
        """(N, M) bytes: for each part of each vector (N, D) the number of the nearest centre."""
        rows = rows_of("vectors", vectors)
        return torch.from_numpy(self._encode(_validate.shaped("vectors", rows, "N", self.columns)))

    def decode(self, codes: Tensor) -> Tensor:
        """(N, D) the vectors that codes (N, M) stand for: each part is its centre."""
        codes = _validate.as_tensor("codes", codes)
        _validate.shaped("codes", codes, "N", self.n_parts, at_least=1)
        numbers = _validate.labels("codes", codes.flatten()).view(codes.shape).cpu().numpy()
        if (largest := numbers.max()) >= self.centres.shape[1]:
            at_most = self.centres.shape[1] - 1
            raise ValueError(f"codes must be numbers of centres, 0 to {at_most}, got {largest}")
        parts = [centres[code] for centres, code in zip(self.centres, numbers.T, strict=True)]
        return torch.from_numpy(np.concatenate(parts, axis=1))

    def search(self, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The k nearest of the encoded vectors to every query, as far as their codes tell.

        Args:
            queries: (Q, D).
            k: 1 to N neighbours.

        Returns:
            Approximate Euclidean distances (Q, k), nearest first, and indices (Q, k). Of equally
            near codes the one with the smaller number comes first.

        Raises:
            TypeError, ValueError: the queries do not fit the vectors, or k is out of range.
        """
        rows = _validate.shaped("queries", rows_of("queries", queries), "Q", self.columns)
        k = _validate.count("k", k, at_most=len(self))
        found = [self._nearest(query, k) for query in rows]
        squares, indices = (np.stack(column) for column in zip(*found, strict=True))
        return torch.from_numpy(np.sqrt(squares).astype(np.float32)), torch.from_numpy(indices)

    def _cut(self, rows: np.ndarray) -> list[np.ndarray]:
        return np.split(rows, self.n_parts, axis=1)

    def _encode(self, rows: np.ndarray) -> np.ndarray:
        parts = zip(self._cut(rows), self.centres, strict=True)
        return np.stack([nearest_centre(*pair) for pair in parts], axis=1).astype(np.uint8)

    def _nearest(self, query: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        parts = query.reshape(self.n_parts, 1, -1)
        tables = np.square(parts - self.centres, dtype=np.float64).sum(2)  # (M, n_centres)
        squares = sum(table[code] for table, code in zip(tables, self.codes.T, strict=True))
        limit = np.partition(squares, k - 1)[k - 1]
        candidates = np.flatnonzero(squares <= limit)  # more than k where codes are equal
        best = candidates[squares[candidates].argsort(kind="stable")[:k]]
        return squares[best], best
