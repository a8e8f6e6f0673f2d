"""The path is what adapt gives after each number of steps."""

import torch
import torch.nn.functional as F
from torch.func import functional_call

from mlteach.meta import adapt
from mlteach.meta.adaptation_path import adaptation_path
from mlteach.networks import mlp


def test_every_step_is_that_of_adapt_and_the_network_stays():
    torch.manual_seed(0)
    model, x = mlp(1, 8, 1), torch.linspace(-1, 1, 5)[:, None]
    before = [p.clone() for p in model.parameters()]
    at = torch.linspace(-2, 2, 9)[:, None]
    path = adaptation_path(model, x, x.sin(), F.mse_loss, lr=0.1, steps=3, at=at)
    assert path.shape == (4, 9, 1)
    for steps in range(4):
        params = dict(model.named_parameters())
        params = adapt(model, params, x, x.sin(), F.mse_loss, lr=0.1, steps=steps)
        torch.testing.assert_close(path[steps], functional_call(model, params, (at,)).detach())
    assert all(p.equal(old) for p, old in zip(model.parameters(), before, strict=True))


def test_without_a_support_nothing_moves():
    torch.manual_seed(0)
    model, nothing = mlp(1, 8, 1), torch.zeros(0, 1)
    path = adaptation_path(
        model, nothing, nothing, F.mse_loss, lr=0.1, steps=2, at=torch.ones(3, 1)
    )
    assert path[0].equal(path[2])
