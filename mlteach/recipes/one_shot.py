"""Omniglot in four to five minutes of one thread: without labels, and with them.

>>> encoder = one_shot.train("without labels", omniglot("background"), seed=0)
>>> z = one_shot.averaged(encoder, omniglot("evaluation").images, copies=32)

With `centred` images it learns faster: where a character lies on the paper, and how large it is
drawn, need not be learned away then. Strengths of the views, the box and the shape of the encoder
were chosen on held-out alphabets of the background set; temperature, rate and copies come from an
earlier look, which had the evaluation set in sight.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from mlteach import _validate
from mlteach.data import Dataset, omniglot
from mlteach.evaluate import features, few_shot_accuracy
from mlteach.metric import sample_classes
from mlteach.networks import conv_encoder
from mlteach.recipes import meta
from mlteach.recipes.batches import two_views
from mlteach.recipes.together import Contrast
from mlteach.results.tables import Row
from mlteach.training import fit, generator, seed_everything
from mlteach.views import handwriting_view

WIDTHS = (32, 64, 64)
FEATURES = 128
BATCH = 64
TEMPERATURE = 0.1
LR = 6e-3
STEPS = {"without labels": 7000, "with labels": 5500}
SIDE = 24  # pixels of 28 that the longer side of a centred character takes
WAYS = 20  # of a run of the challenge
VIEW: dict[str, Any] = {"elastic": 0.08}  # of `handwriting_view`, else its own strengths
MILD: dict[str, Any] = {
    **{"radians": 0.15, "shear": 0.15, "scale": 0.12, "aspect": 0.12},
    **{"pixels": 1.5, "elastic": 0.04, "stroke": 0.3},
}
COPY: dict[str, Any] = {
    **{"radians": 0.12, "shear": 0.12, "scale": 0.1, "aspect": 0.1},
    **{"pixels": 1.0, "elastic": 0.0, "stroke": 0.0},
}
# alphabet → the characters of its two runs, and whose images are support and query in each
OFFICIAL = {
    "Atlantean": ("1 2 3 4 5 7 8 9 10 13 14 16 19 20 21 22 23 24 25 26", ((4, 7), (2, 1))),
    "Ge_ez": ("1 2 3 4 5 6 8 9 10 12 14 15 16 17 18 20 21 23 24 25", ((2, 6), (3, 1))),
    "Glagolitic": ("1 2 3 5 6 7 14 17 18 19 20 21 26 28 31 34 36 37 40 43", ((5, 3), (2, 1))),
    "Gurmukhi": ("3 6 7 8 9 13 14 15 16 17 22 25 26 29 31 32 33 38 43 44", ((4, 1), (7, 2))),
    "Kannada": ("1 3 5 8 11 12 13 14 19 20 21 23 25 26 27 28 33 35 40 41", ((1, 0), (7, 2))),
    "Malayalam": ("2 4 5 9 13 14 15 16 17 19 20 21 22 25 27 29 30 37 43 46", ((2, 6), (3, 1))),
    "Manipuri": ("3 4 6 8 9 11 12 13 15 17 19 21 22 25 29 33 35 36 37 39", ((7, 3), (6, 2))),
    "Old_Church_Slavonic_(Cyrillic)": (
        "2 4 5 6 7 8 9 11 12 13 14 15 23 24 25 30 33 41 44 45",
        ((3, 7), (0, 1)),
    ),
    "Tengwar": ("1 2 4 5 7 8 9 10 11 12 13 16 18 19 20 21 22 23 24 25", ((0, 3), (7, 6))),
    "Tibetan": ("1 2 3 5 6 7 8 9 11 13 14 15 21 22 24 33 35 36 38 41", ((0, 2), (7, 4))),
}


def train(labels: str, dataset: Dataset, *, seed: int = 0, steps: int | None = None) -> nn.Module:
    """An encoder trained by contrast: the positive is another view of the image, or a classmate.

    Args:
        labels: "without labels", the positive is another view of the same image; "with labels",
            another drawer's image of the same character, and characters turned by 90 degrees count
            as others.
        dataset: to train with, such as ``omniglot("background")``.
        seed: of the first weights and of the training.
        steps: None for those of the recipe, four to five minutes of one thread.

    Raises:
        TypeError, ValueError: labels is neither, dataset is none, or steps < 1.
    """
    _validate.choice("labels", labels, STEPS)
    _validate.instance("dataset", dataset, Dataset, "a Dataset (mlteach.data.Dataset)")
    steps = STEPS[labels] if steps is None else _validate.count("steps", steps)
    draw = two_views(dataset.images, partial(handwriting_view, **VIEW), batch_size=BATCH)
    if labels == "with labels":
        draw = classmates(meta.turned(dataset), partial(handwriting_view, **MILD))
    seed_everything(seed)
    method = Contrast(encoder(), temperature=TEMPERATURE)
    fit(method, draw, steps=steps, lr=LR, seed=seed, progress=False)
    return method.encode


def encoder() -> nn.Sequential:
    """(B, 1, 28, 28) -> (B, FEATURES): three blocks, whose 4 x 4 map is read place by place.

    `conv_encoder` has a fourth block, and of its map only the average and the maximum of each
    channel: where a stroke lies is lost there.
    """
    *blocks, _, _ = conv_encoder(widths=WIDTHS)
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(WIDTHS[-1] * 4 * 4, FEATURES))


def classmates(
    dataset: Dataset, view: Callable[..., Tensor], *, batch_size: int = BATCH
) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    """A draw for `fit`: views of two images of one character each, no character twice."""

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        pairs = sample_classes(dataset.labels, n_classes=batch_size, n_each=2, generator=generator)
        one, two = dataset.images[pairs.view(batch_size, 2)].unbind(1)
        return view(one, generator=generator), view(two, generator=generator)

    return draw


def centred(images: Tensor, *, side: float = SIDE) -> Tensor:
    """Every image with the box of its strokes in the middle, and as large as the others'.

    Each image is moved and scaled by itself, width and height alike, at most by a factor of 2.

    Args:
        images: (N, 1, H, W) in [0, 1], bright strokes on a ground of 0. What is above 0.3 is the
            box; an image without such a pixel stays where it is.
        side: > 0, pixels of the longer side of the box.

    Returns:
        (N, 1, H, W), a new tensor.

    Raises:
        TypeError, ValueError: images are none, or side <= 0.
    """
    _validate.images("images", images)
    side = float(_validate.number("side", side, above=0))
    size = images.new_tensor([images.shape[3], images.shape[2]])  # W, H
    ink = images.amax(1) > 0.3  # (N, H, W)
    ends = [_ends(ink.any(dim)) for dim in (1, 2)]  # of columns, of rows
    low, high = (torch.stack(part, 1) for part in zip(*ends, strict=True))  # (N, 2), high beyond
    factor = ((high - low).amax(1) / side).clamp(0.5, 2)
    middle = (low + high) / size - 1  # in [-1, 1]
    blank = ~ink.flatten(1).any(1)
    factor, middle = factor.masked_fill(blank, 1), middle.masked_fill(blank[:, None], 0)
    matrix = torch.cat([torch.diag_embed(factor[:, None].expand(-1, 2)), middle[:, :, None]], 2)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False).clamp(0, 1)


def _ends(marked: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) the first marked place of each row, and the place behind the last one."""
    marked = marked.float()
    return marked.argmax(1).float(), marked.shape[1] - marked.flip(1).argmax(1).float()


def averaged(encoder: nn.Module, images: Tensor, *, copies: int = 8, seed: int = 0) -> Tensor:
    """Unit features, averaged over each image and slightly moved copies of it.

    Args:
        encoder: as for `mlteach.evaluate.features`.
        images: (N, 1, H, W) in [0, 1].
        copies: >= 0.
        seed: of the copies.

    Returns:
        (N, D) on the sphere.
    """
    copies = _validate.count("copies", copies, at_least=0)
    random = generator(seed)
    z = F.normalize(features(encoder, images))
    for _ in range(copies):
        z = z + F.normalize(features(encoder, handwriting_view(images, **COPY, generator=random)))
    return F.normalize(z)


def challenge_runs(dataset: Dataset) -> list[Tensor]:
    """The 20 fixed runs of the Omniglot challenge: two of each of ten alphabets.

    Args:
        dataset: Omniglot with its class names and the factor "drawer": ``omniglot("evaluation")``.

    Returns:
        Twenty (2, 20) tensors as from `omniglot_runs`.

    Raises:
        TypeError, ValueError: dataset is none, has no drawers, or lacks an image of a run.

    Source: the file all_runs.zip of github.com/brendenlake/omniglot, MIT licence. Each of its 800
        pictures, inverted and reduced to 28x28, is an image of the evaluation set bit by bit; the
        table names these images. The characters of a run stand in rising order here.
    """
    _validate.instance("dataset", dataset, Dataset, "a Dataset (mlteach.data.Dataset)")
    if "drawer" not in dataset.factors:
        raise ValueError(f"dataset must have the factor drawer, has {[*dataset.factors]}")
    names = (dataset.classes[label] for label in dataset.labels.tolist())
    drawn = zip(names, dataset.factors["drawer"].tolist(), strict=True)
    place = {image: index for index, image in enumerate(drawn)}
    runs = []
    for alphabet, (numbers, drawers) in OFFICIAL.items():
        characters = [f"{alphabet}/character{int(number):02d}" for number in numbers.split()]
        for two in drawers:
            wanted = [(name, drawer) for drawer in two for name in characters]
            if missing := [image for image in wanted if image not in place]:
                name, drawer = missing[0]
                raise ValueError(f"dataset must have an image of {name!r} by drawer {drawer}")
            runs.append(torch.tensor([place[image] for image in wanted]).view(2, WAYS))
    return runs


def omniglot_runs(dataset: Dataset, *, n_runs: int = 20, seed: int = 0) -> list[Tensor]:
    """Runs of the kind of the Omniglot challenge: 20 characters of one alphabet, two drawers.

    One drawer's image of each character is the support, another drawer's is the query. The official
    challenge has 20 fixed runs (`challenge_runs`); these are drawn from the given alphabets.

    Args:
        dataset: with the factors "script" and "drawer", such as ``omniglot("evaluation")``.
        n_runs: spread over the alphabets that have 20 characters or more, in turn.
        seed: of the choice.

    Returns:
        One (2, 20) tensor a run: places in the data set of support and query, the same character in
        each column.

    Raises:
        TypeError, ValueError: dataset is none, lacks these factors, has no such alphabet, or one in
            which a drawer did not draw every character, or which has a single drawer.

    Source: Lake, Salakhutdinov, Tenenbaum 2015, Science 350:1332.
    """
    _validate.instance("dataset", dataset, Dataset, "a Dataset (mlteach.data.Dataset)")
    n_runs = _validate.count("n_runs", n_runs)
    if missing := {"script", "drawer"} - set(dataset.factors):
        raise ValueError(f"dataset must have the factors script and drawer, lacks {missing}")
    script = dataset.factors["script"]
    large = [
        s for s in script.unique().tolist() if len(dataset.labels[script == s].unique()) >= WAYS
    ]
    if not large:
        raise ValueError(f"dataset must have an alphabet of {WAYS} characters, has none")
    places = {s: _places(dataset, s) for s in large}
    random = generator(seed)
    runs = []
    for run in range(n_runs):
        place = places[large[run % len(large)]]
        characters = torch.randperm(place.shape[1], generator=random)[:WAYS]
        two = torch.randperm(len(place), generator=random)[:2]
        runs.append(place[two][:, characters])
    return runs


def _places(dataset: Dataset, alphabet: int) -> Tensor:
    """(drawers, characters) of one alphabet: where in the data set each drew each."""
    inside = (dataset.factors["script"] == alphabet).nonzero()[:, 0]
    drawer, label = dataset.factors["drawer"][inside], dataset.labels[inside]
    drawers, characters = drawer.unique(), label.unique()
    if len(drawers) < 2:
        raise ValueError(f"dataset must have two drawers of an alphabet, {alphabet} has one")
    places = torch.empty(len(drawers), len(characters), dtype=torch.long)
    for i, d in enumerate(drawers.tolist()):
        for j, c in enumerate(characters.tolist()):
            found = inside[(drawer == d) & (label == c)]
            if not len(found):
                name = dataset.classes[c]
                raise ValueError(
                    "dataset must have an image of each character of an alphabet by each of its "
                    f"drawers, {name!r} of alphabet {alphabet} lacks one by drawer {d}"
                )
            places[i, j] = found[0]
    return places


def challenge_error(z: Tensor, runs: list[Tensor]) -> float:
    """The share of queries whose most similar support by cosine is another character's.

    Args:
        z: (N, D) unit features of the data set.
        runs: of `challenge_runs` or `omniglot_runs`, at least one.

    Raises:
        TypeError, ValueError: z holds no finite numbers, or there is no run.
    """
    z = _validate.features("z", z)
    if not runs:
        raise ValueError("runs must hold at least one run, got none")
    wrong = [(z[query] @ z[support].T).argmax(1) != torch.arange(WAYS) for support, query in runs]
    return torch.cat(wrong).double().mean().item()


def jobs(seeds: tuple[int, ...]) -> Iterator[tuple[Row, Callable[[], list[Row]]]]:
    """The table "one_shot": both recipes on the real Omniglot, as it is and centred."""
    for seed in seeds:
        for place in ("as it is", "centred"):
            for labels in STEPS:
                settings = {"images": place, "labels": labels, "seed": seed}
                yield settings, partial(_rows, place, labels, seed)


def _rows(place: str, labels: str, seed: int) -> list[Row]:
    train_set, test = omniglot("background"), omniglot("evaluation")
    if place == "centred":
        train_set = replace(train_set, images=centred(train_set.images))
        test = replace(test, images=centred(test.images))
    begun = time.process_time()
    encoder = train(labels, train_set, seed=seed)
    seconds = round(time.process_time() - begun, 1)
    fixed, drawn = challenge_runs(test), omniglot_runs(test, n_runs=200)
    rows = []
    for copies in (0, 32):
        z = averaged(encoder, test.images, copies=copies)
        row: Row = {"copies": copies, "steps": STEPS[labels], "seconds": seconds}
        for n_way, n_shot in ((5, 1), (5, 5), (20, 1), (20, 5)):
            mean, half = few_shot_accuracy(
                z, test.labels, n_way=n_way, n_shot=n_shot, n_query=5, generator=generator(1)
            )
            row |= {f"{n_way}w{n_shot}s": round(mean, 4), f"half_{n_way}w{n_shot}s": round(half, 4)}
        row["challenge_error"] = round(challenge_error(z, fixed), 4)
        rows.append(row | {"drawn_runs_error": round(challenge_error(z, drawn), 4)})
    return rows
