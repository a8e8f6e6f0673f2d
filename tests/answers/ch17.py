"""Answers to chapter 17 as students write them."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import sem
from scipy.stats import t as student
from torch import nn

from mlteach.losses import nt_xent, supervised_contrastive
from tests.support.answers import Answers

answers = Answers("17")
wrong, right = answers.wrong, answers.right


# one_view_task(z, i)


def _logits(z, i):
    return -(z[i] - z).square().sum(1)


def _masked(z, i):
    logits = _logits(z, i).clone()
    logits[i] = -math.inf
    return F.cross_entropy(logits[None], torch.tensor([(i + len(z) // 2) % len(z)]))


def _loop(z, i):
    n, total = len(z), 0
    for k in range(n):
        if k != i:
            total = total + torch.exp(-((z[i] - z[k]) ** 2).sum())
    partner = i + n // 2 if i < n // 2 else i - n // 2
    return torch.log(total) + ((z[i] - z[partner]) ** 2).sum()


def _self_kept(z, i):
    return F.cross_entropy(_logits(z, i)[None], torch.tensor([(i + len(z) // 2) % len(z)]))


def _index_not_moved(z, i):
    """After row i is taken out, the partner has moved up by one."""
    logits = torch.cat([_logits(z, i)[:i], _logits(z, i)[i + 1 :]])
    return F.cross_entropy(logits[None], torch.tensor([(i + len(z) // 2) % len(z) % (len(z) - 1)]))


right("one_view_task", "minus infinity at the query", _masked)
right("one_view_task", "a loop", _loop)
right(
    "one_view_task",
    "cdist",
    lambda z, i: (
        torch.logsumexp(-(torch.cdist(z[i : i + 1], z)[0] ** 2)[torch.arange(len(z)) != i], 0)
        + (z[i] - z[i - len(z) // 2]).square().sum()
    ),
)
wrong(
    "one_view_task",
    "inner products, doubled",
    lambda z, i: (
        (2 * z @ z[i])[torch.arange(len(z)) != i].logsumexp(0) - 2 * z[i] @ z[i - len(z) // 2]
    ),
)
wrong("one_view_task", "the query is its own support", _self_kept)
wrong("one_view_task", "index not moved", _index_not_moved)
wrong(
    "one_view_task",
    "the next row",
    lambda z, i: _masked(torch.stack([z[0::2], z[1::2]], 0).flatten(0, 1), i),
)
wrong(
    "one_view_task", "distance, not squared", lambda z, i: _masked_of(z, i, -(z[i] - z).norm(dim=1))
)
wrong("one_view_task", "sign", lambda z, i: _masked_of(z, i, -_logits(z, i)))
wrong(
    "one_view_task",
    "cosine instead",
    lambda z, i: _masked_of(z, i, F.normalize(z) @ F.normalize(z)[i]),
)
wrong("one_view_task", "inner product", lambda z, i: _masked_of(z, i, z @ z[i]))
wrong(
    "one_view_task", "mean over features", lambda z, i: _masked_of(z, i, _logits(z, i) / z.shape[1])
)
wrong("one_view_task", "probability", lambda z, i: torch.exp(-_masked(z, i)))
wrong("one_view_task", "the logit alone", lambda z, i: (z[i] - z[i - len(z) // 2]).square().sum())
wrong("one_view_task", "item", lambda z, i: _masked(z, i).item())


def _masked_of(z, i, logits):
    keep = torch.arange(len(z)) != i
    return logits[keep].logsumexp(0) - logits[(i + len(z) // 2) % len(z)]


# zero_head_logits(support, labels, query, lr)


def _step(support, labels):
    targets = F.one_hot(labels).to(support)
    return support.T @ (targets - 1 / targets.shape[1]) / len(support)


def _by_means(support, labels, query, lr):
    means = torch.stack([support[labels == c].mean(0) for c in labels.unique()])
    return lr / len(means) * query @ (means - means.mean(0)).T


def _by_autograd(support, labels, query, lr):
    head = torch.zeros(support.shape[1], int(labels.max()) + 1, requires_grad=True).to(support)
    loss = F.cross_entropy(support @ head, labels)
    (gradient,) = torch.autograd.grad(loss, head, create_graph=True)
    return query @ (head - lr * gradient)


def _sum_over_supports(support, labels, query, lr):
    likeness = query @ support.T  # (M, N)
    one_hot = torch.eye(int(labels.max()) + 1).to(support)[labels]
    centred = likeness @ one_hot - likeness.sum(1, keepdim=True) / one_hot.shape[1]
    return lr * centred / len(support)


right("zero_head_logits", "class means minus their mean", _by_means)
right("zero_head_logits", "autograd", _by_autograd)
right("zero_head_logits", "sums of inner products", _sum_over_supports)
wrong("zero_head_logits", "uphill", lambda s, y, q, lr: -lr * q @ _step(s, y))
wrong("zero_head_logits", "no lr", lambda s, y, q, lr: q @ _step(s, y))
wrong("zero_head_logits", "no 1/N", lambda s, y, q, lr: lr * len(s) * q @ _step(s, y))
wrong(
    "zero_head_logits",
    "no probabilities",
    lambda s, y, q, lr: lr * q @ s.T @ F.one_hot(y).to(s) / len(s),
)
wrong("zero_head_logits", "means, no 1/C", lambda s, y, q, lr: (y.max() + 1) * lr * q @ _step(s, y))
wrong("zero_head_logits", "softmax", lambda s, y, q, lr: (lr * q @ _step(s, y)).softmax(1))
wrong("zero_head_logits", "transposed", lambda s, y, q, lr: (lr * q @ _step(s, y)).T)
wrong("zero_head_logits", "no graph", lambda s, y, q, lr: (lr * q @ _step(s, y)).detach())
wrong("zero_head_logits", "support detached", lambda s, y, q, lr: lr * q @ _step(s.detach(), y))
wrong("zero_head_logits", "head returned", lambda s, y, q, lr: lr * _step(s, y))
wrong("zero_head_logits", "adapts to the query", lambda s, y, q, lr: lr * s @ _step(s, y))


# mixed_loss(z1, z2, labels, temperature)


def _numbers(labels):
    own = labels.max().clamp(min=0) + 1 + torch.arange(len(labels))
    return torch.where(labels < 0, own, labels)


def _sup(z1, z2, numbers, temperature):
    return supervised_contrastive(torch.cat([z1, z2]), numbers, temperature=temperature)


def _by_mask(z1, z2, labels, temperature):
    z, n = F.normalize(torch.cat([z1, z2])), len(labels)
    both, image = labels.repeat(2), torch.arange(n).repeat(2)
    same = (both[:, None] == both) & (both[:, None] >= 0) | (image[:, None] == image)
    own = torch.eye(2 * n, dtype=torch.bool)
    logs = (z @ z.T / temperature).masked_fill(own, -math.inf).log_softmax(1)
    positives = same & ~own
    return (-logs.masked_fill(~positives, 0).sum(1) / positives.sum(1)).mean()


def _negative_numbers(z1, z2, labels, temperature):
    numbers = torch.where(labels < 0, -1 - torch.arange(len(labels)), labels)
    return _sup(z1, z2, numbers.repeat(2), temperature)


def _renamed(z1, z2, labels, temperature):
    numbers = labels.clone()
    numbers[labels < 0] = 1000 + torch.arange(int((labels < 0).sum()))
    return _sup(z1, z2, torch.cat([numbers, numbers]), temperature)


def _known_only(z1, z2, labels, temperature):
    known = labels >= 0
    return _sup(z1[known], z2[known], labels[known].repeat(2), temperature)


def _unknown_only(z1, z2, labels, temperature):
    return nt_xent(z1[labels < 0], z2[labels < 0], temperature=temperature)


right("mixed_loss", "masks", _by_mask)
right("mixed_loss", "negative numbers of their own", _negative_numbers)
right("mixed_loss", "from a thousand on", _renamed)
wrong("mixed_loss", "-1 as a class", lambda a, b, y, t: _sup(a, b, y.repeat(2), t))
wrong("mixed_loss", "NT-Xent", lambda a, b, y, t: nt_xent(a, b, temperature=t))
wrong("mixed_loss", "labelled images only", _known_only)
wrong("mixed_loss", "unlabelled images only", _unknown_only)
wrong(
    "mixed_loss",
    "two losses",
    lambda a, b, y, t: _known_only(a, b, y, t) + _unknown_only(a, b, y, t),
)
wrong(
    "mixed_loss", "interleaved", lambda a, b, y, t: _sup(a, b, _numbers(y).repeat_interleave(2), t)
)
wrong(
    "mixed_loss",
    "numbers used twice",
    lambda a, b, y, t: _sup(a, b, torch.where(y < 0, torch.arange(len(y)), y).repeat(2), t),
)
wrong("mixed_loss", "no temperature", lambda a, b, y, t: _sup(a, b, _numbers(y).repeat(2), 1.0))
wrong("mixed_loss", "as class 0", lambda a, b, y, t: _sup(a, b, y.clamp(min=0).repeat(2), t))
wrong(
    "mixed_loss",
    "first views only",
    lambda a, b, y, t: supervised_contrastive(a, _numbers(y), temperature=t),
)
wrong("mixed_loss", "twice", lambda a, b, y, t: 2 * _sup(a, b, _numbers(y).repeat(2), t))


# paired_half_width(ours, theirs)


def _t(n):
    return student.ppf(0.975, n - 1)


def _numpy(ours, theirs):
    more = np.asarray(ours) - np.asarray(theirs)
    return _t(len(more)) * more.std(ddof=1) / np.sqrt(len(more))


right("paired_half_width", "numpy", _numpy)
right("paired_half_width", "scipy's sem", lambda a, b: _t(len(a)) * sem((a - b).numpy()))
right(
    "paired_half_width",
    "scipy's interval",
    lambda a, b: np.ptp(student.interval(0.95, len(a) - 1, scale=sem((a - b).numpy()))) / 2,
)
wrong("paired_half_width", "1.96", lambda a, b: 1.96 * (a - b).std() / len(a) ** 0.5)
wrong(
    "paired_half_width",
    "not paired",
    lambda a, b: _t(len(a)) * (a.var() + b.var()).sqrt() / len(a) ** 0.5,
)
wrong(
    "paired_half_width",
    "n degrees",
    lambda a, b: student.ppf(0.975, len(a)) * (a - b).std() / len(a) ** 0.5,
)
wrong(
    "paired_half_width",
    "0.95",
    lambda a, b: student.ppf(0.95, len(a) - 1) * (a - b).std() / len(a) ** 0.5,
)
wrong("paired_half_width", "no root of n", lambda a, b: _t(len(a)) * (a - b).std())
wrong("paired_half_width", "by n", lambda a, b: _t(len(a)) * (a - b).std() / len(a))
wrong(
    "paired_half_width", "np.std", lambda a, b: _t(len(a)) * np.std((a - b).numpy()) / len(a) ** 0.5
)
wrong("paired_half_width", "both ways", lambda a, b: 2 * _numpy(a, b))
wrong("paired_half_width", "mean", lambda a, b: (a - b).mean())
wrong("paired_half_width", "in points", lambda a, b: 100 * _numpy(a, b))
wrong("paired_half_width", "a pair", lambda a, b: ((a - b).mean(), _numpy(a, b)))
wrong("paired_half_width", "a network", nn.Identity())
