"""Answers to chapter 14 as students write them, made before the checks were read."""

import math
import random
from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tests.support.answers import Answers

answers = Answers("14")
wrong, right, rule = answers.wrong, answers.right, answers.rule


# episode(labels, n_way, n_shot, n_query, generator)


def _rows(labels, classes, count, generator):
    rows = []
    for label in classes:
        images = (labels == label).nonzero()[:, 0]
        order = torch.randperm(len(images), generator=generator)
        rows.append(images[order][:count])
    return torch.stack(rows)


def _large_enough(labels, count):
    return (labels.bincount() >= count).nonzero()[:, 0]


def _some_of(classes, n_way, generator):
    return classes[torch.randperm(len(classes), generator=generator)[:n_way]]


def _good_episode(labels, n_way, n_shot, n_query, generator):
    count = n_shot + n_query
    classes = _some_of(_large_enough(labels, count), n_way, generator)
    return _rows(labels, classes, count, generator)


def _small_classes_too(labels, n_way, n_shot, n_query, generator):
    classes = _some_of(labels.unique(), n_way, generator)
    return _rows(labels, classes, n_shot + n_query, generator)


def _enough_for_the_support(labels, n_way, n_shot, n_query, generator):
    classes = _some_of(_large_enough(labels, n_shot), n_way, generator)
    return _rows(labels, classes, n_shot + n_query, generator)


def _enough_for_the_query(labels, n_way, n_shot, n_query, generator):
    classes = _some_of(_large_enough(labels, n_query), n_way, generator)
    return _rows(labels, classes, n_shot + n_query, generator)


def _strictly_more(labels, n_way, n_shot, n_query, generator):
    count = n_shot + n_query
    classes = (labels.bincount() > count).nonzero()[:, 0]
    return _rows(labels, _some_of(classes, n_way, generator), count, generator)


def _filtered_after_drawing(labels, n_way, n_shot, n_query, generator):
    count, rows = n_shot + n_query, []
    for label in _some_of(labels.unique(), n_way, generator):
        images = (labels == label).nonzero()[:, 0]
        if len(images) >= count:
            rows.append(images[torch.randperm(len(images), generator=generator)[:count]])
    return torch.stack(rows)


def _places_for_classes(labels, n_way, n_shot, n_query, generator):
    count = n_shot + n_query
    number = len(_large_enough(labels, count))
    classes = torch.randperm(number, generator=generator)[:n_way]
    return _rows(labels, classes, count, generator)


def _first_classes(labels, n_way, n_shot, n_query, generator):
    count = n_shot + n_query
    return _rows(labels, _large_enough(labels, count)[:n_way], count, generator)


def _classes_in_order(labels, n_way, n_shot, n_query, generator):
    count = n_shot + n_query
    classes = _some_of(_large_enough(labels, count), n_way, generator)
    return _rows(labels, classes.sort().values, count, generator)


def _classes_with_replacement(labels, n_way, n_shot, n_query, generator):
    count = n_shot + n_query
    classes = _large_enough(labels, count)
    classes = classes[torch.randint(len(classes), (n_way,), generator=generator)]
    return _rows(labels, classes, count, generator)


def _never_the_last_class(labels, n_way, n_shot, n_query, generator):
    count = n_shot + n_query
    classes = _some_of(_large_enough(labels, count)[:-1], n_way, generator)
    return _rows(labels, classes, count, generator)


def _first_images(labels, n_way, n_shot, n_query, generator):
    count = n_shot + n_query
    classes = _some_of(_large_enough(labels, count), n_way, generator)
    return torch.stack([(labels == label).nonzero()[:count, 0] for label in classes])


def _first_images_shuffled(labels, n_way, n_shot, n_query, generator):
    rows = _first_images(labels, n_way, n_shot, n_query, generator)
    return torch.stack([row[torch.randperm(len(row), generator=generator)] for row in rows])


def _images_in_order(labels, n_way, n_shot, n_query, generator):
    return _good_episode(labels, n_way, n_shot, n_query, generator).sort(1).values


def _images_with_replacement(labels, n_way, n_shot, n_query, generator):
    count, rows = n_shot + n_query, []
    for label in _some_of(_large_enough(labels, count), n_way, generator):
        images = (labels == label).nonzero()[:, 0]
        rows.append(images[torch.randint(len(images), (count,), generator=generator)])
    return torch.stack(rows)


def _support_and_query_drawn_apart(labels, n_way, n_shot, n_query, generator):
    classes = _some_of(_large_enough(labels, n_shot + n_query), n_way, generator)
    support = _rows(labels, classes, n_shot, generator)
    return torch.cat([support, _rows(labels, classes, n_query, generator)], 1)


def _last_shot_asked_again(labels, n_way, n_shot, n_query, generator):
    rows = _good_episode(labels, n_way, n_shot, n_query, generator)
    return torch.cat([rows[:, :n_shot], rows[:, n_shot - 1 : -1]], 1)


def _query_classes_drawn_anew(labels, n_way, n_shot, n_query, generator):
    support = _good_episode(labels, n_way, n_shot, n_query, generator)[:, :n_shot]
    query = _good_episode(labels, n_way, n_shot, n_query, generator)[:, n_shot:]
    return torch.cat([support, query], 1)


def _never_the_last_image(labels, n_way, n_shot, n_query, generator):
    count, rows = n_shot + n_query, []
    for label in _some_of(_large_enough(labels, count + 1), n_way, generator):
        images = (labels == label).nonzero()[:, 0]
        rows.append(images[torch.randperm(len(images) - 1, generator=generator)[:count]])
    return torch.stack(rows)


def _places_within_the_class(labels, n_way, n_shot, n_query, generator):
    count, rows = n_shot + n_query, []
    for label in _some_of(_large_enough(labels, count), n_way, generator):
        size = int((labels == label).sum())
        rows.append(torch.randperm(size, generator=generator)[:count])
    return torch.stack(rows)


def _labels_sorted_and_equally_many(labels, n_way, n_shot, n_query, generator):
    n_classes = int(labels.max()) + 1
    size, rows = len(labels) // n_classes, []
    for label in torch.randperm(n_classes, generator=generator)[:n_way]:
        shuffled = torch.randperm(size, generator=generator)
        rows.append(label * size + shuffled[: n_shot + n_query])
    return torch.stack(rows)


def _start_of_a_sorted_block(labels, n_way, n_shot, n_query, generator):
    count, sizes, rows = n_shot + n_query, labels.bincount(), []
    begins = sizes.cumsum(0) - sizes
    for label in _some_of((sizes >= count).nonzero()[:, 0], n_way, generator):
        shuffled = torch.randperm(int(sizes[label]), generator=generator)
        rows.append(begins[label] + shuffled[:count])
    return torch.stack(rows)


def _images_by_the_global_generator(labels, n_way, n_shot, n_query, generator):
    count, rows = n_shot + n_query, []
    for label in _some_of(_large_enough(labels, count), n_way, generator):
        images = (labels == label).nonzero()[:, 0]
        rows.append(images[torch.randperm(len(images))[:count]])
    return torch.stack(rows)


def _classes_by_the_global_generator(labels, n_way, n_shot, n_query, generator):
    count = n_shot + n_query
    classes = _some_of(_large_enough(labels, count), n_way, None)
    return _rows(labels, classes, count, generator)


def _by_random_sample(labels, n_way, n_shot, n_query, generator):
    count, of_class = n_shot + n_query, defaultdict(list)
    for i, label in enumerate(labels.tolist()):
        of_class[label].append(i)
    large = [label for label, images in of_class.items() if len(images) >= count]
    chosen = random.sample(large, n_way)
    return torch.tensor([random.sample(of_class[label], count) for label in chosen])


def _by_numpy_random(labels, n_way, n_shot, n_query, generator):
    sizes, count = np.bincount(labels), n_shot + n_query
    chosen = np.random.choice(np.flatnonzero(sizes >= count), n_way, replace=False)
    labels = labels.numpy()
    rows = [np.random.choice(np.flatnonzero(labels == c), count, replace=False) for c in chosen]
    return torch.from_numpy(np.stack(rows))


def _global_seed_of_the_generator(labels, n_way, n_shot, n_query, generator):
    torch.manual_seed(generator.initial_seed())
    return _good_episode(labels, n_way, n_shot, n_query, None)


def _seeded_again(labels, n_way, n_shot, n_query, generator):
    return _good_episode(labels, n_way, n_shot, n_query, generator.manual_seed(0))


def _generator_of_its_own(labels, n_way, n_shot, n_query, generator):
    own = torch.Generator().manual_seed(0)
    return _good_episode(labels, n_way, n_shot, n_query, own)


def _a_column_for_each_class(labels, n_way, n_shot, n_query, generator):
    return _good_episode(labels, n_way, n_shot, n_query, generator).T


def _classes_of_the_images(labels, n_way, n_shot, n_query, generator):
    return labels[_good_episode(labels, n_way, n_shot, n_query, generator)]


def _support_only(labels, n_way, n_shot, n_query, generator):
    return _good_episode(labels, n_way, n_shot, n_query, generator)[:, :n_shot]


def _two_parts(labels, n_way, n_shot, n_query, generator):
    rows = _good_episode(labels, n_way, n_shot, n_query, generator)
    return rows[:, :n_shot], rows[:, n_shot:]


def _one_long_row(labels, n_way, n_shot, n_query, generator):
    return torch.cat(list(_good_episode(labels, n_way, n_shot, n_query, generator)))


def _a_floating_point_row(labels, n_way, n_shot, n_query, generator):
    rows = torch.zeros(n_way, n_shot + n_query)
    for i, row in enumerate(_good_episode(labels, n_way, n_shot, n_query, generator)):
        rows[i] = row
    return rows


def _rows_of_one_task_shuffled(labels, n_way, n_shot, n_query, generator):
    rows = _good_episode(labels, n_way, n_shot, n_query, generator)
    order = torch.randperm(rows.numel(), generator=generator)
    return rows.flatten()[order].view_as(rows)


def _all_supports_then_all_queries(labels, n_way, n_shot, n_query, generator):
    rows = _good_episode(labels, n_way, n_shot, n_query, generator)
    parts = [rows[:, :n_shot].flatten(), rows[:, n_shot:].flatten()]
    return torch.cat(parts).view(n_way, n_shot + n_query)


def _every_large_class(labels, n_way, n_shot, n_query, generator):
    count = n_shot + n_query
    classes = _large_enough(labels, count)
    return _rows(labels, _some_of(classes, len(classes), generator), count, generator)


wrong("episode", "the stub", lambda labels, n_way, n_shot, n_query, generator: None)
wrong("episode", "classes that are too small drawn too", _small_classes_too)
wrong("episode", "large enough for the support only", _enough_for_the_support)
wrong("episode", "large enough for the query only", _enough_for_the_query)
wrong("episode", "a class of just enough images left out", _strictly_more)
wrong("episode", "small classes dropped after drawing, too few rows", _filtered_after_drawing)
wrong("episode", "places among large classes taken for classes", _places_for_classes)
wrong("episode", "always the first classes", _first_classes)
wrong("episode", "classes always in ascending order", _classes_in_order)
wrong("episode", "classes drawn with replacement", _classes_with_replacement)
wrong("episode", "the last class is never drawn", _never_the_last_class)
wrong("episode", "images not shuffled", _first_images)
wrong("episode", "only the first images of a class, shuffled", _first_images_shuffled)
wrong("episode", "images sorted again, so support comes early", _images_in_order)
wrong("episode", "images drawn with replacement", _images_with_replacement)
wrong("episode", "support and query drawn without regard", _support_and_query_drawn_apart)
wrong("episode", "query begins at the last shot", _last_shot_asked_again)
wrong("episode", "query from classes drawn anew", _query_classes_drawn_anew)
wrong("episode", "last image of a class never drawn", _never_the_last_image)
wrong("episode", "places within the class, not image numbers", _places_within_the_class)
wrong("episode", "equally many of each, sorted", _labels_sorted_and_equally_many)
wrong("episode", "takes labels for sorted", _start_of_a_sorted_block)
wrong("episode", "generator not given for the images", _images_by_the_global_generator)
wrong("episode", "generator not given for the classes", _classes_by_the_global_generator)
wrong("episode", "random.sample", _by_random_sample)
wrong("episode", "np.random.choice", _by_numpy_random)
wrong("episode", "global seed set by the generator's", _global_seed_of_the_generator)
wrong("episode", "generator seeded again in each call", _seeded_again)
wrong("episode", "a generator of its own", _generator_of_its_own)
wrong("episode", "a column for each class", _a_column_for_each_class)
wrong("episode", "classes instead of images", _classes_of_the_images)
wrong("episode", "support only", _support_only)
wrong("episode", "support and query as a pair", _two_parts)
wrong("episode", "cat instead of stack", _one_long_row)
wrong("episode", "floating-point numbers of images", _a_floating_point_row)
wrong("episode", "classes mixed in the rows", _rows_of_one_task_shuffled)
wrong("episode", "all supports, then all queries, viewed", _all_supports_then_all_queries)
wrong("episode", "all classes instead of n_way", _every_large_class)


def _by_multinomial(labels, n_way, n_shot, n_query, generator):
    count, rows = n_shot + n_query, []
    large = (labels.bincount() >= count).double()
    for label in torch.multinomial(large, n_way, generator=generator):
        rows.append(torch.multinomial((labels == label).double(), count, generator=generator))
    return torch.stack(rows)


def _by_random_keys(labels, n_way, n_shot, n_query, generator):
    count = n_shot + n_query
    members = F.one_hot(labels).T.bool()
    large = members[members.sum(1) >= count]
    chosen = large[torch.rand(len(large), generator=generator).argsort()[:n_way]]
    keys = torch.rand(chosen.shape, generator=generator, dtype=torch.float64)
    return keys.masked_fill(~chosen, 2.0).topk(count, dim=1, largest=False).indices


def _shuffled_before(labels, n_way, n_shot, n_query, generator):
    count, of_class = n_shot + n_query, defaultdict(list)
    for i in torch.randperm(len(labels), generator=generator).tolist():
        of_class[int(labels[i])].append(i)
    large = sorted(label for label in of_class if len(of_class[label]) >= count)
    chosen = torch.randperm(len(large), generator=generator)[:n_way].tolist()
    return torch.tensor([of_class[large[c]][:count] for c in chosen])


def _rejected_until_large_enough(labels, n_way, n_shot, n_query, generator):
    names, rows, seen = labels.unique(), [], set()
    while len(rows) < n_way:
        label = names[torch.randint(len(names), (), generator=generator)].item()
        images = torch.where(labels == label)[0]
        if label not in seen and len(images) >= n_shot + n_query:
            seen.add(label)
            order = torch.randperm(len(images), generator=generator)
            rows.append(images[order[: n_shot + n_query]])
    return torch.vstack(rows)


def _numpy_seeded_by_a_draw(labels, n_way, n_shot, n_query, generator):
    rng = np.random.default_rng(torch.randint(2**31, (1,), generator=generator).item())
    names, sizes = np.unique(labels.numpy(), return_counts=True)
    chosen = rng.choice(names[sizes >= n_shot + n_query], n_way, replace=False)
    rows = [
        rng.choice(np.where(labels.numpy() == c)[0], n_shot + n_query, replace=False)
        for c in chosen
    ]
    return np.stack(rows)


def _python_seeded_by_a_draw(labels, n_way, n_shot, n_query, generator):
    luck = random.Random(int(torch.randint(2**62, (1,), generator=generator)))
    numbers = labels.tolist()
    sizes = Counter(numbers)
    large = [label for label in sizes if sizes[label] >= n_shot + n_query]
    rows = []
    for label in luck.sample(large, n_way):
        images = [i for i, other in enumerate(numbers) if other == label]
        rows.append(luck.sample(images, n_shot + n_query))
    return torch.as_tensor(rows)


def _by_fisher_and_yates(labels, n_way, n_shot, n_query, generator):
    def draw(items, number):
        items = list(items)
        for i in range(number):
            j = i + int(torch.randint(len(items) - i, (1,), generator=generator))
            items[i], items[j] = items[j], items[i]
        return items[:number]

    count = n_shot + n_query
    chosen = draw(_large_enough(labels, count).tolist(), n_way)
    rows = [draw((labels == c).nonzero().flatten().tolist(), count) for c in chosen]
    return torch.LongTensor(rows)


def _support_and_rest(labels, n_way, n_shot, n_query, generator):
    names, sizes = labels.unique(return_counts=True)
    names = names[sizes >= n_shot + n_query]
    out = torch.empty(n_way, n_shot + n_query, dtype=torch.long)
    for i, place in enumerate(torch.randperm(len(names), generator=generator)[:n_way]):
        images = torch.argwhere(labels == names[place]).squeeze(1)
        order = torch.randperm(images.numel(), generator=generator)
        out[i, :n_shot] = images[order[:n_shot]]
        out[i, n_shot:] = images[order[len(order) - n_query :]]
    return out


right("episode", "multinomial for classes and images", _by_multinomial)
right("episode", "random keys and topk, no loop", _by_random_keys)
right("episode", "all images shuffled first, a dict of lists", _shuffled_before)
right("episode", "draws again until large enough", _rejected_until_large_enough)
right("episode", "numpy seeded by a draw, a numpy array", _numpy_seeded_by_a_draw)
right("episode", "random.Random seeded by a draw", _python_seeded_by_a_draw)
right("episode", "Fisher and Yates by hand", _by_fisher_and_yates)
right("episode", "query from the end of the shuffled", _support_and_rest)
right(
    "episode",
    "int32 numbers",
    lambda labels, n_way, n_shot, n_query, generator: _good_episode(
        labels, n_way, n_shot, n_query, generator
    ).int(),
)


# prototypes(support, labels, n_way)


def _sums(support, labels, n_way):
    return torch.stack([support[labels == c].sum(0) for c in range(n_way)])


def _good_prototypes(support, labels, n_way):
    return torch.stack([support[labels == c].mean(0) for c in range(n_way)])


def _reduced_with_the_zeros(support, labels, n_way):
    zeros = support.new_zeros(n_way, support.shape[1])
    return zeros.index_reduce(0, labels, support, "mean")


def _scattered_with_the_zeros(support, labels, n_way):
    zeros = support.new_zeros(n_way, support.shape[1])
    where = labels[:, None].expand_as(support)
    return zeros.scatter_reduce(0, where, support, "mean")


def _in_order_of_appearance(support, labels, n_way):
    names = dict.fromkeys(labels.tolist())
    return torch.stack([support[labels == name].mean(0) for name in names])


def _halfway_each_time(support, labels, n_way):
    found = {}
    for vector, label in zip(support, labels.tolist()):
        found[label] = (found[label] + vector) / 2 if label in found else vector
    return torch.stack([found[c] for c in range(n_way)])


def _overwritten_instead_of_added(support, labels, n_way):
    total = support.new_zeros(n_way, support.shape[1])
    total[labels] += support
    return total / labels.bincount(minlength=n_way)[:, None]


def _over_the_largest_class(support, labels, n_way):
    return _sums(support, labels, n_way) / labels.bincount().max()


def _median(support, labels, n_way):
    return torch.stack([support[labels == c].median(0).values for c in range(n_way)])


wrong("prototypes", "the stub", lambda support, labels, n_way: None)
wrong("prototypes", "sum instead of mean", _sums)
wrong(
    "prototypes",
    "every class divided by S / n_way",
    lambda support, labels, n_way: _sums(support, labels, n_way) * n_way / len(support),
)
wrong(
    "prototypes",
    "divided by n_way",
    lambda support, labels, n_way: _sums(support, labels, n_way) / n_way,
)
wrong(
    "prototypes",
    "divided by all of the support",
    lambda support, labels, n_way: _sums(support, labels, n_way) / len(labels),
)
wrong("prototypes", "divided by the largest class", _over_the_largest_class)
wrong("prototypes", "index_reduce counts the zeros", _reduced_with_the_zeros)
wrong("prototypes", "scatter_reduce counts the zeros", _scattered_with_the_zeros)
wrong("prototypes", "total[labels] += keeps one of each class", _overwritten_instead_of_added)
wrong("prototypes", "classes in order of appearance", _in_order_of_appearance)
wrong(
    "prototypes",
    "labels not used: support viewed",
    lambda support, labels, n_way: (
        support[: len(support) // n_way * n_way].view(n_way, -1, support.shape[1]).mean(1)
    ),
)
wrong(
    "prototypes",
    "labels not used: strided",
    lambda support, labels, n_way: torch.stack([support[c::n_way].mean(0) for c in range(n_way)]),
)
wrong(
    "prototypes",
    "sorted by label, then cut in equal parts",
    lambda support, labels, n_way: torch.stack(
        [p.mean(0) for p in support[labels.argsort()].tensor_split(n_way)]
    ),
)
wrong(
    "prototypes",
    "mean over the features",
    lambda support, labels, n_way: torch.stack(
        [support[labels == c].mean(1).mean() for c in range(n_way)]
    ),
)
wrong(
    "prototypes",
    "mean without a dim, one number a class",
    lambda support, labels, n_way: torch.stack([support[labels == c].mean() for c in range(n_way)]),
)
wrong("prototypes", "median", _median)
wrong(
    "prototypes",
    "first image of each class",
    lambda support, labels, n_way: torch.stack([support[labels == c][0] for c in range(n_way)]),
)
wrong("prototypes", "halfway to each further image", _halfway_each_time)
wrong(
    "prototypes",
    "normalised to length 1",
    lambda support, labels, n_way: F.normalize(_good_prototypes(support, labels, n_way), dim=1),
)
wrong(
    "prototypes",
    "images normalised before the mean",
    lambda support, labels, n_way: _good_prototypes(F.normalize(support, dim=1), labels, n_way),
)
wrong(
    "prototypes",
    "one class too few",
    lambda support, labels, n_way: torch.stack(
        [support[labels == c].mean(0) for c in range(n_way - 1)]
    ),
)
wrong(
    "prototypes",
    "classes counted from 1",
    lambda support, labels, n_way: torch.stack(
        [support[labels == c].mean(0) for c in range(1, n_way + 1)]
    ),
)
wrong(
    "prototypes",
    "transposed",
    lambda support, labels, n_way: torch.stack(
        [support[labels == c].mean(0) for c in range(n_way)], 1
    ),
)
wrong(
    "prototypes",
    "cat instead of stack",
    lambda support, labels, n_way: torch.cat([support[labels == c].mean(0) for c in range(n_way)]),
)
wrong(
    "prototypes",
    "keepdim left in",
    lambda support, labels, n_way: torch.stack(
        [support[labels == c].mean(0, keepdim=True) for c in range(n_way)]
    ),
)
wrong(
    "prototypes",
    "mean of all others",
    lambda support, labels, n_way: torch.stack(
        [support[labels != c].mean(0) for c in range(n_way)]
    ),
)
wrong(
    "prototypes",
    "mean over all images, zeros for others",
    lambda support, labels, n_way: torch.stack(
        [(support * (labels == c)[:, None]).mean(0) for c in range(n_way)]
    ),
)
wrong(
    "prototypes",
    "one for each image of the support",
    lambda support, labels, n_way: _good_prototypes(support, labels, n_way)[labels],
)


def _added_up(support, labels, n_way):
    total = torch.zeros(n_way, support.shape[1], dtype=support.dtype)
    total = total.index_add(0, labels, support)
    return total / labels.bincount(minlength=n_way).unsqueeze(1)


def _running_mean(support, labels, n_way):
    means, seen = [torch.zeros_like(support[0]) for _ in range(n_way)], [0] * n_way
    for vector, c in zip(support, labels.tolist()):
        seen[c] += 1
        means[c] = means[c] + (vector - means[c]) / seen[c]
    return torch.stack(means)


def _weights_times_support(support, labels, n_way):
    member = labels == torch.arange(n_way)[:, None]
    return (member / member.sum(1, keepdim=True)) @ support


def _masked_mean(support, labels, n_way):
    member = labels == torch.arange(n_way)[:, None]
    return torch.where(member[..., None], support, torch.nan).nanmean(1)


def _by_einsum(support, labels, n_way):
    member = F.one_hot(labels, n_way).to(support)
    return torch.einsum("sc,sd->cd", member, support) / member.sum(0)[:, None]


def _scatter_without_the_zeros(support, labels, n_way):
    zeros = support.new_zeros(n_way, support.shape[1])
    where = labels.unsqueeze(1).expand(-1, support.shape[1])
    return zeros.scatter_reduce(0, where, support, reduce="mean", include_self=False)


right("prototypes", "index_add and bincount", _added_up)
right("prototypes", "running mean of a loop over images", _running_mean)
right("prototypes", "a matrix of weights", _weights_times_support)
right("prototypes", "nanmean", _masked_mean)
right("prototypes", "one_hot and einsum", _by_einsum)
right("prototypes", "scatter_reduce without the zeros", _scatter_without_the_zeros)
right(
    "prototypes",
    "in double precision",
    lambda support, labels, n_way: _good_prototypes(support.double(), labels, n_way),
)
right(
    "prototypes",
    "split after sorting",
    lambda support, labels, n_way: torch.stack(
        [
            part.mean(dim=0)
            for part in support[labels.argsort()].split(labels.bincount(minlength=n_way).tolist())
        ]
    ),
)
right(
    "prototypes",
    "linear classes by least squares",
    lambda support, labels, n_way: (
        torch.linalg.lstsq(F.one_hot(labels, n_way).to(support), support).solution
    ),
)


# prototype_loss(prototypes, query, labels)


def _squared(prototypes, query):
    return (query[:, None] - prototypes).square().sum(2)


def _exp_over_sum(prototypes, query, labels):
    weights = (-_squared(prototypes, query)).exp()
    p = weights / weights.sum(1, keepdim=True)
    return -p[torch.arange(len(labels)), labels].log().mean()


def _log_of_softmax(prototypes, query, labels):
    p = (-_squared(prototypes, query)).softmax(1)
    return F.nll_loss(p.log(), labels)


def _log_with_an_epsilon(prototypes, query, labels):
    p = (-_squared(prototypes, query)).softmax(1)
    return F.nll_loss((p + 1e-8).log(), labels)


def _p_clamped(prototypes, query, labels):
    p = (-_squared(prototypes, query)).softmax(1).clamp(min=1e-12)
    return F.nll_loss(p.log(), labels)


def _one_shift_for_all_queries(prototypes, query, labels):
    squared = _squared(prototypes, query)
    weights = (squared.min() - squared).exp()
    p = weights.gather(1, labels[:, None])[:, 0] / weights.sum(1)
    return -p.log().mean()


def _shifted_by_the_largest(prototypes, query, labels):
    squared = _squared(prototypes, query)
    weights = (squared.max(1, keepdim=True).values - squared).exp()
    p = weights.gather(1, labels[:, None])[:, 0] / weights.sum(1)
    return -p.log().mean()


def _row_shift_but_log_of_p(prototypes, query, labels):
    squared = _squared(prototypes, query)
    weights = (squared.min(1, keepdim=True).values - squared).exp()
    p = weights.gather(1, labels[:, None])[:, 0] / weights.sum(1)
    return -p.log().mean()


def _log_of_the_sum_of_exp(prototypes, query, labels):
    squared = _squared(prototypes, query)
    own = squared[torch.arange(len(labels)), labels]
    return (own + torch.exp(-squared).sum(1).log()).mean()


def _by_math_exp(prototypes, query, labels):
    losses = []
    for z, label in zip(query, labels):
        distances = [(z - p).square().sum().item() for p in prototypes]
        weights = [math.exp(-d) for d in distances]
        losses.append(-math.log(weights[label] / sum(weights)))
    return torch.tensor(sum(losses) / len(losses))


def _distances_clamped(prototypes, query, labels):
    return F.cross_entropy(-_squared(prototypes, query).clamp(max=50), labels)


def _nan_taken_away(prototypes, query, labels):
    return _exp_over_sum(prototypes, query, labels).nan_to_num(posinf=100.0)


def _mean_of_class_means(prototypes, query, labels):
    losses = F.cross_entropy(-_squared(prototypes, query), labels, reduction="none")
    return torch.stack([losses[labels == c].mean() for c in labels.unique()]).mean()


def _own_class_left_out(prototypes, query, labels):
    logits = -_squared(prototypes, query)
    own = F.one_hot(labels, len(prototypes)).bool()
    return (logits.masked_fill(own, -torch.inf).logsumexp(1) - logits[own]).mean()


wrong("prototype_loss", "the stub", lambda prototypes, query, labels: None)
wrong(
    "prototype_loss",
    "distances not squared",
    lambda prototypes, query, labels: F.cross_entropy(-torch.cdist(query, prototypes), labels),
)
wrong(
    "prototype_loss",
    "minus forgotten",
    lambda prototypes, query, labels: F.cross_entropy(_squared(prototypes, query), labels),
)
wrong(
    "prototype_loss",
    "mean over the features",
    lambda prototypes, query, labels: F.cross_entropy(
        -(query[:, None] - prototypes).square().mean(2), labels
    ),
)
wrong(
    "prototype_loss",
    "half of the squared distances",
    lambda prototypes, query, labels: F.cross_entropy(-_squared(prototypes, query) / 2, labels),
)
wrong(
    "prototype_loss",
    "inner products",
    lambda prototypes, query, labels: F.cross_entropy(query @ prototypes.T, labels),
)
wrong(
    "prototype_loss",
    "bias of the layer forgotten",
    lambda prototypes, query, labels: F.cross_entropy(2 * query @ prototypes.T, labels),
)
wrong(
    "prototype_loss",
    "cosine",
    lambda prototypes, query, labels: F.cross_entropy(
        F.cosine_similarity(query[:, None], prototypes, dim=2), labels
    ),
)
wrong(
    "prototype_loss",
    "sum of absolute differences",
    lambda prototypes, query, labels: F.cross_entropy(-torch.cdist(query, prototypes, p=1), labels),
)
wrong(
    "prototype_loss",
    "softmax before cross_entropy",
    lambda prototypes, query, labels: F.cross_entropy(
        (-_squared(prototypes, query)).softmax(1), labels
    ),
)
wrong(
    "prototype_loss",
    "nll_loss of probabilities",
    lambda prototypes, query, labels: F.nll_loss((-_squared(prototypes, query)).softmax(1), labels),
)
wrong(
    "prototype_loss",
    "softmax over the queries",
    lambda prototypes, query, labels: F.nll_loss(
        (-_squared(prototypes, query)).log_softmax(0), labels
    ),
)
wrong(
    "prototype_loss",
    "sum over the queries",
    lambda prototypes, query, labels: F.cross_entropy(
        -_squared(prototypes, query), labels, reduction="sum"
    ),
)
wrong(
    "prototype_loss",
    "one loss for each query",
    lambda prototypes, query, labels: F.cross_entropy(
        -_squared(prototypes, query), labels, reduction="none"
    ),
)
wrong(
    "prototype_loss",
    "divided by the queries twice",
    lambda prototypes, query, labels: (
        F.cross_entropy(-_squared(prototypes, query), labels) / len(query)
    ),
)
wrong(
    "prototype_loss",
    "mean over queries and classes",
    lambda prototypes, query, labels: (
        -(F.one_hot(labels, len(prototypes)) * (-_squared(prototypes, query)).log_softmax(1)).mean()
    ),
)
wrong(
    "prototype_loss",
    "own squared distance only",
    lambda prototypes, query, labels: (query - prototypes[labels]).square().sum(1).mean(),
)
wrong(
    "prototype_loss",
    "prototypes detached",
    lambda prototypes, query, labels: F.cross_entropy(
        -_squared(prototypes.detach(), query), labels
    ),
)
wrong(
    "prototype_loss",
    "query detached",
    lambda prototypes, query, labels: F.cross_entropy(
        -_squared(prototypes, query.detach()), labels
    ),
)
wrong(
    "prototype_loss",
    "item, so nothing to descend on",
    lambda prototypes, query, labels: F.cross_entropy(-_squared(prototypes, query), labels).item(),
)
wrong(
    "prototype_loss",
    "label smoothing",
    lambda prototypes, query, labels: F.cross_entropy(
        -_squared(prototypes, query), labels, label_smoothing=0.1
    ),
)
wrong(
    "prototype_loss",
    "in bits",
    lambda prototypes, query, labels: (
        F.cross_entropy(-_squared(prototypes, query), labels) / math.log(2)
    ),
)
wrong(
    "prototype_loss",
    "sign of the loss",
    lambda prototypes, query, labels: (
        (-_squared(prototypes, query)).log_softmax(1).gather(1, labels[:, None]).mean()
    ),
)
wrong(
    "prototype_loss",
    "nearest prototype as the label",
    lambda prototypes, query, labels: F.cross_entropy(
        -_squared(prototypes, query), _squared(prototypes, query).argmin(1)
    ),
)
wrong(
    "prototype_loss",
    "query and prototypes normalised",
    lambda prototypes, query, labels: F.cross_entropy(
        -_squared(F.normalize(prototypes), F.normalize(query)), labels
    ),
)
wrong("prototype_loss", "exp over sum, overflows", _exp_over_sum)
wrong("prototype_loss", "log of softmax, overflows", _log_of_softmax)
wrong("prototype_loss", "an epsilon in the logarithm", _log_with_an_epsilon)
wrong("prototype_loss", "probabilities clamped", _p_clamped)
wrong("prototype_loss", "one shift for all queries", _one_shift_for_all_queries)
wrong("prototype_loss", "shifted by the largest distance", _shifted_by_the_largest)
wrong("prototype_loss", "shifted in each row, log of p", _row_shift_but_log_of_p)
wrong("prototype_loss", "log of the sum of exp", _log_of_the_sum_of_exp)
wrong("prototype_loss", "the naive loop of section 5", _by_math_exp)
wrong("prototype_loss", "distances clamped at 50", _distances_clamped)
wrong("prototype_loss", "infinity replaced by 100", _nan_taken_away)
wrong("prototype_loss", "mean of the class means", _mean_of_class_means)
wrong("prototype_loss", "own class left out of the sum", _own_class_left_out)


def _by_loops(prototypes, query, labels):
    total = 0
    for z, label in zip(query, labels):
        logits = torch.stack([-((z - p) ** 2).sum() for p in prototypes])
        total = total + torch.logsumexp(logits, 0) - logits[label]
    return total / len(query)


def _by_gathering(prototypes, query, labels):
    squared = torch.cdist(query, prototypes, compute_mode="donot_use_mm_for_euclid_dist") ** 2
    return -(-squared).log_softmax(dim=1).gather(1, labels.unsqueeze(1)).squeeze(1).mean()


def _by_the_layer(prototypes, query, labels):
    prototypes, query = prototypes.double(), query.double()
    bias = -torch.einsum("cd,cd->c", prototypes, prototypes)
    return nn.CrossEntropyLoss()(F.linear(query, 2 * prototypes, bias), labels)


def _shifted_by_hand(prototypes, query, labels):
    squared = _squared(prototypes, query)
    shifted = squared - squared.amin(1, keepdim=True)
    own = shifted[range(len(labels)), labels]
    return (own + shifted.neg().exp().sum(1).log()).sum() / len(labels)


def _by_a_distribution(prototypes, query, labels):
    logits = -(prototypes[None] - query[:, None]).pow(2).sum(-1)
    return -torch.distributions.Categorical(logits=logits).log_prob(labels).mean()


right("prototype_loss", "loops and logsumexp", _by_loops)
right("prototype_loss", "cdist squared, gather", _by_gathering)
right("prototype_loss", "the linear layer in double precision", _by_the_layer)
right("prototype_loss", "each row shifted by hand", _shifted_by_hand)
right("prototype_loss", "Categorical", _by_a_distribution)
right(
    "prototype_loss",
    "one-hot targets",
    lambda prototypes, query, labels: F.cross_entropy(
        -_squared(prototypes, query), F.one_hot(labels, len(prototypes)).to(query.dtype)
    ),
)
right(
    "prototype_loss",
    "classes first, transposed",
    lambda prototypes, query, labels: F.cross_entropy(
        -(prototypes[:, None] - query).square().sum(-1).T, labels
    ),
)


# linear_layer(prototypes)


def _layer(prototypes, weight=2.0, bias=-1.0):
    return torch.cat([weight * prototypes, bias * prototypes.square().sum(1, keepdim=True)], 1)


def _as_a_module(prototypes):
    layer = nn.Linear(prototypes.shape[1], len(prototypes))
    layer.weight.data, layer.bias.data = 2 * prototypes, -prototypes.square().sum(1)
    return layer


def _a_row_beneath(prototypes):
    return torch.cat([2 * prototypes.T, -prototypes.square().sum(1)[None]])


wrong("linear_layer", "the stub", lambda prototypes: None)
wrong("linear_layer", "2 forgotten", lambda prototypes: _layer(prototypes, weight=1.0))
wrong("linear_layer", "half of all", lambda prototypes: _layer(prototypes, 1.0, -0.5))
wrong("linear_layer", "sign of the bias", lambda prototypes: _layer(prototypes, bias=1.0))
wrong("linear_layer", "sign of the weights", lambda prototypes: _layer(prototypes, -2.0))
wrong("linear_layer", "all signs, as for distances", lambda prototypes: -_layer(prototypes))
wrong("linear_layer", "bias twice", lambda prototypes: _layer(prototypes, bias=-2.0))
wrong(
    "linear_layer",
    "bias of the doubled weights",
    lambda prototypes: _layer(2 * prototypes, weight=1.0),
)
wrong(
    "linear_layer",
    "length not squared",
    lambda prototypes: torch.cat([2 * prototypes, -prototypes.norm(dim=1, keepdim=True)], 1),
)
wrong(
    "linear_layer",
    "sum not squared",
    lambda prototypes: torch.cat([2 * prototypes, -prototypes.sum(1, keepdim=True)], 1),
)
wrong(
    "linear_layer",
    "square of the sum",
    lambda prototypes: torch.cat([2 * prototypes, -prototypes.sum(1, keepdim=True).square()], 1),
)
wrong(
    "linear_layer",
    "mean of the squares",
    lambda prototypes: torch.cat([2 * prototypes, -prototypes.square().mean(1, keepdim=True)], 1),
)
wrong(
    "linear_layer",
    "one bias for all classes",
    lambda prototypes: torch.cat(
        [2 * prototypes, -prototypes.square().sum().expand(len(prototypes), 1)], 1
    ),
)
wrong(
    "linear_layer", "bias before the weights", lambda prototypes: _layer(prototypes).roll(1, dims=1)
)
wrong("linear_layer", "bias left out", lambda prototypes: 2 * prototypes)
wrong("linear_layer", "bias alone", lambda prototypes: -prototypes.square().sum(1))
wrong("linear_layer", "bias 0", lambda prototypes: F.pad(2 * prototypes, (0, 1)))
wrong("linear_layer", "bias -1", lambda prototypes: F.pad(2 * prototypes, (0, 1), value=-1.0))
wrong("linear_layer", "a column for each class", _a_row_beneath)
wrong(
    "linear_layer",
    "weights and bias as a pair",
    lambda prototypes: (
        2 * prototypes,
        -prototypes.square().sum(1),
    ),
)
wrong("linear_layer", "a module", _as_a_module)
wrong(
    "linear_layer",
    "squares not added up",
    lambda prototypes: torch.cat([2 * prototypes, -prototypes.square()], 1),
)
wrong(
    "linear_layer",
    "all in one row",
    lambda prototypes: torch.cat([2 * prototypes.flatten(), -prototypes.square().sum(1)]),
)
wrong(
    "linear_layer",
    "bias normalised by a softmax",
    lambda prototypes: torch.cat(
        [2 * prototypes, (-prototypes.square().sum(1)).softmax(0)[:, None]], 1
    ),
)


def _filled_in(prototypes):
    layer = torch.empty(len(prototypes), prototypes.shape[1] + 1)
    layer[:, :-1] = prototypes + prototypes
    layer[:, -1] = -(prototypes**2).sum(-1)
    return layer


right("linear_layer", "filled into an empty tensor", _filled_in)
right(
    "linear_layer",
    "column_stack and einsum",
    lambda prototypes: torch.column_stack(
        (2 * prototypes, -torch.einsum("ij,ij->i", prototypes, prototypes))
    ),
)
right(
    "linear_layer",
    "diagonal of the inner products",
    lambda prototypes: torch.hstack(
        [2 * prototypes, -(prototypes @ prototypes.T).diag().unsqueeze(1)]
    ),
)
right(
    "linear_layer",
    "a row for each prototype",
    lambda prototypes: torch.stack([torch.cat([2 * p, -p.dot(p).view(1)]) for p in prototypes]),
)
right(
    "linear_layer",
    "square of the norm, double precision",
    lambda prototypes: torch.cat(
        [2 * prototypes, -(prototypes.norm(dim=1)[:, None] ** 2)], dim=-1
    ).double(),
)
right(
    "linear_layer",
    "numpy",
    lambda prototypes: np.c_[2 * np.asarray(prototypes), -(np.asarray(prototypes) ** 2).sum(1)],
)
right(
    "linear_layer",
    "vmap",
    lambda prototypes: torch.vmap(lambda p: torch.cat([2 * p, -(p @ p)[None]]))(prototypes),
)


# episodes_needed: 1860

wrong("episodes_needed", "the stub", 600)
wrong("episodes_needed", "rounded down", 1859)
wrong("episodes_needed", "not rounded", (1.96 * 0.11 / 0.005) ** 2)
wrong("episodes_needed", "1.96 forgotten", math.ceil((0.11 / 0.005) ** 2))
wrong("episodes_needed", "square forgotten", math.ceil(1.96 * 0.11 / 0.005))
wrong("episodes_needed", "root of 11 points", math.ceil(1.96**2 * 0.11 / 0.005**2))
wrong("episodes_needed", "0.5 points as the whole width", math.ceil((1.96 * 0.11 / 0.0025) ** 2))
wrong("episodes_needed", "half of the width doubled", math.ceil((1.96 * 0.11 / 0.01) ** 2))
wrong("episodes_needed", "90 % interval", math.ceil((1.645 * 0.11 / 0.005) ** 2))
wrong("episodes_needed", "2 for 1.96", math.ceil((2 * 0.11 / 0.005) ** 2))
wrong("episodes_needed", "0.5 not in points", math.ceil((1.96 * 0.11 / 0.5) ** 2))
wrong("episodes_needed", "1.96 not squared", math.ceil(1.96 * (0.11 / 0.005) ** 2))
wrong("episodes_needed", "rounded to hundreds", 1900)
wrong("episodes_needed", "queries, 50 an episode", 1860 * 50)
wrong("episodes_needed", "queries as the unit", math.ceil(1860 / 50))
wrong("episodes_needed", "a text", "1860")
wrong("episodes_needed", "nothing", None)
wrong("episodes_needed", "the half width it gives", 1.96 * 0.11 / math.sqrt(1860))
wrong("episodes_needed", "negative", -1860)

right("episodes_needed", "np.ceil", np.ceil((1.96 * 11 / 0.5) ** 2))
right("episodes_needed", "np.int64", np.int64(1860))
right("episodes_needed", "a tensor", torch.tensor((1.96 * 0.11 / 0.005) ** 2).ceil().long())
right("episodes_needed", "1.959964", math.ceil((1.959964 * 0.11 / 0.005) ** 2))
right(
    "episodes_needed",
    "found by counting up",
    next(n for n in range(1, 10**4) if 1.96 * 0.11 / math.sqrt(n) <= 0.005),
)
right("episodes_needed", "floor and one", int((1.96 * 0.11 / 0.005) ** 2) + 1)
right("episodes_needed", "a fraction", Fraction(1860))
