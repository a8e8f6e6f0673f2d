"""Explorers of `mlteach.metric` and the losses of pairs and triplets."""
