"""What several losses share: their input checks, unit vectors, and the logits of a batch against
itself.
"""

from __future__ import annotations

import functools
import math
from numbers import Real

import torch
from torch import Tensor


def floats(**tensors: Tensor) -> list[Tensor]:
    """The tensors in their widest common floating-point type, float32 at least."""
    for name, x in tensors.items():
        if not isinstance(x, Tensor) or not x.is_floating_point():
            kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"{name} must be a floating-point tensor, got {kind}")
    dtype = functools.reduce(
        torch.promote_types, [x.dtype for x in tensors.values()], torch.float32
    )
    return [x.to(dtype) for x in tensors.values()]


def matching_rows(*, at_least: int = 1, **tensors: Tensor) -> list[Tensor]:
    """`floats` of matrices that must agree in shape and have enough rows."""
    matrices = floats(**tensors)
    shapes = {tuple(x.shape) for x in matrices}
    first = matrices[0]
    if len(shapes) > 1 or first.dim() != 2 or first.shape[0] < at_least or first.shape[1] < 1:
        given = ", ".join(f"{name} {tuple(x.shape)}" for name, x in tensors.items())
        raise ValueError(
            f"expected matrices of one shape with at least {at_least} row(s) and 1 column, got {given}"
        )
    return matrices


def check_number(
    name: str, value: float | Tensor, *, above: float = -math.inf, at_least: float = -math.inf
) -> None:
    """Raise unless the value is one finite number in its range."""
    if not isinstance(value, Real | Tensor):
        raise TypeError(f"{name} must be a number or a 0-d tensor, got {type(value).__name__}")
    if isinstance(value, Tensor) and value.dim() != 0:
        raise ValueError(
            f"{name} must be a number or a 0-d tensor, got a tensor of shape {tuple(value.shape)}"
        )
    if not (above < value < math.inf and value >= at_least):
        bound = f"> {above}" if above > at_least else f">= {at_least}"
        raise ValueError(f"{name} must be finite and {bound}, got {value}")


def unit(x: Tensor) -> Tensor:
    """Rows of length 1; a zero row stays zero and passes no gradient, of first or second order."""
    squared_length = x.square().sum(-1, keepdim=True)
    return x * squared_length.masked_fill(squared_length == 0, math.inf).rsqrt()


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distance of each row of x to that of y; where they coincide, 0 with derivatives of
    0.
    """
    squared = (x - y).square().sum(-1)
    coincide = squared == 0
    return squared.masked_fill(coincide, 1).sqrt().masked_fill(coincide, 0)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """`a @ b` in the precision of its inputs: autocast would round logits of 1 / temperature to 8
    bits.
    """
    with torch.autocast(a.device.type, enabled=False):
        return a @ b


def logits_to_others(rows: Tensor, first: int, z: Tensor, temperature: float | Tensor) -> Tensor:
    """Cosine over temperature of the unit rows z[first], z[first + 1], ... with all of z; -inf of a
    row with itself.
    """
    logits = matmul(rows / temperature, z.mT)  # (len(rows), len(z))
    with torch.no_grad():  # exp(-inf) passes no gradient, so autograd need not record the mask
        logits.diagonal(first).fill_(-math.inf)
    return logits
