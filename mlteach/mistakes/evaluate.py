"""Mistakes in evaluation: features, votes, standardising, intervals, meters of representations."""

from __future__ import annotations

import math

import torch
from torch import nn

from mlteach.evaluate import effective_rank, features, knn_votes, linear_cka, stratified_sample
from mlteach.mistakes._registry import mistake

# --- features ------------------------------------------------------------------------------------


@mistake(
    features,
    "this is z, the projector's output: "
    "the head is thrown away, h = method.encode(images) is what is used",
)
def projected(encoder, images, **options):
    return features(nn.Sequential(encoder.encoder, encoder.projector), images, **options)


@mistake(
    features,
    "this is in training mode: BatchNorm normalises by whatever images are in the batch, and an "
    "image's representation depends on its neighbours. Call method.eval() first",
)
@torch.no_grad()
def in_training_mode(encoder, images, **options):
    return encoder.train().encode(images)


@mistake(
    features,
    "this is z, and in training mode: "
    "h = method.encode(images) is what is used, after method.eval()",
)
@torch.no_grad()
def projected_in_training_mode(encoder, images, **options):
    return encoder.projector(encoder.train().encode(images))


@mistake(features, "you divide by the length: a probe may use the length of h, leave it as it is")
def unit_length(encoder, images, **options):
    return nn.functional.normalize(features(encoder, images, **options))


# --- weighted votes ------------------------------------------------------------------------------


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


# --- standardising -------------------------------------------------------------------------------


def standardise(train, test):
    """Right: (test - mean) / std, feature by feature, with the training set's mean and std."""
    return (test - train.mean(0)) / spread(train, 0)


def spread(x, dim, *, correction=0):
    """The standard deviation, infinite where nothing differs, so that a constant becomes 0."""
    std = x.std(dim, keepdim=True, correction=correction)
    return torch.where(std > 1e-6 * x.mean(dim, keepdim=True).abs(), std, torch.inf)


@mistake(
    standardise,
    "you use the test set's own mean and standard deviation: "
    "whoever classifies one new image has no test set",
)
def by_the_test_set(train, test):
    return standardise(test, test)


@mistake(
    standardise,
    "you use the numbers of both sets together: "
    "the test images have a say in their own preparation",
)
def by_both_sets(train, test):
    return standardise(torch.cat([train, test]), test)


@mistake(standardise, "these are the training features: the test features are asked for")
def training_features(train, test):
    return standardise(train, train)


@mistake(
    standardise,
    "you take one mean and one standard deviation of all numbers: each feature has its own, dim=0",
)
def one_mean_for_all(train, test):
    return (test - train.mean()) / train.std(correction=0)


@mistake(
    standardise,
    "you standardise every image by itself (dim=1): "
    "each feature has its mean over the images, dim=0",
)
def image_by_image(train, test):
    return (test - test.mean(1, keepdim=True)) / spread(test, 1)


@mistake(standardise, "the deviation is the test set's: mean and deviation are the training set's")
def deviation_of_the_test_set(train, test):
    return (test - train.mean(0)) / spread(test, 0)


@mistake(standardise, "the mean is not subtracted")
def not_centred(train, test):
    return test / spread(train, 0)


@mistake(standardise, "you divide by the variance: its root is the standard deviation")
def divided_by_the_variance(train, test):
    return (test - train.mean(0)) / spread(train, 0).square()


@mistake(standardise, "the division by the standard deviation is missing")
def not_divided(train, test):
    return test - train.mean(0)


@mistake(standardise, "you divide by N - 1 in the standard deviation: here it is N, correction=0")
def n_minus_one(train, test):
    return (test - train.mean(0)) / spread(train, 0, correction=1)


# --- how sure is a mean --------------------------------------------------------------------------


def half_width(accuracies):
    """Right: 1.96 standard errors of the mean, half of its 95 % interval."""
    return 1.96 * standard_error(accuracies)


def standard_error(accuracies, *, correction=1):
    """The standard deviation of the mean."""
    return accuracies.std(correction=correction) / len(accuracies) ** 0.5


@mistake(
    half_width, "you divide by the number of episodes: the error of a mean falls with its root"
)
def divided_by_the_number(accuracies):
    return 1.96 * accuracies.std() / len(accuracies)


@mistake(half_width, "this is how much single episodes scatter: divide by the root of their number")
def scatter_of_single_episodes(accuracies):
    return 1.96 * accuracies.std()


@mistake(
    half_width,
    "this is the standard deviation of single episodes: "
    "divide by the root of their number, and take 1.96 of that",
)
def deviation_of_single_episodes(accuracies):
    return accuracies.std()


@mistake(half_width, "this is the standard error: 95 % lie within 1.96 of them")
def one_standard_error(accuracies):
    return standard_error(accuracies)


@mistake(half_width, "2 is a rule of thumb: for 95 % it is 1.96")
def two_standard_errors(accuracies):
    return 2 * standard_error(accuracies)


@mistake(half_width, "n - 1 is in the standard deviation already: divide by the root of n")
def root_of_n_minus_one(accuracies):
    return 1.96 * accuracies.std() / (len(accuracies) - 1) ** 0.5


@mistake(half_width, "this is the whole width: half of it is asked for")
def whole_width(accuracies):
    return 2 * half_width(accuracies)


@mistake(half_width, "you use the variance: its root is the standard deviation")
def variance_for_deviation(accuracies):
    return 1.96 * accuracies.var() / len(accuracies) ** 0.5


@mistake(
    half_width,
    "you use p (1 - p), which holds for single right or wrong answers: "
    "an episode's accuracy scatters less",
)
def as_if_single_answers(accuracies):
    p = accuracies.mean()
    return 1.96 * (p * (1 - p) / len(accuracies)).sqrt()


@mistake(half_width, "1.645 is for 90 %, 2.576 for 99 %: for 95 % it is 1.96")
def for_90_percent(accuracies):
    return 1.645 * standard_error(accuracies)


@mistake(half_width, "2.576 is for 99 %, 1.645 for 90 %: for 95 % it is 1.96")
def for_99_percent(accuracies):
    return 2.576 * standard_error(accuracies)


# --- effective rank ------------------------------------------------------------------------------


def entropy(z, *, power=1):
    """The entropy of the singular values, as shares of their sum."""
    strength = torch.linalg.svdvals(z) ** power
    return torch.special.entr(strength / strength.sum()).sum()


@mistake(effective_rank, "this is the entropy: the effective rank is its exponential")
def entropy_alone(z):
    return entropy(z)


@mistake(
    effective_rank,
    "you use the squares of the singular values: "
    "the shares are those of the singular values themselves",
)
def squared_singular_values(z):
    return entropy(z, power=2).exp()


@mistake(
    effective_rank, "logarithm and power have different bases: exp goes with the natural logarithm"
)
def logarithm_to_base_two(z):
    return (entropy(z) / math.log(2)).exp()


@mistake(
    effective_rank,
    "you subtract the mean first: here z is taken as it is, so that a constant direction counts",
)
def centred_first(z):
    return entropy(z - z.mean(0)).exp()


@mistake(
    effective_rank, "you count the singular values that are not 0: count them by their strength"
)
def counted(z):
    return torch.linalg.matrix_rank(z).to(z)


@mistake(
    effective_rank, "the singular values are not divided by their sum: the shares must add up to 1"
)
def shares_not_divided(z):
    return torch.special.entr(torch.linalg.svdvals(z)).sum().exp()


@mistake(
    effective_rank, "2 to the power of an entropy in nats: exp goes with the natural logarithm"
)
def power_of_two(z):
    return 2 ** entropy(z)


@mistake(effective_rank, "this is 1 / sum of p²: take exp of the entropy, minus the sum of p log p")
def inverse_of_squared_shares(z):
    strength = torch.linalg.svdvals(z)
    return strength.sum().square() / strength.square().sum()


@mistake(effective_rank, "you divide the rows by their lengths: here z is taken as it is")
def of_unit_rows(z):
    return entropy(nn.functional.normalize(z)).exp()


@mistake(effective_rank, "the sign is missing: the entropy is minus the sum of p log p")
def minus_missing(z):
    return (-entropy(z)).exp()


# --- linear CKA ----------------------------------------------------------------------------------


def centred(x, y):
    """Both representations with the mean of each feature subtracted."""
    return x - x.mean(0), y - y.mean(0)


def cka(x, y, *, power=2, root=1.0):
    """Right for power 2 and root 1, once x and y are centred."""
    return (y.T @ x).norm() ** power / ((x.T @ x).norm() * (y.T @ y).norm()) ** root


@mistake(linear_cka, "the mean is missing: subtract from each feature its mean over the examples")
def means_left_in(x, y):
    return cka(x, y)


@mistake(
    linear_cka,
    "you subtract each example's mean: the mean of a feature is that over the examples, dim 0",
)
def means_of_examples(x, y):
    return cka(x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True))


@mistake(linear_cka, "only x is centred: subtract y's mean over the examples too")
def one_mean_left_in(x, y):
    return cka(x - x.mean(0), y)


@mistake(linear_cka, "you divide by nothing: without it the value grows with the scale")
def not_normalised(x, y):
    return cka(*centred(x, y), root=0)


@mistake(
    linear_cka, "this is the root of linear CKA: square the norm above, and take no root below"
)
def root_of_cka(x, y):
    return cka(*centred(x, y), power=1, root=0.5)


@mistake(linear_cka, "the norm above is not squared: scaled features would change the value")
def not_squared(x, y):
    return cka(*centred(x, y), power=1)


@mistake(
    linear_cka,
    "no root below: the norms of X'X and Y'Y have squares of the features in them already",
)
def root_below(x, y):
    return cka(*centred(x, y), root=0.5)


# --- few labels ----------------------------------------------------------------------------------


@mistake(stratified_sample, "a rare class can be missing: draw from each class in its share")
def without_regard_to_the_class(labels, n, *, generator):
    return torch.randperm(len(labels), generator=generator)[:n]
