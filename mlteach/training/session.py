"""Where and from which seed to compute."""

from __future__ import annotations

import os
import random

import numpy as np
import torch
from torch import Generator

from mlteach import _validate

SHIFT = 1_000_003  # more than any seed in a chapter: two values never repeat each other's draws


def shifted(seed: int) -> int:
    """`seed`, moved by the environment variable MLTEACH_SEED, a whole number >= 0; 0 by default.

    With another number, every random choice that a chapter makes is another one, and what it says
    must still be true: `python run.py claims` tries several. Data sets stay as they are.
    """
    text = os.environ.get("MLTEACH_SEED") or "0"
    if not text.isdecimal():
        raise ValueError(f"MLTEACH_SEED must be a whole number >= 0, got {text!r}")
    return seed + SHIFT * int(text)


def generator(seed: int = 0) -> Generator:
    """A generator on the CPU for a chapter's own draws; `seed` is shifted by MLTEACH_SEED.

    Args:
        seed: an integer in 0 ... 2**32 - 1.

    Raises:
        TypeError, ValueError: seed or MLTEACH_SEED is not as described.
    """
    return Generator().manual_seed(shifted(_validate.seed("seed", seed)))


def seed_everything(seed: int) -> None:
    """Start the global generators of Python, NumPy and torch at `seed`, shifted by MLTEACH_SEED.

    Args:
        seed: an integer in 0 ... 2**32 - 1.

    Raises:
        TypeError, ValueError: seed or MLTEACH_SEED is not as described.
    """
    seed = _validate.seed("seed", seed)
    random.seed(shifted(seed))
    np.random.seed(shifted(seed) % 2**32)
    torch.manual_seed(shifted(seed))


def pick_device(prefer: str | None = None) -> torch.device:
    """MLTEACH_DEVICE where it is set, else `prefer`, else the fastest device.

    Raises:
        ValueError: the device is not there.
    """
    cuda = (
        ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        if torch.cuda.is_available()
        else []
    )
    there = cuda + (["mps"] if torch.backends.mps.is_available() else []) + ["cpu"]
    forced = os.environ.get("MLTEACH_DEVICE")
    name = forced or (there[0] if prefer is None else prefer)
    if name not in there:
        raise ValueError(
            f"{'MLTEACH_DEVICE' if forced else 'prefer'} is {name!r}, but there is only {there}"
        )
    return torch.device(name)
