"""Tasks made without labels, and SimCLR beside them, at equal cost on the same images.

>>> encoder = unlabelled.train("UMTRA", glyphs("train").images, seed=0)

What differs is where classes come from: from single images and their views, from clusters, or from
a queue. All costs are in steps of SimCLR, and rates are those of the same loss, as in
`mlteach.recipes.together`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.data import Dataset, from_arrays, glyphs, omniglot
from mlteach.episodes import Episode
from mlteach.evaluate import features, few_shot_accuracy
from mlteach.meta import prototypical_loss
from mlteach.neighbours import k_means
from mlteach.networks import conv_encoder
from mlteach.recipes import together
from mlteach.recipes.batches import two_views
from mlteach.recipes.selfsup import standardised
from mlteach.results.tables import Row
from mlteach.selfsup import MoCo
from mlteach.training import fit, generator, seed_everything
from mlteach.views import handwriting_view

WAYS = 64  # of a task whose classes are single images
CLUSTERS = 500
SHOTS = 4  # of the queue for each image
COST = {"SimCLR": 1.0, "UMTRA": 0.9, "instances": 1.0, "queue": 0.75}  # of a step
METHODS = ("SimCLR", "UMTRA", "instances", "queue", "clusters of pixels", "clusters of SimCLR")


def image_tasks(
    images: Tensor, *, n_way: int = WAYS, both: bool = False
) -> Callable[[Generator], Episode]:
    """A draw for `fit`: one task whose classes are n_way images, drawn at random without labels.

    Two of them may show the same character: the chance is small where characters are many.

    Args:
        images: (N, 1, H, W) in [0, 1].
        n_way: 2 to N images, each a class of its own: one support, one query.
        both: whether support and query are both views, or the support is the image as it is.

    Returns:
        Function generator -> Episode with T = 1, N = M = n_way.

    Source: with both=False Khodadadeh et al. 2019, arXiv:1811.11819 (UMTRA).
    """
    _validate.images("images", images)
    n_way = _validate.count("n_way", n_way, at_least=2, at_most=len(images))
    _validate.flag("both", both)

    def draw(generator: Generator) -> Episode:
        x = images[torch.randperm(len(images), generator=generator)[:n_way]]
        support = handwriting_view(x, generator=generator) if both else x
        query = handwriting_view(x, generator=generator)
        y = torch.arange(n_way)[None]
        return Episode(support[None], y, query[None], y)

    return draw


def clustered(
    images: Tensor, z: Tensor, *, n_clusters: int = CLUSTERS, generator: Generator | None = None
) -> Dataset:
    """The images with the cluster of their features as label; clusters of one image are left out.

    Args:
        images: (N, 1, H, W) in [0, 1].
        z: (N, D) finite features of these images, in their order.
        n_clusters: of `mlteach.neighbours.k_means`, 2 to N.
        generator: of the first centres.

    Raises:
        TypeError, ValueError: images or z are none, or not of one number; n_clusters is outside its
            range.

    Source: Hsu, Levine, Finn 2019, arXiv:1810.02334 (CACTUs).
    """
    _validate.images("images", images)
    z = _validate.as_tensor("z", z)
    if len(z) != len(images):
        raise ValueError(f"z must have a row for each of the {len(images)} images, got {len(z)}")
    n_clusters = _validate.count("n_clusters", n_clusters, at_least=2, at_most=len(images))
    _, nearest = k_means(z.numpy(), n_clusters, generator=generator)
    cluster = torch.from_numpy(nearest)
    large = torch.isin(cluster, cluster.bincount().ge(2).nonzero()[:, 0])
    names, labels = cluster[large].unique(return_inverse=True)
    return from_arrays(images[large], labels, classes=[f"cluster {k}" for k in names.tolist()])


class QueueTasks(MoCo):
    """Each query must find its shots: the queue's keys that are most similar to its own key.

    The queue is the pool from which a task is drawn; as in MoCo a slow copy encodes what enters it.
    MoCo's own loss is added, without which the shots of the beginning, which are random, stay.

    Source: the idea of Jang, Lee, Shin 2023, arXiv:2303.00996 (PsCo), without its optimal matching.
    """

    def loss(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, dict]:
        """MoCo's loss and that of the task of B classes with SHOTS images of the queue each."""
        contrast, aux = super().loss(x1, x2)
        shots = (aux["z2"] @ self.queue.T).topk(SHOTS, dim=1).indices  # (B, SHOTS)
        support = self.queue[shots].flatten(0, 1)  # (B * SHOTS, P)
        query = F.normalize(self.projector(self.encoder(x1)))  # (B, P)
        own = torch.eye(len(query)).repeat_interleave(SHOTS, 1) / SHOTS  # (B, B * SHOTS)
        task = F.cross_entropy(query @ support.T / self.temperature, own)
        return contrast + task, aux


def train(name: str, images: Tensor, *, seed: int = 0) -> nn.Module:
    """An encoder that learned from images without labels, at the cost of `together.BUDGET`.

    Args:
        name: of METHODS. "UMTRA" and "instances" learn prototypes of tasks whose classes are single
            images, with the support as it is or a view too; "queue" draws shots from a queue;
            "clusters of pixels" and "clusters of SimCLR" learn prototypes of clusters, the latter
            after SimCLR with two thirds of the cost, from its weights.
        images: (N, 1, H, W) in [0, 1].
        seed: of the first weights and of the training.

    Raises:
        TypeError, ValueError: name is none of METHODS, or images are none.
    """
    _validate.choice("name", name, METHODS)
    _validate.images("images", images)
    if name == "SimCLR":
        return together.start("SimCLR", images, seed=seed)
    if name == "clusters of pixels":
        few = clustered(images, images.flatten(1), generator=generator(seed))
        return together.meta_train("prototypes", few, seed=seed)
    if name == "clusters of SimCLR":
        start = together.start("SimCLR", images, seed=seed, share=2 / 3)
        z = F.normalize(features(start, images))
        few = clustered(images, z, generator=generator(seed))
        return together.meta_train("prototypes", few, encoder=start, seed=seed, share=1 / 3)
    seed_everything(seed)
    encoder = conv_encoder()
    method: nn.Module = together.OnEpisodes(encoder, prototypical_loss)
    draw: Callable[[Generator], Any] = image_tasks(images, both=name == "instances")
    lr = together.SCRATCH["prototypes"]
    if name == "queue":
        projector = standardised(nn.Sequential(nn.Linear(64, 64)))
        method = QueueTasks(encoder, projector, n_keys=512, decay=0.95, temperature=0.15)
        draw = two_views(images, handwriting_view, batch_size=32)
        lr = together.RATES["MoCo"]
    steps = round(together.BUDGET / COST[name])
    fit(method, draw, steps=steps, lr=lr, seed=seed, progress=False)
    return encoder


def jobs(seeds: tuple[int, ...]) -> Iterator[tuple[Row, Callable[[], list[Row]]]]:
    """The table "unlabelled": every method on both data sets, tested on new scripts of the same."""
    for seed in seeds:
        for data in ("glyphs", "omniglot"):
            for method in METHODS:
                yield (
                    {"data": data, "seed": seed, "method": method},
                    partial(_rows, data, seed, method),
                )


def _rows(data: str, seed: int, method: str) -> list[Row]:
    images = (glyphs("train") if data == "glyphs" else omniglot("background")).images
    test = glyphs("test") if data == "glyphs" else omniglot("evaluation")
    begun = time.process_time()
    encoder = train(method, images, seed=seed)
    seconds = round(time.process_time() - begun, 1)
    z = features(encoder, test.images)
    rows = []
    for distance in ("cosine", "Euclid"):
        compared = F.normalize(z) if distance == "cosine" else z
        for n_way, n_shot in ((5, 1), (5, 5), (20, 1)):
            mean, half = few_shot_accuracy(
                compared, test.labels, n_way=n_way, n_shot=n_shot, n_query=5, generator=generator(1)
            )
            row: Row = {"distance": distance, "n_way": n_way, "n_shot": n_shot}
            row |= {"accuracy": round(mean, 4), "half_width": round(half, 4)}
            rows.append(row | {"seconds": seconds})
    return rows
