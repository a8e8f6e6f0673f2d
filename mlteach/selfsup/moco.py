"""MoCo: many negatives at the price of a small batch, from a queue of earlier keys."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach import _validate
from mlteach.losses import info_nce
from mlteach.selfsup._shared import (
    check_size,
    check_views,
    check_width,
    keys_of,
    last_linear,
    pictured,
    project,
    wide,
)
from mlteach.training.moving_average import move_towards, slow_copy


class MoCo(nn.Module):
    r"""Momentum contrast: a query finds its key among those a slow copy has encoded of late.

    .. math:: \theta_k \leftarrow m\,\theta_k + (1 - m)\,\theta_q

    The queue starts with random unit vectors, as in the authors' code, which n_keys / B steps
    replace; their `age` is -1, that of the keys of the last step 0. A batch that does not divide
    n_keys goes on at the queue's start.

    There is no shuffling here. The paper shuffles a batch over several GPUs because each takes
    BatchNorm's mean and variance of its own part; over one whole batch these are the same in any
    order, so shuffling would change nothing.

    Args:
        encoder: module (B, ...) -> (B, D); the key encoder starts as a copy of encoder and
            projector.
        projector: module (B, D) -> (B, P) whose last linear layer has P outputs.
        n_keys: keys in the queue, at least a batch.
        decay: m in [0, 1], read at every step: how much of itself the key encoder keeps; the
            paper's is 0.999, for a thousand times as many steps as here.
        temperature: > 0, read at every step; see `info_nce`.

    Raises:
        TypeError, ValueError: encoder or projector is no network, there is no linear layer in
            projector, n_keys is no whole number >= 1, decay none in [0, 1], or temperature <= 0; by
            `loss`, the views differ in shape, the networks cannot take them, or B > n_keys.

    Source: He et al. 2020, arXiv:1911.05722, Algorithm 1, with the projector of Chen et al. 2020,
        arXiv:2003.04297.
    """

    queue: Tensor  # (K, P), on the sphere
    age: Tensor  # (K,) steps since the key came in
    pointer: Tensor  # () where the next key goes: onto the oldest one

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        *,
        n_keys: int = 2048,
        decay: float = 0.98,
        temperature: float = 0.2,
    ):
        super().__init__()
        _validate.modules(encoder=encoder, projector=projector)
        n_keys = _validate.count("n_keys", n_keys)
        _validate.number("decay", decay, at_least=0, at_most=1)
        _validate.number("temperature", temperature, above=0)
        self.encoder, self.projector = encoder, projector
        self.decay, self.temperature = decay, temperature
        self.key_encoder = slow_copy(encoder=encoder, projector=projector).requires_grad_(False)
        last = last_linear(projector)  # the queue takes its width, device and type
        weight = last.weight
        queue = torch.randn(n_keys, last.out_features, device=weight.device).to(wide(weight))
        self.register_buffer("queue", F.normalize(queue))
        self.register_buffer("age", torch.full((n_keys,), -1, device=weight.device))
        self.register_buffer("pointer", torch.tensor(0, device=weight.device))

    def encode(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, D), the query encoder's representation, before the projector."""
        return _validate.outputs("encoder", self.encoder, x)

    def loss(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """InfoNCE of the queries x1 and their keys x2, against the keys of the steps before.

        Args:
            x1: (B <= n_keys, ...) view 1, the queries.
            x2: (B, ...) view 2 of the same images in the same order, the keys.

        Returns:
            (), log(1 + K) for a collapsed network; and {"z1": queries, "z2": keys, "std"}, see
            `mlteach.selfsup`.
        """
        check_views(x1, x2)
        check_size("x1", x1, self.queue)
        query = project(self.encoder, self.projector, x1)  # (B, P)
        check_width("projector", query, self.queue)
        with torch.no_grad():
            key = self.key_encoder(x2)  # (B, P)
        loss = info_nce(query, key, self.queue, temperature=self.temperature)
        return loss, pictured(z1=query, z2=key)

    @torch.no_grad()
    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Moves the key encoder towards the query encoder; this step's keys replace the oldest."""
        keys = keys_of(aux, self.queue)  # (B, P)
        online = nn.Sequential(self.encoder, self.projector)
        move_towards(self.key_encoder, online, decay=self.decay)
        places = (self.pointer + torch.arange(len(keys), device=keys.device)) % len(self.queue)
        self.age += self.age >= 0
        self.queue[places], self.age[places] = keys, 0
        self.pointer.add_(len(keys)).remainder_(len(self.queue))
