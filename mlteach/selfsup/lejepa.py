"""LeJEPA: views agree, and along every direction the projections are spread as by a normal."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.losses import sigreg
from mlteach.selfsup._shared import check_views, pictured, project, wide


class LeJEPA(nn.Module):
    """LeJEPA: a test of normality of the projections forbids collapse, in one term.

    Args:
        encoder: module (B, ...) -> (B, D).
        projector: module (B, D) -> (B, P).
        weight: 0 to 1, the paper's lambda: the share of `sigreg` in the loss; read at every step.
        slices: >= 1, random directions of a step.

    Raises:
        TypeError, ValueError: encoder or projector is no network, weight outside 0 to 1, or
            slices < 1; by `loss`, the views differ in shape, or the networks cannot take them.

    Source: Balestriero and LeCun 2025, arXiv:2511.08544, Section 5, for two views.
    """

    step: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        *,
        weight: float = 0.05,
        slices: int = 256,
    ):
        super().__init__()
        _validate.modules(encoder=encoder, projector=projector)
        _validate.number("weight", weight, at_least=0, at_most=1)
        self.encoder, self.projector, self.weight = encoder, projector, weight
        self.slices = _validate.count("slices", slices)
        self.register_buffer("step", torch.tensor(0))  # seeds the directions

    def encode(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, D), the representation: what comes before the projector."""
        return _validate.outputs("encoder", self.encoder, x)

    def loss(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared distance of each view to the mean of both, and `sigreg` of each view.

        Args:
            x1: (B >= 2, ...) view 1; each view passes through the network as a batch of its own.
            x2: (B, ...) view 2 of the same images in the same order.

        Returns:
            (), about 0.409 B * weight for a network collapsed to 0; and {"z1", "z2", "std"}, see
            `mlteach.selfsup`.
        """
        check_views(x1, x2, at_least=2)
        weight = _validate.number("weight", self.weight, at_least=0, at_most=1)
        z1, z2 = (project(self.encoder, self.projector, x) for x in (x1, x2))  # (B, P) each
        agreement = ((z1.to(wide(z1)) - z2.to(wide(z2))) / 2).square().mean()
        tests = [sigreg(z, slices=self.slices, generator=self._generator()) for z in (z1, z2)]
        loss = (1 - weight) * agreement + weight * (tests[0] + tests[1]) / 2
        return loss, pictured(z1=z1, z2=z2)

    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Other directions at the next step."""
        self.step += 1

    def _generator(self) -> Generator:
        """The same at both views of a step, and after a run is resumed."""
        return Generator().manual_seed(int(self.step))
