"""A network computes with other weights than its own, and afterwards is exactly as it was."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from itertools import pairwise
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import disable_saved_tensors_hooks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from mlteach import _validate
from mlteach.networks import AverageAndMaxPool

Call = Callable[..., Any]

CHANGES = (
    "while it computes, and adapting must leave it as it is: call model.eval(), or leave out the "
    "layer that does so"
)

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
    weight; a view of a weight that is kept as an attribute becomes the same view of its copy.
    Attributes are put back as they were, and so is what lists, dicts, sets, deques and NumPy's
    arrays among them hold. Objects of classes of your own are not looked into.

    Raises:
        ValueError: a weight's memory is also held where it cannot be replaced; or by the function,
            where the network cannot compute x, or where what it computes next depends on what it
            has computed before: it changes its buffers.
    """
    own: dict[str, Tensor] = {}
    names: dict[int, str] = {}  # of each weight the first, as in named_parameters
    places: list[tuple[Any, str, str]] = []  # of weights
    before: list[tuple[nn.Module, dict, Any, Any]] = []
    found = Holdings(model)
    for path, part in found.modules:  # each once, whatever its names
        before.append((part, dict(vars(part)), dict(part._parameters), dict(part._buffers)))
        for local, p in part._parameters.items():
            if p is not None and (path is not None or id(p) in names):
                name = names.setdefault(id(p), _join(path or "", local))
                own[name] = p
                places.append((part._parameters, local, name))
    aliases, kept = found.parted(own)
    contents = [(container, copy.copy(container)) for container in found.containers]
    constants = [
        (path, value, value._version, value.clone())
        for path, value in found.fixed
        if not (value.requires_grad or value.is_inference())
    ]

    def call(weights: Mapping[str, Tensor], x: Tensor, *, twice: bool = False) -> Any:
        copies = {name: weights.get(name, p).clone() for name, p in own.items()}
        attended = sdpa_kernel(SDPBackend.MATH) if twice else nullcontext()
        recorded = torch.is_grad_enabled()
        kept_back = disable_saved_tensors_hooks(CHECKPOINTED) if recorded else nullcontext()
        try:
            for holder, local, name in places:
                holder[local] = copies[name]
            for holder, local, name, value in aliases:
                holder[local] = _same_view(value, own[name], copies[name])
            with attended, kept_back:
                prediction = model(x.clone())
        except torch.cuda.OutOfMemoryError:
            raise
        except (RuntimeError, LookupError, AttributeError, TypeError, ValueError) as error:
            given = f"shape {tuple(x.shape)} and {str(x.dtype).removeprefix('torch.')}"
            raise ValueError(f"model cannot compute an x of {given}: {error}") from error
        finally:
            for holder, local, name in places:
                holder[local] = own[name]
        for (holder, local, name, is_buffer), copied in zip(kept, copies_kept, strict=True):
            # a mere attribute may be replaced: the last output, for whoever wants to see it
            if copied._version or (is_buffer and holder.get(local) is not copied):
                raise ValueError(f"model changes its own {name} {CHANGES}")
        for path, value, version, content in constants:
            if value._version != version:
                value.copy_(content)
                raise ValueError(f"model changes its own {path} {CHANGES}")
        return prediction

    recording = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.set_grad_enabled(recording):
        copies_kept = [holder[local].clone() for holder, local, *_ in kept]
        try:
            for (holder, local, *_), copied in zip(kept, copies_kept, strict=True):
                holder[local] = copied
            yield call
        finally:
            for part, attributes, parameters, buffers in before:
                vars(part).clear()
                vars(part).update(attributes)
                for mine, own_ones in ((part._parameters, parameters), (part._buffers, buffers)):
                    mine.clear()
                    mine.update(own_ones)
            for container, content in contents:
                _refill(container, content)


class Holdings:
    """All that a network holds beside its weights, also in containers among its attributes."""

    def __init__(self, model: nn.Module):
        self.modules: list[tuple[str | None, nn.Module]] = list(model.named_modules())
        self.containers: list[Any] = []
        self.tensors: list[tuple[Any, Any, str, bool]] = []  # holder, place in it, name, a buffer?
        self.fixed: list[tuple[str, Tensor]] = []  # held where nothing can be put in its place
        self.seen = {id(part) for _, part in self.modules}
        for path, part in self.modules:  # which grows: modules in a list that no ModuleList is
            for local, value in part._buffers.items():
                if value is not None:
                    self.tensors.append((part._buffers, local, _join(path or "", local), True))
            recurrent = isinstance(part, nn.RNNBase)  # finds its weights anew for each call
            for local, value in vars(part).items():
                if local not in USUAL_ATTRIBUTES and not (recurrent and local == "_flat_weights"):
                    self._look(vars(part), local, value, _join(path or "", local))

    def _look(self, holder: Any, local: Any, value: Any, name: str) -> None:
        if isinstance(value, Tensor):
            if isinstance(holder, list | dict | deque):
                self.tensors.append((holder, local, name, False))
            else:
                self.fixed.append((name, value))
            return
        if id(value) in self.seen:
            return
        if isinstance(value, nn.Module):
            inner = list(value.modules())
            self.modules += [(None, part) for part in inner if id(part) not in self.seen]
            self.seen |= {id(part) for part in inner}
            return
        if isinstance(value, list | dict | set | deque | np.ndarray):
            self.seen.add(id(value))
            self.containers.append(value)
        inside: Any = ()
        if isinstance(value, dict):
            inside = list(value.items())
        elif isinstance(value, list | deque | tuple | set):
            inside = list(enumerate(value))
        elif isinstance(value, FunctionType) and value.__closure__:
            self.seen.add(id(value))
            inside = [(c, held) for c, held in enumerate(_cells(value)) if isinstance(held, Tensor)]
        for key, held in inside:
            if isinstance(held, LOOKED_INTO):
                self._look(value, key, held, f"{name}[{key!r}]")

    def parted(self, own: Mapping[str, Tensor]) -> tuple[list, list]:
        """Places that hold a weight or a view of one; and those of all other constants."""
        by_storage: dict[int, list[str]] = {}
        for name, p in own.items():
            by_storage.setdefault(storage_of(p), []).append(name)
        by_storage.pop(0, None)
        for several in by_storage.values():
            _check_apart({name: own[name] for name in several})
        aliases, kept = [], []
        for holder, local, path, is_buffer in self.tensors:
            value = holder[local]
            sharing = by_storage.get(storage_of(value), ())
            sharing = [name for name in sharing if _overlap(value, own[name])]
            if sharing:
                name = sharing[0]
                if len(sharing) > 1 or not _is_view(value, own[name]):
                    raise ValueError(f"model must not keep {path}, {SHARES} {name}")
                aliases.append((holder, local, name, value))
            elif not value.requires_grad:
                kept.append((holder, local, path, is_buffer))
        for path, value in self.fixed:
            for name in by_storage.get(storage_of(value), ()):
                if _overlap(value, own[name]):
                    raise ValueError(f"model must not keep {path}, {SHARES} {name}")
        return aliases, kept


SHARES = "which adapting cannot replace: it shares its memory with"
LOOKED_INTO = (Tensor, nn.Module, list, dict, tuple, set, deque, np.ndarray, FunctionType)
USUAL_ATTRIBUTES = frozenset(vars(nn.Module()))


def _cells(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # an empty one
            yield cell.cell_contents


def storage_of(tensor: Tensor) -> int:
    """Where its memory begins; 0 where it has none: sparse, meta, functorch's."""
    try:
        return tensor.untyped_storage().data_ptr()
    except RuntimeError:
        return 0


def _span(tensor: Tensor) -> tuple[int, int]:
    """Its first byte in the storage, and the one behind its last."""
    first = int(tensor.storage_offset())
    reach = zip(tensor.shape, tensor.stride(), strict=True)
    last = first + sum(int((size - 1) * stride) for size, stride in reach)
    return first * tensor.itemsize, (last + 1) * tensor.itemsize if tensor.numel() else 0


def _overlap(one: Tensor, other: Tensor) -> bool:
    (start, end), (first, last) = _span(one), _span(other)
    return start < last and first < end


def _check_apart(weights: Mapping[str, Tensor]) -> None:
    """Views of one memory, such as a flat one of a whole layer, may not overlap."""
    ordered = sorted((_span(p), name) for name, p in weights.items())
    for ((_, end), name), ((start, _), other) in pairwise(ordered):
        if start < end:
            raise ValueError(
                f"model: {name} and {other} are two parameters in one memory, and adapting would "
                "move them apart: make them one nn.Parameter"
            )


def _is_view(value: Tensor, weight: Tensor) -> bool:
    """Whether `_same_view` can make it of a copy."""
    (start, end), (first, last) = _span(value), _span(weight)
    inside = first <= start and end <= last
    return value is weight or (
        inside
        and value.dtype == weight.dtype
        and weight.is_contiguous()
        and not weight.is_complex()
    )


def _same_view(value: Tensor, weight: Tensor, copied: Tensor) -> Tensor:
    """Of a weight's copy what value is of the weight; a constant if value is one."""
    if value is weight:
        return copied
    copied = copied.contiguous()
    offset = copied.storage_offset() + value.storage_offset() - weight.storage_offset()
    view = copied.as_strided(value.shape, value.stride(), offset)
    return view if value.requires_grad or not weight.requires_grad else view.detach()


def _refill(container: Any, content: Any) -> None:
    """Puts back what a container held."""
    if isinstance(container, np.ndarray):
        if container.flags.writeable:
            container[...] = content
        return
    container.clear()
    if isinstance(container, dict | set):
        container.update(content)
    else:
        container.extend(content)


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
        # a batch norm whose track_running_stats was switched off has them, but leaves them
        tracks = getattr(module, "track_running_stats", True) or not isinstance(module, _BatchNorm)
        if module.training and tracks and module._buffers.get("running_mean") is not None:
            raise ValueError(
                f"model: {name or 'it'} keeps running statistics, which adapting would change: "
                "build it with track_running_stats=False "
                '(conv_encoder(norm="batch_no_stats")) or GroupNorm (norm="group")'
            )
    return model
