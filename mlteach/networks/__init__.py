"""Small encoders and heads, to be read in the order the data meets them.

For the same weights again, call `torch.manual_seed` before building.
"""

from mlteach.networks.attention import InContext, TextEncoder
from mlteach.networks.convolutional import (
    NORMS,
    AverageAndMaxPool,
    conv_encoder,
    mlp,
    prediction_head,
    projection_head,
    resnet18,
)
from mlteach.networks.modes import in_mode
from mlteach.networks.spectrogram import LogSpectrogram

__all__ = [
    "NORMS",
    "AverageAndMaxPool",
    "InContext",
    "LogSpectrogram",
    "TextEncoder",
    "conv_encoder",
    "in_mode",
    "mlp",
    "prediction_head",
    "projection_head",
    "resnet18",
]
