"""Checks of the chapter on episodes: drawing one, prototypes, their loss as a linear layer, and how
many to measure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from mlteach.checks._core import Case, Verdict, judge, run_case


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed))


# --- drawing an episode --------------------------------------------------------------------------

# 8 pictures of 5 classes, 3 of a sixth
LABELS = torch.tensor([3, 0, 1, 2, 4, 1, 0, 3, 2, 4] * 4 + [5] * 3)
N_WAY, N_SHOT, N_QUERY = 3, 2, 4
DRAWS = 60


def _large_enough(labels, n_each) -> Tensor:
    return (labels.bincount() >= n_each).nonzero()[:, 0]


def _all_classes(labels, n_each) -> Tensor:
    return labels.unique()


def _any(classes, n, generator) -> Tensor:
    return classes[torch.randperm(len(classes), generator=generator)[:n]]


def _with_repeats(classes, n, generator) -> Tensor:
    return classes[torch.randint(len(classes), (n,), generator=generator)]


def _members(labels, label) -> Tensor:
    return (labels == label).nonzero()[:, 0]


def _side_by_side(labels, label) -> Tensor:
    """Takes the pictures for sorted by class."""
    size = len(_members(labels, label))
    return torch.arange(size) + label * size


def _episode(
    labels, n_way, n_shot, n_query, generator, *,
    classes=_large_enough, picks=_any, members=_members, shuffled=True, apart=True,
) -> Tensor:  # fmt: skip
    """Pictures of one episode, (n_way, n_shot + n_query), with every part that can be got wrong as
    an option.
    """
    rows = []
    for label in picks(classes(labels, n_shot + n_query), n_way, generator):
        found = members(labels, label)
        if shuffled:
            found = found[torch.randperm(len(found), generator=generator)]
        query = found[n_shot:] if apart else found[torch.randperm(len(found), generator=generator)]
        rows.append(torch.cat([found[:n_shot], query[:n_query]]))
    return torch.stack(rows)


SHARED = "a picture is support and query at once: draw n_shot + n_query different pictures of a class, then part them"
MIXED = "a row holds pictures of different classes: look for a class in labels, its pictures need not lie side by side"
REPEATED = "a class is drawn twice in one episode: two rows with different labels would show the same class"
SAME_CLASSES = (
    "every episode has the same classes: draw them with torch.randperm(…, generator=generator)"
)
SORTED = "the classes always come in the same order: class 0 of the task should be any class"
SAME_SUPPORT = (
    "a class always shows the same support pictures: shuffle its pictures before you part them"
)
TOO_FEW = "a class with fewer than n_shot + n_query pictures is drawn now and then: leave such classes out"
UNSEEDED = "your draws do not follow the generator: give it to every torch.randperm, so that a seed repeats an episode"
EPISODE_MISTAKES = {
    SHARED: partial(_episode, apart=False),
    MIXED: partial(_episode, members=_side_by_side),
    REPEATED: partial(_episode, picks=_with_repeats),
    SAME_CLASSES: partial(_episode, picks=lambda classes, n, g: classes[:n]),
    SORTED: partial(_episode, picks=lambda classes, n, g: _any(classes, n, g).sort().values),
    SAME_SUPPORT: partial(_episode, shuffled=False),
    TOO_FEW: partial(_episode, classes=_all_classes),
    UNSEEDED: lambda *arguments: _episode(*arguments[:4], Generator().manual_seed(torch.seed())),
}  # fmt: skip


def episode(given: Any) -> Verdict:
    """Checks ``given(labels, n_way, n_shot, n_query, generator)``: indices (n_way, n_shot +
    n_query), support first.
    """
    if not callable(given):
        return Verdict(False, f"a function is expected here, got {type(given).__name__}: {given!r}")
    episodes = []
    for seed in range(DRAWS):
        rows, problem = _drawn(given, seed)
        if "raised" in problem and not _drawn(given, seed, LABELS[:-3])[1]:
            problem = TOO_FEW
        problem = problem or _problem_of_one(rows)
        if problem:
            return Verdict(False, problem)
        episodes.append(rows)
    problem = _problem_of_many(torch.stack(episodes))
    if not problem and any(
        not _drawn(given, seed)[0].equal(rows) for seed, rows in enumerate(episodes)
    ):
        problem = UNSEEDED
    return Verdict(not problem, problem or f"{DRAWS} episodes drawn, public checks passed.")


def _drawn(given: Callable, seed: int, labels: Tensor = LABELS) -> tuple[Tensor, str]:
    """One episode, or what is wrong with it as an answer."""
    shape = torch.zeros(N_WAY, N_SHOT + N_QUERY, dtype=torch.long)
    rows, problem = run_case(
        given, Case("", (labels, N_WAY, N_SHOT, N_QUERY, Generator().manual_seed(seed))), shape
    )
    if not problem and (rows.is_floating_point() or rows.min() < 0 or rows.max() >= len(labels)):
        problem = (
            f"the result must hold indices of pictures, whole numbers from 0 to {len(labels) - 1}"
        )
    return rows, problem


def _problem_of_one(rows: Tensor) -> str:
    """What a single episode shows of the mistakes."""
    classes = LABELS[rows]
    if (classes != classes[:, :1]).any():
        return MIXED
    if len(classes[:, 0].unique()) < N_WAY:
        return REPEATED
    if any(torch.isin(row[:N_SHOT], row[N_SHOT:]).any() for row in rows):
        return SHARED
    if any(len(row.unique()) < len(row) for row in rows):
        return "a picture is drawn twice: draw n_shot + n_query different pictures of each class"
    return ""


def _problem_of_many(episodes: Tensor) -> str:
    """What only many episodes (E, n_way, n_shot + n_query) show."""
    classes = LABELS[episodes[..., 0]]  # (E, n_way)
    if (classes.sort(1).values == classes[0].sort().values).all():
        return SAME_CLASSES
    if (classes == classes.sort(1).values).all():
        return SORTED
    support = episodes[..., :N_SHOT][classes == 0]
    return SAME_SUPPORT if (support.sort(1).values == support[0].sort().values).all() else ""


# --- prototypes ----------------------------------------------------------------------------------


def _prototypes(
    support, labels, n_way, *, reduce=torch.mean, of="class", normalised=False
) -> Tensor:
    """The mean of each class's support with every part that can be got wrong as an option."""
    z = F.normalize(support, dim=1) if normalised else support
    if of == "place":  # as if the support came class by class
        return z.view(n_way, -1, z.shape[1]).mean(1)
    if of == "first":
        return torch.stack([z[labels == label][0] for label in range(n_way)])
    if of == "all":
        return torch.stack([z[labels == label].sum(0) / len(labels) for label in range(n_way)])
    return torch.stack([reduce(z[labels == label], 0) for label in range(n_way)])


PROTOTYPE_MISTAKES = {
    "you add a class's support up: divide by the number of its pictures": partial(_prototypes, reduce=torch.sum),
    "you divide by the number of all support pictures: each class has its own number":
        partial(_prototypes, of="all"),
    "you take the rows in their order, as if they came class by class: labels says which row belongs to which":
        partial(_prototypes, of="place"),
    "you take one picture of each class: a prototype is the mean of all of them": partial(_prototypes, of="first"),
    "this is the median: a prototype is the mean": partial(_prototypes, reduce=lambda z, dim: z.median(dim).values),
    "you normalise the representations: prototypical networks take them as they are":
        partial(_prototypes, normalised=True),
}  # fmt: skip


def prototypes(given: Any) -> Verdict:
    """Checks ``given(support, labels, n_way)``, (N, D) and (N,) in any order -> (n_way, D), against
    the means.
    """
    orders = {
        "with 3 classes of 4 pictures": torch.tensor([2, 0, 1, 1, 0, 2, 2, 0, 1, 0, 2, 1]),
        "with 2 classes of 3 pictures": torch.tensor([1, 0, 0, 1, 1, 0]),
        "with classes of 2, 3 and 1 pictures": torch.tensor([1, 0, 2, 1, 1, 0]),
    }
    cases = [
        Case(title, (_random(len(labels), 5, seed=seed), labels, int(labels.max()) + 1))
        for seed, (title, labels) in enumerate(orders.items())
    ]
    return judge(given, _prototypes, cases, PROTOTYPE_MISTAKES)


# --- the loss of the queries ---------------------------------------------------------------------


def _prototype_loss(
    means, query, labels, *, power=1.0, sign=-1, factor=1.0, collected="mean", compare="distance", first="softmax",
) -> Tensor:  # fmt: skip
    """The cross-entropy of minus the squared distances with every part that can be got wrong as an
    option.
    """
    squared = (query[:, None] - means).square()
    squared = squared.mean(2) if factor == "mean" else squared.sum(2)
    logits = sign * squared**power
    if compare == "cosine":
        logits = F.normalize(query, dim=1) @ F.normalize(means, dim=1).T
    if compare == "product":
        logits = query @ means.T
    if first == "own":  # the distance to the own prototype alone
        return -logits.gather(1, labels[:, None]).mean()
    return F.cross_entropy(logits, labels, reduction=collected)


LOSS_MISTAKES = {
    "you take the distance, not its square": partial(_prototype_loss, power=0.5),
    "the far prototypes get the largest logits: a logit is minus the squared distance":
        partial(_prototype_loss, sign=1),
    "you average over the features: a squared distance is a sum over them": partial(_prototype_loss, factor="mean"),
    "you add up over the queries: the loss is their mean": partial(_prototype_loss, collected="sum"),
    "you use the cosine: here it is minus the squared Euclidean distance": partial(_prototype_loss, compare="cosine"),
    "this is the product with the prototype alone: the prototype's own squared length is missing, and a factor 2":
        partial(_prototype_loss, compare="product"),
    "this is the distance to the own prototype alone: without the others in the softmax all points may fall together":
        partial(_prototype_loss, first="own"),
}  # fmt: skip


def prototype_loss(given: Any) -> Verdict:
    """Checks ``given(prototypes, query, labels)``, (C, D), (M, D), (M,) -> (), against the
    cross-entropy, in nats.
    """
    cases = []
    for n_way, n_query, scale in ((3, 6, 1.0), (5, 4, 0.3), (2, 5, 3.0)):
        labels = torch.arange(n_query).remainder(n_way)
        means, query = (
            scale * _random(n_way, 4, seed=n_way),
            scale * _random(n_query, 4, seed=n_query),
        )
        cases.append(
            Case(
                f"with {n_way} ways and {n_query} queries of scale {scale:g}",
                (means, query, labels),
            )
        )
    far = (50 * _random(3, 4, seed=1), 50 * _random(6, 4, seed=2), torch.arange(6).remainder(3))
    overflow = (
        "exp() of a large number overflows or vanishes: let cross_entropy or logsumexp do it."
    )
    return judge(
        given,
        _prototype_loss,
        [*cases, Case("with points far apart", far)],
        LOSS_MISTAKES,
        overflow=overflow,
    )


# --- prototypes as a linear layer ----------------------------------------------------------------


def _linear_layer(means, *, weight=2.0, bias=-1.0, power=1.0) -> Tensor:
    """Weights and bias of each class side by side, (C, D + 1), with every part that can be got
    wrong as an option.
    """
    return torch.cat([weight * means, bias * means.square().sum(1, keepdim=True) ** power], 1)


LAYER_MISTAKES = {
    "the factor 2 is missing: -|x - m|² = 2 m·x - |m|² - |x|²": partial(_linear_layer, weight=1.0),
    "the bias has the wrong sign: a prototype far from the origin needs a handicap": partial(_linear_layer, bias=1.0),
    "both signs are turned round: the logit is minus the squared distance":
        partial(_linear_layer, weight=-2.0, bias=1.0),
    "the bias is missing: without it a long prototype would win everywhere on its side":
        partial(_linear_layer, bias=0.0),
    "the bias is minus the squared length of the prototype, not the length": partial(_linear_layer, power=0.5),
    "this is half of the layer: the softmax would be another one": partial(_linear_layer, weight=1.0, bias=-0.5),
}  # fmt: skip


def linear_layer(given: Any) -> Verdict:
    """Checks ``given(prototypes)``, (C, D) -> (C, D + 1), each class's weights and after them its
    bias.
    """
    cases = [
        Case(f"with {n_way} prototypes of {size} features", (_random(n_way, size, seed=n_way),))
        for n_way, size in ((3, 2), (5, 4))
    ]
    return judge(given, _linear_layer, cases, LAYER_MISTAKES, gradients=False)


# --- how many episodes ---------------------------------------------------------------------------


def episodes_needed(answer: Any, *, std: float = 0.11, half_width: float = 0.005) -> Verdict:
    """Checks the least number of episodes, each scattered by std, for a 95 % interval of mean ±
    half_width.
    """
    if isinstance(answer, bool) or not isinstance(answer, (Real, Tensor)):
        return Verdict(False, f"a number is expected here, got {type(answer).__name__}: {answer!r}")
    value = float(answer)
    right = _least(1.96 * std / half_width)
    told = {
        _least((1.96 * std / half_width) ** 0.5): "the error falls with the root of the number: square the quotient",
        _least(std / half_width): "that many standard errors fit only without the 1.96",
        _least(2 * 1.96 * std / half_width): "half the width is 0.5 points, not the whole",
    }  # fmt: skip
    if value == right:
        return Verdict(True, f"{right:,} episodes. 1 public check passed.")
    if value in told:
        return Verdict(False, told[value])
    if value <= 0:
        return Verdict(False, f"at least one episode is needed, got {value:g}")
    reached = 196 * std / value**0.5
    if value == right - 1:
        return Verdict(
            False,
            f"rounded down: with {value:g} episodes it is {reached:.4f} points, still too wide",
        )
    return Verdict(
        False,
        f"with {value:g} episodes the interval is ± {reached:.2f} points, wanted ± {100 * half_width:g}",
    )


def _least(quotient: float) -> int:
    """The least whole number whose root is at least the quotient."""
    return -int(-(quotient**2) // 1)
