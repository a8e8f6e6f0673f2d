"""The losses of pairs and triplets as functions of one distance."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.losses.pairs import contrastive_loss, triplet_loss

FORMS = ("squared", "not squared")


def losses_at(
    distance: Tensor, *, positive_distance: float, margin: float, form: str
) -> dict[str, Tensor]:
    """The loss of one pair of one class, of one pair of two classes, and of one triplet.

    Two points at this distance stand for a pair. In the triplet it is the negative's; the
    positive's is given.

    Args:
        distance: () float64, >= 0.
        positive_distance: >= 0, of the triplet's positive from its anchor.
        margin: of all three.
        form: "squared", the losses of this package, or "not squared", those of PyTorch, which
            compare the distances themselves.

    Returns:
        "same", "different" and "triplet" → ().

    Raises:
        ValueError: form is none of FORMS.
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {FORMS}, got {form!r}")
    anchor = torch.zeros(1, 1).double()
    other = distance.reshape(1, 1)
    positive = torch.full((1, 1), -positive_distance).double()
    if form == "squared":
        same = torch.tensor([True])
        return {
            "same": contrastive_loss(anchor, other, same, margin=margin),
            "different": contrastive_loss(anchor, other, ~same, margin=margin),
            "triplet": triplet_loss(anchor, positive, other, margin=margin),
        }
    return {
        "same": F.hinge_embedding_loss(distance, torch.tensor(1.0), margin=margin),
        "different": F.hinge_embedding_loss(distance, torch.tensor(-1.0), margin=margin),
        "triplet": F.triplet_margin_loss(anchor, positive, other, margin=margin, eps=0.0),
    }
