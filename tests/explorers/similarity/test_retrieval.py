"""Retrieval shows the nearest neighbours, and which of them are right."""

import numpy as np
import pytest
from support.explorer_drawing import shown
from support.factor_cases import encodings, factors, toy_images
from support.pages import point

from mlteach.explorers import Retrieval
from mlteach.similarity import factor_groups, nearest, retrieval_precision, similarities

MEASURES = ["cosine", "correlation", "dot product", "euclidean"]


def retrieval_explorer():
    return Retrieval(encodings(), toy_images(), factors())


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("factor", ["shape", "size"])
def test_the_rows_are_the_nearest_neighbours(measure, factor):
    """Indices, number of right ones and precision are those of the functions of the chapter."""
    explorer = retrieval_explorer()
    for name, value in {"measure": measure, "factor": factor, "query": 5, "k": 4}.items():
        explorer.controls[name].value = value
    groups = factor_groups(factors()[factor])
    for name, z in encodings().items():
        found = nearest(similarities(z, z, measure=measure), 4)
        assert explorer.state["neighbours"][name] == found[5].tolist()
        assert explorer.state["right"][name] == (groups[found[5]] == groups[5]).sum()
        assert explorer.state["precision"][name] == retrieval_precision(found, groups)


def test_frames_are_blue_where_right_and_orange_where_wrong():
    """The colour is read from the drawn row itself."""
    explorer = retrieval_explorer()
    blue, orange = (0, 0x72 / 255, 0xB2 / 255), (0xD5 / 255, 0x5E / 255, 0)
    for row, name in enumerate(encodings()):
        drawn = np.asarray(explorer.shown[row].get_array())
        side = drawn.shape[0]
        for place, index in enumerate(explorer.state["neighbours"][name]):
            same = index % 3 == explorer.state["query"] % 3
            assert np.allclose(drawn[3, place * side + 3, :3], blue if same else orange)
            assert np.allclose(
                drawn[5:13, place * side + 5 : place * side + 13, :3], explorer.images[index]
            )
        assert (drawn[:, 8 * side :, 3] == 0).all()  # no ninth neighbour was asked for


def test_the_room_around_the_neighbours_is_the_paper_of_the_page():
    """On a dark page too: no white stands between them, nor where there is none."""
    explorer = retrieval_explorer()
    explorer.controls["k"].value = 3
    for dark in (False, True):
        explorer.canvas.dark = dark
        pixels = shown(explorer)
        paper = pixels[0, 0]
        for ax in explorer.rows:
            box = ax.get_window_extent()
            left, right = round(box.x0), round(box.x1)
            middle = pixels[len(pixels) - round((box.y0 + box.y1) / 2)]
            side = (right - left) / 10
            assert (middle[round(left + 3.1 * side) : right] == paper).all()
            for place in (1, 2, 3):
                assert (middle[round(left + place * side)] == paper).all()


def test_a_press_on_a_neighbour_makes_it_the_query():
    """One press, one step, also while it is held; a press on the empty end does nothing."""
    explorer = retrieval_explorer()
    wanted = explorer.state["neighbours"]["blind"][2]
    point(explorer, explorer.rows[1], 2.5, 0.5, pressed=True, presses=1)
    assert explorer.state["query"] == explorer.controls["query"].value == wanted
    point(explorer, explorer.rows[1], 3.5, 0.5, pressed=True, presses=1, press=(2.5, 0.5))
    point(explorer, explorer.rows[1], 9.5, 0.5, pressed=True, presses=2)
    assert explorer.state["query"] == wanted


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match="images must hold at least 11 images, got 10"):
        Retrieval(encodings(10), toy_images(10), factors(10))
