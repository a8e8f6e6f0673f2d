"""Mistakes in DINO."""

from __future__ import annotations

import torch

from mlteach.losses import dino_loss
from mlteach.mistakes._registry import mistake
from mlteach.mistakes.selfsup.moving_average import decay_swapped
from mlteach.mistakes.selfsup.simclr import online
from mlteach.selfsup import DINO


def directions(method, s1, s2, t1, t2, *, center=None):
    """The losses of view 1 and of view 2 against the other's target."""
    settings = {
        "student_temperature": method.student_temperature,
        "teacher_temperature": method.teacher_temperature,
        "center": method.center if center is None else center,
    }
    return dino_loss(s1, t2, **settings), dino_loss(s2, t1, **settings)


def outputs(method, x1, x2):
    """Right: the student's s1, s2 and the teacher's t1, t2."""
    s1, s2 = (online(method)(x) for x in (x1, x2))
    with torch.no_grad():
        return s1, s2, method.teacher(x1), method.teacher(x2)


@mistake(
    DINO, "the centre never moves: after the step it follows the mean of the teacher's outputs"
)
class CenterStays(DINO):
    def after_step(self, aux):
        super().after_step(aux | {"outputs": self.center})


@mistake(DINO, "center_decay and 1 - center_decay are swapped: the centre is to move slowly")
class CenterDecaySwapped(DINO):
    def after_step(self, aux):
        kept, self.center_decay = self.center_decay, 1 - self.center_decay
        super().after_step(aux)
        self.center_decay = kept


@mistake(DINO, "the centre follows the student: it is the mean of the teacher's outputs")
class CenterOfTheStudent(DINO):
    def loss(self, x1, x2):
        loss, aux = super().loss(x1, x2)
        with torch.no_grad():
            mean = torch.cat([online(self)(x) for x in (x1, x2)]).mean(0)
        return loss, aux | {"outputs": mean}


@mistake(DINO, "the centre follows the centred outputs: their mean as it is, nothing subtracted")
class CenterOfTheCentred(DINO):
    def after_step(self, aux):
        super().after_step(aux | {"outputs": aux["outputs"] - self.center})


@mistake(DINO, "the centre follows one view only: it is the mean of both")
class CenterOfOneView(DINO):
    def loss(self, x1, x2):
        loss, aux = super().loss(x1, x2)
        with torch.no_grad():
            return loss, aux | {"outputs": self.teacher(x1).mean(0)}


@mistake(DINO, "this step's mean is subtracted: the centre moves after the loss, and slowly")
class CenterOfThisBatch(DINO):
    def loss(self, x1, x2):
        _, aux = super().loss(x1, x2)
        both = directions(self, *outputs(self, x1, x2), center=aux["outputs"])
        return sum(both) / 2, aux


@mistake(DINO, "decay and 1 - decay are swapped: the teacher is to move slowly")
class TeacherDecaySwapped(DINO):
    def after_step(self, aux):
        super().after_step(aux)
        decay_swapped(self.teacher, online(self), decay=self.decay)


@mistake(DINO, "the teacher stays as it was: it follows the student")
class TeacherStays(DINO):
    def after_step(self, aux):
        decay, self.decay = self.decay, 1
        super().after_step(aux)
        self.decay = decay


@mistake(DINO, "the teacher moves inside the loss: it moves after the optimiser's step")
class TeacherMovesInTheLoss(DINO):
    def loss(self, x1, x2):
        loss, aux = super().loss(x1, x2)
        super().after_step(aux)
        return loss, aux

    def after_step(self, aux):
        pass


@mistake(DINO, "the student is its own teacher: the teacher is a slow copy of it")
class StudentIsTheTeacher(DINO):
    def loss(self, x1, x2):
        s1, s2, *_ = outputs(self, x1, x2)
        return sum(directions(self, s1, s2, s1, s2)) / 2, super().loss(x1, x2)[1]


@mistake(DINO, "each view meets its own target: it has to meet the other view's")
class OwnTargets(DINO):
    def loss(self, x1, x2):
        s1, s2, t1, t2 = outputs(self, x1, x2)
        return sum(directions(self, s1, s2, t2, t1)) / 2, super().loss(x1, x2)[1]


@mistake(DINO, "one direction is missing: the loss is the mean with the views swapped")
class OneDirection(DINO):
    def loss(self, x1, x2):
        first, _ = directions(self, *outputs(self, x1, x2))
        return first, super().loss(x1, x2)[1]


@mistake(DINO, "both directions are added: take their mean")
class DirectionsAdded(DINO):
    def loss(self, x1, x2):
        loss, aux = super().loss(x1, x2)
        return 2 * loss, aux


@mistake(DINO, "centring is off, and the centre moves all the same")
class CentringCannotBeSwitchedOff(DINO):
    def __init__(self, *modules, **options):
        super().__init__(*modules, **options | {"centering": True})
