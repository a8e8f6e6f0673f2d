"""Small networks, views and methods that the tests of mlteach.selfsup share."""

from __future__ import annotations

import copy

import torch
from torch import nn

from mlteach.networks import mlp
from mlteach.selfsup import BYOL, DINO, BarlowTwins, LeJEPA, MoCo, SimCLR, VICReg

BATCH, INPUTS = 6, 5
FEATURES, OUTPUTS = 7, 4
SWITCHES = [(p, s, t) for p in (True, False) for s in (True, False) for t in (True, False)]


def parts():
    """Encoder, projector and predictor in float64 with BatchNorm; the same at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        sizes = (INPUTS, 8, FEATURES), (FEATURES, 8, OUTPUTS), (OUTPUTS, 8, OUTPUTS)
        return [mlp(*size, batch_norm=True).double() for size in sizes]


def views(seed=0, batch=BATCH):
    """Two noisy copies of random inputs."""
    generator = torch.Generator().manual_seed(seed)
    x, *noise = (
        torch.randn(batch, INPUTS, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    return x + 0.3 * noise[0], x + 0.3 * noise[1]


def make_simclr(cls=SimCLR, **options):
    return cls(*parts()[:2], **options)


def make_moco(cls=MoCo, **options):
    """The queue in float64, too, to the last bit of its unit length."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        method = cls(*parts()[:2], **({"n_keys": 15, "decay": 0.7} | options)).double()
    method.queue.copy_(nn.functional.normalize(method.queue))
    return method


def make_byol(cls=BYOL, *, predictor=True, **options):
    encoder, projector, head = parts()
    return cls(encoder, projector, head if predictor else None, **({"decay": 0.7} | options))


def make_dino(cls=DINO, **options):
    return cls(*parts()[:2], **({"decay": 0.7} | options))


def make_barlow_twins(**options):
    return BarlowTwins(*parts()[:2], **options)


def make_vicreg(**options):
    return VICReg(*parts()[:2], **options)


def make_lejepa(**options):
    return LeJEPA(*parts()[:2], **{"slices": 16} | options)


METHODS = {
    "SimCLR": make_simclr,
    "MoCo": make_moco,
    "BYOL": make_byol,
    "SimSiam": lambda: make_byol(target_average=False),
    "BYOL without stop-gradient": lambda: make_byol(stop_gradient=False),
    "DINO": make_dino,
    "BarlowTwins": make_barlow_twins,
    "VICReg": make_vicreg,
    "LeJEPA": make_lejepa,
}


def trained(method, steps=5, lr=0.3):
    """Plain gradient descent: loss, parameters and buffers after every step."""
    parameters = [p for p in method.parameters() if p.requires_grad]
    record = []
    for step in range(steps):
        loss, aux = method.loss(*views(step))
        for p, gradient in zip(
            parameters, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True
        ):
            if gradient is not None:
                p.data -= lr * gradient
        method.after_step(aux)
        record.append((loss.detach(), copy.deepcopy(method.state_dict())))
    return record


def sequential(method):
    return nn.Sequential(method.encoder, method.projector)
