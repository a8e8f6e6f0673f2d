"""Mistakes in views, and in what the exercises on them ask for."""

from mlteach.mistakes.views import (
    colour,
    one_image,
    two_images,
)

__all__ = [
    "colour",
    "one_image",
    "two_images",
]
