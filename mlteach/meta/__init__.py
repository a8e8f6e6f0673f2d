"""Learning to learn: what is trained is a network that needs only a few examples of a new task.

An initialisation from which a few gradient steps suffice (MAML, first-order MAML, ANIL, Reptile,
learned inner learning rates), or a space in which the mean of a class's examples is enough
(prototypes).
"""

from mlteach.meta.maml import Params, adapt, adapted_predictions, maml_loss, reptile_step
from mlteach.meta.prototypical_loss import prototypical_loss

__all__ = [
    "Params",
    "adapt",
    "adapted_predictions",
    "maml_loss",
    "prototypical_loss",
    "reptile_step",
]
