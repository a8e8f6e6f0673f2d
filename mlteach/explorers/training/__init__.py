"""Explorers of `mlteach.training`: a training that is seen while it runs."""
