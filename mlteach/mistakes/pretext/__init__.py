"""Mistakes in pretext tasks and their methods, and in the parts that exercises ask for."""

from mlteach.mistakes.pretext import masks, methods, tasks
from mlteach.mistakes.pretext.exercises import masked_loss, position_label, put_back
from mlteach.mistakes.pretext.masks import number_hidden, random_mask

__all__ = [
    "masked_loss",
    "masks",
    "methods",
    "number_hidden",
    "position_label",
    "put_back",
    "random_mask",
    "tasks",
]
