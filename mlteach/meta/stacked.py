"""Many copies of one network, each with its own weights, in one pass: T tasks side by side.

Layers become batched matrix products and grouped convolutions. Images travel as (N, T * C, H, W)
with the channels last in memory, where each task has its C channels, and vectors as (T, N, D).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from mlteach.networks import AverageAndMaxPool

POINTWISE = (nn.Identity, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid)


def forward(model: nn.Module, params: dict[str, Tensor], x: Tensor) -> Tensor:
    """(T, N, ...) -> (T, N, ...): task t goes through the network with the weights params[name][t].

    torch.vmap can do this for any network. For those made of common layers it is done by hand,
    because vmap's convolutions take up to twice as long on a CPU.
    """
    shares_weights = len(params) < len(list(model.named_parameters(remove_duplicate=False)))
    if shares_weights or not _is_known(model):
        return vmap(lambda p, x: functional_call(model, p, (x,)), randomness="different")(params, x)
    n_tasks = len(x)
    if x.dim() == 5:  # images
        x = x.transpose(0, 1).flatten(1, 2).contiguous(memory_format=torch.channels_last)
    x = _run(model, params, "", x, n_tasks)
    return _part(x, n_tasks) if x.dim() == 4 else x


def _is_known(module: nn.Module) -> bool:
    """Whether `_run` computes what the module computes."""
    if type(module) is nn.Sequential:
        return all(map(_is_known, module))
    if type(module) is nn.Conv2d:
        return module.groups == 1 and module.padding_mode == "zeros"
    if type(module) is nn.BatchNorm2d:
        return module.affine and module.running_mean is None
    if type(module) is nn.Flatten:
        return (module.start_dim, module.end_dim) == (1, -1)
    return type(module) in (nn.Linear, nn.MaxPool2d, AverageAndMaxPool, *POINTWISE)


def _run(
    module: nn.Module, params: dict[str, Tensor], name: str, x: Tensor, n_tasks: int
) -> Tensor:
    if type(module) is nn.Sequential:
        for child_name, child in module.named_children():
            x = _run(child, params, f"{name}{child_name}.", x, n_tasks)
        return x
    weight: Any = params.get(f"{name}weight")  # None where the module has none
    bias: Any = params.get(f"{name}bias")
    if type(module) is nn.Conv2d:
        bias = None if bias is None else bias.flatten()
        return F.conv2d(
            x, weight.flatten(0, 1), bias, module.stride, module.padding, module.dilation, n_tasks
        )
    if type(module) is nn.BatchNorm2d:
        return F.batch_norm(
            x, None, None, weight.flatten(), bias.flatten(), training=True, eps=module.eps
        )
    if type(module) is nn.Linear:
        return x @ weight.mT if bias is None else torch.baddbmm(bias[:, None], x, weight.mT)
    if type(module) is nn.Flatten:
        return (_part(x, n_tasks) if x.dim() == 4 else x).flatten(2)
    if type(module) is AverageAndMaxPool:
        return torch.cat(
            [_part(pooled, n_tasks) for pooled in (x.mean((-2, -1)), x.amax((-2, -1)))], -1
        )
    return module(x)


def _part(x: Tensor, n_tasks: int) -> Tensor:
    """(N, T * C, ...) -> (T, N, C, ...)."""
    return x.unflatten(1, (n_tasks, -1)).transpose(0, 1)
