"""Self-supervised methods: most learn from two random views of every image, without labels.

Every method has `encode(x) -> (B, D)`, `loss(x1, x2) -> (loss, aux)` and `after_step(aux)`, and is
trained by `mlteach.training.fit`. `loss` computes and moves no target network and no queue;
`after_step` does. All state is in parameters and buffers. Hyperparameters are plain attributes that
are read at every step: change one while the method trains, and the next step uses it.

`aux` is a dictionary for figures, free of gradients: "z1" and "z2", the (B, P) projections of both
views on the unit sphere, and "std", the () mean of their standard deviations along the P axes:
about 1 / sqrt(P) where the projections fill the sphere evenly, 0 where they collapse to one point.

`CPC` and `NextFrame` learn from time instead: `loss(x) -> (loss, aux)` takes sequences, and `aux`
holds the loss, and CPC's accuracy, for each step ahead.
"""

from mlteach.selfsup.barlow_twins import BarlowTwins
from mlteach.selfsup.byol import BYOL
from mlteach.selfsup.clip import CLIP
from mlteach.selfsup.cpc import CPC, NextFrame
from mlteach.selfsup.dino import DINO
from mlteach.selfsup.lejepa import LeJEPA
from mlteach.selfsup.moco import MoCo
from mlteach.selfsup.simclr import SimCLR
from mlteach.selfsup.vicreg import VICReg

__all__ = [
    "BYOL",
    "CLIP",
    "CPC",
    "DINO",
    "BarlowTwins",
    "LeJEPA",
    "MoCo",
    "NextFrame",
    "SimCLR",
    "VICReg",
]
