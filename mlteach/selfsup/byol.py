"""BYOL: predict what a slow copy of the network says of the other view; no negatives."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mlteach import _validate
from mlteach.losses import byol_loss
from mlteach.losses._shared import matching_rows, unit
from mlteach.selfsup._shared import check_views, pictured, predicted, project
from mlteach.training.moving_average import move_towards, slow_copy


class BYOL(nn.Module):
    r"""Bootstrap your own latent: from one view predict the target's projection of the other.

    .. math:: \ell = (2 - 2 \cos(p_1, z'_2)) + (2 - 2 \cos(p_2, z'_1)), \quad
              \theta' \leftarrow m\,\theta' + (1 - m)\,\theta

    The target network is the moving average of encoder and projector. With a switch off the method
    is another one:

    - `predictor=None`: the online projection itself has to meet the target, p = z.
    - `stop_gradient=False`: the gradient trains the target too (and the average still moves it,
      where there is one).
    - `target_average=False`: the target is the online network itself; with predictor and
      stop-gradient, SimSiam.

    Args:
        encoder: module (B, ...) -> (B, D).
        projector: module (B, D) -> (B, P).
        predictor: module (B, P) -> (B, P), on the online side only; None for no predictor.
        decay: m in [0, 1], read at every step; the paper's starts at 0.996 and rises to 1 over many
            more steps.
        stop_gradient: treat the target's projections as constants.
        target_average: keep a target network of its own.

    Raises:
        TypeError, ValueError: a network is none, a switch is no bool, or decay is no number in
            [0, 1]; by `loss`, the views differ in shape, or the networks do not fit them or each
            other.

    Source: Grill et al. 2020, arXiv:2006.07733, Section 3.1; SimSiam: Chen and He 2021,
        arXiv:2011.10566, where the loss is a quarter of this one, less 1.
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        predictor: nn.Module | None,
        *,
        decay: float = 0.99,
        stop_gradient: bool = True,
        target_average: bool = True,
    ):
        super().__init__()
        _validate.modules(encoder=encoder, projector=projector)
        if predictor is not None:
            _validate.modules(predictor=predictor)
        stop_gradient = _validate.flag("stop_gradient", stop_gradient)
        target_average = _validate.flag("target_average", target_average)
        _validate.number("decay", decay, at_least=0, at_most=1)
        self.encoder, self.projector = encoder, projector
        self.predictor = predictor
        self.decay, self.stop_gradient = decay, stop_gradient
        self.target = (
            slow_copy(encoder=encoder, projector=projector).requires_grad_(not stop_gradient)
            if target_average
            else None
        )

    def encode(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, D), the online network's representation, before the projector."""
        return _validate.outputs("encoder", self.encoder, x)

    def loss(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """BYOL's loss in both directions.

        Args:
            x1: (B, ...) view 1; each view passes through the network as a batch of its own.
            x2: (B, ...) view 2 of the same images in the same order.

        Returns:
            () in [0, 8], 0 for a collapsed network; and {"z1", "z2", "std"} of the online network,
            see `mlteach.selfsup`, with the predictions "p1", "p2" and the targets "t1", "t2", (B,
            P) on the sphere too.
        """
        check_views(x1, x2)
        z1, z2 = (project(self.encoder, self.projector, x) for x in (x1, x2))  # (B, P) each
        p1, p2 = predicted(self.predictor, z1), predicted(self.predictor, z2)
        t1, t2 = self._aim(x1, z1), self._aim(x2, z2)
        loss = self._distance(p1, t2) + self._distance(p2, t1)
        return loss, pictured(z1=z1, z2=z2, p1=p1, p2=p2, t1=t1, t2=t2)

    @torch.no_grad()
    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Moves the target network towards the online network."""
        if self.target is not None:
            move_towards(self.target, nn.Sequential(self.encoder, self.projector), decay=self.decay)

    def _aim(self, x: Tensor, z: Tensor) -> Tensor:
        """The target network's projections of x; where there is none, z of the online network."""
        if self.target is None:
            return z
        # without a gradient to come, nothing is kept for one
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.stop_gradient):
            return self.target(x)

    def _distance(self, prediction: Tensor, target: Tensor) -> Tensor:
        """`byol_loss`, or its value with a gradient to both sides."""
        if self.stop_gradient:
            return byol_loss(prediction, target)
        prediction, target = matching_rows(prediction=prediction, target=target)
        return 2 - 2 * (unit(prediction) * unit(target)).sum(1).mean()
