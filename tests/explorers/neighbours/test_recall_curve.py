"""RecallCurve names the best setting that is good enough."""

import numpy as np
import pytest
from support.explorer_drawing import shown

from mlteach.explorers import RecallCurve
from mlteach.neighbours import Measured

pytestmark = pytest.mark.usefixtures("unlaid")

MEASURED = {
    "exact search": [Measured("everything", 1.0, 100.0, 1000.0)],
    "inverted lists": [
        Measured("n_probe 1", 0.6, 4000.0, 40.0),
        Measured("n_probe 4", 0.92, 1500.0, 120.0),
        Measured("n_probe 9", 0.99, 300.0, 300.0),
    ],
    "graph": [Measured("ef 10", 0.95, 1000.0, 50.0)],
    "library": [Measured("efSearch 10", 0.97, 9000.0)],
}


@pytest.fixture
def curve():
    return RecallCurve(MEASURED)


@pytest.mark.parametrize(
    ("minimum", "index", "setting", "times"),
    [
        (0.3, "library", "efSearch 10", 90),
        (0.97, "library", "efSearch 10", 90),
        (0.98, "inverted lists", "n_probe 9", 3),
        (1.0, "exact search", "everything", 1),
    ],
)
def test_the_fastest_that_is_good_enough_is_named(curve, minimum, index, setting, times):
    """By hand, from the table above."""
    curve.controls["minimum_recall"].value = minimum
    assert (curve.state["index"], curve.state["setting"]) == (index, setting)
    assert curve.state["times_exact"] == pytest.approx(times)
    assert f"best is {index}, {setting}" in curve.canvas.readout
    assert curve.winner.get_xdata()[0] == curve.state["recall"]


def test_fewer_distances_are_better_and_what_does_not_count_them_is_left_out(curve):
    """The library does not say how many distances it computed."""
    curve.controls["cost"].value = "distances computed for a query"
    curve.controls["minimum_recall"].value = 0.9
    assert set(curve.state["best"]) == {"exact search", "inverted lists", "graph"}
    assert curve.state["index"] == "graph"
    assert curve.state["times_exact"] == pytest.approx(20)
    assert len(curve.lines["library"].get_xdata()) == 0
    assert curve.ax.get_ylim()[0] < 40 < 1000 < curve.ax.get_ylim()[1]


def test_each_index_gets_its_best_setting_that_is_good_enough(curve):
    """Small rings."""
    curve.controls["minimum_recall"].value = 0.9
    assert {name: point.setting for name, point in curve.state["best"].items()} == {
        "exact search": "everything",
        "inverted lists": "n_probe 4",
        "graph": "ef 10",
        "library": "efSearch 10",
    }


def test_where_nothing_is_good_enough_it_says_so():
    """And without exact search there is nothing to compare with."""
    curve = RecallCurve({"graph": MEASURED["graph"]})
    assert curve.state["index"] == "graph"
    assert curve.state["times_exact"] is None
    curve.controls["minimum_recall"].value = 1.0
    assert curve.state["index"] is None
    assert "no measured setting reaches it" in curve.canvas.readout


def test_the_key_names_only_what_is_drawn(curve):
    """The library does not count its distances."""
    labels = {text.get_text(): text for text in curve.key.get_texts()}
    assert labels["library"].get_visible()
    curve.controls["cost"].value = curve.controls["cost"].options[1]
    assert [name for name, text in labels.items() if not text.get_visible()] == ["library"]
    assert not curve.key.legend_handles[list(labels).index("library")].get_visible()
    curve.controls["cost"].value = curve.controls["cost"].options[0]
    assert labels["library"].get_visible()


def test_the_curve_survives_all_controls_and_comes_back(curve):
    """Both ends, both costs, and the first figure again."""
    before = shown(curve)
    for cost in reversed(curve.controls["cost"].options):
        curve.controls["cost"].value = cost
        for end in (0.3, 1.0, 0.9):
            curve.controls["minimum_recall"].value = end
            assert curve.state["minimum_recall"] == pytest.approx(end)
    assert curve.canvas.problem == ""
    assert np.array_equal(shown(curve), before)


def test_the_curve_refuses_nothing_to_show():
    """No index, or one without measurements."""
    for measured in ({}, {"graph": []}):
        with pytest.raises(ValueError, match="at least one"):
            RecallCurve(measured)
