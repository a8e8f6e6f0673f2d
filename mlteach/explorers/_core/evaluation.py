"""A learner's networks while an explorer asks them: in evaluation mode, then as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from mlteach.networks import in_mode


@contextmanager
def evaluated(*functions: Callable) -> Iterator[None]:
    """Networks among functions, and those whose methods they are; and without gradients."""
    with in_mode(nn.ModuleList(_networks(functions)), training=False), torch.no_grad():
        yield


def _networks(functions: tuple[Callable, ...]) -> Iterator[nn.Module]:
    for function in functions:
        while isinstance(function, partial):
            function = function.func
        owner = getattr(function, "__self__", function)
        if isinstance(owner, nn.Module):
            yield owner
