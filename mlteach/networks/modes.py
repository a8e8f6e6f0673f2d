"""Training or evaluation mode for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from mlteach import _validate


@contextmanager
def in_mode(network: nn.Module, *, training: bool) -> Iterator[None]:
    """The whole network in one mode; afterwards each of its parts is back in the mode it was in.

    `network.train(before)` would not do: it puts all parts into one mode, and a part that its owner
    keeps in evaluation mode, such as a target network, would begin to move its statistics.

    Args:
        network: any module.
        training: True for training mode, False for evaluation mode.

    Raises:
        TypeError: network is no module, or training is not a bool.
    """
    _validate.module("network", network)
    training = _validate.flag("training", training)
    before = [(part, part.training) for part in network.modules()]
    network.train(training)
    try:
        yield
    finally:
        for part, was_training in before:
            part.training = was_training
