"""CLIP: what it computes, what it learns besides its encoders, and where that stops."""

import math

import pytest
import torch
from torch import nn

from mlteach.losses import clip_loss, siglip_loss
from mlteach.networks import TextEncoder, mlp
from mlteach.selfsup import CLIP
from mlteach.training import fit

N_WORDS, OUTPUTS = 9, 4


def parts():
    """Encoders of inputs (B, 5) and of words, in float64; the same at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return mlp(5, 8, OUTPUTS).double(), TextEncoder(
            N_WORDS, out_features=OUTPUTS, width=8
        ).double()


def make(**options):
    return CLIP(*parts(), **options).double()


def pairs(seed=0, batch=6):
    """Inputs and the words that are nearest to their first two numbers, so that they belong."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, 5, generator=generator, dtype=torch.float64)
    return x, (2 + (x[:, :3] > 0).long() + 2 * torch.arange(3))


def test_the_loss_is_that_of_both_encodings():
    x, tokens = pairs()
    for name, temperature in (("clip", 0.07), ("siglip", 0.1)):
        method = make(loss=name)
        image, text = method.encode_images(x), method.encode_texts(tokens)
        loss, aux = method.loss(x, tokens)
        if name == "clip":
            expected = clip_loss(image, text, temperature=temperature)
        else:
            expected = siglip_loss(image, text, temperature=temperature, bias=-10)
        # the start is kept in float32
        torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-6)
        assert aux.keys() == {"z1", "z2", "std", "temperature"}
        torch.testing.assert_close(aux["z2"], nn.functional.normalize(text))
        assert not any(value.requires_grad for value in aux.values())
        assert aux["temperature"].item() == pytest.approx(temperature)
        torch.testing.assert_close(method.encode(x), image)


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_gradients_reach_both_encoders_temperature_and_bias(name):
    method = make(loss=name)
    loss, _ = method.loss(*pairs())
    loss.backward()
    names = dict(method.named_parameters())
    assert ("bias" in names) == (name == "siglip")
    for key, parameter in names.items():
        assert parameter.grad.abs().sum() > 0, key
    step = 1e-6
    with torch.no_grad():
        for parameter in (method.log_temperature, method.bias):
            if parameter is None:
                continue
            ends = []
            for sign in (1, -2):
                parameter += sign * step
                ends.append(method.loss(*pairs())[0].item())
            parameter += step
            assert parameter.grad.item() == pytest.approx(
                (ends[0] - ends[1]) / (2 * step), rel=1e-4
            )


def test_what_is_not_learned_stays():
    method = make(loss="siglip", temperature=0.3, bias=-2, learned=False)
    fit(method, lambda g: pairs(), steps=3, progress=False)
    assert method.temperature.item() == pytest.approx(0.3)
    assert method.bias.item() == -2


def test_the_temperature_stops_at_a_hundredth():
    """Only after_step stops it; a warmer one is left alone, and one that is not learned."""
    fixed = make(temperature=0.005, learned=False)
    fixed.after_step({})
    assert fixed.temperature.item() == pytest.approx(0.005)
    method = make(temperature=0.5)
    before = method.temperature.item()
    with torch.no_grad():
        method.after_step({})
        assert method.temperature.item() == before
        method.log_temperature.fill_(-20)
        method.after_step({})
    assert method.temperature.item() == pytest.approx(0.01)


def test_pairs_are_learned_and_the_state_is_complete():
    """The loss falls well below log(B), and a copy of the state says the same."""
    method = make()
    run = fit(
        method,
        lambda g: pairs(int(torch.randint(10, (), generator=g))),
        steps=60,
        lr=0.02,
        progress=False,
    )
    first, last = run.history["loss"][0], run.history["loss"][-1]
    assert last < first - 0.5
    other = make(temperature=0.9)
    other.load_state_dict(method.state_dict())
    assert torch.equal(other.loss(*pairs())[0], method.loss(*pairs())[0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: make(loss="softmax"), ValueError, "loss must be one of 'clip', 'siglip'"),
        (lambda: make(temperature=0), ValueError, "temperature must be finite and > 0"),
        (lambda: make(bias=math.inf), ValueError, "bias must be finite"),
        (lambda: CLIP(mlp, parts()[1]), TypeError, "image_encoder must be a network"),
        (
            lambda: make().loss(pairs()[0], pairs()[1][:3]),
            ValueError,
            r"x must be \(3, ...\), an image for each text, got \(6, 5\)",
        ),
        (
            lambda: make().loss(pairs()[0], pairs()[0]),
            TypeError,
            "tokens must be a tensor of whole",
        ),
        (
            lambda: make().encode_texts(torch.full((2, 3), 9)),
            ValueError,
            "tokens must be in 0 ... 8",
        ),
        (
            lambda: CLIP(mlp(5, 3), TextEncoder(9, out_features=4)).loss(
                pairs()[0].float(), pairs()[1]
            ),
            ValueError,
            r"text_encoder\(tokens\) must give \(B, 3\)",
        ),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call()
