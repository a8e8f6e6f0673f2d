"""Explorers of `mlteach.maps`."""
