"""Mistakes in how sure a mean over episodes is."""

from __future__ import annotations

from mlteach.mistakes._registry import mistake


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
