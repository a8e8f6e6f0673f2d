"""How good an answer is, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
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
        settings: of the index's knob; none for exact search, or for the usual one.
        repeats: how often each search is timed; the fastest counts, for what else the computer does
            only slows it.

    Raises:
        TypeError, ValueError: index is none, exact is not (Q, k) indices, settings are none of this
            index, or repeats is less than 1.
    """
    _validate.instance("index", index, Index, "an index")
    queries = _validate.features("queries", queries)
    exact = _validate.as_tensor("exact", exact)
    k = _validate.shaped("exact", exact, len(queries), "k", at_least=1).shape[1]
    repeats = _validate.count("repeats", repeats)
    measured = []
    for knob in _knobs(index, settings) or [index.usual(k)]:
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            found = index.search(queries, k, **knob)[1]
            seconds.append(time.perf_counter() - start)
        title = " ".join(f"{name} {value}" for name, value in knob.items()) or "everything"
        distances = index.cost(queries[:100], **knob)
        measured.append(
            Measured(title, recall(found, exact), len(queries) / min(seconds), distances)
        )
    return measured


def _knobs(index: Index, settings: Iterable[int]) -> list[dict[str, int]]:
    """The knob of the index at each of the settings."""
    if isinstance(settings, str) or not isinstance(settings, Iterable):
        raise TypeError(f"settings must be whole numbers in a row, got {_validate.kind(settings)}")
    if isinstance(settings, Tensor | np.ndarray):
        settings = settings.tolist()
    settings = [_validate.count("settings", s, at_most=index.exhaustive) for s in settings]
    if settings and not index.knob:
        raise ValueError(f"settings must be left out: exact search has none, got {settings}")
    return [{index.knob: setting} for setting in settings]
