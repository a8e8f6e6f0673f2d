"""Explorers of `mlteach.views`."""
