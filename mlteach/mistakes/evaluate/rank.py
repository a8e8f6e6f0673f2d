"""Mistakes in the effective rank."""

from __future__ import annotations

import math

import torch
from torch import nn

from mlteach.evaluate import effective_rank
from mlteach.mistakes._registry import mistake


def entropy(z, *, power=1):
    """The entropy of the singular values, as shares of their sum."""
    strength = torch.linalg.svdvals(z) ** power
    return torch.special.entr(strength / strength.sum()).sum()


@mistake(effective_rank, "this is the entropy: the effective rank is its exponential")
def entropy_alone(z):
    return entropy(z)


@mistake(
    effective_rank,
    "you use the squares of the singular values: "
    "the shares are those of the singular values themselves",
)
def squared_singular_values(z):
    return entropy(z, power=2).exp()


@mistake(
    effective_rank, "logarithm and power have different bases: exp goes with the natural logarithm"
)
def logarithm_to_base_two(z):
    return (entropy(z) / math.log(2)).exp()


@mistake(
    effective_rank,
    "you subtract the mean first: here z is taken as it is, so that a constant direction counts",
)
def centred_first(z):
    return entropy(z - z.mean(0)).exp()


@mistake(
    effective_rank, "you count the singular values that are not 0: count them by their strength"
)
def counted(z):
    return torch.linalg.matrix_rank(z).to(z)


@mistake(
    effective_rank, "the singular values are not divided by their sum: the shares must add up to 1"
)
def shares_not_divided(z):
    return torch.special.entr(torch.linalg.svdvals(z)).sum().exp()


@mistake(
    effective_rank, "2 to the power of an entropy in nats: exp goes with the natural logarithm"
)
def power_of_two(z):
    return 2 ** entropy(z)


@mistake(effective_rank, "this is 1 / sum of p²: take exp of the entropy, minus the sum of p log p")
def inverse_of_squared_shares(z):
    strength = torch.linalg.svdvals(z)
    return strength.sum().square() / strength.square().sum()


@mistake(effective_rank, "you divide the rows by their lengths: here z is taken as it is")
def of_unit_rows(z):
    return entropy(nn.functional.normalize(z)).exp()


@mistake(effective_rank, "the sign is missing: the entropy is minus the sum of p log p")
def minus_missing(z):
    return (-entropy(z)).exp()


def rank_of(shares):
    """The exponential of the entropy of these shares."""
    return torch.special.entr(shares).sum().exp()


@mistake(
    effective_rank, "you divide by the largest singular value: divide by the sum of all of them"
)
def divided_by_the_largest(z):
    strength = torch.linalg.svdvals(z)
    return rank_of(strength / strength.max())


@mistake(
    effective_rank,
    "you divide by the length of the vector of singular values: divide by their sum",
)
def divided_by_the_norm(z):
    return rank_of(nn.functional.normalize(torch.linalg.svdvals(z), dim=0))


@mistake(
    effective_rank,
    "you take a softmax of the singular values: a share is the value divided by their sum",
)
def softmax_for_shares(z):
    return rank_of(torch.linalg.svdvals(z).softmax(0))


@mistake(
    effective_rank,
    "this is the participation ratio of the squares: take exp of the entropy of the shares",
)
def participation_ratio(z):
    power = torch.linalg.svdvals(z).square()
    return power.sum().square() / power.square().sum()


@mistake(
    effective_rank,
    "this is the stable rank, all squares by the largest: take exp of the entropy of the shares",
)
def stable_rank(z):
    power = torch.linalg.svdvals(z).square()
    return power.sum() / power.max()


@mistake(
    effective_rank,
    "this is the sum of the singular values by the largest: take exp of the entropy of the shares",
)
def sum_by_the_largest(z):
    strength = torch.linalg.svdvals(z)
    return strength.sum() / strength.max()


@mistake(effective_rank, "you take the mean of -p log p: the entropy is their sum")
def mean_for_the_sum(z):
    return (entropy(z) / min(z.shape)).exp()


@mistake(
    effective_rank,
    "you divide the entropy by its largest possible value: exp is taken of the entropy itself",
)
def share_of_the_largest_entropy(z):
    return entropy(z) / math.log(min(z.shape))


@mistake(
    effective_rank,
    "you divide the entropy by its largest possible value before exp: leave it as it is",
)
def exp_of_a_share_of_the_entropy(z):
    return (entropy(z) / math.log(min(z.shape))).exp()


@mistake(effective_rank, "the smallest singular value is left out: all of them count")
def smallest_left_out(z):
    strength = torch.linalg.svdvals(z)
    return rank_of((strength / strength.sum())[:-1])


@mistake(effective_rank, "the largest singular value is left out: all of them count")
def largest_left_out(z):
    strength = torch.linalg.svdvals(z)
    return rank_of((strength / strength.sum())[1:])


@mistake(
    effective_rank, "you use the numbers of z as they are: the shares are of its singular values"
)
def entries_for_singular_values(z):
    return rank_of((z.abs() / z.abs().sum()).flatten())


@mistake(
    effective_rank,
    "you use the eigenvalues of the covariance, which subtracts the mean and squares: "
    "take the singular values of z itself",
)
def eigenvalues_of_the_covariance(z):
    return entropy(z - z.mean(0), power=2).exp()


@mistake(effective_rank, "you standardise the columns first: here z is taken as it is")
def of_standardised_columns(z):
    z = z - z.mean(0)
    return entropy(z / z.std(0, correction=0).clamp(min=1e-12)).exp()


@mistake(effective_rank, "you divide the columns by their lengths: here z is taken as it is")
def of_unit_columns(z):
    return entropy(nn.functional.normalize(z, dim=0)).exp()


@mistake(effective_rank, "this is 1 less the sum of p²: take exp of the entropy of the shares")
def impurity(z):
    strength = torch.linalg.svdvals(z)
    return 1 - (strength / strength.sum()).square().sum()


@mistake(
    effective_rank,
    "you use the roots of the singular values: the shares are of the values themselves",
)
def roots_of_singular_values(z):
    return entropy(z, power=0.5).exp()


@mistake(
    effective_rank, "you use the variances of the columns: the shares are of the singular values"
)
def variances_for_singular_values(z):
    return rank_of(z.var(0) / z.var(0).sum())


@mistake(
    effective_rank,
    "you use the standard deviations of the columns: the shares are of the singular values",
)
def deviations_for_singular_values(z):
    return rank_of(z.std(0) / z.std(0).sum())


@mistake(
    effective_rank, "you use the lengths of the columns: the shares are of the singular values"
)
def lengths_for_singular_values(z):
    return rank_of(z.norm(dim=0) / z.norm(dim=0).sum())


@mistake(effective_rank, "the logarithm is of 1 + p: the entropy is minus the sum of p log p")
def logarithm_of_one_more(z):
    strength = torch.linalg.svdvals(z)
    shares = strength / strength.sum()
    return (-(shares * shares.log1p()).sum()).exp()
