"""MAML against independent code on the same weights and tasks: same value, same gradients.

learn2learn, the third well-known library, cannot be built for Python 3.11.
"""

from __future__ import annotations

# before what imports torchvision, which may have to be repaired
from mlteach.episodes import Episode
from mlteach.meta import maml_loss
from mlteach.networks import conv_encoder, mlp

# isort: split

import higher
import pytest
import torch
import torch.nn.functional as F
import torchopt
from torch import Generator, nn

LR = 0.2


def with_higher(model, episodes, loss_fn, *, steps, first_order=False):
    """A patched copy of the model for each task; its flag for first order stops gradients."""
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=LR), []
    for x_support, y_support, x_query, y_query in zip(*episodes, strict=True):
        with higher.innerloop_ctx(model, optimizer, copy_initial_weights=False) as (copy, inner):
            for _ in range(steps):
                if first_order:
                    inner.step(
                        loss_fn(copy(x_support), y_support),
                        grad_callback=lambda all: [g.detach() for g in all],
                    )
                else:
                    inner.step(loss_fn(copy(x_support), y_support))
            losses.append(loss_fn(copy(x_query), y_query))
    return torch.stack(losses).mean()


def with_torchopt(model, episodes, loss_fn, *, steps):
    """A differentiable optimiser, wound back after each task; it knows the second order only."""
    optimizer, losses = torchopt.MetaSGD(model, lr=LR), []
    start = [torchopt.extract_state_dict(part, by="reference") for part in (model, optimizer)]
    for x_support, y_support, x_query, y_query in zip(*episodes, strict=True):
        for _ in range(steps):
            optimizer.step(loss_fn(model(x_support), y_support))
        losses.append(loss_fn(model(x_query), y_query))
        for part, state in zip((model, optimizer), start, strict=True):
            torchopt.recover_state_dict(part, state)
    return torch.stack(losses).mean()


def classification():
    model = nn.Sequential(
        conv_encoder(widths=(8, 8), out_features=6, norm="batch_no_stats"), nn.Linear(6, 3)
    )
    generator = Generator().manual_seed(0)
    x_support, x_query = (
        torch.randn(3, n, 1, 12, 12, generator=generator).double() for n in (6, 9)
    )
    y_support, y_query = (torch.arange(3).repeat(3, n) for n in (2, 3))
    return model.double(), Episode(x_support, y_support, x_query, y_query), F.cross_entropy


def regression():
    generator = Generator().manual_seed(0)
    parts = (torch.randn(4, n, 1, generator=generator).double() for n in (5, 5, 7, 7))
    return mlp(1, 10, 10, 1).double(), Episode(*parts), F.mse_loss


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("task", [classification, regression])
@pytest.mark.parametrize(
    ("witness", "order"),
    [(with_higher, {}), (with_higher, {"first_order": True}), (with_torchopt, {})],
)
def test_value_and_gradients(witness, order, task, steps):
    """To 1e-10 of float64 after one and after three inner steps."""
    torch.manual_seed(0)
    model, episodes, loss_fn = task()
    params = list(model.parameters())  # torchopt puts other tensors in their places
    theirs = witness(model, episodes, loss_fn, steps=steps, **order)
    expected = [theirs.detach(), *torch.autograd.grad(theirs, params)]
    ours = maml_loss(model, episodes, loss_fn, lr=LR, steps=steps, **order)
    for mine, other in zip(
        [ours.detach(), *torch.autograd.grad(ours, params)], expected, strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)
