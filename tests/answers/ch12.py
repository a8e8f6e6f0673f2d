"""Answers to chapter 12 as students write them, made before the checks were read."""

import math
import statistics

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from sklearn.preprocessing import StandardScaler

from mlteach import evaluate
from tests.support.answers import Answers

answers = Answers("12")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# weighted_votes(similarities, labels, n_classes, temperature)


def _count(weights, labels, n_classes):
    return (weights[..., None] * F.one_hot(labels, n_classes)).sum(1)


def _good(similarities, labels, n_classes, temperature):
    return _count((similarities / temperature).softmax(1), labels, n_classes)


def _no_temperature(similarities, labels, n_classes, temperature):
    return _count(similarities.softmax(1), labels, n_classes)


def _multiplied(similarities, labels, n_classes, temperature):
    return _count((similarities * temperature).softmax(1), labels, n_classes)


def _divided_afterwards(similarities, labels, n_classes, temperature):
    votes = _count(similarities.exp() / temperature, labels, n_classes)
    return votes / votes.sum(1, keepdim=True)


def _not_a_share(similarities, labels, n_classes, temperature):
    return _count((similarities / temperature).exp(), labels, n_classes)


def _by_the_number_of_neighbours(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).exp()
    return _count(weights, labels, n_classes) / labels.shape[1]


def _over_the_images(similarities, labels, n_classes, temperature):
    return _count((similarities / temperature).softmax(0), labels, n_classes)


def _by_the_whole_sum(similarities, labels, n_classes, temperature):
    votes = _not_a_share(similarities, labels, n_classes, temperature)
    return votes / votes.sum()


def _by_the_class_sum(similarities, labels, n_classes, temperature):
    votes = _not_a_share(similarities, labels, n_classes, temperature)
    return votes / votes.sum(0).clamp(min=1e-12)


def _unweighted(similarities, labels, n_classes, temperature):
    return F.one_hot(labels, n_classes).float().mean(1)


def _whole_counts(similarities, labels, n_classes, temperature):
    return F.one_hot(labels, n_classes).sum(1)


def _cosines_as_weights(similarities, labels, n_classes, temperature):
    weights = similarities / similarities.sum(1, keepdim=True)
    return _count(weights, labels, n_classes)


def _power(similarities, labels, n_classes, temperature):
    weights = similarities.abs() ** (1 / temperature)
    return _count(weights / weights.sum(1, keepdim=True), labels, n_classes)


def _distances_as_weights(similarities, labels, n_classes, temperature):
    return _count(((1 - similarities) / temperature).softmax(1), labels, n_classes)


def _softmax_over_classes(similarities, labels, n_classes, temperature):
    return _count(similarities / temperature, labels, n_classes).softmax(1)


def _softmax_of_summed_cosines(similarities, labels, n_classes, temperature):
    return (_count(similarities, labels, n_classes) / temperature).softmax(1)


def _softmax_twice(similarities, labels, n_classes, temperature):
    return _good(similarities, labels, n_classes, temperature).softmax(1)


def _scatter_overwrites(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    return weights.new_zeros(len(weights), n_classes).scatter(1, labels, weights)


def _indexing_overwrites(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    votes = torch.zeros(len(weights), n_classes)
    votes[torch.arange(len(weights))[:, None], labels] += weights
    return votes


def _loudest_of_each_class(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    votes = (weights[..., None] * F.one_hot(labels, n_classes)).amax(1)
    return votes / votes.sum(1, keepdim=True)


def _mean_of_each_class(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).exp()
    counts = F.one_hot(labels, n_classes).sum(1).clamp(min=1)
    votes = _count(weights, labels, n_classes) / counts
    return votes / votes.sum(1, keepdim=True)


def _classes_seen_only(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    return (weights[..., None] * F.one_hot(labels)).sum(1)


def _eight_classes(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    votes = torch.zeros(len(weights), 8)
    return votes.scatter_add(1, labels.clamp(max=7), weights)


def _temperature_of_the_chapter(similarities, labels, n_classes, temperature=0.1):
    return _good(similarities, labels, n_classes, 0.1)


def _whole_numbers(similarities, labels, n_classes, temperature):
    return _good(similarities, labels, n_classes, temperature).long()


def _winner_takes_all(similarities, labels, n_classes, temperature):
    votes = _good(similarities, labels, n_classes, temperature)
    return F.one_hot(votes.argmax(1), n_classes).float()


def _nearest_only(similarities, labels, n_classes, temperature):
    return F.one_hot(labels[:, 0], n_classes).float()


def _classes_from_one(similarities, labels, n_classes, temperature):
    return _good(similarities, (labels - 1) % n_classes, n_classes, temperature)


def _not_summed(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1)
    return weights[..., None] * F.one_hot(labels, n_classes)


def _summed_over_classes(similarities, labels, n_classes, temperature):
    return _not_summed(similarities, labels, n_classes, temperature).sum(2)


def _all_images_together(similarities, labels, n_classes, temperature):
    weights = (similarities / temperature).softmax(1).flatten()
    votes = torch.zeros(n_classes).scatter_add(0, labels.flatten(), weights)
    return votes.expand(len(labels), n_classes) / len(labels)


def _overflowing(similarities, labels, n_classes, temperature):
    votes = _not_a_share(similarities, labels, n_classes, temperature)
    return votes / votes.sum(1, keepdim=True)


for label, answer in {
    "the stub": lambda similarities, labels, n_classes, temperature: None,
    "temperature forgotten": _no_temperature,
    "multiplied by the temperature": _multiplied,
    "divided after the exponential": _divided_afterwards,
    "not divided by the sum": _not_a_share,
    "divided by k": _by_the_number_of_neighbours,
    "softmax over the images": _over_the_images,
    "divided by the sum of all": _by_the_whole_sum,
    "divided by each class's sum": _by_the_class_sum,
    "every neighbour counts the same": _unweighted,
    "whole counts": _whole_counts,
    "cosines as weights": _cosines_as_weights,
    "power for exponential": _power,
    "far neighbours are louder": _distances_as_weights,
    "softmax over the classes": _softmax_over_classes,
    "softmax of the summed cosines": _softmax_of_summed_cosines,
    "softmax a second time": _softmax_twice,
    "scatter overwrites equal classes": _scatter_overwrites,
    "+= with an index overwrites": _indexing_overwrites,
    "loudest neighbour of each class": _loudest_of_each_class,
    "mean of each class": _mean_of_each_class,
    "n_classes forgotten": _classes_seen_only,
    "eight classes typed in": _eight_classes,
    "temperature 0.1 typed in": _temperature_of_the_chapter,
    "whole numbers": _whole_numbers,
    "winner takes all": _winner_takes_all,
    "nearest only": _nearest_only,
    "classes counted from 1": _classes_from_one,
    "not summed": _not_summed,
    "summed over the classes": _summed_over_classes,
    "all images together": _all_images_together,
    "transposed": lambda *a, **k: _good(*a, **k).T,
    "the winning class": lambda *a, **k: _good(*a, **k).argmax(1),
    "logarithms": lambda *a, **k: _good(*a, **k).log(),
    "per cent": lambda *a, **k: 100 * _good(*a, **k),
    "exponential overflows at temperature 0.01": _overflowing,
}.items():
    wrong("weighted_votes", label, answer)


def _loops(similarities, labels, n_classes, temperature):
    rows = []
    for cosines, classes in zip(similarities.tolist(), labels.tolist()):
        votes = [0.0] * n_classes
        for cosine, c in zip(cosines, classes):
            votes[c] += math.exp((cosine - max(cosines)) / temperature)
        rows.append([vote / sum(votes) for vote in votes])
    return torch.tensor(rows)


def _einsum(similarities, labels, n_classes, temperature):
    one_hot = (labels.unsqueeze(-1) == torch.arange(n_classes)).double()
    weights = torch.softmax(similarities.double() / temperature, dim=-1)
    return torch.einsum("mk,mkc->mc", weights, one_hot)


def _scatter_add(similarities, labels, n_classes, temperature):
    shifted = similarities - similarities.amax(1, keepdim=True)
    votes = torch.zeros(similarities.shape[0], n_classes)
    votes.scatter_add_(1, labels, shifted.div(temperature).exp())
    return F.normalize(votes, p=1, dim=1)


def _bincount(similarities, labels, n_classes, temperature):
    weights = torch.softmax(similarities / temperature, 1)
    return torch.stack([torch.bincount(c, w, minlength=n_classes) for c, w in zip(labels, weights)])


def _class_by_class(similarities, labels, n_classes, temperature):
    w = F.softmax(similarities / temperature, dim=1)
    return torch.stack([w.where(labels == c, 0.0).sum(1) for c in range(n_classes)], dim=-1)


def _index_put(similarities, labels, n_classes, temperature):
    w = F.softmax(similarities / temperature, dim=1)
    rows = torch.arange(len(w))[:, None].expand_as(labels)
    return torch.zeros(len(w), n_classes).index_put_((rows, labels), w, accumulate=True)


def _library(similarities, labels, n_classes, temperature):
    how = {"n_classes": n_classes, "temperature": temperature}
    return evaluate.knn_votes(similarities, labels, **how)


right("weighted_votes", "loops", _loops)
right("weighted_votes", "einsum in float64", _einsum)
right("weighted_votes", "scatter_add_, normalised by the sum", _scatter_add)
right("weighted_votes", "bincount of every row", _bincount)
right("weighted_votes", "class by class", _class_by_class)
right("weighted_votes", "index_put_ with accumulate", _index_put)
right("weighted_votes", "evaluate.knn_votes", _library)


# standardise(train, test)


def _std(x, correction=0):
    std = x.std(0, correction=correction)
    return std.where(std > 0, 1.0)


def _by_test(train, test):
    return (test - test.mean(0)) / _std(test)


def _by_both(train, test):
    both = torch.cat([train, test])
    return (test - both.mean(0)) / _std(both)


def _mean_of_test(train, test):
    return (test - test.mean(0)) / _std(train)


def _std_of_test(train, test):
    return (test - train.mean(0)) / _std(test)


def _n_minus_1(train, test):
    return (test - train.mean(0)) / _std(train, correction=1)


def _zero_not_handled(train, test):
    return (test - train.mean(0)) / train.std(0, correction=0)


def _small_eps(train, test):
    return (test - train.mean(0)) / (train.std(0, correction=0) + 1e-8)


def _clamped_to_small(train, test):
    return (test - train.mean(0)) / train.std(0, correction=0).clamp(min=1e-6)


def _clamped_to_1(train, test):
    return (test - train.mean(0)) / train.std(0, correction=0).clamp(min=1)


def _one_added(train, test):
    return (test - train.mean(0)) / (train.std(0, correction=0) + 1)


def _eps_in_the_root(train, test):
    return (test - train.mean(0)) / (train.var(0, correction=0) + 1e-5).sqrt()


def _columns_dropped(train, test):
    std = train.std(0, correction=0)
    return ((test - train.mean(0)) / std)[:, std > 0]


def _infinities_kept_large(train, test):
    return _zero_not_handled(train, test).nan_to_num()


def _train_returned(train, test):
    return (train - train.mean(0)) / _std(train)


def _both_returned(train, test):
    return _train_returned(train, test), (test - train.mean(0)) / _std(train)


def _mean_not_subtracted(train, test):
    return test / _std(train)


def _not_divided(train, test):
    return test - train.mean(0)


def _divided_first(train, test):
    return test / _std(train) - train.mean(0)


def _precedence(train, test):
    return test - train.mean(0) / _std(train)


def _variance(train, test):
    variance = train.var(0, correction=0)
    return (test - train.mean(0)) / variance.where(variance > 0, 1.0)


def _one_mean_one_std(train, test):
    return (test - train.mean()) / train.std(correction=0)


def _one_std(train, test):
    return (test - train.mean(0)) / train.std(correction=0)


def _image_by_image(train, test):
    return (test - test.mean(1, keepdim=True)) / test.std(1, correction=0, keepdim=True)


def _median_for_mean(train, test):
    return (test - train.median(0).values) / _std(train)


def _min_max(train, test):
    low, high = train.amin(0), train.amax(0)
    return (test - low) / (high - low).where(high > low, 1.0)


def _root_mean_square(train, test):
    rms = train.square().mean(0).sqrt()
    return (test - train.mean(0)) / rms.where(rms > 0, 1.0)


def _swapped(train, test):
    return (train - test.mean(0)) / _std(test)


def _checked_on_test(train, test):
    std = train.std(0, correction=0)
    std[test.std(0, correction=0) == 0] = 1
    return (test - train.mean(0)) / std


def _scaler_fitted_again(train, test):
    StandardScaler().fit(train.numpy())
    return torch.from_numpy(StandardScaler().fit_transform(test.numpy()))


def _scaler_on_train(train, test):
    return torch.from_numpy(StandardScaler().fit(train.numpy()).transform(train.numpy()))


def _scaler_on_both(train, test):
    scaler = StandardScaler().fit(np.concatenate([train.numpy(), test.numpy()]))
    return torch.from_numpy(scaler.transform(test.numpy()))


def _then_unit_length(train, test):
    return F.normalize((test - train.mean(0)) / _std(train), dim=1)


def _layer_norm(train, test):
    return F.layer_norm(test, test.shape[1:])


for label, answer in {
    "nothing": lambda train, test: None,
    "the stub: test statistics": lambda train, test: (
        (test - test.mean(0)) / test.std(0, correction=0)
    ),
    "test statistics, zero handled": _by_test,
    "train and test together": _by_both,
    "mean of the test set": _mean_of_test,
    "deviation of the test set": _std_of_test,
    "N - 1 in the denominator": _n_minus_1,
    "division by 0": _zero_not_handled,
    "1e-8 added: huge values": _small_eps,
    "clamped to 1e-6: huge values": _clamped_to_small,
    "all deviations at least 1": _clamped_to_1,
    "1 added to every deviation": _one_added,
    "1e-5 in the root, as BatchNorm": _eps_in_the_root,
    "constant features dropped": _columns_dropped,
    "nan_to_num of infinities": _infinities_kept_large,
    "training features returned": _train_returned,
    "both returned": _both_returned,
    "mean not subtracted": _mean_not_subtracted,
    "not divided": _not_divided,
    "divided before subtracting": _divided_first,
    "brackets forgotten": _precedence,
    "variance for deviation": _variance,
    "one mean and deviation for all": _one_mean_one_std,
    "one deviation for all": _one_std,
    "image by image": _image_by_image,
    "median for mean": _median_for_mean,
    "minimum and maximum": _min_max,
    "root mean square": _root_mean_square,
    "train and test swapped": _swapped,
    "zero looked for in the test set": _checked_on_test,
    "scaler fitted to the test set": _scaler_fitted_again,
    "scaler applied to train": _scaler_on_train,
    "scaler fitted to both": _scaler_on_both,
    "rows normalised afterwards": _then_unit_length,
    "layer_norm": _layer_norm,
}.items():
    wrong("standardise", label, answer)


def _scaler(train, test):
    scaler = StandardScaler().fit(train.double().numpy())
    return torch.from_numpy(scaler.transform(test.double().numpy())).to(test.dtype)


def _by_numpy(train, test):
    train = np.asarray(train)
    std = np.std(train, axis=0)
    scaled = (np.asarray(test) - np.mean(train, axis=0)) / np.where(
        np.ptp(train, axis=0) == 0, 1, std
    )
    return torch.as_tensor(scaled)


def _feature_by_feature(train, test):
    columns = []
    for a, b in zip(train.T, test.T):
        deviation = a.std(correction=0).item()
        columns.append((b - a.mean()) / (deviation or 1))
    return torch.stack(columns, dim=1)


def _in_double(train, test):
    std, mean = torch.std_mean(train.double(), dim=0, correction=0, keepdim=True)
    std = torch.where(std == 0, torch.ones_like(std), std)
    return test.double().sub(mean).div(std)


def _masked_fill(train, test):
    std = train.std(dim=0, unbiased=False)
    return (test - train.mean(dim=0)) / std.masked_fill(std == 0, 1)


def _std_plus_zero_mask(train, test):
    std = train.var(0, correction=0) ** 0.5
    return (test - train.mean(0)) / (std + (std == 0))


right("standardise", "scikit-learn", _scaler)
right("standardise", "numpy, whose std has N", _by_numpy)
right("standardise", "feature by feature", _feature_by_feature)
right("standardise", "std_mean in float64", _in_double)
right("standardise", "unbiased=False, masked_fill", _masked_fill)
right("standardise", "truth value added as 1", _std_plus_zero_mask)


# half_width(accuracies)


def _half_width(accuracies):
    return 1.96 * accuracies.std() / math.sqrt(len(accuracies))


def _ends(accuracies):
    half = _half_width(accuracies)
    return accuracies.mean() - half, accuracies.mean() + half


def _share_of_right_answers(accuracies):
    p = accuracies.mean()
    return 1.96 * (p * (1 - p) / len(accuracies)).sqrt()


def _middle_of_the_data(accuracies):
    low, high = torch.quantile(accuracies, torch.tensor([0.025, 0.975], dtype=accuracies.dtype))
    return (high - low) / 2


def _mean_deviation(accuracies):
    deviation = (accuracies - accuracies.mean()).abs().mean()
    return 1.96 * deviation / math.sqrt(len(accuracies))


def _root_of_the_std_too(accuracies):
    return 1.96 * (accuracies.std() / len(accuracies)).sqrt()


for label, answer in {
    "the stub": lambda accuracies: accuracies.std(),
    "nothing": lambda accuracies: None,
    "standard error, no 1.96": lambda a: a.std() / math.sqrt(len(a)),
    "root of E forgotten": lambda a: 1.96 * a.std(),
    "divided by E": lambda a: 1.96 * a.std() / len(a),
    "multiplied by the root of E": lambda a: 1.96 * a.std() * math.sqrt(len(a)),
    "variance": lambda a: 1.96 * a.var() / math.sqrt(len(a)),
    "variance over E": lambda a: 1.96 * a.var() / len(a),
    "whole width": lambda a: 2 * _half_width(a),
    "halved": lambda a: _half_width(a) / 2,
    "90 per cent": lambda a: 1.645 * a.std() / math.sqrt(len(a)),
    "99 per cent": lambda a: 2.576 * a.std() / math.sqrt(len(a)),
    "0.95 for 1.96": lambda a: 0.95 * a.std() / math.sqrt(len(a)),
    "two standard errors": lambda a: 2 * a.std() / math.sqrt(len(a)),
    "E - 1 below a std with E - 1": lambda a: 1.96 * a.std() / math.sqrt(len(a) - 1),
    "root of 600 typed in": lambda a: 1.96 * a.std() / math.sqrt(600),
    "mean in the place of std": lambda a: 1.96 * a.mean() / math.sqrt(len(a)),
    "both ends": _ends,
    "mean and half width": lambda a: (a.mean(), _half_width(a)),
    "lower end": lambda a: _ends(a)[0],
    "upper end": lambda a: _ends(a)[1],
    "per cent": lambda a: 100 * _half_width(a),
    "as for single right answers": _share_of_right_answers,
    "the middle 95% of the episodes": _middle_of_the_data,
    "half the range": lambda a: (a.max() - a.min()) / 2,
    "mean absolute deviation": _mean_deviation,
    "bracket of the root too wide": _root_of_the_std_too,
    "sign": lambda a: -_half_width(a),
    "two decimals": lambda a: round(float(_half_width(a)), 2),
    "a text": lambda a: f"±{float(_half_width(a)):.4f}",
}.items():
    wrong("half_width", label, answer)


def _by_statistics(accuracies):
    values = [float(a) for a in accuracies]
    return 1.96 * statistics.stdev(values) / len(values) ** 0.5


def _interval_of_scipy(accuracies):
    a = accuracies.numpy()
    low, high = stats.norm.interval(0.95, loc=a.mean(), scale=stats.sem(a))
    return (high - low) / 2


def _population_over_e_minus_1(accuracies):
    return 1.96 * accuracies.std(correction=0) / math.sqrt(len(accuracies) - 1)


def _squares_by_hand(accuracies):
    a = torch.as_tensor(accuracies, dtype=torch.float64)
    squares = ((a - a.mean()) ** 2).sum()
    return 1.96 * torch.sqrt(squares / (a.numel() * (a.numel() - 1)))


right("half_width", "statistics.stdev, a float", _by_statistics)
right("half_width", "scipy's normal interval", _interval_of_scipy)
right("half_width", "std with E over root of E - 1", _population_over_e_minus_1)
right("half_width", "sum of squares in float64", _squares_by_hand)
right(
    "half_width",
    "np.std with ddof=1",
    lambda a: 1.96 * np.std(a.numpy(), ddof=1) / a.numel() ** 0.5,
)
right("half_width", "root of the variance over E", lambda a: 1.96 * (a.var() / len(a)).sqrt())


# leaking: A, C and E

wrong("leaking", "the stub", {"B", "D"})
wrong("leaking", "choice on the test set overlooked", {"A", "E"})
wrong("leaking", "training mode overlooked", {"A", "C"})
wrong("leaking", "near copies overlooked", {"C", "E"})
wrong("leaking", "near copies only", {"A"})
wrong("leaking", "pre-training taken for a leak", {"A", "B", "C", "E"})
wrong("leaking", "training statistics taken for a leak", {"A", "C", "D", "E"})
wrong("leaking", "all", set("ABCDE"))
wrong("leaking", "none", set())
wrong("leaking", "nothing", None)
wrong("leaking", "D for E", {"A", "C", "D"})
wrong("leaking", "B for A", {"B", "C", "E"})
wrong("leaking", "one letter", "A")
wrong("leaking", "places, counted from 0", {0, 2, 4})
wrong("leaking", "a letter that is not there", {"A", "C", "E", "F"})
wrong("leaking", "A and D", ["A", "D"])
wrong("leaking", "yes or no for each, all yes", [True] * 5)

right("leaking", "set of a word", set("ECA"))
right("leaking", "frozenset", frozenset({"A", "C", "E"}))
right("leaking", "a list", ["A", "C", "E"])
right("leaking", "a tuple in another order", ("E", "A", "C"))
right("leaking", "all without B and D", set("ABCDE") - {"B", "D"})
