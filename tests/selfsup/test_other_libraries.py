"""The methods equal lightly's losses and helpers in loss and in every gradient."""

from __future__ import annotations

import copy

# before what imports torchvision, which may have to be repaired
from mlteach.selfsup import BYOL, MoCo

# isort: split

import pytest
import torch
from lightly.loss import (
    BarlowTwinsLoss,
    DINOLoss,
    NegativeCosineSimilarity,
    NTXentLoss,
    VICRegLoss,
)
from lightly.models.utils import deactivate_requires_grad, update_momentum
from support.selfsup_cases import (
    make_barlow_twins,
    make_byol,
    make_dino,
    make_moco,
    make_simclr,
    make_vicreg,
    parts,
    trained,
    views,
)
from torch import nn

STEPS, LR = 4, 0.05


def lightly_trained(parameters, loss_of_step, after_step=lambda: None):
    """The loop of `trained` around lightly's loss: loss and weights after every step."""
    record = []
    for step in range(STEPS):
        loss = loss_of_step(*views(step))
        for p, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            p.data -= LR * gradient
        after_step()
        record.append((loss.detach(), [p.detach().clone() for p in parameters]))
    return record


def assert_equal_paths(method, theirs):
    """Four steps of gradient descent give the same losses and, by the gradients, weights."""
    names = [name for name, p in method.named_parameters() if p.requires_grad]
    for (loss, state), (their_loss, weights) in zip(
        trained(method, STEPS, LR), theirs, strict=True
    ):
        torch.testing.assert_close(loss, their_loss, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close([state[name] for name in names], weights, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_simclr(temperature):
    encoder, projector, _ = parts()
    network, criterion = nn.Sequential(encoder, projector), NTXentLoss(temperature)

    def loss(x1, x2):
        return criterion(*network(torch.cat([x1, x2])).chunk(2))

    assert_equal_paths(
        make_simclr(temperature=temperature), lightly_trained(list(network.parameters()), loss)
    )


def test_moco():
    """lightly's NT-Xent with a memory bank, filled in its forward pass, and momentum update."""
    method = make_moco(MoCo, n_keys=12, decay=0.7, temperature=0.3)
    encoder, projector, _ = parts()
    network = nn.Sequential(encoder, projector)
    slow = copy.deepcopy(network)
    deactivate_requires_grad(slow)
    criterion = NTXentLoss(0.3, memory_bank_size=(12, 4))
    criterion.memory_bank.bank = method.queue.clone()

    def loss(x1, x2):
        # before the step, as lightly's users write it; at first it does nothing
        update_momentum(network, slow, m=0.7)
        return criterion(network(x1), slow(x2).detach())

    assert_equal_paths(method, lightly_trained(list(network.parameters()), loss))


@pytest.mark.parametrize("target_average", [True, False], ids=["BYOL", "SimSiam"])
def test_byol(target_average):
    """lightly averages -cos of two directions; we add 2 - 2 cos: four times its loss, plus 4."""
    encoder, projector, predictor = parts()
    network = nn.Sequential(encoder, projector)
    target = copy.deepcopy(network) if target_average else network
    criterion = NegativeCosineSimilarity()

    def loss(x1, x2):
        p1, p2 = predictor(network(x1)), predictor(network(x2))
        return 4 + 2 * (criterion(p1, target(x2).detach()) + criterion(p2, target(x1).detach()))

    def after_step():
        if target_average:
            update_momentum(network, target, m=0.7)

    parameters = [*network.parameters(), *predictor.parameters()]
    method = make_byol(BYOL, decay=0.7, target_average=target_average)
    assert_equal_paths(method, lightly_trained(parameters, loss, after_step))


def test_dino():
    """lightly's loss, which moves its own centre in the forward pass, and its momentum update."""
    encoder, projector, _ = parts()
    student = nn.Sequential(encoder, projector)
    teacher = copy.deepcopy(student)
    deactivate_requires_grad(teacher)
    criterion = DINOLoss(4, student_temp=0.25, teacher_temp=0.0625, center_momentum=0.6).double()

    def loss(x1, x2):
        return criterion([teacher(x1), teacher(x2)], [student(x1), student(x2)])

    method = make_dino(student_temperature=0.25, teacher_temperature=0.0625, center_decay=0.6)
    path = lightly_trained(
        list(student.parameters()), loss, lambda: update_momentum(student, teacher, m=0.7)
    )
    assert_equal_paths(method, path)
    torch.testing.assert_close(method.center, criterion.center.flatten())


@pytest.mark.parametrize(
    ("make", "criterion"),
    [
        (make_barlow_twins, BarlowTwinsLoss(lambda_param=5e-3)),
        (make_vicreg, VICRegLoss(lambda_param=25, mu_param=25, nu_param=1)),
    ],
    ids=["BarlowTwins", "VICReg"],
)
def test_barlow_twins_and_vicreg(make, criterion):
    encoder, projector, _ = parts()

    def loss(x1, x2):
        return criterion(projector(encoder(x1)), projector(encoder(x2)))

    parameters = [*encoder.parameters(), *projector.parameters()]
    assert_equal_paths(make(), lightly_trained(parameters, loss))
