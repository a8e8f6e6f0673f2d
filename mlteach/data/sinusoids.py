"""Sine waves of random amplitude and phase: the regression tasks of MAML."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.data.cache import on_cpu

MOST = 1e12  # end of a range: far beyond use, and no difference of two overflows


class Sinusoids(NamedTuple):
    """T regression tasks of N points each."""

    x: Tensor  # (T, N, 1)
    y: Tensor  # (T, N, 1)
    amplitude: Tensor  # (T,)
    phase: Tensor  # (T,)


@on_cpu
def sinusoids(
    n_tasks: int,
    n_points: int,
    *,
    generator: torch.Generator | None,
    amplitude: tuple[float, float] = (0.1, 5.0),
    phase: tuple[float, float] = (0.0, math.pi),
    x_range: tuple[float, float] = (-5.0, 5.0),
) -> Sinusoids:
    r"""Draws regression tasks that differ in amplitude and phase only: few points tell a task.

    .. math:: y = A \sin(x - \varphi)

    Args:
        n_tasks: T >= 1.
        n_points: N >= 1 points of each task.
        generator: source of all randomness, None for torch's global one; the same state gives the
            same tasks on every machine.
        amplitude: (low, high) of A, uniform.
        phase: (low, high) of the phase, uniform.
        x_range: (low, high) of x, uniform.

    Returns:
        x and y (T, N, 1), amplitude and phase (T,), float32; y is 0 where x equals the phase, and
        |y| <= amplitude.

    Raises:
        TypeError: n_tasks or n_points is no whole number, or generator is no torch.Generator.
        ValueError: n_tasks or n_points is below 1, or a range is not low <= high with
            ends within a million million.

    Source: Finn, Abbeel, Levine 2017, arXiv:1703.03400, section 5.1; the phase's sign as in the
        authors' code.
    """
    n_tasks, n_points = _validate.count("n_tasks", n_tasks), _validate.count("n_points", n_points)
    _validate.generator("generator", generator)
    allowed = {"above": -MOST, "at_most": MOST}
    amplitude = _validate.interval("amplitude", amplitude, **allowed)
    phase = _validate.interval("phase", phase, **allowed)
    x_range = _validate.interval("x_range", x_range, **allowed)

    def uniform(limits: tuple[float, float], *shape: int) -> Tensor:
        # float64 until the end: rounding then hides the last bits, in which machines differ
        low, high = limits
        return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

    heights = uniform(amplitude, n_tasks, 1, 1)
    shifts = uniform(phase, n_tasks, 1, 1)
    x = uniform(x_range, n_tasks, n_points, 1)
    y = heights * torch.sin(x - shifts)
    return Sinusoids(x.float(), y.float(), heights.flatten().float(), shifts.flatten().float())
