"""DINO's loss: its definition, its stop-gradient, its properties, and the mistakes people make."""

from __future__ import annotations

import math

import pytest
import torch
from support.numbers import assert_equal, normal

from mlteach.losses import dino_loss, info_nce, nt_xent
from mlteach.mistakes import mistakes_in

SETTINGS = [(0.1, 0.04), (0.7, 0.3), (1.0, 2.0)]


def outputs(batch=5, prototypes=4):
    """Student and teacher, alike but not equal, and a centre that none of them has."""
    teacher = 0.3 * normal(batch, prototypes)
    student = teacher + 0.1 * normal(batch, prototypes, seed=1)
    return student, teacher, 0.2 * normal(prototypes, seed=2)


def softmax(row):
    powers = [math.exp(x - max(row)) for x in row]
    return [power / sum(powers) for power in powers]


def naive_dino_loss(student, teacher, center, student_temperature, teacher_temperature):
    """Caron et al. 2021, Algorithm 1, in plain numbers, one image and one prototype at a time."""
    total = 0.0
    for s, t in zip(student.tolist(), teacher.tolist(), strict=True):
        shares = softmax([(x - c) / teacher_temperature for x, c in zip(t, center, strict=True)])
        guesses = softmax([x / student_temperature for x in s])
        total -= sum(p * math.log(q) for p, q in zip(shares, guesses, strict=True))
    return total / len(student)


def assert_is_dino_loss(loss):
    """Value of the definition, its gradient for the student, none for teacher and centre."""
    student, teacher, center = outputs()
    for temperatures in SETTINGS:
        settings = dict(
            zip(("student_temperature", "teacher_temperature"), temperatures, strict=True)
        )
        number = naive_dino_loss(student, teacher, center.tolist(), *temperatures)
        assert_equal(loss(student, teacher, center=center, **settings), number)
    inputs = [x.clone().requires_grad_() for x in (student, teacher, center)]
    assert torch.autograd.gradcheck(
        lambda s: loss(s, teacher, center=center, **settings), inputs[:1], raise_exception=False
    )
    loss(*inputs[:2], center=inputs[2], **settings).backward()
    assert inputs[0].grad.norm() > 0
    assert inputs[1].grad is None
    assert inputs[2].grad is None


def test_equals_the_definition():
    """Value, gradient and stop-gradient are those of the paper."""
    assert_is_dino_loss(dino_loss)


@pytest.mark.parametrize("mistake", mistakes_in(dino_loss), ids=str)
def test_catches(mistake):
    """Each mistake fails the properties that the right function passes."""
    with pytest.raises(AssertionError):
        assert_is_dino_loss(mistake)


def test_stops_the_gradient_inside_a_network():
    """One network as student and teacher: its gradient is that of the student alone."""
    weight = normal(4, 4, seed=3).requires_grad_()
    x1, x2, center = outputs()
    (gradient,) = torch.autograd.grad(dino_loss(x1 @ weight, x2 @ weight, center=center), weight)
    constant = (x2 @ weight).detach()
    (expected,) = torch.autograd.grad(dino_loss(x1 @ weight, constant, center=center), weight)
    assert gradient.equal(expected)
    assert gradient.norm() > 0


def test_by_hand():
    """log K where both are uniform, 0 where both name one prototype, and a case in between."""
    zeros = torch.zeros(3, 4, dtype=torch.float64)
    center = torch.zeros(4, dtype=torch.float64)
    assert_equal(dino_loss(zeros, zeros, center=center), math.log(4))
    # a centre that holds all of the teacher leaves the uniform distribution
    assert_equal(dino_loss(zeros, zeros + center + 5, center=center + 5), math.log(4))
    sure = zeros.index_fill(1, torch.tensor([2]), 100.0)
    assert_equal(dino_loss(sure, sure, center=center), 0.0)
    # an even teacher, and a student that gives one of four prototypes 3 / 6, the others 1 / 6
    student = torch.tensor([[math.log(3), 0.0, 0.0, 0.0]], dtype=torch.float64)
    expected = (math.log(2) + 3 * math.log(6)) / 4
    assert_equal(dino_loss(student, zeros[:1], student_temperature=1, center=center), expected)


def test_is_entropy_and_divergence():
    """The loss less the teacher's entropy is a divergence: 0 for a student that says the same."""
    student, teacher, center = outputs()
    shares = ((teacher - center) / 0.04).softmax(1)
    entropy = torch.special.entr(shares).sum(1).mean()
    assert dino_loss(student, teacher, center=center) > entropy + 0.01
    same = 0.1 * (teacher - center) / 0.04
    assert_equal(dino_loss(same, teacher, center=center), entropy.item())


def test_symmetries():
    """Images and prototypes may be permuted; adding a number to all outputs changes nothing."""
    s, t, c = outputs()
    loss = dino_loss(s, t, center=c)
    images, prototypes = torch.tensor([4, 2, 0, 1, 3]), torch.tensor([3, 1, 0, 2])
    shift = normal(5, 1, seed=5)
    for student, teacher, center in [
        (s[images], t[images], c),
        (s[:, prototypes], t[:, prototypes], c[prototypes]),
        (s + shift, t - shift, c + 7),
        (s, t - c, 0 * c),
    ]:
        changed = dino_loss(student, teacher, center=center)
        torch.testing.assert_close(changed, loss, rtol=1e-10, atol=1e-10)


def test_a_low_temperature_sharpens():
    """Towards 0 the teacher names its largest prototype, towards infinity none."""
    student, teacher, center = outputs()
    hard = torch.nn.functional.cross_entropy(student / 0.1, (teacher - center).argmax(1))
    assert_equal(dino_loss(student, teacher, teacher_temperature=1e-6, center=center), hard.item())
    even = -(student / 0.1).log_softmax(1).mean()
    loss = dino_loss(student, teacher, teacher_temperature=1e9, center=center)
    assert_equal(loss, even.item(), tolerance=1e-7)


def test_tensors_of_two_devices_are_named():
    """In the place that the contrastive and metric losses share."""
    student, teacher, center = outputs()
    told = "student, teacher, center must be on one device, got student on cpu, teacher on meta"
    with pytest.raises(ValueError, match=told):
        dino_loss(student, teacher.to("meta"), center=center)
    with pytest.raises(ValueError, match="query, positive, negatives must be on one device"):
        info_nce(student, teacher, teacher.to("meta"), temperature=0.1)
    with pytest.raises(ValueError, match="z1, z2 must be on one device"):
        nt_xent(student.to("meta"), teacher, temperature=0.1)
    everything = [x.to("meta") for x in (student, teacher)]
    assert dino_loss(*everything, center=center.to("meta")).shape == ()
