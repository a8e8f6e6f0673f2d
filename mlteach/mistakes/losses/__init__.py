"""Mistakes in the losses."""

from mlteach.mistakes.losses import (
    contrastive,
    hypersphere,
    noncontrastive,
    nt_xent,
    pairs,
    softmax,
    supervised,
)

__all__ = [
    "contrastive",
    "hypersphere",
    "noncontrastive",
    "nt_xent",
    "pairs",
    "softmax",
    "supervised",
]
