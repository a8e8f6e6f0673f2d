"""The data sets: most are made here from a seed, so that every chapter runs offline.

`folder` and `from_arrays` make one of images of your own.
"""

from mlteach.data.arrays import from_arrays
from mlteach.data.cache import cache_folder
from mlteach.data.captions import CAPTIONED, Words, caption_classes, caption_words, captions
from mlteach.data.cifar10 import cifar10
from mlteach.data.dataset import Dataset
from mlteach.data.digits import digits
from mlteach.data.folder import folder
from mlteach.data.glyphs import SCRIPTS, draw_glyphs, glyphs
from mlteach.data.omniglot import omniglot
from mlteach.data.photographs import PIECES, photographs
from mlteach.data.shapes import shapes
from mlteach.data.sinusoids import Sinusoids, sinusoids
from mlteach.data.tones import Sequences, tones

__all__ = [
    "PIECES",
    "CAPTIONED",
    "SCRIPTS",
    "Dataset",
    "Sequences",
    "Sinusoids",
    "Words",
    "cache_folder",
    "caption_classes",
    "caption_words",
    "captions",
    "cifar10",
    "digits",
    "draw_glyphs",
    "folder",
    "from_arrays",
    "glyphs",
    "omniglot",
    "photographs",
    "shapes",
    "sinusoids",
    "tones",
]
