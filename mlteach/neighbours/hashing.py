"""Random-hyperplane hashing: vectors on the same side of many random planes share a bucket."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.neighbours.index import Index, grouped


class HashTables(Index):
    r"""Random hyperplanes cut the space; vectors on the same side of all of them share a bucket.

    .. math:: \text{bit}_j(v) = [\,p_j \cdot (v - c) > 0\,], \qquad
              P(\text{bits agree}) = 1 - \theta / \pi

    The bits are a vector's code, the number of its bucket; θ is the angle of two vectors as seen
    from the point c where all planes meet: the origin for the cosine, the mean of the vectors for
    the Euclidean distance. Several tables with planes of their own give a neighbour several
    chances. A query visits ``n_probe`` buckets in each table: its own, then those that differ in
    bits of which it lies close to the plane (the least sum of squared distances to the planes
    crossed comes first).

    Beside the vectors it costs 8 bytes a vector and table.

    Args:
        vectors, measure: as for every index.
        n_tables: tables, each with its own planes.
        n_bits: 1 to 16 planes a table, so 2^n_bits buckets.
        generator: source of the planes.

    Raises:
        ValueError: as for every index, or n_tables or n_bits is out of range.

    Source: Charikar 2002, Section 3; the order of the buckets after Lv et al. 2007, with all
        2^n_bits of them ranked.
    """

    knob = "n_probe"

    def __init__(
        self,
        vectors: Tensor,
        *,
        measure: str = "cosine",
        n_tables: int = 8,
        n_bits: int = 12,
        generator: Generator | None = None,
    ):
        super().__init__(vectors, measure=measure)
        n_tables = _validate.count("n_tables", n_tables, at_most=10_000)
        n_bits = _validate.count("n_bits", n_bits, at_most=16)
        _validate.generator("generator", generator)
        columns = self.vectors.shape[1]
        planes = torch.randn(n_tables, n_bits, columns, generator=generator, device="cpu").numpy()
        # (tables, bits, D) unit normals
        self.planes = planes / np.linalg.norm(planes, axis=2, keepdims=True)
        middle = self.vectors.mean(0)
        self.centre = middle if self.measure == "euclidean" else np.zeros_like(middle)
        self.place_values = 2 ** np.arange(n_bits)
        bits_of_codes = np.arange(2**n_bits) & self.place_values[:, None] > 0  # (bits, codes)
        self.bits_of_codes = bits_of_codes.astype(np.float32)
        tables = [grouped(codes, 2**n_bits) for codes in self.codes(self.vectors).T]
        self.members, self.starts = (np.stack(part) for part in zip(*tables, strict=True))
        self.overhead = n_tables * n_bits

    @property
    def exhaustive(self) -> int:
        """All buckets."""
        return self.bits_of_codes.shape[1]

    def codes(self, vectors: np.ndarray) -> np.ndarray:
        """(N, tables) the number of the bucket of each vector in each table; bit j is worth 2^j."""
        return np.stack([(side > 0) @ self.place_values for side in self._sides(vectors)], axis=1)

    def _sides(self, vectors: np.ndarray) -> np.ndarray:
        """(tables, N, bits) signed distance of each vector to each plane."""
        return (vectors - self.centre) @ self.planes.transpose(0, 2, 1)

    def probed(self, query: np.ndarray, n_probe: int) -> np.ndarray:
        """(tables, n_probe) the buckets that a query (D,) looks into."""
        sides = self._sides(query[None])[:, 0]  # (tables, bits)
        own = (sides > 0) @ self.place_values
        if n_probe == 1:
            return own[:, None]
        # (tables, codes), for the code of the bits that differ
        detours = np.square(sides) @ self.bits_of_codes
        return own[:, None] ^ np.argpartition(detours, n_probe - 1, axis=1)[:, :n_probe]

    def _visit(self, query: np.ndarray, *, n_probe: int) -> np.ndarray:
        n_probe = self._setting(n_probe)
        visited = np.zeros(len(self), bool)
        tables = zip(self.members, self.starts, self.probed(query, n_probe), strict=True)
        for members, starts, buckets in tables:
            for bucket in buckets:
                visited[members[starts[bucket] : starts[bucket + 1]]] = True
        return np.flatnonzero(visited)
