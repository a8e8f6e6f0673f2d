"""Many copies of one network, each with its own weights, in one pass: T tasks side by side.

Layers become batched matrix products and grouped convolutions. Images travel as (N, T * C, H, W)
with the channels last in memory, where each task has its C channels, and vectors as (T, N, D).

Only chains of a few common layers, of which every detail is known, are computed so. Any other
network goes through its tasks one after the other.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach.meta.calling import storage_of
from mlteach.networks import AverageAndMaxPool

POINTWISE = (nn.Identity, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid)
OF_IMAGES = (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm, nn.MaxPool2d, AverageAndMaxPool)
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

Chain = list[tuple[str, nn.Module]]


class UnknownError(ValueError):
    """This input would have to be computed in another way than `forward` knows."""


def chain(model: nn.Module, x: Tensor) -> Chain | None:
    """The layers in the order of the data, under their names; None where one is not known.

    A layer is known by its exact type and settings, and has no hooks and no methods of its own. No
    weight stands in the network twice or in the memory of another, and all of them and x are of
    one type.
    """
    layers = _leaves("", model)
    if layers is None:
        return None
    weights = [p for _, layer in layers for p in layer.parameters()]
    unlike = [p for p in weights if type(p) is not nn.Parameter or p.dtype != x.dtype]
    once = len({storage_of(p) for p in weights}) == len(weights)
    autocast = torch.is_autocast_enabled(x.device.type)  # rounds each layer in its own way
    hooked = torch.nn.modules.module._has_any_global_hook()
    plain = type(x) is Tensor and x.is_floating_point()
    return layers if plain and once and not (unlike or autocast or hooked) else None


def _leaves(name: str, module: nn.Module) -> Chain | None:
    """The layers of a network of nested nn.Sequentials, repeated ones too."""
    if not _is_plain(module):
        return None
    if type(module) is not nn.Sequential:
        return [(name, module)] if _is_known(module) else None
    layers: Chain = []
    for child_name, child in module._modules.items():
        inner = None if child is None else _leaves(f"{name}{child_name}.", child)
        if inner is None:
            return None
        layers += inner
    return layers


def _is_plain(module: nn.Module) -> bool:
    """Whether calling it does what its class says, and nothing else."""
    methods = [name for name in vars(module) if callable(getattr(type(module), name, None))]
    compiled = module._compiled_call_impl is not None
    return not (methods or compiled or any(getattr(module, hooks) for hooks in HOOKS))


def _is_known(module: nn.Module) -> bool:
    """Whether `forward` computes what the layer computes."""
    if module._parameters.keys() - {"weight", "bias"}:
        return False
    if {"weight", "bias"} & (module._buffers.keys() | vars(module).keys()):
        return False  # a buffer or a plain attribute, which no learned weight replaces
    if type(module) is nn.Conv2d:
        return (
            module.groups == 1 and module.padding_mode == "zeros" and "weight" in module._parameters
        )
    if type(module) is nn.Linear:
        return "weight" in module._parameters
    if type(module) is nn.BatchNorm2d:
        kept = module.running_mean is not None, module.running_var is not None
        return kept == (False, False) or (kept == (True, True) and not module.training)
    if type(module) is nn.MaxPool2d:
        return not module.return_indices
    if type(module) is nn.Flatten:
        return (module.start_dim, module.end_dim) == (1, -1)
    if getattr(module, "inplace", False):
        return False
    return type(module) in (nn.GroupNorm, AverageAndMaxPool, *POINTWISE)


def forward(layers: Chain, params: dict[str, Tensor], x: Tensor) -> Tensor:
    """(T, N, ...) -> (T, N, ...): task t goes through the layers with the weights params[name][t].

    Raises:
        UnknownError, RuntimeError: a layer does not get what it is usually given.
    """
    n_tasks, are_images = len(x), False
    for name, layer in layers:
        if isinstance(layer, OF_IMAGES) and not are_images:
            _expect(x.dim() == 5)
            x = x.transpose(0, 1).flatten(1, 2).contiguous(memory_format=torch.channels_last)
            are_images = True
        elif isinstance(layer, nn.Linear | nn.Flatten) and are_images:
            x, are_images = _part(x, n_tasks), False
        x = _run(layer, params.get(f"{name}weight"), params.get(f"{name}bias"), x, n_tasks)
        are_images = are_images and type(layer) is not AverageAndMaxPool
    return _part(x, n_tasks) if are_images else x


def _run(layer: nn.Module, weight: Any, bias: Any, x: Tensor, n_tasks: int) -> Tensor:
    """Weight and bias are None where the layer has none."""
    if type(layer) is nn.Conv2d:
        _expect(x.shape[1] == n_tasks * layer.in_channels)
        settings: Any = (layer.stride, layer.padding, layer.dilation, n_tasks)
        return F.conv2d(x, weight.flatten(0, 1), _flat(bias), *settings)
    if type(layer) is nn.BatchNorm2d:
        _expect(x.shape[1] == n_tasks * layer.num_features)
        mean, var = (_repeated(s, n_tasks) for s in (layer.running_mean, layer.running_var))
        return F.batch_norm(
            x, mean, var, _flat(weight), _flat(bias), training=mean is None, eps=layer.eps
        )
    if type(layer) is nn.GroupNorm:
        _expect(x.shape[1] == n_tasks * layer.num_channels)
        return F.group_norm(x, n_tasks * layer.num_groups, _flat(weight), _flat(bias), layer.eps)
    if type(layer) is nn.Linear:
        _expect(x.dim() == 3)
        return x @ weight.mT if bias is None else torch.baddbmm(bias[:, None], x, weight.mT)
    if type(layer) is nn.Flatten:
        _expect(x.dim() >= 3)
        return x.flatten(2)
    if type(layer) is AverageAndMaxPool:
        pooled = x.mean((-2, -1)), x.amax((-2, -1))  # each (N, T * C)
        return torch.cat([_part(values, n_tasks) for values in pooled], -1)
    return layer(x)


def _expect(usual: bool) -> None:
    if not usual:
        raise UnknownError


def _flat(values: Tensor | None) -> Tensor | None:
    """(T, C) -> (T * C,)."""
    return None if values is None else values.flatten()


def _repeated(values: Tensor | None, n_tasks: int) -> Tensor | None:
    """(C,) -> (T * C,), the same for every task."""
    return None if values is None else values.repeat(n_tasks)


def _part(x: Tensor, n_tasks: int) -> Tensor:
    """(N, T * C, ...) -> (T, N, C, ...)."""
    return x.unflatten(1, (n_tasks, -1)).transpose(0, 1)
