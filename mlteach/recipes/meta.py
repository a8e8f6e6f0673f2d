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
    head = nn.Linear(64, n_way)
    if zero_head:
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    return nn.Sequential(OrderedDict(encoder=encoder, head=head))


def turned(dataset: Dataset) -> Dataset:
    """Every image in four directions: a character turned by 90 degrees counts as another one."""
    images = torch.cat([dataset.images.rot90(k, (2, 3)) for k in range(4)])
    labels = torch.cat([dataset.labels + k * len(dataset.classes) for k in range(4)])
    return Dataset(f"{dataset.name} turned", images, labels, dataset.classes * 4, {})


def train(
    name: str,
    dataset: Dataset,
    *,
    seed: int = 0,
    steps: int | None = None,
    callback: Callable[[int, nn.Module], object] | None = None,
) -> nn.Module:
    """The network after meta-training by the recipe, on one processor thread.

    Args:
        name: of RECIPES.
        dataset: for meta-training, such as ``turned(glyphs("train"))``.
        seed: of the first weights and of the tasks.
        steps: None for those of the recipe, which its floors are for.
        callback: called with (step, model) after every step.
    """
    recipe, tasks = RECIPES[name], generator(seed)
    steps = steps or recipe.steps
    seed_everything(seed)
    model = classifier(recipe.norm)
    optimizer = torch.optim.Adam(model.parameters())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for step in range(steps):
            lr = recipe.lr * min(1, 1.4 * (1 - step / steps))  # falls to 0 over the last 70 %
            episodes = sample_episodes(dataset, **recipe.episodes, generator=tasks)
            if name == "Reptile":
                recipe.loss(model, episodes, step_size=lr)
            else:
                optimizer.param_groups[0]["lr"] = lr
                optimizer.zero_grad()
                recipe.loss(model, episodes).backward()
                optimizer.step()
            if callback is not None:
                callback(step + 1, model)
    finally:
        torch.set_num_threads(threads)
    return model


def accuracy(name: str, model: nn.Module, episodes: Episode) -> tuple[float, float]:
    """Few-shot accuracy of a meta-trained network on new tasks, after adapting as its recipe says.

    Args:
        name: of RECIPES.
        model: what `train` returned, or another `classifier` with the norm of that recipe.
        episodes: T >= 2 tasks, best of classes that took no part in training.

    Returns:
        Mean over the tasks, and half the width of its 95 % confidence interval.
    """
    inner = RECIPES[name].inner
    if name in ("prototypes", "ANIL"):  # the encoder is not adapted
        encoder = model.get_submodule("encoder")
        episodes = on_features(lambda images: features(encoder, images), episodes)
        model = model.get_submodule("head")
    if name == "prototypes":
        return confidence_interval(prototype_accuracies(episodes))
    return adapted_accuracy(model, episodes, F.cross_entropy, **inner)
