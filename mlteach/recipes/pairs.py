"""How CLIP learns the captions of shapes in about 25 seconds on one processor thread.

>>> method = pairs.train(seed=0)
>>> pairs.measured(method)  # {"shape": ..., "hue": ..., ..., "held out": ..., "retrieval": ...}
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.data import CAPTIONED, Dataset, caption_classes, caption_words, captions, shapes
from mlteach.evaluate import features
from mlteach.networks import TextEncoder, conv_encoder
from mlteach.recipes.batches import draw_index
from mlteach.selfsup import CLIP
from mlteach.similarity import similarities
from mlteach.training import fit, seed_everything

N_TRAIN, STEPS, BATCH_SIZE, LR = 12_000, 700, 128, 6e-3
GROUP = 100  # candidates of the retrieval

# What `measured` finds at least, one to four points below the worst of five seeds; chance level is
# 1/8, 1/6, 1/3, 1/5, 1/48, 1/48 and 1/100.
FLOORS = {
    "shape": 0.63,
    "hue": 0.85,
    "size": 0.61,
    "place": 0.71,
    "seen": 0.57,
    "held out": 0.52,
    "retrieval": 0.79,
}


@cache
def datasets() -> tuple[Dataset, Dataset]:
    """Shapes to train with, from which eight combinations are missing; and to test with."""
    train = shapes(N_TRAIN, seed=0)
    return train.subset(~held_out(train)), shapes(1000, seed=1)


def held_out(dataset: Dataset) -> Tensor:
    """(N,) whether an image shows one of the eight combinations that training never shows.

    Each shape lacks one hue: there is no red star, no green disc, no yellow cross.
    """
    classes = caption_classes(dataset)
    return classes["hue"] == (classes["shape"] + 2) % len(CAPTIONED["hue"])


def encoders(widths: tuple[int, ...] = (16, 64, 128)) -> tuple[nn.Module, nn.Module]:
    """An image encoder, and a text encoder that reads a caption as a bag of words, both to 64."""
    image = conv_encoder(3, widths=widths, out_features=64, norm="group")
    return image, TextEncoder(len(caption_words()), out_features=64, blocks=0)


def draw_pairs(
    images: Tensor, tokens: Tensor, *, batch_size: int = BATCH_SIZE
) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    """A draw for `fit`: random images, with replacement, and the words of each one's text.

    Args:
        images: (N >= 1, ...) finite numbers.
        tokens: (N, L) words, as `mlteach.data.Words` gives them.
        batch_size: B >= 1.

    Returns:
        Function generator -> (images, tokens), (B, ...) and (B, L).

    Raises:
        TypeError, ValueError: an argument is not as described.
    """
    batch_size = _validate.count("batch_size", batch_size)
    _validate.finite("images", _validate.floats("images", images))
    _validate.tokens("tokens", tokens)
    if images.dim() < 2 or len(images) != len(tokens):
        raise ValueError(
            f"images must be ({len(tokens)}, ...), one for each text, got {tuple(images.shape)}"
        )

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        index = draw_index(images, batch_size, generator)
        return images[index], tokens[index.to(tokens.device)]

    return draw


def train(*, seed: int = 0, loss: str = "clip", steps: int | None = None) -> CLIP:
    """CLIP after training by the recipe, on captions in varied words.

    Args:
        seed: of the first weights and of the training.
        loss: "clip" or "siglip".
        steps: None for those of the recipe, which the floors are for.
    """
    seed_everything(seed)
    method: Any = CLIP(*encoders(), loss=loss)
    method = method.to(memory_format=torch.channels_last)  # convolutions are a quarter faster
    dataset, _ = datasets()
    draw = draw_pairs(dataset.images, caption_words()(captions(dataset)))
    fit(method, draw, steps=STEPS if steps is None else steps, lr=LR, seed=seed, progress=False)
    return method


def encode_texts(method: CLIP, texts: list[str]) -> Tensor:
    """(C, P): what the method makes of texts in the words of the captions, without gradients."""
    return features(method.encode_texts, caption_words()(texts))


def prompts(*factors: str) -> list[str]:
    """A text for each class of a factor, or for each combination of the classes of several."""
    texts = [""]
    for factor in factors:
        _validate.choice("factors", factor, CAPTIONED)
        texts = [f"{text} {names[0]}" for text in texts for names in CAPTIONED[factor]]
    return [text.strip() for text in texts]


def measured(method: CLIP) -> dict[str, float]:
    """What the method does with 1,000 test images, as shares that are right.

    Zero-shot classification of each factor; of the 48 combinations of hue and shape, among images
    whose combination was "seen" in training or "held out"; and the "retrieval" of an image's own
    caption, and of a caption's own image, among 100.
    """
    _, test = datasets()
    z, classes, unseen = features(method, test.images), caption_classes(test), held_out(test)

    def right(answers: Tensor, *factors: str) -> Tensor:
        found = similarities(z, encode_texts(method, prompts(*factors))).argmax(1)
        return (found == answers).double()

    scores = {
        factor: right(classes[factor], factor) for factor in ("shape", "hue", "size", "place")
    }
    combined = right(classes["hue"] * 8 + classes["shape"], "hue", "shape")
    scores |= {"seen": combined[~unseen], "held out": combined[unseen]}
    scores["retrieval"] = retrieval(z, encode_texts(method, captions(test)))
    return {name: score.mean().item() for name, score in scores.items()}


def retrieval(image: Tensor, text: Tensor, *, among: int = GROUP) -> Tensor:
    """Whether each image finds its own text first among a hundred, and each text its image: (2N,).

    Args:
        image: (N, P); of N only the first multiple of `among` counts.
        text: (N, P), row i belongs to image i.
        among: candidates, in groups of rows that follow each other.

    Raises:
        TypeError, ValueError: image and text are no matrices of one shape with so many rows.
    """
    among = _validate.count("among", among)
    _validate.matrices(image=image, text=text, at_least=among)
    found = []
    for rows in torch.arange(len(image) // among * among).split(among):
        alike = similarities(image[rows], text[rows])
        for matrix in (alike, alike.T):
            found.append(matrix.argmax(1) == torch.arange(among))
    return torch.cat(found).double()
