"""Checks of the chapter on meta-learned self-supervision: tasks without labels, two gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch
from torch import Generator, Tensor

from mlteach.checks._core import Case, Verdict, check, expected, judge, normal, run_case
from mlteach.checks._symptoms import close
from mlteach.mistakes import episodes, meta, mistakes_in

N_IMAGES = 20
SIZE = (3, 4, 5)  # channels, height, width
N_WAY = 4
N_QUERY = 2
FEW = 5  # images of another set
DRAWS = 200
MEETINGS = 365  # ordered pairs that the tasks hold at least; 379 +- 1 of 380 by chance
MOST = 64  # tasks hold one image at most; 40 +- 6 by chance
TOLD = {m.function: m.explanation for m in mistakes_in(episodes.image_task)}

# --- a task without labels -----------------------------------------------------------------------


def numbered_images(n_images: int = N_IMAGES) -> Tensor:
    """(n_images, *SIZE) whose first number is the number of the image."""
    images = torch.rand(n_images, *SIZE, generator=Generator().manual_seed(0))
    images[:, 0, 0, 0] = torch.arange(n_images).float()
    return images


class NumberedView:
    """A random view that keeps the first pixel, and knows whether it ever got no generator."""

    def __init__(self) -> None:
        self.unseeded = False

    def __call__(self, images: Tensor, *, generator: Generator | None = None) -> Tensor:
        self.unseeded |= generator is None
        views = images + torch.rand(images.shape, generator=generator)
        views[..., 0, 0] = images[..., 0, 0]
        return views


@check
def image_task(given: Any) -> Verdict:
    """Checks ``given(images, n_way, n_query, view, generator)`` -> (n_way, 1 + n_query, ...).

    A row is a class: an image as it is, then n_query views of it. A draw is random: each mistake is
    told by what the tasks show of it.
    """
    if not callable(given):
        return expected("a function", given)
    drawn = []
    for seed in range(DRAWS):
        rows, problem, printed, line, view = _drawn(given, seed)
        problem = problem or _problem_of_one(rows)
        if problem:
            return Verdict(False, problem, f"Task {seed + 1} of {DRAWS}. {line}".strip())
        drawn.append(rows)
    problem = _problem_of_many(torch.stack(drawn))
    if not problem and (verdict := _of_few_images(given)):
        return verdict
    if not problem:
        again = torch.stack([_drawn(given, seed)[0] for seed in range(DRAWS)])
        if view.unseeded:
            problem = TOLD[episodes.view_not_seeded]
        elif not again[:, :, 0].equal(torch.stack(drawn)[:, :, 0]):
            problem = TOLD[episodes.draw_not_seeded]
        elif not again.equal(torch.stack(drawn)):
            problem = "with the same generator the views differ: take all random numbers from it"
    message = problem or f"{DRAWS} tasks drawn, public checks passed."
    return Verdict(not problem, message, printed=printed)


def _drawn(
    given: Callable,
    seed: int,
    *,
    n_way: int = N_WAY,
    n_query: int = N_QUERY,
    n_images: int = N_IMAGES,
) -> tuple[Any, str, tuple[str, ...], str, NumberedView]:
    """One task, or what is wrong with it as an answer."""
    images, view = numbered_images(n_images), NumberedView()
    counts = {"n_way": n_way, "n_query": n_query, "view": view}
    case = Case("", (images,), counts | {"generator": Generator().manual_seed(seed)})
    right = torch.zeros(n_way, 1 + n_query, *images.shape[1:])
    value, problem, printed, line = run_case(given, case, right)
    return value, problem, printed, line, view


def _of_few_images(given: Callable) -> Verdict | None:
    """The verdict on a task of other sizes, drawn from fewer images; None if it is right."""
    sizes = {"n_way": 3, "n_query": 1, "n_images": FEW}
    rows, problem, printed, line, _ = _drawn(given, 0, **sizes)
    problem = problem or _problem_of_one(rows, FEW)
    where = f"A task of 3 ways and one query, from {FEW} images. {line}".strip()
    return Verdict(False, problem, where, printed=printed) if problem else None


def _problem_of_one(rows: Tensor, n_images: int = N_IMAGES) -> str:
    """What a single task (n_way, 1 + n_query, *SIZE) shows of the mistakes."""
    images, number = numbered_images(n_images), rows[..., 0, 0, 0]
    if (number != number.round()).any() or number.min() < 0 or number.max() >= n_images:
        return "the rows must hold images of `images` and what `view` makes of them, nothing else"
    support = number[:, 0].long()
    if (number != number[:, :1]).any():
        mixed = torch.isin(number, number[:, 0]).all()
        return TOLD[episodes.rows_mixed if mixed else episodes.other_images]
    as_it_is = (rows == images[support][:, None]).flatten(2).all(2)  # (n_way, 1 + n_query)
    if as_it_is[:, 1:].any():
        first = "the support must come first in its row, then the queries"
        return TOLD[episodes.queries_not_viewed] if as_it_is[:, 0].all() else first
    if not as_it_is.all(0)[0]:
        return TOLD[episodes.support_viewed]
    if any(len(row.unique(dim=0)) < len(row) for row in rows[:, 1:]):
        return TOLD[episodes.one_view_for_all]
    if (rows[:, 1:] - images[support][:, None]).max() > 1.001:  # a view adds less than 1
        return "a query is a view of a view: give `view` the image as it is, each time"
    return ""


def _problem_of_many(drawn: Tensor) -> str:
    """What only many tasks (T, n_way, 1 + n_query, *SIZE) show."""
    support = drawn[:, :, 0, 0, 0, 0].long()  # (T, n_way)
    if (support == support[0]).all():
        return TOLD[episodes.first_images]
    if any(len(task.unique()) < N_WAY for task in support):
        return TOLD[episodes.image_repeated]
    if (support.diff(dim=1) % N_IMAGES == 1).all():
        return (
            "the images of a task are neighbours in `images`: every choice must be equally likely"
        )
    noise = drawn[:, :, 1:] - drawn[:, :, :1]
    if torch.isclose(noise, noise[:1], atol=1e-5).all():
        return "every task has the same views: take their random numbers from the generator"
    if missing := sorted(set(range(N_IMAGES)) - set(support.flatten().tolist())):
        return f"image {missing[0]} is never drawn: every image may be a class"
    counts = support.flatten().bincount()
    if counts.max() > MOST:
        often = f"image {counts.argmax()} is in {counts.max()} of {DRAWS} tasks"
        mean = DRAWS * N_WAY // N_IMAGES
        return f"{often}, others in {mean} on average: every choice must be equally likely"
    together = (support[:, :, None] * N_IMAGES + support[:, None]).unique()
    if len(together) - N_IMAGES < MEETINGS:
        return "some images never share a task: every choice must be equally likely"
    return ""


# --- meta-learned self-supervision, and a learned temperature -------------------------------------


@check
def meta_gradient(given: Any) -> Verdict:
    """Checks ``given(weights, x1, x2, q1, q2, lr)``: the first-order outer gradient (P, C).

    The network is ``(x * log_gains.exp()) @ weights.T`` with weights (P, C) and views (B, C). The
    log-gains start at 0 and take one step of rate lr on NT-Xent of x1 and x2 at temperature 0.5.
    """
    cases = []
    for rate, size in ((0.0, 6), (0.5, 6), (2.0, 5), (4.0, 8)):
        views = [normal(size, 3, seed=seed + size) for seed in (1, 2, 3, 4)]
        views[1] = views[0] + 0.3 * views[1]
        views[3] = views[2] + 0.3 * views[3]
        title = f"with rate {rate:g} and {size} pairs"
        edge = "with rate 0 no gain moves, so look at the inner step, and at how its gains are used"
        edge = edge if rate else ""
        cases.append(Case(title, (normal(4, 3, seed=size), *views), {"lr": rate}, edge))
    return _judged(given, meta.meta_gradient, cases)


@check
def hypergradient(given: Any) -> Verdict:
    """Checks ``given(weights, x1, x2, v1, v2, temperature, lr)``: a temperature's gradient, ().

    The network is ``x @ weights.T``. One step of rate lr on NT-Xent of x1 and x2 at the temperature
    is judged by NT-Xent of v1 and v2 at temperature 0.5.
    """
    cases = []
    for temperature, rate, size in ((0.5, 0.5, 6), (0.2, 1.0, 9), (1.0, 2.0, 8)):
        views = [normal(size, 3, seed=seed + size) for seed in (1, 2, 3, 4)]
        views[1] = views[0] + 0.5 * views[1]
        views[3] = views[2] + 0.5 * views[3]
        title = f"at temperature {temperature:g} with rate {rate:g}"
        options = {"temperature": temperature, "lr": rate}
        cases.append(Case(title, (normal(4, 3, seed=size), *views), options))
    return _judged(given, meta.hypergradient, cases)


def _judged(given: Any, right: Callable, cases: Sequence[Case]) -> Verdict:
    """The verdict on a gradient: its numbers, and then what a call leaves on its arguments."""
    verdict = judge(given, right, cases, mistakes_in(right), gradients=False)
    if not verdict.passed:
        return verdict
    left = ""

    @wraps(given)
    def twice(*arguments: Any, **keywords: Any) -> Any:
        nonlocal left
        tensors = [one for one in arguments if isinstance(one, Tensor)]
        before = [one.requires_grad for one in tensors]
        given(*arguments, **keywords)
        if any(one.grad is not None for one in tensors):
            left = LEFT_A_GRADIENT
        elif any(now.requires_grad != was for now, was in zip(tensors, before, strict=True)):
            left = LEFT_A_FLAG
        return given(*arguments, **keywords)

    case = cases[-1]
    value = torch.as_tensor(case.copy().call(right))
    answer = run_case(twice, case, value)
    if not left and (answer.value is None or not close(answer.value, value)):
        left = ANOTHER_TIME
    return Verdict(False, left, printed=verdict.printed) if left else verdict


OF_YOUR_OWN = "take a tensor of your own, `weights.detach().requires_grad_()`"
LEFT_A_GRADIENT = (
    "the numbers are right, but .backward() leaves its gradient in .grad of an argument, and the "
    f"next call adds to it: torch.autograd.grad leaves nothing behind, or {OF_YOUR_OWN}"
)
LEFT_A_FLAG = (
    "the numbers are right, but after your function an argument requires gradients that did not "
    f"before: {OF_YOUR_OWN}"
)
ANOTHER_TIME = (
    "the first call is right, but a second one with the same arguments gives something else: what "
    "is left from the first?"
)
