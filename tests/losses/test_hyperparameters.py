"""Temperatures, margins, weights, as numbers and as tensors: swept, compiled, learned, refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from support.numbers import normal

from mlteach import losses

Z1, Z2, Z3 = (normal(6, 4, seed=seed) for seed in range(3))
LABELS = torch.tensor([0, 0, 1, 1, 2, -1])

# The loss as a function of one hyperparameter, in whose place a number or a tensor stands.
CASES = {
    "nt_xent, temperature": lambda t: losses.nt_xent(Z1, Z2, temperature=t),
    "nt_xent in chunks, temperature": (
        lambda t: losses.nt_xent(Z1, Z2, temperature=t, chunk_size=5)
    ),
    "info_nce, temperature": lambda t: losses.info_nce(Z1, Z2, Z3, temperature=t),
    "supervised_contrastive, temperature": (
        lambda t: losses.supervised_contrastive(Z1, LABELS, temperature=t)
    ),
    "clip_loss, temperature": lambda t: losses.clip_loss(Z1, Z2, temperature=t),
    "siglip_loss, temperature": lambda t: losses.siglip_loss(Z1, Z2, temperature=t),
    "siglip_loss, bias": lambda b: losses.siglip_loss(Z1, Z2, bias=b),
    "dino_loss, student_temperature": (
        lambda t: losses.dino_loss(Z1, Z2, student_temperature=t, center=Z3[0])
    ),
    "alignment, power": lambda t: losses.alignment(Z1, Z2, power=t),
    "uniformity, t": lambda t: losses.uniformity(Z1, t=t),
    "barlow_twins, redundancy_weight": (lambda t: losses.barlow_twins(Z1, Z2, redundancy_weight=t)),
    "vicreg, invariance": lambda t: losses.vicreg(Z1, Z2, invariance=t),
    "vicreg, variance": lambda t: losses.vicreg(Z1, Z2, variance=t),
    "vicreg, covariance": lambda t: losses.vicreg(Z1, Z2, covariance=t),
    "contrastive_loss, margin": (
        lambda t: losses.contrastive_loss(Z1, Z2, (LABELS == 0).long(), margin=3 * t)
    ),
    "triplet_loss, margin": lambda t: losses.triplet_loss(Z1, Z2, Z3, margin=t),
}
every_case = pytest.mark.parametrize("loss", CASES.values(), ids=CASES.keys())
VALUES = torch.tensor([1.0, 1.5, 2.0], dtype=torch.float64)  # allowed for every one of them


def at_every_value(loss):
    return torch.stack([loss(value) for value in VALUES.tolist()])


@every_case
def test_one_call_sweeps_over_values(loss):
    torch.testing.assert_close(torch.vmap(loss)(VALUES), at_every_value(loss))


@every_case
@pytest.mark.parametrize("values", [list(VALUES), VALUES.tolist()], ids=["tensors", "numbers"])
def test_a_graph_is_compiled_as_a_whole(loss, values):
    """Without one break, and again when the number changes."""
    torch._dynamo.reset()
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    results = torch.stack([compiled(value) for value in values])
    torch.testing.assert_close(results, at_every_value(loss))


@every_case
def test_what_is_learned_gets_its_gradient(loss):
    learned = VALUES[1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(learned), learned)
    step = 1e-5
    slope = (loss(1.5 + step) - loss(1.5 - step)) / (2 * step)
    torch.testing.assert_close(gradient, slope, rtol=1e-6, atol=1e-8)
    assert gradient != 0


@every_case
def test_numbers_of_every_kind_count_the_same(loss):
    for one in (1.5, Fraction(3, 2), np.float32(1.5), np.array(1.5), torch.tensor(1.5)):
        torch.testing.assert_close(loss(one), loss(1.5), rtol=1e-7, atol=0)


@pytest.mark.parametrize(
    "loss",
    [pytest.param(loss, id=name) for name, loss in CASES.items() if name != "siglip_loss, bias"],
)
@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("kind", [float, torch.tensor])
def test_what_is_out_of_range_is_refused_as_number_and_as_tensor(loss, bad, kind):
    with pytest.raises(ValueError, match=r"must be finite and >=? [01], got"):
        loss(kind(bad))


def test_same_and_labels_may_be_batched():
    """`vmap` over tasks, each with pairs and labels of its own."""
    x1, x2 = normal(3, 6, 4), normal(3, 6, 4, seed=1)
    same = torch.arange(18).view(3, 6) % 2
    together = torch.vmap(losses.contrastive_loss)(x1, x2, same)
    each = [losses.contrastive_loss(*task) for task in zip(x1, x2, same, strict=True)]
    torch.testing.assert_close(together, torch.stack(each))
    together = torch.vmap(losses.supervised_contrastive)(x1, same)
    each = [losses.supervised_contrastive(*task) for task in zip(x1, same, strict=True)]
    torch.testing.assert_close(together, torch.stack(each))
