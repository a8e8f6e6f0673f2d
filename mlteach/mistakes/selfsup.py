"""Mistakes in self-supervised methods, and in the parts of them that exercises ask for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from mlteach.losses import byol_loss, info_nce, nt_xent
from mlteach.mistakes._registry import mistake, mistakes_in
from mlteach.mistakes.losses.noncontrastive import neither_normalised
from mlteach.selfsup import BYOL, MoCo, SimCLR
from mlteach.selfsup._shared import move_towards, pictured


def online(method):
    """Encoder and projector as one network."""
    return nn.Sequential(method.encoder, method.projector)


# --- SimCLR --------------------------------------------------------------------------------------


def projections(method, x1, x2):
    """Right: z1 and z2 of one batch with both views in it."""
    return online(method)(torch.cat([x1, x2])).chunk(2)


@mistake(
    SimCLR, "you compare the representations h: the loss is computed on z, the projector's output"
)
class RepresentationsCompared(SimCLR):
    def loss(self, x1, x2):
        h1, h2 = self.encoder(torch.cat([x1, x2])).chunk(2)
        return nt_xent(h1, h2, temperature=self.temperature), {}


@mistake(
    SimCLR,
    "you send each view through the network as a batch of its own, so that BatchNorm normalises "
    "them apart: one batch of both, torch.cat([x1, x2]), is SimCLR's",
)
class BatchForEachView(SimCLR):
    def loss(self, x1, x2):
        z1, z2 = online(self)(x1), online(self)(x2)
        return nt_xent(z1, z2, temperature=self.temperature), {}


@mistake(
    SimCLR,
    "each view passes as a batch of its own, and h is compared instead of z: "
    "one batch, and the projector after it",
)
class RepresentationsOfTwoBatches(SimCLR):
    def loss(self, x1, x2):
        return nt_xent(self.encoder(x1), self.encoder(x2), temperature=self.temperature), {}


@mistake(
    SimCLR,
    "after torch.cat([x1, x2]) the first B rows are view 1 and the last B view 2: "
    ".chunk(2) parts them, every other row pairs views of different images",
)
class EveryOtherRow(SimCLR):
    def loss(self, x1, x2):
        z = online(self)(torch.cat([x1, x2]))
        return nt_xent(z[0::2], z[1::2], temperature=self.temperature), {}


@mistake(SimCLR, "view i of one half must meet view i of the other: your halves are not in order")
class ViewsNotPaired(SimCLR):
    def loss(self, x1, x2):
        z1, z2 = projections(self, x1, x2)
        return nt_xent(z1, z2.flip(0), temperature=self.temperature), {}


@mistake(SimCLR, "you train in evaluation mode: BatchNorm has to normalise by the batch at hand")
class EvaluationMode(SimCLR):
    def loss(self, x1, x2):
        self.eval()
        return super().loss(x1, x2)


@mistake(SimCLR, "both of your views are x1: no image is hard to find again in its own copy")
class FirstViewTwice(SimCLR):
    def loss(self, x1, x2):
        return super().loss(x1, x1)


@mistake(SimCLR, "your function ignores the temperature: nt_xent's default is 0.5")
class TemperatureIgnored(SimCLR):
    def loss(self, x1, x2):
        return nt_xent(*projections(self, x1, x2)), {}


@mistake(SimCLR, "you divide by 1 / temperature: hand the temperature over as it is")
class TemperatureInverted(SimCLR):
    def loss(self, x1, x2):
        return nt_xent(*projections(self, x1, x2), temperature=1 / self.temperature), {}


@mistake(SimCLR)
class TemperatureOfTheStart(SimCLR):
    """Only who moves a slider while it trains sees it."""

    def __init__(self, *modules, **options):
        super().__init__(*modules, **options)
        self.start = self.temperature

    def loss(self, x1, x2):
        return nt_xent(*projections(self, x1, x2), temperature=self.start), {}


@mistake(
    SimCLR,
    "this is InfoNCE from view 1 to view 2, with B candidates: "
    "NT-Xent asks all 2B views, with 2B - 1 candidates",
)
class OneWay(SimCLR):
    def loss(self, x1, x2):
        z1, z2 = (F.normalize(z) for z in projections(self, x1, x2))
        return F.cross_entropy(z1 @ z2.T / self.temperature, torch.arange(len(z1))), {}


@mistake(SimCLR, "views of one side are missing among the negatives: NT-Xent has 2B - 2 of them")
class BothWays(SimCLR):
    def loss(self, x1, x2):
        z1, z2 = (F.normalize(z) for z in projections(self, x1, x2))
        logits, labels = z1 @ z2.T / self.temperature, torch.arange(len(z1))
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2, {}


@mistake(SimCLR, "the projections are not normalised: NT-Xent compares cosines")
class ProjectionsNotNormalised(SimCLR):
    def loss(self, x1, x2):
        z = torch.cat(projections(self, x1, x2))
        logits = (z @ z.T / self.temperature).fill_diagonal_(-torch.inf)
        return F.cross_entropy(logits, torch.arange(len(z)).roll(len(x1))), {}


@mistake(SimCLR, "the value is right, but view 2 gets no gradient: nothing is to be detached")
class SecondViewDetached(SimCLR):
    def loss(self, x1, x2):
        z1, z2 = projections(self, x1, x2)
        return nt_xent(z1, z2.detach(), temperature=self.temperature), {}


# --- MoCo's logits -------------------------------------------------------------------------------


def moco_logits(query, key, queue, *, temperature):
    """Right: cosines of each query with its key, then with the queue, (B, 1 + K)."""
    query, key, queue = (F.normalize(x) for x in (query, key.detach(), queue.detach()))
    return torch.cat([product(query, key), query @ queue.T], dim=1) / temperature


def product(query, key):
    """(B, 1) the dot product of each query with its key."""
    return (query * key).sum(1, keepdim=True)


@mistake(
    moco_logits,
    "the positive is in the last column: "
    "it belongs into the first, so that the label of every query is 0",
)
def positive_last(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=temperature).roll(-1, dims=1)


@mistake(
    moco_logits,
    "the vectors are not normalised: "
    "divide query, key and queue by their lengths, then a dot product is a cosine",
)
def logits_not_normalised(query, key, queue, *, temperature):
    key, queue = key.detach(), queue.detach()
    return torch.cat([product(query, key), query @ queue.T], dim=1) / temperature


@mistake(moco_logits, "you multiply by the temperature: the cosines are divided by it")
def logits_times_temperature(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=1 / temperature)


@mistake(moco_logits, "the temperature is missing: divide all the cosines by it")
def logits_without_temperature(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=1.0)


@mistake(
    moco_logits, "only the negatives are divided by the temperature: the positive's cosine is too"
)
def positive_without_temperature(query, key, queue, *, temperature):
    logits = moco_logits(query, key, queue, temperature=temperature)
    return torch.cat([temperature * logits[:, :1], logits[:, 1:]], dim=1)


@mistake(
    moco_logits,
    "you compare the keys with the queue: it is the queries that must not find themselves there",
)
def keys_ask_the_queue(query, key, queue, *, temperature):
    own = moco_logits(query, key, queue, temperature=temperature)[:, :1]
    others = moco_logits(key, key, queue, temperature=temperature)[:, 1:]
    return torch.cat([own, others], dim=1)


@mistake(moco_logits, "query i is compared with another image's key: its positive is key i")
def key_of_another_image(query, key, queue, *, temperature):
    return moco_logits(query, key.roll(1, 0), queue, temperature=temperature)


@mistake(moco_logits, "the queue is not normalised: divide its keys by their lengths too")
def queue_not_normalised(query, key, queue, *, temperature):
    others = F.normalize(query) @ queue.detach().T / temperature
    own = moco_logits(query, key, queue, temperature=temperature)[:, :1]
    return torch.cat([own, others], dim=1)


@mistake(moco_logits, "a query meets the keys of all the batch: its own key, then the queue, 1 + K")
def keys_of_the_batch_too(query, key, queue, *, temperature):
    others = moco_logits(query, key, queue, temperature=temperature)[:, 1:]
    batch = F.normalize(query) @ F.normalize(key.detach()).T / temperature
    return torch.cat([batch, others], dim=1)


@mistake(moco_logits, "these are exponentials: logits come before the softmax")
def exponentials(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=temperature).exp()


@mistake(moco_logits, "these are probabilities: cross_entropy takes the softmax itself")
def probabilities(query, key, queue, *, temperature):
    return moco_logits(query, key, queue, temperature=temperature).softmax(1)


@mistake(
    moco_logits,
    "the values are right, but the gradient flows into keys and queue: "
    ".detach() both, they are numbers",
)
def nothing_detached(query, key, queue, *, temperature):
    query, key, queue = (F.normalize(x) for x in (query, key, queue))
    return torch.cat([product(query, key), query @ queue.T], dim=1) / temperature


@mistake(
    moco_logits,
    "the values are right, but you stopped the wrong side: "
    "the keys get the gradient, the queries none",
)
def queries_detached(query, key, queue, *, temperature):
    return nothing_detached(query.detach(), key, queue.detach(), temperature=temperature)


# --- MoCo's queue --------------------------------------------------------------------------------


def enqueue(queue, pointer, keys):
    """Right: the next queue, keys written from the pointer on, and the next pointer."""
    places = (pointer + torch.arange(len(keys))) % len(queue)
    return queue.index_copy(0, places, keys), (pointer + len(keys)) % len(queue)


@mistake(
    enqueue, "the pointer stays where it was: the next batch would replace these keys, the newest"
)
def pointer_stays(queue, pointer, keys):
    return enqueue(queue, pointer, keys)[0], pointer


@mistake(
    enqueue, "the pointer runs past the end: after place K - 1 comes place 0, take it modulo K"
)
def pointer_past_the_end(queue, pointer, keys):
    return enqueue(queue, pointer, keys)[0], pointer + len(keys)


@mistake(enqueue, "a batch that reaches the end is cut off there: its other keys go on at place 0")
def cut_off_at_the_end(queue, pointer, keys):
    kept = keys[: len(queue) - pointer]
    return enqueue(queue, pointer, kept)[0], (pointer + len(keys)) % len(queue)


@mistake(
    enqueue,
    "you replace the newest keys, those just before the pointer: the oldest begin at the pointer",
)
def newest_replaced(queue, pointer, keys):
    return enqueue(queue, pointer - len(keys), keys)[0], (pointer + len(keys)) % len(queue)


@mistake(enqueue, "the keys go in backwards: row 0 belongs at the pointer")
def backwards(queue, pointer, keys):
    return enqueue(queue, pointer, keys.flip(0))


@mistake(
    enqueue,
    "you move every key that stays: "
    "leave them where they are, and write the new ones from the pointer on",
)
def shifted(queue, pointer, keys):
    return torch.cat([queue[len(keys) :], keys]), (pointer + len(keys)) % len(queue)


@mistake(enqueue, "the pointer moves by one place: it moves by as many as keys came in")
def pointer_by_one(queue, pointer, keys):
    return enqueue(queue, pointer, keys)[0], (pointer + 1) % len(queue)


@mistake(
    enqueue, "a batch that does not fit begins at place 0: write up to the end first, then go on"
)
def batch_kept_together(queue, pointer, keys):
    return enqueue(queue, pointer if pointer + len(keys) <= len(queue) else 0, keys)


@mistake(
    enqueue, "the new keys go to the front and all others move: write them from the pointer on"
)
def pushed_to_the_front(queue, pointer, keys):
    return torch.cat([keys, queue])[: len(queue)], (pointer + len(keys)) % len(queue)


# --- a network that follows another --------------------------------------------------------------


@torch.no_grad()
def rewrite(target, online, formula):
    """Sets every parameter of target to what the formula makes of both networks."""
    for follower, leader in zip(target.parameters(), online.parameters(), strict=True):
        follower.copy_(formula(follower, leader))


@mistake(
    move_towards,
    "decay and 1 - decay are swapped: "
    "the target keeps `decay` of itself, and takes the rest from the online network",
)
def decay_swapped(target, online, *, decay):
    move_towards(target, online, decay=1 - decay)


@mistake(
    move_towards,
    "the target is a copy of the online network now: it should move a little towards it",
)
def copied(target, online, *, decay):
    move_towards(target, online, decay=0)


@mistake(
    move_towards,
    "the target has not moved. `p = …` in a loop only gives a new name: "
    "write into the parameter, with copy_ or lerp_",
)
def not_moved(target, online, *, decay):
    move_towards(target, online, decay=1)


@mistake(
    move_towards,
    "you add the online network without weighing the old target down: "
    "decay * target + (1 - decay) * online",
)
def target_not_weighted(target, online, *, decay):
    rewrite(target, online, lambda t, o: t + (1 - decay) * o)


@mistake(move_towards, "the online part is not weighted: decay * target + (1 - decay) * online")
def online_not_weighted(target, online, *, decay):
    rewrite(target, online, lambda t, o: decay * t + o)


@mistake(move_towards, "both parts have the same weight: decay * target + (1 - decay) * online")
def half_of_each(target, online, *, decay):
    move_towards(target, online, decay=0.5)


@mistake(move_towards, "the target is the step alone: add (1 - decay) * (online - target) to it")
def step_alone(target, online, *, decay):
    rewrite(target, online, lambda t, o: (1 - decay) * (o - t))


@mistake(
    move_towards, "the difference has the wrong sign: the target runs away from the online network"
)
def runs_away(target, online, *, decay):
    rewrite(target, online, lambda t, o: t - (1 - decay) * (o - t))


@mistake(
    move_towards, "only the weights of the first layer move: go through all of target.parameters()"
)
@torch.no_grad()
def first_weights_only(target, online, *, decay):
    next(target.parameters()).lerp_(next(online.parameters()), 1 - decay)


# --- MoCo ----------------------------------------------------------------------------------------


def moco_loss(method, query, key):
    """Right: what `MoCo.loss` makes of queries and keys."""
    loss = info_nce(query, key, method.queue, temperature=method.temperature)
    return loss, pictured(z1=query, z2=key)


@torch.no_grad()
def moco_step(method, aux, *, move=move_towards, enqueue=enqueue):
    """Right, with the right parts: what `MoCo.after_step` moves."""
    move(method.key_encoder, online(method), decay=method.decay)
    queue, pointer = enqueue(method.queue, int(method.pointer), aux["z2"])
    method.queue.copy_(queue)
    method.pointer.fill_(pointer)


@mistake(MoCo, "the keys get a gradient: only the query encoder is trained by it")
class KeysGetAGradient(MoCo):
    def __init__(self, *modules, **options):
        super().__init__(*modules, **options)
        self.key_encoder.requires_grad_(True)

    def loss(self, x1, x2):
        return moco_loss(self, online(self)(x1), self.key_encoder(x2))


@mistake(MoCo, "queries and keys come from one network: the keys are the slow copy's")
class OneNetwork(MoCo):
    def loss(self, x1, x2):
        return moco_loss(self, online(self)(x1), online(self)(x2).detach())


@mistake(MoCo, "query and key are of the same view: no image is hard to find in its own copy")
class SameViewTwice(MoCo):
    def loss(self, x1, x2):
        return super().loss(x1, x1)


@mistake(MoCo, "a batch's keys are in the queue before its loss: the positive is a negative too")
class QueuedBeforeTheLoss(MoCo):
    def loss(self, x1, x2):
        query, key = online(self)(x1), self.key_encoder(x2)
        super().after_step(pictured(z1=query, z2=key))
        return moco_loss(self, query, key)

    def after_step(self, aux):
        pass


@mistake(MoCo, "the vectors are not normalised: MoCo compares cosines")
class LogitsNotNormalised(MoCo):
    def loss(self, x1, x2):
        query, key = online(self)(x1), self.key_encoder(x2)
        logits = logits_not_normalised(query, key, self.queue, temperature=self.temperature)
        return F.cross_entropy(logits, torch.zeros(len(x1)).long()), pictured(z1=query, z2=key)


@mistake(MoCo, "the queries go into the queue: it holds keys")
class QueriesQueued(MoCo):
    def after_step(self, aux):
        super().after_step({"z2": aux["z1"]})


@mistake(MoCo, "decay and 1 - decay are swapped: the key encoder is to move slowly")
class KeyDecaySwapped(MoCo):
    def after_step(self, aux):
        moco_step(self, aux, move=decay_swapped)


@mistake(MoCo, "the key encoder stays as it was: it follows the query encoder")
class KeyEncoderStays(MoCo):
    def after_step(self, aux):
        moco_step(self, aux, move=not_moved)


@mistake(MoCo, "every batch replaces the newest keys: move the pointer on")
class PointerStays(MoCo):
    def after_step(self, aux):
        moco_step(self, aux, enqueue=pointer_stays)


@mistake(MoCo, "the rest of a batch is dropped at the queue's end: it goes on at place 0")
class RestDropped(MoCo):
    def after_step(self, aux):
        moco_step(self, aux, enqueue=cut_off_at_the_end)


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
