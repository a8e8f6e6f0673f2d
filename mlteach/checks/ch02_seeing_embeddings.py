"""Checks of the chapter on maps of embeddings: t-SNE's parts, the mistakes that people make, and a
reading question.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mlteach import maps
from mlteach.checks._core import Case, Verdict, judge

UNDERFLOW = (
    "exp of a large negative number is exactly 0, and a row of zeros divided by its sum is 0/0. Take the row's "
    "smallest distance out first, or let softmax do it: it wants -d²/(2σ²), with -inf where a point meets itself"
)


def _random(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _squared_distances(x: Tensor) -> Tensor:
    return torch.cdist(x.double(), x.double()).square().float()


# --- affinities at a given sigma -----------------------------------------------------------------


def _conditional(
    squared, sigma, *, bent=lambda d: d, width=lambda s: 2 * s**2, own=False, by_column=False, over="row", sign=-1.0,
) -> Tensor:  # fmt: skip
    """p_{j|i} with every part that can be got wrong as an option."""
    wide = width(sigma) if by_column else width(sigma)[:, None]
    logits = sign * bent(squared) / wide
    if not own:
        logits = logits.masked_fill(torch.eye(len(squared), dtype=torch.bool), -math.inf)
    if over == "all":
        return logits.flatten().softmax(0).view_as(logits)
    return logits.softmax(1 if over == "row" else 0)


def _symmetrised(squared, sigma) -> Tensor:
    p = _conditional(squared, sigma)
    return (p + p.T) / (2 * len(p))


CONDITIONAL_MISTAKES = {
    "your sums contain each point itself, at distance 0: p of i given i is 0, leave the diagonal out":
        partial(_conditional, own=True),
    "the 2 is missing: the exponent is -d²/(2σ²)": partial(_conditional, width=lambda s: s**2),
    "you divide by 2σ: the exponent is -d²/(2σ²), with sigma squared": partial(_conditional, width=lambda s: 2 * s),
    "you divide by σ: the exponent is -d²/(2σ²)": partial(_conditional, width=lambda s: s),
    "row i takes the sigma of column j: sigma belongs to the point that picks, so it needs the shape (N, 1)":
        partial(_conditional, by_column=True),
    "your columns sum to 1: p of j given i is a choice of point i, so its row must":
        partial(_conditional, over="column"),
    "your whole matrix sums to 1: every row must, for every point picks once": partial(_conditional, over="all"),
    "you take the root of what is a squared distance already, or the distance where its square belongs":
        partial(_conditional, bent=lambda d: d.sqrt()),
    "you square what is a squared distance already": partial(_conditional, bent=lambda d: d**2),
    "the sign of the exponent is turned round: far points become the likely ones": partial(_conditional, sign=1.0),
    "this is the symmetrised p of a pair: the conditional p of j given i is asked for": _symmetrised,
}  # fmt: skip


def conditional_affinities(given: Any) -> Verdict:
    """Checks ``given(squared, sigma)``, (N, N) squared distances and (N,) widths, against p of j
    given i, (N, N).
    """
    cases = []
    for size, scale in ((5, 1.0), (8, 0.5), (3, 2.0)):
        squared = _squared_distances(_random(size, 3, seed=size, scale=scale))
        sigma = 0.5 + torch.rand(size, generator=torch.Generator().manual_seed(size))
        cases.append(Case(f"with {size} points", (squared, sigma)))
    far = _squared_distances(_random(6, 3, seed=9, scale=100.0))
    cases.append(Case("with points hundreds of sigmas apart", (far, torch.ones(6))))
    return judge(
        given, _conditional, cases, CONDITIONAL_MISTAKES, gradients=False, overflow=UNDERFLOW
    )


# --- perplexity ----------------------------------------------------------------------------------


def _entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p).sum(1)  # nats


def _perplexity(p: Tensor) -> Tensor:
    return _entropy(p).exp()


PERPLEXITY_MISTAKES = {
    "this is the entropy in nats: the perplexity is its exponential": _entropy,
    "this is the entropy in bits: the perplexity is 2 to the power of it": lambda p: _entropy(p) / math.log(2),
    "you mix the bases: the entropy is in nats, so exp belongs to it; 2 belongs to bits": lambda p: 2 ** _entropy(p),
    "you mix the bases: the entropy is in bits, so 2 to its power belongs to it; exp belongs to nats":
        lambda p: (_entropy(p) / math.log(2)).exp(),
    "the minus of the entropy is missing: this is 1 / perplexity": lambda p: (-_entropy(p)).exp(),
    "this is 1 / Σ p², which also counts neighbours, but it is not the perplexity": lambda p: 1 / p.square().sum(1),
    "you count the neighbours with p > 0: each should count as much as its probability says":
        lambda p: (p > 0).sum(1).to(p.dtype),
    "you sum over columns: every row is one point's distribution": lambda p: torch.special.entr(p).sum(0).exp(),
    "you add up over all rows: every row has a perplexity of its own":
        lambda p: torch.special.entr(p).sum().exp().expand(len(p)),
}  # fmt: skip

ZERO_TIMES_LOG_ZERO = (
    "a probability of 0 gives 0 · log 0, which is nan in arithmetic and 0 in an entropy: torch.special.entr or "
    "torch.special.xlogy know that"
)


def perplexity(given: Any) -> Verdict:
    """Checks ``given(p)``, rows of probabilities (N, N), against exp of each row's entropy, (N,)."""
    full = torch.ones(6, 6) / 6
    cases = [
        Case("with six equal probabilities, where it is 6", (full,)),
        Case("with random rows", (_random(5, 5, seed=1, scale=2.0).softmax(1),)),
        Case("with sharp rows", (_random(4, 4, seed=2, scale=5.0).softmax(1),)),
        Case(
            "with zeros on the diagonal", (maps.conditional_affinities(_random(8, 3, seed=3), 3.0),)
        ),
    ]
    return judge(
        given,
        _perplexity,
        cases,
        PERPLEXITY_MISTAKES,
        gradients=False,
        overflow=ZERO_TIMES_LOG_ZERO,
    )


# --- the map's side ------------------------------------------------------------------------------


def _student_t(y, *, kernel=lambda d: 1 / (1 + d), own=False, over="all") -> Tensor:
    """q_ij with every part that can be got wrong as an option; kernel is a function of the squared
    distance.
    """
    weights = kernel((y[:, None] - y).square().sum(2))
    if not own:
        weights = weights.masked_fill(torch.eye(len(y), dtype=torch.bool), 0)
    return weights / (weights.sum() if over == "all" else weights.sum(1, keepdim=True))


STUDENT_T_MISTAKES = {
    "your sum contains each point with itself: its kernel is 1 and says nothing, leave the diagonal out":
        partial(_student_t, own=True),
    "your rows sum to 1: on the map the whole matrix does, for q belongs to pairs": partial(_student_t, over="row"),
    "your rows sum to 1, and each contains the point itself: the whole matrix sums to 1, without the diagonal":
        partial(_student_t, own=True, over="row"),
    "this is a Gaussian: on the map the kernel is 1 / (1 + d²)": partial(_student_t, kernel=lambda d: (-d).exp()),
    "this is a Gaussian with σ = 1: on the map the kernel is 1 / (1 + d²)":
        partial(_student_t, kernel=lambda d: (-d / 2).exp()),
    "you take the distance: its square belongs into 1 / (1 + d²)":
        partial(_student_t, kernel=lambda d: 1 / (1 + d.sqrt())),
    "the 1 + is missing: without it, two points that meet would outweigh all others":
        partial(_student_t, kernel=lambda d: 1 / d.clamp(min=1e-12)),
    "the kernel is turned over: this grows with distance": partial(_student_t, kernel=lambda d: 1 + d),
    "the normalisation is missing: divide by the sum over all pairs":
        lambda y: (1 / (1 + (y[:, None] - y).square().sum(2))).fill_diagonal_(0),
}  # fmt: skip


def student_t(given: Any) -> Verdict:
    """Checks ``given(y)``, places (N, 2), against the map's probabilities of all pairs, (N, N)."""
    cases = [
        Case(f"with {size} places {what}", (_random(size, 2, seed=size, scale=scale),))
        for size, scale, what in (
            (5, 1.0, "near each other"),
            (8, 10.0, "far apart"),
            (3, 0.1, "almost in one spot"),
        )
    ]
    return judge(given, maps.student_t, cases, STUDENT_T_MISTAKES, gradients=False)


# --- the force on each place ---------------------------------------------------------------------


def _force(p, y, *, sign=1.0, factor=4.0, kernel=True, pull=1.0, push=1.0) -> Tensor:
    """Minus the gradient of the KL divergence, with every part that can be got wrong as an option."""
    gaps = y[:, None] - y  # (N, N, 2)
    weights = (1 / (1 + gaps.square().sum(2))).fill_diagonal_(0)
    springs = push * weights / weights.sum() - pull * p
    if kernel:
        springs = springs * weights
    return sign * factor * (springs[..., None] * gaps).sum(1)


FORCE_MISTAKES = {
    "this is the gradient itself: the force is minus that, so that places follow it downhill":
        partial(_force, sign=-1.0),
    "the factor 4 is missing": partial(_force, factor=1.0),
    "the factor is 4, not 2: every pair stands twice in the sum": partial(_force, factor=2.0),
    "the kernel 1 / (1 + d²) is missing: a spring of t-SNE slackens with distance": partial(_force, kernel=False),
    "there is attraction only: q, the repulsion, is missing": partial(_force, push=0.0),
    "there is repulsion only: p, the attraction, is missing": partial(_force, pull=0.0),
    "this is the gradient without its factor 4: the force is minus the whole gradient":
        partial(_force, sign=-1.0, factor=1.0),
}  # fmt: skip


def spring_forces(given: Any) -> Verdict:
    """Checks ``given(p, y)``, affinities (N, N) and places (N, 2), against minus the gradient of
    KL(P || Q), (N, 2).
    """
    cases = [
        Case(f"with {size} places {what}", (maps.affinities(_random(size, 4, seed=size), 2.0),
                                            _random(size, 2, seed=size + 1, scale=scale)))
        for size, scale, what in ((5, 1.0, "near each other"), (9, 6.0, "far apart"), (7, 0.2, "almost in one spot"))
    ]  # fmt: skip
    return judge(given, _force, cases, FORCE_MISTAKES, gradients=False)


# --- reading maps --------------------------------------------------------------------------------

READINGS = {
    "A": "the points of that map were drawn from one Gaussian: at perplexity 2 every point holds on to two others, and "
    "groups appear out of nothing. Its trustworthiness, far below 1, is a warning.",
    "B": "each point has its own sigma, so a dense cloud and a thin one are drawn equally wide. In the data, one is "
    "ten times as wide as the other.",
}


def justified_statement(answer: Any) -> Verdict:
    """Checks which of the statements A, B, C about three maps of the chapter is justified."""
    letter = answer.strip().upper() if isinstance(answer, str) else answer
    if letter == "C":
        return Verdict(
            True,
            "a trustworthiness near 1 says just that: who is near on the map is near in the data. Checks passed.",
        )
    if letter in ("A", "B"):
        return Verdict(False, f"not {letter}: {READINGS[letter]}")
    return Verdict(False, f'one of "A", "B", "C" is expected here, got {answer!r}')
