"""Mistakes in meta-learning: inner steps, outer losses, prototypes."""

from mlteach.mistakes.meta import reptile
from mlteach.mistakes.meta.linear import linear_maml, linear_reptile
from mlteach.mistakes.meta.maml import OVERWRITES, inner_step, outer_gradient
from mlteach.mistakes.meta.prototypical import linear_layer, prototype_loss, prototypes
from mlteach.mistakes.meta.selfsup import hypergradient, meta_gradient

__all__ = [
    "OVERWRITES",
    "hypergradient",
    "inner_step",
    "linear_layer",
    "linear_maml",
    "linear_reptile",
    "meta_gradient",
    "outer_gradient",
    "prototype_loss",
    "prototypes",
    "reptile",
]
