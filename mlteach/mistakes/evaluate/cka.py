"""Mistakes in the linear CKA."""

from __future__ import annotations

import torch
from torch import nn

from mlteach.evaluate import linear_cka
from mlteach.mistakes._registry import mistake


def centred(x, y):
    """Both representations with the mean of each feature subtracted."""
    return x - x.mean(0), y - y.mean(0)


def cka(x, y, *, power=2, root=1.0):
    """Right for power 2 and root 1, once x and y are centred."""
    return (y.T @ x).norm() ** power / ((x.T @ x).norm() * (y.T @ y).norm()) ** root


@mistake(linear_cka, "the mean is missing: subtract from each feature its mean over the examples")
def means_left_in(x, y):
    return cka(x, y)


@mistake(
    linear_cka,
    "you subtract each example's mean: the mean of a feature is that over the examples, dim 0",
)
def means_of_examples(x, y):
    return cka(x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True))


@mistake(linear_cka, "only x is centred: subtract y's mean over the examples too")
def one_mean_left_in(x, y):
    return cka(x - x.mean(0), y)


@mistake(linear_cka, "you divide by nothing: without it the value grows with the scale")
def not_normalised(x, y):
    return cka(*centred(x, y), root=0)


@mistake(
    linear_cka, "this is the root of linear CKA: square the norm above, and take no root below"
)
def root_of_cka(x, y):
    return cka(*centred(x, y), power=1, root=0.5)


@mistake(linear_cka, "the norm above is not squared: scaled features would change the value")
def not_squared(x, y):
    return cka(*centred(x, y), power=1)


@mistake(
    linear_cka,
    "no root below: the norms of X'X and Y'Y have squares of the features in them already",
)
def root_below(x, y):
    return cka(*centred(x, y), root=0.5)


@mistake(linear_cka, "one mean of all numbers is subtracted: each feature has its own, dim 0")
def one_mean_for_each(x, y):
    return cka(x - x.mean(), y - y.mean())


@mistake(linear_cka, "only y is centred: subtract x's mean over the examples too")
def mean_of_x_left_in(x, y):
    return cka(x, y - y.mean(0))


@mistake(linear_cka, "the medians are subtracted: subtract the means")
def medians_subtracted(x, y):
    return cka(x - x.median(0).values, y - y.median(0).values)


@mistake(linear_cka, "you standardise the features: subtract their means, and leave their scales")
def features_standardised(x, y):
    x, y = centred(x, y)
    return cka(x / x.std(0), y / y.std(0))


@mistake(linear_cka, "you divide each example by its length: linear CKA takes it as it is")
def examples_of_length_one(x, y):
    return cka(*(nn.functional.normalize(part, dim=1) for part in centred(x, y)))


@mistake(
    linear_cka,
    "the norms below are of features with their means: centre x and y for all three norms",
)
def centred_above_alone(x, y):
    above, below = centred(x, y), (x, y)
    return cka(*above, root=0) / ((below[0].T @ below[0]).norm() * (below[1].T @ below[1]).norm())


def grams(x, y):
    """(N, N) each: the inner products of the centred examples."""
    x, y = centred(x, y)
    return x @ x.T, y @ y.T


def ratio(k, m):
    """The cosine of two matrices."""
    return (k * m).sum() / (k.norm() * m.norm())


@mistake(
    linear_cka,
    "you multiply matrices, K @ M: multiply entry by entry, K * M, and add up",
)
def norm_of_the_product(x, y):
    k, m = grams(x, y)
    return (k @ m).norm() / (k.norm() * m.norm())


@mistake(
    linear_cka,
    "you square the norm of K @ M: |Y'X|² is the sum of the entries of K * M already",
)
def squared_norm_of_the_product(x, y):
    k, m = grams(x, y)
    return (k @ m).norm() ** 2 / (k.norm() * m.norm())


@mistake(
    linear_cka,
    "you add up the entries of K @ M, a product of matrices: "
    "the sum over K * M, entry by entry, is the trace of K @ M",
)
def sum_of_the_product(x, y):
    k, m = grams(x, y)
    return (k @ m).sum() / (k.norm() * m.norm())


@mistake(linear_cka, "you take the norm of K * M: its entries are to be added up")
def norm_of_the_entries(x, y):
    k, m = grams(x, y)
    return (k * m).norm() / (k.norm() * m.norm())


@mistake(linear_cka, "you take the mean of K * M: its entries are to be added up")
def mean_of_the_entries(x, y):
    k, m = grams(x, y)
    return ratio(k, m) / k.numel()


@mistake(
    linear_cka,
    "only the numerator is divided by (N - 1)²: divide none of the three, or all of them",
)
def numerator_divided(x, y):
    return ratio(*grams(x, y)) / (len(x) - 1) ** 2


@mistake(
    linear_cka,
    "below are the traces of K and M, sums of singular values: it is their norms, of all entries",
)
def traces_below(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / (k.trace() * m.trace())


@mistake(
    linear_cka, "below are the roots of the traces of K and M: it is their norms, of all entries"
)
def roots_of_traces_below(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / (k.trace() * m.trace()).sqrt()


@mistake(linear_cka, "the norms below are squared: they are the norms themselves")
def norms_squared_below(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / (k.norm() * m.norm()) ** 2


@mistake(linear_cka, "the norms below are added: multiply them")
def norms_added(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / (k.norm() + m.norm())


@mistake(linear_cka, "you divide by the norm of X X' alone: the norm of Y Y' belongs below too")
def norm_of_y_missing(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / k.norm()


@mistake(linear_cka, "you divide by the norm of Y Y' alone: the norm of X X' belongs below too")
def norm_of_x_missing(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / m.norm()


@mistake(
    linear_cka,
    "the norms below are the largest singular values: they are the norms of all entries",
)
def spectral_norms_below(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / (torch.linalg.matrix_norm(k, 2) * torch.linalg.matrix_norm(m, 2))


@mistake(linear_cka, "the diagonals of K and M are left out: all entries count")
def diagonals_left_out(x, y):
    k, m = grams(x, y)
    return ratio(k - k.diag().diag(), m - m.diag().diag())


@mistake(
    linear_cka,
    "you take cosines row by row and average them: it is one cosine, of all entries of K and M",
)
def mean_cosine_of_rows(x, y):
    return nn.functional.cosine_similarity(*grams(x, y)).mean()


@mistake(linear_cka, "you compare distances between examples: K and M are inner products")
def of_distances(x, y):
    return ratio(torch.cdist(x, x), torch.cdist(y, y))


def cosines(x):
    """(N, N) between the rows."""
    return nn.functional.cosine_similarity(x[:, None], x, dim=2)


@mistake(linear_cka, "you compare cosines of examples: K and M are inner products of centred rows")
def of_cosines(x, y):
    return ratio(cosines(x), cosines(y))


@mistake(
    linear_cka,
    "you centre K and M along one dimension only: centre x and y themselves, over the examples",
)
def grams_centred_once(x, y):
    k, m = x @ x.T, y @ y.T
    return ratio(k - k.mean(0), m - m.mean(0))


@mistake(
    linear_cka,
    "one mean of all entries is subtracted from K and from M: "
    "centre x and y themselves, over the examples",
)
def one_mean_of_the_grams(x, y):
    k, m = x @ x.T, y @ y.T
    return ratio(k - k.mean(), m - m.mean())


@mistake(
    linear_cka,
    "the mean of all entries is to be added again after those of rows and columns are subtracted: "
    "simpler, centre x and y themselves",
)
def grand_mean_missing(x, y):
    k, m = (g - g.mean(0) - g.mean(1, keepdim=True) for g in (x @ x.T, y @ y.T))
    return ratio(k, m)
