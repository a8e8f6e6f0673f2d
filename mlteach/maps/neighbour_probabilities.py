"""The embedding's side of t-SNE: distances become probabilities of being neighbours."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mlteach.maps._shared import checked_points, one_thread

# at most; the perplexity is met to five digits long before, unless many points coincide
BISECTIONS = 100


@one_thread()
def conditional_affinities(x: Tensor, perplexity: float) -> Tensor:
    r"""How likely each point would pick each other point as its neighbour, if it looked about
    `perplexity` points far.

    .. math:: p_{j|i} = \frac{\exp(-\lVert x_i - x_j \rVert^2 / 2\sigma_i^2)}
                             {\sum_{k \ne i} \exp(-\lVert x_i - x_k \rVert^2 / 2\sigma_i^2)}, \qquad
              \exp\Big(-\sum_j p_{j|i} \log p_{j|i}\Big) = \text{perplexity}

    Every point has its own sigma, found by bisection, so the scale of x does not matter, in dense
    places or in thin.

    Args:
        x: (N, ...) one point a row, flattened to (N, D); float.
        perplexity: 1 < perplexity < N - 1, the effective number of neighbours.

    Returns:
        (N, N) in the type of x; row i is p_{.|i}, sums to 1 and is 0 at i. For points equally far
        from each other, all entries are 1/(N-1) whatever the perplexity.

    Raises:
        TypeError: x is not a floating-point tensor.
        ValueError: fewer than 2 rows, a number that is not finite, or a perplexity out of range.

    Source: van der Maaten and Hinton 2008, Eq. (1) and Section 2.
    """
    points = checked_points(x).double()
    size = len(points)
    if not 1 < perplexity < size - 1:
        raise ValueError(f"perplexity must lie between 1 and N - 1 = {size - 1}, got {perplexity}")
    squared = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist").square()
    squared.fill_diagonal_(math.inf)  # no point is its own neighbour
    # than the nearest: p does not change, and some exp is 1
    further = squared - squared.amin(1, keepdim=True)
    further.fill_diagonal_(0)
    sharpness = 1 / further.mean(1, keepdim=True).clamp(min=1e-100)  # 1 / (2 sigma²), (N, 1)
    low, high = torch.zeros_like(sharpness), torch.full_like(sharpness, math.inf)
    for _ in range(BISECTIONS):
        p = (-sharpness * further).exp_().fill_diagonal_(0)
        total = p.sum(1, keepdim=True)
        # of p / total
        entropy = total.log() + sharpness * (p * further).sum(1, keepdim=True) / total
        if ((entropy - math.log(perplexity)).abs() < 1e-6).all():
            break
        too_wide = entropy > math.log(perplexity)
        low, high = torch.where(too_wide, sharpness, low), torch.where(too_wide, high, sharpness)
        sharpness = torch.where(high.isinf(), 2 * sharpness, (low + high) / 2)
    p /= total
    return p.to(x.dtype)


def affinities(x: Tensor, perplexity: float) -> Tensor:
    r"""The probabilities of all pairs, which a t-SNE map tries to copy.

    .. math:: p_{ij} = \frac{p_{j|i} + p_{i|j}}{2N}

    Args:
        x, perplexity: as in `conditional_affinities`.

    Returns:
        (N, N) symmetric, 0 on the diagonal, sums to 1; every row sums to at least 1/(2N), so no
        point is forgotten.

    Raises:
        TypeError, ValueError: as `conditional_affinities`.

    Source: van der Maaten and Hinton 2008, Section 3.1.
    """
    p = conditional_affinities(x, perplexity)
    return (p + p.T) / (2 * len(p))
