"""Answers to chapter 14 as students write them, made before the checks were read."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.support.answers import Answers

answers = Answers("14")


# --- episode
def chosen(labels, n_way, least, generator):
    classes = (labels.bincount() >= least).nonzero()[:, 0]
    return classes[torch.randperm(len(classes), generator=generator)[:n_way]]


def global_randomness(labels, n_way, n_shot, n_query, generator):
    n, rows = n_shot + n_query, []
    for label in chosen(labels, n_way, n, generator):
        images = (labels == label).nonzero()[:, 0]
        rows.append(images[torch.randperm(len(images))[:n]])
    return torch.stack(rows)


def one_too_strict(labels, n_way, n_shot, n_query, generator):
    n, rows = n_shot + n_query, []
    for label in chosen(labels, n_way, n + 1, generator):
        images = (labels == label).nonzero()[:, 0]
        rows.append(images[torch.randperm(len(images), generator=generator)[:n]])
    return torch.stack(rows)


def query_may_be_support(labels, n_way, n_shot, n_query, generator):
    rows = []
    for label in chosen(labels, n_way, n_shot + n_query, generator):
        images = (labels == label).nonzero()[:, 0]
        support = images[torch.randperm(len(images), generator=generator)[:n_shot]]
        query = images[torch.randperm(len(images), generator=generator)[:n_query]]
        rows.append(torch.cat([support, query]))
    return torch.stack(rows)


def images_with_replacement(labels, n_way, n_shot, n_query, generator):
    n, rows = n_shot + n_query, []
    for label in chosen(labels, n_way, n, generator):
        images = (labels == label).nonzero()[:, 0]
        rows.append(images[torch.randint(len(images), (n,), generator=generator)])
    return torch.stack(rows)


def sorted_rows(labels, n_way, n_shot, n_query, generator):
    n, rows = n_shot + n_query, []
    for label in chosen(labels, n_way, n, generator):
        images = (labels == label).nonzero()[:, 0]
        drawn = torch.randperm(len(images), generator=generator)[:n]
        rows.append(images[drawn.sort().values])
    return torch.stack(rows)


def first_images(labels, n_way, n_shot, n_query, generator):
    n = n_shot + n_query
    return torch.stack(
        [(labels == c).nonzero()[:n, 0] for c in chosen(labels, n_way, n, generator)]
    )


def places_in_class(labels, n_way, n_shot, n_query, generator):
    n, rows = n_shot + n_query, []
    for label in chosen(labels, n_way, n, generator):
        size = int((labels == label).sum())
        rows.append(torch.randperm(size, generator=generator)[:n])
    return torch.stack(rows)


def small_classes_too(labels, n_way, n_shot, n_query, generator):
    n, rows = n_shot + n_query, []
    for label in chosen(labels, n_way, n_shot, generator):
        images = (labels == label).nonzero()[:, 0]
        drawn = torch.randperm(len(images), generator=generator)
        drawn = drawn.repeat(math.ceil(n / len(drawn)))[:n]
        rows.append(images[drawn])
    return torch.stack(rows)


def first_classes(labels, n_way, n_shot, n_query, generator):
    n, rows = n_shot + n_query, []
    classes = (labels.bincount() >= n).nonzero()[:n_way, 0]
    for label in classes[torch.randperm(n_way, generator=generator)]:
        images = (labels == label).nonzero()[:, 0]
        rows.append(images[torch.randperm(len(images), generator=generator)[:n]])
    return torch.stack(rows)


def same_class_twice(labels, n_way, n_shot, n_query, generator):
    n, rows = n_shot + n_query, []
    classes = (labels.bincount() >= n).nonzero()[:, 0]
    for label in classes[torch.randint(len(classes), (n_way,), generator=generator)]:
        images = (labels == label).nonzero()[:, 0]
        rows.append(images[torch.randperm(len(images), generator=generator)[:n]])
    return torch.stack(rows)


def seeded_again(labels, n_way, n_shot, n_query, generator):
    generator.manual_seed(0)
    n, rows = n_shot + n_query, []
    for label in chosen(labels, n_way, n, generator):
        images = (labels == label).nonzero()[:, 0]
        rows.append(images[torch.randperm(len(images), generator=generator)[:n]])
    return torch.stack(rows)


def transposed(labels, n_way, n_shot, n_query, generator):
    n, rows = n_shot + n_query, []
    for label in chosen(labels, n_way, n, generator):
        images = (labels == label).nonzero()[:, 0]
        rows.append(images[torch.randperm(len(images), generator=generator)[:n]])
    return torch.stack(rows, dim=1)


answers.wrong("episode", "images by the global randomness", global_randomness)
answers.wrong("episode", "class of just enough images refused", one_too_strict)
answers.wrong("episode", "query drawn anew", query_may_be_support)
answers.wrong("episode", "images with replacement", images_with_replacement)
answers.wrong("episode", "rows sorted: support is always first", sorted_rows)
answers.wrong("episode", "always the first images", first_images)
answers.wrong("episode", "places in the class", places_in_class)
answers.wrong("episode", "small classes drawn, images repeated", small_classes_too)
answers.wrong("episode", "always the first classes", first_classes)
answers.wrong("episode", "a class twice", same_class_twice)
answers.wrong("episode", "generator seeded again", seeded_again)
answers.wrong("episode", "a column for each class", transposed)


def sort_random_keys(labels, n_way, n_shot, n_query, generator):
    n = n_shot + n_query
    names, counts = labels.unique(return_counts=True)
    names = names[counts >= n]
    weights = torch.ones(len(names))
    picked = names[torch.multinomial(weights, n_way, generator=generator)]
    keys = torch.rand(len(labels), generator=generator)
    rows = [[i for i in keys.argsort().tolist() if labels[i] == c][:n] for c in picked]
    return torch.tensor(rows)


def numpy_seeded(labels, n_way, n_shot, n_query, generator):
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    names, counts = np.unique(labels.numpy(), return_counts=True)
    picked = rng.choice(names[counts >= n_shot + n_query], n_way, replace=False)
    rows = [
        rng.choice(np.flatnonzero(labels.numpy() == c), n_shot + n_query, replace=False)
        for c in picked
    ]
    return torch.from_numpy(np.stack(rows))


answers.right("episode", "random keys sorted, multinomial", sort_random_keys)
answers.right("episode", "NumPy, seeded by the generator", numpy_seeded)


# --- prototypes
def sums(support, labels, n_way):
    return torch.stack([support[labels == c].sum(0) for c in range(n_way)])


def in_blocks(support, labels, n_way):
    return support.view(n_way, -1, support.shape[1]).mean(1)


def sorted_blocks(support, labels, n_way):
    groups = support[labels.argsort()].chunk(n_way)
    return torch.stack([group.mean(0) for group in groups])


def equal_shares(support, labels, n_way):
    total = torch.zeros(n_way, support.shape[1]).index_add(0, labels, support)
    return total / (len(support) / n_way)


def all_of_them(support, labels, n_way):
    return torch.stack([support.mean(0) for _ in range(n_way)])


def wrong_axis(support, labels, n_way):
    return torch.stack([support[labels == c].mean(1) for c in range(n_way)])


def unit_length(support, labels, n_way):
    means = torch.stack([support[labels == c].mean(0) for c in range(n_way)])
    return F.normalize(means, dim=1)


def medians(support, labels, n_way):
    return torch.stack([support[labels == c].median(0).values for c in range(n_way)])


def first_example(support, labels, n_way):
    return torch.stack([support[labels == c][0] for c in range(n_way)])


def order_of_appearance(support, labels, n_way):
    names = list(dict.fromkeys(labels.tolist()))
    return torch.stack([support[labels == c].mean(0) for c in names])


def counted_from_one(support, labels, n_way):
    return torch.stack([support[labels == c].mean(0) for c in range(1, n_way + 1)])


def cut_graph(support, labels, n_way):
    rows = [support[labels == c].mean(0).tolist() for c in range(n_way)]
    return torch.tensor(rows)


answers.wrong("prototypes", "sums", sums)
answers.wrong("prototypes", "blocks of equal size, in order", in_blocks)
answers.wrong("prototypes", "sorted, then equal chunks", sorted_blocks)
answers.wrong("prototypes", "divided by an equal number each", equal_shares)
answers.wrong("prototypes", "mean of all for each", all_of_them)
answers.wrong("prototypes", "scaled to length 1", unit_length)
answers.wrong("prototypes", "medians", medians)
answers.wrong("prototypes", "first example of each", first_example)
answers.wrong("prototypes", "classes as they come", order_of_appearance)
answers.wrong("prototypes", "classes counted from 1", counted_from_one)
answers.wrong("prototypes", "mean over the features", wrong_axis)


def one_hot_product(support, labels, n_way):
    member = F.one_hot(labels, n_way).to(support.dtype)
    return (member.T @ support) / member.sum(0)[:, None]


def index_reduce(support, labels, n_way):
    empty = support.new_zeros(n_way, support.shape[1])
    return empty.index_reduce(0, labels, support, "mean", include_self=False)


answers.right("prototypes", "one-hot product", one_hot_product)
answers.right("prototypes", "index_reduce", index_reduce)


# --- prototype_loss
def squares(prototypes, query):
    return (query[:, None] - prototypes).square().sum(2)


def not_squared(prototypes, query, labels):
    return F.cross_entropy(-torch.cdist(query, prototypes), labels)


def plus_sign(prototypes, query, labels):
    return F.cross_entropy(squares(prototypes, query), labels)


def mean_square(prototypes, query, labels):
    return F.cross_entropy(-(query[:, None] - prototypes).square().mean(2), labels)


def log_of_softmax(prototypes, query, labels):
    p = (-squares(prototypes, query)).softmax(1)
    return -p[torch.arange(len(query)), labels].log().mean()


def log_with_floor(prototypes, query, labels):
    p = (-squares(prototypes, query)).softmax(1)
    return -(p[torch.arange(len(query)), labels] + 1e-8).log().mean()


def softmax_twice(prototypes, query, labels):
    return F.cross_entropy((-squares(prototypes, query)).softmax(1), labels)


def added_up(prototypes, query, labels):
    return F.cross_entropy(-squares(prototypes, query), labels, reduction="sum")


def wrong_softmax(prototypes, query, labels):
    p = (-squares(prototypes, query)).log_softmax(0)
    return F.nll_loss(p, labels)


def pulled_only(prototypes, query, labels):
    return (query - prototypes[labels]).square().sum(1).mean()


def dot_products(prototypes, query, labels):
    return F.cross_entropy(query @ prototypes.T, labels)


def no_log(prototypes, query, labels):
    return F.nll_loss((-squares(prototypes, query)).softmax(1), labels)


def halved(prototypes, query, labels):
    return F.cross_entropy(-squares(prototypes, query) / 2, labels)


answers.wrong("prototype_loss", "distances not squared", not_squared)
answers.wrong("prototype_loss", "sign of the distances", plus_sign)
answers.wrong("prototype_loss", "mean over the features", mean_square)
answers.wrong("prototype_loss", "log of a softmax", log_of_softmax)
answers.wrong("prototype_loss", "log of a softmax plus 1e-8", log_with_floor)
answers.wrong("prototype_loss", "softmax twice", softmax_twice)
answers.wrong("prototype_loss", "sum over the queries", added_up)
answers.wrong("prototype_loss", "softmax over the queries", wrong_softmax)
answers.wrong("prototype_loss", "own prototype only", pulled_only)
answers.wrong("prototype_loss", "dot products", dot_products)
answers.wrong("prototype_loss", "log forgotten", no_log)
answers.wrong("prototype_loss", "a half as in a Gaussian", halved)


def by_logsumexp(prototypes, query, labels):
    distances = torch.stack([((query - p) ** 2).sum(-1) for p in prototypes], dim=1)
    own = distances.gather(1, labels[:, None]).squeeze(1)
    return (own + torch.logsumexp(-distances, dim=1)).mean()


def one_at_a_time(prototypes, query, labels):
    losses = [
        F.cross_entropy(-(prototypes - z).pow(2).sum(1), label) for z, label in zip(query, labels)
    ]
    return sum(losses) / len(losses)


answers.right("prototype_loss", "logsumexp by hand", by_logsumexp)
answers.right("prototype_loss", "query by query", one_at_a_time)

# --- linear_layer
answers.wrong(
    "linear_layer", "bias in front", lambda p: torch.cat([-(p**2).sum(1, keepdim=True), 2 * p], 1)
)
answers.wrong(
    "linear_layer", "bias positive", lambda p: torch.cat([2 * p, (p**2).sum(1)[:, None]], 1)
)
answers.wrong("linear_layer", "two forgotten", lambda p: torch.cat([p, -(p**2).sum(1)[:, None]], 1))
answers.wrong(
    "linear_layer", "both halved", lambda p: torch.cat([p, -(p**2).sum(1, keepdim=True) / 2], 1)
)
answers.wrong(
    "linear_layer",
    "length not squared",
    lambda p: torch.cat([2 * p, -p.norm(dim=1, keepdim=True)], 1),
)
answers.wrong("linear_layer", "pair of weight and bias", lambda p: (2 * p, -(p**2).sum(1)))
answers.wrong(
    "linear_layer",
    "mean of squares",
    lambda p: torch.cat([2 * p, -(p**2).mean(1, keepdim=True)], 1),
)
answers.wrong(
    "linear_layer", "signs turned", lambda p: torch.cat([-2 * p, (p**2).sum(1, keepdim=True)], 1)
)
answers.wrong("linear_layer", "(D + 1, C)", lambda p: torch.cat([2 * p.T, -(p**2).sum(1)[None]], 0))
answers.wrong(
    "linear_layer",
    "squares of all classes",
    lambda p: F.pad(2 * p, (0, 1), value=-(p**2).sum().item()),
)
answers.right(
    "linear_layer", "column_stack", lambda p: torch.column_stack((p + p, -(p * p).sum(1)))
)
answers.right(
    "linear_layer",
    "class by class",
    lambda p: torch.stack([torch.cat([2 * m, -(m @ m).reshape(1)]) for m in p]),
)

# --- episodes_needed
answers.wrong("episodes_needed", "rounded down", 1859)
answers.wrong("episodes_needed", "square forgotten", 44)
answers.wrong("episodes_needed", "one standard error", 484)
answers.wrong("episodes_needed", "interval of 0.5 in all", 7438)
answers.wrong("episodes_needed", "90 %", 1310)
answers.wrong("episodes_needed", "two instead of 1.96", 1936)
answers.right("episodes_needed", "a NumPy integer", np.int64(1860))
answers.right("episodes_needed", "a float", 1860.0)
