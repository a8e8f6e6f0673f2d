"""What every loader of mlteach.data promises, the digits, and the sinusoids."""

import hashlib
import math
import random

import numpy as np
import pytest
import torch
from support.numbers import generator

from mlteach import data
from mlteach.data import Dataset, digits, sinusoids

LOADERS = {
    "digits": lambda: digits("train"),
    "glyphs": lambda: data.glyphs("test"),
    "draw_glyphs": lambda: data.draw_glyphs(("NKo",), n_drawers=2),
    "shapes": lambda: data.shapes(10),
    "tones": lambda: data.tones(10),
    "sinusoids": lambda: sinusoids(2, 3, generator=generator()),
}


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
def test_loaders_leave_global_randomness_alone(load):
    """No loader draws from, or seeds, the generators that a learner's own code uses."""
    before = torch.get_rng_state(), np.random.get_state()[1], random.getstate()
    load()
    after = torch.get_rng_state(), np.random.get_state()[1], random.getstate()
    assert torch.equal(before[0], after[0])
    assert (before[1] == after[1]).all()
    assert before[2] == after[2]


@pytest.mark.parametrize("name", ["digits", "glyphs", "shapes"])
def test_dataset_contract(name):
    """Images are float32 in [0, 1], labels int64 from 0 to C - 1, factors as long as the set."""
    dataset = LOADERS[name]()
    assert dataset.images.dtype == torch.float32
    assert dataset.images.ndim == 4
    assert dataset.images.min() == 0
    assert 0.9 < dataset.images.max() <= 1
    assert dataset.labels.dtype == torch.int64
    assert dataset.labels.min() >= 0
    assert dataset.labels.max() < len(dataset.classes)
    assert len(dataset) == len(dataset.images) == len(dataset.labels)
    assert all(values.shape == (len(dataset),) for values in dataset.factors.values())


def small():
    images = torch.arange(4.0).view(4, 1, 1, 1).div(4)
    return Dataset(
        "small",
        images,
        torch.tensor([0, 1, 0, 1]),
        ("a", "b"),
        {"drawer": torch.tensor([3, 4, 5, 6])},
    )


@pytest.mark.parametrize(
    "index", [torch.tensor([False, True, False, True]), torch.tensor([1, 3])], ids=["mask", "index"]
)
def test_subset(index):
    """A mask and an index pick the same images, with labels and factors; class names stay."""
    part = small().subset(index)
    assert part.images.flatten().tolist() == [0.25, 0.75]
    assert part.labels.tolist() == [1, 1]
    assert part.factors["drawer"].tolist() == [4, 6]
    assert part.classes == ("a", "b")
    assert len(part) == 2


NUMBERS = [
    [1, 3],
    np.array([1, 3], np.int32),
    torch.tensor([1, 3], dtype=torch.uint8),
    range(1, 4, 2),
    (np.int64(1), 3),
    [False, True, False, True],
    np.array([False, True, False, True]),
]


@pytest.mark.parametrize("index", NUMBERS, ids=str)
def test_subset_takes_arrays_and_lists(index):
    """Bytes are numbers too: PyTorch alone would take them for a mask."""
    assert small().subset(index).factors["drawer"].tolist() == [4, 6]


def test_subset_of_nothing_and_of_the_same_twice():
    assert len(small().subset([])) == 0
    assert len(small().subset(torch.zeros(4, dtype=torch.bool))) == 0
    assert small().subset([2, 2]).factors["drawer"].tolist() == [5, 5]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([-1], r"index must be in 0 \.\.\. 3, got -1"),
        ([4], r"index must be in 0 \.\.\. 3, got 4"),
        ([True, False], r"index must be \(4,\), got shape \(2,\)"),
        (torch.ones(5, dtype=torch.bool), r"index must be \(4,\), got shape \(5,\)"),
        ([[0, 1]], r"index must be \(N,\)"),
        ([0.0, 1.0], "index must be a tensor of integers"),
        (2, "index must be a tensor, an array or a list of numbers"),
        ("ab", "index must be a tensor, an array or a list of numbers"),
        (None, "index must be a tensor, an array or a list of numbers"),
    ],
)
def test_subset_refuses_what_would_pick_others(index, message):
    """From the end, beyond the end, a mask of another length: no image is picked by accident."""
    with pytest.raises((ValueError, TypeError), match=message):
        small().subset(index)


def parts(**changes):
    """What a data set of four is made of."""
    whole = small()
    fields = ("name", "images", "labels", "classes", "factors", "factor_names")
    return {name: getattr(whole, name) for name in fields} | changes


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.uint16])
def test_a_data_set_brings_what_it_takes_into_one_form(dtype):
    """Any integer type, any floats, arrays and lists: afterwards int64, float32, tuples."""
    labels = torch.tensor([0, 1, 0, 1]).to(dtype)
    given = Dataset(**parts(labels=labels, images=small().images.double(), classes=["a", "b"]))
    assert given.labels.dtype == torch.int64
    assert given.images.dtype == torch.float32
    assert given.classes == ("a", "b")
    listed = Dataset(**parts(labels=[0, 1, 0, 1], factors={"size": [0.5, 1, 2, 3]}))
    assert listed.labels.tolist() == [0, 1, 0, 1]
    assert listed.factors["size"].tolist() == [0.5, 1, 2, 3]


def test_numbers_and_vectors_may_stand_for_images():
    """For tasks over ready features, of any scale."""
    assert Dataset(**parts(images=torch.arange(4))).images.tolist() == [0, 1, 2, 3]
    assert Dataset(**parts(images=5 * torch.ones(4, 7))).images.shape == (4, 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, "name must be a text, got int"),
        ({"images": torch.rand(3, 1, 2, 2)}, r"labels must be \(3,\), got shape \(4,\)"),
        ({"images": torch.full((4, 1, 2, 2), math.nan)}, r"images must be finite"),
        ({"images": torch.zeros(4, 1, 2, 2, dtype=torch.uint8)}, "images must be .* divide by 255"),
        ({"images": "file.png"}, "images must be a tensor, an array or a list"),
        ({"labels": torch.tensor([-1, 0, 0, 1])}, "labels must be >= 0, got -1 to 1"),
        ({"labels": torch.tensor([0, 1, 2, 0])}, "labels must be below 2, the number of classes"),
        ({"labels": torch.tensor([0.0, 1, 1, 0])}, "labels must be a tensor of integers"),
        ({"labels": torch.zeros(4, 1, dtype=torch.long)}, r"labels must be \(4,\)"),
        ({"classes": "ab"}, "classes must be a tuple of texts, got str"),
        ({"classes": (0, 1)}, "classes must be a tuple of texts, got tuple"),
        ({"factors": None}, "factors must be a dictionary, got NoneType"),
        ({"factors": {"size": torch.ones(3)}}, r"factors\['size'\] must be \(4,\), got shape"),
        ({"factors": {"size": [0, 1, math.nan, 2]}}, r"factors\['size'\] must be finite"),
        ({"factors": {"size": list("abcd")}}, r"factors\['size'\] must be a tensor, an array"),
        ({"factor_names": {"pen": ("a",)}}, "factor_names must name factors"),
        ({"factor_names": {"drawer": ("a", "b")}}, r"factor_names\['drawer'\] must have a text"),
        ({"factor_names": {"drawer": "abcdefgh"}}, r"factor_names\['drawer'\] must be a tuple"),
    ],
)
def test_a_data_set_refuses_parts_that_do_not_fit(change, message):
    """By name, before anything is computed from them."""
    with pytest.raises((ValueError, TypeError), match=message):
        Dataset(**parts(**change))


def test_dataset_shows_itself_in_one_line():
    """The last line of a cell shows what the set is, not its pixels."""
    assert repr(small()) == "Dataset small: 4 images 1x1x1, 2 classes, factors: drawer"


def test_digits_split():
    """1,297 and 500 images, each digit in its share, together the whole set and nothing twice."""
    everything = digits()
    train = digits("train")
    test = digits("test")
    assert (len(everything), len(train), len(test)) == (1797, 1297, 500)
    assert everything.images.shape[1:] == (1, 8, 8)
    share = test.labels.bincount() / everything.labels.bincount()
    assert share == pytest.approx([500 / 1797] * 10, abs=0.004)  # half an image of 174 or more
    both = torch.cat([train.images, test.images]).flatten(1)
    assert sorted(both.tolist()) == sorted(everything.images.flatten(1).tolist())


def test_digits_split_is_always_the_same():
    """The test part is the same on every machine: its first images, taken once from this code."""
    assert digits("test").labels[:20].tolist() == DIGITS_TEST_LABELS


DIGITS_TEST_LABELS = [6, 9, 1, 7, 0, 2, 4, 9, 5, 5, 8, 4, 1, 7, 6, 7, 3, 6, 4, 5]


@pytest.mark.parametrize("load", [digits, data.glyphs, data.omniglot, data.cifar10])
def test_unknown_split(load):
    """A split that does not exist is named in the error."""
    with pytest.raises(ValueError, match=r"split must be .* got 'validation'"):
        load("validation")


def sine_error(tasks, sine):
    """Largest difference of the tasks' y from the formula, in float64."""
    amplitude, phase = tasks.amplitude.double()[:, None, None], tasks.phase.double()[:, None, None]
    return (tasks.y - sine(amplitude, tasks.x.double(), phase)).abs().max().item()


def test_sinusoids_formula():
    """y = A sin(x - phase), within float32's rounding of A, x and phase."""
    tasks = sinusoids(20, 30, generator=generator())
    assert sine_error(tasks, lambda amplitude, x, phase: amplitude * torch.sin(x - phase)) < 1e-5


MUTANTS = {
    "phase added": lambda amplitude, x, phase: amplitude * torch.sin(x + phase),
    "cosine": lambda amplitude, x, phase: amplitude * torch.cos(x - phase),
    "amplitude inside": lambda amplitude, x, phase: torch.sin(amplitude * x - phase),
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_sinusoid_mutants_are_caught(mutant):
    """The formula's look-alikes are far from it on the same tasks."""
    assert sine_error(sinusoids(20, 30, generator=generator()), mutant) > 1


def test_sinusoids_ranges():
    """Shapes are (T, N, 1) and (T,); amplitude, phase and x fill the paper's ranges."""
    tasks = sinusoids(400, 5, generator=generator())
    assert tasks.x.shape == tasks.y.shape == (400, 5, 1)
    assert tasks.amplitude.shape == tasks.phase.shape == (400,)
    for values, low, high in [
        (tasks.amplitude, 0.1, 5),
        (tasks.phase, 0, math.pi),
        (tasks.x, -5, 5),
    ]:
        # 400 draws miss an edge this wide with probability 0.98^400 < 0.001
        edge = 0.02 * (high - low)
        assert low <= values.min() < low + edge
        assert high - edge < values.max() <= high
    narrow = sinusoids(9, 9, generator=generator(), amplitude=(2, 2), phase=(1, 1), x_range=(1, 1))
    assert narrow.y.abs().max() == 0  # x equals the phase everywhere


def test_sinusoids_follow_the_generator():
    """The same state gives the same tasks; a state that moved on gives others."""
    source = generator(3)
    first, second = sinusoids(3, 4, generator=source), sinusoids(3, 4, generator=source)
    again = sinusoids(3, 4, generator=generator(3))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.x, second.x)


def test_sinusoids_are_the_same_everywhere():
    """The values to the bit: from float64, so that rounding drops the bits that differ.

    The sum was taken once from this code; the formula is held by the tests above.
    """
    tasks = sinusoids(10, 10, generator=generator())
    assert (
        hashlib.sha256(b"".join(part.numpy().tobytes() for part in tasks)).hexdigest() == SINUSOIDS
    )


SINUSOIDS = "12f32999aec5b42bf03be304844267cd2ad7d72abe2804e494b474823764233d"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_tasks": 0}, "n_tasks must be a whole number >= 1, got 0"),
        ({"n_points": -1}, "n_points must be a whole number >= 1, got -1"),
        ({"amplitude": (2, 1)}, r"amplitude must be .* got \(2, 1\)"),
        ({"phase": (0, math.nan)}, "phase must be"),
        ({"x_range": (5, -5)}, "x_range must be"),
    ],
)
def test_sinusoids_bad_arguments(change, message):
    """Errors name the argument, what was given and what is allowed."""
    arguments = {"n_tasks": 2, "n_points": 2, "generator": generator()} | change
    with pytest.raises(ValueError, match=message):
        sinusoids(**arguments)
