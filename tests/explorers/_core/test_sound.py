"""Sounds of the explorers: a WAV file of the same numbers, slower at the same pitch, players."""

import base64
import io
import math
import re
import wave as wav

import numpy as np
import pytest
import torch

from mlteach import data
from mlteach.explorers._core import sound

RATE = 4000


def tone(hertz, samples=RATE, *, rate=RATE):
    time = torch.arange(samples, dtype=torch.float64) / rate
    return 0.5 * (math.tau * hertz * time).sin()


def pitch(wave, rate=RATE):
    """Hertz of the strongest frequency."""
    return torch.fft.rfft(wave).abs().argmax().item() * rate / len(wave)


def read(file):
    with wav.open(io.BytesIO(file)) as opened:
        assert (opened.getnchannels(), opened.getsampwidth()) == (1, 2)
        samples = np.frombuffer(opened.readframes(opened.getnframes()), "<i2")
        return samples / 32767, opened.getframerate()


@pytest.mark.parametrize("factor", [1, 2, 4, 7])
@pytest.mark.parametrize("hertz", [110, 331, 800])
def test_slower_keeps_pitch_and_loudness(hertz, factor):
    long = sound.slower(tone(hertz), factor)
    assert len(long) == factor * RATE
    assert pitch(long) == pytest.approx(hertz, abs=1.5)
    assert long[200:-200].std().item() == pytest.approx(0.5 * 0.5**0.5, rel=0.05)
    assert long.abs().max() < 0.6


def test_at_a_factor_of_one_a_wave_stays():
    wave = data.tones(1).waves[0, 0].double()
    assert torch.allclose(sound.slower(wave, 1), wave, atol=1e-6)


def test_notes_keep_their_order_and_become_longer():
    notes = torch.cat([tone(hertz, 512) for hertz in (200, 500, 300)])
    long = sound.slower(notes, 4)
    middles = [long[start + 512 : start + 1536] for start in (0, 2048, 4096)]
    assert [pitch(part) for part in middles] == pytest.approx([200, 500, 300], abs=4)


@pytest.mark.parametrize("samples", [1, 3, 64, 256])
def test_a_short_piece_lasts_long_enough_to_be_heard(samples):
    """And for a whole second: of less a player says 0:00."""
    heard = sound.audible(tone(440, samples), RATE, 4)
    assert len(heard) >= RATE
    assert len(heard) % samples == 0
    assert heard.isfinite().all()


def test_a_long_piece_is_slower_by_the_factor():
    assert len(sound.audible(tone(440), RATE, 4)) == 4 * RATE


@pytest.mark.parametrize("rate", [8000, 44100])
def test_a_wav_file_holds_the_wave(rate):
    wave = tone(440, 500, rate=rate)
    samples, found = read(sound.wav_file(wave, rate))
    assert found == rate
    assert samples == pytest.approx(wave.numpy(), abs=1 / 32767)


@pytest.mark.parametrize("rate", [1000, 4000])
def test_a_slow_rate_becomes_one_that_browsers_play(rate):
    """With samples between the samples, which stay: a band-limited sound has only one way."""
    wave = tone(rate / 20, rate, rate=rate)
    samples, found = read(sound.wav_file(wave, rate))
    assert found == 8000
    assert len(samples) == 8000
    assert samples[:: 8000 // rate] == pytest.approx(wave.numpy(), abs=1e-4)
    assert pitch(torch.tensor(samples), 8000) == pytest.approx(rate / 20)


def test_what_is_too_loud_is_cut_and_does_not_wrap():
    samples, _ = read(sound.wav_file(torch.tensor([0.0, 3.0, -3.0, 1.0]), 8000))
    assert samples == pytest.approx([0, 1, -1, 1])


def test_players_carry_their_sounds_and_their_names():
    made = sound.players({"A & B": tone(440, 100), "none": tone(440, 0)}, 8000)
    assert made.count("<audio") == 1
    assert "A &amp; B" in made
    assert 'aria-label="A &amp; B"' in made
    assert "autoplay" not in made
    (data_of,) = re.findall(r'src="data:audio/wav;base64,([^"]*)"', made)
    samples, _ = read(base64.b64decode(data_of))
    assert samples == pytest.approx(tone(440, 100).numpy(), abs=1 / 32767)
    assert "http" not in made


def test_a_spectrogram_is_darkest_at_the_pitch():
    dark = sound.spectrogram(tone(1000))
    assert dark.shape == (129, 1 + RATE // 32)
    assert (dark.min(), dark.max()) == (0, pytest.approx(1))
    assert (dark[:, 10:-10].argmax(0) == 64).all()  # 1000 of 2000 Hz


def test_silence_is_white():
    assert sound.spectrogram(torch.zeros(1000, dtype=torch.float64)).max() == 0
