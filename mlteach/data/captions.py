"""Captions of the shapes, with a choice of words, and the words as numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import torch
from torch import Tensor

from mlteach import _validate
from mlteach.data.cache import on_cpu
from mlteach.data.dataset import Dataset

# Classes of what a caption tells; each with its words, the first of which is the plain one. A text
# may name a class by any of them.
CAPTIONED: dict[str, tuple[tuple[str, ...], ...]] = {
    "size": (("small", "little"), ("medium", "middling"), ("large", "big")),
    "hue": (
        ("red", "crimson"),
        ("yellow", "golden"),
        ("green", "jade"),
        ("cyan", "turquoise"),
        ("blue", "cobalt"),
        ("magenta", "pink"),
    ),
    "shape": (
        ("disc", "circle"),
        ("ring", "hoop"),
        ("square", "block"),
        ("triangle", "wedge"),
        ("star", "pentagram"),
        ("cross", "plus"),
        ("heart", "sweetheart"),
        ("moon", "crescent"),
    ),
    "place": (
        ("middle", "centre"),
        ("upper left", "top left"),
        ("upper right", "top right"),
        ("lower left", "bottom left"),
        ("lower right", "bottom right"),
    ),
}
SENTENCES = (
    "a {size} {hue} {shape}, {place}",
    "{place}: a {size} {hue} {shape}",
    "a {hue} {shape}, {size}, in the {place}",
    "in the {place} there is a {size} {shape} in {hue}",
)
SIZE_ENDS = (0.565, 0.685)  # thirds of the sizes from 0.45 to 0.8
MIDDLE = 0.2  # of both x and y: a fifth of all places
PADDING, UNKNOWN = 0, 1


@on_cpu
def captions(dataset: Dataset, seed: int = 0, *, wording: str = "varied") -> list[str]:
    """A sentence for each of the shapes: "a small red star, upper left".

    It tells size, hue, shape and place. Each has two names, and there are four sentences to put
    them in: one meaning can be said in many ways. What else an image has (rotation, background,
    whether it is bright on dark) no caption tells.

    Args:
        dataset: N images that `shapes` made.
        seed: of the choice of words: the same arguments give the same captions on every machine.
        wording: "varied" chooses sentence and words at random, "plain" always takes the first,
            "other" the second words in a random sentence but the first.

    Returns:
        N texts, in the order of the images.

    Raises:
        TypeError, ValueError: dataset is none that `shapes` made, seed is not in 0 ... 2**32 - 1,
            or wording is another.
    """
    wording = _validate.choice("wording", wording, ("varied", "plain", "other"))
    seed = _validate.seed("seed", seed)
    classes = caption_classes(dataset)
    generator = torch.Generator().manual_seed(seed)
    # in float64, as everywhere in the data: the same draws on every machine
    drawn = torch.rand(len(dataset), 1 + len(CAPTIONED), generator=generator, dtype=torch.float64)
    sentences = (drawn[:, 0] * len(SENTENCES)).long()
    second = (drawn[:, 1:] * 2).long()  # (N, 4) which of two words
    if wording == "plain":
        sentences, second = torch.zeros_like(sentences), torch.zeros_like(second)
    if wording == "other":
        sentences = 1 + (drawn[:, 0] * (len(SENTENCES) - 1)).long()
        second = torch.ones_like(second)
    texts = []
    for n, (sentence, choices) in enumerate(zip(sentences.tolist(), second.tolist(), strict=True)):
        words = {
            factor: names[classes[factor][n]][choice]
            for (factor, names), choice in zip(CAPTIONED.items(), choices, strict=True)
        }
        texts.append(SENTENCES[sentence].format(**words))
    return texts


def caption_classes(dataset: Dataset) -> dict[str, Tensor]:
    """What the captions tell, as classes, (N,) each: "size", "hue", "shape" and "place".

    The names of each class are in `CAPTIONED`, in the same order. Hues are sixths of the circle
    about the pure colours, sizes thirds; the place is the middle or one of the four corners.

    Raises:
        TypeError, ValueError: dataset is none that `shapes` made.
    """
    factors = _validate.instance("dataset", dataset, Dataset, "a Dataset").factors
    if missing := {"hue", "size", "x", "y"} - set(factors):
        raise ValueError(f"dataset must be made by shapes, got one without {sorted(missing)}")
    x, y = factors["x"], factors["y"]  # y points down
    corner = 1 + (x > 0).long() + 2 * (y > 0).long()
    return {
        "size": torch.bucketize(factors["size"], factors["size"].new_tensor(SIZE_ENDS)),
        "hue": (6 * factors["hue"] + 0.5).long() % 6,
        "shape": dataset.labels,
        "place": corner.masked_fill((x.abs() < MIDDLE) & (y.abs() < MIDDLE), 0),
    }


class Words:
    """A vocabulary: texts in, the numbers of their words out.

    ``words(["a red star"])`` is a (1, 3) tensor. Letters are lowered and signs dropped. A word that
    the vocabulary lacks gets the number 1; ``words.unknown(text)`` names those of a text.

    Args:
        texts: the vocabulary is all their words.

    Raises:
        TypeError, ValueError: texts is no list of texts, or has no word; by a call, a text without
            a word.
    """

    def __init__(self, texts: Sequence[str]):
        known = {word for text in _validate.texts("texts", texts) for word in _split(text)}
        if not known:
            raise ValueError(f"texts must have at least one word, got {texts!r}")
        self.known = tuple(sorted(known))
        self._number = {word: number for number, word in enumerate(self.known, UNKNOWN + 1)}

    def __len__(self) -> int:
        """How many numbers there are: the words, 1 for the unknown ones and 0 for no word."""
        return len(self.known) + UNKNOWN + 1

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """(B, L) int64 for B texts, of which the longest has L words; 0 fills the others up."""
        rows = [_split(text) for text in _validate.texts("texts", texts)]
        if [] in rows:
            raise ValueError(f"texts must each have a word, got {texts[rows.index([])]!r}")
        numbers = [[self._number.get(word, UNKNOWN) for word in row] for row in rows]
        length = max(map(len, rows))
        return torch.tensor([row + [PADDING] * (length - len(row)) for row in numbers])

    def unknown(self, text: str) -> list[str]:
        """The words of a text that are not in the vocabulary, in their order."""
        _validate.instance("text", text, str, "a text")
        return [word for word in _split(text) if word not in self._number]


def caption_words() -> Words:
    """The vocabulary of all captions, whichever images there are."""
    names = [name for classes in CAPTIONED.values() for each in classes for name in each]
    return Words([*names, *(re.sub(r"{\w+}", "", sentence) for sentence in SENTENCES)])


def _split(text: str) -> list[str]:
    """Runs of letters, marks (accents, vowel signs), digits and low lines, in composed form."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    kept = (c if c == "_" or unicodedata.category(c)[0] in "LMN" else " " for c in text)
    return "".join(kept).split()
