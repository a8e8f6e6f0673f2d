"""Exercise checks that diagnose: each runs what a learner wrote and names the mistake. None of them ever raises."""

from mlteach.checks.contrastive_loss import info_nce, log_sum_exp, nt_xent, pulls, smallest_batch, uniformity
from mlteach.checks.metric_learning import regions, semi_hard, siamese_loss, triplet_loss
from mlteach.checks.nearest_neighbours import cells_to_probe, chance_to_meet, hash_codes, recall
from mlteach.checks.seeing_embeddings import (
    conditional_affinities,
    justified_statement,
    perplexity,
    spring_forces,
    student_t,
)
from mlteach.checks.similarity import correlation, nearest, parting_length, squared_distances
from mlteach.checks.verdict import Case, Verdict, judge
from mlteach.checks.welcome import cosine

__all__ = [
    "Case",
    "Verdict",
    "cells_to_probe",
    "chance_to_meet",
    "conditional_affinities",
    "correlation",
    "cosine",
    "hash_codes",
    "info_nce",
    "judge",
    "justified_statement",
    "log_sum_exp",
    "nearest",
    "nt_xent",
    "parting_length",
    "perplexity",
    "pulls",
    "recall",
    "regions",
    "semi_hard",
    "siamese_loss",
    "smallest_batch",
    "spring_forces",
    "squared_distances",
    "student_t",
    "triplet_loss",
    "uniformity",
]
