"""Encoders and heads: shapes, gradients, and what each normalisation does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.numbers import normal32
from torch import nn
from torch.func import functional_call, grad, vmap

from mlteach.networks import AverageAndMaxPool, conv_encoder, mlp, prediction_head, projection_head

NORMS = ["batch", "batch_no_stats", "group"]
BUILDERS = {
    "mlp": (lambda: mlp(64, 20, 12), (6, 1, 8, 8)),
    "mlp with norm": (lambda: mlp(64, 20, 20, 12, batch_norm=True), (6, 64)),
    "conv batch": (lambda: conv_encoder(2, out_features=12), (6, 2, 16, 16)),
    "conv no stats": (
        lambda: conv_encoder(2, out_features=12, norm="batch_no_stats"),
        (6, 2, 16, 16),
    ),
    "conv group": (lambda: conv_encoder(2, out_features=12, norm="group"), (6, 2, 16, 16)),
    "projection": (lambda: projection_head(20, hidden=30, out_features=12), (6, 20)),
    "prediction": (lambda: prediction_head(12, hidden=30), (6, 12)),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_every_network(name):
    """Gradients reach every parameter, the state is complete, and the seed decides the weights."""
    build, shape = BUILDERS[name]
    torch.manual_seed(0)
    network = build()
    x = normal32(*shape)
    out = network(x)
    assert out.shape == (6, 12)
    (out * normal32(6, 12, seed=1)).sum().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad.abs().max() > 1e-4, parameter_name
    torch.manual_seed(0)
    again = build()
    torch.testing.assert_close(
        dict(again.named_parameters()), dict(network.named_parameters()), rtol=0, atol=0
    )
    other = build()
    other.load_state_dict(network.state_dict())
    assert torch.equal(other.eval()(x), network.eval()(x))


def test_mlp_is_its_formula():
    """Linear, ReLU, linear; nothing after the last layer."""
    network, x = mlp(3, 5, 2), normal32(7, 3)
    first, last = network[1], network[3]
    expected = (x @ first.weight.T + first.bias).clamp(min=0) @ last.weight.T + last.bias
    torch.testing.assert_close(network(x), expected)
    assert (mlp(3, 2)(x) < 0).any()
    assert [type(layer) for layer in mlp(3, 5, 2, batch_norm=True)] == [
        nn.Flatten,
        nn.Linear,
        nn.BatchNorm1d,
        nn.ReLU,
        nn.Linear,
    ]


def test_mlp_sizes_by_hand():
    """The sinusoid network 1-40-40-1 has 1*40 + 40 + 40*40 + 40 + 40*1 + 1 weights."""
    assert sum(p.numel() for p in mlp(1, 40, 40, 1).parameters()) == 1761


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [(8, 8), (9, 31), (28, 28), (33, 64)])
def test_conv_encoder_takes_any_size(norm, size):
    """(B, C, H, W) -> (B, D) for any sides from 8 on, finite, different for different images."""
    encoder = conv_encoder(3, widths=(8, 16, 12), out_features=10, norm=norm)
    out = encoder(normal32(4, 3, *size))
    assert out.shape == (4, 10)
    assert out.isfinite().all()
    assert torch.pdist(out).min() > 1e-3


@pytest.mark.parametrize("norm", NORMS)
def test_the_smallest_images_are_still_told_apart(norm):
    """8x8 ends as 1x1, where a norm over too few values would make all images equal."""
    for widths in ((32, 32, 32, 32), (8, 8, 8, 8), (7, 7, 7, 7)):
        out = conv_encoder(1, widths=widths, norm=norm)(normal32(5, 1, 8, 8))
        assert torch.pdist(out).min() > 1e-3


def test_pooling_by_hand():
    """Each channel's average, then each channel's maximum."""
    x = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 4.0]]]])
    assert AverageAndMaxPool()(x).tolist() == [[3.0, 1.0, 6.0, 4.0]]


def test_every_block_halves_the_sides():
    """28 x 20 becomes 14 x 10, 7 x 5, 4 x 3, 2 x 2 (rounded up)."""
    x, sides = normal32(2, 1, 28, 20), []
    for block in conv_encoder(1)[:4]:
        x = block(x)
        sides.append(tuple(x.shape[2:]))
    assert sides == [(14, 10), (7, 5), (4, 3), (2, 2)]


def test_conv_encoder_sizes_by_hand():
    """Four 3x3 convolutions without bias, a scale and a shift a channel, a last layer with bias."""
    n_weights = 9 * 3 * 32 + 3 * 9 * 32 * 32 + 4 * 2 * 32 + 2 * 32 * 64 + 64
    assert sum(p.numel() for p in conv_encoder(3).parameters()) == n_weights


@pytest.mark.parametrize(
    ("norm", "depends"), [("batch", True), ("batch_no_stats", True), ("group", False)]
)
def test_who_looks_at_the_other_images(norm, depends):
    """In training, a batch norm mixes the images of a batch; GroupNorm treats each one alone."""
    encoder, x = conv_encoder(1, norm=norm), normal32(4, 1, 16, 16)
    changed = torch.cat([x[:1], 3 * x[1:]])
    assert torch.allclose(encoder(x)[0], encoder(changed)[0], atol=1e-5) is not depends


def test_evaluation_mode():
    """Running statistics make evaluation independent of the batch; else the batch decides."""
    x = normal32(8, 1, 16, 16)
    batch, no_stats = conv_encoder(1).eval(), conv_encoder(1, norm="batch_no_stats")
    torch.testing.assert_close(batch(x)[:2], batch(x[:2]))
    trained = no_stats(x)
    assert torch.equal(no_stats.eval()(x), trained)
    assert not torch.allclose(no_stats(x[:2]), trained[:2], atol=1e-3)
    assert not any("running" in name for name in no_stats.state_dict())


@pytest.mark.parametrize("norm", ["batch_no_stats", "group"])
@pytest.mark.parametrize("training", [True, False])
def test_torch_func(norm, training):
    """grad and vmap over tasks equal a loop of backward calls, in training and evaluation mode."""
    encoder = conv_encoder(1, widths=(8, 8), out_features=3, norm=norm).double().train(training)
    params = dict(encoder.named_parameters())
    tasks = normal32(4, 5, 1, 8, 8).double()

    def loss(params, x):
        return functional_call(encoder, params, (x,)).square().mean()

    together = vmap(grad(loss), in_dims=(None, 0))(params, tasks)
    for task, x in enumerate(tasks):
        encoder.zero_grad()
        encoder(x).square().mean().backward()
        for name, parameter in params.items():
            torch.testing.assert_close(together[name][task], parameter.grad, msg=name)


def test_torch_func_needs_no_running_statistics():
    """The default norm raises under vmap in training mode: this is what "batch_no_stats" is for."""
    encoder = conv_encoder(1, widths=(8,))
    params = dict(encoder.named_parameters())

    def loss(params, x):
        return functional_call(encoder, params, (x,)).square().mean()

    with pytest.raises(RuntimeError, match="in-place"):
        vmap(grad(loss), in_dims=(None, 0))(params, normal32(4, 5, 1, 8, 8))


def test_heads():
    """SimCLR's head looks at one row at a time; BYOL's normalises over the batch and keeps P."""
    h = normal32(9, 16)
    projection = projection_head(16)
    assert projection(h).shape == (9, 64)
    torch.testing.assert_close(projection(h)[:3], projection(h[:3]))
    prediction = prediction_head(16)
    assert prediction(h).shape == (9, 16)
    assert not torch.allclose(prediction(h)[:3], prediction(h[:3]), atol=1e-3)
    assert prediction_head(16, out_features=5)(h).shape == (9, 5)
    for head in (projection_head(16, batch_norm=False), prediction_head(16, batch_norm=False)):
        assert not any(isinstance(layer, nn.BatchNorm1d) for layer in head)
    assert any(isinstance(layer, nn.BatchNorm1d) for layer in projection_head(16, batch_norm=True))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: mlp(3), r"sizes must be at least 2 whole number\(s\), got \(3,\)"),
        (lambda: mlp(3, 0, 2), r"sizes\[1\] must be a whole number >= 1, got 0"),
        (lambda: conv_encoder(0), "in_channels must be a whole number >= 1, got 0"),
        (
            lambda: conv_encoder(1, out_features=0),
            "out_features must be a whole number >= 1, got 0",
        ),
        (lambda: conv_encoder(1, widths=()), r"widths must be at least 1 whole number\(s\)"),
        (
            lambda: conv_encoder(1, widths=(8, -8)),
            r"widths\[1\] must be a whole number >= 1, got -8",
        ),
        (
            lambda: conv_encoder(1, norm="layer"),
            "norm must be one of 'batch', 'batch_no_stats', 'group', got 'layer'",
        ),
        (lambda: projection_head(0), "in_features must be a whole number >= 1, got 0"),
        (lambda: prediction_head(8, out_features=0), "out_features must be a whole number >= 1"),
    ],
)
def test_bad_arguments(build, message):
    """Every wrong argument is named, with what was given."""
    with pytest.raises(ValueError, match=message):
        build()


def test_sizes_are_whole_numbers():
    """NumPy's too; 2.5 and True are none."""
    assert mlp(np.int64(3), 2)(torch.ones(1, 3)).shape == (1, 2)
    for size in (2.5, True):
        with pytest.raises(TypeError, match=r"sizes\[1\] must be a whole number, got"):
            mlp(3, size)
