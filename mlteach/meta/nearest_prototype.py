"""Classification by the nearest prototype is a linear layer, whatever the number of shots."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

DISTANCES = ("squared Euclid", "cosine")
COSINE_TEMPERATURE = 0.1


def prototypes_of(support: Tensor) -> Tensor:
    """The mean of each class's support: (N, K, D) -> (N, D)."""
    return support.mean(1)


def prototype_layer(prototypes: Tensor, distance: str) -> tuple[Tensor, Tensor]:
    r"""Weights (N, D) and biases (N,) whose largest output names the nearest prototype.

    .. math:: -\lVert x - \mu \rVert^2 = 2 \mu \cdot x - \mu \cdot \mu - x \cdot x

    where the last term is the same for all classes; a cosine is a product with a unit vector, if
    the length of x is left out.

    Raises:
        ValueError: distance is none of DISTANCES.

    Source: Snell, Swersky, Zemel 2017, arXiv:1703.05175, Eq. (8).
    """
    if distance not in DISTANCES:
        raise ValueError(f"distance must be one of {DISTANCES}, got {distance!r}")
    if distance == "cosine":
        return F.normalize(prototypes, dim=1), prototypes.new_zeros(len(prototypes))
    return 2 * prototypes, -prototypes.square().sum(1)


def prototype_logits(x: Tensor, prototypes: Tensor, distance: str) -> Tensor:
    """(M, N) for (M, D) points: minus the squared distances but for x · x, or cosines over 0.1."""
    if distance == "cosine":
        x = F.normalize(x, dim=1) / COSINE_TEMPERATURE
    return F.linear(x, *prototype_layer(prototypes, distance))


def accuracy_by_shots(support: Tensor, x: Tensor, labels: Tensor, distance: str) -> Tensor:
    """(K,) accuracies on x (M, D) with the first 1 to K of each class's support (N, K, D)."""
    means = (
        support.cumsum(1) / torch.arange(1, support.shape[1] + 1, device=support.device)[:, None]
    )  # (N, K, D)
    guesses = [prototype_logits(x, mean, distance).argmax(1) for mean in means.unbind(1)]
    return (torch.stack(guesses) == labels).float().mean(1)
