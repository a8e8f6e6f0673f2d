"""New points on a map that is already drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.maps._points import checked_points


def place(new: Tensor, x: Tensor, y: Tensor, *, k: int = 5) -> Tensor:
    r"""Where new points go on a map: between the places of their nearest neighbours.

    .. math:: y_\text{new} = \sum_{j \in \text{kNN}} w_j\, y_j, \qquad
              w_j \propto 1 / \lVert x_\text{new} - x_j \rVert

    A mean lies between its parts: a point whose neighbours stand on two islands lands in the sea
    between them. And no place is ever outside of the map: what is like nothing on it lands there
    all the same, so look at the distances in x too.

    Args:
        new: (M, ...) the new points, flattened to (M, D), encoded as x was.
        x: (N, ...) the points that the map was made of.
        y: (N, 2) their places on the map.
        k: neighbours, from 1 to N.

    Returns:
        (M, 2) in the type of y; a copy of a point of x comes to lie on that point.

    Raises:
        TypeError: an argument does not hold real numbers, or k is no whole number.
        ValueError: the shapes do not belong together, a number is not finite, or k is out of range.

    Source: the mean of neighbours, as Kobak and Berens 2019 place new cells, who take the median of
        ten.
    """
    x = checked_points("x", x).detach()
    y = checked_points("y", y).detach()
    _validate.length("y", y, len(x))
    new = _validate.as_tensor("new", new).detach()
    new = _validate.features("new", new.flatten(1) if new.dim() > 2 else new)
    if new.shape[1] != x.shape[1]:
        raise ValueError(f"new must have the {x.shape[1]} columns of x, got {new.shape[1]}")
    k = _validate.count("k", k, at_most=len(x))
    # some devices have no float64
    ends = new.cpu().double(), x.cpu().double()
    gaps = torch.cdist(*ends, compute_mode="donot_use_mm_for_euclid_dist")  # (M, N)
    near, neighbours = gaps.topk(k, dim=1, largest=False)
    least = 1e-9 * near.amax(1, keepdim=True)  # a copy's distance is 0
    weights = 1 / near.maximum(least).clamp(min=1e-300)
    weights = weights / weights.sum(1, keepdim=True)  # (M, k)
    return (weights[..., None] * y.cpu().double()[neighbours]).sum(1).to(y)
