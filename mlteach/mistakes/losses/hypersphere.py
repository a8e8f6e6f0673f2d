"""Mistakes in alignment and uniformity."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.losses import alignment, uniformity
from mlteach.mistakes._registry import mistake

# --- alignment -----------------------------------------------------------------------------------


@mistake(alignment, "the points must lie on the sphere: divide every vector by its length first")
def not_normalised(x, y, *, power):
    return (x - y).norm(dim=1).pow(power).mean()


@mistake(alignment, "your function ignores the power: each distance is raised to it")
def power_ignored(x, y, *, power):
    return alignment(x, y, power=2)


@mistake(
    alignment,
    "you raise the squared distance to the power: it belongs to the distance itself",
)
def power_of_the_squared_distance(x, y, *, power):
    return alignment(x, y, power=2 * power)


@mistake(
    alignment,
    "you raise the mean distance to the power: raise each distance first, then average",
)
def power_after_the_mean(x, y, *, power):
    return alignment(x, y, power=1).pow(power)


@mistake(alignment, "you add up over the pairs: alignment is their mean")
def summed(x, y, *, power):
    return len(x) * alignment(x, y, power=power)


@mistake(alignment, "row i of x gets another image's view: its positive is row i of y")
def another_image_s_view(x, y, *, power):
    return alignment(x, y.roll(1, 0), power=power)


@mistake(alignment, "the value is right, but the second views are detached: alignment moves both")
def second_detached(x, y, *, power):
    return alignment(x, y.detach(), power=power)


# --- uniformity ----------------------------------------------------------------------------------


def _squared_distances(x: Tensor) -> Tensor:
    """Of all pairs of different points on the sphere."""
    return torch.pdist(F.normalize(x, dim=1)).square()


@mistake(
    uniformity,
    "your mean runs over all N² pairs, a point and itself among them: "
    "those N distances are always 0, leave them out",
)
def points_meet_themselves(x, *, t):
    x = F.normalize(x, dim=1)
    return (x[:, None] - x).square().sum(2).mul(-t).exp().mean().log()


@mistake(uniformity, "the logarithm of the mean is missing")
def logarithm_missing(x, *, t):
    return uniformity(x, t=t).exp()


@mistake(
    uniformity,
    "this is the mean of the logarithms: take the logarithm of the mean of the exponentials",
)
def mean_of_the_logarithms(x, *, t):
    return _squared_distances(x).mul(-t).mean()


@mistake(uniformity, "you take the distance, not its square")
def distance_not_squared(x, *, t):
    return _squared_distances(x).sqrt().mul(-t).exp().mean().log()


@mistake(uniformity, "the points must lie on the sphere: divide every vector by its length first")
def points_not_normalised(x, *, t):
    return torch.pdist(x).square().mul(-t).exp().mean().log()


@mistake(uniformity, "you add up over the pairs: take the mean before the logarithm")
def pairs_summed(x, *, t):
    return _squared_distances(x).mul(-t).exp().sum().log()


@mistake(uniformity, "the sign is flipped: uniformity falls as the points spread")
def sign_flipped(x, *, t):
    return -uniformity(x, t=t)


@mistake(
    uniformity,
    "the sign of the exponent is flipped: pairs that are near weigh most, exp(-t d²)",
)
def exponent_flipped(x, *, t):
    return _squared_distances(x).mul(t).exp().mean().log()


@mistake(uniformity, "your function ignores t: it multiplies every squared distance")
def t_ignored(x, *, t):
    return uniformity(x, t=2)


@mistake(uniformity, "you divide by t as if it were a temperature: it multiplies")
def t_divides(x, *, t):
    return uniformity(x, t=1 / t)
