"""How long one outer step of MAML and the sampling of its tasks take, beside higher and torchopt.

    python -m pytest tests/benchmarks/bench_meta.py

computes value and gradients in turn on the same weights and tasks with one thread, and prints the
processor time of each fastest round and its ratio to the faster library: of all statistics the one
that other work on the machine disturbs least. Nothing is asserted about time, and a plain test run
does not collect this file. learn2learn cannot be built for Python 3.11.
"""

from __future__ import annotations

import time

# before what imports torchvision, which may have to be repaired
from mlteach.data import glyphs
from mlteach.episodes import sample_episodes, sinusoid_episodes
from mlteach.meta import maml_loss
from mlteach.networks import conv_encoder, mlp

# isort: split

import higher
import pytest
import torch
import torch.nn.functional as F
from meta import test_other_libraries
from torch import Generator, nn

LR = test_other_libraries.LR


def ours(model, episodes, loss_fn, steps):
    """All tasks side by side."""
    maml_loss(model, episodes, loss_fn, lr=LR, steps=steps).backward()


def with_higher(model, episodes, loss_fn, steps):
    """Task by task, each with its own backward pass, as its examples show."""
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    for x_support, y_support, x_query, y_query in zip(*episodes, strict=True):
        with higher.innerloop_ctx(model, optimizer, copy_initial_weights=False) as (copy, inner):
            for _ in range(steps):
                inner.step(loss_fn(copy(x_support), y_support))
            (loss_fn(copy(x_query), y_query) / len(episodes.x_query)).backward()


def with_torchopt(model, episodes, loss_fn, steps):
    """As the test of equal gradients computes it."""
    test_other_libraries.with_torchopt(model, episodes, loss_fn, steps=steps).backward()


WAYS = {"mlteach": ours, "higher": with_higher, "torchopt": with_torchopt}


def sinusoid():
    episodes = sinusoid_episodes(25, n_shot=10, n_query=10, generator=Generator().manual_seed(0))
    return lambda: mlp(1, 40, 40, 1), episodes, F.mse_loss


def images(n_query):
    counts = {"n_tasks": 8, "n_way": 5, "n_shot": 1, "n_query": n_query}
    return sample_episodes(glyphs("train"), **counts, generator=Generator().manual_seed(0))


def strided(n_query):
    """Four convolutions of stride 2, as the chapters have them."""

    def make():
        return nn.Sequential(conv_encoder(norm="batch_no_stats"), nn.Linear(64, 5))

    return make, images(n_query), F.cross_entropy


def pooled(n_query):
    """Four convolutions with max-pooling, as the papers have them."""

    def make():
        layers = []
        for n_in in (1, 32, 32, 32):
            norm = nn.BatchNorm2d(32, track_running_stats=False)
            layers += [nn.Conv2d(n_in, 32, 3, padding=1), norm, nn.ReLU(), nn.MaxPool2d(2)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, 5))

    return make, images(n_query), F.cross_entropy


SETTINGS = {
    "sinusoid network, 25 tasks": (sinusoid(), 20),
    "conv-4, stride 2, 8 tasks, 5 queries of a class": (strided(5), 5),
    "conv-4, stride 2, 8 tasks, 15 queries of a class": (strided(15), 5),
    "conv-4, max-pooling, 8 tasks, 15 queries of a class": (pooled(15), 3),
}


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("name", SETTINGS)
def test_outer_step(name, steps, capsys):
    """Every way gives the same gradients; how long that takes is only printed."""
    (make, episodes, loss_fn), rounds = SETTINGS[name]
    fastest, gradients = dict.fromkeys(WAYS, float("inf")), {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(rounds):
        for way, step in WAYS.items():
            torch.manual_seed(0)
            model = make()
            params = list(model.parameters())
            start = time.process_time()
            step(model, episodes, loss_fn, steps)
            fastest[way] = min(fastest[way], time.process_time() - start)
            gradients[way] = torch.cat([p.grad.flatten() for p in params])
    torch.set_num_threads(threads)
    yardstick = min(fastest["higher"], fastest["torchopt"])
    with capsys.disabled():
        print(f"\n{name}, {steps} inner step(s)")
        for way, seconds in fastest.items():
            print(f"  {way:8} {1000 * seconds:8.1f} ms  {seconds / yardstick:.2f}")
    for way in WAYS:
        # equal pixels of a background tie for the maximum, and rounding decides between them; the
        # test of equal gradients is one in float64
        assert F.cosine_similarity(gradients[way], gradients["mlteach"], dim=0) > 0.95


def test_sampling(capsys):
    """32 tasks of glyphs, 5-way 1-shot with 15 queries of a class."""
    dataset = glyphs("train")
    generator = Generator().manual_seed(0)
    seconds = []
    for _ in range(30):
        start = time.process_time()
        episodes = sample_episodes(
            dataset, n_tasks=32, n_way=5, n_shot=1, n_query=15, generator=generator
        )
        seconds.append(time.process_time() - start)
    assert episodes.x_query.shape == (32, 75, 1, 28, 28)
    with capsys.disabled():
        median, fastest = (1000 * x for x in (sorted(seconds)[15], min(seconds)))
        print(f"\nsampling 32 tasks: median {median:.1f} ms, fastest {fastest:.1f} ms")
