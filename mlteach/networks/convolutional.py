"""Encoders of images and the heads behind them, as plain `nn.Sequential`s."""

from __future__ import annotations

from collections.abc import Sequence

import torch
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


class AverageAndMaxPool(nn.Module):
    """Joins each channel's average and maximum over the image: (B, C, H, W) -> (B, 2C)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean((-2, -1)), x.amax((-2, -1))], -1)


def _counted(sizes: dict[str, int]) -> list[int]:
    return [_validate.count(name, size) for name, size in sizes.items()]


def _norm(name: str, channels: int) -> nn.Module:
    if name == "batch":
        return nn.BatchNorm2d(channels)
    if name == "batch_no_stats":
        return nn.BatchNorm2d(channels, track_running_stats=False)
    return nn.GroupNorm(channels // 8 if channels % 8 == 0 else 1, channels)
