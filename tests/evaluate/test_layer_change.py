"""layer_change on networks of every kind: nothing of theirs moves, and what it says is so."""

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, nn
from torch.func import functional_call

from mlteach.episodes import Episode
from mlteach.evaluate.layer_change import layer_change
from mlteach.meta import adapt

LAYERS = {"first": "0", "head": "4"}


def tasks(n_way=3, width=4):
    generator = Generator().manual_seed(0)
    y = (torch.arange(9) % n_way).expand(2, 9)
    support, query = (torch.randn(2, 9, width, generator=generator) for _ in range(2))
    return Episode(support, y, query, y)


def network(norm=nn.Identity):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), norm(8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 3))


def changes(model, layers=LAYERS, lr=0.5, most_steps=2, **kind):
    return layer_change(model, tasks(**kind), layers, lr=lr, most_steps=most_steps)


def test_running_statistics_stay_and_are_refused_in_training_mode():
    model = network(nn.BatchNorm1d)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="model: 1 keeps running statistics"):
        changes(model)
    changes(model.eval())
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())


class Counting(nn.Module):
    """Counts its calls, and keeps its last input, as attributes."""

    def __init__(self):
        super().__init__()
        self.body, self.head, self.calls, self.last = nn.Linear(4, 8), nn.Linear(8, 3), 0, None

    def forward(self, x):
        self.calls, self.last = self.calls + 1, x
        return self.head(self.body(x))


def test_counters_of_the_model_stay():
    model = Counting()
    changes(model, {"body": "body", "head": "head"})
    assert model.calls == 0
    assert model.last is None


def test_frozen_weights_do_not_move():
    model = network()
    model[0].requires_grad_(False)
    found = changes(model, {"first": "0", "second": "3", "head": "4"})
    assert not found.distance[:, 0].any()
    assert (found.distance[1:, 1:] > 0.01).all()
    assert torch.allclose(found.similarity[:, 0], torch.ones(3).double())
    assert not changes(model.requires_grad_(False)).distance.any()


def test_only_the_last_adapts_no_layer_that_was_not_named():
    """Also the one between: the accuracy is that of the head alone."""
    model, given = network(), tasks()
    found = changes(model, lr=3.0)
    shares = []
    for x, y, x_query, y_query in zip(*given, strict=True):
        rates = {"lr": 3.0, "steps": 2, "frozen": ("0.", "3.")}
        phi = adapt(model, dict(model.named_parameters()), x, y, F.cross_entropy, **rates)
        guesses = functional_call(model, phi, (x_query,)).argmax(1)
        shares.append((guesses == y_query).double().mean())
    assert found.accuracy[2, 1].item() == pytest.approx(torch.stack(shares).mean().item())
    all_but_first = adapt(
        model,
        dict(model.named_parameters()),
        *(given.x_support[0], given.y_support[0], F.cross_entropy),
        **{"lr": 3.0, "steps": 2, "frozen": ("0.",)},
    )
    assert not all_but_first["3.weight"].equal(model[3].weight)  # what it must not be


def test_a_weight_of_two_layers_is_measured_in_both():
    model = network()
    model[3].weight, model[3].bias = model[0].weight, model[0].bias
    model[0] = nn.Linear(4, 8)
    tied = nn.Linear(8, 8)
    model[3], model[1] = tied, nn.Linear(8, 8)
    model[1].weight, model[1].bias = tied.weight, tied.bias
    found = changes(model, {"one": "1", "other": "3", "head": "4"})
    assert (found.distance[1:] > 0).all()
    assert found.distance[:, 0].equal(found.distance[:, 1])


def test_what_a_layer_gave_is_kept_from_a_relu_in_place():
    model = network()
    right = changes(model, {"first": "0", "head": "4"})
    model[2] = nn.ReLU(inplace=True)
    found = changes(model, {"first": "0", "head": "4"})
    for one, other in zip(found, right, strict=True):
        assert torch.allclose(one, other)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.head, self.unused = nn.GRU(4, 8), nn.Linear(8, 3), nn.Linear(2, 2)

    def forward(self, x):
        return self.head(self.layer(x)[0])


def twice():
    model = network()
    model[1] = model[3]
    return model


def filled(path, weight, bias):
    model = network()
    model.get_submodule(path).weight.data.fill_(weight)
    model.get_submodule(path).bias.data.fill_(bias)
    return model


@pytest.mark.parametrize(
    ("make", "keywords", "told"),
    [
        (Recurrent, {"layers": {"l": "layer", "h": "head"}}, "layers: 'layer' must give a tensor"),
        (Recurrent, {"layers": {"l": "unused", "h": "head"}}, "'unused' must be called once"),
        (twice, {"layers": {"l": "3", "h": "4"}}, "'3' must be called once by the model, is 2"),
        (lambda: filled("0", 0, 0), {}, "the weights of '0' are all 0"),
        (lambda: filled("0", 0, 1), {}, "layers: '0' gives the same for all queries"),
        (network, {"lr": 1e30}, "lr leads to outputs"),
        (network, {"n_way": 5}, "model has 3 outputs, tasks has label 4"),
        (network, {"width": 5}, "model cannot compute"),
    ],
)
def test_what_cannot_be_measured_is_told(make, keywords, told):
    with pytest.raises(ValueError, match=told):
        changes(make(), **keywords)
