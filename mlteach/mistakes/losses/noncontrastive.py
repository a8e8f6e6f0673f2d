"""Mistakes in the losses without negatives: BYOL's, Barlow Twins', VICReg's and SIGReg's."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.losses import barlow_twins, byol_loss, sigreg, vicreg
from mlteach.mistakes._registry import mistake

# --- BYOL ----------------------------------------------------------------------------------------


@mistake(byol_loss, "the value is right, but the gradient flows into the target too: .detach() it")
def no_stop_gradient(prediction, target):
    return (2 - 2 * F.cosine_similarity(prediction, target)).mean()


@mistake(
    byol_loss,
    "the value is right, but you stopped the wrong side: "
    "the target gets the gradient, the prediction none",
)
def prediction_detached(prediction, target):
    return (2 - 2 * F.cosine_similarity(prediction.detach(), target)).mean()


@mistake(byol_loss, "neither side is normalised: divide both by their lengths first")
def neither_normalised(prediction, target):
    return (prediction - target.detach()).square().sum(1).mean()


@mistake(byol_loss, "the target is not normalised: divide it by its length too")
def target_not_normalised(prediction, target):
    return (F.normalize(prediction) - target.detach()).square().sum(1).mean()


@mistake(byol_loss, "you add up over the batch: the loss is the mean over the images")
def summed(prediction, target):
    return len(prediction) * byol_loss(prediction, target)


@mistake(byol_loss, "you average over the coordinates: a squared distance is their sum, 2 - 2 cos")
def mean_over_coordinates(prediction, target):
    return byol_loss(prediction, target) / prediction.shape[1]


@mistake(byol_loss, "this is minus the cosine: double it and add 2, so that the smallest loss is 0")
def negative_cosine(prediction, target):
    return -F.cosine_similarity(prediction, target.detach()).mean()


@mistake(byol_loss, "the sign of the cosine is flipped: alike vectors must cost least")
def sign_flipped(prediction, target):
    return 4 - byol_loss(prediction, target)


@mistake(byol_loss, "you take the root: the loss is the squared distance itself")
def root_of_the_loss(prediction, target):
    return byol_loss(prediction, target).sqrt()


@mistake(byol_loss, "image i gets another image's target: its target is row i")
def another_image_s_target(prediction, target):
    return byol_loss(prediction, target.roll(1, 0))


# --- Barlow Twins --------------------------------------------------------------------------------


def _standardised(z: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the batch."""
    return F.batch_norm(z, None, None, training=True)


def _barlow_of(correlation: Tensor, redundancy_weight: float) -> Tensor:
    on = correlation.diagonal()
    off = correlation.square().sum() - on.square().sum()
    return (1 - on).square().sum() + redundancy_weight * off


@mistake(barlow_twins, "the mean is not subtracted: standardise each coordinate over the batch")
def not_centred(z1, z2, *, redundancy_weight):
    return _barlow_of(F.normalize(z1, dim=0).T @ F.normalize(z2, dim=0), redundancy_weight)


@mistake(barlow_twins, "this is the covariance: divide each coordinate by its standard deviation")
def not_standardised(z1, z2, *, redundancy_weight):
    return _barlow_of((z1 - z1.mean(0)).T @ (z2 - z2.mean(0)) / len(z1), redundancy_weight)


@mistake(
    barlow_twins,
    "you correlate images over their coordinates: correlate coordinates over the images",
)
def images_correlated(z1, z2, *, redundancy_weight):
    correlation = _standardised(z1.T).T @ _standardised(z2.T) / z1.shape[1]
    return _barlow_of(correlation, redundancy_weight)


@mistake(
    barlow_twins,
    "you divide by B - 1 in the standard deviation and by B in the product: take B in both",
)
def two_kinds_of_mean(z1, z2, *, redundancy_weight):
    u, v = ((z - z.mean(0)) / z.std(0) for z in (z1, z2))
    return _barlow_of(u.T @ v / len(z1), redundancy_weight)


@mistake(barlow_twins, "you correlate a view with itself: correlate the first view with the second")
def one_view(z1, z2, *, redundancy_weight):
    return _barlow_of(_standardised(z1).T @ _standardised(z1) / len(z1), redundancy_weight)


@mistake(barlow_twins, "divide the product of the standardised views by B")
def not_divided(z1, z2, *, redundancy_weight):
    return _barlow_of(_standardised(z1).T @ _standardised(z2), redundancy_weight)


@mistake(barlow_twins, "the weight multiplies both terms: it belongs to the redundancy term alone")
def weight_on_everything(z1, z2, *, redundancy_weight):
    return redundancy_weight * barlow_twins(z1, z2, redundancy_weight=1)


@mistake(barlow_twins, "your redundancy term contains the diagonal: leave it out there")
def diagonal_kept(z1, z2, *, redundancy_weight):
    correlation = _standardised(z1).T @ _standardised(z2) / len(z1)
    on = (1 - correlation.diagonal()).square().sum()
    return on + redundancy_weight * correlation.square().sum()


@mistake(barlow_twins, "you average over the coordinates: the loss is a sum over them")
def averaged(z1, z2, *, redundancy_weight):
    return barlow_twins(z1, z2, redundancy_weight=redundancy_weight) / z1.shape[1]


@mistake(
    barlow_twins,
    "the value is right, but the second views are detached: no stop-gradient belongs here",
)
def second_view_detached(z1, z2, *, redundancy_weight):
    return barlow_twins(z1, z2.detach(), redundancy_weight=redundancy_weight)


# --- VICReg --------------------------------------------------------------------------------------


def _other_difference(difference: Callable, z1: Tensor, z2: Tensor, weights: dict) -> Tensor:
    """VICReg with another invariance term."""
    rest = vicreg(z1, z2, **{**weights, "invariance": 0})
    return weights["invariance"] * difference(z1, z2) + rest


def _other_hinge(hinge: Callable, z1: Tensor, z2: Tensor, weights: dict) -> Tensor:
    """VICReg with another variance term of one view."""
    rest = vicreg(z1, z2, **{**weights, "variance": 0})
    return weights["variance"] * (hinge(z1) + hinge(z2)) / 2 + rest


def _other_redundancy(redundancy: Callable, z1: Tensor, z2: Tensor, weights: dict) -> Tensor:
    """VICReg with another covariance term of one view."""
    rest = vicreg(z1, z2, **{**weights, "covariance": 0})
    return weights["covariance"] * (redundancy(z1) + redundancy(z2)) / z1.shape[1] + rest


def _std(z: Tensor, dim: int = 0) -> Tensor:
    return (z.var(dim) + 1e-4).sqrt()


@mistake(vicreg, "your hinge holds the variance: it belongs to the standard deviation")
def hinge_of_the_variance(z1, z2, **weights):
    return _other_hinge(lambda z: (1 - z.var(0) - 1e-4).relu().mean(), z1, z2, weights)


@mistake(vicreg, "the hinge is flipped: a standard deviation below 1 costs, max(0, 1 - s)")
def hinge_flipped(z1, z2, **weights):
    return _other_hinge(lambda z: (_std(z) - 1).relu().mean(), z1, z2, weights)


@mistake(vicreg, "the hinge is missing: a standard deviation above 1 costs nothing")
def hinge_missing(z1, z2, **weights):
    return _other_hinge(lambda z: (1 - _std(z)).mean(), z1, z2, weights)


@mistake(
    vicreg,
    "you take the variance over the coordinates: each coordinate's is over the batch, dim=0",
)
def variance_over_coordinates(z1, z2, **weights):
    return _other_hinge(lambda z: (1 - _std(z, 1)).relu().mean(), z1, z2, weights)


@mistake(vicreg, "you add the variance terms of both views up: take their mean")
def variance_terms_added(z1, z2, *, variance, **weights):
    return vicreg(z1, z2, variance=2 * variance, **weights)


@mistake(
    vicreg,
    "nothing stands under the root beside the variance: add 1e-4, else its slope is infinite at 0",
)
def nothing_under_the_root(z1, z2, **weights):
    return _other_hinge(lambda z: (1 - z.std(0)).relu().mean(), z1, z2, weights)


@mistake(vicreg, "you divide the covariance by B: divide by B - 1")
def covariance_divided_by_all(z1, z2, *, covariance, **weights):
    share = (len(z1) - 1) / len(z1)
    return vicreg(z1, z2, covariance=covariance * share**2, **weights)


@mistake(vicreg, "your covariance term contains the variances: leave the diagonal out")
def covariance_diagonal_kept(z1, z2, **weights):
    return _other_redundancy(lambda z: torch.cov(z.T).square().sum(), z1, z2, weights)


@mistake(vicreg, "you take half of the covariances: both triangles of the matrix count")
def upper_triangle_only(z1, z2, **weights):
    return _other_redundancy(lambda z: torch.cov(z.T).triu(1).square().sum(), z1, z2, weights)


@mistake(vicreg, "you add up over the coordinates of the difference: take the mean")
def difference_summed(z1, z2, *, invariance, **weights):
    return vicreg(z1, z2, invariance=invariance * z1.shape[1], **weights)


@mistake(vicreg, "you normalise the views before you compare them: take them as they are")
def views_normalised(z1, z2, **weights):
    def difference(z1, z2):
        return (F.normalize(z1) - F.normalize(z2)).square().mean()

    return _other_difference(difference, z1, z2, weights)


@mistake(
    vicreg,
    "the value is right, but the second views are detached: no stop-gradient belongs here",
)
def difference_to_the_detached(z1, z2, **weights):
    return _other_difference(lambda z1, z2: (z1 - z2.detach()).square().mean(), z1, z2, weights)


@mistake(vicreg, "the weights of invariance and covariance are swapped")
def weights_swapped(z1, z2, *, invariance, variance, covariance):
    return vicreg(z1, z2, invariance=covariance, variance=variance, covariance=invariance)


# --- SIGReg --------------------------------------------------------------------------------------


def _other_test(
    z: Tensor,
    slices: int,
    generator: torch.Generator | None,
    *,
    directions: Callable[[Tensor], Tensor] = lambda a: a / a.norm(dim=0),
    projected: Callable[[Tensor], Tensor] = lambda x: x,
    sine: float = 1,
    window: Callable[[Tensor], Tensor] = lambda normal: normal,
) -> Tensor:
    x = projected(z @ directions(torch.randn(z.shape[1], slices, generator=generator)).to(z))
    t = torch.linspace(-5, 5, 17, dtype=z.dtype)
    normal = (-t.square() / 2).exp()
    angles = x[..., None] * t
    gap = (angles.cos().mean(0) - normal).square() + sine * angles.sin().mean(0).square()
    return len(z) * torch.trapezoid(gap * window(normal), t).mean()


@mistake(sigreg, "your directions are not unit vectors: divide each column by its length")
def directions_not_normalised(z, *, slices, generator):
    return _other_test(z, slices, generator, directions=lambda a: a)


@mistake(sigreg, "you divide each row of the directions by its length: a direction is a column")
def directions_normalised_by_row(z, *, slices, generator):
    return _other_test(z, slices, generator, directions=lambda a: F.normalize(a, dim=1))


@mistake(sigreg, "you standardise each slice first: then no scale and no offset costs anything")
def slices_standardised(z, *, slices, generator):
    return _other_test(
        z, slices, generator, projected=lambda x: (x - x.mean(0)) / x.std(0).clamp(min=1e-6)
    )


@mistake(sigreg, "the imaginary part is missing: without the sines an offset costs too little")
def sines_forgotten(z, *, slices, generator):
    return _other_test(z, slices, generator, sine=0)


@mistake(sigreg, "the weight e^(-t^2/2) under the integral is missing")
def window_forgotten(z, *, slices, generator):
    return _other_test(z, slices, generator, window=torch.ones_like)


@mistake(sigreg, "the factor B is missing: the statistic of the test is B times the integral")
def batch_size_forgotten(z, *, slices, generator):
    return sigreg(z, slices=slices, generator=generator) / len(z)


@mistake(sigreg, "you add up over the slices: take their mean")
def slices_summed(z, *, slices, generator):
    return slices * sigreg(z, slices=slices, generator=generator)


@mistake(sigreg, "you integrate over half of the axis, 0 to 5: the other half counts as much")
def half_of_the_axis(z, *, slices, generator):
    return sigreg(z, slices=slices, generator=generator) / 2
