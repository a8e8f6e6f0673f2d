"""MAML and its relatives equal their definitions, their derivatives finite differences."""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Generator, nn
from torch.func import functional_call

from mlteach.episodes import Episode, sinusoid_episodes
from mlteach.losses import contrastive_loss, supervised_contrastive
from mlteach.meta import adapt, adapted_predictions, maml_loss, prototypical_loss, reptile_step
from mlteach.mistakes import meta, mistakes_in
from mlteach.networks import AverageAndMaxPool, conv_encoder, mlp

LR, STEPS = 0.3, 2
TASKS, WAY = 3, 3


def dense():
    """A network for points of the plane, its parts named encoder and head."""
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(encoder=nn.Sequential(nn.Linear(2, 5), nn.Tanh()), head=nn.Linear(5, WAY))
    ).double()


def convolutional():
    torch.manual_seed(0)
    encoder = conv_encoder(widths=(4, 4), out_features=6, norm="batch_no_stats")
    return nn.Sequential(OrderedDict(encoder=encoder, head=nn.Linear(6, WAY))).double()


def episodes(*shape, seed=0):
    """Three tasks of three classes: two support and three query examples of each."""
    generator = Generator().manual_seed(seed)
    y_support, y_query = (torch.arange(WAY).repeat(TASKS, n) for n in (2, 3))
    x_support, x_query = (
        torch.randn(TASKS, WAY * n, *shape, generator=generator).double() for n in (2, 3)
    )
    return Episode(x_support, y_support, x_query, y_query)


MODELS = {"dense": (dense, episodes(2)), "convolutional": (convolutional, episodes(1, 8, 8))}


def gradient(loss, model):
    """Value and gradients of a loss in the model's parameters."""
    params = list(model.parameters())
    return [loss.detach(), *torch.autograd.grad(loss, params, materialize_grads=True)]


def maml_by_hand(model, episodes, loss_fn, *, lr, steps, first_order=False, frozen=()):
    """Algorithm 1 of Finn et al. as loops."""
    losses = []
    for x_support, y_support, x_query, y_query in zip(*episodes, strict=True):
        params = dict(model.named_parameters())
        for _ in range(steps):
            loss = loss_fn(functional_call(model, params, (x_support,)), y_support)
            moving = [name for name in params if not name.startswith(frozen)]
            gradients = torch.autograd.grad(
                loss, [params[name] for name in moving], create_graph=not first_order
            )
            params |= {n: params[n] - lr * g for n, g in zip(moving, gradients, strict=True)}
        losses.append(loss_fn(functional_call(model, params, (x_query,)), y_query))
    return torch.stack(losses).mean()


def equal(ours, theirs, *, tolerance=1e-12):
    return all(
        a.shape == b.shape and (a - b).abs().max() <= tolerance
        for a, b in zip(ours, theirs, strict=True)
    )


CASES = [
    ("dense", {}),
    ("dense", {"first_order": True}),
    ("dense", {"frozen": ("encoder.",)}),
    ("dense", {"frozen": ("head.", "encoder.0.bias")}),
    ("dense", {"steps": 0}),
    ("dense", {"steps": 5, "lr": 0.05}),
    ("convolutional", {}),
    ("convolutional", {"first_order": True}),
    ("convolutional", {"frozen": ("encoder.",), "steps": 3}),
]


def problems(maml):
    """The cases in which value or gradient differ from the definition, or the model changes."""
    for name, changed in CASES:
        make, tasks = MODELS[name]
        model, untouched = make(), make()
        options = {"lr": LR, "steps": STEPS} | changed
        loss = maml(model, tasks, F.cross_entropy, **options)
        if not loss.requires_grad:
            yield "no gradient"
            return
        result = gradient(loss, model)
        if not equal(model.state_dict().values(), untouched.state_dict().values(), tolerance=0):
            yield "model changed"
        if not equal(
            result, gradient(maml_by_hand(untouched, tasks, F.cross_entropy, **options), untouched)
        ):
            yield f"{name} {changed}"


def test_maml_loss_equals_its_definition():
    """Every form equals loops over tasks and steps to 1e-12, and leaves the model as it was."""
    assert list(problems(maml_loss)) == []


@pytest.mark.parametrize("mistake", mistakes_in(maml_loss), ids=str)
def test_every_mistake_is_caught(mistake):
    assert any(problems(mistake))


def test_second_order_gradients_equal_finite_differences():
    """Central differences of the outer loss along ten random directions, to 1e-8 of float64.

    The step is small, because a ReLU that changes sides makes the inner gradient, and so the outer
    loss, jump.
    """
    for make, tasks in MODELS.values():
        model = make()
        generator = Generator().manual_seed(1)
        h = 1e-6
        start = nn.utils.parameters_to_vector(model.parameters()).detach()

        def loss_at(weights, model=model, tasks=tasks):
            nn.utils.vector_to_parameters(weights, model.parameters())
            return maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=STEPS)

        slopes = torch.autograd.grad(loss_at(start), list(model.parameters()))
        for _ in range(10):
            direction = F.normalize(
                torch.randn(start.shape, generator=generator, dtype=start.dtype), dim=0
            )
            difference = (loss_at(start + h * direction) - loss_at(start - h * direction)) / (2 * h)
            assert abs(difference - nn.utils.parameters_to_vector(slopes) @ direction) < 1e-8


def test_first_order_differs_from_second_order():
    """Else the test above would prove nothing; for a loss linear in the weights both agree."""
    make, tasks = MODELS["dense"]
    model = make()
    results = [
        gradient(
            maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=STEPS, first_order=order), model
        )
        for order in (False, True)
    ]
    assert results[0][0] == results[1][0]  # the same loss ...
    assert not equal(*results, tolerance=1e-3)  # ... and another gradient

    def linear_loss(output, y):
        return (output[:, 0] * y).mean()

    line = nn.Linear(2, 1).double()
    results = [
        gradient(maml_loss(line, tasks, linear_loss, lr=LR, steps=STEPS, first_order=order), line)
        for order in (False, True)
    ]
    assert equal(*results)


def test_one_step_on_a_parabola_by_hand():
    """Loss (w x - y)² / 2 at w = 2, x = 1, y = 0: w' = (1 - lr) w, outer gradient (1 - lr)² w.

    Without the second derivative it is (1 - lr) w.
    """
    line = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(line.weight, 2.0)
    x, y = torch.ones(1, 1, 1).double(), torch.zeros(1, 1, 1).double()
    task = Episode(x, y, x, y)

    def half_squared(output, y):
        return (output - y).square().mean() / 2

    adapted = adapt(line, dict(line.named_parameters()), x[0], y[0], half_squared, lr=0.25, steps=1)
    assert adapted["weight"].item() == pytest.approx(1.5)
    for first_order, expected in ((False, 0.75**2 * 2), (True, 0.75 * 2)):
        loss = maml_loss(line, task, half_squared, lr=0.25, steps=1, first_order=first_order)
        assert loss.item() == pytest.approx(1.5**2 / 2)
        assert torch.autograd.grad(loss, line.weight)[0].item() == pytest.approx(expected)


def test_anil_is_maml_of_the_head_on_the_encoder_s_features():
    """A frozen encoder is not adapted: loss and gradients are those of the head on its features."""
    torch.manual_seed(0)
    encoder = conv_encoder(widths=(4, 4), out_features=6, norm="group")  # looks at no other image
    model, tasks = (
        nn.Sequential(OrderedDict(encoder=encoder, head=nn.Linear(6, WAY))).double(),
        episodes(1, 8, 8),
    )
    options = {"loss_fn": F.cross_entropy, "lr": LR, "steps": 3}
    frozen = gradient(maml_loss(model, tasks, **options, frozen=("encoder.",)), model)
    encoded = [
        encoder(x.flatten(0, 1)).unflatten(0, (TASKS, -1)) for x in (tasks.x_support, tasks.x_query)
    ]
    features = tasks._replace(x_support=encoded[0], x_query=encoded[1])
    assert equal(frozen, gradient(maml_loss(model.head, features, **options), model))


@pytest.mark.parametrize("name", MODELS)
def test_adapt_is_the_inner_loop_of_maml_loss(name):
    """One task adapted alone gives the weights that maml_loss uses."""
    make, tasks = MODELS[name]
    model = make()
    params = dict(model.named_parameters())
    losses = []
    for x_support, y_support, x_query, y_query in zip(*tasks, strict=True):
        adapted = adapt(model, params, x_support, y_support, F.cross_entropy, lr=LR, steps=STEPS)
        losses.append(F.cross_entropy(functional_call(model, adapted, (x_query,)), y_query))
    ours = maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=STEPS)
    assert equal(gradient(ours, model), gradient(torch.stack(losses).mean(), model))


def test_adapt_changes_nothing_and_frozen_weights_are_the_same_tensors():
    make, tasks = MODELS["dense"]
    model = make()
    params = dict(model.named_parameters())
    before = {name: p.detach().clone() for name, p in params.items()}
    adapted = adapt(
        model,
        params,
        tasks.x_support[0],
        tasks.y_support[0],
        F.cross_entropy,
        lr=LR,
        steps=2,
        frozen=("encoder.",),
    )
    assert list(adapted) == list(params)
    for name, p in model.named_parameters():
        assert p.equal(before[name])
        assert p.grad is None
        assert params[name] is p
        assert (adapted[name] is p) == name.startswith("encoder.")
    assert not adapted["head.weight"].equal(before["head.weight"])
    nothing = adapt(
        model, params, tasks.x_support[0], tasks.y_support[0], F.cross_entropy, lr=LR, steps=0
    )
    assert nothing == params


def test_adapting_lowers_the_support_loss():
    make, tasks = MODELS["dense"]
    model = make()
    x, y = tasks.x_support[0], tasks.y_support[0]
    losses = []
    for steps in range(6):
        adapted = adapt(
            model, dict(model.named_parameters()), x, y, F.cross_entropy, lr=0.2, steps=steps
        )
        losses.append(F.cross_entropy(functional_call(model, adapted, (x,)), y).item())
    assert losses == sorted(losses, reverse=True)


def test_without_gradients_the_numbers_are_the_same():
    """Under no_grad the inner gradients are still taken, and nothing of them is kept."""
    make, tasks = MODELS["convolutional"]
    model = make()
    recorded = maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=STEPS)
    with torch.no_grad():
        plain = maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=STEPS)
    assert recorded.requires_grad
    assert not plain.requires_grad
    assert recorded.item() == pytest.approx(plain.item(), abs=1e-14)


def test_the_order_of_the_tasks_does_not_matter():
    make, tasks = MODELS["convolutional"]
    model = make()
    turned = Episode(*(part.flip(0) for part in tasks))
    losses = [maml_loss(model, e, F.cross_entropy, lr=LR, steps=STEPS) for e in (tasks, turned)]
    assert equal(*(gradient(loss, model) for loss in losses))


# --- learned inner learning rates ----------------------------------------------------------------


def test_rates_for_each_name_equal_one_rate():
    """Equal numbers, () tensors, or tensors of the weights' shapes are the same learning rate."""
    make, tasks = MODELS["dense"]
    model = make()
    expected = gradient(maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=STEPS), model)
    for rates in (
        {name: LR for name, _ in model.named_parameters()},
        {name: torch.tensor(LR, dtype=torch.double) for name, _ in model.named_parameters()},
        {name: torch.full_like(p, LR) for name, p in model.named_parameters()},
        torch.tensor(LR, dtype=torch.double),
    ):
        assert equal(
            expected,
            gradient(maml_loss(model, tasks, F.cross_entropy, lr=rates, steps=STEPS), model),
        )


@pytest.mark.parametrize("first_order", [False, True])
def test_the_gradient_of_the_rates_equals_finite_differences(first_order):
    """The outer loss learns the inner rates; for one step to first order exactly."""
    make, tasks = MODELS["dense"]
    model = make()
    rates = {name: torch.full_like(p, LR).requires_grad_() for name, p in model.named_parameters()}
    steps = 1 if first_order else STEPS

    def loss():
        return maml_loss(
            model, tasks, F.cross_entropy, lr=rates, steps=steps, first_order=first_order
        )

    gradients = torch.autograd.grad(loss(), list(rates.values()))
    for rate, g in zip(rates.values(), gradients, strict=True):
        values = []
        for h in (1e-5, -1e-5):
            with torch.no_grad():
                rate.view(-1)[0] += h
                values.append(loss().item())
                rate.view(-1)[0] -= h
        assert g.view(-1)[0].item() == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-8)


def test_rates_are_wanted_for_what_moves_only():
    make, tasks = MODELS["dense"]
    model = make()
    head = {"head.weight": LR, "head.bias": LR}
    ours = maml_loss(model, tasks, F.cross_entropy, lr=head, steps=1, frozen=("encoder.",))
    assert ours.item() == pytest.approx(
        maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=1, frozen=("encoder.",)).item()
    )
    with pytest.raises(ValueError, match="lr has no rate for encoder.0.weight, encoder.0.bias"):
        maml_loss(model, tasks, F.cross_entropy, lr=head, steps=1)


# --- Reptile -------------------------------------------------------------------------------------


def reptile_by_hand(model, episodes, loss_fn, *, lr, steps, step_size):
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    adapted, losses = [], []
    for x_support, y_support, x_query, y_query in zip(*episodes, strict=True):
        params = {name: p.clone().requires_grad_() for name, p in start.items()}
        for _ in range(steps):
            gradients = torch.autograd.grad(
                loss_fn(functional_call(model, params, (x_support,)), y_support),
                list(params.values()),
            )
            moved = [
                (p - lr * g).detach().requires_grad_()
                for p, g in zip(params.values(), gradients, strict=True)
            ]
            params = dict(zip(params, moved, strict=True))
        adapted.append(params)
        losses.append(loss_fn(functional_call(model, params, (x_query,)), y_query).detach())
    with torch.no_grad():
        for name, p in model.named_parameters():
            ways = torch.stack([task[name] - start[name] for task in adapted])
            p.copy_(start[name] + step_size * ways.mean(0))
    return torch.stack(losses).mean()


def reptile_problems(step):
    found = []
    for name, (make, tasks) in MODELS.items():
        ours, theirs = make(), make()
        options = {"lr": LR, "steps": 3, "step_size": 0.4}
        loss = step(ours, tasks, F.cross_entropy, **options)
        if abs(loss - reptile_by_hand(theirs, tasks, F.cross_entropy, **options)) > 1e-12:
            found.append(f"{name} loss")
        if not equal(ours.state_dict().values(), theirs.state_dict().values()):
            found.append(name)
    return found


def test_reptile_equals_its_definition():
    """The way to the mean of the adapted weights is gone by the share step_size."""
    assert reptile_problems(reptile_step) == []


@pytest.mark.parametrize("mistake", mistakes_in(reptile_step), ids=str)
def test_every_mistake_in_reptile_is_caught(mistake):
    assert reptile_problems(mistake) != []


def test_reptile_with_one_step_is_training_on_all_tasks():
    """One inner step moves by step_size * lr against the mean support loss's gradient."""
    make, tasks = MODELS["dense"]
    model = make()
    loss = F.cross_entropy(model(tasks.x_support.flatten(0, 1)), tasks.y_support.flatten())
    expected = [
        p - 0.5 * LR * g for p, g in zip(model.parameters(), gradient(loss, model)[1:], strict=True)
    ]
    reptile_step(model, tasks, F.cross_entropy, lr=LR, steps=1, step_size=0.5)
    assert equal(model.parameters(), expected)


def test_reptile_can_stay_where_it_is_or_go_all_the_way():
    make, tasks = MODELS["dense"]
    model, untouched = make(), make()
    reptile_step(model, tasks, F.cross_entropy, lr=LR, steps=2, step_size=0)
    assert equal(model.parameters(), untouched.parameters(), tolerance=0)
    one_task = Episode(*(part[:1] for part in tasks))
    params, (x, y, _, _) = dict(model.named_parameters()), (part[0] for part in one_task)
    expected = adapt(model, params, x, y, F.cross_entropy, lr=LR, steps=2)
    expected = {name: p.detach().clone() for name, p in expected.items()}
    reptile_step(model, one_task, F.cross_entropy, lr=LR, steps=2, step_size=1)
    assert equal(model.parameters(), expected.values())
    with pytest.raises(ValueError, match="step_size must be a number in \\[0, 1\\], got 2"):
        reptile_step(model, tasks, F.cross_entropy, lr=LR, steps=2, step_size=2)


# --- prototypes ----------------------------------------------------------------------------------


def prototypes_by_hand(encoder, episodes):
    losses = []
    for x_support, y_support, x_query, y_query in zip(*episodes, strict=True):
        z = encoder(torch.cat([x_support, x_query]))
        z_support, z_query = z[: len(x_support)], z[len(x_support) :]
        centres = [z_support[y_support == c].mean(0) for c in range(WAY)]
        for z_one, y_one in zip(z_query, y_query, strict=True):
            distances = torch.stack([(z_one - centre).square().sum() for centre in centres])
            weights = (-distances).exp()
            losses.append(-(weights[y_one] / weights.sum()).log())
    return torch.stack(losses).mean()


def prototype_problems(loss):
    model = dense()
    tasks = episodes(2)
    order = torch.tensor([4, 0, 3, 1, 5, 2])  # the support need not come class by class
    tasks = tasks._replace(x_support=tasks.x_support[:, order], y_support=tasks.y_support[:, order])
    right = gradient(prototypes_by_hand(model, tasks), model)
    return [] if equal(gradient(loss(model, tasks), model), right, tolerance=1e-10) else ["differs"]


def test_prototypical_loss_equals_its_definition():
    assert prototype_problems(prototypical_loss) == []


def assembled(prototypes=meta.prototypes, prototype_loss=meta.prototype_loss):
    """The loss of prototypical networks, made of its two parts task by task."""

    def loss(encoder, episodes):
        losses = []
        for x_support, y_support, x_query, y_query in zip(*episodes, strict=True):
            means = prototypes(encoder(x_support), y_support, WAY)
            losses.append(prototype_loss(means, encoder(x_query), y_query))
        return torch.stack(losses).mean()

    return loss


# an episode has as many images of each class, so that these show in exercises only
OF_UNEQUAL_CLASSES = {
    meta.prototypical.mean_of_class_means,
    meta.prototypical.equal_sizes_taken_for_granted,
    meta.prototypical.divided_by_the_largest_class,
    meta.prototypical.sorted_and_cut,
    meta.prototypical.halfway_to_each_image,
}
PROTOTYPE_MISTAKES = {
    **{str(wrong): wrong for wrong in mistakes_in(prototypical_loss)},
    **{
        str(wrong): assembled(prototypes=wrong)
        for wrong in mistakes_in(meta.prototypes)
        if wrong.function not in OF_UNEQUAL_CLASSES
    },
    **{
        str(wrong): assembled(prototype_loss=wrong)
        for wrong in mistakes_in(meta.prototype_loss)
        if wrong.function not in OF_UNEQUAL_CLASSES
    },
}


@pytest.mark.parametrize("name", PROTOTYPE_MISTAKES)
def test_every_mistake_with_prototypes_is_caught(name):
    assert prototype_problems(assembled()) == []
    assert prototype_problems(PROTOTYPE_MISTAKES[name]) != []


def test_prototypes_that_coincide_leave_a_guess():
    """An encoder that answers the same to everything has a loss of log n_way."""
    tasks = episodes(2)
    blind = nn.Linear(2, 4).double()
    nn.init.zeros_(blind.weight)
    assert prototypical_loss(blind, tasks).item() == pytest.approx(
        torch.tensor(WAY).double().log().item()
    )


def test_prototypes_see_distances_only():
    """Turning and moving the space changes nothing."""
    tasks = episodes(2)
    turn = torch.linalg.qr(torch.randn(2, 2, generator=Generator().manual_seed(0)).double()).Q
    plain, turned = nn.Linear(2, 2).double(), nn.Linear(2, 2).double()
    with torch.no_grad():
        turned.weight.copy_(turn @ plain.weight)
        turned.bias.copy_(turn @ plain.bias + 3)
    assert prototypical_loss(plain, tasks).item() == pytest.approx(
        prototypical_loss(turned, tasks).item()
    )


def test_a_class_without_support_is_told():
    tasks = episodes(2)
    with pytest.raises(ValueError, match="a class has no support"):
        prototypical_loss(dense(), tasks._replace(y_support=tasks.y_support.clamp(max=1)))


# --- side by side --------------------------------------------------------------------------------


def sharing(model):
    """The last layer has the weight of the second."""
    model[3].weight = model[1].weight
    return model


LAYERS = {
    "max-pool": lambda: nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.BatchNorm2d(3, track_running_stats=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(48, WAY),
    ),
    "dilated, no bias": lambda: nn.Sequential(
        nn.Conv2d(1, 3, 3, dilation=2, bias=False),
        AverageAndMaxPool(),
        nn.Linear(6, WAY, bias=False),
    ),
    "ends in images": lambda: nn.Sequential(
        nn.Conv2d(1, WAY, 3, padding="same"), nn.ELU(), nn.Conv2d(WAY, WAY, 8)
    ),
    "group norm": lambda: nn.Sequential(
        conv_encoder(widths=(4, 4), out_features=6, norm="group"), nn.Linear(6, WAY)
    ),
    "mlp": lambda: mlp(64, 6, WAY),
    "shared weights": lambda: sharing(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64))
    ),
}


class Own(nn.Module):
    """A network whose forward is not a chain of layers."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x) + 0 * x.mean()


@pytest.mark.parametrize("name", LAYERS)
def test_tasks_side_by_side_equal_one_after_the_other(name):
    """Layers by hand, layers through vmap and single tasks give the same loss and gradients."""
    torch.manual_seed(0)
    model, tasks = LAYERS[name]().double(), episodes(1, 8, 8)

    def loss_fn(output, y):
        return F.cross_entropy(output.flatten(1), y)

    options = {"loss_fn": loss_fn, "lr": LR, "steps": STEPS}
    right = gradient(maml_by_hand(model, tasks, **options), model)
    assert equal(gradient(maml_loss(model, tasks, **options), model), right)
    assert equal(gradient(maml_loss(Own(model), tasks, **options), model), right)


def test_running_statistics_are_refused_in_training_and_read_in_evaluation():
    model = nn.Sequential(conv_encoder(widths=(4,), out_features=WAY)).double()
    tasks = episodes(1, 8, 8)
    with pytest.raises(ValueError, match="0.0.1 keeps running statistics.*batch_no_stats"):
        maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=1)
    with pytest.raises(ValueError, match="running statistics"):
        adapt(
            model,
            dict(model.named_parameters()),
            tasks[0][0],
            tasks[1][0],
            F.cross_entropy,
            lr=1,
            steps=1,
        )
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    right = gradient(maml_by_hand(model, tasks, F.cross_entropy, lr=LR, steps=1), model)
    assert equal(gradient(maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=1), model), right)
    assert equal(model.state_dict().values(), before.values(), tolerance=0)


@pytest.mark.parametrize(
    ("changed", "error", "told"),
    [
        ({"steps": -1}, ValueError, "steps must be a whole number >= 0, got -1"),
        ({"steps": 1.0}, TypeError, "steps must be a whole number, got float: 1.0"),
        ({"frozen": "encoder."}, TypeError, "frozen must be a tuple"),
        (
            {"frozen": ("body.",)},
            ValueError,
            "'body.' begins no parameter's name; they are encoder.0.weight",
        ),
        ({"lr": "fast"}, TypeError, "lr must be a number, a tensor, or a dict of tensors, got str"),
    ],
)
def test_what_makes_no_sense_is_told(changed, error, told):
    model, tasks = dense(), episodes(2)
    options = {"lr": LR, "steps": 1} | changed
    with pytest.raises(error, match=told):
        maml_loss(model, tasks, F.cross_entropy, **options)


def spoiled(value):
    model = dense()
    rates = {name: torch.full_like(p, 0.1) for name, p in model.named_parameters()}
    rates["head.weight"].view(-1)[3] = value
    return rates


BAD_RATES = {
    "negative": (-0.1, ValueError),
    "NaN": (float("nan"), ValueError),
    "infinite": (float("inf"), ValueError),
    "bool": (True, TypeError),
    "complex": (1j, TypeError),
    "NaN in a tensor": (torch.tensor(float("nan")), ValueError),
    "negative in a tensor": (torch.tensor(-0.1), ValueError),
    "bool in a tensor": (torch.tensor(True), TypeError),
    "a vector": (torch.full((3,), 0.1), ValueError),
    "NaN in a dict": (spoiled(float("nan")), ValueError),
    "negative in a dict": (spoiled(-0.1), ValueError),
    "infinite in a dict": (spoiled(float("inf")), ValueError),
    "text in a dict": (spoiled(0.1) | {"head.bias": "0.1"}, TypeError),
    "an unknown name": (spoiled(0.1) | {"head.wieght": 0.1}, ValueError),
    "another shape": (spoiled(0.1) | {"head.bias": torch.ones(7)}, ValueError),
}


@pytest.mark.parametrize("name", BAD_RATES)
def test_rates_that_are_none_are_refused(name):
    rate, error = BAD_RATES[name]
    model, tasks = dense(), episodes(2)
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(error, match="^lr"):
        maml_loss(model, tasks, F.cross_entropy, lr=rate, steps=1)
    with pytest.raises(error, match="^lr"):
        reptile_step(model, tasks, F.cross_entropy, lr=rate, steps=1, step_size=0.5)
    assert equal(before, model.parameters(), tolerance=0)


def test_numbers_of_every_kind_are_rates():
    model, tasks = dense(), episodes(2)
    right = maml_loss(model, tasks, F.cross_entropy, lr=0.25, steps=2)
    for rate in (
        Fraction(1, 4),
        np.float32(0.25),
        np.array(0.25),
        torch.tensor(0.25),
        torch.tensor(0.25, dtype=torch.float16),
        {n: np.full(p.shape, 0.25) for n, p in model.named_parameters()},
    ):
        found = maml_loss(model, tasks, F.cross_entropy, lr=rate, steps=np.int64(2))
        assert found.item() == pytest.approx(right.item(), abs=1e-12)
        assert found.dtype == torch.float64


@pytest.mark.parametrize(
    ("loss_fn", "told"),
    [
        (lambda p, y: F.cross_entropy(p, y, reduction="none"), "loss_fn must return one number"),
        (lambda p, y: F.cross_entropy(p, y).item(), "loss_fn must return a tensor"),
        (lambda p, y: F.cross_entropy(p.detach(), y), "loss_fn must give a loss that depends"),
        (lambda p, y: (p.argmax(1) == y).sum(), "loss_fn must return a floating-point number"),
        (lambda p, y: None, "loss_fn must return a tensor of shape .* got NoneType"),
        (lambda p: p.mean(), "loss_fn must be a function of .prediction, y."),
        (nn.CrossEntropyLoss, "loss_fn must be a function of .* the class CrossEntropyLoss"),
        (nn.CrossEntropyLoss(reduction="none"), "loss_fn must return one number"),
        (lambda p, y: F.cross_entropy(p, y[:2]), "loss_fn cannot compare"),
        ("cross_entropy", "loss_fn must be a function of .* got str"),
    ],
)
def test_losses_that_are_none_are_refused(loss_fn, told):
    model, tasks = dense(), episodes(2)
    params, (x, y, _, _) = dict(model.named_parameters()), (part[0] for part in tasks)
    with pytest.raises((TypeError, ValueError), match=told):
        maml_loss(model, tasks, loss_fn, lr=0.1, steps=1)
    with pytest.raises((TypeError, ValueError), match=told):
        adapt(model, params, x, y, loss_fn, lr=0.1, steps=1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: {"head.wieght": p["head.weight"]}, "params: 'head.wieght' is no parameter"),
        (lambda p: p | {"head.weight": p["head.bias"]}, "params.'head.weight'. must be floating-"),
        (lambda p: p | {"head.weight": p["head.weight"].long()}, "params.'head.weight'. must be"),
        (lambda p: p | {"head.weight": [1.0]}, "params.'head.weight'. must be a tensor, got list"),
        (lambda p: list(p.values()), "params must be a dict of tensors, got list"),
        (lambda p: {}, "params must hold the weights"),
    ],
)
def test_params_that_are_none_of_the_model_are_refused(change, told):
    model, tasks = dense(), episodes(2)
    params, (x, y, _, _) = dict(model.named_parameters()), (part[0] for part in tasks)
    with pytest.raises((TypeError, ValueError), match=told):
        adapt(model, change(params), x, y, F.cross_entropy, lr=0.1, steps=1)


def test_some_of_the_parameters_are_adapted_alone():
    """What params leaves out is the model's own, and stays."""
    model, tasks = dense(), episodes(2)
    head = {n: p for n, p in model.named_parameters() if n.startswith("head.")}
    x, y, _, _ = (part[0] for part in tasks)
    found = adapt(model, head, x, y, F.cross_entropy, lr=0.1, steps=2)
    right = adapt(
        model,
        dict(model.named_parameters()),
        x,
        y,
        F.cross_entropy,
        lr=0.1,
        steps=2,
        frozen=("encoder.",),
    )
    assert found.keys() == head.keys()
    assert equal(found.values(), [right[n] for n in head])


def test_plain_tensors_are_adapted_and_frozen_parameters_are_not():
    """An nn.Parameter without a gradient says that it is frozen; a detached tensor does not."""
    model, tasks = dense(), episodes(2)
    model.encoder.requires_grad_(False)
    x, y, _, _ = (part[0] for part in tasks)
    params = dict(model.named_parameters())
    found = adapt(model, params, x, y, F.cross_entropy, lr=0.3, steps=2)
    for name, p in params.items():
        assert (found[name] is p) == name.startswith("encoder.")
    plain = {name: p.detach() for name, p in params.items()}
    found = adapt(model, plain, x, y, F.cross_entropy, lr=0.3, steps=2)
    assert not any(found[name].equal(p) for name, p in plain.items())


@pytest.mark.parametrize("make", [dense, lambda: nn.Sequential(dense(), nn.Dropout(0))])
def test_reptile_with_too_large_a_rate_leaves_the_model_as_it_was(make):
    model, tasks = make(), episodes(2)
    before = [p.detach().clone() for p in model.parameters()]

    def steep(prediction, y):
        return prediction.square().square().mean()

    with pytest.raises(ValueError, match="lr leads to weights of .* that are not finite"):
        reptile_step(model, tasks, steep, lr=1e30, steps=9, step_size=0.5)
    assert equal(before, model.parameters(), tolerance=0)
    with pytest.raises(ValueError, match="steps must be a whole number >= 1, got 0"):
        reptile_step(model, tasks, F.cross_entropy, lr=0.1, steps=0, step_size=0.5)
    for step_size in (Fraction(1, 2), np.float32(0.5), torch.tensor(0.5)):
        reptile_step(model, tasks, F.cross_entropy, lr=0.1, steps=1, step_size=step_size)


@pytest.mark.parametrize("n", [1, 4])
def test_support_and_targets_of_different_lengths_are_refused(n):
    """One target would be compared with all predictions by broadcasting."""
    model = nn.Linear(2, 1)
    params, x = dict(model.named_parameters()), torch.ones(5, 2)
    with pytest.raises(ValueError, match=r"x and y must be \(N, ...\) and \(N, ...\)"):
        adapt(model, params, x, torch.ones(n, 1), F.mse_loss, lr=0.1, steps=1)
    xs, ys = x.expand(2, 5, 2), torch.ones(2, n, 1)
    with pytest.raises(ValueError, match="episodes must hold T tasks"):
        maml_loss(model, Episode(xs, ys, xs, ys), F.mse_loss, lr=0.1, steps=1)


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.int16])
def test_labels_of_any_integer_type(dtype):
    model, tasks = dense(), episodes(2)
    right = maml_loss(model, tasks, F.cross_entropy, lr=0.1, steps=1)
    cast = tasks._replace(y_support=tasks.y_support.to(dtype), y_query=tasks.y_query.to(dtype))
    assert maml_loss(model, cast, F.cross_entropy, lr=0.1, steps=1).equal(right)
    x, y, _, _ = (part[0] for part in cast)
    adapt(model, dict(model.named_parameters()), x, y, F.cross_entropy, lr=0.1, steps=1)


@pytest.mark.parametrize("make", [dense, lambda: nn.Sequential(dense(), nn.Dropout(0))])
def test_a_sweep_over_rates_by_vmap(make):
    """A loss is a function of the rate, also for torch.vmap."""
    model, tasks, rates = make(), episodes(2), torch.tensor([0.1, 0.3]).double()
    found = torch.vmap(lambda lr: maml_loss(model, tasks, F.cross_entropy, lr=lr, steps=1))(rates)
    right = [maml_loss(model, tasks, F.cross_entropy, lr=lr, steps=1) for lr in rates]
    torch.testing.assert_close(found, torch.stack(right))


@pytest.mark.parametrize("make", [dense, lambda: nn.Sequential(dense(), nn.Dropout(0))])
def test_the_package_s_losses_are_inner_losses_with_a_learned_temperature(make):
    """They look at values, which no vmap can; the temperature gets its outer gradient."""
    model, tasks = make(), episodes(2)
    temperature = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)

    def supervised(z, y):
        return supervised_contrastive(z, y, temperature=temperature)

    def of_pairs(z, y):
        return contrastive_loss(z[::2], z[1::2], y[::2] == y[1::2])

    for loss_fn in (supervised, of_pairs):
        tasks = tasks._replace(x_query=tasks.x_query[:, :6], y_query=tasks.y_query[:, :6])
        found = gradient(maml_loss(model, tasks, loss_fn, lr=0.1, steps=2), model)
        right = gradient(maml_by_hand(model, tasks, loss_fn, lr=0.1, steps=2), model)
        assert equal(found, right)
    loss = maml_loss(model, tasks, supervised, lr=0.1, steps=2)
    assert torch.autograd.grad(loss, temperature)[0].abs() > 1e-3


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["dense", "convolutional"])
def test_every_method_trains_under_autocast(name, half):
    """Near its value without, with a finite gradient in the weights' own type."""
    make, tasks = MODELS[name]
    model = make().float()
    tasks = Episode(*(p.float() if p.is_floating_point() else p for p in tasks))
    right = maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=1).item()
    with torch.autocast("cpu", dtype=half):
        loss = maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=1)
        adapted = reptile_step(make().float(), tasks, F.cross_entropy, lr=LR, steps=1, step_size=1)
    loss.backward()
    assert loss.item() == pytest.approx(right, rel=0.05)
    assert adapted.item() == pytest.approx(right, rel=0.05)
    assert all(p.grad.isfinite().all() and p.grad.dtype == p.dtype for p in model.parameters())


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_prototypical_loss_of_16_bits_is_computed_in_32(half):
    """Squares of representations of some hundreds have no place in float16."""
    tasks = episodes(2)._replace()
    tasks = Episode(*(p.float() if p.is_floating_point() else p for p in tasks))
    encoder = nn.Linear(2, 40)
    nn.init.normal_(encoder.weight, std=200, generator=Generator().manual_seed(0))
    right = prototypical_loss(encoder, tasks).item()
    with torch.autocast("cpu", dtype=half):
        loss = prototypical_loss(encoder, tasks)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(right, rel=0.02)
    assert encoder.weight.grad.isfinite().all()
    found = prototypical_loss(lambda x: encoder(x).to(half), tasks)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(right, rel=0.02)


def test_prototypical_loss_far_from_zero():
    """All representations moved by 100,000: float32 still holds the differences, in 64ths."""
    x, y, x_three, y_three = episodes(2)
    tasks = Episode(x_three.float(), y_three, x.float(), y)  # means of three are no 64ths

    def loss(offset):
        return prototypical_loss(lambda x: (64 * x).round() / 64 + offset, tasks).item()

    assert loss(100_000) == pytest.approx(loss(0), rel=1e-6)


def test_the_default_device_and_type_change_nothing():
    make, tasks = MODELS["convolutional"]
    model = make()
    right = [
        maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=1),
        maml_loss(Own(model), tasks, F.cross_entropy, lr=LR, steps=1),
        prototypical_loss(model, tasks),
    ]
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float64)
    try:
        found = [
            maml_loss(model, tasks, F.cross_entropy, lr=LR, steps=1),
            maml_loss(Own(model), tasks, F.cross_entropy, lr=LR, steps=1),
            prototypical_loss(model, tasks),
        ]
    finally:
        torch.set_default_device("cpu")
        torch.set_default_dtype(torch.float32)
    assert all(map(torch.equal, found, right))


@pytest.mark.parametrize("steps", [0, 2])
def test_predictions_are_those_of_every_task_s_own_weights(steps):
    """Task by task with `adapt`; for no steps the model's own."""
    model, tasks = dense(), episodes(2)
    found = adapted_predictions(model, tasks, F.cross_entropy, lr=LR, steps=steps)
    params = dict(model.named_parameters())
    for predicted, x, y, x_query in zip(
        found, tasks.x_support, tasks.y_support, tasks.x_query, strict=True
    ):
        weights = adapt(model, params, x, y, F.cross_entropy, lr=LR, steps=steps)
        torch.testing.assert_close(predicted, functional_call(model, weights, (x_query,)))
    assert torch.allclose(found, model(tasks.x_query)) == (steps == 0)
    assert found.requires_grad


# --- behaviour -----------------------------------------------------------------------------------


def meta_trained(loss, seed, steps=350):
    """A network for sinusoids after some outer steps of Adam."""
    torch.manual_seed(seed)
    model, generator = mlp(1, 40, 40, 1), Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model, sinusoid_episodes(25, n_shot=10, n_query=10, generator=generator)).backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_maml_learns_to_learn_sinusoids(seed):
    """After one step on ten points of a new wave, MAML's error is below half of pre-training's.

    Before the step both are no better than the mean of all waves.
    """
    options = {"loss_fn": F.mse_loss, "lr": 0.01}
    pretrained = meta_trained(lambda m, e: maml_loss(m, e, **options, steps=0), seed)
    maml = meta_trained(lambda m, e: maml_loss(m, e, **options, steps=1), seed)
    tasks = sinusoid_episodes(200, n_shot=10, n_query=50, generator=Generator().manual_seed(99))
    with torch.no_grad():
        before, after = (
            [maml_loss(m, tasks, **options, steps=n).item() for m in (maml, pretrained)]
            for n in (0, 1)
        )
    assert before[0] > 0.9 * before[1]
    assert after[0] < 0.5 * after[1]
