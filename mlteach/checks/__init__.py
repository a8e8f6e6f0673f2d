"""Exercise checks that diagnose: they run what a learner wrote, name the mistake, never raise."""

from mlteach.checks._core import Case, Verdict, judge
from mlteach.checks.ch00_welcome import cosine
from mlteach.checks.ch01_similarity import correlation, nearest, parting_length, squared_distances
from mlteach.checks.ch02_seeing_embeddings import (
    conditional_affinities,
    justified_statement,
    perplexity,
    spring_forces,
    student_t,
)
from mlteach.checks.ch03_metric_learning import regions, semi_hard, siamese_loss, triplet_loss
from mlteach.checks.ch04_nearest_neighbours import (
    cells_to_probe,
    chance_to_meet,
    hash_codes,
    recall,
)
from mlteach.checks.ch05_contrastive_loss import (
    info_nce,
    log_sum_exp,
    nt_xent,
    pulls,
    smallest_batch,
    uniformity,
)
from mlteach.checks.ch06_views import (
    colour_views,
    kept_share,
    label_changing_views,
    mixup_labels,
    saturation_jitter,
)
from mlteach.checks.ch07_pretext_tasks import (
    chance_levels,
    masked_loss,
    position_label,
    put_back,
    random_mask,
    seen_patches,
    shortcuts,
)
from mlteach.checks.ch08_cpc import (
    causal_mean,
    cpc_loss,
    cpc_scores,
    future_pairs,
    information_bound,
)
from mlteach.checks.ch09_simclr import false_negatives, representation, simclr_loss
from mlteach.checks.ch10_moco import enqueue, key_lives, lowest_loss, moco_logits
from mlteach.checks.ch11_byol import byol_step, effective_rank, half_lives, target_update
from mlteach.checks.ch12_evaluation import half_width, leaking, standardise, weighted_votes
from mlteach.checks.ch13_beyond_images import (
    chance_of_retrieval,
    clip_at_start,
    clip_loss,
    recall_at_k,
    siglip_at_start,
    siglip_loss,
    zero_shot,
)
from mlteach.checks.ch14_episodes import (
    episode,
    episodes_needed,
    linear_layer,
    prototype_loss,
    prototypes,
)
from mlteach.checks.ch15_maml import inner_step, largest_rate, maml_loss, outer_gradient
from mlteach.checks.ch16_reptile_anil import frozen_body, inner_weight, linear_cka, reptile_step
from mlteach.checks.ch17_byol_meta import (
    mixed_loss,
    one_view_task,
    paired_half_width,
    zero_head_logits,
)
from mlteach.checks.ch18_meta_selfsup import hypergradient, image_task, meta_gradient

__all__ = [
    "Case",
    "Verdict",
    "byol_step",
    "causal_mean",
    "cells_to_probe",
    "chance_levels",
    "chance_of_retrieval",
    "chance_to_meet",
    "clip_at_start",
    "clip_loss",
    "colour_views",
    "conditional_affinities",
    "correlation",
    "cosine",
    "cpc_loss",
    "cpc_scores",
    "effective_rank",
    "enqueue",
    "episode",
    "episodes_needed",
    "false_negatives",
    "frozen_body",
    "future_pairs",
    "half_lives",
    "half_width",
    "hash_codes",
    "hypergradient",
    "image_task",
    "info_nce",
    "information_bound",
    "inner_step",
    "inner_weight",
    "judge",
    "justified_statement",
    "kept_share",
    "key_lives",
    "label_changing_views",
    "largest_rate",
    "leaking",
    "linear_cka",
    "linear_layer",
    "log_sum_exp",
    "lowest_loss",
    "maml_loss",
    "masked_loss",
    "mixed_loss",
    "meta_gradient",
    "mixup_labels",
    "moco_logits",
    "nearest",
    "nt_xent",
    "one_view_task",
    "outer_gradient",
    "paired_half_width",
    "parting_length",
    "perplexity",
    "position_label",
    "prototype_loss",
    "prototypes",
    "pulls",
    "put_back",
    "random_mask",
    "recall",
    "recall_at_k",
    "regions",
    "representation",
    "reptile_step",
    "saturation_jitter",
    "seen_patches",
    "semi_hard",
    "shortcuts",
    "siamese_loss",
    "siglip_at_start",
    "siglip_loss",
    "simclr_loss",
    "smallest_batch",
    "spring_forces",
    "squared_distances",
    "standardise",
    "student_t",
    "target_update",
    "triplet_loss",
    "uniformity",
    "weighted_votes",
    "zero_head_logits",
    "zero_shot",
]
