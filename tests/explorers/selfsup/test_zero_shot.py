"""ZeroShot compares what is typed with images, both ways, and tells what it did not understand."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.transforms import Bbox
from support.explorer_drawing import TYPED, assert_all_apart, differing, redrawn, send, shown
from torch import nn

from mlteach.explorers import ZeroShot
from mlteach.explorers.selfsup.zero_shot import CELL, LINES, WIDEST
from mlteach.plots import POSITIVE, QUIET

COLOURS = {"red": [1.0, 0, 0], "green": [0, 1.0, 0], "blue": [0, 0, 1.0]}
PROMPTS = ["something red", "something green", "blue"]


def images(count=15):
    """Red, green, blue, red, ..., each a little brighter than the one before."""
    pure = torch.tensor(list(COLOURS.values()))[torch.arange(count) % 3]
    grey = torch.linspace(0, 0.5, count)[:, None]
    return (pure * (1 - grey) + grey)[:, :, None, None].expand(-1, -1, 8, 8)


def mean_colour(x):
    return x.mean((2, 3)) - 0.3


def encode_texts(texts):
    """The mean of the colours that are named; white, which is far from all, for none."""
    rows = []
    for text in texts:
        named = [COLOURS[word] for word in text.split() if word in COLOURS]
        rows.append(torch.tensor(named or [[1.0, 1, 1]]).mean(0) - 0.3)
    return torch.stack(rows)


def unknown(text):
    return [word for word in text.split() if word not in {"something", *COLOURS}]


def make(prompts=PROMPTS, encode=encode_texts, **options):
    return ZeroShot(images(), mean_colour, encode, prompts, **options)


@pytest.fixture(scope="module")
def explorer():
    """One for the tests that only move its sliders, and move all that they depend on."""
    return make()


def put(explorer, **values):
    for name, value in values.items():
        explorer.controls[name].value = value


def typed(explorer, *lines):
    explorer.controls["prompts"].value = "\n".join(lines)


# --- the numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "answer"), [(0, "something red"), (1, "something green"), (14, "blue")]
)
@pytest.mark.parametrize("temperature", [0.01, 0.1, 10])
def test_cosines_and_softmax_over_the_prompts_are_what_they_are_called(
    explorer, image, answer, temperature
):
    """And the answer is the nearest prompt, whatever the temperature."""
    put(explorer, image=image, temperature=temperature)
    s = explorer.state
    z, t = mean_colour(images())[image], encode_texts(PROMPTS)
    cosines = F.cosine_similarity(z[None], t)
    assert s["cosines"] == pytest.approx(cosines.tolist(), abs=1e-6)
    exact = (cosines.double() / s["temperature"]).softmax(0)
    assert s["shares"] == pytest.approx(exact.tolist(), abs=1e-4)
    assert s["answer"] == answer == PROMPTS[int(cosines.argmax())]


@pytest.mark.parametrize("temperature", [0.01, 0.1, 10])
@pytest.mark.parametrize("prompt", [1, 3])
def test_the_images_are_the_nearest_and_their_softmax_goes_over_all_images(
    explorer, prompt, temperature
):
    put(explorer, prompt=prompt, temperature=temperature)
    s = explorer.state
    cosines = F.cosine_similarity(mean_colour(images()), encode_texts(PROMPTS)[prompt - 1][None])
    order = cosines.argsort(descending=True, stable=True)[:12]
    assert s["images"] == order.tolist()
    assert all(i % 3 == prompt - 1 for i in s["images"][:5])
    assert s["image_cosines"] == pytest.approx(cosines[order].tolist(), abs=1e-6)
    exact = (cosines.double() / s["temperature"]).softmax(0)[order]
    assert s["image_shares"] == pytest.approx(exact.tolist(), abs=1e-4)


def test_at_the_ends_of_the_temperature_one_has_all_or_all_have_as_much(explorer):
    put(explorer, image=0, temperature=0.01)
    assert max(explorer.state["shares"]) > 0.999
    put(explorer, temperature=10)
    assert explorer.state["shares"] == pytest.approx([1 / 3] * 3, abs=0.06)


def test_the_figure_shows_the_numbers(explorer):
    """Bars, their numbers, the blue answer, the frames, and the images of the chosen prompt."""
    put(explorer, image=4, prompt=3, temperature=0.3)
    s = explorer.state
    assert [bar.get_width() for bar in explorer.cosine_bars][:3] == pytest.approx(s["cosines"])
    assert [bar.get_width() for bar in explorer.share_bars][:3] == pytest.approx(s["shares"])
    assert [bar.get_visible() for bar in explorer.share_bars] == [True] * 3 + [False] * 5
    told = [text.get_text() for text in explorer.share_texts]
    assert told == [*(f"{share:.0%}" for share in s["shares"]), *[""] * 5]
    blue, grey = POSITIVE, QUIET
    drawn = [bar.get_facecolor() for bar in explorer.share_bars][:3]
    wanted = [grey, blue, grey]  # image 4 is green
    assert [tuple(np.round(colour, 2)) for colour in drawn] == [
        (*(round(int(c[i : i + 2], 16) / 255, 2) for i in (1, 3, 5)), 1) for c in wanted
    ]
    assert explorer.chosen.get_y() == pytest.approx(2 - 0.45)
    assert explorer.around.get_visible() == (4 in s["images"])
    for tile, index in zip(explorer.tiles, s["images"], strict=True):
        assert np.array_equal(tile.get_array(), explorer.images[index])
    assert np.array_equal(explorer.image.get_array(), explorer.images[4])


@pytest.mark.parametrize(("height", "width"), [(8, 8), (24, 5), (5, 24)])
def test_the_numbers_below_the_images_lie_apart(height, width):
    """Also where one has 100 % of the softmax, cosines are negative, and images are narrow."""
    shape = (-1, -1, height, width)
    explorer = ZeroShot(images()[..., :1, :1].expand(shape), mean_colour, encode_texts, PROMPTS)
    typed(explorer, "blue", "green")
    for temperature in (0.01, 0.1, 10):
        put(explorer, temperature=temperature, prompt=2)
        renderer = explorer.figure.canvas.get_renderer()
        boxes = [text.get_window_extent(renderer) for text in explorer.tile_texts]
        assert explorer.tile_texts[0].get_text().endswith("%")
        assert max(box.x1 for box in boxes) < explorer.figure.bbox.x1
        drawn = [tile.get_window_extent(renderer) for tile in explorer.tiles]
        for one, other in itertools.combinations([*boxes, *drawn], 2):
            assert not one.overlaps(other), temperature
        assert drawn[0].width / drawn[0].height == pytest.approx(width / height, rel=1e-3)


def test_the_read_out_has_both_directions(explorer):
    put(explorer, image=1, prompt=1, temperature=0.1)
    assert explorer.canvas.readout == explorer.describe()
    assert "image 1 is nearest to “something green”" in explorer.describe()
    assert "at temperature 0.1" in explorer.describe()
    assert "“something red” is nearest to images 0, 3, 6" in explorer.describe()


# --- pointing ------------------------------------------------------------------------------------


def test_a_press_on_a_prompt_chooses_it_in_any_of_its_columns():
    explorer = make()
    for presses, ax in enumerate(explorer.row_axes, 1):
        row = presses % 3
        send(explorer, 0.5, row + 0.2, ax=ax, presses=presses)
        assert explorer.state["prompt"] == explorer.controls["prompt"].value == row + 1


def test_a_press_on_an_image_chooses_it():
    """One press, one choice; where there is no image, none."""
    explorer = ZeroShot(images(6), mean_colour, encode_texts, PROMPTS)
    put(explorer, prompt=3)
    wanted = explorer.state["images"][5]
    send(explorer, 1.5, 1.5 * CELL, ax=explorer.grid, presses=1)
    assert explorer.state["image"] == wanted
    send(explorer, 0.5, 0.2, ax=explorer.grid, presses=1)
    send(explorer, 2.5, 2.5 * CELL, ax=explorer.grid, presses=2)
    assert explorer.state["image"] == wanted
    explorer = make()
    for presses, (row, column) in enumerate([(2, 0), (0, 3), (1, 2), (2, 3)], 1):
        wanted = explorer.state["images"][4 * row + column]
        y = (row + 0.95) * CELL
        send(explorer, column + 0.9, y, ax=explorer.grid, presses=presses)
        assert explorer.state["image"] == wanted


def test_a_press_beside_all_rows_changes_nothing():
    explorer = make()
    before = dict(explorer.state)
    send(explorer, 0.5, 6.2, ax=explorer.row_axes[0], presses=1)
    assert explorer.state["prompt"] == before["prompt"]


# --- what is typed -------------------------------------------------------------------------------


def test_lines_are_prompts_and_empty_lines_and_spaces_are_none():
    explorer = make()
    typed(explorer, "", "  red ", "\t", "green   blue", "red")
    assert explorer.state["texts"] == ["red", "green blue", "red"]
    assert explorer.state["cosines"][0] == explorer.state["cosines"][2]
    assert explorer.controls["prompt"].max == 3


def test_without_a_prompt_it_asks_for_one_and_the_slider_rests():
    explorer = make()
    put(explorer, prompt=3)
    for text in ("", " \n\t\n"):
        put(explorer, prompts=text)
        s = explorer.state
        assert (s["texts"], s["cosines"], s["images"], s["answer"]) == ([], [], [], "")
        assert s["prompt"] == explorer.controls["prompt"].value == 1
        assert explorer.controls["prompt"].disabled
        assert explorer.describe() == "type a prompt, one a line"
        assert explorer.rows_title.get_text() == "type a prompt, one a line"
        assert not any(tile.get_visible() for tile in explorer.tiles)
        assert explorer.canvas.problem == ""
    typed(explorer, *PROMPTS)
    assert not explorer.controls["prompt"].disabled
    assert explorer.state["answer"] == "something red"


def test_fewer_lines_take_the_slider_along():
    explorer = make()
    put(explorer, prompt=3)
    typed(explorer, *PROMPTS[:2])
    assert explorer.state["prompt"] == explorer.controls["prompt"].value == 2
    assert explorer.state["images"][0] % 3 == 1


@pytest.mark.parametrize("text", TYPED)
def test_odd_prompts_are_drawn_as_matplotlib_draws_them(text):
    """No text lies over another or beyond its room, at both ends of the temperature."""
    explorer = make(unknown=unknown)
    put(explorer, prompts=text)
    for temperature in (0.01, 10):
        put(explorer, temperature=temperature)
        assert explorer.canvas.problem == ""
        assert differing(shown(explorer), redrawn(explorer)) == 0
        assert_all_apart(explorer, text[:20])
    renderer = explorer.figure.canvas.get_renderer()
    names, cosines, _ = explorer.row_axes
    for text in explorer.names:
        box = Bbox.intersection(text.get_window_extent(renderer), text.get_clip_box())
        assert box is None or box.x1 <= names.bbox.x1 + 1 < cosines.bbox.x0
    note = explorer.warning
    box = Bbox.intersection(note.get_window_extent(renderer), note.get_clip_box())
    ticks = [tick.get_window_extent(renderer) for tick in cosines.get_xticklabels()]
    assert box is None or box.x1 < min(tick.x0 for tick in ticks)


@pytest.mark.parametrize("length", [WIDEST, WIDEST + 1, LINES * WIDEST - 4])
def test_a_prompt_of_more_than_a_line_is_drawn_whole_and_within_its_row(length):
    long = ("green disc " * 9)[:length].strip()
    explorer = make([long, "blue", "red"])
    shown(explorer)
    (name,) = [name for name in explorer.names if name.get_text().startswith("1  ")]
    assert " ".join(name.get_text().split()) == f"1 {long}"
    row = explorer.chosen.get_window_extent()
    box = name.get_window_extent(explorer.figure.canvas.get_renderer())
    assert Bbox.union([row, box]).extents == pytest.approx(row.extents)


def test_the_softmax_below_the_images_is_said_to_go_over_images(explorer):
    put(explorer, prompt=2)
    assert explorer.grid_title.get_text() == "prompt 2: cosine · softmax over images"


def test_of_many_prompts_the_nearest_are_drawn_and_the_chosen_one():
    explorer = make()
    lines = [f"{colour} {i}" for i in range(100) for colour in ("red blue", "green", "blue")]
    typed(explorer, *lines)
    assert len(explorer.state["cosines"]) == 300
    put(explorer, image=1, prompt=300)
    drawn = [name.get_text() for name in explorer.names]
    assert [name.split("  ")[1].split()[0] for name in drawn] == ["green"] * 7 + ["blue"]
    assert drawn[-1] == "300  blue 99"
    assert explorer.rows_title.get_text() == "the 8 nearest of 300 prompts"
    assert explorer.chosen.get_y() == pytest.approx(7 - 0.45)
    send(explorer, 0.5, 1.0, ax=explorer.row_axes[0], presses=1)
    assert explorer.state["prompt"] == 5  # the second of the green ones


def test_too_many_lines_are_left_out_and_told():
    explorer = make()
    typed(explorer, *(f"red {i}" for i in range(1234)))
    assert len(explorer.state["texts"]) == 1000
    assert "only the first 1,000 lines are read, not the last 234" in explorer.describe()


def test_unknown_words_are_named_once():
    explorer = make(unknown=unknown)
    assert explorer.state["unknown"] == []
    typed(explorer, "red zebra", "blue 犬 zebra")
    assert explorer.state["unknown"] == ["zebra", "犬"]
    assert explorer.describe().endswith("unknown words: zebra, 犬")
    assert explorer.warning.get_text() == "unknown words: zebra, □"
    typed(explorer, *(f"word{i}" for i in range(9)))
    assert explorer.describe().endswith("word4, word5 and 3 more")
    typed(explorer, "red")
    assert explorer.warning.get_text() == ""


def strict_encode(texts):
    """As a learner writes it: a word that is not there is an error."""
    return torch.stack([torch.tensor(COLOURS[text]) for text in texts])


def test_what_the_encoder_refuses_is_told_and_the_others_are_compared():
    """And the prompts keep their answers when it is mended."""
    explorer = make(["red", "green"], strict_encode)
    typed(explorer, "red", "zebra", "green", "犬")
    s = explorer.state
    assert s["texts"] == ["red", "green"]
    assert list(s["refused"]) == ["zebra", "犬"]
    assert "“zebra” is refused: KeyError: 'zebra' · and so are 1 more" in explorer.describe()
    assert explorer.canvas.problem == ""
    typed(explorer, "zebra")
    assert explorer.state["texts"] == []
    assert "is refused" in explorer.describe()
    typed(explorer, "red", "blue")
    assert explorer.state["refused"] == {}
    assert explorer.state["texts"] == ["red", "blue"]


def test_only_new_lines_are_encoded():
    asked = []

    def encode(texts):
        asked.append(list(texts))
        return encode_texts(texts)

    explorer = make(encode=encode)
    typed(explorer, *PROMPTS, "red")
    put(explorer, image=3, temperature=1, prompt=2)
    typed(explorer, *PROMPTS, "red green")
    assert asked == [PROMPTS, ["red"], ["red green"]]


class Both(nn.Module):
    """Two encoders with dropout, which only training has."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def encode_images(self, x):
        return self.dropout(mean_colour(x))

    def encode_texts(self, texts):
        return self.dropout(encode_texts(texts)).requires_grad_()


@pytest.mark.parametrize("hidden", [False, True])
def test_a_method_is_asked_in_evaluation_mode_and_keeps_its_own(hidden):
    """Also where its texts go through a function that only knows it."""
    method = Both()
    encode = (lambda texts: method.encode_texts(texts)) if hidden else method.encode_texts
    explorer = ZeroShot(images(), method.encode_images, encode, PROMPTS)
    assert method.training
    assert method.dropout.training
    assert explorer.state["cosines"] == pytest.approx(make().state["cosines"])


@pytest.mark.parametrize(
    ("given", "shown"), [(0.0099999, 0.01), (1e-9, 0.01), (99, 10), (0.1, 0.1)]
)
def test_a_learned_temperature_is_taken_and_kept_within_the_slider(given, shown):
    learned = nn.Parameter(torch.tensor(float(given)))
    assert make(temperature=learned).state["temperature"] == pytest.approx(shown, rel=1e-3)


# --- what is refused at once ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"images": torch.rand(3, 8, 8)}, ValueError, "images must be"),
        ({"encode_images": 3}, TypeError, "encode_images must be a function"),
        ({"encode_images": lambda x: x[:2].flatten(1)}, ValueError, "encode_images must return 15"),
        ({"encode_images": lambda x: x}, ValueError, "what encode_images returns must be"),
        ({"encode_texts": None}, TypeError, "encode_texts must be a function"),
        (
            {"encode_texts": lambda t: torch.ones(len(t), 5)},
            ValueError,
            "as many columns, got 3 and 5",
        ),
        ({"encode_texts": strict_encode}, ValueError, "KeyError: 'something red'"),
        ({"encode_texts": lambda t: torch.ones(1, 3)}, ValueError, "encode_texts must return 3"),
        (
            {"encode_texts": lambda t: torch.full((len(t), 3), torch.nan)},
            ValueError,
            "must be finite",
        ),
        ({"prompts": "a star"}, TypeError, "prompts must be a list of texts"),
        ({"prompts": []}, ValueError, "prompts must have at least one"),
        ({"temperature": 0}, ValueError, "temperature must be finite and > 0"),
        ({"temperature": "warm"}, TypeError, "temperature must be a number"),
        ({"unknown": ["zebra"]}, TypeError, "unknown must be a function"),
    ],
)
def test_what_cannot_be_shown_is_refused(changes, kind, message):
    """By the name of its argument."""
    good = {"images": images(), "encode_images": mean_colour, "encode_texts": encode_texts}
    with pytest.raises(kind, match=message):
        ZeroShot(**(good | {"prompts": PROMPTS} | changes))


def test_arrays_lists_grey_images_and_one_image_are_taken():
    grey = images()[:1, :1].numpy()
    explorer = ZeroShot(
        grey, lambda x: x.flatten(1)[:, :3].numpy(), lambda t: [[1.0, 2, 3]] * len(t), ["a"]
    )
    assert explorer.state["shares"] == [1.0]
    assert explorer.state["images"] == [0]
    assert explorer.state["image_shares"] == [1.0]


@pytest.mark.parametrize("answer", ["word", None])
def test_unknown_words_must_be_a_list(answer):
    images = torch.rand(2, 1, 4, 4)
    with pytest.raises(TypeError, match="unknown must return a list of words, got .* for 'a'"):
        ZeroShot(
            images,
            lambda x: x.flatten(1),
            lambda texts: torch.ones(len(texts), 16),
            ["a"],
            unknown=lambda text: answer,
        )
