"""Answers to chapter 03 as students write them, made before its checks were read."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from support.answers import Answers

answers = Answers("03")


def nor(x):
    return F.normalize(x, dim=1)


def vn(x):
    return torch.linalg.vector_norm(x, dim=1)


answers.wrong(
    "siamese_loss",
    "labels flipped",
    lambda x1, x2, s, m: torch.where(s, (m - vn(x1 - x2)).relu(), vn(x1 - x2)).square().mean() / 2,
)
answers.wrong(
    "siamese_loss",
    "hinge not squared",
    lambda x1, x2, s, m: torch.where(s, vn(x1 - x2).square(), (m - vn(x1 - x2)).relu()).mean() / 2,
)
answers.wrong(
    "siamese_loss",
    "nothing squared",
    lambda x1, x2, s, m: torch.where(s, vn(x1 - x2), (m - vn(x1 - x2)).relu()).mean(),
)
answers.wrong(
    "siamese_loss",
    "same not squared",
    lambda x1, x2, s, m: torch.where(s, vn(x1 - x2), (m - vn(x1 - x2)).relu().square()).mean() / 2,
)
answers.wrong(
    "siamese_loss",
    "no half",
    lambda x1, x2, s, m: torch.where(s, vn(x1 - x2), (m - vn(x1 - x2)).relu()).square().mean(),
)
answers.wrong(
    "siamese_loss",
    "half on the same term only",
    lambda x1, x2, s, m: torch.where(
        s, vn(x1 - x2).square() / 2, (m - vn(x1 - x2)).relu().square()
    ).mean(),
)
answers.wrong(
    "siamese_loss",
    "sum",
    lambda x1, x2, s, m: torch.where(s, vn(x1 - x2), (m - vn(x1 - x2)).relu()).square().sum() / 2,
)
answers.wrong(
    "siamese_loss",
    "margin minus squared distance",
    lambda x1, x2, s, m: (
        torch.where(s, (x1 - x2).square().sum(1), (m - (x1 - x2).square().sum(1)).relu()).mean() / 2
    ),
)
answers.wrong(
    "siamese_loss",
    "(m - d^2)^2",
    lambda x1, x2, s, m: (
        torch.where(
            s, (x1 - x2).square().sum(1), (m - (x1 - x2).square().sum(1)).relu().square()
        ).mean()
        / 2
    ),
)
answers.wrong(
    "siamese_loss",
    "m^2 - d^2",
    lambda x1, x2, s, m: (
        torch.where(s, (x1 - x2).square().sum(1), (m**2 - (x1 - x2).square().sum(1)).relu()).mean()
        / 2
    ),
)
answers.wrong(
    "siamese_loss",
    "no max",
    lambda x1, x2, s, m: torch.where(s, vn(x1 - x2), m - vn(x1 - x2)).square().mean() / 2,
)
answers.wrong(
    "siamese_loss",
    "relu after the square",
    lambda x1, x2, s, m: (
        torch.where(s, vn(x1 - x2).square(), ((m - vn(x1 - x2)) ** 2).relu()).mean() / 2
    ),
)
answers.wrong(
    "siamese_loss",
    "d - m",
    lambda x1, x2, s, m: torch.where(s, vn(x1 - x2), (vn(x1 - x2) - m).relu()).square().mean() / 2,
)
answers.wrong(
    "siamese_loss",
    "root with nan gradient",
    lambda x1, x2, s, m: (
        torch.where(s, ((x1 - x2) ** 2).sum(1).sqrt(), (m - ((x1 - x2) ** 2).sum(1).sqrt()).relu())
        .square()
        .mean()
        / 2
    ),
)
answers.wrong(
    "siamese_loss",
    "one norm for the batch",
    lambda x1, x2, s, m: (
        torch.where(s, (x1 - x2).norm(), (m - (x1 - x2).norm()).relu()).square().mean() / 2
    ),
)
answers.wrong(
    "siamese_loss",
    "mean over features",
    lambda x1, x2, s, m: (lambda d: torch.where(s, d, (m - d).relu()).square().mean() / 2)(
        vn(x1 - x2) / math.sqrt(x1.shape[1])
    ),
)
answers.wrong(
    "siamese_loss",
    "margin fixed at 1",
    lambda x1, x2, s, m: torch.where(s, vn(x1 - x2), (1 - vn(x1 - x2)).relu()).square().mean() / 2,
)
answers.wrong(
    "siamese_loss",
    "means of the two kinds added",
    lambda x1, x2, s, m: (
        (vn(x1 - x2)[s] ** 2).mean() / 2 + ((m - vn(x1 - x2)[~s]).relu() ** 2).mean() / 2
    ),
)
answers.wrong(
    "siamese_loss",
    "cosine distance",
    lambda x1, x2, s, m: (lambda d: torch.where(s, d, (m - d).relu()).square().mean() / 2)(
        1 - F.cosine_similarity(x1, x2)
    ),
)
answers.wrong(
    "siamese_loss",
    "1 - same with booleans",
    lambda x1, x2, s, m: (
        (s * vn(x1 - x2) ** 2 + (1 - s) * (m - vn(x1 - x2)).relu() ** 2).mean() / 2
    ),
)
answers.wrong(
    "siamese_loss",
    "python max(0, tensor)",
    lambda x1, x2, s, m: torch.where(s, vn(x1 - x2), max(0, m - vn(x1 - x2))).square().mean() / 2,
)
answers.wrong(
    "siamese_loss",
    "per pair, no mean",
    lambda x1, x2, s, m: torch.where(s, vn(x1 - x2), (m - vn(x1 - x2)).relu()).square() / 2,
)
answers.wrong(
    "siamese_loss",
    ".item(), no gradient",
    lambda x1, x2, s, m: (
        torch.where(s, vn(x1 - x2), (m - vn(x1 - x2)).relu()).square().mean() / 2
    ).item(),
)
answers.wrong(
    "siamese_loss",
    "Manhattan distance",
    lambda x1, x2, s, m: (lambda d: torch.where(s, d, (m - d).relu()).square().mean() / 2)(
        (x1 - x2).abs().sum(1)
    ),
)
answers.wrong(
    "siamese_loss",
    "missing 'same' term",
    lambda x1, x2, s, m: (
        torch.where(
            s, torch.zeros(len(x1), dtype=x1.dtype), (m - vn(x1 - x2)).relu().square()
        ).mean()
        / 2
    ),
)
answers.wrong(
    "siamese_loss",
    "normalises first",
    lambda x1, x2, s, m: (lambda d: torch.where(s, d, (m - d).relu()).square().mean() / 2)(
        vn(F.normalize(x1, dim=1) - F.normalize(x2, dim=1))
    ),
)
answers.wrong(
    "siamese_loss",
    "min instead of max",
    lambda x1, x2, s, m: (
        torch.where(s, vn(x1 - x2), (m - vn(x1 - x2)).clamp(max=0)).square().mean() / 2
    ),
)


def _lt(x1, x2, s, m):
    t = 0
    for u, v, q in zip(x1, x2, s, strict=False):
        d = torch.linalg.vector_norm(u - v)
        t = t + (d**2 / 2 if q else torch.clamp(m - d, min=0) ** 2 / 2)
    return t / len(x1)


answers.right("siamese_loss", "loops", _lt)
answers.right(
    "siamese_loss",
    "where on squares",
    lambda x1, x2, s, m: (
        torch.where(s, (x1 - x2).pow(2).sum(-1), F.relu(m - (x1 - x2).norm(dim=-1)).pow(2)).mean()
        * 0.5
    ),
)
answers.right(
    "siamese_loss",
    "float mask",
    lambda x1, x2, s, m: (
        (
            s.float() * (x1 - x2).square().sum(1)
            + (1 - s.float()) * (m - vn(x1 - x2)).clamp(min=0) ** 2
        ).mean()
        / 2
    ),
)
answers.right(
    "siamese_loss",
    "~same mask",
    lambda x1, x2, s, m: (
        (s * vn(x1 - x2) ** 2 + ~s * (m - vn(x1 - x2)).clamp(min=0) ** 2).mean() / 2
    ),
)
answers.right(
    "siamese_loss",
    "sqrt(d^2 + 1e-12)",
    lambda x1, x2, s, m: (lambda d: torch.where(s, d, (m - d).relu()).square().mean() / 2)(
        ((x1 - x2).square().sum(1) + 1e-12).sqrt()
    ),
)
answers.right(
    "siamese_loss",
    "boolean index",
    lambda x1, x2, s, m: (
        ((vn(x1 - x2)[s] ** 2).sum() + ((m - vn(x1 - x2)[~s]).relu() ** 2).sum()) / (2 * len(s))
    ),
)
answers.right(
    "siamese_loss",
    "pairwise_distance eps=0",
    lambda x1, x2, s, m: (lambda d: torch.where(s, d, F.relu(m - d)).square().mean() / 2)(
        F.pairwise_distance(x1, x2, eps=0)
    ),
)
answers.right(
    "siamese_loss",
    "pairwise_distance default eps",
    lambda x1, x2, s, m: (lambda d: torch.where(s, d, F.relu(m - d)).square().mean() / 2)(
        F.pairwise_distance(x1, x2)
    ),
)
answers.right(
    "siamese_loss",
    "cdist diagonal",
    lambda x1, x2, s, m: (lambda d: torch.where(s, d, F.relu(m - d)).square().mean() / 2)(
        torch.cdist(x1, x2).diagonal()
    ),
)
answers.right(
    "siamese_loss",
    "float64",
    lambda x1, x2, s, m: (
        torch.where(s, vn(x1.double() - x2.double()), (m - vn(x1.double() - x2.double())).relu())
        .square()
        .mean()
        / 2
    ),
)
answers.right(
    "siamese_loss",
    "other names, margin default",
    lambda a, b, y, margin=1.0: (
        torch.where(y, vn(a - b), (margin - vn(a - b)).relu()).square().mean() / 2
    ),
)
answers.right(
    "siamese_loss",
    "y in {0,1} arithmetic",
    lambda x1, x2, same, margin: (
        lambda y, d: (0.5 * y * d**2 + 0.5 * (1 - y) * torch.clamp(margin - d, min=0.0) ** 2).mean()
    )(same.to(x1.dtype), torch.norm(x1 - x2, dim=1)),
)


def s2(u, v):
    return (u - v).square().sum(1)


answers.wrong(
    "triplet_loss", "not squared", lambda A, P, N, m: (vn(A - P) - vn(A - N) + m).relu().mean()
)
answers.wrong(
    "triplet_loss",
    "F.triplet_margin_loss",
    lambda A, P, N, m: F.triplet_margin_loss(A, P, N, margin=m),
)
answers.wrong(
    "triplet_loss", "margin subtracted", lambda A, P, N, m: (s2(A, P) - s2(A, N) - m).relu().mean()
)
answers.wrong(
    "triplet_loss",
    "positive and negative swapped",
    lambda A, P, N, m: (s2(A, N) - s2(A, P) + m).relu().mean(),
)
answers.wrong("triplet_loss", "sum", lambda A, P, N, m: (s2(A, P) - s2(A, N) + m).relu().sum())
answers.wrong(
    "triplet_loss", "relu of the mean", lambda A, P, N, m: (s2(A, P) - s2(A, N) + m).mean().relu()
)
answers.wrong("triplet_loss", "no relu", lambda A, P, N, m: (s2(A, P) - s2(A, N) + m).mean())
answers.wrong(
    "triplet_loss",
    "mean over features",
    lambda A, P, N, m: ((A - P).square().mean(1) - (A - N).square().mean(1) + m).relu().mean(),
)
answers.wrong(
    "triplet_loss", "margin fixed 0.2", lambda A, P, N, m: (s2(A, P) - s2(A, N) + 0.2).relu().mean()
)
answers.wrong("triplet_loss", "no margin", lambda A, P, N, m: (s2(A, P) - s2(A, N)).relu().mean())
answers.wrong(
    "triplet_loss",
    "normalises first",
    lambda A, P, N, m: (s2(nor(A), nor(P)) - s2(nor(A), nor(N)) + m).relu().mean(),
)
answers.wrong(
    "triplet_loss",
    "anchor swap: min(an, pn)",
    lambda A, P, N, m: (s2(A, P) - torch.minimum(s2(A, N), s2(P, N)) + m).relu().mean(),
)
answers.wrong(
    "triplet_loss",
    "mean of the active only",
    lambda A, P, N, m: (lambda l: l.sum() / (l > 0).sum().clamp(min=1))(
        (s2(A, P) - s2(A, N) + m).relu()
    ),
)
answers.wrong(
    "triplet_loss",
    "margin outside the relu",
    lambda A, P, N, m: ((s2(A, P) - s2(A, N)).relu() + m).mean(),
)
answers.wrong(
    "triplet_loss", "softplus", lambda A, P, N, m: F.softplus(s2(A, P) - s2(A, N) + m).mean()
)
answers.wrong(
    "triplet_loss",
    "squared hinge",
    lambda A, P, N, m: (s2(A, P) - s2(A, N) + m).relu().square().mean(),
)
answers.wrong(
    "triplet_loss", "half", lambda A, P, N, m: (s2(A, P) - s2(A, N) + m).relu().mean() / 2
)
answers.wrong(
    "triplet_loss",
    "distance p-n instead of a-n",
    lambda A, P, N, m: (s2(A, P) - s2(P, N) + m).relu().mean(),
)
answers.wrong("triplet_loss", "per triplet", lambda A, P, N, m: (s2(A, P) - s2(A, N) + m).relu())
answers.wrong(
    "triplet_loss",
    "(a-p).sum()**2",
    lambda A, P, N, m: ((A - P).sum(1) ** 2 - (A - N).sum(1) ** 2 + m).relu().mean(),
)
answers.wrong(
    "triplet_loss",
    "sum over dim 0",
    lambda A, P, N, m: ((A - P).square().sum(0) - (A - N).square().sum(0) + m).relu().mean(),
)
answers.wrong(
    "triplet_loss",
    "sum over everything, one triplet",
    lambda A, P, N, m: ((A - P).square().sum() - (A - N).square().sum() + m).relu(),
)
answers.wrong(
    "triplet_loss",
    "cosine distances",
    lambda A, P, N, m: (F.cosine_similarity(A, N) - F.cosine_similarity(A, P) + m).relu().mean(),
)
answers.wrong(
    "triplet_loss",
    "python max(0, tensor)",
    lambda A, P, N, m: max(0, s2(A, P) - s2(A, N) + m).mean(),
)
answers.wrong(
    "triplet_loss",
    "detaches the anchor",
    lambda A, P, N, m: (s2(A.detach(), P) - s2(A.detach(), N) + m).relu().mean(),
)
answers.wrong(
    "triplet_loss",
    "relu on each distance",
    lambda A, P, N, m: (s2(A, P).relu() - (s2(A, N) + m).relu()).mean(),
)


def _tl(A, P, N, m):
    t = 0
    for x, p, n in zip(A, P, N, strict=False):
        t = t + torch.clamp(((x - p) ** 2).sum() - ((x - n) ** 2).sum() + m, min=0)
    return t / len(A)


answers.right("triplet_loss", "loops", _tl)
answers.right(
    "triplet_loss",
    "with_distance_loss",
    lambda A, P, N, m: F.triplet_margin_with_distance_loss(A, P, N, distance_function=s2, margin=m),
)
answers.right(
    "triplet_loss",
    "einsum",
    lambda A, P, N, m: F.relu(
        torch.einsum("bd,bd->b", A - P, A - P) - torch.einsum("bd,bd->b", A - N, A - N) + m
    ).mean(),
)
answers.right(
    "triplet_loss",
    "multiplied out",
    lambda A, P, N, m: torch.clamp(
        P.square().sum(1) - N.square().sum(1) - 2 * (A * (P - N)).sum(1) + m, min=0
    ).mean(),
)
answers.right(
    "triplet_loss",
    "torch.maximum with zeros",
    lambda A, P, N, m: (lambda l: torch.maximum(l, torch.zeros_like(l)).mean())(
        s2(A, P) - s2(A, N) + m
    ),
)
answers.right(
    "triplet_loss",
    "pairwise_distance(eps=0)**2",
    lambda A, P, N, m: (
        (F.pairwise_distance(A, P, eps=0) ** 2 - F.pairwise_distance(A, N, eps=0) ** 2 + m)
        .relu()
        .mean()
    ),
)
answers.right(
    "triplet_loss",
    "float64",
    lambda A, P, N, m: (s2(A.double(), P.double()) - s2(A.double(), N.double()) + m).relu().mean(),
)
answers.right(
    "triplet_loss",
    "where(l > 0)",
    lambda A, P, N, m: (lambda l: torch.where(l > 0, l, 0 * l).mean())(s2(A, P) - s2(A, N) + m),
)
answers.right(
    "triplet_loss",
    "other names, keyword-friendly",
    lambda anchor, positive, negative, margin=0.2: (
        (s2(anchor, positive) - s2(anchor, negative) + margin).clamp_min(0).mean()
    ),
)
answers.right(
    "triplet_loss", "sum / B", lambda A, P, N, m: (s2(A, P) - s2(A, N) + m).relu().sum() / A.size(0)
)
answers.right(
    "triplet_loss",
    "vector_norm squared",
    lambda A, P, N, m: (vn(A - P) ** 2 - vn(A - N) ** 2 + m).relu().mean(),
)
h, s_, e = ("hard", "semi-hard", "easy")
answers.wrong("regions", "unsquared margin (1.25): 1.2 semi-hard", [h, s_, s_, e])
answers.wrong("regions", "easy and hard swapped", [e, s_, h, h])
answers.wrong("regions", "farther = hard", [e, e, s_, h])
answers.wrong("regions", "margin as radius 0.25 around 1: 0.8 semi-hard", [s_, s_, s_, e])
answers.wrong("regions", "only hard/easy", [h, h, e, e])
answers.wrong("regions", "0.8 and 1.05 hard", [h, h, s_, e])
answers.wrong("regions", "last semi-hard", [h, s_, e, s_])
answers.wrong("regions", "three answers", [h, s_, e])
answers.wrong("regions", "one string", "hard, semi-hard, easy, easy")
answers.wrong("regions", "numbers", [0, 1, 2, 2])
answers.wrong("regions", "first: semi-hard", [s_, s_, e, e])
answers.right("regions", "tuple", (h, s_, e, e))
answers.right("regions", "list", [h, s_, e, e])
answers.right("regions", "numpy array of str", np.array([h, s_, e, e]))


def base(
    d, l, m, eye_out=True, pos=True, neg=True, low=True, high=True, gap=None, le=False, ge=False
):
    same = l[:, None] == l
    tw = same & ~torch.eye(len(l), dtype=torch.bool) if eye_out else same
    g = d[:, None, :] - d[:, :, None] if gap is None else gap(d)
    out = torch.ones_like(g, dtype=torch.bool)
    if pos:
        out = out & tw[:, :, None]
    if neg:
        out = out & ~same[:, None, :]
    if low:
        out = out & (g >= 0 if ge else g > 0)
    if high:
        out = out & (g <= m if le else g < m)
    return out


answers.wrong("semi_hard", "anchor its own positive", lambda d, l, m: base(d, l, m, eye_out=False))
answers.wrong("semi_hard", "positive of any class", lambda d, l, m: base(d, l, m, pos=False))
answers.wrong("semi_hard", "negative of any class", lambda d, l, m: base(d, l, m, neg=False))
answers.wrong("semi_hard", "no lower bound (hard too)", lambda d, l, m: base(d, l, m, low=False))
answers.wrong("semi_hard", "no upper bound (easy too)", lambda d, l, m: base(d, l, m, high=False))
answers.wrong("semi_hard", ">= 0", lambda d, l, m: base(d, l, m, ge=True))
answers.wrong("semi_hard", "<= margin", lambda d, l, m: base(d, l, m, le=True))
answers.wrong(
    "semi_hard",
    "sign of the gap",
    lambda d, l, m: base(d, l, m, gap=lambda d: d[:, :, None] - d[:, None, :]),
)
answers.wrong("semi_hard", "axes n and p swapped", lambda d, l, m: base(d, l, m).transpose(1, 2))
answers.wrong(
    "semi_hard",
    "axes n and p of the class masks swapped",
    lambda d, l, m: (
        ((l[:, None] == l) & ~torch.eye(len(l), dtype=torch.bool))[:, None, :]
        & (l[:, None] != l)[:, :, None]
        & (d[:, None, :] > d[:, :, None])
        & (d[:, None, :] < d[:, :, None] + m)
    ),
)
answers.wrong("semi_hard", "squares the distances", lambda d, l, m: base(d**2, l, m))
answers.wrong("semi_hard", "float mask", lambda d, l, m: base(d, l, m).float())
answers.wrong(
    "semi_hard",
    "hard mask",
    lambda d, l, m: base(d, l, m, low=False, high=False) & (d[:, None, :] <= d[:, :, None]),
)
answers.wrong(
    "semi_hard",
    "easy mask",
    lambda d, l, m: base(d, l, m, low=False, high=False) & (d[:, None, :] >= d[:, :, None] + m),
)
answers.wrong(
    "semi_hard",
    "distance p to n",
    lambda d, l, m: base(d, l, m, gap=lambda d: d[None, :, :] - d[:, :, None]),
)
answers.wrong(
    "semi_hard",
    "abs gap",
    lambda d, l, m: base(d, l, m, low=False, gap=lambda d: (d[:, None, :] - d[:, :, None]).abs()),
)
answers.wrong("semi_hard", "indices", lambda d, l, m: base(d, l, m).nonzero())
answers.wrong("semi_hard", "any over n", lambda d, l, m: base(d, l, m).any(2))
answers.wrong(
    "semi_hard",
    "positive differs from negative only by index",
    lambda d, l, m: (
        base(d, l, m, pos=False, neg=False) & ~torch.eye(len(l), dtype=torch.bool)[None]
    ),
)
answers.wrong("semi_hard", "margin ignored (0.2)", lambda d, l, m: base(d, l, 0.2))
answers.wrong(
    "semi_hard",
    "negative compared with the positive's class via p only (same[None])",
    lambda d, l, m: base(d, l, m, neg=False) & (l[:, None] != l)[:, :, None],
)
answers.wrong(
    "semi_hard",
    "distances[:, :, None] on both",
    lambda d, l, m: base(d, l, m, gap=lambda d: d[:, :, None] - d[None]),
)


def _slp(d, l, m):
    n = len(l)
    out = torch.zeros(n, n, n, dtype=torch.bool)
    for i in range(n):
        for j in range(n):
            for k in range(n):
                if i != j and l[i] == l[j] and (l[i] != l[k]) and (d[i, j] < d[i, k] < d[i, j] + m):
                    out[i, j, k] = True
    return out


answers.rule("semi_hard", "loops (no loops allowed)", _slp)
answers.right(
    "semi_hard",
    "as comparison with d_p + margin",
    lambda d, l, m: (
        lambda same: (
            (same & ~torch.eye(len(l), dtype=torch.bool))[:, :, None]
            & (~same)[:, None, :]
            & (d[:, None, :] > d[:, :, None])
            & (d[:, None, :] < d[:, :, None] + m)
        )
    )(l[:, None] == l),
)
answers.right(
    "semi_hard",
    "unsqueeze, logical_and",
    lambda d, l, m: torch.logical_and(
        torch.logical_and(
            (l.unsqueeze(0) == l.unsqueeze(1)).fill_diagonal_(False).unsqueeze(2),
            (l.unsqueeze(0) != l.unsqueeze(1)).unsqueeze(1),
        ),
        torch.logical_and(d.unsqueeze(1) - d.unsqueeze(2) > 0, d.unsqueeze(1) - d.unsqueeze(2) < m),
    ),
)
answers.right(
    "semi_hard",
    "einsum of masks",
    lambda d, l, m: (
        lambda same: (
            (
                torch.einsum(
                    "ap,an->apn",
                    (same & ~torch.eye(len(l), dtype=torch.bool)).float(),
                    (~same).float(),
                )
                > 0
            )
            & (d[:, None] > d[:, :, None])
            & (d[:, None] - d[:, :, None] < m)
        )
    )(l[:, None] == l),
)


def _snp(d, l, m):
    D, L = (d.numpy(), l.numpy())
    same = L[:, None] == L
    tw = same & ~np.eye(len(L), dtype=bool)
    g = D[:, None, :] - D[:, :, None]
    return torch.from_numpy(tw[:, :, None] & ~same[:, None, :] & (g > 0) & (g < m))


answers.right("semi_hard", "numpy, tensor out", _snp)
answers.right(
    "semi_hard",
    "loss between 0 and margin",
    lambda d, l, m: (
        lambda same, loss: (
            (same & ~torch.eye(len(l), dtype=torch.bool))[:, :, None]
            & ~same[:, None, :]
            & (loss > 0)
            & (loss < m)
        )
    )(l[:, None] == l, d[:, :, None] - d[:, None, :] + m),
)
answers.right(
    "semi_hard",
    "distinct index masks",
    lambda d, l, m: (
        lambda ne, same: (
            ne[:, :, None]
            & ne[:, None, :]
            & ne[None]
            & same[:, :, None]
            & ~same[:, None, :]
            & (d[:, None] > d[:, :, None])
            & (d[:, None] < d[:, :, None] + m)
        )
    )(~torch.eye(len(l), dtype=torch.bool), l[:, None] == l),
)


def _zero(d, l, m):
    out = torch.zeros(len(l), len(l), len(l), dtype=torch.bool)
    out |= base(d, l, m)
    return out


answers.right("semi_hard", "in place on own tensor", _zero)
