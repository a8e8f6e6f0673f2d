"""Mistakes in the weighted votes of nearest neighbours."""

from __future__ import annotations

import torch
from torch import nn

from mlteach.evaluate import knn_votes
from mlteach.mistakes._registry import mistake


def count(weights, labels, n_classes):
    """The sum of the weights that each class gets."""
    return weights.new_zeros(len(weights), n_classes).scatter_add(1, labels, weights)


def shares(votes):
    """Each row divided by its sum."""
    return votes / votes.sum(1, keepdim=True)


@mistake(knn_votes, "every neighbour has the same weight: it is exp(similarity / temperature)")
def equal_weights(similarities, labels, *, n_classes, temperature):
    return shares(count(torch.ones_like(similarities), labels, n_classes))


@mistake(
    knn_votes, "you weigh with the similarity itself: the weight is exp(similarity / temperature)"
)
def similarities_for_weights(similarities, labels, *, n_classes, temperature):
    return shares(count(similarities, labels, n_classes))


@mistake(knn_votes, "the exponential is missing: you weigh with similarity / temperature")
def without_the_exponential(similarities, labels, *, n_classes, temperature):
    return count(similarities / temperature, labels, n_classes)


@mistake(
    knn_votes,
    "you multiply by the temperature: divide, so that a small one listens to the nearest only",
)
def times_temperature(similarities, labels, *, n_classes, temperature):
    return knn_votes(similarities, labels, n_classes=n_classes, temperature=1 / temperature)


@mistake(knn_votes, "the temperature is missing")
def without_temperature(similarities, labels, *, n_classes, temperature):
    return knn_votes(similarities, labels, n_classes=n_classes, temperature=1.0)


@mistake(
    knn_votes,
    "the far neighbours are the loud ones: "
    "a similarity grows with likeness, so there is no minus sign",
)
def far_ones_loud(similarities, labels, *, n_classes, temperature):
    return knn_votes(-similarities, labels, n_classes=n_classes, temperature=temperature)


@mistake(knn_votes, "your rows do not add up to 1: divide by the sum of all weights of the row")
def sums_of_weights(similarities, labels, *, n_classes, temperature):
    return count((similarities / temperature).exp(), labels, n_classes)


@mistake(
    knn_votes, "you divide by sums over the test images (dim=0): each image's own votes add up to 1"
)
def divided_down_the_columns(similarities, labels, *, n_classes, temperature):
    votes = count((similarities / temperature).exp(), labels, n_classes)
    return votes / votes.sum(0)


@mistake(
    knn_votes,
    "you take a softmax over the classes: add the weights up first, then divide them by their sum",
)
def softmax_over_classes(similarities, labels, *, n_classes, temperature):
    return count((similarities / temperature).exp(), labels, n_classes).softmax(1)


@mistake(knn_votes, "you divide by the number of neighbours: divide by the sum of their weights")
def mean_weights(similarities, labels, *, n_classes, temperature):
    return count((similarities / temperature).exp(), labels, n_classes) / labels.shape[1]


@mistake(knn_votes, "you return the winner alone: each class's share of the votes is asked for")
def winner_alone(similarities, labels, *, n_classes, temperature):
    votes = knn_votes(similarities, labels, n_classes=n_classes, temperature=temperature)
    return nn.functional.one_hot(votes.argmax(1), n_classes).to(votes)


@mistake(
    knn_votes,
    "of several neighbours of one class only the last one counts: "
    "an assignment overwrites, scatter_add_ adds",
)
def last_of_a_class_only(similarities, labels, *, n_classes, temperature):
    votes, rows = similarities.new_zeros(len(labels), n_classes), torch.arange(len(labels))
    for similarity, label in zip(similarities.T, labels.T, strict=True):
        votes[rows, label] = (similarity / temperature).exp()
    return shares(votes)


@mistake(
    knn_votes,
    "you take the softmax over the test images (dim=0): "
    "each image's own neighbours share its votes, dim=1",
)
def softmax_over_images(similarities, labels, *, n_classes, temperature):
    return count((similarities / temperature).softmax(0), labels, n_classes)


@mistake(knn_votes, "you divide by the sum of all weights: each image's own votes add up to 1")
def divided_by_all_weights(similarities, labels, *, n_classes, temperature):
    votes = count((similarities / temperature).exp(), labels, n_classes)
    return votes / votes.sum()


@mistake(knn_votes, "these are counts: a neighbour's weight is exp(similarity / temperature)")
def counts_alone(similarities, labels, *, n_classes, temperature):
    return count(torch.ones_like(similarities), labels, n_classes)


@mistake(
    knn_votes,
    "the weight is a power of the similarity: it is exp(similarity / temperature)",
)
def power_for_weight(similarities, labels, *, n_classes, temperature):
    return shares(count(similarities ** (1 / temperature), labels, n_classes))


@mistake(
    knn_votes,
    "you take a softmax of the summed similarities: "
    "the exponential belongs to each neighbour, before the sum",
)
def softmax_of_sums(similarities, labels, *, n_classes, temperature):
    return count(similarities / temperature, labels, n_classes).softmax(1)


@mistake(
    knn_votes, "only the loudest neighbour of each class counts: add the weights of all of them up"
)
def loudest_of_each_class(similarities, labels, *, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    votes = weights[..., None] * nn.functional.one_hot(labels, n_classes)
    return shares(votes.amax(1))


@mistake(
    knn_votes,
    "you take the mean weight of each class: a class with many neighbours has more votes, the sum",
)
def mean_of_each_class(similarities, labels, *, n_classes, temperature):
    votes = count((similarities / temperature).exp(), labels, n_classes)
    return shares(votes / count(torch.ones_like(similarities), labels, n_classes).clamp(min=1))


@mistake(
    knn_votes,
    "of several neighbours of one class only one counts: "
    "an assignment overwrites, scatter_add_ adds",
)
def overwritten(similarities, labels, *, n_classes, temperature):
    votes, rows = similarities.new_zeros(len(labels), n_classes), torch.arange(len(labels))
    for weight, label in zip((similarities / temperature).softmax(1).T, labels.T, strict=True):
        votes[rows, label] = weight
    return votes


@mistake(knn_votes, "only the nearest neighbour counts: all k of them vote")
def nearest_alone(similarities, labels, *, n_classes, temperature):
    return nn.functional.one_hot(labels[:, 0], n_classes).to(similarities)


@mistake(
    knn_votes, "you subtract 1 from the labels: they count from 0, and label c belongs to column c"
)
def labels_from_one(similarities, labels, *, n_classes, temperature):
    right = knn_votes(similarities, labels, n_classes=n_classes, temperature=temperature)
    return right.roll(-1, dims=1)


@mistake(
    knn_votes, "a sigmoid stands for the exponential: the weight is exp(similarity / temperature)"
)
def sigmoid_for_exponential(similarities, labels, *, n_classes, temperature):
    return shares(count((similarities / temperature).sigmoid(), labels, n_classes))


@mistake(knn_votes, "the nearest neighbour is left out: the test image is not among its neighbours")
def nearest_left_out(similarities, labels, *, n_classes, temperature):
    options = {"n_classes": n_classes, "temperature": temperature}
    return knn_votes(similarities[:, 1:], labels[:, 1:], **options)


@mistake(knn_votes, "you divide by the largest share: each row adds up to 1")
def divided_by_the_winner(similarities, labels, *, n_classes, temperature):
    votes = knn_votes(similarities, labels, n_classes=n_classes, temperature=temperature)
    return votes / votes.amax(1, keepdim=True)


@mistake(knn_votes, "weights fall with the rank: a weight is exp(similarity / temperature)")
def weights_by_rank(similarities, labels, *, n_classes, temperature):
    ranks = torch.arange(1, labels.shape[1] + 1).to(similarities)
    return shares(count((1 / ranks).expand_as(similarities), labels, n_classes))
