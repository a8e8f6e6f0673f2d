"""The check of the welcome chapter: small on purpose, to show how a check speaks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from mlteach.checks._core import Case, Verdict, judge

MISTAKES = {
    "this is the dot product: it grows with the lengths, so divide by both of them": lambda x, y: (x * y).sum(),
    "you divide by the squared lengths: a root is missing": lambda x, y: (x * y).sum() / (x @ x * (y @ y)),
    "you divide by one of the two lengths only: divide by both": lambda x, y: (x * y).sum() / y.norm(),
    "you divide by one of the two lengths only: divide by both of them": lambda x, y: (x * y).sum() / x.norm(),
    "you divide by the sum of the lengths: divide by their product": lambda x, y: (x * y).sum() / (x.norm() + y.norm()),
    "this is the mean of the products: divide by the lengths instead of by the number of entries":
        lambda x, y: (x * y).mean(),
    "this is a distance, 1 - cosine: a similarity grows as the vectors become alike":
        lambda x, y: 1 - F.cosine_similarity(x, y, dim=0),
}  # fmt: skip


def cosine(given: Any) -> Verdict:
    """Checks ``given(x, y)``, two vectors of one length, against the cosine of the angle between
    them.
    """
    pairs = {
        "for (3, 4) and (4, 3), whose cosine is 0.96": ([3.0, 4.0], [4.0, 3.0]),
        "for vectors at right angles": ([1.0, 0.0, 0.0], [0.0, -2.0, 0.0]),
        "for opposite vectors": ([1.0, 2.0], [-0.5, -1.0]),
        "for long vectors": ([30.0, -40.0, 10.0], [20.0, 0.0, -7.0]),
    }
    cases = [Case(what, (torch.tensor(x), torch.tensor(y))) for what, (x, y) in pairs.items()]
    return judge(
        given, lambda x, y: F.cosine_similarity(x, y, dim=0), cases, MISTAKES, gradients=False
    )
