"""How long NT-Xent's forward and backward pass takes, beside two other libraries.

    python -m pytest tests/benchmarks/bench_nt_xent.py

measures them in turn on the same views, prints pytest-benchmark's table for each batch, and before
it each one's fastest round as a ratio to lightly's: of all statistics the one that other work on
the machine disturbs least. Nothing is asserted about time, and a plain test run does not collect
this file.
"""

from __future__ import annotations

from mlteach.losses import nt_xent  # before lightly, which imports torchvision

# isort: split

import pytest
import torch

# mlteach comes before lightly, whose import of torchvision it may have to repair
# isort: split
from lightly.loss import NTXentLoss
from pytorch_metric_learning import losses as pml

DIM = 128
TEMPERATURE = 0.5


def plain(z1, z2):
    """The 2B x 2B similarities at once."""
    return nt_xent(z1, z2, temperature=TEMPERATURE)


def chunked(z1, z2):
    """128 anchors at a time, computed twice."""
    return nt_xent(z1, z2, temperature=TEMPERATURE, chunk_size=128)


def lightly(z1, z2):
    """The yardstick; a single process, so nothing is gathered."""
    return NTXentLoss(TEMPERATURE)(z1, z2)


def metric_learning(z1, z2):
    """Both views as one batch, one label an image; its memory grows with the cube of the batch."""
    return pml.NTXentLoss(TEMPERATURE)(torch.cat([z1, z2]), torch.arange(len(z1)).repeat(2))


LOSSES = [lightly, plain, chunked, metric_learning]
ROUNDS = {128: 300, 512: 100, 2048: 20}


@pytest.fixture(scope="module")
def fastest():
    """Seconds of the fastest round, by number of views and loss."""
    return {}


def value_and_gradients(loss, z1, z2):
    """One forward and backward pass."""
    value = loss(z1, z2)
    return value, *torch.autograd.grad(value, (z1, z2))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("views", ROUNDS)
def test_forward_and_backward(benchmark, fastest, views, loss):
    """Every loss computes lightly's value and gradients; how long that takes is only recorded."""
    if loss is metric_learning and views > 512:
        pytest.skip("asks for 34 GB at 2,048 views")
    generator = torch.Generator().manual_seed(0)
    z1, z2 = (
        torch.randn(views // 2, DIM, generator=generator, requires_grad=True) for _ in range(2)
    )
    benchmark.group = f"NT-Xent, {views:4} views"
    rounds = 3 if loss is metric_learning else ROUNDS[views]
    results = benchmark.pedantic(
        value_and_gradients, (loss, z1, z2), rounds=rounds, warmup_rounds=1
    )
    torch.testing.assert_close(results, value_and_gradients(lightly, z1, z2), rtol=1e-4, atol=1e-6)
    fastest[views, loss.__name__] = benchmark.stats.stats.min


def test_ratios(fastest, capsys):
    """Prints each fastest round, and its ratio to lightly's."""
    assert fastest
    with capsys.disabled():
        threads = torch.get_num_threads()
        print(f"\nNT-Xent forward and backward, P = {DIM}, {threads} thread(s), fastest round")
        for (views, name), seconds in fastest.items():
            ratio = seconds / fastest[views, "lightly"]
            print(
                f"{views:5} views  {name:16}{seconds * 1e3:10.2f} ms{ratio:9.2f} of lightly's time"
            )
