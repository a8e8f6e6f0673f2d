"""Checks of the chapter on the contrastive loss: the definitions, and the mistakes that people
make.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mlteach import losses
from mlteach.checks._core import Case, Verdict, judge

OVERFLOW = (
    "exp of a large logit does not fit into a float32, which ends near exp(88); a cosine of 1 at temperature 0.01 is "
    "a logit of 100. Take the row's maximum out before exp, or let torch.logsumexp do it"
)


def _random(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _identity(x: Tensor) -> Tensor:
    return x


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def _divide(x: Tensor, temperature: float) -> Tensor:
    return x / temperature


def _multiply(x: Tensor, temperature: float) -> Tensor:
    return x * temperature


def _ignore(x: Tensor, temperature: float) -> Tensor:
    return x


def _with_temperature(loss, *tensors_and_temperature) -> Tensor:
    """Our losses take the temperature by name, a learner's function takes it as its last argument."""
    *tensors, temperature = tensors_and_temperature
    return loss(*tensors, temperature=temperature)


# --- InfoNCE -------------------------------------------------------------------------------------


def _info_nce(
    query, positive, negatives, temperature, *,
    scaled=_unit, heated=_divide, heated_negatives=None, with_positive=True, collected=torch.mean, factor=1.0,
) -> Tensor:  # fmt: skip
    """InfoNCE with every part that can be got wrong as an option."""
    query, positive, negatives = scaled(query), scaled(positive), scaled(negatives)
    own = heated((query * positive).sum(1), temperature)  # (B,)
    others = (heated_negatives or heated)(query @ negatives.T, temperature)  # (B, K)
    sums = (torch.cat([own[:, None], others], dim=1) if with_positive else others).logsumexp(dim=1)
    return factor * collected(sums - own)


INFO_NCE_MISTAKES = {
    "your denominator holds the negatives only: the positive is one of the 1 + K candidates and belongs into the sum":
        partial(_info_nce, with_positive=False),
    "you compare dot products: divide every vector by its length first, for the score is the cosine":
        partial(_info_nce, scaled=_identity),
    "you multiply by the temperature: it divides the cosine": partial(_info_nce, heated=_multiply),
    "your function ignores the temperature: it divides every cosine before the softmax":
        partial(_info_nce, heated=_ignore),
    "only the positive's cosine is divided by the temperature: the negatives' must be too":
        partial(_info_nce, heated_negatives=_ignore),
    "you add up over the batch: the loss is the mean over the queries": partial(_info_nce, collected=torch.sum),
    "the sign is turned round: descending on this pushes each query away from its positive":
        partial(_info_nce, factor=-1),
    "you return the probability of the positive: the loss is minus its logarithm":
        partial(_info_nce, collected=lambda loss: (-loss).exp().mean()),
    "your logarithm has base 2: nats, with the natural logarithm, are expected":
        partial(_info_nce, factor=1 / math.log(2)),
}  # fmt: skip


def info_nce(given: Any) -> Verdict:
    """Checks ``given(query, positive, negatives, temperature)``, whose negatives are (K, D),
    against InfoNCE.
    """
    batches = {
        "with 4 queries and 6 negatives": [
            _random(4, 8, seed=1),
            _random(4, 8, seed=2),
            _random(6, 8, seed=3),
        ],
        "with one query": [_random(1, 3, seed=4), _random(1, 3, seed=5), _random(5, 3, seed=6)],
        "with long vectors": [_random(n, 8, seed=n, scale=9.0) for n in (3, 3, 5)],
    }
    cases = [
        Case(f"{what} at temperature {t}", (*batch, t))
        for what, batch in batches.items()
        for t in (0.5, 0.05, 2)
    ]
    alike = _random(4, 8, seed=10)
    cases.append(
        Case(
            "at temperature 0.01 with vectors almost alike",
            (alike, alike + 0.01, alike - 0.01, 0.01),
        )
    )
    definition = partial(_with_temperature, losses.info_nce)
    return judge(given, definition, cases, INFO_NCE_MISTAKES, overflow=OVERFLOW)


# --- NT-Xent -------------------------------------------------------------------------------------


def _nt_xent(
    z1, z2, temperature, *,
    scaled=_unit, heated=_divide, with_self=False, with_twin=True, anchors="both", candidates="all", shift=None,
    collected=torch.mean, factor=1.0,
) -> Tensor:  # fmt: skip
    """NT-Xent with every part that can be got wrong as an option."""
    size = len(z1)
    z = scaled(torch.cat([z1, z2]))
    logits = heated(z @ z.T, temperature)  # (2B, 2B)
    views = torch.arange(2 * size)
    twin = (views + (size if shift is None else shift)) % (2 * size)
    own = logits[views, twin]
    left_out = torch.zeros_like(logits, dtype=torch.bool)
    if not with_self:
        left_out[views, views] = True
    if not with_twin:
        left_out[views, twin] = True
    if candidates == "other view":
        left_out |= (views[:, None] < size) == (views < size)
    each = logits.masked_fill(left_out, -math.inf).logsumexp(dim=1) - own  # (2B,)
    return factor * collected(each[:size] if anchors == "first view" else each)


NT_XENT_MISTAKES = {
    "your denominator contains each view's similarity to itself: leave the diagonal out, 2B - 1 candidates remain":
        partial(_nt_xent, with_self=True),
    "your denominator leaves the twin out (2B - 2 terms): the twin is one of the 2B - 1 candidates":
        partial(_nt_xent, with_twin=False),
    "your positives stand on the diagonal, each view with itself: the positive of view i is view i + B":
        partial(_nt_xent, with_self=True, shift=0),
    "your positives are neighbours in the list, i and i + 1: the twin of view i is view i + B (and back again)":
        partial(_nt_xent, shift=1),
    "only the first views are anchors: average over all 2B views": partial(_nt_xent, anchors="first view"),
    "each view is compared with the other views' side only (B candidates): its own side's 2B - 2 views count as well":
        partial(_nt_xent, candidates="other view"),
    "each first view is compared with the second views only (B candidates, B anchors): all 2B views are anchors, "
    "and all 2B - 1 others are candidates":
        partial(_nt_xent, candidates="other view", anchors="first view"),
    "you compare dot products: divide every vector by its length first, for the score is the cosine":
        partial(_nt_xent, scaled=_identity),
    "you multiply by the temperature: it divides the cosine": partial(_nt_xent, heated=_multiply),
    "your function ignores the temperature: it divides every cosine before the softmax":
        partial(_nt_xent, heated=_ignore),
    "you add up over the batch: the loss is the mean over the 2B views": partial(_nt_xent, collected=torch.sum),
    "you add up over 2B views and divide by B: the loss is the mean over the 2B views": partial(_nt_xent, factor=2),
    "the sign is turned round: descending on this pushes the twins apart": partial(_nt_xent, factor=-1),
    "your logarithm has base 2: nats, with the natural logarithm, are expected":
        partial(_nt_xent, factor=1 / math.log(2)),
}  # fmt: skip


def nt_xent(given: Any) -> Verdict:
    """Checks ``given(z1, z2, temperature)`` against NT-Xent."""
    batches = {
        "with B = 4": (_random(4, 8, seed=1), _random(4, 8, seed=2)),
        "with B = 2": (_random(2, 3, seed=3), _random(2, 3, seed=4)),
        "with long vectors": (_random(6, 5, seed=5, scale=7.0), _random(6, 5, seed=6, scale=7.0)),
    }
    cases = [
        Case(f"{what} at temperature {t}", (*batch, t))
        for what, batch in batches.items()
        for t in (0.5, 0.05, 2)
    ]
    alike = _random(5, 8, seed=7)
    cases.append(Case("at temperature 0.01 with views almost alike", (alike, alike + 0.01, 0.01)))
    definition = partial(_with_temperature, losses.nt_xent)
    return judge(given, definition, cases, NT_XENT_MISTAKES, overflow=OVERFLOW)


# --- the pull on each candidate ------------------------------------------------------------------


def _pulls(similarities, positive, temperature, *, sign=1.0, truth=1.0, divided=True) -> Tensor:
    """-dloss/dsimilarity of one anchor: (truth - probability) / temperature, each part optional."""
    wanted = torch.zeros_like(similarities)
    wanted[positive] = truth
    pulls = sign * (wanted - (similarities / temperature).softmax(dim=0))
    return pulls / temperature if divided else pulls


PULL_MISTAKES = {
    "these are the pulls times the temperature: the inner derivative of s / temperature is still missing":
        partial(_pulls, divided=False),
    "this is the gradient itself: a pull is minus the gradient, upwards for the positive": partial(_pulls, sign=-1),
    "the gradient's sign and its factor 1 / temperature are both missing": partial(_pulls, sign=-1, divided=False),
    "you return the probabilities: the pull is what is missing to the truth, 1 for the positive and 0 for the others":
        partial(_pulls, sign=-1, truth=0.0, divided=False),
    "the positive is treated like a negative: its pull is (1 - p) / temperature, upwards": partial(_pulls, truth=0.0),
}  # fmt: skip


def pulls(given: Any) -> Verdict:
    """Checks ``given(similarities, positive, temperature)`` against minus the gradient of InfoNCE's
    loss.
    """
    cases = [
        Case(f"with {size} candidates, the positive at {positive}, temperature {t}",
             (_random(size, seed=size).tanh(), positive, t))
        for size, positive in ((5, 0), (8, 3), (2, 1)) for t in (0.5, 0.1, 2.0)
    ]  # fmt: skip
    return judge(given, _pulls, cases, PULL_MISTAKES, gradients=False, overflow=OVERFLOW)


# --- stable arithmetic ---------------------------------------------------------------------------


def _forgotten_maximum(logits: Tensor) -> Tensor:
    return (logits - logits.amax(dim=1, keepdim=True)).exp().sum(dim=1).log()


LOG_SUM_EXP_MISTAKES = {
    "you take the maximum out of the row but never add it back: log Σ exp(l) = m + log Σ exp(l - m)":
        _forgotten_maximum,
    "you subtract the maximum at the end: it has to be added back":
        lambda logits: _forgotten_maximum(logits) - logits.amax(dim=1),
    "you sum over the rows: every row is one anchor, sum over its candidates, dim=1":
        lambda logits: logits.logsumexp(dim=0)[: len(logits)],
    "you return the maximum only: it is the limit for large logits, not the sum": lambda logits: logits.amax(dim=1),
    "the logarithm is missing": lambda logits: logits.logsumexp(dim=1).exp(),
}  # fmt: skip


def log_sum_exp(given: Any) -> Verdict:
    """Checks ``given(logits)``, (N, N) -> (N,), against log Σ exp along the rows, for small and for
    huge logits.
    """
    cases = [
        Case("with small logits", (_random(4, 4, seed=1),)),
        Case("with logits near 100", (100 + _random(3, 3, seed=2),)),
        Case("with logits near -200", (-200 + _random(3, 3, seed=3),)),
        Case("with logits from -100 to 100", (_random(5, 5, seed=4, scale=40.0),)),
    ]
    return judge(
        given,
        lambda logits: logits.logsumexp(dim=1),
        cases,
        LOG_SUM_EXP_MISTAKES,
        overflow=OVERFLOW,
    )


# --- uniformity ----------------------------------------------------------------------------------


def _uniformity(
    x, t, *, scaled=_unit, with_self=False, power=2, logarithm=torch.log, sign=1.0
) -> Tensor:
    """Uniformity with every part that can be got wrong as an option."""
    x = scaled(x)
    pairs = torch.combinations(torch.arange(len(x)), 2)
    gaps = ((x[pairs[:, 0]] - x[pairs[:, 1]]) ** 2).sum(dim=1) ** (power / 2)
    energies = (-t * gaps).exp()
    if with_self:  # the mean over all N² ordered pairs, a point and itself among them
        energies = torch.cat([energies, energies, torch.ones(len(x))])
    return sign * logarithm(energies.mean())


UNIFORMITY_MISTAKES = {
    "your mean runs over all N² pairs, a point and itself among them: those N distances are always 0, leave them out":
        partial(_uniformity, with_self=True),
    "the logarithm of the mean is missing": partial(_uniformity, logarithm=_identity),
    "you take the distance, not its square": partial(_uniformity, power=1),
    "the points must lie on the sphere: divide every vector by its length first":
        partial(_uniformity, scaled=_identity),
    "the sign is turned round: uniformity falls as the points spread": partial(_uniformity, sign=-1),
}  # fmt: skip


def uniformity(given: Any) -> Verdict:
    """Checks ``given(x, t)`` against the uniformity of the rows of x."""
    cases = [
        Case(f"with {size} points, t = {t}", (_random(size, 3, seed=size, scale=scale), t))
        for size, scale in ((6, 1.0), (2, 0.3), (9, 4.0))
        for t in (2.0, 0.5)
    ]
    return judge(given, lambda x, t: losses.uniformity(x, t=t), cases, UNIFORMITY_MISTAKES)


# --- the ceiling of the information bound --------------------------------------------------------

CEILING = 6.0  # nats


def smallest_batch(answer: Any) -> Verdict:
    """Checks the smallest B for which NT-Xent's ceiling, log(2B - 1), reaches 6 nats."""
    if (
        isinstance(answer, bool)
        or not isinstance(answer, (int, float))
        or not math.isfinite(answer)
    ):
        return Verdict(
            False, f"a whole number is expected here, got {type(answer).__name__}: {answer!r}"
        )
    right = math.ceil((math.exp(CEILING) + 1) / 2)
    told = {
        right
        - 1: f"log(2 · {right - 1} - 1) is {math.log(2 * right - 3):.4f}, just below {CEILING:g}: did you round "
        "down, or count 2B candidates where there are 2B - 1?",
        math.ceil(
            math.exp(CEILING)
        ): "that many candidates are needed, but a batch of B pictures gives 2B - 1 of them",
        math.ceil((2**CEILING + 1) / 2): "that is for bits: in nats the logarithm has base e",
    }
    if answer == right:
        return Verdict(
            True,
            f"log(2 · {right} - 1) = {math.log(2 * right - 1):.4f} ≥ {CEILING:g}. Public checks passed.",
        )
    if answer in told:
        return Verdict(False, told[answer])
    if answer < 1 or answer != int(answer):
        return Verdict(False, f"a batch size is a whole number of at least 1, got {answer}")
    given = math.log(2 * answer - 1)
    hint = "smaller batches do it too" if given > CEILING else f"that is below {CEILING:g}"
    return Verdict(
        False,
        f"with B = {answer:g} the ceiling is log({2 * answer - 1:g}) = {given:.3f} nats: {hint}",
    )
