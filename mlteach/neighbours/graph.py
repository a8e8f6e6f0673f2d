"""A navigable small-world graph: vectors are linked with a few others, and queries walk."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.neighbours.index import Index

# walks that go side by side: enough to share the cost of a step, few enough for the cache
QUERIES_AT_ONCE = 128
MOST = 100_000  # links or a beam: more would not fit into the memory


class NeighbourGraph(Index):
    r"""Vectors are linked with near ones; a query walks greedily along the links.

    The walk keeps the ``ef`` nearest vectors met so far, its beam. Again and again it goes to the
    nearest one of the beam where it has not been and looks at all that this one is linked with; it
    ends when it has been at all of them and cannot get nearer.

    The graph grows in random order. A new vector walks through the graph of those before it and is
    linked with what it finds, both ways. So the first links are long, when there are few vectors,
    and the later ones short: far travel and near search in one graph. Of those that it finds, a new
    vector is linked with the nearest, then with the next one that is nearer to it than to all
    chosen before, and so on: links in all directions, not many into one heap.

    Queries walk side by side, one step of all being a few array operations, and so do new vectors,
    up to a quarter of the graph at once; vectors that enter side by side do not see each other.
    Beside the vectors the graph costs 8 (2 n_links + 1) bytes a vector.

    Args:
        vectors, measure: as for every index.
        n_links: links that a new vector makes; one that later vectors choose as well has at most
            twice as many.
        ef_build: the beam with which a new vector is searched for.
        n_starts: the first so many vectors are looked at before the first step, the one nearest to
            the mean first of all. With 1, a walk can stay in the wrong one of two groups that lie
            far apart.
        generator: source of the order of the vectors.

    Raises:
        ValueError: as for every index, or n_links, ef_build or n_starts is less than 1.

    Source: Malkov et al. 2014 for the graph and its growth; Malkov and Yashunin 2018,
        arXiv:1603.09320, Algorithms 2 and 4, for the beam and the choice of links. Their layers,
        which find a start near the query, are left out; the ``n_starts`` vectors stand for them.
    """

    knob = "ef"

    def __init__(
        self,
        vectors: Tensor,
        *,
        measure: str = "cosine",
        n_links: int = 12,
        ef_build: int = 24,
        n_starts: int = 32,
        generator: Generator | None = None,
    ):
        super().__init__(vectors, measure=measure)
        self.n_links = n_links = _validate.count("n_links", n_links, at_most=MOST)
        ef_build = _validate.count("ef_build", ef_build, at_most=MOST)
        n_starts = _validate.count("n_starts", n_starts, at_most=2**62)
        _validate.generator("generator", generator)
        # Number N stands for "nobody": a row of its own, infinitely far away, makes all shapes
        # rectangular.
        self.nobody = len(self)
        # Seen from their mean: far from 0, |v|² / 2 - v·q would be lost in rounding.
        self.mean = self.vectors.mean(0, dtype=np.float64)
        seen = (self.vectors - self.mean).astype(np.float32)
        self.rows = np.vstack([seen, np.zeros_like(seen[:1])])  # (N + 1, D)
        self.heights = np.append(np.square(seen).sum(1) / 2, np.float32(np.inf))
        # the last column mends, see _mend
        self.links = np.full((len(self) + 1, 2 * n_links + 1), self.nobody)
        middle = self.heights[:-1].argmin()
        order = torch.randperm(len(self), generator=generator, device="cpu").numpy()
        order = np.r_[middle, order[order != middle]]
        done = 1
        while done < len(order):
            self.starts = order[: min(n_starts, done)]
            new = order[done : done + min(512, max(1, done // 4))]
            self._insert(new, ef_build)
            done += len(new)
        self.starts = order[:n_starts]
        self._mend(order)

    # --- searching -------------------------------------------------------------------------------

    def walk(self, queries: np.ndarray, ef: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """Walks for all queries side by side.

        Returns:
            Beams (Q, ef), nearest first, filled with N; what was seen (Q, N + 1); and for each step
            where the queries went, (Q,), N for those that had arrived.
        """
        return self._walk((queries - self.mean).astype(np.float32), ef)

    def _walk(
        self, queries: np.ndarray, ef: int
    ) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """As `walk`, of queries as seen from the mean."""
        column = np.arange(len(queries))[:, None]
        # the beam, and behind it what the next step finds
        shape = len(queries), ef + self.links.shape[1]
        nodes, gaps = np.full(shape, self.nobody), np.full(shape, np.float32(np.inf))
        been = np.ones(shape, bool)
        seen = np.zeros((len(queries), len(self.rows)), bool)
        seen[:, [*self.starts, self.nobody]] = True
        to_starts = self.heights[self.starts] - queries @ self.rows[self.starts].T  # (Q, starts)
        nearest = to_starts.argsort(1)[:, :ef]
        first = slice(nearest.shape[1])
        nodes[:, first], gaps[:, first] = self.starts[nearest], to_starts[column, nearest]
        been[:, first] = False
        trail = []
        while not been[:, :ef].all():
            # the nearest of the beam where the query has not been
            place = been[:, :ef].argmin(1)[:, None]
            here = np.where(been[column, place], self.nobody, nodes[column, place])[:, 0]
            been[column, place] = True
            trail.append(here)
            next_nodes = self.links[here]
            fresh = ~seen[column, next_nodes]
            seen[column, next_nodes] = True
            dots = (self.rows.take(next_nodes, axis=0) @ queries[:, :, None])[:, :, 0]
            nodes[:, ef:], been[:, ef:] = next_nodes, ~fresh
            gaps[:, ef:] = np.where(fresh, self.heights[next_nodes] - dots, np.inf)
            order = gaps.argsort(1)
            nodes, gaps = nodes[column, order], gaps[column, order]
            been = been[column, order]
        return np.where(np.isfinite(gaps), nodes, self.nobody)[:, :ef], seen, trail

    def usual(self, k: int = 1) -> dict[str, int]:
        """A beam of 32, or of k where that is more; never of more than there are vectors."""
        return {"ef": min(max(32, k), len(self))}

    def _visit(self, query: np.ndarray, *, ef: int) -> np.ndarray:
        ef = self._setting(ef)
        return np.flatnonzero(self.walk(query[None], ef)[1][0, :-1])

    def _find(self, queries: np.ndarray, k: int, *, ef: int) -> np.ndarray:
        ef = self._setting(ef, at_least=k)
        found = []
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            some = queries[start : start + QUERIES_AT_ONCE]
            for query, beam in zip(some, self.walk(some, ef)[0], strict=True):
                beam = beam[beam != self.nobody]
                rough = self.half_squares[beam] - self.vectors[beam] @ query
                found.append(self._nearest(query, beam, rough, k))
        return np.stack(found)

    # --- building --------------------------------------------------------------------------------

    def _insert(self, new: np.ndarray, ef: int) -> None:
        """Links new vectors with those that they find, both ways."""
        found = self._choose(new, self._walk(self.rows[new], ef)[0], self.n_links)
        self.links[new, : found.shape[1]] = found
        givers, takers = np.repeat(new, found.shape[1]), found.ravel()
        self._link_back(givers[takers != self.nobody], takers[takers != self.nobody])

    def _link_back(self, givers: np.ndarray, takers: np.ndarray) -> None:
        """Adds the link from each taker to its giver; a taker without room chooses among all."""
        width = self.links.shape[1] - 1
        order = takers.argsort(kind="stable")
        takers, first, count = np.unique(takers[order], return_index=True, return_counts=True)
        row = np.repeat(np.arange(len(takers)), count)
        wide = np.full((len(takers), width + count.max()), self.nobody)
        wide[:, :width] = self.links[takers, :width]
        wide[row, width + np.arange(len(row)) - first[row]] = givers[order]
        wide.sort(1)  # nobody has the largest number, so the free places are last
        full = wide[:, width] != self.nobody
        self.links[takers[~full], :width] = wide[~full, :width]
        nearest = self._sorted(takers[full], wide[full])[:, : 2 * width]
        chosen = self._choose(takers[full], nearest, width)
        self.links[takers[full]] = self.nobody
        self.links[takers[full], : chosen.shape[1]] = chosen

    def _sorted(self, nodes: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """The candidates (B, C) of each node, nearest first."""
        dots = (self.rows[candidates] @ self.rows[nodes][:, :, None])[:, :, 0]
        return np.take_along_axis(candidates, (self.heights[candidates] - dots).argsort(1), axis=1)

    def _choose(self, nodes: np.ndarray, candidates: np.ndarray, most: int) -> np.ndarray:
        """Of candidates (B, C), nearest first: so many nearer to the node than to each other."""
        rows = self.rows[candidates]  # (B, C, D)
        to_node = np.square(rows - self.rows[nodes][:, None]).sum(2)  # (B, C)
        squares = np.square(rows).sum(2)
        # (B, C, C)
        apart = squares[:, :, None] + squares[:, None] - 2 * rows @ rows.transpose(0, 2, 1)
        # of several equal vectors one is enough: else all links would lead to copies
        equal = apart <= 1e-6 * squares[:, :, None]
        kept = candidates != self.nobody
        for c in range(1, candidates.shape[1]):
            kept[:, c] &= ~(
                kept[:, :c] & (equal[:, c, :c] | (apart[:, c, :c] < to_node[:, c, None]))
            ).any(1)
        first = np.argsort(~kept, axis=1, kind="stable")[:, :most]
        chosen = np.take_along_axis(candidates, first, axis=1)
        return np.where(np.take_along_axis(kept, first, axis=1), chosen, self.nobody)

    def _mend(self, order: np.ndarray) -> None:
        """Gives each vector that no walk can reach a link from the nearest reachable with room.

        Choosing among crowded links can cut off the last link to a vector; and of many equal
        vectors, most.
        """
        reached = self._reach(np.zeros(len(self.rows), bool), self.starts)
        for node in order:
            if not reached[node]:
                free = np.flatnonzero(reached[:-1] & (self.links[:-1, -1] == self.nobody))
                nearest = free[self._squares(self.vectors[node], free).argmin()]
                self.links[nearest, -1] = node
                reached = self._reach(reached, np.array([node]))

    def _reach(self, reached: np.ndarray, front: np.ndarray) -> np.ndarray:
        """Adds to the reached vectors, (N + 1,) bool, a front and all that a walk from it finds."""
        while len(front):
            reached[front] = True
            ahead = np.unique(self.links[front])
            front = ahead[~reached[ahead] & (ahead != self.nobody)]
        return reached
