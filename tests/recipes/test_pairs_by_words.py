"""The recipe of CLIP keeps its word: what is held out, what prompts ask, what retrieval counts."""

from __future__ import annotations

import re

import pytest
import torch

from mlteach.data import CAPTIONED, caption_classes, captions, shapes
from mlteach.mistakes.zero_shot import recall_at_k
from mlteach.recipes import pairs
from mlteach.similarity import similarities


def named(text, factor):
    """The class of a factor whose words a text has, found without the library."""
    words = [
        (len(name), number)
        for number, names in enumerate(CAPTIONED[factor])
        for name in names
        if re.search(rf"\b{name}\b", text)
    ]
    return max(words)[1]


def test_no_caption_of_the_training_names_a_held_out_combination():
    """In any wording; and each hue and each shape is learned with all its other partners."""
    train, _ = pairs.datasets()
    some = train.subset(torch.arange(4000))
    seen = {
        (named(text, "hue"), named(text, "shape"))
        for wording in ("varied", "other")
        for text in captions(some, wording=wording)
    }
    hues, kinds = len(CAPTIONED["hue"]), len(CAPTIONED["shape"])
    missing = {(hue, kind) for hue in range(hues) for kind in range(kinds)} - seen
    assert len(missing) == kinds
    assert {kind for _, kind in missing} == set(range(kinds))
    test = shapes(2000, seed=7)
    classes = caption_classes(test)
    for hue, kind, unseen in zip(
        classes["hue"].tolist(),
        classes["shape"].tolist(),
        pairs.held_out(test).tolist(),
        strict=True,
    ):
        assert unseen == ((hue, kind) in missing)


@pytest.mark.parametrize("factors", [("shape",), ("place",), ("hue", "shape"), ("shape", "size")])
def test_prompt_i_names_class_i(factors):
    """The last factor's classes change first."""
    texts = pairs.prompts(*factors)
    sizes = [len(CAPTIONED[factor]) for factor in factors]
    numbers = torch.cartesian_prod(*map(torch.arange, sizes)).reshape(-1, len(factors))
    assert len(texts) == len(numbers)
    for text, number in zip(texts, numbers.tolist(), strict=True):
        assert [named(text, factor) for factor in factors] == number


def test_retrieval_counts_both_directions_within_groups():
    """As recall at 1 of each group of ten; what is left of 45 rows is left out."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(45, 4, generator=generator)
    text = image + 0.7 * torch.randn(45, 4, generator=generator)
    found = pairs.retrieval(image, text, among=10)
    assert found.shape == (80,)
    recalls = []
    for start in range(0, 40, 10):
        alike = similarities(image[start : start + 10], text[start : start + 10])
        recalls += [recall_at_k(alike, 1), recall_at_k(alike.T, 1)]
    assert found.mean().item() == pytest.approx(torch.stack(recalls).mean().item())
    assert 0.2 < found.mean().item() < 1


def test_guessing_finds_one_in_a_hundred():
    """Chance, within three standard errors of 40,000 answers."""
    generator = torch.Generator().manual_seed(1)
    image, text = torch.randn(2, 20_000, 8, generator=generator)
    found = pairs.retrieval(image, text).mean().item()
    assert found == pytest.approx(0.01, abs=3 * (0.01 * 0.99 / 40_000) ** 0.5)
