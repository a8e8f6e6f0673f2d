"""Every explorer once, made in well under a second from data that take no time to make.

The shared tests drive all of them, with and without a browser, and the page that the browser opens
is made from this list. A class of `mlteach.explorers` that is missing here fails a test.
"""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from functools import cache

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from mlteach import explorers, maps
from mlteach.data import Dataset, Sequences
from mlteach.episodes import Episode
from mlteach.losses import nt_xent
from mlteach.neighbours import Measured
from mlteach.networks import InContext, conv_encoder, mlp, projection_head
from mlteach.selfsup import MoCo
from mlteach.training import fit
from support.numbers import normal32

CLASSES = ("disc", "ring", "star")


def images(count: int, channels: int = 1, *, seed: int = 1) -> Tensor:
    """(count, channels, 8, 8) of noise in [0, 1]."""
    return normal32(count, channels, 8, 8, seed=seed).sigmoid()


def labels(count: int) -> Tensor:
    """0, 1, 2, 0, 1, 2, ..."""
    return torch.arange(count) % len(CLASSES)


def clouds(count: int, spread: float = 1.0, *, seed: int = 0) -> Tensor:
    """(count, 6): three clouds, one a class."""
    return 4 * torch.eye(6)[labels(count)] + spread * normal32(count, 6, seed=seed)


def factors(count: int) -> dict[str, Tensor]:
    hue = torch.rand(count, generator=Generator().manual_seed(3))
    return {"class": labels(count), "size": normal32(count, seed=2), "hue": hue}


# --- similarity, maps and search -----------------------------------------------------------------


def factor_matrix():
    encodings = {"knowing": clouds(24, 0.1), "blind": normal32(24, 6, seed=4)}
    return explorers.FactorMatrix(encodings, images(24, 3), factors(24), names={"class": CLASSES})


def retrieval():
    encodings = {"knowing": clouds(24, 0.1), "blind": normal32(24, 6, seed=4)}
    return explorers.Retrieval(encodings, images(24, 3), factors(24))


@cache
def tsne_layouts() -> Tensor:
    paths = [maps.tsne_path(clouds(30), perplexity=p, at=(0, 20, 60)) for p in (3, 8)]
    return torch.stack(paths)


def embedding_map():
    return explorers.EmbeddingMap(
        {"clouds": clouds(30), "noise": normal32(30, 4, seed=9)},
        {"clouds": tsne_layouts(), "noise": normal32(2, 3, 30, 2, seed=8)},
        factors(30),
        images=images(30),
        parameters={"perplexity": (3, 8), "iterations": (0, 20, 60)},
        names={"class": CLASSES},
        cyclic=("hue",),
    )


@cache
def tsne_film() -> tuple[Tensor, Tensor]:
    """Stages in which three of six dimensions shrink to nothing, and their maps."""
    shrunk = [[1, 1, 1, s, s, s] for s in (3.0, 2.0, 1.0, 0.0)]
    stages = clouds(30) * torch.tensor(shrunk)[:, None]
    return stages, maps.tsne_film(stages, perplexity=6, iterations=20)


def film():
    scores = {"known": [0.1, 0.4, 0.7, 0.9], "forgotten": [0.9, 0.5, 0.2, 0.1]}
    steps = [0, 10, 50, 200]
    return explorers.Film(*tsne_film(), factors(30), steps=steps, scores=scores, images=images(30))


def live_tsne():
    options = {"names": {"class": CLASSES}, "cyclic": ("hue",)}
    return explorers.LiveTSNE(clouds(30), factors(30), images=images(30), steps=20, **options)


def map_and_matrix():
    names = [CLASSES[label] for label in labels(30)]
    return explorers.MapAndMatrix(clouds(30, 0.5), names, images(30, 3))


def search_plane():
    return explorers.SearchPlane(normal32(80, 2), k=5)


def recall_curve():
    lists = [
        Measured("n_probe 1", 0.6, 4000.0, 40.0),
        Measured("n_probe 4", 0.92, 1500.0, 120.0),
        Measured("n_probe 9", 0.99, 300.0, 300.0),
    ]
    return explorers.RecallCurve(
        {
            "exact search": [Measured("everything", 1.0, 100.0, 1000.0)],
            "inverted lists": lists,
            "graph": [Measured("ef 10", 0.95, 1000.0, 50.0)],
            "library": [Measured("efSearch 10", 0.97, 9000.0)],
        }
    )


SIMILARITY = {
    "vectors": explorers.Vectors,
    "factor_matrix": factor_matrix,
    "retrieval": retrieval,
    "embedding_map": embedding_map,
    "film": film,
    "live_tsne": live_tsne,
    "map_and_matrix": map_and_matrix,
    "pair_loss": explorers.PairLoss,
    "triplet_plane": explorers.TripletPlane,
    "search_plane": search_plane,
    "recall_curve": recall_curve,
}


# --- self-supervised learning --------------------------------------------------------------------


def two_views(count: int) -> tuple[Tensor, Tensor]:
    return images(count, seed=1), images(count, seed=2)


def temperature():
    z1, z2 = (F.normalize(view.flatten(1) - 0.5, dim=1) for view in two_views(6))
    return explorers.Temperature(z1 @ z2.T, *two_views(6))


def similarity_matrix():
    pixels = tuple(view.flatten(1) for view in two_views(6))
    encodings = {"noise": (normal32(6, 4, seed=3), normal32(6, 4, seed=4)), "pixels": pixels}
    return explorers.SimilarityMatrix(encodings, *two_views(6), labels(6))


def views():
    made = explorers.Views(images(4, 3))
    made.set({"draw": 7, "shift": 2})  # so that every step and every option changes a view
    return made


def mixing():
    return explorers.Mixing(images(12, 3), labels(12), CLASSES)


@cache
def queue_record(decay: float) -> explorers.QueueRecord:
    """Of seven steps of MoCo with twelve keys, four a step."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = conv_encoder(1, widths=(4,), out_features=6)
        head = projection_head(6, hidden=8, out_features=5)
    method = MoCo(encoder, head, n_keys=12, decay=decay)
    record = explorers.QueueRecord(method, images(3))

    def draw(generator):
        x = torch.rand(4, 1, 8, 8, generator=generator)
        return x, 1 - x

    fit(method, draw, steps=7, callback=record, progress=False)
    return record


def conveyor():
    return explorers.Conveyor({decay: queue_record(decay) for decay in (0.0, 0.5, 0.99)})


DINO_METERS = ("entropy", "mean_entropy", "kl", "rank", "knn")


def measurements(number: int) -> dict:
    """A run whose every number tells which run and which step it belongs to."""
    steps = [0, 40, 80, 120]
    start = [0.1 + 0.01 * number + 0.001 * step / 40 for step in steps]
    spectrum = normal32(4, 16, seed=number).softmax(1).sort(descending=True).values
    return {
        "step": steps,
        "std": start,
        "rank": [10 * value for value in start],
        "loss": [1 + value for value in start],
        "knn": [0.5 + value for value in start],
        "spectrum": spectrum,
    }


def switchboard():
    combinations = itertools.product((True, False), repeat=3)
    runs = {switches: measurements(number) for number, switches in enumerate(combinations)}
    return explorers.Switchboard(runs, chance=0.125)


def dino_measurements(number: int) -> dict:
    """The same for DINO's meters."""
    run = measurements(number)
    meters = {name: [v + 0.2 * i for v in run["std"]] for i, name in enumerate(DINO_METERS)}
    return {"step": run["step"], "shares": run["spectrum"]} | meters


def dino_switchboard():
    combinations = itertools.product((True, False), repeat=2)
    runs = {switches: dino_measurements(number) for number, switches in enumerate(combinations)}
    return explorers.DINOSwitchboard(runs, chance=0.125)


def waves(count: int) -> Sequences:
    """Of 12 notes, each 32 samples of a pure tone; two tunes in turn."""
    tunes = torch.tensor([[2, 3, 5, 4], [5, 2, 4, 3]])[torch.arange(count) % 2]  # (count, 4)
    cycles = tunes.repeat(1, 3)[..., None] * torch.arange(32) / 32
    notes = 0.5 * (math.tau * cycles).sin() + 0.05 * normal32(count, 12, 32, seed=5)
    return Sequences(
        "tunes", notes.flatten(1)[:, None], labels(count) % 2, ("up", "down"), {}, 4000
    )


class TinyFuture(nn.Module):
    """Foretells that what was heard four notes before comes again."""

    steps = 3

    def scores(self, waves, step):
        notes = F.normalize(waves.unflatten(2, (12, 32))[:, 0], dim=2)  # (B, 12, 32)
        moments = torch.arange(12 - 6)[:, None]
        known = notes[:, (moments + step - 4).clamp(min=0)]  # (B, 6, 1, 32)
        return 6 * (known * notes[:, moments + 1 + torch.arange(6)]).sum(-1)


def future():
    return explorers.Future(TinyFuture(), waves(5))


def melody():
    return explorers.Melody(waves(6), note=32, questions=6)


def knn_vote():
    encodings = {
        name: (clouds(240, spread), clouds(30, spread, seed=1))
        for name, spread in {"clear": 0.5, "vague": 3.0}.items()
    }
    train, test = (images(240, 3), labels(240)), (images(30, 3, seed=2), labels(30))
    return explorers.KnnVote(encodings, *train, *test, CLASSES, query=4)


def jigsaw():
    return explorers.Jigsaw(images(4, 3), tiles=2, network=lambda tiles: torch.eye(4).flip(0))


def half_of_what_is_seen(pictures: Tensor, mask: Tensor) -> Tensor:
    hidden = F.interpolate(mask[:, None].float(), pictures.shape[-2:])
    return pictures * (1 - hidden) / 2


def masked():
    networks = {"half": half_of_what_is_seen, "nothing": lambda pictures, mask: 0 * pictures}
    return explorers.Masked(images(4, 3), networks, patch=2)


def tiny_texts(texts: list[str]) -> Tensor:
    """(C, 6): how often six letters occur in each."""
    counts = [[text.count(letter) for letter in "aeiost"] for text in texts]
    return torch.tensor(counts) + normal32(6, seed=2)


def zero_shot():
    prompts = ("a small red star", "a large blue ring", "a disc", "one more")
    options = {"unknown": lambda text: [word for word in text.split() if "x" in word]}
    return explorers.ZeroShot(
        images(24, 3), lambda x: x.flatten(1)[:, :6] - 0.5, tiny_texts, prompts, **options
    )


class TinyMethod(nn.Module):
    """A linear encoder with the loss and the temperature of SimCLR."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.net = nn.Linear(6, 4)
        self.temperature = 0.2

    def encode(self, x):
        return self.net(x.flatten(1)[:, :6])

    def loss(self, x1, x2):
        z1, z2 = self.encode(x1), self.encode(x2)
        aux = {"z1": F.normalize(z1).detach(), "z2": F.normalize(z2).detach()}
        return nt_xent(z1, z2, temperature=self.temperature), aux


def live_training():
    dataset = Dataset("noise", images(24), labels(24), CLASSES, {})

    def draw(generator):
        x = torch.randn(8, 6, generator=generator)
        return x, x + 0.3 * torch.randn(8, 6, generator=generator)

    def score(method):
        return 1 / (1 + method.encode(dataset.images).square().mean().item())

    return explorers.LiveTraining(
        TinyMethod(),
        draw,
        steps=12,
        knobs={"temperature": (0.02, 2)},
        evaluate=score,
        evaluate_every=5,
        pictures=dataset,
        chance=math.log(15),
    )


def training_film():
    """Of a training that has ended: its last stage is not a full stop of the slider away."""
    live = live_training()
    live.start()
    live.wait()
    return explorers.TrainingFilm(live)


SELF_SUPERVISION = {
    "temperature": temperature,
    "similarity_matrix": similarity_matrix,
    "circle": explorers.Circle,
    "views": views,
    "mixing": mixing,
    "conveyor": conveyor,
    "dino_switchboard": dino_switchboard,
    "future": future,
    "melody": melody,
    "switchboard": switchboard,
    "jigsaw": jigsaw,
    "knn_vote": knn_vote,
    "masked": masked,
    "live_training": live_training,
    "training_film": training_film,
    "zero_shot": zero_shot,
}


# --- meta-learning -------------------------------------------------------------------------------


def episode_accuracy():
    generator = Generator().manual_seed(0)
    singles = {shots: torch.rand(1000, generator=generator) ** (1 / shots) for shots in (1, 5)}
    return explorers.EpisodeAccuracy(singles, n_episodes=50)


def inner_loop():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        models = {"one": mlp(1, 20, 1), "two": mlp(1, 20, 20, 1)}
    return explorers.InnerLoop(models, lr=0.05)


def learners():
    """A network, a fitted line, and one that breaks down with more than five points."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = InContext(width=8)

    def line(x, y, x_query):
        features = torch.cat([torch.ones_like(x), x], -1)
        gram = features.mT @ features + 0.1 * torch.eye(2)
        weights = torch.linalg.solve(gram, features.mT @ y)
        return weights[:, :1] + weights[:, 1:] * x_query

    def breaks(x, y, x_query):
        return x_query * (math.nan if x.shape[1] > 5 else y.mean())

    return {"network": network, "line": line, "breaks": breaks}


def context_points():
    return explorers.ContextPoints(learners())


def meta_rates():
    losses = 3 * torch.rand(3, 2, 4, generator=Generator().manual_seed(0)) + 0.1
    losses[2, 1, 2:] = math.nan  # a run that diverged
    outer = [1e-4, 1e-3, 1e-2]
    inner = [0.01, 0.1]
    steps = [0, 50, 100, 150]
    return explorers.MetaRates(losses, steps, outer, inner, baseline=3.5)


def learned_temperature():
    drawn = torch.randn(2, 5, 7, generator=Generator().manual_seed(0))
    paths = {"from 0.02": (drawn[0] - 3).exp(), "from 1": drawn[1].exp()}
    ends = {"from 0.02": [0.5, 0.52, 0.49, 0.5, 0.51], "from 1": [0.4, 0.41, 0.42, 0.4, 0.45]}
    sweep = {0.02: [0.5, 0.52], 0.1: [0.55, 0.56], 1.0: [0.3, 0.33]}
    return explorers.LearnedTemperature(range(0, 70, 10), paths, ends, sweep=sweep)


def bowls() -> Episode:
    """Two linear regressions in the plane whose losses are bowls, steep in different directions."""
    tasks = []
    for optimum, angle, (steep, shallow) in (
        ((-1.4, 0.9), 0.35, (2.0, 0.2)),
        ((1.5, -0.5), 0.95, (0.5, 0.1)),
    ):
        along = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        across = torch.stack([-along[1], along[0]])
        x = torch.stack([along * steep**0.5, across * shallow**0.5])
        x = torch.cat([x, -x])
        tasks.append((x, x @ torch.tensor(optimum, dtype=torch.float64)[:, None]))
    x, y = (torch.stack(part) for part in zip(*tasks, strict=True))
    return Episode(x, y, x, y)


def reptile_path():
    return explorers.ReptilePath(bowls())


def layer_change():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = conv_encoder(widths=(4,), out_features=6, norm="batch_no_stats")
        model = nn.Sequential(OrderedDict(encoder=encoder, head=nn.Linear(6, 3)))
    x = torch.rand(2, 9, 1, 8, 8, generator=Generator().manual_seed(0))
    y = labels(9).expand(2, -1)
    tasks = Episode(x[:, :3], y[:, :3], x[:, 3:], y[:, 3:])
    layers = {"block 1": "encoder.0", "linear": "encoder.2", "head": "head"}
    return explorers.LayerChange(model, tasks, layers, rates=[0.1, 0.5, 2.0], most_steps=3)


def labelled_classes():
    """Accuracies that grow with the classes, of two starts and domains, three seeds and shots."""
    numbers = Generator().manual_seed(0)
    rows = []
    for train, test in (("ours", "ours"), ("ours", "theirs")):
        for start, method, sizes in (
            *(("none", "pixels", (0,)), ("SimCLR", "nearest mean", (0,))),
            *(("none", "prototypes", (3, 25, 690)), ("SimCLR", "prototypes", (3, 25, 690))),
            ("SimCLR", "mixed", (3, 690)),
        ):
            for size, n_shot, seed in itertools.product(sizes, (1, 5), (0, 1, 2)):
                share = 0.5 + 0.05 * math.log(size + n_shot) + 0.1 * (start == "SimCLR")
                share += 0.02 * torch.rand((), generator=numbers).item() - 0.1 * (test == "theirs")
                row = {"train": train, "test": test, "seed": seed, "start": start}
                row |= {"method": method, "classes": size, "n_shot": n_shot, "accuracy": share}
                rows.append(row)
    return explorers.LabelledClasses(rows)


META = {
    "prototypes": explorers.Prototypes,
    "episode_accuracy": episode_accuracy,
    "inner_loop": inner_loop,
    "context_points": context_points,
    "curvature": explorers.Curvature,
    "meta_rates": meta_rates,
    "learned_temperature": learned_temperature,
    "reptile_path": reptile_path,
    "layer_change": layer_change,
    "labelled_classes": labelled_classes,
}

MAKE = SIMILARITY | SELF_SUPERVISION | META


# --- as large as the chapters make them ----------------------------------------------------------


def large_factor_matrix():
    """Three encodings and a factor with a long name."""
    encodings = {name: clouds(96, 0.1) for name in ("random network", "colour histogram", "pixels")}
    known = {"shape": labels(96), **factors(96), "background": factors(96)["hue"]}
    known.pop("class")
    return explorers.FactorMatrix(encodings, images(96, 3), known, names={"shape": CLASSES})


def large_retrieval():
    encodings = {name: clouds(24) for name in ("random network", "colour histogram", "pixels", "x")}
    return explorers.Retrieval(encodings, images(24, 3), factors(24))


def large_embedding_map():
    """All the controls and factors of chapter 02, ten classes and their longest key."""
    known = {name: torch.arange(30.0) for name in ("hue", "size", "x", "y", "angle", "background")}
    return explorers.EmbeddingMap(
        {"pixels": clouds(30), "noise": normal32(30, 4, seed=9)},
        {"pixels": normal32(2, 2, 3, 30, 2), "noise": normal32(2, 2, 3, 30, 2, seed=8)},
        {"shape": torch.arange(30) % 10} | known,
        images=images(30),
        parameters={"perplexity": (3, 8), "early exaggeration": (1, 4), "iterations": (0, 20, 60)},
        names={"shape": [f"a shape {number}" for number in range(10)]},
    )


def large_live_tsne():
    """Three starts with long names side by side, many factors and the longest key."""
    known = {name: torch.arange(30.0) for name in ("hue", "size", "x", "y", "angle", "background")}
    made = explorers.LiveTSNE(
        clouds(30),
        {"shape": torch.arange(30) % 10} | known,
        images=images(30),
        starts=(2**32 - 1, 2**32 - 2, "PCA"),
        names={"shape": [f"a shape {number}" for number in range(10)]},
    )
    made.controls["from"].value = "side by side"
    return made


def large_map_and_matrix():
    """More rows than the matrix shows, ten classes with long names, and larger images."""
    names = [f"a rather long name {i % 10}" for i in range(500)]
    pixels = images(500, 3).repeat_interleave(4, 2).repeat_interleave(4, 3)
    return explorers.MapAndMatrix(normal32(500, 6), names, pixels, layout=normal32(500, 2))


def large_jigsaw():
    """As many tiles as there can be, of larger images that are no squares."""
    pixels = images(2, 3).repeat_interleave(12, 2).repeat_interleave(20, 3)
    return explorers.Jigsaw(pixels, tiles=5, network=lambda tiles: torch.arange(25))


def large_masked():
    """Networks with long names, many patches, and errors of very different sizes."""
    networks = {
        "trained on hidden patches": half_of_what_is_seen,
        "untrained, with its statistics filled": lambda pictures, mask: 1e5 * pictures,
    }
    return explorers.Masked(images(40, 3).repeat_interleave(4, 3), networks, patch=1)


class KnowingNothing(nn.Module):
    """Whatever was heard, all of the next sixteen frames are alike."""

    steps = 12

    def scores(self, waves, step):
        return torch.zeros(len(waves), 100 - 16, 16)


def large_future():
    """More frames and steps, at the rate of speech, and a bound of zero."""
    noise = (0.1 * normal32(120, 1, 16_000, seed=6)).clamp(-1, 1)
    known = "noise", noise, labels(120), CLASSES, {}, 16_000
    return explorers.Future(KnowingNothing(), Sequences(*known), sequence=119)


def large_training_film():
    """Eight classes and more steps."""
    live = large_live_training()
    live.start()
    live.wait()
    return explorers.TrainingFilm(live)


def large_inner_loop():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        models = {
            name: mlp(1, 20, 1) for name in ("random weights", "trained on all", "MAML", "Reptile")
        }
    return explorers.InnerLoop(models, lr=0.05)


def large_context_points():
    """As many learners as chapter 15 shows, with longer names."""
    names = ("learning in context", "ridge regression", "gradient steps", "exact posterior mean")
    return explorers.ContextPoints(dict.fromkeys(names, learners()["line"]))


def large_live_training():
    """With baselines, eight classes and all panels."""
    made = live_training()
    classes = ("disc", "ring", "star", "square", "triangle", "hexagon", "cross", "crescent")
    dataset = Dataset("noise", images(24), torch.arange(24) % 8, classes, {})
    return explorers.LiveTraining(
        TinyMethod(),
        made.draw,
        steps=12,
        knobs={"temperature": (0.02, 2)},
        evaluate=made.evaluate,
        evaluate_every=5,
        baselines={"random encoder": 0.21, "raw pixels": 0.42},
        pictures=dataset,
        chance=math.log(15),
    )


def side_by_side():
    made = live_training()
    watch = {"evaluate": made.evaluate, "baselines": {"random encoder": 0.21, "raw pixels": 0.42}}
    panels = [
        explorers.LiveTraining(
            TinyMethod(), made.draw, steps=100, lr=lr, narrow=True, chance=math.log(15), **watch
        )
        for lr in (1e-4, 4e-3)
    ]
    return explorers.SideBySide(*panels)


def large_zero_shot():
    """More prompts than rows, long ones, and warnings."""
    made = zero_shot()
    prompts = [f"a {'very ' * (i % 12)}large x{i} star in the upper left corner" for i in range(40)]
    made.controls["prompts"].value = "\n".join(prompts)
    return made


LARGE = {
    "large_factor_matrix": large_factor_matrix,
    "large_retrieval": large_retrieval,
    "large_embedding_map": large_embedding_map,
    "large_live_tsne": large_live_tsne,
    "large_map_and_matrix": large_map_and_matrix,
    "large_future": large_future,
    "large_inner_loop": large_inner_loop,
    "large_context_points": large_context_points,
    "large_live_training": large_live_training,
    "large_jigsaw": large_jigsaw,
    "large_masked": large_masked,
    "large_training_film": large_training_film,
    "large_zero_shot": large_zero_shot,
    "side_by_side": side_by_side,
}
