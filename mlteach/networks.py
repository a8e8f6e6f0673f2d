"""Small encoders and heads: plain `nn.Sequential`s, to be read in the order the data meets them.

For the same weights again, call `torch.manual_seed` before building.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlteach import _validate

NORMS = ("batch", "batch_no_stats", "group")


def mlp(*sizes: int, batch_norm: bool = False) -> nn.Sequential:
    """Multilayer perceptron: linear layers with ReLU between them and nothing after the last.

    Args:
        sizes: features of the input, of every hidden layer and of the output, at least two numbers.
        batch_norm: BatchNorm1d before each ReLU; the linear layer before it then needs no bias.

    Returns:
        Module (B, ...) -> (B, sizes[-1]); the input is flattened to (B, sizes[0]), so that images
        can go in.

    Raises:
        TypeError: a size that is no whole number.
        ValueError: fewer than two sizes, or one below 1.
    """
    sizes = _validate.counts("sizes", sizes, length=2)
    _validate.flag("batch_norm", batch_norm)
    layers: list[nn.Module] = [nn.Flatten()]
    for n_in, n_out in zip(sizes[:-2], sizes[1:-1], strict=True):
        layers.append(nn.Linear(n_in, n_out, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm1d(n_out))
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def conv_encoder(
    in_channels: int = 1,
    *,
    widths: Sequence[int] = (32, 32, 32, 32),
    out_features: int = 64,
    norm: str = "batch",
) -> nn.Sequential:
    """Convolutional encoder: blocks that halve the sides, then each channel's average and maximum.

    Args:
        in_channels: channels of the images.
        widths: channels after each block of 3x3 convolution with stride 2, norm and ReLU.
        out_features: D, the features of the representation.
        norm: "batch" is BatchNorm2d; "batch_no_stats" is BatchNorm2d without running statistics: it
            normalises by the batch at hand in training and evaluation alike, which torch.func's
            transforms need; "group" is GroupNorm with 8 channels a group (one group where 8 does
            not divide the width), which never looks at the other images of the batch.

    Returns:
        Module (B, in_channels, H, W) -> (B, D) for any H, W >= 8.

    Raises:
        TypeError: a size that is no whole number.
        ValueError: a size below 1, no widths, or an unknown norm.
    """
    in_channels = _validate.count("in_channels", in_channels)
    widths = _validate.counts("widths", widths)
    out_features = _validate.count("out_features", out_features)
    _validate.choice("norm", norm, NORMS)
    blocks = []
    for n_in, n_out in zip((in_channels, *widths[:-1]), widths, strict=True):
        # no bias: the norm that follows brings its own
        convolution = nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False)
        blocks.append(nn.Sequential(convolution, _norm(norm, n_out), nn.ReLU()))
    return nn.Sequential(*blocks, AverageAndMaxPool(), nn.Linear(2 * widths[-1], out_features))


def projection_head(
    in_features: int, *, hidden: int = 128, out_features: int = 64, batch_norm: bool = False
) -> nn.Sequential:
    r"""Projection head: maps a representation h to the space z in which a loss compares.

    .. math:: z = W_2\,\mathrm{ReLU}(W_1 h)

    Args:
        in_features: D, features of the representation.
        hidden: features of the hidden layer.
        out_features: P, features of the projection.
        batch_norm: BatchNorm1d after the first layer, as BYOL's projector has it; False is SimCLR's
            equation.

    Returns:
        Module (B, D) -> (B, P), not normalised.

    Raises:
        TypeError, ValueError: as `mlp`.

    Source: Chen et al. 2020, arXiv:2002.05709, Section 2.1, here with biases.
    """
    sizes = {"in_features": in_features, "hidden": hidden, "out_features": out_features}
    return mlp(*_counted(sizes), batch_norm=batch_norm)


def prediction_head(
    in_features: int, *, hidden: int = 128, out_features: int | None = None, batch_norm: bool = True
) -> nn.Sequential:
    r"""Prediction head: maps the online network's projection to a guess of the target network's.

    .. math:: p = W_2\,\mathrm{ReLU}(\mathrm{BatchNorm}(W_1 z))

    Args:
        in_features: P, features of the projection.
        hidden: features of the hidden layer.
        out_features: features of the prediction; None for in_features.
        batch_norm: False leaves the normalisation out.

    Returns:
        Module (B, P) -> (B, out_features), not normalised.

    Raises:
        TypeError, ValueError: as `mlp`.

    Source: Grill et al. 2020, arXiv:2006.07733, Section 3.3 (there 4096 hidden and 256 output
        features).
    """
    out_features = in_features if out_features is None else out_features
    sizes = {"in_features": in_features, "hidden": hidden, "out_features": out_features}
    return mlp(*_counted(sizes), batch_norm=batch_norm)


class LogSpectrogram(nn.Module):
    r"""Cuts a wave into frames and says how loud each pitch is in it, in steps of a semitone.

    .. math:: \log\Big(1 + 20 \sum_f w_{b,f} \, |\mathrm{FFT}(\text{Hann} \cdot x_t)|_f\Big)

    Band b takes the frequencies around low * 2 ** (b / 12), a semitone up and down. A melody in a
    higher key is about the same figure some bands higher; also a sharper one, because a short
    window cannot tell low pitches well. Nothing in it is trained.

    Args:
        sample_rate: samples a second.
        window: samples of a frame.
        hop: samples from one frame's beginning to the next one's.
        bands: F, of a semitone each.
        low: > 0, hertz of the lowest band.

    Returns:
        Module (B, 1, samples >= window) -> (B, T, F), T = 1 + (samples - window) // hop.

    Raises:
        TypeError, ValueError: an argument is not as described, a band lies above half the sample
            rate, or window is too short for the lowest; by the module, waves that are not
            (B >= 1, 1, samples >= window).
    """

    weight: Tensor  # (frequencies, F)
    taper: Tensor  # (window,)

    def __init__(
        self,
        sample_rate: int = 4000,
        *,
        window: int = 256,
        hop: int = 256,
        bands: int = 50,
        low: float = 100.0,
    ):
        super().__init__()
        sample_rate = _validate.count("sample_rate", sample_rate)
        window, self.hop = (
            _validate.count("window", window, at_least=2),
            _validate.count("hop", hop),
        )
        bands = _validate.count("bands", bands)
        low = float(_validate.number("low", low, above=0))
        middle = low * 2 ** (torch.arange(bands) / 12)  # (F,) hertz
        if middle[-1] > sample_rate / 2:
            raise ValueError(
                f"bands must stay below {sample_rate / 2:g} hertz, got {middle[-1]:.0f}"
            )
        self.points = 4 * window  # of the transform: padded, so that low bands have frequencies too
        frequency = torch.arange(self.points // 2 + 1) * sample_rate / self.points
        semitones = 12 * (frequency.clamp(min=1e-3)[:, None] / middle).log2().abs()
        weight = (1 - semitones).clamp(min=0)  # triangles
        if (weight.sum(0) == 0).any():
            raise ValueError(f"window must be longer for bands from {low:g} hertz on, got {window}")
        weight = weight / weight.sum(0) * 4 / window
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("taper", torch.hann_window(window), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        window = len(self.taper)
        _validate.shaped("waves", _validate.floats("waves", waves), "B", 1, "samples", at_least=1)
        if waves.shape[2] < window:
            raise ValueError(f"waves must have at least {window} samples, got {waves.shape[2]}")
        pieces = (
            waves[:, 0].to(self.taper.dtype).unfold(1, window, self.hop) * self.taper
        )  # (B, T, window)
        spectrum = torch.fft.rfft(pieces, n=self.points).abs()  # (B, T, frequencies)
        return torch.log1p(20 * spectrum @ self.weight)


def resnet18() -> nn.Module:
    """torchvision's ResNet-18, untrained, adapted to images of about 32x32, such as CIFAR-10's.

    The first convolution is 3x3 with stride 1 and no max-pooling follows, because the original ones
    would shrink such images to 8x8 before the first block; the classifier is left out.

    Returns:
        Module (B, 3, H, W) -> (B, 512).

    Source: He et al. 2016, arXiv:1512.03385; adapted as in Chen et al. 2020, arXiv:2002.05709,
        Appendix B.9.
    """
    # here, because it takes a second to import
    from torchvision.models import resnet18 as imagenet_resnet18

    network = imagenet_resnet18(weights=None)
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    network.fc = nn.Identity()
    return network


class InContext(nn.Module):
    r"""Reads a task's support and answers its queries in one forward pass, without a gradient step.

    Support points and queries become tokens. In every block each of them looks at the support,

    .. math:: t \leftarrow t + \sum_i \mathrm{softmax}_i\big(q(t) \cdot k(s_i) / \sqrt d\big) v(s_i)

    with a softmax of its own in each head, of d = width / heads numbers, whose sums a linear layer
    joins; and then it passes through a small network of its own. Tokens are normalised before both.
    Nobody looks at a query. So the answer to a query depends neither on the other queries nor on
    the order of the support, and the support may have any size.

    Args:
        width: of the tokens; a multiple of heads.
        heads: of each attention.
        blocks: attention and small network after each other, this many times.

    Returns:
        Module (x_support, y_support, x_query) -> (T, M, 1) for T tasks with N >= 1 support points
        and M queries: (T, N, 1), (T, N, 1) and (T, M, 1).

    Raises:
        TypeError: a size that is no whole number; by the module, what is no floating-point tensor.
        ValueError: a size below 1, or width is no multiple of heads; by the module, other shapes.

    Source: Müller et al. 2022, arXiv:2112.10510, Figure 1: queries look at the support only; here
        without a distribution as output, so that the squared error trains the posterior mean.
    """

    def __init__(self, *, width: int = 32, heads: int = 2, blocks: int = 2):
        super().__init__()
        width, heads = _validate.count("width", width), _validate.count("heads", heads)
        blocks = _validate.count("blocks", blocks)
        if width % heads:
            raise ValueError(f"heads must divide width, got {heads} heads and width {width}")
        self.point = _hidden(2, width, width)
        self.query = _hidden(1, width, width)
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(blocks))
        self.answer = nn.Linear(width, 1)

    def forward(self, x_support: Tensor, y_support: Tensor, x_query: Tensor) -> Tensor:
        """(T, N, 1), (T, N, 1) and (T, M, 1) -> (T, M, 1), the answers to the queries."""
        _validate.shaped("x_support", _validate.floats("x_support", x_support), "T", "N", 1)
        n_tasks, size, _ = x_support.shape
        _validate.shaped("y_support", _validate.floats("y_support", y_support), n_tasks, size, 1)
        _validate.shaped("x_query", _validate.floats("x_query", x_query), n_tasks, "M", 1)
        if size < 1:
            raise ValueError(f"x_support must hold a point, got shape {tuple(x_support.shape)}")
        support = self.point(torch.cat([x_support, y_support], -1))  # (T, N, width)
        query = self.query(x_query)  # (T, M, width)
        for block in self.blocks:
            support, query = block(support, support), block(query, support)
        return self.answer(query)


class _Block(nn.Module):
    """One block of `InContext`: tokens (T, L, width) look at the support (T, N, width)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.join = (nn.Linear(width, width) for _ in range(4))
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.think = _hidden(width, 2 * width, width)

    def forward(self, tokens: Tensor, support: Tensor) -> Tensor:
        seen, own = self.before(support), self.before(tokens)
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (T, heads, L or N, d)
            for part in (self.q(own), self.k(seen), self.v(seen))
        )
        found = F.scaled_dot_product_attention(q, k, v)
        tokens = tokens + self.join(found.transpose(1, 2).flatten(2))
        return tokens + self.think(self.between(tokens))


class TextEncoder(nn.Module):
    r"""Reads the words of a text, lets each look at all others, and averages what they say.

    In every block each word looks at the words of its own text, as in `InContext`; the average is
    over the words that are there, and a linear layer gives it the width of the images' projection.
    Without blocks and places it is a bag of words: the order does not count.

    Args:
        n_words: size of the vocabulary; word 0 means that there is none.
        out_features: P, features of the projection.
        width: of the words' vectors; a multiple of heads.
        heads: of each attention.
        blocks: >= 0.
        longest: words of the longest text that has places; later words share the last place.
        dropout: in [0, 1), share of the numbers that is left out at random in training, of the
            words' vectors and of each block's answer.

    Returns:
        Module (B, L) -> (B, P): whole numbers below n_words, filled up with 0.

    Raises:
        TypeError: a size that is no whole number.
        ValueError: a size below 1, dropout outside [0, 1), or width is no multiple of heads; by a
            call, a text without a word, or a number that is no word.
    """

    def __init__(
        self,
        n_words: int,
        *,
        out_features: int = 64,
        width: int = 64,
        heads: int = 2,
        blocks: int = 1,
        longest: int = 16,
        dropout: float = 0.0,
    ):
        super().__init__()
        n_words, width = _validate.count("n_words", n_words), _validate.count("width", width)
        heads, out_features = (
            _validate.count("heads", heads),
            _validate.count("out_features", out_features),
        )
        blocks = _validate.count("blocks", blocks, at_least=0)
        dropout = _validate.strength("dropout", dropout, at_most=1)
        if dropout == 1:
            raise ValueError("dropout must be below 1, got 1: no word would be left")
        if width % heads:
            raise ValueError(f"heads must divide width, got {heads} heads and width {width}")
        self.words = nn.Embedding(n_words, width)
        self.places = nn.Embedding(_validate.count("longest", longest), width)
        self.blocks = nn.ModuleList(_WordBlock(width, heads, dropout) for _ in range(blocks))
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(width, out_features)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = _validate.tokens("tokens", tokens, size=self.words.num_embeddings)
        there = tokens > 0  # (B, L)
        if not _validate.holds(there.any(1).all()):
            raise ValueError("tokens must have a word in every text, got a text of zeros")
        place = torch.arange(tokens.shape[1], device=tokens.device)
        words = self.words(tokens)
        if self.blocks:
            words = words + self.places(place.clamp(max=self.places.num_embeddings - 1))
        words = self.dropout(words)
        for block in self.blocks:
            words = block(words, there)
        summed = (words * there[..., None]).sum(1)
        return self.answer(summed / there.sum(1, keepdim=True))


class _WordBlock(nn.Module):
    """One block of `TextEncoder`: words (B, L, width) look at the words of their own text."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.qkv, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.think = _hidden(width, 2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor, there: Tensor) -> Tensor:
        qkv = self.qkv(self.before(words)).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, L, d) each
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None])
        words = words + self.dropout(self.join(found.transpose(1, 2).flatten(2)))
        return words + self.dropout(self.think(self.between(words)))


class AverageAndMaxPool(nn.Module):
    """Joins each channel's average and maximum over the image: (B, C, H, W) -> (B, 2C)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean((-2, -1)), x.amax((-2, -1))], -1)


def _hidden(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, n_hidden), nn.GELU(), nn.Linear(n_hidden, n_out))


def _counted(sizes: dict[str, int]) -> list[int]:
    return [_validate.count(name, size) for name, size in sizes.items()]


def _norm(name: str, channels: int) -> nn.Module:
    if name == "batch":
        return nn.BatchNorm2d(channels)
    if name == "batch_no_stats":
        return nn.BatchNorm2d(channels, track_running_stats=False)
    return nn.GroupNorm(channels // 8 if channels % 8 == 0 else 1, channels)
