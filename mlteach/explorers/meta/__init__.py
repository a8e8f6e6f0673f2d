"""Explorers of `mlteach.meta`."""
