"""Mistakes in self-supervised methods, and in the parts of them that exercises ask for."""

from mlteach.mistakes.selfsup import clip, cpc, dino, moving_average, simclr
from mlteach.mistakes.selfsup.byol import byol_step, outputs
from mlteach.mistakes.selfsup.moco import moco_loss, moco_step
from mlteach.mistakes.selfsup.moco_parts import enqueue, moco_logits

__all__ = [
    "byol_step",
    "cpc",
    "clip",
    "dino",
    "enqueue",
    "moco_logits",
    "moco_loss",
    "moco_step",
    "moving_average",
    "outputs",
    "simclr",
]
