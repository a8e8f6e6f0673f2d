"""Where and from which seed to compute."""

from __future__ import annotations

import os
import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Start the global random streams of Python, NumPy and torch at `seed`, an integer in 0 ...
    2**32 - 1.
    """
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer in 0 ... 2**32 - 1, got {seed!r}")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def pick_device(prefer: str | None = None) -> torch.device:
    """MLTEACH_DEVICE where it is set, else `prefer`, else the fastest device; ValueError where it
    is not there.
    """
    cuda = (
        ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        if torch.cuda.is_available()
        else []
    )
    there = cuda + (["mps"] if torch.backends.mps.is_available() else []) + ["cpu"]
    forced = os.environ.get("MLTEACH_DEVICE")
    name = forced or prefer or there[0]
    if name not in there:
        raise ValueError(
            f"{'MLTEACH_DEVICE' if forced else 'prefer'} is {name!r}, but there is only {there}"
        )
    return torch.device(name)
