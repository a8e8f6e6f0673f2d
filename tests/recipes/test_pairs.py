"""CLIP's recipe, after seconds of training, answers prompts that untrained encoders do not."""

from __future__ import annotations

import pytest
import torch

from mlteach.recipes import pairs
from mlteach.selfsup import CLIP
from mlteach.training import seed_everything


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["clip", "siglip"])
def test_it_learns_captions(loss):
    """Part of the recipe: the hue by prompts, also of combinations never shown, and search."""
    seed_everything(0)
    untrained = pairs.measured(CLIP(*pairs.encoders()))
    found = pairs.measured(pairs.train(seed=0, loss=loss, steps=150 if loss == "clip" else 350))
    for name in ("hue", "held out", "retrieval"):
        assert found[name] > untrained[name] + 0.1, (name, found)


def test_floors_are_named_and_above_chance():
    chance = {"shape": 1 / 8, "hue": 1 / 6, "size": 1 / 3, "place": 1 / 5}
    chance |= {"seen": 1 / 48, "held out": 1 / 48, "retrieval": 1 / 100}
    assert pairs.FLOORS.keys() == chance.keys() == pairs.measured(CLIP(*pairs.encoders())).keys()
    assert all(pairs.FLOORS[name] > share + 0.2 for name, share in chance.items())


def test_the_same_seed_gives_the_same_training():
    one, two, other = (pairs.train(seed=seed, steps=2).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["text_encoder.words.weight"], other["text_encoder.words.weight"])


def test_pairs_stay_pairs():
    """Every drawn text is that of its image."""
    images = torch.arange(20.0)[:, None].expand(20, 3)
    tokens = torch.arange(20)[:, None] + 1
    x, drawn = pairs.draw_pairs(images, tokens, batch_size=50)(torch.Generator().manual_seed(0))
    assert x.shape == (50, 3)
    assert torch.equal(x[:, 0].long() + 1, drawn[:, 0])
    assert len(drawn.unique()) > 10


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pairs.draw_pairs(torch.rand(3, 2), torch.ones(2, 4).long()), ValueError, "images"),
        (lambda: pairs.draw_pairs(torch.rand(3, 2), torch.rand(3, 4)), TypeError, "tokens"),
        (lambda: pairs.draw_pairs(torch.ones(3, 2).long(), torch.ones(3, 4)), TypeError, "images"),
        (
            lambda: pairs.draw_pairs(torch.rand(3, 2), torch.ones(3, 4).long(), batch_size=0),
            ValueError,
            "batch_size",
        ),
        (lambda: pairs.prompts("colour"), ValueError, "factors must be one of 'size'"),
        (lambda: pairs.retrieval(torch.rand(9, 2), torch.rand(9, 2)), ValueError, "image, text"),
        (lambda: pairs.train(steps=0), ValueError, "steps"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call()
