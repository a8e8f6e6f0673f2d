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


@mistake(
    prototypes, "every class is divided by S / n_way: divide each by the number of its own images"
)
def equal_sizes_taken_for_granted(support, labels, n_way):
    return n_way * divided_by_all(support, labels, n_way)


@mistake(
    prototypes, "you divide by the number of classes: divide by the number of a class's images"
)
def divided_by_the_ways(support, labels, n_way):
    return sums_for_means(support, labels, n_way) / n_way


@mistake(
    prototypes,
    "every class is divided by the size of the largest: divide each by its own number of images",
)
def divided_by_the_largest_class(support, labels, n_way):
    return sums_for_means(support, labels, n_way) / labels.bincount().max()


@mistake(
    prototypes,
    "zeros are in the mean, one more image for each class: "
    "divide by the number of a class's images alone",
)
def a_zero_too_many(support, labels, n_way):
    sizes = labels.bincount(minlength=n_way)[:, None]
    return sums_for_means(support, labels, n_way) / (sizes + 1)


@mistake(
    prototypes,
    "`prototypes[labels] += support` keeps one image of each class: index_add_ adds all of them",
)
def last_of_each_class(support, labels, n_way):
    return torch.stack([support[labels == label][-1] for label in range(n_way)])


@mistake(
    prototypes,
    "one image of each class alone is divided by the number of all: index_add_ adds them up first",
)
def share_of_the_last_of_each_class(support, labels, n_way):
    return last_of_each_class(support, labels, n_way) / labels.bincount(minlength=n_way)[:, None]


@mistake(
    prototypes, "the classes stand in the order in which they appear: row c belongs to label c"
)
def in_order_of_appearance(support, labels, n_way):
    return prototypes(support, labels, n_way)[list(dict.fromkeys(labels.tolist()))]


@mistake(
    prototypes,
    "you take every n_way-th row, as if the labels went 0, 1, 2, 0, 1, 2: "
    "labels says which row belongs to which",
)
def taken_for_interleaved(support, labels, n_way):
    return torch.stack([support[label::n_way].mean(0) for label in range(n_way)])


@mistake(
    prototypes,
    "you sort by label and cut into equal parts: the classes need not be of one size",
)
def sorted_and_cut(support, labels, n_way):
    return torch.stack([part.mean(0) for part in support[labels.argsort()].tensor_split(n_way)])


@mistake(
    prototypes,
    "each further image halves what was before: a mean weighs all images of a class alike",
)
def halfway_to_each_image(support, labels, n_way):
    rows = []
    for label in range(n_way):
        mean, *rest = support[labels == label]
        for image in rest:
            mean = (mean + image) / 2
        rows.append(mean)
    return torch.stack(rows)


@mistake(prototypes, "this is the mean of all images of the other classes: take the class's own")
def mean_of_the_others(support, labels, n_way):
    return torch.stack([support[labels != label].mean(0) for label in range(n_way)])


@mistake(prototypes, "you normalise the prototypes: prototypical networks take the mean as it is")
def unit_prototypes(support, labels, n_way):
    return F.normalize(prototypes(support, labels, n_way), dim=1)


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


@mistake(prototype_loss, "you halve the squared distance: the logit is minus all of it")
def half_of_the_distances(prototypes, query, labels):
    return F.cross_entropy(-squared_distances(query, prototypes) / 2, labels)


@mistake(
    prototype_loss, "you add up absolute differences: the distance is the sum of their squares"
)
def absolute_differences(prototypes, query, labels):
    return F.cross_entropy(-torch.cdist(query, prototypes, p=1), labels)


@mistake(
    prototype_loss,
    "the prototypes' own squared lengths are missing, the layer's bias: "
    "-|q - c|² is 2 q·c - |c|² and what all classes share",
)
def lengths_of_prototypes_missing(prototypes, query, labels):
    return F.cross_entropy(2 * query @ prototypes.T, labels)


@mistake(
    prototype_loss,
    "the squared length of the prototype has the wrong sign: -|q - c|² is 2 q·c - |c|² - |q|²",
)
def lengths_of_prototypes_added(prototypes, query, labels):
    return F.cross_entropy(2 * query @ prototypes.T + prototypes.square().sum(1), labels)


@mistake(prototype_loss, "the product lacks its factor 2: -|q - c|² is 2 q·c - |c|² - |q|²")
def product_without_two(prototypes, query, labels):
    return F.cross_entropy(query @ prototypes.T - prototypes.square().sum(1), labels)


@mistake(
    prototype_loss, "query and prototypes are normalised: the distances are of them as they are"
)
def of_unit_vectors_alone(prototypes, query, labels):
    return prototype_loss(F.normalize(prototypes, dim=1), F.normalize(query, dim=1), labels)


@mistake(prototype_loss, "labels are smoothed: the plain cross-entropy is asked for")
def labels_smoothed(prototypes, query, labels):
    logits = -squared_distances(query, prototypes)
    return F.cross_entropy(logits, labels, label_smoothing=0.1)


@mistake(
    prototype_loss, "the nearest prototype is taken for the label: labels say whose each query is"
)
def nearest_for_label(prototypes, query, labels):
    distances = squared_distances(query, prototypes)
    return F.cross_entropy(-distances, distances.argmin(1))


@mistake(
    prototype_loss,
    "the own prototype is missing in the denominator: the softmax runs over all of them",
)
def own_missing_below(prototypes, query, labels):
    logits = -squared_distances(query, prototypes)
    own = F.one_hot(labels, len(prototypes)).bool()
    return (logits.masked_fill(own, -torch.inf).logsumexp(1) - logits[own]).mean()


@mistake(
    prototype_loss,
    "a small number is added in the logarithm: where a probability is tiny, it is all that counts. "
    "cross_entropy takes the logits and needs none",
)
def small_number_in_the_logarithm(prototypes, query, labels):
    p = (-squared_distances(query, prototypes)).softmax(1).gather(1, labels[:, None])
    return -(p + 1e-6).log().mean()


@mistake(prototype_loss, "this is the mean probability of being wrong: take minus the log of it")
def chance_of_being_wrong(prototypes, query, labels):
    p = (-squared_distances(query, prototypes)).softmax(1).gather(1, labels[:, None])
    return (1 - p).mean()


@mistake(
    prototype_loss,
    "you take the log of the mean probability: take the log for each query, then the mean",
)
def log_of_the_mean(prototypes, query, labels):
    p = (-squared_distances(query, prototypes)).softmax(1).gather(1, labels[:, None])
    return -p.mean().log()


@mistake(
    prototype_loss,
    "you take the mean of each class's mean: every query weighs the same in the mean",
)
def mean_of_class_means(prototypes, query, labels):
    own = [labels == label for label in labels.unique()]
    means = [prototype_loss(prototypes, query[rows], labels[rows]) for rows in own]
    return torch.stack(means).mean()


@mistake(
    prototype_loss,
    "this is the squared error of the probabilities: the loss is minus the log of the own one",
)
def squared_error_of_probabilities(prototypes, query, labels):
    p = (-squared_distances(query, prototypes)).softmax(1)
    return F.mse_loss(p, F.one_hot(labels, len(prototypes)).to(p))


@mistake(prototype_loss, "this is a loss with a margin: the cross-entropy is asked for")
def margin_for_entropy(prototypes, query, labels):
    return F.multi_margin_loss(-squared_distances(query, prototypes), labels)


@mistake(prototype_loss, "exp is taken before cross_entropy: it takes exp itself, of the logits")
def exp_before_entropy(prototypes, query, labels):
    return F.cross_entropy((-squared_distances(query, prototypes)).exp(), labels)


@mistake(prototype_loss, "1 / distance stands for the logit: a logit is minus the squared distance")
def inverse_distances(prototypes, query, labels):
    return F.cross_entropy(1 / torch.cdist(query, prototypes), labels)


@mistake(prototype_loss, "you add up before you square: a squared distance is the sum of squares")
def squared_after_the_sum(prototypes, query, labels):
    return F.cross_entropy(-(query[:, None] - prototypes).sum(2).square(), labels)


@mistake(prototype_loss, "only the largest difference counts: a squared distance is the sum of all")
def largest_difference(prototypes, query, labels):
    return F.cross_entropy(-(query[:, None] - prototypes).square().amax(2), labels)


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


def with_bias(prototypes, bias):
    """The right weights, and another bias (C,) or (C, 1) beside them."""
    return torch.cat([2 * prototypes, bias.reshape(len(prototypes), 1)], 1)


@mistake(linear_layer, "the weights have the wrong sign: -|x - m|² has + 2 m·x")
def sign_of_the_weights(prototypes):
    return rescaled(prototypes, -1, 1)


@mistake(linear_layer, "the bias is there twice: it is -|m|²")
def bias_twice(prototypes):
    return rescaled(prototypes, 1, 2)


@mistake(linear_layer, "the bias is half as large as it should be: it is -|m|²")
def half_of_the_bias(prototypes):
    return rescaled(prototypes, 1, 0.5)


@mistake(linear_layer, "the bias is made of the doubled weights: it is -|m|², of m itself")
def bias_of_doubled_weights(prototypes):
    return rescaled(prototypes, 1, 4)


@mistake(linear_layer, "the bias is minus the sum of m: it is minus the sum of its squares")
def bias_not_squared(prototypes):
    return with_bias(prototypes, -prototypes.sum(1))


@mistake(linear_layer, "you square the sum: the bias is minus the sum of the squares")
def bias_squared_afterwards(prototypes):
    return with_bias(prototypes, -prototypes.sum(1).square())


@mistake(linear_layer, "you take the mean of the squares: the bias is minus their sum")
def bias_mean_of_squares(prototypes):
    return with_bias(prototypes, -prototypes.square().mean(1))


@mistake(linear_layer, "all classes have the same bias: each has minus its own squared length")
def one_bias_for_all(prototypes):
    return with_bias(prototypes, -prototypes.square().sum().expand(len(prototypes)))


@mistake(linear_layer, "all classes have the mean bias: each has minus its own squared length")
def mean_bias_for_all(prototypes):
    return with_bias(prototypes, -prototypes.square().sum(1).mean().expand(len(prototypes)))


@mistake(linear_layer, "every bias is -1, as if the prototypes had length 1: it is -|m|²")
def bias_of_unit_vectors(prototypes):
    return with_bias(prototypes, -torch.ones_like(prototypes[:, 0]))
