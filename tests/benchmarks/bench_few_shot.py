"""Few-shot accuracy on scripts never seen, with the full recipes, three seeds each, against pixels.

    python -m pytest -s tests/benchmarks/bench_few_shot.py

prints every number and asserts the recipes' floors. It takes about half an hour, so a plain test
run does not collect this file. The seconds are processor time of one thread; nothing is asserted
about them. Omniglot is measured where MLTEACH_DATA names a folder with it.
"""

from __future__ import annotations

import os
import time
from functools import cache

import pytest
from torch import Generator

from mlteach.data import glyphs, omniglot
from mlteach.episodes import sample_episodes
from mlteach.evaluate import few_shot_accuracy
from mlteach.recipes.meta import OMNIGLOT_FLOORS, RECIPES, accuracy, train, turned

N_TASKS = 600


@cache
def sets(name):
    """For meta-training, with turned characters as new ones, and for meta-testing."""
    if name == "glyphs":
        return turned(glyphs("train")), glyphs("test")
    return turned(omniglot()), omniglot("evaluation")


@pytest.mark.parametrize("n_shot", [1, 5])
def test_pixels(n_shot):
    """The nearest mean of pixels, to be beaten by all."""
    unseen, generator = sets("glyphs")[1], Generator().manual_seed(99)
    counts = {"n_shot": n_shot, "n_query": 10, "n_episodes": N_TASKS, "generator": generator}
    mean, half = few_shot_accuracy(unseen.images.flatten(1), unseen.labels, **counts)
    print(f"\npixels {n_shot}-shot {mean:.1%} ± {half:.1%}")
    assert mean < min(recipe.floors[n_shot == 5] for recipe in RECIPES.values())


CASES = [("glyphs", name, recipe.floors) for name, recipe in RECIPES.items()]
if "MLTEACH_DATA" in os.environ:
    CASES += [("omniglot", name, floors) for name, floors in OMNIGLOT_FLOORS.items()]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("data", "name", "floors"), CASES)
def test_recipe(data, name, floors, seed):
    """5-way accuracy over 600 tasks reaches its floors, with 1 and with 5 images of a class."""
    seen, unseen = sets(data)
    start = time.process_time()
    model = train(name, seen, seed=seed)
    seconds = time.process_time() - start
    shares = []
    for n_shot in (1, 5):
        counts = {"n_tasks": N_TASKS, "n_way": 5, "n_shot": n_shot, "n_query": 10}
        tasks = sample_episodes(unseen, **counts, generator=Generator().manual_seed(99))
        # the protocol of the MAML paper, which the floors and the numbers of chapter 16 are for
        shares.append(accuracy(name, model, tasks, queries="together"))
    text = ", ".join(f"{mean:.1%} ± {half:.1%}" for mean, half in shares)
    print(f"\n{data} {name} {seed}: {text} after {seconds:.0f} s")
    assert all(mean >= floor for (mean, _), floor in zip(shares, floors, strict=True))
