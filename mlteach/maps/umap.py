"""UMAP: a fuzzy graph of neighbours, and a map of it drawn by a contrastive loss.

The order is that of the algorithm: the graph of the embedding, the curve that says how near two
places are, the loss of an edge and its strangers, and the descent to a map.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.maps._points import checked_points
from mlteach.maps.principal_components import pca
from mlteach.maps.tsne import LARGEST, MOST_POINTS, one_thread

BISECTIONS = 64
LEAST_WIDTH = 1e-3  # of the mean distance: where neighbours coincide, no width meets the sum
START_REACH = 10.0  # largest coordinate where a layout begins
LARGEST_STEP = 4.0  # of one force in one coordinate: strangers that meet would be flung away
TINY = 1e-12  # under a squared distance by which is divided


@one_thread()
def fuzzy_graph(x: Tensor, n_neighbors: int = 15) -> Tensor:
    r"""How far each pair of points are neighbours, between 0 and 1.

    .. math:: w_{ij} = \exp\big(-\max(0, d_{ij} - \rho_i) / \sigma_i\big), \qquad
              \sum_{j \ne i} w_{ij} = \log_2 k, \qquad  W + W^\top - W \circ W^\top

    Each point's nearest neighbour, at distance rho, has weight 1: nobody stands alone. The width
    sigma is found by bisection. The last step is the chance that at least one of two independent
    edges is there, whichever of both ends it begins at.

    Args:
        x: (N, ...) one point a row, flattened to (N, D); a tensor, an array or a list. N is 3 to
            4,000: all pairs are kept.
        n_neighbors: k, from 2 to N. As in umap-learn the point itself is one of them.

    Returns:
        (N, N) in the type of x, symmetric, 0 on the diagonal and for all but neighbours.

    Raises:
        TypeError: x does not hold real numbers, or n_neighbors is no whole number.
        ValueError: too few or too many rows, a number that is not finite, or n_neighbors out of
            range.

    Source: McInnes, Healy, Melville 2018, arXiv:1802.03426, Algorithms 1 to 3, with
        umap-learn's floor under sigma and its count of neighbours.
    """
    x = checked_points("x", x).detach()
    size = len(x)
    if not 3 <= size <= MOST_POINTS:
        raise ValueError(f"x must have 3 to {MOST_POINTS:,} rows, got {size:,}")
    k = _validate.count("n_neighbors", n_neighbors, at_least=2, at_most=size)
    points = x.cpu().double()  # some devices have no float64
    gaps = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    gaps.fill_diagonal_(math.inf)  # no point is its own neighbour
    distances, neighbours = gaps.topk(k - 1, largest=False)  # (N, k - 1)
    rho = distances.masked_fill(distances == 0, math.inf).amin(1, keepdim=True)
    rho = rho.masked_fill(rho.isinf(), 0)  # all neighbours coincide with the point
    further = (distances - rho).clamp(min=0)
    sigma = _widths(further, math.log2(k))
    means = distances.sum(1, keepdim=True) / k
    sigma = sigma.maximum(LEAST_WIDTH * torch.where(rho > 0, means, means.mean()))
    weights = (-further / sigma.clamp(min=1e-300)).exp()
    w = torch.zeros(size, size, dtype=torch.float64).scatter_(1, neighbours, weights)
    return (w + w.T - w * w.T).to(x)


def _widths(further: Tensor, wanted: float) -> Tensor:
    """(N, 1) the sigma of each row with which its weights sum to so much, or as near as can be."""
    sigma = further.mean(1, keepdim=True).clamp(min=1e-100)
    low, high = torch.zeros_like(sigma), torch.full_like(sigma, math.inf)
    for _ in range(BISECTIONS):
        total = (-further / sigma).exp().sum(1, keepdim=True)
        too_wide = total > wanted
        low, high = torch.where(too_wide, low, sigma), torch.where(too_wide, sigma, high)
        sigma = torch.where(high.isinf(), 2 * sigma, (low + high) / 2)
    return sigma


def curve_parameters(min_dist: float = 0.1) -> tuple[float, float]:
    r"""The a and b of UMAP's curve, which says how near two places on the map are.

    .. math:: q(d) = \frac{1}{1 + a\, d^{2b}} \approx
              \begin{cases} 1 & d \le \text{min\_dist} \\ e^{-(d - \text{min\_dist})} & \text{else}
              \end{cases}

    Args:
        min_dist: from 0 to 1.5; places nearer than that count as equally near. A larger one
            spreads the points of an island.

    Returns:
        a and b, fitted by least squares between distance 0 and 3. Student's t, the curve of t-SNE,
        has a = b = 1.

    Raises:
        TypeError, ValueError: min_dist is no number in its range.

    Source: McInnes et al. 2018, Algorithm 5, with spread 1, fitted as umap-learn does.
    """
    from scipy.optimize import curve_fit  # takes half a second to import

    min_dist = float(_validate.number("min_dist", min_dist, at_least=0, at_most=1.5))
    d = np.linspace(0, 3, 300)
    wanted = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist)))
    (a, b), _ = curve_fit(lambda d, a, b: 1 / (1 + a * d ** (2 * b)), d, wanted)
    return float(a), float(b)


def umap_loss(
    anchors: Tensor, neighbours: Tensor, strangers: Tensor, *, a: float, b: float
) -> Tensor:
    r"""UMAP's loss: tell a neighbour from random strangers, by nothing but places on the map.

    .. math:: -\log q(y_i, y_j) - \sum_m \log\big(1 - q(y_i, y_m)\big), \qquad
              q(y, y') = \frac{1}{1 + a \lVert y - y' \rVert^{2b}}

    A binary cross-entropy with one positive and M negatives for each anchor: contrastive learning
    of the places themselves, without an encoder.

    Args:
        anchors: (B, 2) places of one end of B edges of the graph.
        neighbours: (B, 2) places of the other ends.
        strangers: (B, M, 2) places of points drawn at random for each edge.
        a, b: > 0, of `curve_parameters`.

    Returns:
        () mean over the edges, in nats; (1 + M) log 2 where every q is a half. Infinite where a
        stranger stands on an anchor.

    Raises:
        TypeError: places are no real numbers, or a or b is no number.
        ValueError: the shapes do not belong together, a place is not finite, or a or b is not > 0.

    Source: McInnes et al. 2018, Algorithm 5, whose forces are its gradient; as a contrastive loss
        Damrich, Böhm, Hamprecht and Kobak 2023, arXiv:2206.01816.
    """
    anchors = _validate.features("anchors", anchors)
    neighbours = _validate.features("neighbours", neighbours)
    if neighbours.shape != anchors.shape:
        raise ValueError(
            f"neighbours must be {tuple(anchors.shape)}, as anchors, got {tuple(neighbours.shape)}"
        )
    strangers = _validate.as_tensor("strangers", strangers)
    if strangers.dim() != 3 or (len(strangers), strangers.shape[2]) != anchors.shape:
        expected = f"({len(anchors)}, M, {anchors.shape[1]})"
        raise ValueError(f"strangers must be {expected}, got {tuple(strangers.shape)}")
    strangers = _validate.features("strangers", strangers.flatten(1)).view(strangers.shape)
    a, b = (_validate.number(name, value, above=0) for name, value in (("a", a), ("b", b)))
    near = (anchors - neighbours).square().sum(1)  # (B,)
    far = (anchors[:, None] - strangers).square().sum(2)  # (B, M)
    return ((a * near**b).log1p() + (1 / (a * far**b)).log1p().sum(1)).mean()


def _attraction(gap: Tensor, a: float, b: float) -> Tensor:
    """The gradient of -log q for the first of two places, from their gap (..., 2)."""
    squared = gap.square().sum(-1, keepdim=True).clamp(min=TINY)
    return 2 * a * b * squared ** (b - 1) / (1 + a * squared**b) * gap


def _repulsion(gap: Tensor, a: float, b: float) -> Tensor:
    """The gradient of -log(1 - q) for the first of two places, from their gap (..., 2)."""
    squared = gap.square().sum(-1, keepdim=True).clamp(min=TINY)
    return -2 * b / (squared * (1 + a * squared**b)) * gap


@one_thread()
def umap(
    x: Tensor,
    *,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    epochs: int = 200,
    n_negative: int = 5,
    start: Tensor | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """A map on which neighbours attract each other and random strangers repel.

    Stochastic gradient descent on `umap_loss`: each edge of the graph is drawn with its weight as
    its chance, both its ends move together, and its first end moves away from strangers.

    Args:
        x, n_neighbors: as in `fuzzy_graph`.
        min_dist: as in `curve_parameters`.
        epochs: >= 1 passes over the edges, while the learning rate falls from 1 to 0.
        n_negative: >= 1 strangers for each edge; more repel more strongly.
        start: (N, 2) places to begin at; None for the first two principal components.
        generator: of the edges and strangers that are drawn.

    Returns:
        (N, 2), centred at 0. Another generator or another rounding gives another map.

    Raises:
        TypeError, ValueError: as `fuzzy_graph` and `curve_parameters`; or an argument is out of
            range.

    Source: McInnes et al. 2018, Algorithm 5, with the weights, curve, learning rate and largest
        step of umap-learn. Here N/2 edges move at once, where umap-learn moves one after the other;
        and the start is PCA's, as Kobak and Linderman 2021 advise, where theirs is spectral.
    """
    x = checked_points("x", x).detach()
    graph = fuzzy_graph(x, n_neighbors).cpu()
    a, b = curve_parameters(min_dist)
    epochs = _validate.count("epochs", epochs, at_most=100_000)
    n_negative = _validate.count("n_negative", n_negative, at_most=1000)
    generator = _validate.generator("generator", generator)
    y = _first_places(x, start).cpu()
    heads, tails = graph.nonzero().T  # each edge in both directions
    chances = graph[heads, tails]
    for epoch in range(epochs):
        lr = 1 - epoch / epochs
        drawn = (torch.rand(len(heads), generator=generator) < chances).nonzero()[:, 0]
        drawn = drawn[torch.randperm(len(drawn), generator=generator)]
        for some in drawn.split(max(len(x) // 2, 1)):
            i, j = heads[some], tails[some]
            strangers = torch.randint(len(x), (len(some), n_negative), generator=generator)
            pull = _limited(_attraction(y[i] - y[j], a, b))
            push = _limited(_repulsion(y[i, None] - y[strangers], a, b)).sum(1)
            y.index_add_(0, i, pull + push, alpha=-lr)
            y.index_add_(0, j, pull, alpha=lr)
    return (y - y.mean(0)).to(x)


def _limited(force: Tensor) -> Tensor:
    return force.clamp(-LARGEST_STEP, LARGEST_STEP)


def _first_places(x: Tensor, start: Tensor | None) -> Tensor:
    """(N, 2) of its own: the descent changes it in place."""
    if start is None:
        points = pca(x, min(2, x.shape[1])).points
        points = START_REACH * points / points.abs().max().clamp(min=1e-30)
        return points if points.shape[1] == 2 else torch.cat([points, 0 * points], 1)
    start = _validate.shaped("start", _validate.as_tensor("start", start), len(x), 2)
    start = _validate.features("start", start).detach()
    if (largest := start.abs().max()) > LARGEST:
        raise ValueError(f"start must have no coordinate beyond {LARGEST:g}, got {largest:g}")
    return start.to(x, copy=True)
