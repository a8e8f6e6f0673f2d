"""The data sets: most are made here from a seed, so that every chapter runs offline."""

from mlteach.data.cache import cache_folder
from mlteach.data.cifar10 import cifar10
from mlteach.data.dataset import Dataset
from mlteach.data.digits import digits
from mlteach.data.glyphs import SCRIPTS, draw_glyphs, glyphs
from mlteach.data.omniglot import omniglot
from mlteach.data.shapes import shapes
from mlteach.data.sinusoids import Sinusoids, sinusoids
from mlteach.data.tones import Sequences, tones

__all__ = [
    "SCRIPTS",
    "Dataset",
    "Sequences",
    "Sinusoids",
    "cache_folder",
    "cifar10",
    "digits",
    "draw_glyphs",
    "glyphs",
    "omniglot",
    "shapes",
    "sinusoids",
    "tones",
]
