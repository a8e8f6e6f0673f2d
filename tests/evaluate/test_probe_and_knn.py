"""Evaluation equals its definitions and scikit-learn, and the usual mistakes are told apart."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from support.numbers import normal
from torch import Tensor, nn

from mlteach import evaluate
from mlteach.evaluate import (
    accuracy,
    cosine_neighbours,
    features,
    fine_tune,
    knn_accuracy,
    knn_votes,
    linear_classifier,
    linear_probe,
    nearest_neighbour_accuracy,
)
from mlteach.mistakes import evaluate as mistakes
from mlteach.mistakes import mistakes_in
from mlteach.networks import conv_encoder


def blobs(
    n: int, *, n_classes: int = 3, d: int = 5, spread: float = 1.5, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Overlapping classes, each around its own point: the same points for every seed."""
    labels = torch.arange(n) % n_classes
    return 2 * normal(n_classes, d, seed=99)[labels] + spread * normal(n, d, seed=seed), labels


TRAIN, TEST = blobs(120), blobs(90, seed=1)


# --- features ------------------------------------------------------------------------------------


class Method(nn.Module):
    """A method whose encoder is only a part of it."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = conv_encoder(widths=(4, 4), out_features=3), nn.Linear(3, 2)

    def encode(self, images: Tensor) -> Tensor:
        return self.encoder(images)


IMAGES = normal(10, 1, 8, 8).float()


def method_in_training() -> Method:
    """With one part whose mode differs from that of the others."""
    torch.manual_seed(0)
    method = Method().train()
    method.head.eval()
    return method


@pytest.mark.parametrize(
    "pick",
    [lambda m: m, lambda m: m.encoder, lambda m: m.encode],
    ids=["method", "module", "bound"],
)
@pytest.mark.parametrize("batch_size", [1, 3, 500])
def test_features_are_those_of_evaluation_mode_whatever_the_batches(pick, batch_size):
    """A method, its encoder or its `encode`: BatchNorm uses what it has learned, not the batch."""
    method = method_in_training()
    expected = copy.deepcopy(method).eval().encoder(IMAGES)
    found = features(pick(method), IMAGES, batch_size=batch_size)
    assert torch.allclose(found, expected, atol=1e-6)
    assert not found.requires_grad


def test_features_change_nothing():
    """Neither weights, nor BatchNorm's memory, nor any mode; not even where the encoder fails."""
    method = method_in_training()
    before, modes = copy.deepcopy(method.state_dict()), [part.training for part in method.modules()]
    features(method, IMAGES)
    with pytest.raises(ValueError, match="encoder must take images like these"):
        features(method, IMAGES.repeat(1, 2, 1, 1))
    assert [part.training for part in method.modules()] == modes
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())


def test_an_encoder_left_in_training_mode_is_another_encoder():
    """What the tests above are for: its features depend on the batch, and its memory moves."""
    method = method_in_training()
    before = copy.deepcopy(method.state_dict())
    whole, half = (
        mistakes.protocol.in_training_mode(method, images) for images in (IMAGES, IMAGES[:5])
    )
    assert not torch.allclose(whole[:5], half, atol=1e-2)
    assert any(not torch.equal(before[name], value) for name, value in method.state_dict().items())


def test_pixels_are_features_too():
    """Any function will do."""
    assert torch.equal(features(nn.Flatten(), IMAGES), IMAGES.flatten(1))
    assert torch.equal(
        features(lambda x: x.mean((1, 2)), IMAGES, batch_size=4), IMAGES.mean((1, 2))
    )


@pytest.mark.parametrize(
    ("encoder", "images", "keywords", "error", "message"),
    [
        (
            nn.Identity(),
            IMAGES,
            {},
            ValueError,
            r"encoder must return \(B, D\), got \(10, 1, 8, 8\)",
        ),
        (nn.Flatten(), IMAGES[:0], {}, ValueError, r"images must be \(N >= 1, ...\), got shape"),
        (
            nn.Flatten(),
            IMAGES,
            {"batch_size": 0},
            ValueError,
            "batch_size must be a whole number >= 1, got 0",
        ),
        (
            None,
            IMAGES,
            {},
            TypeError,
            "encoder must be a module, a method or a function, got NoneType",
        ),
    ],
)
def test_features_refuse_what_cannot_work(encoder, images, keywords, error, message):
    """Clear errors."""
    with pytest.raises(error, match=message):
        features(encoder, images, **keywords)


@pytest.mark.parametrize("error", [KeyError, TypeError, AttributeError, IndexError, RuntimeError])
def test_what_an_encoder_of_ones_own_raises_names_the_encoder(error):
    def encoder(images):
        raise error("of mine")

    with pytest.raises(ValueError, match=f"encoder must take images like .*{error.__name__}.*of m"):
        features(encoder, IMAGES)


class Broken(nn.Module):
    def forward(self, images):
        return images.flatten(1) * torch.nan


def test_fine_tuning_names_the_encoder_whose_features_are_nan():
    with pytest.raises(ValueError, match="encoder must give finite features"):
        fine_tune(Broken(), IMAGES, torch.arange(10) % 2)


def test_accuracy_by_hand():
    """Two of three; a label beyond the columns is wrong."""
    scores = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert accuracy(scores, torch.tensor([1, 0, 0])) == pytest.approx(2 / 3)
    assert accuracy(scores, torch.tensor([1, 0, 5])) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match=r"\(N, C\) and \(N,\), got \(3, 2\) and \(2,\)"):
        accuracy(scores, torch.tensor([1, 0]))


# --- weighted kNN --------------------------------------------------------------------------------


def cosine(x: list[float], y: list[float]) -> float:
    return (
        sum(a * b for a, b in zip(x, y, strict=True))
        / math.dist(x, [0] * len(x))
        / math.dist(y, [0] * len(y))
    )


def knn_by_loops(x, y, x_test, y_test, k, temperature) -> float:
    """The paper's sentence, image by image."""
    right = 0
    for image, label in zip(x_test.tolist(), y_test.tolist(), strict=True):
        near = sorted(
            ((cosine(image, other), c) for other, c in zip(x.tolist(), y.tolist(), strict=True)),
            reverse=True,
        )
        votes = dict.fromkeys(y.tolist(), 0.0)
        for similarity, c in near[:k]:
            votes[c] += math.exp(similarity / temperature)
        right += max(votes, key=votes.get) == label
    return right / len(y_test)


@pytest.mark.parametrize("k", [1, 5, 20, 120])
@pytest.mark.parametrize("temperature", [0.05, 0.1, 5.0])
def test_knn_equals_loops_over_the_definition(k, temperature):
    """Votes of exp(cosine / temperature) from the k most similar."""
    found = knn_accuracy(*TRAIN, *TEST, k=k, temperature=temperature)
    assert found == pytest.approx(knn_by_loops(*TRAIN, *TEST, k, temperature))


@pytest.mark.parametrize("k", [1, 7, 40])
def test_knn_equals_scikit_learn(k):
    """KNeighborsClassifier with cosine distance 1 - s and weights exp(s / temperature)."""
    judge = KNeighborsClassifier(
        k, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.1)
    )
    expected = judge.fit(*(part.numpy() for part in TRAIN)).score(*(part.numpy() for part in TEST))
    assert knn_accuracy(*TRAIN, *TEST, k=k) == pytest.approx(expected)


def test_knn_does_not_see_lengths_and_its_order_does_not_matter():
    """A cosine: each row may have a scale of its own."""
    (x, y), (x_test, y_test) = TRAIN, TEST
    expected = knn_accuracy(x, y, x_test, y_test, k=9)
    stretched = x * (0.1 + torch.arange(len(x)))[:, None]
    assert knn_accuracy(stretched, y, 3 * x_test, y_test, k=9) == expected
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    assert knn_accuracy(x[order], y[order], x_test, y_test, k=9) == expected


def test_knn_votes_by_hand():
    """At temperature 1 / log 2 a cosine larger by 1 weighs twice: 1 against 2 and 2."""
    votes = knn_votes(
        torch.tensor([[1.0, 0.0, -1.0]]),
        torch.tensor([[1, 0, 0]]),
        n_classes=3,
        temperature=1 / math.log(2),
    )
    assert votes.tolist()[0] == pytest.approx([3 / 7, 4 / 7, 0])


@pytest.mark.parametrize("mistake", mistakes_in(knn_votes), ids=str)
def test_mistakes_in_the_votes_are_caught(mistake):
    """None gives the shares by hand: of two images with cosines 1, 0, -1 and 0, 0, 0."""
    similarities = torch.tensor([[1.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
    labels = torch.tensor([[1, 0, 0], [2, 0, 0]])
    shares = torch.tensor([[3 / 7, 4 / 7, 0], [2 / 3, 0, 1 / 3]])
    for votes, right in ((knn_votes, True), (mistake, False)):
        found = votes(similarities, labels, n_classes=3, temperature=1 / math.log(2))
        assert torch.allclose(found, shares) == right


def test_knn_needs_no_luck_with_the_temperature():
    """At 1e-4 the exponentials of the definition overflow; the nearest neighbour still decides."""
    assert knn_accuracy(*TRAIN, *TEST, k=20, temperature=1e-4) == knn_accuracy(*TRAIN, *TEST, k=1)


def test_training_images_find_themselves():
    """Why the test must hold no training images: with k = 1 each is its own neighbour."""
    x, y = normal(200, 4), torch.arange(200) % 2
    assert knn_accuracy(x, y, x, y, k=1) == 1
    assert nearest_neighbour_accuracy(x, y) < 0.65


def test_many_rows_are_done_in_parts(monkeypatch):
    """The memory stays bounded and the answer the same."""
    whole = cosine_neighbours(TRAIN[0], TEST[0], k=4)
    one_by_one = knn_accuracy(*TRAIN, *TEST), nearest_neighbour_accuracy(*TRAIN)
    monkeypatch.setattr(evaluate.knn, "ROWS_AT_ONCE", 7)
    parts = cosine_neighbours(TRAIN[0], TEST[0], k=4)
    assert torch.allclose(whole[0], parts[0])
    assert torch.equal(whole[1], parts[1])
    assert (knn_accuracy(*TRAIN, *TEST), nearest_neighbour_accuracy(*TRAIN)) == one_by_one


def test_nearest_neighbour_equals_loops():
    """The nearest other row, by Euclid, which is not always the nearest by cosine."""
    x, y = TRAIN
    right = 0
    for i, row in enumerate(x.tolist()):
        others = [
            (math.dist(row, other), label)
            for j, (other, label) in enumerate(zip(x.tolist(), y.tolist(), strict=True))
            if j != i
        ]
        right += min(others)[1] == y[i]
    assert nearest_neighbour_accuracy(x, y) == pytest.approx(right / len(x))


# --- linear probe --------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("shape", ["tall", "wide"])
def test_the_probe_equals_scikit_learn(penalty, shape):
    """LogisticRegression with C = 1 / penalty on standardised features, by probabilities."""
    (x, y), (x_test, y_test) = TRAIN, TEST
    if shape == "wide":  # more features than images
        x = torch.cat([x, normal(120, 80)], 1)[:40]
        y = y[:40]
        x_test = torch.cat([x_test, normal(90, 80, seed=2)], 1)
    x, x_test = 7 * x + 100, 7 * x_test + 100
    scaler = StandardScaler().fit(x)
    witness = LogisticRegression(C=1 / penalty, tol=1e-9, max_iter=10_000).fit(
        scaler.transform(x), y
    )
    expected = torch.from_numpy(witness.predict_proba(scaler.transform(x_test)))
    ours = linear_classifier(x, y, penalty=penalty)(x_test).softmax(1)
    assert torch.allclose(ours, expected, atol=1e-4)
    assert linear_probe(x, y, x_test, y_test, penalty=penalty) == witness.score(
        scaler.transform(x_test), y_test
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_probe_is_at_the_bottom_of_its_loss(n_classes):
    """The documented sum, in the features' own coordinates, has the gradient 0 by autograd."""
    x, y = blobs(120, n_classes=n_classes)
    mean = x.mean(0)
    std = x.std(0, correction=0)
    layer = linear_classifier(x, y, penalty=2.0)
    weight = (layer.weight * std).requires_grad_()
    bias = (layer.bias + layer.weight @ mean).requires_grad_()
    loss = (
        F.cross_entropy(F.linear((x - mean) / std, weight, bias), y, reduction="sum")
        + weight.square().sum()
    )
    for gradient in torch.autograd.grad(loss, (weight, bias)):
        assert gradient.abs().max() < 1e-5  # 120 images, of one each at most 1e-8


def test_the_probe_is_the_same_again_and_draws_nothing():
    """Under no_grad too, as an evaluation while training has it; torch's generator stays."""
    before = torch.get_rng_state()
    first = linear_classifier(*TRAIN)
    with torch.no_grad():
        second = linear_classifier(*TRAIN)
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(torch.get_rng_state(), before)
    assert not first.weight.requires_grad


def test_the_probe_does_not_see_scale_or_shift_and_ignores_a_constant():
    """Standardised: another unit changes nothing, and 0.1 in every row is no feature."""
    (x, y), (x_test, _) = TRAIN, TEST
    expected = linear_classifier(x, y)(x_test)
    scale, shift = (
        torch.tensor([1e-3, 1, 10, 1e4, 2]).double(),
        torch.tensor([5, 0, -3, 1, 1]).double(),
    )
    assert torch.allclose(
        linear_classifier(scale * x + shift, y)(scale * x_test + shift), expected, atol=1e-5
    )
    with_constant = torch.cat([x, torch.full((120, 1), 0.1).double()], 1)
    layer = linear_classifier(with_constant, y)
    assert layer.weight[:, -1].abs().max() == 0
    assert torch.allclose(
        layer(torch.cat([x_test, torch.full((90, 1), 1e6).double()], 1)), expected, atol=1e-5
    )


@pytest.mark.parametrize(
    ("dtype", "shift", "unit"),
    [
        (torch.float32, 1e3, 1e-3),  # 16 steps of float32
        (torch.float32, -1e6, 1.0),
        (torch.float32, 2**23 + 8, 1.0),  # steps of float32, hence a spread of 6e-7 of the mean
        (torch.float64, 1e9, 1.0),
        (torch.float64, 0, 1e160),  # whose square is infinite
        (torch.float64, 1e303, 1e300),
        (torch.float64, 0, 1e-160),
    ],
)
def test_a_feature_far_from_zero_is_one(dtype, shift, unit):
    """It is a whole number from -8 to 8 of units: what is known of it at 0 is known there."""
    x = torch.arange(-8, 9).repeat(10)[:, None]
    y = (x[:, 0] >= 3).long()
    moved = x.to(dtype) * unit + shift
    assert len(moved.unique()) == 17
    assert linear_probe(moved, y, moved, y) == linear_probe(x, y, x, y) == 1
    logits = linear_classifier(x, y)(x.double())
    found = linear_classifier(moved, y)(moved.double())
    step = 0.05 if dtype == torch.float32 else 1e-3  # the features themselves are rounded
    assert (found - logits).abs().max() < step * logits.abs().max()


@pytest.mark.parametrize("value", [0.1, -3e4, 1e30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounding_is_no_feature(value, dtype):
    x, y = TRAIN
    constant = torch.full((len(x), 1), value, dtype=dtype)
    constant[::3] = torch.nextafter(constant[::3], torch.tensor(torch.inf, dtype=dtype))
    layer = linear_classifier(torch.cat([x.to(dtype), constant], 1), y)
    assert not layer.weight[:, -1].any()
    assert layer.weight[:, :-1].all()


def test_the_probe_takes_any_class_numbers():
    """Classes 3, 7 and 40; a test image of a class without training images counts as wrong."""
    (x, y), (x_test, y_test) = TRAIN, TEST
    numbers = torch.tensor([3, 7, 40])
    expected = linear_probe(x, y, x_test, y_test)
    assert linear_probe(x, numbers[y], x_test, numbers[y_test]) == expected
    assert linear_probe(x, y, x_test, torch.full_like(y_test, 3)) == 0


def test_standardising_with_the_test_set_is_caught():
    """On another domain the test set's own statistics give a better number that nobody can have."""
    (x, y), (x_test, y_test) = TRAIN, TEST
    shifted = x_test + 20  # every feature, as a brighter camera would do
    honest = linear_probe(x, y, shifted, y_test)
    layer = linear_classifier(mistakes.protocol.standardise(x, x), y)
    leaking = accuracy(layer(mistakes.protocol.by_the_test_set(x, shifted)), y_test)
    assert leaking > honest + 0.1


# --- fine-tuning ---------------------------------------------------------------------------------


def toy_images(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Bars across or upright, at a random place, in noise."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.5 * torch.randn(n, 1, 8, 8, generator=generator)
    labels, place = torch.arange(n) % 2, torch.randint(8, (n,), generator=generator)
    for image, label, line in zip(images, labels, place, strict=True):
        (image[0, line] if label else image[0, :, line]).add_(1)
    return images, labels


def toy_encoder() -> nn.Module:
    torch.manual_seed(0)
    return conv_encoder(widths=(8, 8), out_features=4)


def test_fine_tuning_leaves_the_encoder_as_it_is():
    """Weights, BatchNorm's memory, modes and torch's generator; the copy has moved."""
    encoder = toy_encoder().train()
    encoder[0].eval()
    encoder[-1].weight.requires_grad_(False)
    before, modes = (
        copy.deepcopy(encoder.state_dict()),
        [part.training for part in encoder.modules()],
    )
    state = torch.get_rng_state()
    tuned = fine_tune(encoder, *toy_images(40, seed=0), steps=5)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert [part.training for part in encoder.modules()] == modes
    assert not encoder[-1].weight.requires_grad
    assert torch.equal(torch.get_rng_state(), state)
    moved = tuned.encoder.state_dict()
    assert [
        name for name in before if "weight" in name and torch.equal(before[name], moved[name])
    ] == []
    assert not any(part.training for part in tuned.modules())


def test_fine_tuning_starts_from_the_linear_probe():
    """With no step it is the probe, for a method with `encode` too."""
    (images, labels), (test_images, test_labels) = (
        toy_images(40, seed=0),
        toy_images(200, seed=1),
    )
    for encoder in (toy_encoder(), Method()):
        tuned = fine_tune(encoder, images, labels, steps=0)
        z, z_test = features(encoder, images), features(encoder, test_images)
        probe = linear_probe(z, labels, z_test, test_labels)
        # one image
        assert accuracy(features(tuned, test_images), test_labels) == pytest.approx(
            probe, abs=0.006
        )


def test_fine_tuning_learns_what_a_frozen_random_encoder_does_not_know():
    """And the same seed gives the same classifier."""
    (images, labels), (test_images, test_labels) = (
        toy_images(100, seed=0),
        toy_images(200, seed=1),
    )
    encoder = toy_encoder()
    probe, tuned, again = (
        fine_tune(encoder, images, labels, steps=steps, lr=1e-2) for steps in (0, 60, 60)
    )
    at_first, at_last = (
        accuracy(features(part, test_images), test_labels) for part in (probe, tuned)
    )
    assert at_last > at_first + 0.1
    assert all(
        torch.equal(a, b) for a, b in zip(tuned.parameters(), again.parameters(), strict=True)
    )


def test_fine_tuning_sees_the_views_and_draws_them_from_its_seed():
    """Each step's images pass through the view, batch by batch, with one generator for all."""
    (images, labels), seen = toy_images(20, seed=0), []

    def view(batch: Tensor, *, generator: torch.Generator) -> Tensor:
        seen.append((len(batch), generator))
        return batch + torch.rand(len(batch), 1, 1, 1, generator=generator)

    def tuned(seed: int) -> Tensor:
        found = fine_tune(
            toy_encoder(), images, labels, view=view, steps=3, batch_size=5, seed=seed
        )
        return features(found, images)

    first = tuned(1)
    second = tuned(1)
    other = tuned(2)
    assert [size for size, _ in seen] == [5] * 9
    assert len({id(generator) for _, generator in seen[:3]}) == 1
    assert torch.equal(first, second)
    assert not torch.allclose(first, other)


# --- errors --------------------------------------------------------------------------------------

X, Y = TRAIN


@pytest.mark.parametrize("function", [knn_accuracy, linear_probe])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (X, Y[:5], X, Y),
            ValueError,
            r"train_labels must be \(120,\), got shape \(5,\)",
        ),
        ((X, Y, X[:, :3], Y), ValueError, "equally many columns, got 5 and 3"),
        ((X, Y, X[0], Y), ValueError, r"test_features must be \(N >= 1, D >= 1\), got \(5,\)"),
        ((X, Y - 1, X, Y), ValueError, "train_labels must be >= 0, got -1"),
        (
            (X, Y.double(), X, Y),
            TypeError,
            "train_labels must be a tensor of integers, got a tensor of float64",
        ),
        (([1.0], Y, X, Y), ValueError, r"train_features must be \(N >= 1, D >= 1\), got \(1,\)"),
        ((["a"], Y, X, Y), TypeError, "train_features must be a tensor, an array or a list"),
        (
            (X.index_fill(0, torch.tensor([3]), math.nan), Y, X, Y),
            ValueError,
            "train_features must be finite, got NaN or infinity",
        ),
    ],
)
def test_bad_features_are_refused(function, arguments, error, message):
    """Each error names the argument, what was given and what is allowed."""
    with pytest.raises(error, match=message):
        function(*arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: knn_accuracy(*TRAIN, *TEST, k=0),
            "k must be a whole number between 1 and 120, got 0",
        ),
        (lambda: knn_accuracy(*TRAIN, *TEST, k=121), "got 121"),
        (
            lambda: knn_accuracy(*TRAIN, *TEST, temperature=0),
            "temperature must be finite and > 0, got 0",
        ),
        (
            lambda: knn_votes(X, Y, n_classes=3, temperature=1),
            r"\(M, k\), got \(120, 5\) and \(120,\)",
        ),
        (
            lambda: linear_probe(*TRAIN, *TEST, penalty=0),
            "penalty must be finite and > 0, got 0",
        ),
        (
            lambda: linear_probe(X, 0 * Y, *TEST),
            "train_labels must hold two classes at least",
        ),
        (lambda: linear_classifier(X, 2 * Y), r"each class 0 to C - 1, C >= 2, got \[0, 2, 4\]"),
        (
            lambda: nearest_neighbour_accuracy(X[:1], Y[:1]),
            r"features must be \(N >= 2, D >= 1\), got \(1, 5\)",
        ),
        (
            lambda: fine_tune(toy_encoder(), *toy_images(4, 0), steps=-1),
            "steps must be a whole number between 0 and .*, got -1",
        ),
        (
            lambda: fine_tune(toy_encoder(), *toy_images(4, 0), batch_size=0),
            "batch_size must be a whole number between 1 and .*, got 0",
        ),
    ],
)
def test_numbers_out_of_range_are_refused(call, message):
    """Each error names the argument, what was given and what is allowed."""
    with pytest.raises(ValueError, match=message):
        call()


def test_only_a_module_can_be_fine_tuned():
    """Pixels have no weights."""
    with pytest.raises(
        TypeError, match="encoder must be an nn.Module, which can be trained, got function"
    ):
        fine_tune(lambda x: x.flatten(1), *toy_images(4, 0))


# --- what is unusual, and as good -----------------------------------------------------------------


@pytest.mark.parametrize("kind", [torch.int32, torch.uint8, torch.int16])
def test_labels_of_every_integer_type_give_the_same(kind):
    classifier = linear_classifier(X, Y)
    assert torch.equal(classifier.weight, linear_classifier(X.numpy(), Y.to(kind)).weight)
    for measure in (knn_accuracy, linear_probe):
        expected = measure(X, Y, *TEST)
        assert measure(X.tolist(), Y.to(kind), TEST[0].numpy(), TEST[1].to(kind)) == expected
    fine_tune(toy_encoder(), *(part.to(kind) if i else part for i, part in enumerate(TOY)), steps=1)


TOY = toy_images(4, 0)


@pytest.mark.parametrize("shrink", [1e-30, 1e-4, 1.0, 1e30])
@pytest.mark.parametrize("shift", [0, 1.0])
def test_neighbours_are_the_same_at_every_scale_and_far_from_zero(shrink, shift):
    """Shifted, all rows lie so close together that |a|² + |b|² - 2ab is nothing but rounding."""
    x = shrink * (shift + X.double() / (3000 if shift else 1))
    expected = nearest_neighbour_accuracy(x, Y)
    assert nearest_neighbour_accuracy(x.float(), Y) == pytest.approx(expected, abs=0.02)
    assert knn_accuracy(x.float(), Y, x.float(), Y, k=1) == 1


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_a_set_of_16_bit_features_finds_itself(kind):
    x = (X * 4000).to(kind)
    assert knn_accuracy(x, Y, x, Y, k=1) == 1
    assert nearest_neighbour_accuracy(x, Y) == nearest_neighbour_accuracy(x.float(), Y)


def test_scores_that_are_no_numbers_are_no_accuracy():
    with pytest.raises(ValueError, match="scores must be finite"):
        accuracy(torch.full((5, 5), math.nan), torch.arange(5))


def test_batch_norm_without_running_statistics_is_refused_by_name():
    """Its features would depend on the batch, and one image alone has no statistics."""
    with pytest.raises(ValueError, match="encoder must have running statistics.*batch_no_stats"):
        features(conv_encoder(1, norm="batch_no_stats"), IMAGES)
    norm = nn.Sequential(nn.InstanceNorm2d(1), nn.Flatten())  # of each image alone
    assert torch.allclose(features(norm, IMAGES, batch_size=3), features(norm, IMAGES), atol=1e-6)
