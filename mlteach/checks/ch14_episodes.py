"""Checks of the chapter on episodes: drawing one, prototypes, and how many to measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from mlteach.checks._answers import judge_number
from mlteach.checks._core import Answer, Case, Verdict, check, expected, judge, normal, run_case
from mlteach.mistakes import episodes, meta, mistakes_in

# --- drawing an episode --------------------------------------------------------------------------

# 8 images of classes 0, 1, 3 and 6, just enough of 4, and too few of 2 and 5
LABELS = torch.tensor([3, 0, 1, 6, 1, 0, 3, 6] * 4 + [4, 2, 4, 5, 4, 2, 5, 4, 5, 2, 4, 5, 4, 5])
N_WAY, N_SHOT = 3, 2
N_QUERY = 4
COUNTS = {"n_way": N_WAY, "n_shot": N_SHOT, "n_query": N_QUERY}
ENOUGH = LABELS.bincount()[LABELS] >= N_SHOT + N_QUERY
DRAWS = 150
TOLD = {m.function: m.explanation for m in mistakes_in(episodes.episode)}


@check
def episode(given: Any) -> Verdict:
    """Checks ``given(labels, n_way, n_shot, n_query, generator)``: one episode's indices.

    A draw is random: each mistake is told by what the episodes show of it, not by their numbers.
    """
    if not callable(given):
        return expected("a function", given)
    drawn = []
    for seed in range(DRAWS):
        rows, problem, printed, line = _drawn(given, seed)
        if line and not _drawn(given, seed, LABELS[ENOUGH]).problem:
            problem = TOLD[episodes.small_classes_too]
        problem = problem or _problem_of_one(rows)
        if problem:
            where = " ".join([f"Episode {seed + 1} of {DRAWS}.", line]).strip()
            return Verdict(False, problem, where, printed=printed)
        drawn.append(rows)
    problem = _problem_of_many(torch.stack(drawn))
    if not problem:
        again = [_drawn(given, seed).value for seed in range(DRAWS)]
        if any(one is None or not one.equal(rows) for one, rows in zip(again, drawn, strict=True)):
            problem = TOLD[episodes.not_seeded]
    if not problem and _leaves_the_generator(given):
        problem = "two calls with one generator draw the same: take the random numbers from it"
    message = problem or f"{DRAWS} episodes drawn, public checks passed."
    return Verdict(not problem, message, printed=printed)


def _leaves_the_generator(given: Callable) -> bool:
    """Whether a generator is where it was after a draw."""
    generator = Generator().manual_seed(0)
    before = generator.get_state()
    shape = torch.zeros(N_WAY, N_SHOT + N_QUERY, dtype=torch.long)
    run_case(given, Case("", (LABELS,), COUNTS | {"generator": generator}), shape)
    return generator.get_state().equal(before)


def _drawn(given: Callable, seed: int, labels: Tensor = LABELS) -> Answer:
    """One episode, or what is wrong with it as an answer."""
    shape = torch.zeros(N_WAY, N_SHOT + N_QUERY, dtype=torch.long)
    options = COUNTS | {"generator": Generator().manual_seed(seed)}
    answer = run_case(given, Case("", (labels,), options), shape)
    rows = answer.value
    if answer.problem or (rows.dtype in WHOLE and rows.min() >= 0 and rows.max() < len(labels)):
        return answer
    allowed = f"whole numbers from 0 to {len(labels) - 1}"
    return answer._replace(problem=f"the result must hold indices of images, {allowed}")


WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def _problem_of_one(rows: Tensor) -> str:
    """What a single episode shows of the mistakes."""
    classes = LABELS[rows]
    if (classes != classes[:, :1]).any():
        return TOLD[episodes.taken_for_sorted]
    if not ENOUGH[rows].all():
        return TOLD[episodes.small_classes_too]
    if len(classes[:, 0].unique()) < N_WAY:
        return TOLD[episodes.class_repeated]
    if any(torch.isin(row[:N_SHOT], row[N_SHOT:]).any() for row in rows):
        return TOLD[episodes.drawn_apart]
    if any(len(row.unique()) < len(row) for row in rows):
        return TOLD[episodes.with_replacement]
    return ""


def _problem_of_many(drawn: Tensor) -> str:
    """What only many episodes (E, n_way, n_shot + n_query) show."""
    if (drawn == drawn[0]).all():
        return TOLD[episodes.seeded_anew]
    classes = LABELS[drawn[..., 0]]  # (E, n_way)
    if (classes.sort(1).values == classes[0].sort().values).all():
        return TOLD[episodes.same_classes]
    if (classes == classes.sort(1).values).all():
        return TOLD[episodes.classes_sorted]
    support = drawn[..., :N_SHOT][classes == 0].sort(1).values
    if (support == support[:1]).all():
        return TOLD[episodes.same_support]
    if (drawn == drawn.sort(-1).values).all():
        return "your images come in rising order, so the first ones are support more often: shuffle"
    return _never_drawn(drawn) or _in_a_circle(drawn)


def _in_a_circle(drawn: Tensor) -> str:
    """Whether an image always follows the same one: the start is drawn, the order is not."""
    rows = drawn[LABELS[drawn[..., 0]] == 0]
    firsts = rows[:, :2].sort(1).values.unique(dim=0)
    # of the 28 pairs of 8 images 8 are neighbours in a circle; the draws of a shuffle show over 20
    if len(firsts) > (LABELS == 0).sum():
        return ""
    return "the same images always stand side by side: shuffle, a random start is not enough"


def _never_drawn(drawn: Tensor) -> str:
    """Which class or image has no chance, as far as many episodes can tell."""
    sizes = LABELS.bincount()
    allowed = (sizes >= N_SHOT + N_QUERY).nonzero()[:, 0]
    classes = LABELS[drawn[..., 0]].unique()
    if missing := sorted(set(allowed.tolist()) - set(classes.tolist())):
        have = f"it has {sizes[missing[0]]} images, and {N_SHOT + N_QUERY} are enough"
        return f"class {missing[0]} is never drawn: {have}"
    for role, part in (("support", drawn[..., :N_SHOT]), ("query", drawn[..., N_SHOT:])):
        seen = torch.isin(torch.arange(len(LABELS)), part)
        if (unseen := (~seen & torch.isin(LABELS, allowed)).nonzero()[:, 0]).numel():
            return f"image {unseen[0]} is never a {role} image: every image of its class may be one"
    return ""


# --- prototypes ----------------------------------------------------------------------------------


@check
def prototypes(given: Any) -> Verdict:
    """Checks ``given(support, labels, n_way)``, (N, D) and (N,) in any order -> (n_way, D)."""
    orders = {
        "with 3 classes of 4 images": torch.tensor([2, 0, 1, 1, 0, 2, 2, 0, 1, 0, 2, 1]),
        "with 2 classes of 3 images": torch.tensor([1, 0, 0, 1, 1, 0]),
        "with classes of 2, 3 and 1 images": torch.tensor([1, 0, 2, 1, 1, 0]),
    }
    cases = [
        Case(title, (normal(len(labels), 5, seed=seed), labels), {"n_way": int(labels.max()) + 1})
        for seed, (title, labels) in enumerate(orders.items())
    ]
    return judge(given, meta.prototypes, cases, mistakes_in(meta.prototypes))


@check
def prototype_loss(given: Any) -> Verdict:
    """Checks ``given(prototypes, query, labels)``, (C, D), (M, D), (M,) -> (), in nats."""
    cases = [
        Case(
            f"with {n_way} ways and {n_query} queries of scale {scale:g}",
            (
                scale * normal(n_way, 4, seed=n_way),
                scale * normal(n_query, 4, seed=n_query),
                torch.arange(n_query).remainder(n_way),
            ),
        )
        for n_way, n_query, scale in ((3, 6, 1.0), (5, 4, 0.3), (2, 5, 0.7))
    ]
    for title, scale in (("with points apart", 3.0), ("with points far apart", 50.0)):
        points = scale * normal(3, 4, seed=1), scale * normal(6, 4, seed=2)
        cases.append(Case(title, (*points, torch.arange(6).remainder(3)), edge=CUT_OFF))
    overflow = (
        "exp() of a large number overflows or vanishes: let cross_entropy or logsumexp do it."
    )
    right = meta.prototype_loss
    return judge(given, right, cases, mistakes_in(right), overflow=overflow)


CUT_OFF = (
    "are distances or probabilities cut off, or a small number added in the logarithm? "
    "cross_entropy takes logits of any size"
)


@check
def linear_layer(given: Any) -> Verdict:
    """Checks ``given(prototypes)``, (C, D) -> (C, D + 1): each class's weights, then its bias."""
    cases = [
        Case(f"with {n_way} prototypes of {size} features", (normal(n_way, size, seed=n_way),))
        for n_way, size in ((3, 2), (5, 4))
    ]
    right = meta.linear_layer
    return judge(given, right, cases, mistakes_in(right), gradients=False)


# --- how many episodes ---------------------------------------------------------------------------


@check
def episodes_needed(answer: Any, *, std: float = 0.11, half_width: float = 0.005) -> Verdict:
    """Checks how many episodes, scattered by std, a 95 % interval of ± half_width needs."""
    quotient = 1.96 * std / half_width
    right = _least(quotient)
    told = {
        _least(quotient**0.5): "the error falls with the root of the number: square the quotient",
        _least(std / half_width): "that many standard errors fit only without the 1.96",
        _least(2 * quotient): "half the width is 0.5 points, not the whole",
        _least(quotient / 2): "half the width is 0.5 points: it is not to be doubled",
        _least(quotient / 1.96 * 1.645): "1.645 is for 90 %: for 95 % it is 1.96",
        _least(quotient / 1.96 * 2): "2 is a rule of thumb: for 95 % it is 1.96",
        _least(quotient / 1.96 * 2.576): "2.576 is for 99 %: for 95 % it is 1.96",
        _least(1.96**0.5 * std / half_width): "the 1.96 is to be squared too",
        _least(1.96 * std / (100 * half_width)): "one number is in points, the other a share",
        _least(196 * std / half_width): "one number is in points, the other a share",
    }

    def otherwise(number: float) -> str:
        if number <= 0:
            return f"at least one episode is needed, got {number:g}"
        reached = 196 * std / number**0.5
        with_so_many = f"with {number:g} episodes"
        if number != round(number) and abs(number - right) <= 1:
            return "no episode is a fraction: round up, so that the interval is not wider"
        if number == right - 1:
            return f"rounded down: {with_so_many} it is {reached:.4f} points, still too wide"
        wanted = f"wanted ± {100 * half_width:g}"
        if number > right:
            wanted += ": fewer are enough"
        return f"{with_so_many} the interval is ± {reached:.2f} points, {wanted}"

    passed = f"{right:,} episodes. 1 public check passed."
    return judge_number(answer, right, told, passed=passed, otherwise=otherwise)


def _least(quotient: float) -> int:
    """The least whole number whose root is at least the quotient."""
    return -int(-(quotient**2) // 1)
