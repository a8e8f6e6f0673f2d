"""Mistakes in MoCo."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from mlteach.losses import info_nce
from mlteach.mistakes._registry import mistake
from mlteach.mistakes.selfsup.moco_parts import (
    cut_off_at_the_end,
    enqueue,
    logits_not_normalised,
    pointer_stays,
)
from mlteach.mistakes.selfsup.moving_average import decay_swapped, not_moved
from mlteach.mistakes.selfsup.simclr import online
from mlteach.selfsup import MoCo
from mlteach.selfsup._shared import pictured
from mlteach.training.moving_average import move_towards


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
