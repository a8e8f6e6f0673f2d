"""Sine waves of random amplitude and phase: the regression tasks of MAML."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Sinusoids(NamedTuple):
    """T regression tasks of N points each."""

    x: Tensor  # (T, N, 1)
    y: Tensor  # (T, N, 1)
    amplitude: Tensor  # (T,)
    phase: Tensor  # (T,)


def sinusoids(
    n_tasks: int,
    n_points: int,
    *,
    generator: torch.Generator,
    amplitude: tuple[float, float] = (0.1, 5.0),
    phase: tuple[float, float] = (0.0, math.pi),
    x_range: tuple[float, float] = (-5.0, 5.0),
) -> Sinusoids:
    r"""Draws regression tasks that differ in amplitude and phase only, so that one point tells much
    about a task.

    .. math:: y = A \sin(x - \varphi)

    Args:
        n_tasks: T >= 1.
        n_points: N >= 1 points of each task.
        generator: source of all randomness; the same state gives the same tasks on every machine.
        amplitude: (low, high) of A, uniform.
        phase: (low, high) of the phase, uniform.
        x_range: (low, high) of x, uniform.

    Returns:
        x and y (T, N, 1), amplitude and phase (T,), float32; y is 0 where x equals the phase, and
        |y| <= amplitude.

    Raises:
        ValueError: n_tasks or n_points is below 1, or a range is not low <= high.

    Source: Finn, Abbeel, Levine 2017, arXiv:1703.03400, section 5.1; the phase's sign as in the
        authors' code.
    """
    for name, count in {"n_tasks": n_tasks, "n_points": n_points}.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    for name, (low, high) in {"amplitude": amplitude, "phase": phase, "x_range": x_range}.items():
        if not low <= high:
            raise ValueError(f"{name} must be (low, high) with low <= high, got ({low}, {high})")

    def uniform(limits: tuple[float, float], *shape: int) -> Tensor:
        # float64 until the end: rounding then hides the last bits, in which machines differ
        low, high = limits
        return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

    heights = uniform(amplitude, n_tasks, 1, 1)
    shifts = uniform(phase, n_tasks, 1, 1)
    x = uniform(x_range, n_tasks, n_points, 1)
    y = heights * torch.sin(x - shifts)
    return Sinusoids(x.float(), y.float(), heights.flatten().float(), shifts.flatten().float())
