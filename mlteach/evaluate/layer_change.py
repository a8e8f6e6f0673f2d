"""What the inner loop does to each layer, and what it reaches with the last layer alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from mlteach import _validate
from mlteach.episodes import Episode, check_episodes
from mlteach.evaluate.meters import linear_cka
from mlteach.meta import Params, adapt


class LayerChanges(NamedTuple):
    """Of S + 1 numbers of inner steps and L layers, means over the tasks."""

    distance: Tensor  # (S + 1, L) how far the weights moved, as a share of their length
    similarity: Tensor  # (S + 1, L) linear CKA of a layer's outputs for the queries with those at 0
    accuracy: Tensor  # (S + 1, 2) on the queries: all layers adapted, and only the last


@torch.no_grad()
def layer_change(
    model: nn.Module, tasks: Episode, layers: Mapping[str, str], *, lr: float, most_steps: int
) -> LayerChanges:
    """Measures each layer after every inner step, on several classification tasks.

    Args:
        model: (N, ...) -> (N, n_way); not changed.
        tasks: T classification tasks, best of classes that took no part in any training.
        layers: name → name of a module of the model, in the order of the data; the last is the
            head, whose outputs are the logits.
        lr: inner learning rate.
        most_steps: S >= 1 inner steps.

    Raises:
        TypeError, ValueError: model is no network or tasks are no episodes that it can adapt to,
            layers names no module of the model, lr is no rate >= 0, or most_steps < 1.

    Source: Raghu et al. 2020, arXiv:1909.09157, section 3.
    """
    _validate.module("model", model)
    tasks = check_episodes(tasks, name="tasks")
    most_steps = _validate.count("most_steps", most_steps)
    lr = float(_validate.number("lr", lr, at_least=0))
    paths = _paths(model, layers)
    body = tuple(f"{path}." for path in paths[:-1])
    start = {name: p.detach() for name, p in model.named_parameters()}
    of_tasks = []
    for x_support, y_support, x_query, y_query in zip(*tasks, strict=True):
        params = head = start
        before = _outputs(model, start, paths, x_query)
        rows = []
        for step in range(most_steps + 1):
            if step:
                inner = (x_support, y_support, F.cross_entropy)
                params = adapt(model, params, *inner, lr=lr, steps=1)
                head = adapt(model, head, *inner, lr=lr, steps=1, frozen=body)
            after = _outputs(model, params, paths, x_query)
            head_logits = functional_call(model, head, (x_query,))
            distances = [_distance(start, params, path) for path in paths]
            alike = [linear_cka(a, b) for a, b in zip(before, after, strict=True)]
            right = [_accuracy(logits, y_query) for logits in (after[-1], head_logits)]
            rows.append([*distances, *alike, *right])
        of_tasks.append(rows)
    mean = torch.tensor(of_tasks, dtype=torch.float64).mean(0)  # (S + 1, 2 L + 2)
    return LayerChanges(*mean.split([len(paths), len(paths), 2], dim=1))


def _paths(model: nn.Module, layers: Mapping[str, str]) -> list[str]:
    """Where the layers are in the model; each is a module with weights."""
    if not isinstance(layers, Mapping) or len(layers) < 2:
        given = _validate.kind(layers) if not isinstance(layers, Mapping) else len(layers)
        raise TypeError(f"layers must be a dict of a body and a head at least, got {given}")
    known = [path for path, part in model.named_modules() if path and list(part.parameters())]
    for path in layers.values():
        if path not in known:
            parts = ", ".join(known)
            raise ValueError(f"layers: {path!r} is no part with weights; they are {parts}")
    return list(layers.values())


def _outputs(model: nn.Module, params: Params, paths: list[str], x: Tensor) -> list[Tensor]:
    """What every layer gives for x, flattened to (N, D)."""
    seen = []
    hooks = [
        model.get_submodule(path).register_forward_hook(
            lambda _, __, out: seen.append(out.flatten(1))
        )
        for path in paths
    ]
    try:
        functional_call(model, params, (x,))
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _distance(start: Params, params: Params, path: str) -> float:
    names = [name for name in start if name.startswith(f"{path}.")]
    old, new = (
        torch.cat([weights[name].flatten() for name in names]) for weights in (start, params)
    )
    return ((new - old).norm() / old.norm()).item()


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(1) == labels).double().mean().item()
