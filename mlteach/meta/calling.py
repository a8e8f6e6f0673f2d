"""A network computes with other weights than its own, and afterwards is exactly as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from mlteach import _validate

Call = Callable[..., Any]

# what PyTorch can differentiate once only, beside the nodes that it calls "NotImplemented"
ONCE = ("CdistBackwardBackward", "EmbeddingBagBackwardBackward", "CudnnRnnBackwardBackward")


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
    own = dict(model.named_parameters())
    name_of = {id(p): name for name, p in own.items()}
    parts = dict(model.named_modules())
    places = {
        _join(path, local): name_of[id(p)]
        for path, part in parts.items()
        for local, p in part._parameters.items()
        if p is not None
    }
    before = [
        (part, dict(vars(part)), dict(part._parameters), dict(part._buffers))
        for part in parts.values()
    ]

    def call(weights: Mapping[str, Tensor], x: Tensor, *, twice: bool = False) -> Any:
        copies = {name: weights.get(name, p).clone() for name, p in own.items()}
        tensors = {place: copies[name] for place, name in places.items()} | buffers
        try:
            with sdpa_kernel(SDPBackend.MATH) if twice else nullcontext():
                prediction = functional_call(model, tensors, (x.clone(),), tie_weights=False)
        except torch.cuda.OutOfMemoryError:
            raise
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            given = f"shape {tuple(x.shape)} and {str(x.dtype).removeprefix('torch.')}"
            raise ValueError(f"model cannot compute an x of {given}: {error}") from error
        _check_kept(buffers, tensors)
        _check_kept(plain, plain)
        return prediction

    recording = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.set_grad_enabled(recording):
        buffers = {
            _join(path, local): buffer.detach().clone()
            for path, part in parts.items()
            for local, buffer in part._buffers.items()
            if buffer is not None
        }
        plain = {}  # tensors that are kept as mere attributes
        for path, part in parts.items():
            for local, value in list(vars(part).items()):
                if isinstance(value, Tensor) and not value.requires_grad:
                    plain[_join(path, local)] = vars(part)[local] = value.clone()
        try:
            yield call
        finally:
            for part, attributes, parameters, own_buffers in before:
                vars(part).clear()
                vars(part).update(attributes)
                part._parameters.update(parameters)
                part._buffers.update(own_buffers)


def _join(path: str, local: str) -> str:
    return f"{path}.{local}" if path else local


def _check_kept(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> None:
    """A buffer that changes would make each task depend on the task before it."""
    for name, old in before.items():
        if old._version or after[name] is not old:
            raise ValueError(
                f"model changes its own {name} while it computes, and adapting must leave it as it "
                "is: call model.eval(), or leave out the layer that does so"
            )


def check_twice_differentiable(gradients: tuple[Tensor, ...]) -> None:
    """Says at once what PyTorch would say in the outer backward pass, with the way out."""
    todo, seen = [g.grad_fn for g in gradients], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if "NotImplemented" in node.name() or node.name().startswith(ONCE):
            raise ValueError(
                "model has a layer whose second derivative PyTorch does not have "
                f"({node.name()}): first_order=True does without it"
            )
        todo += [following for following, _ in node.next_functions]


def check_network(model: nn.Module) -> nn.Module:
    """Refuses a network without weights yet, or with running statistics in training mode."""
    _validate.module("model", model)
    for name, p in model.named_parameters():
        if nn.parameter.is_lazy(p):
            raise ValueError(f"model: {name} has no values yet: call model on an example first")
    for name, module in model.named_modules():
        if module.training and getattr(module, "running_mean", None) is not None:
            raise ValueError(
                f"model: {name or 'it'} keeps running statistics, which adapting would change: "
                "build it with track_running_stats=False "
                '(conv_encoder(norm="batch_no_stats")) or GroupNorm (norm="group")'
            )
    return model
