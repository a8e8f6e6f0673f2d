"""Checks of the chapter on similarity: the definitions, and the mistakes that people make."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mlteach import similarity
from mlteach.checks._core import Case, Verdict, judge


def _random(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _pairs() -> list[Case]:
    """Two sets of vectors of different and of equal size, and long ones."""
    sizes = {
        "with 4 and 6 vectors": (4, 6, 1.0),
        "with 5 and 5 vectors": (5, 5, 1.0),
        "with long vectors": (3, 4, 8.0),
    }
    return [
        Case(
            what,
            (_random(n, 3, seed=n, scale=scale) + 0.5, _random(m, 3, seed=m + 10, scale=scale)),
        )
        for what, (n, m, scale) in sizes.items()
    ]


# --- squared distances ---------------------------------------------------------------------------


def _squared_distances(x, y, *, factor=-2.0, own=(1, 1), power=2, root=False) -> Tensor:
    """|x|² + |y|² - 2 x·y with every part that can be got wrong as an option."""
    rows, columns = x.norm(dim=1) ** power, y.norm(dim=1) ** power
    squared = own[0] * rows[:, None] + own[1] * columns + factor * x @ y.T
    return squared.clamp_min(0).sqrt() if root else squared


SQUARED_DISTANCE_MISTAKES = {
    "the 2 is missing: (a - b)² = a² + b² - 2ab": partial(_squared_distances, factor=-1.0),
    "the sign of the dot product is wrong: what is alike must come out near": partial(
        _squared_distances, factor=2.0
    ),
    "the squared lengths of y are missing: every column needs its own": partial(
        _squared_distances, own=(1, 0)
    ),
    "the squared lengths of x are missing: every row needs its own": partial(
        _squared_distances, own=(0, 1)
    ),
    "the squared lengths of both are missing": partial(_squared_distances, own=(0, 0)),
    "you add the lengths, not their squares": partial(_squared_distances, power=1),
    "you took the root: the squared distance is asked for": partial(_squared_distances, root=True),
}


def squared_distances(given: Any) -> Verdict:
    """Checks ``given(x, y)``, (N, D) and (M, D) -> (N, M), against the squared Euclidean distances."""
    return judge(given, _squared_distances, _pairs(), SQUARED_DISTANCE_MISTAKES)


# --- correlation ---------------------------------------------------------------------------------


def _correlation(
    x, y, *, centre="vector", scaled=True, order="centre first", only_x=False, mean=False
) -> Tensor:
    """The centred cosine with every part that can be got wrong as an option."""

    def centred(z: Tensor) -> Tensor:
        return (
            z
            - {
                "vector": z.mean(dim=1, keepdim=True),
                "set": z.mean(dim=0),
                "all": z.mean(),
                "not": 0,
            }[centre]
        )

    def unit(z: Tensor) -> Tensor:
        return z / z.norm(dim=1, keepdim=True) if scaled else z

    if order == "centre first":
        x, y = unit(centred(x)), unit(y if only_x else centred(y))
    else:
        x, y = centred(unit(x)), centred(unit(y))
    return x @ y.T / (x.shape[1] if mean else 1)


CORRELATION_MISTAKES = {
    "this is the cosine: subtract from each vector its own mean first": partial(_correlation, centre="not"),
    "you subtract the mean over the set (dim=0): each vector's own mean is over its entries, dim=1":
        partial(_correlation, centre="set"),
    "you subtract one mean of all numbers: every vector has its own": partial(_correlation, centre="all"),
    "this is the covariance: divide by the lengths of the centred vectors":
        partial(_correlation, scaled=False, mean=True),
    "the lengths are missing: divide by the lengths of the centred vectors": partial(_correlation, scaled=False),
    "you divide by the lengths before you centre: centre first, the length must be that of the centred vector":
        partial(_correlation, order="length first"),
    "you divide by the number of entries as well: after the division by the lengths nothing is left to average":
        partial(_correlation, mean=True),
    "only x is centred: y needs its own mean subtracted too": partial(_correlation, only_x=True),
}  # fmt: skip


def correlation(given: Any) -> Verdict:
    """Checks ``given(x, y)``, (N, D) and (M, D) -> (N, M), against the cosine of the centred
    vectors.
    """
    return judge(
        given,
        partial(similarity.similarities, measure="correlation"),
        _pairs(),
        CORRELATION_MISTAKES,
    )


# --- nearest neighbours --------------------------------------------------------------------------


def _masked(matrix: Tensor, value: float) -> Tensor:
    return matrix.masked_fill(torch.eye(len(matrix), dtype=torch.bool), value)


NEAREST_MISTAKES = {
    "the query itself is among its neighbours: take the diagonal out before you sort":
        lambda matrix, k: matrix.topk(k, dim=1).indices,
    "you drop the first of k + 1 neighbours, but the query need not come first: by the dot product a longer vector can "
    "be more alike to it than it is to itself. Take the diagonal out instead":
        lambda matrix, k: matrix.topk(k + 1, dim=1).indices[:, 1:],
    "these are the least similar: a similarity grows with likeness, so the largest come first":
        lambda matrix, k: _masked(matrix, math.inf).topk(k, dim=1, largest=False).indices,
    "you sort upwards: a similarity grows with likeness, so the largest come first":
        lambda matrix, k: matrix.topk(k, dim=1, largest=False).indices,
    "these are the similarities: the numbers of the neighbours are asked for":
        lambda matrix, k: _masked(matrix, -math.inf).topk(k, dim=1).values,
    "you sort along the columns: the neighbours of query i stand in row i":
        lambda matrix, k: _masked(matrix, -math.inf).topk(k, dim=0).indices.T,
    "the right neighbours in the wrong order: the most similar comes first":
        lambda matrix, k: _masked(matrix, -math.inf).topk(k, dim=1).indices.flip(1),
    "a diagonal of 0 does not leave the query out where other similarities are negative: use -∞":
        lambda matrix, k: _masked(matrix, 0.0).topk(k, dim=1).indices,
}  # fmt: skip


def nearest(given: Any) -> Verdict:
    """Checks ``given(matrix, k)``, (N, N) similarities -> (N, k) numbers of the most similar
    others.
    """
    vectors = _random(6, 3, seed=1)
    cases = [
        Case("with cosines, k = 3", (similarity.similarities(vectors, vectors), 3)),
        Case("with dot products, k = 2", (vectors @ vectors.T, 2)),
        Case(
            "with distances turned round, k = 4",
            (similarity.similarities(vectors, vectors, measure="euclidean"), 4),
        ),
        Case("with a matrix that is not symmetric, k = 1", (_random(5, 5, seed=2), 1)),
    ]
    return judge(given, similarity.nearest, cases, NEAREST_MISTAKES, gradients=False)


# --- where cosine and Euclid part ----------------------------------------------------------------

A = (0.8, 0.6)  # candidate A; the query is (1, 0), and B = (length, 0) points the same way


def parting_length(answer: Any) -> Verdict:
    """Checks the length of B from which on Euclid prefers A, though the cosine prefers B: 1 + the
    distance of A.
    """
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if (
        isinstance(answer, bool)
        or not isinstance(answer, (int, float))
        or not math.isfinite(answer)
    ):
        return Verdict(False, f"a number is expected here, got {type(answer).__name__}: {answer!r}")
    apart = math.dist((1, 0), A)
    told = {
        apart: "that is how far A lies from the query: B must lie as far away, and it is measured from the origin",
        1 + apart**2: "that adds the squared distance of A: take the root",
        1 - apart: "that is the other end, a B too short: the question is about a long one",
        A[
            0
        ]: "there the dot product changes its mind: B's is its length, A's is 0.8. Compare distances",
        1.0: "a B of length 1 is the query itself, at distance 0: nothing is nearer",
    }
    if math.isclose(answer, 1 + apart, abs_tol=1e-3):
        return Verdict(
            True, f"beyond {1 + apart:.3f} Euclid prefers A and the cosine B. Public checks passed."
        )
    for value, message in told.items():
        if math.isclose(answer, value, abs_tol=1e-3):
            return Verdict(False, message)
    there = abs(answer - 1)
    comparison = "farther than A, so a shorter B does it too" if there > apart else "nearer than A"
    return Verdict(
        False,
        f"with length {answer:g}, B lies {there:.3f} from the query, {comparison} ({apart:.3f})",
    )
