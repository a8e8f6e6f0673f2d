"""Prototypical networks: no adaptation, but a space in which the mean of a class's examples is all
that is needed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach.episodes import Episode


def prototypical_loss(encoder: nn.Module, episodes: Episode) -> Tensor:
    r"""Prototypical networks: each query must lie nearer to the mean of its own class's support
    than to the others.

    .. math:: \ell = -\log \frac{\exp(-d_y)}{\sum_c \exp(-d_c)}, \quad d_c = \lVert f(x) - \mu_c \rVert^2, \quad
              \mu_c = \frac{1}{K} \sum_{i: y_i = c} f(x_i)

    All pictures of all tasks go through the encoder as one batch.

    Args:
        encoder: (B, ...) -> (B, D); not normalised.
        episodes: T classification tasks; every label of a query occurs in its task's support.

    Returns:
        () mean over all queries of all tasks, in nats; log(n_way) when all representations
        coincide.

    Raises:
        ValueError: a class of a task has no support.

    Source: Snell, Swersky, Zemel 2017, arXiv:1703.05175, Eq. (1) and (2).
    """
    x_support, y_support, x_query, y_query = episodes
    n_tasks, n_support = y_support.shape
    z = encoder(torch.cat([x_support, x_query], 1).flatten(0, 1))  # (T * (N + M), D)
    support, query = z.view(n_tasks, -1, z.shape[-1]).split([n_support, y_query.shape[1]], 1)
    n_way = int(max(y_support.max(), y_query.max())) + 1
    members = F.one_hot(y_support, n_way).to(z.dtype).mT  # (T, n_way, N)
    sizes = members.sum(-1, keepdim=True)
    if (sizes == 0).any():
        raise ValueError(
            "y_support must hold every label from 0 to n_way - 1 in every task; a class has no support"
        )
    prototypes = members @ support / sizes  # (T, n_way, D)
    squared = (query[:, :, None] - prototypes[:, None]).square().sum(-1)  # (T, M, n_way)
    return F.cross_entropy(-squared.flatten(0, 1), y_query.flatten())
