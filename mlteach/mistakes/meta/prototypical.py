"""Mistakes in prototypes, the loss of the queries, and prototypes as a linear layer."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from mlteach.meta import prototypical_loss
from mlteach.mistakes._registry import mistake
from mlteach.mistakes.meta.maml import on_queries

# --- prototypes ----------------------------------------------------------------------------------


def prototypes(support, labels, n_way):
    """Right: the mean of each class's support, (n_way, D)."""
    return torch.stack([support[labels == label].mean(0) for label in range(n_way)])


@mistake(prototypes, "you add a class's support up: divide by the number of its images")
def sums_for_means(support, labels, n_way):
    sizes = labels.bincount(minlength=n_way)[:, None]
    return sizes * prototypes(support, labels, n_way)


@mistake(
    prototypes, "you divide by the number of all support images: each class has its own number"
)
def divided_by_all(support, labels, n_way):
    return sums_for_means(support, labels, n_way) / len(labels)


@mistake(
    prototypes,
    "you take the rows in their order, as if they came class by class: "
    "labels says which row belongs to which",
)
def taken_for_sorted(support, labels, n_way):
    return torch.stack([part.mean(0) for part in support.tensor_split(n_way)])


@mistake(prototypes, "you take one image of each class: a prototype is the mean of all of them")
def first_of_each_class(support, labels, n_way):
    return torch.stack([support[labels == label][0] for label in range(n_way)])


@mistake(prototypes, "all classes get the same mean: each has the mean of its own support")
def one_mean_for_all(support, labels, n_way):
    return support.mean(0).expand(n_way, -1)


@mistake(prototypes, "this is the median: a prototype is the mean")
def medians(support, labels, n_way):
    return torch.stack([support[labels == label].median(0).values for label in range(n_way)])


@mistake(
    prototypes, "you normalise the representations: prototypical networks take them as they are"
)
def of_unit_vectors(support, labels, n_way):
    return prototypes(F.normalize(support, dim=1), labels, n_way)


# --- the loss of the queries ---------------------------------------------------------------------


def squared_distances(query, prototypes):
    """(Q, C) from each query to each prototype."""
    return (query[:, None] - prototypes).square().sum(2)


def prototype_loss(prototypes, query, labels):
    """Right: cross-entropy of minus the squared distances, a mean over the queries, in nats."""
    return F.cross_entropy(-squared_distances(query, prototypes), labels)


@mistake(prototype_loss, "you take the distance, not its square")
def distances_not_squared(prototypes, query, labels):
    return F.cross_entropy(-squared_distances(query, prototypes).sqrt(), labels)


@mistake(
    prototype_loss,
    "the far prototypes get the largest logits: a logit is minus the squared distance",
)
def far_ones_likely(prototypes, query, labels):
    return F.cross_entropy(squared_distances(query, prototypes), labels)


@mistake(prototype_loss, "you average over the features: a squared distance is a sum over them")
def mean_over_features(prototypes, query, labels):
    return F.cross_entropy(-squared_distances(query, prototypes) / query.shape[1], labels)


@mistake(prototype_loss, "you add up over the queries: the loss is their mean")
def sum_over_queries(prototypes, query, labels):
    return len(query) * prototype_loss(prototypes, query, labels)


@mistake(prototype_loss, "you use the cosine: here it is minus the squared Euclidean distance")
def cosines_for_distances(prototypes, query, labels):
    cosines = F.normalize(query, dim=1) @ F.normalize(prototypes, dim=1).T
    return F.cross_entropy(cosines, labels)


@mistake(
    prototype_loss,
    "this is the product with the prototype alone: "
    "the prototype's own squared length is missing, and a factor 2",
)
def products_for_distances(prototypes, query, labels):
    return F.cross_entropy(query @ prototypes.T, labels)


@mistake(
    prototype_loss,
    "this is the distance to the own prototype alone: "
    "without the others in the softmax all points may fall together",
)
def own_distance_alone(prototypes, query, labels):
    return squared_distances(query, prototypes).gather(1, labels[:, None]).mean()


@mistake(
    prototype_loss, "a query meets the label of the next class: labels say which row is its own"
)
def labels_shifted(prototypes, query, labels):
    return prototype_loss(prototypes, query, (labels + 1) % len(prototypes))


@mistake(prototype_loss, "you take the softmax twice: cross_entropy takes it itself")
def softmax_twice(prototypes, query, labels):
    return F.cross_entropy((-squared_distances(query, prototypes)).softmax(1), labels)


@mistake(prototype_loss, "the softmax runs over the queries: it runs over the prototypes, dim 1")
def softmax_over_queries(prototypes, query, labels):
    return F.nll_loss((-squared_distances(query, prototypes)).log_softmax(0), labels)


@mistake(prototype_loss, "the logarithm is missing: the loss is minus the log of the probability")
def logarithm_missing(prototypes, query, labels):
    return F.nll_loss((-squared_distances(query, prototypes)).softmax(1), labels)


@mistake(prototype_loss, "the minus sign is missing: the loss is minus the log of the probability")
def minus_missing(prototypes, query, labels):
    return -prototype_loss(prototypes, query, labels)


@mistake(prototypical_loss, "the prototypes are made of queries: they are the support's means")
def prototypes_of_queries(encoder, episodes):
    return prototypical_loss(encoder, on_queries(episodes))


# --- prototypes as a linear layer ----------------------------------------------------------------


def linear_layer(prototypes):
    """Right: each class's weights and after them its bias, (C, D + 1)."""
    return torch.cat([2 * prototypes, -prototypes.square().sum(1, keepdim=True)], 1)


def rescaled(prototypes, weight, bias):
    """The right layer with its weights and biases multiplied."""
    layer = linear_layer(prototypes)
    return torch.cat([weight * layer[:, :-1], bias * layer[:, -1:]], 1)


@mistake(linear_layer, "the factor 2 is missing: -|x - m|² = 2 m·x - |m|² - |x|²")
def factor_two_missing(prototypes):
    return rescaled(prototypes, 0.5, 1)


@mistake(
    linear_layer, "the bias has the wrong sign: a prototype far from the origin needs a handicap"
)
def sign_of_the_bias(prototypes):
    return rescaled(prototypes, 1, -1)


@mistake(linear_layer, "the bias is in the first column: it comes after the weights")
def bias_first(prototypes):
    return linear_layer(prototypes).roll(1, dims=1)


@mistake(linear_layer, "your matrix is transposed: a row for each class, (C, D + 1)")
def transposed(prototypes):
    return linear_layer(prototypes).T


@mistake(linear_layer, "both signs are flipped: the logit is minus the squared distance")
def both_signs(prototypes):
    return rescaled(prototypes, -1, -1)


@mistake(
    linear_layer,
    "the bias is missing: without it a long prototype would win everywhere on its side",
)
def bias_missing(prototypes):
    return rescaled(prototypes, 1, 0)


@mistake(linear_layer, "the bias is minus the squared length of the prototype, not the length")
def length_not_squared(prototypes):
    return torch.cat([2 * prototypes, -prototypes.norm(dim=1, keepdim=True)], 1)


@mistake(linear_layer, "this is half of the layer: the softmax would be another one")
def half_of_the_layer(prototypes):
    return rescaled(prototypes, 0.5, 0.5)
