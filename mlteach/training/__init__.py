"""One visible training loop for every method; it can be watched, steered, stopped and continued."""

from mlteach.training.loop import fit, warmup_cosine
from mlteach.training.run import Run, TrainingDiverged
from mlteach.training.session import generator, pick_device, seed_everything

__all__ = [
    "Run",
    "TrainingDiverged",
    "fit",
    "generator",
    "pick_device",
    "seed_everything",
    "warmup_cosine",
]
