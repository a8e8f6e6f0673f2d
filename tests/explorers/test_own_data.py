"""Own data go from a folder to every kind of explorer, to plots, and to a few-shot classification.

The images are a few dozen pieces of real photographs, written as files of many kinds.
"""

import io
import itertools
import re
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from support.explorer_drawing import assert_all_apart, corners, with_values
from support.explorer_registry import MAKE, TinyMethod
from support.photographs import write_photographs
from torch import Generator, nn

from mlteach import data, evaluate, explorers, maps, plots
from mlteach.episodes import sample_episodes
from mlteach.losses import nt_xent
from mlteach.neighbours import ExactSearch, HashTables, measure
from mlteach.networks import conv_encoder, projection_head
from mlteach.selfsup import MoCo
from mlteach.similarity import similarities
from mlteach.training import fit
from mlteach.views import simclr_view

# what these show is made inside of them, or is no image and no embedding
WITHOUT_DATA = {
    *("vectors", "pair_loss", "triplet_plane", "circle", "switchboard", "prototypes"),
    *("inner_loop", "curvature", "meta_rates", "reptile_path", "dino_switchboard"),
    *("context_points", "learned_temperature"),
}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """36 images of three classes, read from a folder."""
    return data.folder(write_photographs(tmp_path_factory.mktemp("own") / "photographs"), 16)


def encoder(dataset):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return conv_encoder(dataset.images.shape[1], widths=(8, 8), out_features=8).eval()


def encodings(dataset):
    return {
        "pixels": dataset.images,
        "network": evaluate.features(encoder(dataset), dataset.images),
    }


def two_views(dataset, count=6):
    chosen = dataset.subset(torch.linspace(0, len(dataset) - 1, count).long())
    generator = Generator().manual_seed(0)
    views = [simclr_view(chosen.images, generator=generator) for _ in range(2)]
    return chosen, views, [view.flatten(1) for view in views]


def class_texts(dataset):
    """The classes as learners have them: a list of texts."""
    return [dataset.classes[label] for label in dataset.labels]


def factor_matrix(own):
    return explorers.FactorMatrix(encodings(own), own.images, own.factors, names=own.factor_names)


def retrieval(own):
    return explorers.Retrieval(encodings(own), own.images.numpy(), {"class": class_texts(own)})


def embedding_map(own):
    z = encodings(own)
    layouts = {name: maps.pca(part.flatten(1)).points for name, part in z.items()}
    options = {"images": own.images, "names": own.factor_names}
    return explorers.EmbeddingMap(z, layouts, own.factors, **options)


def film(own):
    stages = torch.stack([scale * encodings(own)["network"] for scale in (1.0, 0.5)])
    layouts = maps.tsne_film(stages, perplexity=5, iterations=5)
    known = {"class": class_texts(own), "number": [f"no {i}" for i in range(len(own))]}
    scores = {"brightness": [0.5, 0.6]}
    options = {"steps": [0, 10], "scores": scores, "images": own.images.tolist()}
    return explorers.Film(stages.numpy(), layouts.tolist(), known, **options)


def live_tsne(own):
    options = {"starts": ["PCA", 3], "images": own.images.numpy(), "names": own.factor_names}
    live = explorers.LiveTSNE(own.images.numpy(), own.factors, **options)
    live.run(20)
    return live


def map_and_matrix(own):
    z = encodings(own)["network"].numpy()
    return explorers.MapAndMatrix(z, class_texts(own), own.images.tolist())


def search_plane(own):
    return explorers.SearchPlane(maps.pca(encodings(own)["network"]).points.numpy())


def recall_curve(own):
    z = encodings(own)["network"]
    exact = ExactSearch(z)
    truth = exact.search(z, 3)[1]
    tables = HashTables(z, n_tables=1, n_bits=2, generator=Generator().manual_seed(0))
    measured = {"exact search": measure(exact, z, truth, repeats=1)}
    measured["hashing"] = measure(tables, z, truth, [1, 2], repeats=1)
    return explorers.RecallCurve(measured)


def temperature(own):
    _, views, (z1, z2) = two_views(own)
    return explorers.Temperature(similarities(z1, z2).numpy(), *views)


def similarity_matrix(own):
    chosen, views, pair = two_views(own)
    return explorers.SimilarityMatrix({"pixels": pair}, *views, class_texts(chosen))


def views(own):
    return explorers.Views(own.images[:3].numpy())


def mixing(own):
    return explorers.Mixing(own.images, class_texts(own), own.classes)


def drawing(images):
    def draw(generator):
        return tuple(simclr_view(images, generator=generator) for _ in range(2))

    return draw


def conveyor(own):
    head = projection_head(8, hidden=8, out_features=5)
    method = MoCo(encoder(own), head, n_keys=12)
    record = explorers.QueueRecord(method, own.images[:3])
    fit(method, drawing(own.images[:6]), steps=3, callback=record, progress=False)
    return explorers.Conveyor({0.99: record})


def heard(own):
    """Each image read row by row as a wave of twelve pieces."""
    rows = 2 * own.images.mean(1).flatten(1)[:, None, :252] - 1
    return data.Sequences("rows", rows, own.labels, own.classes, {}, 8000)


def future(own):
    class Likeness(nn.Module):
        steps = 4

        def scores(self, waves, step):
            pieces = waves.unflatten(2, (12, 21))[:, 0]
            following = pieces[:, 1:].unfold(1, 5, 1)  # (B, 7, 21, 5)
            return torch.einsum("btd,btdj->btj", pieces[:, :7], following)

    return explorers.Future(Likeness(), heard(own), sequence=3)


def melody(own):
    return explorers.Melody(heard(own), note=21)


def knn_vote(own):
    many, z = own.images.repeat(6, 1, 1, 1), encodings(own)["network"]
    labels = class_texts(own)
    train = {"network": (z.repeat(6, 1).numpy(), z.numpy())}
    return explorers.KnnVote(train, many, labels * 6, own.images, labels, own.classes)


def jigsaw(own):
    return explorers.Jigsaw(own.images.numpy(), network=lambda tiles: torch.arange(9).flip(0))


def masked(own):
    return explorers.Masked(own.images.tolist(), lambda images, mask: images.flip(0) / 2)


def zero_shot(own):
    """Any two functions with rows of one width: mean colours, and numbers of letters."""

    def letters(texts):
        return np.array([[text.count(letter) for letter in "aeo"] for text in texts]) - 0.5

    return explorers.ZeroShot(
        own.images.numpy(), lambda x: x.mean((2, 3)), letters, list(own.classes)
    )


def live_training(own):
    class Own(TinyMethod):
        def loss(self, x1, x2):
            z1, z2 = self.encode(x1), self.encode(x2)
            aux = {"z1": F.normalize(z1).detach(), "z2": F.normalize(z2).detach()}
            return nt_xent(z1, z2, temperature=self.temperature), aux

    return explorers.LiveTraining(Own(), drawing(own.images), steps=2, pictures=own)


def training_film(own):
    return explorers.TrainingFilm(live_training(own))


def tasks(own, n_tasks=2, n_query=3):
    generator = Generator().manual_seed(0)
    counts = {"n_tasks": n_tasks, "n_way": 3, "n_shot": 2, "n_query": n_query}
    return sample_episodes(own, **counts, generator=generator)


def episode_accuracy(own):
    z = encodings(own)["network"]
    of_vectors = data.Dataset("vectors", z, own.labels, own.classes, {})
    accuracies = evaluate.prototype_accuracies(tasks(of_vectors, n_tasks=100))
    return explorers.EpisodeAccuracy({2: accuracies.tolist()})


def labelled_classes(own):
    """Few-shot accuracies of pixels, and of an encoder that "had" some labels."""
    rows = []
    for seed, n_shot in itertools.product((0, 1), (1, 2)):
        for method, size in (("pixels", 0), ("network", 2), ("network", 3)):
            z = own.images.flatten(1) if method == "pixels" else encodings(own)["network"]
            vectors = data.Dataset("vectors", z, own.labels, own.classes, {})
            counts = {"n_tasks": 10, "n_way": 3, "n_shot": n_shot, "n_query": 2}
            drawn = sample_episodes(vectors, **counts, generator=Generator().manual_seed(seed))
            row = {"train": "mine", "test": "mine", "seed": seed, "start": "none", "method": method}
            row |= {"classes": size, "n_shot": n_shot}
            rows.append(row | {"accuracy": evaluate.prototype_accuracies(drawn).mean().item()})
    return explorers.LabelledClasses(rows)


def layer_change(own):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = conv_encoder(3, widths=(4,), out_features=6, norm="batch_no_stats")
        model = nn.Sequential(OrderedDict(encoder=body, head=nn.Linear(6, 3)))
    layers = {"body": "encoder.0", "head": "head"}
    return explorers.LayerChange(model, tasks(own), layers, rates=[0.1], most_steps=1)


OWN = {
    make.__name__: make
    for make in (
        *(factor_matrix, retrieval, embedding_map, film, live_tsne, map_and_matrix, search_plane),
        *(recall_curve, temperature, similarity_matrix, views, mixing, conveyor, knn_vote),
        *(jigsaw, masked, future, melody, zero_shot, live_training, training_film),
        *(episode_accuracy, labelled_classes, layer_change),
    )
}


def test_no_explorer_of_data_is_missing():
    assert set(OWN) | WITHOUT_DATA == set(MAKE)
    assert not set(OWN) & WITHOUT_DATA


def shows(explorer):
    """The figure has been drawn, with more in it than paper."""
    assert explorer.canvas.problem == ""
    return np.asarray(Image.open(io.BytesIO(explorer.canvas.png))).std() > 5


@pytest.mark.parametrize("name", OWN)
def test_own_data_go_from_a_folder_to_every_explorer(own, name):
    explorer = OWN[name](own)
    assert shows(explorer)
    for control in with_values(explorer).values():
        for value in corners(control):
            control.value = value
            assert shows(explorer)
    assert_all_apart(explorer, "at the last corner")


def test_own_data_are_plotted_and_classified(own):
    """Similarity matrix, map and few-shot classification, as the README has them."""
    z = evaluate.features(encoder(own), own.images)
    figure, axes = plots.panels(1, 3, alt="own images")
    texts = class_texts(own)
    plots.similarity_matrix(similarities(z, z), axes[0], groups=texts)
    plots.embedding_map(maps.tsne(z, perplexity=5, iterations=20).numpy(), texts, axes[1])
    plots.picture_row(own.images[:3].numpy(), axes[2], titles=own.factor_names["file"][:3])
    figure.canvas.draw()
    some = [0, 1, 12, 13, 24, 25]
    known = [texts[i] for i in some]
    guess = evaluate.classify(encoder(own), own.images[some], known, own.images[2])
    assert guess in own.classes
    again = evaluate.classify(encoder(own), own.images[some], known, own.images[some])
    assert np.mean([a == b for a, b in zip(again, known, strict=True)]) > 0.5


def test_own_images_are_measured_and_tasks_are_drawn_from_them(own):
    half = torch.arange(len(own)) % 2 == 0
    pixels = own.images.flatten(1).numpy()
    known, asked = (pixels[rows.numpy()] for rows in (half, ~half))
    # chance is a third
    labels = own.labels[half].tolist(), own.labels[~half].numpy()
    assert evaluate.knn_accuracy(known, labels[0], asked, labels[1], k=3) > 0.4
    assert tasks(own).x_query.shape == (2, 9, 3, 16, 16)


def test_pointing_tells_the_file_and_the_class(own):
    """What a factor is called is read on hover; names of files colour and sort nothing."""
    shown = embedding_map(own)
    shown.point = 30
    shown.refresh()
    text = shown.text.get_text()
    assert "class: temple" in text
    assert "file: temple/temple 06 copy.jpeg" in text
    assert shown.controls["colour"].options == ("class",)
    assert factor_matrix(own).controls["sort"].options == ("class",)


def test_images_without_labels_are_shown_too(own):
    """All of one class: there is nothing to compare, and the figure says so."""
    alone = data.from_arrays(own.images)
    matrix = factor_matrix(alone)
    assert "all are of one group" in matrix.describe()
    assert np.isnan(list(matrix.state["gap"].values())).all()
    assert shows(retrieval(alone))
    assert shows(embedding_map(alone))
    assert shows(explorers.MapAndMatrix(own.images))


# --- many classes --------------------------------------------------------------------------------


def many_classes(count, per_class=2):
    """Noise in so many classes, some with long names, formulas and letters that no font has."""
    names = [
        f"{'a rather long name ' * (i % 3)}{i:02} {'$x_$' if i % 5 else '犬'}" for i in range(count)
    ]
    images = torch.rand(per_class * count, 3, 8, 8, generator=Generator().manual_seed(0))
    return data.from_arrays(images, [names[i % count] for i in range(len(images))])


MANY = ("factor_matrix", "retrieval", "embedding_map", "film", "similarity_matrix", "mixing")
MANY += ("live_tsne", "knn_vote", "live_training", "map_and_matrix")


@pytest.mark.parametrize("count", [12, 30, 150])
@pytest.mark.parametrize("name", MANY)
def test_many_classes_stay_legible(name, count):
    """Nothing is cut or lies over something else, at the corners of every control."""
    dataset = many_classes(count, per_class=8 if count == 12 else 2)
    explorer = OWN[name](dataset)
    assert shows(explorer)
    for control in with_values(explorer).values():
        for value in corners(control):
            control.value = value
            assert_all_apart(explorer, value)


@pytest.mark.parametrize("count", [12, 30, 100])
@pytest.mark.parametrize("name", ["embedding_map", "live_training"])
def test_no_two_classes_look_alike(name, count):
    explorer = OWN[name](many_classes(count))
    dots = explorer.dots if name == "embedding_map" else explorer.figure.dots
    outlines = [path.vertices.tobytes() for path in dots.get_paths()]
    looks = {
        (tuple(colour), outline)
        for colour, outline in zip(dots.get_facecolors().tolist(), outlines, strict=True)
    }
    assert len(looks) == count


def test_going_back_to_few_classes_gives_plain_dots():
    """A choice of another factor leaves no marks behind."""
    count = 30
    known = {"class": list(range(count)), "half": [i % 2 for i in range(count)]}
    z = torch.rand(count, 3, generator=Generator().manual_seed(0))
    explorer = explorers.EmbeddingMap({"z": z}, {"z": z[:, :2]}, known | {"class": known["class"]})
    assert len(explorer.dots.get_paths()) == count
    explorer.controls["colour"].value = "half"
    assert len(explorer.dots.get_paths()) == 1


def test_the_truth_is_among_the_bars_of_many_classes():
    explorer = knn_vote(many_classes(30))
    for query in (0, 17, 59):
        explorer.controls["query"].value = query
        names = [text.get_text() for text in explorer.votes[0].axes.get_yticklabels()]
        assert plots.legible(explorer.state["truth"], 14) in names
        assert len(names) == 12


def test_the_recipe_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    """Its one block of Python, with photographs where the reader's images are."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    write_photographs(tmp_path / "my images")
    monkeypatch.chdir(tmp_path)
    made = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(recipe, made)
    assert made["mine"].classes == ("flower", "portrait", "temple")
    assert shows(made["matrix"])
    assert shows(made["of_mine"])
    assert capsys.readouterr().out.strip() in made["mine"].classes
