"""What several methods share: checks of what they are given, and the dictionary for figures."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach import _validate


def check_views(x1: Tensor, x2: Tensor, *, at_least: int = 1) -> None:
    """Two views of the same images: floating-point, of one shape (B, ...)."""
    _validate.floats("x1", x1)
    _validate.floats("x2", x2)
    if x1.shape != x2.shape or x1.dim() < 2 or len(x1) < at_least:
        allowed = f"(B >= {at_least}, ...)"
        given = f"{tuple(x1.shape)} and {tuple(x2.shape)}"
        raise ValueError(f"x1 and x2 must be two views {allowed} of one shape, got {given}")


def check_size(name: str, keys: Tensor, queue: Tensor) -> None:
    """A batch of keys fits into the queue."""
    if len(keys) > len(queue):
        raise ValueError(
            f"{name}: a batch of {len(keys)} keys does not fit into a queue of n_keys={len(queue)}"
        )


def check_width(name: str, given: Tensor, wanted: Tensor) -> None:
    """A network gives as many numbers as what they are compared with."""
    if given.shape[1] != wanted.shape[1]:
        raise ValueError(f"{name} must give (B, {wanted.shape[1]}), got {tuple(given.shape)}")


def left_by_loss(aux: Mapping[str, Tensor], name: str, *sizes: int | str) -> Tensor:
    """What `loss` has left in aux by this name, of this shape."""
    if not isinstance(aux, Mapping) or name not in aux:
        given = _validate.kind(aux)
        raise TypeError(f'aux must be what loss returned, with its "{name}", got {given}')
    return _validate.shaped(f'aux["{name}"]', _validate.floats(f'aux["{name}"]', aux[name]), *sizes)


def keys_of(aux: Mapping[str, Tensor], queue: Tensor) -> Tensor:
    """(B, P): the keys that `loss` has left in aux, in the type of the queue."""
    keys = left_by_loss(aux, "z2", "B", queue.shape[1])
    check_size("aux", keys, queue)
    return keys.to(queue)


def last_linear(projector: nn.Module) -> nn.Linear:
    """The layer whose outputs are what the projector gives."""
    linear = [layer for layer in projector.modules() if isinstance(layer, nn.Linear)]
    if not linear:
        raise ValueError("projector must contain a linear layer: its outputs give the width")
    return linear[-1]


def project(encoder: nn.Module, projector: nn.Module, x: Tensor) -> Tensor:
    """(B, ...) -> (B, P): what the projector makes of the encoder's representation."""
    h = _validate.outputs("encoder", encoder, x)  # (B, D)
    return _validate.outputs("projector", projector, h)  # (B, P)


def predicted(predictor: nn.Module | None, z: Tensor) -> Tensor:
    """(B, P): what the predictor says of the other view's projection; z where there is none."""
    if predictor is None:
        return z
    p = _validate.outputs("predictor", predictor, z)
    check_width("predictor", p, z)
    return p


def wide(x: Tensor) -> torch.dtype:
    """The type of x, float32 at least."""
    return torch.promote_types(x.dtype, torch.float32)


@torch.no_grad()
def pictured(**vectors: Tensor) -> dict[str, Tensor]:
    """The (B, P) vectors on the unit sphere by name, and "std", that of z1's coordinates.

    In float32 at least: the length of a short vector in 16 bits is 0.
    """
    on_sphere = {name: F.normalize(rows.to(wide(rows))) for name, rows in vectors.items()}
    return on_sphere | {"std": on_sphere["z1"].std(0, correction=0).mean()}
