"""Mistakes in drawing an episode, and in making labelled tasks of what was drawn."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Generator

from mlteach.episodes import Episode, sample_episodes
from mlteach.mistakes._registry import mistake


def episode(labels, n_way, n_shot, n_query, generator):
    """Right: indices (n_way, n_shot + n_query) of one episode's images, the support first."""
    classes = shuffled(large_enough(labels, n_shot + n_query), generator)[:n_way]
    return rows(labels, classes, n_shot + n_query, generator)


def large_enough(labels, n_each):
    """The classes that have so many images."""
    return (labels.bincount() >= n_each).nonzero()[:, 0]


def members(labels, label):
    """The numbers of the images of one class."""
    return (labels == label).nonzero()[:, 0]


def shuffled(numbers, generator):
    """The same numbers in random order."""
    return numbers[torch.randperm(len(numbers), generator=generator)]


def rows(labels, classes, n_each, generator):
    """So many random images of each class, one row a class."""
    images = [shuffled(members(labels, label), generator)[:n_each] for label in classes]
    return torch.stack(images)


@mistake(
    episode,
    "an image is support and query at once: "
    "draw n_shot + n_query different images of a class, then part them",
)
def drawn_apart(labels, n_way, n_shot, n_query, generator):
    drawn = []
    for row in episode(labels, n_way, n_shot, n_query, generator):
        found = members(labels, labels[row[0]])
        drawn.append(torch.cat([row[:n_shot], shuffled(found, generator)[:n_query]]))
    return torch.stack(drawn)


@mistake(episode, "an image is drawn twice: draw n_shot + n_query different images of each class")
def with_replacement(labels, n_way, n_shot, n_query, generator):
    drawn = []
    for row in episode(labels, n_way, n_shot, n_query, generator):
        # support and query stay apart, each is drawn from its own images with repeats
        places = [torch.randint(n, (n,), generator=generator) for n in (n_shot, n_query)]
        drawn.append(torch.cat([row[:n_shot][places[0]], row[n_shot:][places[1]]]))
    return torch.stack(drawn)


@mistake(
    episode,
    "a row holds images of different classes: "
    "look for a class in labels, its images need not lie side by side",
)
def taken_for_sorted(labels, n_way, n_shot, n_query, generator):
    drawn = []
    for label in shuffled(large_enough(labels, n_shot + n_query), generator)[:n_way]:
        found = members(labels.sort().values, label)
        drawn.append(shuffled(found, generator)[: n_shot + n_query])
    return torch.stack(drawn)


@mistake(
    episode,
    "a class is drawn twice in one episode: "
    "two rows with different labels would show the same class",
)
def class_repeated(labels, n_way, n_shot, n_query, generator):
    usable = large_enough(labels, n_shot + n_query)
    classes = usable[torch.randint(len(usable), (n_way,), generator=generator)]
    return rows(labels, classes, n_shot + n_query, generator)


@mistake(
    episode,
    "every episode has the same classes: draw them with torch.randperm(…, generator=generator)",
)
def same_classes(labels, n_way, n_shot, n_query, generator):
    classes = large_enough(labels, n_shot + n_query)[:n_way]
    return rows(labels, classes, n_shot + n_query, generator)


@mistake(
    episode, "the classes always come in the same order: class 0 of the task should be any class"
)
def classes_sorted(labels, n_way, n_shot, n_query, generator):
    classes = shuffled(large_enough(labels, n_shot + n_query), generator)[:n_way]
    return rows(labels, classes.sort().values, n_shot + n_query, generator)


@mistake(
    episode, "a class always shows the same support images: shuffle its images before you part them"
)
def same_support(labels, n_way, n_shot, n_query, generator):
    classes = shuffled(large_enough(labels, n_shot + n_query), generator)[:n_way]
    return torch.stack([members(labels, label)[: n_shot + n_query] for label in classes])


@mistake(
    episode,
    "a class with fewer than n_shot + n_query images is drawn now and then: leave such classes out",
)
def small_classes_too(labels, n_way, n_shot, n_query, generator):
    classes = shuffled(labels.unique(), generator)[:n_way]
    return rows(labels, classes, n_shot + n_query, generator)


@mistake(
    episode,
    "your draws do not follow the generator: "
    "give it to every torch.randperm, so that a seed repeats an episode",
)
def not_seeded(labels, n_way, n_shot, n_query, generator):
    own = Generator().manual_seed(torch.seed())
    return episode(labels, n_way, n_shot, n_query, own)


@mistake(
    episode, "you seed the draw yourself: every episode is the same. Use the generator as it is"
)
def seeded_anew(labels, n_way, n_shot, n_query, generator):
    return episode(labels, n_way, n_shot, n_query, Generator().manual_seed(0))


# --- the labels of a task ------------------------------------------------------------------------


@mistake(sample_episodes, "the labels are the data set's: in a task they count from 0 to n_way - 1")
def not_relabelled(dataset, **options):
    numbered = replace(dataset, images=torch.arange(len(dataset.labels)))
    support, _, query, _ = sample_episodes(numbered, **options)
    images, labels = dataset.images, dataset.labels
    return Episode(images[support], labels[support], images[query], labels[query])


@mistake(sample_episodes, "support and query name their classes in different orders")
def query_in_another_order(dataset, **options):
    episodes = sample_episodes(dataset, **options)
    return episodes._replace(y_query=episodes.y_query.flip(1))


# --- a task without labels ------------------------------------------------------------------------


def image_task(images, n_way, n_query, view, generator):
    """Right: (n_way, 1 + n_query, ...), each drawn image as it is, then n_query views of it."""
    x = images[torch.randperm(len(images), generator=generator)[:n_way]]
    return with_queries(x, [view(x, generator=generator) for _ in range(n_query)])


def with_queries(support, queries):
    """One row for each support image, which comes first."""
    return torch.stack([support, *queries], 1)


@mistake(
    image_task,
    "the support is a view too: here it is the image as it is, and only the queries are views",
)
def support_viewed(images, n_way, n_query, view, generator):
    rows = image_task(images, n_way, n_query, view, generator)
    return with_queries(view(rows[:, 0], generator=generator), rows[:, 1:].unbind(1))


@mistake(
    image_task,
    "a query is the support image itself: nothing need be learned to find it, so ask with views",
)
def queries_not_viewed(images, n_way, n_query, view, generator):
    rows = image_task(images, n_way, n_query, view, generator)
    return rows[:, :1].expand_as(rows)


@mistake(
    image_task,
    "the queries of a class are one view, repeated: draw a new view of the image for each",
)
def one_view_for_all(images, n_way, n_query, view, generator):
    rows = image_task(images, n_way, n_query, view, generator)
    return with_queries(rows[:, 0], [rows[:, 1]] * n_query)


@mistake(
    image_task,
    "views of one image stand in rows of other images: "
    "each image's views in its own row, as repeat_interleave orders them, not repeat",
)
def rows_mixed(images, n_way, n_query, view, generator):
    x = images[torch.randperm(len(images), generator=generator)[:n_way]]
    views = view(torch.cat([x] * n_query), generator=generator)
    return with_queries(x, views.unflatten(0, (n_way, n_query)).unbind(1))


@mistake(
    image_task,
    "a query shows an image that is no support: "
    "without labels only a view of the support image is known to be of its class",
)
def other_images(images, n_way, n_query, view, generator):
    order = torch.randperm(len(images), generator=generator)[: n_way * (1 + n_query)]
    rows = images[order].unflatten(0, (n_way, 1 + n_query))
    queries = view(rows[:, 1:].flatten(0, 1), generator=generator).unflatten(0, (n_way, n_query))
    return with_queries(rows[:, 0], queries.unbind(1))


@mistake(
    image_task,
    "one image is drawn for two classes: nobody could tell them apart, so draw without replacement",
)
def image_repeated(images, n_way, n_query, view, generator):
    x = images[torch.randint(len(images), (n_way,), generator=generator)]
    return with_queries(x, [view(x, generator=generator) for _ in range(n_query)])


@mistake(
    image_task,
    "every task has the same images: draw them anew, from all images, with the generator",
)
def first_images(images, n_way, n_query, view, generator):
    x = images[:n_way]
    return with_queries(x, [view(x, generator=generator) for _ in range(n_query)])


@mistake(
    image_task,
    "the view draws without the generator: call view(…, generator=generator)",
)
def view_not_seeded(images, n_way, n_query, view, generator):
    x = images[torch.randperm(len(images), generator=generator)[:n_way]]
    return with_queries(x, [view(x) for _ in range(n_query)])


@mistake(
    image_task,
    "the images are drawn without the generator: torch.randperm(…, generator=generator)",
)
def draw_not_seeded(images, n_way, n_query, view, generator):
    x = images[torch.randperm(len(images))[:n_way]]
    return with_queries(x, [view(x, generator=generator) for _ in range(n_query)])
