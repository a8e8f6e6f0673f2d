"""QueueRecord: what the queries of every training step met in MoCo's queue."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mlteach import _validate
from mlteach.selfsup._shared import wide
from mlteach.selfsup.moco import MoCo


class QueueRecord:
    """Writes down, as the callback of `fit`, what the queries of every step met in MoCo's queue.

    Args:
        method: whose queue it is.
        pictures: (N, C, H, W) images, N >= 2, whose keys every step's key encoder computes: their
            change is the drift.

    After S steps, each a list of S: ``ages``, (K,), and ``pointers`` as the queries found them;
    ``middle`` and ``spread``, (A,), mean and standard deviation of the cosines of queries and keys
    of each age, nan where there is no such key; ``positives``, the mean cosine with the own key;
    ``losses``; and ``keys``, (N, P), of the images.

    Raises:
        TypeError, ValueError: method is no MoCo, or pictures are not as described.
    """

    def __init__(self, method: MoCo, pictures: Tensor):
        self.method = _validate.instance("method", method, MoCo, "a MoCo")
        self.images = _validate.floats("pictures", pictures)
        if pictures.dim() < 2 or len(pictures) < 2:
            raise ValueError(f"pictures must be (N >= 2, ...), got shape {tuple(pictures.shape)}")
        self.ages: list[Tensor] = []
        self.pointers: list[int] = []
        self.middle: list[Tensor] = []
        self.spread: list[Tensor] = []
        self.positives: list[float] = []
        self.losses: list[float] = []
        self.keys: list[Tensor] = []
        self._look()

    def _look(self) -> None:
        """What the next step will find: when `fit` calls back, its own keys are in the queue."""
        # training mode changes BatchNorm's statistics
        passing = copy.deepcopy(self.method.key_encoder).train()
        with torch.no_grad():
            keys = passing(self.images)
        self.found = F.normalize(keys.to(wide(keys)))
        self.queue, self.age = self.method.queue.clone(), self.method.age.clone()
        self.pointer = int(self.method.pointer)

    def __call__(self, step: int, loss: float, aux: Mapping[str, Any]) -> None:
        cosines = aux["z1"] @ self.queue.to(aux["z1"]).T  # (B, K)
        ages = math.ceil(len(self.age) / len(cosines))
        middle, spread = mean_and_spread(cosines, self.age, ages=ages)
        self.middle.append(middle)
        self.spread.append(spread)
        self.ages.append(self.age)
        self.pointers.append(self.pointer)
        self.positives.append((aux["z1"] * aux["z2"]).sum(1).mean().item())
        self.losses.append(loss)
        self.keys.append(self.found)
        self._look()

    def drift(self, step: int) -> Tensor:
        """(A,) mean cosines of the keys of age 0, 1, … with what their encoder would say now."""
        now, oldest = self.keys[step - 1], len(self.middle[0])
        before = self.keys[max(step - 1 - oldest, 0) : step - 1]
        cosines = [(then * now).sum(1).mean().item() for then in reversed(before)]
        return torch.tensor(cosines, device="cpu")


def mean_and_spread(cosines: Tensor, age: Tensor, *, ages: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, (ages,) each, of (B, K) cosines with the keys of age 0, 1, …"""
    cosines, age = cosines.cpu(), age.cpu()  # not every device has float64
    there = age >= 0
    cosines = cosines[:, there].double()  # the difference below would lose half of a float's digits
    of_age = F.one_hot(age[there], ages).double()  # (keys that are there, ages)
    count = of_age.sum(0) * len(cosines)
    mean = cosines.sum(0) @ of_age / count
    square = cosines.square().sum(0) @ of_age / count
    return mean.float(), (square - mean.square()).clamp(min=0).sqrt().float()
