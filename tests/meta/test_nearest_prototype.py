"""The linear layer names the nearest prototype, and its loss is that of the package."""

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, nn

from mlteach.episodes import Episode
from mlteach.meta import prototypical_loss
from mlteach.meta.nearest_prototype import (
    accuracy_by_shots,
    prototype_layer,
    prototype_logits,
    prototypes_of,
)


def task(n_way=4, n_shot=5, n_query=9):
    generator = Generator().manual_seed(0)
    centres = 2 * torch.randn(n_way, 1, 3, generator=generator)
    support = centres + torch.randn(n_way, n_shot, 3, generator=generator)
    query = (centres + torch.randn(n_way, n_query, 3, generator=generator)).flatten(0, 1)
    return support, query, torch.arange(n_way).repeat_interleave(n_query)


def test_the_loss_is_that_of_prototypical_networks():
    support, query, labels = task()
    y_support = torch.arange(4).repeat_interleave(5)
    episode = Episode(*(part[None] for part in (support.flatten(0, 1), y_support, query, labels)))
    logits = prototype_logits(query, prototypes_of(support), "squared Euclid")
    expected = prototypical_loss(nn.Identity(), episode)
    torch.testing.assert_close(F.cross_entropy(logits, labels), expected)


def test_cosine_logits_are_cosines_over_their_temperature():
    support, query, _ = task()
    prototypes = prototypes_of(support)
    expected = F.cosine_similarity(query[:, None], prototypes[None], dim=-1) / 0.1
    torch.testing.assert_close(prototype_logits(query, prototypes, "cosine"), expected)


@pytest.mark.parametrize("distance", ["squared Euclid", "cosine"])
def test_accuracy_by_shots_by_a_loop(distance):
    support, query, labels = task()
    found = accuracy_by_shots(support, query, labels, distance)
    for k in range(1, 6):
        means = support[:, :k].mean(1)
        if distance == "cosine":
            guess = F.cosine_similarity(query[:, None], means[None], dim=-1).argmax(1)
        else:
            guess = torch.cdist(query, means).argmin(1)
        assert found[k - 1].item() == pytest.approx((guess == labels).float().mean().item())


def test_an_unknown_distance_is_refused():
    with pytest.raises(ValueError, match="distance must be one of"):
        prototype_layer(torch.zeros(2, 2), "Manhattan")
