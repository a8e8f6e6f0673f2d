"""Mistakes in the losses."""

from mlteach.mistakes.losses import (
    contrastive,
    distillation,
    hypersphere,
    noncontrastive,
    nt_xent,
    pairs,
    siglip,
    softmax,
    supervised,
)

__all__ = [
    "contrastive",
    "distillation",
    "hypersphere",
    "noncontrastive",
    "nt_xent",
    "pairs",
    "siglip",
    "softmax",
    "supervised",
]
