"""Explorers of `mlteach.similarity`."""
