"""The checks of the chapter on episodes pass what is right, name each mistake, and never raise."""

from __future__ import annotations

import math

import pytest
import torch
from support.every_check import EveryCheck
from torch import nn

from mlteach import checks, data
from mlteach.episodes import Episode, sample_episodes
from mlteach.meta import prototypical_loss
from mlteach.mistakes import episodes, meta, mistakes_in


def right_episode(labels, n_way, n_shot, n_query, generator):
    """By way of mlteach.sample_episodes, with the images' numbers in the place of images."""
    numbers = data.Dataset("numbers", torch.arange(len(labels)), labels, ("?",) * 7, {})
    counts = {"n_tasks": 1, "n_way": n_way, "n_shot": n_shot, "n_query": n_query}
    drawn = sample_episodes(numbers, **counts, generator=generator)
    return torch.cat(
        [drawn.x_support[0].view(n_way, n_shot), drawn.x_query[0].view(n_way, n_query)], 1
    )


def right_prototypes(support, labels, n_way):
    total = torch.zeros(n_way, support.shape[1]).index_add(0, labels, support)
    return total / labels.bincount(minlength=n_way)[:, None]


def right_loss(prototypes, query, labels):
    """Query by query, by the formula."""
    losses = []
    for x, label in zip(query, labels, strict=True):
        logits = -(x - prototypes).pow(2).sum(1)
        losses.append(logits.logsumexp(0) - logits[label])
    return sum(losses) / len(losses)


def right_layer(prototypes):
    return torch.stack([torch.cat([2 * m, -(m @ m)[None]]) for m in prototypes])


RIGHT = {
    "episode": right_episode,
    "prototypes": right_prototypes,
    "prototype_loss": right_loss,
    "linear_layer": right_layer,
}
MISTAKES = {
    "episode": mistakes_in(episodes.episode),
    "prototypes": mistakes_in(meta.prototypes),
    "prototype_loss": mistakes_in(meta.prototype_loss),
    "linear_layer": mistakes_in(meta.linear_layer),
}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def test_the_definitions_are_those_of_the_package():
    """Prototypes and loss of the checks together give mlteach.prototypical_loss."""
    generator = torch.Generator().manual_seed(0)
    support, query = torch.randn(6, 4, generator=generator), torch.randn(5, 4, generator=generator)
    y_support, y_query = torch.tensor([2, 0, 1, 1, 0, 2]), torch.tensor([0, 1, 2, 2, 1])
    parts = (support, y_support, query, y_query)
    theirs = prototypical_loss(nn.Identity(), Episode(*(part[None] for part in parts)))
    means = meta.prototypes(support, y_support, 3)
    torch.testing.assert_close(meta.prototype_loss(means, query, y_query), theirs)


def test_an_image_drawn_twice_for_the_support_is_told():
    def twice(labels, n_way, n_shot, n_query, generator):
        rows = right_episode(labels, n_way, n_shot, n_query, generator)
        return rows.index_copy(1, torch.tensor([1]), rows[:, :1])

    assert "drawn twice" in checks.episode(twice).message


@pytest.mark.parametrize(
    "change", [lambda rows: rows + 20, lambda rows: rows - 10, lambda rows: rows + 0.5]
)
def test_what_is_no_index_is_told(change):
    verdict = checks.episode(lambda *arguments: change(right_episode(*arguments)))
    assert "whole numbers from 0 to 45" in verdict.message


def test_a_random_start_is_no_shuffle():
    def turned(labels, n_way, n_shot, n_query, generator):
        classes = episodes.shuffled(episodes.large_enough(labels, n_shot + n_query), generator)
        rows = []
        for label in classes[:n_way]:
            images = episodes.members(labels, label)
            start = torch.randint(len(images), (), generator=generator).item()
            rows.append(images.roll(start)[: n_shot + n_query])
        return torch.stack(rows)

    assert "a random start is not enough" in checks.episode(turned).message


def test_a_small_class_with_its_images_repeated_is_told():
    def repeated(labels, n_way, n_shot, n_query, generator):
        rows = []
        for label in episodes.shuffled(labels.unique(), generator)[:n_way]:
            images = episodes.shuffled(episodes.members(labels, label), generator)
            rows.append(images.repeat(n_shot + n_query)[: n_shot + n_query])
        return torch.stack(rows)

    assert "leave such classes out" in checks.episode(repeated).message


def test_a_loss_that_overflows_is_told():
    """With points far apart every exp() of the formula as it stands is 0."""

    def as_typed(prototypes, query, labels):
        shares = (-torch.cdist(query, prototypes).square()).exp()
        return -(shares[torch.arange(len(labels)), labels] / shares.sum(1)).log().mean()

    assert "let cross_entropy or logsumexp do it" in checks.prototype_loss(as_typed).message


def test_a_loss_made_from_numbers_is_told():
    verdict = checks.prototype_loss(lambda *arguments: right_loss(*arguments).item())
    assert "no gradient can flow" in verdict.message


@pytest.mark.parametrize("answer", [1860, 1860.0, torch.tensor(1860)])
def test_the_number_of_episodes_is_found(answer):
    """By hand: (1.96 * 0.11 / 0.005)² = 43.12² = 1859.3, rounded up."""
    assert math.ceil(43.12**2) == 1860
    verdict = checks.episodes_needed(answer)
    assert verdict.passed
    assert "public check passed" in verdict.message


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (1859, "rounded down"),
        (44, "square the quotient"),
        (484, "without the 1.96"),
        (7438, "half the width is 0.5"),
        (600, "± 0.88 points"),
        (0, "at least one episode"),
        (None, "a number is expected"),
        ("many", "a number is expected"),
        (True, "a number is expected"),
    ],
)
def test_a_wrong_number_of_episodes_is_explained(answer, part):
    verdict = checks.episodes_needed(answer)
    assert not verdict.passed
    assert part in verdict.message
