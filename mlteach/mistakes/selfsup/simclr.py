"""Mistakes in SimCLR."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from mlteach.losses import nt_xent
from mlteach.mistakes._registry import mistake
from mlteach.selfsup import SimCLR


def online(method):
    """Encoder and projector as one network."""
    return nn.Sequential(method.encoder, method.projector)


def projections(method, x1, x2):
    """Right: z1 and z2 of one batch with both views in it."""
    return online(method)(torch.cat([x1, x2])).chunk(2)


@mistake(
    SimCLR, "you compare the representations h: the loss is computed on z, the projector's output"
)
class RepresentationsCompared(SimCLR):
    def loss(self, x1, x2):
        h1, h2 = self.encoder(torch.cat([x1, x2])).chunk(2)
        return nt_xent(h1, h2, temperature=self.temperature), {}


@mistake(
    SimCLR,
    "you send each view through the network as a batch of its own, so that BatchNorm normalises "
    "them apart: one batch of both, torch.cat([x1, x2]), is SimCLR's",
)
class BatchForEachView(SimCLR):
    def loss(self, x1, x2):
        z1, z2 = online(self)(x1), online(self)(x2)
        return nt_xent(z1, z2, temperature=self.temperature), {}


@mistake(
    SimCLR,
    "each view passes as a batch of its own, and h is compared instead of z: "
    "one batch, and the projector after it",
)
class RepresentationsOfTwoBatches(SimCLR):
    def loss(self, x1, x2):
        return nt_xent(self.encoder(x1), self.encoder(x2), temperature=self.temperature), {}


@mistake(
    SimCLR,
    "after torch.cat([x1, x2]) the first B rows are view 1 and the last B view 2: "
    ".chunk(2) parts them, every other row pairs views of different images",
)
class EveryOtherRow(SimCLR):
    def loss(self, x1, x2):
        z = online(self)(torch.cat([x1, x2]))
        return nt_xent(z[0::2], z[1::2], temperature=self.temperature), {}


@mistake(SimCLR, "view i of one half must meet view i of the other: your halves are not in order")
class ViewsNotPaired(SimCLR):
    def loss(self, x1, x2):
        z1, z2 = projections(self, x1, x2)
        return nt_xent(z1, z2.flip(0), temperature=self.temperature), {}


@mistake(SimCLR, "you train in evaluation mode: BatchNorm has to normalise by the batch at hand")
class EvaluationMode(SimCLR):
    def loss(self, x1, x2):
        self.eval()
        return super().loss(x1, x2)


@mistake(SimCLR, "both of your views are x1: no image is hard to find again in its own copy")
class FirstViewTwice(SimCLR):
    def loss(self, x1, x2):
        return super().loss(x1, x1)


@mistake(SimCLR, "your function ignores the temperature: nt_xent's default is 0.5")
class TemperatureIgnored(SimCLR):
    def loss(self, x1, x2):
        return nt_xent(*projections(self, x1, x2)), {}


@mistake(SimCLR, "you divide by 1 / temperature: hand the temperature over as it is")
class TemperatureInverted(SimCLR):
    def loss(self, x1, x2):
        return nt_xent(*projections(self, x1, x2), temperature=1 / self.temperature), {}


@mistake(SimCLR)
class TemperatureOfTheStart(SimCLR):
    """Only who moves a slider while it trains sees it."""

    def __init__(self, *modules, **options):
        super().__init__(*modules, **options)
        self.start = self.temperature

    def loss(self, x1, x2):
        return nt_xent(*projections(self, x1, x2), temperature=self.start), {}


@mistake(
    SimCLR,
    "this is InfoNCE from view 1 to view 2, with B candidates: "
    "NT-Xent asks all 2B views, with 2B - 1 candidates",
)
class OneWay(SimCLR):
    def loss(self, x1, x2):
        z1, z2 = (F.normalize(z) for z in projections(self, x1, x2))
        return F.cross_entropy(z1 @ z2.T / self.temperature, torch.arange(len(z1))), {}


@mistake(SimCLR, "views of one side are missing among the negatives: NT-Xent has 2B - 2 of them")
class BothWays(SimCLR):
    def loss(self, x1, x2):
        z1, z2 = (F.normalize(z) for z in projections(self, x1, x2))
        logits, labels = z1 @ z2.T / self.temperature, torch.arange(len(z1))
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2, {}


@mistake(SimCLR, "the projections are not normalised: NT-Xent compares cosines")
class ProjectionsNotNormalised(SimCLR):
    def loss(self, x1, x2):
        z = torch.cat(projections(self, x1, x2))
        logits = (z @ z.T / self.temperature).fill_diagonal_(-torch.inf)
        return F.cross_entropy(logits, torch.arange(len(z)).roll(len(x1))), {}


@mistake(SimCLR, "the value is right, but view 2 gets no gradient: nothing is to be detached")
class SecondViewDetached(SimCLR):
    def loss(self, x1, x2):
        z1, z2 = projections(self, x1, x2)
        return nt_xent(z1, z2.detach(), temperature=self.temperature), {}
