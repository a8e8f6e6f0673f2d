"""t-SNE: how likely points are neighbours, how badly a map copies that, and the descent to a map.

The order is that of the algorithm: affinities of the embedding, the divergence of a map from them,
its gradient, the descent, and the film of an embedding that changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from mlteach.maps._points import checked_points
from mlteach.maps.principal_components import pca

# at most; the perplexity is met to five digits long before, unless many points coincide
BISECTIONS = 100
START_SPREAD = 1e-4  # standard deviation of the first coordinate where a layout begins


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread: several that share many small operations wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@_one_thread()
def conditional_affinities(x: Tensor, perplexity: float) -> Tensor:
    r"""How likely each point picks each other point as its neighbour.

    .. math:: p_{j|i} = \frac{\exp(-\lVert x_i - x_j \rVert^2 / 2\sigma_i^2)}
                             {\sum_{k \ne i} \exp(-\lVert x_i - x_k \rVert^2 / 2\sigma_i^2)}, \qquad
              \exp\Big(-\sum_j p_{j|i} \log p_{j|i}\Big) = \text{perplexity}

    Every point looks about `perplexity` points far: it has a sigma of its own, found by bisection,
    so the scale of x does not matter, in dense places or in thin.

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


def student_t(y: Tensor) -> Tensor:
    r"""The probabilities of all pairs on the map: Student's t, heavy in the tails.

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

    Source: van der Maaten and Hinton 2008, Eq. (4), with one degree of freedom.
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
    r"""The gradient of `kl_divergence` for every place: a spring between each pair of points.

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


@_one_thread()
def tsne_path(
    x: Tensor,
    *,
    at: Sequence[int],
    perplexity: float = 30.0,
    early_exaggeration: float = 12.0,
    exaggerated: int = 250,
    start: Tensor | None = None,
) -> Tensor:
    """Run t-SNE once and keep the layout at several iterations, for a slider to walk over.

    Gradient descent with momentum and a step size of its own for every coordinate. The descent is
    chaotic: rounding, which differs from machine to machine, grows into different layouts, of about
    the same KL divergence.

    Args:
        x: (N, ...) one point a row, flattened to (N, D); float.
        at: the iterations after which to keep the layout; 0 is the start, the largest one ends the
            run.
        perplexity: 1 < perplexity < N - 1.
        early_exaggeration: > 0, the factor on the affinities during the first iterations; 1 for
            none.
        exaggerated: >= 0, how many iterations are exaggerated.
        start: (N, 2) places to begin at; None for the first two principal components, scaled to
            almost a point.

    Returns:
        (len(at), N, 2), centred at 0; iteration 0 is `start` as it was.

    Raises:
        TypeError, ValueError: as `affinities`; or an argument is out of range, or `start` is not
            (N, 2).

    Source: van der Maaten and Hinton 2008, Algorithm 1 and Section 3.4. Within each of the two
        phases, momentum, gains and learning rate are scikit-learn's. Between them scikit-learn
        starts again with a step of 0 and gains of 1; here both are carried over, which ends equally
        low. The centring is not scikit-learn's.
    """
    p = affinities(x, perplexity)
    if not at or min(at) < 0 or exaggerated < 0:
        raise ValueError(
            "at and exaggerated must count iterations, from 0, "
            f"got at={at}, exaggerated={exaggerated}"
        )
    if not 0 < early_exaggeration < math.inf:
        raise ValueError(
            f"early_exaggeration must be a finite number > 0, got {early_exaggeration}"
        )
    y = _principal_start(x) if start is None else start.to(p)
    if y.shape != (len(p), 2):
        raise ValueError(f"start must be ({len(p)}, 2), got {tuple(y.shape)}")
    lr = max(len(y) / (4 * early_exaggeration), 50)
    step, gains = torch.zeros_like(y), torch.ones_like(y)
    layouts = {0: y}
    exaggerated_p = early_exaggeration * p
    for iteration in range(1, max(at) + 1):
        early = iteration <= exaggerated
        gradient = tsne_gradient(exaggerated_p if early else p, y)
        # the last step went downhill here too: a longer one may follow
        onwards = step * gradient < 0
        gains = torch.where(onwards, gains + 0.2, gains * 0.8).clamp(min=0.01)
        step = (0.5 if early else 0.8) * step - lr * gains * gradient
        y = y + step
        # the gains let it drift, and a small map far from 0 would be lost in rounding
        y = y - y.mean(0)
        layouts[iteration] = y
    return torch.stack([layouts[iteration] for iteration in at])


def _principal_start(x: Tensor) -> Tensor:
    points = pca(x).points
    return points * (START_SPREAD / points[:, 0].std())


def tsne(x: Tensor, *, iterations: int = 750, **options) -> Tensor:
    """The layout (N, 2) at the end of `tsne_path`, which takes the same further options."""
    return tsne_path(x, at=[iterations], **options)[0]


def tsne_film(
    encodings: Sequence[Tensor], *, perplexity: float = 30.0, iterations: int = 50
) -> Tensor:
    """One layout for each stage of a training, as a film in which every point can be followed.

    A layout of its own for each stage would jump, because t-SNE may rotate, flip and reshuffle the
    map. Here each begins where the last one ended, at full size and without exaggeration.

    Args:
        encodings: E stages, each (N, ...) with the same N images in the same order; float.
        perplexity: 1 < perplexity < N - 1.
        iterations: >= 1, of each stage after the first; more bring each layout closer to rest, and
            points move further.

    Returns:
        (E, N, 2), all centred at 0.

    Raises:
        TypeError, ValueError: as `tsne_path`, or the number of points changes.
    """
    layouts = [tsne(encodings[0], perplexity=perplexity)]
    for stage in encodings[1:]:
        options = {"perplexity": perplexity, "early_exaggeration": 1, "exaggerated": 0}
        layouts.append(tsne(stage, iterations=iterations, start=layouts[-1], **options))
    return torch.stack(layouts)
