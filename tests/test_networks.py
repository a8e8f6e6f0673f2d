"""Encoders and heads: shapes, gradients, and what each normalisation does."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.numbers import normal, normal32
from torch import nn
from torch.func import functional_call, grad, vmap

from mlteach.networks import (
    AverageAndMaxPool,
    InContext,
    LogSpectrogram,
    TextEncoder,
    conv_encoder,
    in_mode,
    mlp,
    prediction_head,
    projection_head,
)

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


# --- learning in context -------------------------------------------------------------------------


def in_context(n_support=5, n_query=4, n_tasks=3):
    """A network in float64, with its three inputs."""
    torch.manual_seed(0)
    network = InContext(width=12, heads=3, blocks=2).double()
    sizes = (n_support, n_support, n_query)
    return network, [normal(n_tasks, size, 1, seed=i) for i, size in enumerate(sizes)]


def attended(block, token, support):
    """One token after a block, by loops over the heads and the support points."""
    own, seen = block.before(token), [block.before(point) for point in support]
    d, found = len(token) // block.heads, []
    for head in range(block.heads):
        part = slice(head * d, head * d + d)
        logits = [block.q(own)[part] @ block.k(point)[part] / d**0.5 for point in seen]
        weights = [logit.exp() for logit in logits]
        values = [w * block.v(p)[part] for w, p in zip(weights, seen, strict=True)]
        found.append(sum(values) / sum(weights))
    token = token + block.join(torch.cat(found))
    return token + block.think(block.between(token))


def test_learning_in_context_is_attention_by_loops():
    """Support points look at the support, queries look at the support."""
    network, (x, y, x_query) = in_context()
    answers = network(x, y, x_query)
    assert answers.shape == (3, 4, 1)
    for t in range(3):
        support = [network.point(torch.cat(pair)) for pair in zip(x[t], y[t], strict=True)]
        query = [network.query(q) for q in x_query[t]]
        for block in network.blocks:
            support, query = (
                [attended(block, token, support) for token in tokens] for tokens in (support, query)
            )
        expected = torch.stack([network.answer(token) for token in query])
        torch.testing.assert_close(answers[t], expected)


def test_the_order_of_the_support_does_not_matter():
    network, (x, y, x_query) = in_context()
    shuffled = torch.tensor([3, 0, 4, 2, 1])
    answers = network(x, y, x_query)
    torch.testing.assert_close(network(x[:, shuffled], y[:, shuffled], x_query), answers)
    # which height belongs to which place does
    assert (network(x, y[:, shuffled], x_query) - answers).abs().max() > 1e-3


def test_no_query_looks_at_another_and_no_task_at_another():
    network, (x, y, x_query) = in_context()
    answers = network(x, y, x_query)
    alone = [network(x, y, x_query[:, i : i + 1]) for i in range(4)]
    torch.testing.assert_close(torch.cat(alone, 1), answers)
    moved = x_query.clone()
    moved[:, 0] += 3
    assert (network(x, y, moved)[:, 0] - answers[:, 0]).abs().min() > 1e-4
    torch.testing.assert_close(network(x, y, moved)[:, 1:], answers[:, 1:])
    torch.testing.assert_close(network(x[1:2], y[1:2], x_query[1:2]), answers[1:2])


def test_support_of_any_size_and_gradients_everywhere():
    for n_support in (1, 2, 30):
        network, tensors = in_context(n_support=n_support)
        (network(*tensors) * normal(3, 4, 1, seed=9)).sum().backward()
        for name, parameter in network.named_parameters():
            # the softmax over a single point is 1, whatever query and key are
            flat = n_support == 1 and (".q." in name or ".k." in name)
            # adding the same to all keys changes no softmax
            flat |= name.endswith(".k.bias")
            assert (parameter.grad.abs().max() > 1e-7) != flat, (n_support, name)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="heads must divide width, got 3 heads and width 32"):
        InContext(heads=3)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"x_support": (1, 5, 1), "y_support": (1, 5, 1)}, r"x_query must be \(1, M, 1\), got"),
        ({"x_query": (1, 4, 1)}, r"x_query must be \(3, M, 1\), got shape \(1, 4, 1\)"),
        ({"y_support": (3, 4, 1)}, r"y_support must be \(3, 5, 1\), got shape \(3, 4, 1\)"),
        ({"x_support": (5, 1)}, r"x_support must be \(T, N, 1\), got shape \(5, 1\)"),
        ({"x_support": (3, 0, 1), "y_support": (3, 0, 1)}, "x_support must hold a point"),
    ],
)
def test_a_task_of_another_shape_is_named(changed, told):
    """One task's support is no support of three tasks, though it could be spread over them."""
    network, tensors = in_context()
    task = dict(zip(("x_support", "y_support", "x_query"), tensors, strict=True))
    assert network(**task | {"x_query": task["x_query"][:, :0]}).shape == (3, 0, 1)
    with pytest.raises(ValueError, match=told):
        network(**task | {name: normal(*shape) for name, shape in changed.items()})
    for name, value in task.items():
        with pytest.raises(TypeError, match=f"{name} must be a floating-point tensor, got list"):
            network(**task | {name: value.tolist()})


# A wave's pitches


def tone(*hertz, samples=1024, rate=4000):
    """The sum of sines, (1, 1, samples) in float32."""
    time = torch.arange(samples, dtype=torch.float64) / rate
    return sum(torch.sin(math.tau * h * time) for h in hertz).float()[None, None]


def test_a_log_spectrogram_is_its_formula():
    """Frame by frame from the transform's sum, band by band from the triangles, in float64."""
    module = LogSpectrogram(1000, window=32, hop=8, bands=3, low=150.0)
    wave = normal32(2, 1, 60)
    found = module(wave)
    points = 128
    hertz = [f * 1000 / points for f in range(points // 2 + 1)]
    assert found.shape == (2, 1 + (60 - 32) // 8, 3)
    for b, t, band in ((0, 0, 0), (1, 2, 1), (0, 3, 2)):
        piece = wave[b, 0, 8 * t : 8 * t + 32].double().tolist()
        tapered = [v * (0.5 - 0.5 * math.cos(math.tau * i / 32)) for i, v in enumerate(piece)]
        middle = 150 * 2 ** (band / 12)
        weights = [max(0, 1 - abs(12 * math.log2(max(h, 1e-3) / middle))) for h in hertz]
        total = 0.0
        for f, weight in enumerate(weights):
            angles = [math.tau * f * i / points for i in range(32)]
            real = sum(v * math.cos(a) for v, a in zip(tapered, angles, strict=True))
            imaginary = sum(v * math.sin(a) for v, a in zip(tapered, angles, strict=True))
            total += weight / max(sum(weights), 1e-9) * math.hypot(real, imaginary)
        expected = math.log1p(20 * total * 4 / 32)
        assert found[b, t, band].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("band", [12, 20, 33])
def test_a_tone_is_loudest_in_its_band_and_an_octave_is_twelve_bands(band):
    module = LogSpectrogram()
    hertz = 100 * 2 ** (band / 12)
    for octave in (0, 1):
        frame = module(tone(hertz * 2**octave))[0, 1]
        assert frame.argmax() == band + 12 * octave
    assert module(0 * tone(hertz)).abs().max() == 0


def test_each_frame_is_cut_from_its_own_samples():
    """A frame a hop; what comes later changes no earlier frame."""
    module, wave = LogSpectrogram(), normal32(1, 1, 256 * 5)
    changed = wave.clone()
    changed[..., 3 * 256 :] = 0
    frames, others = module(wave)[0], module(changed)[0]
    torch.testing.assert_close(module(wave.double())[0], frames)  # in the type of the module
    assert len(frames) == 5
    assert frames[:3].equal(others[:3])
    assert others[3:].abs().max() == 0
    assert not module.state_dict()  # made again from its arguments


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LogSpectrogram(bands=90), "bands must stay below 2000 hertz, got"),
        (lambda: LogSpectrogram()(torch.zeros(2, 1, 255)), "waves must have at least 256 samples"),
        (lambda: LogSpectrogram()(torch.zeros(2, 256)), r"waves must be \(B >= 1, 1, samples >= 1"),
        (
            lambda: LogSpectrogram()(torch.zeros(0, 1, 256)),
            r"waves must be \(B >= 1, 1, samples >=",
        ),
        (lambda: LogSpectrogram(window=64), "window must be longer for bands from 100 hertz on"),
    ],
)
def test_waves_that_do_not_fit_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# TextEncoder


def text_encoder(**options):
    """In float64, with weights that differ."""
    torch.manual_seed(0)
    return TextEncoder(9, out_features=4, width=8, **options).double().eval()


def test_text_encoder_ignores_what_fills_up():
    """A text says the same alone and beside a longer one."""
    encoder = text_encoder()
    short = torch.tensor([[3, 5]])
    beside = torch.tensor([[3, 5, 0, 0], [2, 4, 6, 8]])
    torch.testing.assert_close(encoder(short)[0], encoder(beside)[0])


def test_text_encoder_reads_the_order_only_with_blocks():
    there, back = torch.tensor([[3, 5, 7]]), torch.tensor([[7, 5, 3]])
    bag, reader = text_encoder(blocks=0), text_encoder()
    torch.testing.assert_close(bag(there), bag(back))
    assert (reader(there) - reader(back)).abs().max() > 1e-3


def test_bag_of_words_is_the_mean_of_the_words():
    bag = text_encoder(blocks=0)
    tokens = torch.tensor([[3, 5, 0]])
    expected = bag.answer((bag.words.weight[3] + bag.words.weight[5]) / 2)
    torch.testing.assert_close(bag(tokens)[0], expected)


def test_text_encoder_block_is_its_formula():
    """Attention with loops: each word looks at the words of its text, in every head."""
    encoder = text_encoder(heads=2)
    block = encoder.blocks[0]
    tokens = torch.tensor([[3, 5, 7, 0]])
    words = encoder.words(tokens)[0, :3] + encoder.places.weight[:3]
    q, k, v = block.qkv(block.before(words)).chunk(3, 1)
    found = torch.zeros_like(q)
    for head in (slice(0, 4), slice(4, 8)):
        for i in range(3):
            share = torch.stack([q[i, head] @ k[j, head] / 2 for j in range(3)]).softmax(0)
            found[i, head] = sum(share[j] * v[j, head] for j in range(3))
    words = words + block.join(found)
    words = words + block.think(block.between(words))
    torch.testing.assert_close(encoder(tokens)[0], encoder.answer(words.mean(0)))


def test_text_encoder_drops_in_training_only():
    encoder = text_encoder(dropout=0.5)
    tokens = torch.tensor([[3, 5, 7]])
    assert torch.equal(encoder(tokens), encoder(tokens))
    encoder.train()
    assert not torch.equal(encoder(tokens), encoder(tokens))


def test_text_encoder_takes_texts_longer_than_its_places():
    encoder = text_encoder(longest=2)
    assert encoder(torch.tensor([[3, 5, 7, 2, 2]])).isfinite().all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: text_encoder(heads=3), ValueError, "heads must divide width"),
        (lambda: text_encoder(dropout=1.5), ValueError, "dropout must be"),
        (lambda: text_encoder(dropout=1), ValueError, "dropout must be below 1"),
        (lambda: text_encoder()(torch.zeros(2, 3).long()), ValueError, "a text of zeros"),
        (lambda: text_encoder()(torch.full((2, 3), 9)), ValueError, "tokens must be in 0 ... 8"),
        (lambda: text_encoder()(torch.ones(2, 3)), TypeError, "tokens must be a tensor of whole"),
        (lambda: text_encoder()(torch.ones(3).long()), ValueError, r"tokens must be \(B >= 1, L"),
    ],
)
def test_text_encoder_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_spectrogram_in_16_bits_is_that_of_float32_rounded(dtype):
    waves = 0.1 * torch.randn(2, 1, 1000, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = LogSpectrogram()(waves.float())
    found = LogSpectrogram().to(dtype)(waves)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("training", [True, False])
def test_a_part_that_was_in_another_mode_is_in_it_again(training):
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm1d(3), nn.Dropout()))
    network[1][0].eval()
    seen = []

    def fails():
        with in_mode(network, training=training):
            seen.extend(part.training for part in network.modules())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert seen == [training] * 5
    assert [part.training for part in network.modules()] == [True, True, True, False, True]


@pytest.mark.parametrize("given", [{"network": torch.relu}, {"training": 1}, {"training": None}])
def test_a_mode_of_no_network_and_one_that_is_neither_are_refused(given):
    (name,) = given
    arguments = {"network": nn.Linear(2, 2), "training": True} | given
    with pytest.raises(TypeError, match=name), in_mode(**arguments):
        pass
