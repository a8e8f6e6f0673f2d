"""Explorers of `mlteach.selfsup`."""
