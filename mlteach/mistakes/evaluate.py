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


@mistake(standardise, "the mean is the test set's: mean and deviation are the training set's")
def mean_of_the_test_set(train, test):
    return (test - test.mean(0)) / spread(train, 0)


@mistake(standardise, "all deviations are taken for at least 1: only one of 0 is not divided by")
def deviations_of_at_least_one(train, test):
    return (test - train.mean(0)) / train.std(0, correction=0).clamp(min=1)


@mistake(standardise, "1 is added to every deviation: divide by the deviation itself")
def one_added_to_the_deviation(train, test):
    return (test - train.mean(0)) / (train.std(0, correction=0) + 1)


@mistake(standardise, "you divide before you subtract: put brackets around test - mean")
def divided_before_subtracting(train, test):
    return test - train.mean(0) / spread(train, 0)


@mistake(standardise, "you divide first, then subtract the mean: subtract, then divide")
def mean_subtracted_afterwards(train, test):
    return test / spread(train, 0) - train.mean(0)


@mistake(standardise, "you subtract the median: the mean is asked for")
def median_subtracted(train, test):
    return (test - train.median(0).values) / spread(train, 0)


@mistake(standardise, "you bring each feature into [0, 1]: subtract the mean, divide by the std")
def between_zero_and_one(train, test):
    low, high = train.amin(0), train.amax(0)
    return (test - low) / torch.where(high > low, high - low, 1)


@mistake(standardise, "you divide by the range: divide by the standard deviation")
def divided_by_the_range(train, test):
    width = train.amax(0) - train.amin(0)
    return (test - train.mean(0)) / torch.where(width > 0, width, 1)


@mistake(
    standardise,
    "you divide by the root of the mean square, in which the mean still is: "
    "the standard deviation is about the mean",
)
def root_mean_square(train, test):
    return (test - train.mean(0)) / train.square().mean(0).sqrt().clamp(min=1e-12)


@mistake(standardise, "one standard deviation is taken for all features: each has its own, dim=0")
def one_deviation_for_all(train, test):
    return (test - train.mean(0)) / train.std(correction=0)


@mistake(standardise, "one mean is taken for all features: each has its own, dim=0")
def one_mean_only(train, test):
    return (test - train.mean()) / spread(train, 0)


@mistake(
    standardise, "you divide by the length of each feature: its standard deviation is asked for"
)
def divided_by_the_length(train, test):
    return (test - train.mean(0)) / (train - train.mean(0)).norm(dim=0).clamp(min=1e-12)


@mistake(standardise, "you multiply by the standard deviation: divide by it")
def times_the_deviation(train, test):
    return (test - train.mean(0)) * train.std(0, correction=0)


@mistake(standardise, "the difference is the wrong way round: it is test - mean")
def difference_the_other_way(train, test):
    return -standardise(train, test)


@mistake(standardise, "the mean is that of both sets: mean and deviation are the training set's")
def mean_of_both_sets(train, test):
    return (test - torch.cat([train, test]).mean(0)) / spread(train, 0)


@mistake(
    standardise, "the deviation is that of both sets: mean and deviation are the training set's"
)
def deviation_of_both_sets(train, test):
    return (test - train.mean(0)) / spread(torch.cat([train, test]), 0)


@mistake(standardise, "you divide by the mean absolute deviation: divide by the standard deviation")
def absolute_deviation(train, test):
    deviation = (train - train.mean(0)).abs().mean(0)
    return (test - train.mean(0)) / torch.where(deviation > 0, deviation, 1)


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


@mistake(half_width, "this is 0.95 standard errors: 95 % of a bell curve lie within 1.96 of them")
def ninety_five_percent_of_it(accuracies):
    return 0.95 * standard_error(accuracies)


@mistake(half_width, "this is the variance of the mean: take its root, and 1.96 of that")
def variance_of_the_mean(accuracies):
    return accuracies.var() / len(accuracies)


@mistake(half_width, "this is 1.96 times the variance of the mean: its root is the standard error")
def of_the_variance_of_the_mean(accuracies):
    return 1.96 * accuracies.var() / len(accuracies)


@mistake(
    half_width, "the root stands over all of it: only the number of episodes is under the root"
)
def root_of_the_quotient(accuracies):
    return 1.96 * (accuracies.std() / len(accuracies)) ** 0.5


@mistake(
    half_width, "you multiply by the root of the number: divide by it, more episodes are surer"
)
def times_the_root(accuracies):
    return 1.96 * accuracies.std() * len(accuracies) ** 0.5


@mistake(
    half_width, "this is the mean's 1.96-fold over the root: the standard deviation belongs there"
)
def mean_for_deviation(accuracies):
    return 1.96 * accuracies.mean() / len(accuracies) ** 0.5


@mistake(half_width, "this is the lower end of the interval: half its width is asked for")
def lower_end(accuracies):
    return accuracies.mean() - half_width(accuracies)


@mistake(half_width, "this is the upper end of the interval: half its width is asked for")
def upper_end(accuracies):
    return accuracies.mean() + half_width(accuracies)


@mistake(half_width, "this is half the range of the accuracies, the best to the worst episode")
def half_the_range(accuracies):
    return (accuracies.max() - accuracies.min()) / 2


@mistake(
    half_width,
    "this is how far 95 % of the episodes reach, not how sure their mean is: "
    "take 1.96 standard errors",
)
def middle_of_the_episodes(accuracies):
    low, high = accuracies.quantile(0.025), accuracies.quantile(0.975)
    return (high - low) / 2


@mistake(
    half_width,
    "you take the mean of the absolute deviations: the standard deviation is the root of "
    "the mean of their squares",
)
def mean_absolute_deviation(accuracies):
    return 1.96 * (accuracies - accuracies.mean()).abs().mean() / len(accuracies) ** 0.5


@mistake(half_width, "600 is typed in: divide by the root of as many episodes as there are")
def root_of_600(accuracies):
    return 1.96 * accuracies.std() / 600**0.5


@mistake(half_width, "the division by N is missing in the standard deviation: a mean of squares")
def sum_of_squares(accuracies):
    return 1.96 * (accuracies - accuracies.mean()).norm() / len(accuracies) ** 0.5


@mistake(half_width, "the mean is not subtracted: the standard deviation is about the mean")
def root_mean_square_of_all(accuracies):
    return 1.96 * accuracies.square().mean().sqrt() / len(accuracies) ** 0.5


@mistake(half_width, "this is 2.262 of Student's t for 10 episodes: for 95 % it is 1.96 here")
def by_student_s_t(accuracies):
    return 2.262 * standard_error(accuracies)


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


def rank_of(shares):
    """The exponential of the entropy of these shares."""
    return torch.special.entr(shares).sum().exp()


@mistake(
    effective_rank, "you divide by the largest singular value: divide by the sum of all of them"
)
def divided_by_the_largest(z):
    strength = torch.linalg.svdvals(z)
    return rank_of(strength / strength.max())


@mistake(
    effective_rank,
    "you divide by the length of the vector of singular values: divide by their sum",
)
def divided_by_the_norm(z):
    return rank_of(nn.functional.normalize(torch.linalg.svdvals(z), dim=0))


@mistake(
    effective_rank,
    "you take a softmax of the singular values: a share is the value divided by their sum",
)
def softmax_for_shares(z):
    return rank_of(torch.linalg.svdvals(z).softmax(0))


@mistake(
    effective_rank,
    "this is the participation ratio of the squares: take exp of the entropy of the shares",
)
def participation_ratio(z):
    power = torch.linalg.svdvals(z).square()
    return power.sum().square() / power.square().sum()


@mistake(
    effective_rank,
    "this is the stable rank, all squares by the largest: take exp of the entropy of the shares",
)
def stable_rank(z):
    power = torch.linalg.svdvals(z).square()
    return power.sum() / power.max()


@mistake(
    effective_rank,
    "this is the sum of the singular values by the largest: take exp of the entropy of the shares",
)
def sum_by_the_largest(z):
    strength = torch.linalg.svdvals(z)
    return strength.sum() / strength.max()


@mistake(effective_rank, "you take the mean of -p log p: the entropy is their sum")
def mean_for_the_sum(z):
    return (entropy(z) / min(z.shape)).exp()


@mistake(
    effective_rank,
    "you divide the entropy by its largest possible value: exp is taken of the entropy itself",
)
def share_of_the_largest_entropy(z):
    return entropy(z) / math.log(min(z.shape))


@mistake(
    effective_rank,
    "you divide the entropy by its largest possible value before exp: leave it as it is",
)
def exp_of_a_share_of_the_entropy(z):
    return (entropy(z) / math.log(min(z.shape))).exp()


@mistake(effective_rank, "the smallest singular value is left out: all of them count")
def smallest_left_out(z):
    strength = torch.linalg.svdvals(z)
    return rank_of((strength / strength.sum())[:-1])


@mistake(effective_rank, "the largest singular value is left out: all of them count")
def largest_left_out(z):
    strength = torch.linalg.svdvals(z)
    return rank_of((strength / strength.sum())[1:])


@mistake(
    effective_rank, "you use the numbers of z as they are: the shares are of its singular values"
)
def entries_for_singular_values(z):
    return rank_of((z.abs() / z.abs().sum()).flatten())


@mistake(
    effective_rank,
    "you use the eigenvalues of the covariance, which subtracts the mean and squares: "
    "take the singular values of z itself",
)
def eigenvalues_of_the_covariance(z):
    return entropy(z - z.mean(0), power=2).exp()


@mistake(effective_rank, "you standardise the columns first: here z is taken as it is")
def of_standardised_columns(z):
    z = z - z.mean(0)
    return entropy(z / z.std(0, correction=0).clamp(min=1e-12)).exp()


@mistake(effective_rank, "you divide the columns by their lengths: here z is taken as it is")
def of_unit_columns(z):
    return entropy(nn.functional.normalize(z, dim=0)).exp()


@mistake(effective_rank, "this is 1 less the sum of p²: take exp of the entropy of the shares")
def impurity(z):
    strength = torch.linalg.svdvals(z)
    return 1 - (strength / strength.sum()).square().sum()


@mistake(
    effective_rank,
    "you use the roots of the singular values: the shares are of the values themselves",
)
def roots_of_singular_values(z):
    return entropy(z, power=0.5).exp()


@mistake(
    effective_rank, "you use the variances of the columns: the shares are of the singular values"
)
def variances_for_singular_values(z):
    return rank_of(z.var(0) / z.var(0).sum())


@mistake(
    effective_rank,
    "you use the standard deviations of the columns: the shares are of the singular values",
)
def deviations_for_singular_values(z):
    return rank_of(z.std(0) / z.std(0).sum())


@mistake(
    effective_rank, "you use the lengths of the columns: the shares are of the singular values"
)
def lengths_for_singular_values(z):
    return rank_of(z.norm(dim=0) / z.norm(dim=0).sum())


@mistake(effective_rank, "the logarithm is of 1 + p: the entropy is minus the sum of p log p")
def logarithm_of_one_more(z):
    strength = torch.linalg.svdvals(z)
    shares = strength / strength.sum()
    return (-(shares * shares.log1p()).sum()).exp()


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


@mistake(linear_cka, "one mean of all numbers is subtracted: each feature has its own, dim 0")
def one_mean_for_each(x, y):
    return cka(x - x.mean(), y - y.mean())


@mistake(linear_cka, "only y is centred: subtract x's mean over the examples too")
def mean_of_x_left_in(x, y):
    return cka(x, y - y.mean(0))


@mistake(linear_cka, "the medians are subtracted: subtract the means")
def medians_subtracted(x, y):
    return cka(x - x.median(0).values, y - y.median(0).values)


@mistake(linear_cka, "you standardise the features: subtract their means, and leave their scales")
def features_standardised(x, y):
    x, y = centred(x, y)
    return cka(x / x.std(0), y / y.std(0))


@mistake(linear_cka, "you divide each example by its length: linear CKA takes it as it is")
def examples_of_length_one(x, y):
    return cka(*(nn.functional.normalize(part, dim=1) for part in centred(x, y)))


@mistake(
    linear_cka,
    "the norms below are of features with their means: centre x and y for all three norms",
)
def centred_above_alone(x, y):
    above, below = centred(x, y), (x, y)
    return cka(*above, root=0) / ((below[0].T @ below[0]).norm() * (below[1].T @ below[1]).norm())


def grams(x, y):
    """(N, N) each: the inner products of the centred examples."""
    x, y = centred(x, y)
    return x @ x.T, y @ y.T


def ratio(k, m):
    """The cosine of two matrices."""
    return (k * m).sum() / (k.norm() * m.norm())


@mistake(
    linear_cka,
    "you multiply matrices, K @ M: multiply entry by entry, K * M, and add up",
)
def norm_of_the_product(x, y):
    k, m = grams(x, y)
    return (k @ m).norm() / (k.norm() * m.norm())


@mistake(
    linear_cka,
    "you square the norm of K @ M: |Y'X|² is the sum of the entries of K * M already",
)
def squared_norm_of_the_product(x, y):
    k, m = grams(x, y)
    return (k @ m).norm() ** 2 / (k.norm() * m.norm())


@mistake(
    linear_cka,
    "you add up the entries of K @ M, a product of matrices: "
    "the sum over K * M, entry by entry, is the trace of K @ M",
)
def sum_of_the_product(x, y):
    k, m = grams(x, y)
    return (k @ m).sum() / (k.norm() * m.norm())


@mistake(linear_cka, "you take the norm of K * M: its entries are to be added up")
def norm_of_the_entries(x, y):
    k, m = grams(x, y)
    return (k * m).norm() / (k.norm() * m.norm())


@mistake(linear_cka, "you take the mean of K * M: its entries are to be added up")
def mean_of_the_entries(x, y):
    k, m = grams(x, y)
    return ratio(k, m) / k.numel()


@mistake(
    linear_cka,
    "only the numerator is divided by (N - 1)²: divide none of the three, or all of them",
)
def numerator_divided(x, y):
    return ratio(*grams(x, y)) / (len(x) - 1) ** 2


@mistake(
    linear_cka,
    "below are the traces of K and M, sums of singular values: it is their norms, of all entries",
)
def traces_below(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / (k.trace() * m.trace())


@mistake(
    linear_cka, "below are the roots of the traces of K and M: it is their norms, of all entries"
)
def roots_of_traces_below(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / (k.trace() * m.trace()).sqrt()


@mistake(linear_cka, "the norms below are squared: they are the norms themselves")
def norms_squared_below(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / (k.norm() * m.norm()) ** 2


@mistake(linear_cka, "the norms below are added: multiply them")
def norms_added(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / (k.norm() + m.norm())


@mistake(linear_cka, "you divide by the norm of X X' alone: the norm of Y Y' belongs below too")
def norm_of_y_missing(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / k.norm()


@mistake(linear_cka, "you divide by the norm of Y Y' alone: the norm of X X' belongs below too")
def norm_of_x_missing(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / m.norm()


@mistake(
    linear_cka,
    "the norms below are the largest singular values: they are the norms of all entries",
)
def spectral_norms_below(x, y):
    k, m = grams(x, y)
    return (k * m).sum() / (torch.linalg.matrix_norm(k, 2) * torch.linalg.matrix_norm(m, 2))


@mistake(linear_cka, "the diagonals of K and M are left out: all entries count")
def diagonals_left_out(x, y):
    k, m = grams(x, y)
    return ratio(k - k.diag().diag(), m - m.diag().diag())


@mistake(
    linear_cka,
    "you take cosines row by row and average them: it is one cosine, of all entries of K and M",
)
def mean_cosine_of_rows(x, y):
    return nn.functional.cosine_similarity(*grams(x, y)).mean()


@mistake(linear_cka, "you compare distances between examples: K and M are inner products")
def of_distances(x, y):
    return ratio(torch.cdist(x, x), torch.cdist(y, y))


def cosines(x):
    """(N, N) between the rows."""
    return nn.functional.cosine_similarity(x[:, None], x, dim=2)


@mistake(linear_cka, "you compare cosines of examples: K and M are inner products of centred rows")
def of_cosines(x, y):
    return ratio(cosines(x), cosines(y))


@mistake(
    linear_cka,
    "you centre K and M along one dimension only: centre x and y themselves, over the examples",
)
def grams_centred_once(x, y):
    k, m = x @ x.T, y @ y.T
    return ratio(k - k.mean(0), m - m.mean(0))


@mistake(
    linear_cka,
    "one mean of all entries is subtracted from K and from M: "
    "centre x and y themselves, over the examples",
)
def one_mean_of_the_grams(x, y):
    k, m = x @ x.T, y @ y.T
    return ratio(k - k.mean(), m - m.mean())


@mistake(
    linear_cka,
    "the mean of all entries is to be added again after those of rows and columns are subtracted: "
    "simpler, centre x and y themselves",
)
def grand_mean_missing(x, y):
    k, m = (g - g.mean(0) - g.mean(1, keepdim=True) for g in (x @ x.T, y @ y.T))
    return ratio(k, m)


# --- few labels ----------------------------------------------------------------------------------


@mistake(stratified_sample, "a rare class can be missing: draw from each class in its share")
def without_regard_to_the_class(labels, n, *, generator):
    return torch.randperm(len(labels), generator=generator)[:n]
