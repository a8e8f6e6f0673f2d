"""Self-supervision, meta-training and both, one after the other, at equal cost; then few shots.

>>> encoder = together.start("SimCLR", glyphs("train").images, seed=0)
>>> few = together.labelled(glyphs("train"), 25, seed=0)
>>> model = together.meta_train("prototypes", few, encoder=encoder, seed=0)

The cost is that of `BUDGET` steps of SimCLR, about twelve seconds of one processor thread: all of
it for one method, or two thirds for a start without labels and one third for what follows. Rates
were chosen on two held-out scripts of the training characters. `mlteach.recipes.together_table`
trains and tests the rows of chapter 17's table.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.data import Dataset
from mlteach.episodes import Episode, check_episodes, prototypes, sample_episodes, split_classes
from mlteach.evaluate import features, with_statistics
from mlteach.losses import nt_xent
from mlteach.metric import sample_classes
from mlteach.networks import conv_encoder, prediction_head
from mlteach.recipes import meta
from mlteach.recipes.batches import draw_index, two_views
from mlteach.recipes.selfsup import standardised
from mlteach.selfsup import BYOL, MoCo
from mlteach.training import fit, generator, seed_everything
from mlteach.views import handwriting_view

BUDGET = 500  # steps of SimCLR
BATCH = {"SimCLR": 64, "BYOL": 32, "MoCo": 32}  # small batches, more steps: chosen like the rates
TEMPERATURE = 0.15
COST = {  # of a step, in steps of SimCLR
    **{"SimCLR": 1.0, "BYOL": 0.8, "MoCo": 0.5},
    **{"prototypes": 0.95, "plain prototypes": 0.7, "MAML": 2.8, "ANIL": 1.8},
}
STARTS = ("none", "SimCLR", "BYOL", "MoCo")
RATES = {"SimCLR": 4e-3, "BYOL": 4e-3, "MoCo": 4e-3}
SCRATCH = {"prototypes": 1e-2, "plain prototypes": 1e-2, "MAML": 6e-3, "ANIL": 6e-3}
STARTED = {"prototypes": 3e-3, "plain prototypes": 3e-3, "MAML": 2e-3, "ANIL": 2e-3}


class Contrast(nn.Module):
    """NT-Xent on the encoder's own output, without a projector.

    Args:
        encoder: module (B, ...) -> (B, D), afterwards called `encode`.
        temperature: > 0, see `mlteach.nt_xent`.
    """

    def __init__(self, encoder: nn.Module, *, temperature: float = TEMPERATURE):
        super().__init__()
        _validate.module("encoder", encoder)
        _validate.number("temperature", temperature, above=0)
        self.encode, self.temperature = encoder, temperature

    def loss(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, dict]:
        """Both views pass as one batch, as in SimCLR; nothing else to look at."""
        z1, z2 = self.encode(torch.cat([x1, x2])).chunk(2)  # (B, D) each
        return nt_xent(z1, z2, temperature=self.temperature), {}


class OnEpisodes(nn.Module):
    """A meta-learning loss as a method for `fit`, whose draw gives the four parts of an Episode."""

    def __init__(self, model: nn.Module, loss_fn: Callable[[nn.Module, Episode], Tensor]):
        super().__init__()
        self.model, self.loss_fn = model, loss_fn

    def loss(self, *parts: Tensor) -> tuple[Tensor, dict]:
        return self.loss_fn(self.model, Episode(*parts)), {}


def start(name: str, images: Tensor, *, seed: int = 0, share: float = 1.0) -> nn.Module:
    """An encoder trained on images without labels.

    Args:
        name: "none" for its first weights, with BatchNorm's statistics of the images; "SimCLR",
            "BYOL" or "MoCo".
        images: (N, 1, H, W) in [0, 1].
        seed: of the first weights and of the training.
        share: of `BUDGET`.

    Raises:
        TypeError, ValueError: name is none of these, images are none, or share <= 0.
    """
    _validate.choice("name", name, STARTS)
    _validate.images("images", images)
    share = float(_validate.number("share", share, above=0))
    seed_everything(seed)
    encoder = conv_encoder()
    if name == "none":
        mixed = torch.randperm(len(images), generator=generator(seed))[:2000]
        return with_statistics(encoder, images[mixed])
    method = _without_labels(name, encoder)
    draw = two_views(images, handwriting_view, batch_size=BATCH[name])
    steps = round(share * BUDGET / COST[name])
    fit(method, draw, steps=steps, lr=RATES[name], seed=seed, progress=False)
    return encoder


def _without_labels(name: str, encoder: nn.Module) -> nn.Module:
    if name == "SimCLR":
        return Contrast(encoder)
    if name == "MoCo":
        projector = standardised(nn.Sequential(nn.Linear(64, 64)))
        return MoCo(encoder, projector, n_keys=512, decay=0.95, temperature=TEMPERATURE)
    # no projector either, but BYOL needs outputs of one scale
    return BYOL(
        encoder, nn.BatchNorm1d(64, affine=False), prediction_head(64, hidden=256), decay=0.9
    )


def labelled(dataset: Dataset, n_classes: int, *, seed: int = 0) -> Dataset:
    """All images of n_classes characters, drawn at random; of all of them for their number.

    Args:
        dataset: characters with their labels.
        n_classes: 1 to all.
        seed: of the drawing.

    Raises:
        TypeError, ValueError: dataset is no data set, or n_classes is outside its range.
    """
    _validate.instance("dataset", dataset, Dataset, "a Dataset (mlteach.data.Dataset)")
    n_classes = _validate.count("n_classes", n_classes, at_most=len(dataset.classes))
    if n_classes == len(dataset.classes):
        return dataset
    return split_classes(dataset, n_first=n_classes, generator=generator(seed))[0]


def mixed_batches(
    images: Tensor, few: Dataset, *, n_labelled: int = BATCH["SimCLR"] // 4
) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    """A draw for `Contrast`: pairs of views of one image, and pairs of images of one character.

    At most one pair of a labelled character is in a batch, so that no pair is another's negative.

    Args:
        images: (N, 1, H, W) without labels.
        few: labelled characters, at least two images of each.
        n_labelled: pairs with a label, 1 to 64, fewer where there are fewer characters.

    Raises:
        TypeError, ValueError: few is no data set, or n_labelled is outside its range.
    """
    _validate.instance("few", few, Dataset, "a Dataset (mlteach.data.Dataset)")
    n_labelled = _validate.count("n_labelled", n_labelled, at_most=BATCH["SimCLR"])
    n_labelled = min(n_labelled, len(few.classes))

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        pairs = sample_classes(few.labels, n_classes=n_labelled, n_each=2, generator=generator)
        one, two = few.images[pairs.view(n_labelled, 2)].unbind(1)
        x = images[draw_index(images, BATCH["SimCLR"] - n_labelled, generator)]
        both = torch.cat([x, one]), torch.cat([x, two])
        view1, view2 = (handwriting_view(part, generator=generator) for part in both)
        return view1, view2

    return draw


def meta_train(
    name: str,
    few: Dataset,
    *,
    encoder: nn.Module | None = None,
    seed: int = 0,
    share: float = 1.0,
    lr: float | None = None,
    turned: bool | None = None,
) -> nn.Module:
    """A `meta.classifier` after meta-training on labelled characters; of prototypes its encoder.

    Args:
        name: "prototypes" or, on images as they are, "plain prototypes"; "MAML"; "ANIL".
        few: labelled characters.
        encoder: to begin with, left as it is; None for first weights drawn from the seed.
        seed: of the first weights and of the training.
        share: of `BUDGET`.
        lr: peak of the rate; None for that of `SCRATCH` or `STARTED`.
        turned: whether characters turned by 90 degrees count as others; None: up to 25 characters.

    Raises:
        TypeError, ValueError: name is none of these, few is no data set, share or lr <= 0.
    """
    _validate.choice("name", name, SCRATCH)
    _validate.instance("few", few, Dataset, "a Dataset (mlteach.data.Dataset)")
    share = float(_validate.number("share", share, above=0))
    if lr is None:
        lr = (SCRATCH if encoder is None else STARTED)[name]
    lr = float(_validate.number("lr", lr, above=0))
    seed_everything(seed)
    norm = "batch_no_stats" if name == "MAML" else "batch"
    model = meta.classifier(norm)
    if encoder is not None:
        # where a distance or a linear head compares, the scale matters, to a cosine it did not
        scaled = _scaled(encoder, few.images, 8.0 if name in ("MAML", "ANIL") else 2.0)
        model.get_submodule("encoder").load_state_dict(scaled.state_dict(), strict=name != "MAML")
    if turned if turned is not None else len(few.classes) <= 25:
        few = meta.turned(few)
    n_way = min(20, len(few.classes)) if "prototypes" in name else 5
    tasks = {"n_tasks": 1 if "prototypes" in name else 8, "n_way": n_way}

    def draw(generator: Generator) -> Episode:
        episodes = sample_episodes(few, **tasks, n_shot=1, n_query=5, generator=generator)
        if name == "plain prototypes":
            return episodes
        support, query = (
            handwriting_view(x.flatten(0, 1), generator=generator).unflatten(0, x.shape[:2])
            for x in (episodes.x_support, episodes.x_query)
        )
        return episodes._replace(x_support=support, x_query=query)

    loss_fn = meta.RECIPES[name.removeprefix("plain ")].loss
    steps = round(share * BUDGET / COST[name])
    fit(OnEpisodes(model, loss_fn), draw, steps=steps, lr=lr, seed=seed, progress=False)
    return model.get_submodule("encoder") if "prototypes" in name else model


def _scaled(encoder: nn.Module, images: Tensor, norm: float) -> nn.Module:
    """A copy whose features have this norm on average: its last layer is multiplied."""
    encoder = copy.deepcopy(encoder)
    factor = norm / features(encoder, images[:1000]).norm(dim=1).mean()
    last: Any = encoder[-1]  # type: ignore[index]
    with torch.no_grad():
        last.weight.mul_(factor)
        last.bias.mul_(factor)
    return encoder


def fine_tuned(
    encoder: nn.Module,
    episodes: Episode,
    *,
    whole: bool,
    steps: int = 40,
    lr: float | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """The share of each task's queries that are right after adapting to its support.

    The head begins as the nearest mean: it compares by cosine with the prototypes. Adam moves it,
    and with `whole` the encoder too, on a new view of every support image at each step. BatchNorm's
    statistics stay, so that each query is answered by itself.

    Args:
        encoder: module (B, ...) -> (B, D); left as it is.
        episodes: T classification tasks.
        whole: whether the encoder adapts too.
        steps: of gradient descent, >= 0; 0 is the nearest mean.
        lr: of Adam; None for 2e-4 with `whole`, else 1e-3.
        generator: of the views.

    Returns:
        (T,) accuracies.

    Raises:
        TypeError, ValueError: episodes are none, steps < 0, or lr <= 0.
    """
    episodes = check_episodes(episodes, classified=True)
    steps = _validate.count("steps", steps, at_least=0)
    lr = float(_validate.number("lr", (2e-4 if whole else 1e-3) if lr is None else lr, above=0))
    right = []
    for x, y, x_query, y_query in zip(*episodes, strict=True):
        body = copy.deepcopy(encoder).eval().requires_grad_(whole)
        means = prototypes(F.normalize(body(x)), y, int(y.max()) + 1)
        head = nn.Parameter(means.detach())
        optimizer = torch.optim.Adam([head, *(body.parameters() if whole else ())], lr=lr)
        for _ in range(steps):
            logits = _cosines(body(handwriting_view(x, generator=generator)), head)
            optimizer.zero_grad()
            F.cross_entropy(logits, y).backward()
            optimizer.step()
        with torch.no_grad():
            guess = _cosines(body(x_query), head).argmax(1)
        right.append((guess == y_query).double().mean())
    return torch.stack(right)


def _cosines(z: Tensor, head: Tensor) -> Tensor:
    return F.normalize(z) @ F.normalize(head).T / 0.1
