"""Mistakes in affinities, at given widths and at a perplexity."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mlteach.maps import conditional_affinities
from mlteach.mistakes._registry import mistake


def without_self(matrix: Tensor, value: float) -> Tensor:
    """(N, N) with this value on the diagonal."""
    return matrix.masked_fill(torch.eye(len(matrix), dtype=torch.bool), value)


# --- affinities at given widths ------------------------------------------------------------------


def affinities_at(squared: Tensor, sigma: Tensor) -> Tensor:
    """p of j given i from squared distances (N, N) and the width of each point (N,)."""
    return rows(-squared / (2 * sigma[:, None] ** 2))


def rows(logits: Tensor) -> Tensor:
    """(N, N) softmax of each row, without the point itself."""
    return without_self(logits, -math.inf).softmax(1)


@mistake(
    affinities_at,
    "your sums contain each point itself, at distance 0: "
    "p of i given i is 0, leave the diagonal out",
)
def point_itself_kept(squared, sigma):
    return (-squared / (2 * sigma[:, None] ** 2)).softmax(1)


@mistake(affinities_at, "the 2 is missing: the exponent is -d²/(2σ²)")
def exponent_without_2(squared, sigma):
    return rows(-squared / sigma[:, None] ** 2)


@mistake(affinities_at, "you divide by 2σ: the exponent is -d²/(2σ²), with sigma squared")
def sigma_not_squared(squared, sigma):
    return rows(-squared / (2 * sigma[:, None]))


@mistake(affinities_at, "you divide by σ: the exponent is -d²/(2σ²)")
def divided_by_sigma(squared, sigma):
    return rows(-squared / sigma[:, None])


@mistake(
    affinities_at,
    "row i takes the sigma of column j: "
    "sigma belongs to the point that picks, so it needs the shape (N, 1)",
)
def sigma_of_the_column(squared, sigma):
    return rows(-squared / (2 * sigma**2))


@mistake(
    affinities_at,
    "your columns sum to 1: p of j given i is a choice of point i, so its row must",
)
def columns_sum_to_1(squared, sigma):
    return without_self(-squared / (2 * sigma[:, None] ** 2), -math.inf).softmax(0)


@mistake(affinities_at, "your whole matrix sums to 1: every row must, for every point picks once")
def matrix_sums_to_1(squared, sigma):
    logits = without_self(-squared / (2 * sigma[:, None] ** 2), -math.inf)
    return logits.flatten().softmax(0).view_as(logits)


@mistake(
    affinities_at,
    "you take the root of what is a squared distance already, "
    "or the distance where its square belongs",
)
def root_of_the_distance(squared, sigma):
    return affinities_at(squared.sqrt(), sigma)


@mistake(affinities_at, "you square what is a squared distance already")
def squared_twice(squared, sigma):
    return affinities_at(squared**2, sigma)


@mistake(affinities_at, "the sign of the exponent is flipped: far points become the likely ones")
def exponent_flipped(squared, sigma):
    return affinities_at(-squared, sigma)


@mistake(
    affinities_at,
    "this is the symmetrised p of a pair: the conditional p of j given i is asked for",
)
def symmetrised(squared, sigma):
    p = affinities_at(squared, sigma)
    return (p + p.T) / (2 * len(p))


@mistake(affinities_at, "all points have one sigma, the mean: each row has its own")
def mean_sigma(squared, sigma):
    return affinities_at(squared, sigma.mean().expand_as(sigma))


@mistake(affinities_at, "the 2 is squared too: the exponent is -d²/(2σ²), not -d²/(2σ)²")
def two_inside_the_square(squared, sigma):
    return rows(-squared / (2 * sigma[:, None]) ** 2)


@mistake(
    affinities_at,
    "you take the diagonal out after the division, so that the rows no longer sum to 1: before",
)
def diagonal_zeroed_too_late(squared, sigma):
    return without_self(point_itself_kept(squared, sigma), 0)


@mistake(
    affinities_at,
    "this is the map's kernel, 1 / (1 + d²): among the data it is a Gaussian, exp(-d²/(2σ²))",
)
def student_t_for_gauss(squared, sigma):
    weights = without_self(1 / (1 + squared), 0)
    return weights / weights.sum(1, keepdim=True)


@mistake(
    affinities_at,
    "this is the map's kernel, with σ: among the data it is a Gaussian, exp(-d²/(2σ²))",
)
def student_t_of_width_sigma(squared, sigma):
    weights = without_self(1 / (1 + squared / sigma[:, None] ** 2), 0)
    return weights / weights.sum(1, keepdim=True)


@mistake(affinities_at, "the rows are not divided by their sums: each has to sum to 1")
def rows_not_divided(squared, sigma):
    return without_self((-squared / (2 * sigma[:, None] ** 2)).exp(), 0)


@mistake(
    affinities_at,
    "you divide by the height of a density, σ√(2π): divide each row by its sum",
)
def density_for_probability(squared, sigma):
    return rows_not_divided(squared, sigma) / (sigma[:, None] * math.sqrt(2 * math.pi))


# --- affinities at a perplexity ------------------------------------------------------------------


@mistake(
    conditional_affinities,
    "all points have one sigma: each needs its own, with which its row has the perplexity",
)
def one_sigma_for_all(x, perplexity):
    squared = torch.cdist(x, x).square()
    return rows(-squared / (squared.sum() / (len(x) ** 2 - len(x))))


@mistake(
    conditional_affinities,
    "each row contains the point itself: p of i given i is 0, leave the diagonal out",
)
def own_point_kept(x, perplexity):
    return (conditional_affinities(x, perplexity) + torch.eye(len(x))) / 2


@mistake(conditional_affinities, "you take the distance: its square belongs into -d²/(2σ²)")
def distances_not_squared(x, perplexity):
    distances, precision = torch.cdist(x, x), torch.ones(len(x), 1, dtype=x.dtype)
    low, high = torch.zeros_like(precision), torch.full_like(precision, 1e6)
    for _ in range(100):  # halve the interval of each row's precision
        precision = (low + high) / 2
        wide = perplexity_of(rows(-precision * distances))[:, None] > perplexity
        low, high = torch.where(wide, precision, low), torch.where(wide, high, precision)
    return rows(-precision * distances)


@mistake(
    conditional_affinities,
    "you mix the bases: an entropy in nats must reach log(perplexity), one in bits log2",
)
def entropy_in_bits_for_nats(x, perplexity):
    return conditional_affinities(x, math.exp(math.log2(perplexity)))


# --- perplexity ----------------------------------------------------------------------------------


def perplexity_of(p: Tensor) -> Tensor:
    """(N,) how many neighbours each row of probabilities amounts to: exp of its entropy."""
    return _entropy(p).exp()


def _entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p).sum(1)  # nats


@mistake(perplexity_of, "this is the entropy in nats: the perplexity is its exponential")
def entropy_in_nats(p):
    return _entropy(p)


@mistake(perplexity_of, "this is the entropy in bits: the perplexity is 2 to the power of it")
def entropy_in_bits(p):
    return _entropy(p) / math.log(2)


@mistake(
    perplexity_of,
    "you mix the bases: the entropy is in nats, so exp belongs to it; 2 belongs to bits",
)
def power_of_2_of_nats(p):
    return 2 ** _entropy(p)


@mistake(
    perplexity_of,
    "you mix the bases: the entropy is in bits, so 2 to its power belongs to it; "
    "exp belongs to nats",
)
def exponential_of_bits(p):
    return (_entropy(p) / math.log(2)).exp()


@mistake(perplexity_of, "the minus of the entropy is missing: this is 1 / perplexity")
def minus_missing(p):
    return (-_entropy(p)).exp()


@mistake(
    perplexity_of,
    "this is 1 / Σ p², which also counts neighbours, but it is not the perplexity",
)
def inverse_of_squares(p):
    return 1 / p.square().sum(1)


@mistake(
    perplexity_of,
    "you count the neighbours with p > 0: each should count as much as its probability says",
)
def neighbours_counted(p):
    return (p > 0).sum(1).to(p.dtype)


@mistake(perplexity_of, "you sum over columns: every row is one point's distribution")
def summed_over_columns(p):
    return torch.special.entr(p).sum(0).exp()


@mistake(perplexity_of, "you add up over all rows: every row has a perplexity of its own")
def summed_over_all_rows(p):
    return _entropy(p).sum().exp().expand(len(p))


@mistake(perplexity_of, "this is 1 / the largest probability: all of them count in the entropy")
def inverse_of_the_largest(p):
    return 1 / p.amax(1)


@mistake(
    perplexity_of,
    "you take the mean of p log p: an entropy is the sum, for p is the weight already",
)
def mean_for_sum(p):
    return torch.special.entr(p).mean(1).exp()


@mistake(
    perplexity_of, "the weights are missing: the entropy is -Σ p log p, not the mean of -log p"
)
def weights_missing(p):
    return (-p.clamp(min=1e-12).log().mean(1)).exp()


@mistake(perplexity_of, "log1p is log(1 + p): the entropy has log p")
def logarithm_of_1_plus(p):
    return (-(p * p.log1p()).sum(1)).exp()


@mistake(
    perplexity_of,
    "the number that you add or clamp to is so large that it changes the entropy: "
    "0.01 is a probability like others. Leave the zeros out instead",
)
def clamped_inside_the_logarithm(p):
    return (-(p * p.clamp(min=0.01).log()).sum(1)).exp()


@mistake(
    perplexity_of,
    "a probability of 0 becomes 0.01 and is counted: leave the zeros out instead",
)
def clamped(p):
    return perplexity_of(p.clamp(min=0.01))


@mistake(perplexity_of, "the mean perplexity of all rows: every row has one of its own")
def mean_of_all_rows(p):
    return perplexity_of(p).mean().expand(len(p))
