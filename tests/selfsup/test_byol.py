"""BYOL: the paper's algorithm step by step, its three switches, and the mistakes people make."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from support.selfsup_cases import SWITCHES, make_byol, parts, sequential, trained, views
from torch import nn

from mlteach.mistakes import mistakes_in
from mlteach.mistakes.selfsup import byol_step, outputs
from mlteach.selfsup import BYOL
from mlteach.training.moving_average import move_towards

STEPS, LR = 4, 0.3
DECAY = 0.7


def naive_byol(*, predictor=True, stop_gradient=True, target_average=True):
    """The paper's loss row by row and its moving average; loss and all weights after every step."""
    encoder, projector, head = parts()
    online = nn.Sequential(encoder, projector)
    target = copy.deepcopy(online) if target_average else online
    predict = head if predictor else nn.Identity()
    networks = [online, predict] + ([target] if target_average else [])
    trained_weights = [
        p for network in networks[: 2 if stop_gradient else 3] for p in network.parameters()
    ]
    record = []
    for step in range(STEPS):
        loss = 0
        for x, other in (views(step), views(step)[::-1]):
            p, t = predict(online(x)), target(other)
            t = t.detach() if stop_gradient else t
            for i in range(len(p)):
                loss = loss + (p[i] / p[i].norm() - t[i] / t[i].norm()).square().sum() / len(p)
        for weight, gradient in zip(
            trained_weights, torch.autograd.grad(loss, trained_weights), strict=True
        ):
            weight.data -= LR * gradient
        if target_average:
            for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
                slow.data = DECAY * slow.data + (1 - DECAY) * fast.data
        record.append(
            (
                loss.detach(),
                [p.detach().clone() for network in networks for p in network.parameters()],
            )
        )
    return record


def weights_of(method, state):
    """The saved values of online network, predictor and target, in this order."""
    order = ["encoder", "projector", "predictor", "target"]
    names = [
        name for part in order for name, _ in method.named_parameters() if name.startswith(part)
    ]
    return [state[name] for name in names]


def assert_byol(cls, **switches):
    """Loss and every weight after each of four steps; the loss itself moves nothing."""
    method = make_byol(cls, decay=DECAY, **switches)
    before = weights_of(method, copy.deepcopy(method.state_dict()))
    method.loss(*views())
    torch.testing.assert_close(weights_of(method, method.state_dict()), before, rtol=0, atol=0)
    for (loss, state), (naive_loss, weights) in zip(
        trained(method, STEPS, LR), naive_byol(**switches), strict=True
    ):
        assert loss.item() == pytest.approx(naive_loss.item(), rel=1e-9)
        torch.testing.assert_close(weights_of(method, state), weights)


@pytest.mark.parametrize(("predictor", "stop_gradient", "target_average"), SWITCHES)
def test_all_eight_are_their_definition(predictor, stop_gradient, target_average):
    assert_byol(
        BYOL, predictor=predictor, stop_gradient=stop_gradient, target_average=target_average
    )


@pytest.mark.parametrize("mistake", mistakes_in(BYOL), ids=str)
def test_a_mistake_in_byol_is_caught(mistake):
    with pytest.raises(AssertionError):
        assert_byol(mistake.function)


def test_the_parts_of_the_mistakes_are_right():
    """So that each mistake is caught for what is wrong in it."""

    class InParts(BYOL):
        def loss(self, x1, x2):
            return byol_step(*outputs(self, x1, x2)), {}

    assert_byol(InParts)


def assert_moves(move):
    """decay * itself + (1 - decay) * the online network, for every parameter."""
    for decay in (0.0, 0.25, 0.9, 1.0):
        target, online = (nn.Linear(2, 3) for _ in range(2))
        expected = [
            decay * t.detach() + (1 - decay) * o.detach()
            for t, o in zip(target.parameters(), online.parameters(), strict=True)
        ]
        move(target, online, decay=decay)
        torch.testing.assert_close([p.detach() for p in target.parameters()], expected)


def test_the_moving_average_and_its_mistakes():
    """The right one moves every weight by the formula, each mistake some weight otherwise."""
    assert_moves(move_towards)
    for mistake in mistakes_in(move_towards):
        with pytest.raises(AssertionError):
            assert_moves(mistake)


def assert_byol_step(step):
    """Each prediction against the other view's target: the value, and the gradient to all four."""
    generator = torch.Generator().manual_seed(0)
    p1, p2, t1, t2 = parts = [
        torch.randn(5, 3, generator=generator).double().requires_grad_() for _ in range(4)
    ]
    cosines = F.cosine_similarity(p1, t2.detach()) + F.cosine_similarity(p2, t1.detach())
    losses = step(*parts), (4 - 2 * cosines).mean()
    torch.testing.assert_close(*losses)
    options = {"allow_unused": True, "materialize_grads": True}
    torch.testing.assert_close(*(torch.autograd.grad(loss, parts, **options) for loss in losses))


def test_the_loss_of_predictions_and_targets_and_its_mistakes():
    """What the exercise asks for, and each way to get it wrong."""
    assert_byol_step(byol_step)
    for mistake in mistakes_in(byol_step):
        with pytest.raises(AssertionError):
            assert_byol_step(mistake)


# Stop-gradient and target


def test_the_target_gets_no_gradient():
    """Not one of its parameters, and not the input through it."""
    method = make_byol()
    x1, x2 = views()
    loss, _ = method.loss(x1, x2)
    loss.backward()
    assert all(p.grad is None for p in method.target.parameters())
    t = method._aim(x1.requires_grad_(), x1)
    assert not t.requires_grad


def test_simsiam_s_stop_gradient_is_a_zero_gradient():
    """With the online network as target, the gradient is that of a loss of given targets."""
    method = make_byol(target_average=False)
    x1, x2 = views()
    constants = [sequential(method)(x).detach() for x in (x1, x2)]
    p1, p2 = (method.predictor(sequential(method)(x)) for x in (x1, x2))
    expected = (
        4
        - 2 * (F.cosine_similarity(p1, constants[1]) + F.cosine_similarity(p2, constants[0])).mean()
    )
    parameters = list(method.parameters())
    loss, _ = method.loss(x1, x2)
    torch.testing.assert_close(
        torch.autograd.grad(loss, parameters), torch.autograd.grad(expected, parameters)
    )


def test_without_stop_gradient_the_gradient_is_that_of_the_value():
    """Finite differences see both sides move, and so does the gradient; the stop parts them."""
    x1, x2 = views()
    for stop_gradient in (False, True):
        method = make_byol(stop_gradient=stop_gradient, target_average=False)
        right = torch.autograd.gradcheck(
            lambda x, method=method: method.loss(x, x2)[0],
            x1.requires_grad_(),
            raise_exception=False,
        )
        assert right == (not stop_gradient)


@pytest.mark.parametrize("decay", [0.0, 0.25, 0.9, 1.0])
def test_the_target_moves_by_the_formula(decay):
    """decay * itself + (1 - decay) * the online network: 1 stays, 0 copies."""
    method = make_byol(decay=decay)
    _, aux = method.loss(*views())
    for p in sequential(method).parameters():
        p.data.normal_(generator=torch.Generator().manual_seed(1))
    before = [p.clone() for p in method.target.parameters()]
    method.after_step(aux)
    expected = [
        decay * t + (1 - decay) * o
        for t, o in zip(before, sequential(method).parameters(), strict=True)
    ]
    torch.testing.assert_close(list(method.target.parameters()), [p.detach() for p in expected])


@pytest.mark.parametrize(("predictor", "stop_gradient", "target_average"), SWITCHES)
def test_the_optimiser_gets_what_the_switches_say(predictor, stop_gradient, target_average):
    """Gradients train the target only as a network of its own without a stop-gradient."""
    method = make_byol(
        predictor=predictor, stop_gradient=stop_gradient, target_average=target_average
    )
    owners = {name.split(".")[0] for name, p in method.named_parameters() if p.requires_grad}
    expected = {"encoder", "projector"} | ({"predictor"} if predictor else set())
    assert owners == expected | ({"target"} if target_average and not stop_gradient else set())


def test_evaluation_leaves_gradients_off():
    """Under no_grad the loss of a method without stop-gradient needs no gradient either."""
    with torch.no_grad():
        assert not make_byol(stop_gradient=False).loss(*views())[0].requires_grad


@pytest.mark.parametrize(("predictor", "stop_gradient", "target_average"), SWITCHES)
def test_aux_shows_what_the_loss_compares(predictor, stop_gradient, target_average):
    """Predictions and targets on the sphere tell the loss; without the parts, projections do."""
    method = make_byol(
        predictor=predictor, stop_gradient=stop_gradient, target_average=target_average
    )
    loss, aux = method.loss(*views())
    cosines = (aux["p1"] * aux["t2"] + aux["p2"] * aux["t1"]).sum(1)
    assert loss.item() == pytest.approx((4 - 2 * cosines).mean().item())
    assert aux["p1"].equal(aux["z1"]) == (not predictor)
    assert (method.target is None) == (not target_average)
    trained(method, steps=1)
    _, aux = method.loss(*views(1))
    # two trained sides that are alike in everything stay alike
    same = not target_average or not (predictor or stop_gradient)
    assert torch.allclose(aux["t2"], aux["z2"]) == same
