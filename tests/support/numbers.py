"""Random numbers that are the same at every call, and what a loss must equal."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=dtype)


def normal32(*shape: int, seed: int = 0) -> Tensor:
    return normal(*shape, seed=seed, dtype=torch.float32)


def assert_equal(loss: Tensor, number: float, *, tolerance: float = 1e-10) -> None:
    """A loss equals a number of the naive loop."""
    expected = torch.tensor(number, dtype=torch.float64)
    torch.testing.assert_close(loss, expected, rtol=tolerance, atol=tolerance)
