"""Explorers of `mlteach.losses`."""
