"""Sounds on the page: players for waves, slower at the same pitch, and a wave's spectrogram.

A player's sound is part of its own text, so that nothing is fetched from anywhere, and none plays
by itself. A cell keeps the figure only: players live as long as the kernel.
"""

from __future__ import annotations

import base64
import html
import io
import math
import wave as wav
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, HOP = 256, 32  # samples of a spectrum, and from one to the next
GRAIN, REACH = 128, 40  # samples of a piece of sound, and how far it may be moved
LEAST_RATE = 8000  # samples a second that every browser plays
DECIBELS = 40  # below the loudest that a spectrogram shows
HEARD = "It can be heard then, too."  # above the saved figure, which has no players
SHORTEST = 1.0  # seconds: a player shows whole ones, and an ear needs a quarter for a pitch
# two sounds at once are none: the one that starts stops the others of the page
ALONE = (
    "for (const other of document.querySelectorAll('.mlteach-players audio'))"
    " if (other !== this) other.pause()"
)


def spectrogram(wave: Tensor) -> np.ndarray:
    """(samples,) -> (WINDOW / 2 + 1, spectra) from 0, silence, to 1, the loudest; low notes first.

    The logarithm of the power, down to 40 decibels below the loudest.
    """
    window = torch.hann_window(WINDOW, dtype=wave.dtype)
    options = {"window": window, "pad_mode": "constant", "return_complex": True}
    power = torch.stft(wave, WINDOW, HOP, **options).abs().square()
    decibels = 10 * (power / power.max().clamp(min=1e-12)).clamp(min=1e-12).log10()
    return (1 + decibels / DECIBELS).clamp(min=0).numpy()


def slower(wave: Tensor, factor: int) -> Tensor:
    """(samples,) -> (factor x samples,) in which each tone keeps its pitch.

    Short grains, half over one another, each from where the wave is most like what would have
    followed the grain before.

    Source: Verhelst, Roelands 1993, https://doi.org/10.1109/ICASSP.1993.319366 (WSOLA).
    """
    half = GRAIN // 2
    count = math.ceil(factor * len(wave) / half) + 1
    padded = F.pad(wave, (half + REACH, 2 * GRAIN + REACH))
    grains = padded.unfold(0, GRAIN, 1)  # every place where one can begin
    window = torch.hann_window(GRAIN, dtype=wave.dtype)
    out = wave.new_zeros((count + 1) * half)
    place = REACH
    for number in range(count):
        near = number * half // factor
        if number > 0:
            others = grains[near : near + 2 * REACH + 1]
            alike = (others @ grains[place + half]) / (others.norm(dim=1) + 1e-6)
            place = near + int(alike.argmax())
        out[number * half : number * half + GRAIN] += window * grains[place]
    return out[half : half + factor * len(wave)]


def audible(wave: Tensor, sample_rate: int, factor: int) -> Tensor:
    """Slower by so much, or by more where a piece would be too short to hear its pitch."""
    least = math.ceil(SHORTEST * sample_rate / max(len(wave), 1))
    return slower(wave, max(factor, least))


def wav_file(wave: Tensor, sample_rate: int) -> bytes:
    """(samples,) in [-1, 1] as the bytes of a WAV file: one channel of 16 bits."""
    finer = math.ceil(LEAST_RATE / sample_rate)
    if finer > 1:  # the same sound with samples between the samples
        wave = finer * torch.fft.irfft(torch.fft.rfft(wave), n=finer * len(wave))
    buffer = io.BytesIO()
    with wav.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(finer * sample_rate)
        file.writeframes((32767 * wave.clamp(-1, 1)).round().short().numpy().tobytes())
    return buffer.getvalue()


def players(sounds: Mapping[str, Tensor], sample_rate: int) -> str:
    """HTML with a player below the name of each (samples,) wave; an empty wave has none."""
    found = "".join(
        f"<figure><figcaption>{html.escape(name)}</figcaption>{_player(name, wave, sample_rate)}"
        "</figure>"
        for name, wave in sounds.items()
        if len(wave)
    )
    return f'<div class="mlteach-players">{found}</div>'


def _player(name: str, wave: Tensor, sample_rate: int) -> str:
    """JupyterLab must leave the keys to it: the space bar plays, arrows wind."""
    data = base64.b64encode(wav_file(wave, sample_rate)).decode()
    keys = 'data-lm-suppress-shortcuts="true"'
    label = f'aria-label="{html.escape(name)}"'
    alone = f'onplay="{ALONE}"'
    return f'<audio controls {label} {keys} {alone} src="data:audio/wav;base64,{data}"></audio>'
