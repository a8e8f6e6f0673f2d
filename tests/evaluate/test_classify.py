"""One new image is named by a few examples, alone, in the caller's words; the model stays."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.numbers import generator, normal32
from torch import nn
from torch.func import functional_call

from mlteach.data import glyphs
from mlteach.episodes import sample_episodes
from mlteach.evaluate import classify
from mlteach.meta import adapt
from mlteach.networks import conv_encoder, mlp, projection_head
from mlteach.selfsup import SimCLR

WORDS = ["dog", "dog", "cat", "owl", "cat", "owl"]
ADAPT = {"lr": 0.4, "steps": 2}


def examples(n=6, channels=1):
    return torch.rand(n, channels, 12, 12, generator=generator(1))


def classifier(norm="batch_no_stats", outputs=4):
    torch.manual_seed(0)
    return nn.Sequential(conv_encoder(norm=norm, widths=(8, 8)), nn.Linear(64, outputs))


MODELS = {
    "prototypes": (lambda: conv_encoder(norm="batch"), {}),
    "prototypes, batch statistics": (lambda: conv_encoder(norm="batch_no_stats"), {}),
    "MAML": (classifier, ADAPT),
    "MAML, group norm": (lambda: classifier("group"), ADAPT),
    "MAML, running statistics": (lambda: classifier("batch"), ADAPT),
}


def by_hand(model, support, labels, new, *, lr=None, steps=None):
    """One image at a time, in evaluation mode, with the support in its batch."""
    model, words = copy.deepcopy(model).eval(), list(dict.fromkeys(labels))
    y = torch.tensor([words.index(label) for label in labels])
    answers = []
    for image in new:
        batch = torch.cat([support, image[None]])
        if lr is None:
            z, z_new = model(support), model(batch)[-1]
            means = torch.stack([z[y == c].mean(0) for c in range(len(words))])
            scores = -(means - z_new).square().sum(1)
        else:
            start = dict(model.named_parameters())
            phi = adapt(model, start, support, y, F.cross_entropy, lr=lr, steps=steps)
            scores = functional_call(model, phi, (batch,))[-1, : len(words)]
        answers.append(dict(zip(words, scores.softmax(0).tolist(), strict=True)))
    return answers


@pytest.mark.parametrize("name", MODELS)
def test_labels_and_probabilities_equal_the_definition(name):
    torch.manual_seed(0)
    make, inner = MODELS[name]
    model, new = make(), torch.rand(5, 1, 12, 12, generator=generator(2))
    right = by_hand(model, examples(), WORDS, new, **inner)
    found = classify(model, examples(), WORDS, new, probabilities=True, **inner)
    for one, other in zip(found, right, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    labels = classify(model, examples(), WORDS, new, **inner)
    assert labels == [max(shares, key=shares.get) for shares in right]
    assert len(set(labels)) > 1 or "MAML" in name


@pytest.mark.parametrize("name", MODELS)
def test_each_image_is_classified_alone(name):
    """The same answer whatever the other new images are."""
    torch.manual_seed(0)
    make, inner = MODELS[name]
    model, new = make(), torch.rand(5, 1, 12, 12, generator=generator(2))
    together = classify(model, examples(), WORDS, new, probabilities=True, **inner)
    for image, shares in zip(new, together, strict=True):
        alone = classify(model, examples(), WORDS, image, probabilities=True, **inner)
        assert alone == pytest.approx(shares, abs=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_the_model_is_as_it_was(name):
    make, inner = MODELS[name]
    model = make()
    model[0].eval()  # a mode of its own for one part
    modes = [part.training for part in model.modules()]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    random_state = torch.get_rng_state()
    classify(model, examples(), WORDS, examples()[0], **inner)
    assert modes == [part.training for part in model.modules()]
    assert all(value.equal(before[key]) for key, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert torch.get_rng_state().equal(random_state)


def test_an_example_is_given_its_own_label():
    """A support image's own mean is the nearest where each class has one example."""
    torch.manual_seed(0)
    encoder, support = conv_encoder(), examples(3)
    assert classify(encoder, support, ["a", "b", "c"], support) == ["a", "b", "c"]
    assert classify(encoder, support, ["a", "b", "c"], support[1]) == "b"


def test_labels_come_back_as_they_were_given():
    torch.manual_seed(0)
    encoder, support = conv_encoder(), examples(3)
    for labels, right in [
        (["x", "y", "z"], "y"),
        (("x", "y", "z"), "y"),
        (np.array(["x", "y", "z"]), "y"),
        ([7, -3, 10**12], -3),
        (torch.tensor([5, 3, 9], dtype=torch.uint8), 3),
        (np.array([5, 3, 9], dtype=np.int32), 3),
        ([np.int64(5), np.int64(3), np.int64(9)], 3),
        ([torch.tensor(5), torch.tensor(3), torch.tensor(9)], 3),
    ]:
        found = classify(encoder, support, labels, support[1])
        assert found == right
        assert type(found) is type(right)


def test_images_of_every_kind():
    """Tensors, arrays, lists, bytes, with and without a channel."""
    torch.manual_seed(0)
    encoder = conv_encoder()
    bytes_ = (255 * examples(3)).byte()
    support = bytes_.float() / 255
    labels = ["a", "b", "c"]
    right = classify(encoder, support, labels, support, probabilities=True)
    for given in (
        bytes_,
        bytes_.numpy(),
        support.numpy().astype(np.float64),
        support[:, 0],
        bytes_[:, 0].numpy(),
        list(support),
        list(bytes_[:, 0].numpy()),
        support.tolist(),
        support.half().float().bfloat16().float() * 0 + support,
    ):
        for one, other in ((given, given), (support, given), (given, support)):
            found = classify(encoder, one, labels, other, probabilities=True)
            assert len(found) == 3
            for shares, expected in zip(found, right, strict=True):
                assert shares == pytest.approx(expected, abs=1e-4)
        assert classify(encoder, support, labels, given[2]) == "c"
    colours = examples(4, channels=3)
    assert classify(conv_encoder(3), colours, [1, 1, 2, 2], colours[3]) in (1, 2)
    vectors = normal32(4, 5)
    assert classify(mlp(5, 3), vectors, [0, 1, 2, 3], vectors) == [0, 1, 2, 3]


def test_encoders_of_every_kind():
    """A method's encode is called; a function is called as it is; float64 networks compute so."""
    torch.manual_seed(0)
    support, labels = examples(3), ["a", "b", "c"]
    method = SimCLR(conv_encoder(), projection_head(64))
    assert classify(method, support, labels, support[2]) == "c"
    assert classify(method.encode, support, labels, support[2]) == "c"
    assert classify(nn.Flatten(), support, labels, support[2]) == "c"
    assert classify(lambda x: x.flatten(1), support, labels, support[2]) == "c"
    assert classify(conv_encoder().double(), support, labels, support[2]) == "c"


def test_far_from_zero_and_in_half_precision():
    support, labels = examples(3), ["a", "b", "c"]
    assert classify(lambda x: x.flatten(1) + 1000, support, labels, support) == labels
    assert classify(lambda x: x.flatten(1).half() * 200, support, labels, support) == labels
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert classify(nn.Flatten(), support, labels, support) == labels


def test_vectors_may_be_of_any_size_and_a_grey_image_of_two_dimensions():
    support = torch.tensor([[170.0, 60.0], [20.0, 5.0], [180.0, 70.0], [25.0, 4.0]])
    assert classify(nn.Identity(), support, [1, 0, 1, 0], support[2]) == 1
    assert classify(nn.Identity(), support, [1, 0, 1, 0], support) == [1, 0, 1, 0]
    grey = examples(3)[:, 0]
    for given in (grey, grey[:, None], list(grey.numpy())):
        assert classify(nn.Flatten(), given, ["a", "b", "c"], grey[1]) == "b"
        assert classify(nn.Flatten(), given, ["a", "b", "c"], (255 * grey[1]).byte().numpy()) == "b"


class Column:
    """As pandas has it: no Sequence, but a list can be made of it."""

    def __init__(self, values):
        self.values = values

    def tolist(self):
        return list(self.values)


def test_labels_may_be_a_column_of_a_table():
    support = examples(3)
    assert classify(nn.Flatten(), support, Column("abc"), support[1]) == "b"


@pytest.mark.parametrize("norm", ["batch", "group", "batch_no_stats"])
@pytest.mark.parametrize("inner", [{}, ADAPT], ids=["prototypes", "MAML"])
def test_many_images_go_through_a_network_at_once_where_it_looks_at_each_alone(
    norm, inner, monkeypatch
):
    """The answers are those of one at a time to rounding; with batch statistics one at a time."""
    calls = []
    torch.manual_seed(0)
    model, new = classifier(norm), torch.rand(30, 1, 12, 12, generator=generator(2))
    alone = [classify(model, examples(), WORDS, x, probabilities=True, **inner) for x in new]
    found = classify(model, examples(), WORDS, new, probabilities=True, **inner)
    for one, other in zip(found, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    monkeypatch.setattr(F, "linear", counted(F.linear, calls))
    monkeypatch.setattr(torch, "baddbmm", counted(torch.baddbmm, calls))
    classify(model, examples(), WORDS, new, **inner)
    assert len(calls) > 30 if norm == "batch_no_stats" else len(calls) < 10


def counted(function, calls):
    def run(*given):
        calls.append(1)
        return function(*given)

    return run


@pytest.mark.parametrize("norm", ["batch", "batch_no_stats"])
def test_characters_are_recognised_above_chance(norm):
    """By an untrained encoder: 150 characters of six tasks, of which a guess names 30."""
    torch.manual_seed(0)
    counts = {"n_tasks": 6, "n_way": 5, "n_shot": 5, "n_query": 5}
    tasks = sample_episodes(glyphs("test"), **counts, generator=generator(3))
    encoder = conv_encoder(norm=norm)
    right = [
        guess == truth
        for x, y, x_query, y_query in zip(*tasks, strict=True)
        for guess, truth in zip(classify(encoder, x, y, x_query), y_query.tolist(), strict=True)
    ]
    assert sum(right) > 50


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"labels": ["a", "b"]}, "labels must be as many as support_images, got 2 for 3"),
        ({"labels": ["a", "a", "a"]}, "labels must hold at least two different ones"),
        ({"labels": "abc"}, "labels must be a list of labels, got str"),
        ({"labels": [0.5, 1.5, 2.5]}, "labels must be texts or whole numbers, got float"),
        ({"labels": [None, "a", "b"]}, "labels must be texts or whole numbers, got NoneType"),
        ({"new_images": torch.rand(1, 13, 12)}, "new_images must be one image"),
        ({"new_images": torch.rand(0, 1, 12, 12)}, "new_images must not be empty"),
        ({"new_images": 255 * torch.rand(1, 12, 12)}, "new_images must be on the scale"),
        ({"new_images": torch.full((1, 12, 12), torch.nan)}, "new_images must be finite"),
        ({"new_images": "photo.png"}, "new_images must be a tensor"),
        ({"new_images": torch.ones(1, 12, 12, dtype=torch.int64)}, "new_images must be uint8 or"),
        ({"support_images": torch.rand(3, 12, 12, 3)}, "support_images.*move the last dimension"),
        ({"lr": 0.1}, "lr and steps must be given both or neither"),
        ({"steps": 2}, "lr and steps must be given both or neither"),
        ({"frozen": ("0.",)}, "frozen says what is not adapted"),
        ({"lr": -0.1, "steps": 2}, "lr must be finite and >= 0"),
        ({"lr": torch.nan, "steps": 2}, "lr must be finite and >= 0"),
        ({"model": "encoder"}, "model must be a function"),
        ({"model": nn.Flatten}, "model must be a function"),
        ({"model": conv_encoder(3)}, "model cannot compute"),
        ({"model": lambda x: x}, r"model must return \(3, D\)"),
        ({"model": lambda x: x.flatten(1) / 0}, "what model returns must be finite"),
        ({"model": lambda x: x.flatten(1), **ADAPT}, "model must be a network"),
        ({"model": classifier(outputs=2), **ADAPT}, "model must give an output for each"),
        ({"model": classifier(), "lr": 1e38, "steps": 5}, "model gives scores that are not finite"),
        ({"probabilities": "yes"}, "probabilities must be True or False"),
    ],
)
def test_what_makes_no_sense_is_told(changed, told):
    given = {
        "model": conv_encoder(),
        "support_images": examples(3),
        "labels": ["a", "b", "c"],
        "new_images": examples(3)[0],
    }
    with pytest.raises((TypeError, ValueError), match=told):
        classify(**given | changed)
