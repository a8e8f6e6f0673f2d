"""Barlow Twins: every coordinate agrees between the views and tells something of its own."""

from __future__ import annotations

from torch import Tensor, nn

from mlteach import _validate
from mlteach.losses import barlow_twins
from mlteach.selfsup._shared import check_views, pictured, project


class BarlowTwins(nn.Module):
    """The cross-correlation of the two views' coordinates becomes the identity matrix.

    Args:
        encoder: module (B, ...) -> (B, D).
        projector: module (B, D) -> (B, P).
        redundancy_weight: >= 0, read at every step; see `barlow_twins`.

    Raises:
        TypeError, ValueError: encoder or projector is no network, or a weight < 0; by `loss`, the
            views differ in shape, or the networks cannot take them.

    Source: Zbontar et al. 2021, arXiv:2103.03230, Algorithm 1.
    """

    def __init__(
        self, encoder: nn.Module, projector: nn.Module, *, redundancy_weight: float = 5e-3
    ):
        super().__init__()
        _validate.modules(encoder=encoder, projector=projector)
        _validate.number("redundancy_weight", redundancy_weight, at_least=0)
        self.encoder, self.projector = encoder, projector
        self.redundancy_weight = redundancy_weight

    def encode(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, D), the representation: what comes before the projector."""
        return _validate.outputs("encoder", self.encoder, x)

    def loss(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Barlow Twins' loss of the views.

        Args:
            x1: (B >= 2, ...) view 1; each view passes through the network as a batch of its own.
            x2: (B, ...) view 2 of the same images in the same order.

        Returns:
            (), P for a collapsed network; and {"z1", "z2", "std"}, see `mlteach.selfsup`.
        """
        check_views(x1, x2, at_least=2)
        z1, z2 = (project(self.encoder, self.projector, x) for x in (x1, x2))  # (B, P) each
        loss = barlow_twins(z1, z2, redundancy_weight=self.redundancy_weight)
        return loss, pictured(z1=z1, z2=z2)

    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Nothing to move: no target network, no queue."""
