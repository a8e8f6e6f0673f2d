"""Tasks made without labels: what they hold, and that each method of the table trains."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mlteach import results
from mlteach.data import glyphs
from mlteach.recipes import together, unlabelled
from mlteach.training import generator


@pytest.fixture(scope="module")
def images():
    return glyphs("test").images[::10]


def same(x, y):
    """(B, C) whether image i of x equals image j of y."""
    return (x[:, None] == y[None]).flatten(2).all(2)


def test_a_task_of_images(images):
    """Classes are different images of the set; the support is as it is, a query is its view."""
    task = unlabelled.image_tasks(images, n_way=10)(generator(0))
    assert task.x_support.shape == task.x_query.shape == (1, 10, 1, 28, 28)
    assert task.y_support.tolist() == task.y_query.tolist() == [list(range(10))]
    assert same(task.x_support[0], images).any(1).all()
    assert same(task.x_support[0], task.x_support[0]).equal(torch.eye(10).bool())
    assert not same(task.x_query[0], images).any()
    # an image is nearer to its own view than to the others' on average
    apart = torch.cdist(task.x_support[0].flatten(1), task.x_query[0].flatten(1))
    assert apart.diag().mean() < apart.mean()


def test_both_may_be_views(images):
    task = unlabelled.image_tasks(images, n_way=10, both=True)(generator(0))
    assert not same(task.x_support[0], images).any()
    assert not (task.x_support == task.x_query).all()


def test_clusters_become_labels(images):
    """Two heaps of features are the two classes; an image alone in its cluster is left out.

    From first centres that take one of each: k-means from two of one heap would divide that.
    """
    z = torch.cat([torch.zeros(20, 2), torch.ones(20, 2), torch.full((1, 2), 9.0)])
    z[:40] += 0.01 * torch.randn(40, 2, generator=generator(0))
    heap = torch.tensor([0] * 20 + [1] * 20 + [2])
    seed = next(
        seed
        for seed in range(100)
        if len(heap[torch.randperm(41, generator=generator(seed))[:3]].unique()) == 3
    )
    found = unlabelled.clustered(images[:41], z, n_clusters=3, generator=generator(seed))
    assert len(found) == 40
    assert len(found.classes) == 2
    assert found.images.equal(images[:40])
    first, second = found.labels[:20].unique(), found.labels[20:].unique()
    assert len(first) == len(second) == 1
    assert first != second


def test_clusters_repeat_and_hold_more_of_one_character_than_chance():
    """The generator decides; a cluster's commonest character has about 2.5 times chance's share."""
    test = glyphs("test")
    z = test.images.flatten(1)
    one, again, other = (
        unlabelled.clustered(test.images, z, n_clusters=100, generator=generator(seed))
        for seed in (0, 0, 1)
    )
    assert one.labels.equal(again.labels)
    assert len(one) != len(other) or not one.labels.equal(other.labels)
    truth = {
        image.numpy().tobytes(): int(y) for image, y in zip(test.images, test.labels, strict=True)
    }
    characters = torch.tensor([truth[image.numpy().tobytes()] for image in one.images])
    shuffled = characters[torch.randperm(len(characters), generator=generator(0))]

    def purity(characters):
        counts = [characters[one.labels == k].bincount().max() for k in range(len(one.classes))]
        return sum(counts).item() / len(characters)

    assert purity(characters) > 1.8 * purity(shuffled)


def test_clusters_of_other_features_are_refused(images):
    with pytest.raises(ValueError, match="z must have a row for each of the .* images, got 3"):
        unlabelled.clustered(images, torch.zeros(3, 2), n_clusters=2)
    with pytest.raises(ValueError, match="n_clusters"):
        unlabelled.clustered(images[:3], torch.zeros(3, 2), n_clusters=4)


def test_queue_tasks_are_mocos_loss_and_a_task():
    """The task by hand: the SHOTS keys nearest to a query's own key are the support of its class.

    Each shot counts equally, over the shots of all queries.
    """
    torch.manual_seed(0)
    method = unlabelled.QueueTasks(
        nn.Flatten(), nn.Linear(6, 5), n_keys=16, decay=0.5, temperature=0.3
    )
    x1, x2 = torch.randn(4, 6), torch.randn(4, 6)
    loss, aux = method.loss(x1, x2)
    moco, _ = super(unlabelled.QueueTasks, method).loss(x1, x2)
    query, key = aux["z1"], aux["z2"]
    shots = [
        method.queue[(method.queue @ k).sort(descending=True).indices[: unlabelled.SHOTS]]
        for k in key
    ]
    support = torch.cat(shots)
    by_hand = 0
    for q, own in zip(query, shots, strict=True):
        everything = (support @ q / 0.3).logsumexp(0)
        by_hand += sum(everything - shot @ q / 0.3 for shot in own) / len(own) / len(query)
    torch.testing.assert_close(loss, moco + by_hand)
    loss.backward()
    assert method.projector.weight.grad.any()


@pytest.mark.parametrize("name", unlabelled.METHODS)
def test_every_method_trains_and_repeats(monkeypatch, images, name):
    monkeypatch.setattr(together, "BUDGET", 3)
    monkeypatch.setattr(
        unlabelled.clustered, "__kwdefaults__", {"n_clusters": 30, "generator": None}
    )
    first, again = (unlabelled.train(name, images, seed=1) for _ in range(2))
    assert all(a.equal(b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_bad_names_are_refused(images):
    with pytest.raises(ValueError, match="name must be one of"):
        unlabelled.train("CACTUs", images)
    with pytest.raises(ValueError, match="n_way"):
        unlabelled.image_tasks(images, n_way=1)


def test_the_table_has_its_jobs():
    rows = results.read("unlabelled")
    assert {row["method"] for row in rows} == set(unlabelled.METHODS)
    assert {row["seed"] for row in rows} >= {0, 1, 2}
