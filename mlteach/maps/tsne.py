"""t-SNE: how likely points are neighbours, how badly a map copies that, and the descent to a map.

The order is that of the algorithm: affinities of the embedding, the divergence of a map from them,
its gradient, the descent, and the film of an embedding that changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from mlteach import _validate
from mlteach.maps._points import checked_points
from mlteach.maps.principal_components import pca

# at most; the perplexity is met to five digits long before, unless many points coincide
BISECTIONS = 100
MOST_POINTS = 4_000  # all pairs of more would take gigabytes
MOST_ITERATIONS = 1_000_000  # more come from a mistake
LARGEST = 1e15  # squares of larger coordinates leave float32
ROUNDING = 1e-3  # of affinities: what 16 bits make of them
START_SPREAD = 1e-4  # standard deviation of the first coordinate where a layout begins
EARLY_MOMENTUM, MOMENTUM = 0.5, 0.8  # while affinities are exaggerated, and afterwards


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: several that share many small operations wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def conditional_affinities(x: Tensor, perplexity: float) -> Tensor:
    r"""How likely each point picks each other point as its neighbour.

    .. math:: p_{j|i} = \frac{\exp(-\lVert x_i - x_j \rVert^2 / 2\sigma_i^2)}
                             {\sum_{k \ne i} \exp(-\lVert x_i - x_k \rVert^2 / 2\sigma_i^2)}, \qquad
              \exp\Big(-\sum_j p_{j|i} \log p_{j|i}\Big) = \text{perplexity}

    Every point looks about `perplexity` points far: it has a sigma of its own, found by bisection,
    so the scale of x does not matter, in dense places or in thin.

    Args:
        x: (N, ...) one point a row, flattened to (N, D); a tensor, an array or a list. N is 3 to
            4,000: all pairs are kept.
        perplexity: 1 < perplexity < N - 1, the effective number of neighbours.

    Returns:
        (N, N) in the type of x; row i is p_{.|i}, sums to 1 and is 0 at i. For points equally far
        from each other, all entries are 1/(N-1) whatever the perplexity.

    Raises:
        TypeError: x does not hold real numbers, or perplexity is none.
        ValueError: too few or too many rows, a number that is not finite, or a perplexity out of
            range.

    Source: van der Maaten and Hinton 2008, Eq. (1) and Section 2.
    """
    x = checked_points("x", x).detach()
    size = len(x)
    if not 3 <= size <= MOST_POINTS:
        raise ValueError(
            f"x must have 3 to {MOST_POINTS:,} rows, got {size:,}"
            + (": all pairs are kept; map a random subset" if size > 3 else "")
        )
    perplexity = float(_validate.number("perplexity", perplexity))
    points = x.cpu().double()  # some devices have no float64
    if not 1 < perplexity < size - 1:
        raise ValueError(f"perplexity must lie between 1 and N - 1 = {size - 1}, got {perplexity}")
    # p does not change, and no square leaves float64
    points = points / points.abs().max().clamp(min=1e-300)
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
    return p.to(x)


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
        y: (N, 2) places on the map, no coordinate beyond 1e15.

    Returns:
        (N, N) symmetric, 0 on the diagonal, sums to 1; all 1 / (N (N - 1)) when all places
        coincide.

    Raises:
        TypeError: y does not hold real numbers.
        ValueError: fewer than 2 rows, or a number that is not finite or too large.

    Source: van der Maaten and Hinton 2008, Eq. (4), with one degree of freedom.
    """
    y = _checked_places(y)
    kernel = _kernel(y)
    kernel = kernel.masked_fill(torch.eye(len(y), dtype=torch.bool, device=y.device), 0)
    return kernel / kernel.sum()


def kl_divergence(p: Tensor, y: Tensor) -> Tensor:
    r"""What t-SNE lowers: how badly the map's pairs q copy the affinities p.

    .. math:: \mathrm{KL}(P \Vert Q) = \sum_{i \ne j} p_{ij} \log \frac{p_{ij}}{q_{ij}}

    Args:
        p: (N, N) affinities: >= 0, symmetric, 0 on the diagonal, summing to 1, each to 1 in 1,000.
        y: (N, 2) places on the map.

    Returns:
        () in nats, >= 0; 0 when q equals p.

    Raises:
        TypeError, ValueError: as `student_t`; or p is not (N, N), or holds no affinities.

    Source: van der Maaten and Hinton 2008, Eq. (2) with joint probabilities.
    """
    q = student_t(y)
    p = _checked_affinities(p, q)
    total = p.detach().cpu().double().sum().item()  # some devices have no float64
    if abs(total - 1) > ROUNDING:
        raise ValueError(f"p must sum to 1, got a sum of {total:g}")
    itself = torch.eye(len(q), dtype=torch.bool, device=q.device)
    p, q = p.masked_fill(itself, 0), q.masked_fill(itself, 1)
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum()


def cross_entropy(p: Tensor, y: Tensor) -> Tensor:
    """What of `kl_divergence` depends on the map, unchecked: the rest is the entropy of p.

    No matrix but p and the kernel, so that a live descent can afford it; p is 0 on the diagonal.
    """
    kernel = _kernel(y).fill_diagonal_(0)  # no point is its own neighbour
    total = kernel.sum()
    return p.sum() * total.log() - (p * kernel.fill_diagonal_(1).log_()).sum()


def tsne_gradient(p: Tensor, y: Tensor) -> Tensor:
    r"""The gradient of `kl_divergence` for every place: a spring between each pair of points.

    .. math:: \frac{\partial\,\mathrm{KL}}{\partial y_i} =
              4 \sum_j \frac{(p_{ij} - q_{ij})(y_i - y_j)}{1 + \lVert y_i - y_j \rVert^2}

    Args:
        p: (N, N) affinities, symmetric, 0 on the diagonal; times an exaggeration > 1, attraction
            outweighs repulsion.
        y: (N, 2) places on the map.

    Returns:
        (N, 2); 0 when all places coincide. The rows sum to 0.

    Raises:
        TypeError, ValueError: as `kl_divergence`, but p may have any sum.

    Source: van der Maaten and Hinton 2008, Eq. (5).
    """
    y = _checked_places(y).detach()
    p = _checked_affinities(p, y).detach()
    y = y.to(p)
    return _gradient(p, y)


def _gradient(p: Tensor, y: Tensor) -> Tensor:
    kernel = _kernel(y).fill_diagonal_(0)
    springs = torch.addcmul(p, kernel, 1 / kernel.sum(), value=-1).mul_(kernel)  # (p - q) * kernel
    return 4 * torch.stack([(springs * gap).sum(1) for gap in _gaps(y)], 1)


def _kernel(y: Tensor) -> Tensor:
    """1 / (1 + squared distance) of all pairs."""
    return sum((gap.square() for gap in _gaps(y)), y.new_ones(())).reciprocal_()


def _gaps(y: Tensor) -> Iterator[Tensor]:
    """(N, N) y_i - y_j, one coordinate after the other; products of large places would cancel."""
    return (along[:, None] - along for along in y.T)


def _checked_places(y: Tensor) -> Tensor:
    """(N, D) places."""
    y = checked_points("y", y)
    if (largest := y.abs().max()) > LARGEST:
        raise ValueError(f"y must have no coordinate beyond {LARGEST:g}, got {largest:g}")
    return y


def _checked_affinities(p: Tensor, places: Tensor) -> Tensor:
    """(N, N), symmetric, 0 on the diagonal, in the wider type of the two."""
    size = len(places)
    p = _validate.as_tensor("p", p)
    if p.shape != (size, size):
        raise ValueError(
            f"p must be ({size}, {size}), one row and column for each place, got {tuple(p.shape)}"
        )
    p = _validate.features("p", p)
    if p.min() < 0:
        raise ValueError(f"p must be >= 0, got {p.min():g}")
    rounding = ROUNDING * p.max()
    if (p - p.T).abs().max() > rounding:
        raise ValueError(
            "p must be symmetric, as affinities of pairs are; conditional ones c become "
            "(c + c.T) / (2 N)"
        )
    if p.diagonal().max() > rounding:
        raise ValueError(f"p must be 0 on the diagonal, got {p.diagonal().max():g}")
    return p.to(torch.promote_types(p.dtype, places.dtype))


class Descent:
    """Gradient descent with momentum, and a step size of its own for every coordinate.

    ``places`` (N, 2) is where the map stands; each `move` makes one step.
    """

    def __init__(self, start: Tensor):
        self.places = start
        self.step, self.gains = torch.zeros_like(start), torch.ones_like(start)

    def move(self, p: Tensor, *, lr: float, momentum: float) -> None:
        """One step down the divergence from p (N, N), which may be exaggerated."""
        gradient = _gradient(p, self.places)
        # the last step went downhill here too: a longer one may follow
        onwards = self.step * gradient < 0
        self.gains = torch.where(onwards, self.gains + 0.2, self.gains * 0.8).clamp(min=0.01)
        self.step = momentum * self.step - lr * self.gains * gradient
        places = self.places + self.step
        # the gains let it drift, and a small map far from 0 would be lost in rounding
        self.places = places - places.mean(0)


def default_lr(size: int, early_exaggeration: float) -> float:
    """The learning rate for so many points, as scikit-learn chooses it."""
    return max(size / (4 * early_exaggeration), 50)


@one_thread()
def tsne_path(
    x: Tensor,
    *,
    at: Iterable[int],
    perplexity: float = 30.0,
    early_exaggeration: float = 12.0,
    exaggerated: int = 250,
    start: Tensor | None = None,
) -> Tensor:
    """Run t-SNE once and keep the layout at several iterations, for a slider to walk over.

    Gradient descent with momentum and a step size of its own for every coordinate. For few points,
    the default exaggeration makes this descent chaotic: rounding, which differs from machine to
    machine, grows into different layouts, of about the same KL divergence.

    Args:
        x: (N, ...) one point a row, flattened to (N, D); a tensor, an array or a list. N is 3 to
            4,000: all pairs are kept.
        at: the iterations after which to keep the layout; 0 is the start, the largest one ends the
            run.
        perplexity: 1 < perplexity < N - 1.
        early_exaggeration: > 0, the factor on the affinities during the first iterations; 1 for
            none.
        exaggerated: >= 0, how many iterations are exaggerated.
        start: (N, 2) places to begin at; None for the first two principal components, scaled to
            almost a point.

    Returns:
        (len(at), N, 2), centred at 0; iteration 0 is `start` as it was. Equal rows, as a collapsed
        encoder makes them, become one point, whose divergence is 0. One feature, or points on a
        line, become a map on a line.

    Raises:
        TypeError, ValueError: as `affinities`; or an argument is out of range, or `start` is not
            (N, 2).

    Source: van der Maaten and Hinton 2008, Algorithm 1 and Section 3.4. Within each of the two
        phases, momentum, gains and learning rate are scikit-learn's. Between them scikit-learn
        starts again with a step of 0 and gains of 1; here both are carried over, which ends equally
        low. The centring is not scikit-learn's.
    """
    x = checked_points("x", x).detach()
    at = _checked_iterations(at)
    exaggerated = _validate.count("exaggerated", exaggerated, at_least=0, at_most=MOST_ITERATIONS)
    early_exaggeration = float(
        _validate.number("early_exaggeration", early_exaggeration, above=0, at_most=1e6)
    )
    p = affinities(x, perplexity)
    y = principal_start(x) if start is None else _checked_start(start, p)
    if (x == x[0]).all():
        return torch.stack([torch.zeros_like(y) if iteration else y for iteration in at])
    lr, descent = default_lr(len(y), early_exaggeration), Descent(y)
    layouts = {0: y}  # of the iterations asked for
    exaggerated_p = early_exaggeration * p
    for iteration in range(1, max(at) + 1):
        early = iteration <= exaggerated
        momentum = EARLY_MOMENTUM if early else MOMENTUM
        descent.move(exaggerated_p if early else p, lr=lr, momentum=momentum)
        if iteration in at:
            layouts[iteration] = descent.places
    return torch.stack([layouts[iteration] for iteration in at])


def principal_start(x: Tensor) -> Tensor:
    """(N, 2) the first two principal components, scaled to almost a point."""
    points = pca(x, min(2, x.shape[1])).points
    spread = points[:, 0].std()
    # of equal points one point, of one feature a line
    points = torch.zeros_like(points) if spread == 0 else points / spread * START_SPREAD
    return points if points.shape[1] == 2 else torch.cat([points, torch.zeros_like(points)], 1)


def _checked_start(start: Tensor, p: Tensor) -> Tensor:
    start = _validate.as_tensor("start", start)
    if start.shape != (len(p), 2):
        raise ValueError(f"start must be ({len(p)}, 2), got {tuple(start.shape)}")
    start = _validate.features("start", start).detach()
    if (largest := start.abs().max()) > LARGEST:
        raise ValueError(f"start must have no coordinate beyond {LARGEST:g}, got {largest:g}")
    return start.to(p)


def _checked_iterations(at: Iterable[int]) -> list[int]:
    """Whole numbers >= 0 in a tuple, a list, a tensor or an array."""
    if isinstance(at, Tensor | np.ndarray):
        at = at.tolist()
    if isinstance(at, str) or not isinstance(at, Iterable):
        raise TypeError(f"at must be a sequence of whole numbers, got {_validate.kind(at)}")
    at = [_validate.count("at", i, at_least=0, at_most=MOST_ITERATIONS) for i in at]
    if not at:
        raise ValueError("at must name one iteration at least, got none")
    return at


def tsne(x: Tensor, *, iterations: int = 750, **options) -> Tensor:
    """The layout (N, 2) at the end of `tsne_path`, which takes the same further options."""
    iterations = _validate.count("iterations", iterations, at_least=0, at_most=MOST_ITERATIONS)
    return tsne_path(x, at=[iterations], **options)[0]


def tsne_film(
    encodings: Sequence[Tensor], *, perplexity: float = 30.0, iterations: int = 50
) -> Tensor:
    """One layout for each stage of a training, as a film in which every point can be followed.

    A layout of its own for each stage would jump, because t-SNE may rotate, flip and reshuffle the
    map. Here each begins where the last one ended, at full size and without exaggeration. A stage
    of equal points, as a collapsed encoder makes them, is one point, and the one after it begins
    at its principal components.

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
    stages = _checked_stages(encodings)
    iterations = _validate.count("iterations", iterations, at_most=MOST_ITERATIONS)
    layouts = [tsne(stages[0], perplexity=perplexity)]
    for stage in stages[1:]:
        options = {"perplexity": perplexity, "early_exaggeration": 1, "exaggerated": 0}
        # one point would stay one point for ever: nothing pulls its parts to different sides
        start = layouts[-1] if layouts[-1].any() else None
        layouts.append(tsne(stage, iterations=iterations, start=start, **options))
    return torch.stack([layout.to(layouts[0]) for layout in layouts])


def _checked_stages(encodings: Sequence[Tensor]) -> list[Tensor]:
    if isinstance(encodings, str | dict) or not isinstance(encodings, Iterable):
        given = _validate.kind(encodings)
        raise TypeError(f"encodings must be a sequence of (N, ...) stages, got {given}")
    stages = [checked_points("encodings", stage) for stage in encodings]
    sizes = {len(stage) for stage in stages}
    if len(sizes) != 1:
        raise ValueError(
            f"encodings must hold stages of the same N points, got N of {sorted(sizes)}"
        )
    return stages
