"""The table "meta_selfsup" of chapter 18: what is trained, and how it adapts to new tasks.

`python -m mlteach results meta_selfsup` computes it. All trainings of a family of tasks have as
many forward and backward passes; where one has fewer, its setting `trained` says so.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mlteach.data import Dataset, glyphs
from mlteach.networks import conv_encoder
from mlteach.recipes.meta_selfsup import (
    ALL,
    GAINS,
    LAYER,
    SCALES,
    Task,
    adaptation,
    images_to_judge,
    kept_letter,
    network,
    one_neighbour,
    same_letter,
    told_gains,
    train,
)
from mlteach.results.tables import Row
from mlteach.training import generator, seed_everything

AFTER = (0, 1, 3, 10)
LONGER = (30, 100)  # inner steps after a training that may need more of them to find its way
LEVELS = {  # how many numbers adapt → beginnings, inner rate, inner steps, of two or three letters
    "gains": (GAINS, 2.0, 1),
    "scales": (SCALES, 20.0, 1),
    "layer": (LAYER, 1.0, 1),
    "all": (ALL, 0.2, 3),
}
STEPS = 320  # of joint training: an outer step with k inner steps counts as 1 + k of them


def jobs(seeds: Sequence[int]) -> Iterator[tuple[Row, Callable[[], list[Row]]]]:
    """Settings and a function for the rows of each training.

    `trained` names what the inner loop of the training adapts, or the gains that it set; after a
    comma stands what differs from the row before it: "longer" has more inner steps in the tests,
    "half the steps" has the outer steps of FOMAML, "layer" adapts the first block in the tests,
    "one step" has one inner step and so more outer ones.
    """
    letters = [("joint", "none"), ("random gains", "gains"), ("told gains", "gains")]
    learned = [("FOMAML", level) for level in LEVELS]
    for seed in seeds:
        runs = [("two letters", 1.0, *run) for run in [*letters, *learned]]
        runs += [("two letters", share, "joint", "none, longer") for share in (0.5, 1.0)]
        for trained in ("gains, half the steps", "gains, longer"):
            runs.append(("two letters", 1.0, "told gains", trained))
        for share in (0.25, 0.5):
            few = [*letters, *learned[:1], *learned[2:]]
            few.append(("told gains", "gains, half the steps"))
            runs += [("two letters", share, *run) for run in few]
        for share in (0.25, 0.5, 1.0):
            runs.append(("two letters", share, "random gains", "gains, half the steps"))
        for family in ("three letters", "side by side"):
            runs += [(family, 1.0, *run) for run in [*letters, *learned[:1]]]
        for family in ("scripts", "turns"):
            whole = [("joint", "none"), ("FOMAML", "all"), ("Reptile", "all")]
            # not Reptile: what does not adapt it does not train
            layer = [("joint", "none, layer"), ("FOMAML", "layer")]
            whole_once = ("FOMAML", "all, one step")
            runs += [(family, 1.0, *run) for run in [*whole, *layer, whole_once]]
        for family, share, method, trained in runs:
            settings = {"tasks": family, "share": share, "method": method, "trained": trained}
            yield settings | {"seed": seed}, partial(_rows, family, share, method, trained, seed)


def _rows(family: str, share: float, method: str, trained: str, seed: int) -> list[Row]:
    beside, count = family == "side by side", 3 if family == "three letters" else 2
    steps = STEPS // (2 if beside else 1)  # its images are twice as large
    seed_everything(seed)
    model = network(count, beside=beside)
    train_tasks, test_tasks, images = _family(family, share, seed)
    if family in ("scripts", "turns"):
        model = nn.Sequential(OrderedDict(encoder=conv_encoder(norm="group")))
    inner = LEVELS.get(trained.split(",")[0], LEVELS["gains"])
    if method == "Reptile":
        inner = (ALL, 0.1, 4)
    elif "one step" in trained:
        inner = (*inner[:2], 1)
    passes = 1 if method not in ("FOMAML", "Reptile") else 1 + inner[2]
    if "half the steps" in trained:
        passes = 2
    steps = round(steps / (inner[2] if method == "Reptile" else passes))
    names: Any = {"adapt_only": inner[0], "lr": inner[1], "inner_steps": inner[2]}
    started = time.process_time()
    train(method, model, train_tasks, steps=steps, seed=seed, **names)
    seconds = time.process_time() - started
    afters = LONGER if "longer" in trained else AFTER
    rows = []
    for adapted in _adapted(family, share, method, trained):
        beginnings, lr, _ = LEVELS[adapted]
        found: dict[str | int, list[float]] = {after: [] for after in afters}
        if ("letters" in family or beside) and afters == AFTER:
            found["told"] = []
        for number, (task, x, test) in enumerate(zip(test_tasks, *images, strict=True)):
            path = adaptation(
                model,
                task,
                adapt_only=beginnings,
                lr=lr,
                steps=max(afters),
                generator=generator(1000 + seed),
            )
            for after in afters:
                found[after].append(one_neighbour(model, path[after], x, test))
            if "told" in found:
                told = path[0] | {"gains.log": told_gains(number, count)}
                found["told"].append(one_neighbour(model, told, x, test))
        asked = sum(int((test.factors["drawer"] >= 10).sum()) for test in images[1])
        for stage, shares in found.items():
            mean = sum(shares) / len(shares)
            rows.append(
                {
                    "adapted": adapted,
                    "lr": lr,
                    "steps": steps,
                    "after": stage,
                    "accuracy": round(mean, 4),
                    "lowest": round(min(shares), 4),
                    "half_width": round(1.96 * math.sqrt(mean * (1 - mean) / asked), 4),
                    "seconds": round(seconds, 2),
                }
            )
    return rows


def _adapted(family: str, share: float, method: str, trained: str) -> list[str]:
    """The levels at which a trained network adapts in the tests."""
    if method in ("FOMAML", "Reptile"):
        return [trained.split(",")[0]]
    if "layer" in trained:
        return ["layer"]
    if "longer" in trained:
        return ["gains", "layer"]
    if method != "joint":
        return ["gains"]
    if family in ("scripts", "turns"):
        return ["all"]
    return [*LEVELS] if (family, share) == ("two letters", 1.0) else ["gains", "layer"]


def _family(family: str, share: float, seed: int) -> tuple[list[Task], list[Task], Any]:
    """Tasks to train with, tasks to test with, and images and classes to judge these with."""
    train_set, test_set = glyphs("train"), glyphs("test")
    half = test_set.subset(test_set.factors["drawer"] % 2 == 0)
    if family == "scripts":
        seen, unseen = _scripts(train_set), _scripts(test_set)
        first, second = ([same_letter(d.images) for d in parts] for parts in (seen, unseen))
        return first, second, ([d.images for d in unseen], unseen)
    if family == "turns":
        drawn = torch.rand(44, generator=generator(500 + seed)).tolist()
        changes = [partial(turned, turns=turn, ink=i % 2 == 0) for i, turn in enumerate(drawn)]
        first = [same_letter(train_set.images, change) for change in changes[4:]]
        second = [same_letter(test_set.images, change) for change in changes[:4]]
        return first, second, ([change(half.images) for change in changes[:4]], [half] * 4)
    beside, count = family == "side by side", 3 if family == "three letters" else 2
    how: Any = {"count": count, "beside": beside}
    kept = range(count)
    return (
        [kept_letter(train_set.images, k, share=share, **how) for k in kept],
        [kept_letter(test_set.images, k, share=share, **how) for k in kept],
        ([images_to_judge(half, k, **how) for k in kept], [half] * count),
    )


def turned(x: Tensor, turns: float, ink: bool) -> Tensor:
    """Images (B, 1, H, W) turned by a share of the full circle, and black on white or reversed."""
    angle = torch.tensor(2 * math.pi * turns)
    rows = [[angle.cos(), -angle.sin(), 0], [angle.sin(), angle.cos(), 0]]
    matrix = torch.tensor(rows).expand(len(x), 2, 3)
    grid = nn.functional.affine_grid(matrix, list(x.shape), align_corners=False)
    x = nn.functional.grid_sample(x, grid, align_corners=False)
    return x if ink else 1 - x


def _scripts(dataset: Dataset) -> list[Dataset]:
    script = dataset.factors["script"]
    return [dataset.subset(script == number) for number in script.unique().tolist()]
