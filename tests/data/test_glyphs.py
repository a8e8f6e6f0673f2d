"""The glyphs: the tracked set, its split by script, its difficulty, and how it is drawn."""

import hashlib
import importlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mlteach.data import SCRIPTS, draw_glyphs, glyphs

# the package holds a function of the same name
module = importlib.import_module("mlteach.data.glyphs")


@pytest.fixture(scope="module")
def everything():
    return glyphs("all")


def test_the_tracked_set(everything):
    """The decoded arrays to the bit: a change of the file is a change of the data."""
    parts = [everything.images, everything.labels, *everything.factors.values()]
    assert hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest() == GLYPHS
    assert hashlib.sha256("\n".join(everything.classes).encode()).hexdigest() == CLASSES


GLYPHS = "e13cb07d0b30fba4d9e88e6f63d06071c518ad2c1493e45bec0175733fdaacfd"
CLASSES = "58225fed84628ee69e37b2dc9aaaea7d8b1b62595b50ecd82e147dde825ae6c8"


def test_the_file_is_small():
    """At most 2.5 MB in the repository."""
    file = Path(module.__file__).with_name("glyphs.npz")
    assert file.stat().st_size < 2.5e6


def test_the_file_is_what_the_drawing_packs(tmp_path, monkeypatch):
    """Two pixels a byte go into the file and come out in the same order, split by script."""
    shades = torch.arange(784).remainder(16).div(15).view(1, 1, 28, 28)
    drawn = shades.expand(2, 20, -1, -1).contiguous(), ("Latin/A", "Lao/ກ")
    monkeypatch.setattr(module, "draw_glyphs", lambda: drawn)
    np.savez_compressed(tmp_path / "glyphs.npz", **module.pack_glyphs())
    monkeypatch.setattr(module, "files", lambda package: tmp_path)
    test = module.glyphs("test")
    assert test.classes == ("Lao/ກ",)
    assert test.images.shape == (20, 1, 28, 28)
    assert torch.equal(test.images[3].flatten().mul(15).round().long(), torch.arange(784) % 16)


def test_split_by_script(everything):
    """Train and test share no script and make up the whole set; labels count from 0 in each."""
    train, test = glyphs("train"), glyphs("test")
    assert set(train.classes) | set(test.classes) == set(everything.classes)
    assert len(train) + len(test) == len(everything) == 20 * 886
    for part, scripts in [(train, module.TRAIN_SCRIPTS), (test, module.TEST_SCRIPTS)]:
        assert {name.split("/")[0] for name in part.classes} == set(scripts)
        assert part.labels.bincount().tolist() == [20] * len(part.classes)
        named = [SCRIPTS[i] for i in part.factors["script"]]
        assert named == [part.classes[label].split("/")[0] for label in part.labels]
        assert part.factors["drawer"].tolist() == list(range(20)) * len(part.classes)
    letter = test.classes.index("Hebrew/א")
    same = everything.images[everything.labels == everything.classes.index("Hebrew/א")]
    assert torch.equal(test.images[test.labels == letter], same)


def test_ink(everything):
    """Ink is 1 on paper 0, 16 shades, as much as in handwriting, and nothing is empty or a blot."""
    assert everything.images.unique().tolist() == pytest.approx([level / 15 for level in range(16)])
    share = everything.images.mean((1, 2, 3))
    assert 0.01 < share.min() < share.max() < 0.35
    # Omniglot at this size: 0.084
    assert everything.images.mean().item() == pytest.approx(0.1, abs=0.02)


def test_drawers_have_habits(everything):
    """A drawer's pen and slant are the same in scripts that nothing else connects."""
    images = everything.images.view(-1, 20, 28, 28)
    row = torch.arange(28.0) - 13.5
    weight = images.sum((2, 3))
    x, y = (images.sum(2) * row).sum(2) / weight, (images.sum(3) * row).sum(2) / weight
    # positive where ink leans to the left
    along = (images * row * row[:, None]).sum((2, 3)) / weight - x * y
    is_test = torch.tensor(
        [name.split("/")[0] in module.TEST_SCRIPTS for name in everything.classes]
    )
    for habit in (weight, along):
        both = torch.stack([habit[is_test].mean(0), habit[~is_test].mean(0)])
        assert torch.corrcoef(both)[0, 1] > 0.9
    shuffled = torch.stack([weight[is_test].mean(0), weight[~is_test].mean(0).roll(1)])
    assert torch.corrcoef(shuffled)[0, 1] < 0.9  # the measure sees when drawers are mixed up


def nearest_neighbour(dataset, n_shot, n_episodes=300):
    """5-way accuracy of the nearest pixel neighbour, 5 queries a class, in percent."""
    generator = torch.Generator().manual_seed(0)
    pixels = dataset.images.view(len(dataset.classes), 20, -1)
    right = 0
    for _ in range(n_episodes):
        ways = torch.rand(len(pixels), generator=generator).argsort()[:5]
        drawers = torch.rand(5, 20, generator=generator).argsort(1)[:, : n_shot + 5]
        episode = pixels[ways[:, None], drawers]
        distance = torch.cdist(episode[:, n_shot:].flatten(0, 1), episode[:, :n_shot].flatten(0, 1))
        right += (distance.argmin(1) // n_shot == torch.arange(5).repeat_interleave(5)).sum().item()
    return 100 * right / (25 * n_episodes)


@pytest.mark.parametrize(("n_shot", "expected"), [(1, 46.3), (5, 65.5)])
def test_as_hard_as_handwriting(n_shot, expected):
    """Nearest pixel neighbour on test scripts; Omniglot's evaluation set gives 42.8 and 64.9.

    300 episodes scatter by about 0.9.
    """
    assert nearest_neighbour(glyphs("test"), n_shot) == pytest.approx(expected, abs=4)


def test_no_letter_twice(everything):
    """No two letters' average images are alike, nor is any letter its capital over again."""
    average = F.normalize(everything.images.view(-1, 20, 784).mean(1))
    likeness = average @ average.T - torch.eye(len(average))
    assert likeness.max() < 0.95
    letters = [name.split("/")[1] for name in everything.classes]
    assert len(set(letters)) == len(letters)
    assert "Latin/C" in everything.classes
    assert "Latin/c" not in everything.classes
    assert "Greek/Α" not in everything.classes  # looks like the Latin A


@pytest.fixture(scope="module")
def hebrew():
    return draw_glyphs(("Hebrew",), n_drawers=3, seed=0)


def test_the_drawing_makes_the_tracked_set(hebrew, everything):
    """Drawn anew, letters look as in the file, up to what font renderers' versions differ in."""
    images, classes = hebrew
    assert images.shape == (len(classes), 3, 28, 28)
    tracked = dict(zip(everything.classes, everything.images.view(-1, 20, 784), strict=True))
    shared = [name for name in classes if name in tracked]
    assert len(shared) >= 15  # of 18; drawn alone, a few more letters look like none before
    old = torch.stack([tracked[name][:3] for name in shared])
    new = torch.stack([images[classes.index(name)].flatten(1) for name in shared])
    assert F.cosine_similarity(old, new, dim=2).mean() > 0.9
    # other letters, for comparison
    assert F.cosine_similarity(old, new.roll(1, 0), dim=2).mean() < 0.5


def test_the_seed_makes_the_drawers(hebrew):
    """The same seed draws the same, another seed draws the same letters by other hands."""
    again, _ = draw_glyphs(("Hebrew",), n_drawers=3, seed=0)
    assert torch.equal(again, hebrew[0])
    other, classes = draw_glyphs(("Hebrew",), n_drawers=3, seed=1)
    assert classes == hebrew[1]
    assert not torch.allclose(other, again, atol=0.5)


def test_thinning():
    """A bar becomes a line one pixel wide in its middle; a ring stays closed around its hole."""
    page = torch.zeros(2, 30, 30, dtype=torch.bool)
    page[0, 10:15, 4:26] = True
    here = torch.arange(30.0) - 14.5
    radius = torch.hypot(here, here[:, None])
    page[1] = (radius > 6) & (radius < 11)
    bar, ring = module._thin(page.numpy()).bool()
    assert bar[:, 8:22].sum(0).tolist() == [1] * 14
    assert bar[12, 8:22].all()
    assert (ring & ~page[1]).sum() == 0
    neighbours = F.conv2d(ring[None, None].float(), torch.ones(1, 1, 3, 3), padding=1)[0, 0] - 1
    assert (neighbours[ring] >= 2).all()  # no loose end
    assert ring.sum() < 2 * 3.2 * 8.5 * 1.2  # about one pixel wide along a circle of radius 8.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scripts": ("Klingon", "Lao")}, r"scripts\[0\] must be one of 'Latin', .* got 'Klingon'"),
        ({"scripts": ("Lao",), "n_drawers": 0}, "n_drawers must be a whole number >= 1, got 0"),
    ],
)
def test_drawing_bad_arguments(arguments, message):
    """Errors name the argument, what was given and what is allowed."""
    with pytest.raises(ValueError, match=message):
        draw_glyphs(**arguments)
