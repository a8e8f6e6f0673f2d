"""Prototypical networks: no adaptation, but a space in which the mean of a class is enough."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from mlteach.episodes import Episode, check_episodes, on_features, squared_distances


def prototypical_loss(encoder: Callable[[Tensor], Tensor], episodes: Episode) -> Tensor:
    r"""Each query must lie nearer to its own class's prototype than to the others.

    .. math:: \ell = -\log \frac{\exp(-d_y)}{\sum_c \exp(-d_c)}, \quad
              d_c = \lVert f(x) - \mu_c \rVert^2, \quad
              \mu_c = \frac{1}{K} \sum_{i: y_i = c} f(x_i)

    All images of all tasks go through the encoder as one batch.

    Args:
        encoder: (B, ...) -> (B, D); not normalised.
        episodes: T classification tasks; every label of a query occurs in its task's support.

    Returns:
        () mean over all queries of all tasks, in nats, float32 at least; log(n_way) when all
        representations coincide.

    Raises:
        TypeError, ValueError: a class of a task has no support, the parts of episodes do not fit
            together, or the encoder does not give finite (B, D).

    Source: Snell, Swersky, Zemel 2017, arXiv:1703.05175, Eq. (1) and (2).
    """
    episodes = check_episodes(episodes, classified=True)
    support, y_support, query, y_query = on_features(encoder, episodes)  # (T, N, D), (T, M, D)
    n_way = int(max(y_support.max(), y_query.max())) + 1
    squared = squared_distances(support, y_support, query, n_way)  # (T, M, C)
    return F.cross_entropy(-squared.flatten(0, 1), y_query.flatten())
