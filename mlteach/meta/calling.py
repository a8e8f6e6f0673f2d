"""A network computes with other weights than its own, and afterwards is exactly as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import disable_saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrize

from mlteach import _validate
from mlteach.networks import AverageAndMaxPool

Call = Callable[..., Any]

# what PyTorch can differentiate once only, beside the nodes that it calls "NotImplemented"
ONCE = ("CdistBackwardBackward", "EmbeddingBagBackwardBackward", "CudnnRnnBackwardBackward")

CHECKPOINTED = (
    "gradient checkpointing and other hooks on saved tensors would compute again with the model's "
    "own weights: switch them off"
)

# layers whose second derivative PyTorch has, whatever the kernel
SIMPLE = (
    *(nn.Sequential, nn.Flatten, nn.Identity, nn.Linear, nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm),
    *(nn.ReLU, nn.Tanh, nn.LayerNorm, nn.MaxPool2d, AverageAndMaxPool),
)


@contextmanager
def untouched(model: nn.Module) -> Iterator[Call]:
    """Gives a function (weights, x) -> prediction, and leaves no trace in the network.

    The weights have the names of ``model.named_parameters()``; those that are missing are the
    network's own. Weights, buffers and x are handed over as copies, so that a layer that writes
    into them (an activation in place, an embedding with max_norm) writes into nobody's tensors.
    Each place of a weight is filled once, also where a layer has two names or two layers share a
    weight.

    Raises:
        ValueError: by the function, where the network cannot compute x, or where what it computes
            next depends on what it has computed before: it changes its buffers.
    """
    own: dict[str, Tensor] = {}
    names: dict[int, str] = {}  # of each weight the first, as in named_parameters
    places = []  # of weights
    kept = []  # places of buffers (with True), and of tensors that are mere attributes
    before = []
    for path, part in model.named_modules():  # each once, whatever its names
        before.append((part, dict(vars(part)), dict(part._parameters), dict(part._buffers)))
        for local, p in part._parameters.items():
            if p is not None:
                name = names.setdefault(id(p), _join(path, local))
                own[name] = p
                places.append((part._parameters, local, name))
        for holder, is_buffer in ((part._buffers, True), (vars(part), False)):
            kept += [
                (holder, local, _join(path, local), is_buffer)
                for local, value in holder.items()
                if isinstance(value, Tensor) and not value.requires_grad
            ]

    def call(weights: Mapping[str, Tensor], x: Tensor, *, twice: bool = False) -> Any:
        copies = {name: weights.get(name, p).clone() for name, p in own.items()}
        attended = sdpa_kernel(SDPBackend.MATH) if twice else nullcontext()
        recorded = torch.is_grad_enabled()
        kept_back = disable_saved_tensors_hooks(CHECKPOINTED) if recorded else nullcontext()
        try:
            for holder, local, name in places:
                holder[local] = copies[name]
            with attended, kept_back:
                prediction = model(x.clone())
        except torch.cuda.OutOfMemoryError:
            raise
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            given = f"shape {tuple(x.shape)} and {str(x.dtype).removeprefix('torch.')}"
            raise ValueError(f"model cannot compute an x of {given}: {error}") from error
        finally:
            for holder, local, name in places:
                holder[local] = own[name]
        for (holder, local, name, is_buffer), copy in zip(kept, copies_kept, strict=True):
            # a mere attribute may be replaced: the last output, for whoever wants to see it
            if copy._version or (is_buffer and holder.get(local) is not copy):
                raise ValueError(
                    f"model changes its own {name} while it computes, and adapting must leave it "
                    "as it is: call model.eval(), or leave out the layer that does so"
                )
        return prediction

    recording = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.set_grad_enabled(recording):
        copies_kept = [holder[local].clone() for holder, local, *_ in kept]
        try:
            for (holder, local, *_), copy in zip(kept, copies_kept, strict=True):
                holder[local] = copy
            yield call
        finally:
            for part, attributes, parameters, buffers in before:
                vars(part).clear()
                vars(part).update(attributes)
                for mine, own_ones in ((part._parameters, parameters), (part._buffers, buffers)):
                    mine.clear()
                    mine.update(own_ones)


def _join(path: str, local: str) -> str:
    return f"{path}.{local}" if path else local


def is_simple(model: nn.Module) -> bool:
    """Whether all of its layers are simple ones."""
    return all(type(part) in SIMPLE for part in model.modules())


def check_recorded(loss: Tensor) -> None:
    """Refuses what leaves weights out of the graph without a word: their gradient would be 0."""
    if any(name.startswith("CheckpointFunction") for name in _nodes([loss])):
        raise ValueError(
            f"model cannot be differentiated with respect to its weights: {CHECKPOINTED}"
        )


def check_twice_differentiable(gradients: Sequence[Tensor]) -> None:
    """Says at once what PyTorch would say in the outer backward pass, with the way out."""
    for name in _nodes(gradients):
        if "NotImplemented" in name or name.startswith(ONCE):
            raise ValueError(
                "model or loss_fn computes something whose second derivative PyTorch does not have "
                f"({name}): first_order=True does without it"
            )


def _nodes(tensors: Sequence[Tensor]) -> Iterator[str]:
    """The names of all that was recorded on the way to these tensors."""
    todo, seen = [x.grad_fn for x in tensors], set()
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo += [following for following, _ in node.next_functions]
            yield node.name()


def check_network(model: nn.Module) -> nn.Module:
    """Refuses a network without weights yet, or with running statistics in training mode."""
    _validate.module("model", model)
    if next(model.parameters(), None) is None:
        raise ValueError("model must have parameters, got a network without any")
    if parametrize._cache_enabled:
        raise ValueError("model must compute its weights anew: leave torch's parametrize.cached()")
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise TypeError(f"model must be written in Python, {name or 'it'} is a ScriptModule")
        for local, p in module._parameters.items():
            if nn.parameter.is_lazy(p):
                raise ValueError(
                    f"model: {_join(name, local)} has no values yet: call model on an example first"
                )
        if module.training and module._buffers.get("running_mean") is not None:
            raise ValueError(
                f"model: {name or 'it'} keeps running statistics, which adapting would change: "
                "build it with track_running_stats=False "
                '(conv_encoder(norm="batch_no_stats")) or GroupNorm (norm="group")'
            )
    return model
