"""Tasks that keep one letter, networks whose gains adapt to them, and their training."""

from __future__ import annotations

import pytest
import torch

from mlteach.data import glyphs
from mlteach.losses import nt_xent
from mlteach.recipes import meta_selfsup
from mlteach.recipes.meta_selfsup import (
    ALL,
    GAINS,
    LAYER,
    Gains,
    adaptation,
    kept_letter,
    network,
    train,
)
from mlteach.training import generator, seed_everything


@pytest.fixture(scope="module")
def letters():
    return glyphs("test").images


@pytest.mark.parametrize("dim", [1, -1])
def test_gains_multiply_each_part(dim):
    x = torch.rand(4, 6, 5, 6, generator=generator(0))
    gains = Gains(3, dim=dim)
    assert gains(x).equal(x)
    gains.log.data = torch.tensor([0.0, 1.0, -1.0])
    for part, before, log in zip(
        gains(x).chunk(3, dim), x.chunk(3, dim), gains.log.tolist(), strict=True
    ):
        torch.testing.assert_close(part, before * torch.tensor(log).exp())


@pytest.mark.parametrize("beside", [False, True])
def test_a_task_keeps_its_letter_and_changes_the_others(letters, beside):
    for kept in range(3):
        task = kept_letter(letters, kept, count=3, beside=beside)
        x, pairs = task(generator(kept))
        assert pairs.tolist() == [*range(48), *range(48)]
        parts = x.chunk(3, -1 if beside else 1)
        changes = [(a[:48] - a[48:]).abs().mean() for a in parts]
        assert min(changes) == changes[kept]
        assert sorted(changes)[1] > 1.15 * changes[kept]


def test_nothing_but_the_hand_is_changed_with_share_0(letters):
    """Every letter stays: all parts change as little as the kept one."""
    x, _ = kept_letter(letters, 0, share=0.0)(generator(0))
    changed, _ = kept_letter(letters, 0, share=1.0)(generator(0))
    first, second = (a.chunk(2)[1] - a.chunk(2)[0] for a in (x, changed))
    assert first[:, 1].abs().mean() < 0.9 * second[:, 1].abs().mean()


@pytest.mark.parametrize(("beginnings", "count"), [(GAINS, 2), (LAYER, 640), (ALL, 32_642)])
def test_only_the_named_weights_adapt(letters, beginnings, count):
    model, task = network(), kept_letter(letters, 0)
    path = adaptation(model, task, adapt_only=beginnings, lr=1.0, steps=2, generator=generator(0))
    moved = [name for name in path[0] if not path[0][name].equal(path[2][name])]
    assert len(path) == 3
    assert sum(path[0][name].numel() for name in moved) == count
    assert all(name.startswith(tuple(beginnings)) for name in moved)


def test_an_inner_step_is_a_step_down_nt_xent(letters):
    model, task = network(), kept_letter(letters, 0)
    path = adaptation(model, task, adapt_only=GAINS, lr=2.0, steps=1, generator=generator(3))
    x, _ = task(generator(3))
    loss = nt_xent(*model(x).chunk(2), temperature=meta_selfsup.TEMPERATURE)
    (slope,) = torch.autograd.grad(loss, model.gains.log)
    torch.testing.assert_close(path[1]["gains.log"], -2.0 * slope)


@pytest.mark.parametrize("method", meta_selfsup.METHODS)
def test_training_repeats_and_moves_the_encoder(letters, method):
    trained = []
    for _ in range(2):
        seed_everything(0)
        model = network()
        before = model.encoder[0][0].weight.clone()
        tasks = [kept_letter(letters, kept) for kept in (0, 1)]
        trained.append(train(method, model, tasks, steps=2, seed=1))
        frozen = method == "Reptile"  # of GAINS: only these adapt, so only these are walked to
        assert before.equal(model.encoder[0][0].weight) == frozen
    one, two = ([*model.parameters()] for model in trained)
    assert all(a.equal(b) for a, b in zip(one, two, strict=True))


def test_told_gains_leave_the_kept_letter():
    gains = meta_selfsup.told_gains(1, 3).exp()
    assert gains.argmax() == 1
    assert gains[1] / gains[0] > 50


@pytest.mark.slow
def test_a_meta_trained_network_finds_the_letter_that_counts(letters):
    """One unlabelled step, of either task, beats no step and a step of the other task."""
    seed_everything(0)
    tasks = [kept_letter(glyphs("train").images, kept) for kept in (0, 1)]
    model = train("FOMAML", network(), tasks, steps=160, seed=0)
    test = glyphs("test")
    test = test.subset(test.factors["drawer"] % 2 == 0)
    paths = [
        adaptation(
            model,
            kept_letter(letters, kept),
            adapt_only=GAINS,
            lr=2.0,
            steps=1,
            generator=generator(7),
        )
        for kept in (0, 1)
    ]
    for kept in (0, 1):
        x = meta_selfsup.images_to_judge(test, kept)
        before, after, other = (
            meta_selfsup.one_neighbour(model, params, x, test)
            for params in (*paths[kept], paths[1 - kept][1])
        )
        assert after > 0.25
        assert before < 0.15
        assert other < 0.04


@pytest.mark.parametrize(
    ("shape", "dim"), [((2, 1, 4, 4), 1), ((2, 3, 4, 4), 1), ((2, 2, 4, 5), -1)]
)
def test_gains_refuse_what_does_not_fall_into_equal_parts(shape, dim):
    with pytest.raises(ValueError, match="x must have 2 equal parts along dim"):
        meta_selfsup.Gains(2, dim=dim)(torch.rand(shape))


@pytest.mark.parametrize("kept", [-1, 2])
def test_a_letter_that_is_not_there_cannot_be_kept(kept):
    with pytest.raises(ValueError, match="kept must be a whole number between 0 and 1"):
        meta_selfsup.told_gains(kept, 2)
    with pytest.raises(ValueError, match="kept must be a whole number between 0 and 1"):
        meta_selfsup.images_to_judge(glyphs("test"), kept)


def test_training_needs_a_task_and_a_model():
    with pytest.raises(ValueError, match="tasks must be at least one"):
        meta_selfsup.train("joint", meta_selfsup.network(2), [], steps=1, seed=0)
    with pytest.raises(TypeError, match="model must be a network"):
        meta_selfsup.train("joint", None, [lambda g: None], steps=1, seed=0)
