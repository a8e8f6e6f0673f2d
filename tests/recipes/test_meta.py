"""Every way of learning from few examples, after seconds of meta-training, reads new scripts."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Generator

from mlteach.data import glyphs
from mlteach.episodes import sample_episodes
from mlteach.evaluate import adapted_accuracy, few_shot_accuracy
from mlteach.recipes.meta import RECIPES, accuracy, classifier, train, turned

# steps, and the least 1-shot and 5-shot accuracy after them; the floors of the full recipes are
# measured by benchmarks/bench_few_shot.py
SHORT = {
    "prototypes": (120, 0.65, 0.82),
    "MAML": (60, 0.5, 0.62),
    "FOMAML": (60, 0.5, 0.66),
    "ANIL": (60, 0.5, 0.66),
    "Reptile": (60, 0.5, 0.62),
}


@cache
def characters():
    return turned(glyphs("train")), glyphs("test")


def new_tasks(n_tasks, n_shot):
    """Tasks of scripts never seen."""
    counts = {"n_tasks": n_tasks, "n_way": 5, "n_shot": n_shot, "n_query": 10}
    return sample_episodes(characters()[1], **counts, generator=Generator().manual_seed(99))


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_it_learns_to_learn_characters(name):
    """5-way accuracy on scripts that took no part in training, above comparing pixels."""
    steps, *least = SHORT[name]
    model = train(name, characters()[0], seed=0, steps=steps)
    for n_shot, floor in zip((1, 5), least, strict=True):
        mean, _ = accuracy(name, model, new_tasks(100, n_shot), queries="together")
        assert mean > floor, n_shot


@pytest.mark.parametrize("name", RECIPES)
def test_three_steps_of_a_recipe_repeat(name):
    """The seed decides all, torch's thread count stays, and training moves the encoder."""
    threads, seen = torch.get_num_threads(), []
    first = train(name, characters()[0], seed=1, steps=3, callback=lambda *now: seen.append(now))
    again = train(name, characters()[0], seed=1, steps=3)
    assert all(a.equal(b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    torch.manual_seed(1)
    before = classifier(RECIPES[name].norm)
    assert not before.encoder[0][0].weight.equal(first.encoder[0][0].weight)
    assert seen == [(step, first) for step in (1, 2, 3)]
    assert torch.get_num_threads() == threads


def test_anil_is_measured_by_adapting_the_head():
    """The encoder is in evaluation mode then, and all is as with a frozen encoder."""
    torch.manual_seed(0)
    model, tasks = classifier("batch"), new_tasks(4, 1)
    for parameter in model.head.parameters():
        torch.nn.init.normal_(parameter)
    frozen = {"lr": 0.4, "steps": 5, "frozen": ("encoder.",)}
    found = accuracy("ANIL", model, tasks)
    assert model.training
    slow = adapted_accuracy(model.eval(), tasks, torch.nn.functional.cross_entropy, **frozen)
    assert found == pytest.approx(slow, abs=0.011)  # one query of 200 may lie on a boundary


def test_the_head_starts_at_zero_if_wanted():
    zero, drawn = classifier(), classifier(n_way=7, zero_head=False)
    assert all(not p.any() for p in zero.head.parameters())
    assert all(p.any() for p in drawn.head.parameters())
    assert drawn.head.out_features == 7
    assert all("running_mean" not in name for name, _ in zero.named_buffers())


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
    assert pixels + half < min(recipe.floors[0] for recipe in RECIPES.values())


def test_turned_characters_are_new_classes():
    seen, unseen = glyphs("train"), glyphs("test")
    more = turned(unseen)
    assert len(more.classes) == 4 * len(unseen.classes)
    assert more.labels.bincount().eq(20).all()
    assert more.images[len(unseen) : 2 * len(unseen)].equal(unseen.images.rot90(1, (2, 3)))
    assert not set(seen.classes) & set(unseen.classes)
    assert torch.isin(more.labels[: len(unseen)], unseen.labels).all()


def test_a_recipe_is_judged_under_each_protocol():
    """The queries' batches matter to MAML's batch norm, and not to a body in evaluation mode."""
    tasks = new_tasks(4, 1)
    torch.manual_seed(0)
    maml, anil = classifier(zero_head=False), classifier(norm="batch", zero_head=False)
    for name, model, differ in (("MAML", maml, True), ("ANIL", anil, False)):
        found = {accuracy(name, model, tasks, queries=q) for q in ("together", "with support")}
        assert (len(found) == 2) == differ
        assert accuracy(name, model, tasks) == accuracy(name, model, tasks, queries="with support")


def test_another_rate_is_taken():
    first, same, other = (
        train("prototypes", characters()[0], steps=2, lr=lr) for lr in (None, 2e-3, 1e-2)
    )
    weight = first.encoder[0][0].weight
    assert weight.equal(same.encoder[0][0].weight)
    assert not weight.equal(other.encoder[0][0].weight)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: train("SimCLR", characters()[0]), "name must be one of 'prototypes', 'MAML'"),
        (lambda: train("MAML", "glyphs"), "dataset must be a Dataset"),
        (lambda: train("MAML", characters()[0], steps=0), "steps must be a whole number >= 1"),
        (lambda: train("MAML", characters()[0], steps=1, lr=0), "lr must be"),
        (lambda: train("MAML", characters()[0], seed="one"), "seed must be a whole number"),
        (
            lambda: train("MAML", characters()[0], steps=1, callback=lambda: None),
            "callback must be a function of .step, model.",
        ),
        (lambda: turned("glyphs"), "dataset must be a Dataset"),
        (lambda: classifier("layer"), "norm must be one of"),
        (lambda: classifier(n_way=0), "n_way must be a whole number >= 1"),
        (lambda: classifier(zero_head="no"), "zero_head must be True or False"),
        (lambda: accuracy("SimCLR", classifier(), new_tasks(2, 1)), "name must be one of"),
        (
            lambda: accuracy("MAML", torch.nn.Linear(4, 5), new_tasks(2, 1)),
            "model must have parts named encoder and head",
        ),
        (
            lambda: accuracy("MAML", classifier(), new_tasks(2, 1), queries="each"),
            "queries must be one of",
        ),
        (lambda: accuracy("ANIL", classifier(), None), "episodes must be an Episode"),
    ],
)
def test_what_makes_no_sense_is_told(call, told):
    with pytest.raises((TypeError, ValueError), match=told):
        call()
