"""Every method trains in every precision: under autocast, as 16-bit networks, with any default."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

import pytest
import torch
from torch import nn

from mlteach.metric import PAIRS, TRIPLETS, Siamese, Triplet
from mlteach.networks import conv_encoder, prediction_head, projection_head
from mlteach.selfsup import BYOL, DINO, BarlowTwins, LeJEPA, MoCo, SimCLR, VICReg
from mlteach.training import fit

BATCH, KEYS = 8, 20


def parts():
    encoder = conv_encoder(3, widths=(8, 8), out_features=8)
    return encoder, projection_head(8, hidden=8, out_features=4, batch_norm=True)


def predictor():
    return prediction_head(4, hidden=8)


METHODS = {
    "SimCLR": lambda: SimCLR(*parts()),
    "MoCo": lambda: MoCo(*parts(), n_keys=KEYS),
    "BYOL": lambda: BYOL(*parts(), predictor()),
    "BYOL without stop-gradient": lambda: BYOL(*parts(), predictor(), stop_gradient=False),
    "BYOL without predictor": lambda: BYOL(*parts(), None),
    "SimSiam": lambda: BYOL(*parts(), predictor(), target_average=False),
    "DINO": lambda: DINO(*parts()),
    "BarlowTwins": lambda: BarlowTwins(*parts()),
    "VICReg": lambda: VICReg(*parts()),
    "LeJEPA": lambda: LeJEPA(*parts(), slices=16),
}
LABELLED = {
    "Siamese": lambda: Siamese(parts()[0]),
    "Siamese on the sphere": lambda: Siamese(parts()[0], mining="hard", normalise=True),
    "Triplet": lambda: Triplet(parts()[0]),
}
every_method = pytest.mark.parametrize("name", [*METHODS, *LABELLED])


@contextmanager
def default(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def made(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return (METHODS | LABELLED)[name]()


def batch(name, dtype, generator):
    images = torch.rand(BATCH, 3, 8, 8, generator=generator, dtype=torch.float32)
    noise = torch.rand(BATCH, 3, 8, 8, generator=generator, dtype=torch.float32)
    if name in LABELLED:
        return images.to(dtype), torch.arange(BATCH) % 3
    return images.to(dtype), (0.8 * images + 0.2 * noise).to(dtype)


def assert_trains(method, name, dtype, cast=nullcontext):
    """Three steps: finite, float32 at least, weights moved, and the queue filled."""
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-2, eps=1e-4)  # 1e-8 is 0 in 16 bits
    before = [parameter.detach().clone() for parameter in method.parameters()]
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        with cast():
            loss, aux = method.loss(*batch(name, dtype, generator))
        assert loss.dtype in (torch.float32, torch.float64)
        assert loss.isfinite()
        assert all(value.isfinite().all() for value in aux.values())
        assert all(value.dtype != dtype or dtype.itemsize > 2 for value in aux.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.after_step(aux)
    moved = [not torch.equal(a, b) for a, b in zip(before, method.parameters(), strict=True)]
    assert any(moved)
    if name == "MoCo":
        assert (method.age >= 0).all()
        torch.testing.assert_close(
            method.queue.float().norm(dim=1),
            torch.ones(KEYS, dtype=torch.float32),
            atol=0.01,
            rtol=0,
        )


@every_method
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_under_autocast(name, half):
    method = made(name)
    assert_trains(method, name, torch.float32, cast=lambda: torch.autocast("cpu", dtype=half))
    kept = [*method.parameters(), *(b for b in method.buffers() if b.is_floating_point())]
    assert {tensor.dtype for tensor in kept} == {torch.float32}


@every_method
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_as_a_network_of_another_type(name, dtype):
    assert_trains(made(name).to(dtype), name, dtype)


@every_method
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_with_another_default(name, dtype):
    with default(dtype):
        method = made(name)
        assert_trains(method, name, dtype)
        run = fit(method, lambda g: batch(name, dtype, g), steps=3, progress=False)
    assert run.stopped == "finished"


@every_method
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_what_is_lost_under_autocast_is_rounding(name, half):
    method, generator = made(name), torch.Generator().manual_seed(0)
    given = batch(name, torch.float32, generator)
    exact, _ = method.loss(*given)
    method = made(name)
    with torch.autocast("cpu", dtype=half):
        loss, _ = method.loss(*given)
    assert abs(loss - exact) < 0.05 * exact.abs() + 0.02


def test_a_dead_row_has_no_direction_in_any_precision():
    """Where the network gives zeros the vectors on the sphere are zeros, not NaN."""
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        dead = nn.Linear(3, 4, bias=False)
        nn.init.zeros_(dead.weight)
        method = SimCLR(dead, nn.Identity()).to(dtype)
        loss, aux = method.loss(*torch.ones(2, 5, 3, dtype=dtype))
        assert loss.isfinite()
        assert aux["std"] == 0
        assert (aux["z1"] == 0).all()


@pytest.mark.parametrize(
    ("cls", "mining"), [(Siamese, m) for m in PAIRS] + [(Triplet, m) for m in TRIPLETS]
)
@pytest.mark.parametrize("labels", [range(4), [7] * 4], ids=["all different", "all the same"])
def test_a_batch_in_which_nothing_is_mined_changes_nothing(cls, mining, labels):
    """No triplet, or no pair to compare: a loss of 0 with a zero gradient, and training goes on."""
    encoder = nn.Linear(5, 2)
    method = cls(encoder, mining=mining)
    loss, aux = method.loss(torch.randn(4, 5), torch.tensor(list(labels)))
    loss.backward()
    chosen = aux["pairs" if cls is Siamese else "triplets"]
    assert loss.isfinite()
    assert 0 <= aux["active"] <= 1
    if len(chosen) == 0:
        assert loss == 0
        assert encoder.weight.grad.abs().sum() == 0
