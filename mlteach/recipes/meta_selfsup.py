"""Networks that learn, from a few unlabelled pairs, what the views of a new task may change.

>>> tasks = [kept_letter(glyphs("train").images, kept) for kept in (0, 1)]
>>> model = train("FOMAML", network(2), tasks, steps=160, seed=0)

A task is a function generator -> (images, pairs): two views of B images one below the other, and
which belong together. `python -m mlteach results meta_selfsup` computes chapter 18's table.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from mlteach import _validate
from mlteach.data import Dataset, glyphs
from mlteach.evaluate import knn_accuracy
from mlteach.losses import nt_xent
from mlteach.meta.maml import Params, adapt
from mlteach.networks import conv_encoder
from mlteach.training import generator, seed_everything
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


# ---------------------------------------------------------------- the table
AFTER = (0, 1, 3, 10)
LONGER = (30, 100)  # of joint training, which may need more steps to find its way
LEVELS = {  # how many numbers adapt → beginnings, inner rate, inner steps, of two or three letters
    "gains": (GAINS, 2.0, 1),
    "scales": (SCALES, 20.0, 1),
    "layer": (LAYER, 1.0, 1),
    "all": (ALL, 0.2, 3),
}
STEPS = 320  # of joint training: an outer step with k inner steps counts as 1 + k of them


def jobs(seeds: Sequence[int]) -> Iterator[tuple[dict, Callable[[], list[dict]]]]:
    """Settings and a function for the rows of each training."""
    letters = [("joint", "none"), ("random gains", "gains"), ("told gains", "gains")]
    learned = [("FOMAML", level) for level in LEVELS]
    for seed in seeds:
        runs = [("two letters", 1.0, *run) for run in [*letters, *learned]]
        runs += [("two letters", share, "joint", "none, longer") for share in (0.5, 1.0)]
        for share in (0.25, 0.5):
            few = [("joint", "none"), *learned[:1], *learned[2:]]
            runs += [("two letters", share, *run) for run in few]
        for family in ("three letters", "side by side"):
            runs += [(family, 1.0, *run) for run in [*letters, *learned[:1]]]
        for family in ("scripts", "turns"):
            whole = [("joint", "none"), ("FOMAML", "all"), ("Reptile", "all")]
            runs += [(family, 1.0, *run) for run in whole]
        for family, share, method, adapted in runs:
            settings = {
                "tasks": family,
                "share": share,
                "method": method,
                "trained": adapted,
                "seed": seed,
            }
            yield settings, partial(_rows, family, share, method, adapted, seed)


def _rows(family: str, share: float, method: str, trained: str, seed: int) -> list[dict]:
    beside, count = family == "side by side", 3 if family == "three letters" else 2
    steps = STEPS // (2 if beside else 1)  # its images are twice as large
    seed_everything(seed)
    model = network(count, beside=beside)
    train_tasks, test_tasks, images = _family(family, share, seed)
    if family in ("scripts", "turns"):
        model = nn.Sequential(OrderedDict(encoder=conv_encoder(norm="group")))
    inner = (ALL, 0.1, 4) if method == "Reptile" else LEVELS.get(trained, LEVELS["gains"])
    passes = 1 if method not in ("FOMAML", "Reptile") else 1 + inner[2]
    steps = round(steps / (inner[2] if method == "Reptile" else passes))
    names: Any = {"adapt_only": inner[0], "lr": inner[1], "inner_steps": inner[2]}
    started = time.process_time()
    train(method, model, train_tasks, steps=steps, seed=seed, **names)
    seconds = time.process_time() - started
    tests = [trained] if method in ("FOMAML", "Reptile") else ["gains"]
    if method == "joint":
        tests = ["all"] if family in ("scripts", "turns") else ["gains", "layer"]
        tests = [*LEVELS] if (family, share) == ("two letters", 1.0) else tests
    afters = LONGER if "longer" in trained else AFTER
    tests = ["gains", "layer"] if "longer" in trained else tests
    rows = []
    for adapted in tests:
        beginnings, lr, _ = LEVELS[adapted]
        found: dict[str | int, list[float]] = {after: [] for after in afters}
        if ("letters" in family or beside) and afters == AFTER:
            found["told"] = []
        for number, (task, x, test) in enumerate(zip(test_tasks, *images, strict=True)):
            path = adaptation(
                model,
                task,
                adapt_only=beginnings,
                lr=lr,
                steps=max(afters),
                generator=generator(1000 + seed),
            )
            for after in afters:
                found[after].append(one_neighbour(model, path[after], x, test))
            if "told" in found:
                told = path[0] | {"gains.log": told_gains(number, count)}
                found["told"].append(one_neighbour(model, told, x, test))
        asked = sum(int((test.factors["drawer"] >= 10).sum()) for test in images[1])
        for stage, shares in found.items():
            mean = sum(shares) / len(shares)
            rows.append(
                {
                    "adapted": adapted,
                    "lr": lr,
                    "steps": steps,
                    "after": stage,
                    "accuracy": round(mean, 4),
                    "lowest": round(min(shares), 4),
                    "half_width": round(1.96 * math.sqrt(mean * (1 - mean) / asked), 4),
                    "seconds": round(seconds, 2),
                }
            )
    return rows


def _family(family: str, share: float, seed: int) -> tuple[list[Task], list[Task], Any]:
    """Tasks to train with, tasks to test with, and images and classes to judge these with."""
    train_set, test_set = glyphs("train"), glyphs("test")
    half = test_set.subset(test_set.factors["drawer"] % 2 == 0)
    if family == "scripts":
        seen, unseen = _scripts(train_set), _scripts(test_set)
        first, second = ([same_letter(d.images) for d in parts] for parts in (seen, unseen))
        return first, second, ([d.images for d in unseen], unseen)
    if family == "turns":
        drawn = torch.rand(44, generator=generator(500 + seed)).tolist()
        changes = [partial(turned, turns=turn, ink=i % 2 == 0) for i, turn in enumerate(drawn)]
        first = [same_letter(train_set.images, change) for change in changes[4:]]
        second = [same_letter(test_set.images, change) for change in changes[:4]]
        return first, second, ([change(half.images) for change in changes[:4]], [half] * 4)
    beside, count = family == "side by side", 3 if family == "three letters" else 2
    how: Any = {"count": count, "beside": beside}
    kept = range(count)
    return (
        [kept_letter(train_set.images, k, share=share, **how) for k in kept],
        [kept_letter(test_set.images, k, share=share, **how) for k in kept],
        ([images_to_judge(half, k, **how) for k in kept], [half] * count),
    )


def turned(x: Tensor, turns: float, ink: bool) -> Tensor:
    """Images (B, 1, H, W) turned by a share of the full circle, and black on white or reversed."""
    angle = torch.tensor(2 * math.pi * turns)
    rows = [[angle.cos(), -angle.sin(), 0], [angle.sin(), angle.cos(), 0]]
    matrix = torch.tensor(rows).expand(len(x), 2, 3)
    grid = nn.functional.affine_grid(matrix, list(x.shape), align_corners=False)
    x = nn.functional.grid_sample(x, grid, align_corners=False)
    return x if ink else 1 - x


def _scripts(dataset: Dataset) -> list[Dataset]:
    script = dataset.factors["script"]
    return [dataset.subset(script == number) for number in script.unique().tolist()]
