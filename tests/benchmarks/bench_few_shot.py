"""Few-shot accuracy on scripts never seen, with the full recipes, three seeds each, against pixels.

    python -m pytest -s tests/benchmarks/bench_few_shot.py

prints every number and asserts the floors. It takes about half an hour, so a plain test run does
not collect this file. The seconds are processor time of one thread; nothing is asserted about them.
Omniglot is measured where MLTEACH_DATA names a folder with it.
"""

from __future__ import annotations

import os
from functools import cache

import pytest
from support.meta_recipes import measured, train, with_turns
from torch import Generator

from mlteach.data import glyphs, omniglot
from mlteach.evaluate import few_shot_accuracy

N_TASKS = 600
STEPS = {"prototypes": 1300, "MAML": 560, "FOMAML": 450, "ANIL": 600, "Reptile": 280}
GLYPHS = {  # least accuracy, 1-shot and 5-shot; about three points below the worst of three seeds
    "prototypes": (0.9, 0.95),
    "MAML": (0.82, 0.89),
    "FOMAML": (0.77, 0.89),
    "ANIL": (0.75, 0.85),
    "Reptile": (0.57, 0.79),
}
OMNIGLOT = {"prototypes": (0.92, 0.97), "MAML": (0.8, 0.9)}


@cache
def sets(name):
    """For meta-training, with turned characters as new ones, and for meta-testing."""
    known, unseen = (
        (glyphs("train"), glyphs("test"))
        if name == "glyphs"
        else (omniglot(), omniglot("evaluation"))
    )
    return with_turns(known), unseen


@pytest.mark.parametrize("n_shot", [1, 5])
def test_pixels(n_shot):
    """The nearest mean of pixels, to be beaten by all."""
    counts = {
        "n_shot": n_shot,
        "n_query": 10,
        "n_episodes": N_TASKS,
        "generator": Generator().manual_seed(99),
    }
    unseen = sets("glyphs")[1]
    mean, half = few_shot_accuracy(unseen.images.flatten(1), unseen.labels, **counts)
    print(f"\npixels {n_shot}-shot {mean:.1%} ± {half:.1%}")
    assert mean < min(floors[n_shot == 5] for floors in GLYPHS.values())


CASES = [("glyphs", name, floors) for name, floors in GLYPHS.items()]
CASES += (
    [("omniglot", name, floors) for name, floors in OMNIGLOT.items()]
    if "MLTEACH_DATA" in os.environ
    else []
)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("data", "name", "floors"), CASES)
def test_recipe(data, name, floors, seed):
    """5-way accuracy over 600 tasks reaches its floors, with 1 and with 5 pictures of a class."""
    known, unseen = sets(data)
    model, seconds = train(name, known, seed=seed, steps=STEPS[name])
    shares = [measured(name, model, unseen, n_shot=n_shot, n_tasks=N_TASKS) for n_shot in (1, 5)]
    text = ", ".join(f"{mean:.1%} ± {half:.1%}" for mean, half in shares)
    print(f"\n{data} {name} {seed}: {text} after {seconds:.0f} s")
    assert all(mean >= floor for (mean, _), floor in zip(shares, floors, strict=True))
