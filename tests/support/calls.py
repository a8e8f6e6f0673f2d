"""Every public callable once, with good arguments: what the tests of bad and unusual input vary.

Good arguments are made anew for each call, so that no call can spoil the next. A public name of
the package that is missing here fails a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

import mlteach
from mlteach import (
    data,
    episodes,
    evaluate,
    explorers,
    losses,
    maps,
    meta,
    metric,
    neighbours,
    networks,
    plots,
    pretext,
    recipes,
    selfsup,
    similarity,
    training,
    views,
)
from support.numbers import generator, normal32


class Call(NamedTuple):
    """A function and how its good arguments are made.

    Attributes:
        function: what is called, always with all arguments by name.
        arguments: name → how its value is made; a name that begins with * is taken by place.
        free: parameters that take any value of their kind, and why; they are not varied.
        takes: (parameter, name of a bad value) that is accepted all the same, and why.
        propagates: whether a NaN may come back as a NaN, as in a loss.
    """

    function: Callable[[], Callable]
    arguments: Mapping[str, Callable[[], Any]]
    free: Mapping[str, str] = {}
    takes: Mapping[tuple[str, str], str] = {}
    propagates: bool = False


CALLS: dict[str, Call] = {}


def add(
    name: str, function: Callable, /, *, of: Callable[[], Any] | None = None, **arguments: Any
) -> None:
    """One call; a plain number or text stands for itself. `of` makes the object of a method."""
    options = {k: arguments.pop(k) for k in ("free", "takes", "propagates") if k in arguments}
    made = {
        key: value if callable(value) else partial(_same, value) for key, value in arguments.items()
    }
    bound = (lambda: getattr(of(), function)) if of else (lambda: function)
    CALLS[name] = Call(bound, made, **options)


def _same(value: Any) -> Any:
    return value


def add_all(module: Any, /, **calls: dict[str, Any]) -> None:
    short = module.__name__.removeprefix("mlteach.")
    for name, arguments in calls.items():
        add(f"{short}.{name}", getattr(module, name), **arguments)


# --- what most calls are made of -----------------------------------------------------------------


def z(n: int = 8, d: int = 6, seed: int = 0) -> Callable[[], Tensor]:
    return lambda: normal32(n, d, seed=seed)


def classes(n: int = 8, c: int = 2) -> Callable[[], Tensor]:
    return lambda: torch.arange(n) % c


def images(n: int = 8, channels: int = 3, size: int = 8, seed: int = 1) -> Callable[[], Tensor]:
    return lambda: normal32(n, channels, size, size, seed=seed).sigmoid()


def encoder(d: int = 6, d_in: int = 3 * 8 * 8) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(d_in, d))


def head(d_in: int = 6, d_out: int = 4) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(d_in, d_out))


def dataset() -> data.Dataset:
    return data.Dataset(
        "made", images(24)(), classes(24, 3)(), ("a", "b", "c"), {"n": torch.arange(24)}
    )


def episode() -> episodes.Episode:
    ways = {"n_tasks": 3, "n_way": 3, "n_shot": 2, "n_query": 2}
    return episodes.sample_episodes(dataset(), **ways, generator=generator())


def feature_episode() -> episodes.Episode:
    return episodes.on_features(encoder(), episode())


def a_generator() -> torch.Generator:
    return generator(3)


TEMPERATURE = {"temperature": 0.5, "propagates": True}
PAIR = {"z1": z(), "z2": z(seed=1), "propagates": True}

add_all(
    losses,
    alignment={"x": z(), "y": z(seed=1), "power": 2.0, "propagates": True},
    uniformity={"x": z(), "t": 2.0, "propagates": True},
    barlow_twins={**PAIR, "redundancy_weight": 0.005},
    byol_loss={"prediction": z(), "target": z(seed=1), "propagates": True},
    clip_loss={"image": z(), "text": z(seed=1), **TEMPERATURE},
    contrastive_loss={
        "x1": z(),
        "x2": z(seed=1),
        "same": classes(),
        "margin": 1.0,
        "takes": {(x, "infinity"): "farther than any margin" for x in ("x1", "x2")},
        "propagates": True,
    },
    info_nce={"query": z(), "positive": z(seed=1), "negatives": z(5, seed=2), **TEMPERATURE},
    nt_xent={
        **PAIR,
        **TEMPERATURE,
        "chunk_size": 3,
        "takes": {("chunk_size", "None"): "the whole batch at once"},
    },
    supervised_contrastive={
        "z": z(),
        "labels": classes(),
        **TEMPERATURE,
        "takes": {
            ("labels", name): "only equality matters"
            for name in ("negative", "too large", "fractions")
        },
    },
    siglip_loss={
        "image": z(),
        "text": z(seed=1),
        **TEMPERATURE,
        "bias": -2.0,
        "takes": {("bias", "negative"): "a bias may be"},
    },
    triplet_loss={
        "anchor": z(),
        "positive": z(seed=1),
        "negative": z(seed=2),
        "margin": 0.2,
        "takes": {("negative", "infinity"): "farther than any margin"},
        "propagates": True,
    },
    dino_loss={
        "student": z(),
        "teacher": z(seed=1),
        "student_temperature": 0.1,
        "teacher_temperature": 0.04,
        "center": lambda: normal32(6, seed=2),
        "takes": {("center", "infinity"): "a prototype that gets no share"},
        "propagates": True,
    },
    sigreg={"z": z(), "slices": 4, "generator": a_generator, "propagates": True},
    vicreg={**PAIR, "invariance": 25.0, "variance": 25.0, "covariance": 1.0},
)

SIDES = {"images": images(), "generator": a_generator}
MIXED = {"images": images(), "labels": classes(), "n_classes": 3, "generator": a_generator}

EMPTY = {("images", "empty"): "an empty batch stays one"}
ANY_CHANNELS = EMPTY | {("images", "five channels"): "pixels are moved, not mixed"}
ANY_RANGE = ANY_CHANNELS | {("images", "0 to 255"): "pixels are moved, not clamped"}

add_all(
    views,
    add_noise={**SIDES, "std": 0.1, "takes": ANY_CHANNELS},
    blend={"images": images(), "others": images(seed=2), "share": lambda: torch.linspace(0, 1, 8)},
    color_jitter={
        **SIDES,
        "brightness": 0.4,
        "contrast": 0.4,
        "saturation": 0.4,
        "hue": 0.1,
        "takes": EMPTY,
    },
    cutmix={**MIXED, "alpha": 1.0, "takes": ANY_CHANNELS},
    mixup={**MIXED, "alpha": 0.2, "takes": ANY_CHANNELS},
    paste={
        "images": images(),
        "others": images(seed=2),
        "share": lambda: torch.linspace(0, 1, 8),
        "centre": lambda: torch.full((8, 2), 0.3),
    },
    handwriting_view={
        **SIDES,
        **{"radians": 0.2, "shear": 0.2, "scale": 0.1, "aspect": 0.1},
        **{"pixels": 1.0, "elastic": 0.1, "stroke": 0.5},
        "takes": ANY_CHANNELS | ANY_RANGE,
    },
    random_blur={**SIDES, "sigma": (0.1, 2.0), "probability": 0.5, "takes": ANY_CHANNELS},
    random_crop={**SIDES, "scale": (0.6, 1.0), "takes": ANY_RANGE},
    random_flip={**SIDES, "probability": 0.5, "takes": ANY_RANGE},
    random_grayscale={**SIDES, "probability": 0.2, "takes": EMPTY},
    random_rotation={**SIDES, "radians": 0.3, "takes": ANY_RANGE},
    random_shift={**SIDES, "pixels": 2.0, "takes": ANY_RANGE},
    random_view={
        **SIDES,
        **{"scale": (0.6, 1.0), "pixels": 1.0, "radians": 0.2, "flip": 0.5},
        **{"fill": "zeros", "std": 0.01},
        "takes": ANY_CHANNELS,
    },
    simclr_view={
        **SIDES,
        **{"scale": (0.6, 1.0), "radians": 0.3, "flip": 0.5},
        **{"jitter": 1.0, "grayscale": 0.2, "blur": 0.1},
        "takes": EMPTY,
    },
    soft_labels={
        "labels": classes(),
        "others": classes(8, 3),
        "share": lambda: torch.linspace(0, 1, 8),
        "n_classes": 3,
    },
)

add_all(
    data,
    Dataset={
        "name": "made",
        "takes": {
            ("name", "unknown"): "any text",
            ("name", "empty"): "any text",
            ("images", "0 to 255"): "refused where they are drawn or changed",
            ("images", "five channels"): "satellites have more",
            ("factors", "empty"): "nothing else is known",
        },
        "images": images(),
        "labels": classes(),
        "classes": ("a", "b"),
        "factors": lambda: {"n": torch.arange(8)},
    },
    Sequences={
        "name": "made",
        "waves": lambda: normal32(8, 1, 100).tanh(),
        "labels": classes(),
        "classes": ("a", "b"),
        "factors": lambda: {"n": torch.arange(8)},
        "takes": {
            ("name", "unknown"): "any text",
            ("name", "empty"): "any text",
            ("factors", "empty"): "nothing else is known",
        },
        "sample_rate": 8000,
    },
    from_arrays={
        "images": images(),
        "labels": classes(),
        "factors": lambda: {"n": torch.arange(8)},
        "name": "mine",
        "takes": {
            ("images", "uint8"): "bytes are images, too",
            ("labels", "None"): "not known",
            ("labels", "negative"): "any numbers name classes",
            ("labels", "too large"): "any numbers name classes",
            ("factors", "None"): "nothing else is known",
            ("factors", "empty"): "nothing else is known",
            ("name", "unknown"): "any text",
            ("name", "empty"): "any text",
        },
    },
    Words={"texts": lambda: ["a red star", "a blue moon"]},
    caption_classes={"dataset": lambda: data.shapes(4)},
    caption_words={},
    captions={"dataset": lambda: data.shapes(4), "seed": 0, "wording": "other"},
    digits={"split": "test"},
    glyphs={"split": "test"},
    draw_glyphs={"scripts": ("Lao",), "n_drawers": 1, "seed": 0},
    photographs={"n": 4, "seed": 0, "part": "train", "side": 32},
    shapes={
        **{"n": 4, "seed": 0, "size": (0.45, 0.8)},
        **{"rotation": 0.5, "texture": 0.02, "noise": 0.03},
    },
    sinusoids={
        **{"n_tasks": 3, "n_points": 4, "generator": a_generator},
        **{"amplitude": (0.1, 5.0), "phase": (0.0, 3.0), "x_range": (-5.0, 5.0)},
    },
    tones={"n": 4, "seed": 0, "n_notes": 3, "noise": 0.3},
)
add(
    "data.Dataset.subset",
    "subset",
    of=dataset,
    index=lambda: torch.tensor([3, 1, 4]),
    takes={("index", name): "as many as one likes" for name in ("one more", "one less")},
)

add_all(
    networks,
    TextEncoder={
        **{"n_words": 9, "out_features": 4, "width": 8, "heads": 2, "blocks": 2},
        **{"longest": 5, "dropout": 0.1},
    },
    InContext={"width": 8, "heads": 2, "blocks": 2},
    LogSpectrogram={"sample_rate": 4000, "window": 128, "hop": 32, "bands": 12, "low": 400.0},
    conv_encoder={"in_channels": 3, "widths": (4, 4), "out_features": 6, "norm": "batch"},
    prediction_head={
        **{"in_features": 6, "hidden": 8, "out_features": 4, "batch_norm": True},
        "takes": {("out_features", "None"): "as many as in_features"},
    },
    projection_head={"in_features": 6, "hidden": 8, "out_features": 4, "batch_norm": False},
)

ANY_GROUPS = {
    ("groups", "negative"): "groups are only compared: any integers name them",
    ("groups", "too large"): "groups are only compared: any integers name them",
}

add_all(
    similarity,
    factor_groups={"values": lambda: normal32(12)},
    group_gap={"matrix": lambda: normal32(8, 8), "groups": classes(), "takes": ANY_GROUPS},
    nearest={"matrix": lambda: normal32(8, 8), "k": 2},
    retrieval_precision={
        "neighbours": lambda: torch.arange(16).view(8, 2) % 8,
        "groups": classes(),
        "takes": ANY_GROUPS,
    },
    similarities={"x": z(), "y": z(5, seed=1), "measure": "cosine"},
)

add_all(
    maps,
    affinities={"x": z(), "perplexity": 3.0},
    conditional_affinities={"x": z(), "perplexity": 3.0},
    kl_divergence={"p": lambda: maps.affinities(z()(), 3.0), "y": z(8, 2)},
    pca={"x": z(), "components": 2},
    student_t={"y": z(8, 2)},
    tsne={"x": z(), "iterations": 5, "perplexity": 3.0},
    tsne_film={
        "encodings": lambda: [z()(), z(seed=1)()],
        "perplexity": 3.0,
        "iterations": 5,
    },
    tsne_gradient={"p": lambda: maps.affinities(z()(), 3.0), "y": z(8, 2)},
    tsne_path={
        **{"x": z(), "at": (0, 3), "perplexity": 3.0},
        **{"early_exaggeration": 12.0, "exaggerated": 2, "start": z(8, 2)},
        "takes": {("start", "None"): "the first two principal components"},
    },
    curve_parameters={"min_dist": 0.1},
    fuzzy_graph={"x": z(), "n_neighbors": 4},
    umap={
        **{"x": z(), "n_neighbors": 4, "min_dist": 0.1, "epochs": 3, "n_negative": 2},
        **{"start": z(8, 2), "generator": a_generator},
        "takes": {("start", "None"): "the first two principal components"},
    },
    umap_loss={
        **{"anchors": z(8, 2), "neighbours": z(8, 2, 1), "a": 1.5, "b": 0.9},
        "strangers": lambda: normal32(8, 3, 2, seed=2),
    },
    place={"new": z(5, seed=1), "x": z(), "y": z(8, 2), "k": 3},
)

LABELLED = {"images": images(), "labels": classes()}
ANY_DATA = {
    ("images", name): "a method takes data of any range and shape"
    for name in ("0 to 255", "five channels", "one dimension more")
}
HUGE_CLASS = {("labels", "too large"): "a class is a class, whatever its number"}

add_all(
    metric,
    Siamese={
        **{"encoder": encoder, "margin": 1.0, "mining": "all", "normalise": False},
        "takes": {("encoder", "one column only"): "a constructor sees no images"},
    },
    Triplet={
        **{"encoder": encoder, "margin": 0.2, "mining": "semi-hard", "normalise": True},
        "takes": {("encoder", "one column only"): "a constructor sees no images"},
    },
    mine_pairs={
        "distances": lambda: metric.pairwise_distances(z()()),
        "labels": classes(),
        "strategy": "hard",
        "takes": HUGE_CLASS,
        "generator": a_generator,
    },
    mine_triplets={
        "distances": lambda: metric.pairwise_distances(z()()),
        "labels": classes(),
        "strategy": "semi-hard",
        "margin": 0.2,
        "takes": HUGE_CLASS,
        "generator": a_generator,
    },
    pairwise_distances={"z": z(), "propagates": True},
    sample_classes={
        **{"labels": classes(), "n_classes": 2, "n_each": 2, "generator": a_generator},
        "takes": {
            **HUGE_CLASS,
            ("labels", "one more"): "a data set of any length",
            ("labels", "one less"): "a data set of any length",
        },
    },
    triplet_regions={
        "to_positive": lambda: torch.linspace(0.1, 1, 8),
        "to_negative": lambda: torch.linspace(1, 0.1, 8),
        "takes": {
            (side, name): "distances of any shapes that fit"
            for side in ("to_positive", "to_negative")
            for name in ("number", "one dimension more", "a number alone")
        },
        "margin": 0.2,
    },
)
for learner in (metric.Siamese, metric.Triplet):
    add(
        f"metric.{learner.__name__}.loss",
        "loss",
        of=partial(learner, encoder()),
        **LABELLED,
        takes=HUGE_CLASS | {("images", "0 to 255"): "a method takes data of any range"},
        propagates=True,
    )

add_all(
    neighbours,
    ExactSearch={"vectors": z(40), "measure": "cosine"},
    HashTables={
        **{"vectors": z(40), "measure": "cosine"},
        **{"n_tables": 2, "n_bits": 3, "generator": a_generator},
    },
    InvertedLists={
        **{"vectors": z(40), "measure": "cosine", "n_cells": 4, "generator": a_generator},
        "takes": {("n_cells", "None"): "the square root of N"},
    },
    NeighbourGraph={
        **{"vectors": z(40), "measure": "cosine", "n_links": 4},
        **{"ef_build": 8, "n_starts": 4, "generator": a_generator},
    },
    ProductQuantiser={
        **{"vectors": z(40), "n_parts": 3, "n_centres": 5, "generator": a_generator},
    },
    k_means={
        "vectors": lambda: z(40)().numpy(),
        "n_cells": 4,
        "rounds": 2,
        "generator": a_generator,
    },
    recall={
        "found": lambda: torch.arange(8).view(4, 2),
        "exact": lambda: torch.arange(8).view(4, 2),
        "takes": {
            ("found", "too large"): "indices are only compared",
            ("exact", "too large"): "indices are only compared",
        },
    },
)
for index in (neighbours.ExactSearch, neighbours.HashTables, neighbours.InvertedLists):
    name = f"neighbours.{index.__name__}"
    for method in ("visited", "cost"):
        add(f"{name}.{method}", method, of=partial(index, z(40)()), queries=z(3, seed=1))
    add(f"{name}.search", "search", of=partial(index, z(40)()), queries=z(3, seed=1), k=2)

quantiser = partial(neighbours.ProductQuantiser, z(40)(), n_parts=3, n_centres=5)
add("neighbours.ProductQuantiser.encode", "encode", of=quantiser, vectors=z(3, seed=1))
add(
    "neighbours.ProductQuantiser.decode",
    "decode",
    of=quantiser,
    codes=lambda: torch.arange(6).view(2, 3) % 5,
    takes={
        ("codes", "one more"): "any number of codes is decoded",
        ("codes", "one less"): "any number of codes is decoded",
    },
)
add("neighbours.ProductQuantiser.search", "search", of=quantiser, queries=z(3, seed=1), k=2)

UNSEEN = "a constructor sees no images"
ENCODER_AND_HEAD = {
    "encoder": encoder,
    "projector": head,
    "takes": {
        ("encoder", "one column only"): UNSEEN,
        ("projector", "one column only"): UNSEEN,
        ("predictor", "one column only"): UNSEEN,
        ("predictor", "None"): "a method without predictor",
    },
}

add_all(
    selfsup,
    SimCLR={**ENCODER_AND_HEAD, "temperature": 0.2},
    MoCo={**ENCODER_AND_HEAD, "n_keys": 16, "decay": 0.98, "temperature": 0.2},
    BYOL={
        **ENCODER_AND_HEAD,
        "predictor": lambda: head(4, 4),
        **{"decay": 0.99, "stop_gradient": True, "target_average": True},
    },
    BarlowTwins={**ENCODER_AND_HEAD, "redundancy_weight": 0.005},
    DINO={
        **ENCODER_AND_HEAD,
        **{"student_temperature": 0.1, "teacher_temperature": 0.04, "decay": 0.99},
        **{"center_decay": 0.9, "centering": True},
    },
    LeJEPA={**ENCODER_AND_HEAD, "weight": 0.05, "slices": 16},
    VICReg={**ENCODER_AND_HEAD, "invariance": 25.0, "variance": 25.0, "covariance": 1.0},
)
ANY_IMAGE = {
    ("images", "0 to 255"): "no value is read",
    ("images", "five channels"): "satellites have more",
    ("images", "empty"): "a batch may be empty",
}


def a_mask() -> Tensor:
    return pretext.random_mask(8, 4, 0.5, generator=generator()).long()  # 1 and 0


def a_map() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return nn.Conv2d(3, 5, 3, stride=2, padding=1)


def painter(channels: int = 3) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.ConvTranspose2d(5, channels, 2, stride=2)


def mapper() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Conv2d(5, 5, 1)


TASK: dict[str, Any] = {"images": images(), "generator": a_generator, "propagates": True}
ENCODER_AND_ANSWER = {
    "encoder": encoder,
    "head": head,
    "takes": {(part, "one column only"): UNSEEN for part in ("encoder", "head")},
}
ORDERS: dict[str, Any] = {"permutations": lambda: pretext.permutation_set(4, 3)}
add_all(
    pretext,
    all_rotations={"images": images(), "takes": ANY_IMAGE, "propagates": True},
    block_mask={
        **{"n": 3, "grid": (3, 4), "size": (2, 1), "generator": a_generator},
        "takes": {(name, "number"): "a square" for name in ("grid", "size")},
    },
    hide={
        **{"images": images(), "mask": a_mask, "value": 0.5, "propagates": True},
        "takes": ANY_IMAGE | {("value", "negative"): "any number"},
    },
    jigsaw={
        **{**TASK, **ORDERS, "gap": 1, "drop_colour": True, "normalise": True},
        "takes": ANY_IMAGE
        | {("permutations", name): "another set" for name in ("one more", "one less")},
    },
    patchify={"images": images(), "size": 4, "takes": ANY_IMAGE, "propagates": True},
    permutation_set={"n_tiles": 4, "count": 5},
    random_mask={
        **{"n": 3, "grid": (3, 4), "ratio": 0.5, "generator": a_generator},
        "takes": {("grid", "number"): "a square"},
    },
    relative_position={
        **{**TASK, "patch": 2, "gap": 0, "jitter": 1, "takes": ANY_IMAGE},
        **{"drop_colour": True, "normalise": True},
    },
    rotate={**TASK, "takes": ANY_IMAGE},
    unpatchify={
        **{"patches": lambda: pretext.patchify(images()(), 4), "size": 4, "channels": 3, "rows": 2},
        "takes": {("patches", "empty"): "a batch may be empty", ("rows", "None"): "a square"},
        "propagates": True,
    },
    Jigsaw=ENCODER_AND_ANSWER,
    RelativePosition=ENCODER_AND_ANSWER,
    Rotation=ENCODER_AND_ANSWER,
    MaskedLatents={
        **{"encoder": a_map, "predictor": mapper, "decay": 0.9},
        "takes": {(part, "one column only"): UNSEEN for part in ("encoder", "predictor")},
    },
    MaskedReconstruction={
        **{"encoder": a_map, "decoder": painter, "everywhere": True},
        "takes": {(part, "one column only"): UNSEEN for part in ("encoder", "decoder")},
    },
)
PRETEXT: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "Rotation": (
        lambda: pretext.Rotation(encoder(), head()),
        {"rotated": images(), "labels": classes(8, 4)},
    ),
    "RelativePosition": (
        lambda: pretext.RelativePosition(encoder(), head(12, 8)),
        {"centre": images(), "neighbour": images(seed=2), "labels": classes(8, 8)},
    ),
    "Jigsaw": (
        lambda: pretext.Jigsaw(encoder(d_in=48), head(24, 3)),
        {"tiles": lambda: normal32(8, 4, 3, 4, 4), "labels": classes(8, 3)},
    ),
    "MaskedReconstruction": (
        lambda: pretext.MaskedReconstruction(a_map(), painter()),
        {"images": images(), "mask": a_mask},
    ),
    "MaskedLatents": (
        lambda: pretext.MaskedLatents(a_map(), mapper()),
        {"images": images(), "mask": a_mask},
    ),
}
for name, (make, question) in PRETEXT.items():
    any_range = {(x, "0 to 255"): "a method takes data of any range" for x in question}
    add(f"pretext.{name}.loss", "loss", of=make, **question, takes=any_range, propagates=True)


def frame_parts() -> list[nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return [nn.Linear(3, 6), nn.GRU(6, 5, batch_first=True), nn.Identity()]


SEQUENCES = {
    "encoder": lambda: frame_parts()[0],
    "context": lambda: frame_parts()[1],
    "steps": 2,
}
add_all(
    selfsup,
    CPC={
        **{**SEQUENCES, "negatives": "later", "horizon": 3, "summary": "last"},
        "takes": {
            ("horizon", "None"): "twice the steps",
            ("encoder", "one column only"): UNSEEN,
        },
    },
    NextFrame={
        **{**SEQUENCES, "target": nn.Identity, "target_features": 3, "summary": "mean"},
        "takes": {(name, "one column only"): UNSEEN for name in ("encoder", "target")},
    },
)
for name, make in {
    "CPC": lambda: selfsup.CPC(*frame_parts()[:2], steps=2),
    "NextFrame": lambda: selfsup.NextFrame(*frame_parts(), target_features=3, steps=2),
}.items():
    add(
        f"selfsup.{name}.loss",
        "loss",
        of=make,
        x=lambda: normal32(4, 7, 3),
        takes={("x", "0 to 255"): "a method takes data of any range"},
        propagates=True,
    )


def reader() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return networks.TextEncoder(9, out_features=6, width=8)


def word_numbers() -> Tensor:
    return torch.randint(1, 9, (8, 5), generator=generator())


add(
    "selfsup.CLIP",
    selfsup.CLIP,
    image_encoder=encoder,
    text_encoder=reader,
    **{"loss": "siglip", "temperature": 0.1, "bias": -10.0, "learned": True},
    takes={
        ("image_encoder", "one column only"): UNSEEN,
        ("text_encoder", "one column only"): UNSEEN,
        ("temperature", "None"): "that of the paper",
        ("bias", "negative"): "a bias may be",
    },
)
add(
    "selfsup.CLIP.loss",
    "loss",
    of=lambda: selfsup.CLIP(encoder(), reader()),
    x=images(),
    tokens=word_numbers,
    takes={("x", "0 to 255"): "a method takes data of any range"},
    propagates=True,
)
METHODS: dict[str, Callable[[], nn.Module]] = {
    "SimCLR": lambda: selfsup.SimCLR(encoder(), head()),
    "MoCo": lambda: selfsup.MoCo(encoder(), head(), n_keys=16),
    "BYOL": lambda: selfsup.BYOL(encoder(), head(), head(4, 4)),
    "BarlowTwins": lambda: selfsup.BarlowTwins(encoder(), head()),
    "VICReg": lambda: selfsup.VICReg(encoder(), head()),
    "DINO": lambda: selfsup.DINO(encoder(), head()),
    "LeJEPA": lambda: selfsup.LeJEPA(encoder(), head()),
}
for name, make in METHODS.items():
    two_views = {"x1": images(), "x2": images(seed=2)}
    any_range = {(x, "0 to 255"): "a method takes data of any range" for x in two_views}
    add(f"selfsup.{name}.loss", "loss", of=make, **two_views, takes=any_range, propagates=True)


def draw(g: torch.Generator) -> tuple[Tensor, Tensor]:
    x = torch.rand(4, 3, 8, 8, generator=g)
    return x, 1 - x


def last_loss(**arguments: Any) -> float:
    """What `fit` made of a method, as one number."""
    return training.fit(**arguments, progress=False).history["loss"][-1]


def score(method: nn.Module) -> float:
    return sum(p.sum().item() for p in method.parameters())


add(
    "training.fit",
    last_loss,
    method=METHODS["SimCLR"],
    draw=lambda: draw,
    steps=2,
    lr=0.004,
    weight_decay=1e-4,
    warmup=0.1,
    seed=0,
    evaluate=lambda: score,
    evaluate_every=1,
    callback=lambda: lambda step, loss, aux: None,
    takes={
        ("evaluate", "None"): "no score",
        ("callback", "None"): "no callback",
        ("callback", "gives nothing"): "the run goes on",
        ("threads", "None"): "as many as torch likes",
    },
    threads=1,
)
add_all(
    training,
    generator={"seed": 0},
    pick_device={"prefer": "cpu", "takes": {("prefer", "None"): "the best that there is"}},
    seed_everything={"seed": 0},
    warmup_cosine={"step": 3, "lr": 0.1, "steps": 10, "warmup": 0.2},
)

WAYS = {"n_way": 3, "n_shot": 2, "n_query": 2}
TARGETS = ("labels as fractions", "negative labels")
add_all(
    episodes,
    on_features={
        "encoder": encoder,
        "episodes": episode,
        "takes": {("episodes", name): "the targets stay, whatever they are" for name in TARGETS},
    },
    prototypes={
        "features": lambda: normal32(2, 6, 4),
        "labels": lambda: (torch.arange(6) % 3).repeat(2, 1),
        "n_way": 3,
    },
    sample_episodes={"dataset": dataset, "n_tasks": 2, **WAYS, "generator": a_generator},
    sinusoid_episodes={"n_tasks": 2, "n_shot": 3, "n_query": 3, "generator": a_generator},
    split_classes={"dataset": dataset, "n_first": 1, "generator": a_generator},
)


def model() -> nn.Module:
    return encoder(3)


def cross_entropy() -> Callable:
    return F.cross_entropy


INNER = {"lr": 0.1, "steps": 2}
LEARNER = {"model": model, "episodes": episode, "loss_fn": cross_entropy, **INNER}
FROZEN = {"frozen": ()}
add_all(
    meta,
    adapt={
        "model": model,
        "params": lambda: dict(model().named_parameters()),
        "x": images(6),
        "y": classes(6, 3),
        "loss_fn": cross_entropy,
        **INNER,
        "first_order": False,
        **FROZEN,
        "propagates": True,
        "takes": {("x", "0 to 255"): "points, sounds and tokens are no images"},
    },
    maml_loss={**LEARNER, "first_order": False, **FROZEN, "propagates": True},
    adapted_predictions={
        **LEARNER,
        "first_order": False,
        **FROZEN,
        "queries": "together",
        "propagates": True,
        "takes": {("episodes", name): "the targets of queries are not used" for name in TARGETS},
    },
    prototypical_loss={"encoder": encoder, "episodes": episode, "propagates": True},
    reptile_step={**LEARNER, "step_size": 0.5},
)

TRAIN_AND_TEST = {
    "train_features": z(12),
    "train_labels": classes(12, 3),
    "test_features": z(9, seed=1),
    "test_labels": classes(9, 3),
}
ANY_CLASSES = {
    (name, "too large"): "any class ids >= 0 are good; one that is not known counts as wrong"
    for name in ("labels", "train_labels", "test_labels")
}
ANY_LENGTH = {("labels", name): "labels alone" for name in ("one more", "one less")}

add_all(
    evaluate,
    Classifier={
        "encoder": encoder,
        "head": lambda: nn.Linear(6, 2),
        "takes": {("encoder", "one column only"): "a constructor sees no images"},
    },
    accuracy={"scores": z(8, 3), "labels": classes(8, 3), "takes": ANY_CLASSES},
    adapted_accuracy={**LEARNER, **FROZEN, "queries": "together", "chunk_size": 2},
    classify={
        "model": model,
        "support_images": images(6),
        "labels": classes(6, 3),
        "new_images": images(2),
        "loss_fn": cross_entropy,
        **INNER,
        **FROZEN,
        "probabilities": False,
        "takes": {
            ("labels", "negative"): "any numbers name classes",
            ("labels", "too large"): "any numbers name classes",
            ("support_images", "uint8"): "bytes are images, too",
            ("new_images", "uint8"): "bytes are images, too",
        },
    },
    confidence_interval={"values": lambda: torch.linspace(0, 1, 8)},
    cosine_neighbours={"train_features": z(12), "test_features": z(5, seed=1), "k": 2},
    effective_rank={"z": z()},
    feature_std={"z": z()},
    features={
        **{"encoder": encoder, "images": images(), "batch_size": 4},
        "takes": {
            ("images", "0 to 255"): "any numbers that the encoder takes, such as signals",
            ("batch_size", "huge"): "a bound of the memory",
        },
    },
    few_label_curve={
        "score": lambda: lambda index: 1 / len(index),
        "labels": classes(40),
        "fractions": (0.1, 0.5),
        "n_seeds": 2,
        "takes": ANY_CLASSES | ANY_LENGTH,
    },
    few_shot_accuracy={
        "encoder_features": z(24),
        "labels": classes(24, 3),
        "n_way": 2,
        **{"n_shot": 1, "n_query": 1, "n_episodes": 5},
        "generator": a_generator,
        "takes": {("labels", "too large"): "any numbers name classes"},
    },
    fine_tune={
        **{"encoder": encoder, **LABELLED, "view": lambda: views.random_flip},
        **{"steps": 1, "lr": 1e-3, "batch_size": 4, "penalty": 1.0, "seed": 0},
        "takes": {
            ("view", "None"): "takes the images as they are",
            ("images", "0 to 255"): "a network takes data of any range",
        },
    },
    knn_accuracy={**TRAIN_AND_TEST, "k": 3, "temperature": 0.1, "takes": ANY_CLASSES},
    knn_votes={
        "similarities": lambda: normal32(5, 3).tanh(),
        "labels": lambda: torch.arange(15).view(5, 3) % 3,
        "n_classes": 3,
        "temperature": 0.1,
    },
    linear_cka={"x": z(), "y": z(8, 5, seed=1)},
    linear_classifier={"x": z(), "labels": classes(), "penalty": 1.0},
    linear_probe={**TRAIN_AND_TEST, "penalty": 1.0, "takes": ANY_CLASSES},
    nearest_neighbour_accuracy={"features": z(), "labels": classes(), "takes": ANY_CLASSES},
    prototype_accuracies={"episodes": feature_episode},
    spectrum={"z": z()},
    stratified_sample={
        **{"labels": classes(40), "n": 10, "generator": a_generator},
        "takes": ANY_CLASSES | ANY_LENGTH,
    },
    with_statistics={
        **{"encoder": encoder, "images": images(6), "batch_size": 4},
        "takes": {
            ("images", "0 to 255"): "any numbers that the encoder takes, such as signals",
            ("batch_size", "huge"): "a bound of the memory",
        },
    },
)

add_all(
    recipes,
    TwoViews={
        **{"encoder": encoder, "head": head, "temperature": 0.2},
        "takes": {(name, "one column only"): UNSEEN for name in ("encoder", "head")},
    },
    factor_classes={"dataset": lambda: data.shapes(20)},
    knn_score={"encoder": encoder, "train": dataset, "test": dataset, "k": 3},
    labelled_batches={
        **{**LABELLED, "view": lambda: views.random_flip, "batch_size": 4},
        "takes": ANY_DATA
        | HUGE_CLASS
        | {
            ("view", "None"): "the images as they are",
            ("view", "gives nothing"): "asked by fit only",
        },
    },
    pretext_batches={
        **{"images": images(), "task": lambda: pretext.rotate, "batch_size": 4},
        "takes": {
            **{("images", name): "any data" for name in ("0 to 255", "five channels")},
            **{("images", name): "any data" for name in ("one dimension more", "one row")},
            ("task", "gives nothing"): "seen when it is drawn",
        },
    },
    probe_score={"encoder": encoder, "train": dataset, "test": dataset},
    probe_scores={
        **{
            "encoder": lambda: encoder(6, 3 * 32 * 32),
            "train": lambda: data.shapes(40),
            "test": lambda: data.shapes(40, 1),
        },
        "factors": ("shape", "hue"),
    },
    two_views={
        **{"images": images(), "view": lambda: views.random_flip, "batch_size": 4},
        "takes": ANY_DATA | {("view", "gives nothing"): "asked by fit only"},
    },
)


def axes() -> Any:
    return Figure().add_subplot()


add_all(
    plots,
    curves={
        "x": lambda: [0, 1, 2],
        "lines": lambda: {"a": [0.1, 0.2, 0.3]},
        "ax": axes,
    },
    embedding_map={
        **{"points": z(8, 2), "labels": classes(), "ax": axes, "size": 14.0},
        "takes": HUGE_CLASS,
    },
    mark_groups={
        **{"ax": axes, "groups": lambda: torch.arange(8) // 4},
        "takes": {
            ("groups", name): "labels of any kind and number"
            for name in ("list of text", "negative", "one more", "one less", "too large")
        },
    },
    panels={"rows": 1, "columns": 2},
    picture_row={
        **{"images": images(), "ax": axes},
        "takes": {("images", "empty"): "an empty row"},
    },
    plain={"ax": axes},
    similarity_colours={"low": -1.0, "takes": {("low", "negative"): "a cosine's end"}},
    similarity_matrix={
        **{"matrix": lambda: normal32(8, 8).tanh(), "ax": axes},
        "takes": {
            ("matrix", "NaN"): "stays white",
            ("matrix", "infinity"): "takes the colour of its end",
        },
    },
)

FACTORS = {"factors": lambda: {"class": classes(20)(), "size": normal32(20)}}
TWO_VIEWS = {"views1": images(), "views2": images(seed=2)}
add_all(
    explorers,
    Circle={"pairs": 4, "seed": 0},
    EmbeddingMap={
        "encodings": lambda: {"a": z(20)()},
        "layouts": lambda: {"a": z(20, 2)()},
        **FACTORS,
        "takes": {("images", "None"): "no images"},
        "images": images(20),
    },
    EpisodeAccuracy={
        "accuracies": lambda: {1: torch.rand(120, generator=generator())},
        "n_episodes": 10,
        "seed": 0,
    },
    FactorMatrix={"encodings": lambda: {"a": z(20)()}, "images": images(20), **FACTORS},
    Film={
        "encodings": lambda: normal32(3, 20, 4),
        "layouts": lambda: normal32(3, 20, 2),
        **FACTORS,
        "steps": (0, 10, 20),
        "scores": lambda: {"class": [0.1, 0.2, 0.3]},
        "takes": {("images", "None"): "no images", ("scores", "empty"): "no scores"},
        "images": images(20),
    },
    Jigsaw={"images": images(4), "tiles": 2, "gap": 1, "seed": 0},
    KnnVote={
        "encodings": lambda: {"a": (z(200, 4)(), z(20, 4, seed=1)())},
        "train_images": images(200),
        "train_labels": classes(200, 3),
        "test_images": images(20),
        "test_labels": classes(20, 3),
        "classes": ("a", "b", "c"),
        "query": 0,
    },
    LearnedTemperature={
        "steps": (0, 10, 20),
        "paths": lambda: {"low": normal32(2, 3).exp(), "high": normal32(3, 3).exp()},
        "ends": lambda: {"low": [0.4, 0.5], "high": [0.4, 0.5, 0.6]},
        "sweep": lambda: {0.1: [0.4, 0.5], 1.0: [0.2]},
        "takes": {("setting", "unknown"): "any name"},
        "setting": "temperature",
    },
    LiveTSNE={
        "x": z(20),
        **FACTORS,
        "takes": {("images", "None"): "no images"},
        "images": images(20),
        "starts": ("PCA", 0),
        "steps": 20,
    },
    MapAndMatrix={
        "z": z(20),
        "takes": {(name, "None"): "not needed" for name in ("labels", "images", "layout", "names")},
        "labels": classes(20, 3),
        "images": images(20),
        "layout": z(20, 2),
        "names": ("one", "two", "three"),
    },
    Masked={
        "images": images(4),
        "reconstruct": lambda: lambda pictures, mask: pictures,
        "patch": 2,
        "ratio": 0.5,
        "seed": 0,
    },
    Melody={"sequences": lambda: data.tones(4, n_notes=13), "note": 256, "questions": 3},
    MetaRates={
        "losses": lambda: normal32(3, 4, 2).exp(),
        "steps": (0, 1),
        "outer_rates": (0.1, 0.2, 0.3),
        "inner_rates": (0.1, 0.2, 0.3, 0.4),
        "takes": {("losses", name): "a training that diverged" for name in ("NaN", "infinity")},
        "baseline": 1.0,
    },
    Mixing={"images": images(), "labels": classes(), "names": ("a", "b")},
    Prototypes={"n_way": 3, "n_shot": 3, "seed": 4},
    Retrieval={
        "encodings": lambda: {"a": z(20)()},
        "images": images(20),
        **FACTORS,
        "query": 0,
    },
    SearchPlane={"points": z(40, 2), "k": 3, "seed": 0},
    SimilarityMatrix={
        "encodings": lambda: {"a": (z()(), z(seed=1)())},
        **TWO_VIEWS,
        "takes": HUGE_CLASS,
        "labels": classes(),
    },
    Temperature={
        "similarities": lambda: normal32(8, 8).tanh(),
        **TWO_VIEWS,
        "anchor": 0,
    },
    Views={"images": images(4)},
)

# --- what is not varied, and why -----------------------------------------------------------------

LEFT_OUT = {
    "networks.AverageAndMaxPool": "no arguments",
    "networks.mlp": "its sizes are taken by place: tests/test_networks.py",
    "networks.resnet18": "no arguments",
    "networks.in_mode": "a context: tests/test_networks.py",
    "data.cache_folder": "no arguments",
    "data.folder": "needs files: tests/data/test_folder.py",
    "data.cifar10": "needs files: tests/data/test_files.py",
    "data.omniglot": "needs files: tests/data/test_files.py",
    "data.Sinusoids": "a named tuple of results",
    "similarity.distances": "shared by what is varied",
    "similarity.directions": "shared by what is varied",
    "episodes.check_episodes": "the check itself",
    "episodes.class_means": "shared by what is varied",
    "episodes.squared_distances": "shared by what is varied",
    "episodes.encode": "shared by what is varied",
    "episodes.Episode": "a named tuple; what takes one checks it",
    "maps.PCA": "a named tuple of results",
    "neighbours.Measured": "a named tuple of results",
    "neighbours.Index": "its kinds are called",
    "neighbours.measure": "takes a time: tests/test_neighbours.py",
    "evaluate.Curve": "a named tuple of results",
    "meta.Params": "a type",
    "training.Run": "made by fit",
    "training.TrainingDiverged": "made by fit",
    "plots.legible": "shared by what is varied",
    "plots.drawable": "shared by what is varied",
    "plots.class_names": "shared by what is varied",
    "plots.class_look": "shared by what is varied",
    "plots.class_looks": "shared by what is varied",
    "plots.marker_outline": "shared by what is varied",
    "plots.Picture": "a Figure of matplotlib with a name",
    "explorers.ContextPoints": "takes learners: tests/explorers/meta",
    "explorers.Conveyor": "takes records of a training: tests/explorers/selfsup",
    "explorers.Curvature": "no arguments",
    "explorers.DINOSwitchboard": "takes runs: tests/explorers/selfsup",
    "explorers.Explorer": "the base of all: tests/explorers/_core",
    "explorers.Future": "takes a method: tests/explorers/selfsup",
    "explorers.InnerLoop": "takes trained networks: tests/explorers/meta",
    "explorers.LabelledClasses": "takes rows of a table: tests/explorers/evaluate",
    "explorers.LayerChange": "takes a trained network: tests/explorers/evaluate",
    "explorers.LiveTraining": "takes a method: tests/explorers/training",
    "explorers.PairLoss": "no arguments",
    "explorers.Pointer": "a named tuple of what the page reports",
    "explorers.QueueRecord": "takes a method: tests/explorers/selfsup",
    "explorers.RecallCurve": "takes measurements: tests/explorers/neighbours",
    "explorers.ReptilePath": "takes tasks: tests/explorers/meta",
    "explorers.SideBySide": "takes explorers by place: tests/explorers/_core",
    "explorers.Switchboard": "takes runs: tests/explorers/selfsup",
    "explorers.TrainingFilm": "takes a training: tests/explorers/training",
    "explorers.TripletPlane": "no arguments",
    "explorers.Vectors": "no arguments",
    "explorers.ZeroShot": "takes encoders: tests/explorers/selfsup",
}

MODULES = (
    *(losses, views, data, networks, plots, similarity, maps, metric, neighbours),
    *(episodes, pretext, selfsup, training, meta, evaluate, recipes, explorers),
)


def public_names() -> set[str]:
    """Each public callable of the package as "module.name"."""
    found = set()
    for module in MODULES:
        listed = getattr(module, "__all__", None)
        own = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and callable(value)
            and getattr(value, "__module__", "").startswith(module.__name__)
        ]
        short = module.__name__.removeprefix("mlteach.")
        names = own if listed is None else listed
        found |= {f"{short}.{name}" for name in names if callable(getattr(module, name))}
    return found


assert set(mlteach.__all__) <= set(losses.__all__)
