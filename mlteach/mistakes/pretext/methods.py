"""Mistakes in methods that fill in what is hidden; tests show that they are caught."""

from __future__ import annotations

import torch

from mlteach.mistakes._registry import mistake
from mlteach.pretext import MaskedLatents, MaskedReconstruction, hide
from mlteach.pretext.masked import hidden_cells
from mlteach.pretext.patches import pixels_of


def squared_errors(method, images, seen):
    """(B, C, H, W): of what the networks paint when they see this."""
    return (method.decoder(method.encoder(seen)) - images).square()


def answered(method, images, mask, *, online=None, target=None, standardised=True):
    """MaskedLatents' loss, with what either network sees; and its meter."""
    z = method.target(images if target is None else target)
    if standardised:
        z = (z - z.mean(1, keepdim=True)) / (z.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    seen = hide(images, mask) if online is None else online
    p = method.predictor(method.encoder(seen))
    hidden = hidden_cells(images, mask, p.shape[2:])[:, None].expand_as(p)
    return (p - z)[hidden].square().mean(), {"std": z.detach().std()}


# --- masked pixels -------------------------------------------------------------------------------


@mistake(MaskedReconstruction)
class SeesWhatIsHidden(MaskedReconstruction):
    def loss(self, images, mask):
        hidden = pixels_of(images, mask).expand_as(images)
        return squared_errors(self, images, images)[hidden].mean(), {}


@mistake(MaskedReconstruction)
class CountsTheVisible(MaskedReconstruction):
    def loss(self, images, mask):
        return squared_errors(self, images, hide(images, mask)).mean(), {}


@mistake(MaskedReconstruction)
class CountsTheVisibleOnly(MaskedReconstruction):
    def loss(self, images, mask):
        visible = ~pixels_of(images, mask).expand_as(images)
        return squared_errors(self, images, hide(images, mask))[visible].mean(), {}


@mistake(MaskedReconstruction)
class HidesTheVisible(MaskedReconstruction):
    def loss(self, images, mask):
        hidden = pixels_of(images, mask).expand_as(images)
        return squared_errors(self, images, hide(images, ~mask))[hidden].mean(), {}


@mistake(MaskedReconstruction)
class ComparesWithTheMaskedImage(MaskedReconstruction):
    def loss(self, images, mask):
        seen = hide(images, mask)
        hidden = pixels_of(images, mask).expand_as(images)
        return squared_errors(self, seen, seen)[hidden].mean(), {}


# --- masked latents ------------------------------------------------------------------------------


@mistake(MaskedLatents)
class TargetSeesTheMaskedImage(MaskedLatents):
    def loss(self, images, mask):
        return answered(self, images, mask, target=hide(images, mask))


@mistake(MaskedLatents)
class OnlineSeesAll(MaskedLatents):
    def loss(self, images, mask):
        return answered(self, images, mask, online=images)


@mistake(MaskedLatents)
class TargetsNotStandardised(MaskedLatents):
    def loss(self, images, mask):
        return answered(self, images, mask, standardised=False)


@mistake(MaskedLatents)
class VisibleCellsCompared(MaskedLatents):
    def loss(self, images, mask):
        return answered(self, images, ~mask, online=hide(images, mask))


@mistake(MaskedLatents)
class GradientIntoTheTarget(MaskedLatents):
    """The encoder is its own target, and both are pulled: a constant is the easiest answer."""

    def loss(self, images, mask):
        self.target = self.encoder
        return answered(self, images, mask)


@mistake(MaskedLatents)
class TargetMovesInLoss(MaskedLatents):
    def loss(self, images, mask):
        found = answered(self, images, mask)
        super().after_step(found[1])
        return found


@mistake(MaskedLatents)
class TargetNeverMoves(MaskedLatents):
    def after_step(self, aux):
        pass


@mistake(MaskedLatents)
class DecayTheOtherWay(MaskedLatents):
    @torch.no_grad()
    def after_step(self, aux):
        for slow, fast in zip(self.target.parameters(), self.encoder.parameters(), strict=True):
            slow.lerp_(fast, self.decay)
