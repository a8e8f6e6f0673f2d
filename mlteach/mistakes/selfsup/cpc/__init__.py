"""Mistakes in what CPC is made of: its pairs, scores, loss and context."""

from mlteach.mistakes.selfsup.cpc.context import causal_mean
from mlteach.mistakes.selfsup.cpc.loss import at_targets, cpc_loss
from mlteach.mistakes.selfsup.cpc.pairs import future_pairs
from mlteach.mistakes.selfsup.cpc.scores import cpc_scores

__all__ = ["at_targets", "causal_mean", "cpc_loss", "cpc_scores", "future_pairs"]
