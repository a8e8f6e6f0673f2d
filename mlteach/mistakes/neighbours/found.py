"""Mistakes in how many neighbours are found: recall, and the chance of meeting."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mlteach.mistakes._registry import mistake
from mlteach.neighbours import recall

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
