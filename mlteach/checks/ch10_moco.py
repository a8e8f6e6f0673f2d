"""Checks of the chapter on MoCo: its logits, its queue, how long a key lives, and a queue filled
too early.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach.checks._core import Case, Verdict, judge


def _random(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- logits --------------------------------------------------------------------------------------


def _logits(
    query, key, queue, temperature, *, normal=True, first=True, heat="divides", asking="query", crossed=False,
) -> Tensor:  # fmt: skip
    """MoCo's logits with every part that can be got wrong as an option."""
    if normal:
        query, key, queue = (F.normalize(x, dim=1) for x in (query, key, queue))
    key, queue = key.detach(), queue.detach()
    own = (query * (key.roll(1, 0) if crossed else key)).sum(1, keepdim=True)
    others = (query if asking == "query" else key) @ queue.T
    if heat == "negatives only":
        others = others / temperature
    logits = torch.cat([own, others] if first else [others, own], dim=1)
    return {"divides": logits / temperature, "multiplies": logits * temperature}.get(heat, logits)


LOGITS_MISTAKES = {
    "the positive is in the last column: it belongs into the first, so that the label of every query is 0":
        partial(_logits, first=False),
    "the vectors are not normalised: divide query, key and queue by their lengths, then a dot product is a cosine":
        partial(_logits, normal=False),
    "you multiply by the temperature: the cosines are divided by it": partial(_logits, heat="multiplies"),
    "the temperature is missing: divide all the cosines by it": partial(_logits, heat="none"),
    "only the negatives are divided by the temperature: the positive's cosine is too":
        partial(_logits, heat="negatives only"),
    "you compare the keys with the queue: it is the queries that must not find themselves there":
        partial(_logits, asking="key"),
    "query i is compared with another picture's key: its positive is key i": partial(_logits, crossed=True),
}  # fmt: skip


def moco_logits(given: Any) -> Verdict:
    """Checks ``given(query, key, queue, temperature)``: the (B, 1 + K) logits, the positive first."""
    cases = [
        Case(f"with B = {size}, K = {n_keys} at temperature {t}",
             (_random(size, 3, seed=size, scale=scale), _random(size, 3, seed=size + 1), _random(n_keys, 3, seed=9), t))
        for size, n_keys, t, scale in ((4, 6, 0.2, 1.0), (5, 8, 0.07, 3.0), (3, 3, 2.0, 0.5))
    ]  # fmt: skip
    verdict = judge(given, _logits, cases, LOGITS_MISTAKES, gradients=False)
    if verdict.passed and (problem := _gradient_problem(given, cases[0])):
        return Verdict(False, problem)
    return (
        Verdict(True, f"{len(cases)} public checks passed, gradients too.")
        if verdict.passed
        else verdict
    )


def _gradient_problem(given: Callable, case: Case) -> str:
    """What is wrong with the gradients of logits whose values are right."""
    mine = case.copy(gradients=True)
    logits = mine.call(given)
    if not logits.requires_grad:
        return "the values are right, but no gradient flows: the queries must keep theirs"
    logits.exp().sum().backward()
    query, key, queue = (x.grad is not None and bool(x.grad.any()) for x in mine.arguments[:3])
    if key or queue:
        where = " and ".join(name for name, moved in (("keys", key), ("queue", queue)) if moved)
        return f"the values are right, but the gradient flows into {where}: .detach() key and queue, they are numbers"
    if not query:
        return "the values are right, but the queries get no gradient: nothing would be learned"
    return ""


# --- the queue -----------------------------------------------------------------------------------


def _enqueue(
    queue, pointer, keys, *, way="round", start=0, step=True, wrap=True, order=1
) -> tuple[Tensor, int]:
    """The next queue and pointer, with every part that can be got wrong as an option."""
    n_keys, batch = len(queue), len(keys)
    places = pointer + start * batch + torch.arange(batch)
    keys = keys.flip(0) if order < 0 else keys
    if way == "cut":
        places, keys = places[places < n_keys], keys[places < n_keys]
    queue = queue.clone()
    queue[places % n_keys] = keys
    pointer = pointer + batch if step else pointer
    return queue, pointer % n_keys if wrap else pointer


def _shifted(queue, pointer, keys) -> tuple[Tensor, int]:
    return torch.cat([queue[len(keys) :], keys]), (pointer + len(keys)) % len(queue)


ENQUEUE_MISTAKES = {
    "the pointer stays where it was: the next batch would replace these keys, the newest":
        partial(_enqueue, step=False),
    "the pointer runs past the end: after place K - 1 comes place 0, take it modulo K": partial(_enqueue, wrap=False),
    "a batch that reaches the end is cut off there: its other keys go on at place 0": partial(_enqueue, way="cut"),
    "you replace the newest keys, those just before the pointer: the oldest begin at the pointer":
        partial(_enqueue, start=-1),
    "the keys go in backwards: row 0 belongs at the pointer": partial(_enqueue, order=-1),
    "you move every key that stays: leave them where they are, and write the new ones from the pointer on": _shifted,
}  # fmt: skip


def enqueue(given: Any) -> Verdict:
    """Checks ``given(queue, pointer, keys)``: (K, P), 0 to K - 1, (B <= K, P) to the next queue and
    pointer.
    """
    cases = [
        Case(f"with K = {n_keys}, B = {size}, pointer {pointer}",
             (_random(n_keys, 2, seed=n_keys), pointer, _random(size, 2, seed=size)))
        for n_keys, size, pointer in ((12, 4, 4), (12, 4, 8), (12, 5, 10), (7, 7, 3))
    ]  # fmt: skip
    single = []

    def joined(function: Callable, *arguments):
        """Queue and pointer as one tensor; whatever else comes back is left for `judge` to name."""
        result = function(*arguments)
        if isinstance(result, Tensor):
            single.append(tuple(result.shape))
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            return result
        queue, pointer = result
        return torch.cat(
            [torch.as_tensor(queue).flatten(), torch.as_tensor(pointer).flatten().to(torch.float32)]
        )

    mistakes = {told: partial(joined, mistake) for told, mistake in ENQUEUE_MISTAKES.items()}
    asked = partial(joined, given) if callable(given) else given
    verdict = judge(asked, partial(joined, _enqueue), cases, mistakes, gradients=False)
    if not verdict.passed and single:
        return Verdict(
            False,
            f"two values are expected, `return queue, pointer`: got one tensor of shape {single[0]}",
        )
    return verdict


# --- numbers -------------------------------------------------------------------------------------

QUEUES = ((2048, 32), (2048, 256), (65536, 256))  # keys in the queue, keys a step


def key_lives(answer: Any) -> Verdict:
    """Checks in how many losses each key serves as a negative, for the three QUEUES."""
    numbers = list(answer) if isinstance(answer, (list, tuple)) else [answer]
    if len(numbers) != len(QUEUES) or not all(
        isinstance(n, Real) and not isinstance(n, bool) for n in numbers
    ):
        return Verdict(
            False,
            f"a list of {len(QUEUES)} numbers is expected, one for each queue, got {answer!r}",
        )
    right = [n_keys // batch for n_keys, batch in QUEUES]
    told = {
        "one too few: this is the age of the oldest key in the queue, and the youngest has age 0":
            [life - 1 for life in right],
        "one too many: in its own step a key is the positive of its query, a negative it is from the next step on":
            [life + 1 for life in right],
        "take the quotient the other way round: every step replaces B of the K keys": [1 / life for life in right],
        "that is how many keys there are: every step replaces B of them": [n_keys for n_keys, _ in QUEUES],
    }  # fmt: skip
    if numbers == right:
        return Verdict(True, f"{len(QUEUES)} public checks passed.")
    for mistake, values in told.items():
        if all(math.isclose(n, value) for n, value in zip(numbers, values, strict=True)):
            return Verdict(False, mistake)
    i = next(i for i, (n, life) in enumerate(zip(numbers, right, strict=True)) if n != life)
    n_keys, batch = QUEUES[i]
    return Verdict(
        False,
        f"{numbers[i]:g} is not it: each step replaces {batch} of {n_keys} keys, the oldest first",
    )


def lowest_loss(answer: Any) -> Verdict:
    """Checks the number of nats that the loss stays above if each query's own key is in the queue
    already.
    """
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, Real) or not math.isfinite(answer):
        return Verdict(False, f"a number is expected here, got {type(answer).__name__}: {answer!r}")
    right = math.log(2)
    told = {
        0.0: "0 needs a probability of 1 for the positive: its copy in the queue has as much",
        1.0: "that is in bits: in nats the logarithm has base e",
        0.5: "that is the largest probability of the positive: the loss is minus its logarithm",
        -right: "the loss is minus the logarithm of a probability, so it cannot be negative",
        math.log(
            3
        ): "count again: the own key is there twice, once as the positive and once in the queue",
    }
    if math.isclose(answer, right, abs_tol=2e-3):
        return Verdict(True, f"-log(1/2) = {right:.4f}. Public checks passed.")
    for value, message in told.items():
        if math.isclose(answer, value, abs_tol=2e-3):
            return Verdict(False, message)
    return Verdict(
        False,
        f"{answer:g} is not it: how probable can the positive be beside an exact copy of itself?",
    )
