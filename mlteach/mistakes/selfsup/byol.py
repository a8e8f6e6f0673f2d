"""Mistakes in BYOL and its loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F

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


@mistake(byol_step, "one direction counts twice: add the loss with the two views swapped")
def one_direction_twice(p1, p2, t1, t2):
    return 2 * byol_loss(p1, t2)


@mistake(byol_step, "one direction is missing: p1 has to meet t2 as well as p2 t1")
def other_direction(p1, p2, t1, t2):
    return byol_loss(p2, t1)


@mistake(byol_step, "p1 predicts both targets: p1 has to meet t2, and p2 t1")
def first_predicts_both(p1, p2, t1, t2):
    return byol_loss(p1, t2) + byol_loss(p1, t1)


@mistake(byol_step, "p1 meets p2: each prediction has to meet a target, p1 t2 and p2 t1")
def predictions_meet(p1, p2, t1, t2):
    return byol_loss(p1, p2) + byol_loss(p2, p1)


@mistake(byol_step, "t1 meets t2: the predictions have to meet the targets, p1 t2 and p2 t1")
def targets_meet(p1, p2, t1, t2):
    return byol_loss(t1, t2) + byol_loss(t2, t1)


def of_cosines(formula):
    """The loss of both directions with another formula of the cosines (B,)."""

    def step(p1, p2, t1, t2):
        pairs = (p1, t2), (p2, t1)
        return sum(formula(F.cosine_similarity(p, t.detach())) for p, t in pairs)

    return step


@mistake(byol_step, "this is 2 - cos: the squared distance of unit vectors is 2 - 2 cos")
def two_less_cosine(p1, p2, t1, t2):
    return of_cosines(lambda c: (2 - c).mean())(p1, p2, t1, t2)


@mistake(byol_step, "the cosine is squared: the squared distance of unit vectors is 2 - 2 cos")
def two_less_square(p1, p2, t1, t2):
    return of_cosines(lambda c: (2 - 2 * c.square()).mean())(p1, p2, t1, t2)


@mistake(byol_step, "negative cosines are cut off: opposite vectors cost most, 4")
def cosines_cut_off(p1, p2, t1, t2):
    return of_cosines(lambda c: (2 - 2 * c.clamp(min=0)).mean())(p1, p2, t1, t2)


@mistake(
    byol_step, "this is the square of 1 - cos: the squared distance of unit vectors is 2 - 2 cos"
)
def square_of_one_less(p1, p2, t1, t2):
    return of_cosines(lambda c: (1 - c).square().mean())(p1, p2, t1, t2)


@mistake(
    byol_step, "these are distances of unit vectors: the loss is their squares, without a root"
)
def distances(p1, p2, t1, t2):
    return of_cosines(lambda c: (2 - 2 * c).sqrt().mean())(p1, p2, t1, t2)


@mistake(byol_step, "these are angles: the loss is 2 - 2 cos, without arccos")
def angles(p1, p2, t1, t2):
    return of_cosines(lambda c: c.clamp(-1, 1).acos().mean())(p1, p2, t1, t2)


@mistake(byol_step, "the sum over coordinates is of absolute differences: squares are added up")
def absolute_differences(p1, p2, t1, t2):
    pairs = (p1, t2), (p2, t1)
    return sum((F.normalize(p) - F.normalize(t.detach())).abs().sum(1).mean() for p, t in pairs)


@mistake(
    byol_step, "the prediction is not normalised: divide it by its length, as the target by its own"
)
def prediction_not_normalised(p1, p2, t1, t2):
    pairs = (p1, t2), (p2, t1)
    return sum((p - F.normalize(t.detach())).square().sum(1).mean() for p, t in pairs)


def divided_by_lengths(dim):
    """The loss with other lengths: over the batch (0), or of the whole matrix (0, 1)."""

    def step(p1, p2, t1, t2):
        pairs = (p1, t2), (p2, t1)
        return sum(
            (F.normalize(p, dim=dim) - F.normalize(t.detach(), dim=dim)).square().sum(1).mean()
            for p, t in pairs
        )

    return step


@mistake(byol_step, "the columns are divided by their lengths: a row is a vector, dim=1")
def normalised_over_the_batch(p1, p2, t1, t2):
    return divided_by_lengths(0)(p1, p2, t1, t2)


@mistake(byol_step, "the cosine is taken of columns (dim=0): a row is a vector, dim=1")
def cosine_of_columns(p1, p2, t1, t2):
    return byol_step(p1.T, p2.T, t1.T, t2.T)


@mistake(
    byol_step, "the batch is divided by the length of all its numbers: a row is a vector, dim=1"
)
def batch_as_one_vector(p1, p2, t1, t2):
    return divided_by_lengths((0, 1))(p1, p2, t1, t2)


@mistake(
    byol_step, "the means of the batch are compared: compare image by image, then take the mean"
)
def means_compared(p1, p2, t1, t2):
    return byol_step(*(x.mean(0, keepdim=True) for x in (p1, p2, t1, t2)))


@mistake(
    byol_step,
    "every prediction meets the targets of all images: image i has one target, row i",
)
def all_pairs(p1, p2, t1, t2):
    pairs = (p1, t2), (p2, t1)
    return sum((2 - 2 * F.normalize(p) @ F.normalize(t.detach()).T).mean() for p, t in pairs)


@mistake(
    byol_step, "other images are negatives here: BYOL has none, each image has its target alone"
)
def with_negatives(p1, p2, t1, t2):
    pairs = (p1, t2), (p2, t1)
    images = torch.arange(len(p1))
    return sum(
        F.cross_entropy(F.normalize(p) @ F.normalize(t.detach()).T, images) for p, t in pairs
    )


@mistake(
    byol_step, "one cosine is taken of all numbers of the batch: each image has its own, dim=1"
)
def one_cosine_for_all(p1, p2, t1, t2):
    return byol_step(*(x.flatten()[None] for x in (p1, p2, t1, t2)))


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
