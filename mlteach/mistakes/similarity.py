"""Mistakes in measures of similarity, and in finding who is most similar."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.mistakes._registry import mistake
from mlteach.similarity import MEASURES, nearest, similarities

# --- the cosine of two vectors -------------------------------------------------------------------


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """The cosine of the angle between two vectors (D,)."""
    return F.cosine_similarity(x, y, dim=0)


@mistake(cosine, "this is the dot product: it grows with the lengths, so divide by both of them")
def dot_product(x, y):
    return (x * y).sum()


@mistake(cosine, "you divide by the squared lengths: a root is missing")
def divided_by_squared_lengths(x, y):
    return (x * y).sum() / (x.square().sum() * y.square().sum())


@mistake(cosine, "you divide by one of the two lengths only, that of y: divide by both")
def divided_by_the_second_length(x, y):
    return (x * y).sum() / y.norm()


@mistake(cosine, "you divide by one of the two lengths only, that of x: divide by both")
def divided_by_the_first_length(x, y):
    return (x * y).sum() / x.norm()


@mistake(cosine, "you divide by the sum of the lengths: divide by their product")
def divided_by_the_sum_of_lengths(x, y):
    return (x * y).sum() / (x.norm() + y.norm())


@mistake(
    cosine,
    "this is the mean of the products: divide by the lengths instead of by the number of entries",
)
def mean_of_the_products(x, y):
    return (x * y).mean()


@mistake(cosine, "this is a distance, 1 - cosine: a similarity grows as the vectors become alike")
def cosine_distance(x, y):
    return 1 - cosine(x, y)


@mistake(
    cosine,
    "your lengths are sums of absolute values: the length is the root of the sum of squares",
)
def lengths_of_absolute_values(x, y):
    return (x * y).sum() / (x.abs().sum() * y.abs().sum())


@mistake(cosine, "your lengths are the largest entries: the length is the root of all squares' sum")
def largest_entry_for_length(x, y):
    return (x * y).sum() / (x.abs().max() * y.abs().max())


@mistake(
    cosine,
    "parentheses are missing: a / b * c is (a / b) · c, so that you multiply by the second length",
)
def parentheses_missing(x, y):
    return (x * y).sum() / x.norm() * y.norm()


@mistake(
    cosine,
    "you divide by the length of the products: divide by the length of x and by that of y",
)
def length_of_the_products(x, y):
    return (x * y).sum() / (x * y).norm()


@mistake(cosine, "you divide by the root of the two lengths' product: divide by the product itself")
def root_of_both_lengths(x, y):
    return (x * y).sum() / (x.norm() * y.norm()).sqrt()


@mistake(cosine, "this is the correlation: it takes the mean away first, the cosine does not")
def correlation_for_cosine(x, y):
    return cosine(x - x.mean(), y - y.mean())


@mistake(
    cosine,
    "you multiply every entry of x with every entry of y: each meets only the one at its own place",
)
def every_entry_with_every_other(x, y):
    return x.sum() * y.sum() / (x.norm() * y.norm())


@mistake(
    cosine,
    "you take the cosine of a number: the cosine of the angle needs no cos, "
    "it is the dot product divided by both lengths",
)
def cosine_of_the_dot_product(x, y):
    return torch.cos((x * y).sum())


@mistake(cosine, "you divide by the sums of the entries: divide by the lengths")
def divided_by_sums(x, y):
    return (x * y).sum() / (x.sum() * y.sum())


@mistake(
    cosine,
    "this is the distance of the two directions: it falls where the cosine grows",
)
def distance_of_directions(x, y):
    return (x / x.norm() - y / y.norm()).norm()


# --- squared distances ---------------------------------------------------------------------------


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """(N, M) the squared Euclidean distances of each row of x to each row of y."""
    return (x[:, None] - y).square().sum(2)


@mistake(squared_distances, "the 2 is missing: (a - b)² = a² + b² - 2ab")
def factor_2_missing(x, y):
    return squared_distances(x, y) + x @ y.T


@mistake(
    squared_distances,
    "the sign of the dot product is wrong: what is alike must come out near",
)
def dot_product_added(x, y):
    return squared_distances(x, y) + 4 * x @ y.T


@mistake(squared_distances, "the squared lengths of y are missing: every column needs its own")
def lengths_of_y_missing(x, y):
    return squared_distances(x, y) - y.square().sum(1)


@mistake(squared_distances, "the squared lengths of x are missing: every row needs its own")
def lengths_of_x_missing(x, y):
    return squared_distances(x, y) - x.square().sum(1)[:, None]


@mistake(squared_distances, "the squared lengths of both are missing")
def both_lengths_missing(x, y):
    return -2 * x @ y.T


@mistake(squared_distances, "you add the lengths, not their squares")
def lengths_not_squared(x, y):
    return x.norm(dim=1)[:, None] + y.norm(dim=1) - 2 * x @ y.T


@mistake(squared_distances, "you took the root: the squared distance is asked for")
def root_taken(x, y):
    return squared_distances(x, y).sqrt()


@mistake(squared_distances, "you add the absolute differences: square them before you add")
def differences_not_squared(x, y):
    return (x[:, None] - y).abs().sum(2)


@mistake(squared_distances, "you square after the sum: square each difference, then add")
def squared_after_the_sum(x, y):
    return (x[:, None] - y).sum(2).square()


@mistake(squared_distances, "you add the differences as they are: square each of them first")
def sum_of_differences(x, y):
    return (x[:, None] - y).sum(2)


@mistake(
    squared_distances,
    "2 - 2xy holds for vectors of length 1 only: take the squared lengths of x and of y",
)
def lengths_taken_for_1(x, y):
    return 2 - 2 * x @ y.T


@mistake(squared_distances, "this is the largest difference: square the differences and add them")
def largest_difference(x, y):
    return (x[:, None] - y).abs().amax(2)


@mistake(
    squared_distances,
    "the squared length is the sum of squares: you square the sum of the entries",
)
def squares_of_sums(x, y):
    return x.sum(1).square()[:, None] + y.sum(1).square() - 2 * x @ y.T


# --- correlation ---------------------------------------------------------------------------------


def correlation(x: Tensor, y: Tensor) -> Tensor:
    """(N, M) the cosines of the centred rows of x and y."""
    return _unit(_centred(x)) @ _unit(_centred(y)).T


def _centred(z: Tensor) -> Tensor:
    return z - z.mean(dim=1, keepdim=True)


def _unit(z: Tensor) -> Tensor:
    return F.normalize(z, dim=1)


@mistake(correlation, "this is the cosine: subtract from each vector its own mean first")
def not_centred(x, y):
    return _unit(x) @ _unit(y).T


@mistake(
    correlation,
    "you subtract the mean over the set (dim=0): each vector's own mean is over its entries, dim=1",
)
def centred_over_the_set(x, y):
    return _unit(x - x.mean(0)) @ _unit(y - y.mean(0)).T


@mistake(correlation, "you subtract one mean of all numbers: every vector has its own")
def centred_by_one_mean(x, y):
    return _unit(x - x.mean()) @ _unit(y - y.mean()).T


@mistake(correlation, "this is the covariance: divide by the lengths of the centred vectors")
def covariance(x, y):
    return _centred(x) @ _centred(y).T / x.shape[1]


@mistake(correlation, "the lengths are missing: divide by the lengths of the centred vectors")
def lengths_missing(x, y):
    return _centred(x) @ _centred(y).T


@mistake(
    correlation,
    "you divide by the lengths before you centre: "
    "centre first, the length must be that of the centred vector",
)
def centred_after_the_division(x, y):
    return _centred(_unit(x)) @ _centred(_unit(y)).T


@mistake(
    correlation,
    "you divide by the number of entries as well: "
    "after the division by the lengths nothing is left to average",
)
def divided_by_the_entries(x, y):
    return correlation(x, y) / x.shape[1]


@mistake(correlation, "only x is centred: y needs its own mean subtracted too")
def only_x_centred(x, y):
    return _unit(_centred(x)) @ _unit(y).T


@mistake(
    correlation,
    "you divide by the standard deviations and not by the number of entries: "
    "the sum of the products grows with it",
)
def not_divided_by_the_entries(x, y):
    std = x.std(1, correction=0)[:, None] * y.std(1, correction=0)
    return _centred(x) @ _centred(y).T / std


@mistake(
    correlation,
    "your standard deviation divides by D - 1, your mean by D: "
    "the lengths of the centred vectors need neither",
)
def mixed_denominators(x, y):
    std = x.std(1)[:, None] * y.std(1)
    return _centred(x) @ _centred(y).T / std / x.shape[1]


@mistake(correlation, "you subtract the other vector's mean: each has its own")
def mean_of_the_other(x, y):
    return _unit(x - y.mean()) @ _unit(y - x.mean()).T


@mistake(correlation, "you subtract the median: the mean is asked for")
def median_for_mean(x, y):
    x, y = (z - z.median(1, keepdim=True).values for z in (x, y))
    return _unit(x) @ _unit(y).T


@mistake(
    correlation,
    "you divide each column by its length (dim=0): every row is a vector, take lengths over dim=1",
)
def columns_divided(x, y):
    return F.normalize(_centred(x), dim=0) @ F.normalize(_centred(y), dim=0).T


@mistake(correlation, "you divide by the squared lengths: a root is missing")
def divided_by_squares(x, y):
    x, y = (z / z.square().sum(1, keepdim=True) for z in (_centred(x), _centred(y)))
    return x @ y.T


@mistake(correlation, "you divide by one length for all vectors: each row has its own")
def one_length_for_all(x, y):
    x, y = _centred(x), _centred(y)
    return x @ y.T / (x.norm() * y.norm())


@mistake(correlation, "only y is centred: x needs its own mean subtracted too")
def only_y_centred(x, y):
    return _unit(x) @ _unit(_centred(y)).T


# --- all four measures, each row against each row ------------------------------------------------

COSINE, CORRELATION, DOT_PRODUCT, EUCLID = MEASURES


def _right(x: Tensor, y: Tensor, measure: str) -> Tensor:
    return similarities(x, y, measure=measure)


@mistake(
    similarities,
    "this is the distance: a similarity grows with likeness, so take minus the distance",
)
def distance_that_grows(x, y, *, measure=COSINE):
    return torch.cdist(x, y) if measure == EUCLID else _right(x, y, measure)


@mistake(similarities, "this is minus the squared distance: minus the distance is asked for")
def squared_distance(x, y, *, measure=COSINE):
    return -torch.cdist(x, y).square() if measure == EUCLID else _right(x, y, measure)


@mistake(similarities, "only x is divided by its length: y must be too")
def only_x_normalised(x, y, *, measure=COSINE):
    return _unit(x) @ y.T if measure == COSINE else _right(x, y, measure)


@mistake(
    similarities,
    "you divide by the squared lengths: the length is the root of the sum of squares",
)
def squared_lengths(x, y, *, measure=COSINE):
    if measure != COSINE:
        return _right(x, y, measure)
    return (x / x.square().sum(1, True)) @ (y / y.square().sum(1, True)).T


@mistake(
    similarities,
    "you divide each column by its length (dim=0): every row is a vector, normalise over dim=1",
)
def columns_normalised(x, y, *, measure=COSINE):
    if measure != COSINE:
        return _right(x, y, measure)
    return F.normalize(x, dim=0) @ F.normalize(y, dim=0).T


@mistake(similarities, "you average over the entries: a dot product is the sum of the products")
def averaged_over_the_entries(x, y, *, measure=COSINE):
    return _right(x, y, measure) / (x.shape[1] if measure == DOT_PRODUCT else 1)


# --- nearest neighbours --------------------------------------------------------------------------


def _without_self(matrix: Tensor) -> Tensor:
    return matrix.masked_fill(torch.eye(len(matrix), dtype=torch.bool), -math.inf)


@mistake(
    nearest,
    "the query itself is among its neighbours: leave the diagonal out before you sort",
)
def query_among_its_neighbours(matrix, k=1):
    return matrix.topk(k, dim=1).indices


@mistake(
    nearest,
    "you drop the first of k + 1 neighbours, but the query need not come first: by the dot product "
    "a longer vector can be more alike to it than it is to itself. Leave the diagonal out instead",
)
def first_neighbour_dropped(matrix, k=1):
    return matrix.topk(k + 1, dim=1).indices[:, 1:]


@mistake(
    nearest,
    "these are the least similar: a similarity grows with likeness, so the largest come first",
)
def least_similar(matrix, k=1):
    return _without_self(-matrix).topk(k, dim=1).indices


@mistake(nearest, "you sort upwards: a similarity grows with likeness, so the largest come first")
def sorted_upwards(matrix, k=1):
    return matrix.topk(k, dim=1, largest=False).indices


@mistake(nearest, "these are the similarities: the numbers of the neighbours are asked for")
def values_for_indices(matrix, k=1):
    return _without_self(matrix).topk(k, dim=1).values


@mistake(nearest, "you sort along the columns: the neighbours of query i stand in row i")
def along_the_columns(matrix, k=1):
    return _without_self(matrix).topk(k, dim=0).indices.T


@mistake(nearest, "the right neighbours in the wrong order: the most similar comes first")
def most_similar_last(matrix, k=1):
    return _without_self(matrix).topk(k, dim=1).indices.flip(1)


@mistake(
    nearest,
    "a diagonal of 0 does not leave the query out where other similarities are negative: use -∞",
)
def diagonal_zeroed(matrix, k=1):
    return (matrix * (1 - torch.eye(len(matrix)))).topk(k, dim=1).indices


@mistake(
    nearest,
    "these are ranks, how near each one is: the numbers of the nearest are asked for (one argsort)",
)
def ranks_for_numbers(matrix, k=1):
    return _without_self(matrix).argsort(dim=1, descending=True).argsort(dim=1)[:, :k]


@mistake(
    nearest,
    "1 off the diagonal does not leave the query out where it is more alike to itself: use -∞",
)
def one_taken_off_the_diagonal(matrix, k=1):
    return (matrix - torch.eye(len(matrix))).topk(k, dim=1).indices


@mistake(
    nearest,
    "-1 on the diagonal does not leave the query out where similarities are below -1: use -∞",
)
def minus_1_on_the_diagonal(matrix, k=1):
    return matrix.clone().fill_diagonal_(-1).topk(k, dim=1).indices


@mistake(
    nearest,
    "0 · ∞ is nan, so that every entry becomes nan: fill the diagonal with -∞ instead",
)
def infinity_times_0(matrix, k=1):
    return (matrix - torch.eye(len(matrix)) * math.inf).topk(k, dim=1).indices
