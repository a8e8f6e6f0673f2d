"""Wrong implementations, each written down once: the right function with one mistake of people.

An entry serves three readers: the tests show that the properties of the right function catch it,
the exercise checks name it to the learner, and the bug clinic shows its symptom. One file or folder
for each module of the package; `losses/` has one file a loss or family of losses. Where an exercise
asks for a function that the package does not have, its right definition stands in the same file.
"""

from mlteach.mistakes import (
    episodes,
    evaluate,
    losses,
    maps,
    meta,
    metric,
    neighbours,
    pretext,
    selfsup,
    similarity,
    together,
    views,
    zero_shot,
)
from mlteach.mistakes._registry import Mistake, mistake, mistakes_in

__all__ = [
    "Mistake",
    "episodes",
    "evaluate",
    "losses",
    "maps",
    "meta",
    "metric",
    "mistake",
    "mistakes_in",
    "neighbours",
    "pretext",
    "selfsup",
    "similarity",
    "together",
    "views",
    "zero_shot",
]
