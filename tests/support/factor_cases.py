"""Encodings, images and factors for the explorers of similarity."""

import torch

MEASURES = ["cosine", "correlation", "dot product", "euclidean"]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def toy_images(count=24, channels=3):
    return random(count, channels, 8, 8, seed=1).sigmoid()


def factors(count=24):
    return {"shape": torch.arange(count) % 3, "size": random(count, seed=2)}


def encodings(count=24):
    """One encoding that knows the shape and one that knows nothing."""
    knowing = torch.eye(3)[torch.arange(count) % 3] + 0.1 * random(count, 3, seed=3)
    return {"knowing": knowing, "blind": random(count, 6, seed=4)}
