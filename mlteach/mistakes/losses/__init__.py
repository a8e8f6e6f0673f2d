"""Mistakes in the losses."""

from mlteach.mistakes.losses import (
    clip,
    distillation,
    hypersphere,
    info_nce,
    noncontrastive,
    nt_xent,
    pairs,
    siglip,
    softmax,
    supervised,
)

__all__ = [
    "clip",
    "distillation",
    "hypersphere",
    "info_nce",
    "noncontrastive",
    "nt_xent",
    "pairs",
    "siglip",
    "softmax",
    "supervised",
]
