"""VICReg: views agree, every coordinate keeps varying, no two coordinates vary together."""

from __future__ import annotations

from torch import Tensor, nn

from mlteach import _validate
from mlteach.losses import vicreg
from mlteach.selfsup._shared import check_views, pictured, project


class VICReg(nn.Module):
    """VICReg: terms on variance and covariance of the projections forbid collapse directly.

    Args:
        encoder: module (B, ...) -> (B, D).
        projector: module (B, D) -> (B, P).
        invariance, variance, covariance: >= 0, read at every step; see `vicreg`.

    Raises:
        TypeError, ValueError: encoder or projector is no network, or a weight < 0; by `loss`, the
            views differ in shape, or the networks cannot take them.

    Source: Bardes et al. 2022, arXiv:2105.04906, Section 4.
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        *,
        invariance: float = 25,
        variance: float = 25,
        covariance: float = 1,
    ):
        super().__init__()
        _validate.modules(encoder=encoder, projector=projector)
        _validate.number("invariance", invariance, at_least=0)
        _validate.number("variance", variance, at_least=0)
        _validate.number("covariance", covariance, at_least=0)
        self.encoder, self.projector = encoder, projector
        self.invariance, self.variance = invariance, variance
        self.covariance = covariance

    def encode(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, D), the representation: what comes before the projector."""
        return _validate.outputs("encoder", self.encoder, x)

    def loss(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """VICReg's loss of the views.

        Args:
            x1: (B >= 2, ...) view 1; each view passes through the network as a batch of its own.
            x2: (B, ...) view 2 of the same images in the same order.

        Returns:
            (), 0.99 * variance for a collapsed network; and {"z1", "z2", "std"}, see
            `mlteach.selfsup`.
        """
        check_views(x1, x2, at_least=2)
        z1, z2 = (project(self.encoder, self.projector, x) for x in (x1, x2))  # (B, P) each
        weights = {
            "invariance": self.invariance,
            "variance": self.variance,
            "covariance": self.covariance,
        }
        return vicreg(z1, z2, **weights), pictured(z1=z1, z2=z2)

    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Nothing to move: no target network, no queue."""
