"""DINO: its definition step by step, its teacher and centre, its meters, and people's mistakes."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from support.selfsup_cases import OUTPUTS, make_dino, parts, sequential, trained, views
from torch import nn

from mlteach.mistakes import mistakes_in
from mlteach.selfsup import DINO

STEPS, LR = 4, 0.05
CENTER_DECAY, DECAY = 0.6, 0.8


def reference(centering):
    """Algorithm 1 of the paper with its own softmax and averages: losses, weights, centres."""
    encoder, projector, _ = parts()
    student = nn.Sequential(encoder, projector)
    teacher = copy.deepcopy(student)
    center = torch.zeros(OUTPUTS, dtype=torch.float64)
    record = []

    def entropy(t, s):
        shares = (((t - center) / 0.05).exp() / ((t - center) / 0.05).exp().sum(1, True)).detach()
        return -(shares * ((s / 0.2) - (s / 0.2).exp().sum(1, True).log())).sum(1).mean()

    for step in range(STEPS):
        x1, x2 = views(step)
        s1, s2, t1, t2 = student(x1), student(x2), teacher(x1), teacher(x2)
        loss = entropy(t1, s2) / 2 + entropy(t2, s1) / 2
        weights = list(student.parameters())
        for p, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            p.data -= LR * gradient
        for t, s in zip(teacher.parameters(), student.parameters(), strict=True):
            t.data = DECAY * t.data + (1 - DECAY) * s.data
        if centering:
            center = CENTER_DECAY * center + (1 - CENTER_DECAY) * torch.cat([t1, t2]).mean(0)
        center = center.detach()
        record.append((loss.detach(), [p.detach().clone() for p in teacher.parameters()], center))
    return record


def assert_dino(cls):
    """Four steps give the reference's losses, teachers and centres, with centring and without."""
    for centering in (True, False):
        options = {"student_temperature": 0.2, "teacher_temperature": 0.05}
        options |= {"decay": DECAY, "center_decay": CENTER_DECAY, "centering": centering}
        method = make_dino(cls, **options)
        names = [f"teacher.{name}" for name, _ in method.teacher.named_parameters()]
        path = trained(method, STEPS, LR)
        for (loss, state), expected in zip(path, reference(centering), strict=True):
            torch.testing.assert_close(loss, expected[0], rtol=1e-9, atol=1e-9)
            torch.testing.assert_close([state[name] for name in names], expected[1])
            torch.testing.assert_close(state["center"], expected[2])


def test_dino_is_its_definition():
    assert_dino(DINO)


@pytest.mark.parametrize("mistake", mistakes_in(DINO), ids=str)
def test_a_mistake_is_caught(mistake):
    with pytest.raises(AssertionError):
        assert_dino(mistake.function)


def test_the_teacher_gets_no_gradient():
    method = make_dino()
    x1, x2 = views()
    method.loss(x1, x2)[0].backward()
    assert all(p.grad is None for p in method.teacher.parameters())
    owners = {name.split(".")[0] for name, p in method.named_parameters() if p.requires_grad}
    assert owners == {"encoder", "projector"}


def test_the_meters_add_up():
    """Entropy plus divergence is the loss; the shares are the mean of the teacher's softmax."""
    method = make_dino()
    trained(method, steps=3)
    x1, x2 = views(7)
    loss, aux = method.loss(x1, x2)
    outputs = torch.cat([method.teacher(x) for x in (x1, x2)]).detach()
    shares = ((outputs - method.center) / 0.04).softmax(1)
    entropy = -(shares * shares.clamp(min=1e-300).log()).sum(1).mean()
    torch.testing.assert_close(aux["outputs"], outputs.mean(0))
    torch.testing.assert_close(aux["shares"], shares.mean(0))
    torch.testing.assert_close(aux["entropy"], entropy)
    torch.testing.assert_close(aux["entropy"] + aux["kl"], loss.detach())
    torch.testing.assert_close(aux["t1"], nn.functional.normalize(method.teacher(x1)).detach())
    assert aux["kl"] > 0


def constant_outputs(method, values):
    """Student and teacher say the same of every image."""
    for network in (sequential(method), method.teacher):
        nn.init.zeros_(network[1][-1].weight)
        network[1][-1].bias.data = values.double()
    return method


def test_both_collapses_by_hand():
    """One prototype for all costs 0 without a centre; centred, any constant is uniform."""
    one = torch.tensor([0.0, 9.0, 0.0, 0.0])
    loss, aux = constant_outputs(make_dino(centering=False), one).loss(*views())
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert aux["entropy"].item() == pytest.approx(0, abs=1e-12)
    method = constant_outputs(make_dino(center_decay=0.0), one)
    method.after_step(method.loss(*views())[1])
    _, aux = method.loss(*views())
    assert aux["entropy"].item() == pytest.approx(math.log(OUTPUTS))
    assert aux["shares"].tolist() == pytest.approx([1 / OUTPUTS] * OUTPUTS)


def test_without_centring_the_centre_stays_at_zero():
    for centering in (True, False):
        method = make_dino(centering=centering)
        trained(method, steps=3)
        assert method.center.any() == centering


def test_centring_is_read_at_every_step():
    """Switched off, a centre that has moved is neither subtracted nor moved on."""
    method, expected = make_dino(), make_dino(centering=False)
    trained(method, steps=3)
    expected.load_state_dict(method.state_dict() | {"center": expected.center})
    before = method.center.clone()
    method.centering = False
    loss, aux = method.loss(*views())
    torch.testing.assert_close(loss, expected.loss(*views())[0], rtol=0, atol=0)
    method.after_step(aux)
    assert torch.equal(method.center, before)
    for call in (lambda: method.loss(*views()), lambda: method.after_step(aux)):
        method.centering = "off"
        with pytest.raises(TypeError, match="centering must be True or False, got str"):
            call()


def test_what_loss_has_not_returned_moves_nothing():
    method = make_dino(decay=0.0)
    nn.init.zeros_(next(method.encoder.parameters()))
    before = {name: value.clone() for name, value in method.state_dict().items()}
    with pytest.raises(TypeError, match="aux must be what loss returned"):
        method.after_step({})
    torch.testing.assert_close(dict(method.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_centre_lives_where_its_projector_lives(dtype):
    encoder, projector, _ = (part.to(dtype) for part in parts())
    method = DINO(encoder, projector)
    assert method.center.dtype == torch.promote_types(dtype, torch.float32)
    assert method.center.shape == (OUTPUTS,)


def test_a_decay_that_a_slider_spoiled_is_refused():
    for name in ("decay", "center_decay"):
        method = make_dino()
        _, aux = method.loss(*views())
        setattr(method, name, 1.01)
        with pytest.raises(ValueError, match=f"{name} must be"):
            method.after_step(aux)


def test_a_projector_of_another_width_is_named():
    method = DINO(parts()[0], nn.Sequential(parts()[1], nn.GLU()))
    with pytest.raises(ValueError, match=r"projector must give \(B, 4\), got \(6, 2\)"):
        method.loss(*views())
    with pytest.raises(ValueError, match="projector must contain a linear layer"):
        DINO(nn.Identity(), nn.Identity())
