"""The table "together" of chapter 17: what is trained, and the tasks that test it.

`python -m mlteach results together` computes it. Each training is one of `mlteach.recipes.together`
at the same cost, of one data set's training characters; the tests are new scripts of both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache, partial

import torch.nn.functional as F
from torch import Tensor, nn

from mlteach.data import Dataset, glyphs, omniglot
from mlteach.episodes import Episode, sample_episodes
from mlteach.evaluate import confidence_interval, features, prototype_accuracies
from mlteach.networks import conv_encoder
from mlteach.recipes import meta, together
from mlteach.results.tables import Row
from mlteach.training import fit, generator, seed_everything

TASKS = ((5, 1), (5, 5), (5, 15), (20, 1), (20, 5))  # ways and shots
CLASSES = (3, 25, 100)  # and all
ALL = {"glyphs": 690, "omniglot": 964}
# of an encoder without labels: what adapts, whether the encoder does too, steps
ADAPTED = (("nothing", False, 0), ("head", False, 40), ("whole", True, 40))


@cache
def _domain(name: str, part: str) -> Dataset:
    if name == "glyphs":
        return glyphs(part)
    return omniglot({"train": "background", "test": "evaluation"}[part])


@cache
def _started(train: str, seed: int, name: str, share: float) -> tuple[nn.Module, float]:
    begun = time.process_time()
    encoder = together.start(name, _domain(train, "train").images, seed=seed, share=share)
    return encoder, time.process_time() - begun


def jobs(seeds: tuple[int, ...]) -> Iterator[tuple[Row, Callable[[], list[Row]]]]:
    """Settings of each training, and what computes its rows."""
    for seed in seeds:
        for train in ("glyphs", "omniglot"):
            for name, method, n_classes in _settings(train):
                settings: Row = {"train": train, "seed": seed, "start": name, "method": method}
                settings["classes"] = n_classes
                yield settings, partial(_rows, **settings)


def _settings(train: str) -> Iterator[tuple[str, str, int]]:
    yield from [("none", "pixels", 0), ("none", "nearest mean", 0), ("SimCLR", "start alone", 0)]
    for name in ("SimCLR", "BYOL", "MoCo"):
        yield name, "nearest mean", 0
    for n_classes in (*CLASSES, ALL[train]):
        yield "none", "plain prototypes", n_classes
        yield "none", "prototypes", n_classes
        yield "SimCLR", "prototypes", n_classes
        yield "SimCLR", "mixed", n_classes
        yield "none", "MAML", n_classes
        yield "SimCLR", "MAML", n_classes
    for n_classes in (3, 25, ALL[train]):
        yield "BYOL", "prototypes", n_classes
        yield "MoCo", "prototypes", n_classes
    for n_classes in (25, ALL[train]):
        yield "BYOL", "MAML", n_classes
        yield "none", "ANIL", n_classes
        yield "SimCLR", "ANIL", n_classes
    for n_classes in (25, 100, ALL[train]):
        yield "SimCLR", "plain prototypes", n_classes
    yield "none", "plain prototypes", 200
    yield "none", "turned plain prototypes", 100


def _rows(train: str, seed: int, start: str, method: str, classes: int) -> list[Row]:
    model, seconds = _trained(train, seed, start, method, classes)
    return [
        {**row, "seconds": round(seconds, 1)}
        for test in ("glyphs", "omniglot")
        for row in _tested(model, method, _domain(test, "test"), test)
        + (_adapted(model, test) if (start, method) == ("SimCLR", "nearest mean") else [])
    ]


def _trained(
    train: str, seed: int, name: str, method: str, n_classes: int
) -> tuple[nn.Module, float]:
    dataset = _domain(train, "train")
    if method == "pixels":
        return nn.Flatten(), 0.0
    share = 1.0 if method == "nearest mean" else 2 / 3
    encoder, seconds = (None, 0.0)
    if method != "mixed" and (name != "none" or method == "nearest mean"):
        encoder, seconds = _started(train, seed, name, share)
    if method in ("nearest mean", "start alone"):
        return encoder, seconds  # type: ignore[return-value]
    few = together.labelled(dataset, n_classes, seed=seed)
    begun = time.process_time()
    if method == "mixed":
        seed_everything(seed)
        contrast = together.Contrast(conv_encoder())
        draw = together.mixed_batches(dataset.images, few)
        steps, lr = together.BUDGET, together.RATES["SimCLR"]
        fit(contrast, draw, steps=steps, lr=lr, seed=seed, progress=False)
        return contrast.encode, time.process_time() - begun
    rest = 1.0 if encoder is None else 1 / 3
    turned = method.startswith("turned ") or None  # None: only where characters are few
    way = method.removeprefix("turned ")
    model = together.meta_train(way, few, encoder=encoder, seed=seed, share=rest, turned=turned)
    return model, seconds + time.process_time() - begun


def _tested(model: nn.Module, method: str, dataset: Dataset, test: str) -> list[Row]:
    """Without adapting, or as MAML and ANIL adapt; every query by itself."""
    rows = []
    z = None if method in ("MAML", "ANIL") else features(model, dataset.images)
    for n_way, n_shot in TASKS:
        if z is not None:
            on = Dataset(dataset.name, _compared(z, method), dataset.labels, dataset.classes, {})
            tasks = _episodes(on, n_way, n_shot, n_tasks=400, n_query=5)
            result = confidence_interval(prototype_accuracies(tasks))
        elif n_way == 5:
            tasks = _episodes(dataset, n_way, n_shot, n_tasks=100, n_query=2)
            result = meta.accuracy(method, model, tasks)
        else:
            continue
        adapt = {"MAML": "whole", "ANIL": "head"}.get(method, "none")
        rows.append(_row(test, n_way, n_shot, adapt, *result))
    return rows


def _compared(z: Tensor, method: str) -> Tensor:
    """Features as training compared them: prototypes by distance, others by cosine."""
    return z if "prototypes" in method else F.normalize(z)


def _adapted(encoder: nn.Module, test: str) -> list[Row]:
    """The same tasks answered by the nearest mean, and after adapting a head or everything."""
    rows = []
    for n_way, n_shot in TASKS[:4]:
        tasks = _episodes(_domain(test, "test"), n_way, n_shot, n_tasks=30, n_query=5)
        for adapt, whole, steps in ADAPTED:
            right = together.fine_tuned(
                encoder, tasks, whole=whole, steps=steps, generator=generator(1)
            )
            rows.append(_row(test, n_way, n_shot, adapt, *confidence_interval(right)))
    return rows


def _episodes(dataset: Dataset, n_way: int, n_shot: int, *, n_tasks: int, n_query: int) -> Episode:
    """The same tasks for every row: drawn from one seed."""
    counts = {"n_tasks": n_tasks, "n_way": n_way, "n_shot": n_shot, "n_query": n_query}
    return sample_episodes(dataset, **counts, generator=generator(1))


def _row(test: str, n_way: int, n_shot: int, adapt: str, accuracy: float, half_width: float) -> Row:
    row = {"test": test, "n_way": n_way, "n_shot": n_shot, "adapt": adapt}
    return row | {"accuracy": round(accuracy, 4), "half_width": round(half_width, 4)}
