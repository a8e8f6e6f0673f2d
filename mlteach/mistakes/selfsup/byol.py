"""Mistakes in BYOL and its loss."""

from __future__ import annotations

from mlteach.losses import byol_loss
from mlteach.mistakes._registry import mistake, mistakes_in
from mlteach.mistakes.losses.noncontrastive import neither_normalised
from mlteach.mistakes.selfsup.moving_average import copied, decay_swapped, not_moved
from mlteach.mistakes.selfsup.simclr import online
from mlteach.selfsup import BYOL

# --- BYOL's loss ---------------------------------------------------------------------------------


def byol_step(p1, p2, t1, t2):
    """Right: each prediction meets the other view's target, which gets no gradient."""
    return byol_loss(p1, t2) + byol_loss(p2, t1)


@mistake(
    byol_step, "each view predicts itself: p1 has to meet t2, the target's answer to the other view"
)
def own_targets(p1, p2, t1, t2):
    return byol_step(p1, p2, t2, t1)


@mistake(byol_step, "one direction is missing: add the loss with the two views swapped")
def one_direction(p1, p2, t1, t2):
    return byol_loss(p1, t2)


@mistake(byol_step, "these are inner products: divide each by the lengths of both vectors")
def inner_products(p1, p2, t1, t2):
    return sum(2 - 2 * (p * t.detach()).sum(1).mean() for p, t in ((p1, t2), (p2, t1)))


@mistake(
    byol_step,
    "this is SimSiam's scale, -cos averaged over both directions: here it is 2 - 2 cos, added",
)
def simsiam_s_scale(p1, p2, t1, t2):
    return byol_step(p1, p2, t1, t2) / 4 - 1


@mistake(byol_step, "this is half of it: each direction is 2 - 2 cos, and the two are added")
def mean_of_both_directions(p1, p2, t1, t2):
    return byol_step(p1, p2, t1, t2) / 2


def each_way(distance):
    """BYOL's loss with another distance between a prediction and its target."""

    def step(p1, p2, t1, t2):
        return distance(p1, t2) + distance(p2, t1)

    step.__name__ = str(distance)
    return step


for wrong in mistakes_in(byol_loss):
    mistake(byol_step, wrong.explanation)(each_way(wrong))


# --- BYOL ----------------------------------------------------------------------------------------


def outputs(method, x1, x2):
    """Right: predictions p1, p2 of the online network, and targets t1, t2."""
    p1, p2 = (method.predictor(online(method)(x)) for x in (x1, x2))
    return p1, p2, method.target(x1), method.target(x2)


@mistake(BYOL, "the gradient flows through the target: it is a number to be predicted")
class GradientThroughTheTarget(BYOL):
    def __init__(self, *modules, **options):
        super().__init__(*modules, **options | {"stop_gradient": False})


@mistake(BYOL, "decay and 1 - decay are swapped: the target is to move slowly")
class TargetDecaySwapped(BYOL):
    def after_step(self, aux):
        decay_swapped(self.target, online(self), decay=self.decay)


@mistake(BYOL, "the target moves inside the loss: it moves after the optimiser's step")
class TargetMovesInTheLoss(BYOL):
    def loss(self, x1, x2):
        super().after_step({})
        return super().loss(x1, x2)

    def after_step(self, aux):
        pass


@mistake(BYOL, "there is no target network: the online projections are their own target")
class OnlineIsTheTarget(BYOL):
    def loss(self, x1, x2):
        p1, p2, _, _ = outputs(self, x1, x2)
        return byol_step(p1, p2, online(self)(x1), online(self)(x2)), {}


@mistake(BYOL, "the target is in evaluation mode: its BatchNorm normalises by the batch too")
class TargetInEvaluationMode(BYOL):
    def loss(self, x1, x2):
        self.target.eval()
        return super().loss(x1, x2)


@mistake(BYOL, "the predictor is on both sides: it belongs to the online network only")
class PredictorOnBothSides(BYOL):
    def loss(self, x1, x2):
        p1, p2, t1, t2 = outputs(self, x1, x2)
        return byol_step(p1, p2, self.predictor(t1), self.predictor(t2)), {}


@mistake(BYOL, "the predictor is not used: without it, BYOL can collapse")
class PredictorMissing(BYOL):
    def loss(self, x1, x2):
        _, _, t1, t2 = outputs(self, x1, x2)
        return byol_step(online(self)(x1), online(self)(x2), t1, t2), {}


@mistake(BYOL, "each view predicts itself: it has to predict the other view")
class EachViewPredictsItself(BYOL):
    def loss(self, x1, x2):
        return own_targets(*outputs(self, x1, x2)), {}


@mistake(BYOL, "one direction is missing: add the loss with the two views swapped")
class OneDirection(BYOL):
    def loss(self, x1, x2):
        return one_direction(*outputs(self, x1, x2)), {}


@mistake(BYOL, "the vectors are not normalised: 2 - 2 cos compares directions")
class NotNormalised(BYOL):
    def loss(self, x1, x2):
        return each_way(neither_normalised)(*outputs(self, x1, x2)), {}


@mistake(BYOL, "the target stays as it was: it follows the online network")
class TargetStays(BYOL):
    def after_step(self, aux):
        not_moved(self.target, online(self), decay=self.decay)


@mistake(BYOL, "only the encoder is averaged: the target's projector is a copy")
class ProjectorCopied(BYOL):
    def after_step(self, aux):
        super().after_step(aux)
        copied(self.target[1], self.projector, decay=self.decay)
