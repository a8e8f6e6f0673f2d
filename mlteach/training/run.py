"""What a training run has done so far, and the copies that let it be stopped anywhere and go on
exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.optim import Optimizer


@dataclass
class Run:
    """What `fit` has done, and all that `fit(..., resume=run)` needs to go on. `step` counts
    updates made.
    """

    steps: int  # updates wanted
    step: int = 0  # updates made
    stopped: str = ""  # why fit returned: "finished", "callback", "interrupted" or "diverged"
    best_score: float = -math.inf
    best_state: dict[str, Tensor] | None = field(default=None, repr=False)
    # "step", "loss", "lr" have an entry for every update, "score_step", "score" one for every
    # evaluation
    history: dict[str, list[float]] = field(
        default_factory=lambda: {
            name: [] for name in ("step", "loss", "lr", "score_step", "score")
        },
        repr=False,
    )
    # copy of all that the next step changes
    state: dict[str, Any] = field(default_factory=dict, repr=False)

    def record(self, **entries: float) -> None:
        """Append each entry to the list of its name in the history."""
        for name, value in entries.items():
            self.history[name].append(value)

    def restore_best(self, method: nn.Module) -> None:
        """Give `method` the weights that scored best."""
        if self.best_state is None:
            raise ValueError(
                "no best weights: fit was given no evaluate, or stopped before calling it"
            )
        method.load_state_dict(self.best_state)


class TrainingDiverged(RuntimeError):  # noqa: N818
    """The loss or a gradient is not finite; the update was refused, and `run` ends with the step
    before.
    """

    def __init__(self, what: str, run: Run, lr: float) -> None:
        super().__init__(
            f"{what} is not finite at step {run.step + 1} (lr {lr:g}). The method keeps its weights of step "
            f"{run.step}. Try a smaller lr, such as {lr / 10:g}, or a longer warmup; in the first steps look for "
            "nan or inf in the views, and for a log, a root or a division at 0 in the loss."
        )
        self.run = run


def copy_state(
    run: Run, method: nn.Module, optimizer: Optimizer, streams: list[Generator]
) -> dict[str, Any]:
    """Copy of everything that a step changes."""
    return {
        "run": {"step": run.step, "best_score": run.best_score, "best_state": run.best_state},
        "lengths": {name: len(values) for name, values in run.history.items()},
        "method": copied(method.state_dict()),
        "optimizer": {i: copied(moments) for i, moments in optimizer.state_dict()["state"].items()},
        "streams": [stream.get_state() for stream in streams],
    }


def put_back(run: Run, method: nn.Module, optimizer: Optimizer, streams: list[Generator]) -> None:
    """Undo whatever happened since `run.state` was copied."""
    vars(run).update(run.state["run"])
    for name, length in run.state["lengths"].items():
        del run.history[name][length:]
    method.load_state_dict(run.state["method"])
    # its settings stay
    optimizer.load_state_dict(optimizer.state_dict() | {"state": run.state["optimizer"]})
    # fewer after a move from GPU to CPU
    for stream, state in zip(streams, run.state["streams"], strict=False):
        stream.set_state(state)


def copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same dictionary with a copy of every tensor."""
    return {name: tensor.clone() for name, tensor in tensors.items()}


@contextmanager
def kept(streams: list[Generator]) -> Iterator[None]:
    """Put the random streams back as they were."""
    before = [stream.get_state() for stream in streams]
    try:
        yield
    finally:
        for stream, state in zip(streams, before, strict=True):
            stream.set_state(state)


@contextmanager
def own_streams(seed: int, device: torch.device) -> Iterator[list[Generator]]:
    """A generator of our own, then torch's global ones that a method on `device` draws from, given
    back unchanged.

    Ours starts at `seed`, the others at numbers drawn from it, so that no two run in parallel.
    """
    own, shared = Generator().manual_seed(seed), [torch.default_generator]
    if device.type == "cuda":
        shared.append(torch.cuda.default_generators[device.index])
    if device.type == "mps":
        shared.append(torch.mps._get_default_mps_generator())
    with kept(shared):
        for stream in shared:
            stream.manual_seed(int(torch.randint(2**62, (), generator=own)))
        yield [own, *shared]
