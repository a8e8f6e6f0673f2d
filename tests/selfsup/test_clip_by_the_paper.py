"""CLIP as Radford et al. and Zhai et al. write it, in other words; and mistakes in the method."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from mlteach.mistakes import mistakes_in
from mlteach.networks import TextEncoder, mlp
from mlteach.selfsup import CLIP

BATCH, WORDS, OUTPUTS = 6, 11, 4
NAMES = ("clip", "siglip")


def make(cls=CLIP, **options):
    """In float64, the same at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        image = mlp(5, 8, OUTPUTS)
        text = TextEncoder(WORDS, out_features=OUTPUTS, width=8)
    return cls(image, text, **options).double()


def pairs(seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(BATCH, 5, generator=generator, dtype=torch.float64)
    return x, torch.randint(1, WORDS, (BATCH, 3), generator=generator)


def figure_3(image, text, log_scale):
    """Radford et al.: cosines times exp(t), two cross-entropies with labels 0 ... n - 1, halved."""
    i, t = (z / z.norm(dim=1, keepdim=True) for z in (image, text))
    logits = torch.stack([torch.stack([a @ b for b in t]) for a in i]) * log_scale.exp()
    right = logits.diagonal()
    by_image = (logits.exp().sum(1).log() - right).mean()
    by_text = (logits.exp().sum(0).log() - right).mean()
    return (by_image + by_text) / 2


def algorithm_1(image, text, log_scale, bias):
    """Zhai et al.: a binary question for each of n x n pairs, divided by n."""
    i, t = (z / z.norm(dim=1, keepdim=True) for z in (image, text))
    total = 0
    for a in range(len(i)):
        for b in range(len(t)):
            logit = (i[a] @ t[b]) * log_scale.exp() + bias
            total = total + (1 + (-logit if a == b else logit).exp()).log()
    return total / len(i)


def right_loss(method, x, tokens):
    image, text = method.image_encoder(x), method.text_encoder(tokens)
    log_scale = -method.log_temperature  # the papers learn the logarithm of 1 / temperature
    if method.bias is None:
        return figure_3(image, text, log_scale)
    return algorithm_1(image, text, log_scale, method.bias)


def gradients(loss, method):
    parameters = dict(method.named_parameters())
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return {name: g for name, g in zip(parameters, found, strict=True) if g is not None}


def assert_is_clip(cls):
    for name in NAMES:
        for temperature in (0.3, 1.7):
            method = make(cls, loss=name, temperature=temperature, bias=-1.5)
            before = copy.deepcopy(method.state_dict())
            value, _ = method.loss(*pairs())
            expected = right_loss(method, *pairs())
            torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-10)
            mine, theirs = gradients(value, method), gradients(expected, method)
            assert mine.keys() == theirs.keys() == dict(method.named_parameters()).keys()
            for key, gradient in theirs.items():
                torch.testing.assert_close(mine[key], gradient, rtol=1e-8, atol=1e-10)
            for key, state in method.state_dict().items():
                assert torch.equal(state, before[key]), key
        assert_stops(make(cls, loss=name, temperature=0.5))


def assert_stops(method):
    """Far steps either way: the loss itself moves nothing, and after_step stops at 0.01 alone."""
    for place, stopped in ((math.log(1e-6), 0.01), (math.log(0.02), 0.02), (math.log(30), 30)):
        with torch.no_grad():
            method.log_temperature.fill_(place)
            _, aux = method.loss(*pairs())
            assert method.log_temperature.item() == pytest.approx(place)
            method.after_step(aux)
        assert method.temperature.item() == pytest.approx(stopped)


def test_it_is_what_the_papers_write():
    assert_is_clip(CLIP)


@pytest.mark.parametrize("mistake", mistakes_in(CLIP), ids=str)
def test_a_mistake_in_the_method_is_caught(mistake):
    with pytest.raises(AssertionError):
        assert_is_clip(mistake.function)


@pytest.mark.parametrize(
    ("name", "value"),
    [("clip", math.log(BATCH)), ("siglip", math.log1p(1) + (BATCH - 1) * math.log1p(1))],
)
def test_loss_of_a_collapsed_pair_of_encoders(name, value):
    """All encodings the same: CLIP's log(B); SigLIP's with logits of 1 / 0.1 - 10 = 0, B log 2."""
    method = make(loss=name)
    with torch.no_grad():
        for layer in (method.image_encoder[-1], method.text_encoder.answer):
            layer.weight.zero_()
            layer.bias.fill_(1)
    loss, aux = method.loss(*pairs())
    assert loss.item() == pytest.approx(value, abs=1e-5)  # 10 is kept in float32
    assert aux["std"].item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_learned_numbers_go_where_the_loss_falls(name):
    """Each alone, the encoders fixed: a small step against its gradient costs less."""
    method = make(loss=name, temperature=0.4, bias=-1.0)
    loss, _ = method.loss(*pairs())
    for key, gradient in gradients(loss, method).items():
        if key in ("log_temperature", "bias"):
            moved = copy.deepcopy(method)
            with torch.no_grad():
                moved.get_parameter(key).sub_(1e-3 * gradient.sign())
                assert moved.loss(*pairs())[0] < loss, key


def test_a_loop_of_ones_own_may_call_after_step_with_gradients_on():
    """As `fit` calls it without: nothing is recorded, and the next step has its gradient."""
    method = make(temperature=0.001)
    optimiser = torch.optim.SGD(method.parameters(), lr=1e-3)
    for _ in range(2):
        loss, aux = method.loss(*pairs())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        method.after_step(aux)
    assert method.temperature.item() >= 0.01 - 1e-6
    assert method.log_temperature.is_leaf


@pytest.mark.parametrize("name", NAMES)
def test_each_encoding_is_its_own(name):
    """Alone or in a batch, in any order; and encode is encode_images."""
    method = make(loss=name).eval()
    x, tokens = pairs()
    order = torch.randperm(BATCH, generator=torch.Generator().manual_seed(1))
    for encode, given in ((method.encode_images, x), (method.encode_texts, tokens)):
        whole = encode(given)
        torch.testing.assert_close(torch.cat([encode(row[None]) for row in given]), whole)
        torch.testing.assert_close(encode(given[order]), whole[order])
    assert torch.equal(method.encode(x), method.encode_images(x))


def test_what_fills_up_a_text_changes_nothing():
    """A short text among longer ones has the vector that it has alone."""
    method = make().eval()
    short = torch.tensor([[3, 7]])
    filled = torch.tensor([[3, 7, 0, 0, 0], [1, 2, 3, 4, 5]])
    torch.testing.assert_close(method.encode_texts(filled)[:1], method.encode_texts(short))
