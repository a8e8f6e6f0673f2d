"""Mistakes in searching for nearest neighbours, and in measuring how many were found."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from mlteach.mistakes._registry import mistake
from mlteach.neighbours import ExactSearch, HashTables, InvertedLists, NeighbourGraph, recall

# --- recall --------------------------------------------------------------------------------------


def _hits(found: Tensor, exact: Tensor) -> Tensor:
    """(Q, k) which of the true neighbours were found."""
    return (exact[:, :, None] == found[:, None]).any(dim=2).double()


@mistake(recall, "you compare place by place: a neighbour counts wherever it stands in the list")
def place_by_place(found, exact):
    return (found == exact).double().mean()


@mistake(recall, "you look at the first neighbour only: all k true neighbours count")
def first_neighbour_only(found, exact):
    return (exact[:, 0] == found[:, 0]).double().mean()


@mistake(recall, "you count the queries with at least one hit: count the neighbours")
def queries_with_a_hit(found, exact):
    return _hits(found, exact).amax(dim=1).mean()


@mistake(recall, "you count the queries whose neighbours were all found: count the neighbours")
def queries_with_all_found(found, exact):
    return _hits(found, exact).amin(dim=1).mean()


@mistake(
    recall,
    "you divide by the number of vectors that were found: "
    "divide by the number of true neighbours, Q times k",
)
def precision(found, exact):
    return _hits(found, exact).sum() / (found >= 0).sum()


@mistake(
    recall,
    "you divide by the number of queries only: divide by the number of true neighbours, Q times k",
)
def hits_per_query(found, exact):
    return _hits(found, exact).sum(dim=1).mean()


@mistake(recall, "these are the hits: divide by the number of true neighbours, Q times k")
def number_of_hits(found, exact):
    return _hits(found, exact).sum()


@mistake(recall, "you count a neighbour of any query as a hit for every query: compare row by row")
def neighbours_of_any_query(found, exact):
    return torch.isin(exact, found).double().mean()


@mistake(recall, "what was found for one query is a hit if it is any query's: compare row by row")
def true_for_any_query(found, exact):
    return torch.isin(found, exact).double().mean()


@mistake(recall, "a neighbour counts where it is equal to any that was found, not to all of them")
def equal_to_all(found, exact):
    return (exact[:, :, None] == found[:, None]).all(dim=2).double().mean()


@mistake(
    recall,
    "you sort both lists and compare place by place: one stranger shifts all that come after it",
)
def sorted_place_by_place(found, exact):
    return (found.sort(1).values == exact.sort(1).values).double().mean()


@mistake(
    recall,
    "you average each query's precision, hits over found: recall divides by the k true neighbours",
)
def mean_precision(found, exact):
    hits = _hits(found, exact).sum(1)
    return (hits / (found >= 0).sum(1).clamp(min=1)).mean()


@mistake(
    recall,
    "you divide by the union of found and true neighbours: divide by the true ones, k a query",
)
def intersection_over_union(found, exact):
    pairs = [(set(f), set(e)) for f, e in zip(found.tolist(), exact.tolist(), strict=True)]
    return torch.tensor([len(f & e) / len(f | e) for f, e in pairs]).mean()


@mistake(
    recall,
    "all queries share one set: compare each query's neighbours with its own",
)
def one_set_for_all(found, exact):
    found, exact = set(found[found >= 0].tolist()), set(exact.flatten().tolist())
    return torch.tensor(len(found & exact) / len(exact))


@mistake(
    recall,
    "you look whether the first one found is a true neighbour: count all of the k true neighbours",
)
def first_found_is_true(found, exact):
    return (exact == found[:, :1]).any(dim=1).double().mean()


@mistake(
    recall,
    "-1 counts as a vector, the last one: it means that nothing was found there",
)
def empty_place_is_the_last(found, exact):
    return recall(torch.where(found < 0, exact.max(), found), exact)


@mistake(
    recall,
    "you leave out the queries for which nothing was found: their true neighbours count as missed",
)
def answered_queries_only(found, exact):
    answered = (found >= 0).any(1)
    return _hits(found, exact)[answered].mean() if answered.any() else torch.zeros(())


# --- hash codes ----------------------------------------------------------------------------------


def hash_codes(vectors: Tensor, planes: Tensor) -> Tensor:
    """(N,) the code of each vector: bit j says whether it lies on the positive side of plane j."""
    return _code(vectors @ planes.T > 0, 2 ** torch.arange(len(planes)))


def _code(bits: Tensor, worth: Tensor) -> Tensor:
    return (bits.long() * worth).sum(dim=1)


@mistake(
    hash_codes,
    "your bits are flipped: a bit is 1 on the side to which the plane's normal points, "
    "where the product is > 0",
)
def bits_flipped(vectors, planes):
    return hash_codes(vectors, -planes)


@mistake(
    hash_codes,
    "you read the planes from the other end: plane 0 decides the bit that is worth 1",
)
def planes_reversed(vectors, planes):
    return hash_codes(vectors, planes.flip(0))


@mistake(
    hash_codes,
    "you count the planes with a positive side: "
    "bit j is worth 2 to the power j, so that each pattern has its code",
)
def bits_counted(vectors, planes):
    return (vectors @ planes.T > 0).sum(1)


@mistake(hash_codes, "bit j is worth 2 to the power j, not 2 times j")
def worth_2_times_j(vectors, planes):
    return _code(vectors @ planes.T > 0, 2 * torch.arange(len(planes)))


@mistake(
    hash_codes,
    "bit j is worth 2 to the power j, counted from 0: your codes are twice as large",
)
def counted_from_1(vectors, planes):
    return 2 * hash_codes(vectors, planes)


@mistake(hash_codes, "your bits are +1 and -1: they have to be 1 and 0")
def bits_of_sign(vectors, planes):
    return _code((vectors @ planes.T).sign(), 2 ** torch.arange(len(planes)))


@mistake(
    hash_codes,
    "^ is no power in Python but exclusive or: 2 ** j is 2 to the power j",
)
def exclusive_or(vectors, planes):
    return _code(vectors @ planes.T > 0, 2 ^ torch.arange(len(planes)))


@mistake(hash_codes, "bit j is worth 2 to the power j, not 10 to the power j")
def powers_of_10(vectors, planes):
    return _code(vectors @ planes.T > 0, 10 ** torch.arange(len(planes)))


@mistake(hash_codes, "bit j is worth 2 to the power j, not j squared")
def worth_j_squared(vectors, planes):
    return _code(vectors @ planes.T > 0, torch.arange(len(planes)) ** 2)


@mistake(
    hash_codes,
    "a product of exactly 0 is not positive: its bit is 0, so take > and not >=",
)
def zero_is_positive(vectors, planes):
    return _code(vectors @ planes.T >= 0, 2 ** torch.arange(len(planes)))


@mistake(
    hash_codes,
    "your numbers are too small a type: with more than 8 planes codes reach beyond 255, use int64",
)
def eight_bits(vectors, planes):
    return hash_codes(vectors, planes) % 256


@mistake(
    hash_codes,
    "your type of whole numbers ends at 127: codes of 8 planes and more need int64",
)
def seven_bits_and_a_sign(vectors, planes):
    return (hash_codes(vectors, planes) + 128) % 256 - 128


@mistake(
    hash_codes,
    "packed bits begin with the highest, and a byte holds eight: plane 0 is worth 1",
)
def packed_from_the_front(vectors, planes):
    bits = (vectors @ planes.T > 0).numpy()
    return torch.as_tensor(np.packbits(bits, axis=1)[:, 0].astype(np.int64))


@mistake(
    hash_codes,
    "this is the plane with the largest product: every plane gives one bit of the code",
)
def plane_with_the_largest_product(vectors, planes):
    return (vectors @ planes.T).argmax(1)


@mistake(hash_codes, "you round the products: a bit only says whether a product is positive")
def products_rounded(vectors, planes):
    return _code((vectors @ planes.T).round().clamp(0, 1), 2 ** torch.arange(len(planes)))


# --- the chance of meeting -----------------------------------------------------------------------


def chance_to_meet(angle: float, n_bits: int, n_tables: int) -> float:
    """The probability that two vectors at this angle share a bucket in at least one table."""
    return 1 - (1 - _of_bucket(angle, n_bits)) ** n_tables


def _of_bucket(angle: float, n_bits: int) -> float:
    return (1 - angle / math.pi) ** n_bits


@mistake(chance_to_meet, "this is the chance in one table: with several, one of them is enough")
def chance_in_one_table(angle, n_bits, n_tables):
    return _of_bucket(angle, n_bits)


@mistake(
    chance_to_meet,
    "you add the tables' chances: "
    "that can exceed 1; take one minus the chance to miss in all of them",
)
def chances_added(angle, n_bits, n_tables):
    return n_tables * _of_bucket(angle, n_bits)


@mistake(chance_to_meet, "this is the chance to miss in every table: subtract it from 1")
def chance_to_miss(angle, n_bits, n_tables):
    return 1 - chance_to_meet(angle, n_bits, n_tables)


@mistake(chance_to_meet, "this is the chance to meet in all tables: one of them is enough")
def chance_in_all_tables(angle, n_bits, n_tables):
    return _of_bucket(angle, n_bits) ** n_tables


@mistake(chance_to_meet, "the angle comes in radians: a half turn is π, not 180")
def angle_in_degrees(angle, n_bits, n_tables):
    return chance_to_meet(angle * math.pi / 180, n_bits, n_tables)


@mistake(chance_to_meet, "this is right for one bit: all the bits of a bucket must agree")
def one_bit(angle, n_bits, n_tables):
    return chance_to_meet(angle, 1, n_tables)


@mistake(
    chance_to_meet,
    "θ / π is the chance that a plane parts the two vectors: they agree with 1 - θ / π",
)
def chance_to_be_parted(angle, n_bits, n_tables):
    return chance_to_meet(math.pi - angle, n_bits, n_tables)


@mistake(
    chance_to_meet,
    "you divide the angle by 2π: "
    "a line through the origin cuts the whole turn twice, so it is θ / π",
)
def divided_by_the_whole_turn(angle, n_bits, n_tables):
    return chance_to_meet(angle / 2, n_bits, n_tables)


@mistake(
    chance_to_meet,
    "the angle is divided by nothing: a plane parts the two with probability θ / π",
)
def angle_not_divided(angle, n_bits, n_tables):
    return 1 - (1 - (1 - angle) ** n_bits) ** n_tables


@mistake(
    chance_to_meet,
    "you take the cosine for the chance of equal bits: it is 1 - θ / π, linear in the angle",
)
def cosine_for_the_chance(angle, n_bits, n_tables):
    return 1 - (1 - math.cos(angle) ** n_bits) ** n_tables


@mistake(
    chance_to_meet,
    "you take (1 + cos θ) / 2 for the chance of equal bits: it is 1 - θ / π, linear in the angle",
)
def moved_cosine_for_the_chance(angle, n_bits, n_tables):
    return 1 - (1 - ((1 + math.cos(angle)) / 2) ** n_bits) ** n_tables


@mistake(
    chance_to_meet,
    "(θ / π) to the power of the bits is the chance that all bits differ: "
    "a bucket is missed as soon as one does",
)
def all_bits_differ(angle, n_bits, n_tables):
    return 1 - (angle / math.pi) ** (n_bits * n_tables)


@mistake(
    chance_to_meet,
    "1 - (θ / π) to the power of the bits is the chance that some bit agrees: all must, "
    "in one table at least",
)
def some_bit_in_all_tables(angle, n_bits, n_tables):
    return (1 - (angle / math.pi) ** n_bits) ** n_tables


@mistake(
    chance_to_meet,
    "1 - (θ / π) to the power of the bits is the chance that some bit agrees: "
    "it is (1 - θ / π) to that power",
)
def power_in_the_wrong_place(angle, n_bits, n_tables):
    return 1 - (angle / math.pi) ** n_bits


@mistake(
    chance_to_meet,
    "this is the chance to meet in exactly one table: at least one is asked for",
)
def exactly_one_table(angle, n_bits, n_tables):
    share = _of_bucket(angle, n_bits)
    return n_tables * share * (1 - share) ** (n_tables - 1)


@mistake(
    chance_to_meet,
    "you add the tables' chances and stop at 1: take one minus the chance to miss in all of them",
)
def chances_added_up_to_1(angle, n_bits, n_tables):
    return min(1.0, n_tables * _of_bucket(angle, n_bits))


@mistake(
    chance_to_meet,
    "you multiply by the number of bits: that all of them agree is a power, (1 - θ / π) ** n_bits",
)
def bits_as_a_factor(angle, n_bits, n_tables):
    return 1 - (1 - n_bits * (1 - angle / math.pi)) ** n_tables


@mistake(
    chance_to_meet,
    "you multiply by the number of tables: to miss in all of them is a power, (1 - …) ** n_tables",
)
def tables_as_a_factor(angle, n_bits, n_tables):
    return 1 - n_tables * (1 - _of_bucket(angle, n_bits))


@mistake(chance_to_meet, "all tables together are no bucket: the bits of one table must agree")
def one_long_bucket(angle, n_bits, n_tables):
    return (1 - angle / math.pi) ** (n_bits * n_tables) * n_tables


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
