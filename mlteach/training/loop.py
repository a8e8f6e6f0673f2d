"""The loop: from the check of the arguments to the last step."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from numbers import Real
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.optim import Optimizer
from tqdm.auto import tqdm

from mlteach.training.run import (
    Run,
    TrainingDiverged,
    copied,
    copy_state,
    kept,
    own_streams,
    put_back,
)
from mlteach.training.session import shifted

Draw = Callable[[Generator], tuple[Tensor, ...]]


def warmup_cosine(step: int, *, lr: float, steps: int, warmup: float = 0.1) -> float:
    """Learning rate after `step` updates: rises evenly to lr over warmup * steps, then falls to 0
    as a cosine.
    """
    rising = warmup * steps
    if step < rising:
        return lr * (step + 1) / (rising + 1)
    return lr * (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2


def fit(
    method: nn.Module,
    draw: Draw,
    *,
    steps: int,
    lr: float | Callable[[int], float] = 4e-3,
    weight_decay: float = 1e-4,
    warmup: float = 0.1,
    seed: int = 0,
    evaluate: Callable[[nn.Module], float] | None = None,
    evaluate_every: int = 100,
    callback: Callable[[int, float, Any], object] | None = None,
    resume: Run | None = None,
    progress: bool = True,
    threads: int | None = 1,
) -> Run:
    """Train `method` in place with AdamW for a fixed number of steps, every method in the same way.

    The same seed gives the same run, whatever torch's global random state was, and fit leaves that
    state as it found it. An interrupted step is undone, and made again on resume: stopping and
    continuing changes no bit of the result. All threads share torch's global random state: runs
    side by side repeat exactly only if they draw from `generator`.

    Args:
        method: has loss(*views) -> (loss, aux) and, where it has a target or a queue to move,
            after_step(aux).
        draw: is given fit's own generator (on the CPU) and returns the tuple of views of one step.
        steps: updates in all, those of `resume` included.
        lr: peak of `warmup_cosine`, or a function step -> lr, asked before every step: a slider
            acts on the next one.
        weight_decay: >= 0, AdamW's.
        warmup: in [0, 1], the fraction of the steps over which a float lr rises.
        seed: starts all random streams of the run; on resume they go on where they stopped.
        evaluate: method -> score, higher is better; called in eval mode under no_grad every
            `evaluate_every` steps and after the last. Neither it nor `callback` changes the
            training by drawing random numbers.
        callback: called with (step, loss, aux) after every step; a true result stops the run.
        resume: an earlier run to go on with; it is not changed, and its last weights are loaded
            into `method`.
        progress: show a progress bar.
        threads: processor threads to compute with, None for torch's choice. Small networks are as
            fast with one, and several threads wait for each other many times a step: beside other
                busy programs, they took ten times as
            long. One thread also gives the same numbers on machines with more or fewer cores.

    Returns:
        The run, with its history and its best weights; `method` has the weights of the last step.

    Raises:
        TrainingDiverged: the loss or a gradient is not finite; the weights are still those before
            that step.
        TypeError, ValueError: an argument is not as described, or `resume` has nothing left to do.
    """
    parameters = _checked_parameters(method, steps, lr, warmup, evaluate_every, resume, threads)
    lr_at = lr if callable(lr) else partial(warmup_cosine, lr=lr, steps=steps, warmup=warmup)
    optimizer = torch.optim.AdamW(parameters, weight_decay=weight_decay, fused=True)
    run = Run(steps) if resume is None else replace(copy.deepcopy(resume), steps=steps, stopped="")
    bar = tqdm(total=steps, initial=run.step, leave=False, disable=not progress)
    with (
        bar,
        torch.enable_grad(),
        _threads(threads),
        _mode(method, training=True),
        own_streams(shifted(seed), parameters[0].device) as streams,
    ):
        changing = run, method, optimizer, streams
        if resume is not None:
            put_back(*changing)
        run.state = copy_state(*changing)
        try:
            while run.step < steps and not run.stopped:
                loss, aux = _update(*changing, draw, lr_at(run.step))
                if evaluate is not None and (run.step % evaluate_every == 0 or run.step == steps):
                    _score(run, method, streams, evaluate)
                if callback is not None:
                    with kept(streams):
                        run.stopped = "callback" if callback(run.step, loss, aux) else ""
                run.state = copy_state(*changing)
                bar.update()
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            run.stopped = run.stopped or "finished"
        except KeyboardInterrupt:
            put_back(*changing)
            run.stopped = "interrupted"
            if progress:
                bar.write(
                    f"Interrupted after step {run.step} of {steps}; fit(..., steps={steps}, resume=run) goes on."
                )
        except TrainingDiverged:
            put_back(*changing)
            run.stopped = "diverged"
            raise
    return run


def _update(
    run: Run,
    method: nn.Module,
    optimizer: Optimizer,
    streams: list[Generator],
    draw: Draw,
    lr: float,
) -> tuple[float, Any]:
    """One step: views, loss, gradients, weights, and last the target or queue; refused unless all
    is finite.
    """
    if not 0 <= lr < math.inf:
        raise ValueError(f"lr must be a finite number >= 0, got {lr} at step {run.step}")
    loss, aux = _checked_loss(method, draw(streams[0]))
    if not loss.isfinite():
        raise TrainingDiverged(f"The loss ({loss.item()})", run, lr)
    group = optimizer.param_groups[0]
    optimizer.zero_grad()
    loss.backward()
    if (
        not torch.cat([p.grad.flatten() for p in group["params"] if p.grad is not None])
        .isfinite()
        .all()
    ):
        raise TrainingDiverged("A gradient", run, lr)
    group["lr"] = float(lr)
    optimizer.step()
    if hasattr(method, "after_step"):
        with torch.no_grad():
            method.after_step(aux)
    run.step += 1
    run.record(step=run.step, loss=loss.item(), lr=float(lr))
    return loss.item(), aux


def _score(
    run: Run, method: nn.Module, streams: list[Generator], evaluate: Callable[[nn.Module], float]
) -> None:
    """Evaluate, and copy the weights if they are the best so far."""
    with _mode(method, training=False), torch.no_grad(), kept(streams):
        score = float(evaluate(method))
    if not math.isfinite(score):
        raise ValueError(f"evaluate must return a finite number, got {score} at step {run.step}")
    run.record(score_step=run.step, score=score)
    if score > run.best_score:
        run.best_score, run.best_state = score, copied(method.state_dict())


@contextmanager
def _mode(method: nn.Module, *, training: bool) -> Iterator[None]:
    """Training or evaluation mode; afterwards every part is back in the mode it was in."""
    before = [(module, module.training) for module in method.modules()]
    method.train(training)
    try:
        yield
    finally:
        for module, was_training in before:
            module.training = was_training


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads, or with as many as torch likes; afterwards as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _checked_parameters(
    method: nn.Module,
    steps: int,
    lr: object,
    warmup: float,
    evaluate_every: int,
    resume: Run | None,
    threads: int | None,
) -> list[nn.Parameter]:
    """The parameters to train, once the arguments of `fit` make sense."""
    if not isinstance(method, nn.Module) or not hasattr(method, "loss"):
        raise TypeError(
            f"method must be an nn.Module with loss(*views) -> (loss, aux), got {type(method).__name__}"
        )
    if (
        not isinstance(steps, int)
        or steps < 1
        or not isinstance(evaluate_every, int)
        or evaluate_every < 1
    ):
        raise ValueError(
            f"steps and evaluate_every must be positive integers, got {steps!r} and {evaluate_every!r}"
        )
    if not callable(lr) and not isinstance(lr, Real):
        raise TypeError(f"lr must be a number or a function step -> lr, got {type(lr).__name__}")
    if not 0 <= warmup <= 1:
        raise ValueError(f"warmup must be a fraction in [0, 1], got {warmup}")
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ValueError(f"threads must be a positive integer or None, got {threads!r}")
    if resume is not None and not isinstance(resume, Run):
        raise TypeError(
            f"resume must be the Run that an earlier fit returned, got {type(resume).__name__}"
        )
    if resume is not None and steps <= resume.step:
        raise ValueError(
            f"steps counts the whole run: {resume.step} are made, so steps={steps} leaves nothing to do"
        )
    parameters = [p for p in method.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError(
            "method has no parameter that requires a gradient: there is nothing to train"
        )
    return parameters


def _checked_loss(method: nn.Module, views: object) -> tuple[Tensor, Any]:
    """The loss of the views, once both keep to the contract."""
    if (
        not isinstance(views, tuple)
        or not views
        or not all(isinstance(view, Tensor) for view in views)
    ):
        given = (
            tuple(type(view).__name__ for view in views)
            if isinstance(views, tuple)
            else type(views).__name__
        )
        raise TypeError(f"draw must return a tuple of tensors, one a view, got {given}")
    result = method.loss(*views)
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"method.loss must return (loss, aux), got {type(result).__name__}")
    loss = result[0]
    if not isinstance(loss, Tensor) or loss.ndim != 0 or not loss.requires_grad:
        raise TypeError(
            f"method.loss must return as its loss a () tensor that depends on the parameters, got {loss}"
        )
    return result
