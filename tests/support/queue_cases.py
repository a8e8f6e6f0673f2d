"""A short training of MoCo with its record, for the record's tests and its explorer's."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import torch

from mlteach.networks import conv_encoder, projection_head
from mlteach.selfsup import MoCo
from mlteach.selfsup.queue_record import QueueRecord
from mlteach.training import fit

N_KEYS, BATCH = 12, 4
STEPS = 7
DECAYS = [0.0, 0.5, 0.99]


def draw(generator):
    x = torch.rand(BATCH, 1, 8, 8, generator=generator)
    return x, 1 - x


def recorded(decay, *, steps=STEPS, n_keys=N_KEYS):
    """A short training with its record, and in plain lists what the record should have seen."""
    torch.manual_seed(0)
    encoder = conv_encoder(1, widths=(4,), out_features=6)
    method = MoCo(encoder, projection_head(6, hidden=8, out_features=5), n_keys=n_keys, decay=decay)
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    record, seen = QueueRecord(method, images), []
    before = copy.deepcopy(method)

    def both(step, loss, aux):
        nonlocal before
        record(step, loss, aux)
        seen.append((before, loss, aux))
        before = copy.deepcopy(method)

    fit(method, draw, steps=steps, callback=both, progress=False)
    return SimpleNamespace(record=record, seen=seen, images=images)
