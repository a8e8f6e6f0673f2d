"""The explorers of nearest-neighbour search show what the indexes do, over the whole range of their
controls.
"""

import numpy as np
import pytest
import torch
from support.every_drawing import EveryDrawing, send, shown

from mlteach.explorers import RecallCurve, SearchPlane
from mlteach.neighbours import ExactSearch, Measured, recall

POINTS = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
METHODS = {"inverted lists": "cells", "hashing": "buckets", "graph": "ef"}

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


@pytest.fixture(scope="module")
def plane():
    return SearchPlane(POINTS, k=5)


@pytest.fixture
def curve():
    return RecallCurve(MEASURED)


MAKE = {
    "search plane": lambda: SearchPlane(POINTS, k=5),
    "recall curve": lambda: RecallCurve(MEASURED),
}


class TestEveryDrawing(EveryDrawing):
    """What all pictures promise."""


# --- search in the plane -------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_state_is_what_the_index_does(plane, method):
    """Visited, found, exact, distances and recall, for the query of the picture."""
    plane.controls["method"].value = method
    plane.controls[METHODS[method]].value = 7
    s, index = plane.state, plane.indexes[method]
    query = torch.tensor([s["query"]])
    exact = ExactSearch(POINTS, measure="euclid").search(query, 5)[1]
    found = index.search(query, 5, **{index.knob: 7})[1]
    assert s["method"] == method
    assert s["setting"] == 7
    assert s["exact"] == exact[0].tolist()
    assert s["found"] == [i for i in found[0].tolist() if i >= 0]
    assert s["visited"] == index.visited(query, **{index.knob: 7})[0].tolist()
    assert s["distances"] == index.overhead + len(s["visited"])
    assert s["recall"] == recall(found, exact)
    assert set(s["path"]) <= set(s["visited"])
    assert bool(s["path"]) == (method == "graph")


@pytest.mark.parametrize("method", METHODS)
def test_every_knob_reaches_both_ends_and_at_the_upper_end_all_is_found(plane, method):
    """The whole range of the control, and only the knob of the chosen index is on the screen."""
    plane.controls["method"].value = method
    knob = plane.controls[METHODS[method]]
    assert [name for name in METHODS.values() if plane.controls[name].layout.display != "none"] == [
        METHODS[method]
    ]
    knob.value = knob.min
    little, before = plane.state["distances"], shown(plane)
    knob.value = knob.max
    assert plane.state["recall"] == 1
    assert len(plane.state["visited"]) == len(POINTS)
    assert plane.state["distances"] > little
    assert not np.array_equal(shown(plane), before)
    assert plane.canvas.problem == ""
    knob.value = knob.min
    assert np.array_equal(shown(plane), before)


def test_the_colours_are_the_state(plane):
    """Grey: not visited, blue: found, a ring around every true neighbour, cells lit only where
    points were visited.
    """
    plane.controls["method"].value = "inverted lists"
    plane.controls["cells"].value = 2
    colours = plane.dots.get_facecolors()
    assert len({tuple(colour) for colour in colours[plane.state["found"]]}) == 1
    grey = (colours == colours[[i for i in range(200) if i not in plane.state["visited"]][0]]).all(
        1
    )
    assert set(np.flatnonzero(~grey)) == set(plane.state["visited"]) | set(plane.state["found"])
    assert np.allclose(plane.rings.get_offsets(), POINTS[plane.state["exact"]])
    lit = np.asarray(plane.region.get_array())
    (left, bottom), (right, top) = plane.low, plane.high
    column = ((POINTS[:, 0] - left) / (right - left) * (lit.shape[1] - 1)).round().long()
    row = ((POINTS[:, 1] - bottom) / (top - bottom) * (lit.shape[0] - 1)).round().long()
    visited = np.isin(np.arange(200), plane.state["visited"])
    assert (
        lit[row, column].astype(bool) == visited
    ).mean() > 0.97  # a point on a border may lie in the pixel beside it


def test_the_query_is_dragged_and_stays_inside(plane):
    """Press, move, release; far outside it stops at the edge."""
    plane.controls["method"].value = "graph"
    before = shown(plane)
    send(plane, 0.5, -0.5, pressed=True, presses=1)
    assert plane.state["query"] == pytest.approx((0.5, -0.5), abs=0.01)
    assert not np.array_equal(shown(plane), before)
    send(plane, -0.25, 1.0, pressed=True, presses=1)
    send(plane, -0.25, 1.0, pressed=False, presses=1)
    assert plane.state["query"] == pytest.approx((-0.25, 1.0), abs=0.01)
    send(plane, 1.5, 1.5, pressed=False, presses=1)  # only hovering
    assert plane.state["query"] == pytest.approx((-0.25, 1.0), abs=0.01)
    plane.controls["x"].value = 0.5
    assert plane.state["query"] == pytest.approx((0.5, 1.0), abs=0.01)
    plane.place(99, -99)
    assert plane.state["query"] == pytest.approx((plane.high[0], plane.low[1]), abs=1e-4)


def test_blitting_draws_what_a_full_drawing_draws(plane):
    """After a change of the method and of the knob."""
    for method, knob in METHODS.items():
        plane.controls["method"].value = method
        plane.controls[knob].value = 6
        blitted = shown(plane)
        plane.redraw_all()
        plane.refresh()
        assert np.abs(blitted.astype(int) - shown(plane)).mean() < 0.05


def test_the_plane_says_what_it_shows(plane):
    """The read-out has the numbers of the state."""
    plane.controls["method"].value = "hashing"
    text = plane.canvas.readout
    assert text == plane.canvas.alt == plane.describe()
    assert f"{plane.state['distances']} distances instead of 200" in text
    assert all(control.description for control in plane.controls.values())


@pytest.mark.parametrize(
    ("points", "k", "message"),
    [
        (POINTS[:10], 5, r"points must be \(N >= 30, 2\), got shape \(10, 2\)"),
        (POINTS, 31, "k must lie between 1 and 30"),
    ],
)
def test_the_plane_refuses_what_it_cannot_draw(points, k, message):
    """Too few points, too many neighbours."""
    with pytest.raises(ValueError, match=message):
        SearchPlane(points, k=k)


# --- recall curve --------------------------------------------------------------------------------


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


def test_the_curve_survives_all_controls_and_comes_back(curve):
    """Both ends, both costs, and the first picture again."""
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
