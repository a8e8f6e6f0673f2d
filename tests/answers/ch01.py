"""Answers to chapter 01 as students write them, made before its checks were read."""

import math
from math import inf

import numpy as np
import torch
import torch.nn.functional as F
from support.answers import Answers

answers = Answers("01")


def sq(x):
    return x.square().sum(1)


answers.wrong(
    "squared_distances", "forgets factor 2", lambda x, y: sq(x)[:, None] + sq(y) - x @ y.T
)
answers.wrong("squared_distances", "plus 2 x@y", lambda x, y: sq(x)[:, None] + sq(y) + 2 * x @ y.T)
answers.wrong(
    "squared_distances",
    "takes the root",
    lambda x, y: (sq(x)[:, None] + sq(y) - 2 * x @ y.T).clamp(min=0).sqrt(),
)
answers.wrong("squared_distances", "torch.cdist unsquared", lambda x, y: torch.cdist(x, y))
answers.wrong(
    "squared_distances",
    "rows and columns swapped ([:,None] on y)",
    lambda x, y: sq(x) + sq(y)[:, None] - 2 * x @ y.T,
)
answers.wrong("squared_distances", "no [:,None] at all", lambda x, y: sq(x) + sq(y) - 2 * x @ y.T)
answers.wrong(
    "squared_distances",
    "sums over dim 0",
    lambda x, y: x.square().sum(0)[:, None] + y.square().sum(0) - 2 * x.T @ y,
)
answers.wrong(
    "squared_distances",
    "mean over features",
    lambda x, y: (sq(x)[:, None] + sq(y) - 2 * x @ y.T) / x.shape[1],
)
answers.wrong(
    "squared_distances", "transposed", lambda x, y: (sq(x)[:, None] + sq(y) - 2 * x @ y.T).T
)
answers.wrong(
    "squared_distances",
    "lengths not squared",
    lambda x, y: x.norm(dim=1)[:, None] + y.norm(dim=1) - 2 * x @ y.T,
)
answers.wrong(
    "squared_distances",
    "sum without square",
    lambda x, y: x.sum(1)[:, None] + y.sum(1) - 2 * x @ y.T,
)


def _ip(x, y):
    return x.square_().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T


answers.wrong("squared_distances", "x.square_() in place", _ip)
answers.wrong("squared_distances", "ignores y", lambda x, y: sq(x)[:, None] + sq(x) - 2 * x @ x.T)
answers.wrong("squared_distances", "assumes unit vectors", lambda x, y: 2 - 2 * x @ y.T)
answers.wrong(
    "squared_distances",
    "normalises first",
    lambda x, y: 2 - 2 * F.normalize(x, dim=1) @ F.normalize(y, dim=1).T,
)
answers.wrong("squared_distances", "missing y term", lambda x, y: sq(x)[:, None] - 2 * x @ y.T)
answers.wrong("squared_distances", "Manhattan", lambda x, y: torch.cdist(x, y, p=1))
answers.wrong(
    "squared_distances", "detaches", lambda x, y: (sq(x)[:, None] + sq(y) - 2 * x @ y.T).detach()
)
answers.wrong(
    "squared_distances",
    "x * y instead of x @ y.T",
    lambda x, y: sq(x)[:, None] + sq(y) - 2 * (x * y).sum(1),
)
answers.rule("squared_distances", "three dimensions", lambda x, y: (x[:, None] - y).square().sum(2))
answers.rule(
    "squared_distances",
    "loops",
    lambda x, y: torch.stack([torch.stack([(u - v).square().sum() for v in y]) for u in x]),
)
answers.right(
    "squared_distances", "addmm", lambda x, y: torch.addmm(sq(x)[:, None] + sq(y), x, y.T, alpha=-2)
)
answers.right(
    "squared_distances",
    "einsum",
    lambda x, y: (
        torch.einsum("nd,nd->n", x, x)[:, None]
        + torch.einsum("md,md->m", y, y)[None]
        - 2 * torch.einsum("nd,md->nm", x, y)
    ),
)
answers.right(
    "squared_distances",
    "clamp(min=0) at the end",
    lambda x, y: (sq(x)[:, None] + sq(y) - 2 * x @ y.T).clamp(min=0),
)
answers.right(
    "squared_distances",
    "float64 and back",
    lambda x, y: (sq(x.double())[:, None] + sq(y.double()) - 2 * x.double() @ y.double().T).to(
        x.dtype
    ),
)
answers.right(
    "squared_distances",
    "returns float64",
    lambda x, y: sq(x.double())[:, None] + sq(y.double()) - 2 * x.double() @ y.double().T,
)
answers.right(
    "squared_distances",
    "keepdim, mm, t()",
    lambda x, y: (
        x.pow(2).sum(dim=-1, keepdim=True) + y.pow(2).sum(dim=-1)[None] - 2 * torch.mm(x, y.t())
    ),
)


def _aug(x, y):
    n, m = (sq(x)[:, None], sq(y)[:, None])
    return (
        torch.cat([x, n, torch.ones_like(n)], 1) @ torch.cat([-2 * y, torch.ones_like(m), m], 1).T
    )


answers.right("squared_distances", "one product of augmented matrices", _aug)


def _own(x, y):
    d = -2 * x @ y.T
    d += sq(x)[:, None]
    d += sq(y)
    return d


answers.right("squared_distances", "in place on own result", _own)
answers.right(
    "squared_distances",
    "diagonals of Gram matrices",
    lambda x, y: (x @ x.T).diagonal()[:, None] + (y @ y.T).diagonal() - 2 * x @ y.T,
)
answers.right(
    "squared_distances",
    "norm()**2",
    lambda x, y: x.norm(dim=1)[:, None] ** 2 + y.norm(dim=1) ** 2 - 2 * x @ y.T,
)


def cen(x):
    return x - x.mean(1, keepdim=True)


def nor(x):
    return F.normalize(x, dim=1)


answers.wrong(
    "correlation", "mean over dim 0", lambda x, y: nor(x - x.mean(0)) @ nor(y - y.mean(0)).T
)
answers.wrong("correlation", "no centring", lambda x, y: nor(x) @ nor(y).T)
answers.wrong("correlation", "centres x only", lambda x, y: nor(cen(x)) @ nor(y).T)
answers.wrong("correlation", "normalises, then centres", lambda x, y: cen(nor(x)) @ cen(nor(y)).T)
answers.wrong(
    "correlation", "mean(1) without keepdim", lambda x, y: nor(x - x.mean(1)) @ nor(y - y.mean(1)).T
)
answers.wrong(
    "correlation",
    "one mean of the whole matrix",
    lambda x, y: nor(x - x.mean()) @ nor(y - y.mean()).T,
)
answers.wrong(
    "correlation",
    "divides by unbiased std and D",
    lambda x, y: cen(x) @ cen(y).T / (x.shape[1] * x.std(1)[:, None] * y.std(1)),
)
answers.wrong("correlation", "covariance, not divided", lambda x, y: cen(x) @ cen(y).T / x.shape[1])
answers.wrong(
    "correlation",
    "normalises over dim 0",
    lambda x, y: F.normalize(cen(x), dim=0) @ F.normalize(cen(y), dim=0).T,
)
answers.wrong(
    "correlation", "whole corrcoef matrix", lambda x, y: torch.corrcoef(torch.cat([x, y]))
)
answers.wrong(
    "correlation",
    "one length for the whole matrix",
    lambda x, y: cen(x) / cen(x).norm() @ (cen(y) / cen(y).norm()).T,
)
answers.wrong("correlation", "absolute value", lambda x, y: (nor(cen(x)) @ nor(cen(y)).T).abs())
answers.wrong("correlation", "squared", lambda x, y: (nor(cen(x)) @ nor(cen(y)).T) ** 2)
answers.wrong("correlation", "transposed", lambda x, y: (nor(cen(x)) @ nor(cen(y)).T).T)
answers.wrong(
    "correlation",
    "divides by std only (no D)",
    lambda x, y: cen(x) / x.std(1, keepdim=True) @ (cen(y) / y.std(1, keepdim=True)).T,
)
answers.wrong(
    "correlation",
    "subtracts the other one's mean",
    lambda x, y: (
        nor(x - y.mean(1, keepdim=True)[: len(x)] if len(x) <= len(y) else x) @ nor(cen(y)).T
    ),
)
answers.wrong(
    "correlation", "row with row", lambda x, y: F.cosine_similarity(cen(x), cen(y), dim=1)
)
answers.wrong(
    "correlation",
    "median instead of mean",
    lambda x, y: (
        nor(x - x.median(1, keepdim=True).values) @ nor(y - y.median(1, keepdim=True).values).T
    ),
)
answers.right(
    "correlation",
    "corrcoef, one block",
    lambda x, y: torch.corrcoef(torch.cat([x, y]))[: len(x), len(x) :],
)
answers.right(
    "correlation",
    "einsum",
    lambda x, y: (
        torch.einsum("nd,md->nm", cen(x), cen(y))
        / torch.outer(cen(x).norm(dim=1), cen(y).norm(dim=1))
    ),
)
answers.right(
    "correlation",
    "z-scores, biased std, / D",
    lambda x, y: (
        cen(x)
        / x.std(1, keepdim=True, unbiased=False)
        @ (cen(y) / y.std(1, keepdim=True, unbiased=False)).T
        / x.shape[1]
    ),
)
answers.right(
    "correlation",
    "F.cosine_similarity with broadcasting",
    lambda x, y: F.cosine_similarity(cen(x)[:, None], cen(y)[None], dim=2),
)
answers.right("correlation", "float64", lambda x, y: nor(cen(x.double())) @ nor(cen(y.double())).T)


def _cm(x, y):
    D = x.shape[1]
    M = torch.eye(D, dtype=x.dtype) - 1 / D
    return nor(x @ M) @ nor(y @ M).T


answers.right("correlation", "centring matrix", _cm)


def _oc(x, y):
    x, y = (x.clone(), y.clone())
    x -= x.mean(1, keepdim=True)
    y -= y.mean(1, keepdim=True)
    return x / x.norm(dim=1, keepdim=True) @ (y / y.norm(dim=1, keepdim=True)).T


answers.right("correlation", "in place on clones", _oc)
answers.right(
    "correlation",
    "loops, stack",
    lambda x, y: torch.stack(
        [
            torch.stack([F.cosine_similarity(u - u.mean(), v - v.mean(), dim=0) for v in y])
            for u in x
        ]
    ),
)


def eye(m):
    return torch.eye(len(m), dtype=torch.bool)


answers.wrong("nearest", "drops the first of k+1", lambda m, k: m.topk(k + 1, dim=1).indices[:, 1:])
answers.wrong(
    "nearest",
    "argsort descending [1:k+1]",
    lambda m, k: m.argsort(dim=1, descending=True)[:, 1 : k + 1],
)
answers.wrong(
    "nearest",
    "smallest instead of largest",
    lambda m, k: m.clone().fill_diagonal_(inf).topk(k, dim=1, largest=False).indices,
)
answers.wrong("nearest", "smallest, itself included", lambda m, k: m.argsort(dim=1)[:, :k])
answers.wrong(
    "nearest", "diagonal 0", lambda m, k: m.clone().fill_diagonal_(0).topk(k, dim=1).indices
)
answers.wrong(
    "nearest", "diagonal -1", lambda m, k: m.clone().fill_diagonal_(-1).topk(k, dim=1).indices
)
answers.wrong(
    "nearest",
    "minus identity (subtract 1)",
    lambda m, k: (m - torch.eye(len(m))).topk(k, dim=1).indices,
)
answers.wrong(
    "nearest",
    "in place on the argument",
    lambda m, k: m.fill_diagonal_(-inf).topk(k, dim=1).indices,
)
answers.wrong(
    "nearest",
    "values instead of indices",
    lambda m, k: m.clone().fill_diagonal_(-inf).topk(k, dim=1).values,
)
answers.wrong(
    "nearest",
    "least similar of the k first",
    lambda m, k: m.clone().fill_diagonal_(-inf).topk(k, dim=1).indices.flip(1),
)
answers.wrong(
    "nearest", "dim 0", lambda m, k: m.clone().fill_diagonal_(-inf).topk(k, dim=0).indices
)
answers.wrong(
    "nearest",
    "dim 0, transposed back (columns)",
    lambda m, k: m.clone().fill_diagonal_(-inf).topk(k, dim=0).indices.T,
)
answers.wrong(
    "nearest",
    "k+1 of them",
    lambda m, k: m.clone().fill_diagonal_(-inf).topk(min(k + 1, len(m)), dim=1).indices,
)


def _sh(m, k):
    n = len(m)
    off = m[~eye(m)].view(n, n - 1)
    return off.topk(k, dim=1).indices


answers.wrong("nearest", "diagonal cut out, numbers not shifted back", _sh)


def _v1(m, k):
    m = m.clone()
    m[m == 1] = -inf
    return m.topk(k, dim=1).indices


answers.wrong("nearest", "masks values equal to 1", _v1)
answers.wrong(
    "nearest",
    "minus eye*inf (nan)",
    lambda m, k: (m - torch.eye(len(m)) * inf).topk(k, dim=1).indices,
)
answers.wrong(
    "nearest",
    "ignores k: all others sorted",
    lambda m, k: m.clone().fill_diagonal_(-inf).argsort(dim=1, descending=True)[:, :-1],
)
answers.wrong(
    "nearest", "whole topk tuple", lambda m, k: m.clone().fill_diagonal_(-inf).topk(k, dim=1)
)
answers.wrong(
    "nearest",
    "sorted by number",
    lambda m, k: m.clone().fill_diagonal_(-inf).topk(k, dim=1).indices.sort(1).values,
)
answers.wrong(
    "nearest",
    "removes row maximum",
    lambda m, k: m.masked_fill(m == m.max(1, keepdim=True).values, -inf).topk(k, dim=1).indices,
)
answers.wrong(
    "nearest", "by absolute value", lambda m, k: m.abs().fill_diagonal_(-inf).topk(k, dim=1).indices
)
answers.wrong(
    "nearest", "always k=1", lambda m, k: m.clone().fill_diagonal_(-inf).argmax(1, keepdim=True)
)
answers.right(
    "nearest",
    "loops",
    lambda m, k: torch.tensor(
        [
            sorted((j for j in range(len(m)) if j != i), key=lambda j: -m[i, j].item())[:k]
            for i in range(len(m))
        ]
    ),
)
answers.right(
    "nearest",
    "argsort on a copy",
    lambda m, k: m.masked_fill(eye(m), -inf).argsort(dim=1, descending=True)[:, :k],
)


def _np(m, k):
    d = m.numpy().copy()
    np.fill_diagonal(d, -np.inf)
    return torch.from_numpy(np.argsort(-d, axis=1)[:, :k].copy())


answers.right("nearest", "numpy argsort, tensor out", _np)
answers.right(
    "nearest",
    "torch.where",
    lambda m, k: torch.topk(
        input=torch.where(eye(m), torch.tensor(-inf, dtype=m.dtype), m), k=k, dim=1
    )[1],
)


def _off(m, k):
    n = len(m)
    off = m[~eye(m)].view(n, n - 1)
    i = off.topk(k, dim=1).indices
    return i + (i >= torch.arange(n)[:, None]).long()


answers.right("nearest", "diagonal cut out, shifted back", _off)
answers.right(
    "nearest",
    "float64 inside",
    lambda m, k: m.double().clone().fill_diagonal_(float("-inf")).topk(k).indices,
)
answers.right(
    "nearest",
    "int32 numbers",
    lambda m, k: m.clone().fill_diagonal_(-inf).topk(k, dim=1).indices.int(),
)


def _sel(m, k):
    m = m.clone()
    m.fill_diagonal_(-inf)
    out = []
    for _ in range(k):
        best = m.argmax(1)
        out.append(best)
        m[torch.arange(len(m)), best] = -inf
    return torch.stack(out, 1)


answers.right("nearest", "k times argmax", _sel)
answers.wrong("parting_length", "distance of A only, 0.632 (forgot + 1)", math.sqrt(0.4))
answers.wrong("parting_length", "1 + squared distance, 1.4 (forgot the root)", 1.4)
answers.wrong("parting_length", "0.4", 0.4)
answers.wrong("parting_length", "inner side, 1 - 0.632", 1 - math.sqrt(0.4))
answers.wrong("parting_length", "1/cos = 1.25", 1.25)
answers.wrong("parting_length", "2", 2.0)
answers.wrong("parting_length", "1.8 = r where projections...", 1.8)
answers.wrong("parting_length", "1.6 = 1 + 0.6 (height of A)", 1.6)
answers.wrong("parting_length", "minus sign", -1.632)
answers.wrong("parting_length", "a string with words", "about 1.63")
answers.wrong("parting_length", "1", 1)
answers.wrong("parting_length", "1.7 (rounded up)", 1.7)
answers.right("parting_length", "1.6325", 1.6325)
answers.right("parting_length", "1.632", 1.632)
answers.right("parting_length", "1 + sqrt(0.4)", 1 + math.sqrt(0.4))
answers.right("parting_length", "np.float64", np.float64(1) + np.hypot(0.2, 0.6))
answers.right("parting_length", "torch scalar", 1 + torch.tensor([0.2, 0.6]).norm())
answers.right("parting_length", "torch (1,) tensor", 1 + torch.tensor([0.2, 0.6]).norm().view(1))
answers.right("parting_length", "numpy float32", np.float32(1.6324555))
