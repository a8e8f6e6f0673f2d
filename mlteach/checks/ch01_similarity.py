"""Checks of the chapter on similarity."""

from __future__ import annotations

import math
from typing import Any

import torch

from mlteach.checks._answers import judge_number
from mlteach.checks._core import Case, Verdict, check, judge, normal
from mlteach.checks._rules import at_most_dimensions, loops
from mlteach.mistakes import mistakes_in
from mlteach.mistakes.similarity import correlation as right_correlation
from mlteach.mistakes.similarity import squared_distances as right_squared_distances
from mlteach.similarity import nearest as right_nearest
from mlteach.similarity import similarities


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
            (normal(n, 3, seed=n, scale=scale) + 0.5, normal(m, 3, seed=m + 10, scale=scale)),
        )
        for what, (n, m, scale) in sizes.items()
    ]


@check
def squared_distances(given: Any) -> Verdict:
    """Checks ``given(x, y)``, (N, D) and (M, D) -> (N, M), against squared Euclidean distances."""
    right, pairs = right_squared_distances, _pairs()
    wide = "a tensor of three dimensions is made on the way: dot products do without"
    rules = (
        loops(
            "there is a loop: dot products do without",
            *(tuple(z[:n] for z in pairs[1].arguments) for n in (2, 5)),
        ),
        at_most_dimensions(wide, 2, *pairs[0].arguments),
    )
    return judge(given, right, pairs, mistakes_in(right), rules=rules)


@check
def correlation(given: Any) -> Verdict:
    """Checks ``given(x, y)``, (N, D) and (M, D) -> (N, M), against cosines of centred vectors."""
    return judge(given, right_correlation, _pairs(), mistakes_in(right_correlation))


@check
def nearest(given: Any) -> Verdict:
    """Checks ``given(matrix, k)``, (N, N) -> (N, k), the numbers of the most similar others."""
    vectors = normal(6, 3, seed=1)
    matrices = {
        "with cosines": (similarities(vectors, vectors), 3),
        "with dot products": (vectors @ vectors.T, 2),
        "with negative distances": (-torch.cdist(vectors, vectors), 4),
        "with a matrix that is not symmetric": (normal(5, 5, seed=2), 1),
    }
    cases = [
        Case(f"{what}, k = {k}", (matrix,), {"k": k}) for what, (matrix, k) in matrices.items()
    ]
    return judge(given, right_nearest, cases, mistakes_in(right_nearest), gradients=False)


# --- where cosine and Euclid part ----------------------------------------------------------------

A = (0.8, 0.6)  # candidate A; the query is (1, 0), and B = (length, 0) points the same way


@check
def parting_length(answer: Any) -> Verdict:
    """Checks from which length of B on Euclid prefers A, though the cosine prefers B."""
    apart = math.dist((1, 0), A)
    told = {
        apart: "that is how far A lies from the query: "
        "B must lie as far away, and it is measured from the origin",
        1 + apart**2: "that adds the squared distance of A: take the root",
        1 - apart: "that is the other end, a B too short: the question is about a long one",
        A[0]: "there the dot product changes its mind: "
        "B's is its length, A's is 0.8. Compare distances",
        1.0: "a B of length 1 is the query itself, at distance 0: nothing is nearer",
    }

    def otherwise(length: float) -> str:
        there = abs(length - 1)
        nearer = "nearer than A" if there <= apart else "farther than A, so a shorter B does it too"
        return f"with length {length:g}, B lies {there:.3f} from the query, {nearer} ({apart:.3f})"

    passed = f"beyond {1 + apart:.3f} Euclid prefers A and the cosine B. Public checks passed."
    return judge_number(answer, 1 + apart, told, passed=passed, otherwise=otherwise)
