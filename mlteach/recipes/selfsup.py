"""How each self-supervised method learns shapes in about 40 seconds on one processor thread.

>>> method = selfsup.train("SimCLR", seed=0)
>>> selfsup.measured(method)  # {"knn": ..., "shape": ..., "hue": ...}
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mlteach import _validate
from mlteach.data import Dataset, shapes
from mlteach.evaluate import features, knn_accuracy, linear_probe
from mlteach.losses import nt_xent
from mlteach.networks import conv_encoder, prediction_head, projection_head
from mlteach.recipes.batches import two_views
from mlteach.selfsup import BYOL, DINO, BarlowTwins, LeJEPA, MoCo, SimCLR, VICReg
from mlteach.training import fit, seed_everything
from mlteach.views import simclr_view

SMALL = (16, 32, 64)
MIDDLE = (16, 64, 128)
LARGE = (32, 64, 128)


class TwoViews(nn.Module):
    """The smallest method: encoder and head trained by NT-Xent of two views.

    Unlike in `mlteach.selfsup.SimCLR` each view is a batch of its own for BatchNorm.

    Args:
        encoder: module (B, ...) -> (B, D), afterwards called `encode`.
        head: module (B, D) -> (B, P).
        temperature: > 0, see `mlteach.nt_xent`.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, *, temperature: float = 0.2):
        super().__init__()
        _validate.module("encoder", encoder)
        _validate.module("head", head)
        _validate.number("temperature", temperature, above=0)
        self.encode, self.head = encoder, head
        self.temperature = temperature

    def loss(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, dict]:
        """NT-Xent of the projections, and nothing else to look at."""
        z1, z2 = self.head(self.encode(x1)), self.head(self.encode(x2))  # (B, P) each
        return nt_xent(z1, z2, temperature=self.temperature), {}


def encoder(widths: tuple[int, ...] = SMALL, *, norm: str = "group") -> nn.Sequential:
    """An encoder of shapes with as many blocks as widths and twice the last width of features.

    GroupNorm, because through a batch's statistics one image would leak into another.
    """
    return conv_encoder(3, widths=widths, out_features=2 * widths[-1], norm=norm)


def standardised(projector: nn.Sequential) -> nn.Sequential:
    """The projector with every output at mean 0 and standard deviation 1 over the batch.

    What all images have in common is gone then. It helps MoCo where its key encoder moves fast:
    otherwise the common part moves on with every step, and a query finds its key by its age, as the
    only new one among old ones, whatever the image shows.
    """
    last: Any = projector[-1]
    return nn.Sequential(*projector, nn.BatchNorm1d(last.out_features, affine=False))


class Recipe(NamedTuple):
    """A method, how it is trained, and the linear probe of the shape that it reaches."""

    method: Callable[[nn.Module, int], nn.Module]  # of an encoder and its D
    steps: int
    floor: float  # one to four points below the worst of three seeds, with 2,000 labels
    widths: tuple[int, ...] = MIDDLE
    batch_size: int = 128
    grayscale: float = 0.2


def _simclr(net: nn.Module, features: int) -> SimCLR:
    return SimCLR(net, projection_head(features), temperature=0.15)


def _moco(net: nn.Module, features: int) -> MoCo:
    projector = standardised(projection_head(features))
    return MoCo(net, projector, n_keys=1024, decay=0.95, temperature=0.15)


def _byol(net: nn.Module, features: int) -> BYOL:
    projector = standardised(projection_head(features, batch_norm=True))
    return BYOL(net, projector, prediction_head(64, hidden=256), decay=0.99)


def _barlow_twins(net: nn.Module, features: int) -> BarlowTwins:
    return BarlowTwins(net, projection_head(features, batch_norm=True), redundancy_weight=0.02)


def _vicreg(net: nn.Module, features: int) -> VICReg:
    return VICReg(net, projection_head(features, batch_norm=True))


def _lejepa(net: nn.Module, features: int) -> LeJEPA:
    return LeJEPA(net, projection_head(features, batch_norm=True), weight=0.02)


def _dino(net: nn.Module, features: int) -> DINO:
    projector = projection_head(features, hidden=256, out_features=256, batch_norm=True)
    # milder than the paper's 0.1 and 0.04, which are for 65,536 prototypes and many more steps
    return DINO(net, projector, student_temperature=0.5, teacher_temperature=0.25, decay=0.95)


RECIPES = {
    "SimCLR": Recipe(_simclr, steps=700, floor=0.83),
    "MoCo": Recipe(_moco, steps=550, floor=0.75, widths=LARGE),
    "BYOL": Recipe(_byol, steps=1000, floor=0.65, batch_size=64, grayscale=0.5),
    "BarlowTwins": Recipe(_barlow_twins, steps=520, floor=0.68),
    "VICReg": Recipe(_vicreg, steps=520, floor=0.72),
    "LeJEPA": Recipe(_lejepa, steps=520, floor=0.75),
    "DINO": Recipe(_dino, steps=500, floor=0.76),
}


@cache
def datasets() -> tuple[Dataset, Dataset]:
    """Shapes to train with, the first 2,000 of which may show their labels; and to test with."""
    return shapes(6000, seed=0), shapes(1000, seed=1)


def build(name: str, *, seed: int = 0, widths: tuple[int, ...] | None = None) -> nn.Module:
    """The method as its training begins.

    Args:
        name: of RECIPES.
        seed: of the first weights.
        widths: of the encoder's blocks; None for those of the recipe.
    """
    recipe = RECIPES[name]
    widths = widths or recipe.widths
    seed_everything(seed)
    method: Any = recipe.method(encoder(widths), 2 * widths[-1])
    return method.to(memory_format=torch.channels_last)  # convolutions are about a quarter faster


def train(
    name: str,
    *,
    seed: int = 0,
    steps: int | None = None,
    widths: tuple[int, ...] | None = None,
    **strengths: Any,
) -> nn.Module:
    """The method after training by its recipe.

    Args:
        name: of RECIPES.
        seed: of the first weights and of the training.
        steps: None for those of the recipe, which the floor is for.
        widths: of the encoder's blocks; None for those of the recipe.
        strengths: of `mlteach.views.simclr_view`, where they differ from the recipe's.
    """
    recipe = RECIPES[name]
    method = build(name, seed=seed, widths=widths)
    strengths = {"grayscale": recipe.grayscale} | strengths
    view = partial(simclr_view, **strengths)
    draw = two_views(datasets()[0].images, view, batch_size=recipe.batch_size)
    steps = recipe.steps if steps is None else steps
    fit(method, draw, steps=steps, seed=seed, progress=False)
    return method


def measured(encoder: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """kNN and probe of the shape, and probe of the hue: shares of 1,000 images, 2,000 labels."""
    train, test = datasets()
    labelled = train.subset(torch.arange(2000))
    z, z_test = features(encoder, labelled.images), features(encoder, test.images)
    hue, hue_test = labelled.factors["hue_class"], test.factors["hue_class"]
    return {
        "knn": knn_accuracy(z, labelled.labels, z_test, test.labels),
        "shape": linear_probe(z, labelled.labels, z_test, test.labels),
        "hue": linear_probe(z, hue, z_test, hue_test),
    }
