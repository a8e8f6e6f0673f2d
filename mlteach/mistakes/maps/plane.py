"""Mistakes in the map's side of t-SNE: similarities of its places, and the forces on them."""

from __future__ import annotations

import math

from torch import Tensor

from mlteach.maps import student_t, tsne_gradient
from mlteach.mistakes._registry import mistake
from mlteach.mistakes.maps.affinities import rows, without_self

# --- the map's side ------------------------------------------------------------------------------


def _squared(y: Tensor) -> Tensor:
    return (y[:, None] - y).square().sum(2)


def _shares(weights: Tensor) -> Tensor:
    """The weights without the diagonal, divided by their sum over all pairs."""
    weights = without_self(weights, 0)
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
    weights = without_self(1 / (1 + _squared(y)), 0)
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
    return without_self(1 / (1 + _squared(y)), 0)


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
    return without_self(kernel_of_itself_kept(y), 0)


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
    return rows(-_squared(y))


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
    return without_self(1 / (1 + _squared(y)), 0)


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
    kernel = without_self(1 / (1 + _squared(y).sqrt()), 0)
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
    ratio = without_self(p / student_t(y).clamp(min=1e-12), 0)
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
