"""DINO: a student predicts a slow, centred and sharpened teacher; no negatives, no predictor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mlteach import _validate
from mlteach.losses import dino_loss
from mlteach.selfsup._shared import (
    check_views,
    check_width,
    last_linear,
    left_by_loss,
    pictured,
    project,
    wide,
)
from mlteach.training.moving_average import move_towards, slow_copy


class DINO(nn.Module):
    r"""Self-distillation: the student's softmax meets that of its own moving average.

    .. math:: \ell = \tfrac12 H(P_2, S_1) + \tfrac12 H(P_1, S_2), \quad
              \theta' \leftarrow m\,\theta' + (1 - m)\,\theta, \quad
              c \leftarrow m_c\,c + (1 - m_c)\,\bar t

    The two parts that prevent collapse can be switched off one by one:

    - `centering=False`: the centre stays 0, and one prototype may take every image.
    - `teacher_temperature=student_temperature`: no sharpening, and every prototype may take the
      same share of each image.

    Args:
        encoder: module (B, ...) -> (B, D).
        projector: module (B, D) -> (B, K) whose last linear layer has K outputs, the prototypes.
        student_temperature: > 0, read at every step, as all that follows; see `dino_loss`.
        teacher_temperature: > 0, lower than the student's to sharpen.
        decay: m in [0, 1], how much of itself the teacher keeps; the paper's starts at 0.996 and
            rises to 1 over many more steps.
        center_decay: m_c in [0, 1], how much of itself the centre keeps.
        centering: subtract the centre, the moving average of the teacher's outputs; switched off
            later, the centre keeps its value unused.

    Raises:
        TypeError, ValueError: a network is none, there is no linear layer in projector, a
            temperature <= 0, a decay outside [0, 1], or centering is no bool; by `loss`, the views
            differ in shape, or the networks cannot take them.

    Source: Caron et al. 2021, arXiv:2104.14294, Algorithm 1, with two views instead of many crops,
        and a plain last layer instead of one with normalised weights and inputs.
    """

    center: Tensor  # (K,), 0 at first

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        *,
        student_temperature: float = 0.1,
        teacher_temperature: float = 0.04,
        decay: float = 0.99,
        center_decay: float = 0.9,
        centering: bool = True,
    ):
        super().__init__()
        _validate.modules(encoder=encoder, projector=projector)
        _validate.number("student_temperature", student_temperature, above=0)
        _validate.number("teacher_temperature", teacher_temperature, above=0)
        _validate.number("decay", decay, at_least=0, at_most=1)
        _validate.number("center_decay", center_decay, at_least=0, at_most=1)
        self.centering = _validate.flag("centering", centering)
        self.encoder, self.projector = encoder, projector
        self.student_temperature = student_temperature
        self.teacher_temperature = teacher_temperature
        self.decay, self.center_decay = decay, center_decay
        self.teacher = slow_copy(encoder=encoder, projector=projector).requires_grad_(False)
        weight = last_linear(projector).weight  # the centre takes its width, device and type
        self.register_buffer("center", weight.new_zeros(len(weight), dtype=wide(weight)))

    def encode(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, D), the student's representation, before the projector."""
        return _validate.outputs("encoder", self.encoder, x)

    def loss(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """DINO's loss, the mean of both directions.

        Args:
            x1: (B, ...) view 1; each view passes through the network as a batch of its own.
            x2: (B, ...) view 2 of the same images in the same order.

        Returns:
            (), log K when everything is uniform and 0 when one prototype takes every image; and
            {"z1", "z2", "std"} of the student, see `mlteach.selfsup`, the teacher's outputs "t1",
            "t2", (B, K) on the sphere too, the means over the batch of its outputs as they are,
            "outputs", and of their softmax, "shares", (K,) each, and in nats the mean "entropy" of
            that softmax and "kl", the rest of the loss.
        """
        check_views(x1, x2)
        s1, s2 = (project(self.encoder, self.projector, x) for x in (x1, x2))  # (B, K) each
        check_width("projector", s1, self.center[None])
        with torch.no_grad():
            t1, t2 = self.teacher(x1), self.teacher(x2)  # (B, K) each
        center = self.center * _validate.flag("centering", self.centering)  # off: none
        temperature = self.teacher_temperature
        settings: dict[str, Any] = {"center": center, "teacher_temperature": temperature}
        settings["student_temperature"] = self.student_temperature
        loss = (dino_loss(s1, t2, **settings) + dino_loss(s2, t1, **settings)) / 2
        meters = _meters(torch.cat([t1, t2]), loss, center=center, temperature=temperature)
        return loss, pictured(z1=s1, z2=s2, t1=t1, t2=t2) | meters

    @torch.no_grad()
    def after_step(self, aux: dict[str, Tensor]) -> None:
        """Moves the teacher towards the student, and the centre towards the teacher's outputs."""
        kept = float(_validate.number("center_decay", self.center_decay, at_least=0, at_most=1))
        mean = left_by_loss(aux, "outputs", len(self.center))
        online = nn.Sequential(self.encoder, self.projector)
        move_towards(self.teacher, online, decay=self.decay)
        if _validate.flag("centering", self.centering):
            self.center.lerp_(mean.to(self.center), 1 - kept)


@torch.no_grad()
def _meters(outputs: Tensor, loss: Tensor, *, center: Tensor, temperature: float) -> dict:
    """What the teacher says of both views, (2B, K), before and after its softmax."""
    outputs = outputs.to(loss)
    shares = ((outputs - center) / temperature).softmax(1)
    entropy = torch.special.entr(shares).sum(1).mean()
    means = {"outputs": outputs.mean(0), "shares": shares.mean(0)}
    return means | {"entropy": entropy, "kl": loss.detach() - entropy}
