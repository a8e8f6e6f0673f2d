"""A learner's own photographs go from a folder to every kind of explorer and measure."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import cbook
from PIL import Image
from support.numbers import generator
from torch import nn

from mlteach import data, explorers, maps
from mlteach.data import Dataset
from mlteach.episodes import sample_episodes
from mlteach.evaluate import classify, features, knn_accuracy

README = Path(__file__).parents[2] / "README.md"


def photographs() -> dict[str, np.ndarray]:
    """Real ones that packages ship: two of scikit-learn's, one of matplotlib's."""
    from sklearn.datasets import load_sample_images

    china, flower = load_sample_images().images
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        return {"temple": china, "flower": flower, "portrait": np.asarray(Image.open(file))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Sixteen patches of each, in files of several kinds."""
    place = tmp_path_factory.mktemp("my images")
    modes = {".png": "RGBA", ".jpg": "RGB", ".gif": "P", ".bmp": "L"}
    for name, pixels in photographs().items():
        (place / name).mkdir()
        height, width = (side // 4 for side in pixels.shape[:2])
        for i in range(16):
            row, column = divmod(i, 4)
            patch = pixels[row * height :, column * width :][:height, :width]
            ending = list(modes)[i % 4]
            Image.fromarray(patch).convert(modes[ending]).save(place / name / f"{i}{ending}")
    return place


@pytest.fixture(scope="module")
def mine(folder) -> Dataset:
    return data.folder(folder, size=16)


@pytest.fixture(scope="module")
def z(mine) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return features(nn.Sequential(nn.Flatten(), nn.Linear(768, 8)), mine.images)


def test_a_folder_is_a_data_set(mine):
    assert mine.images.shape == (48, 3, 16, 16)
    assert mine.classes == ("flower", "portrait", "temple")


def labelled(mine: Dataset) -> dict[str, object]:
    """The class as texts, and how bright each image is as a plain array."""
    texts = [mine.classes[label] for label in mine.labels]
    return {"class": texts, "brightness": mine.images.mean((1, 2, 3)).numpy()}


EXPLORERS = {
    "map": lambda mine, z: explorers.EmbeddingMap(
        {"mine": z.numpy()}, {"mine": maps.pca(z).points}, labelled(mine), images=mine.images
    ),
    "film": lambda mine, z: explorers.Film(
        torch.stack([z, 2 * z]),
        torch.stack([maps.pca(z).points] * 2),
        labelled(mine),
        steps=(0, 1),
        scores={"class": [0.3, 0.4]},
        images=mine.images,
    ),
    "matrix of factors": lambda mine, z: explorers.FactorMatrix(
        {"mine": z.tolist()}, mine.images.numpy(), labelled(mine)
    ),
    "retrieval": lambda mine, z: explorers.Retrieval({"mine": z}, mine.images, labelled(mine)),
    "similarities": lambda mine, z: explorers.SimilarityMatrix(
        {"mine": (z, z.flip(1))}, mine.images, mine.images.flip(3), mine.labels
    ),
    "temperature": lambda mine, z: explorers.Temperature(
        torch.corrcoef(z)[:12, :12], mine.images[:12], mine.images[:12].flip(3)
    ),
    "views": lambda mine, z: explorers.Views(mine.images[:4]),
    "mixing": lambda mine, z: explorers.Mixing(mine.images, mine.labels, mine.classes),
    "votes": lambda mine, z: explorers.KnnVote(
        {"mine": (z.repeat(5, 1), z)},
        mine.images.repeat(5, 1, 1, 1),
        mine.labels.repeat(5),
        mine.images,
        mine.labels,
        mine.classes,
    ),
    "search": lambda mine, z: explorers.SearchPlane(maps.pca(z).points, k=3),
}


@pytest.mark.parametrize("kind", EXPLORERS)
def test_own_images_go_to_every_kind_of_explorer(kind, mine, z):
    explorer = EXPLORERS[kind](mine, z)
    assert explorer.figure.axes


def test_own_images_are_measured_and_classified(mine):
    half = torch.arange(48) % 2 == 0
    pixels = mine.images.flatten(1).numpy()
    known, asked = (pixels[rows.numpy()] for rows in (half, ~half))
    # chance is a third
    assert knn_accuracy(known, mine.labels[half], asked, mine.labels[~half], k=3) > 0.38
    ways = {"n_tasks": 2, "n_way": 3, "n_shot": 2, "n_query": 2}
    assert sample_episodes(mine, **ways, generator=generator()).x_query.shape == (2, 6, 3, 16, 16)
    few = [mine.classes[label] for label in mine.labels[half]]
    named = classify(nn.Flatten(), mine.images[half], few, mine.images[half][0])
    assert named == few[0]


def test_the_recipe_of_the_readme_runs(folder, monkeypatch, capsys):
    section = README.read_text(encoding="utf-8").split("## Use your own images")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)
    monkeypatch.chdir(folder.parent)
    exec(code.replace("my images", folder.name), {})
    assert capsys.readouterr().out.strip() in ("flower", "portrait", "temple")
