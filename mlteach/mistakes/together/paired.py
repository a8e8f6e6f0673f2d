"""Mistakes in the interval of a paired difference over seeds."""

from __future__ import annotations

import math

import torch
from scipy.stats import t as student

from mlteach.mistakes._registry import mistake


def paired_half_width(ours, theirs):
    """Right: half of the 95 % interval of the mean difference, seed by seed; (n,) each."""
    return _t(len(ours)) * (ours - theirs).std() / math.sqrt(len(ours))


def _t(n):
    return float(student.ppf(0.975, n - 1))


@mistake(
    paired_half_width,
    "the seeds are not paired: take the differences first, then their spread",
)
def not_paired(ours, theirs):
    return _t(len(ours)) * (ours.var() + theirs.var()).sqrt() / math.sqrt(len(ours))


@mistake(paired_half_width, "1.96 is for many seeds: with n - 1 degrees of freedom t is larger")
def normal_instead_of_t(ours, theirs):
    return 1.96 * (ours - theirs).std() / math.sqrt(len(ours))


@mistake(
    paired_half_width,
    "t has n degrees of freedom here: the mean takes one away, so n - 1",
)
def one_degree_too_many(ours, theirs):
    return float(student.ppf(0.975, len(ours))) * (ours - theirs).std() / math.sqrt(len(ours))


@mistake(
    paired_half_width,
    "t is taken at 0.95, which leaves 5 % on each side: 2.5 % on each side is 0.975",
)
def both_sides_at_once(ours, theirs):
    n = len(ours)
    return float(student.ppf(0.95, n - 1)) * (ours - theirs).std() / math.sqrt(n)


@mistake(
    paired_half_width,
    "this is the spread of single seeds: the interval of their mean is narrower by the root of n",
)
def spread_of_single_seeds(ours, theirs):
    return _t(len(ours)) * (ours - theirs).std()


@mistake(paired_half_width, "it is divided by n: the spread of a mean shrinks with the root of n")
def divided_by_n(ours, theirs):
    return _t(len(ours)) * (ours - theirs).std() / len(ours)


@mistake(
    paired_half_width,
    "the standard deviation divides by n: divide by n - 1, as torch.std does by itself",
)
def population_spread(ours, theirs):
    return _t(len(ours)) * (ours - theirs).std(correction=0) / math.sqrt(len(ours))


@mistake(paired_half_width, "this is the whole interval: half of it stands behind the ±")
def whole_width(ours, theirs):
    return 2 * paired_half_width(ours, theirs)


@mistake(
    paired_half_width,
    "the signs of the differences are lost: a seed where theirs is ahead counts against ours",
)
def without_signs(ours, theirs):
    return _t(len(ours)) * (ours - theirs).abs().std() / math.sqrt(len(ours))


@mistake(
    paired_half_width, "this is the mean difference: half of the width of its interval is asked"
)
def mean_difference(ours, theirs):
    return (ours - theirs).mean()


@mistake(
    paired_half_width, "this is the standard error alone: the interval is t times as wide each way"
)
def standard_error(ours, theirs):
    return (ours - theirs).std() / math.sqrt(len(ours))


@mistake(
    paired_half_width,
    "the seeds are not paired: take the differences first, then their spread, with n - 1 degrees "
    "of freedom",
)
def not_paired_with_more_degrees(ours, theirs):
    n = len(ours)
    return float(student.ppf(0.975, 2 * n - 2)) * math.sqrt((ours.var() + theirs.var()) / n)


@mistake(paired_half_width, "t has n - 2 degrees of freedom here: one mean is taken away, so n - 1")
def one_degree_too_few(ours, theirs):
    n = len(ours)
    return float(student.ppf(0.975, n - 2)) * (ours - theirs).std() / math.sqrt(n)


@mistake(
    paired_half_width, "t is taken at 0.995, which is for 99 %: 95 % leaves 2.5 % on each side"
)
def ninety_nine_percent(ours, theirs):
    n = len(ours)
    return float(student.ppf(0.995, n - 1)) * (ours - theirs).std() / math.sqrt(n)


@mistake(
    paired_half_width, "your t is that of five seeds in every case: it depends on n, take n - 1"
)
def t_of_five_seeds(ours, theirs):
    return _t(5) * (ours - theirs).std() / math.sqrt(len(ours))


@mistake(
    paired_half_width,
    "n - 1 stands under the root, and in the standard deviation already: the mean has n seeds",
)
def root_of_one_less(ours, theirs):
    return _t(len(ours)) * (ours - theirs).std() / math.sqrt(len(ours) - 1)


@mistake(
    paired_half_width,
    "each list is sorted by itself, and the pairs are lost: entry k of both is the same seed",
)
def sorted_apart(ours, theirs):
    return paired_half_width(ours.sort().values, theirs.sort().values)


@mistake(
    paired_half_width,
    "this is a difference of spreads: take the differences first, then their spread",
)
def difference_of_spreads(ours, theirs):
    return _t(len(ours)) * (ours.std() - theirs.std()).abs() / math.sqrt(len(ours))


@mistake(
    paired_half_width,
    "these are two half widths, added: take the differences first, then their spread",
)
def sum_of_half_widths(ours, theirs):
    return _t(len(ours)) * (ours.std() + theirs.std()) / math.sqrt(len(ours))


@mistake(
    paired_half_width,
    "the differences are shares of theirs: the difference of two accuracies is asked for, as it is",
)
def relative_differences(ours, theirs):
    return paired_half_width(ours / theirs, torch.ones_like(theirs))


@mistake(
    paired_half_width,
    "t has 2n - 2 degrees of freedom here: of n differences one mean is taken away, so n - 1",
)
def degrees_of_two_lists(ours, theirs):
    n = len(ours)
    return float(student.ppf(0.975, 2 * n - 2)) * (ours - theirs).std() / math.sqrt(n)


@mistake(
    paired_half_width, "this is the upper end of the interval: half of its width alone is asked for"
)
def upper_end(ours, theirs):
    return (ours - theirs).mean() + paired_half_width(ours, theirs)


@mistake(
    paired_half_width, "these are both ends of the interval: half of its width alone is asked for"
)
def both_ends(ours, theirs):
    mean, half = (ours - theirs).mean(), paired_half_width(ours, theirs)
    return torch.stack([mean - half, mean + half])


@mistake(
    paired_half_width, "this is the mean, too: half of the width of its interval alone is asked for"
)
def mean_and_half(ours, theirs):
    return torch.stack([(ours - theirs).mean(), paired_half_width(ours, theirs)])
