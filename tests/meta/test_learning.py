"""Every way of learning from few examples, after seconds of meta-training, reads scripts that it
has never seen.
"""

from __future__ import annotations

from functools import cache

import pytest
import torch
from support.meta_recipes import RECIPES, measured, train, with_turns
from torch import Generator

from mlteach.data import glyphs
from mlteach.evaluate import few_shot_accuracy

# steps, and the least 1-shot and 5-shot accuracy after them; benchmarks/bench_few_shot.py has the
# full recipes, of three seeds
SHORT = {
    "prototypes": (120, 0.65, 0.82),
    "MAML": (60, 0.5, 0.62),
    "FOMAML": (60, 0.5, 0.66),
    "ANIL": (60, 0.5, 0.66),
    "Reptile": (60, 0.5, 0.62),
}


@cache
def characters():
    return with_turns(glyphs("train")), glyphs("test")


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_it_learns_to_learn_characters(name):
    """5-way accuracy on scripts that took no part in training, above comparing pixels."""
    steps, *least = SHORT[name]
    known, unseen = characters()
    model, _ = train(name, known, seed=0, steps=steps)
    for n_shot, floor in zip((1, 5), least, strict=True):
        accuracy, _ = measured(name, model, unseen, n_shot=n_shot, n_tasks=100)
        assert accuracy > floor, n_shot


def test_pixels_are_beaten_by_the_floors():
    """Nearest mean of pixels: what the floors of 1-shot have to exceed."""
    unseen = characters()[1]
    counts = {
        "n_way": 5,
        "n_query": 10,
        "n_episodes": 200,
        "generator": Generator().manual_seed(99),
    }
    pixels, half = few_shot_accuracy(unseen.images.flatten(1), unseen.labels, n_shot=1, **counts)
    assert pixels + half < min(one for _, one, _ in SHORT.values())


def test_turned_characters_are_new_classes():
    known, unseen = glyphs("train"), glyphs("test")
    turned = with_turns(unseen)
    assert len(turned.classes) == 4 * len(unseen.classes)
    assert turned.labels.bincount().eq(20).all()
    assert turned.images[len(unseen) : 2 * len(unseen)].equal(unseen.images.rot90(1, (2, 3)))
    assert not set(known.classes) & set(unseen.classes)
    assert torch.isin(turned.labels[: len(unseen)], unseen.labels).all()
