"""Mistakes in DINO's loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from mlteach.losses import dino_loss
from mlteach.mistakes._registry import mistake


def _cross_entropy(student, targets):
    """H(targets, softmax of the student's logits), mean over the batch, with gradients to both."""
    return -(targets * student.log_softmax(1)).sum(1).mean()


@mistake(dino_loss, "the centre is not subtracted from the teacher's outputs")
def no_center(student, teacher, *, center, **temperatures):
    return dino_loss(student, teacher, center=torch.zeros_like(center), **temperatures)


@mistake(dino_loss, "the centre is added: it is subtracted, so that no prototype stands out")
def center_added(student, teacher, *, center, **temperatures):
    return dino_loss(student, teacher, center=-center, **temperatures)


@mistake(dino_loss, "the centre is subtracted from the student too: only the teacher is centred")
def student_centered(student, teacher, *, center, **temperatures):
    return dino_loss(student - center, teacher, center=center, **temperatures)


@mistake(dino_loss, "the student is centred, and not the teacher: it is the other way round")
def student_centered_instead(student, teacher, *, center, **temperatures):
    return no_center(student - center, teacher, center=center, **temperatures)


@mistake(
    dino_loss, "the centre is subtracted after the division: the teacher's is (t - c) / temperature"
)
def center_after_the_temperature(student, teacher, *, center, teacher_temperature, **temperature):
    settings = {"teacher_temperature": teacher_temperature, **temperature}
    return dino_loss(student, teacher, center=center * teacher_temperature, **settings)


@mistake(
    dino_loss, "the value is right, but the gradient flows into the teacher too: .detach() its part"
)
def teacher_gets_the_gradient(
    student, teacher, *, student_temperature, teacher_temperature, center
):
    targets = ((teacher - center) / teacher_temperature).softmax(1)
    return _cross_entropy(student / student_temperature, targets)


@mistake(dino_loss, "the temperatures are swapped: the teacher has the lower one")
def temperatures_swapped(student, teacher, *, student_temperature, teacher_temperature, center):
    return dino_loss(
        student,
        teacher,
        student_temperature=teacher_temperature,
        teacher_temperature=student_temperature,
        center=center,
    )


@mistake(dino_loss, "both sides have the student's temperature: the teacher's sharpens")
def not_sharpened(student, teacher, *, student_temperature, teacher_temperature, center):
    return dino_loss(
        student,
        teacher,
        student_temperature=student_temperature,
        teacher_temperature=student_temperature,
        center=center,
    )


@mistake(dino_loss, "you multiply by the temperatures: divide the logits by them")
def multiplied_by_the_temperatures(
    student, teacher, *, student_temperature, teacher_temperature, center
):
    return dino_loss(
        student,
        teacher,
        student_temperature=1 / student_temperature,
        teacher_temperature=1 / teacher_temperature,
        center=center,
    )


@mistake(dino_loss, "your softmax runs over the batch (dim=0): it runs over the prototypes, dim=1")
def softmax_over_the_batch(student, teacher, *, student_temperature, teacher_temperature, center):
    targets = ((teacher - center) / teacher_temperature).softmax(0).detach()
    return -(targets * (student / student_temperature).log_softmax(0)).sum(1).mean()


@mistake(dino_loss, "teacher and student are swapped: the teacher says what the student must learn")
def sides_swapped(student, teacher, *, student_temperature, teacher_temperature, center):
    targets = (student / student_temperature).softmax(1)
    return _cross_entropy((teacher.detach() - center) / teacher_temperature, targets)


@mistake(
    dino_loss, "this is the divergence: the loss is the cross-entropy, with the teacher's entropy"
)
def divergence(student, teacher, *, student_temperature, teacher_temperature, center):
    targets = ((teacher - center) / teacher_temperature).softmax(1).detach()
    logits = student / student_temperature
    return F.kl_div(logits.log_softmax(1), targets, reduction="batchmean")


@mistake(dino_loss, "the outputs are normalised: take them as they are")
def outputs_normalised(student, teacher, **settings):
    return dino_loss(F.normalize(student), F.normalize(teacher), **settings)


@mistake(dino_loss, "you average over the prototypes: the cross-entropy is their sum")
def mean_over_prototypes(student, teacher, **settings):
    return dino_loss(student, teacher, **settings) / student.shape[1]


@mistake(dino_loss, "you add up over the batch: the loss is the mean over the images")
def summed(student, teacher, **settings):
    return len(student) * dino_loss(student, teacher, **settings)


@mistake(dino_loss, "image i gets another image's target: its target is row i")
def another_image_s_target(student, teacher, **settings):
    return dino_loss(student, teacher.roll(1, 0), **settings)
