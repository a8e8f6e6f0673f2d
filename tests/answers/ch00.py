"""Answers to chapter 00 as students write them, made before its checks were read."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from support.answers import Answers

answers = Answers("00")


def dot(x, y):
    return (x * y).sum()


answers.wrong("cosine", "only the dot product", lambda x, y: dot(x, y))
answers.wrong("cosine", "divides by |x| only", lambda x, y: dot(x, y) / x.norm())
answers.wrong("cosine", "divides by |y| only", lambda x, y: dot(x, y) / y.norm())
answers.wrong("cosine", "forgets the roots", lambda x, y: dot(x, y) / (dot(x, x) * dot(y, y)))
answers.wrong(
    "cosine", "sum of lengths instead of product", lambda x, y: dot(x, y) / (x.norm() + y.norm())
)
answers.wrong("cosine", "L1 lengths", lambda x, y: dot(x, y) / (x.abs().sum() * y.abs().sum()))
answers.wrong(
    "cosine", "missing parentheses: / |x| * |y|", lambda x, y: dot(x, y) / x.norm() * y.norm()
)
answers.wrong(
    "cosine", "cosine distance 1 - cos", lambda x, y: 1 - F.cosine_similarity(x, y, dim=0)
)
answers.wrong(
    "cosine", "returns the angle (acos)", lambda x, y: torch.acos(F.cosine_similarity(x, y, dim=0))
)
answers.wrong(
    "cosine",
    "mean instead of sum in the dot product",
    lambda x, y: (x * y).mean() / (x.norm() * y.norm()),
)
answers.wrong(
    "cosine",
    "correlation instead of cosine",
    lambda x, y: F.cosine_similarity(x - x.mean(), y - y.mean(), dim=0),
)
answers.wrong("cosine", "absolute value", lambda x, y: F.cosine_similarity(x, y, dim=0).abs())
answers.wrong("cosine", "no sum: elementwise product", lambda x, y: x * y / (x.norm() * y.norm()))
answers.wrong(
    "cosine",
    "root of the product of lengths",
    lambda x, y: dot(x, y) / torch.sqrt(x.norm() * y.norm()),
)


def _p(x, y):
    r = dot(x, y) / (x.norm() * y.norm())
    str(r)


answers.wrong("cosine", "prints, returns nothing", _p)
answers.wrong("cosine", "torch.cos of the dot product", lambda x, y: torch.cos(dot(x, y)))
answers.wrong(
    "cosine", "rounds to two digits", lambda x, y: round(float(F.cosine_similarity(x, y, dim=0)), 2)
)
answers.wrong("cosine", "length of x*y as denominator", lambda x, y: dot(x, y) / (x * y).norm())
answers.wrong("cosine", "constant 0.96", lambda x, y: torch.tensor(0.96))
answers.wrong(
    "cosine", "largest entry as length", lambda x, y: dot(x, y) / (x.abs().max() * y.abs().max())
)
answers.wrong(
    "cosine",
    "outer product x[:,None]*y",
    lambda x, y: (x[:, None] * y).sum() / (x.norm() * y.norm()),
)
answers.wrong(
    "cosine",
    "normalises over dim 0 then mean",
    lambda x, y: (F.normalize(x, dim=0) * F.normalize(y, dim=0)).mean(),
)
answers.wrong("cosine", "math.sqrt of tensor of several", lambda x, y: dot(x, y) / math.sqrt(x * x))
answers.right("cosine", "F.cosine_similarity", lambda x, y: F.cosine_similarity(x, y, dim=0))
answers.right("cosine", "x @ y", lambda x, y: x @ y / (x.norm() * y.norm()))
answers.right(
    "cosine",
    "torch.dot, one root",
    lambda x, y: torch.dot(x, y) / torch.sqrt(torch.dot(x, x) * torch.dot(y, y)),
)


def _loop(x, y):
    s = n = m = 0.0
    for u, v in zip(x.tolist(), y.tolist(), strict=False):
        s += u * v
        n += u * u
        m += v * v
    return s / (math.sqrt(n) * math.sqrt(m))


answers.right("cosine", "loops, python float", _loop)
answers.right(
    "cosine",
    "numpy, np.float64",
    lambda x, y: (
        np.dot(x.numpy().astype(float), y.numpy().astype(float))
        / (np.linalg.norm(x.numpy().astype(float)) * np.linalg.norm(y.numpy().astype(float)))
    ),
)
answers.right(
    "cosine",
    "numpy, np.float32",
    lambda x, y: (
        np.dot(x.numpy(), y.numpy()) / (np.linalg.norm(x.numpy()) * np.linalg.norm(y.numpy()))
    ),
)
answers.right(
    "cosine",
    "einsum",
    lambda x, y: (
        torch.einsum("i,i->", x, y)
        / torch.einsum("i,i->", x, x).sqrt()
        / torch.einsum("i,i->", y, y).sqrt()
    ),
)
answers.right(
    "cosine", "normalise first", lambda x, y: F.normalize(x, dim=0) @ F.normalize(y, dim=0)
)


def _inpl(x, y):
    x, y = (x.clone(), y.clone())
    x /= x.norm()
    y /= y.norm()
    return (x * y).sum()


answers.right("cosine", "in place on own copies", _inpl)
answers.right("cosine", "with +1e-8", lambda x, y: dot(x, y) / (x.norm() * y.norm() + 1e-08))
answers.right(
    "cosine",
    "via distance of unit vectors",
    lambda x, y: 1 - 0.5 * (x / x.norm() - y / y.norm()).square().sum(),
)
answers.right(
    "cosine",
    "float64",
    lambda x, y: dot(x.double(), y.double()) / (x.double().norm() * y.double().norm()),
)
answers.right("cosine", ".item()", lambda x, y: ((x * y).sum() / (x.norm() * y.norm())).item())
answers.right("cosine", "other argument names", lambda u, v: (u * v).sum() / (u.norm() * v.norm()))
