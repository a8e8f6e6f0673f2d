"""Checks of the chapter on maps of embeddings: t-SNE's parts, and a reading question."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mlteach import maps
from mlteach.checks._core import Case, Verdict, check, expected, judge, normal
from mlteach.checks._rules import uses
from mlteach.mistakes import maps as mistakes_of_maps
from mlteach.mistakes import mistakes_in

UNDERFLOW = (
    "exp of a large negative number is exactly 0, and a row of zeros divided by its sum is 0/0. "
    "Subtract the row's smallest distance first, or let softmax do it: it wants -d²/(2σ²), "
    "with -inf where a point meets itself"
)
ZERO_TIMES_LOG_ZERO = (
    "a probability of 0 gives 0 · log 0, which is nan in arithmetic and 0 in an entropy: "
    "torch.special.entr or torch.special.xlogy know that"
)


def _squared_distances(x: Tensor) -> Tensor:
    return torch.cdist(x.double(), x.double()).square().float()


@check
def conditional_affinities(given: Any) -> Verdict:
    """Checks ``given(squared, sigma)``, (N, N) and (N,), against p of j given i, (N, N)."""
    cases = []
    for size, scale in ((5, 1.0), (8, 0.5), (3, 2.0)):
        squared = _squared_distances(normal(size, 3, seed=size, scale=scale))
        sigma = 0.5 + torch.rand(size, generator=torch.Generator().manual_seed(size))
        cases.append(Case(f"with {size} points", (squared, sigma)))
    far = _squared_distances(normal(6, 3, seed=9, scale=100.0))
    what = "with points hundreds of sigmas apart"
    cases.append(Case(what, (far, torch.ones(6)), edge=UNDERFLOW))
    right = mistakes_of_maps.affinities.affinities_at
    return judge(given, right, cases, mistakes_in(right), gradients=False, overflow=UNDERFLOW)


@check
def perplexity(given: Any) -> Verdict:
    """Checks ``given(p)``, rows of probabilities (N, N), against exp of their entropies, (N,)."""
    rows = {
        "with six equal probabilities, where it is 6": torch.ones(6, 6) / 6,
        "with random rows": normal(5, 5, seed=1, scale=2.0).softmax(1),
        "with sharp rows": normal(4, 4, seed=2, scale=5.0).softmax(1),
        "with zeros on the diagonal": maps.conditional_affinities(normal(8, 3, seed=3), 3.0),
    }
    right, why = mistakes_of_maps.affinities.perplexity_of, ZERO_TIMES_LOG_ZERO
    cases = [Case(what, (p,), edge=why if (p == 0).any() else "") for what, p in rows.items()]
    return judge(given, right, cases, mistakes_in(right), gradients=False, overflow=why)


@check
def student_t(given: Any) -> Verdict:
    """Checks ``given(y)``, places (N, 2), against the map's probabilities of all pairs, (N, N)."""
    spread = ((5, 1.0, "near each other"), (8, 10.0, "far apart"), (3, 0.1, "almost in one spot"))
    cases = [
        Case(f"with {size} places {what}", (normal(size, 2, seed=size, scale=scale),))
        for size, scale, what in spread
    ]
    return judge(given, maps.student_t, cases, mistakes_in(maps.student_t), gradients=False)


@check
def spring_forces(given: Any) -> Verdict:
    """Checks ``given(p, y)``, (N, N) and (N, 2): minus the gradient of KL(P || Q), (N, 2)."""
    cases = []
    spread = ((5, 1.0, "near each other"), (9, 6.0, "far apart"), (7, 0.2, "almost in one spot"))
    for size, scale, what in spread:
        p = maps.affinities(normal(size, 4, seed=size), 2.0)
        y = normal(size, 2, seed=size + 1, scale=scale)
        cases.append(Case(f"with {size} places {what}", (p, y)))
    right = mistakes_of_maps.plane.spring_forces
    names = ("grad", "backward", "vjp", "jacobian", "jacrev", "jacfwd")
    rules = (uses("the formula is what is asked for: no automatic differentiation", *names),)
    return judge(given, right, cases, mistakes_in(right), gradients=False, rules=rules)


# --- reading maps --------------------------------------------------------------------------------

READINGS = {
    "A": "the points of that map were drawn from one Gaussian: "
    "at perplexity 2 every point holds on to two others, and groups appear out of nothing. "
    "Its trustworthiness, far below 1, is a warning.",
    "B": "each point has its own sigma, so a dense cloud and a thin one are drawn equally wide. "
    "In the data, one is ten times as wide as the other.",
}


@check
def justified_statement(answer: Any) -> Verdict:
    """Checks which of the statements A, B, C about three maps of the chapter is justified."""
    if not isinstance(answer, str):
        return expected('one of "A", "B", "C"', answer)
    letter = str(answer).strip().upper()
    if letter == "C":
        return Verdict(
            True,
            "a trustworthiness near 1 says just that: "
            "who is near on the map is near in the data. Checks passed.",
        )
    if letter in ("A", "B"):
        return Verdict(False, f"not {letter}: {READINGS[letter]}")
    return expected('one of "A", "B", "C"', answer)
