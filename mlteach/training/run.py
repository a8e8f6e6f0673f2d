"""What a run has done so far, and the copies that let it be stopped anywhere and go on exactly."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.optim import Optimizer


@dataclass
class Run:
    """What `fit` has done, and all that `fit(..., resume=run)` needs to go on.

    ``torch.save(run, file)`` keeps it for another day, and ``torch.load(file)`` gives it back once
    `mlteach.training` is imported.
    """

    steps: int  # updates wanted
    step: int = 0  # updates made
    stopped: str = ""  # why fit returned: "finished", "callback", "interrupted" or "diverged"
    best_score: float = -math.inf
    best_state: dict[str, Tensor] | None = field(default=None, repr=False)
    # "step", "loss", "lr": one entry an update; "score_step", "score": one an evaluation
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


torch.serialization.add_safe_globals([Run])  # torch.load refuses classes that it does not know


class TrainingDiverged(RuntimeError):  # noqa: N818
    """The loss or a gradient is not finite; the update was refused, `run` ends the step before."""

    def __init__(self, what: str, run: Run, lr: float) -> None:
        super().__init__(
            f"{what} is not finite at step {run.step + 1} (lr {lr:g}). "
            f"The method keeps its weights of step {run.step}. "
            f"Try a smaller lr, such as {lr / 10:g}, or a longer warmup; in the first steps look "
            "for nan or inf in the views, and for a log, a root or a division at 0 in the loss."
        )
        self.run = run


def copy_state(
    run: Run, method: nn.Module, optimizer: Optimizer, generators: list[Generator]
) -> dict[str, Any]:
    """Copy of all that the next step changes, and of how far the history had come."""
    return {
        "run": {"step": run.step, "best_score": run.best_score, "best_state": run.best_state},
        "lengths": {name: len(values) for name, values in run.history.items()},
        "method": copied(method.state_dict()),
        "optimizer": {i: copied(moments) for i, moments in optimizer.state_dict()["state"].items()},
        "generators": [generator.get_state() for generator in generators],
    }


def put_back(
    run: Run, method: nn.Module, optimizer: Optimizer, generators: list[Generator]
) -> None:
    """Undo whatever happened since `run.state` was copied."""
    vars(run).update(run.state["run"])
    for name, length in run.state["lengths"].items():
        del run.history[name][length:]
    method.load_state_dict(run.state["method"])
    # its settings stay
    optimizer.load_state_dict(optimizer.state_dict() | {"state": run.state["optimizer"]})
    # fewer after a move from GPU to CPU
    for generator, state in zip(generators, run.state["generators"], strict=False):
        generator.set_state(state)


ForwardState = tuple[list[Tensor], dict[str, Tensor]]


def copy_forward_state(method: nn.Module, generators: list[Generator]) -> ForwardState:
    """Copy of what drawing and the forward pass change: generators and BatchNorm's statistics."""
    states = [generator.get_state() for generator in generators]
    return states, copied(dict(method.named_buffers()))


def put_forward_back(method: nn.Module, generators: list[Generator], state: ForwardState) -> None:
    """Undo a drawing and a forward pass; the weights have not moved yet."""
    states, buffers = state
    for generator, before in zip(generators, states, strict=True):
        generator.set_state(before)
    for name, buffer in method.named_buffers():
        buffer.copy_(buffers[name])


@dataclass
class Interrupts:
    """How often Ctrl-C was pressed, and whether what runs now must not be broken off."""

    count: int = 0
    unbreakable: bool = False


@contextmanager
def held_interrupts() -> Iterator[Interrupts]:
    """Count an interrupt (Ctrl-C, or Jupyter's stop button) instead of raising it.

    A second one raises KeyboardInterrupt, in case a step never ends, but not while `unbreakable`.
    Only the main thread gets signals; a handler that somebody else has set is left alone.
    """
    noted = Interrupts()
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted
        return

    def note(number: int, frame: Any) -> None:
        noted.count += 1
        if noted.count > 1 and not noted.unbreakable:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same dictionary with a copy of every tensor."""
    return {name: tensor.clone() for name, tensor in tensors.items()}


@contextmanager
def kept(generators: list[Generator]) -> Iterator[None]:
    """Put the generators back as they were."""
    before = [generator.get_state() for generator in generators]
    try:
        yield
    finally:
        for generator, state in zip(generators, before, strict=True):
            generator.set_state(state)


@contextmanager
def own_generators(seed: int, device: torch.device) -> Iterator[list[Generator]]:
    """One of our own, then torch's global ones that a method on `device` draws from.

    Ours starts at `seed`, the others at numbers drawn from it, so that no two run in parallel.
    Afterwards the global ones are as before.
    """
    own, shared = Generator("cpu").manual_seed(seed), [torch.default_generator]
    if device.type == "cuda":
        shared.append(torch.cuda.default_generators[device.index])
    if device.type == "mps":
        shared.append(torch.mps._get_default_mps_generator())
    with kept(shared):
        for generator in shared:
            generator.manual_seed(int(torch.randint(2**62, (), generator=own, device="cpu")))
        yield [own, *shared]
