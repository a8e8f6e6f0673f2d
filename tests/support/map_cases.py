"""Points, their factors and maps of them, for the explorers of maps."""

import torch

from mlteach import maps
from mlteach.explorers import Film
from support.numbers import normal32


def points(count=30):
    """Three clouds in six dimensions."""
    return normal32(count, 6) + 4 * torch.eye(6)[torch.arange(count) % 3]


def factors(count=30):
    return {
        "class": torch.arange(count) % 3,
        "size": normal32(count, seed=3),
        "hue": torch.rand(count),
    }


def film_explorer(count=30):
    stages = torch.stack(
        [points(count) * torch.tensor([1.0, 1, 1, s, s, s]) for s in (3.0, 2.0, 1.0, 0.0)]
    )
    return Film(
        stages,
        maps.tsne_film(stages, perplexity=6, iterations=20),
        factors(count),
        steps=[0, 10, 50, 200],
        scores={"known": [0.1, 0.4, 0.7, 0.9], "forgotten": [0.9, 0.5, 0.2, 0.1]},
        images=normal32(count, 3, 8, 8).sigmoid(),
    )
