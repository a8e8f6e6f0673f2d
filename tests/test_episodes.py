"""Episodes: every task is a fair draw, and nothing leaks from support to query."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Generator

from mlteach.data import Dataset, glyphs
from mlteach.episodes import (
    Episode,
    _distinct,
    on_features,
    prototypes,
    sample_episodes,
    sinusoid_episodes,
    split_classes,
)
from mlteach.meta import prototypical_loss
from mlteach.mistakes import episodes as wrong
from mlteach.mistakes import mistakes_in

SIZES = [6, 9, 2, 7, 12, 6]  # images of each class; class 2 has too few for 5 images a task
WAY, SHOT = 3, 2
QUERY = 3


def numbered(sizes=SIZES, seed=0):
    """A data set in random order whose image i is the number i."""
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    labels = labels[torch.randperm(len(labels), generator=Generator().manual_seed(seed))]
    images = torch.arange(len(labels)).float()[:, None, None]
    return Dataset("numbers", images, labels, tuple("abcdefgh"[: len(sizes)]), {})


DATASET = numbered()


def draw(n_tasks=250, sampler=sample_episodes, seed=0, **changed):
    counts = {"n_way": WAY, "n_shot": SHOT, "n_query": QUERY} | changed
    return sampler(DATASET, n_tasks=n_tasks, **counts, generator=Generator().manual_seed(seed))


def problems(sampler):
    """Everything that is wrong with the episodes that a sampler draws."""
    episodes = draw(sampler=sampler)
    # numbers of the images
    support, query = (x.flatten(1).long() for x in (episodes.x_support, episodes.x_query))
    named = [classes_named(support, episodes.y_support), classes_named(query, episodes.y_query)]
    wrong = {
        "support in query": any(
            set(s.tolist()) & set(q.tolist()) for s, q in zip(support, query, strict=True)
        ),
        "an image twice": any(len(set(row.tolist())) < len(row) for row in (*support, *query)),
        "labels": any(
            y.unique().tolist() != [*range(WAY)] for y in (*episodes.y_support, *episodes.y_query)
        ),
        "a label is not a class": any(
            len(set(task)) < WAY or None in task for tasks in named for task in tasks
        ),
        "support and query name their classes differently": named[0] != named[1],
        "a seed does not decide": not all(
            a.equal(b) for a, b in zip(*(draw(8, sampler) for _ in range(2)), strict=True)
        ),
        # wrongly so once in a hundred thousand seeds
        "not a fair draw": surprise(named[0], support, query) < 1e-6,
    }
    return [name for name, is_wrong in wrong.items() if is_wrong]


def classes_named(images, labels):
    """The data set's class behind each label 0 to N - 1; None where there is none or several."""
    tasks = []
    for truth, y in zip(DATASET.labels[images], labels, strict=True):
        meant = [set(truth[y == label].tolist()) for label in range(WAY)]
        tasks.append(tuple(classes.pop() if len(classes) == 1 else None for classes in meant))
    return tasks


def surprise(tasks, support, query):
    """The smallest p-value of chi-square tests: of classes at each label, equal tasks, images."""
    usable = [c for c, size in enumerate(SIZES) if size >= SHOT + QUERY]
    repeats = sum(set(one) == set(other) for one, other in zip(tasks, tasks[1:], strict=False))
    pairs, by_chance = len(tasks) - 1, 1 / math.comb(len(usable), WAY)
    counts = {
        "classes": [sum(task[i] == c for task in tasks) for i in range(WAY) for c in usable],
        "repeats": [repeats, pairs - repeats],
    }
    for c in usable:
        of_class = (DATASET.labels == c).nonzero()[:, 0]
        for name, part in (("support", support), ("query", query)):
            counts[name, c] = [(part == i).sum().item() for i in of_class]
    expected = {"repeats": [pairs * by_chance, pairs * (1 - by_chance)]}
    return min(
        chisquare(n, expected.get(name)).pvalue if sum(n) else 0 for name, n in counts.items()
    )


def test_episodes_are_fair_draws():
    """Support apart from query, labels 0 to N - 1, classes and images alike, tasks independent."""
    assert problems(sample_episodes) == []


def in_loops(episode):
    """A sampler that draws task by task with a function for one episode."""

    def sampler(dataset, *, n_tasks, n_way, n_shot, n_query, generator):
        drawn = torch.stack(
            [episode(dataset.labels, n_way, n_shot, n_query, generator) for _ in range(n_tasks)]
        )
        support, query = (part.flatten(1) for part in drawn.split([n_shot, n_query], 2))
        y = [
            torch.arange(n_way).repeat_interleave(n).expand(n_tasks, -1) for n in (n_shot, n_query)
        ]
        return Episode(dataset.images[support], y[0], dataset.images[query], y[1])

    return sampler


def test_loops_pass_the_same_properties():
    assert problems(in_loops(wrong.episode)) == []


SHOWN = {
    wrong.drawn_apart: "support in query",
    wrong.with_replacement: "an image twice",
    wrong.taken_for_sorted: "a label is not a class",
    wrong.class_repeated: "a label is not a class",
    wrong.same_classes: "not a fair draw",
    wrong.classes_sorted: "not a fair draw",
    wrong.same_support: "not a fair draw",
    wrong.not_seeded: "a seed does not decide",
    wrong.seeded_anew: "not a fair draw",
    wrong.not_relabelled: "labels",
    wrong.query_in_another_order: "support and query name their classes differently",
}


@pytest.mark.parametrize("mistake", mistakes_in(wrong.episode), ids=str)
def test_every_mistake_in_one_episode_is_caught(mistake):
    if mistake.function is wrong.small_classes_too:  # a row of it is too short for the others
        with pytest.raises(RuntimeError, match="equal size"):
            problems(in_loops(mistake))
    else:
        assert SHOWN[mistake.function] in problems(in_loops(mistake))


@pytest.mark.parametrize("mistake", mistakes_in(sample_episodes), ids=str)
def test_every_mistake_in_the_labels_is_caught(mistake):
    assert SHOWN[mistake.function] in problems(mistake)


@pytest.mark.parametrize(("size", "count"), [(5, 2), (5, 5), (3, 1)])
def test_distinct_numbers_are_equally_likely_in_every_order(size, count):
    """All size! / (size - count)! ordered choices, counted."""
    n = 20_000
    rows = _distinct(torch.tensor(size).expand(n), count, Generator().manual_seed(1))
    _, counts = rows.unique(dim=0, return_counts=True)
    assert len(counts) == math.perm(size, count)
    assert chisquare(counts).pvalue > 1e-6


def test_classes_with_too_few_images_are_never_drawn():
    seen = DATASET.labels[draw().x_query.flatten().long()].unique()
    assert seen.tolist() == [0, 1, 3, 4, 5]


def test_the_same_seed_gives_the_same_episodes():
    one = draw(8)
    same = draw(8)
    other = draw(8, seed=1)
    assert all(a.equal(b) for a, b in zip(one, same, strict=True))
    assert not one.x_support.equal(other.x_support)


def test_torch_global_state_is_left_alone():
    before = torch.get_rng_state()
    draw(4)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"n_way": 7}, "too few classes: n_way is 7, numbers has 6"),
        (
            {"n_way": 6},
            "n_shot \\+ n_query is 5, and of the 6 classes of numbers only 5 have so many",
        ),
        ({"n_shot": 10, "n_query": 10}, "n_shot \\+ n_query is 20.*largest class has 12"),
        ({"n_way": 0}, "n_way must be a whole number >= 1, got 0"),
        ({"n_shot": 0}, "n_shot must be a whole number >= 1, got 0"),
        ({"n_query": 0}, "n_query must be a whole number >= 1, got 0"),
        ({"n_shot": 1.5}, "n_shot must be a whole number, got float: 1.5"),
        ({"n_tasks": 0}, "n_tasks must be a whole number >= 1, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_told(changed, told):
    with pytest.raises((TypeError, ValueError), match=told):
        draw(**changed)


def test_every_image_of_a_class_can_be_used():
    """A task may take all that a class has."""
    counts = {"n_tasks": 20, "n_way": 2, "n_shot": 8, "n_query": 4}
    episodes = sample_episodes(numbered([12, 12]), **counts, generator=Generator().manual_seed(0))
    for support, query in zip(episodes.x_support, episodes.x_query, strict=True):
        assert torch.cat([support, query]).flatten().unique().numel() == 24


def test_glyph_episodes_hold_images_of_scripts():
    episodes = sample_episodes(
        glyphs("test"),
        n_tasks=2,
        n_way=5,
        n_shot=1,
        n_query=3,
        generator=Generator().manual_seed(0),
    )
    assert episodes.x_support.shape == (2, 5, 1, 28, 28)
    assert episodes.x_query.shape == (2, 15, 1, 28, 28)
    assert episodes.y_query[0].tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3


def test_meta_training_and_meta_testing_share_no_class():
    assert not set(glyphs("train").classes) & set(glyphs("test").classes)


def test_sinusoid_episodes_are_waves():
    """Support and query of a task lie on one wave: least squares leave nothing."""
    episodes = sinusoid_episodes(6, n_shot=5, n_query=7, generator=Generator().manual_seed(0))
    assert [part.shape for part in episodes] == [(6, 5, 1), (6, 5, 1), (6, 7, 1), (6, 7, 1)]
    x = torch.cat([episodes.x_support, episodes.x_query], 1).double()
    y = torch.cat([episodes.y_support, episodes.y_query], 1).double()
    waves = torch.cat([x.sin(), x.cos()], -1)  # (T, N, 2)
    weights = torch.linalg.lstsq(waves, y).solution  # A cos(phase), -A sin(phase)
    assert (waves @ weights - y).abs().max() < 1e-5
    amplitude = weights.norm(dim=1)
    assert ((amplitude > 0.1 - 1e-4) & (amplitude < 5 + 1e-4)).all()
    assert (amplitude.diff(dim=0).abs() > 1e-3).all()  # the tasks differ


def test_sinusoid_ranges_are_passed_on():
    ranges = {"amplitude": (2.0, 2.0), "phase": (0.0, 0.0)}
    episodes = sinusoid_episodes(
        3, n_shot=2, n_query=2, generator=Generator().manual_seed(0), **ranges
    )
    assert episodes.y_query.allclose(2 * episodes.x_query.sin(), atol=1e-5)
    with pytest.raises(ValueError, match="n_shot must be"):
        sinusoid_episodes(3, n_shot=0, n_query=2, generator=Generator())


def test_split_classes_parts_every_image():
    """Each image is in one part, under its class's name; labels count from 0 in both."""
    first, second = split_classes(DATASET, n_first=4, generator=Generator().manual_seed(0))
    assert (len(first.classes), len(second.classes)) == (4, 2)
    assert set(first.classes) | set(second.classes) == set(DATASET.classes)
    images = torch.cat([part.images.flatten() for part in (first, second)])
    assert images.sort().values.tolist() == [*range(len(DATASET))]
    for part in (first, second):
        assert part.labels.unique().tolist() == [*range(len(part.classes))]
        for image, label in zip(part.images.flatten().long(), part.labels, strict=True):
            assert DATASET.classes[DATASET.labels[image]] == part.classes[label]
    other, _ = split_classes(DATASET, n_first=4, generator=Generator().manual_seed(1))
    assert other.classes != first.classes
    for n_first in (0, 6):
        with pytest.raises(ValueError, match="n_first must be a whole number between 1 and 5"):
            split_classes(DATASET, n_first=n_first, generator=Generator())


def test_prototypes_are_the_means_of_the_classes():
    """Of several tasks at once, in any order of the support, with classes of unequal size."""
    labels = torch.tensor([[2, 0, 1, 1, 0, 2], [0, 1, 2, 0, 0, 1]])
    features = torch.randn(2, 6, 4, generator=Generator().manual_seed(0), dtype=torch.float64)
    found = prototypes(features, labels, 3)
    assert found.shape == (2, 3, 4)
    for z, y, means in zip(features, labels, found, strict=True):
        expected = torch.stack([z[y == label].mean(0) for label in range(3)])
        torch.testing.assert_close(means, expected)
        torch.testing.assert_close(prototypes(z, y, 3), expected)  # one task alone


def test_a_class_without_support_has_no_prototype():
    with pytest.raises(ValueError, match="every label from 0 to 3 .* a class has no support"):
        prototypes(torch.ones(6, 2), torch.tensor([0, 1, 2, 2, 1, 0]), 4)


def test_on_features_encodes_support_and_query_as_one_batch():
    """The labels stay, and so does the order of tasks and images."""
    seen = []

    def encode(images):
        seen.append(len(images))
        return images.flatten(1)[:, :3] + 1

    tasks = sample_episodes(
        glyphs("test"),
        n_tasks=2,
        n_way=3,
        n_shot=2,
        n_query=4,
        generator=Generator().manual_seed(0),
    )
    encoded = on_features(encode, tasks)
    assert seen == [2 * (6 + 12)]
    assert encoded.x_support.equal(tasks.x_support.flatten(2)[:, :, :3] + 1)
    assert encoded.x_query.equal(tasks.x_query.flatten(2)[:, :, :3] + 1)
    assert encoded.y_support is tasks.y_support
    assert encoded.y_query is tasks.y_query


# --- what people bring ---------------------------------------------------------------------------


def test_labels_of_any_integer_type():
    """Class numbers may be of any integer type, as a data set has them."""
    right = draw(4)
    for labels in (DATASET.labels.int(), DATASET.labels.to(torch.uint8)):
        counts = {"n_tasks": 4, "n_way": WAY, "n_shot": SHOT, "n_query": QUERY}
        found = sample_episodes(
            replace(DATASET, labels=labels), **counts, generator=Generator().manual_seed(0)
        )
        assert all(map(torch.equal, found, right))


@pytest.mark.parametrize("labels", [[-1, 0, 0, 1, 1], [7, 3, 3, 9, 9]])
def test_no_image_is_lost_without_a_word(labels):
    with pytest.raises(ValueError, match="labels must be"):
        Dataset("mine", torch.rand(5, 1, 8, 8), torch.tensor(labels), ("a", "b", "c"), {})


def test_numpy_counts_and_no_generator():
    counts = {"n_tasks": np.int64(2), "n_way": np.int32(3), "n_shot": 1, "n_query": 1}
    torch.manual_seed(3)
    one = sample_episodes(DATASET, **counts, generator=None)
    torch.manual_seed(3)
    assert one.x_support.equal(sample_episodes(DATASET, **counts, generator=None).x_support)
    with pytest.raises(TypeError, match="generator must be a torch.Generator or None"):
        sample_episodes(DATASET, **counts, generator=0)
    with pytest.raises(TypeError, match="dataset must be a Dataset"):
        sample_episodes([1, 2], **counts, generator=None)


def test_the_default_device_and_type_change_nothing():
    right = draw(4)
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float64)
    try:
        found = draw(4)
        first, _ = split_classes(DATASET, n_first=2, generator=Generator("cpu").manual_seed(0))
    finally:
        torch.set_default_device("cpu")
        torch.set_default_dtype(torch.float32)
    assert all(map(torch.equal, found, right))
    assert len(first.classes) == 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64])
def test_prototypes_of_16_bits_and_whole_numbers_are_means_in_32(dtype):
    """A sum of 3,000 numbers of 100 has no place in float16."""
    features = torch.full((3000, 2), 100).to(dtype)
    means = prototypes(features, torch.zeros(3000, dtype=torch.uint8), 1)
    assert means.dtype == torch.float32
    assert means.tolist() == [[100, 100]]


def test_prototypes_under_autocast_and_of_lists():
    features, labels = torch.randn(6, 4, generator=Generator().manual_seed(0)), [0, 1, 1, 0, 1, 0]
    right = prototypes(features, torch.tensor(labels), 2)
    assert prototypes(features.tolist(), labels, 2).float().allclose(right)
    assert prototypes(features.numpy(), np.array(labels, dtype=np.int16), 2).equal(right)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert prototypes(features, torch.tensor(labels), 2).equal(right)


GOOD = Episode(
    torch.rand(2, 3, 1, 4, 4),
    torch.arange(3).expand(2, 3),
    torch.rand(2, 4, 1, 4, 4),
    torch.zeros(2, 4).long(),
)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"y_support": GOOD.y_support[:, :2]},
            "N support and M query examples, each with its target",
        ),
        ({"x_query": GOOD.x_query[:1]}, "T tasks"),
        ({"x_query": GOOD.x_query[:, :0], "y_query": GOOD.y_query[:, :0]}, "none empty"),
        ({"x_query": GOOD.x_query[..., :3]}, "of one shape"),
        (
            {"x_query": GOOD.x_query.double()},
            "episodes.x_support and episodes.x_query must be of one",
        ),
        ({"x_support": GOOD.x_support / 0}, "episodes.x_support must be finite"),
        ({"x_support": "images"}, "episodes.x_support must be a tensor, an array or a list"),
        ({"y_query": GOOD.y_query[0, 0]}, r"episodes must hold \(T, N, ...\) examples"),
    ],
)
def test_parts_that_do_not_fit_are_told(changed, told):
    with pytest.raises((TypeError, ValueError), match=told):
        on_features(torch.nn.Flatten(), GOOD._replace(**changed))
    with pytest.raises((TypeError, ValueError), match=told):
        prototypical_loss(torch.nn.Flatten(), GOOD._replace(**changed))


def test_episodes_of_arrays_and_as_a_plain_tuple():
    right = on_features(torch.nn.Flatten(), GOOD)
    for given in (Episode(*(part.numpy() for part in GOOD)), tuple(GOOD), list(GOOD)):
        assert all(map(torch.equal, on_features(torch.nn.Flatten(), given), right))


@pytest.mark.parametrize(
    ("encoder", "told"),
    [
        (lambda x: x, r"encoder must return \(14, D\)"),
        (lambda x: x.flatten(1)[:3], r"encoder must return \(14, D\), got \(3, 16\)"),
        (lambda x: x.flatten(1) / 0, "what encoder returns must be finite"),
        (lambda x: x.flatten(1).long(), "encoder must return floating-point features"),
        (lambda x: None, "encoder must return floating-point features, got NoneType"),
        (lambda: None, "encoder must be a function"),
        (torch.nn.Linear(3, 4), "encoder cannot compute"),
        (torch.nn.Flatten, "encoder must be a function .* the class Flatten"),
        ("resnet", "encoder must be a function .* got str"),
    ],
)
def test_encoders_that_are_none_are_told(encoder, told):
    with pytest.raises((TypeError, ValueError), match=told):
        on_features(encoder, GOOD)
