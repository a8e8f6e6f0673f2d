"""Exercise checks that diagnose: each runs what a learner wrote and names the mistake. None of them ever raises."""

from mlteach.checks.contrastive_loss import info_nce, log_sum_exp, nt_xent, pulls, smallest_batch, uniformity
from mlteach.checks.verdict import Case, Verdict, judge
from mlteach.checks.welcome import cosine

__all__ = [
    "Case",
    "Verdict",
    "cosine",
    "info_nce",
    "judge",
    "log_sum_exp",
    "nt_xent",
    "pulls",
    "smallest_batch",
    "uniformity",
]
