"""Temperature and strength of the views, learned while SimCLR learns, beside a sweep of both.

Every second step asks: were this step of Adam taken with a little more of it, would a task with
labels be solved better afterwards? `python -m mlteach results learned_temperature` computes the
table.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.func import functional_call

from mlteach import _validate
from mlteach.data import Dataset, glyphs
from mlteach.episodes import sample_episodes
from mlteach.losses import nt_xent
from mlteach.meta import prototypical_loss
from mlteach.meta.maml import Params
from mlteach.networks import conv_encoder
from mlteach.recipes.meta_selfsup import one_neighbour
from mlteach.training import generator, seed_everything
from mlteach.views import handwriting_view

BATCH = 64
STEPS = 240
EVERY = 2  # steps between two looks ahead
LR, META_LR = 5e-3, 0.1
BETA = 0.99  # of Adam's average of squared gradients
LABELLED = 25  # characters, whose labels the validation objective may use
OUTER_TEMPERATURE = 0.1
VIEW = {"radians": 0.25, "shear": 0.25, "scale": 0.2, "aspect": 0.2, "pixels": 2.0}


class Learned(NamedTuple):
    """A training and the setting that was learned beside it."""

    encoder: nn.Module
    path: list[float]  # of the setting, STEPS + 1 numbers


def loss(
    encoder: Callable[[Tensor], Tensor], views: Tensor, temperature: Tensor | float, scaled: bool
) -> Tensor:
    """NT-Xent of two views, one below the other; scaled: times the temperature.

    The scale of all gradients is nothing to Adam, but that of a single one counts beside those
    before it: without the factor a smaller temperature is a larger share of the step as well.
    """
    value = nt_xent(*encoder(views).chunk(2), temperature=temperature)
    return value * temperature if scaled else value


def validation_loss(encoder: Callable[[Tensor], Tensor], labelled: Dataset, g: Generator) -> Tensor:
    """Cross-entropy of a task of all labelled characters: cosine with one image of each."""
    counts = {"n_tasks": 1, "n_way": len(labelled.classes), "n_shot": 1, "n_query": 3}
    radius = (2 * OUTER_TEMPERATURE) ** -0.5  # squared distances are 2 cosines / 2 temperatures

    def on_the_sphere(x: Tensor) -> Tensor:
        return radius * F.normalize(encoder(x), dim=1)

    return prototypical_loss(on_the_sphere, sample_episodes(labelled, **counts, generator=g))


def two_views(x: Tensor, strength: float, stroke: float, g: Generator) -> Tensor:
    """Two views of each image, one below the other."""
    strengths = {name: strength * value for name, value in VIEW.items()}
    twice = torch.cat([x, x])
    return handwriting_view(twice, **strengths, elastic=0.0, stroke=stroke, generator=g)


def after_adam(optimizer: torch.optim.Adam, grads: Sequence[Tensor]) -> list[Tensor]:
    """The weights after the step that Adam would take now, as a function of these gradients.

    Adam's averages are read and left as they are. They hold the steps before; the gradients join
    them here as they would in the step itself, so the result can be differentiated.
    """
    (group,) = optimizer.param_groups
    beta1, beta2 = group["betas"]
    moved: list[Tensor] = []
    for weight, grad in zip(group["params"], grads, strict=True):
        state = optimizer.state[weight]
        t = state["step"].item() + 1
        mean = (beta1 * state["exp_avg"] + (1 - beta1) * grad) / (1 - beta1**t)
        square = (beta2 * state["exp_avg_sq"] + (1 - beta2) * grad**2) / (1 - beta2**t)
        size = square.clamp(min=1e-30).sqrt() + group["eps"]  # a root has no slope at 0
        moved.append(weight - group["lr"] * mean / size)
    return moved


def train(
    what: str, start: float, *, learned: bool, seed: int, scaled: bool = True, steps: int = STEPS
) -> Learned:
    """SimCLR on glyphs, with one setting fixed or learned by one-step look-ahead.

    Args:
        what: "temperature" or "strength", a factor on the strengths of the views.
        start: > 0, of that setting.
        learned: whether it moves.
        seed: of weights, images, views and labelled characters.
        scaled: see `loss`.
        steps: of training.
    """
    _validate.choice("what", what, ("temperature", "strength"))
    start = float(_validate.number("start", start, above=0))
    _validate.flag("learned", learned)
    train_set = glyphs("train")
    seed_everything(seed)
    g, luck = generator(seed), generator(1000 + seed)
    labelled = _only(train_set, torch.randperm(len(train_set.classes), generator=luck)[:LABELLED])
    encoder = conv_encoder(norm="group")
    optimizer = torch.optim.Adam(encoder.parameters(), betas=(0.9, BETA))
    log = nn.Parameter(torch.tensor(math.log(start)))
    meta_optimizer = torch.optim.Adam([log], lr=META_LR)
    path = [start]
    for step in range(steps):
        lr = LR * min(1, (step + 1) / 30) * min(1, 1.4 * (1 - step / steps))
        optimizer.param_groups[0]["lr"] = lr
        x = train_set.images[torch.randint(len(train_set), (BATCH,), generator=g)]
        seed_of_views = int(torch.randint(2**31, (), generator=g))
        gradients = partial(_gradients, encoder, x, what, seed_of_views, scaled)
        looks = learned and step >= 10 and step % EVERY == 0
        grads = gradients(log.exp(), create_graph=looks and what == "temperature")
        if looks:
            moved = after_adam(optimizer, grads)
            names = [name for name, _ in encoder.named_parameters()]
            ahead = partial(functional_call, encoder, dict(zip(names, moved, strict=True)))
            outer = validation_loss(ahead, labelled, luck)
            if what == "temperature":
                (log.grad,) = torch.autograd.grad(outer, log)
            else:
                log.grad = _by_difference(outer, moved, optimizer, gradients, log)
            meta_optimizer.step()
        for weight, grad in zip(encoder.parameters(), grads, strict=True):
            weight.grad = grad.detach()
        optimizer.step()
        path.append(log.exp().item())
    return Learned(encoder, path)


def _gradients(
    encoder: nn.Module,
    x: Tensor,
    what: str,
    seed: int,
    scaled: bool,
    value: Tensor,
    *,
    create_graph: bool = False,
) -> tuple[Tensor, ...]:
    """Of the training loss in the weights, with this temperature or strength; the same views."""
    temperature, strength = (value, 1.0) if what == "temperature" else (0.1, value.item())
    stroke = 0.6 if what == "temperature" else 0.0
    views = two_views(x, strength, stroke, generator(seed))
    value = loss(encoder, views, temperature, scaled)
    return torch.autograd.grad(value, [*encoder.parameters()], create_graph=create_graph)


def _by_difference(
    outer: Tensor,
    moved: list[Tensor],
    optimizer: torch.optim.Adam,
    gradients: Callable[[Tensor], tuple[Tensor, ...]],
    log: Tensor,
) -> Tensor:
    """The outer loss's slope in the logarithm, from steps with the setting 10 % above and below."""
    towards = torch.autograd.grad(outer, moved)
    value = log.detach().exp()
    more, less = (after_adam(optimizer, gradients(v)) for v in (value * 1.1, value / 1.1))
    change = [a.detach() - b.detach() for a, b in zip(more, less, strict=True)]
    slope = torch.stack([(v * c).sum() for v, c in zip(towards, change, strict=True)]).sum()
    return slope / (2 * math.log(1.1))


def _only(dataset: Dataset, classes: Tensor) -> Dataset:
    """The images of some classes, which are numbered anew."""
    part = dataset.subset(torch.isin(dataset.labels, classes))
    numbers = torch.full((len(dataset.classes),), -1)
    numbers[classes] = torch.arange(len(classes))
    names = tuple(dataset.classes[number] for number in classes.tolist())
    return Dataset(f"{len(classes)} characters", part.images, numbers[part.labels], names, {})


# ---------------------------------------------------------------- the table
SWEEP = {"temperature": (0.02, 0.05, 0.1, 0.3, 1.0), "strength": (0.1, 0.3, 0.7, 1.2, 2.5)}
STARTS = {"temperature": (0.02, 1.0), "strength": (0.2, 2.5)}
KEPT = 10  # every tenth step is in the table


def jobs(seeds: Sequence[int]) -> Iterator[tuple[dict, Callable[[], list[dict]]]]:
    """Settings and a function for the rows of each training."""
    for seed in seeds:
        runs = [("temperature", "fixed", value, "scaled") for value in SWEEP["temperature"]]
        for loss_name in ("scaled", "plain"):
            runs += [("temperature", "learned", v, loss_name) for v in STARTS["temperature"]]
        runs += [("strength", "fixed", value, "scaled") for value in SWEEP["strength"]]
        runs += [("strength", "learned", value, "scaled") for value in STARTS["strength"]]
        for what, kind, start, loss_name in runs:
            settings = {"what": what, "kind": kind, "loss": loss_name, "start": start, "seed": seed}
            yield settings, partial(_rows, what, kind, loss_name, start, seed)


def _rows(what: str, kind: str, loss_name: str, start: float, seed: int) -> list[dict]:
    started = time.process_time()
    run = train(what, start, learned=kind == "learned", seed=seed, scaled=loss_name == "scaled")
    seconds = time.process_time() - started
    test = glyphs("test")
    params: Params = dict(run.encoder.named_parameters())
    found = one_neighbour(run.encoder, params, test.images, test)
    asked = int((test.factors["drawer"] >= 10).sum())
    end = {
        "accuracy": round(found, 4),
        "half_width": round(1.96 * math.sqrt(found * (1 - found) / asked), 4),
        "seconds": round(seconds, 2),
    }
    steps = range(0, STEPS + 1, KEPT) if kind == "learned" else [STEPS]
    return [{"step": step, "value": float(f"{run.path[step]:.4g}")} | end for step in steps]
