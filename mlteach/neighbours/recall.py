"""How good an answer is, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.neighbours.index import Index


class Measured(NamedTuple):
    """One index at one setting of its knob."""

    setting: str  # such as "n_probe 4"
    recall: float
    per_second: float  # queries
    distances: float | None = None  # computed for a query, where it can be counted


def recall(found: Tensor, exact: Tensor) -> float:
    """The share of the true k nearest neighbours that were found, in whatever order.

    Args:
        found: (Q, k) indices from an approximate search, -1 where nothing was found.
        exact: (Q, k) indices from an exact search.

    Returns:
        0 to 1; 1 if both name the same vectors for every query.

    Raises:
        TypeError, ValueError: the shapes differ or are not (Q >= 1, k >= 1), or they hold no
            integers, or one of exact is negative.
    """
    exact, found = (_validate.as_tensor(*pair) for pair in (("exact", exact), ("found", found)))
    _validate.shaped("exact", exact, "Q", "k", at_least=1)
    _validate.shaped("found", found, *exact.shape)
    exact = _validate.labels("exact", exact.flatten()).view(exact.shape).cpu()
    found = _validate.labels("found", found.flatten() + 1).view(exact.shape).cpu() - 1
    # each number in the row found at the place behind the smaller ones, if it is there
    ordered = found.sort(1).values
    place = torch.searchsorted(ordered, exact.contiguous()).clamp_max(exact.shape[1] - 1)
    return (ordered.gather(1, place) == exact).double().mean().item()


def measure(
    index: Index, queries: Tensor, exact: Tensor, settings: Iterable[int] = (), *, repeats: int = 3
) -> list[Measured]:
    """Recall, speed and distances of an index, one entry for each setting of its knob.

    Args:
        index: any index.
        queries: (Q, D), searched all at once.
        exact: (Q, k) indices of their true neighbours.
        settings: of the index's knob; none for exact search.
        repeats: how often each search is timed; the fastest counts, for what else the computer does
            only slows it.
    """
    measured = []
    for knob in [{index.knob: setting} for setting in settings] or [{}]:
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            found = index.search(queries, exact.shape[1], **knob)[1]
            seconds.append(time.perf_counter() - start)
        title = " ".join(f"{name} {value}" for name, value in knob.items()) or "everything"
        distances = index.cost(queries[:100], **knob)
        measured.append(
            Measured(title, recall(found, exact), len(queries) / min(seconds), distances)
        )
    return measured
