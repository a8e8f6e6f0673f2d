"""Triplets on unseen scripts: ways out of hard mining's collapse, and how many classes it takes.

    python -m pytest -s tests/benchmarks/bench_metric.py

prints for each variant of batch-hard mining the one-shot accuracy of three seeds and the mean
squared distance of the last batch, which is near 0 where everything lies on one point; and the
accuracy by the number of training characters and of images of each. It takes about five minutes of
processor time; of the numbers only the collapse and the two ways out are asserted.
"""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mlteach.data import glyphs
from mlteach.evaluate import features, few_shot_accuracy
from mlteach.metric import Triplet, pairwise_distances, sample_classes
from mlteach.networks import conv_encoder
from mlteach.training import fit, seed_everything

SETS = {"train": glyphs("train"), "test": glyphs("test")}


def softplus_of_distances(z: Tensor, labels: Tensor) -> Tensor:
    """Hermans et al.'s soft margin: farthest positive, closest negative, distances not squared."""
    positive, negative = extremes(z, labels)
    to_positive = torch.linalg.vector_norm(z - z[positive], dim=1)
    return F.softplus(to_positive - torch.linalg.vector_norm(z - z[negative], dim=1)).mean()


def nearest_positive(z: Tensor, labels: Tensor) -> Tensor:
    """The closest positive in the place of the farthest, with the closest negative."""
    positive, negative = extremes(z, labels, positive="closest")
    return hinge(z, z[positive], z[negative])


def one_of_forty(z: Tensor, labels: Tensor) -> Tensor:
    """The farthest positive, and a random one of the forty closest negatives."""
    positive, _ = extremes(z, labels)
    same = labels[:, None] == labels
    order = pairwise_distances(z).masked_fill(same, math.inf).argsort(1)
    rank = torch.randint(40, (len(z),))
    return hinge(z, z[positive], z[order[torch.arange(len(z)), rank]])


def all_active(z: Tensor, labels: Tensor) -> Tensor:
    """The mean over all triplets of the batch that have a loss."""
    same = labels[:, None] == labels
    anchor, positive = same.clone().fill_diagonal_(False).nonzero().T
    squared = (z[:, None] - z).square().sum(2)
    losses = (squared[anchor, positive][:, None] - squared[anchor] + 0.2).relu()[~same[anchor]]
    return losses.sum() / (losses > 0).sum().clamp(min=1)


def softmax_of_negatives(z: Tensor, labels: Tensor) -> Tensor:
    """A log-sum-exp over all negatives in the place of the closest."""
    same = labels[:, None] == labels
    similarity = z @ z.T / 0.1
    negatives = similarity.masked_fill(same, -math.inf).logsumexp(1, keepdim=True)
    return F.softplus(negatives - similarity)[same.clone().fill_diagonal_(False)].mean()


def extremes(z: Tensor, labels: Tensor, positive: str = "farthest") -> tuple[Tensor, Tensor]:
    """(N,) indices of a positive of each, and of its closest negative."""
    distances = pairwise_distances(z)
    same = labels[:, None] == labels
    other = same.clone().fill_diagonal_(False)
    nearest = distances.masked_fill(~other, math.inf).argmin(1)
    farthest = distances.masked_fill(~other, -math.inf).argmax(1)
    chosen = farthest if positive == "farthest" else nearest
    return chosen, distances.masked_fill(same, math.inf).argmin(1)


def hinge(anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Schroff et al.'s loss with margin 0.2."""
    to_positive = (anchor - positive).square().sum(1)
    return (to_positive - (anchor - negative).square().sum(1) + 0.2).relu().mean()


class Variant(Triplet):
    """The triplet network with another loss of its representations."""

    def __init__(self, encoder, loss_of, **options):
        super().__init__(encoder, **options)
        self.loss_of = loss_of

    def loss(self, images, labels):
        z = self.encode(images)
        return self.loss_of(z, labels), {"z": z.detach()}


def batches(n_characters: int = 690, n_images: int = 20, *, turns: bool = True):
    """A draw of 32 characters, or all if they are fewer, and images of each, perhaps turned."""
    train = SETS["train"]
    order = torch.randperm(690, generator=Generator().manual_seed(0))
    chosen = train.labels.unique()[order[:n_characters]]
    own = [(train.labels == label).nonzero()[:n_images, 0] for label in chosen]
    images, labels = train.images[torch.cat(own)], train.labels[torch.cat(own)]
    n_classes = min(n_characters, 32)
    n_each = 128 // n_classes

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        counts = {"n_classes": n_classes, "n_each": n_each}
        index = sample_classes(labels, generator=generator, **counts)
        quarters = torch.randint(4 if turns else 1, (n_classes,), generator=generator).tolist()
        groups = zip(images[index].split(n_each), quarters, strict=True)
        return torch.cat([group.rot90(k, (-2, -1)) for group, k in groups]), labels[index]

    return draw


def trained(make, seed: int, *, lr: float = 4e-3, draw=None) -> tuple[float, float]:
    """One-shot accuracy on the test scripts, and the mean squared distance of the last batch."""
    seed_everything(seed)
    method, last = make(conv_encoder()), {}
    fit(
        method,
        draw or batches(),
        steps=200,
        lr=lr,
        seed=seed,
        progress=False,
        callback=lambda step, loss, aux: last.update(aux),
    )
    z, test = features(method.eval().encode, SETS["test"].images), SETS["test"]
    generator = Generator().manual_seed(0)
    accuracy, _ = few_shot_accuracy(z, test.labels, n_way=5, n_shot=1, generator=generator)
    return accuracy, pairwise_distances(last["z"]).square().mean().item()


def variant(loss_of, **options):
    """A maker of the network with this loss."""
    return lambda encoder: Variant(encoder, loss_of, **options)


CASES = {
    "batch hard": (lambda encoder: Triplet(encoder, mining="hard"), 4e-3),
    "batch hard, lr 0.0004": (lambda encoder: Triplet(encoder, mining="hard"), 4e-4),
    "batch hard, margin 1": (lambda encoder: Triplet(encoder, mining="hard", margin=1.0), 4e-3),
    "softplus of distances": (variant(softplus_of_distances), 4e-3),
    "the same in free space": (variant(softplus_of_distances, normalise=False), 4e-3),
    "closest positive": (variant(nearest_positive), 4e-3),
    "one of forty negatives": (variant(one_of_forty), 4e-3),
    "mean over all with a loss": (variant(all_active), 4e-3),
    "softmax over all negatives": (variant(softmax_of_negatives), 4e-3),
}
WAYS_OUT = {"mean over all with a loss", "softmax over all negatives"}


@pytest.mark.parametrize("name", CASES)
def test_collapse(name):
    """Whether the representations still differ after 200 steps, and what they are good for."""
    make, lr = CASES[name]
    runs = [trained(make, seed, lr=lr) for seed in range(3)]
    accuracies = "  ".join(f"{accuracy:.1%}" for accuracy, _ in runs)
    spreads = "  ".join(f"{spread:.4f}" for _, spread in runs)
    print(f"\n{name:27} one-shot {accuracies}   squared distance {spreads}")
    if name in WAYS_OUT:
        assert min(spread for _, spread in runs) > 0.5
        assert min(accuracy for accuracy, _ in runs) > 0.75
    else:
        assert max(spread for _, spread in runs) < 0.2


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize(
    ("n_characters", "n_images"), [(10, 20), (30, 20), (150, 4), (100, 20), (500, 4), (690, 20)]
)
def test_number_of_classes(n_characters, n_images, turns):
    """What semi-hard triplets of so many characters and images of each are good for, one run."""
    draw = batches(n_characters, n_images, turns=turns)
    accuracy, _ = trained(Triplet, 0, draw=draw)
    kind = "with quarter turns" if turns else "as they are"
    print(f"\n{n_characters:3} characters, {n_images:2} images each, {kind}: {accuracy:.1%}")
    assert accuracy > 0.3
