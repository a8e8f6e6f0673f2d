"""What an inner loop is told, checked: which weights move at which rate, and by which loss."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from numbers import Real
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach import _validate

Rate = float | Tensor | Mapping[str, Tensor]
LossFunction = Callable[[Tensor, Tensor], Tensor]

USUAL = (F.cross_entropy, F.mse_loss)
GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def check_names(params: Mapping[str, Tensor], model: nn.Module) -> None:
    """Every name is one of the model's, and what it names has the shape of the model's own."""
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a dict of tensors, got {_validate.kind(params)}")
    if not params:
        raise ValueError("params must hold the weights to start from, got none")
    own = dict(model.named_parameters())
    for name, value in params.items():
        if name not in own:
            raise ValueError(
                f"params: {name!r} is no parameter of the model; they are {', '.join(own)}"
            )
        _validate.tensor(f"params[{name!r}]", value)
        if value.shape != own[name].shape or value.is_floating_point() < own[name].requires_grad:
            raise ValueError(
                f"params[{name!r}] must be floating-point of shape {tuple(own[name].shape)}, "
                f"got {_validate.kind(value)} of shape {tuple(value.shape)}"
            )


def check_task(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Support and targets of one task: as many of both, at least one, no NaN among them."""
    x, y = _validate.tensor("x", x), targets("y", y)
    if x.dim() == 0 or y.dim() == 0 or len(x) != len(y) or len(x) == 0:
        given = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise ValueError(f"x and y must be (N, ...) and (N, ...) with N >= 1, got {given}")
    _validate.finite("x", x)
    _validate.finite("y", y)
    return x, y


def targets(name: str, y: Any) -> Tensor:
    """Labels of any integer type as int64, and other targets as they are."""
    y = _validate.tensor(name, y)
    return y.long() if y.dtype in _validate.INTEGERS else y


def inner_rates(
    params: Mapping[str, Tensor], lr: Rate, frozen: tuple[str, ...]
) -> dict[str, float | Tensor]:
    """The learning rate of each weight that moves; nn.Parameters without a gradient do not."""
    if isinstance(frozen, str) or not isinstance(frozen, tuple | list):
        example = f"({frozen!r},)" if isinstance(frozen, str) else '("encoder.",)'
        given = "a text" if isinstance(frozen, str) else _validate.kind(frozen)
        raise TypeError(f"frozen must be a tuple of beginnings, such as {example}, got {given}")
    for beginning in frozen:
        if not isinstance(beginning, str) or not beginning:
            raise TypeError(f"frozen must hold beginnings of names, got {beginning!r}")
        if not any(name.startswith(beginning) for name in params):
            raise ValueError(
                f"frozen: {beginning!r} begins no parameter's name; they are {', '.join(params)}"
            )
    moving = [
        name
        for name, p in params.items()
        if not name.startswith(tuple(frozen))
        and (p.requires_grad or not isinstance(p, nn.Parameter))
    ]
    if not isinstance(lr, Mapping):
        rate = _rate("lr", lr)
        if isinstance(rate, Tensor) and rate.dim():
            raise ValueError(
                "lr must be a number, a tensor of shape (), or a dict of tensors, "
                f"got shape {tuple(rate.shape)}"
            )
        return dict.fromkeys(moving, rate)
    if missing := [name for name in moving if name not in lr]:
        raise ValueError(f"lr has no rate for {', '.join(missing)}")
    if unknown := [name for name in lr if name not in params]:
        raise ValueError(f"lr: {unknown[0]!r} is no parameter's name; they are {', '.join(params)}")
    rates = {name: _rate(f"lr[{name!r}]", rate) for name, rate in lr.items()}
    for name, rate in rates.items():
        if isinstance(rate, Tensor) and rate.shape not in ((), params[name].shape):
            allowed = f"() or {tuple(params[name].shape)}"
            raise ValueError(f"lr[{name!r}] must be of shape {allowed}, got {tuple(rate.shape)}")
    return {name: rates[name] for name in moving}


def _rate(name: str, rate: Any) -> float | Tensor:
    """A finite number >= 0, or a tensor of such; the outer loop may learn a negative one."""
    rate = torch.tensor(rate) if isinstance(rate, np.ndarray) else rate
    if isinstance(rate, Tensor) and rate.dtype != torch.bool and not rate.is_complex():
        # in Meta-SGD the sign is learned as well
        allowed = rate.isfinite() if rate.requires_grad else rate.isfinite() & (rate >= 0)
        if not _validate.holds(allowed.all()):
            raise ValueError(
                f"{name} must be finite and >= 0, got {_validate.shown(rate.tolist())}"
            )
        return rate
    if isinstance(rate, bool) or not isinstance(rate, Real | np.ndarray):
        raise TypeError(
            f"{name} must be a number, a tensor, or a dict of tensors, got {_validate.kind(rate)}"
        )
    return float(_validate.number(name, rate, at_least=0))


def check_loss(loss_fn: Any) -> LossFunction:
    """A function of a prediction and its target."""
    if loss_fn in USUAL:  # their many arguments take time to look at
        return loss_fn
    return _validate.function("loss_fn", loss_fn, what="a function of (prediction, y)", takes=2)


def loss_of(loss_fn: LossFunction, prediction: Any, y: Tensor) -> Tensor:
    """() what loss_fn says of one task.

    Raises:
        TypeError, ValueError: it cannot compare the two, or does not give one number that depends
            on the prediction.
    """
    try:
        loss = loss_fn(prediction, y.clone())  # which it may overwrite
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        given = " and ".join(
            str(tuple(part.shape)) if isinstance(part, Tensor) else _validate.kind(part)
            for part in (prediction, y)
        )
        raise ValueError(f"loss_fn cannot compare (prediction, y) of {given}: {error}") from error
    if not isinstance(loss, Tensor):
        raise TypeError(f"loss_fn must return a tensor of shape (), got {_validate.kind(loss)}")
    if loss.shape != ():
        raise ValueError(
            f"loss_fn must return one number, a mean over the examples, got shape "
            f"{tuple(loss.shape)}"
        )
    if not loss.is_floating_point():
        raise TypeError(f"loss_fn must return a floating-point number, got {_validate.kind(loss)}")
    return loss


def draws_of_its_own(loss_fn: Any, depth: int = 3) -> bool:
    """Whether loss_fn holds a generator: what it draws then depends on the order of its calls.

    It is looked for in a function's closure, defaults and globals, in the arguments of a partial,
    and in the attributes of an object.
    """
    if isinstance(loss_fn, GENERATORS):
        return True
    if depth == 0 or loss_fn in USUAL or isinstance(loss_fn, type | ModuleType | Tensor):
        return False
    held: list[Any] = []
    if isinstance(loss_fn, FunctionType):
        for cell in loss_fn.__closure__ or ():
            with suppress(ValueError):  # an empty one
                held.append(cell.cell_contents)
        names = loss_fn.__code__.co_names
        held += [loss_fn.__globals__[name] for name in names if name in loss_fn.__globals__]
        held += [*(loss_fn.__defaults__ or ()), *(loss_fn.__kwdefaults__ or {}).values()]
    elif isinstance(loss_fn, partial):
        held = [loss_fn.func, *loss_fn.args, *loss_fn.keywords.values()]
    elif isinstance(loss_fn, dict):
        held = list(loss_fn.values())
    elif isinstance(loss_fn, list | tuple):
        held = list(loss_fn)
    elif isinstance(loss_fn, MethodType):
        held = [loss_fn.__self__, loss_fn.__func__]
    elif hasattr(loss_fn, "__dict__"):
        held = [*vars(loss_fn).values(), *vars(type(loss_fn)).values()]
    return any(draws_of_its_own(one, depth - 1) for one in held)


def losses_of(loss_fn: LossFunction, predictions: Tensor, y: Tensor) -> Tensor:
    """(T,) the losses of all tasks: in one call for the two usual ones, else task by task."""
    if loss_fn is F.mse_loss and predictions.shape == y.shape:
        return F.mse_loss(predictions, y, reduction="none").flatten(1).mean(1)
    is_usual = predictions.dim() == 3 and predictions.shape[:2] == y.shape
    if loss_fn is F.cross_entropy and is_usual and y.dtype == torch.long and y.min() >= 0:
        logits, labels = predictions.flatten(0, 1), y.flatten()
        return F.cross_entropy(logits, labels, reduction="none").view(y.shape).mean(1)
    return torch.stack([loss_of(loss_fn, *task) for task in zip(predictions, y, strict=True)])
