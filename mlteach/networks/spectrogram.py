"""The pitches of a wave, frame by frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mlteach import _validate


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
        # in 16 bits there is no Fourier transform; float32 and float64 stay as they are
        taper = self.taper if self.taper.element_size() > 2 else self.taper.float()
        pieces = waves[:, 0].to(taper.dtype).unfold(1, window, self.hop) * taper  # (B, T, window)
        spectrum = torch.fft.rfft(pieces, n=self.points).abs()  # (B, T, frequencies)
        loud = torch.log1p(20 * spectrum @ self.weight.to(taper.dtype))
        return loud.to(self.taper.dtype)
