"""Exercise checks that diagnose: each runs what a learner wrote and names the mistake. None of them ever raises."""

from mlteach.checks.contrastive_loss import info_nce, log_sum_exp, nt_xent, pulls, smallest_batch, uniformity
from mlteach.checks.metric_learning import regions, semi_hard, siamese_loss, triplet_loss
from mlteach.checks.similarity import correlation, nearest, parting_length, squared_distances
from mlteach.checks.verdict import Case, Verdict, judge
from mlteach.checks.welcome import cosine

__all__ = [
    "Case",
    "Verdict",
    "correlation",
    "cosine",
    "info_nce",
    "judge",
    "log_sum_exp",
    "nearest",
    "nt_xent",
    "parting_length",
    "pulls",
    "regions",
    "semi_hard",
    "siamese_loss",
    "smallest_batch",
    "squared_distances",
    "triplet_loss",
    "uniformity",
]
