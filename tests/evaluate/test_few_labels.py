"""Few labels are drawn class by class, and the meters show a collapse."""

import math

import pytest
import torch
from support.numbers import generator, normal
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from mlteach.evaluate import (
    effective_rank,
    feature_std,
    few_label_curve,
    knn_accuracy,
    spectrum,
    stratified_sample,
)
from mlteach.mistakes import mistakes_in

# --- few labels ----------------------------------------------------------------------------------

UNEVEN = torch.cat(
    [torch.zeros(50), torch.full((30,), 2), torch.full((15,), 3), torch.full((5,), 6)]
).long()


@pytest.mark.parametrize("n", [4, 5, 10, 37, 99, 100])
def test_a_stratified_sample_has_each_class_in_its_share(n):
    """None twice, none of the classes missing, and no count off its share by more than one."""
    for seed in range(20):
        index = stratified_sample(UNEVEN, n, generator=generator(seed))
        assert len(index.unique()) == n
        for label, size in ((0, 50), (2, 30), (3, 15), (6, 5)):
            count = (UNEVEN[index] == label).sum()
            assert count >= 1
            assert abs(count - n * size / 100) <= 1 or count == 1


# of 40 classes 39 are too small for a share: they have their one image at the cost of the first
@pytest.mark.parametrize("sizes", [[961, *[1] * 39], [7] * 12, [90, 10], [500, 300, 3, 1, 2]])
def test_no_class_is_further_from_its_share_than_promised(sizes):
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    total, classes = len(labels), len(sizes)
    for n in range(classes, total + 1, max(total // 50, 1)):
        index = stratified_sample(labels, n, generator=generator(n))
        for size, count in zip(sizes, labels[index].bincount().tolist(), strict=True):
            assert max(1, (n - classes) * size / total - 1e-9) <= count <= n * size / total + 1
        if len(set(sizes)) == 1:
            assert labels[index].bincount().max() - labels[index].bincount().min() <= 1
    rounded = stratified_sample(labels, min(total, 60), generator=generator())
    if sizes[0] == 961:  # a share of 57.7, and 21 are drawn
        assert (labels[rounded] == 0).sum() == 21


def test_the_draw_of_many_classes_needs_no_table_of_them():
    """20,000 labels of 10,000 classes: a column for each would take 1.6 GB."""
    labels = torch.arange(20_000) // 2
    _, most = traced(lambda: stratified_sample(labels, 15_000, generator=generator()))
    assert most < 20e6


def traced(run):
    """What it gives, and the largest tensor it made in bytes."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        result = run()
    return result, max(event.cpu_memory_usage for event in found.events())


def test_a_draw_is_that_of_the_definition():
    """Image by image: the number of its class drawn before it, as a share of its class."""
    order = torch.randperm(100, generator=generator(5)).tolist()
    before, keys = {}, []
    for place, image in enumerate(order):
        label = UNEVEN[image].item()
        keys.append((before.get(label, 0) / (label == UNEVEN).sum().item(), place))
        before[label] = before.get(label, 0) + 1
    expected = [order[place] for _, place in sorted(keys)[:37]]
    assert stratified_sample(UNEVEN, 37, generator=generator(5)).tolist() == expected


def test_samples_of_one_seed_are_nested_and_those_of_others_are_not():
    """More labels of the same draw are the same labels and some more."""
    small, large = (stratified_sample(UNEVEN, n, generator=generator(3)) for n in (8, 20))
    other = stratified_sample(UNEVEN, 8, generator=generator(4))
    assert torch.equal(small, large[:8])
    assert set(small.tolist()) != set(other.tolist())


def test_every_image_has_its_chance():
    """Over many draws each image of a class is drawn about as often as the others of it."""
    times = torch.stack(
        [stratified_sample(UNEVEN, 20, generator=generator(seed)) for seed in range(400)]
    )
    # expected 10 / 50, standard error 0.02
    often = times.flatten().bincount(minlength=100)[:50] / 400
    assert (often - 0.2).abs().max() < 0.08


def rare_class_missing(sample):
    """In how many of a hundred draws of ten."""
    draws = [UNEVEN[sample(UNEVEN, 10, generator=generator(seed))] for seed in range(100)]
    return sum(6 not in labels for labels in draws)


def test_labels_drawn_without_regard_to_the_class_are_caught():
    """Ten of a hundred at random: the rare class is missing from more than half of the draws."""
    for mistake in mistakes_in(stratified_sample):
        assert rare_class_missing(mistake) > 40
    assert rare_class_missing(stratified_sample) == 0


@pytest.mark.parametrize("n", [3, 101])
def test_a_sample_that_cannot_be_is_refused(n):
    """Fewer than one of each class, or more than there are."""
    with pytest.raises(ValueError, match=f"n must be a whole number between 4 and 100, got {n}"):
        stratified_sample(UNEVEN, n, generator=generator())


def test_the_curve_scores_the_draws():
    """Counts, one score for each draw of each seed, their mean and their band."""
    seen = []

    def score(index: Tensor) -> float:
        seen.append(index)
        return len(index) / 100 + 0.01 * (len(seen) > 3)

    curve = few_label_curve(score, UNEVEN, fractions=(0.04, 0.5, 1.0), n_seeds=2)
    assert curve.counts.tolist() == [4, 50, 100] == [len(index) for index in seen[:3]]
    assert curve.accuracies.tolist() == [
        pytest.approx([0.04, 0.5, 1.0]),
        pytest.approx([0.05, 0.51, 1.01]),
    ]
    assert curve.mean.tolist() == pytest.approx([0.045, 0.505, 1.005])
    assert [part.tolist() for part in curve.band] == [
        pytest.approx([0.04, 0.5, 1.0]),
        pytest.approx([0.05, 0.51, 1.01]),
    ]
    assert torch.equal(seen[0], stratified_sample(UNEVEN, 4, generator=generator(0)))
    assert torch.equal(seen[3], stratified_sample(UNEVEN, 4, generator=generator(1)))


def test_more_labels_help():
    """A curve of real scores rises, and its band closes where every label is used."""
    labels = torch.arange(400) % 4
    x = 2 * normal(4, 6, seed=9)[labels] + 2 * normal(400, 6)
    x_test, y_test = x[200:], labels[200:]
    curve = few_label_curve(
        lambda index: knn_accuracy(x[index], labels[index], x_test, y_test, k=1),
        labels[:200],
        fractions=(0.02, 0.2, 1),
    )
    low, high = curve.band
    assert curve.mean[0] + 0.05 < curve.mean[-1]
    assert (high - low)[0] > 0.01
    assert (high - low)[-1] == 0


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"fractions": (0.0, 1.0)}, r"fractions must be a number in \(0, 1\], got 0.0"),
        ({"fractions": (0.5, 1.5)}, r"fractions must be .* got 1.5"),
        ({"fractions": ()}, "fractions must name at least one"),
        ({"n_seeds": 0}, "n_seeds must be a whole number between 1 and .*, got 0"),
        (
            {"fractions": (0.5, 0.01)},
            "fractions must leave an image of each of the 4 classes, got 0.01 of 100 images",
        ),
    ],
)
def test_a_curve_that_cannot_be_is_refused(keywords, message):
    """Each error names the argument, what was given and what is allowed."""
    with pytest.raises(ValueError, match=message):
        few_label_curve(lambda index: 0.0, UNEVEN, **keywords)


# --- meters of collapse --------------------------------------------------------------------------


def test_effective_ranks_known_by_hand():
    """D for the identity, 1 for rank one, 0 for nothing; for 3 and 1 the entropy of 3/4, 1/4."""
    assert effective_rank(torch.eye(7)) == pytest.approx(7)
    assert effective_rank(
        torch.outer(torch.arange(1.0, 9), torch.tensor([1.0, -2, 5]))
    ) == pytest.approx(1, abs=1e-5)
    assert effective_rank(torch.zeros(5, 3)) == 0
    assert effective_rank(torch.diag(torch.tensor([3.0, 1]))) == pytest.approx(4 / 3**0.75)
    assert spectrum(torch.diag(torch.tensor([1.0, 3]))).tolist() == pytest.approx([0.75, 0.25])


def test_spectrum_equals_the_eigenvalues_of_the_gram_matrix():
    """Roots of the eigenvalues, as shares, falling; a rotation and a scale change nothing."""
    z = normal(40, 6) * torch.arange(1, 7)
    roots = torch.linalg.eigvalsh(z.T @ z).sqrt().flip(0)
    assert torch.allclose(spectrum(z), roots / roots.sum())
    turn, _ = torch.linalg.qr(normal(6, 6, seed=1))
    assert effective_rank(0.01 * z @ turn) == pytest.approx(effective_rank(z))
    p = (roots / roots.sum()).tolist()
    assert effective_rank(z) == pytest.approx(
        math.exp(-sum(share * math.log(share) for share in p))
    )


@pytest.mark.parametrize("mistake", mistakes_in(effective_rank), ids=str)
def test_mistakes_in_the_effective_rank_are_caught(mistake):
    """None gives the value by hand, 4 / 3**0.75, where z is turned either."""
    z = torch.diag(torch.tensor([3.0, 1]))
    turned = z @ torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    assert any(abs(mistake(one) - 4 / 3**0.75) > 0.1 for one in (z, turned))


def test_feature_std_known_by_hand():
    """0 where all point one way, of any length; 1 / sqrt(D) for axes and random directions."""
    assert feature_std(torch.arange(1.0, 6)[:, None] * torch.tensor([[1.0, 2.0]])) == pytest.approx(
        0, abs=1e-7
    )
    axes = torch.cat([torch.eye(8), -torch.eye(8)])
    assert feature_std(axes) == pytest.approx(1 / math.sqrt(8))
    assert feature_std(100 * axes) == pytest.approx(1 / math.sqrt(8))
    assert feature_std(normal(5000, 64)) == pytest.approx(1 / 8, rel=0.01)


@pytest.mark.parametrize("meter", [feature_std, spectrum, effective_rank])
def test_meters_refuse_what_is_not_finite(meter):
    """A diverged network is no collapsed one."""
    with pytest.raises(ValueError, match="z must be finite, got NaN or infinity"):
        meter(torch.tensor([[1.0, math.inf], [0.0, 1.0]]))
    with pytest.raises(ValueError, match=r"z must be \(N >= 1, D >= 1\), got \(3,\)"):
        meter(torch.ones(3))
