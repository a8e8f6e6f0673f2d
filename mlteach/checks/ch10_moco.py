"""Checks of the chapter on MoCo: its logits, its queue, how long a key lives in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mlteach.checks._answers import as_number, judge_number, judge_numbers
from mlteach.checks._core import Case, Verdict, check, judge, normal
from mlteach.checks._guard import listening
from mlteach.checks._symptoms import close
from mlteach.checks._verdict import kind
from mlteach.mistakes import Mistake, mistakes_in, selfsup


@check
def moco_logits(given: Any) -> Verdict:
    """Checks ``given(query, key, queue, temperature)``: (B, 1 + K) logits, the positive first."""
    cases = []
    for size, n_keys, temperature, scale in ((4, 6, 0.2, 1.0), (5, 8, 0.07, 3.0), (3, 3, 2.0, 0.5)):
        query, key = normal(size, 3, seed=size, scale=scale), normal(size, 3, seed=size + 1)
        title = f"with B = {size}, K = {n_keys} at temperature {temperature}"
        tensors = (query, key, normal(n_keys, 3, seed=9))
        cases.append(Case(title, tensors, {"temperature": temperature}))
    return judge(given, selfsup.moco_logits, cases, mistakes_in(selfsup.moco_logits))


# --- the queue -----------------------------------------------------------------------------------


@check
def enqueue(given: Any) -> Verdict:
    """Checks ``given(queue, pointer, keys)``: (K, P), 0 to K - 1, (B <= K, P) -> queue, pointer."""
    cases = [
        Case(
            f"with K = {n_keys}, B = {size}, pointer {pointer}",
            (normal(n_keys, 2, seed=n_keys), pointer, normal(size, 2, seed=size)),
        )
        for n_keys, size, pointer in ((12, 4, 4), (12, 4, 8), (12, 5, 10), (7, 7, 3))
    ]
    otherwise = []  # what is handed in instead of two values

    def joined(function: Callable, *arguments):
        """Queue and pointer as one tensor; whatever else comes back is left for `judge` to name."""
        result = function(*arguments)
        if isinstance(result, Tensor):
            otherwise.append(f"one tensor of shape {tuple(result.shape)}")
        if not isinstance(result, tuple | list) or len(result) != 2:
            return result
        try:
            return torch.cat([torch.as_tensor(part).flatten().float() for part in result])
        except (TypeError, ValueError, RuntimeError):  # parts that are no numbers
            otherwise.append(" and ".join(map(kind, result)))
            return result

    right = selfsup.enqueue
    mistakes = [Mistake(partial(joined, m.function), m.explanation) for m in mistakes_in(right)]
    asked = partial(joined, given) if callable(given) else given
    verdict = judge(asked, partial(joined, right), cases, mistakes, gradients=False)
    if verdict.passed or verdict.message in {m.explanation for m in mistakes}:
        return verdict
    if otherwise:
        two = "two values are expected, `return queue, pointer`"
        return replace(verdict, message=f"{two}: got {otherwise[0]}")
    if found := next(filter(None, (_misplaced(given, case) for case in cases)), ""):
        return replace(verdict, message=found)
    return verdict


def _misplaced(given: Callable, case: Case) -> str:
    """What lies in the wrong place of the learner's queue, or where the pointer is wrong, or ""."""
    queue, pointer, keys = case.arguments
    right, after = selfsup.enqueue(*case.arguments)
    try:
        with listening([]):
            mine, moved = case.copy().ask(given)
            mine, moved = torch.as_tensor(mine).detach().to(right), as_number(moved)
    except KeyboardInterrupt:
        raise
    except BaseException:  # it is told by what it raises
        return ""
    if mine.shape != right.shape:
        return f"the queue has shape {tuple(mine.shape)}, expected {tuple(right.shape)}: it keeps K"
    names = {f"new key {i}": key for i, key in enumerate(keys)}
    names |= {f"the old key {i}": key for i, key in enumerate(queue)} | {"zeros": 0 * keys[0]}
    for place, (got, wanted) in enumerate(zip(mine, right, strict=True)):
        if not close(got, wanted):
            what = next((name for name, key in names.items() if close(got, key)), "neither of both")
            belongs = next(name for name, key in names.items() if close(wanted, key))
            return f"{case.title}, place {place} must hold {belongs}, and holds {what}"
    if moved != after:
        says = "nothing" if moved is None else f"{moved:g}"
        return (
            f"the queue is right, but the pointer is not: {case.title} it must become {after}, "
            f"(pointer + B) % K, and becomes {says}"
        )
    return ""


# --- numbers -------------------------------------------------------------------------------------

QUEUES = ((2048, 32), (2048, 256), (65536, 256))  # keys in the queue, keys a step


@check
def key_lives(answer: Any) -> Verdict:
    """Checks in how many losses each key serves as a negative, for the three QUEUES."""
    right = [n_keys // batch for n_keys, batch in QUEUES]
    told = {
        "one too few: this is the age of the oldest key in the queue, and the youngest has age 0": [
            life - 1 for life in right
        ],
        "one too many: in its own step a key is the positive of its query, "
        "a negative it is from the next step on": [life + 1 for life in right],
        "take the quotient the other way round: every step replaces B of the K keys": [
            1 / life for life in right
        ],
        "that is how many keys there are: every step replaces B of them": [
            n_keys for n_keys, _ in QUEUES
        ],
        "that is how many keys come in a step: how many steps are there until a key is replaced?": [
            batch for _, batch in QUEUES
        ],
        "that is half of it, about the mean age of the keys in the queue: how old does each get?": [
            life / 2 for life in right
        ],
        "that is the mean age of the keys in the queue: how old does each become?": [
            (life - 1) / 2 for life in right
        ],
        "the power of 2 is asked for, not its exponent": [math.log2(life) for life in right],
    }

    def otherwise(place: int, number: float) -> str:
        n_keys, batch = QUEUES[place]
        replaced = f"each step replaces {batch} of {n_keys} keys, the oldest first"
        return f"{number:g} is not it: {replaced}"

    return judge_numbers(answer, right, told, otherwise=otherwise)


@check
def lowest_loss(answer: Any) -> Verdict:
    """Checks the nats that the loss stays above if each query's own key is in the queue already."""
    right = math.log(2)
    told = {
        0.0: "0 needs a probability of 1 for the positive: its copy in the queue has as much",
        1.0: "that is in bits: in nats the logarithm has base e",
        0.5: "that is the largest probability of the positive: the loss is minus its logarithm",
        -right: "the loss is minus the logarithm of a probability, so it cannot be negative",
        math.log10(2): "that is the logarithm of base 10: in nats it has base e",
        2 * right: "half of the probability is the positive's: minus its logarithm, once",
        **dict.fromkeys(
            (math.log(n) for n in (32, 33, 256, 1024, 1025, 2048, 2049)),
            "that is the loss of one that guesses: how low can the best one come?",
        ),
        math.exp(-2): "that is an exponential: the loss is minus the logarithm of a probability",
        math.log(3): "count again: the own key is there twice, "
        "once as the positive and once in the queue",
    }
    return judge_number(
        answer,
        right,
        told,
        passed=f"-log(1/2) = {right:.4f}. Public checks passed.",
        otherwise=lambda number: (
            f"{number:g} is not it: "
            "how probable can the positive be beside an exact copy of itself?"
        ),
        tolerance=2e-3,
    )
