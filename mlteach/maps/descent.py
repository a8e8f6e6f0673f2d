"""t-SNE's descent from a start to a map, and the film of an embedding that changes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mlteach.maps._shared import one_thread
from mlteach.maps.divergence import tsne_gradient
from mlteach.maps.neighbour_probabilities import affinities
from mlteach.maps.principal_components import pca

START_SPREAD = 1e-4  # standard deviation of the first coordinate where a layout begins


@one_thread()
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

    Source: van der Maaten and Hinton 2008, Algorithm 1 and Section 3.4; momenta, gains and learning
        rate are scikit-learn's, the centring is not.
    """
    p = affinities(x, perplexity)
    if not at or min(at) < 0 or exaggerated < 0:
        raise ValueError(
            f"at and exaggerated must count iterations, from 0, got at={at}, exaggerated={exaggerated}"
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


def tsne(x: Tensor, *, iterations: int = 750, **options) -> Tensor:
    """The layout (N, 2) at the end of `tsne_path`, which takes the same further options."""
    return tsne_path(x, at=[iterations], **options)[0]


def tsne_film(
    encodings: Sequence[Tensor], *, perplexity: float = 30.0, iterations: int = 50
) -> Tensor:
    """One layout for each stage of a training, as a film in which every point can be followed.

    A layout of its own for each stage would jump, because t-SNE may turn, mirror and reshuffle the
    map. Here each begins where the last one ended, at full size and without exaggeration.

    Args:
        encodings: E stages, each (N, ...) with the same N pictures in the same order; float.
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


def _principal_start(x: Tensor) -> Tensor:
    points = pca(x).points
    return points * (START_SPREAD / points[:, 0].std())
