"""Every pretext task, after seconds of training, answers better than chance and sees shapes."""

from __future__ import annotations

import pytest
import torch

from mlteach.evaluate import features, linear_probe
from mlteach.recipes import pretext, pretext_batches
from mlteach.recipes.pretext import RECIPES, build, train
from mlteach.recipes.selfsup import datasets

# the least that the last 20 steps of a full training reach, far above chance level
SOLVED = {"Rotation": 0.33, "RelativePosition": 0.3, "Jigsaw": 0.4}


def probe(method):
    """Of the shape, with 500 labels."""
    labelled, test = datasets()[0].subset(torch.arange(500)), datasets()[1]
    z, z_test = features(method, labelled.images), features(method, test.images)
    return linear_probe(z, labelled.labels, z_test, test.labels)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_it_learns_shapes_without_labels(name):
    """The floor of the recipe, and more than the same encoder knew before the training."""
    solved = []
    method = train(name, callback=lambda step, loss, aux: solved.append(aux.get("accuracy")))
    learned = probe(method)
    assert learned > RECIPES[name].floor
    assert learned > probe(build(name)) + 0.03
    if name in SOLVED:
        assert sum(map(float, solved[-20:])) / 20 > SOLVED[name]


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_sets_the_method_up(name):
    """The method is the one of that name, with the weights of the seed and the common encoder."""
    method, again, other = (build(name, seed=seed) for seed in (0, 0, 1))
    assert type(method).__name__ == name
    images = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        z, z_again, z_other = (one.encode(images) for one in (method, again, other))
    assert z.shape == (3, pretext.FEATURES)
    assert z.equal(z_again)
    assert not torch.allclose(z, z_other)


@pytest.mark.parametrize("name", RECIPES)
def test_two_steps_repeat_on_grey_images(name):
    images = torch.rand(40, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    first, again = (train(name, images, seed=3, steps=2) for _ in range(2))
    assert all(a.equal(b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_no_steps_are_refused():
    """0 is not taken for those of the recipe."""
    with pytest.raises(ValueError, match="steps must be"):
        train("Rotation", torch.rand(4, 3, 32, 32), steps=0)


def test_the_draw_asks_about_images_of_the_set():
    images = torch.arange(5.0)[:, None, None, None].expand(-1, 1, 4, 4)
    draw = pretext_batches(images, pretext.turned, batch_size=3)
    question, labels = draw(torch.Generator().manual_seed(0))
    assert question.shape == (12, 1, 4, 4)
    assert labels.tolist() == 3 * [0] + 3 * [1] + 3 * [2] + 3 * [3]
    assert set(question.unique().tolist()) <= set(range(5))


def test_a_task_must_return_a_tuple():
    draw = pretext_batches(torch.rand(4, 3, 8, 8), lambda images, generator: images)
    with pytest.raises(TypeError, match="task must return a tuple"):
        draw(torch.Generator())
