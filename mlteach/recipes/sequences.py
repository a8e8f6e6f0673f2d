"""How the future teaches the tunes of melodies in about 10 seconds on one processor thread.

>>> method = sequences.train("CPC", seed=0)
>>> sequences.measured(method)  # {"knn": ..., "tune": ..., "key": ..., "timbre": ...}
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.data import Sequences, tones
from mlteach.evaluate import features, knn_accuracy, linear_probe
from mlteach.networks import LogSpectrogram
from mlteach.recipes.batches import draw_index
from mlteach.selfsup import CPC, NextFrame
from mlteach.training import fit, seed_everything

BANDS, WIDTH, CONTEXT = 50, 64, 128
STEPS, HORIZON = 4, 8  # frames ahead, and how many follow: two rounds of a tune of four notes
LABELS = 200  # that may be seen of the tunes
MANY = 2000  # that may be seen of key and timbre


def frame_encoder(*, width: int = WIDTH) -> nn.Sequential:
    """(B, 1, samples) -> (B, T, width): a frame a note, its pitches, and a small network of these.

    LayerNorm, because through a batch's statistics one melody would leak into another.
    """
    hidden = 2 * _validate.count("width", width)
    layers = nn.Linear(BANDS, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, width)
    return nn.Sequential(LogSpectrogram(bands=BANDS), *layers)


class Recipe(NamedTuple):
    """A method, how long it is trained, and what it reaches with 200 labels of tunes."""

    method: Callable[[], nn.Module]
    steps: int
    knn: float  # floors, three to five points below the worst of five seeds
    tune: float


def _cpc(negatives: str) -> CPC:
    context = nn.GRU(WIDTH, CONTEXT, batch_first=True)
    return CPC(frame_encoder(), context, steps=STEPS, horizon=HORIZON, negatives=negatives)


def _next_frame() -> NextFrame:
    context, target = nn.GRU(WIDTH, CONTEXT, batch_first=True), LogSpectrogram(bands=BANDS)
    return NextFrame(frame_encoder(), context, target, target_features=BANDS, steps=STEPS)


RECIPES = {
    "CPC": Recipe(partial(_cpc, "later"), steps=300, knn=0.91, tune=0.84),
    "CPC of one melody": Recipe(partial(_cpc, "sequence"), steps=300, knn=0.91, tune=0.84),
    "CPC of other melodies": Recipe(partial(_cpc, "batch"), steps=300, knn=0.25, tune=0.57),
    "NextFrame": Recipe(_next_frame, steps=300, knn=0.27, tune=0.51),
}


@cache
def melodies() -> tuple[Sequences, Sequences]:
    """Melodies of 16 notes to train with, the first 2,000 of which may show labels; and to test."""
    return tones(4000, seed=0, n_notes=16), tones(1000, seed=1, n_notes=16)


def build(name: str, *, seed: int = 0) -> nn.Module:
    """The method as its training begins.

    Args:
        name: of RECIPES.
        seed: of the first weights.
    """
    _validate.choice("name", name, RECIPES)
    seed_everything(seed)
    return RECIPES[name].method()


def draw_waves(waves: Tensor, *, batch_size: int = 64) -> Callable[[Generator], tuple[Tensor]]:
    """A draw for `fit`: random sequences, with replacement, as they are.

    Args:
        waves: (N >= 1, ...).
        batch_size: B >= 1.
    """
    waves = _validate.floats("waves", _validate.as_tensor("waves", waves))
    if waves.dim() < 2 or len(waves) == 0:
        raise ValueError(f"waves must be (N >= 1, ...), got shape {tuple(waves.shape)}")
    batch_size = _validate.count("batch_size", batch_size)

    def draw(generator: Generator) -> tuple[Tensor]:
        return (waves[draw_index(waves, batch_size, generator)],)

    return draw


def train(name: str, *, seed: int = 0, steps: int | None = None) -> nn.Module:
    """The method after training by its recipe.

    Args:
        name: of RECIPES.
        seed: of the first weights and of the training.
        steps: None for those of the recipe, which the floors are for.
    """
    method = build(name, seed=seed)
    draw = draw_waves(melodies()[0].waves)
    fit(
        method,
        draw,
        steps=RECIPES[name].steps if steps is None else steps,
        seed=seed,
        progress=False,
    )
    return method


def measured(encoder: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """The nearest neighbour's and the probe's tune, with 200 labels; probes of key and timbre.

    Shares of 1,000 melodies. Key and timbre are cut into four parts of equal size and get 2,000
    labels, so that their chance level is 1/4; that of the tunes is 1/8.
    """
    train, test = melodies()
    z, z_test = features(encoder, train.waves[:MANY]), features(encoder, test.waves)
    few = z[:LABELS], train.labels[:LABELS], z_test, test.labels
    return {
        "knn": knn_accuracy(*few, k=1),
        "tune": linear_probe(*few),
        "key": linear_probe(z, quarters(train, "key")[:MANY], z_test, quarters(test, "key")),
        "timbre": linear_probe(
            z, quarters(train, "timbre")[:MANY], z_test, quarters(test, "timbre")
        ),
    }


def quarters(sequences: Sequences, factor: str) -> Tensor:
    """(N,) which of four equal parts of its range the "key" or "timbre" of `tones` lies in."""
    low, high = {"key": (0.0, 12.0), "timbre": (0.2, 0.8)}[factor]
    share = (sequences.factors[factor] - low) / (high - low)
    return (4 * share).long().clamp(0, 3)
