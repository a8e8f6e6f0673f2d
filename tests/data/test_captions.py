"""Captions say what is in the image, in many ways, and the words become numbers and back."""

import pytest
import torch

from mlteach.data import CAPTIONED, Words, caption_classes, caption_words, captions, shapes
from mlteach.data.captions import SENTENCES
from mlteach.data.shapes import SHAPES

SOME = shapes(300, seed=3)


def told(text):
    """The class of each factor that a caption tells, found by its words alone."""
    found = {}
    for factor, classes in CAPTIONED.items():
        words = text.replace(",", " ").replace(":", " ").split()
        hits = {
            number
            for number, names in enumerate(classes)
            for name in names
            if set(name.split()) <= set(words)
        }
        assert len(hits) == 1, (text, factor, hits)
        (found[factor],) = hits
    return found


@pytest.mark.parametrize("wording", ["varied", "plain", "other"])
def test_a_caption_tells_each_factor_and_no_other(wording):
    classes = caption_classes(SOME)
    for n, text in enumerate(captions(SOME, wording=wording)):
        assert told(text) == {factor: values[n].item() for factor, values in classes.items()}


def test_classes_are_what_the_factors_say():
    """Pure colours lie in the middle of their class, the corners where the signs say."""
    classes = caption_classes(SOME)
    factors = SOME.factors
    pure = (factors["hue"] * 6).round() % 6
    assert torch.equal(classes["hue"], pure.long())
    assert torch.equal(classes["shape"], SOME.labels)
    names = [CAPTIONED["place"][place][0] for place in classes["place"]]
    for name, x, y in zip(names, factors["x"], factors["y"], strict=True):
        if name == "middle":
            assert max(abs(x), abs(y)) < 0.2
        else:
            assert ("left" in name) == (x <= 0)
            assert ("upper" in name) == (y <= 0)  # y points down
    assert [names[0] for names in CAPTIONED["shape"]] == list(SHAPES)


def test_classes_are_about_equally_frequent():
    """No answer is right for its frequency alone."""
    for values in caption_classes(shapes(4000)).values():
        share = values.bincount() / len(values)
        assert (share * len(share)).sub(1).abs().max() < 0.2


def test_the_same_seed_gives_the_same_captions():
    assert captions(SOME, seed=1) == captions(SOME, seed=1) != captions(SOME, seed=2)
    assert captions(shapes(3), wording="plain")[0] == "a small red moon, middle"


def test_varied_captions_use_every_word_and_sentence():
    text = " ".join(captions(SOME)).replace(",", "").replace(":", "").split()
    assert set(text) == set(caption_words().known)


def test_other_words_share_none_that_tell_with_the_plain_ones():
    """But left and right, which have no second name."""
    grammar = set(
        Words(
            [sentence.format(size="", hue="", shape="", place="") for sentence in SENTENCES]
        ).known
    )
    free = grammar | {"left", "right"}
    plain, other = captions(SOME, wording="plain"), captions(SOME, wording="other")
    for a, b in zip(plain, other, strict=True):
        shared = set(Words([a]).known) & set(Words([b]).known)
        assert shared <= free, (a, b)


def test_words_by_hand():
    words = Words(["A red star.", "blue"])
    assert words.known == ("a", "blue", "red", "star")
    assert len(words) == 6
    assert words(["star a", "RED, blue moon"]).tolist() == [[5, 2, 0], [4, 3, 1]]
    assert words.unknown("a blue moon over a Pond") == ["moon", "over", "pond"]


def test_every_caption_is_known():
    words = caption_words()
    for wording in ("varied", "plain", "other"):
        assert (words(captions(SOME, wording=wording)) != 1).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: captions(SOME, wording="odd"), ValueError, "wording must be one of 'varied'"),
        (lambda: captions([1]), TypeError, "dataset must be a Dataset, got list"),
        (lambda: Words([]), ValueError, "texts must have at least one text"),
        (lambda: Words("a red star"), TypeError, "texts must be a list of texts, got str"),
        (lambda: Words(["..."]), ValueError, "texts must have at least one word"),
        (lambda: Words(["a"])(["a", "?"]), ValueError, "texts must each have a word, got '\\?'"),
        (lambda: Words(["a"]).unknown(3), TypeError, "text must be a text, got int"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_data_without_the_factors_are_refused():
    from mlteach.data import digits

    with pytest.raises(ValueError, match="dataset must be made by shapes, got one without"):
        captions(digits("test"))


@pytest.mark.parametrize("text", ["हिन्दी", "İSTANBUL", "cafe\u0301", "naïve", "مُحَمَّد"])
def test_a_word_with_marks_is_one_word(text):
    words = Words([text])
    assert len(words.known) == 1
    assert words([text.lower()]).tolist() == words([text]).tolist() == [[2]]


def test_composed_and_decomposed_letters_are_the_same():
    assert Words(["café"])(["cafe\u0301"]).tolist() == [[2]]
