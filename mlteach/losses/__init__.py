"""The loss mathematics: pure functions, tensors in, one differentiable number out.

Every loss is a mean over the batch, and in nats where it is a cross-entropy. Half-precision inputs
are computed, and the loss is returned, in float32, also under autocast; gradients come back in the
precision of the inputs. Wherever a loss compares directions it normalises its inputs itself; a zero
vector has no direction, so its cosine counts as 0 and it receives no gradient. `sigreg`, a test of
the whole batch, grows with its size.
"""

from mlteach.losses.contrastive import (
    clip_loss,
    info_nce,
    nt_xent,
    siglip_loss,
    supervised_contrastive,
)
from mlteach.losses.distillation import dino_loss
from mlteach.losses.hypersphere import alignment, uniformity
from mlteach.losses.noncontrastive import barlow_twins, byol_loss, sigreg, vicreg
from mlteach.losses.pairs import contrastive_loss, triplet_loss

__all__ = [
    "alignment",
    "barlow_twins",
    "byol_loss",
    "clip_loss",
    "contrastive_loss",
    "dino_loss",
    "info_nce",
    "nt_xent",
    "siglip_loss",
    "sigreg",
    "supervised_contrastive",
    "triplet_loss",
    "uniformity",
    "vicreg",
]
