"""How each method is trained on `shapes` and what is measured then, for the test of learning and
the benchmark.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from mlteach.data import shapes
from mlteach.evaluate import features, knn_accuracy, linear_probe
from mlteach.networks import conv_encoder, prediction_head, projection_head
from mlteach.selfsup import BYOL, BarlowTwins, MoCo, SimCLR, VICReg
from mlteach.training import fit, seed_everything
from mlteach.views import simclr_view

TRAIN, TEST = shapes(6000, seed=0), shapes(1000, seed=1)
KNOWN = TRAIN.subset(torch.arange(2000))
SMALL, MIDDLE, LARGE = (16, 32, 64), (16, 64, 128), (32, 64, 128)


def encoder(widths):
    """Three blocks; GroupNorm, so that nothing leaks from picture to picture through a batch's
    statistics.
    """
    return conv_encoder(3, widths=widths, out_features=2 * widths[-1], norm="group")


def standardised(projector):
    """The projector with every output at mean 0 and standard deviation 1 over the batch.

    What all pictures have in common is gone then. MoCo needs that: otherwise the common part moves
    on with every step, and a query finds its key by its age, as the only new one among old ones,
    whatever the picture shows.
    """
    return nn.Sequential(*projector, nn.BatchNorm1d(projector[-1].out_features, affine=False))


class Recipe(NamedTuple):
    """A method, and how it is trained for about 40 seconds of processor time."""

    method: Callable[[nn.Module, int], nn.Module]  # of an encoder and the number of its features
    steps: int
    widths: tuple[int, ...] = MIDDLE
    batch: int = 128
    grayscale: float = 0.2


RECIPES = {
    "SimCLR": Recipe(lambda net, d: SimCLR(net, projection_head(d), temperature=0.15), steps=700),
    "MoCo": Recipe(
        lambda net, d: MoCo(
            net, standardised(projection_head(d)), n_keys=1024, decay=0.95, temperature=0.15
        ),
        steps=550,
        widths=LARGE,
    ),
    "BYOL": Recipe(
        lambda net, d: BYOL(
            net,
            standardised(projection_head(d, batch_norm=True)),
            prediction_head(64, hidden=256),
            decay=0.99,
        ),
        steps=1000,
        batch=64,
        grayscale=0.5,
    ),
    "BarlowTwins": Recipe(
        lambda net, d: BarlowTwins(
            net, projection_head(d, batch_norm=True), redundancy_weight=0.02
        ),
        steps=520,
    ),
    "VICReg": Recipe(lambda net, d: VICReg(net, projection_head(d, batch_norm=True)), steps=520),
}


def train(name, *, seed, steps=None, widths=None, **view):
    """The trained method and the seconds of processor time that it took; None for what the recipe
    says.
    """
    recipe = RECIPES[name]
    widths = widths or recipe.widths
    view = {"grayscale": recipe.grayscale} | view
    seed_everything(seed)
    method = recipe.method(encoder(widths), 2 * widths[-1])
    method.to(memory_format=torch.channels_last)  # convolutions are about a quarter faster so

    def draw(generator):
        x = TRAIN.images[torch.randint(len(TRAIN), (recipe.batch,), generator=generator)]
        return simclr_view(x, generator=generator, **view), simclr_view(
            x, generator=generator, **view
        )

    start = time.process_time()
    fit(method, draw, steps=steps or recipe.steps, seed=seed, progress=False)
    return method, time.process_time() - start


def measured(encode):
    """kNN and probe of the shape, and probe of the hue, each as a share of 1,000 new pictures."""
    z, asked = features(encode, KNOWN.images), features(encode, TEST.images)
    hues = KNOWN.factors["hue_class"], TEST.factors["hue_class"]
    return {
        "knn": knn_accuracy(z, KNOWN.labels, asked, TEST.labels),
        "shape": linear_probe(z, KNOWN.labels, asked, TEST.labels),
        "hue": linear_probe(z, hues[0], asked, hues[1]),
    }
