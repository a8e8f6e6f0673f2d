"""The check of the welcome chapter: small on purpose, to show how a check speaks."""

from __future__ import annotations

from typing import Any

import torch

from mlteach.checks._core import Case, Verdict, check, judge
from mlteach.mistakes import mistakes_in, similarity


@check
def cosine(given: Any) -> Verdict:
    """Checks ``given(x, y)``, two vectors of one length, against the cosine of their angle."""
    pairs = {
        "for (3, 4) and (4, 3), whose cosine is 0.96": ([3.0, 4.0], [4.0, 3.0]),
        "for vectors at right angles": ([1.0, 0.0, 0.0], [0.0, -2.0, 0.0]),
        "for opposite vectors": ([1.0, 2.0], [-0.5, -1.0]),
        "for an obtuse angle": ([2.0, -1.0, 0.5], [-1.0, 2.5, 1.0]),
        "for two vectors of four numbers": ([1.0, 0.5, -2.0, 0.3], [0.7, 1.1, -0.4, -1.2]),
        "for long vectors": ([30.0, -40.0, 10.0], [20.0, 0.0, -7.0]),
    }
    cases = [Case(what, (torch.tensor(x), torch.tensor(y))) for what, (x, y) in pairs.items()]
    right = similarity.cosine
    return judge(given, right, cases, mistakes_in(right), gradients=False)
