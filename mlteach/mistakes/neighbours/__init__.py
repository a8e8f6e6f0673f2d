"""Mistakes in searching for nearest neighbours."""

from mlteach.mistakes.neighbours import (
    found,
    hashing,
    indexes,
)

__all__ = [
    "found",
    "hashing",
    "indexes",
]
