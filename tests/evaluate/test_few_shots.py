"""Accuracy over many small tasks equals its definition, and knows how sure it is."""

import math
import statistics

import pytest
import torch
import torch.nn.functional as F
from support.numbers import generator, normal
from torch import Tensor, nn
from torch.func import functional_call

from mlteach.episodes import Episode
from mlteach.evaluate import (
    adapted_accuracy,
    confidence_interval,
    few_shot_accuracy,
    nearest_neighbour_accuracy,
    prototype_accuracies,
)
from mlteach.meta import adapt, adapted_predictions
from mlteach.metric import sample_classes
from mlteach.mistakes import mistakes_in
from mlteach.mistakes.evaluate.intervals import half_width
from mlteach.networks import conv_encoder


def test_an_interval_known_by_hand():
    """0, 1, 2: mean 1, standard deviation 1; equal values leave no doubt."""
    assert confidence_interval(torch.tensor([0.0, 1.0, 2.0])) == pytest.approx(
        (1, 1.96 / math.sqrt(3))
    )
    assert confidence_interval(torch.full((4,), 0.5)) == (0.5, 0)


@pytest.mark.parametrize("mistake", mistakes_in(half_width), ids=str)
def test_mistaken_intervals_are_caught(mistake):
    """The right one is the package's; 0, 0, 1, 1, 1 tells each mistake from it."""
    values = torch.tensor([0.0, 0, 1, 1, 1])
    _, right = confidence_interval(values)
    assert half_width(values).item() == pytest.approx(right)
    assert mistake(values).item() != pytest.approx(right, rel=0.01)


@pytest.mark.parametrize(("n", "share"), [(2, 0.70), (5, 0.88), (10, 0.92), (200, 0.95)])
def test_how_many_intervals_of_few_tasks_hold_the_truth(n, share):
    """As the docstring says, of 4,000 times n normal values with the mean 0."""
    draws = normal(4000, n)
    held = [abs(mean) <= half for mean, half in map(confidence_interval, draws)]
    assert statistics.mean(held) == pytest.approx(share, abs=0.02)  # standard error <= 0.0072


@pytest.mark.parametrize("shape", [(), (1,), (3, 2)])
def test_an_interval_needs_two_tasks(shape):
    """One value says nothing of the spread: the error names the shape."""
    with pytest.raises(ValueError, match=r"values must be \(n >= 2,\), got shape"):
        confidence_interval(torch.zeros(shape))


# --- the nearest mean ----------------------------------------------------------------------------

LABELS = torch.arange(240) % 12
CLOUDS = 1.2 * normal(12, 4, seed=7)[LABELS] + normal(240, 4)


def episode_by_loops(index: Tensor, n_way: int, n_shot: int, each: int) -> float:
    """Mean of the support of each class, then the nearest of these, written out."""
    rows = CLOUDS[index].tolist()
    groups = [rows[c * each : (c + 1) * each] for c in range(n_way)]
    means = [
        [sum(column) / n_shot for column in zip(*group[:n_shot], strict=True)] for group in groups
    ]
    right = [
        min(range(n_way), key=lambda c: math.dist(image, means[c])) == truth
        for truth, group in enumerate(groups)
        for image in group[n_shot:]
    ]
    return sum(right) / len(right)


@pytest.mark.parametrize(
    ("n_way", "n_shot", "n_query"), [(5, 1, 1), (5, 5, 3), (12, 2, 4), (2, 1, 2)]
)
def test_few_shot_accuracy_equals_loops(n_way, n_shot, n_query):
    """Mean over the same episodes, and 1.96 standard errors of it."""
    mean, half_width = few_shot_accuracy(
        CLOUDS,
        LABELS,
        n_way=n_way,
        n_shot=n_shot,
        n_query=n_query,
        n_episodes=30,
        generator=generator(5),
    )
    same, each = generator(5), n_shot + n_query
    draws = [
        sample_classes(LABELS, n_classes=n_way, n_each=each, generator=same) for _ in range(30)
    ]
    expected = [episode_by_loops(index, n_way, n_shot, each) for index in draws]
    assert mean == pytest.approx(statistics.mean(expected))
    assert half_width == pytest.approx(1.96 * statistics.stdev(expected) / math.sqrt(30))


def test_the_interval_holds_the_truth_about_nineteen_times_of_twenty():
    """An interval covers the long-run mean; without the root of the episodes it is far off."""
    truth, _ = few_shot_accuracy(CLOUDS, LABELS, n_episodes=4000, generator=generator(99))
    runs = [
        few_shot_accuracy(CLOUDS, LABELS, n_episodes=50, generator=generator(seed))
        for seed in range(100)
    ]
    covered = sum(abs(mean - truth) <= half_width for mean, half_width in runs)
    assert 88 <= covered <= 100  # 95 expected, standard error 2.2
    # divided by n instead of its root
    by_all = sum(abs(mean - truth) <= half_width / math.sqrt(50) for mean, half_width in runs)
    # not divided by it
    by_none = sum(abs(mean - truth) <= half_width * math.sqrt(50) for mean, half_width in runs)
    assert by_all < 50
    assert by_none == 100
    spread = statistics.stdev(mean for mean, _ in runs)
    assert statistics.mean(width for _, width in runs) == pytest.approx(1.96 * spread, rel=0.25)


def test_features_that_know_nothing_are_at_chance_and_more_shots_help():
    """1 / n_way, inside the interval; and five support images beat one."""
    mean, half_width = few_shot_accuracy(normal(240, 4), LABELS, n_query=5, generator=generator())
    assert abs(mean - 0.2) < 2 * half_width
    one, five = (
        few_shot_accuracy(CLOUDS, LABELS, n_shot=n, n_episodes=300, generator=generator())[0]
        for n in (1, 5)
    )
    assert five > one + 0.1


def test_perfect_features_have_no_doubt():
    """All classes apart: 1, give or take 0. The nearest neighbour agrees."""
    clear = torch.nn.functional.one_hot(LABELS).double()
    assert few_shot_accuracy(clear, LABELS, n_episodes=5, generator=generator()) == (1, 0)
    assert nearest_neighbour_accuracy(clear, LABELS) == 1


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"n_way": 1}, "n_way must be a whole number >= 2, got 1"),
        ({"n_shot": 0}, "n_shot must be a whole number >= 1, got 0"),
        ({"n_query": 0}, "n_query must be a whole number >= 1, got 0"),
        ({"n_episodes": 1}, "n_episodes must be a whole number >= 2, got 1"),
        ({"n_way": 13}, "n_way is 13, but only 12 of 12 classes"),
        ({"n_shot": 20}, "only 0 of 12 classes have n_shot . n_query = 21 images"),
    ],
)
def test_episodes_that_cannot_be_are_refused(keywords, message):
    """Each error names the numbers."""
    with pytest.raises(ValueError, match=message):
        few_shot_accuracy(CLOUDS, LABELS, generator=generator(), **keywords)


# --- after adaptation ----------------------------------------------------------------------------


def test_adapted_accuracy_equals_its_definition():
    """The mean over tasks of the share of right queries, and 1.96 standard errors."""
    torch.manual_seed(0)
    model = nn.Linear(2, 3).double()
    x = normal(3, 16, 2)
    y = x.sum(-1).gt(0).long() + x[..., 0].gt(1).long()
    tasks = Episode(x[:, :6], y[:, :6], x[:, 6:], y[:, 6:])
    shares = []
    for x_support, y_support, x_query, y_query in zip(*tasks, strict=True):
        adapted = adapt(
            model,
            dict(model.named_parameters()),
            x_support,
            y_support,
            F.cross_entropy,
            lr=1,
            steps=5,
        )
        shares.append(
            (functional_call(model, adapted, (x_query,)).argmax(1) == y_query).double().mean()
        )
    shares = torch.stack(shares)
    expected = shares.mean().item(), 1.96 * shares.std().item() / 3**0.5
    assert shares.std() > 0
    for chunk_size in (1, 2, 25):
        mean, half = adapted_accuracy(
            model, tasks, F.cross_entropy, lr=1, steps=5, chunk_size=chunk_size
        )
        assert (mean, half) == pytest.approx(expected)
    with pytest.raises(ValueError, match="episodes must hold T >= 2 tasks, got 1"):
        adapted_accuracy(
            model, Episode(*(part[:1] for part in tasks)), F.cross_entropy, lr=1, steps=5
        )


def characters(n_query=4):
    """Three tasks of three classes of noise, and a network that normalises by the batch."""
    torch.manual_seed(0)
    model = nn.Sequential(
        conv_encoder(widths=(8, 8), out_features=6, norm="batch_no_stats"), nn.Linear(6, 3)
    ).double()
    x = normal(3, 6 + 3 * n_query, 1, 12, 12)
    y = torch.arange(6 + 3 * n_query).remainder(3).expand(3, -1)
    return model, Episode(x[:, :6], y[:, :6], x[:, 6:], y[:, 6:])


INNER = {"lr": 0.4, "steps": 2}


@pytest.mark.parametrize("own", [False, True])  # side by side, and one after the other
@pytest.mark.parametrize("queries", ["together", "alone", "with support"])
def test_queries_are_asked_in_these_batches(queries, own):
    """Each protocol written out with adapt; the accuracy is that of these predictions."""
    model, tasks = characters()
    asked = nn.Sequential(model, nn.Dropout(0)) if own else model
    found = adapted_predictions(asked, tasks, F.cross_entropy, queries=queries, **INNER)
    params, right = dict(model.named_parameters()), []
    for t, (x, y, x_query, y_query) in enumerate(zip(*tasks, strict=True)):
        phi = adapt(model, params, x, y, F.cross_entropy, **INNER)
        if queries == "together":
            expected = functional_call(model, phi, (x_query,))
        else:
            seen = x[:0] if queries == "alone" else x
            expected = torch.stack(
                [functional_call(model, phi, (torch.cat([seen, q[None]]),))[-1] for q in x_query]
            )
        torch.testing.assert_close(found[t], expected, rtol=0, atol=1e-10)
        right.append((expected.argmax(1) == y_query).double().mean())
    mean, _ = adapted_accuracy(asked, tasks, F.cross_entropy, queries=queries, **INNER)
    assert mean == pytest.approx(torch.stack(right).mean().item())


def test_only_transduction_looks_at_the_other_queries():
    """Another last query moves the answers to the others if they are asked together."""
    model, tasks = characters()
    changed = tasks.x_query.clone()
    changed[:, -1] *= -3
    other = tasks._replace(x_query=changed)
    for queries in ("together", "alone", "with support"):
        one, two = (
            adapted_predictions(model, e, F.cross_entropy, queries=queries, **INNER)[:, :-1]
            for e in (tasks, other)
        )
        assert torch.allclose(one, two, atol=1e-9) == (queries != "together")
    # an accuracy is that of one image at a time; predictions are those that `maml_loss` is of
    assert adapted_accuracy(model, tasks, F.cross_entropy, **INNER) == adapted_accuracy(
        model, tasks, F.cross_entropy, queries="with support", **INNER
    )
    default = adapted_predictions(model, tasks, F.cross_entropy, **INNER)
    assert default.equal(
        adapted_predictions(model, tasks, F.cross_entropy, queries="together", **INNER)
    )


def test_the_accuracy_of_a_query_does_not_depend_on_the_others():
    """By default: one class a batch or all together, the same share is right."""
    model, tasks = characters(n_query=3)
    params = {"loss_fn": F.cross_entropy, **INNER}
    whole, _ = adapted_accuracy(model, tasks, **params)
    parts = []
    for label in range(3):
        own = tasks.y_query[0] == label
        part = tasks._replace(x_query=tasks.x_query[:, own], y_query=tasks.y_query[:, own])
        parts.append(adapted_accuracy(model, part, **params)[0])
    assert whole == pytest.approx(sum(parts) / 3)


def test_outputs_that_are_no_tensor_are_told():
    class Pair(nn.Linear):
        def forward(self, x):
            return super().forward(x), x

    _, tasks = characters()
    flat = tasks._replace(x_support=tasks.x_support.flatten(2), x_query=tasks.x_query.flatten(2))
    with pytest.raises(TypeError, match="model must return a tensor, got tuple"):
        adapted_accuracy(
            Pair(144, 3).double(), flat, lambda p, y: F.cross_entropy(p[0], y), lr=0.1, steps=1
        )


def test_a_network_that_looks_at_one_image_at_a_time_has_one_accuracy():
    torch.manual_seed(0)
    encoder = conv_encoder(widths=(8, 8), out_features=6, norm="group")
    model, (_, tasks) = nn.Sequential(encoder, nn.Linear(6, 3)).double(), characters()
    found = {
        adapted_accuracy(model, tasks, F.cross_entropy, queries=queries, **INNER)
        for queries in ("together", "alone", "with support")
    }
    assert len(found) == 1


def test_one_image_alone_may_be_too_few_for_a_batch_norm():
    """8x8 ends as 1x1 after three halvings: one value a channel has no spread."""
    model = nn.Sequential(conv_encoder(widths=(4, 4, 4), norm="batch_no_stats"), nn.Linear(64, 3))
    x, y = torch.rand(2, 6, 1, 8, 8), torch.arange(6).remainder(3).expand(2, 6)
    tasks = Episode(x, y, x, y)
    with pytest.raises(ValueError, match="model cannot compute .* Expected more than 1 value"):
        adapted_accuracy(model, tasks, F.cross_entropy, queries="alone", **INNER)
    with pytest.raises(ValueError, match="queries must be one of 'together', 'alone'"):
        adapted_accuracy(model, tasks, F.cross_entropy, queries="each", **INNER)


def test_nan_is_never_a_right_answer():
    """NaN logits count as wrong, also where class 0 would be right."""
    x, y = normal(2, 4, 2), torch.zeros(2, 4, dtype=torch.long)

    class Broken(nn.Linear):
        def forward(self, x):
            return super().forward(x) / 0 * 0

    tasks = Episode(x, y, x, y)
    assert adapted_accuracy(Broken(2, 3).double(), tasks, F.cross_entropy, lr=0.1, steps=0) == (
        0,
        0,
    )
    diverged = adapted_accuracy(
        nn.Sequential(nn.Linear(2, 9), nn.ReLU(), nn.Linear(9, 3)),
        Episode(x.float(), y, x.float(), y),
        lambda p, y: p.square().mean(),
        lr=1e20,
        steps=3,
    )
    assert diverged == (0, 0)


@pytest.mark.parametrize("lr", [math.nan, math.inf, -0.1, True, torch.tensor(math.nan)])
def test_rates_that_are_none_are_refused(lr):
    model, tasks = characters()
    with pytest.raises((TypeError, ValueError), match="lr must be"):
        adapted_accuracy(model, tasks, F.cross_entropy, lr=lr, steps=1)


def test_labels_beyond_the_outputs_are_refused():
    x, y = normal(2, 4, 2), torch.arange(4).expand(2, 4)
    with pytest.raises(ValueError, match="model has 3 outputs, episodes has label 3"):
        adapted_accuracy(
            nn.Linear(2, 3).double(), Episode(x, y, x, y), F.cross_entropy, lr=0.1, steps=0
        )


def test_distances_do_not_cancel_and_have_no_scale():
    """The same accuracy far from zero, nearly collapsed, tiny, huge, and in 16 bits."""
    labels = torch.arange(300) % 10
    z = normal(10, 8, seed=3)[labels] + 0.9 * normal(300, 8, seed=4)

    def found(features):
        return few_shot_accuracy(
            features, labels, n_query=4, n_episodes=40, generator=generator(1)
        )[0]

    right = found(z)
    assert 0.4 < right < 0.95
    changed = {
        "far": (z + 3000).float(),
        "nearly collapsed": (1 + z / 3000).float(),
        "tiny": (1e-30 * z).float(),
        "huge": (1e30 * z).float(),
        "bfloat16": (z * 8).round().bfloat16(),
        "an array": z.numpy(),
        "a list": z.tolist(),
    }
    for name, features in changed.items():
        assert found(features) == pytest.approx(right, abs=0.03), name
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert found(z.float()) == pytest.approx(right, abs=1e-6)


def test_numbers_in_lists_and_arrays_have_an_interval():
    right = confidence_interval(torch.tensor([0.25, 0.5, 0.5]))
    for values in (
        [0.25, 0.5, 0.5],
        torch.tensor([0.25, 0.5, 0.5]).half().numpy(),
        (0.25, 0.5, 0.5),
    ):
        assert confidence_interval(values) == pytest.approx(right)
    for values in ([0.1, math.nan], [0.1, math.inf], "ab", None, [[0.1], [0.2]]):
        with pytest.raises((TypeError, ValueError), match="values must be"):
            confidence_interval(values)


def test_prototype_accuracies_equal_their_definition():
    """Task by task: the query goes to the class with the nearest mean of its support."""
    x = normal(5, 14, 3)
    y = torch.arange(2).repeat(7).expand(5, -1)
    x = x + y[..., None]
    tasks = Episode(x[:, :4], y[:, :4], x[:, 4:], y[:, 4:])
    found = prototype_accuracies(tasks)
    for share, x_support, y_support, x_query, y_query in zip(found, *tasks, strict=True):
        means = torch.stack([x_support[y_support == label].mean(0) for label in (0, 1)])
        nearest = [(means - z).norm(dim=1).argmin().item() for z in x_query]
        assert share.item() == pytest.approx(sum(map(int.__eq__, nearest, y_query.tolist())) / 10)
    assert found.std() > 0
