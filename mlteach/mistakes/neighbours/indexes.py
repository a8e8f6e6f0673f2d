"""Mistakes in indexes, and in the cells that one probes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mlteach.mistakes._registry import mistake
from mlteach.neighbours import ExactSearch, HashTables, InvertedLists, NeighbourGraph

# --- the cells to probe --------------------------------------------------------------------------


def cells_to_probe(query: Tensor, centres: Tensor, n_probe: int) -> Tensor:
    """(n_probe,) the cells whose centres are nearest to the query, nearest first."""
    return (centres - query).norm(dim=1).argsort()[:n_probe]


@mistake(cells_to_probe, "you take the farthest centres: sort the distances upwards")
def farthest_cells(query, centres, n_probe):
    return (centres - query).norm(dim=1).argsort(descending=True)[:n_probe]


@mistake(
    cells_to_probe,
    "you take the largest dot products: "
    "among centres of different lengths that is not the smallest distance",
)
def cells_by_dot_product(query, centres, n_probe):
    return (centres @ query).argsort(descending=True)[:n_probe]


@mistake(
    cells_to_probe,
    "you take the largest cosines: two centres in one direction can be near and far",
)
def cells_by_cosine(query, centres, n_probe):
    return torch.cosine_similarity(centres, query[None]).argsort(descending=True)[:n_probe]


@mistake(cells_to_probe, "these are the right cells, but the nearest has to come first")
def cells_in_their_order(query, centres, n_probe):
    return cells_to_probe(query, centres, n_probe).sort().values


@mistake(cells_to_probe, "these are the distances: the numbers of the cells are asked for")
def distances_of_cells(query, centres, n_probe):
    return (centres - query).norm(dim=1).sort().values[:n_probe]


@mistake(cells_to_probe, "you compare the lengths of the centres and never look at the query")
def query_ignored(query, centres, n_probe):
    return centres.norm(dim=1).argsort()[:n_probe]


@mistake(
    cells_to_probe,
    "you add absolute differences: the distance is Euclidean, the root of the sum of squares",
)
def absolute_differences(query, centres, n_probe):
    return (centres - query).abs().sum(1).argsort()[:n_probe]


@mistake(
    cells_to_probe,
    "you compare the largest difference of a coordinate: the distance is Euclidean",
)
def largest_difference(query, centres, n_probe):
    return (centres - query).abs().amax(1).argsort()[:n_probe]


@mistake(cells_to_probe, "you add the differences as they are: square each of them first")
def differences_not_squared(query, centres, n_probe):
    return (centres - query).sum(1).argsort()[:n_probe]


@mistake(
    cells_to_probe,
    "you compare lengths, that of the query and those of the centres: take the length of what is "
    "between them",
)
def difference_of_lengths(query, centres, n_probe):
    return (centres.norm(dim=1) - query.norm()).abs().argsort()[:n_probe]


@mistake(
    cells_to_probe,
    "these are ranks, how near each cell is: the numbers of the nearest are asked for, one argsort",
)
def ranks_for_numbers(query, centres, n_probe):
    return (centres - query).norm(dim=1).argsort().argsort()[:n_probe]


@mistake(
    cells_to_probe,
    "you cut the sorted list at the wrong end: the nearest stand first, take [:n_probe]",
)
def cut_at_the_wrong_end(query, centres, n_probe):
    return (centres - query).norm(dim=1).argsort()[-n_probe:]


@mistake(cells_to_probe, "you leave out the nearest: a query is no centre, so nothing is skipped")
def nearest_left_out(query, centres, n_probe):
    return (centres - query).norm(dim=1).argsort()[1 : n_probe + 1]


@mistake(
    cells_to_probe,
    "these are the cells around the nearest centre: measure all distances from the query",
)
def around_the_nearest_centre(query, centres, n_probe):
    nearest = centres[(centres - query).norm(dim=1).argmin()]
    return (centres - nearest).norm(dim=1).argsort()[:n_probe]


@mistake(
    cells_to_probe,
    "the 2 is missing: |q - c|² = |q|² + |c|² - 2 q·c",
)
def factor_2_missing(query, centres, n_probe):
    return (centres.square().sum(1) - centres @ query).argsort()[:n_probe]


# --- indexes -------------------------------------------------------------------------------------


@mistake(ExactSearch, "you rank by the dot product alone: for Euclidean distances |v|² is missing")
class ForgetsTheLengths(ExactSearch):
    def _find(self, queries, k):
        self.half_squares = 0 * self.half_squares
        self.rounding = 0
        return super()._find(queries, k)


@mistake(ExactSearch, "you call a dot product a cosine: divide the vectors by their lengths first")
class ForgetsToNormalise(ExactSearch):
    def _rows(self, name, rows):
        return rows.numpy().copy()


@mistake(ExactSearch, "you sort the wrong way: the nearest comes first")
class FarthestFirst(ExactSearch):
    def _nearest(self, query, candidates, rough, k):
        return super()._nearest(query, candidates, rough, len(candidates))[::-1][:k].copy()


@mistake(
    InvertedLists,
    "you probe the farthest cells: the smallest similarities were taken for the smallest distances",
)
class ProbesTheFarthestCells(InvertedLists):
    def probed(self, query, n_probe):
        return np.argsort(self.centres @ query - self.half_squares_of_centres)[:n_probe]


@mistake(InvertedLists, "you lose the last vector of every list: the end of a slice is not in it")
class LosesTheLastOfEveryList(InvertedLists):
    def _visit(self, query, *, n_probe=1):
        ends = [(self.starts[c], self.starts[c + 1] - 1) for c in self.probed(query, n_probe)]
        return np.concatenate([self.members[start:end] for start, end in ends])


@mistake(
    HashTables,
    "the query's code counts its bits from the other end: encode queries as the vectors were",
)
class ReadsTheBitsBackwards(HashTables):
    def _visit(self, query, *, n_probe=1):
        self.place_values = np.sort(self.place_values)[::-1]
        return super()._visit(query, n_probe=n_probe)


@mistake(HashTables, "the query meets other planes than the vectors did: draw the planes once")
class OtherPlanesForTheQuery(HashTables):
    def _visit(self, query, *, n_probe=1):
        self.planes = self.planes[..., ::-1]
        return super()._visit(query, n_probe=n_probe)


@mistake(
    NeighbourGraph,
    "the walk ends at the first vector without a nearer neighbour: keep the ef best and go on",
)
class GivesUpAtOnce(NeighbourGraph):
    def walk(self, queries, ef):
        return super().walk(queries, 1)


@mistake(
    NeighbourGraph,
    "your links are thrown away, so that a walk ends where it started: keep them both ways",
)
class KeepsNoLinks(NeighbourGraph):
    def _link_back(self, givers, takers):
        self.links[:] = self.nobody

    def _mend(self, order):
        pass
