"""The map's side of t-SNE: how badly its pairs copy the affinities, and which way is better."""

from __future__ import annotations

import torch
from torch import Tensor

from mlteach.maps._shared import checked_points


def student_t(y: Tensor) -> Tensor:
    r"""The probabilities of all pairs on the map: Student's t with one degree of freedom, heavy in
    the tails.

    .. math:: q_{ij} = \frac{(1 + \lVert y_i - y_j \rVert^2)^{-1}}
                            {\sum_{k \ne l} (1 + \lVert y_k - y_l \rVert^2)^{-1}}

    Args:
        y: (N, 2) places on the map; float.

    Returns:
        (N, N) symmetric, 0 on the diagonal, sums to 1; all 1 / (N (N - 1)) when all places
        coincide.

    Raises:
        TypeError: y is not a floating-point tensor.
        ValueError: fewer than 2 rows, or a number that is not finite.

    Source: van der Maaten and Hinton 2008, Eq. (4).
    """
    kernel = _kernel(checked_points(y))
    kernel = kernel.masked_fill(torch.eye(len(y), dtype=torch.bool, device=y.device), 0)
    return kernel / kernel.sum()


def kl_divergence(p: Tensor, y: Tensor) -> Tensor:
    r"""What t-SNE lowers: how badly the map's pairs q copy the affinities p.

    .. math:: \mathrm{KL}(P \Vert Q) = \sum_{i \ne j} p_{ij} \log \frac{p_{ij}}{q_{ij}}

    Args:
        p: (N, N) affinities, summing to 1.
        y: (N, 2) places on the map.

    Returns:
        () in nats, >= 0; 0 when q equals p.

    Raises:
        TypeError, ValueError: as `student_t`; or p is not (N, N).

    Source: van der Maaten and Hinton 2008, Eq. (2) with joint probabilities.
    """
    q = student_t(y)
    _check_square(p, len(q))
    apart = ~torch.eye(len(q), dtype=torch.bool, device=q.device)
    return (torch.special.xlogy(p[apart], p[apart]) - torch.special.xlogy(p[apart], q[apart])).sum()


def tsne_gradient(p: Tensor, y: Tensor) -> Tensor:
    r"""The gradient of `kl_divergence` with respect to every place: a spring between each pair of
    points.

    .. math:: \frac{\partial\,\mathrm{KL}}{\partial y_i} =
              4 \sum_j \frac{(p_{ij} - q_{ij})(y_i - y_j)}{1 + \lVert y_i - y_j \rVert^2}

    Args:
        p: (N, N) symmetric affinities; times an exaggeration > 1, attraction outweighs repulsion.
        y: (N, 2) places on the map.

    Returns:
        (N, 2); 0 when all places coincide. If p is symmetric, the rows sum to 0.

    Raises:
        TypeError, ValueError: as `kl_divergence`.

    Source: van der Maaten and Hinton 2008, Eq. (5).
    """
    y = checked_points(y).detach()
    _check_square(p, len(y))
    kernel = _kernel(y).fill_diagonal_(0)
    springs = torch.addcmul(p, kernel, 1 / kernel.sum(), value=-1).mul_(kernel)  # (p - q) * kernel
    return 4 * (springs.sum(1, keepdim=True) * y - springs @ y)


def _kernel(y: Tensor) -> Tensor:
    """1 / (1 + squared distance) of all pairs."""
    lengths = y.square().sum(1)
    return torch.addmm(lengths[:, None] + (lengths + 1), y, y.T, alpha=-2).reciprocal_()


def _check_square(p: Tensor, size: int) -> None:
    if p.shape != (size, size):
        raise ValueError(
            f"p must be ({size}, {size}), one row and column for each place, got {tuple(p.shape)}"
        )
