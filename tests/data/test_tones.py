"""The melodies: the tune is in the wave as its label says, and only in the order of its notes."""

import hashlib
import importlib
import itertools
import math

import pytest
import torch

from mlteach.data import Sequences, tones

# the package holds a function of the same name
module = importlib.import_module("mlteach.data.tones")


def canonical(tune):
    """The same for tunes that differ in key and in the note they start with, and only for those."""
    rotations = [tune[k:] + tune[:k] for k in range(4)]
    return min(tuple(step - rotation[0] for step in rotation) for rotation in rotations)


def test_tunes_differ():
    """No tune is another one in another key or started later: a wave has one label."""
    assert len({canonical(tune) for tune in module.TUNES}) == len(module.TUNES) == 8
    assert (
        canonical((5, 9, 12, 17)) == canonical((7, 12, 0, 4)) == canonical((0, 4, 7, 12))
    )  # what it must not tell apart


def test_notes_alone_do_not_tell_the_tune():
    """Each set of notes belongs to four tunes, so that only the order tells them apart."""
    notes = sorted(tuple(sorted(tune)) for tune in module.TUNES)
    assert [len(list(group)) for _, group in itertools.groupby(notes)] == [4, 4]


def test_every_note_has_its_pitch():
    """The spectrum of each whole note peaks at the pitch, or a multiple, that its factors give.

    A note lasts 64 ms, so its peak is sharp to about 1 / 0.064 = 16 Hz; padded with zeros it is
    located better.
    """
    waves = tones(20, 0, noise=0)
    for i in range(len(waves)):
        tune = module.TUNES[waves.labels[i]]
        key = waves.factors["key"][i]
        start = waves.factors["start"][i]
        first_whole = -int(-start // 1)  # rounded up
        for note in range(first_whole, first_whole + 11):
            begin = round((note - start.item()) * 256)
            # bins of 0.5 Hz
            spectrum = torch.fft.rfft(waves.waves[i, 0, begin : begin + 256], n=8000).abs()
            pitch = 110 * 2 ** ((key.item() + tune[note % 4]) / 12)
            # within 8 Hz, less than two semitones
            near = spectrum[int(2 * pitch) - 16 : int(2 * pitch) + 18]
            assert near.max() > 0.5 * spectrum.max(), (i, note)


def test_contract():
    """Waves (n, 1, 256 n_notes) in [-1, 1], hardly clipped; every tune, key and start occurs."""
    waves = tones(400, 1, n_notes=6)
    assert waves.waves.shape == (400, 1, 6 * 256)
    assert waves.waves.dtype == torch.float32
    assert waves.waves.abs().max() <= 1
    assert (waves.waves.abs() == 1).float().mean() < 1e-4
    # tune 1, noise 0.3, scaled by 5
    assert waves.waves.std() == pytest.approx((1 + 0.3**2) ** 0.5 / 5, rel=0.01)
    assert waves.labels.unique().tolist() == list(range(8))
    assert waves.factors["key"].max() - waves.factors["key"].min() > 11
    assert waves.factors["start"].long().unique().tolist() == [0, 1, 2, 3]
    assert all(values.shape == (400,) for values in waves.factors.values())
    assert len(waves) == 400
    assert repr(waves).startswith("Sequences tones: 400 of 0.38 s, 8 classes")


def test_simple_views_of_the_wave_do_not_give_the_tune_away():
    """With 200 labels the nearest wave finds under 30 % of the tunes, the spectrogram under 60 %.

    Measured 14 and 47 %; chance is 12.5 %. This is what a learned representation has to beat.
    """
    train, test = tones(200, 0), tones(400, 1)

    def accuracy(view):
        nearest = torch.cdist(view(test.waves), view(train.waves)).argmin(1)
        return (train.labels[nearest] == test.labels).float().mean().item()

    def spectrogram(waves):
        frames = waves.flatten(1).unfold(1, 256, 256) * torch.hann_window(256)
        return torch.fft.rfft(frames).abs().log1p().flatten(1)

    assert accuracy(lambda waves: waves.flatten(1)) < 0.3
    assert 0.2 < accuracy(spectrogram) < 0.6


def test_the_same_everywhere():
    """Waves to the bit: 16 bits from float64, which drops what machines differ in.

    The sum was taken once from this code; what the waves hold is held by the tests above.
    """
    waves = tones(50, 3)
    parts = [waves.waves, waves.labels, *waves.factors.values()]
    assert hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).hexdigest() == TONES
    assert not torch.equal(waves.waves, tones(50, 4).waves)


TONES = "7c3dc21fd27939e670c6215f2586c025594b1e64d92b95248fcf4dc20d049a3a"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 0}, "n must be a whole number >= 1, got 0"),
        ({"n_notes": 0}, "n_notes must be a whole number >= 1, got 0"),
        ({"seed": -1}, "seed must be a whole number between 0 and 4294967295, got -1"),
        ({"noise": math.nan}, "noise must be a number in .0, 1e.06., got nan"),
        ({"noise": -0.5}, "noise must be a number in .0, 1e.06., got -0.5"),
    ],
)
def test_bad_arguments(change, message):
    """Errors name the argument, what was given and what is allowed."""
    with pytest.raises(ValueError, match=message):
        tones(**change)


def test_sequences_check_their_parts():
    """By name, before anything is computed from them."""
    good = {"name": "mine", "waves": torch.zeros(2, 1, 8), "labels": [0, 1], "classes": ["a", "b"]}
    good |= {"factors": {}, "sample_rate": 4000}
    made = Sequences(**good)
    assert made.labels.dtype == torch.int64
    assert made.classes == ("a", "b")
    wrong = {
        "waves": torch.full((2, 1, 8), 1.5),
        "labels": [0, 2],
        "classes": "ab",
        "factors": {"key": [1]},
        "sample_rate": 0.5,
    }
    for name, value in wrong.items():
        with pytest.raises((ValueError, TypeError), match=name):
            Sequences(**good | {name: value})
    with pytest.raises(ValueError, match=r"waves must be \(N, 1, samples\)"):
        Sequences(**good | {"waves": torch.zeros(2, 8)})
