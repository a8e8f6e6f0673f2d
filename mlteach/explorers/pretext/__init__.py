"""Explorers of `mlteach.pretext`."""
