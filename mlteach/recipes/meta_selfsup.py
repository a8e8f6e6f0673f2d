"""Networks that learn, from a few unlabelled pairs, what the views of a new task may change.

>>> tasks = [kept_letter(glyphs("train").images, kept) for kept in (0, 1)]
>>> model = train("FOMAML", network(2), tasks, steps=160, seed=0)

A task is a function generator -> (images, pairs): two views of B images one below the other, and
which belong together. `mlteach.recipes.meta_selfsup_table` makes chapter 18's table with them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from mlteach import _validate
from mlteach.data import Dataset
from mlteach.evaluate import knn_accuracy
from mlteach.losses import nt_xent
from mlteach.meta.maml import Params, adapt
from mlteach.networks import conv_encoder
from mlteach.training import generator
from mlteach.views import handwriting_view

Task = Callable[[Generator], tuple[Tensor, Tensor]]
METHODS = ("joint", "random gains", "told gains", "FOMAML", "Reptile")

# beginnings of the names of the weights that move in the inner loop
GAINS = ("gains.",)
SCALES = ("encoder.0.1.",)  # of the first norm: scales and shifts
LAYER = ("encoder.0.",)  # the first block
ALL = ("",)

BATCH = 48
FAR = 2.0  # a log-gain that decides: e^2 against e^-2 is 55 to 1
TEMPERATURE = 0.2


class Gains(nn.Module):
    """Multiplies each part of an image by the exponential of its log-gain, which starts at 0.

    Args:
        count: parts, of equal size.
        dim: along which they lie: 1 for channels, -1 for columns.
    """

    def __init__(self, count: int, *, dim: int = 1):
        super().__init__()
        self.log = nn.Parameter(torch.zeros(_validate.count("count", count)))
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        if not -x.dim() <= self.dim < x.dim() or x.shape[self.dim] % len(self.log):
            wanted = f"{len(self.log)} equal parts along dim {self.dim}"
            raise ValueError(f"x must have {wanted}, got shape {tuple(x.shape)}")
        parts = torch.stack(x.chunk(len(self.log), self.dim))
        return torch.cat([*(parts * self.log.exp().view(-1, *[1] * x.dim()))], self.dim)


def network(count: int = 2, *, beside: bool = False) -> nn.Sequential:
    """Gains and a small encoder, under the names "gains" and "encoder".

    Args:
        count: letters in an image.
        beside: they lie side by side in one channel; else each has a channel of its own.
    """
    encoder = conv_encoder(1 if beside else count, norm="group")
    gains = Gains(count, dim=-1 if beside else 1)
    return nn.Sequential(OrderedDict(gains=gains, encoder=encoder))


def kept_letter(
    letters: Tensor, kept: int, *, count: int = 2, share: float = 1.0, beside: bool = False
) -> Task:
    """A task: images of several letters, whose second view keeps one and changes the others.

    The kept letter is written by another hand in the second view, see
    `mlteach.views.handwriting_view`.

    Args:
        letters: (N, 1, H, W) to draw from.
        kept: which of the letters says what the image is, 0 to count - 1.
        count: letters in an image.
        share: in [0, 1], how often each other letter is changed; else it is kept as well.
        beside: see `network`.
    """
    _validate.images("letters", letters)
    count = _validate.count("count", count, at_least=2)
    kept = _validate.count("kept", kept, at_least=0, at_most=count - 1)
    share = float(_validate.number("share", share, at_least=0, at_most=1))

    def draw(g: Generator) -> tuple[Tensor, Tensor]:
        first, other = _letters(letters, count, g), _letters(letters, count, g)
        changed = torch.rand(BATCH, count, generator=g) < share
        changed[:, kept] = False
        second = torch.where(changed[:, :, None, None], other, first)
        second = written(second.flatten(0, 1)[:, None], g).view(first.shape)
        return arranged(torch.cat([first, second]), beside), torch.arange(BATCH).repeat(2)

    return draw


def same_letter(letters: Tensor, change: Callable[[Tensor], Tensor] = lambda x: x) -> Task:
    """A task of plain pairs: a letter, and the same written by another hand.

    Args:
        letters: (N, 1, H, W) to draw from.
        change: done to every image of the task, such as a turn by the task's own angle.
    """
    _validate.images("letters", letters)

    def draw(g: Generator) -> tuple[Tensor, Tensor]:
        x = letters[torch.randint(len(letters), (BATCH,), generator=g)]
        return change(torch.cat([x, written(x, g)])), torch.arange(BATCH).repeat(2)

    return draw


def written(x: Tensor, g: Generator) -> Tensor:
    """The letters (B, 1, H, W) as another hand writes them."""
    return handwriting_view(x, elastic=0.0, generator=g)


def arranged(x: Tensor, beside: bool) -> Tensor:
    """(B, C, H, W) letters in channels, or side by side as (B, 1, H, C W)."""
    return torch.cat(x.unbind(1), -1)[:, None] if beside else x


def _letters(letters: Tensor, count: int, g: Generator) -> Tensor:
    """(B, count, H, W) drawn one by one."""
    index = torch.randint(len(letters), (BATCH, count), generator=g)
    return letters[index, 0]


def pair_loss(z: Tensor, pairs: Tensor) -> Tensor:
    """NT-Xent of two views that stand one below the other, as the loss of an inner loop."""
    return nt_xent(*z.chunk(2), temperature=TEMPERATURE)


def adaptation(
    model: nn.Module,
    task: Task,
    *,
    adapt_only: Sequence[str],
    lr: float | Params,
    steps: int,
    generator: Generator,
) -> list[Params]:
    """The weights before and after each inner step, every step on a new batch of the task.

    First-order: the inner gradients count as constants.

    Args:
        model: such as `network`.
        task: draws the batches.
        adapt_only: beginnings of the names of the weights that move.
        lr, steps: as for `mlteach.meta.adapt`.
        generator: of the batches.
    """
    path: list[Params] = [dict(model.named_parameters())]
    frozen = tuple(name for name in path[0] if not name.startswith(tuple(adapt_only)))
    how: Any = {"lr": lr, "steps": 1, "first_order": True, "frozen": frozen}
    for _ in range(steps):
        path.append(adapt(model, path[-1], *task(generator), pair_loss, **how))
    return path


def train(
    method: str,
    model: nn.Module,
    tasks: Sequence[Task],
    *,
    steps: int,
    seed: int,
    adapt_only: Sequence[str] = GAINS,
    lr: float | Params = 2.0,
    inner_steps: int = 1,
    outer_lr: float = 5e-3,
    callback: Callable[[int, nn.Module], object] | None = None,
) -> nn.Module:
    """Trains in place, a task drawn at random in every step.

    Args:
        method: of METHODS. "joint" is ordinary training on batches of the tasks; "random gains"
            sets the gains at random for each batch, "told gains" as the task needs them; "FOMAML"
            adapts first and takes the gradient at the adapted weights; "Reptile" walks to the
            adapted weights, by Adam, as the others do.
        model: such as `network`.
        tasks: one is drawn for each step; for "told gains" task i keeps letter i.
        steps: of the outer loop.
        seed: of tasks and batches.
        adapt_only, lr, inner_steps: the inner loop, of FOMAML and Reptile.
        outer_lr: of Adam; falls to 0 over the last 70 % of the steps.
        callback: called with (step, model) after every step.
    """
    _validate.choice("method", method, METHODS)
    _validate.module("model", model)
    if len(tasks) == 0:
        raise ValueError("tasks must be at least one, got none")
    g = generator(seed)
    inner: Any = {"adapt_only": adapt_only, "lr": lr, "steps": inner_steps, "generator": g}
    learned = [*model.parameters(), *(lr.values() if isinstance(lr, dict) else ())]
    optimizer = torch.optim.Adam(learned)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = outer_lr * min(1, 1.4 * (1 - step / steps))
        chosen = int(torch.randint(len(tasks), (), generator=g))
        params: Params = dict(model.named_parameters())
        if method in ("FOMAML", "Reptile"):
            params = adaptation(model, tasks[chosen], **inner)[-1]
        elif method != "joint":
            params["gains.log"] = _gains(method, chosen, len(tasks), g)
        optimizer.zero_grad()
        if method == "Reptile":
            for name, weight in model.named_parameters():
                weight.grad = (weight - params[name]).detach()
        else:
            x, pairs = tasks[chosen](g)
            pair_loss(functional_call(model, params, (x,)), pairs).backward()
        optimizer.step()
        if callback is not None:
            callback(step + 1, model)
    return model


def told_gains(kept: int, count: int) -> Tensor:
    """(count,) log-gains that leave the kept letter only."""
    _validate.count("kept", kept, at_least=0, at_most=_validate.count("count", count) - 1)
    return torch.where(torch.arange(count) == kept, FAR, -FAR)


def _gains(method: str, kept: int, count: int, g: Generator) -> Tensor:
    if method == "random gains":
        kept = int(torch.randint(count, (), generator=g))
    return told_gains(kept, count)


def one_neighbour(model: nn.Module, params: Params, x: Tensor, test: Dataset) -> float:
    """Share of the images by drawers 10 to 19 whose most similar one by 0 to 9 is of their class.

    Args:
        model, params: the network, and the weights to use.
        x: (N, C, H, W), image i of the class test.labels[i].
        test: with the factor "drawer".
    """
    with torch.no_grad():
        z = torch.cat([functional_call(model, params, (part,)) for part in x.split(500)])
    gallery, y = test.factors["drawer"] < 10, test.labels
    return knn_accuracy(z[gallery], y[gallery], z[~gallery], y[~gallery], k=1)


def images_to_judge(test: Dataset, kept: int, *, count: int = 2, beside: bool = False) -> Tensor:
    """Images whose kept letter is test's, in its order, between letters drawn at random."""
    _validate.count("kept", kept, at_least=0, at_most=_validate.count("count", count) - 1)
    index = torch.randint(len(test), (len(test), count), generator=generator(100))
    x = test.images[index, 0]
    x[:, kept] = test.images[:, 0]
    return arranged(x, beside)
