"""Explorers of `mlteach.evaluate`."""
