"""One's own arrays become a data set: every usual form is read, and none is guessed at."""

import numpy as np
import pytest
import torch
from PIL import Image
from support.photographs import photographs

from mlteach.data import from_arrays

GREY = torch.arange(4 * 5 * 6).view(4, 5, 6).mul(2)  # four images of 5 by 6, 0 to 238
COLOUR = torch.stack([GREY, 255 - GREY, GREY // 2], 1)  # (4, 3, 5, 6)


def as_images(whole):
    """What 0 to 255 should become."""
    return whole.float().div(255)


LAST = COLOUR.permute(0, 2, 3, 1)
FORMS = {
    "bytes": COLOUR.byte(),
    "bytes, channels last": LAST.byte(),
    "array": COLOUR.numpy().astype(np.uint8),
    "array, channels last": LAST.numpy().astype(np.uint8),
    "array that runs backwards": LAST.numpy().astype(np.uint8)[:, :, ::-1][:, :, ::-1],
    "whole numbers": COLOUR,
    "int16": COLOUR.short(),
    "float32": as_images(COLOUR),
    "float64": as_images(COLOUR).double(),
    "array of float64": as_images(LAST).double().numpy(),
    "big-endian": as_images(LAST).numpy().astype(">f4"),
    "with a gradient": as_images(COLOUR).requires_grad_(),
    "list of tensors": list(COLOUR.byte()),
    "list of arrays": [image.numpy().astype(np.uint8) for image in LAST],
    "nested lists": COLOUR.tolist(),
    "Pillow": [Image.fromarray(image.numpy().astype(np.uint8)) for image in LAST],
    "sixteen bits": (LAST.numpy() * 257).astype(np.uint16),
    "sixteen bits, tensor": (LAST * 257).to(torch.uint16),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_usual_form_gives_the_same_images(form):
    dataset = from_arrays(FORMS[form])
    assert dataset.images.dtype == torch.float32
    assert dataset.images.is_contiguous()
    assert not dataset.images.requires_grad
    torch.testing.assert_close(dataset.images, as_images(COLOUR))
    assert dataset.labels.tolist() == [0, 0, 0, 0]
    assert dataset.classes == ("unlabelled",)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bit_floats_are_lifted(dtype):
    images = as_images(COLOUR).to(dtype)
    assert torch.equal(from_arrays(images).images, images.float())


@pytest.mark.parametrize(
    "images", [GREY, GREY[:, None], GREY[..., None], GREY.numpy(), list(GREY), GREY.tolist()]
)
def test_grey_images_get_one_channel(images):
    assert torch.equal(from_arrays(images).images, as_images(GREY)[:, None])


def test_true_and_false_are_white_and_black():
    assert torch.equal(from_arrays(GREY > 100).images, (GREY > 100).float()[:, None])


def test_pillow_images_of_any_mode_become_colours():
    pieces = photographs(2)["flower"]
    mixed = [
        pieces[0],
        pieces[1].convert("L"),
        pieces[0].convert("CMYK"),
        pieces[0].convert("RGBA"),
    ]
    images = from_arrays(mixed).images
    assert images.shape == (4, 3, 80, 80)
    assert torch.equal(images[0], images[3])


def test_what_is_given_is_copied():
    """Neither side changes the other's afterwards."""
    images, labels = as_images(COLOUR), torch.arange(4)
    size = torch.ones(4)
    dataset = from_arrays(images, labels, {"size": size})
    for given in (images, labels, size):
        given.zero_()
    assert dataset.images.max() == 1
    assert dataset.labels.tolist() == [0, 1, 2, 3]
    assert dataset.factors["size"].tolist() == [1, 1, 1, 1]


LABELS = {
    "texts": (["wolf", "dog", "wolf", "ant"], [2, 1, 2, 0], ("ant", "dog", "wolf")),
    "array of texts": (np.array(["b", "a", "b", "b"]), [1, 0, 1, 1], ("a", "b")),
    "objects": (np.array(["b", "a", "b", "b"], dtype=object), [1, 0, 1, 1], ("a", "b")),
    "gaps": ([7, 3, 9, 7], [1, 0, 2, 1], ("3", "7", "9")),
    "minus one": (torch.tensor([-1, 0, 5, -1]), [0, 1, 2, 0], ("-1", "0", "5")),
    "bytes": (np.array([4, 250, 4, 4], np.uint8), [0, 1, 0, 0], ("4", "250")),
    "whole floats": ([2.0, 1.0, 2.0, 2.0], [1, 0, 1, 1], ("1", "2")),
    "true and false": ([True, False, True, True], [1, 0, 1, 1], ("False", "True")),
    "tuple": ((10, 9, 10, 10), [1, 0, 1, 1], ("9", "10")),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_count_from_zero_and_keep_their_names(kind):
    """Whatever the caller's labels are, the names of the classes are these."""
    given, numbers, classes = LABELS[kind]
    dataset = from_arrays(GREY, given)
    assert dataset.labels.tolist() == dataset.factors["class"].tolist() == numbers
    assert dataset.classes == dataset.factor_names["class"] == classes
    assert dataset.labels.dtype == torch.int64


CLASSES = {
    "of labels that count from 0": ([0, 2, 2, 0], "abc", [0, 2, 2, 0]),
    "of labels that count from 1": ([1, 2, 3, 1], "abc", [0, 1, 2, 0]),
    "of labels with gaps": ([7, 3, 9, 7], "abc", [1, 0, 2, 1]),
    "the texts in another order": (["c", "a", "a", "c"], "cba", [0, 2, 2, 0]),
    "other texts": (["x", "y", "y", "x"], "ab", [0, 1, 1, 0]),
    "of no labels": (None, "a", [0, 0, 0, 0]),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_classes_name_the_labels(kind):
    labels, classes, numbers = CLASSES[kind]
    dataset = from_arrays(GREY, labels, classes=list(classes))
    assert dataset.labels.tolist() == numbers
    assert dataset.classes == tuple(classes)


def test_factors_are_numbers_or_texts():
    """Texts are numbered, and their texts are kept where explorers look for them."""
    factors = {"place": ["lab", "field", "lab", "lab"], "size": [0.5, 1, 2, 3], "day": np.arange(4)}
    dataset = from_arrays(GREY, list("abab"), factors, name="mine")
    assert dataset.name == "mine"
    assert list(dataset.factors) == ["class", "place", "size", "day"]
    assert dataset.factors["place"].tolist() == [1, 0, 1, 1]
    assert dataset.factor_names == {"class": ("a", "b"), "place": ("field", "lab")}
    assert dataset.factors["size"].tolist() == [0.5, 1, 2, 3]
    assert dataset.factors["day"].dtype == torch.int64


WRONG = {
    "no images": ({"images": []}, "images must hold at least one image"),
    "none": ({"images": torch.zeros(0, 3, 8, 8)}, "images must hold at least one image"),
    "a text": ({"images": "photo.png"}, "images must be a tensor, an array or a list of numbers"),
    "nothing": ({"images": None}, "images must be a tensor, an array or a list of numbers"),
    "a dictionary": ({"images": {"a": GREY}}, "images must be a tensor, an array"),
    "one image": ({"images": LAST[0]}, r"images must be \(N, H, W\).*one image is a list of it"),
    "one Pillow image": ({"images": Image.new("L", (4, 4))}, "images must be several images"),
    "rows": ({"images": GREY.flatten(1)}, r"images must be \(N, H, W\), .* got shape \(4, 30\)"),
    "five dimensions": ({"images": COLOUR[None]}, "images must be .* got shape"),
    "two sizes": (
        {"images": [GREY[0], GREY[1, :4]]},
        r"images must all have one size, got \(4, 6\) and \(5, 6\)",
    ),
    "two sizes of Pillow": (
        {"images": [Image.new("L", (4, 4)), Image.new("L", (5, 4))]},
        "images must all have one size",
    ),
    "mixed": ({"images": [Image.new("L", (4, 4)), GREY[0]]}, "images must be Pillow's images"),
    "files": ({"images": ["a.png", "b.png"]}, "images must be a tensor, an array or a list"),
    "alpha": ({"images": torch.rand(4, 8, 8, 4)}, "images must have 1 or 3 channels.*no colour"),
    "two channels": ({"images": torch.rand(4, 2, 8, 8)}, "images must have 1 or 3 channels"),
    "either way": ({"images": torch.rand(4, 3, 8, 3)}, "channels first or last"),
    "0 to 255 as floats": (
        {"images": COLOUR.float()},
        r"images must be in \[0, 1\] if they are floats, got values from 0 to 255: divide by 255",
    ),
    "around 0": ({"images": as_images(COLOUR) - 0.5}, r"images must be in \[0, 1\]"),
    "not a number": ({"images": as_images(COLOUR) * torch.nan}, r"images must be in \[0, 1\]"),
    "infinite": ({"images": as_images(COLOUR) / 0}, r"images must be in \[0, 1\]"),
    "twelve bits": ({"images": COLOUR * 16}, r"images of whole numbers must be in 0 \.\.\. 255"),
    "negative": ({"images": COLOUR - 9}, r"images of whole numbers must be in 0 \.\.\. 255"),
    "0 and 1": ({"images": (COLOUR > 9).byte()}, "images hold only 0 and 1: give them as True"),
    "complex": ({"images": COLOUR * 1j}, "images must hold real numbers"),
    "one label": ({"labels": "wolf"}, "labels must be a text or a whole number for each image"),
    "labels by name": ({"labels": {"a": 1}}, "labels must be a text or a whole number for each"),
    "few labels": ({"labels": [1, 2]}, r"labels must be \(4,\), got shape \(2,\)"),
    "few texts": ({"labels": ["a", "b"]}, r"labels must be \(4,\), got shape \(2,\)"),
    "one-hot": ({"labels": torch.eye(4)}, r"labels must be \(4,\), got shape \(4, 4\)"),
    "measured": ({"labels": [0.5, 1, 2, 3]}, "labels must be .* got 0.5; what is measured belongs"),
    "unknown": ({"labels": [0, 1, float("nan"), 1]}, "labels must be finite"),
    "texts and none": ({"labels": ["a", None, "b", "a"]}, "labels must be texts throughout, got"),
    "none and texts": ({"labels": [None, "a", "b", "a"]}, "labels must be texts .*NoneType too"),
    "numbers and texts": ({"labels": [1, "a", "b", "a"]}, "labels must be texts .*, got int too"),
    "nothing at all": ({"labels": [None] * 4}, "labels must be .*, got list of NoneType"),
    "few classes": ({"labels": [1, 2, 3, 4], "classes": ["a"]}, "classes must be a name for each"),
    "classes in one": ({"labels": [0, 1, 1, 0], "classes": "ab"}, "classes must be a list of text"),
    "classes of numbers": ({"labels": [0, 1, 1, 0], "classes": [0, 1]}, "classes must be a list"),
    "factors in a list": ({"factors": [1, 2, 3, 4]}, "factors must be a dictionary, got list"),
    "a short factor": ({"factors": {"a": [1, 2]}}, r"factors\['a'\] must be \(4,\)"),
    "a factor of text": ({"factors": {"a": "long"}}, r"factors\['a'\] must be a tensor"),
    "an unknown factor": ({"factors": {"a": [1, float("inf"), 2, 3]}}, r"factors\['a'\] must be f"),
    "a nameless factor": ({"factors": {1: [1, 2, 3, 4]}}, "factors must be named by texts"),
    "a numbered name": ({"name": 3}, "name must be a text, got int"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_would_be_a_guess_is_refused_by_name(kind):
    change, message = WRONG[kind]
    with pytest.raises((ValueError, TypeError), match=message):
        from_arrays(**{"images": GREY} | change)
