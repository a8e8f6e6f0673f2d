"""Mistakes in evaluation."""

from mlteach.mistakes.evaluate import (
    cka,
    intervals,
    protocol,
    rank,
    votes,
)

__all__ = [
    "cka",
    "intervals",
    "protocol",
    "rank",
    "votes",
]
