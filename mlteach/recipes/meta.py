"""How each way of learning from few examples is meta-trained on characters, in under a minute.

>>> model = meta.train("MAML", meta.turned(glyphs("train")), seed=0)
>>> meta.accuracy("MAML", model, sample_episodes(glyphs("test"), n_tasks=600, n_way=5, ...))

One meta-training serves 1-shot and 5-shot tests.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach import _validate
from mlteach.data import Dataset
from mlteach.episodes import Episode, on_features, sample_episodes
from mlteach.evaluate import (
    adapted_accuracy,
    confidence_interval,
    features,
    prototype_accuracies,
)
from mlteach.meta import maml_loss, prototypical_loss, reptile_step
from mlteach.networks import conv_encoder
from mlteach.training import generator, seed_everything


def _prototypes(model: nn.Module, episodes: Episode) -> Tensor:
    return prototypical_loss(model.get_submodule("encoder"), episodes)


def _maml(model: nn.Module, episodes: Episode) -> Tensor:
    return maml_loss(model, episodes, F.cross_entropy, lr=0.4, steps=1)


def _fomaml(model: nn.Module, episodes: Episode) -> Tensor:
    return maml_loss(model, episodes, F.cross_entropy, lr=0.1, steps=3, first_order=True)


def _anil(model: nn.Module, episodes: Episode) -> Tensor:
    # the body is not adapted: MAML of the head on the body's outputs
    encoded = on_features(model.get_submodule("encoder"), episodes)
    return maml_loss(model.get_submodule("head"), encoded, F.cross_entropy, lr=0.4, steps=5)


def _reptile(model: nn.Module, episodes: Episode, *, step_size: float) -> Tensor:
    return reptile_step(model, episodes, F.cross_entropy, lr=0.1, steps=5, step_size=step_size)


class Recipe(NamedTuple):
    """How to meta-train, how to adapt in tests, and what is reached then."""

    loss: Callable[..., Tensor]  # of the model and episodes
    steps: int
    lr: float  # of Adam; of Reptile the step size
    norm: str  # of the encoder
    episodes: dict[str, int]
    inner: dict[str, Any]  # lr and steps of adapting in tests; empty: no adapting
    floors: tuple[float, float]  # 5-way 1-shot and 5-shot on glyphs, below the worst of three seeds


FIVE_WAY = {"n_tasks": 8, "n_way": 5, "n_shot": 1, "n_query": 5}
RECIPES = {
    "prototypes": Recipe(
        _prototypes,
        steps=1300,
        lr=2e-3,
        norm="batch",
        episodes=FIVE_WAY | {"n_tasks": 1, "n_way": 20},
        inner={},
        floors=(0.9, 0.95),
    ),
    "MAML": Recipe(
        _maml,
        steps=560,
        lr=2e-3,
        norm="batch_no_stats",
        episodes=FIVE_WAY,
        inner={"lr": 0.4, "steps": 1},
        floors=(0.82, 0.89),
    ),
    "FOMAML": Recipe(
        _fomaml,
        steps=450,
        lr=2e-3,
        norm="batch_no_stats",
        episodes=FIVE_WAY,
        inner={"lr": 0.1, "steps": 3},
        floors=(0.77, 0.89),
    ),
    "ANIL": Recipe(
        _anil,
        steps=600,
        lr=2e-3,
        norm="batch",
        episodes=FIVE_WAY,
        inner={"lr": 0.4, "steps": 5},
        floors=(0.75, 0.85),
    ),
    "Reptile": Recipe(
        _reptile,
        steps=280,
        lr=0.5,
        norm="batch_no_stats",
        episodes=FIVE_WAY | {"n_shot": 5, "n_query": 1},
        inner={"lr": 0.1, "steps": 5},
        floors=(0.57, 0.79),
    ),
}
OMNIGLOT_FLOORS = {"prototypes": (0.92, 0.97), "MAML": (0.8, 0.9)}  # the same, on Omniglot


def classifier(
    norm: str = "batch_no_stats", *, n_way: int = 5, zero_head: bool = True
) -> nn.Sequential:
    """`conv_encoder` and a linear head, under the names "encoder" and "head".

    Args:
        norm: of the encoder, see `mlteach.networks.conv_encoder`.
        n_way: outputs of the head.
        zero_head: start the head at 0, so that no class is preferred before adapting.
    """
    encoder = conv_encoder(norm=norm)
    head = nn.Linear(64, _validate.count("n_way", n_way))
    if _validate.flag("zero_head", zero_head):
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    return nn.Sequential(OrderedDict(encoder=encoder, head=head))


def turned(dataset: Dataset) -> Dataset:
    """Every image in four directions: a character turned by 90 degrees counts as another one."""
    _validate.instance("dataset", dataset, Dataset, "a Dataset (mlteach.data.Dataset)")
    _validate.images("dataset.images", dataset.images, unit=False)
    images = torch.cat([dataset.images.rot90(k, (2, 3)) for k in range(4)])
    labels = torch.cat([dataset.labels + k * len(dataset.classes) for k in range(4)])
    return Dataset(f"{dataset.name} turned", images, labels, dataset.classes * 4, {})


def train(
    name: str,
    dataset: Dataset,
    *,
    seed: int = 0,
    steps: int | None = None,
    lr: float | None = None,
    callback: Callable[[int, nn.Module], object] | None = None,
) -> nn.Module:
    """The network after meta-training by the recipe, on one processor thread.

    Args:
        name: of RECIPES.
        dataset: for meta-training, such as ``turned(glyphs("train"))``.
        seed: of the first weights and of the tasks.
        steps: None for those of the recipe, which its floors are for.
        lr: > 0, of Adam, of Reptile the step size; None for that of the recipe. A run that is much
            shorter may want a larger one.
        callback: called with (step, model) after every step.

    Raises:
        TypeError, ValueError: name is none of RECIPES, steps < 1, lr <= 0, dataset is none or has
            too few classes for the tasks of the recipe.
    """
    recipe, tasks = RECIPES[_validate.choice("name", name, RECIPES)], generator(seed)
    _validate.instance("dataset", dataset, Dataset, "a Dataset (mlteach.data.Dataset)")
    steps = recipe.steps if steps is None else _validate.count("steps", steps)
    largest = recipe.lr if lr is None else float(_validate.number("lr", lr, above=0))
    if callback is not None:
        _validate.function("callback", callback, what="a function of (step, model)", takes=2)
    seed_everything(seed)
    model = classifier(recipe.norm)
    optimizer = torch.optim.Adam(model.parameters())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for step in range(steps):
            rate = largest * min(1, 1.4 * (1 - step / steps))  # falls to 0 over the last 70 %
            episodes = sample_episodes(dataset, **recipe.episodes, generator=tasks)
            if name == "Reptile":
                recipe.loss(model, episodes, step_size=rate)
            else:
                optimizer.param_groups[0]["lr"] = rate
                optimizer.zero_grad()
                recipe.loss(model, episodes).backward()
                optimizer.step()
            if callback is not None:
                callback(step + 1, model)
    finally:
        torch.set_num_threads(threads)
    return model


def accuracy(
    name: str, model: nn.Module, episodes: Episode, *, queries: str = "with support"
) -> tuple[float, float]:
    """Few-shot accuracy of a meta-trained network on new tasks, after adapting as its recipe says.

    Args:
        name: of RECIPES.
        model: what `train` returned, or another `classifier` with the norm of that recipe.
        episodes: T >= 2 tasks, best of classes that took no part in training.
        queries: which images form a batch, see `mlteach.evaluate.adapted_accuracy`. Prototypes and
            ANIL look at one image at a time, so that "together" would not compare the others with
            them under one protocol. The floors of the recipes are for "together", the protocol of
            the MAML paper.

    Returns:
        Mean over the tasks, and half the width of its 95 % confidence interval.

    Raises:
        TypeError, ValueError: name is none of RECIPES, model has no encoder and head, or as for
            `mlteach.evaluate.adapted_accuracy`.
    """
    inner = RECIPES[_validate.choice("name", name, RECIPES)].inner
    _validate.module("model", model)
    if not {"encoder", "head"} <= dict(model.named_children()).keys():
        raise ValueError("model must have parts named encoder and head, as a classifier has")
    if name in ("prototypes", "ANIL"):  # the encoder is not adapted
        encoder = model.get_submodule("encoder")
        episodes = on_features(lambda images: features(encoder, images), episodes)
        model = model.get_submodule("head")
    if name == "prototypes":
        return confidence_interval(prototype_accuracies(episodes))
    return adapted_accuracy(model, episodes, F.cross_entropy, **inner, queries=queries)
