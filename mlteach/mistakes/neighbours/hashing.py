"""Mistakes in hash codes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mlteach.mistakes._registry import mistake


def hash_codes(vectors: Tensor, planes: Tensor) -> Tensor:
    """(N,) the code of each vector: bit j says whether it lies on the positive side of plane j."""
    return _code(vectors @ planes.T > 0, 2 ** torch.arange(len(planes)))


def _code(bits: Tensor, worth: Tensor) -> Tensor:
    return (bits.long() * worth).sum(dim=1)


@mistake(
    hash_codes,
    "your bits are flipped: a bit is 1 on the side to which the plane's normal points, "
    "where the product is > 0",
)
def bits_flipped(vectors, planes):
    return hash_codes(vectors, -planes)


@mistake(
    hash_codes,
    "you read the planes from the other end: plane 0 decides the bit that is worth 1",
)
def planes_reversed(vectors, planes):
    return hash_codes(vectors, planes.flip(0))


@mistake(
    hash_codes,
    "you count the planes with a positive side: "
    "bit j is worth 2 to the power j, so that each pattern has its code",
)
def bits_counted(vectors, planes):
    return (vectors @ planes.T > 0).sum(1)


@mistake(hash_codes, "bit j is worth 2 to the power j, not 2 times j")
def worth_2_times_j(vectors, planes):
    return _code(vectors @ planes.T > 0, 2 * torch.arange(len(planes)))


@mistake(
    hash_codes,
    "bit j is worth 2 to the power j, counted from 0: your codes are twice as large",
)
def counted_from_1(vectors, planes):
    return 2 * hash_codes(vectors, planes)


@mistake(hash_codes, "your bits are +1 and -1: they have to be 1 and 0")
def bits_of_sign(vectors, planes):
    return _code((vectors @ planes.T).sign(), 2 ** torch.arange(len(planes)))


@mistake(
    hash_codes,
    "^ is no power in Python but exclusive or: 2 ** j is 2 to the power j",
)
def exclusive_or(vectors, planes):
    return _code(vectors @ planes.T > 0, 2 ^ torch.arange(len(planes)))


@mistake(hash_codes, "bit j is worth 2 to the power j, not 10 to the power j")
def powers_of_10(vectors, planes):
    return _code(vectors @ planes.T > 0, 10 ** torch.arange(len(planes)))


@mistake(hash_codes, "bit j is worth 2 to the power j, not j squared")
def worth_j_squared(vectors, planes):
    return _code(vectors @ planes.T > 0, torch.arange(len(planes)) ** 2)


@mistake(
    hash_codes,
    "a product of exactly 0 is not positive: its bit is 0, so take > and not >=",
)
def zero_is_positive(vectors, planes):
    return _code(vectors @ planes.T >= 0, 2 ** torch.arange(len(planes)))


@mistake(
    hash_codes,
    "your numbers are too small a type: with more than 8 planes codes reach beyond 255, use int64",
)
def eight_bits(vectors, planes):
    return hash_codes(vectors, planes) % 256


@mistake(
    hash_codes,
    "your type of whole numbers ends at 127: codes of 8 planes and more need int64",
)
def seven_bits_and_a_sign(vectors, planes):
    return (hash_codes(vectors, planes) + 128) % 256 - 128


@mistake(
    hash_codes,
    "packed bits begin with the highest, and a byte holds eight: plane 0 is worth 1",
)
def packed_from_the_front(vectors, planes):
    bits = (vectors @ planes.T > 0).numpy()
    return torch.as_tensor(np.packbits(bits, axis=1)[:, 0].astype(np.int64))


@mistake(
    hash_codes,
    "this is the plane with the largest product: every plane gives one bit of the code",
)
def plane_with_the_largest_product(vectors, planes):
    return (vectors @ planes.T).argmax(1)


@mistake(hash_codes, "you round the products: a bit only says whether a product is positive")
def products_rounded(vectors, planes):
    return _code((vectors @ planes.T).round().clamp(0, 1), 2 ** torch.arange(len(planes)))
