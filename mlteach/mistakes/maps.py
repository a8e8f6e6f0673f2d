"""Mistakes in the parts of t-SNE: its affinities, its perplexity, its map, its forces."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mlteach.maps import conditional_affinities, student_t, tsne_gradient
from mlteach.mistakes._registry import mistake


def _without_self(matrix: Tensor, value: float) -> Tensor:
    return matrix.masked_fill(torch.eye(len(matrix), dtype=torch.bool), value)


# --- affinities at given widths ------------------------------------------------------------------


def affinities_at(squared: Tensor, sigma: Tensor) -> Tensor:
    """p of j given i from squared distances (N, N) and the width of each point (N,)."""
    return _rows(-squared / (2 * sigma[:, None] ** 2))


def _rows(logits: Tensor) -> Tensor:
    return _without_self(logits, -math.inf).softmax(1)


@mistake(
    affinities_at,
    "your sums contain each point itself, at distance 0: "
    "p of i given i is 0, leave the diagonal out",
)
def point_itself_kept(squared, sigma):
    return (-squared / (2 * sigma[:, None] ** 2)).softmax(1)


@mistake(affinities_at, "the 2 is missing: the exponent is -d²/(2σ²)")
def exponent_without_2(squared, sigma):
    return _rows(-squared / sigma[:, None] ** 2)


@mistake(affinities_at, "you divide by 2σ: the exponent is -d²/(2σ²), with sigma squared")
def sigma_not_squared(squared, sigma):
    return _rows(-squared / (2 * sigma[:, None]))


@mistake(affinities_at, "you divide by σ: the exponent is -d²/(2σ²)")
def divided_by_sigma(squared, sigma):
    return _rows(-squared / sigma[:, None])


@mistake(
    affinities_at,
    "row i takes the sigma of column j: "
    "sigma belongs to the point that picks, so it needs the shape (N, 1)",
)
def sigma_of_the_column(squared, sigma):
    return _rows(-squared / (2 * sigma**2))


@mistake(
    affinities_at,
    "your columns sum to 1: p of j given i is a choice of point i, so its row must",
)
def columns_sum_to_1(squared, sigma):
    return _without_self(-squared / (2 * sigma[:, None] ** 2), -math.inf).softmax(0)


@mistake(affinities_at, "your whole matrix sums to 1: every row must, for every point picks once")
def matrix_sums_to_1(squared, sigma):
    logits = _without_self(-squared / (2 * sigma[:, None] ** 2), -math.inf)
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
    return _rows(-squared / (2 * sigma[:, None]) ** 2)


@mistake(
    affinities_at,
    "you take the diagonal out after the division, so that the rows no longer sum to 1: before",
)
def diagonal_zeroed_too_late(squared, sigma):
    return _without_self(point_itself_kept(squared, sigma), 0)


@mistake(
    affinities_at,
    "this is the map's kernel, 1 / (1 + d²): among the data it is a Gaussian, exp(-d²/(2σ²))",
)
def student_t_for_gauss(squared, sigma):
    weights = _without_self(1 / (1 + squared), 0)
    return weights / weights.sum(1, keepdim=True)


@mistake(
    affinities_at,
    "this is the map's kernel, with σ: among the data it is a Gaussian, exp(-d²/(2σ²))",
)
def student_t_of_width_sigma(squared, sigma):
    weights = _without_self(1 / (1 + squared / sigma[:, None] ** 2), 0)
    return weights / weights.sum(1, keepdim=True)


@mistake(affinities_at, "the rows are not divided by their sums: each has to sum to 1")
def rows_not_divided(squared, sigma):
    return _without_self((-squared / (2 * sigma[:, None] ** 2)).exp(), 0)


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
    return _rows(-squared / (squared.sum() / (len(x) ** 2 - len(x))))


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
        wide = perplexity_of(_rows(-precision * distances))[:, None] > perplexity
        low, high = torch.where(wide, precision, low), torch.where(wide, high, precision)
    return _rows(-precision * distances)


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


# --- the map's side ------------------------------------------------------------------------------


def _squared(y: Tensor) -> Tensor:
    return (y[:, None] - y).square().sum(2)


def _shares(weights: Tensor) -> Tensor:
    """The weights without the diagonal, divided by their sum over all pairs."""
    weights = _without_self(weights, 0)
    return weights / weights.sum()


@mistake(
    student_t,
    "your sum contains each point with itself: "
    "its kernel is 1 and says nothing, leave the diagonal out",
)
def kernel_of_itself_kept(y):
    weights = 1 / (1 + _squared(y))
    return weights / weights.sum()


@mistake(student_t, "your rows sum to 1: on the map the whole matrix does, for q belongs to pairs")
def rows_sum_to_1(y):
    weights = _without_self(1 / (1 + _squared(y)), 0)
    return weights / weights.sum(1, keepdim=True)


@mistake(
    student_t,
    "your rows sum to 1, and each contains the point itself: "
    "the whole matrix sums to 1, without the diagonal",
)
def rows_with_itself_sum_to_1(y):
    weights = 1 / (1 + _squared(y))
    return weights / weights.sum(1, keepdim=True)


@mistake(student_t, "this is a Gaussian: on the map the kernel is 1 / (1 + d²)")
def gaussian(y):
    return _shares((-_squared(y)).exp())


@mistake(student_t, "this is a Gaussian with σ = 1: on the map the kernel is 1 / (1 + d²)")
def gaussian_of_width_1(y):
    return _shares((-_squared(y) / 2).exp())


@mistake(student_t, "you take the distance: its square belongs into 1 / (1 + d²)")
def kernel_of_the_distance(y):
    return _shares(1 / (1 + _squared(y).sqrt()))


@mistake(
    student_t,
    "the 1 + is missing: without it, two points that meet would outweigh all others",
)
def one_missing(y):
    return _shares(1 / _squared(y).clamp(min=1e-12))


@mistake(student_t, "the kernel is inverted: this grows with distance")
def kernel_inverted(y):
    return _shares(1 + _squared(y))


@mistake(student_t, "the normalisation is missing: divide by the sum over all pairs")
def not_normalised(y):
    return _without_self(1 / (1 + _squared(y)), 0)


@mistake(student_t, "the kernel is squared: it is 1 / (1 + d²), and d² is squared already")
def kernel_squared(y):
    return _shares((1 + _squared(y)) ** -2)


@mistake(student_t, "you take the root of the kernel: it is 1 / (1 + d²)")
def root_of_the_kernel(y):
    return _shares((1 + _squared(y)) ** -0.5)


@mistake(
    student_t,
    "this Student's t has more degrees of freedom: the map's has one, 1 / (1 + d²)",
)
def two_degrees_of_freedom(y):
    return _shares((1 + _squared(y) / 2) ** -1.5)


@mistake(
    student_t,
    "you take the diagonal out after the division, so that the sum is no longer 1: before",
)
def diagonal_out_too_late(y):
    return _without_self(kernel_of_itself_kept(y), 0)


@mistake(
    student_t,
    "you divide each row by its own sum, and then by the number of points: "
    "on the map one sum over all pairs divides all",
)
def rows_divided_by_n(y):
    return rows_sum_to_1(y) / len(y)


@mistake(
    student_t,
    "you divide each row by its own sum, as the data's p does: "
    "on the map one sum over all pairs divides all",
)
def rows_divided_by_2n(y):
    return rows_sum_to_1(y) / (2 * len(y))


@mistake(student_t, "each pair counts once in your sum: it runs over (i, j) and over (j, i)")
def pairs_once_in_the_sum(y):
    return 2 * student_t(y)


@mistake(student_t, "you average over the coordinates: d² is their sum")
def mean_over_coordinates(y):
    return student_t(y / math.sqrt(y.shape[1]))


@mistake(
    student_t,
    "this is the data's side, a Gaussian whose rows sum to 1: "
    "the map has 1 / (1 + d²), and one sum over all pairs",
)
def softmax_of_the_rows(y):
    return _rows(-_squared(y))


@mistake(student_t, "only half of the pairs are there: the matrix is symmetric")
def upper_triangle_only(y):
    return _shares((1 / (1 + _squared(y))).triu(1))


# --- the force on each place ---------------------------------------------------------------------


def spring_forces(p: Tensor, y: Tensor) -> Tensor:
    """(N, 2) minus the gradient of KL(P || Q) with respect to each place."""
    return -tsne_gradient(p, y)


def _forces(springs: Tensor, y: Tensor) -> Tensor:
    """What springs of these strengths, attraction negative, do to each place."""
    return 4 * (springs[..., None] * (y[:, None] - y)).sum(1)


def _kernel(y: Tensor) -> Tensor:
    return _without_self(1 / (1 + _squared(y)), 0)


@mistake(
    spring_forces,
    "this is the gradient itself: the force is minus that, so that places follow it downhill",
)
def uphill(p, y):
    return -spring_forces(p, y)


@mistake(spring_forces, "the factor 4 is missing")
def factor_4_missing(p, y):
    return spring_forces(p, y) / 4


@mistake(spring_forces, "the factor is 4, not 2: every pair stands twice in the sum")
def factor_2(p, y):
    return spring_forces(p, y) / 2


@mistake(
    spring_forces,
    "the kernel 1 / (1 + d²) is missing: a spring of t-SNE slackens with distance",
)
def kernel_missing(p, y):
    return _forces(student_t(y) - p, y)


@mistake(spring_forces, "there is attraction only: q, the repulsion, is missing")
def attraction_only(p, y):
    return _forces(-p * _kernel(y), y)


@mistake(spring_forces, "there is repulsion only: p, the attraction, is missing")
def repulsion_only(p, y):
    return _forces(student_t(y) * _kernel(y), y)


@mistake(
    spring_forces,
    "this is the gradient without its factor 4: the force is minus the whole gradient",
)
def uphill_without_factor_4(p, y):
    return -spring_forces(p, y) / 4


@mistake(spring_forces, "the kernel is squared: a spring is (p - q) times 1 / (1 + d²), once")
def kernel_squared_in_the_force(p, y):
    return _forces((student_t(y) - p) * _kernel(y).square(), y)


@mistake(spring_forces, "your q sums to 1 in each row: on the map one sum over all pairs divides")
def q_of_the_rows(p, y):
    return _forces((rows_sum_to_1(y) - p) * _kernel(y), y)


@mistake(spring_forces, "your q is the kernel itself: divide it by its sum over all pairs")
def q_not_normalised(p, y):
    return _forces((_kernel(y) - p) * _kernel(y), y)


@mistake(spring_forces, "your q's sum has the diagonal in it: a point is no pair with itself")
def q_with_the_diagonal(p, y):
    return _forces((diagonal_out_too_late(y) - p) * _kernel(y), y)


@mistake(
    spring_forces,
    "parentheses are missing: p - q · kernel multiplies q only, the stiffness is (p - q) · kernel",
)
def parentheses_missing(p, y):
    return _forces(student_t(y) * _kernel(y) - p, y)


@mistake(
    spring_forces,
    "your kernel has the distance in it: it is 1 / (1 + d²)",
)
def kernel_of_the_distance_in_the_force(p, y):
    kernel = _without_self(1 / (1 + _squared(y).sqrt()), 0)
    return _forces((kernel / kernel.sum() - p) * kernel, y)


@mistake(
    spring_forces,
    "your differences have length 1: a spring pulls with its stiffness times the whole difference",
)
def differences_of_length_1(p, y):
    gaps = y[:, None] - y
    unit = gaps / gaps.norm(dim=2, keepdim=True).clamp(min=1e-12)
    springs = (student_t(y) - p) * _kernel(y)
    return 4 * (springs[..., None] * unit).sum(1)


@mistake(spring_forces, "you divide p by q: the stiffness has their difference, p - q")
def ratio_for_difference(p, y):
    ratio = _without_self(p / student_t(y).clamp(min=1e-12), 0)
    return _forces(-ratio * _kernel(y), y)


@mistake(
    spring_forces,
    "this is the force of a Gaussian map, SNE: t-SNE's q and kernel are 1 / (1 + d²)",
)
def gaussian_forces(p, y):
    return _forces(gaussian(y) - p, y)


@mistake(spring_forces, "you average over j: the force is the sum over all springs")
def mean_over_springs(p, y):
    return spring_forces(p, y) / len(y)


@mistake(
    spring_forces,
    "the places themselves stand where the differences belong: a spring pulls along y_i - y_j",
)
def places_for_differences(p, y):
    return 4 * ((student_t(y) - p) * _kernel(y)) @ y
