"""Answers to chapter 12 as students write them, made before the checks were read."""

import math
import statistics

import numpy as np
import torch
import torch.nn.functional as F

from tests.support.answers import Answers

answers = Answers("12")


# --- weighted_votes
def softmax_of_rows(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(0)
    return (weights[..., None] * F.one_hot(labels, n_classes)).sum(1)


def one_each(similarities, labels, n_classes, temperature):
    return F.one_hot(labels, n_classes).float().mean(1)


def not_normalised(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).exp()
    return (weights[..., None] * F.one_hot(labels, n_classes)).sum(1)


def softmax_of_votes(similarities, labels, n_classes, temperature):
    votes = (similarities[..., None] * F.one_hot(labels, n_classes)).sum(1)
    return (votes / temperature).softmax(1)


def index_overwrites(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    votes = torch.zeros(len(labels), n_classes)
    votes[torch.arange(len(labels))[:, None], labels] += weights
    return votes


def scatter_overwrites(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    votes = torch.zeros(len(labels), n_classes).scatter_(1, labels, weights)
    return votes / votes.sum(1, keepdim=True)


def highest_label(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    return (weights[..., None] * F.one_hot(labels)).sum(1)


def mean_of_neighbours(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    return (weights[..., None] * F.one_hot(labels, n_classes)).mean(1)


def times_temperature(similarities, labels, n_classes, temperature):
    weights = (similarities * temperature).softmax(1)
    return (weights[..., None] * F.one_hot(labels, n_classes)).sum(1)


def winner(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    return (weights[..., None] * F.one_hot(labels, n_classes)).sum(1).argmax(1)


answers.wrong("weighted_votes", "softmax over the test images", softmax_of_rows)
answers.wrong("weighted_votes", "every neighbour one vote", one_each)
answers.wrong("weighted_votes", "shares not normalised", not_normalised)
answers.wrong("weighted_votes", "softmax of the summed cosines", softmax_of_votes)
answers.wrong("weighted_votes", "two of a class: last one counts", index_overwrites)
answers.wrong("weighted_votes", "scatter without add, normalised", scatter_overwrites)
answers.wrong("weighted_votes", "n_classes left out", highest_label)
answers.wrong("weighted_votes", "mean over the neighbours", mean_of_neighbours)
answers.wrong("weighted_votes", "multiplied by the temperature", times_temperature)
answers.wrong("weighted_votes", "the winning class", winner)


def scatter_add(similarities, labels, n_classes, temperature):
    weights = F.softmax(similarities / temperature, dim=-1)
    votes = weights.new_zeros(len(labels), n_classes)
    return votes.scatter_add(1, labels, weights)


def loops(similarities, labels, n_classes, temperature):
    votes = []
    for row, names in zip(similarities, labels):
        weights = [math.exp(float(s - row.max()) / temperature) for s in row]
        mine = [0.0] * n_classes
        for weight, name in zip(weights, names.tolist()):
            mine[name] += weight / sum(weights)
        votes.append(mine)
    return torch.tensor(votes)


answers.right("weighted_votes", "scatter_add", scatter_add)
answers.right("weighted_votes", "plain loops", loops)


# --- standardise
def own_statistics(train, test):
    std = test.std(0, correction=0)
    std[std == 0] = 1
    return (test - test.mean(0)) / std


def both_together(train, test):
    both = torch.cat([train, test])
    std = both.std(0, correction=0)
    return (test - both.mean(0)) / torch.where(std == 0, 1, std)


def small_number_added(train, test):
    return (test - train.mean(0)) / (train.std(0, correction=0) + 1e-8)


def unbiased(train, test):
    std = train.std(0)
    std[std == 0] = 1
    return (test - train.mean(0)) / std


def own_mean(train, test):
    std = train.std(0, correction=0)
    std[std == 0] = 1
    return (test - test.mean(0)) / std


def clamp_one(train, test):
    return (test - train.mean(0)) / train.std(0, correction=0).clamp(min=1)


def variance(train, test):
    var = train.var(0, correction=0)
    var[var == 0] = 1
    return (test - train.mean(0)) / var


def one_for_all(train, test):
    return (test - train.mean()) / train.std(correction=0)


def divides_by_zero(train, test):
    return (test - train.mean(0)) / train.std(0, correction=0)


def nan_to_num(train, test):
    return torch.nan_to_num((test - train.mean(0)) / train.std(0, correction=0))


def training_returned(train, test):
    std = train.std(0, correction=0)
    std[std == 0] = 1
    return (train - train.mean(0)) / std


answers.wrong("standardise", "statistics of the test set", own_statistics)
answers.wrong("standardise", "statistics of both sets", both_together)
answers.wrong("standardise", "1e-8 added to a standard deviation", small_number_added)
answers.wrong("standardise", "N - 1", unbiased)
answers.wrong("standardise", "mean of the test set", own_mean)
answers.wrong("standardise", "no deviation below one", clamp_one)
answers.wrong("standardise", "divided by the variance", variance)
answers.wrong("standardise", "one mean for all features", one_for_all)
answers.wrong("standardise", "division by zero", divides_by_zero)
answers.wrong("standardise", "nan_to_num behind the division", nan_to_num)
answers.wrong("standardise", "training features returned", training_returned)


def numpy_features(train, test):
    a = train.numpy()
    std = a.std(axis=0)
    return torch.from_numpy((test.numpy() - a.mean(axis=0)) / np.where(std == 0, 1, std))


def where(train, test):
    centre = train.mean(dim=0, keepdim=True)
    std = (train - centre).square().mean(0).sqrt()
    return (test - centre) / torch.where(std > 0, std, torch.ones_like(std))


answers.right("standardise", "NumPy's std", numpy_features)
answers.right("standardise", "root of the mean square", where)

# --- half_width
answers.wrong("half_width", "of one episode", lambda accuracies: 1.96 * accuracies.std())
answers.wrong("half_width", "standard error", lambda a: a.std() / math.sqrt(len(a)))
answers.wrong("half_width", "whole width", lambda a: 2 * 1.96 * a.std() / len(a) ** 0.5)
answers.wrong("half_width", "divided by E", lambda a: 1.96 * a.std() / len(a))
answers.wrong("half_width", "variance", lambda a: 1.96 * a.var() / math.sqrt(len(a)))
answers.wrong("half_width", "90 %", lambda a: 1.645 * a.std() / math.sqrt(len(a)))
answers.wrong("half_width", "99 %", lambda a: 2.576 * a.std() / math.sqrt(len(a)))
answers.wrong("half_width", "root of E - 1", lambda a: 1.96 * a.std() / math.sqrt(len(a) - 1))
answers.wrong(
    "half_width",
    "of a coin with this mean",
    lambda a: 1.96 * (a.mean() * (1 - a.mean()) / len(a)).sqrt(),
)
answers.wrong(
    "half_width",
    "the interval itself",
    lambda a: (
        a.mean() - 1.96 * a.std() / math.sqrt(len(a)),
        a.mean() + 1.96 * a.std() / math.sqrt(len(a)),
    ),
)
answers.wrong(
    "half_width",
    "half of the 2.5 to 97.5 % range",
    lambda a: (a.quantile(0.975) - a.quantile(0.025)) / 2,
)
answers.right(
    "half_width",
    "standard library",
    lambda a: statistics.NormalDist().inv_cdf(0.975) * statistics.stdev(a.tolist()) / len(a) ** 0.5,
)
answers.right(
    "half_width", "NumPy", lambda a: 1.96 * np.std(a.numpy(), ddof=1) / np.sqrt(a.numel())
)

# --- leaking
answers.wrong("leaking", "the shuffled pile only", {"A"})
answers.wrong("leaking", "C missed", {"A", "E"})
answers.wrong("leaking", "E missed", {"A", "C"})
answers.wrong("leaking", "pre-training counted", {"A", "B", "C", "E"})
answers.wrong("leaking", "D counted", {"A", "C", "D", "E"})
answers.wrong("leaking", "the good ones", {"B", "D"})
answers.right("leaking", "a list in another order", ["E", "A", "C"])
answers.right("leaking", "a tuple", ("A", "C", "E"))
