"""Short melodies whose class is the tune, whatever the key and the instrument."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.data.cache import on_cpu
from mlteach.data.dataset import checked_rows

# Two chords, each in four orders, in semitones above the key note: the notes alone do not tell the
# tune.
TUNES = (
    *((0, 4, 7, 12), (0, 12, 7, 4), (0, 7, 4, 12), (0, 12, 4, 7)),
    *((0, 2, 7, 9), (0, 9, 7, 2), (0, 7, 2, 9), (0, 9, 2, 7)),
)
SAMPLE_RATE = 4000  # samples a second
NOTE = 256  # samples of a note
HARMONICS = 4
LOWEST = 110.0  # hertz of the lowest key note


@dataclass(frozen=True, eq=False, repr=False)
class Sequences:
    """N labelled sound waves in memory.

    Args:
        name: what the set is called.
        waves: (N, 1, samples) float32 in [-1, 1].
        labels: (N,) int64, 0..C-1.
        classes: name of each of the C labels.
        factors: (N,) each: what else is known of a wave.
        sample_rate: samples a second, to play a wave.

    Raises:
        TypeError, ValueError: the lengths differ, waves are not in [-1, 1], a label has no class,
            or a factor is no row of finite numbers.
    """

    name: str
    waves: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    factors: dict[str, Tensor]
    sample_rate: int

    def __post_init__(self):
        waves = _validate.floats("waves", _validate.as_tensor("waves", self.waves)).float()
        _validate.shaped("waves", waves, "N", 1, "samples", at_least=0)
        if waves.numel() and not waves.abs().max() <= 1:  # NaN is not
            low, high = (end.item() for end in waves.aminmax())
            raise ValueError(f"waves must be in [-1, 1], got values from {low:.4g} to {high:.4g}")
        _validate.count("sample_rate", self.sample_rate)
        checked = checked_rows(self.name, waves, self.labels, self.classes, self.factors)
        for name, value in {"waves": waves, **checked}.items():
            object.__setattr__(self, name, value)  # the fields are frozen for everybody else

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        seconds = self.waves.shape[-1] / self.sample_rate
        factors = ", ".join(self.factors) or "none"
        return (
            f"Sequences {self.name}: {len(self):,} of {seconds:.2f} s, "
            f"{len(self.classes)} classes, factors: {factors}"
        )


@on_cpu
def tones(n: int = 2000, seed: int = 0, *, n_notes: int = 12, noise: float = 0.3) -> Sequences:
    """Plays a tune of four notes again and again: whoever knows it can foretell the next note.

    A wave starts anywhere in its tune, in any key of an octave, on an instrument of its own, and
    each note with phases of its own: neither a sample nor a single note tells the class.

    Args:
        n: number of waves, >= 1.
        seed: the same arguments give the same waves, to the bit, on every machine.
        n_notes: notes of a wave, >= 1, each of 256 samples (64 ms).
        noise: standard deviation of the noise, where that of the tune is 1.

    Returns:
        Waves (n, 1, 256 n_notes), multiples of 1/32767; labels index TUNES. Factors: "tune" (the
        label), "key" (in semitones, 0 to 12), "start" (where in the tune, in notes, 0 to 4),
        "timbre" (strength of each harmonic as a share of the one below, 0.2 to 0.8).

    Raises:
        TypeError: n, n_notes or seed is no whole number, or noise is no number.
        ValueError: n or n_notes is below 1, seed is not in 0 ... 2**32 - 1, or noise is
            negative or above a million.
    """
    n, n_notes = _validate.count("n", n), _validate.count("n_notes", n_notes)
    seed, noise = _validate.seed("seed", seed), _validate.strength("noise", noise, at_most=1e6)
    # All in float64, rounded to 16 bits at the end: the last bits, in which machines differ, do not
    # survive.
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *extra: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *extra, generator=generator, dtype=torch.float64)

    tune, start = uniform(0, len(TUNES)).long(), uniform(0, 4 * NOTE).long()  # start in samples
    key, timbre = uniform(0, 12), uniform(0.2, 0.8)
    # one more, as most waves start within a note
    notes = start[:, None] // NOTE + torch.arange(n_notes + 1)
    steps = torch.tensor(TUNES)[tune[:, None], notes % 4]  # (n, n_notes + 1)
    hertz = LOWEST * 2 ** ((key[:, None] + steps) / 12)
    time = torch.arange(NOTE, dtype=torch.float64)
    waves = torch.zeros(n, n_notes + 1, NOTE, dtype=torch.float64)
    for harmonic in range(1, HARMONICS + 1):
        cycles = harmonic * hertz[..., None] / SAMPLE_RATE * time + uniform(0, 1, n_notes + 1, 1)
        waves += timbre[:, None, None] ** (harmonic - 1) * torch.sin(math.tau * cycles)
    waves *= (time / 16).clamp(max=1) * torch.exp(-2 * time / NOTE)  # struck, then fading
    waves = waves.flatten(1).gather(1, start[:, None] % NOTE + torch.arange(n_notes * NOTE))
    hiss = uniform(-math.sqrt(3), math.sqrt(3), n_notes * NOTE)
    waves = waves / waves.std(1, keepdim=True) + noise * hiss
    waves = (waves / 5).clamp(-1, 1).mul(32767).round().float().div(32767)
    factors = {"tune": tune, "key": key.float(), "start": start / NOTE, "timbre": timbre.float()}
    classes = tuple("-".join(map(str, notes)) for notes in TUNES)
    return Sequences("tones", waves[:, None], tune, classes, factors, SAMPLE_RATE)
