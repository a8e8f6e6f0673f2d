"""What several losses share: one type and shape, unit vectors, logits of a batch against itself."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from mlteach import _validate


def floats(**tensors: Tensor) -> list[Tensor]:
    """The tensors of one device in their widest common floating-point type, float32 at least."""
    types = [_validate.floats(name, x).dtype for name, x in tensors.items()]
    if len({x.device for x in tensors.values()}) > 1:
        given = ", ".join(f"{name} on {x.device}" for name, x in tensors.items())
        raise ValueError(f"{', '.join(tensors)} must be on one device, got {given}")
    widest = functools.reduce(torch.promote_types, types, torch.float32)
    return [x.to(widest) for x in tensors.values()]


def matching_rows(*, at_least: int = 1, **tensors: Tensor) -> list[Tensor]:
    """`floats` of matrices that must agree in shape and have enough rows."""
    same_type = floats(**tensors)
    _validate.matrices(at_least=at_least, **tensors)
    return same_type


def unit(x: Tensor) -> Tensor:
    """Rows of length 1; a zero row stays zero and passes no gradient, of first or second order."""
    squared_length = x.square().sum(-1, keepdim=True)
    return x * squared_length.masked_fill(squared_length == 0, math.inf).rsqrt()


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distance of each row of x to that of y; where they coincide, derivatives are 0."""
    squared = (x - y).square().sum(-1)
    coincide = squared == 0
    return squared.masked_fill(coincide, 1).sqrt().masked_fill(coincide, 0)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """`a @ b` in full precision: autocast would round logits of 1 / temperature to 8 bits."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b


def logits_to_others(
    z: Tensor, temperature: float | Tensor, *, anchors: Tensor | None = None, first: int = 0
) -> Tensor:
    """Cosine over temperature of unit rows with each other, -inf of a row with itself.

    The anchors are the rows z[first], z[first + 1], ..., all of z by default.
    """
    logits = matmul((z if anchors is None else anchors) / temperature, z.mT)  # (anchors, len(z))
    with torch.no_grad():  # exp(-inf) passes no gradient, so autograd need not record the mask
        logits.diagonal(first).fill_(-math.inf)
    return logits
