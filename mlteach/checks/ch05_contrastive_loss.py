"""Checks of the chapter on the contrastive loss."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from mlteach import losses
from mlteach.checks._answers import judge_number
from mlteach.checks._core import Case, Verdict, check, judge, normal
from mlteach.checks._rules import uses
from mlteach.mistakes import mistakes_in
from mlteach.mistakes.losses import softmax

OVERFLOW = (
    "exp of a large logit does not fit into a float32, which ends near exp(88); "
    "a cosine of 1 at temperature 0.01 is a logit of 100. "
    "What could be subtracted before exp, and be added again afterwards?"
)
LARGE = (
    "exp of these is too large for a float32, or exactly 0: subtract the largest logit of each row "
    "before exp, and add it again after the logarithm"
)


def _at_temperatures(batches: dict[str, list[Tensor]]) -> list[Case]:
    return [
        Case(f"{what} at temperature {t}", tuple(batch), {"temperature": t})
        for what, batch in batches.items()
        for t in (0.5, 0.05, 2)
    ]


@check
def info_nce(given: Any) -> Verdict:
    """Checks ``given(query, positive, negatives, temperature)``, negatives (K, D): InfoNCE."""
    batches = {
        "with 4 queries and 6 negatives": [
            normal(n, 8, seed=i) for i, n in ((1, 4), (2, 4), (3, 6))
        ],
        "with one query": [normal(n, 3, seed=i) for i, n in ((4, 1), (5, 1), (6, 5))],
        "with long vectors": [normal(n, 8, seed=n, scale=9.0) for n in (3, 3, 5)],
    }
    x = normal(4, 8, seed=10)
    what, cold = "at temperature 0.01 with vectors almost alike", {"temperature": 0.01}
    cases = [*_at_temperatures(batches), Case(what, (x, x + 0.01, x - 0.01), cold)]
    right = losses.info_nce
    return judge(given, right, cases, mistakes_in(right), overflow=OVERFLOW)


@check
def nt_xent(given: Any) -> Verdict:
    """Checks ``given(z1, z2, temperature)`` against NT-Xent."""
    batches = {
        "with B = 4": [normal(4, 8, seed=seed) for seed in (1, 2)],
        "with B = 2": [normal(2, 3, seed=seed) for seed in (3, 4)],
        "with long vectors": [normal(6, 5, seed=seed, scale=7.0) for seed in (5, 6)],
    }
    z = normal(5, 8, seed=7)
    what, cold = "at temperature 0.01 with views almost alike", {"temperature": 0.01}
    cases = [*_at_temperatures(batches), Case(what, (z, z + 0.01), cold)]
    right = losses.nt_xent
    names = ("cross_entropy", "CrossEntropyLoss", "nll_loss", "NLLLoss", "nt_xent", "info_nce")
    rules = (uses("the sum is to be written out: logsumexp and indexing only", *names),)
    return judge(given, right, cases, mistakes_in(right), overflow=OVERFLOW, rules=rules)


@check
def pulls(given: Any) -> Verdict:
    """Checks ``given(similarities, positive, temperature)`` against minus InfoNCE's gradient."""
    cases = [
        Case(
            f"with {size} candidates, the positive at {positive}, temperature {t}",
            (normal(size, seed=size).tanh(), positive),
            {"temperature": t},
        )
        for size, positive in ((5, 0), (8, 3), (2, 1))
        for t in (0.5, 0.1, 2.0)
    ]
    cold = torch.tensor([0.95, 0.99, 0.97, -0.2]), 2
    cases.append(Case("at temperature 0.01 with scores near 1", cold, {"temperature": 0.01}))
    right = softmax.negative_gradient
    names = ("grad", "backward", "vjp", "jacobian", "jacrev", "jacfwd", "value_and_grad")
    rules = (uses("automatic differentiation is what this formula replaces: no autograd", *names),)
    options = {"gradients": False, "overflow": OVERFLOW, "rules": rules}
    return judge(given, right, cases, mistakes_in(right), **options)


@check
def log_sum_exp(given: Any) -> Verdict:
    """Checks ``given(logits)``, (N, N) -> (N,), against log Σ exp along rows of any size."""
    logits = {
        "with small logits": normal(4, 4, seed=1),
        "with logits near 100": 100 + normal(3, 3, seed=2),
        "with logits near -200": -200 + normal(3, 3, seed=3),
        "with logits from -100 to 100": normal(5, 5, seed=4, scale=40.0),
        "with one row near 100 and one near -200": torch.tensor([[100.0], [-200.0]])
        + normal(2, 2, seed=5),
    }
    cases = [
        Case(what, (matrix,), edge="" if "small" in what else LARGE)
        for what, matrix in logits.items()
    ]
    right = softmax.log_sum_exp
    overflow = (
        "inf comes where exp of a logit above 88 does not fit into a float32, -inf where each exp "
        "of a row has become exactly 0. What could be subtracted before exp, and be added again "
        "afterwards? Has each row its own?"
    )
    names = ("logsumexp", "log_softmax", "softmax", "logaddexp", "cross_entropy")
    rules = (
        uses("the library's function is what is to be written: exp, log, amax and sums", *names),
    )
    return judge(given, right, cases, mistakes_in(right), overflow=overflow, rules=rules)


@check
def uniformity(given: Any) -> Verdict:
    """Checks ``given(x, t)`` against the uniformity of the rows of x."""
    cases = [
        Case(f"with {size} points, t = {t}", (normal(size, 3, seed=size, scale=scale),), {"t": t})
        for size, scale in ((6, 1.0), (2, 0.3), (9, 4.0))
        for t in (2.0, 0.5)
    ]
    return judge(given, losses.uniformity, cases, mistakes_in(losses.uniformity))


# --- the ceiling of the information bound --------------------------------------------------------

CEILING = 6.0  # nats


@check
def smallest_batch(answer: Any) -> Verdict:
    """Checks the smallest B for which NT-Xent's ceiling, log(2B - 1), reaches 6 nats."""
    right = math.ceil((math.exp(CEILING) + 1) / 2)
    told = {
        right - 1: f"log(2 · {right - 1} - 1) is {math.log(2 * right - 3):.4f}, just below "
        f"{CEILING:g}: did you round down, or count 2B candidates where there are 2B - 1?",
        math.ceil(math.exp(CEILING)): "that many candidates are needed, "
        "but a batch of B images gives 2B - 1 of them",
        math.ceil((2**CEILING + 1) / 2): "that is for bits: in nats the logarithm has base e",
    }

    def otherwise(size: float) -> str:
        if size < 1 or size != int(size):
            return f"a batch size is a whole number of at least 1, got {size:g}"
        ceiling = math.log(2 * size - 1)
        hint = "smaller batches do it too" if ceiling > CEILING else f"that is below {CEILING:g}"
        return (
            f"with B = {size:g} the ceiling is log({2 * size - 1:g}) = {ceiling:.3f} nats: {hint}"
        )

    reached = f"log(2 · {right} - 1) = {math.log(2 * right - 1):.4f} ≥ {CEILING:g}"
    return judge_number(
        answer,
        right,
        told,
        passed=f"{reached}. Public checks passed.",
        otherwise=otherwise,
        kind="a whole number",
        tolerance=0,
    )
