"""Two views of a few images, for the explorers of contrastive losses."""

import torch

from mlteach.explorers import SimilarityMatrix
from support.numbers import normal32


def views(count=6):
    return normal32(count, 1, 8, 8, seed=1).sigmoid(), normal32(count, 1, 8, 8, seed=2).sigmoid()


def matrix_explorer(count=6):
    encodings = {
        "one": (normal32(count, 4, seed=3), normal32(count, 4, seed=4)),
        "two": views(count),
    }
    encodings["two"] = tuple(view.flatten(1) for view in encodings["two"])
    return SimilarityMatrix(encodings, *views(count), torch.arange(count) % 3)
