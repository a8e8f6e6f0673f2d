"""Pretext tasks: an image sets itself a question whose answer is known, without labels.

A function makes the question from images and a generator: `rotate`, `relative_position`, `jigsaw`,
`random_mask`, `block_mask`. A method learns by answering it: it has `encode(x) -> (B, D)`,
`loss(question, ..., answer) -> (loss, aux)` and `after_step(aux)`, and is trained by
`mlteach.training.fit` with a draw that calls the function, see `mlteach.recipes.pretext_batches`.
`aux` is a dictionary for figures, free of gradients.
"""

from mlteach.pretext.masked import MaskedLatents, MaskedReconstruction
from mlteach.pretext.patches import block_mask, hide, patchify, random_mask, unpatchify
from mlteach.pretext.position import RelativePosition, relative_position
from mlteach.pretext.rotation import Rotation, all_rotations, rotate
from mlteach.pretext.tiles import Jigsaw, jigsaw, permutation_set

__all__ = [
    "Jigsaw",
    "MaskedLatents",
    "MaskedReconstruction",
    "RelativePosition",
    "Rotation",
    "all_rotations",
    "block_mask",
    "hide",
    "jigsaw",
    "patchify",
    "permutation_set",
    "random_mask",
    "relative_position",
    "rotate",
    "unpatchify",
]
