"""Encodings, images and factors for the explorers of similarity."""

import torch

from support.numbers import normal32

MEASURES = ["cosine", "correlation", "dot product", "euclidean"]


def toy_images(count=24, channels=3):
    return normal32(count, channels, 8, 8, seed=1).sigmoid()


def factors(count=24):
    return {"shape": torch.arange(count) % 3, "size": normal32(count, seed=2)}


def encodings(count=24):
    """One encoding that knows the shape and one that knows nothing."""
    knowing = torch.eye(3)[torch.arange(count) % 3] + 0.1 * normal32(count, 3, seed=3)
    return {"knowing": knowing, "blind": normal32(count, 6, seed=4)}
