"""Inverted lists: k-means cells, and for each cell the list of the vectors in it."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.neighbours.index import Index, grouped, rows_of

ROWS_AT_ONCE = 8192  # bounds the memory: so many rows of distances to all centres
MOST_ROUNDS = 100_000  # more come from a mistake


class InvertedLists(Index):
    r"""k-means cuts the space into cells, and a query looks into those with the nearest centres.

    Each vector belongs to its nearest centre. A query is compared with all centres first and then
    visits the lists of the ``n_probe`` nearest ones. A neighbour is missed if it lies in a cell
    that was not probed, just beyond a border.

    Beside the vectors it costs 8 bytes a vector and 4 D bytes a cell.

    Args:
        vectors, measure: as for every index.
        n_cells: 1 to N cells; the square root of N if None, so that centres and members cost about
            the same.
        generator: source of k-means' first centres.

    Raises:
        ValueError: as for every index, or n_cells is out of range.

    Source: Sivic and Zisserman 2003 for the inverted file; Jégou et al. 2011, Section IV, for its
        use here.
    """

    knob = "n_probe"

    def __init__(
        self,
        vectors: Tensor,
        *,
        measure: str = "cosine",
        n_cells: int | None = None,
        generator: Generator | None = None,
    ):
        super().__init__(vectors, measure=measure)
        if n_cells is None:
            n_cells = round(math.sqrt(len(self)))
        self.overhead = n_cells = _validate.count("n_cells", n_cells, at_most=len(self))
        # (cells, D), (N,)
        self.centres, self.cells = k_means(self.vectors, n_cells, generator=generator)
        self.members, self.starts = grouped(self.cells, n_cells)
        # seen from their mean: far from 0, |c|² / 2 - c·q would be lost in rounding
        self.mean_centre = self.centres.mean(0, dtype=np.float64)
        self.centres_seen = (self.centres - self.mean_centre).astype(np.float32)
        self.half_squares_of_centres = np.square(self.centres_seen).sum(1) / 2
        # of several equal centres all but one are empty: a query goes to the one that is not
        self.half_squares_of_centres[np.diff(self.starts) == 0] = np.inf

    @property
    def exhaustive(self) -> int:
        """All cells."""
        return len(self.centres)

    def probed(self, query: np.ndarray, n_probe: int) -> np.ndarray:
        """The n_probe cells whose centres are nearest to a query (D,); empty ones come last."""
        query = (query - self.mean_centre).astype(np.float32)
        gaps = self.half_squares_of_centres - self.centres_seen @ query
        return np.argpartition(gaps, n_probe - 1)[:n_probe]

    def _visit(self, query: np.ndarray, *, n_probe: int) -> np.ndarray:
        n_probe = self._setting(n_probe)
        lists = [
            self.members[self.starts[cell] : self.starts[cell + 1]]
            for cell in self.probed(query, n_probe)
        ]
        return np.concatenate(lists)


def k_means(
    vectors: np.ndarray, n_cells: int, *, rounds: int = 8, generator: Generator | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Centres that are the means of the vectors nearest to them, by Lloyd's iteration.

    Args:
        vectors: (N, D) finite numbers; in float32, integers too.
        n_cells: 1 to N.
        rounds: >= 0, how often cells and centres are brought up to date.
        generator: source of the first centres, which are random vectors.

    Returns:
        Centres (n_cells, D) in float32 and the nearest centre of each vector (N,).
        A centre that lost all its vectors stays.

    Raises:
        TypeError, ValueError: vectors is not (N, D) finite numbers, or n_cells or rounds is out of
            range.

    Source: Lloyd 1982.
    """
    vectors = rows_of("vectors", vectors)
    n_cells = _validate.count("n_cells", n_cells, at_most=len(vectors))
    rounds = _validate.count("rounds", rounds, at_least=0, at_most=MOST_ROUNDS)
    _validate.generator("generator", generator)
    # the means of vectors far from 0 would be lost in rounding: all is seen from their mean
    middle = vectors.mean(0, dtype=np.float64)
    vectors = (vectors - middle).astype(np.float32)
    order = torch.randperm(len(vectors), generator=generator, device="cpu").numpy()
    centres = vectors[order[:n_cells]]
    for _ in range(rounds):
        members, starts = grouped(nearest_centre(vectors, centres), n_cells)
        full = np.flatnonzero(np.diff(starts))
        sums = np.add.reduceat(vectors[members], starts[full], axis=0)
        centres[full] = sums / np.diff(starts)[full, None]
    return (centres + middle).astype(np.float32), nearest_centre(vectors, centres)


def nearest_centre(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(N,) the number of the centre nearest to each vector."""
    half_squares = np.square(centres).sum(1) / 2
    starts = range(0, len(vectors), ROWS_AT_ONCE)
    parts = [vectors[start : start + ROWS_AT_ONCE] for start in starts]
    return np.concatenate([(half_squares - part @ centres.T).argmin(1) for part in parts])
