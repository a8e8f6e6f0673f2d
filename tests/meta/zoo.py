"""Networks of every kind that people bring to MAML, with the shape of one example."""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from mlteach.networks import AverageAndMaxPool, conv_encoder, mlp

WAY = 3


class Of(nn.Module):
    """A network whose forward is a function of its parts and the input."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.run = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


class LastStep(nn.Module):
    """The last output of a recurrent layer, as logits."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(4, WAY)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0][:, -1])


class Doubled(nn.Linear):
    """A linear layer that is none: its output is twice as large."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Smoothed(torch.autograd.Function):
    """A step whose gradient is made up, as quantised networks have it."""

    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def twice_named():
    layer = nn.Linear(4, 4)
    return Of(
        lambda m, x: m.head(m.again(torch.tanh(m.first(x)))),
        first=layer,
        again=layer,
        head=nn.Linear(4, WAY),
    )


def layer_twice():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Linear(4, WAY))


def activation_twice():
    act = nn.ReLU()
    return nn.Sequential(nn.Linear(4, 6), act, nn.Sequential(nn.Linear(6, 6), act), mlp(6, WAY))


def tied():
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, WAY))
    model[2].weight = model[0].weight
    return model


def tied_autoencoder():
    return Of(
        lambda m, x: F.linear(torch.tanh(m.code(x)), m.code.weight.T)[:, :WAY], code=nn.Linear(4, 5)
    )


def hooked():
    """The first layer's output is doubled on its way, the second's input is shifted."""
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, WAY))
    model[0].register_forward_hook(lambda module, given, out: 2 * out)
    model[2].register_forward_pre_hook(lambda module, given: (given[0] + 1,))
    return model


def with_its_own_forward():
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, WAY))
    layer = model[1]
    layer.forward = lambda x: x.sin()
    return model


def gradient_hook():
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, WAY))
    model[1].register_full_backward_hook(lambda module, given, out: (given[0] / 2,))
    return model


def frozen():
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, WAY))
    model[0].requires_grad_(False)
    return model


def in_evaluation(model):
    return model.eval()


def trained_norm():
    """BatchNorm with statistics that are not those of a new layer, in evaluation mode."""
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, eps=0.1), AverageAndMaxPool(), nn.Linear(8, WAY)
    )
    nn.init.normal_(model[1].weight)
    model(torch.rand(9, 1, 8, 8).to(model[0].weight.dtype))
    return model.eval()


def unused():
    return Of(lambda m, x: m.used(x), used=nn.Linear(4, WAY), spare=nn.Linear(4, WAY))


def residual():
    return Of(
        lambda m, x: m.head(x + m.b(torch.relu(m.a(x)))),
        a=nn.Linear(4, 4),
        b=nn.Linear(4, 4),
        head=nn.Linear(4, WAY),
    )


def listed():
    def forward(m, x):
        for layer in m.layers:
            x = torch.tanh(layer(x))
        return m.head(x)

    return Of(
        forward,
        layers=nn.ModuleList(nn.Linear(4, 4) for _ in range(3)),
        head=nn.Linear(4, WAY),
    )


def of_parameters():
    weights = nn.ParameterList(
        [nn.Parameter(torch.randn(4, 5) / 2), nn.Parameter(torch.randn(5, WAY))]
    )
    return Of(lambda m, x: torch.tanh(x @ m.weights[0]) @ m.weights[1], weights=weights)


def of_parameter_dict():
    weights = nn.ParameterDict(
        {"w": nn.Parameter(torch.randn(4, WAY)), "b": nn.Parameter(torch.ones(WAY))}
    )
    return Of(lambda m, x: x @ m.weights["w"] + m.weights["b"], weights=weights)


def with_buffer():
    model = Of(lambda m, x: m.head((x - m.mean) / m.spread), head=nn.Linear(4, WAY))
    model.register_buffer("mean", torch.tensor([0.1, 0.2, 0.3, 0.4]))
    model.register_buffer("spread", torch.tensor(2.0), persistent=False)
    return model


def with_branches():
    """What it computes depends on the values: torch.vmap cannot do it."""
    return Of(
        lambda m, x: m.a(x) if x.sum() > 0 else m.b(x), a=nn.Linear(4, WAY), b=nn.Linear(4, WAY)
    )


def embedding_with_max_norm():
    return nn.Sequential(nn.Embedding(7, 4, max_norm=0.5), nn.Flatten(), nn.Linear(20, WAY))


def clipped():
    """A forward that writes into its own weights, as critics with clipped weights do."""

    def forward(m, x):
        with torch.no_grad():
            m.layer.weight.clamp_(-0.2, 0.2)
        return m.layer(x)

    return Of(forward, layer=nn.Linear(4, WAY))


def remembers():
    """Keeps its last output for whoever wants to look at it."""

    def forward(m, x):
        m.seen = m.a(x)
        return m.b(torch.tanh(m.seen))

    return Of(forward, a=nn.Linear(4, 4), b=nn.Linear(4, WAY))


def attention():
    def forward(m, x):
        q, k, v = m.qkv(x)[:, None].chunk(3, -1)
        return m.head(F.scaled_dot_product_attention(q, k, v).mean((1, 2)))

    return Of(forward, qkv=nn.Linear(4, 12), head=nn.Linear(4, WAY))


def transformer():
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
    return Of(lambda m, x: m.head(m.layer(x).mean(1)), layer=layer, head=nn.Linear(4, WAY))


def multihead():
    return Of(
        lambda m, x: m.head(m.layer(x, x, x, need_weights=False)[0].mean(1)),
        layer=nn.MultiheadAttention(4, 2, batch_first=True),
        head=nn.Linear(4, WAY),
    )


def tokens():
    return Of(
        lambda m, x: m.head(m.table(x).mean(1)), table=nn.Embedding(7, 4), head=nn.Linear(4, WAY)
    )


def older_weight_norm(layer):
    """The one that works by hooks, which many published networks still have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(layer)


def pruned():
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, WAY))
    prune.random_unstructured(model[0], "weight", amount=0.5)
    return model


def chain(*layers):
    return lambda: nn.Sequential(*(layer() for layer in layers))


def images(*settings, norm=nn.Identity, **more):
    """A convolution with these settings, and what it takes to make logits of it."""
    return lambda: nn.Sequential(
        nn.Conv2d(2, 4, *settings, **more),
        norm(),
        nn.ReLU(),
        AverageAndMaxPool(),
        nn.Linear(8, WAY),
    )


POINT, IMAGE, TWO = (4,), (1, 8, 8), (2, 8, 8)
STATELESS = {"track_running_stats": False}
ZOO = {
    # layers, weights and calls that are shared, replaced or watched
    "mlp": (lambda: mlp(4, 6, WAY), POINT),
    "one linear layer": (lambda: nn.Linear(4, WAY), POINT),
    "no bias": (lambda: nn.Linear(4, WAY, bias=False), POINT),
    "one layer under two names": (twice_named, POINT),
    "one layer twice in a chain": (layer_twice, POINT),
    "one activation twice": (activation_twice, POINT),
    "tied weights": (tied, POINT),
    "tied autoencoder": (tied_autoencoder, POINT),
    "forward hooks": (hooked, POINT),
    "a backward hook": (gradient_hook, POINT),
    "a forward of its own": (with_its_own_forward, POINT),
    "a subclass": (chain(lambda: Doubled(4, WAY)), POINT),
    "frozen by requires_grad": (frozen, POINT),
    "all frozen": (lambda: nn.Linear(4, WAY).requires_grad_(False), POINT),
    "unused weights": (unused, POINT),
    "in-place activation first": (
        chain(lambda: nn.ReLU(inplace=True), lambda: nn.Linear(4, WAY)),
        POINT,
    ),
    "in-place activation": (
        chain(lambda: nn.Linear(4, 6), lambda: nn.ELU(inplace=True), lambda: nn.Linear(6, WAY)),
        POINT,
    ),
    "weight norm": (chain(lambda: parametrizations.weight_norm(nn.Linear(4, WAY))), POINT),
    "weight norm by hooks": (chain(lambda: older_weight_norm(nn.Linear(4, WAY))), POINT),
    "spectral norm, evaluated": (
        lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(4, WAY))).eval(),
        POINT,
    ),
    "orthogonal": (chain(lambda: parametrizations.orthogonal(nn.Linear(4, WAY))), POINT),
    "pruned": (pruned, POINT),
    "residual": (residual, POINT),
    "a list of layers": (listed, POINT),
    "a list of weights": (of_parameters, POINT),
    "a dict of weights": (of_parameter_dict, POINT),
    "buffers": (with_buffer, POINT),
    "branches by value": (with_branches, POINT),
    "writes into its weights": (clipped, POINT),
    "remembers its last output": (remembers, POINT),
    "a made-up gradient": (
        lambda: Of(
            lambda m, x: m.b(Smoothed.apply(m.a(x))), a=nn.Linear(4, 4), b=nn.Linear(4, WAY)
        ),
        POINT,
    ),
    "layer norm": (
        chain(lambda: nn.Linear(4, 6), lambda: nn.LayerNorm(6), lambda: nn.Linear(6, WAY)),
        POINT,
    ),
    "batch norm of vectors": (
        chain(
            lambda: nn.Linear(4, 6),
            lambda: nn.BatchNorm1d(6, **STATELESS),
            lambda: nn.Linear(6, WAY),
        ),
        POINT,
    ),
    "group norm of vectors": (
        chain(lambda: nn.Linear(4, 6), lambda: nn.GroupNorm(2, 6), lambda: nn.Linear(6, WAY)),
        POINT,
    ),
    "dropout, evaluated": (
        lambda: nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.9), nn.Linear(6, WAY)).eval(),
        POINT,
    ),
    "bilinear": (lambda: Of(lambda m, x: m.layer(x, x), layer=nn.Bilinear(4, 4, WAY)), POINT),
    "PReLU": (chain(lambda: nn.Linear(4, 6), nn.PReLU, lambda: nn.Linear(6, WAY)), POINT),
    # inputs that are neither vectors nor images with channels
    "images without a channel": (lambda: mlp(64, 6, WAY), (8, 8)),
    "signals, flattened": (lambda: mlp(16, 6, WAY), (1, 16)),
    "tokens of vectors": (
        chain(lambda: nn.Linear(4, 5), nn.ReLU, nn.Flatten, lambda: nn.Linear(30, WAY)),
        (6, 4),
    ),
    "linear, then flattened images": (
        chain(lambda: nn.Linear(8, 3, bias=False), nn.Flatten, lambda: nn.Linear(48, WAY)),
        TWO,
    ),
    "convolution of signals": (
        chain(
            lambda: nn.Conv1d(2, 4, 3),
            nn.ReLU,
            lambda: nn.AvgPool1d(2),
            nn.Flatten,
            lambda: nn.Linear(12, WAY),
        ),
        (2, 8),
    ),
    "embedded tokens": (tokens, "tokens"),
    "embedding with max_norm": (embedding_with_max_norm, "tokens"),
    "LSTM": (lambda: LastStep(nn.LSTM(3, 4, batch_first=True)), (5, 3)),
    "GRU": (lambda: LastStep(nn.GRU(3, 4, batch_first=True)), (5, 3)),
    "RNN of two layers": (lambda: LastStep(nn.RNN(3, 4, num_layers=2, batch_first=True)), (5, 3)),
    "attention": (attention, (6, 4)),
    "multi-head attention": (multihead, (6, 4)),
    "transformer": (transformer, (6, 4)),
    # images
    "conv encoder": (
        lambda: nn.Sequential(
            conv_encoder(widths=(4, 4), out_features=6, norm="batch_no_stats"), nn.Linear(6, WAY)
        ),
        IMAGE,
    ),
    "group norm": (
        lambda: nn.Sequential(
            conv_encoder(widths=(8, 16), out_features=6, norm="group"), nn.Linear(6, WAY)
        ),
        IMAGE,
    ),
    "group norm without weights": (
        images(3, norm=lambda: nn.GroupNorm(2, 4, affine=False, eps=0.1)),
        TWO,
    ),
    "batch norm without weights": (
        images(3, norm=lambda: nn.BatchNorm2d(4, affine=False, **STATELESS)),
        TWO,
    ),
    "batch norm, eps": (
        images(3, norm=lambda: nn.BatchNorm2d(4, eps=0.5, momentum=None, **STATELESS)),
        TWO,
    ),
    "batch norm, running statistics, evaluated": (trained_norm, IMAGE),
    "instance norm": (images(3, norm=lambda: nn.InstanceNorm2d(4, affine=True)), TWO),
    "stride, dilation": (images(3, stride=2, dilation=2, padding=1, bias=False), TWO),
    "padding by name": (images((3, 5), padding="same"), TWO),
    "reflected padding": (images(3, padding=1, padding_mode="reflect"), TWO),
    "groups": (images(3, groups=2), TWO),
    "max-pooling": (
        chain(
            lambda: nn.Conv2d(1, 3, 3),
            lambda: nn.MaxPool2d(2, ceil_mode=True, padding=1),
            nn.Flatten,
            lambda: nn.Linear(48, WAY),
        ),
        IMAGE,
    ),
    "max-pooling, overlapping": (
        chain(
            lambda: nn.Conv2d(1, 3, 3),
            lambda: nn.MaxPool2d(3, 1, dilation=2),
            nn.Flatten,
            lambda: nn.Linear(12, WAY),
        ),
        IMAGE,
    ),
    "average pooling": (
        chain(
            lambda: nn.Conv2d(1, 3, 3),
            lambda: nn.AdaptiveAvgPool2d(1),
            nn.Flatten,
            lambda: nn.Linear(3, WAY),
        ),
        IMAGE,
    ),
    "transposed convolution": (
        chain(lambda: nn.ConvTranspose2d(1, 3, 2, 2), AverageAndMaxPool, lambda: nn.Linear(6, WAY)),
        IMAGE,
    ),
    "flattened in part": (
        chain(
            lambda: nn.Flatten(2), lambda: nn.Linear(64, 4), nn.Flatten, lambda: nn.Linear(4, WAY)
        ),
        IMAGE,
    ),
    "flattened first": (chain(nn.Flatten, lambda: nn.Linear(64, WAY)), IMAGE),
    "pooling only": (chain(AverageAndMaxPool, lambda: nn.Linear(2, WAY)), IMAGE),
    "ends in images": (
        chain(lambda: nn.Conv2d(1, WAY, 8), lambda: nn.Flatten()),
        IMAGE,
    ),
    "images whose rows go through a linear layer": (
        chain(
            lambda: nn.Conv2d(1, 2, 3),
            lambda: nn.Linear(6, 2),
            nn.Flatten,
            lambda: nn.Linear(24, WAY),
        ),
        IMAGE,
    ),
    "shuffled pixels": (
        chain(
            lambda: nn.Conv2d(1, 4, 3),
            lambda: nn.PixelShuffle(2),
            nn.Flatten,
            lambda: nn.Linear(144, WAY),
        ),
        IMAGE,
    ),
}
