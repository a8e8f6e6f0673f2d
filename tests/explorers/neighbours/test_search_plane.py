"""SearchPlane shows what the indexes do, over the whole range of its controls."""

import numpy as np
import pytest
import torch
from support.explorer_drawing import send, shown

from mlteach.explorers import SearchPlane
from mlteach.neighbours import ExactSearch, recall

pytestmark = pytest.mark.usefixtures("unlaid")

POINTS = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
METHODS = {"inverted lists": "cells", "hashing": "buckets", "graph": "ef"}


@pytest.fixture(scope="module")
def plane():
    return SearchPlane(POINTS, k=5)


@pytest.mark.parametrize("method", METHODS)
def test_the_state_is_what_the_index_does(plane, method):
    """Visited, found, exact, distances and recall, for the query of the figure."""
    plane.controls["method"].value = method
    plane.controls[METHODS[method]].value = 7
    s, index = plane.state, plane.indexes[method]
    query = torch.tensor([s["query"]])
    exact = ExactSearch(POINTS, measure="euclidean").search(query, 5)[1]
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
    """Grey: not visited, blue: found, ringed: a true neighbour; lit cells hold visited points."""
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
        (POINTS, 31, "k must be a whole number between 1 and 30"),
    ],
)
def test_the_plane_refuses_what_it_cannot_draw(points, k, message):
    """Too few points, too many neighbours."""
    with pytest.raises(ValueError, match=message):
        SearchPlane(points, k=k)
