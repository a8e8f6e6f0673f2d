"""Checks of the chapter on BYOL: its loss, the moving target, and what collapse looks like."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mlteach import evaluate
from mlteach.checks._answers import judge_numbers
from mlteach.checks._core import Case, Verdict, check, expected, judge, normal
from mlteach.checks._guard import LINES, STAYS_OFF, listening
from mlteach.checks._verdict import told
from mlteach.mistakes import mistakes_in, selfsup
from mlteach.training.moving_average import move_towards


@check
def byol_step(given: Any) -> Verdict:
    """Checks ``given(p1, p2, t1, t2)``, four times (B, P): BYOL's loss, no gradient to t1, t2."""
    cases = [
        Case(
            f"with {size} images in {width} dimensions",
            tuple(normal(size, width, seed=size + i, scale=scale) for i in range(4)),
        )
        for size, width, scale in ((6, 3, 1.0), (9, 5, 4.0), (4, 2, 0.3))
    ]
    return judge(given, selfsup.byol_step, cases, mistakes_in(selfsup.byol_step))


# --- the moving target ---------------------------------------------------------------------------


@check
def target_update(given: Any) -> Verdict:
    """Checks ``given(target, online, decay)``, which moves the target's parameters in place."""
    if not callable(given):
        return expected("a function", given)
    results, heard = [], []
    for seed, decay in DECAYS_TRIED.items():
        target, online = _network(seed), _network(seed + 10)
        mine, leader = copy.deepcopy(target), copy.deepcopy(online)
        parameters = list(mine.parameters())
        for p in leader.parameters():
            p.grad = torch.ones_like(p)
        try:
            with listening(heard):
                Case("", (mine, leader), {"decay": decay}).ask(given)
                recording = torch.is_grad_enabled()
            problem = _problem_of_one(mine, target, leader, online)
            if not problem and not recording:
                problem = f"{STAYS_OFF}: `with torch.no_grad():` ends by itself"
            if not problem and any(
                a is not b for a, b in zip(mine.parameters(), parameters, strict=True)
            ):
                problem = REPLACED
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a learner's function raises is told
            problem = _told(error)
        if problem:
            where = f"Case {seed + 1} of {len(DECAYS_TRIED)}: with decay {decay}."
            return Verdict(False, problem, where, printed=tuple(heard[:LINES]))
        results.append((mine, target, online, decay))
    printed = tuple(heard[:LINES])
    if _moved_by(move_towards, results):
        return Verdict(True, f"{len(results)} public checks passed.", printed=printed)
    for mistake in mistakes_in(move_towards):
        if _moved_by(mistake, results):
            return Verdict(False, mistake.explanation, printed=printed)
    message = _by_share(results) or _by_parameter(results) or _by_formula(given, results)
    return Verdict(False, message, printed=printed)


def _by_share(results: Sequence[tuple[nn.Module, nn.Module, nn.Module, float]]) -> str:
    """How much of themselves the targets keep, if they lie between the two networks, or ""."""
    shares = []
    for *nets, _ in results:
        mine, target, online = (nn.utils.parameters_to_vector(net.parameters()) for net in nets)
        way = target - online
        share = ((mine - online) @ way / way.square().sum()).item()
        if not torch.allclose(mine, online + share * way, rtol=1e-4, atol=1e-5):
            return ""
        shares.append(share)
    kept = (
        f"{share:.4g} at decay {decay}" for share, (*_, decay) in zip(shares, results, strict=True)
    )
    return f"the share of itself that your target keeps is {', '.join(kept)}: it must be the decay"


def _by_parameter(results: Sequence[tuple[nn.Module, nn.Module, nn.Module, float]]) -> str:
    """Which parameters are right and which are not, or ""."""
    states: dict[str, set[str]] = {}
    for mine, target, online, decay in results:
        parameters = (net.named_parameters() for net in (mine, target, online))
        for (name, now), (_, old), (_, lead) in zip(*parameters, strict=True):
            right = decay * old + (1 - decay) * lead
            state = "right" if _close(now, right) else "still" if _close(now, old) else "wrong"
            states.setdefault(name, set()).add(state)
    right, still = ([n for n, s in states.items() if s == {what}] for what in ("right", "still"))
    if not right:
        return ""
    others = [name for name in states if name not in right]
    if others != still:
        return f"you move {', '.join(right)} rightly, but {', '.join(others)} wrongly"
    hint = "go through all of target.parameters()"
    return f"you move {', '.join(right)} rightly, but {', '.join(others)} not at all: {hint}"


def _by_formula(
    given: Callable, results: Sequence[tuple[nn.Module, nn.Module, nn.Module, float]]
) -> str:
    """A number that is wrong, and what the learner seems to compute for all of them."""

    def moved(target, online, decay):
        nets = _network(0), _network(0)
        if len(target) != sum(p.numel() for p in nets[0].parameters()):
            raise ValueError("as many numbers as the networks have")
        for net, vector in zip(nets, (target, online), strict=True):
            nn.utils.vector_to_parameters(vector.clone(), net.parameters())
        Case("", nets, {"decay": decay}).ask(given)
        return nn.utils.parameters_to_vector(nets[0].parameters()).detach()

    def right(target, online, decay):
        return decay * target + (1 - decay) * online

    cases = []
    for _, target, online, decay in results:
        nets = (nn.utils.parameters_to_vector(net.parameters()) for net in (target, online))
        cases.append(Case(f"at decay {decay}", (*(v.detach() for v in nets), decay)))
    verdict = judge(moved, right, cases, [], gradients=False)
    mine, (target, online, decay) = results[0][0], cases[0].arguments
    follows = f"at decay {decay} a weight of {target[0]:.4f} that follows {online[0]:.4f}"
    new = next(mine.parameters()).flatten()[0]
    told = f"{follows} must become {right(target, online, decay)[0]:.4f}, got {new:.4f}"
    found = "" if verdict.message.startswith(("wrong in every", "right at")) else verdict.message
    return f"{told}: {found}" if found else told


def _close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one.double(), other.double(), rtol=1e-5, atol=1e-6)


DECAYS_TRIED = {0: 0.9, 1: 0.99, 2: 0.25}  # by the seed of the networks


def _problem_of_one(
    mine: nn.Module, target: nn.Module, leader: nn.Module, online: nn.Module
) -> str:
    """What one call has done to the networks that it must not do."""
    if not _same(leader, online):
        return "your function moves the online network: only the target follows"
    if len(list(mine.parameters())) != len(list(target.parameters())):
        return REPLACED
    for name, followed in (("target", (mine, target)), ("online", (leader, online))):
        now, before = followed
        if [m.training for m in now.modules()] != [m.training for m in before.modules()]:
            return f"your function changes the mode of the {name} network: leave it as it is"
        if not all(map(torch.equal, now.buffers(), before.buffers())):
            copies = name == "target" and _same(mine, online)
            return COPIES if copies else BUFFERS.format(name)
    if not all(p.requires_grad for p in leader.parameters()):
        return "your function freezes the online network: it could not be trained any more"
    if any(p.grad is None or (p.grad != 1).any() for p in leader.parameters()):
        return "your function clears the online network's gradients: nothing else is to change"
    return ""


BUFFERS = "your function changes buffers of the {} network: only parameters move"
COPIES = "the target is a copy of the online network now: it should move a little towards it"
REPLACED = "your function replaces parameters: write into them, with copy_ or lerp_"


def _network(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        norm = nn.BatchNorm1d(4)
        for numbers in (norm.running_mean, norm.weight.data, norm.bias.data):
            numbers.normal_()
        return nn.Sequential(nn.Linear(3, 4), norm, nn.ReLU(), nn.Linear(4, 2))


def _same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=False)
    return all(a.shape == b.shape and torch.allclose(a.double(), b.double()) for a, b in pairs)


def _moved_by(
    move: Callable, results: Sequence[tuple[nn.Module, nn.Module, nn.Module, float]]
) -> bool:
    """Whether all of a learner's targets are what this way of moving them gives."""
    for mine, target, online, decay in results:
        moved = copy.deepcopy(target)
        move(moved, online, decay=decay)
        if not _same(mine, moved):
            return False
    return True


def _told(error: BaseException) -> str:
    text = f"your function stops with {told(error)}"
    if "leaf Variable" in text:
        return f"{text}. A parameter may be written to only under torch.no_grad()"
    return text


# --- effective rank ------------------------------------------------------------------------------


WEAK = "are weak directions left out, or raised by a number that is added?"


@check
def effective_rank(given: Any) -> Verdict:
    """Checks ``given(z)``, (N, P), against the effective rank, ()."""
    stretched = normal(20, 4, seed=1) * torch.tensor([2.0, 1.5, 1.0, 0.8])
    thin = torch.cat([normal(12, 2, seed=3), torch.zeros(12, 2)], dim=1)
    cases = [
        Case("with random rows", (normal(12, 5, seed=0),)),
        Case("with stretched rows", (stretched,)),
        Case(
            "with one strong direction",
            (stretched * torch.tensor([4.0, 1.0, 0.1, 0.02]),),
            edge=WEAK,
        ),
        Case("with a mean that is not 0", (stretched + 3,), edge=WEAK),
        Case("with small numbers", (normal(9, 3, seed=2, scale=0.01),)),
        Case("where a singular value is 0", (thin,)),
    ]
    zero = (
        "Where a share is 0, p log p is 0 times minus infinity: "
        "torch.special.entr knows that it counts as 0"
    )
    right = evaluate.effective_rank
    return judge(given, right, cases, mistakes_in(right), gradients=False, overflow=zero)


# --- how long a target remembers -----------------------------------------------------------------

DECAYS = (0.9, 0.99, 0.999)


@check
def half_lives(answer: Any) -> Verdict:
    """Checks after how many steps a target has kept half of itself, to a step, at DECAYS."""
    right = [math.log(0.5) / math.log(decay) for decay in DECAYS]
    told = {
        "this is 1 / (1 - decay), the mean age of what the target holds: "
        "37 % of the old weights are left then": [1 / (1 - decay) for decay in DECAYS],
        "this is 0.5 / (1 - decay): the rest shrinks by a factor a step, "
        "not by a fixed part of the start": [0.5 / (1 - decay) for decay in DECAYS],
        "take the quotient the other way round: n log(decay) = log(0.5)": [1 / n for n in right],
        "both logarithms are negative, so that their quotient is not": [-n for n in right],
        "that is until a quarter is left: half of it is asked for": [2 * n for n in right],
        "that is until a tenth is left: half of it is asked for": [
            math.log(0.1) / math.log(decay) for decay in DECAYS
        ],
        "that is until 1 / e is left: half of it is asked for": [
            -1 / math.log(decay) for decay in DECAYS
        ],
        "the logarithms are to be divided: n log(decay) = log(0.5)": [
            math.log(0.5) * math.log(decay) for decay in DECAYS
        ],
        "both logarithms must have one base, 2, e, or 10": [n / math.log(2) for n in right],
        "both logarithms must have one base: 10 and e are mixed": [n / math.log(10) for n in right],
        "what is left after one step is not asked for: after how many steps is half left?": DECAYS,
        "that is one step more than it takes": [round(n) + 1 for n in right],
        "that is rounded down: give the nearest step": [math.floor(n) for n in right],
    }

    def otherwise(place: int, number: float) -> str:
        kept = torch.tensor(DECAYS[place]).double() ** number
        of_itself = f"{kept.item():.1%} of itself after {number:g} steps"
        return f"at decay {DECAYS[place]} the target keeps {of_itself}"

    return judge_numbers(answer, right, told, otherwise=otherwise, tolerance=0.5, told_within=0.02)
