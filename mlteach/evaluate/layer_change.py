"""What the inner loop does to each layer, and what it reaches with the last layer alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach import _validate
from mlteach.episodes import Episode, check_episodes
from mlteach.evaluate.meters import linear_cka
from mlteach.meta import Params, adapt
from mlteach.meta.calling import check_network, untouched


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

    Weights with ``requires_grad=False`` stay where they are, as for `mlteach.meta.adapt`. "Only
    the last" adapts the head's weights and no others, also where layers does not name them all.

    Args:
        model: (N, ...) -> (N, n_way), which calls each layer once; not changed.
        tasks: T classification tasks, best of classes that took no part in any training.
        layers: name → name of a module of the model, in the order of the data; the last is the
            head, whose outputs are the logits.
        lr: inner learning rate.
        most_steps: S >= 1 inner steps.

    Raises:
        TypeError, ValueError: model is no network or tasks are no episodes that it can adapt to,
            layers names no module of the model or one of which nothing can be measured (its weights
            are all 0, its outputs no tensor or the same for all queries), lr is no rate >= 0 or
            leads to what is not finite, or most_steps < 1; or as for `mlteach.meta.adapt`.

    Source: Raghu et al. 2020, arXiv:1909.09157, section 3.
    """
    check_network(model)
    tasks = check_episodes(tasks, name="tasks", classified=True)
    most_steps = _validate.count("most_steps", most_steps)
    lr = float(_validate.number("lr", lr, at_least=0))
    paths = _paths(model, layers)
    start: Params = dict(model.named_parameters())
    of_head = {id(p) for p in model.get_submodule(paths[-1]).parameters()}
    body = tuple(name for name, p in start.items() if id(p) not in of_head)
    of_tasks = []
    for x_support, y_support, x_query, y_query in zip(*tasks, strict=True):
        params = head = start
        before = _outputs(model, start, paths, x_query)
        _check_classes(before[-1], tasks)
        rows = []
        for step in range(most_steps + 1):
            if step:
                inner = (x_support, y_support, F.cross_entropy)
                params = adapt(model, params, *inner, lr=lr, steps=1)
                head = adapt(model, head, *inner, lr=lr, steps=1, frozen=body)
            after, of_the_last = (_outputs(model, p, paths, x_query) for p in (params, head))
            distances = [_distance(model, params, path) for path in paths]
            alike = [_similarity(*parts) for parts in zip(paths, before, after, strict=True)]
            right = [_accuracy(logits, y_query) for logits in (after[-1], of_the_last[-1])]
            rows.append([*distances, *alike, *right])
        of_tasks.append(rows)
    mean = torch.tensor(of_tasks, dtype=torch.float64).mean(0)  # (S + 1, 2 L + 2)
    return LayerChanges(*mean.split([len(paths), len(paths), 2], dim=1))


def _paths(model: nn.Module, layers: Mapping[str, str]) -> list[str]:
    """Where the layers are in the model; each is a module with weights."""
    if not isinstance(layers, Mapping) or len(layers) < 2:
        given = _validate.kind(layers) if not isinstance(layers, Mapping) else len(layers)
        raise TypeError(f"layers must be a dict of a body and a head at least, got {given}")
    parts = model.named_modules(remove_duplicate=False)
    known = [path for path, part in parts if path and next(part.parameters(), None) is not None]
    for path in layers.values():
        if path not in known:
            raise ValueError(
                f"layers: {path!r} is no part with weights; they are {', '.join(known)}"
            )
    return list(layers.values())


def _outputs(model: nn.Module, params: Params, paths: list[str], x: Tensor) -> list[Tensor]:
    """What every layer gives for x, flattened to (N, D)."""
    seen: dict[str, list[Any]] = {path: [] for path in paths}
    hooks = [
        # copied, as a ReLU in place would overwrite it
        model.get_submodule(path).register_forward_hook(
            lambda _, __, out, path=path: seen[path].append(
                out.clone() if isinstance(out, Tensor) else out
            )
        )
        for path in paths
    ]
    try:
        with untouched(model) as call:
            call(params, x)
    finally:
        for hook in hooks:
            hook.remove()
    for path, outputs in seen.items():
        if len(outputs) != 1:
            raise ValueError(
                f"layers: {path!r} must be called once by the model, is {len(outputs)} times"
            )
        if not isinstance(outputs[0], Tensor) or len(outputs[0]) != len(x):
            raise ValueError(f"layers: {path!r} must give a tensor with a row for each image")
        if not outputs[0].isfinite().all():
            raise ValueError(f"lr leads to outputs of {path!r} that are not finite: take a smaller")
    return [outputs[0].flatten(1) for outputs in seen.values()]


def _check_classes(logits: Tensor, tasks: Episode) -> None:
    highest = int(max(tasks.y_support.max(), tasks.y_query.max()))
    if logits.shape[1] <= highest:
        raise ValueError(f"model has {logits.shape[1]} outputs, tasks has label {highest}")


def _similarity(path: str, before: Tensor, after: Tensor) -> float:
    if (before == before[0]).all():
        raise ValueError(f"layers: {path!r} gives the same for all queries: nothing to compare")
    # a layer that has died has nothing in common with what it was
    return 0.0 if (after == after[0]).all() else linear_cka(before, after)


def _distance(model: nn.Module, params: Params, path: str) -> float:
    names = {id(p): name for name, p in model.named_parameters()}  # of a shared weight the first
    own = list(model.get_submodule(path).parameters())
    old = torch.cat([p.flatten() for p in own])
    new = torch.cat([params[names[id(p)]].flatten() for p in own])
    if not old.any():
        raise ValueError(f"layers: the weights of {path!r} are all 0: no distance is a share of it")
    return ((new - old).norm() / old.norm()).item()


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(1) == labels).double().mean().item()
