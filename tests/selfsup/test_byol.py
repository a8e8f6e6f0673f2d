"""BYOL: the paper's algorithm step by step, its three switches, and the mistakes people make."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from support.selfsup_cases import SWITCHES, make_byol, parts, sequential, trained, views
from torch import nn

from mlteach.selfsup import BYOL

STEPS, LR, DECAY = 4, 0.3, 0.7


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
    """Values of the parameters of online network, predictor and target in a saved state, in this
    order.
    """
    order = ["encoder", "projector", "predictor", "target"]
    names = [
        name for part in order for name, _ in method.named_parameters() if name.startswith(part)
    ]
    return [state[name] for name in names]


def assert_byol(cls, **switches):
    """Loss and every weight after each of four steps; a prefix of the loss' contract besides: it
    moves nothing.
    """
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


class WrongBYOL(BYOL):
    """BYOL with one mistake."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if self.mistake == "gradient through the target":
            self.target.requires_grad_(True)
        if self.mistake == "decay and 1 - decay exchanged":
            self.decay = 1 - self.decay

    def loss(self, x1, x2):
        online, target, predictor = sequential(self), self.target, self.predictor
        if self.mistake == "target moves inside the loss":
            super().after_step({})
        if self.mistake == "no target network":
            target = online
        if self.mistake == "target in evaluation mode":
            target.eval()
        p1, p2, t1, t2 = predictor(online(x1)), predictor(online(x2)), target(x1), target(x2)
        if self.mistake == "predictor on both sides":
            t1, t2 = predictor(t1), predictor(t2)
        if self.mistake == "no predictor":
            p1, p2 = online(x1), online(x2)
        if self.mistake == "each view predicts itself":
            t1, t2 = t2, t1
        if self.mistake != "gradient through the target":
            t1, t2 = t1.detach(), t2.detach()
        if self.mistake == "one direction only":
            return 2 - 2 * F.cosine_similarity(p1, t2).mean(), {}
        if self.mistake == "no normalisation":
            return (p1 - t2).square().sum(1).mean() + (p2 - t1).square().sum(1).mean(), {}
        return 4 - 2 * F.cosine_similarity(p1, t2).mean() - 2 * F.cosine_similarity(
            p2, t1
        ).mean(), {}

    def after_step(self, aux):
        if self.mistake == "target never moves":
            return
        if self.mistake != "target moves inside the loss":
            super().after_step(aux)
        if self.mistake == "only the encoder is averaged":
            self.target[1].load_state_dict(self.projector.state_dict())


MISTAKES = [
    "gradient through the target",
    "decay and 1 - decay exchanged",
    "target moves inside the loss",
    "no target network",
    "target in evaluation mode",
    "predictor on both sides",
    "no predictor",
    "each view predicts itself",
    "one direction only",
    "no normalisation",
    "target never moves",
    "only the encoder is averaged",
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_byol_is_caught(mistake):
    with pytest.raises(AssertionError):
        assert_byol(type("Wrong", (WrongBYOL,), {"mistake": mistake}))


def test_the_mistaken_class_without_a_mistake_passes():
    """What the mutants share is right, so each fails for its own mistake."""
    assert_byol(type("Right", (WrongBYOL,), {"mistake": ""}))


# Stop-gradient and target


def test_the_target_gets_no_gradient():
    """Not one of its parameters, and not the input through it."""
    method = make_byol()
    x1, x2 = views()
    loss, _ = method.loss(x1, x2)
    loss.backward()
    assert all(p.grad is None for p in method.target.parameters())
    t = method._targets(x1.requires_grad_())
    assert not t.requires_grad


def test_simsiam_s_stop_gradient_is_a_zero_gradient():
    """With the online network as target, the gradient is that of a loss whose targets are given
    numbers.
    """
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
    """The target is trained by gradients only where it is a network of its own and the gradient is
    not stopped.
    """
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
    """Predictions and targets on the sphere, from which the loss can be told; without the parts,
    the projections.
    """
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
    twins = not target_average or not (predictor or stop_gradient)
    assert torch.allclose(aux["t2"], aux["z2"]) == twins
