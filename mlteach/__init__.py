"""mlteach: verified code behind a book on self-supervised learning and meta-learning.

The losses are exported here; everything else is imported from its module, such as ``from mlteach
import views``.
"""

from mlteach import _torchvision
from mlteach.losses import (
    alignment,
    barlow_twins,
    byol_loss,
    clip_loss,
    contrastive_loss,
    info_nce,
    nt_xent,
    siglip_loss,
    supervised_contrastive,
    triplet_loss,
    uniformity,
    vicreg,
)

__version__ = "0.1.0"

__all__ = [
    "alignment",
    "barlow_twins",
    "byol_loss",
    "clip_loss",
    "contrastive_loss",
    "info_nce",
    "nt_xent",
    "siglip_loss",
    "supervised_contrastive",
    "triplet_loss",
    "uniformity",
    "vicreg",
]

_torchvision.repair()
