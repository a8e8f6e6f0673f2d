"""SimCLR: find the other view of an image among all views of the batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mlteach import _validate
from mlteach.losses import nt_xent
from mlteach.selfsup._shared import check_views, pictured, project


class SimCLR(nn.Module):
    """SimCLR: both views of an image attract each other, all other views of the batch repel.

    Args:
        encoder: module (B, ...) -> (B, D).
        projector: module (B, D) -> (B, P); the loss compares its outputs, the representation is its
            input.
        temperature: > 0, read at every step; see `nt_xent`.

    Raises:
        TypeError, ValueError: encoder or projector is no network, or temperature <= 0; by `loss`,
            the views differ in shape, or the networks cannot take them.

    Source: Chen et al. 2020, arXiv:2002.05709, Algorithm 1. As there, both views pass through the
        network as one batch of 2B, so that BatchNorm normalises them together.
    """

    def __init__(self, encoder: nn.Module, projector: nn.Module, *, temperature: float = 0.2):
        super().__init__()
        _validate.modules(encoder=encoder, projector=projector)
        _validate.number("temperature", temperature, above=0)
        self.encoder, self.projector = encoder, projector
        self.temperature = temperature

    def encode(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, D), the representation: what comes before the projector."""
        return _validate.outputs("encoder", self.encoder, x)

    def loss(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """NT-Xent of the views.

        Args:
            x1: (B >= 2, ...) view 1.
            x2: (B, ...) view 2 of the same images in the same order.

        Returns:
            (), log(2B - 1) for a collapsed network; and {"z1", "z2", "std"}, see `mlteach.selfsup`.
        """
        check_views(x1, x2, at_least=2)
        z1, z2 = project(self.encoder, self.projector, torch.cat([x1, x2])).chunk(2)  # (B, P) each
        return nt_xent(z1, z2, temperature=self.temperature), pictured(z1=z1, z2=z2)

    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Nothing to move: no target network, no queue."""
