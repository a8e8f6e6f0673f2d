"""Explorers of `mlteach.neighbours`."""
