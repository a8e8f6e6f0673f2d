"""Recipes: how each method is trained so that it works, and how its representation is scored.

Chapters, tests and benchmarks train with the same recipe. `selfsup`, `pretext`, `sequences`,
`pairs` and `meta` hold one a method, with the floors that it reaches on seeds 0, 1 and 2; what they
share, and what chapters need again after they have shown it once, is exported here. Importing this
makes no data and trains nothing. `learned_temperature`, `meta_selfsup_table`,
`one_shot`, `together_table` and `unlabelled` compute tables of `mlteach.results`.
"""

from mlteach.recipes import (
    learned_temperature,
    meta,
    meta_selfsup,
    pairs,
    pretext,
    selfsup,
    sequences,
)
from mlteach.recipes.batches import labelled_batches, pretext_batches, two_views
from mlteach.recipes.scores import factor_classes, knn_score, probe_score, probe_scores
from mlteach.recipes.selfsup import TwoViews

__all__ = [
    "TwoViews",
    "factor_classes",
    "knn_score",
    "labelled_batches",
    "learned_temperature",
    "meta",
    "meta_selfsup",
    "pretext",
    "pretext_batches",
    "pairs",
    "probe_score",
    "probe_scores",
    "selfsup",
    "sequences",
    "two_views",
]
