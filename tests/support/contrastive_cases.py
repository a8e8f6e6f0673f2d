"""Two views of a few images, for the explorers of contrastive losses."""

import torch

from mlteach.explorers import SimilarityMatrix


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def views(count=6):
    return random(count, 1, 8, 8, seed=1).sigmoid(), random(count, 1, 8, 8, seed=2).sigmoid()


def matrix_explorer(count=6):
    encodings = {"one": (random(count, 4, seed=3), random(count, 4, seed=4)), "two": views(count)}
    encodings["two"] = tuple(view.flatten(1) for view in encodings["two"])
    return SimilarityMatrix(encodings, *views(count), torch.arange(count) % 3)
