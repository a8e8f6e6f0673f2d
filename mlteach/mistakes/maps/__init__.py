"""Mistakes in the parts of t-SNE."""

from mlteach.mistakes.maps import (
    affinities,
    plane,
)

__all__ = [
    "affinities",
    "plane",
]
