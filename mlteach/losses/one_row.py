"""InfoNCE of one anchor, as a function of its similarities."""

from __future__ import annotations

import torch
from torch import Tensor

from mlteach.losses.contrastive import info_nce


def info_nce_of_row(similarities: Tensor, positive: int, temperature: float) -> Tensor:
    """The InfoNCE loss of one anchor whose cosines with its candidates are given.

    `info_nce` wants vectors. In the plane, the unit vector (s, sqrt(1 - s²)) has the cosine s with
    (1, 0), so the loss and its derivative with respect to each s are exactly those of `info_nce`.

    Args:
        similarities: (K,) cosines of the anchor with its candidates.
        positive: which of them is the positive, 0 to K - 1.
        temperature: > 0.

    Returns:
        () in nats, float64; log K where all similarities are equal.
    """
    # At s = ±1 the root has no finite slope; a step of 1e-9 aside changes nothing that can be seen.
    s = similarities.double().clamp(-1 + 1e-9, 1 - 1e-9)
    candidates = torch.stack([s, (1 - s**2).sqrt()], dim=1)  # (K, 2)
    query = torch.tensor([[1.0, 0.0]], dtype=s.dtype)
    negatives = candidates[torch.arange(len(s)) != positive]
    return info_nce(query, candidates[[positive]], negatives, temperature=temperature)
