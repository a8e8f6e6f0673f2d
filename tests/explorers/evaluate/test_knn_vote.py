"""The explorer of weighted kNN shows what `mlteach.evaluate` computes, at every setting."""

import numpy as np
import pytest
import torch
from support.explorer_drawing import assert_all_apart, assert_no_key_on_a_curve, shown

from mlteach.evaluate import cosine_neighbours, knn_accuracy
from mlteach.explorers import KnnVote

GENERATOR = torch.Generator().manual_seed(0)
CLASSES = ("disc", "ring", "square")
TRAIN_LABELS, TEST_LABELS = torch.arange(240) % 3, torch.arange(30) % 3


def features(labels, spread):
    centres = 2 * torch.eye(5)[:3]
    return centres[labels] + spread * torch.randn(len(labels), 5, generator=GENERATOR)


ENCODINGS = {
    "clear": (features(TRAIN_LABELS, 0.5), features(TEST_LABELS, 0.5)),
    "vague": (features(TRAIN_LABELS, 3.0), features(TEST_LABELS, 3.0)),
}
TRAIN_IMAGES = torch.rand(240, 3, 8, 8, generator=GENERATOR)
TEST_IMAGES = torch.rand(30, 3, 8, 8, generator=GENERATOR)


@pytest.fixture(scope="module")
def explorer():
    return KnnVote(
        ENCODINGS, TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS, CLASSES, query=4
    )


def put(explorer, **values):
    with explorer.one_redraw():
        for name, value in values.items():
            explorer.controls[name].value = value


@pytest.mark.parametrize("encoder", ENCODINGS)
@pytest.mark.parametrize(("k", "temperature"), [(1, 0.1), (20, 0.1), (200, 10.0), (7, 0.01)])
def test_the_state_is_what_evaluate_computes(explorer, encoder, k, temperature):
    """Accuracy, curve, neighbours and votes of the figure on the screen."""
    put(explorer, encoder=encoder, k=k, temperature=temperature, query=11)
    s, (train, test) = explorer.state, ENCODINGS[encoder]
    whole = (train, TRAIN_LABELS, test, TEST_LABELS)
    assert s["accuracy"] == knn_accuracy(*whole, k=k, temperature=temperature)
    assert s["curve"] == [knn_accuracy(*whole, k=size, temperature=temperature) for size in s["ks"]]
    assert s["neighbours"] == cosine_neighbours(train, test, k=k)[1][11].tolist()
    assert sum(s["weights"]) == pytest.approx(1, abs=1e-5)
    by_class = [
        sum(
            weight
            for weight, index in zip(s["weights"], s["neighbours"], strict=True)
            if TRAIN_LABELS[index] == c
        )
        for c in range(3)
    ]
    assert s["votes"] == pytest.approx(by_class, abs=1e-5)
    assert s["guess"] == CLASSES[int(np.argmax(by_class))]
    assert s["truth"] == CLASSES[11 % 3]


def test_the_figure_is_the_state(explorer):
    """Bars, curves and the dot; only the k that vote are drawn."""
    put(explorer, encoder="vague", k=5, temperature=0.3, query=2)
    s = explorer.state
    heights = [bar.get_height() for bar in explorer.weights]
    assert heights[:5] == pytest.approx([weight / s["weights"][0] for weight in s["weights"]])
    assert heights[5:] == [0] * 7
    assert [bar.get_width() for bar in explorer.votes] == pytest.approx(s["votes"])
    assert list(explorer.lines["vague"].get_ydata()) == s["curve"]
    assert explorer.lines["vague"].get_linewidth() > explorer.lines["clear"].get_linewidth()
    assert (explorer.here.get_xdata()[0], explorer.here.get_ydata()[0]) == (5, s["accuracy"])


def test_every_control_reaches_both_ends_and_comes_back(explorer):
    """Each move changes the figure, nothing fails; the first settings give the first figure."""
    first = {"encoder": "clear", "query": 4, "k": 20, "temperature": 0.1}
    put(explorer, **first)
    before = shown(explorer)
    for name in ("query", "k"):
        for end in (explorer.controls[name].min, explorer.controls[name].max):
            explorer.controls[name].value = end
            assert explorer.state[name] == end
            assert not np.array_equal(shown(explorer), before)
    for end in (0.01, 10.0):
        explorer.controls["temperature"].value = end
        assert explorer.state["temperature"] == pytest.approx(end)
    explorer.controls["encoder"].value = "vague"
    assert explorer.canvas.problem == ""
    put(explorer, **first)
    assert np.array_equal(shown(explorer), before)


@pytest.mark.parametrize(("x", "k"), [(1, 1), (50, 50), (199, 199)])
def test_a_press_on_the_curve_sets_k(explorer, x, k):
    """And one beside it does nothing."""
    explorer.controls["k"].value = 20
    explorer.refresh()
    pixel = explorer.ax.transData.transform((x, 0.5)) / explorer.figure.bbox.size
    place = {"x": pixel[0], "y": 1 - pixel[1], "press_x": pixel[0], "press_y": 1 - pixel[1]}
    message = place | {"inside": True, "pressed": True, "presses": 100 + x}
    explorer.canvas.pointer = message | {"x": 0.3, "press_x": 0.01, "press_y": 0.01}
    assert explorer.state["k"] == 20
    explorer.canvas.pointer = message
    assert explorer.state["k"] == pytest.approx(k, abs=1)


def test_it_says_what_it_shows(explorer):
    """The read-out has the numbers of the state."""
    put(explorer, encoder="clear", k=20, temperature=0.1, query=4)
    s = explorer.state
    assert explorer.canvas.readout == explorer.canvas.alt == explorer.describe()
    assert f"accuracy on all test images {s['accuracy']:.1%}" in explorer.canvas.readout
    assert f"this {s['truth']} is taken for a {s['guess']}" in explorer.canvas.readout
    assert all(control.description for control in explorer.controls.values())


@pytest.mark.parametrize(
    ("encodings", "n", "message"),
    [
        (ENCODINGS, 200, "must have one row for each of 200 images, got 240"),
        ({}, 240, "at least one entry"),
        (
            {"a": (ENCODINGS["clear"][0][:100], ENCODINGS["clear"][1])},
            100,
            "at least 200 images, got 100",
        ),
    ],
)
def test_it_refuses_what_it_cannot_draw(encodings, n, message):
    """Too few images, none at all, or counts that differ."""
    with pytest.raises(ValueError, match=message):
        KnnVote(encodings, TRAIN_IMAGES[:n], TRAIN_LABELS[:n], TEST_IMAGES, TEST_LABELS, CLASSES)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.9])
@pytest.mark.parametrize("names", ["ABCD", ["a name of an encoder, too long to show"] * 2])
def test_the_key_lies_on_no_curve_however_poor_the_encoders(share, names):
    """Of features without an error, when only so many of the labels are right."""
    encodings = {f"{name} {turn}": ENCODINGS["clear"] for turn, name in enumerate(names)}
    labels = torch.where(torch.arange(30) < 30 * share, TEST_LABELS, (TEST_LABELS + 1) % 3)
    poor = KnnVote(encodings, TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, labels, CLASSES)
    assert poor.state["accuracy"] == pytest.approx(share, abs=0.05)
    assert len(poor.ax.get_legend().get_texts()) == len(names)
    assert_no_key_on_a_curve(poor, share)
    assert_all_apart(poor, share)
