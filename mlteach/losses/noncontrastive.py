"""Losses that need no negatives: agreement of two views, and something that prevents collapse."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.losses._shared import matching_rows, matmul, unit


def byol_loss(prediction: Tensor, target: Tensor) -> Tensor:
    r"""BYOL's loss: the prediction must point where the target projection does, which stays put.

    .. math:: \ell_i = \lVert \bar p_i - \bar z_i \rVert^2 = 2 - 2 \cos(p_i, z_i)

    One direction; the method adds the loss with the two views swapped.

    Args:
        prediction: (B, P) output of the online network's predictor, any scale (normalised here).
        target: (B, P) projection by the target network, any scale; receives no gradient.

    Returns:
        () mean over the batch; 0 when the directions agree, 2 when orthogonal, 4 when opposite.

    Raises:
        TypeError: prediction or target is not a floating-point tensor.
        ValueError: the shapes differ or are not (B, P).

    Source: Grill et al. 2020, arXiv:2006.07733, Eq. (2).
    """
    prediction, target = matching_rows(prediction=prediction, target=target)
    cosine = (unit(prediction) * unit(target.detach())).sum(1)  # (B,)
    return (2 - 2 * cosine).mean()


def barlow_twins(z1: Tensor, z2: Tensor, *, redundancy_weight: float = 5e-3) -> Tensor:
    r"""Barlow Twins: each coordinate must correlate with itself across views, and with no other.

    .. math:: \ell = \sum_i (1 - C_{ii})^2 + \lambda \sum_i \sum_{j \ne i} C_{ij}^2,
              \quad C_{ij} = \operatorname{corr}(z_{1,i}, z_{2,j}) \text{ over the batch}

    Args:
        z1: (B, P) projections of view 1, any scale and offset (standardised over the batch here).
        z2: (B, P) projections of view 2, in the same image order.
        redundancy_weight: >= 0, the paper's lambda.

    Returns:
        () a sum over coordinates of correlations over the batch; P when all rows coincide.

    Raises:
        TypeError: z1 or z2 is not a floating-point tensor, or redundancy_weight is not a number.
        ValueError: the shapes differ or are not (B >= 2, P), or redundancy_weight < 0.

    Source: Zbontar et al. 2021, arXiv:2103.03230, Eqs. (1) and (2). As in the authors' code, a
        batch-norm, the variance is divided by B and gets 1e-5 added, so that a constant coordinate
        correlates with nothing. The pseudocode of Algorithm 1 divides by torch's std, of B - 1,
        but the products by B, so that its correlations are (B - 1) / B of those of Eq. (2).
    """
    redundancy_weight = _validate.number("redundancy_weight", redundancy_weight, at_least=0)
    z1, z2 = matching_rows(z1=z1, z2=z2, at_least=2)
    correlation = matmul(_standardised(z1).mT, _standardised(z2)) / len(z1)  # (P, P)
    invariance = (1 - correlation.diagonal()).square().sum()
    redundancy = _off_diagonal(correlation).square().sum()
    return invariance + redundancy_weight * redundancy


def vicreg(
    z1: Tensor, z2: Tensor, *, invariance: float = 25, variance: float = 25, covariance: float = 1
) -> Tensor:
    r"""VICReg: views agree, every coordinate keeps varying, and no two coordinates vary together.

    .. math:: \ell = \lambda \operatorname{mean} (z_1 - z_2)^2 + \mu \frac{v(z_1) + v(z_2)}{2}
              + \nu (c(z_1) + c(z_2)),

    .. math:: v(z) = \frac1P \sum_j \max\left(0, 1 - \sqrt{\operatorname{Var} z_j + 10^{-4}}\right),
              \quad c(z) = \frac1P \sum_{i \ne j} \operatorname{Cov}(z)_{ij}^2

    Args:
        z1: (B, P) projections of view 1; not normalised.
        z2: (B, P) projections of view 2, in the same image order.
        invariance: >= 0, weight of the squared difference of the views.
        variance: >= 0, weight of the hinge that keeps each coordinate's standard deviation at 1 or
            more.
        covariance: >= 0, weight of the squared covariances between coordinates.

    Returns:
        () a scalar over the batch; 0.99 * variance when all rows coincide.

    Raises:
        TypeError: z1 or z2 is not a floating-point tensor, or a weight is not a number.
        ValueError: the shapes differ or are not (B >= 2, P), or a weight < 0.

    Source: Bardes et al. 2022, arXiv:2105.04906, Eqs. (1) to (6), in the scale of the authors'
        code, for which the default weights are meant: the squared difference is also averaged over
        coordinates (Eq. (5) sums it), and the variance term over the two views (Eq. (6) adds it).
    """
    invariance = _validate.number("invariance", invariance, at_least=0)
    variance = _validate.number("variance", variance, at_least=0)
    covariance = _validate.number("covariance", covariance, at_least=0)
    z1, z2 = matching_rows(z1=z1, z2=z2, at_least=2)
    difference = (z1 - z2).square().mean()
    hinge = (_variance_hinge(z1) + _variance_hinge(z2)) / 2
    redundancy = _squared_covariance(z1) + _squared_covariance(z2)
    return invariance * difference + variance * hinge + covariance * redundancy


def sigreg(z: Tensor, *, slices: int = 256, generator: Generator | None) -> Tensor:
    r"""SIGReg: seen along any direction, the projections look like draws of a standard normal.

    .. math:: \ell = \frac1M \sum_{m=1}^M B \int_{-5}^5
              \left| \frac1B \sum_i e^{\mathrm{i} t\, a_m \cdot z_i} - e^{-t^2/2} \right|^2
              e^{-t^2/2} \,\mathrm{d}t

    Each slice is the test of normality by Epps and Pulley of the batch along a random unit vector
    a_m: the mean of e^(itx) of a standard normal is e^(-t^2/2). The integral is a trapezoidal sum
    over 17 points, which tells projections up to about 5 apart; the scale must not be far off.

    Args:
        z: (B, P) projections of one view; not normalised.
        slices: M >= 1, random directions drawn anew at every call.
        generator: for the directions; None for torch's global one.

    Returns:
        () mean over the slices: about 1.06 for random draws of a standard normal, whatever B, less
        for vectors spread more evenly than that; 0.409 B when all rows are 0.

    Raises:
        TypeError: z is not a floating-point tensor, or generator is no generator.
        ValueError: z is not (B >= 2, P), or slices < 1.

    Source: Balestriero and LeCun 2025, arXiv:2511.08544, Section 4, with 17 points from -5 to 5;
        the test is by Epps and Pulley, Biometrika 70 (1983).
    """
    slices = _validate.count("slices", slices)
    generator = _validate.generator("generator", generator)
    (z,) = matching_rows(z=z, at_least=2)
    device = None if generator is None else generator.device
    directions = torch.randn(z.shape[1], slices, generator=generator, device=device)
    x = matmul(z, (directions / directions.norm(dim=0)).to(z))  # (B, M)
    t = torch.linspace(0, 5, 9, dtype=z.dtype, device=z.device)  # the other half is its mirror
    angles = x.unsqueeze(2) * t  # (B, M, 9)
    normal = (-t.square() / 2).exp()
    gap = (angles.cos().mean(0) - normal).square() + angles.sin().mean(0).square()  # (M, 9)
    return len(z) * 2 * torch.trapezoid(gap * normal, t).mean()


def _standardised(z: Tensor) -> Tensor:
    """Each coordinate with mean 0 and standard deviation 1 over the batch."""
    return (z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt()


def _variance_hinge(z: Tensor) -> Tensor:
    """How far the coordinates' standard deviations fall short of 1, on average."""
    return (1 - (z.var(0) + 1e-4).sqrt()).relu().mean()


def _squared_covariance(z: Tensor) -> Tensor:
    """Squared covariances between different coordinates, summed, per coordinate."""
    centred = z - z.mean(0)
    covariance = matmul(centred.mT, centred) / (len(z) - 1)  # (P, P)
    return _off_diagonal(covariance).square().sum() / z.shape[1]


def _off_diagonal(matrix: Tensor) -> Tensor:
    """The matrix with a diagonal of zeros."""
    return matrix - torch.diag_embed(matrix.diagonal())
