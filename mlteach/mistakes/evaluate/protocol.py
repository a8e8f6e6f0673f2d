"""Mistakes around a classifier: its features, their scale, the few labels that it gets."""

from __future__ import annotations

import torch
from torch import nn

from mlteach.evaluate import features, stratified_sample
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


# --- few labels ----------------------------------------------------------------------------------


@mistake(stratified_sample, "a rare class can be missing: draw from each class in its share")
def without_regard_to_the_class(labels, n, *, generator):
    return torch.randperm(len(labels), generator=generator)[:n]
