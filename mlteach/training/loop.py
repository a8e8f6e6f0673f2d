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

from mlteach import _validate
from mlteach._kernel import ProgressBar, skip_waiting_cells
from mlteach.networks import in_mode
from mlteach.training.run import (
    ForwardState,
    Run,
    TrainingDiverged,
    check_fits,
    copied,
    copy_forward_state,
    copy_state,
    held_interrupts,
    kept,
    own_generators,
    put_back,
    put_forward_back,
)
from mlteach.training.session import shifted

HALF_TRAINED = (
    "What follows in this cell has a half-trained network: run the cell again.\n"
    "Cells that waited are not run."
)

Draw = Callable[[Generator], tuple[Tensor, ...]]


def warmup_cosine(step: int, *, lr: float, steps: int, warmup: float = 0.1) -> float:
    """Learning rate after `step` updates: rises evenly over warmup * steps, then falls to 0.

    The fall is half a cosine, from lr at its beginning; from `steps` on the rate stays 0.

    Raises:
        TypeError, ValueError: step is no whole number >= 0, steps none >= 1, lr < 0, or warmup is
            outside [0, 1].
    """
    step = _validate.count("step", step, at_least=0)
    steps = _validate.count("steps", steps)
    lr = float(_validate.number("lr", lr, at_least=0))
    warmup = float(_validate.number("warmup", warmup, at_least=0, at_most=1))
    rising = warmup * steps
    if step >= steps:
        return 0.0
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
    state as it found it. Stopping and continuing changes no bit of the result: an interrupt waits
    for the end of the step at hand. A step that must be broken off (a second interrupt, or a
    KeyboardInterrupt of draw, loss or evaluate) is undone, and made again on resume; one that ends
    in `callback` counts as made. All threads share torch's global random state: runs side by side
    repeat exactly only if they draw from their own generator.

    Args:
        method: has loss(*views) -> (loss, aux) and, where it has a target or a queue to move,
            after_step(aux).
        draw: is given fit's own generator (on the CPU) and returns the tuple of views of one step.
        steps: updates in all, those of `resume` included.
        lr: peak of `warmup_cosine`, or a function step -> lr, asked before every step: a slider
            acts on the next one.
        weight_decay: >= 0, AdamW's.
        warmup: in [0, 1], the fraction of the steps over which a float lr rises.
        seed: starts all generators of the run; on resume they go on where they stopped.
        evaluate: method -> score, higher is better; called in eval mode under no_grad every
            `evaluate_every` steps and after the last. Neither it nor `callback` changes the
            training by drawing random numbers.
        callback: called with (step, loss, aux) after every step; a true result stops the run.
        resume: an earlier run to go on with; it is not changed, and its last weights are loaded
            into `method`.
        progress: show a progress bar.
        threads: processor threads to compute with, None for torch's choice. Small networks are as
            fast with one, and several wait for each other many times a step: beside other busy
            programs they took ten times as long. One thread also gives the same numbers on
            machines with more or fewer cores.

    Returns:
        The run, with its history and its best weights; `method` has the weights of the last step.

    Raises:
        TrainingDiverged: the loss or a gradient is not finite; the method is still as it was
            before that step.
        TypeError, ValueError: an argument is not as described, or `resume` has nothing left to do.
    """
    parameters = _checked_parameters(method, steps, lr, warmup, evaluate_every, resume, threads)
    _check_functions(draw, evaluate, callback)
    progress = _validate.flag("progress", progress)
    weight_decay = float(_validate.number("weight_decay", weight_decay, at_least=0))
    lr_at = lr if callable(lr) else partial(warmup_cosine, lr=lr, steps=steps, warmup=warmup)
    optimizer = torch.optim.AdamW(parameters, weight_decay=weight_decay, fused=True)
    run = Run(steps) if resume is None else replace(copy.deepcopy(resume), steps=steps, stopped="")
    bar = ProgressBar(total=steps, initial=run.step, leave=False, disable=not progress)
    with (
        bar,
        torch.enable_grad(),
        _threads(threads),
        in_mode(method, training=True),
        own_generators(shifted(_validate.seed("seed", seed)), parameters[0].device) as generators,
        held_interrupts() as noted,
    ):
        changing = run, method, optimizer, generators
        if resume is not None:
            put_back(*changing)
        run.state = copy_state(*changing)
        before: ForwardState | None = copy_forward_state(method, generators)
        try:
            while run.step < steps and not run.stopped:
                due = (run.step + 1) % evaluate_every == 0 or run.step + 1 == steps
                if evaluate is not None and due:  # long enough to be broken off: then step back
                    run.state = copy_state(*changing)
                step_lr = _validate.number(f"lr at step {run.step}", lr_at(run.step), at_least=0)
                loss, aux = _gradients(run, method, optimizer, generators, draw, step_lr)
                before = None  # from here on weights, moments and target move
                noted.unbreakable = True
                _update(run, method, optimizer, loss, aux, step_lr)
                noted.unbreakable = False
                if evaluate is not None and due:
                    _score(run, method, generators, evaluate)
                    run.state = copy_state(*changing)
                before = copy_forward_state(method, generators)
                if callback is not None:
                    with kept(generators):
                        run.stopped = "callback" if callback(run.step, loss, aux) else ""
                bar.update()
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                if noted.count and run.step < steps:
                    raise KeyboardInterrupt
            run.state = copy_state(*changing)
            run.stopped = run.stopped or "finished"
        except (KeyboardInterrupt, TrainingDiverged) as error:
            noted.unbreakable = True  # putting back is short, and half of it would be worse
            if before is None:
                put_back(*changing)
            else:
                put_forward_back(method, generators, before)
            run.state = copy_state(*changing)
            if isinstance(error, TrainingDiverged):
                run.stopped = "diverged"
                raise
            run.stopped = "interrupted"
            skipped = HALF_TRAINED if skip_waiting_cells() else ""
            if progress:
                goes_on = f"fit(..., steps={steps}, resume=run) goes on."
                # on lines of its own: JupyterLab breaks a long one in the middle of a word
                told = f"Interrupted after step {run.step} of {steps}; {goes_on}\n{skipped}"
                bar.write(told.strip())
    return run


def _gradients(
    run: Run,
    method: nn.Module,
    optimizer: Optimizer,
    generators: list[Generator],
    draw: Draw,
    lr: float,
) -> tuple[float, Any]:
    """The first half of a step: views, loss and gradients, refused unless all is finite."""
    loss, aux = _checked_loss(method, draw(generators[0]))
    if not loss.isfinite():
        raise TrainingDiverged(f"The loss ({loss.item()})", run, lr)
    optimizer.zero_grad()
    loss.backward()
    parameters = optimizer.param_groups[0]["params"]
    gradients = [p.grad.flatten() for p in parameters if p.grad is not None]
    if not torch.cat(gradients).isfinite().all():
        raise TrainingDiverged("A gradient", run, lr)
    return loss.item(), aux


def _update(
    run: Run, method: nn.Module, optimizer: Optimizer, loss: float, aux: Any, lr: float
) -> None:
    """The second half: the weights, then the target or queue."""
    optimizer.param_groups[0]["lr"] = float(lr)
    optimizer.step()
    after_step: Any = getattr(method, "after_step", None)
    if after_step is not None:
        with torch.no_grad():
            after_step(aux)
    run.step += 1
    run.record(step=run.step, loss=loss, lr=float(lr))


def _score(
    run: Run, method: nn.Module, generators: list[Generator], evaluate: Callable[[nn.Module], float]
) -> None:
    """Evaluate, and copy the weights if they are the best so far."""
    with in_mode(method, training=False), torch.no_grad(), kept(generators):
        given = evaluate(method)
    score = float(_validate.number(f"evaluate's score at step {run.step}", given))
    run.record(score_step=run.step, score=score)
    if score > run.best_score:
        run.best_score, run.best_state = score, copied(method.state_dict())


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
        given = _validate.kind(method)
        raise TypeError(f"method must be an nn.Module with loss(*views), got {given}")
    _validate.count("steps", steps)
    _validate.count("evaluate_every", evaluate_every)
    if not callable(lr):
        if not isinstance(lr, Real | Tensor):
            given = _validate.kind(lr)
            raise TypeError(f"lr must be a number or a function step -> lr, got {given}")
        _validate.number("lr", lr, at_least=0)
    _validate.number("warmup", warmup, at_least=0, at_most=1)
    if threads is not None:
        _validate.count("threads", threads)
    if resume is not None and not isinstance(resume, Run):
        given = _validate.kind(resume)
        raise TypeError(f"resume must be the Run that an earlier fit returned, got {given}")
    if resume is not None and steps <= resume.step:
        raise ValueError(
            f"steps counts the whole run: {resume.step} are made, "
            f"so steps={steps} leaves nothing to do"
        )
    parameters = [p for p in method.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("method has no parameter that requires a gradient: nothing to train")
    if resume is not None:
        _check_resume(resume, method, parameters)
    return parameters


def _check_resume(resume: Run, method: nn.Module, parameters: list[nn.Parameter]) -> None:
    """The run trained this method, with the same parts of it frozen."""
    if not resume.state:
        raise ValueError("resume must be the Run that an earlier fit returned, got one never begun")
    check_fits("resume", method, resume.state["method"])
    for i, moments in resume.state["optimizer"].items():
        if i >= len(parameters) or moments["exp_avg"].shape != parameters[i].shape:
            raise ValueError("resume trained other parameters: requires_grad is not as it was then")


def _check_functions(draw: object, evaluate: object, callback: object) -> None:
    """What fit is to call takes what fit hands over."""
    _validate.function("draw", draw, what="a function of (generator)", takes=1)
    if evaluate is not None:
        _validate.function("evaluate", evaluate, what="a function of (method) or None", takes=1)
    if callback is not None:
        what = "a function of (step, loss, aux) or None"
        _validate.function("callback", callback, what=what, takes=3)


def _checked_loss(method: nn.Module, views: object) -> tuple[Tensor, Any]:
    """The loss of the views, once both keep to the contract."""
    if not isinstance(views, tuple):
        raise TypeError(f"draw must return a tuple of tensors, got {_validate.kind(views)}")
    if not views or not all(isinstance(view, Tensor) for view in views):
        given = tuple(type(view).__name__ for view in views)
        raise TypeError(f"draw must return a tuple of tensors, one a view, got {given}")
    method_loss: Any = method.loss
    result = method_loss(*views)
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"method.loss must return (loss, aux), got {_validate.kind(result)}")
    loss = result[0]
    if not isinstance(loss, Tensor) or loss.ndim != 0 or not loss.requires_grad:
        raise TypeError(
            "method.loss must return as its loss a () tensor that depends on the parameters, "
            f"got {loss}"
        )
    return result
