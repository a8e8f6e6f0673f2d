"""Explorers of `mlteach.episodes`."""
