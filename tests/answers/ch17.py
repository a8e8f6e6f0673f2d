"""Answers to chapter 17 as students write them."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import sem
from scipy.stats import t as student
from torch import nn

from mlteach.episodes import Episode
from mlteach.losses import nt_xent, supervised_contrastive
from mlteach.meta import prototypical_loss
from tests.support.answers import Answers

answers = Answers("17")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# one_view_task(z, i)


def _logits(z, i):
    return -(z[i] - z).square().sum(1)


def _masked(z, i):
    logits = _logits(z, i).clone()
    logits[i] = -math.inf
    return F.cross_entropy(logits[None], torch.tensor([(i + len(z) // 2) % len(z)]))


def _loop(z, i):
    n, distances = len(z), []
    for k in range(n):
        if k != i:
            distances.append(((z[i] - z[k]) ** 2).sum())
    partner = i + n // 2 if i < n // 2 else i - n // 2
    return torch.logsumexp(-torch.stack(distances), 0) + ((z[i] - z[partner]) ** 2).sum()


def _loop_of_exp(z, i):
    """Of representations of some length each term is 0."""
    n, total = len(z), 0
    for k in range(n):
        if k != i:
            total = total + torch.exp(-((z[i] - z[k]) ** 2).sum())
    partner = i + n // 2 if i < n // 2 else i - n // 2
    return torch.log(total) + ((z[i] - z[partner]) ** 2).sum()


def _index_always_moved(z, i):
    n = len(z)
    logits = torch.cat([_logits(z, i)[:i], _logits(z, i)[i + 1 :]])
    return F.cross_entropy(logits[None], torch.tensor([((i + n // 2) % n - 1) % (n - 1)]))


def _mean_of_both_views(z, i):
    n_images = len(z) // 2
    logits = -(((z[:n_images] + z[n_images:]) / 2 - z[i]) ** 2).sum(1)
    return F.cross_entropy(logits[None], torch.tensor([i % n_images]))


def _softmax_twice(z, i):
    n = len(z)
    keep = torch.arange(n) != i
    probabilities = _logits(z, i)[keep].softmax(0)
    right = (torch.arange(n)[keep] == (i + n // 2) % n).nonzero()[0]
    return F.cross_entropy(probabilities[None], right)


def _rolled(z, i):
    """The query is the first row, its partner stands in the middle."""
    z = z.roll(-i, 0)
    return F.cross_entropy(-(z[1:] - z[0]).square().sum(1)[None], torch.tensor([len(z) // 2 - 1]))


def _as_an_episode(z, i):
    n = len(z)
    others = torch.tensor([k for k in range(n) if k != i])
    right = (others == (i + n // 2) % n).nonzero()[:, 0]
    support, classes = z[others][None], torch.arange(n - 1)[None]
    return prototypical_loss(
        nn.Identity(), Episode(support, classes, z[i][None, None], right[None])
    )


def _self_kept(z, i):
    return F.cross_entropy(_logits(z, i)[None], torch.tensor([(i + len(z) // 2) % len(z)]))


def _index_not_moved(z, i):
    """After row i is taken out, the partner has moved up by one."""
    logits = torch.cat([_logits(z, i)[:i], _logits(z, i)[i + 1 :]])
    return F.cross_entropy(logits[None], torch.tensor([(i + len(z) // 2) % len(z) % (len(z) - 1)]))


right("one_view_task", "minus infinity at the query", _masked)
right("one_view_task", "a loop", _loop)
right("one_view_task", "rolled", _rolled)
right("one_view_task", "as an episode", _as_an_episode)
wrong("one_view_task", "a loop of exp", _loop_of_exp)
wrong("one_view_task", "index always moved", _index_always_moved)
wrong("one_view_task", "the mean of both views", _mean_of_both_views)
wrong("one_view_task", "softmax twice", _softmax_twice)
wrong("one_view_task", "half the distance", lambda z, i: _masked_of(z, i, _logits(z, i) / 2))
wrong("one_view_task", "temperature 0.5", lambda z, i: _masked_of(z, i, _logits(z, i) / 0.5))
wrong("one_view_task", "whole NT-Xent", lambda z, i: nt_xent(*z.chunk(2)))
wrong(
    "one_view_task", "partner without modulo", lambda z, i: _masked_of(z, i, _logits(z, i), wrap=0)
)
wrong("one_view_task", "divided by the supports", lambda z, i: _masked(z, i) / (len(z) - 1))
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


def _masked_of(z, i, logits, wrap=True):
    keep = torch.arange(len(z)) != i
    partner = (i + len(z) // 2) % len(z) if wrap else min(i + len(z) // 2, len(z) - 1)
    return logits[keep].logsumexp(0) - logits[partner]


# zero_head_logits(support, labels, query, lr)


def _step(support, labels):
    targets = F.one_hot(labels).to(support)
    return support.T @ (targets - 1 / targets.shape[1]) / len(support)


def _n(labels):
    return int(labels.max()) + 1


def _one_hot(support, labels):
    return F.one_hot(labels).to(support)


def _sums(support, labels):
    sums = torch.zeros(_n(labels), support.shape[1]).to(support).index_add(0, labels, support)
    return sums - support.sum(0) / _n(labels)


def _class_means(support, labels):
    return torch.stack([support[labels == c].mean(0) for c in range(_n(labels))])


def _with_bias(support, labels, query, lr):
    error = _one_hot(support, labels) - 1 / _n(labels)
    return lr / len(support) * (query @ support.T @ error + error.sum(0))


def _two_steps(support, labels, query, lr):
    head = torch.zeros(support.shape[1], _n(labels)).to(support)
    for _ in range(2):
        error = (support @ head).softmax(1) - _one_hot(support, labels)
        head = head - lr * support.T @ error / len(support)
    return query @ head


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


wrong("zero_head_logits", "class means, as if all classes had as many images", _by_means)
rule("zero_head_logits", "autograd", _by_autograd)
right("zero_head_logits", "sums of inner products", _sum_over_supports)
right("zero_head_logits", "index_add", lambda s, y, q, lr: lr / len(s) * q @ _sums(s, y).T)
right(
    "zero_head_logits",
    "einsum",
    lambda s, y, q, lr: (
        torch.einsum("md,nd,nc->mc", q, s, _one_hot(s, y) - 1 / _n(y)) * lr / len(s)
    ),
)
wrong(
    "zero_head_logits",
    "1/N for the probabilities",
    lambda s, y, q, lr: lr / len(s) * q @ s.T @ (_one_hot(s, y) - 1 / len(s)),
)
wrong(
    "zero_head_logits",
    "divided by the classes",
    lambda s, y, q, lr: lr / _n(y) * q @ s.T @ (_one_hot(s, y) - 1 / _n(y)),
)
wrong(
    "zero_head_logits",
    "one half for the probabilities",
    lambda s, y, q, lr: lr / len(s) * q @ s.T @ (_one_hot(s, y) - 0.5),
)
wrong("zero_head_logits", "by N and C", lambda s, y, q, lr: lr * q @ _step(s, y) / _n(y))
wrong("zero_head_logits", "by N twice", lambda s, y, q, lr: lr * q @ _step(s, y) / len(s))
wrong("zero_head_logits", "by M", lambda s, y, q, lr: lr * q @ _step(s, y) * len(s) / len(q))
wrong("zero_head_logits", "prototypes", lambda s, y, q, lr: lr * q @ _class_means(s, y).T)
wrong(
    "zero_head_logits",
    "means minus the support's mean",
    lambda s, y, q, lr: lr * q @ (_class_means(s, y) - s.mean(0)).T,
)
wrong("zero_head_logits", "log_softmax", lambda s, y, q, lr: (lr * q @ _step(s, y)).log_softmax(1))
wrong("zero_head_logits", "a bias", lambda s, y, q, lr: _with_bias(s, y, q, lr))
wrong("zero_head_logits", "two steps", lambda s, y, q, lr: _two_steps(s, y, q, lr))
wrong(
    "zero_head_logits",
    "no create_graph",
    lambda s, y, q, lr: (
        q @ (lr * _step(s, y)).detach() if s.requires_grad else lr * q @ _step(s, y)
    ),
)
wrong("zero_head_logits", "predictions", lambda s, y, q, lr: (q @ _step(s, y)).argmax(1))
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
wrong("mixed_loss", "from a thousand on", _renamed)


def _two_batches_weighted(z1, z2, labels, temperature):
    share = (labels >= 0).float().mean()
    known = _known_only(z1, z2, labels, temperature)
    return share * known + (1 - share) * _unknown_only(z1, z2, labels, temperature)


def _pieces(z1, z2, labels, temperature, own=False):
    """Log-probabilities and positives, with the row itself among the candidates or not."""
    z, numbers = F.normalize(torch.cat([z1, z2])), _numbers(labels).repeat(2)
    same_row = torch.eye(len(z), dtype=torch.bool)
    logits = z @ z.T / temperature
    logits = logits if own else logits.masked_fill(same_row, -math.inf)
    return logits.log_softmax(1), (numbers[:, None] == numbers) & ~same_row


def _of_anchors(logs, positives):
    return torch.stack([-row[mine].mean() for row, mine in zip(logs, positives, strict=True)])


def _self_among_candidates(a, b, y, t):
    return _of_anchors(*_pieces(a, b, y, t, own=True)).mean()


def _self_a_positive(a, b, y, t):
    logs, positives = _pieces(a, b, y, t, own=True)
    return _of_anchors(logs, positives | torch.eye(len(logs), dtype=torch.bool)).mean()


def _over_pairs(a, b, y, t):
    logs, positives = _pieces(a, b, y, t)
    return -logs[positives].mean()


def _summed(a, b, y, t):
    logs, positives = _pieces(a, b, y, t)
    return -logs[positives].sum() / len(logs)


def _log_outside(a, b, y, t):
    logs, positives = _pieces(a, b, y, t)
    return -(logs.exp() * positives).sum(1).log().mean()


def _first_anchors(a, b, y, t):
    return _of_anchors(*_pieces(a, b, y, t))[: len(y)].mean()


def _labelled_anchors(a, b, y, t):
    return _of_anchors(*_pieces(a, b, y, t))[y.repeat(2) >= 0].mean()


def _other_images_only(a, b, y, t):
    logs, positives = _pieces(a, b, y, t)
    fewer = positives & ~torch.eye(len(logs), dtype=torch.bool).roll(len(y), 0)
    return _of_anchors(logs, torch.where(fewer.any(1)[:, None], fewer, positives)).mean()


def _across(a, b, y, t):
    numbers = _numbers(y)
    cosines = F.normalize(a) @ F.normalize(b).T / t
    same = numbers[:, None] == numbers
    both = [_of_anchors(s.log_softmax(1), same).mean() for s in (cosines, cosines.T)]
    return sum(both) / 2


def _from_the_largest(a, b, y, t):
    numbers = y.clone()
    numbers[y < 0] = y.max() + torch.arange(int((y < 0).sum()))
    return _sup(a, b, numbers.repeat(2), t)


def _random_numbers(a, b, y, t):
    return _sup(a, b, torch.where(y < 0, torch.randint(0, 10, y.shape), y).repeat(2), t)


def _of_eight(a, b, y, t):
    return _sup(a, b, torch.where(y < 0, 100 + torch.arange(len(y)) % 8, y).repeat(2), t)


wrong("mixed_loss", "two losses, weighted", _two_batches_weighted)
wrong("mixed_loss", "row itself among the candidates", _self_among_candidates)
wrong("mixed_loss", "row itself a positive", _self_a_positive)
wrong("mixed_loss", "mean over pairs", _over_pairs)
wrong("mixed_loss", "sum over positives", _summed)
wrong("mixed_loss", "logarithm outside", _log_outside)
wrong("mixed_loss", "first views as anchors", _first_anchors)
wrong("mixed_loss", "labelled anchors only", _labelled_anchors)
wrong("mixed_loss", "other images of the class only", _other_images_only)
wrong("mixed_loss", "across the sides", _across)
wrong("mixed_loss", "numbers from the largest on", _from_the_largest)
wrong("mixed_loss", "random numbers", _random_numbers)
wrong("mixed_loss", "eight images at most", _of_eight)
wrong(
    "mixed_loss",
    "each view numbered",
    lambda a, b, y, t: _sup(a, b, _numbers(torch.cat([y, y])), t),
)
wrong(
    "mixed_loss",
    "NT-Xent and the labelled",
    lambda a, b, y, t: nt_xent(a, b, temperature=t) + _known_only(a, b, y, t),
)
wrong(
    "mixed_loss",
    "default temperature",
    lambda a, b, y, t: supervised_contrastive(torch.cat([a, b]), _numbers(y).repeat(2)),
)
wrong("mixed_loss", "temperature 0.5", lambda a, b, y, t: _sup(a, b, _numbers(y).repeat(2), 0.5))
right(
    "mixed_loss",
    "image by image",
    lambda a, b, y, t: supervised_contrastive(
        torch.stack([a, b], 1).flatten(0, 1), _numbers(y).repeat_interleave(2), temperature=t
    ),
)
right(
    "mixed_loss", "float numbers", lambda a, b, y, t: _sup(b, a, _numbers(y).double().repeat(2), t)
)
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


def _width(ours, theirs, *, level=0.975, less=1, under=0):
    n = len(ours)
    return student.ppf(level, n - less) * (ours - theirs).std() / (n - under) ** 0.5


def _ends(ours, theirs):
    mean, half = (ours - theirs).mean(), _width(ours, theirs)
    return mean - half, mean + half


right("paired_half_width", "np.std by n - 1", lambda a, b: _width(a, b))
right(
    "paired_half_width",
    "by covariance",
    lambda a, b: (
        _t(len(a))
        * ((a.var() + b.var() - 2 * torch.cov(torch.stack([a, b]))[0, 1]) / len(a)).sqrt()
    ),
)
wrong("paired_half_width", "n - 2 degrees", lambda a, b: _width(a, b, less=2))
wrong("paired_half_width", "0.995", lambda a, b: _width(a, b, level=0.995))
wrong("paired_half_width", "n - 1 under the root", lambda a, b: _width(a, b, under=1))
wrong("paired_half_width", "2.776", lambda a, b: 2.776 * (a - b).std() / len(a) ** 0.5)
wrong("paired_half_width", "sorted", lambda a, b: _width(a.sort().values, b.sort().values))
wrong("paired_half_width", "both ends", _ends)
wrong("paired_half_width", "upper end", lambda a, b: _ends(a, b)[1])
wrong("paired_half_width", "variance", lambda a, b: _t(len(a)) * (a - b).var() / len(a) ** 0.5)
wrong("paired_half_width", "absolute differences", lambda a, b: _width((a - b).abs(), 0 * b))
wrong("paired_half_width", "ours alone", lambda a, b: _width(a, 0 * b))
wrong(
    "paired_half_width",
    "spreads subtracted",
    lambda a, b: _t(len(a)) * (a.std() - b.std()).abs() / len(a) ** 0.5,
)
wrong(
    "paired_half_width",
    "not paired, 2n - 2 degrees",
    lambda a, b: student.ppf(0.975, 2 * len(a) - 2) * ((a.var() + b.var()) / len(a)).sqrt(),
)


# mixed_loss, of batches with large class numbers


def _from(first):
    def answer(z1, z2, labels, temperature):
        own = first(labels) + torch.arange(len(labels))
        return _sup(z1, z2, torch.where(labels < 0, own, labels).repeat(2), temperature)

    return answer


def _below_all(z1, z2, labels, temperature):
    own = labels.min().clamp(max=0) - 1 - torch.arange(len(labels))
    return _sup(z1, z2, torch.where(labels < 0, own, labels).repeat(2), temperature)


def _numbered_by_unique(z1, z2, labels, temperature):
    known, numbers = labels.unique(return_inverse=True)
    own = len(known) + torch.arange(len(labels))
    return _sup(z1, z2, torch.where(labels < 0, own, numbers).repeat(2), temperature)


for first in (10, 100, 600, 690):
    wrong("mixed_loss", f"numbers from {first} on", _from(lambda labels, k=first: k))
wrong("mixed_loss", "numbers from B on", _from(len))
wrong("mixed_loss", "numbers from 2B on", _from(lambda labels: 2 * len(labels)))
wrong("mixed_loss", "numbers from the largest on, by rows", _from(lambda labels: labels.max()))
right("mixed_loss", "below all labels", _below_all)
right("mixed_loss", "classes numbered anew", _numbered_by_unique)


def _side_by_side(z1, z2, labels, temperature, repeat=torch.Tensor.repeat):
    z = torch.stack([z1, z2], 1).flatten(0, 1)
    return supervised_contrastive(z, repeat(_numbers(labels), 2), temperature=temperature)


def _mean_inside(a, b, y, t):
    logs, positives = _pieces(a, b, y, t)
    return -((logs.exp() * positives).sum(1) / positives.sum(1)).log().mean()


def _half_nt_xent(a, b, y, t):
    return (_sup(a, b, _numbers(y).repeat(2), t) + nt_xent(a, b, temperature=t)) / 2


wrong("mixed_loss", "views side by side, numbers repeated", _side_by_side)
wrong("mixed_loss", "mean inside the logarithm", _mean_inside)
wrong("mixed_loss", "half of it NT-Xent", _half_nt_xent)
right(
    "mixed_loss",
    "views side by side, numbers too",
    lambda *given: _side_by_side(*given, repeat=torch.repeat_interleave),
)


# one_view_task and paired_half_width, more slips


def _next_row(z, i):
    logits = _logits(z, i)
    return logits[torch.arange(len(z)) != i].logsumexp(0) - logits[(i + 1) % len(z)]


wrong("one_view_task", "the next row", _next_row)
wrong(
    "paired_half_width",
    "half widths added",
    lambda a, b: _width(a, 0 * b) + _width(b, 0 * a),
)
wrong("paired_half_width", "relative differences", lambda a, b: _width((a - b) / b, 0 * b))
wrong(
    "paired_half_width",
    "2n - 2 degrees",
    lambda a, b: student.ppf(0.975, 2 * len(a) - 2) * (a - b).std() / len(a) ** 0.5,
)
