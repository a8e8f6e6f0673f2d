"""How each method is trained on `shapes` and what is measured then, for the test of learning and the benchmark."""

from __future__ import annotations

import time

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


SMALL, LARGE = (16, 32, 64), (32, 64, 128)


def encoder(widths):
    """Three blocks; GroupNorm, so that nothing leaks from picture to picture through a batch's statistics."""
    return conv_encoder(3, widths=widths, out_features=2 * widths[-1], norm="group")


def standardised_projector(features):
    """A projector whose every output has mean 0 and standard deviation 1 over the batch."""
    return nn.Sequential(*projection_head(features, batch_norm=True), nn.BatchNorm1d(64, affine=False))


METHODS = {
    "SimCLR": lambda net, d: SimCLR(net, projection_head(d), temperature=0.15),
    "MoCo": lambda net, d: MoCo(net, projection_head(d), n_keys=2048, decay=0.98, temperature=0.15),
    "BYOL": lambda net, d: BYOL(net, standardised_projector(d), prediction_head(64), decay=0.99),
    "BarlowTwins": lambda net, d: BarlowTwins(net, projection_head(d, batch_norm=True)),
    "VICReg": lambda net, d: VICReg(net, projection_head(d, batch_norm=True)),
}


def train(name, widths, *, seed, steps, **view):
    """The trained method and the seconds of processor time that it took."""
    seed_everything(seed)
    method = METHODS[name](encoder(widths), 2 * widths[-1])
    method.to(memory_format=torch.channels_last)  # convolutions are about a quarter faster so

    def draw(generator):
        x = TRAIN.images[torch.randint(len(TRAIN), (128,), generator=generator)]
        return simclr_view(x, generator=generator, **view), simclr_view(x, generator=generator, **view)

    start = time.process_time()
    fit(method, draw, steps=steps, seed=seed, progress=False)
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
