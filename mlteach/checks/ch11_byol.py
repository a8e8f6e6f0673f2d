"""Checks of the chapter on BYOL: its loss with the stop-gradient, the moving target, and what
collapse looks like.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from mlteach import losses
from mlteach.checks._core import Case, Verdict, judge
from mlteach.evaluate import effective_rank as true_rank


def _random(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- the loss and its stop-gradient --------------------------------------------------------------


def _cosine(p: Tensor, t: Tensor) -> Tensor:
    return nn.functional.cosine_similarity(p, t)


def _bent(p: Tensor, t: Tensor) -> Tensor:
    return 2 - 2 * _cosine(p, t)


def _both_ways(
    p1, p2, t1, t2, *, each=_bent, pairs="crossed", collected=torch.mean, factor=1.0
) -> Tensor:
    """BYOL's loss with every part that can be got wrong as an option."""
    chosen = {"crossed": ((p1, t2), (p2, t1)), "own": ((p1, t1), (p2, t2)), "one": ((p1, t2),)}[
        pairs
    ]
    return factor * sum(collected(each(p, t.detach())) for p, t in chosen)


LOSS_MISTAKES = {
    "each view predicts itself: p1 has to meet t2, the target's answer to the other view":
        partial(_both_ways, pairs="own"),
    "one direction is missing: add the loss with the two views exchanged": partial(_both_ways, pairs="one"),
    "the vectors are not normalised: 2 - 2 cos compares directions, the squared difference of p and t does not":
        partial(_both_ways, each=lambda p, t: (p - t).square().sum(1)),
    "these are inner products: divide each by the lengths of both vectors":
        partial(_both_ways, each=lambda p, t: 2 - 2 * (p * t).sum(1)),
    "the sign is turned round: this loss is smallest where the directions are opposite":
        partial(_both_ways, each=lambda p, t: 2 + 2 * _cosine(p, t)),
    "this is SimSiam's scale, -cos averaged over both directions: here it is 2 - 2 cos, added":
        partial(_both_ways, each=lambda p, t: -_cosine(p, t) / 2),
    "this is half of it: each direction is 2 - 2 cos, and the two are added": partial(_both_ways, factor=0.5),
    "you add up over the batch: the loss is the mean over the pictures": partial(_both_ways, collected=torch.sum),
}  # fmt: skip


def _definition(p1: Tensor, p2: Tensor, t1: Tensor, t2: Tensor) -> Tensor:
    return losses.byol_loss(p1, t2) + losses.byol_loss(p2, t1)


def byol_step(given: Any) -> Verdict:
    """Checks ``given(p1, p2, t1, t2)``, four times (B, P): BYOL's loss, whose targets t1 and t2 get
    no gradient.
    """
    cases = [
        Case(f"with {size} pictures in {width} dimensions",
             tuple(_random(size, width, seed=size + i, scale=scale) for i in range(4)))
        for size, width, scale in ((6, 3, 1.0), (9, 5, 4.0), (4, 2, 0.3))
    ]  # fmt: skip
    verdict = judge(given, _definition, cases, LOSS_MISTAKES, gradients=False)
    if verdict.passed and (problem := _stop_problem(given, cases[0])):
        return Verdict(False, problem)
    return (
        Verdict(True, f"{len(cases)} public checks passed, gradients too.")
        if verdict.passed
        else verdict
    )


def _stop_problem(given: Callable, case: Case) -> str:
    """What is wrong with the gradients of a loss whose value is right."""
    mine, reference = case.copy(gradients=True), case.copy(gradients=True)
    loss = mine.call(given)
    if not isinstance(loss, Tensor) or not loss.requires_grad:
        return "the value is right, but no gradient can flow through it: the predictions must keep theirs"
    loss.backward()
    reference.call(_definition).backward()
    moved = [x.grad is not None and bool(x.grad.any()) for x in mine.arguments]
    if moved == [False, False, True, True]:
        return "the value is right, but you stopped the wrong side: the targets get the gradient, the predictions none"
    if any(moved[2:]):
        return (
            "the value is right, but the gradient flows into the targets too: .detach() them, both"
        )
    if not all(moved[:2]):
        return "the value is right, but a prediction gets no gradient: only the targets are to be detached"
    gradients = [[x.grad for x in case.arguments[:2]] for case in (mine, reference)]
    if not all(torch.allclose(x, y, atol=1e-5) for x, y in zip(*gradients, strict=True)):
        return "the value is right, but the gradient of the predictions is not: is a part of the sum detached?"
    return ""


# --- the moving target ---------------------------------------------------------------------------


def _moved(
    target: nn.Module, online: nn.Module, decay: float, *, formula: Callable, only: Any = None
) -> None:
    """Every parameter of target set to what the formula makes of it and of online's."""
    pairs = list(zip(target.parameters(), online.parameters(), strict=True))
    with torch.no_grad():
        for t, o in pairs[only] if only is not None else pairs:
            t.copy_(formula(t, o, decay))


UPDATE_MISTAKES = {
    "decay and 1 - decay are exchanged: the target keeps `decay` of itself, and takes the rest from the online network":
        partial(_moved, formula=lambda t, o, m: (1 - m) * t + m * o),
    "the target is a copy of the online network now: it should move a little towards it":
        partial(_moved, formula=lambda t, o, m: o),
    "the target has not moved. `p = …` in a loop only gives a new name: write into the parameter, with copy_ or lerp_":
        partial(_moved, formula=lambda t, o, m: t),
    "you add the online network without taking anything away: decay * target + (1 - decay) * online":
        partial(_moved, formula=lambda t, o, m: t + (1 - m) * o),
    "the online part is not weighted: decay * target + (1 - decay) * online":
        partial(_moved, formula=lambda t, o, m: m * t + o),
    "both parts have the same weight: decay * target + (1 - decay) * online":
        partial(_moved, formula=lambda t, o, m: (t + o) / 2),
    "the difference has the wrong sign: the target runs away from the online network":
        partial(_moved, formula=lambda t, o, m: t - (1 - m) * (o - t)),
    "only the weights of the first layer move: go through all of target.parameters()":
        partial(_moved, formula=lambda t, o, m: m * t + (1 - m) * o, only=slice(0, 1)),
}  # fmt: skip


def target_update(given: Any) -> Verdict:
    """Checks ``given(target, online, decay)``, two networks of one build, which moves target's
    parameters in place.
    """
    if not callable(given):
        return Verdict(False, f"a function is expected here, got {type(given).__name__}: {given!r}")
    results = []
    for seed, decay in ((0, 0.9), (1, 0.99), (2, 0.25)):
        target, online = _network(seed), _network(seed + 10)
        before = copy.deepcopy(online.state_dict())
        mine = copy.deepcopy(target)
        try:
            given(mine, online, decay)
        except Exception as error:  # whatever a learner's function raises is told, not passed on
            return Verdict(False, _told(error))
        if any(not before[name].equal(value) for name, value in online.state_dict().items()):
            return Verdict(False, "your function moves the online network: only the target follows")
        if len(list(mine.parameters())) != len(before):
            return Verdict(
                False, "your function replaces parameters: write into them, with copy_ or lerp_"
            )
        results.append((mine, target, online, decay))
    right = partial(_moved, formula=lambda t, o, m: m * t + (1 - m) * o)
    if _same(results, right):
        return Verdict(True, f"{len(results)} public checks passed.")
    for told, mistake in UPDATE_MISTAKES.items():
        if _same(results, mistake):
            return Verdict(False, told)
    mine, target, online, decay = results[0]
    first = [next(network.parameters()).flatten()[0].item() for network in (target, online, mine)]
    expected = decay * first[0] + (1 - decay) * first[1]
    return Verdict(
        False,
        f"at decay {decay} a weight of {first[0]:.4f} that follows {first[1]:.4f} "
        f"must become {expected:.4f}, got {first[2]:.4f}",
    )


def _network(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def _same(results: Sequence[tuple[nn.Module, nn.Module, nn.Module, float]], move: Callable) -> bool:
    """Whether all of a learner's targets are what this way of moving them gives."""
    for mine, target, online, decay in results:
        expected = copy.deepcopy(target)
        move(expected, online, decay)
        if not all(
            torch.allclose(a, b)
            for a, b in zip(mine.parameters(), expected.parameters(), strict=True)
        ):
            return False
    return True


def _told(error: Exception) -> str:
    text = f"your function stops with {type(error).__name__}: {error}".splitlines()[0]
    if "leaf Variable" in str(error):
        return f"{text}. A parameter may be written to only under torch.no_grad()"
    return text


# --- effective rank ------------------------------------------------------------------------------


def _rank(z: Tensor, *, strength=lambda s: s, base=math.e, outer=math.e, centred=False) -> Tensor:
    """The effective rank with every part that can be got wrong as an option."""
    values = strength(torch.linalg.svdvals(z - z.mean(0) if centred else z))
    p = values / values.sum()
    entropy = torch.special.entr(p).sum() / math.log(base)
    return outer**entropy if outer else entropy


RANK_MISTAKES = {
    "this is the entropy: the effective rank is its exponential": partial(_rank, outer=0),
    "you use the squares of the singular values: the shares are those of the singular values themselves":
        partial(_rank, strength=lambda s: s**2),
    "logarithm and power have different bases: exp goes with the natural logarithm": partial(_rank, base=2.0),
    "you take the mean out first: here z is taken as it is, so that a constant direction counts":
        partial(_rank, centred=True),
    "you count the singular values that are not 0: count them by their strength":
        lambda z: torch.linalg.matrix_rank(z).to(z),
    "the singular values are not divided by their sum: the shares must add up to 1": lambda z:
        torch.special.entr(torch.linalg.svdvals(z)).sum().exp(),
    "the sign is missing: the entropy is minus the sum of p log p": lambda z: 1 / _rank(z),
}  # fmt: skip


def effective_rank(given: Any) -> Verdict:
    """Checks ``given(z)``, (N, P), against the effective rank, ()."""
    stretched = _random(20, 4, seed=1) * torch.tensor([4.0, 2.0, 1.0, 0.5])
    cases = [
        Case("with random rows", (_random(12, 5, seed=0),)),
        Case("with stretched rows", (stretched,)),
        Case("with a mean that is not 0", (stretched + 3,)),
        Case("with small numbers", (_random(9, 3, seed=2, scale=0.01),)),
    ]
    zero = "Where a share is 0, p log p is 0 times minus infinity: torch.special.entr knows that it counts as 0"
    verdict = judge(
        given, lambda z: torch.tensor(true_rank(z)).to(z), cases, RANK_MISTAKES, gradients=False
    )
    if not verdict.passed:
        return verdict
    thin = torch.cat([_random(12, 2, seed=3), torch.zeros(12, 2)], dim=1)
    if not torch.isfinite(torch.as_tensor(given(thin))):
        return Verdict(False, f"the result is nan where a singular value is 0. {zero}")
    return verdict


# --- how long a target remembers -----------------------------------------------------------------

DECAYS = (0.9, 0.99, 0.999)


def half_lives(answer: Any) -> Verdict:
    """Checks three numbers of steps after which a target has kept half of itself, at DECAYS, to the
    nearest step.
    """
    right = [math.log(0.5) / math.log(decay) for decay in DECAYS]
    told = {
        "this is 1 / (1 - decay), the mean age of what the target holds: 37 % of the old weights are left then":
            [1 / (1 - decay) for decay in DECAYS],
        "this is 0.5 / (1 - decay): the rest shrinks by a factor a step, not by a fixed part of the start":
            [0.5 / (1 - decay) for decay in DECAYS],
        "take the quotient the other way round: n log(decay) = log(0.5)":
            [math.log(decay) / math.log(0.5) for decay in DECAYS],
    }  # fmt: skip
    numbers = list(answer) if isinstance(answer, (list, tuple)) else [answer]
    if len(numbers) != len(DECAYS) or not all(
        isinstance(n, Real) and not isinstance(n, bool) for n in numbers
    ):
        return Verdict(
            False,
            f"a list of {len(DECAYS)} numbers of steps is expected, one a decay, got {answer!r}",
        )
    if all(abs(n - expected) <= 1 for n, expected in zip(numbers, right, strict=True)):
        return Verdict(True, f"{len(DECAYS)} public checks passed.")
    for mistake, values in told.items():
        if all(
            math.isclose(n, value, rel_tol=0.02) for n, value in zip(numbers, values, strict=True)
        ):
            return Verdict(False, mistake)
    i = next(
        i
        for i, (n, expected) in enumerate(zip(numbers, right, strict=True))
        if not abs(n - expected) <= 1
    )
    kept = f"{DECAYS[i] ** numbers[i]:.1%} of itself after {numbers[i]:g} steps"
    return Verdict(False, f"at decay {DECAYS[i]} the target keeps {kept}")
