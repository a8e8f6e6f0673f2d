"""Of any network, MAML equals `adapt` task by task or refuses it by name, and changes nothing."""

from __future__ import annotations

import copy
import warnings
from collections import deque
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from meta.zoo import WAY, ZOO, Of
from torch import Generator, nn
from torch.func import functional_call
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint

from mlteach.episodes import Episode
from mlteach.meta import adapt, adapted_predictions, maml_loss, reptile_step


def tasks_of(shape, n_tasks, n, seed=0):
    """As many support as query examples of three classes in each task."""
    draw = Generator().manual_seed(seed)
    y = torch.arange(n).remainder(WAY).expand(n_tasks, n)
    if shape == "tokens":
        x = [torch.randint(0, 7, (n_tasks, n, 5), generator=draw) for _ in range(2)]
    else:
        x = [torch.randn(n_tasks, n, *shape, generator=draw).double() for _ in range(2)]
    return Episode(x[0], y, x[1], y.flip(1))


def made(name, seed=0):
    torch.manual_seed(seed)
    return ZOO[name][0]().double()


def state_of(model):
    """Everything of a network that a call might change, by identity and by value."""
    return {
        "parameters": [
            (n, id(p), p.detach().clone())
            for n, p in model.named_parameters(remove_duplicate=False)
        ],
        "buffers": [(n, id(b), b.clone()) for n, b in model.named_buffers(remove_duplicate=False)],
        "wanted": [p.requires_grad for p in model.parameters()],
        "gradients": [p.grad for p in model.parameters()],
        "modes": [part.training for part in model.modules()],
        "attributes": [{k: id(v) for k, v in vars(part).items()} for part in model.modules()],
        "hooks": [
            len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules()
        ],
    }


def same(before, after):
    if isinstance(before, torch.Tensor):
        return torch.equal(before, after)
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(same(before[k], after[k]) for k in before)
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(same, before, after))
    return before == after


def by_adapt(model, episodes, **inner):
    """The definition: the mean over the tasks of the queries' losses with `adapt`'s weights."""
    params, found = dict(model.named_parameters()), []
    for x, y, x_query, _ in zip(*episodes, strict=True):
        phi = adapt(model, params, x, y, F.cross_entropy, **inner)
        found.append(call(model, phi, x_query))
    return torch.stack(found)


def call(model, params, x):
    """A copy computes, so that nothing of what it keeps is mixed up."""
    own = {id(p): n for n, p in model.named_parameters()}
    places = {n: own[id(p)] for n, p in model.named_parameters(remove_duplicate=False)}
    distinct, seen = {}, set()
    for place, name in places.items():
        path, _, local = place.rpartition(".")
        slot = id(model.get_submodule(path)), local
        if slot not in seen:
            distinct[place] = params[name].clone()
        seen.add(slot)
    return functional_call(model, distinct, (x.clone(),), tie_weights=False)


def gradients(value, model):
    wanted = [p for p in model.parameters() if p.requires_grad]
    if not wanted or not value.requires_grad:
        return []
    return torch.autograd.grad(value, wanted, materialize_grads=True)


OPTIONS = {
    "second order": {"lr": 0.3, "steps": 2},
    "first order": {"lr": 0.3, "steps": 3, "first_order": True},
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ZOO)
def test_maml_equals_adapt_task_by_task_and_changes_nothing(name, options):
    """Loss, predictions and gradients to 1e-9, for T = N, T = C (of images) and T = 1."""
    inner, shape = OPTIONS[options], ZOO[name][1]
    for n_tasks, n in ((6, 6), (2, 6), (1, 3)):
        model, twin = made(name), made(name)
        episodes = tasks_of(shape, n_tasks, n)
        given = [part.clone() for part in episodes]
        before, random_state = state_of(model), torch.get_rng_state()
        predictions = adapted_predictions(model, episodes, F.cross_entropy, **inner)
        loss = maml_loss(model, episodes, F.cross_entropy, **inner)
        slopes = gradients(loss, model)
        assert same(before, state_of(model))
        assert torch.equal(random_state, torch.get_rng_state())
        assert all(map(torch.equal, given, episodes))
        right = by_adapt(twin, episodes, **inner)
        torch.testing.assert_close(predictions, right, rtol=0, atol=1e-9)
        losses = [F.cross_entropy(p, y) for p, y in zip(right, episodes.y_query, strict=True)]
        right_loss = torch.stack(losses).mean()
        torch.testing.assert_close(loss, right_loss, rtol=0, atol=1e-9)
        torch.testing.assert_close(slopes, gradients(right_loss, twin), rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", ZOO)
def test_adapt_equals_its_formula_and_changes_nothing(name):
    """Two steps down the gradient, taken from a deep copy by plain autograd."""
    model, shape = made(name), ZOO[name][1]
    x, y, _, _ = (part[0] for part in tasks_of(shape, 1, 6))
    params, before = dict(model.named_parameters()), state_of(model)
    phi = adapt(model, params, x, y, F.cross_entropy, lr=0.3, steps=2, first_order=True)
    assert same(before, state_of(model))
    own = dict(made(name).named_parameters())
    torch.testing.assert_close(params, own)
    for _ in range(2):
        twin = made(name)
        with torch.no_grad():
            for n, p in twin.named_parameters():
                p.copy_(own[n])
        loss = F.cross_entropy(twin(x.clone()), y)
        if loss.requires_grad:
            loss.backward()
        own = {
            n: own[n] if p.grad is None else own[n] - 0.3 * p.grad
            for n, p in twin.named_parameters()
        }
    if name in ("embedding with max_norm", "writes into its weights"):
        return  # the copy's own weights were written into, those of the network are not
    torch.testing.assert_close(phi, own, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ZOO)
def test_reptile_moves_to_the_mean_of_what_adapt_gives(name):
    """And leaves all else, frozen weights and modes included, as it was."""
    model, twin, shape = made(name), made(name), ZOO[name][1]
    episodes, before = tasks_of(shape, 3, 6), state_of(model)
    reptile_step(model, episodes, F.cross_entropy, lr=0.3, steps=2, step_size=0.4)
    params = dict(twin.named_parameters())
    ends = [
        adapt(twin, params, x, y, F.cross_entropy, lr=0.3, steps=2, first_order=True)
        for x, y in zip(episodes.x_support, episodes.y_support, strict=True)
    ]
    for n, p in model.named_parameters():
        mean = torch.stack([phi[n] for phi in ends]).mean(0)
        torch.testing.assert_close(p, params[n] + 0.4 * (mean - params[n]), rtol=0, atol=1e-9)
    after = state_of(model)
    for key in before.keys() - {"parameters"}:
        assert same(before[key], after[key]), key


MORE = {
    "frozen by name": {"frozen": ("0",)},
    "a rate for each weight": {"lr": lambda p: 0.1 * torch.rand(p.shape, dtype=p.dtype)},
    "a learned rate": {"lr": lambda p: torch.tensor(-0.1, dtype=p.dtype, requires_grad=True)},
}


@pytest.mark.parametrize("option", MORE)
@pytest.mark.parametrize(
    "name",
    [
        "one activation twice",
        "tied weights",
        "forward hooks",
        "frozen by requires_grad",
        "in-place activation first",
        "max-pooling",
    ],
)
def test_frozen_names_and_rates_for_each_weight(name, option):
    model, twin, shape = made(name), made(name), ZOO[name][1]
    inner = {"lr": 0.3, "steps": 2} | MORE[option]
    if callable(inner["lr"]):
        torch.manual_seed(3)
        inner["lr"] = {n: inner["lr"](p) for n, p in model.named_parameters()}
    if "frozen" in inner:
        inner["frozen"] = (next(iter(dict(model.named_parameters()))),)
    episodes = tasks_of(shape, 6, 6)
    loss = maml_loss(model, episodes, F.cross_entropy, **inner)
    right = by_adapt(twin, episodes, **inner).flatten(0, 1)
    right = F.cross_entropy(right, episodes.y_query.flatten())
    torch.testing.assert_close(loss, right, rtol=0, atol=1e-9)
    torch.testing.assert_close(gradients(loss, model), gradients(right, twin), rtol=0, atol=1e-8)


# --- what draws random numbers, and losses of one's own ------------------------------------------


def in_turn(model, episodes, loss_fn, **inner):
    """Each task adapted, asked and judged before the next."""
    params, losses = dict(model.named_parameters()), []
    for x, y, x_query, y_query in zip(*episodes, strict=True):
        phi = adapt(model, params, x, y, loss_fn, **inner)
        losses.append(loss_fn(call(model, phi, x_query), y_query.clone()))
    return torch.stack(losses).mean()


def noisy(prediction, y):
    return F.cross_entropy(prediction + torch.randn(prediction.shape, dtype=prediction.dtype), y)


def with_branches(prediction, y):
    loss = F.cross_entropy(prediction, y)
    return loss if loss.item() > 1 else 2 * loss


def smooth(prediction, y):
    return F.cross_entropy(prediction, y, label_smoothing=0.1)


def without_the_first(prediction, y):
    return F.cross_entropy(prediction, torch.where(y == 0, -100, y))


def into_its_targets(prediction, y):
    return F.cross_entropy(prediction, y.clamp_(max=1).clone())


RANDOM = {
    "a loss that overwrites the targets": (lambda: nn.Linear(4, WAY), into_its_targets),
    "dropout": (
        lambda: nn.Sequential(nn.Linear(4, 9), nn.Dropout(0.5), nn.Linear(9, WAY)),
        F.cross_entropy,
    ),
    "RReLU": (
        lambda: nn.Sequential(nn.Linear(4, 9), nn.RReLU(), nn.Linear(9, WAY)),
        F.cross_entropy,
    ),
    "noise in the loss": (lambda: nn.Linear(4, WAY), noisy),
    "a loss that branches": (lambda: nn.Linear(4, WAY), with_branches),
    "smoothed labels": (lambda: nn.Linear(4, WAY), smooth),
    "ignored labels": (lambda: nn.Linear(4, WAY), without_the_first),
    "a module": (lambda: nn.Linear(4, WAY), nn.CrossEntropyLoss(weight=torch.ones(WAY).double())),
}


OF_THE_TEST = torch.Generator()


def noisy_by_a_global(prediction, y):
    return F.cross_entropy(prediction + torch.randn(prediction.shape, generator=OF_THE_TEST), y)


def noisy_with(generator, prediction, y):
    return F.cross_entropy(prediction + torch.randn(prediction.shape, generator=generator), y)


class NoisyLoss(nn.Module):
    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def forward(self, prediction, y):
        return noisy_with(self.generator, prediction, y)


def with_numpy(generator):
    draws = np.random.default_rng(generator.initial_seed())
    return lambda p, y: F.cross_entropy(p + torch.from_numpy(draws.normal(size=p.shape)), y)


WITH_GENERATOR = {
    "in a closure": lambda g: lambda p, y: noisy_with(g, p, y),
    "in a closure's closure": lambda g: (lambda inner: lambda p, y: inner(p, y))(
        lambda p, y: noisy_with(g, p, y)
    ),
    "as a default": lambda g: lambda p, y, g=g: noisy_with(g, p, y),
    "in a partial": lambda g: partial(noisy_with, g),
    "in an object": NoisyLoss,
    "in a method": lambda g: NoisyLoss(g).forward,
    "as a global": lambda g: OF_THE_TEST.set_state(g.get_state()) and noisy_by_a_global,
    "of NumPy": with_numpy,
}


@pytest.mark.parametrize("name", WITH_GENERATOR)
def test_a_loss_with_its_own_generator_is_asked_task_by_task(name):
    """In the order of a loop over the tasks."""
    torch.manual_seed(0)
    model, episodes = nn.Linear(4, WAY).double(), tasks_of((4,), 4, 6)
    found, right = (
        way(model, episodes, WITH_GENERATOR[name](torch.Generator().manual_seed(3)), **OPTIONS[o])
        for way, o in ((maml_loss, "second order"), (in_turn, "second order"))
    )
    torch.testing.assert_close(found, right, rtol=0, atol=1e-9)


# --- what a network keeps outside of its weights and buffers -------------------------------------


class Keeper(nn.Module):
    """A linear layer that writes into what it keeps, in whatever kind of container."""

    def __init__(self, keep):
        super().__init__()
        self.layer, self.keep = nn.Linear(4, WAY), keep
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        WRITERS[type(self.keep)](self.keep, x)
        return self.layer(x)


def into_dict(kept, x):
    kept["n"] = kept.get("n", 0) + 1
    kept.setdefault("last", []).append(x)


WRITERS = {
    list: lambda kept, x: kept.append(x),
    dict: into_dict,
    set: lambda kept, x: kept.add(x.sum().item()),
    deque: lambda kept, x: kept.appendleft(x),
    np.ndarray: lambda kept, x: kept.__iadd__(1),
    tuple: lambda kept, x: kept[0].append(x),
}
KEPT = {
    "list": lambda: ["a"],
    "dict": lambda: {"n": 3, "last": ["a"]},
    "set": lambda: {1.0},
    "deque": lambda: deque(["a"], maxlen=2),
    "array": lambda: np.zeros(3),
    "a list in a tuple": lambda: (["a"],),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_a_network_keeps_in_python_is_put_back(name):
    torch.manual_seed(0)
    model, episodes = Keeper(KEPT[name]()).double(), tasks_of((4,), 2, 6)
    kept = model.keep
    found = maml_loss(model, episodes, F.cross_entropy, lr=0.3, steps=2)
    right = maml_loss(model.layer, episodes, F.cross_entropy, lr=0.3, steps=2)
    torch.testing.assert_close(found, right, rtol=0, atol=1e-9)
    assert model.keep is kept
    assert str(kept) == str(KEPT[name]())
    assert model.calls == 0


class Writer(nn.Module):
    """Adds 1 to a tensor that it holds somewhere."""

    def __init__(self, hold):
        super().__init__()
        self.layer, self.hold = nn.Linear(4, WAY), hold(torch.zeros(1))

    def forward(self, x):
        self.tensor().add_(1)
        return self.layer(x)

    def tensor(self):
        hold = self.hold
        while not isinstance(hold, torch.Tensor):
            hold = hold["t"] if isinstance(hold, dict) else hold[0]
        return hold


@pytest.mark.parametrize(
    "hold", [lambda t: t, lambda t: [t], lambda t: (t,), lambda t: {"t": [t]}, lambda t: deque([t])]
)
def test_a_tensor_that_is_written_to_is_refused_and_stays(hold):
    model, episodes = Writer(hold), tasks_of((4,), 2, 6)
    tensor = model.tensor()
    with pytest.raises(ValueError, match="model changes its own hold.* while it computes"):
        maml_loss(model.double(), episodes, F.cross_entropy, lr=0.3, steps=2)
    assert model.tensor() is tensor
    assert tensor.item() == 0


class Alias(nn.Module):
    """A linear layer whose weight is read somewhere else than where it is registered."""

    def __init__(self, keep, read):
        super().__init__()
        self.layer = nn.Linear(4, WAY)
        self.double()
        self.alias, self.read = keep(self.layer.weight), read

    def forward(self, x):
        return x @ self.read(self.alias).T + self.layer.bias


def hidden(weight):
    layer = nn.Linear(4, WAY)
    layer.weight = weight
    return [layer]


ALIASES = {
    "in a list": (lambda w: [w], lambda kept: kept[0]),
    "in a dict of lists": (lambda w: {"w": [w]}, lambda kept: kept["w"][0]),
    "its transpose": (lambda w: w.T, lambda kept: kept.T),
    "its rows": (lambda w: list(w.unbind()), torch.stack),
    "a part of it": (
        lambda w: {"l": w[:, :1], "r": w[:, 1:]},
        lambda k: torch.cat([*k.values()], 1),
    ),
    "a layer in a list": (hidden, lambda kept: kept[0].weight),
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ALIASES)
def test_a_second_name_of_a_weight_is_adapted_with_it(name, options):
    """Loss and gradients are those of the plain layer, and the alias is as it was."""
    torch.manual_seed(0)
    model, episodes = Alias(*ALIASES[name]), tasks_of((4,), 2, 6)
    alias, content = model.alias, model.read(model.alias).clone()
    found = maml_loss(model, episodes, F.cross_entropy, **OPTIONS[options])
    right = maml_loss(model.layer, episodes, F.cross_entropy, **OPTIONS[options])
    torch.testing.assert_close(found, right, rtol=0, atol=1e-9)
    slopes = (torch.autograd.grad(loss, model.layer.parameters()) for loss in (found, right))
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-9)
    assert model.alias is alias
    assert model.read(alias).equal(content)


def test_a_detached_second_name_moves_with_the_weight_as_a_constant():
    """As in a descent in place: the output uses the new weights, the gradient passes them by."""
    torch.manual_seed(0)
    model = Alias(lambda w: w.data, lambda kept: kept)
    model.layer.weight.requires_grad_()
    x, y = torch.randn(6, 4).double(), torch.arange(6) % WAY
    new = {name: p + 1 for name, p in model.named_parameters()}
    phi = adapt(model, new, x, y, F.cross_entropy, lr=0.3, steps=1)
    in_place = copy.deepcopy(model)
    with torch.no_grad():
        for p in in_place.parameters():
            p += 1
    slope = torch.autograd.grad(F.cross_entropy(in_place(x), y), in_place.layer.bias)[0]
    torch.testing.assert_close(phi["layer.bias"], in_place.layer.bias - 0.3 * slope)
    assert phi["layer.weight"].equal(new["layer.weight"])


def two_in_one_memory():
    model = nn.Sequential(nn.Linear(WAY, WAY), nn.Linear(WAY, WAY)).double()
    model[1].weight = nn.Parameter(model[0].weight.data)
    return model


UNREACHED = {
    "in a closure": lambda: Alias(lambda w: lambda: w, lambda kept: kept()),
    "in a tuple": lambda: Alias(lambda w: (w,), lambda kept: kept[0]),
    "two parameters in one memory": two_in_one_memory,
}


@pytest.mark.parametrize("name", UNREACHED)
def test_a_second_name_that_cannot_follow_is_refused(name):
    model = UNREACHED[name]()
    width = next(model.parameters()).shape[1]
    told = r"model must not keep alias.*memory with layer.weight|0.weight and 1.weight are two"
    with pytest.raises(ValueError, match=told):
        maml_loss(model, tasks_of((width,), 2, 6), F.cross_entropy, lr=0.3, steps=1)


def test_parts_of_one_flat_memory_are_weights_of_their_own():
    """As a recurrent layer keeps them on a GPU."""
    torch.manual_seed(0)
    model, episodes = nn.Linear(4, WAY).double(), tasks_of((4,), 2, 6)
    right = maml_loss(model, episodes, F.cross_entropy, lr=0.3, steps=1)
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    model.weight = nn.Parameter(flat[: 4 * WAY].view(WAY, 4))
    model.bias = nn.Parameter(flat[4 * WAY :])
    in_turn_too = nn.Sequential(model, nn.Unflatten(1, (WAY, 1)), nn.Flatten())
    for one in (model, in_turn_too):
        found = maml_loss(one, episodes, F.cross_entropy, lr=0.3, steps=1)
        torch.testing.assert_close(found, right, rtol=0, atol=1e-9)


def test_a_batch_norm_that_no_longer_tracks_is_one_without_statistics():
    """In training mode it uses those of its batch, and leaves the ones it has."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, WAY))
    model.double()
    twin = copy.deepcopy(model)
    twin[1] = nn.BatchNorm2d(4, track_running_stats=False).double()
    model[1].track_running_stats = False
    before, episodes = state_of(model), tasks_of((1, 8, 8), 3, 6)
    found, right = (
        maml_loss(one, episodes, F.cross_entropy, lr=0.3, steps=2) for one in (model, twin)
    )
    torch.testing.assert_close(found, right, rtol=0, atol=1e-9)
    assert same(before, state_of(model))


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize("name", RANDOM)
def test_random_layers_and_own_losses_after_the_same_seed(name, steps):
    """The same draws in the same order, so the same numbers; and the generator ends the same."""
    make, loss_fn = RANDOM[name]
    torch.manual_seed(0)
    model, episodes = make().double(), tasks_of((4,), 6, 6)
    found = []
    for way in (maml_loss, in_turn):
        torch.manual_seed(5)
        loss = way(model, episodes, loss_fn, lr=0.3, steps=steps)
        found.append((loss, *gradients(loss, model), torch.get_rng_state()))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-9)


def test_the_targets_are_never_written_to():
    model, tasks = nn.Linear(4, WAY).double(), tasks_of((4,), 3, 6)
    before = [part.clone() for part in tasks]
    maml_loss(model, tasks, into_its_targets, lr=0.1, steps=1)
    maml_loss(nn.Sequential(model, nn.Softmax(1)), tasks, into_its_targets, lr=0.1, steps=1)
    assert all(map(torch.equal, before, tasks))


@pytest.mark.parametrize("name", ["mlp", "residual", "conv encoder", "LSTM"])
def test_in_inference_mode_the_numbers_are_those_without_gradients(name):
    model, shape = made(name), ZOO[name][1]
    with torch.inference_mode():
        tasks = tasks_of(shape, 3, 6)
        found = adapted_predictions(model, tasks, F.cross_entropy, lr=0.3, steps=2)
    right = by_adapt(model, tasks_of(shape, 3, 6), lr=0.3, steps=2)
    torch.testing.assert_close(found, right.detach(), rtol=0, atol=1e-9)


def test_ignored_labels_are_those_of_cross_entropy():
    """-100 counts in no mean, side by side either."""
    torch.manual_seed(0)
    model, tasks = nn.Linear(4, WAY).double(), tasks_of((4,), 3, 6)
    hidden = tasks._replace(y_query=torch.where(tasks.y_query == 0, -100, tasks.y_query))
    found = maml_loss(model, hidden, F.cross_entropy, lr=0.1, steps=1)
    torch.testing.assert_close(found, in_turn(model, hidden, F.cross_entropy, lr=0.1, steps=1))


# --- what is refused -----------------------------------------------------------------------------


def counting():
    """A buffer that counts the calls, and decides with them what is computed."""

    def forward(m, x):
        m.calls.add_(1)
        return m.head(x) * m.calls

    model = Of(forward, head=nn.Linear(4, WAY))
    model.register_buffer("calls", torch.zeros(()))
    return model


def averaging():
    """A buffer that is replaced by a new tensor."""

    def forward(m, x):
        m.mean = 0.9 * m.mean + 0.1 * x.detach().mean(0)
        return m.head(x - m.mean)

    model = Of(forward, head=nn.Linear(4, WAY))
    model.register_buffer("mean", torch.zeros(4))
    return model


REFUSED = {
    "spectral norm in training": (
        lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(4, WAY))),
        r"model changes its own 0.parametrizations.weight.0._u while .*model.eval\(\)",
    ),
    "batch norm in training": (
        lambda: nn.Sequential(nn.Linear(4, WAY), nn.BatchNorm1d(WAY)),
        "model: 1 keeps running statistics",
    ),
    "a counter": (counting, "model changes its own calls"),
    "an average": (averaging, "model changes its own mean"),
    "no values yet": (lambda: nn.LazyLinear(WAY), "model: weight has no values yet"),
    "another number of inputs": (lambda: nn.Linear(5, WAY), r"model cannot compute an x of shape"),
    "checkpointed": (
        lambda: Of(
            lambda m, x: m.b(checkpoint(m.a, x, use_reentrant=False)),
            a=nn.Linear(4, 4),
            b=nn.Linear(4, WAY),
        ),
        "model cannot compute .* gradient checkpointing",
    ),
    "checkpointed in the older way": (
        lambda: Of(
            lambda m, x: m.b(checkpoint(m.a, x.requires_grad_(), use_reentrant=True)),
            a=nn.Linear(4, 4),
            b=nn.Linear(4, WAY),
        ),
        "model cannot be differentiated with respect to its weights: gradient checkpointing",
    ),
    "no second derivative": (
        lambda: Of(
            lambda m, x: torch.cdist(m.layer(x), m.centres),
            layer=nn.Linear(4, 4),
            centres=nn.Parameter(torch.randn(WAY, 4)),
        ),
        "model or loss_fn computes something whose second .*first_order=True",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named_and_left_as_it_was(name):
    make, told = REFUSED[name]
    torch.manual_seed(0)
    model = make().double()
    lazy = name == "no values yet"
    before = None if lazy else state_of(model)
    episodes = tasks_of((4,), 2, 6)
    x, y, _, _ = (part[0] for part in episodes)
    params = dict(model.named_parameters())
    with pytest.raises(ValueError, match=told):
        maml_loss(model, episodes, F.cross_entropy, lr=0.1, steps=1)
    with pytest.raises(ValueError, match=told):
        adapt(model, params, x, y, F.cross_entropy, lr=0.1, steps=1)
    assert lazy or same(before, state_of(model))


def to_corners(prediction, y):
    """A loss by distances, whose kernel is differentiable once."""
    return F.cross_entropy(-torch.cdist(prediction, torch.eye(WAY).double()), y)


@pytest.mark.parametrize(
    "make", [lambda: nn.Linear(4, WAY), lambda: nn.Sequential(nn.Linear(4, WAY), nn.Softplus())]
)
def test_a_loss_without_a_second_derivative_is_told(make):
    model, episodes = make().double(), tasks_of((4,), 2, 6)
    with pytest.raises(ValueError, match="model or loss_fn computes something .*first_order"):
        maml_loss(model, episodes, to_corners, lr=0.1, steps=1)
    maml_loss(model, episodes, to_corners, lr=0.1, steps=1, first_order=True).backward()
    with torch.no_grad():
        maml_loss(model, episodes, to_corners, lr=0.1, steps=1)


def test_scripts_and_cached_weights_are_refused():
    episodes = tasks_of((4,), 2, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.script(nn.Linear(4, WAY).double())
    with pytest.raises(TypeError, match="model must be written in Python"):
        maml_loss(script, episodes, F.cross_entropy, lr=0.1, steps=1)
    with parametrize.cached(), pytest.raises(ValueError, match="model must compute its weights"):
        maml_loss(made("weight norm"), episodes, F.cross_entropy, lr=0.1, steps=1)


def test_several_outputs_are_for_the_loss_to_judge():
    torch.manual_seed(0)
    plain, episodes = nn.Linear(4, WAY).double(), tasks_of((4,), 2, 6)
    pair = Of(lambda m, x: (m.layer(x), x), layer=plain)
    found = maml_loss(pair, episodes, lambda p, y: F.cross_entropy(p[0], y), lr=0.1, steps=2)
    right = maml_loss(plain, episodes, F.cross_entropy, lr=0.1, steps=2)
    torch.testing.assert_close(found, right)
    with pytest.raises(TypeError, match="model must return a tensor, got tuple"):
        adapted_predictions(pair, episodes, lambda p, y: F.cross_entropy(p[0], y), lr=0.1, steps=2)


def test_first_order_needs_no_second_derivative():
    make, _ = REFUSED["no second derivative"]
    model, episodes = make().double(), tasks_of((4,), 2, 6)
    maml_loss(model, episodes, F.cross_entropy, lr=0.1, steps=1, first_order=True).backward()


@pytest.mark.parametrize("kept", ["buffer", "attribute"])
def test_a_bias_that_is_no_parameter_counts(kept):
    """Side by side only what is a parameter is known: such a layer goes task by task."""
    layer = nn.Linear(2, 2)
    del layer.bias
    bias = torch.tensor([100.0, 0.0])
    if kept == "buffer":
        layer.register_buffer("bias", bias)
    else:
        layer.bias = bias
    x, y = torch.zeros(1, 4, 2), torch.zeros(1, 4).long()
    found = adapted_predictions(
        nn.Sequential(layer), Episode(x, y, x, y), F.cross_entropy, lr=0.1, steps=0
    )
    assert found[0, 0].tolist() == [100.0, 0.0]
