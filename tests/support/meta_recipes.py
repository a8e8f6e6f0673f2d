"""How each way of learning from few examples is meta-trained on characters, for the test of
learning and the benchmark.

One meta-training serves 1-shot and 5-shot tests. A character turned by 90 degrees counts as another
character.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from mlteach.data import Dataset
from mlteach.episodes import Episode, sample_episodes
from mlteach.evaluate import adapted_accuracy, features, few_shot_accuracy
from mlteach.meta import maml_loss, prototypical_loss, reptile_step
from mlteach.networks import conv_encoder


class Recipe(NamedTuple):
    """How to train and how to test."""

    norm: str  # of the encoder
    episodes: dict[str, int]
    lr: float  # of Adam; of Reptile the step size
    loss: Callable[[nn.Module, Episode], Tensor]
    accuracy: Callable[[nn.Module, Episode], tuple[float, float]]


def on_features(model: nn.Module, episodes: Episode) -> Episode:
    """What the encoder makes of the pictures: with these, MAML of the head alone is ANIL."""
    n_tasks, n_support = episodes.y_support.shape
    z = model.encoder(torch.cat([episodes.x_support, episodes.x_query], 1).flatten(0, 1)).unflatten(
        0, (n_tasks, -1)
    )
    return episodes._replace(x_support=z[:, :n_support], x_query=z[:, n_support:])


def anil_loss(model, episodes, **inner):
    return maml_loss(model.head, on_features(model, episodes), F.cross_entropy, **inner)


def anil_accuracy(model, episodes, **inner):
    model.eval()
    with torch.no_grad():
        encoded = on_features(model, episodes)
    model.train()
    return adapted_accuracy(model.head, encoded, F.cross_entropy, **inner)


def by_maml(*, test_steps, **inner):
    """The loss of MAML, and its accuracy after as many steps as are best in tests."""
    test = {"lr": inner["lr"], "steps": test_steps}
    return partial(maml_loss, loss_fn=F.cross_entropy, **inner), partial(
        adapted_accuracy, loss_fn=F.cross_entropy, **test
    )


def prototype_accuracy(model: nn.Module, dataset: Dataset, **counts) -> tuple[float, float]:
    z = features(model.encoder, dataset.images)
    return few_shot_accuracy(z, dataset.labels, **counts)


FIVE_WAY = {"n_tasks": 8, "n_way": 5, "n_shot": 1, "n_query": 5}
RECIPES = {
    "prototypes": Recipe(
        "batch", {"n_tasks": 1, "n_way": 20, "n_shot": 1, "n_query": 5}, 2e-3,
        lambda model, episodes: prototypical_loss(model.encoder, episodes), None,
    ),
    "MAML": Recipe("batch_no_stats", FIVE_WAY, 2e-3, *by_maml(lr=0.4, steps=1, test_steps=1)),
    "FOMAML": Recipe("batch_no_stats", FIVE_WAY, 2e-3, *by_maml(lr=0.1, steps=3, first_order=True, test_steps=3)),
    "ANIL": Recipe(
        "batch", FIVE_WAY, 2e-3, partial(anil_loss, lr=0.4, steps=5), partial(anil_accuracy, lr=0.4, steps=5)
    ),
    "Reptile": Recipe(
        "batch_no_stats", FIVE_WAY | {"n_shot": 5, "n_query": 1}, 0.5,
        lambda model, episodes, step_size: reptile_step(
            model, episodes, F.cross_entropy, lr=0.1, steps=5, step_size=step_size
        ),
        by_maml(lr=0.1, steps=5, test_steps=5)[1],
    ),
}  # fmt: skip


def with_turns(dataset: Dataset) -> Dataset:
    """Every picture in four directions, each direction with classes of its own."""
    images = torch.cat([dataset.images.rot90(k, (2, 3)) for k in range(4)])
    labels = torch.cat([dataset.labels + k * len(dataset.classes) for k in range(4)])
    return Dataset(f"{dataset.name} turned", images, labels, dataset.classes * 4, {})


def train(name: str, dataset: Dataset, *, seed: int, steps: int) -> tuple[nn.Module, float]:
    """The meta-trained network and the seconds of processor time that it took, with one thread."""
    recipe, generator = RECIPES[name], Generator().manual_seed(seed)
    torch.manual_seed(seed)
    model = nn.Sequential(
        OrderedDict(encoder=conv_encoder(norm=recipe.norm), head=nn.Linear(64, 5))
    )
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    optimizer = torch.optim.Adam(model.parameters())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.process_time()
    for step in range(steps):
        lr = recipe.lr * min(1, 1.4 * (1 - step / steps))  # falls to 0 over the last 70 %
        episodes = sample_episodes(dataset, **recipe.episodes, generator=generator)
        if name == "Reptile":
            recipe.loss(model, episodes, step_size=lr)
            continue
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        recipe.loss(model, episodes).backward()
        optimizer.step()
    torch.set_num_threads(threads)
    return model, time.process_time() - start


def measured(
    name: str, model: nn.Module, dataset: Dataset, *, n_shot: int, n_tasks: int
) -> tuple[float, float]:
    """Mean and half the 95 % interval over the same 5-way tasks for every method."""
    counts = {"n_way": 5, "n_shot": n_shot, "n_query": 10, "generator": Generator().manual_seed(99)}
    if name == "prototypes":
        z = features(model.encoder, dataset.images)
        return few_shot_accuracy(z, dataset.labels, n_episodes=n_tasks, **counts)
    return RECIPES[name].accuracy(model, sample_episodes(dataset, n_tasks=n_tasks, **counts))
